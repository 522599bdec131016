//! The engine: one request in, one answer out. Knows no sockets and no threads but the ones that call it.

use std::{
    collections::{HashMap, VecDeque},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError, RwLock},
};

use jiff::Timestamp;

use super::{
    EmulatorError, Seed,
    actions::{self, Ctx, Run, Spec},
    answer::{self, Answer},
    calls::{CallLog, CallRecord},
    error::{ApiError, bad},
    gateway::{self, Credential, Nonces, RawRequest, RawResponse, Request},
    params::Params,
    store::{Account, StateFile, read_state},
    sts::{self, Identities, Sts},
    switches::Switches,
};
use crate::provider::alibaba::sign;

/// Seconds that a client token is remembered.
const TOKEN_LIFE: i64 = 24 * 60 * 60;

/// Most client tokens that are remembered.
const TOKENS: usize = 10_000;

/// An emulated account and the rules of its API.
#[derive(Debug)]
pub struct Engine {
    world: RwLock<World>,
    state: Option<StateFile>,
    credentials: Vec<Credential>,
    sts: Sts,
    nonces: Nonces,
    calls: Mutex<CallLog>,
    switches: Switches,
    salt: u64,
}

#[derive(Debug)]
struct World {
    account: Account,
    tokens: Tokens,
}

impl Engine {
    /// An engine with the account of the state file, else of the seed, else an empty one.
    pub(super) fn open(
        state: Option<&Path>,
        seed: Option<&Seed>,
        credentials: Vec<Credential>,
        switches: Switches,
    ) -> Result<Self, EmulatorError> {
        let (state, stored) = match state {
            None => (None, None),
            Some(path) => {
                let (file, stored) = StateFile::open(path).map_err(EmulatorError::state)?;
                (Some(file), stored)
            }
        };
        let account = match (stored, seed) {
            (Some(account), _) => account,
            (None, None) => read_state(r#"{"version": 1}"#).expect("an empty state is well formed"),
            (None, Some(seed)) => {
                let (name, text) = seed.read()?;
                let account =
                    read_state(&text).map_err(|reason| EmulatorError::Seed { name, reason })?;
                if let Some(file) = &state {
                    file.save(&account).map_err(EmulatorError::Save)?;
                }
                account
            }
        };
        Ok(Self {
            world: RwLock::new(World {
                account,
                tokens: Tokens::default(),
            }),
            state,
            credentials,
            sts: Sts::default(),
            nonces: Nonces::default(),
            calls: Mutex::default(),
            switches,
            salt: uuid::Uuid::new_v4().as_u64_pair().0,
        })
    }

    pub(super) fn with_identities(self, identities: Identities) -> Self {
        Self {
            sts: Sts::new(identities),
            ..self
        }
    }

    /// Whether answers may take a while, because writes wait for the disk.
    pub(super) fn waits_for_disk(&self) -> bool {
        self.state.is_some()
    }

    /// The calls so far, oldest first.
    pub fn calls(&self) -> Vec<CallRecord> {
        self.call_log().all()
    }

    /// Forgets the calls so far.
    pub(super) fn forget_calls(&self) {
        self.call_log().clear();
    }

    fn call_log(&self) -> MutexGuard<'_, CallLog> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request.
    pub fn handle(&self, raw: &RawRequest, now: Timestamp) -> RawResponse {
        if let Some(answer) = self.sts.metadata(raw, now) {
            return answer;
        }
        let request_id = uuid::Uuid::new_v4()
            .hyphenated()
            .encode_upper(&mut uuid::Uuid::encode_buffer())
            .to_owned();
        let (request, readable) = Request::read(raw);
        let params = request.params();
        let outcome = readable.and_then(|()| {
            if request.version() == Some(sts::VERSION) {
                return self.ask_sts(&request, &params, &request_id, now);
            }
            let keys = self.sts.known(&self.credentials, request.access_key_id());
            request.verify(&keys, &self.nonces, now)?;
            let spec = actions::find(request.action()).ok_or_else(gateway::unknown_action)?;
            self.run(spec, &params, &request_id, now)
        });

        let format = request.format();
        let (status, code, body) = match outcome {
            Ok(json) => {
                let root = format!("{}Response", request.action());
                (200, None, format.render(&root, json))
            }
            Err(error) => {
                let json = answer::error_json(&error, &request_id, request.host());
                (error.status, Some(error.code), format.render("Error", json))
            }
        };
        let text = |name| params.get(name).map(str::to_owned);
        self.call_log().push(CallRecord {
            at: now,
            access_key_id: request.access_key_id().to_owned(),
            action: request.action().to_owned(),
            region: text("RegionId"),
            group: text("SecurityGroupId"),
            status,
            code,
            request_id: request_id.clone(),
            items: actions::requested_items(&params),
        });
        RawResponse {
            status,
            content_type: format.content_type(),
            request_id,
            body,
        }
    }

    fn ask_sts(
        &self,
        request: &Request<'_>,
        params: &Params,
        request_id: &str,
        now: Timestamp,
    ) -> Result<Vec<u8>, ApiError> {
        let world = self.world.read().unwrap_or_else(PoisonError::into_inner);
        let owner = world.account.owner.to_string();
        drop(world);
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
        request_id: &str,
        now: Timestamp,
    ) -> Result<Vec<u8>, ApiError> {
        if self.switches.strict_unknown_parameters
            && let Some(name) = spec.unknown_param(params)
        {
            return Err(bad(
                "UnsupportedParameter",
                format!("The parameters is unsupported. ({name})"),
            ));
        }
        let ctx = Ctx {
            params,
            region: spec.region(params)?,
            request_id,
            now,
            switches: &self.switches,
            salt: self.salt,
        };
        match spec.run {
            Run::Read(run) => {
                // Actions check everything before they write, so a panic leaves a consistent world.
                let world = self.world.read().unwrap_or_else(PoisonError::into_inner);
                Ok(run(&ctx, &world.account)?.into_json(request_id))
            }
            Run::Write(run) => {
                let token = client_token(spec, params)?;
                self.write(&ctx, token.as_ref(), run)
            }
        }
    }

    fn write(
        &self,
        ctx: &Ctx<'_>,
        token: Option<&Token>,
        run: fn(&Ctx<'_>, &mut Account) -> Result<Answer, ApiError>,
    ) -> Result<Vec<u8>, ApiError> {
        let mut world = self.world.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = token
            && let Some(answer) = world.tokens.find(token, ctx.now)?
        {
            return Ok(answer);
        }
        let before = self.state.is_some().then(|| world.account.clone());
        let answer = run(ctx, &mut world.account)?.into_json(ctx.request_id);
        if let (Some(file), Some(before)) = (&self.state, before)
            && before != world.account
            && let Err(error) = file.save(&world.account)
        {
            tracing::error!(%error, "the state cannot be saved; the call is undone");
            world.account = before;
            return Err(ApiError::new(
                500,
                "InternalError",
                "The request processing has failed due to some unknown error, exception or failure.",
            ));
        }
        if let Some(token) = token {
            world.tokens.insert(token, answer.clone(), ctx.now);
        }
        Ok(answer)
    }
}

/// A client token and what it was sent with.
struct Token {
    /// Action and token.
    key: String,
    /// Hash of the other parameters.
    params: String,
}

fn client_token(spec: &Spec, params: &Params) -> Result<Option<Token>, ApiError> {
    let Some(token) = params.get("ClientToken").filter(|_| spec.client_token) else {
        return Ok(None);
    };
    if token.len() > 64 || !token.is_ascii() {
        return Err(bad(
            "InvalidClientToken.ValueNotSupported",
            "The ClientToken provided is invalid.",
        ));
    }
    let all: Vec<(&str, &str)> = params.iter().collect();
    Ok(Some(Token {
        key: format!("{} {token}", spec.name),
        params: sign::sha256_hex(sign::canonical_query(&all).as_bytes()),
    }))
}

/// Client tokens of calls that succeeded.
#[derive(Debug, Default)]
struct Tokens {
    known: HashMap<String, Used>,
    order: VecDeque<(i64, String)>,
}

#[derive(Debug)]
struct Used {
    params: String,
    answer: Vec<u8>,
}

impl Tokens {
    /// The first answer, when the same call was made with the token before.
    fn find(&mut self, token: &Token, now: Timestamp) -> Result<Option<Vec<u8>>, ApiError> {
        while let Some((at, key)) = self.order.front()
            && now.as_second() - at > TOKEN_LIFE
        {
            self.known.remove(key);
            self.order.pop_front();
        }
        match self.known.get(&token.key) {
            None => Ok(None),
            Some(used) if used.params == token.params => Ok(Some(used.answer.clone())),
            Some(_) => Err(bad(
                "IdempotentParameterMismatch",
                "The request uses the same client token as a previous, but non-identical request. Do not reuse a client token with different requests, unless the requests are identical.",
            )),
        }
    }

    fn insert(&mut self, token: &Token, answer: Vec<u8>, now: Timestamp) {
        if self.order.len() == TOKENS
            && let Some((_, oldest)) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        let params = token.params.clone();
        self.known
            .insert(token.key.clone(), Used { params, answer });
        self.order.push_back((now.as_second(), token.key.clone()));
    }
}
