//! Steps one after the other as turns: those of one turn may be made in any order.

use std::collections::BTreeSet;

use super::{Act, Board, Class, Item, State, Weight};
use crate::traffic::certificate::worst_part;

impl Board<'_> {
    /// Puts steps that may be made in any order into one turn, as long as they follow each other.
    pub fn turns(&self, acts: &[Act]) -> Vec<Vec<Act>> {
        let mut turns: Vec<Vec<Act>> = Vec::new();
        let mut state = self.start();
        let mut begun = state.clone();
        let mut most = state.held;
        // What is wrong at some time cannot be held against a turn.
        let mut excused: BTreeSet<usize> = BTreeSet::new();
        for &act in acts {
            let more = self.grows(act);
            let joined = turns.last().is_some_and(|turn| {
                let full = most.plus(more, 1);
                (more.units <= 0 || full.units <= self.limit.units)
                    && (more.peers <= 0 || full.peers <= self.limit.peers)
                    && !self.collides(&begun, act)
                    && self.any_order(&begun, turn, act, &excused)
            });
            if joined {
                turns.last_mut().expect("one was joined").push(act);
            } else {
                turns.push(vec![act]);
                (begun, most) = (state.clone(), state.held);
            }
            most = most.plus(more, 1);
            self.apply(&mut state, act);
            excused.extend(&state.wrong);
        }
        turns
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
    fn any_order(&self, begun: &State, turn: &[Act], next: Act, excused: &BTreeSet<usize>) -> bool {
        let acts = || turn.iter().copied().chain([next]);
        // Places are of one side each.
        let steps = |side: usize| -> Vec<(Option<usize>, Option<usize>)> {
            acts()
                .map(|act| {
                    let (gone, come) = self.halves(act);
                    let place = |item: Option<&Item>| {
                        item.filter(|item| item.side == side)
                            .and_then(|item| item.index)
                    };
                    (place(gone), place(come))
                })
                .collect()
        };
        let by_side: Vec<_> = (0..self.start.len()).map(steps).collect();
        let touched: BTreeSet<usize> = self.touched(next).collect();
        touched.difference(excused).all(|&class| {
            let Class {
                side,
                signature,
                verdict,
                ..
            } = &self.classes[class];
            let worst = worst_part(
                &self.policies[*side],
                signature,
                &begun.sides[*side],
                &by_side[*side],
                *verdict,
            );
            signature
                .first_common(&worst)
                .is_some_and(|winner| self.policies[*side][winner] == *verdict)
        })
    }
}
