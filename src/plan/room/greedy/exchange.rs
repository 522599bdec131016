//! Without room: which old rule becomes which new one.
//!
//! Where a thousand old rules may each become a thousand new ones, most of the million modifies need no look: what is to take an old rule's
//! place must match where that decides.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::{
    super::{Act, Board, Harm, board::Modify},
    MANY, Run, luck,
};

/// The modify that is tried first; after the last one follow those before it.
pub fn first(board: &Board<'_>, seed: u64) -> Option<Modify> {
    let place = usize::try_from(luck(seed, 1)).unwrap_or(0) % board.kin.len().max(1);
    board
        .kin
        .nth(if seed.is_multiple_of(2) { 0 } else { place })
}

impl Run<'_> {
    /// The most alike pair of which one may become the other.
    pub(super) fn exchange(&mut self) -> bool {
        let board = self.board;
        let mut next: BinaryHeap<Reverse<(bool, Modify, usize)>> = BinaryHeap::new();
        for old in self.present() {
            next.extend(self.heir(old, 0).map(Reverse));
        }
        let mut tried = 0;
        while let Some(Reverse((_, modify, place))) = next.pop() {
            board.budget.spend(1);
            let Modify { old, new, .. } = modify;
            // What a new rule hurts by coming, no old one's going helps: it decides there.
            if self.harm(Act::Add(new)) == Harm::default() && self.make_if_ok(Act::Modify(old, new))
            {
                return true;
            }
            tried += 1;
            if tried % MANY == 0 && board.budget.is_spent() {
                return false;
            }
            next.extend(self.heir(old, place + 1).map(Reverse));
        }
        false
    }

    /// What an old rule may become, from a place among its heirs on: whether that is before the first one that is tried, what, and its place.
    fn heir(&mut self, old: usize, from: usize) -> Option<(bool, Modify, usize)> {
        if self.known.heirs[old].is_none() {
            self.known.heirs[old] = Some(self.find_heirs(old));
        }
        let heirs = self.known.heirs[old]
            .as_ref()
            .expect("they were just found");
        let mut rest = heirs.iter().enumerate().skip(from);
        let (place, heir) = rest.find(|(_, heir)| !self.state.new[heir.new])?;
        self.board.budget.spend(place - from);
        Some((self.is_late(heir), *heir, place))
    }

    fn is_late(&self, modify: &Modify) -> bool {
        self.first.is_some_and(|first| *modify < first)
    }

    /// Where an old rule decides, only what matches there as well can take its place. One that decides nowhere is deleted.
    fn find_heirs(&mut self, old: usize) -> Vec<Modify> {
        let board = self.board;
        let mut heirs: Vec<Modify> = match board.old[old].pair {
            // Tried before.
            Some(_) => Vec::new(),
            None => {
                let hurt = board.hurt_by(&mut self.state, Act::Delete(old));
                match hurt.into_iter().min_by_key(|&class| board.width(class)) {
                    Some(class) => {
                        board.budget.spend(board.width(class));
                        let news = board.members(class).flat_map(|[_, news]| news);
                        let heirs = news.filter_map(|&new| board.kin.find(old, new));
                        heirs.collect()
                    }
                    None => board.kin.of(old).collect(),
                }
            }
        };
        heirs.sort_unstable_by_key(|heir| (self.is_late(heir), *heir));
        heirs
    }
}
