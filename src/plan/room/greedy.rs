//! One sequence, step by step: delete what can go, then bring in what lets most go.

mod exchange;
#[cfg(test)]
mod tests;

use std::{cmp::Reverse, collections::BTreeSet};

use super::{
    Act, Board, Harm, State,
    board::{Item, Modify},
};
use crate::model::Policy;

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

/// How a try ended.
pub enum End {
    /// All that was to be done is done.
    Done(Vec<Act>, Harm),
    /// Nothing can be done after so many steps. After none there is no choice either, so every other try gets as stuck.
    Stuck(usize),
    /// The budget is spent.
    Spent,
}

/// Gets stuck with `at_any_cost` only where nothing fits any more; when the budget is spent then, it goes on without looking at traffic.
pub fn run(board: &Board<'_>, seed: u64, at_any_cost: bool) -> End {
    let mut run = Run::new(board, seed);
    while !run.is_done() {
        if board.budget.is_spent() {
            if !at_any_cost {
                return End::Spent;
            }
            if run.any_that_fits() {
                continue;
            }
            return End::Stuck(run.acts.len());
        }
        if run.mend() || run.delete() || run.pairs() || run.bring_in() || run.exchange() {
            continue;
        }
        if !at_any_cost || !run.harm_least() {
            return End::Stuck(run.acts.len());
        }
    }
    End::Done(run.acts, run.harm)
}

struct Run<'a> {
    board: &'a Board<'a>,
    seed: u64,
    state: State,
    acts: Vec<Act>,
    /// What was wrong after each step, in all.
    harm: Harm,
    known: Known,
    /// Old rules in the order in which they go if they can.
    order: Vec<usize>,
    /// The modify that is tried first.
    first: Option<Modify>,
}

/// New rules that must come before an old one can go; `None` where something else is in the way.
type Need = Option<BTreeSet<usize>>;

/// What steps would do, each as long as no piece that it touches has changed.
struct Known {
    delete: Vec<Option<Harm>>,
    add: Vec<Option<Harm>>,
    need: Vec<Option<Need>>,
    /// What the old rule may become without harm, as far as its going tells, in the order in which it is tried.
    heirs: Vec<Option<Vec<Modify>>>,
    /// Of old rules that may become one other only: whether that does no harm.
    pair: Vec<Option<bool>>,
    /// A piece that it hurt when that was last looked at, which most often it still does.
    hurt: Vec<Option<usize>>,
}

impl Known {
    fn new(board: &Board<'_>) -> Self {
        Self {
            delete: vec![None; board.old.len()],
            add: vec![None; board.new.len()],
            need: vec![None; board.old.len()],
            heirs: vec![None; board.old.len()],
            pair: vec![None; board.old.len()],
            hurt: vec![None; board.old.len()],
        }
    }
}

impl<'a> Run<'a> {
    fn new(board: &'a Board<'a>, seed: u64) -> Self {
        let mut order: Vec<usize> = (0..board.old.len()).collect();
        order.sort_by_key(|&old| (luck(seed, old), Reverse(board.old[old].rank), old));
        Self {
            board,
            seed,
            state: board.start(),
            acts: Vec::new(),
            harm: Harm::default(),
            known: Known::new(board),
            order,
            first: exchange::first(board, seed),
        }
    }
}

impl Run<'_> {
    fn is_done(&self) -> bool {
        self.state.old.iter().all(|there| !there) && self.state.new.iter().all(|there| *there)
    }

    fn make(&mut self, act: Act) {
        self.board.apply(&mut self.state, act);
        self.acts.push(act);
        self.harm = self.harm.and(self.state.amiss);
        for [olds, news] in self.board.beside(act) {
            self.board.budget.spend(olds.len() + news.len());
            for &old in olds {
                self.known.delete[old] = None;
                self.known.need[old] = None;
                self.known.heirs[old] = None;
                self.known.pair[old] = None;
            }
            for &new in news {
                self.known.add[new] = None;
                if let Some(old) = self.board.new[new].pair {
                    self.known.pair[old] = None;
                }
            }
        }
    }

    /// What a step does to pieces that are as they should be, whether it fits or not.
    fn harm(&mut self, act: Act) -> Harm {
        let known = match act {
            Act::Delete(old) => &mut self.known.delete[old],
            Act::Add(new) => &mut self.known.add[new],
            Act::Modify(..) => return self.board.harm(&mut self.state, act, false),
        };
        *known.get_or_insert_with(|| self.board.harm(&mut self.state, act, false))
    }

    fn is_ok(&mut self, act: Act) -> bool {
        self.board.budget.spend(1);
        self.board.fits(&self.state, act)
            && match act {
                Act::Delete(_) | Act::Add(_) => self.harm(act) == Harm::default(),
                Act::Modify(old, _) if self.board.old[old].pair.is_some() => {
                    self.is_pair_ok(old, act)
                }
                Act::Modify(..) => self.board.harm(&mut self.state, act, true) == Harm::default(),
            }
    }

    fn is_pair_ok(&mut self, old: usize, act: Act) -> bool {
        let Known { pair, hurt, .. } = &mut self.known;
        *pair[old].get_or_insert_with(|| {
            hurt[old] = self.board.hurt(&mut self.state, act, hurt[old]);
            hurt[old].is_none()
        })
    }

    fn make_if_ok(&mut self, act: Act) -> bool {
        let ok = self.is_ok(act);
        if ok {
            self.make(act);
        }
        ok
    }

    fn present(&self) -> Vec<usize> {
        self.board.budget.spend(self.state.old.len());
        (0..self.state.old.len())
            .filter(|&old| self.state.old[old])
            .collect()
    }

    fn absent(&self) -> Vec<usize> {
        self.board.budget.spend(self.state.new.len());
        (0..self.state.new.len())
            .filter(|&new| !self.state.new[new])
            .collect()
    }

    /// The first modifies that may still be made.
    fn some_modifies(&self) -> Vec<Act> {
        let mut looked_at = 0;
        let all = self.board.kin.among(|old| self.state.old[old]);
        let may_be_made = all
            .inspect(|_| looked_at += 1)
            .filter(|modify| !self.state.new[modify.new]);
        let acts = may_be_made.map(|modify| Act::Modify(modify.old, modify.new));
        let acts = acts.take(MANY).collect();
        self.board.budget.spend(looked_at / 8);
        acts
    }

    /// What is wrong is put right before anything else.
    fn mend(&mut self) -> bool {
        if self.state.wrong.is_empty() {
            return false;
        }
        // Only what matches a wrong piece can put it right.
        let (mut olds, mut news) = (BTreeSet::new(), BTreeSet::new());
        for &class in &self.state.wrong {
            for [old, new] in self.board.members(class) {
                self.board.budget.spend(old.len() + new.len());
                olds.extend(old.iter().copied().filter(|&old| self.state.old[old]));
                news.extend(new.iter().copied().filter(|&new| !self.state.new[new]));
            }
        }
        let modifies = self.some_modifies();
        let touches = |act: &Act| {
            act.gone().is_some_and(|old| olds.contains(&old))
                || act.come().is_some_and(|new| news.contains(&new))
        };
        let acts = news.iter().copied().map(Act::Add);
        let acts = acts.chain(olds.iter().copied().map(Act::Delete));
        let acts: Vec<Act> = acts.chain(modifies.into_iter().filter(touches)).collect();
        let mut best = None;
        for act in acts {
            if self.is_ok(act) {
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
        let there = &self.state.old;
        self.order.retain(|&old| there[old]);
        let order = self.order.clone();
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
                if self.board.kin.find(old, new).is_some() && self.make_if_ok(Act::Modify(old, new))
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
        let only = |need: &Need| need.as_ref().is_some_and(|need| *need == [new].into());
        let olds = self.present();
        olds.into_iter().find(|&old| only(self.need(old)))
    }

    fn need(&mut self, old: usize) -> &Need {
        if self.known.need[old].is_none() {
            self.known.need[old] = Some(self.find_need(old));
        }
        self.known.need[old].as_ref().expect("it was just found")
    }

    fn find_need(&mut self, old: usize) -> Need {
        let hurt = self.board.hurt_by(&mut self.state, Act::Delete(old));
        let mut need: BTreeSet<usize> = BTreeSet::new();
        for class in hurt {
            let successors = self.board.successors(class);
            self.board.budget.spend(successors.len());
            let absent = || {
                let absent = successors.iter().copied();
                absent.filter(|&new| !self.state.new[new] && self.board.new[new].pair.is_none())
            };
            if absent().any(|new| need.contains(&new)) {
                continue;
            }
            let widest = absent().max_by_key(|&new| {
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
        let mut ok = self.absent();
        ok.retain(|&new| self.is_ok(Act::Add(new)));
        if ok.is_empty() {
            return None;
        }
        let mut least: Option<(usize, u64, usize)> = None;
        for old in self.present() {
            if self.board.old[old].pair.is_some() || done.contains(&old) {
                continue;
            }
            match self.need(old).as_ref().map(BTreeSet::len) {
                // It can go as soon as deletes are made again.
                Some(0) => {
                    done.insert(old);
                }
                Some(len) => {
                    let key = (len, luck(self.seed, old), old);
                    least = Some(least.map_or(key, |least| least.min(key)));
                }
                None => {}
            }
        }
        let need = least.and_then(|(_, _, old)| self.need(old).as_ref());
        let ok_need = |need: &BTreeSet<usize>| {
            let mut need = need.iter().copied();
            need.find(|new| ok.binary_search(new).is_ok())
        };
        if let Some(new) = need.and_then(ok_need) {
            return Some(new);
        }
        // A stronger one unlocks what cannot come yet.
        let strongest = ok
            .into_iter()
            .min_by_key(|&new| (self.board.new[new].rank, luck(self.seed, new), new))?;
        Some(strongest)
    }

    /// Rather cut than open, and as little as possible.
    fn harm_least(&mut self) -> bool {
        let mut acts = self.some_modifies();
        acts.extend(self.present().into_iter().map(Act::Delete));
        acts.extend(self.absent().into_iter().map(Act::Add));
        let mut best: Option<((Harm, u64), Act)> = None;
        for (number, act) in acts.into_iter().enumerate() {
            self.board.budget.spend(1);
            if self.board.fits(&self.state, act) {
                let cost = (self.harm(act), luck(self.seed, number));
                if best.is_none_or(|(least, _)| cost < least) {
                    best = Some((cost, act));
                }
            }
        }
        best.inspect(|&(_, act)| self.make(act)).is_some()
    }

    /// Steps by verdict and rank alone, which rather cut than open: accepts go, drops come, drops go, accepts come.
    fn any_that_fits(&mut self) -> bool {
        let board = self.board;
        let items = |items: &[Item], act: fn(usize) -> Act, verdict: Policy, strongest: bool| {
            let of_verdict = |place: &usize| items[*place].rank.1 == verdict;
            let mut places: Vec<usize> = (0..items.len()).filter(of_verdict).collect();
            places.sort_by_key(|&place| items[place].rank);
            if !strongest {
                places.reverse();
            }
            places.into_iter().map(act).collect::<Vec<Act>>()
        };
        let phases = [
            items(&board.old, Act::Delete, Policy::Accept, false),
            items(&board.new, Act::Add, Policy::Drop, true),
            items(&board.old, Act::Delete, Policy::Drop, false),
            items(&board.new, Act::Add, Policy::Drop, true),
            board
                .full
                .pairs
                .iter()
                .map(|&(old, new)| Act::Modify(old, new))
                .collect(),
            items(&board.new, Act::Add, Policy::Accept, true),
        ];
        let before = self.acts.len();
        for act in phases.into_iter().flatten() {
            if board.fits(&self.state, act) {
                self.make(act);
            }
        }
        self.acts.len() > before
    }
}
