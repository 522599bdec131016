//! One sequence, step by step: delete what can go, then bring in what lets most go.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use super::{Act, Board, Harm, State};

/// Modifies that are looked at for the least harmful one.
const MANY: usize = 2_000;

/// A number that depends on the try and on what it stands for; the first try keeps the order of rules.
fn luck(seed: u64, of: usize) -> u64 {
    if seed == 0 {
        return 0;
    }
    let mut mixed = (seed << 32 | of as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^= mixed >> 29;
    mixed.wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 32
}

/// `None` where it gets stuck; with `at_any_cost` only where nothing fits any more.
pub fn run(board: &Board<'_>, seed: u64, at_any_cost: bool) -> Option<(Vec<Act>, Harm)> {
    let mut run = Run {
        board,
        seed,
        state: board.start(),
        acts: Vec::new(),
        ever_wrong: BTreeSet::new(),
    };
    while !run.is_done() {
        if run.mend() || run.delete() || run.pairs() || run.bring_in() || run.exchange() {
            continue;
        }
        if !at_any_cost || !run.harm_least() {
            return None;
        }
    }
    let harm = board.count(&run.ever_wrong);
    Some((run.acts, harm))
}

struct Run<'a> {
    board: &'a Board<'a>,
    seed: u64,
    state: State,
    acts: Vec<Act>,
    ever_wrong: BTreeSet<usize>,
}

impl Run<'_> {
    fn is_done(&self) -> bool {
        self.state.old.iter().all(|there| !there) && self.state.new.iter().all(|there| *there)
    }

    fn make(&mut self, act: Act) {
        self.board.apply(&mut self.state, act);
        self.acts.push(act);
        self.ever_wrong.extend(&self.state.wrong);
    }

    fn make_if_ok(&mut self, act: Act) -> bool {
        let ok = self.board.is_ok(&mut self.state, act);
        if ok {
            self.make(act);
        }
        ok
    }

    fn present(&self) -> Vec<usize> {
        (0..self.state.old.len())
            .filter(|&old| self.state.old[old])
            .collect()
    }

    fn absent(&self) -> Vec<usize> {
        (0..self.state.new.len())
            .filter(|&new| !self.state.new[new])
            .collect()
    }

    /// What is wrong is put right before anything else.
    fn mend(&mut self) -> bool {
        if self.state.wrong.is_empty() {
            return false;
        }
        let deletes = self.present().into_iter().map(Act::Delete);
        let adds = self.absent().into_iter().map(Act::Add);
        let modifies = self.board.modifies.iter().take(MANY);
        let modifies = modifies.map(|&(old, new)| Act::Modify(old, new));
        let acts: Vec<Act> = adds.chain(deletes).chain(modifies).collect();
        let mut best = None;
        for act in acts {
            if self.board.is_ok(&mut self.state, act) {
                let mended = self.board.mends(&mut self.state, act);
                if mended > 0 && best.is_none_or(|(most, _)| mended > most) {
                    best = Some((mended, act));
                }
            }
        }
        best.inspect(|&(_, act)| self.make(act)).is_some()
    }

    /// Everything that can go, the weakest first.
    fn delete(&mut self) -> bool {
        let mut order = self.present();
        order.sort_by_key(|&old| {
            let rank = Reverse(self.board.old[old].rank);
            if self.seed == 0 {
                (0, rank, old)
            } else {
                (luck(self.seed, old), rank, old)
            }
        });
        let mut any = false;
        loop {
            let before = self.acts.len();
            for &old in &order {
                self.make_if_ok(Act::Delete(old));
            }
            if self.acts.len() == before {
                return any;
            }
            any = true;
        }
    }

    /// Rules that only a modify may change.
    fn pairs(&mut self) -> bool {
        let pairs: Vec<(usize, usize)> = self.board.full.pairs.clone();
        let mut any = false;
        for (old, new) in pairs {
            any |= self.make_if_ok(Act::Modify(old, new));
        }
        any
    }

    /// New rules as long as there is room: first those that let an old one go.
    fn bring_in(&mut self) -> bool {
        let mut any = false;
        let mut done = BTreeSet::new();
        while let Some(new) = self.next_in(&mut done) {
            any = true;
            let last = !self.room_for_more(new);
            if last && let Some(old) = self.only_need(new) {
                // The last room is not needed where the one can become the other.
                if self.board.modifies.contains(&(old, new))
                    && self.make_if_ok(Act::Modify(old, new))
                {
                    continue;
                }
            }
            self.make(Act::Add(new));
        }
        any
    }

    /// Whether another rule fits beside this one.
    fn room_for_more(&self, new: usize) -> bool {
        let held = self.state.held.plus(self.board.new[new].weight, 1);
        held.units < self.board.limit.units
    }

    /// The old rule that waits for this new one alone.
    fn only_need(&mut self, new: usize) -> Option<usize> {
        let olds = self.present();
        olds.into_iter()
            .find(|&old| self.need(old).is_some_and(|need| need == [new].into()))
    }

    /// New rules that must come before an old one can go; `None` where something else is in the way.
    fn need(&mut self, old: usize) -> Option<BTreeSet<usize>> {
        let hurt = self.board.hurt_by(&mut self.state, Act::Delete(old));
        let mut need: BTreeSet<usize> = BTreeSet::new();
        for class in hurt {
            let absent = self
                .board
                .successors(class)
                .iter()
                .copied()
                .filter(|&new| !self.state.new[new] && self.board.new[new].pair.is_none());
            let absent: Vec<usize> = absent.collect();
            if absent.iter().any(|new| need.contains(new)) {
                continue;
            }
            let widest = absent.into_iter().max_by_key(|&new| {
                (
                    self.board.new[new].classes.len(),
                    luck(self.seed, 7_919 + new),
                    Reverse(new),
                )
            })?;
            need.insert(widest);
        }
        Some(need)
    }

    fn next_in(&mut self, done: &mut BTreeSet<usize>) -> Option<usize> {
        let absent = self.absent();
        let ok: Vec<usize> = absent
            .into_iter()
            .filter(|&new| self.board.is_ok(&mut self.state, Act::Add(new)))
            .collect();
        if ok.is_empty() {
            return None;
        }
        let mut needs: BTreeMap<(usize, u64, usize), BTreeSet<usize>> = BTreeMap::new();
        for old in self.present() {
            if self.board.old[old].pair.is_some() || done.contains(&old) {
                continue;
            }
            match self.need(old) {
                // It can go as soon as deletes are made again.
                Some(need) if need.is_empty() => {
                    done.insert(old);
                }
                Some(need) => {
                    needs.insert((need.len(), luck(self.seed, old), old), need);
                }
                None => {}
            }
        }
        let (_, need) = needs.into_iter().next().unwrap_or_default();
        if let Some(&new) = need.iter().find(|new| ok.contains(new)) {
            return Some(new);
        }
        // A stronger one unlocks what cannot come yet.
        let strongest = ok
            .into_iter()
            .min_by_key(|&new| (self.board.new[new].rank, luck(self.seed, new), new))?;
        Some(strongest)
    }

    /// The most alike pair of which one may become the other.
    fn exchange(&mut self) -> bool {
        let free: Vec<bool> = (0..self.state.new.len())
            .map(|new| {
                !self.state.new[new]
                    && self.board.harm(&mut self.state, Act::Add(new), true) == Harm::default()
            })
            .collect();
        let board = self.board;
        let start = usize::try_from(luck(self.seed, 1)).unwrap_or(0) % board.modifies.len().max(1);
        let start = if self.seed.is_multiple_of(2) {
            0
        } else {
            start
        };
        let (first, second) = board.modifies.split_at(start);
        let pair = second.iter().chain(first).find(|&&(old, new)| {
            self.state.old[old] && free[new] && board.is_ok(&mut self.state, Act::Modify(old, new))
        });
        match pair.copied() {
            Some((old, new)) => {
                self.make(Act::Modify(old, new));
                true
            }
            None => false,
        }
    }

    /// Rather cut than open, and as little as possible.
    fn harm_least(&mut self) -> bool {
        let deletes = self.present().into_iter().map(Act::Delete);
        let adds = self.absent().into_iter().map(Act::Add);
        let modifies = self.board.modifies.iter().take(MANY);
        let modifies = modifies.map(|&(old, new)| Act::Modify(old, new));
        let acts: Vec<Act> = modifies.chain(deletes).chain(adds).collect();
        let mut best: Option<((Harm, u64), Act)> = None;
        for (number, act) in acts.into_iter().enumerate() {
            if self.board.fits(&self.state, act) {
                let harm = self.board.harm(&mut self.state, act, false);
                let cost = (harm, luck(self.seed, number));
                if best.is_none_or(|(least, _)| cost < least) {
                    best = Some((cost, act));
                }
            }
        }
        best.inspect(|&(_, act)| self.make(act)).is_some()
    }
}
