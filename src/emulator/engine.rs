//! The engine: one request in, one answer out. Knows no sockets and no threads but the ones that call it.

mod call;
mod fault;
mod tokens;

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

use self::{call::Outcome, fault::History};
use super::{
    EmulatorError, Faults, Seed, actions, answer,
    calls::{CallLog, CallRecord},
    faults::Active,
    gateway::{self, Credential, Nonces, RawRequest, RawResponse, Request},
    store::{self, State, StateFile, Tokens, read_state},
    sts::{self, Identities, Sts},
    switches::Switches,
};

/// Emulated accounts and the rules of their API.
#[derive(Debug)]
pub struct Engine {
    world: RwLock<World>,
    file: Option<StateFile>,
    seed: Option<Seed>,
    credentials: Vec<Credential>,
    sts: Sts,
    nonces: Nonces,
    calls: Mutex<CallLog>,
    switches: RwLock<Arc<Switches>>,
    faults: Mutex<Active>,
    salt: u64,
}

#[derive(Debug)]
struct World {
    state: State,
    history: History,
}

/// What becomes of a request, for those who have a connection to spoil.
#[derive(Clone, Debug)]
pub struct Served {
    /// How long to wait before anything is sent.
    pub delay: Duration,
    /// What is sent.
    pub delivery: Delivery,
}

/// What is sent to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// An answer.
    Whole(RawResponse),
    /// The head of an answer and this much of its body; then the connection ends.
    Cut(RawResponse, usize),
    /// Nothing: the connection is reset.
    Reset,
}

impl Engine {
    /// An engine with what the state file holds, else the seed, else nothing.
    pub(super) fn open(
        state: Option<&Path>,
        seed: Option<&Seed>,
        credentials: Vec<Credential>,
        switches: &Switches,
        faults: &Faults,
    ) -> Result<Self, EmulatorError> {
        let (file, stored) = match state {
            None => (None, None),
            Some(path) => {
                let (file, stored) = StateFile::open(path).map_err(EmulatorError::state)?;
                (Some(file), stored)
            }
        };
        let state = match stored {
            Some(state) => state,
            None => {
                let state = initial(seed)?;
                if let (Some(file), Some(_)) = (&file, seed) {
                    file.replace(&state).map_err(EmulatorError::Save)?;
                }
                state
            }
        };
        let switches = match &state.switches {
            None => switches.clone(),
            Some(text) => switches.over(text).map_err(|reason| EmulatorError::Seed {
                name: "the state or seed".into(),
                reason,
            })?,
        };
        let faults = match &state.faults {
            Some(stored) if *faults == Faults::default() => stored.clone(),
            _ => faults.clone(),
        };
        Ok(Self {
            world: RwLock::new(World {
                state,
                history: History::default(),
            }),
            file,
            seed: seed.cloned(),
            credentials,
            sts: Sts::default(),
            nonces: Nonces::default(),
            calls: Mutex::default(),
            switches: RwLock::new(Arc::new(switches)),
            faults: Mutex::new(Active::new(faults)),
            salt: uuid::Uuid::new_v4().as_u64_pair().0,
        })
    }

    pub(super) fn with_identities(mut self, identities: Identities) -> Self {
        self.sts = Sts::new(identities);
        self
    }

    /// Whether answers may take a while, because writes wait for the disk.
    pub(super) fn waits_for_disk(&self) -> bool {
        self.file.is_some()
    }

    /// The calls so far, oldest first.
    pub fn calls(&self) -> Vec<CallRecord> {
        self.call_log().all()
    }

    /// Forgets the calls so far.
    pub fn forget_calls(&self) {
        self.call_log().clear();
    }

    /// What goes wrong at present.
    pub fn faults(&self) -> Faults {
        self.active().faults().clone()
    }

    /// Lets other things go wrong from now on; every count begins anew.
    pub fn set_faults(&self, faults: Faults) {
        *self.active() = Active::new(faults);
    }

    /// The variants of behaviour at present.
    pub fn switches(&self) -> Switches {
        (*self.current_switches()).clone()
    }

    /// Behaves differently from now on.
    pub fn set_switches(&self, switches: Switches) {
        // What is in the lock is replaced as a whole, so it is never half-written.
        *self
            .switches
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(switches);
    }

    /// Everything goes back to the seed, or to nothing without one; calls and client tokens are forgotten.
    pub fn reset(&self) -> Result<(), EmulatorError> {
        let state = initial(self.seed.as_ref())?;
        let mut world = self.writing();
        if let Some(file) = &self.file {
            file.replace(&state).map_err(EmulatorError::Save)?;
        }
        *world = World {
            state,
            history: History::default(),
        };
        drop(world);
        self.forget_calls();
        Ok(())
    }

    /// The state as text, in the format of a seed.
    pub fn state_text(&self) -> String {
        let mut state = self.reading(|world| world.state.clone());
        state.tokens = Tokens::default(); // Of calls that whoever reads it as a seed has not made.
        let mut text = Vec::new();
        store::write_state(&state, &mut text).expect("memory takes everything");
        String::from_utf8(text).expect("JSON is UTF-8")
    }

    fn call_log(&self) -> MutexGuard<'_, CallLog> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn active(&self) -> MutexGuard<'_, Active> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn current_switches(&self) -> Arc<Switches> {
        let switches = self.switches.read();
        Arc::clone(&switches.unwrap_or_else(PoisonError::into_inner))
    }

    // Actions check everything before they write, so a panic leaves a consistent world.
    fn reading<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.world.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn writing(&self) -> RwLockWriteGuard<'_, World> {
        self.world.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request as a client with an unspoilt connection sees it; a reset connection is status 0.
    pub fn handle(&self, raw: &RawRequest, now: Timestamp) -> RawResponse {
        match self.serve(raw, now).delivery {
            Delivery::Whole(response) | Delivery::Cut(response, _) => response,
            Delivery::Reset => RawResponse {
                status: 0,
                content_type: "",
                request_id: String::new(),
                body: Vec::new(),
                retry_after_ms: None,
            },
        }
    }

    /// Answers a request, or lets go wrong what is to go wrong.
    pub fn serve(&self, raw: &RawRequest, now: Timestamp) -> Served {
        let now = self.skewed(now);
        if let Some(answer) = self.sts.metadata(raw, now) {
            return Served {
                delay: Duration::ZERO,
                delivery: Delivery::Whole(answer),
            };
        }
        let request_id = uuid::Uuid::new_v4()
            .hyphenated()
            .encode_upper(&mut uuid::Uuid::encode_buffer())
            .to_owned();
        let (request, readable) = Request::read(raw);
        let params = request.params();
        let outcome = readable
            .and_then(|()| {
                if request.version() == Some(sts::VERSION) {
                    let answer = self.ask_sts(&request, &params, &request_id, now)?;
                    return Ok(Outcome::of(Ok(answer)));
                }
                let keys = self.sts.known(&self.credentials, request.access_key_id());
                let credential = request.verify(&keys, &self.nonces, now)?;
                let spec = actions::find(request.action()).ok_or_else(gateway::unknown_action)?;
                Ok(self.call(spec, &params, credential, &request_id, now))
            })
            .unwrap_or_else(|refusal| Outcome::of(Err(refusal)));
        let Outcome {
            answer,
            effect,
            account,
            struck,
        } = outcome;

        let format = request.format();
        let (status, code, body) = match answer {
            Ok(json) => {
                let root = format!("{}Response", request.action());
                (200, None, format.render(&root, json))
            }
            Err(error) => {
                let json = answer::error_json(&error, &request_id, request.host());
                let code = Some(error.code);
                (error.status, code, format.render("Error", json))
            }
        };
        let text = |name| params.get(name).map(str::to_owned);
        self.call_log().push(CallRecord {
            at: now,
            access_key_id: request.access_key_id().to_owned(),
            account,
            action: request.action().to_owned(),
            region: text("RegionId"),
            group: text("SecurityGroupId"),
            status,
            code,
            request_id: request_id.clone(),
            items: actions::requested_items(&params),
            effect,
            faults: struck.names.clone(),
            intrusion: false,
        });
        let response = RawResponse {
            status,
            content_type: format.content_type(),
            request_id,
            body,
            retry_after_ms: None,
        };
        Served {
            delay: struck.delay,
            delivery: fault::deliver(&struck, response),
        }
    }

    /// The time as the cloud has it.
    pub(super) fn skewed(&self, now: Timestamp) -> Timestamp {
        let skew = self.active().faults().clock_skew_seconds;
        now.saturating_add(SignedDuration::from_secs(skew))
            .unwrap_or(now)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let Some(file) = &self.file else { return };
        let world = self.world.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.settle(&world.state) {
            // Nothing is lost: the journal has it.
            tracing::warn!(%error, "the journal of the state stays beside it");
        }
    }
}

/// What there is before the first call.
fn initial(seed: Option<&Seed>) -> Result<State, EmulatorError> {
    match seed {
        None => Ok(read_state(r#"{"version": 1}"#).expect("an empty state is well formed")),
        Some(seed) => {
            let (name, text) = seed.read()?;
            read_state(&text).map_err(|reason| EmulatorError::Seed { name, reason })
        }
    }
}
