//! Every sequence of few changes: the least harmful, and of those the shortest.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use super::{Act, Board, Harm, State};

type Cost = (Harm, usize);

/// What looking at every sequence came to.
pub enum End {
    /// The least harmful.
    Best(Vec<Act>, Harm),
    /// None fits, or none is safe where it has to be.
    None,
    /// The budget was spent before.
    Spent,
}

/// Looks at states by what it takes to get there; without `at_any_cost` only at those in which nothing is wrong.
pub fn run(board: &Board<'_>, at_any_cost: bool) -> End {
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
                .kin
                .all()
                .map(|modify| Act::Modify(modify.old, modify.new)),
        )
        .collect();
    let state_of = |mask: u32| -> State {
        let mut state = board.start();
        let bit = |number: usize| mask >> number & 1 == 1;
        for old in (0..olds).filter(|&old| bit(old)) {
            board.apply(&mut state, Act::Delete(old));
        }
        for new in (0..news).filter(|&new| bit(olds + new)) {
            board.apply(&mut state, Act::Add(new));
        }
        state
    };
    // What is wrong in a state, however it was come to.
    let mut wrong: BTreeMap<u32, Harm> = BTreeMap::new();
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
        if board.budget.is_spent() {
            return End::Spent;
        }
        let state = state_of(here);
        for &act in &acts {
            board.budget.spend(1);
            if here & mask(act) != 0 || !board.fits(&state, act) {
                continue;
            }
            let there = here | mask(act);
            let wrong = wrong.entry(there).or_insert_with(|| {
                let mut next = state.clone();
                board.apply(&mut next, act);
                next.amiss
            });
            if !at_any_cost && *wrong != Harm::default() {
                continue;
            }
            let harm = cost.0.and(*wrong);
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
    let Some(&((harm, _), _)) = reached.get(&end) else {
        return End::None;
    };
    let mut acts = Vec::new();
    let mut at = end;
    while let Some((from, act)) = reached[&at].1 {
        acts.push(act);
        at = from;
    }
    acts.reverse();
    End::Best(acts, harm)
}
