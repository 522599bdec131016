//! `rulekeep emulate`.

use std::{convert::Infallible, fmt, net::SocketAddr, path::PathBuf, str::FromStr};

use crate::exit::Exit;

use super::{Failure, Screen, pass, stop::stop};

/// Serve the embedded cloud as an HTTP endpoint for any ECS client
///
/// Prints the endpoint once it is ready and runs until it is interrupted.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  rulekeep emulate --listen 127.0.0.1:8080 --seed demo/seed.json
  # and in the project file:
  # accounts: { test: { endpoint: \"http://127.0.0.1:8080\" } }")]
pub(super) struct Args {
    /// Address and port; port 0 takes a free one
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:0",
        env = "RULEKEEP_LISTEN"
    )]
    listen: SocketAddr,
    /// File that keeps the state [default: the state ends with the process]
    #[arg(long, value_name = "FILE", env = "RULEKEEP_STATE")]
    state: Option<PathBuf>,
    /// What the state starts as while there is none
    #[arg(long, value_name = "FILE", env = "RULEKEEP_SEED")]
    seed: Option<PathBuf>,
    /// Accepted access key [default: testid:testsecret]; may be repeated
    #[arg(
        long = "credential",
        value_name = "ID:SECRET",
        env = "RULEKEEP_CREDENTIAL"
    )]
    credentials: Vec<Word>,
}

/// A word that may hold a secret: it is never printed, not even when it is malformed.
#[derive(Clone, PartialEq, Eq)]
struct Word(String);

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Word(..)")
    }
}

impl FromStr for Word {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// What the embedded cloud is started with.
pub(super) struct Settings {
    /// Where it listens.
    pub(super) listen: SocketAddr,
    /// File that keeps the state.
    pub(super) state: Option<PathBuf>,
    /// What the state starts as.
    pub(super) seed: Option<PathBuf>,
    /// Access key ids and their secrets; none: the emulator's own default.
    pub(super) credentials: Vec<(String, String)>,
}

pub(super) async fn run(args: &Args, screen: &Screen) -> Result<Exit, Failure> {
    let settings = Settings {
        listen: args.listen,
        state: args.state.clone(),
        seed: args.seed.clone(),
        credentials: args
            .credentials
            .iter()
            .map(pair)
            .collect::<Result<_, _>>()?,
    };
    let ready = |address: SocketAddr| screen.result(&format!("http://{address}\n"));
    pass::emulate(settings, ready, stop(*screen, "stopping")).await?;
    Ok(Exit::Done)
}

fn pair(Word(text): &Word) -> Result<(String, String), Failure> {
    match text.split_once(':') {
        Some((id, secret)) if !id.is_empty() && !secret.is_empty() => {
            Ok((id.to_owned(), secret.to_owned()))
        }
        _ => Err(Failure::usage(
            "a value of --credential is not of the form ID:SECRET",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_an_id_and_a_secret_and_is_never_printed() {
        let word = |text: &str| Word(text.to_owned());
        assert_eq!(pair(&word("a:b:c")), Ok(("a".into(), "b:c".into())));
        for text in ["hunter2", ":hunter2", "a:"] {
            let failure = pair(&word(text)).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage);
            assert!(!format!("{failure:?}").contains("hunter2"));
        }
        assert!(!format!("{:?}", word("a:hunter2")).contains("hunter2"));
    }
}
