//! Steps one after the other as turns: those of one turn may be made in any order.

use std::collections::{BTreeMap, BTreeSet};

use super::{Act, Board, Class, Item, State, Weight};
use crate::traffic::certificate::worst_part;

/// Steps that are made in any order.
struct Turn {
    /// The state before them.
    begun: State,
    /// What the group holds at most meanwhile.
    most: Weight,
    /// Steps that may touch a piece.
    about: BTreeMap<usize, Vec<Act>>,
    /// How many holders of a place go, by side and place.
    gone: BTreeMap<(usize, usize), u32>,
}

impl Turn {
    fn new(begun: &State) -> Self {
        Self {
            begun: begun.clone(),
            most: begun.held,
            about: BTreeMap::new(),
            gone: BTreeMap::new(),
        }
    }
}

impl Board<'_> {
    /// Puts steps that may be made in any order into one turn, as long as they follow each other. When the budget is spent,
    /// each has a turn of its own.
    pub fn turns(&self, acts: &[Act]) -> Vec<Vec<Act>> {
        let mut turns: Vec<Vec<Act>> = Vec::new();
        let mut state = self.start();
        let mut turn = Turn::new(&state);
        // What is wrong at some time cannot be held against a turn.
        let mut excused: BTreeSet<usize> = BTreeSet::new();
        for &act in acts {
            let more = self.grows(act);
            let joined = !turns.is_empty() && !self.budget.is_spent() && {
                let full = turn.most.plus(more, 1);
                (more.units <= 0 || full.units <= self.limit.units)
                    && (more.peers <= 0 || full.peers <= self.limit.peers)
                    && !self.collides(&turn.begun, act)
                    && self.any_order(&turn, act, &excused)
            };
            if joined {
                turns.last_mut().expect("one was joined").push(act);
            } else {
                turns.push(vec![act]);
                turn = Turn::new(&state);
            }
            self.join(&mut turn, act);
            self.apply(&mut state, act);
            excused.extend(&state.wrong);
        }
        turns
    }

    fn join(&self, turn: &mut Turn, act: Act) {
        turn.most = turn.most.plus(self.grows(act), 1);
        for class in self.touched(act).collect::<BTreeSet<usize>>() {
            turn.about.entry(class).or_default().push(act);
        }
        if let Some(item) = self.halves(act).0
            && let Some(index) = item.index
        {
            *turn.gone.entry((item.side, index)).or_default() += 1;
        }
    }

    /// What a step takes at most; what it gives back may come later than what others of its turn take.
    fn grows(&self, act: Act) -> Weight {
        let (gone, come) = self.halves(act);
        let weight = |item: Option<&Item>| item.map_or(Weight::default(), |item| item.weight);
        let more = weight(come).plus(weight(gone), -1);
        Weight {
            units: more.units.max(0),
            peers: more.peers.max(0),
        }
    }

    /// Whether every part of a turn with one more step leaves every piece as it should be.
    fn any_order(&self, turn: &Turn, next: Act, excused: &BTreeSet<usize>) -> bool {
        let place = |item: Option<&Item>| item.and_then(|item| Some((item.side, item.index?)));
        let goes = place(self.halves(next).0);
        // A rule that another holder keeps in place whatever part of the turn is made moves nothing.
        let varies = |item: Option<&Item>| {
            let (side, index) = place(item)?;
            let gone = turn.gone.get(&(side, index)).copied().unwrap_or(0)
                + u32::from(goes == Some((side, index)));
            (turn.begun.holders[side][index] <= gone).then_some(index)
        };
        let touched: BTreeSet<usize> = self.touched(next).collect();
        touched.difference(excused).all(|&class| {
            let Class {
                side,
                signature,
                verdict,
                ..
            } = &self.classes[class];
            let others = turn.about.get(&class).map_or(&[][..], Vec::as_slice);
            self.budget.spend(others.len() + 1);
            let steps: Vec<(Option<usize>, Option<usize>)> = others
                .iter()
                .chain([&next])
                .map(|&act| {
                    let (gone, come) = self.halves(act);
                    // Places are of one side each.
                    let of_side = |item: &&Item| item.side == *side;
                    (varies(gone.filter(of_side)), varies(come.filter(of_side)))
                })
                .collect();
            let worst = worst_part(
                &self.policies[*side],
                signature,
                &turn.begun.sides[*side],
                &steps,
                *verdict,
            );
            signature
                .first_common(&worst)
                .is_some_and(|winner| self.policies[*side][winner] == *verdict)
        })
    }
}
