//! `rulekeep watch`: sets up what wakes the loop and runs it.

mod pass;
mod tell;

use std::time::Duration;

use clap::builder::FalseyValueParser;

use crate::{
    desired,
    exit::Exit,
    watch::{self, Schedule, Stop, Wake, files::Files},
};

use self::pass::Keeper;
use super::{
    Failure, Global, Screen, plan,
    project::{self, Selection},
    stop::stop,
};

/// Keep comparing the cloud with the files, and with --apply keep it as they say
///
/// Makes a pass when a file changes and at every interval. Shows the plan when it is another one than before, and one
/// line otherwise. Changes nothing without --apply.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rulekeep watch                        plan whenever a file is saved, and every 10 minutes
  rulekeep watch --apply --interval 5m  also make the changes, through the guard
  rulekeep watch --once                 one pass")]
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
}

pub(super) async fn run(args: &Args, global: &Global, screen: &Screen) -> Result<Exit, Failure> {
    let project = project::file(global)?;
    let stop = Stop::when(stop(
        *screen,
        "stopping after the calls in flight; once more stops at once",
    ));
    let mut keeper = Keeper::new(args, global, screen, project);
    if args.once {
        keeper.pass(&stop).await;
        return Ok(keeper.exit());
    }
    keeper.greet();
    let (schedule, wake) = (Schedule::every(args.interval), Wake::default());
    let mut watching = Watching::default();
    watch::run(&schedule, &wake, &stop, async || {
        watching.renew(&keeper, &wake, screen);
        keeper.pass(&stop).await
    })
    .await;
    Ok(keeper.last_exit())
}

/// The files under watch.
#[derive(Debug, Default)]
struct Watching {
    files: Option<Files>,
    /// The folder of group files, as long as the project file cannot be read to say it.
    rules: Option<std::path::PathBuf>,
    complained: bool,
}

impl Watching {
    /// Watches anew: folders may have come, gone, or been exchanged. Before the files are read, so that no change falls
    /// between.
    fn renew(&mut self, keeper: &Keeper<'_>, wake: &Wake, screen: &Screen) {
        let project = keeper.project();
        if let Ok((desired, _)) = desired::load_project(project) {
            self.rules = Some(desired.project.root.join(desired.project.rules));
        }
        self.files = None;
        match Files::watch(project, self.rules.as_deref(), wake) {
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
    fn an_interval_is_from_a_second_to_a_week() {
        assert_eq!(interval("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(interval("1h 30m"), Ok(Duration::from_secs(5400)));
        for text in ["", "10", "0s", "200ms", "-5m", "169h", "soon"] {
            assert!(interval(text).is_err(), "{text}");
        }
    }
}
