//! The listener of the loop: its options, the webhook secret, and its start.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use tokio::{net::TcpListener, sync::watch};

use crate::watch::{
    Hooks, Secret, Status, Stop, Wake,
    server::{self, Served},
};

use super::super::{Failure, Screen};

/// The variable in place of a file with the secret of webhooks.
const SECRET: &str = "RULEKEEP_WEBHOOK_SECRET";

/// Success may be so many intervals old.
const INTERVALS: u32 = 3;

/// But at least so old, since a pass takes its time.
const AT_LEAST: Duration = Duration::from_secs(300);

/// Options about the listener.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Listener")]
pub(super) struct ListenArgs {
    /// Answer /healthz, /readyz and /metrics, and with a secret /hooks/github, gitlab, gitea and codeup; a port alone is one of 127.0.0.1
    #[arg(long, value_name = "[ADDRESS:]PORT", value_parser = address, env = "RULEKEEP_LISTEN")]
    listen: Option<SocketAddr>,
    /// File with the secret of webhooks [default: what RULEKEEP_WEBHOOK_SECRET holds]
    #[arg(
        long,
        value_name = "FILE",
        requires = "listen",
        requires = "url",
        env = "RULEKEEP_WEBHOOK_SECRET_FILE"
    )]
    webhook_secret_file: Option<PathBuf>,
}

impl ListenArgs {
    /// Starts to answer, if that is asked for; `branch`: of git, whose webhooks wake `look`.
    pub(super) async fn serve(
        &self,
        status: watch::Receiver<Status>,
        interval: Duration,
        branch: Option<&str>,
        look: &Wake,
        stop: &Stop,
        screen: &Screen,
    ) -> Result<(), Failure> {
        let Some(address) = self.listen else {
            return Ok(());
        };
        let hooks = match branch {
            None => None,
            Some(branch) => self
                .secret()?
                .map(|secret| (Hooks::new(secret, branch), look.clone())),
        };
        let failed = |error: std::io::Error| {
            Failure::new(format!("cannot listen on {address}")).because(&error)
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        screen.hint(&format!(
            "answering http://{address}/healthz, /readyz, /metrics{}",
            match hooks {
                Some(_) => " and /hooks/github, gitlab, gitea, codeup",
                None => "",
            }
        ));
        let served = Served {
            status,
            patience: (interval * INTERVALS).max(AT_LEAST),
            hooks,
        };
        let (stop, screen) = (stop.clone(), *screen);
        // It ends with the program: nobody waits for those who are still connected.
        tokio::spawn(async move {
            let stopped = async move { stop.stopped().await };
            if let Err(error) = server::run(listener, served, stopped).await {
                let failure = Failure::new("nothing is answered any more");
                screen.failure(&failure.because(&error));
            }
        });
        Ok(())
    }

    /// What webhooks must know; it is never told.
    fn secret(&self) -> Result<Option<Secret>, Failure> {
        let text = match &self.webhook_secret_file {
            Some(path) => std::fs::read_to_string(path).map_err(|error| {
                Failure::new(format!("{} cannot be read", path.display())).because(&error)
            })?,
            None => match std::env::var(SECRET) {
                Ok(text) if !text.is_empty() => text,
                Ok(_) | Err(std::env::VarError::NotPresent) => return Ok(None),
                Err(std::env::VarError::NotUnicode(_)) => {
                    return Err(Failure::usage(format!("{SECRET} is not UTF-8")));
                }
            },
        };
        let text = text.trim_end_matches(['\r', '\n']);
        let secret = Secret::new(text).ok_or_else(|| {
            Failure::usage(format!(
                "the secret of webhooks is shorter than {} characters",
                Secret::SHORTEST
            ))
            .help("`openssl rand -hex 32` makes a good one")
        })?;
        Ok(Some(secret))
    }
}

/// `9090`, `:9090`, `0.0.0.0:9090`, `[::1]:9090`.
fn address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix(':').unwrap_or(text);
    if let Ok(port) = port.parse() {
        return Ok((IpAddr::from(Ipv4Addr::LOCALHOST), port).into());
    }
    text.parse()
        .map_err(|_| "neither a port nor an address with one, such as 127.0.0.1:9090".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_one_of_this_machine() {
        let shown = |text: &str| address(text).map(|address| address.to_string());
        assert_eq!(shown("9090"), Ok("127.0.0.1:9090".to_owned()));
        assert_eq!(shown(":9090"), Ok("127.0.0.1:9090".to_owned()));
        assert_eq!(shown("0.0.0.0:9090"), Ok("0.0.0.0:9090".to_owned()));
        assert_eq!(shown("[::1]:9090"), Ok("[::1]:9090".to_owned()));
        for text in ["", "localhost", "127.0.0.1", "99999"] {
            assert!(address(text).is_err(), "{text}");
        }
    }
}
