//! Applies that wait to be confirmed (`apply --confirm-within`): which of them are overdue. Who waits, and who undoes, is others' concern.
//!
//! The process that applies waits itself and undoes itself. What it has promised is in its run's journal from the first line on,
//! so that somebody else can keep the promise when it was killed: a timer with `undo --overdue`, or whoever reads the warning of the next
//! `plan` or `apply`.

mod hold;

pub use self::hold::{Hold, hold};

use std::path::Path;

use jiff::Timestamp;

use crate::{
    journal::{self, Confirmation, Run},
    snapshot::Error,
};

/// An apply that nobody has confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The run.
    pub run: String,
    /// When it began.
    pub begun: Timestamp,
    /// Until when somebody was to confirm it.
    pub until: Timestamp,
    /// Whether it came to its end and waited.
    pub ended: bool,
}

/// Applies of a project's folder that nobody has confirmed in time and that were not undone since, the oldest first.
///
/// One that has not `ended` may still be under way; whoever holds the folder's [`Lock`](crate::lock::Lock) knows that it is not.
pub fn overdue(root: &Path, now: Timestamp) -> Result<Vec<Pending>, Error> {
    let runs = journal::runs(root)?;
    let pending = |run: &Run| {
        let until = run.deadline().filter(|until| *until < now)?;
        // One that was to be taken back stays overdue until it is: the undo may have failed or been killed.
        let kept = run.confirmation == Some(Confirmation::Confirmed);
        let open = run.has_sent() && !kept && !run.taken_back;
        (open && journal::undone_by(&runs, run).is_none()).then(|| Pending {
            run: run.begun.run.clone(),
            begun: run.begun.time,
            until,
            ended: run.ended.is_some(),
        })
    };
    Ok(runs.iter().filter_map(pending).collect())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::{
        journal::{Begun, Ended, Journal, Origin},
        model::{AccountName, GroupId, RegionId},
        plan::Address,
    };

    use super::*;

    /// A run that was to be confirmed within ten seconds.
    fn begin(root: &Path, id: &str, undoes: Option<&str>) -> Journal {
        let origin = Origin {
            undoes: undoes.map(str::to_owned),
            ..Origin::default()
        };
        let mut begun = Begun::now(id, "plan".to_owned(), origin, Vec::new());
        begun.time = "2026-11-21T10:00:00Z".parse().unwrap();
        begun.confirm_within = undoes.is_none().then_some(Duration::from_secs(10));
        Journal::begin(root, begun).unwrap()
    }

    fn send(journal: &Journal) {
        let address = Address {
            account: AccountName::new("demo"),
            region: RegionId::new("cn-hangzhou"),
            group: GroupId::new("sg-1"),
        };
        journal.sending(&address, "step", [].iter()).unwrap();
    }

    fn end(journal: &Journal) {
        let ended = Ended {
            time: "2026-11-21T10:00:05Z".parse().unwrap(),
            outcome: "complete".to_owned(),
            counts: [0; 3],
        };
        journal.ended(ended).unwrap();
    }

    fn at(root: &Path, time: &str) -> Vec<(String, bool)> {
        let overdue = overdue(root, time.parse().unwrap()).unwrap();
        overdue.into_iter().map(|p| (p.run, p.ended)).collect()
    }

    #[test]
    fn a_run_is_overdue_from_its_last_deadline_on_until_it_is_settled() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let journal = begin(root, "aa", None);
        send(&journal);
        assert_eq!(at(root, "2026-11-21T10:00:09Z"), []);
        // Killed while it was at work.
        assert_eq!(at(root, "2026-11-21T10:00:11Z"), [("aa".to_owned(), false)]);
        end(&journal);
        journal::confirm_by(root, "aa", "2026-11-21T10:00:15Z".parse().unwrap()).unwrap();
        assert_eq!(at(root, "2026-11-21T10:00:11Z"), []);
        assert_eq!(at(root, "2026-11-21T10:00:16Z"), [("aa".to_owned(), true)]);
        journal::settle_confirmation(root, "aa", Confirmation::Confirmed).unwrap();
        assert_eq!(at(root, "2026-11-21T10:00:16Z"), []);
    }

    #[test]
    fn a_run_that_was_to_be_taken_back_is_overdue_until_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        send(&begin(root, "aa", None));
        journal::settle_confirmation(root, "aa", Confirmation::Expired).unwrap();
        let late = "2026-11-22T00:00:00Z";
        assert_eq!(at(root, late), [("aa".to_owned(), false)]);
        journal::taken_back(root, "aa").unwrap();
        assert_eq!(at(root, late), []);
    }

    #[test]
    fn a_run_that_was_undone_or_has_sent_nothing_is_not_overdue() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        begin(root, "aa", None);
        send(&begin(root, "bb", None));
        let undo = begin(root, "cc", Some("bb"));
        send(&undo);
        let late = "2026-11-22T00:00:00Z";
        assert_eq!(at(root, late), [("bb".to_owned(), false)]);
        end(&undo);
        assert_eq!(at(root, late), []);
    }
}
