//! A pass over commits: the newest one, or the last good one where the newest is bad.

use crate::watch::{
    BadCommit, Ending, Stop,
    git::{Checkout, Error},
};

use super::{
    super::Failure,
    pass::{Attempt, Keeper, State},
};

impl Keeper<'_> {
    /// A pass of the newest commit, or of the last good one where the newest is bad.
    pub(super) async fn of_commits(&mut self, checkout: &Checkout, stop: &Stop) -> Ending {
        let (newest, good) = match (checkout.newest().await, checkout.good().await) {
            (Ok(Some(newest)), Ok(good)) => (newest, good),
            (Ok(None), Ok(_)) => {
                let failure = Failure::new("no commit was fetched yet; nothing was changed");
                return self.git_failed(failure, None);
            }
            (Err(error), _) | (_, Err(error)) => {
                let failure = Failure::new("the checkout cannot be used").because(&error);
                return self.git_failed(failure, None);
            }
        };
        // Before anything is checked out: somebody may be at work in the folder, with the files that are there.
        let root = self.root();
        let lock = match &root {
            Some(root) => self.lock(root).await,
            None => Ok(None),
        };
        let _lock = match lock {
            Ok(lock) => lock,
            Err(failure) => {
                let ending = self.git_failed(failure, None);
                self.last = Some(ending.clone());
                return ending;
            }
        };
        let locked = root.as_deref();
        let older = good.as_ref().filter(|good| **good != newest);
        let state = State {
            another: older.is_some(),
            locked,
            ..State::HERE
        };
        let ending = self.of_commit(checkout, &newest, state, stop).await;
        self.last = Some(ending.clone());
        let Some(reason) = ending.blame() else {
            self.told = None;
            if self.approved
                && good.as_ref() != Some(&newest)
                && let Err(error) = checkout.keep(&newest).await
            {
                let failure = Failure::new("that the commit is good cannot be kept");
                self.screen.failure(&failure.because(&error));
            }
            return ending;
        };
        if good.as_ref() == Some(&newest) {
            return ending; // It was good; what is told already says what it is about.
        }
        let bad = BadCommit {
            commit: newest,
            reason: reason.split(';').next().unwrap_or(reason).to_owned(),
        };
        self.complain(&bad, older.map(String::as_str));
        match older {
            None => ending,
            Some(good) => {
                let state = State {
                    bad: &[bad],
                    locked,
                    ..State::HERE
                };
                self.of_commit(checkout, good, state, stop).await
            }
        }
    }

    /// Checks a commit out and does what its files say.
    async fn of_commit(
        &mut self,
        checkout: &Checkout,
        commit: &str,
        state: State<'_>,
        stop: &Stop,
    ) -> Ending {
        self.approved = false;
        let mut objection = match self.objection(checkout, commit).await {
            Ok(objection) => objection,
            Err(failure) => return self.git_failed(failure, Some(commit)),
        };
        if objection.is_none() {
            match checkout.check_out(commit).await {
                Ok(()) => {}
                Err(error @ Error::Altered(_)) => objection = Some(error.to_string()),
                Err(error) => {
                    let failure = Failure::new("the commit cannot be checked out").because(&error);
                    return self.git_failed(failure, Some(commit));
                }
            }
        }
        let state = State {
            commit: Some((commit, objection.as_deref())),
            ..state
        };
        self.attempt(state, stop).await
    }

    /// Why a commit must not be checked out, in one line.
    async fn objection(
        &self,
        checkout: &Checkout,
        commit: &str,
    ) -> Result<Option<String>, Failure> {
        let unseen = "the commit cannot be looked at";
        let objection = checkout.objection(commit).await;
        if let Some(objection) = objection.map_err(|error| Failure::new(unseen).because(&error))? {
            return Ok(Some(objection));
        }
        let project = self.global.project.as_deref();
        let secrets = &self.args.git.secrets;
        secrets
            .objection(checkout.folder(), commit, project)
            .map_err(|error| Failure::new(unseen).because(&error))
    }

    /// Says loudly that a commit is not taken, once.
    fn complain(&mut self, bad: &BadCommit, good: Option<&str>) {
        if self.told.as_ref() == Some(bad) {
            return;
        }
        let BadCommit { commit, reason } = bad;
        let failure = Failure::new(format!("commit {commit} is bad: {reason}"));
        self.screen.failure(&failure.help(match good {
            Some(good) => format!(
                "commit {good}, the last good one, stays in effect; push a commit that mends this one"
            ),
            None => "nothing is done before there is a good commit; push one that mends it".to_owned(),
        }));
        self.told = Some(bad.clone());
    }

    /// The end of a pass that could not look at the files.
    fn git_failed(&mut self, failure: Failure, commit: Option<&str>) -> Ending {
        let ending = Ending::Failed(failure.message.clone());
        let state = State {
            commit: commit.map(|commit| (commit, None)),
            ..State::HERE
        };
        self.without_plan(Attempt::of(state), ending, failure)
    }
}
