//! One call whose sender is known: its faults, its token, its action, and the file with the state.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    Engine, World, fault,
    tokens::{Token, client_token},
};
use crate::emulator::{
    actions::{self, Ctx, Run, Spec},
    answer::Answer,
    calls::CallEffect,
    error::{ApiError, bad},
    faults::{Call, Effect, Struck, When},
    gateway::{Credential, Request},
    params::Params,
    store::{self, Account, Used},
    sts,
    switches::Switches,
};

/// An answer of an action, or its refusal, with what came of the call.
pub(super) struct Outcome {
    pub(super) answer: Result<Vec<u8>, ApiError>,
    pub(super) effect: CallEffect,
    pub(super) account: String,
    pub(super) struck: Struck,
}

impl Outcome {
    /// Nothing but an answer.
    pub(super) fn of(answer: Result<Vec<u8>, ApiError>) -> Self {
        Self {
            answer,
            effect: CallEffect::default(),
            account: String::new(),
            struck: Struck::default(),
        }
    }
}

impl Engine {
    /// A call that is signed and known: with its faults.
    pub(super) fn call(
        &self,
        spec: &Spec,
        params: &Params,
        credential: &Credential,
        request_id: &str,
        now: Timestamp,
    ) -> Outcome {
        let account = match &credential.account {
            Some(account) => account.clone(),
            None => self.reading(|world| world.state.primary.to_string()),
        };
        let struck = self.active().strike(&Call {
            action: spec.name,
            scope: &format!("{account} {}", params.get("RegionId").unwrap_or_default()),
            reads: matches!(spec.run, Run::Read(_)),
            items: actions::requested_items(params),
            now,
        });
        if let Some(what) = struck.intrusion {
            self.intrude(&account, params, what, struck.dice, now);
        }
        let mut effect = CallEffect::default();
        let answer = match fault::refusal(struck.effect.as_ref(), When::Before) {
            Some(refusal) => Err(refusal),
            None => {
                let partial = match &struck.effect {
                    Some(Effect::Partial { items }) => fault::some_of(params, *items, struck.dice),
                    _ => None,
                };
                let params = partial.as_ref().unwrap_or(params);
                let done = self.run(spec, params, &account, request_id, now, &struck);
                effect = done.1;
                match (done.0, fault::refusal(struck.effect.as_ref(), When::After)) {
                    (Ok(_), Some(refusal)) => Err(refusal),
                    (answer, _) => answer,
                }
            }
        };
        Outcome {
            answer,
            effect,
            account,
            struck,
        }
    }

    pub(super) fn ask_sts(
        &self,
        request: &Request<'_>,
        params: &Params,
        request_id: &str,
        now: Timestamp,
    ) -> Result<Vec<u8>, ApiError> {
        let owner = self.reading(|world| world.state.primary.to_string());
        let call = sts::Call {
            request,
            params,
            credentials: &self.credentials,
            nonces: &self.nonces,
            owner: &owner,
            now,
        };
        Ok(self.sts.call(&call)?.into_json(request_id))
    }

    fn run(
        &self,
        spec: &Spec,
        params: &Params,
        account: &str,
        request_id: &str,
        now: Timestamp,
        struck: &Struck,
    ) -> (Result<Vec<u8>, ApiError>, CallEffect) {
        let switches = self.current_switches();
        let nothing = CallEffect::default();
        if switches.strict_unknown_parameters
            && let Some(name) = spec.unknown_param(params)
        {
            let message = format!("The parameters is unsupported. ({name})");
            return (Err(bad("UnsupportedParameter", message)), nothing);
        }
        let region = match spec.region(params) {
            Ok(region) => region,
            Err(refusal) => return (Err(refusal), nothing),
        };
        let call = Prepared {
            params,
            region,
            request_id,
            now,
            switches: &switches,
            account,
        };
        match spec.run {
            Run::Read(run) => (self.read(&call, run, struck.stale), nothing),
            Run::Write(run) => match client_token(spec, account, params) {
                Ok(token) => {
                    // A batch done in part is no success to be repeated.
                    let partial = matches!(struck.effect, Some(Effect::Partial { .. }));
                    self.write(&call, token.filter(|_| !partial), run)
                }
                Err(refusal) => (Err(refusal), nothing),
            },
        }
    }

    fn read(
        &self,
        call: &Prepared<'_>,
        run: fn(&Ctx<'_>, &Account) -> Result<Answer, ApiError>,
        stale: Option<Duration>,
    ) -> Result<Vec<u8>, ApiError> {
        self.reading(|world| {
            let accounts = stale
                .and_then(|age| world.history.before(call.now, age))
                .unwrap_or(&world.state.accounts);
            let empty = Account::of(call.account);
            let account = accounts.get(call.account).map_or(&empty, |one| &**one);
            let answer = run(&call.ctx(accounts, self.salt), account)?;
            Ok(answer.into_json(call.request_id))
        })
    }

    fn write(
        &self,
        call: &Prepared<'_>,
        token: Option<Token>,
        run: fn(&Ctx<'_>, &mut Account) -> Result<Answer, ApiError>,
    ) -> (Result<Vec<u8>, ApiError>, CallEffect) {
        let mut world = self.writing();
        if let Some(token) = &token {
            match token.answered(&mut world.state.tokens, call.now) {
                Ok(None) => {}
                Ok(Some(answer)) => return (Ok(answer), CallEffect::default()),
                Err(refusal) => return (Err(refusal), CallEffect::default()),
            }
        }
        let outcome = self.change(
            &mut world,
            call.account,
            call.now,
            |accounts, account| {
                let answer = run(&call.ctx(accounts, self.salt), account)?;
                Ok(answer.into_json(call.request_id))
            },
            |answer| Some(token?.used(answer, call.now)),
        );
        match outcome {
            Err(refusal) => (Err(refusal), CallEffect::default()),
            Ok((answer, effect)) => (Ok(answer), effect),
        }
    }

    /// Changes an account and the file with it, or neither; `token`: the client token that is remembered with the change.
    pub(super) fn change<T>(
        &self,
        world: &mut World,
        account: &str,
        now: Timestamp,
        change: impl FnOnce(&store::Accounts, &mut Account) -> Result<T, ApiError>,
        token: impl FnOnce(&T) -> Option<Used>,
    ) -> Result<(T, CallEffect), ApiError> {
        let before = world.state.accounts.clone();
        let slot = world
            .state
            .accounts
            .entry(account.into())
            .or_insert_with(|| Arc::new(Account::of(account)));
        let outcome = change(&before, Arc::make_mut(slot));
        let saved = outcome.and_then(|value| {
            let token = token(&value);
            if let Some(used) = &token {
                world.state.tokens.remember(used.clone());
            }
            let saved = match &self.file {
                Some(file) => file.save(&before, &world.state, token.as_ref()),
                None => Ok(()),
            };
            if saved.is_err() && token.is_some() {
                world.state.tokens.forget_last();
            }
            saved.map(|()| value).map_err(|error| {
                tracing::error!(%error, "the state cannot be saved; the call is undone");
                ApiError::new(
                    500,
                    "InternalError",
                    "The request processing has failed due to some unknown error, exception or failure.",
                )
            })
        });
        match saved {
            Ok(value) => {
                let effect = store::effect(&before, &world.state.accounts);
                if !effect.is_nothing() {
                    let wanted = self.active().faults().oldest_read();
                    world.history.remember(now, before, wanted);
                }
                Ok((value, effect))
            }
            Err(refusal) => {
                world.state.accounts = before;
                Err(refusal)
            }
        }
    }
}

/// A call with its region and account found.
struct Prepared<'a> {
    params: &'a Params,
    region: &'a str,
    request_id: &'a str,
    now: Timestamp,
    switches: &'a Switches,
    account: &'a str,
}

impl Prepared<'_> {
    fn ctx<'a>(&'a self, accounts: &'a store::Accounts, salt: u64) -> Ctx<'a> {
        Ctx {
            params: self.params,
            region: self.region,
            request_id: self.request_id,
            now: self.now,
            switches: self.switches,
            accounts,
            salt,
        }
    }
}
