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
    /// The places of all questions, in the order in which they were asked.
    pub questions: Vec<usize>,
    default: usize,
    index: BTreeMap<RuleIdentity<'a>, usize>,
}

/// What a clause of a space stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role<'a> {
    Rule(&'a Rule),
    Default,
    Question(usize),
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
        Self::asking_all(rules, default, resolve, Vec::new(), worlds)
    }

    /// As [`new`](Self::new), also cut at the borders of a question, so that every signature is wholly inside or wholly outside it.
    pub fn asking(
        rules: impl IntoIterator<Item = &'a Rule>,
        default: Policy,
        resolve: &Resolve<'_>,
        question: Clause,
        worlds: impl FnOnce(&[Symbol]) -> Vec<World>,
    ) -> Self {
        Self::asking_all(rules, default, resolve, vec![question], worlds)
    }

    /// As [`asking`](Self::asking), of several questions at once.
    pub fn asking_all(
        rules: impl IntoIterator<Item = &'a Rule>,
        default: Policy,
        resolve: &Resolve<'_>,
        questions: Vec<Clause>,
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
        let asked = questions.into_iter().enumerate();
        members.extend(asked.map(|(number, question)| (question, Role::Question(number))));
        members.sort_by_key(|(clause, _)| clause.rank());
        let symbols: BTreeSet<&Symbol> = members
            .iter()
            .filter_map(|(clause, _)| clause.symbol())
            .collect();
        let symbols: Vec<Symbol> = symbols.into_iter().cloned().collect();
        let default = members
            .iter()
            .position(|(_, role)| *role == Role::Default)
            .expect("it was put in");
        let mut questions: Vec<(usize, usize)> = Vec::new();
        for (place, (_, role)) in members.iter().enumerate() {
            if let Role::Question(number) = role {
                questions.push((*number, place));
            }
        }
        questions.sort_unstable();
        let questions: Vec<usize> = questions.into_iter().map(|(_, place)| place).collect();
        let (clauses, roles): (Vec<Clause>, Vec<Role<'a>>) = members.into_iter().unzip();
        let atlas = Atlas::new(&clauses, worlds(&symbols));
        let rules: Vec<Option<&'a Rule>> = roles
            .into_iter()
            .map(|role| match role {
                Role::Rule(rule) => Some(rule),
                Role::Default | Role::Question(_) => None,
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
            question: questions.first().copied(),
            questions,
            default,
            index,
        }
    }

    /// The place of a rule; `None` when the space was made without it.
    pub fn index_of(&self, rule: &Rule) -> Option<usize> {
        self.index.get(&rule.identity()).copied()
    }

    /// The state that holds some of the rules, and the default.
    pub fn state<'b>(&self, rules: impl IntoIterator<Item = &'b Rule>) -> Bits {
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
