//! Writes down what a run sends: the journal before a call, the audit trail after it.

use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::{
    audit::{self, Audit},
    journal::{Answer, Begun, Ended, Journal, Origin},
    plan::{Address, ChangeKind, Plan},
    provider::{ProviderError, Receipt, RuleCall},
    snapshot::Error,
};

use super::{Options, Report, Verdict, words};

/// The books of one run; they are opened with its first call.
pub(super) struct Record<'a> {
    plan: &'a Plan,
    plan_id: String,
    options: &'a Options,
    run_id: &'a str,
    books: OnceCell<Arc<Books>>,
}

struct Books {
    journal: Journal,
    audit: Audit,
}

impl<'a> Record<'a> {
    pub fn new(plan: &'a Plan, options: &'a Options, run_id: &'a str) -> Self {
        Self {
            plan,
            plan_id: plan.id(),
            options,
            run_id,
            books: OnceCell::new(),
        }
    }

    async fn books(&self) -> Result<&Arc<Books>, Error> {
        let open = async || {
            let changed = self.plan.groups.iter().filter(|g| !g.changes.is_empty());
            let mut begun = Begun::now(
                self.run_id,
                self.plan_id.clone(),
                self.options.origin.clone(),
                changed.map(|group| group.name.to_string()).collect(),
            );
            begun.confirm_within = self.options.confirm_within;
            let root = self.options.root.clone();
            blocking(move || {
                Ok(Arc::new(Books {
                    journal: Journal::begin(&root, begun)?,
                    audit: Audit::open(&root)?,
                }))
            })
            .await
        };
        self.books.get_or_try_init(open).await
    }

    /// Before a call: it is on the disk when this returns.
    pub async fn sending(
        &self,
        address: &Address,
        token: &str,
        changes: Vec<ChangeKind>,
    ) -> Result<(), Error> {
        let books = Arc::clone(self.books().await?);
        let (address, token) = (address.clone(), token.to_owned());
        blocking(move || books.journal.sending(&address, &token, changes.iter())).await
    }

    /// After a call.
    pub fn answered(
        &self,
        address: &Address,
        token: &str,
        call: &RuleCall,
        answer: &Result<Receipt, ProviderError>,
    ) -> Result<(), Error> {
        let Some(books) = self.books.get() else {
            return Ok(()); // Nothing was sent without them.
        };
        let Origin { commit, .. } = &self.options.origin;
        let (outcome, request_id, error) = match answer {
            Ok(receipt) => ("done", Some(receipt.request_id.as_str()), None),
            Err(error) => {
                let (outcome, request_id) = match error {
                    ProviderError::Refused { request_id, .. } => {
                        ("refused", Some(request_id.as_str()))
                    }
                    ProviderError::Unavailable { request_id, .. } => {
                        ("unavailable", request_id.as_deref())
                    }
                    ProviderError::Throttled { .. } => ("throttled", None),
                    ProviderError::Credentials { .. } => ("credentials", None),
                    ProviderError::NotSent { .. } => ("not-sent", None),
                    ProviderError::Stopped => ("stopped", None),
                    ProviderError::Malformed { .. } => ("malformed", None),
                };
                (outcome, request_id, Some(words::error(error)))
            }
        };
        books.audit.append(&audit::Line {
            time: jiff::Timestamp::now(),
            account: address.account.as_str(),
            region: address.region.as_str(),
            group: address.group.as_str(),
            run: self.run_id,
            step: token,
            call: words::call(call),
            outcome,
            request_id,
            error,
            plan: &self.plan_id,
            commit: commit.as_deref(),
        })?;
        let answer = match answer {
            Ok(_) => Answer::Done,
            Err(error) if did_nothing(error) => Answer::NotDone,
            // Whether a refused call with several rules acts in part is not documented.
            Err(_) => Answer::Unknown,
        };
        books.journal.answered(token, answer)
    }

    /// Nothing more is sent to a group.
    pub async fn group_done(&self) -> Result<(), Error> {
        let Some(books) = self.books.get().cloned() else {
            return Ok(());
        };
        blocking(move || books.audit.sync()).await
    }

    /// The run is over.
    pub async fn ended(&self, report: &Report) -> Result<(), Error> {
        let Some(books) = self.books.get().cloned() else {
            return Ok(());
        };
        let outcome = match report.verdict() {
            Verdict::Complete => "complete",
            Verdict::Partial => "partial",
            Verdict::Failed => "failed",
            Verdict::Interrupted => "interrupted",
        };
        let mut counts = [0; 3];
        for group in &report.groups {
            counts[0] += group.added;
            counts[1] += group.changed;
            counts[2] += group.destroyed;
        }
        let ended = Ended {
            time: jiff::Timestamp::now(),
            outcome: outcome.to_owned(),
            counts,
        };
        blocking(move || books.journal.ended(ended)).await
    }
}

/// Whether a call that failed cannot have taken effect.
pub(super) fn did_nothing(error: &ProviderError) -> bool {
    matches!(
        error,
        ProviderError::Throttled { .. }
            | ProviderError::Credentials { .. }
            | ProviderError::NotSent { .. }
            | ProviderError::Stopped
            | ProviderError::Unavailable { not_sent: true, .. }
    )
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .expect("writing a file does not panic")
}
