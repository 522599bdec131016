//! The three sentences about two changes of groups in one network, pair by pair and on the safe side.
//!
//! Each has the exceptions that hold because a modify is an add and a delete in one moment.

use crate::{
    model::Rule,
    plan::ChangeKind,
    traffic::{may_overlap, rank, surely_covers},
};

/// The three sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sentence {
    /// A new rule goes in before the weaker new rules that say the opposite.
    E1,
    /// An old rule goes out before the stronger old rules that say the opposite.
    E2,
    /// A new rule goes in before an old rule that says the same goes out.
    E3,
}

impl Sentence {
    /// Whether it asks `first` to be made before `then`.
    pub fn asks(self, first: &Sides<'_>, then: &Sides<'_>) -> bool {
        match self {
            Self::E1 => e1(first, then),
            Self::E2 => e2(first, then),
            Self::E3 => e3(first, then),
        }
    }
}

/// The rule that goes and the rule that comes, as far as traffic is concerned.
#[derive(Clone, Copy)]
pub struct Sides<'a> {
    pub old: Option<&'a Rule>,
    pub new: Option<&'a Rule>,
}

impl<'a> Sides<'a> {
    /// A change of the description alone moves no packet and has no sides.
    pub fn of(change: &'a ChangeKind) -> Self {
        match change {
            ChangeKind::Add(new) => Self {
                old: None,
                new: Some(new),
            },
            ChangeKind::Delete(old) => Self {
                old: Some(&old.rule),
                new: None,
            },
            ChangeKind::Modify { from, to } if from.rule.is_same_rule(to) => Self {
                old: None,
                new: None,
            },
            ChangeKind::Modify { from, to } => Self {
                old: Some(&from.rule),
                new: Some(to),
            },
        }
    }
}

fn opponents(a: &Rule, b: &Rule) -> bool {
    a.policy != b.policy && may_overlap(a, b)
}

/// `winner` comes in before the weaker opponent `weaker`.
fn e1(winner: &Sides<'_>, weaker: &Sides<'_>) -> bool {
    let (Some(strong), Some(weak)) = (winner.new, weaker.new) else {
        return false;
    };
    if rank(strong) >= rank(weak) || !opponents(strong, weak) {
        return false;
    }
    // Until the winner is modified its old self is there; if that beats the opponent as well, the two may come in any order.
    let held_by_old_self = winner.old.is_some_and(|old| {
        old.policy == strong.policy
            && rank(old) < rank(weak)
            && (surely_covers(old, strong) || surely_covers(old, weak))
    });
    !held_by_old_self
}

/// `opponent` goes out before the stronger `winner` does.
fn e2(opponent: &Sides<'_>, winner: &Sides<'_>) -> bool {
    let (Some(weak), Some(strong)) = (opponent.old, winner.old) else {
        return false;
    };
    if rank(strong) >= rank(weak) || !opponents(strong, weak) {
        return false;
    }
    // Once the winner is modified its new self is there; if that beats the opponent as well, the two may go in any order.
    let held_by_new_self = winner.new.is_some_and(|new| {
        new.policy == strong.policy
            && rank(new) < rank(weak)
            && (surely_covers(new, strong) || surely_covers(new, weak))
    });
    !held_by_new_self
}

/// `successor` comes in before `predecessor` goes out.
fn e3(successor: &Sides<'_>, predecessor: &Sides<'_>) -> bool {
    let (Some(new), Some(old)) = (successor.new, predecessor.old) else {
        return false;
    };
    if new.policy != old.policy || !may_overlap(new, old) {
        return false;
    }
    // The predecessor's own new self takes its place in the same moment, and is as strong as the old rule or as the successor. Only packets
    // of both rules matter, so it is enough that it covers one of the two.
    let replaced = predecessor.new.is_some_and(|own| {
        own.policy == old.policy
            && (surely_covers(own, old) || surely_covers(own, new))
            && (rank(own) <= rank(old) || rank(own) <= rank(new))
    });
    // Where the two overlap, the successor's old self decided, not the predecessor.
    let not_the_winner = successor.old.is_some_and(|own| {
        own.policy == old.policy
            && rank(own) < rank(old)
            && (surely_covers(own, old) || surely_covers(own, new))
    });
    !replaced && !not_the_winner
}
