//! Every sequence of few changes: the least harmful, and of those the shortest.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use super::{Act, Board, Harm};

type Cost = (Harm, usize);

/// Looks at states by what it takes to get there. `None` when no sequence fits.
pub fn run(board: &Board<'_>) -> Option<(Vec<Act>, Harm)> {
    let (olds, news) = (board.old.len(), board.new.len());
    let all = |count: usize| (1u32 << count) - 1;
    // A bit for each change that has been made: old rules gone, new rules come.
    let end = all(olds) | (all(news) << olds);
    let mask = |act: Act| {
        act.gone().map_or(0, |old| 1u32 << old) | act.come().map_or(0, |new| 1u32 << (olds + new))
    };
    let acts: Vec<Act> = (0..olds)
        .map(Act::Delete)
        .chain((0..news).map(Act::Add))
        .chain(
            board
                .modifies
                .iter()
                .map(|&(old, new)| Act::Modify(old, new)),
        )
        .collect();
    let mut reached: BTreeMap<u32, (Cost, Option<(u32, Act)>)> = BTreeMap::new();
    let mut open: BinaryHeap<Reverse<(Cost, u32)>> = BinaryHeap::new();
    reached.insert(0, ((Harm::default(), 0), None));
    open.push(Reverse(((Harm::default(), 0), 0)));
    while let Some(Reverse((cost, here))) = open.pop() {
        if here == end {
            break;
        }
        if reached[&here].0 < cost {
            continue;
        }
        let mut state = board.start();
        for (place, gone) in (0..olds).map(|old| (old, here >> old & 1 == 1)) {
            if gone {
                board.apply(&mut state, Act::Delete(place));
            }
        }
        for (place, come) in (0..news).map(|new| (new, here >> (olds + new) & 1 == 1)) {
            if come {
                board.apply(&mut state, Act::Add(place));
            }
        }
        for &act in &acts {
            if here & mask(act) != 0 || !board.fits(&state, act) {
                continue;
            }
            let mut next = state.clone();
            board.apply(&mut next, act);
            let wrong = board.wrong(&next);
            let harm = Harm {
                opened: cost.0.opened + wrong.opened,
                cut: cost.0.cut + wrong.cut,
            };
            let there = here | mask(act);
            let next_cost = (harm, cost.1 + 1);
            if reached
                .get(&there)
                .is_none_or(|(known, _)| next_cost < *known)
            {
                reached.insert(there, (next_cost, Some((here, act))));
                open.push(Reverse((next_cost, there)));
            }
        }
    }
    let harm = reached.get(&end)?.0.0;
    let mut acts = Vec::new();
    let mut at = end;
    while let Some((from, act)) = reached[&at].1 {
        acts.push(act);
        at = from;
    }
    acts.reverse();
    Some((acts, harm))
}
