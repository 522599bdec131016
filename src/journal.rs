//! What an apply sends, written down before it is sent: the memory of runs that were killed, and what `undo` and `history` read.
//!
//! One file per run, `.rulekeep/undo/RUN/journal.jsonl` beside the run's undo files: a line per event, only ever appended.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    model::{AccountName, GroupId, ObservedRule, RegionId, Rule},
    plan::{Address, ChangeKind},
    snapshot::{self, Error, shape::OneRule},
};

/// The format that this version writes.
const FORMAT: u32 = 1;

const FILE: &str = "journal.jsonl";
const ANSWER: &str = "confirmation";

/// Who began a run and from what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The commit that the files come from.
    pub commit: Option<String>,
    /// Whether the files differed from the commit.
    pub dirty: Option<bool>,
    /// The run that this one takes back.
    pub undoes: Option<String>,
}

/// How a run begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// Version of the format.
    pub format_version: u32,
    /// When the first call was about to be made.
    pub time: Timestamp,
    /// The run.
    pub run: String,
    /// The plan.
    pub plan: String,
    /// Where it comes from.
    #[serde(flatten)]
    pub origin: Origin,
    /// Names of the groups that have changes.
    pub groups: Vec<String>,
    /// How long it will wait to be confirmed after its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_within: Option<Duration>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// When.
    pub time: Timestamp,
    /// `complete`, `partial` or `interrupted`.
    pub outcome: String,
    /// Rules added, modified and deleted.
    pub counts: [usize; 3],
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The cloud confirmed it.
    Done,
    /// It did nothing.
    NotDone,
    /// Nobody knows, or the cloud may have acted in part.
    Unknown,
}

/// A change as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The rule that goes.
    pub before: Option<ObservedRule>,
    /// The rule that comes.
    pub after: Option<Rule>,
}

#[derive(Serialize, Deserialize)]
struct SentLine {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<OneRule>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<OneRule>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Line {
    Begun(Begun),
    Sending {
        time: Timestamp,
        account: AccountName,
        region: RegionId,
        group: GroupId,
        step: String,
        changes: Vec<SentLine>,
    },
    Answered {
        step: String,
        answer: Answer,
    },
    Ended(Ended),
    ConfirmBy {
        until: Timestamp,
    },
    TakenBack {
        time: Timestamp,
    },
}

/// A journal that is being written.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Mutex<fs::File>,
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { path, source }
}

impl Journal {
    /// Opens the journal of a new run and writes how it begins.
    pub fn begin(root: &Path, begun: Begun) -> Result<Self, Error> {
        let folder = snapshot::run_folder(root, &begun.run);
        fs::create_dir_all(&folder).map_err(failed(&folder))?;
        let journal = Self::open(folder.join(FILE))?;
        journal.append(&Line::Begun(begun), true)?;
        crate::files::sync_folder(&folder).map_err(failed(&folder))?;
        Ok(journal)
    }

    fn open(path: PathBuf) -> Result<Self, Error> {
        let file = append_only(&path).map_err(failed(&path))?;
        Ok(Self {
            path,
            file: Mutex::new(file),
        })
    }

    fn append(&self, line: &Line, sync: bool) -> Result<(), Error> {
        let mut text = serde_json::to_vec(line).expect("every key of a journal is text");
        text.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&text).map_err(failed(&self.path))?;
        if sync {
            file.sync_data().map_err(failed(&self.path))?;
        }
        Ok(())
    }

    /// Says what is about to be sent; it is on the disk when this returns.
    pub fn sending<'a>(
        &self,
        address: &Address,
        step: &str,
        changes: impl Iterator<Item = &'a ChangeKind>,
    ) -> Result<(), Error> {
        let line = |change: &ChangeKind| SentLine {
            before: change.before().map(OneRule::from),
            after: change.after().map(|rule| {
                OneRule::from(&ObservedRule {
                    rule: rule.clone(),
                    id: None,
                    facts: None,
                })
            }),
        };
        let line = Line::Sending {
            time: Timestamp::now(),
            account: address.account.clone(),
            region: address.region.clone(),
            group: address.group.clone(),
            step: step.to_owned(),
            changes: changes.map(line).collect(),
        };
        self.append(&line, true)
    }

    /// Says what became of it.
    pub fn answered(&self, step: &str, answer: Answer) -> Result<(), Error> {
        let step = step.to_owned();
        self.append(&Line::Answered { step, answer }, false)
    }

    /// Says how the run ended.
    pub fn ended(&self, ended: Ended) -> Result<(), Error> {
        self.append(&Line::Ended(ended), true)
    }
}

/// A file that is only ever appended to and that only its owner may read.
pub(crate) fn append_only(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

/// One call of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// When it was sent.
    pub time: Timestamp,
    /// The group.
    pub address: Address,
    /// The call's token.
    pub step: String,
    /// Its changes.
    pub changes: Vec<Sent>,
    /// What became of it; a run that was killed does not know of its last ones.
    pub answer: Answer,
}

/// A run as its journal tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// How it began.
    pub begun: Begun,
    /// What was sent, in order.
    pub calls: Vec<Call>,
    /// How it ended; `None`: it was killed, or is under way.
    pub ended: Option<Ended>,
    /// Until when somebody was to confirm it.
    pub confirm_by: Option<Timestamp>,
    /// Whether somebody did, or it was to be taken back.
    pub confirmation: Option<Confirmation>,
    /// Whether an undo has found nothing of it that it had to leave; also one that had nothing to do.
    pub taken_back: bool,
}

/// What became of the wait for a confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// Somebody confirmed.
    Confirmed,
    /// Nobody did in time.
    Expired,
}

impl Confirmation {
    fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed\n",
            Self::Expired => "expired\n",
        }
    }
}

impl Run {
    /// Whether anything of it may have reached the cloud.
    pub fn has_sent(&self) -> bool {
        self.calls.iter().any(|call| call.answer != Answer::NotDone)
    }

    /// Until when somebody is to confirm it; for one that has not come to its end, from its beginning on.
    pub fn deadline(&self) -> Option<Timestamp> {
        let within = || Some(self.begun.time + self.begun.confirm_within?);
        self.confirm_by.or_else(within)
    }

    /// Whether somebody may still confirm it.
    pub fn awaits_confirmation(&self) -> bool {
        self.confirm_by.is_some() && self.confirmation.is_none()
    }
}

/// A run together with the calls of the runs that were to take it back, whether or not they came to their end: what
/// has become of its groups since.
pub fn with_undos(runs: &[Run], run: &Run) -> Run {
    let mut whole = run.clone();
    let mut ids = vec![&run.begun.run];
    for later in runs {
        if later
            .begun
            .origin
            .undoes
            .as_ref()
            .is_some_and(|id| ids.contains(&id))
        {
            ids.push(&later.begun.run);
            whole.calls.extend(later.calls.iter().cloned());
        }
    }
    whole
}

/// The run that took another one back and was not taken back itself.
pub fn undone_by<'a>(runs: &'a [Run], run: &Run) -> Option<&'a Run> {
    runs.iter().rfind(|later| {
        later.begun.origin.undoes.as_ref() == Some(&run.begun.run)
            && later
                .ended
                .as_ref()
                .is_some_and(|ended| ended.outcome == "complete")
            && undone_by(runs, later).is_none()
    })
}

/// Every run, the oldest first. A folder without a journal is none.
pub fn runs(root: &Path) -> Result<Vec<Run>, Error> {
    let folder = snapshot::folder(root);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(&folder)(error)),
    };
    let mut runs = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed(&folder))?.path();
        runs.extend(read(&path)?);
    }
    runs.sort_by(|a, b| (a.begun.time, &a.begun.run).cmp(&(b.begun.time, &b.begun.run)));
    Ok(runs)
}

/// Reads the journal in a run's folder.
fn read(folder: &Path) -> Result<Option<Run>, Error> {
    let path = folder.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(failed(&path)(error)),
    };
    let malformed = |reason: String| Error::Malformed {
        path: path.clone(),
        reason,
    };
    let mut run: Option<Run> = None;
    // A line that was cut off by a kill has no line end; what it was about was not sent.
    let whole = text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    for line in whole {
        let line: Line =
            serde_json::from_str(line).map_err(|error| malformed(error.to_string()))?;
        match (line, &mut run) {
            (Line::Begun(begun), None) if begun.format_version > FORMAT => {
                return Err(Error::Newer {
                    path,
                    version: begun.format_version,
                });
            }
            (Line::Begun(begun), None) => {
                run = Some(Run {
                    begun,
                    calls: Vec::new(),
                    ended: None,
                    confirm_by: None,
                    confirmation: confirmation(folder),
                    taken_back: false,
                });
            }
            (
                Line::Sending {
                    time,
                    account,
                    region,
                    group,
                    step,
                    changes,
                },
                Some(run),
            ) => {
                let changes = changes.into_iter().map(sent).collect::<Result<_, _>>();
                run.calls.push(Call {
                    time,
                    address: Address {
                        account,
                        region,
                        group,
                    },
                    step,
                    changes: changes.map_err(malformed)?,
                    answer: Answer::Unknown,
                });
            }
            (Line::Answered { step, answer }, Some(run)) => {
                if let Some(call) = run.calls.iter_mut().rfind(|call| call.step == step) {
                    call.answer = answer;
                }
            }
            (Line::Ended(ended), Some(run)) => run.ended = Some(ended),
            (Line::ConfirmBy { until }, Some(run)) => run.confirm_by = Some(until),
            (Line::TakenBack { time: _ }, Some(run)) => run.taken_back = true,
            (_, None) => return Err(malformed("it does not say how the run begins".to_owned())),
            (Line::Begun(_), Some(_)) => return Err(malformed("it begins twice".to_owned())),
        }
    }
    Ok(run)
}

fn sent(line: SentLine) -> Result<Sent, String> {
    let SentLine { before, after } = line;
    Ok(Sent {
        before: before.map(ObservedRule::try_from).transpose()?,
        after: match after {
            Some(rule) => Some(ObservedRule::try_from(rule)?.rule),
            None => None,
        },
    })
}

/// Says until when a run is to be confirmed.
pub fn confirm_by(root: &Path, run: &str, until: Timestamp) -> Result<(), Error> {
    Journal::open(snapshot::run_folder(root, run).join(FILE))?
        .append(&Line::ConfirmBy { until }, true)
}

/// Says that nothing of a run is left to be undone.
pub fn taken_back(root: &Path, run: &str) -> Result<(), Error> {
    let time = Timestamp::now();
    Journal::open(snapshot::run_folder(root, run).join(FILE))?
        .append(&Line::TakenBack { time }, true)
}

/// What became of the wait; the first answer counts, whoever gives it.
pub fn settle_confirmation(
    root: &Path,
    run: &str,
    answer: Confirmation,
) -> Result<Confirmation, Error> {
    let folder = snapshot::run_folder(root, run);
    let path = folder.join(ANSWER);
    let mut file = tempfile::NamedTempFile::new_in(&folder).map_err(failed(&folder))?;
    file.write_all(answer.as_str().as_bytes())
        .map_err(failed(&path))?;
    file.as_file().sync_all().map_err(failed(&path))?;
    // A link that fails when the name is taken: two processes cannot both be first.
    match file.persist_noclobber(&path) {
        Ok(_) => Ok(answer),
        Err(error) => match confirmation(&folder) {
            Some(other) => Ok(other),
            None => Err(failed(&path)(error.error)),
        },
    }
}

fn confirmation(folder: &Path) -> Option<Confirmation> {
    let text = fs::read_to_string(folder.join(ANSWER)).ok()?;
    let all = [Confirmation::Confirmed, Confirmation::Expired];
    all.into_iter().find(|answer| answer.as_str() == text)
}

/// Whether a run was confirmed or taken back by now.
pub fn is_settled(root: &Path, run: &str) -> Option<Confirmation> {
    confirmation(&snapshot::run_folder(root, run))
}

impl Begun {
    /// A run that begins now.
    pub fn now(run: &str, plan: String, origin: Origin, groups: Vec<String>) -> Self {
        Self {
            format_version: FORMAT,
            time: Timestamp::now(),
            run: run.to_owned(),
            plan,
            origin,
            groups,
            confirm_within: None,
        }
    }
}

#[cfg(test)]
mod tests;
