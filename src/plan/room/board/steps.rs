//! What a step does to a state: whether it fits, what it leaves with the wrong verdict.

use std::collections::BTreeSet;

use super::{Act, Board, Class, Harm, Item, State, Weight};
use crate::model::Policy;

impl Board<'_> {
    pub(super) fn halves(&self, act: Act) -> (Option<&Item>, Option<&Item>) {
        (
            act.gone().map(|old| &self.old[old]),
            act.come().map(|new| &self.new[new]),
        )
    }

    fn verdict(&self, state: &State, class: usize) -> Policy {
        self.budget.spend(1);
        let Class {
            side, signature, ..
        } = &self.classes[class];
        let winner = signature.first_common(&state.sides[*side]);
        let winner = winner.expect("a rule that stays is in every piece");
        self.policies[*side][winner]
    }

    /// Whether a step fits, and both rules of a modify are as the cloud wants them.
    pub fn fits(&self, state: &State, act: Act) -> bool {
        let (gone, come) = self.halves(act);
        if act.gone().is_some_and(|old| !state.old[old])
            || act.come().is_some_and(|new| state.new[new])
        {
            return false;
        }
        let paired = match act {
            Act::Add(new) => self.new[new].pair.is_none(),
            Act::Delete(old) => self.old[old].pair.is_none(),
            Act::Modify(..) => true,
        };
        let more = come
            .map_or(Weight::default(), |item| item.weight)
            .plus(gone.map_or(Weight::default(), |item| item.weight), -1);
        let held = state.held.plus(more, 1);
        paired
            && (more.units <= 0 || held.units <= self.limit.units)
            && (more.peers <= 0 || held.peers <= self.limit.peers)
            && !self.collides(state, act)
    }

    /// ModifySecurityGroupRule wants a result that is no other rule of the group, and priority may not count.
    pub(super) fn collides(&self, state: &State, act: Act) -> bool {
        let Act::Modify(old, new) = act else {
            return false;
        };
        let twins = &self.new[new].twins;
        twins.iter().any(|&twin| twin != old && state.old[twin])
    }

    fn set(&self, state: &mut State, act: Act, back: bool) {
        let (gone, come) = self.halves(act);
        let (out, into) = if back { (come, gone) } else { (gone, come) };
        if let Some((item, index)) = out.and_then(|item| Some((item, item.index?))) {
            let holders = &mut state.holders[item.side][index];
            *holders -= 1;
            if *holders == 0 {
                state.sides[item.side].remove(index);
            }
        }
        if let Some((item, index)) = into.and_then(|item| Some((item, item.index?))) {
            state.holders[item.side][index] += 1;
            state.sides[item.side].insert(index);
        }
    }

    /// Pieces that a step may touch.
    pub fn touched(&self, act: Act) -> impl Iterator<Item = usize> + '_ {
        let (gone, come) = self.halves(act);
        let items = gone.into_iter().chain(come);
        items.flat_map(|item| item.classes.iter().copied())
    }

    /// What a step does to pieces that are as they should be. `first`: stop at the first.
    pub fn harm(&self, state: &mut State, act: Act, first: bool) -> Harm {
        self.set(state, act, false);
        let mut harm = Harm::default();
        let mut counted = BTreeSet::new();
        for class in self.touched(act) {
            let wanted = self.classes[class].verdict;
            if self.verdict(state, class) != wanted
                && !state.wrong.contains(&class)
                && counted.insert(class)
            {
                match wanted {
                    Policy::Accept => harm.cut += 1,
                    Policy::Drop => harm.opened += 1,
                }
                if first {
                    break;
                }
            }
        }
        self.set(state, act, true);
        harm
    }

    /// A piece that is as it should be and that a step leaves with the wrong verdict: the one it did before, if it still does.
    pub fn hurt(&self, state: &mut State, act: Act, before: Option<usize>) -> Option<usize> {
        self.set(state, act, false);
        let hurt = before.into_iter().chain(self.touched(act)).find(|class| {
            !state.wrong.contains(class)
                && self.verdict(state, *class) != self.classes[*class].verdict
        });
        self.set(state, act, true);
        hurt
    }

    /// How many wrong pieces a step puts right.
    pub fn mends(&self, state: &mut State, act: Act) -> usize {
        self.set(state, act, false);
        let touched: BTreeSet<usize> = self.touched(act).collect();
        let mended = touched
            .intersection(&state.wrong)
            .filter(|class| self.verdict(state, **class) == self.classes[**class].verdict)
            .count();
        self.set(state, act, true);
        mended
    }

    /// Pieces that a delete would leave with the wrong verdict.
    pub fn hurt_by(&self, state: &mut State, act: Act) -> Vec<usize> {
        self.set(state, act, false);
        let hurt = self
            .touched(act)
            .filter(|class| {
                !state.wrong.contains(class)
                    && self.verdict(state, *class) != self.classes[*class].verdict
            })
            .collect();
        self.set(state, act, true);
        hurt
    }

    pub fn apply(&self, state: &mut State, act: Act) {
        self.set(state, act, false);
        let (gone, come) = self.halves(act);
        state.held = state
            .held
            .plus(come.map_or(Weight::default(), |item| item.weight), 1)
            .plus(gone.map_or(Weight::default(), |item| item.weight), -1);
        act.gone()
            .into_iter()
            .for_each(|old| state.old[old] = false);
        act.come().into_iter().for_each(|new| state.new[new] = true);
        let touched: Vec<usize> = self.touched(act).collect();
        for class in touched {
            let wanted = self.classes[class].verdict;
            let is_right = self.verdict(state, class) == wanted;
            let amiss = match wanted {
                Policy::Accept => &mut state.amiss.cut,
                Policy::Drop => &mut state.amiss.opened,
            };
            if is_right {
                *amiss -= usize::from(state.wrong.remove(&class));
            } else {
                *amiss += usize::from(state.wrong.insert(class));
            }
        }
    }
}
