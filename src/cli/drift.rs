//! `rulekeep drift`.

use jiff::Timestamp;

use crate::{
    exit::Exit,
    guard::Overrides,
    report::{Format, json, text},
};

use super::{
    Failure, Global, Screen, pass,
    plan::{Shared, not_whole},
    progress::Meter,
    project::{self, Selection},
    since::Since,
};

/// Say where the cloud differs from the files
///
/// The same comparison as `plan`, in words for a job that watches. Exits with 2 when there is any drift. Live rules that
/// partial mode leaves alone are no drift.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    since: Since,
    #[command(flatten)]
    shared: Shared,
}

pub(super) async fn run(args: &Args, global: &Global, screen: &Screen) -> Result<Exit, Failure> {
    let desired = project::load(global, screen)?;
    let desired = pass::discovered(desired, args.shared.parallelism.into(), screen).await?;
    let at = Timestamp::now();
    let stamp = pass::stamp(&desired, at);
    let meter = Meter::new(global);
    let parallelism = args.shared.parallelism.into();
    let selection = args
        .since
        .narrow(&args.selection, &desired, global, screen)?;
    let prepared = pass::prepare(&desired, &selection, at, parallelism, &meter).await?;
    drop(meter);

    let diagnostics = prepared.diagnostics();
    screen.diagnostics(&desired.sources, &diagnostics);
    let refusals = prepared
        .guarded(&Overrides::default())
        .err()
        .unwrap_or_default();
    let report = prepared.report(&refusals, &stamp);
    screen.report(&args.shared.output, |format, style| match format {
        Format::Text => text::drift(&report, style),
        Format::Json => json::plan(&report),
    })?;
    if prepared.is_errored() {
        return Err(not_whole(&report, &diagnostics));
    }
    if prepared.is_empty() {
        return Ok(Exit::Done);
    }
    let words = selection.words();
    screen.hint(&format!(
        "`rulekeep apply{words}` makes the cloud hold what the files declare"
    ));
    Ok(Exit::Changes)
}
