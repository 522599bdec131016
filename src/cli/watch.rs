//! `rulekeep watch`: sets up what wakes the loop and runs it.

mod audience;
mod commits;
mod obstacle;
mod outputs;
mod pass;
mod serve;
mod source;
mod tell;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::builder::FalseyValueParser;

use crate::{
    desired,
    exit::Exit,
    report::{Format, OutputSpec},
    watch::{self, Ended, Schedule, Stop, Wake},
};

use self::{
    pass::{Files, Keeper},
    serve::ListenArgs,
    source::{Fetcher, GitArgs},
};
use super::{
    Failure, Global, Screen, plan,
    project::{self, Selection},
    stop::stop,
};

/// Keep comparing the cloud with the files, and with --apply keep it as they say
///
/// Makes a pass when a file changes, or with --git a branch of a repository, and at every interval. Shows the plan when it is another one than before, and one
/// line otherwise. Changes nothing without --apply.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rulekeep watch                        plan whenever a file is saved, and every 10 minutes
  rulekeep watch --apply --interval 5m  also make the changes, through the guard
  rulekeep watch --once                 one pass
  rulekeep watch --listen 9090          with http://127.0.0.1:9090/metrics for Prometheus
  rulekeep watch -o html=/srv/www/plan.html    with the plan of the last pass as a page
  rulekeep watch --apply --git git@git.example.com:net/rules.git    what is merged is applied")]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Make the changes that the guard lets through, without asking
    #[arg(
        long,
        env = "RULEKEEP_APPLY",
        value_parser = FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    apply: bool,
    /// Time between two passes that nothing else asks for, give or take a tenth: 10m, 90s, ..
    #[arg(
        long,
        value_name = "TIME",
        default_value = "10m",
        value_parser = interval,
        env = "RULEKEEP_INTERVAL"
    )]
    interval: Duration,
    /// Make one pass and end
    #[arg(
        long,
        env = "RULEKEEP_ONCE",
        value_parser = FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    once: bool,
    /// Most requests at a time
    #[arg(
        long,
        value_name = "N",
        default_value_t = 10,
        value_parser = plan::parallelism,
        allow_negative_numbers = true,
        env = "RULEKEEP_PARALLELISM"
    )]
    parallelism: u16,
    /// Write the plan of every pass to a file as text, json, markdown, html, sarif, junit, gitlab, codequality or github; may be
    /// repeated
    #[arg(
        short,
        long,
        value_name = "FORMAT=FILE",
        value_parser = output,
        env = "RULEKEEP_OUTPUT"
    )]
    output: Vec<OutputSpec>,
    #[command(flatten)]
    git: GitArgs,
    #[command(flatten)]
    listener: ListenArgs,
}

pub(super) async fn run(args: &Args, global: &Global, screen: &Screen) -> Result<Exit, Failure> {
    let checkout = args.git.open(global).await?;
    let project = match &checkout {
        None => project::file(global)?,
        Some(checkout) => checkout.folder().to_owned(),
    };
    let files = match &checkout {
        None => Files::Here { project: &project },
        Some(checkout) => Files::Git(checkout),
    };
    let mut fetcher = checkout
        .as_ref()
        .map(|checkout| Fetcher::new(checkout, screen));
    let stop = Stop::when(stop(
        *screen,
        "stopping after the calls in flight; once more stops at once",
    ));
    let mut keeper = Keeper::new(args, global, screen, files);
    let (wake, look) = (Wake::default(), Wake::default());
    if !args.once {
        keeper.greet();
        let branch = checkout.as_ref().map(|checkout| checkout.remote().branch());
        args.listener
            .serve(keeper.status(), args.interval, branch, &look, &stop, screen)
            .await?;
    }
    // The first pass is about what there is now.
    let mut fetched = match &mut fetcher {
        None => Ended::Well,
        Some(fetcher) => stoppable(&stop, fetcher.fetch(|| {})).await,
    };
    if args.once {
        keeper.pass(&stop).await;
        return Ok(match (keeper.exit(), fetched) {
            (Exit::Done, Ended::Failed) => Exit::Error,
            (exit, _) => exit,
        });
    }
    let schedule = Schedule::every(args.interval);
    let passes = async {
        let mut watching = Watching::default();
        watch::run(&schedule, &wake, &stop, async || {
            if checkout.is_none() {
                watching.renew(&project, &wake, screen);
            }
            keeper.pass(&stop).await
        })
        .await;
    };
    let looks = Schedule::every(args.git.git_interval);
    let fetches = async {
        let Some(fetcher) = &mut fetcher else { return };
        let mut is_first = true;
        watch::run(&looks, &look, &stop, async || {
            if !std::mem::take(&mut is_first) {
                fetched = stoppable(&stop, fetcher.fetch(|| wake.wake())).await;
            }
            fetched
        })
        .await;
    };
    tokio::join!(passes, fetches);
    Ok(keeper.last_exit())
}

/// Fetching changes nothing but the work folder: it is dropped when the program is to end.
async fn stoppable(stop: &Stop, fetch: impl Future<Output = Ended>) -> Ended {
    tokio::select! {
        biased;
        () = stop.stopped() => Ended::Well,
        ended = fetch => ended,
    }
}

/// The files under watch.
#[derive(Debug, Default)]
struct Watching {
    files: Option<watch::files::Files>,
    /// The folder of group files, as long as the project file cannot be read to say it.
    rules: Option<PathBuf>,
    complained: bool,
}

impl Watching {
    /// Watches anew: folders may have come, gone, or been exchanged. Before the files are read, so that no change falls
    /// between.
    fn renew(&mut self, project: &Path, wake: &Wake, screen: &Screen) {
        if let Ok((desired, _)) = desired::load_project(project) {
            self.rules = Some(desired.project.root.join(desired.project.rules));
        }
        self.files = None;
        match watch::files::Files::watch(project, self.rules.as_deref(), wake) {
            Ok(files) => {
                self.files = Some(files);
                self.complained = false;
            }
            Err(error) if !self.complained => {
                self.complained = true;
                let failure = Failure::new("changes of files are found at the interval only");
                screen.failure(&failure.because(&error));
            }
            Err(_) => {}
        }
    }
}

/// An output that is a file: stdout has what one pass says after the other.
fn output(text: &str) -> Result<OutputSpec, String> {
    let output: OutputSpec = text.parse().map_err(|error| format!("{error}"))?;
    match (output.format, &output.path) {
        (_, Some(_)) | (Format::Text, None) => Ok(output),
        (format, None) => Err(format!(
            "stdout has text from pass to pass; give it a file: {format}=FILE"
        )),
    }
}

/// `10m`, `90s`, `1h 30m`: from a second to a week.
fn interval(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration = text
        .parse()
        .map_err(|_| "not a time span, such as 10m or 90s".to_owned())?;
    let span = Duration::try_from(span).map_err(|_| "a time span cannot be negative".to_owned())?;
    match span.as_secs() {
        1..=604_800 => Ok(span),
        _ => Err("from 1s to 168h".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_of_passes_are_files() {
        assert!(output("text").is_ok());
        assert!(output("json=plan.json").is_ok());
        for text in ["json", "github", "json=-", "yaml=x"] {
            assert!(output(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_interval_is_from_a_second_to_a_week() {
        assert_eq!(interval("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(interval("1h 30m"), Ok(Duration::from_secs(5400)));
        for text in ["", "10", "0s", "200ms", "-5m", "169h", "soon"] {
            assert!(interval(text).is_err(), "{text}");
        }
    }
}
