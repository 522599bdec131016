//! How much a search may look at.
//!
//! Counted, not timed: equal input ends at the same point on every machine.

use std::cell::Cell;

/// Work, in verdicts that were looked at and steps that were considered.
pub struct Budget {
    spent: Cell<u64>,
    until: Cell<u64>,
}

impl Budget {
    /// Nothing is spent, and nothing may be yet.
    pub fn new() -> Self {
        Self {
            spent: Cell::new(0),
            until: Cell::new(0),
        }
    }

    /// From here on no more than `work` is to be spent in all, what was spent before included.
    pub fn allow(&self, work: u64) {
        self.until.set(work);
    }

    /// Something was looked at.
    pub fn spend(&self, work: usize) {
        let work = u64::try_from(work).unwrap_or(u64::MAX);
        self.spent.set(self.spent.get().saturating_add(work));
    }

    /// Whether the search must end here.
    pub fn is_spent(&self) -> bool {
        self.spent.get() >= self.until.get()
    }

    /// What was spent.
    pub fn spent(&self) -> u64 {
        self.spent.get()
    }
}
