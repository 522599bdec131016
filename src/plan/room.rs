//! The order of a group that cannot hold its old and new rules together.
//!
//! Then the three sentences of [`order`](super::order) cannot simply be followed: adds need room, deletes make it, a modify needs none. Which
//! sequence of the three is safe is searched for on the pieces of packet space in which the verdict must stay what it is: greedily,
//! with seeded shuffles where that gets stuck, among all sequences where the changes are few. Each step of a result was checked against the
//! promise itself, in both directions, which share the room. Where no safe sequence is found, the least harmful one is taken:
//! rather cut than open, and mended as soon as there is a step that does. Equal input gives an equal result.

mod board;
mod budget;
mod exhaustive;
mod greedy;
#[cfg(test)]
mod tests;

use crate::{
    model::{Direction, GroupKind, Lists, ObservedRule, Rule},
    plan::compare::{can_modify, differing_fields},
};
use board::{Board, State};

/// Shuffled tries after the first.
const RESTARTS: u64 = 32;

/// What a search may cost, in verdicts that it looks at and steps that it considers. What it has found by then is taken. Up to the tenths given,
/// it is spent on safe sequences, on the least harmful one, on its turns, and on how much more room would help.
const WORK: u64 = 20_000_000;
const TENTHS: [u64; 4] = [5, 7, 8, 10];

/// Changes that are few enough for looking at every sequence.
pub const FEW: usize = 16;

/// One rule that changes, with what it weighs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Units of the quota.
    pub units: i64,
    /// Rules whose peer is a group.
    pub peers: i64,
}

impl Weight {
    fn plus(self, other: Self, sign: i64) -> Self {
        Self {
            units: self.units + sign * other.units,
            peers: self.peers + sign * other.peers,
        }
    }
}

/// A group without room for old and new rules together.
pub struct Full<'a> {
    /// Basic or advanced, which decides what becomes of packets that no rule matches.
    pub kind: GroupKind,
    /// Rules that stay.
    pub kept: Vec<&'a Rule>,
    /// Rules that go.
    pub old: Vec<&'a ObservedRule>,
    /// Rules that come.
    pub new: Vec<&'a Rule>,
    /// Old and new rules that only one modify may change into each other, by place.
    pub pairs: Vec<(usize, usize)>,
    /// Whether rules of a direction may be changed in place at all.
    pub in_place: &'a dyn Fn(Direction) -> bool,
    /// What a rule weighs.
    pub weight: &'a dyn Fn(&Rule) -> Weight,
    /// What the group holds now.
    pub held: Weight,
    /// What it can hold.
    pub limit: Weight,
    /// Lists as they were read.
    pub lists: &'a Lists,
}

/// One step; places in [`Full::old`] and [`Full::new`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// A new rule.
    Add(usize),
    /// An old rule goes.
    Delete(usize),
    /// An old rule becomes a new one.
    Modify(usize, usize),
}

impl Act {
    fn gone(self) -> Option<usize> {
        match self {
            Self::Add(_) => None,
            Self::Delete(old) | Self::Modify(old, _) => Some(old),
        }
    }

    fn come(self) -> Option<usize> {
        match self {
            Self::Delete(_) => None,
            Self::Add(new) | Self::Modify(_, new) => Some(new),
        }
    }
}

/// Pieces of packet space that for a while are not what they should be: opened, cut. Each counts once for every step after which it is wrong, so
/// what is mended soon weighs less. The fewer the better, opened ones first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Harm {
    /// Refused before and after, admitted meanwhile.
    pub opened: usize,
    /// Admitted before and after, refused meanwhile.
    pub cut: usize,
}

impl Harm {
    fn and(self, more: Self) -> Self {
        Self {
            opened: self.opened + more.opened,
            cut: self.cut + more.cut,
        }
    }
}

/// What the search came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Steps in turns; those of one turn may be made in any order.
    pub turns: Vec<Vec<Act>>,
    /// None: safe at every step.
    pub harm: Harm,
    /// More room with which a safe sequence is known, where none is without.
    pub slots: Option<u32>,
    /// No safe sequence was found, and not every sequence was looked at: there may be one.
    pub orders_left_out: bool,
    /// No safe sequence was found, and whether one exists with less room than `slots`, or with any if that is none, is not known.
    pub least_slots_unknown: bool,
    /// Whether every set of memberships that may matter was looked at.
    pub all_memberships: bool,
    /// Verdicts that were looked at, and steps that were considered.
    pub work: u64,
}

/// Searches. `None` when no sequence at all fits.
pub fn search(full: &Full<'_>) -> Option<Found> {
    within(full, WORK)
}

/// Whether some sequence is safe.
enum Answer {
    /// This one is.
    Safe(Vec<Act>),
    /// None is.
    Never,
    /// None was found, and not all were looked at.
    Unknown,
}

fn within(full: &Full<'_>, work: u64) -> Option<Found> {
    search_on(Board::new(full), work)
}

fn search_on(mut board: Board<'_>, work: u64) -> Option<Found> {
    // A part of the pieces tells nothing.
    let work = if board.pieces_left_out { 0 } else { work };
    let [safely, somehow, together, in_all] = TENTHS.map(|tenths| work / 10 * tenths);
    board.budget.allow(safely);
    let answer = safe(&board, RESTARTS);
    board.budget.allow(somehow);
    let (least, all) = match answer {
        Answer::Safe(acts) => (Some((acts, Harm::default())), false),
        Answer::Never => (least_harmful(&board).0, true),
        Answer::Unknown => least_harmful(&board),
    };
    let (acts, harm) = least?;
    board.budget.allow(together);
    let turns = board.turns(&acts);
    board.budget.allow(in_all);
    let is_safe = harm == Harm::default() && !board.pieces_left_out;
    let (slots, least_slots_unknown) = if is_safe {
        (None, false)
    } else {
        slots(&mut board, all)
    };
    Some(Found {
        turns,
        harm,
        slots,
        orders_left_out: !is_safe && !all,
        least_slots_unknown,
        all_memberships: board.all_memberships,
        work: board.budget.spent(),
    })
}

fn is_few(board: &Board<'_>) -> bool {
    board.old.len() + board.new.len() <= FEW
}

fn safe(board: &Board<'_>, restarts: u64) -> Answer {
    for seed in 0..=restarts {
        match greedy::run(board, seed, false) {
            greedy::End::Done(acts, harm) if harm == Harm::default() => return Answer::Safe(acts),
            // Every sequence begins with a step that is not safe.
            greedy::End::Stuck(0) if !board.budget.is_spent() && !board.kin.left_out => {
                return Answer::Never;
            }
            greedy::End::Stuck(0) | greedy::End::Spent => return Answer::Unknown,
            greedy::End::Done(..) | greedy::End::Stuck(_) => {}
        }
    }
    Answer::Unknown
}

/// The least harmful sequence that was found, and whether every sequence was looked at.
fn least_harmful(board: &Board<'_>) -> (Option<(Vec<Act>, Harm)>, bool) {
    if is_few(board) {
        match exhaustive::run(board, true) {
            exhaustive::End::Best(acts, harm) => return (Some((acts, harm)), true),
            exhaustive::End::None => return (None, true),
            exhaustive::End::Spent => {}
        }
    }
    let tries = (0..=RESTARTS / 4).take_while(|&seed| seed == 0 || !board.budget.is_spent());
    let least = tries
        .filter_map(|seed| match greedy::run(board, seed, true) {
            greedy::End::Done(acts, harm) => Some((acts, harm)),
            greedy::End::Stuck(_) | greedy::End::Spent => None,
        })
        .min_by_key(|(acts, harm)| (*harm, acts.len()));
    (least, false)
}

/// The least additional room with which a safe sequence is found, and whether less may do: looked for in growing steps, then between the last
/// two. `none`: none is safe without.
fn slots(board: &mut Board<'_>, none: bool) -> (Option<u32>, bool) {
    let full = board.full;
    let most = most_room(board, full);
    let mut fits = |more: i64| {
        board.limit = Weight {
            units: full.limit.units + more,
            peers: full.limit.peers + more,
        };
        match safe(board, RESTARTS / 4) {
            Answer::Unknown if is_few(board) => match exhaustive::run(board, false) {
                exhaustive::End::Best(acts, _) => Answer::Safe(acts),
                exhaustive::End::None => Answer::Never,
                exhaustive::End::Spent => Answer::Unknown,
            },
            answer => answer,
        }
    };
    let (mut without, mut with, mut none) = (0, 1, none);
    loop {
        match fits(with) {
            Answer::Safe(_) => break,
            Answer::Never => none = true,
            Answer::Unknown => none = false,
        }
        if with >= most {
            return (None, !none);
        }
        (without, with) = (with, (with * 2).min(most));
    }
    while with - without > 1 {
        let middle = without + (with - without) / 2;
        match fits(middle) {
            Answer::Safe(_) => with = middle,
            Answer::Never => (without, none) = (middle, true),
            Answer::Unknown => (without, none) = (middle, false),
        }
    }
    (u32::try_from(with).ok(), !none)
}

/// Additional room with which all old and new rules fit at once; more makes no difference.
fn most_room(board: &Board<'_>, full: &Full<'_>) -> i64 {
    let most = |weight: Weight| weight.units.max(weight.peers);
    let over = most(full.held.plus(full.limit, -1)).max(0);
    board.new.iter().map(|item| most(item.weight)).sum::<i64>() + over
}

/// How alike two rules are that the cloud can change into each other; `None` where it cannot.
fn distance(old: &ObservedRule, new: &Rule) -> Option<u32> {
    can_modify(old, new).then(|| differing_fields(&old.rule, new))
}
