//! Files in, plans and calls out, against an embedded cloud that keeps a log.

use std::{collections::BTreeMap, path::Path};

use rulekeep::{
    apply::{self, Verdict},
    clouds::Clouds,
    desired::{Desired, SourceFile, load_files},
    diag::render,
    emulator::{Config, Emulator, EmulatorHandle, Seed, Switches},
    guard::Overrides,
    model::AccountName,
    provider::alibaba::{Alibaba, Settings},
    reconcile::{self, Prepared, Selection},
    report::{PlanReport, Stamp, json, text},
};
use serde_json::Value;

use crate::client::client;

/// The project file of every test; the account's endpoint is the emulator's, whatever the file says.
pub const PROJECT: &str = "\
rules: rules/
accounts: { test: { endpoint: \"http://127.0.0.1:1\" } }
defaults: { account: test, region: cn-hangzhou, quota: 5000 }
guard:
  max_deletes: { percent: 100, from: 1 }
  max_changes: { percent: 100, from: 1 }
";

/// Loads group files beside the project file above; they must be sound, warnings are welcome.
pub fn load(files: &[(&str, &str)]) -> Desired {
    try_load(files).unwrap_or_else(|drawn| panic!("{drawn}"))
}

/// As [`load`]; what is wrong, drawn.
pub fn try_load(files: &[(&str, &str)]) -> Result<Desired, String> {
    let project = SourceFile::new("rulekeep.yaml", PROJECT);
    let files = files
        .iter()
        .map(|(path, text)| SourceFile::new(path, *text))
        .collect();
    match load_files(Path::new(""), project, files) {
        Ok((desired, _)) => Ok(desired),
        Err(error) => Err(render(&error.sources, &error.diagnostics, false)),
    }
}

/// An embedded cloud and a client of it.
pub struct Cloud {
    pub emulator: EmulatorHandle,
    pub clouds: Clouds<Alibaba>,
    pub folder: tempfile::TempDir,
}

impl Cloud {
    /// Starts with these groups and lists.
    pub async fn start(seed: &Value) -> Self {
        let switches = Switches {
            rules_per_group: 5000,
            ..Switches::default()
        };
        Self::with(seed, switches).await
    }

    /// As [`Cloud::start`], with another behaviour.
    pub async fn with(seed: &Value, switches: Switches) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let emulator = Emulator::start(Config {
            seed: Some(Seed::Text(seed.to_string())),
            state: Some(folder.path().join("state.json")),
            switches,
            ..Config::default()
        })
        .await
        .unwrap();
        let provider = client(emulator.endpoint(), |settings| Settings {
            parallelism: 16,
            ..settings
        });
        let clouds = [(AccountName::new("test"), provider)].into_iter().collect();
        Self {
            emulator,
            clouds,
            folder,
        }
    }

    /// Reads and plans everything.
    pub async fn prepare<'a>(&self, desired: &'a Desired, parallelism: usize) -> Prepared<'a> {
        let prepared = reconcile::prepare(
            desired,
            &Selection::default(),
            &self.clouds,
            at(),
            &reconcile::Options { parallelism },
            &(),
        )
        .await
        .unwrap();
        let diagnostics: Vec<_> = prepared.diagnostics().cloned().collect();
        assert!(
            !prepared.is_errored(),
            "{}\n{:?}",
            render(&desired.sources, &diagnostics, false),
            prepared.unreadable
        );
        prepared
    }

    /// Plans and applies; the apply must be complete.
    pub async fn apply(&self, desired: &Desired) {
        let prepared = self.prepare(desired, 16).await;
        let approved = prepared
            .guarded(&Overrides::default())
            .unwrap_or_else(|why| panic!("{why:?}\n{}", as_text(&prepared)));
        let options = apply::Options::new(self.folder.path().to_owned());
        let report = apply::apply(
            &approved,
            &self.clouds,
            &desired.sources,
            &options,
            &(),
            std::future::pending(),
        )
        .await;
        assert_eq!(
            report.verdict(),
            Verdict::Complete,
            "{report:#?}\n{}",
            as_text(&prepared)
        );
    }

    /// How often each action was called since the last time this was asked; every call must have succeeded.
    pub fn calls(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for call in self.emulator.calls() {
            assert_eq!(call.code, None, "{call:?}");
            *counts.entry(call.action).or_default() += 1;
        }
        self.emulator.forget_calls();
        counts
    }

    /// Every group with its rules, as the cloud keeps them.
    pub fn state(&self) -> Value {
        serde_json::from_str(&self.emulator.engine().state_text()).unwrap()
    }
}

/// The moment of every plan.
pub fn at() -> jiff::Timestamp {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

/// The plan as `-o json` prints it.
pub fn as_json(prepared: &Prepared<'_>) -> String {
    json::plan(&report(prepared, &stamp()))
}

/// The plan as people read it.
pub fn as_text(prepared: &Prepared<'_>) -> String {
    let style = text::TextStyle {
        width: 120,
        colour: false,
        verbose: true,
    };
    text::plan(&report(prepared, &stamp()), &style)
}

fn stamp() -> Stamp {
    Stamp {
        timestamp: at(),
        commit: None,
        dirty: None,
    }
}

fn report<'a>(prepared: &'a Prepared<'_>, stamp: &'a Stamp) -> PlanReport<'a> {
    PlanReport {
        plan: &prepared.plan,
        sources: &prepared.desired.sources,
        refusals: &[],
        failures: &[],
        stamp,
        shard: None,
    }
}

/// How many cases a property runs over: few in CI, as many as `RULEKEEP_PROPERTY_CASES` says on long runs.
pub fn cases(few: u32) -> u32 {
    let number = std::env::var("RULEKEEP_PROPERTY_CASES");
    number.map_or(few, |text| {
        text.parse().expect("RULEKEEP_PROPERTY_CASES is a number")
    })
}

/// Runs what is asynchronous from a property.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}
