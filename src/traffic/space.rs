//! Rules of one direction in one atlas: states of the group are sets of them, and every packet has a winner in every state.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    atlas::{Atlas, World},
    bits::Bits,
    clause::{Clause, Resolve, Symbol},
};
use crate::model::{Policy, Rule, RuleIdentity};

/// Rules from strongest to weakest with the default among them, and packet space cut by them.
#[derive(Debug)]
pub struct Space<'a> {
    /// The rules; `None` is the default, or the question.
    pub rules: Vec<Option<&'a Rule>>,
    /// The same as boxes.
    pub clauses: Vec<Clause>,
    /// Packet space, cut.
    pub atlas: Atlas,
    /// The place of the question, if one was asked; it is in no state.
    pub question: Option<usize>,
    default: usize,
    index: BTreeMap<RuleIdentity<'a>, usize>,
}

/// What a clause of a space stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role<'a> {
    Rule(&'a Rule),
    Default,
    Question,
}

impl<'a> Space<'a> {
    /// Cuts space by rules (given twice, a rule counts once; descriptions do not count) and the default. `worlds` chooses the sets of
    /// memberships that the question needs, from all symbols that there are.
    pub fn new(
        rules: impl IntoIterator<Item = &'a Rule>,
        default: Policy,
        resolve: &Resolve<'_>,
        worlds: impl FnOnce(&[Symbol]) -> Vec<World>,
    ) -> Self {
        Self::cut(rules, default, resolve, None, worlds)
    }

    /// As [`new`](Self::new), also cut at the borders of a question, so that every signature is wholly inside or wholly outside it.
    pub fn asking(
        rules: impl IntoIterator<Item = &'a Rule>,
        default: Policy,
        resolve: &Resolve<'_>,
        question: Clause,
        worlds: impl FnOnce(&[Symbol]) -> Vec<World>,
    ) -> Self {
        Self::cut(rules, default, resolve, Some(question), worlds)
    }

    fn cut(
        rules: impl IntoIterator<Item = &'a Rule>,
        default: Policy,
        resolve: &Resolve<'_>,
        question: Option<Clause>,
        worlds: impl FnOnce(&[Symbol]) -> Vec<World>,
    ) -> Self {
        let rules: BTreeMap<RuleIdentity<'a>, &Rule> = rules
            .into_iter()
            .map(|rule| (rule.identity(), rule))
            .collect();
        let mut members: Vec<(Clause, Role<'a>)> = rules
            .into_values()
            .map(|rule| (Clause::of(rule, resolve), Role::Rule(rule)))
            .collect();
        members.push((Clause::default(default), Role::Default));
        members.extend(question.map(|question| (question, Role::Question)));
        members.sort_by_key(|(clause, _)| clause.rank());
        let symbols: BTreeSet<&Symbol> = members
            .iter()
            .filter_map(|(clause, _)| clause.symbol())
            .collect();
        let symbols: Vec<Symbol> = symbols.into_iter().cloned().collect();
        let place = |role: Role<'_>| members.iter().position(|(_, other)| *other == role);
        let (question, default) = (place(Role::Question), place(Role::Default));
        let default = default.expect("it was put in");
        let (clauses, roles): (Vec<Clause>, Vec<Role<'a>>) = members.into_iter().unzip();
        let atlas = Atlas::new(&clauses, worlds(&symbols));
        let rules: Vec<Option<&'a Rule>> = roles
            .into_iter()
            .map(|role| match role {
                Role::Rule(rule) => Some(rule),
                Role::Default | Role::Question => None,
            })
            .collect();
        let index = rules
            .iter()
            .enumerate()
            .filter_map(|(index, rule)| Some((rule.as_ref()?.identity(), index)))
            .collect();
        Self {
            rules,
            clauses,
            atlas,
            question,
            default,
            index,
        }
    }

    /// The place of a rule; `None` when the space was made without it.
    pub fn index_of(&self, rule: &Rule) -> Option<usize> {
        self.index.get(&rule.identity()).copied()
    }

    /// The state that holds some of the rules, and the default.
    pub fn state<'b>(&self, rules: impl IntoIterator<Item = &'b Rule>) -> Bits
    where
        'b: 'a,
    {
        let mut state = Bits::new(self.rules.len());
        state.insert(self.default);
        for index in rules.into_iter().filter_map(|rule| self.index_of(rule)) {
            state.insert(index);
        }
        state
    }

    /// Which rule decides in a state about the packets of a signature.
    pub fn winner(&self, signature: &Bits, state: &Bits) -> usize {
        signature
            .first_common(state)
            .expect("the default matches everything")
    }

    /// What becomes of the packets of a signature in a state.
    pub fn verdict(&self, signature: &Bits, state: &Bits) -> Policy {
        self.clauses[self.winner(signature, state)].policy
    }
}
