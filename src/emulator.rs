//! The embedded cloud: the ECS security-group API on a listener, as strict as the real one.
//!
//! ```no_run
//! # async fn example() -> Result<(), rulekeep::emulator::EmulatorError> {
//! use rulekeep::emulator::{Config, Emulator};
//! let emulator = Emulator::start(Config::default()).await?; // 127.0.0.1, a free port, memory only
//! println!("http://{}", emulator.local_addr());
//! emulator.shut_down().await
//! # }
//! ```
//!
//! A request goes through `gateway` (is it whole, signed, fresh, new?), `actions` (one file per family: every check of
//! the cloud, with its codes) and `store` (groups, rules, lists, the state file). [`Engine`] is all of that without
//! sockets. The format of states and seeds is described in `store/seed.rs` and in docs/emulator.md.

mod actions;
mod admin;
mod answer;
mod calls;
mod engine;
mod error;
mod faults;
mod gateway;
mod listener;
mod metadata;
mod paging;
mod params;
mod rule;
mod store;
mod sts;
mod switches;
mod tls;

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

pub use self::{
    calls::{CallEffect, CallRecord},
    engine::{Delivery, Engine, Served},
    error::ApiError,
    faults::{Effect, Fault, FaultError, Faults, Intrusion, Shape, When},
    gateway::{Credential, RawRequest, RawResponse},
    sts::{Identities, OidcProvider, Principal, RamRole},
    switches::Switches,
    tls::Tls,
};

/// How long a client may keep the emulator from ending.
const GRACE: Duration = Duration::from_secs(5);

/// Says what time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Where the groups come from when there is no state yet.
#[derive(Clone, Debug)]
pub enum Seed {
    /// A file.
    File(PathBuf),
    /// The text of such a file.
    Text(String),
}

impl Seed {
    fn read(&self) -> Result<(String, String), EmulatorError> {
        match self {
            Self::Text(text) => Ok(("the seed".into(), text.clone())),
            Self::File(path) => {
                let name = path.display().to_string();
                match std::fs::read_to_string(path) {
                    Ok(text) => Ok((name, text)),
                    Err(error) => Err(EmulatorError::Seed {
                        name,
                        reason: error.to_string(),
                    }),
                }
            }
        }
    }
}

/// What an emulator is started with. The default: 127.0.0.1 on a free port, `testid`/`testsecret`, memory only, empty.
#[derive(Clone)]
pub struct Config {
    /// Where to listen; port 0 is a free one.
    pub listen: SocketAddr,
    /// Keys that are taken.
    pub credentials: Vec<Credential>,
    /// File that keeps the state from one start to the next.
    pub state: Option<PathBuf>,
    /// What to begin with; ignored when the state file exists.
    pub seed: Option<Seed>,
    /// What time it is; the system's clock unless a test says otherwise.
    pub clock: Clock,
    /// Variants of behaviour; what differs from the default here wins over the `switches` of the state or seed.
    pub switches: Switches,
    /// What goes wrong; the default leaves it to the `faults` of the state or seed.
    pub faults: Faults,
    /// Whether `/-/calls`, `/-/faults`, `/-/switches`, `/-/state` and `/-/reset` steer it.
    pub admin: bool,
    /// HTTPS instead of HTTP.
    pub tls: Option<Tls>,
    /// Who the keys are, which roles and identity providers exist.
    pub identities: Identities,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            credentials: vec![Credential::new("testid", "testsecret")],
            state: None,
            seed: None,
            clock: Arc::new(Timestamp::now),
            switches: Switches::default(),
            faults: Faults::default(),
            admin: false,
            tls: None,
            identities: Identities::default(),
        }
    }
}

/// Why an emulator does not start, or how it ended.
#[derive(Debug, thiserror::Error)]
pub enum EmulatorError {
    /// The address is taken or not allowed.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// As configured.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The state file is in use, cannot be read, or is not one; it is left as it is.
    #[error("state file {0}")]
    State(String),
    /// The seed cannot be read or is not one.
    #[error("{name}: {reason}")]
    Seed {
        /// Path, or that it was given as text.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// The certificate or its key cannot be used.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[source] io::Error),
    /// The state cannot be written.
    #[error("the state cannot be saved: {0}")]
    Save(#[source] io::Error),
    /// Serving ended with an error.
    #[error("the emulator failed: {0}")]
    Serve(#[source] io::Error),
}

impl EmulatorError {
    fn state(error: store::StoreError) -> Self {
        Self::State(error.to_string())
    }
}

/// Starts emulators.
#[derive(Debug)]
pub struct Emulator;

impl Emulator {
    /// The engine of a configuration, without a listener.
    pub fn engine(config: &Config) -> Result<Engine, EmulatorError> {
        Engine::open(
            config.state.as_deref(),
            config.seed.as_ref(),
            config.credentials.clone(),
            &config.switches,
            &config.faults,
        )
        .map(|engine| engine.with_identities(config.identities.clone()))
    }

    /// Opens the state, listens and serves in the background of the current tokio runtime.
    pub async fn start(config: Config) -> Result<EmulatorHandle, EmulatorError> {
        let engine = Arc::new(Self::engine(&config)?);
        let listen = |source| EmulatorError::Listen {
            address: config.listen,
            source,
        };
        let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let identity = config.tls.as_ref().map(|tls| tls.identity(address));
        let identity = identity.transpose().map_err(EmulatorError::Tls)?;
        let (tls, certificate) = match identity {
            Some(identity) => (Some(identity.acceptor), identity.certificate),
            None => (None, None),
        };
        let secure = tls.is_some();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(listener::run(
            listener,
            tls,
            Arc::clone(&engine),
            config.clock,
            config.admin,
            async {
                // An error means that the handle is gone, which ends the emulator as well.
                let _ = stopped.await;
            },
        ));
        Ok(EmulatorHandle {
            address,
            secure,
            certificate,
            engine,
            stop,
            task,
        })
    }
}

/// A running emulator; it ends when this is dropped.
#[derive(Debug)]
pub struct EmulatorHandle {
    address: SocketAddr,
    secure: bool,
    certificate: Option<String>,
    engine: Arc<Engine>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<io::Result<()>>,
}

impl EmulatorHandle {
    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// `http://ADDRESS:PORT` or `https://ADDRESS:PORT`.
    pub fn endpoint(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// PEM of the certificate that was made for this run.
    pub fn certificate(&self) -> Option<&str> {
        self.certificate.as_deref()
    }

    /// The calls so far, oldest first; the last 100,000 are remembered.
    pub fn calls(&self) -> Vec<CallRecord> {
        self.engine.calls()
    }

    /// Forgets the calls so far.
    pub fn forget_calls(&self) {
        self.engine.forget_calls();
    }

    /// Lets other things go wrong from now on; every count begins anew.
    pub fn set_faults(&self, faults: Faults) {
        self.engine.set_faults(faults);
    }

    /// Behaves differently from now on.
    pub fn set_switches(&self, switches: Switches) {
        self.engine.set_switches(switches);
    }

    /// Everything goes back to the seed, or to nothing without one.
    pub fn reset(&self) -> Result<(), EmulatorError> {
        self.engine.reset()
    }

    /// What answers the requests, to look into it.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Finishes the calls under way, up to a few seconds, and ends; the state file is free afterwards.
    pub async fn shut_down(self) -> Result<(), EmulatorError> {
        let Self { stop, mut task, .. } = self;
        // It fails only when the server has ended already.
        let _ = stop.send(());
        match tokio::time::timeout(GRACE, &mut task).await {
            Ok(Ok(outcome)) => outcome.map_err(EmulatorError::Serve),
            Ok(Err(error)) => Err(EmulatorError::Serve(io::Error::other(error))),
            Err(_) => {
                task.abort();
                Ok(())
            }
        }
    }
}
