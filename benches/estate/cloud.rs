//! An embedded cloud in a process of its own, so that its work is not counted, and the program's client for it.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use jiff::Timestamp;
use rulekeep::{
    clouds::Clouds,
    desired::Desired,
    model::AccountName,
    provider::alibaba::{
        Alibaba, Settings,
        credentials::{CredentialSource, Credentials},
    },
    reconcile::{self, Prepared},
};

use crate::bare::PARALLELISM;

/// The cloud; it ends with its value.
pub struct Cloud {
    process: Child,
    /// Where it listens.
    pub endpoint: String,
}

impl Cloud {
    /// One that begins as a file says.
    pub fn start(seed: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_rulekeep"))
            .args(["emulate", "--seed"])
            .arg(seed)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut endpoint = String::new();
        let stdout = process.stdout.take().expect("it is piped");
        BufReader::new(stdout)
            .read_line(&mut endpoint)
            .expect("it says its endpoint");
        Self {
            process,
            endpoint: endpoint.trim_end().to_owned(),
        }
    }

    /// The program's client.
    pub fn connected(&self) -> Clouds<Alibaba> {
        let credentials = Credentials {
            access_key_id: "testid".to_owned(),
            secret: "testsecret".to_owned(),
            security_token: None,
        };
        let cloud = Alibaba::new(Settings {
            endpoint: Some(self.endpoint.clone()),
            parallelism: PARALLELISM,
            ..Settings::new(CredentialSource::fixed(credentials))
        })
        .expect("a client");
        [(AccountName::new("account-0"), cloud)]
            .into_iter()
            .collect()
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A runtime as the program has it.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Finds, reads and plans.
pub async fn prepare<'a>(desired: &'a Desired, clouds: &Clouds<Alibaba>) -> Prepared<'a> {
    let options = reconcile::Options {
        parallelism: PARALLELISM,
    };
    let selection = reconcile::Selection::default();
    let at = Timestamp::now();
    let prepared = reconcile::prepare(desired, &selection, clouds, at, &options, &()).await;
    let prepared = prepared.expect("a plan");
    assert!(!prepared.is_errored(), "{:?}", prepared.unreadable.first());
    prepared
}
