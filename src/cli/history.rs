//! `rulekeep history`, and how other commands find a past apply.

use std::path::Path;

use jiff::Timestamp;
use serde_json::json;

use crate::{
    confirm::{self, Pending},
    exit::Exit,
    journal::{self, Confirmation, Run, undone_by},
    lock,
    report::{Format, OutputSpec, text::Tone},
    undo::short,
};

use super::{Failure, Global, Screen, project};

/// Show past applies
///
/// What was sent from this folder, the newest first; `undo` and `confirm` take these ids.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rulekeep history
  rulekeep history --limit 1 -o json")]
pub(super) struct Args {
    /// Show at most so many
    #[arg(long, value_name = "N", default_value_t = 20, env = "RULEKEEP_LIMIT")]
    limit: usize,
    /// Write the list as text or json, to stdout or =FILE; may be repeated
    #[arg(short, long, value_name = "FORMAT[=FILE]", env = "RULEKEEP_OUTPUT", value_parser = OutputSpec::plain)]
    output: Vec<OutputSpec>,
}

pub(super) fn run(args: &Args, global: &Global, screen: &Screen) -> Result<Exit, Failure> {
    let runs = read(&project::root(global)?)?;
    screen.report(&args.output, |format, _| match format {
        Format::Text => text(&runs, args.limit),
        _ => document(&runs, args.limit),
    })?;
    Ok(Exit::Done)
}

/// Every past apply, the oldest first.
pub(super) fn read(root: &Path) -> Result<Vec<Run>, Failure> {
    journal::runs(root)
        .map_err(|error| Failure::new("the past applies cannot be read").because(&error))
}

/// The one whose id begins so.
pub(super) fn find<'a>(runs: &'a [Run], id: &str) -> Result<&'a Run, Failure> {
    let found: Vec<&Run> = runs
        .iter()
        .filter(|run| run.begun.run.starts_with(id))
        .collect();
    let help = "`rulekeep history` shows the ids";
    match found[..] {
        [run] if !id.is_empty() => Ok(run),
        [] => Err(Failure::new(format!("there is no apply {id}")).help(help)),
        _ => Err(Failure::new(format!(
            "the ids of {} applies begin with {id:?}",
            found.len()
        ))
        .help(help)),
    }
}

/// The last one whose changes are still there.
pub(super) fn last(runs: &[Run]) -> Result<&Run, Failure> {
    let standing = |run: &&Run| {
        run.has_sent() && run.begun.origin.undoes.is_none() && undone_by(runs, run).is_none()
    };
    runs.iter().rfind(standing).ok_or_else(|| {
        Failure::new("there is no apply that could be undone")
            .help("an undo is undone by its id, which `rulekeep history` shows")
    })
}

/// Says on stderr what is open about past applies.
pub(super) fn mention(root: &Path, screen: &Screen) {
    let Ok(runs) = journal::runs(root) else {
        return; // Who wants to know about past applies is told why they cannot be read.
    };
    let overdue = confirm::overdue(root, Timestamp::now()).unwrap_or_default();
    let overdue: Vec<Pending> = overdue
        .into_iter()
        .filter(|pending| pending.ended || !lock::is_held(root))
        .collect();
    for pending in &overdue {
        let Pending {
            run, begun, until, ..
        } = pending;
        let label = screen.err.paint(Tone::Removed, "warning:");
        let id = short(run);
        screen.say(&format!(
            "{label} nobody confirmed the apply of {} ({id}) by {}, and it could not undo itself.\n",
            moment(*begun),
            moment(*until),
        ));
        screen.say(&format!(
            "  `rulekeep undo {id}` undoes its changes; `rulekeep confirm {id}` keeps them.\n\n"
        ));
    }
    let Some(run) = runs.last() else { return };
    if overdue.iter().any(|pending| pending.run == run.begun.run) {
        return;
    }
    let id = short(&run.begun.run);
    let begun = moment(run.begun.time);
    if run.ended.is_none() {
        screen.say(&format!(
            "note: the apply of {begun} ({id}) has no end in its journal: it was killed, or is still under way. What follows starts from the rules as they are now.\n\n"
        ));
    } else if let Some(until) = run.confirm_by
        && run.awaits_confirmation()
    {
        screen.say(&format!(
            "note: the apply of {begun} ({id}) waits for `rulekeep confirm` until {}.\n\n",
            moment(until)
        ));
    }
}

/// `2026-11-21 19:47 UTC`.
pub(super) fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// How a run ended, in a word or two.
fn outcome(runs: &[Run], run: &Run) -> String {
    let ended = run.ended.as_ref();
    let mut words = ended.map_or("no end", |ended| &*ended.outcome).to_owned();
    if let Some(of) = &run.begun.origin.undoes {
        words.push_str(&format!(", undo of {}", short(of)));
    }
    match run.confirmation {
        Some(Confirmation::Confirmed) => words.push_str(", confirmed"),
        Some(Confirmation::Expired) => words.push_str(", not confirmed"),
        None if run.awaits_confirmation() => words.push_str(", waits for confirm"),
        None => {}
    }
    if let Some(by) = undone_by(runs, run) {
        words.push_str(&format!(", undone by {}", short(&by.begun.run)));
    }
    words
}

/// Changes that the cloud confirmed; a run without an end is counted by its answers.
fn counts(run: &Run) -> [usize; 3] {
    if let Some(ended) = &run.ended {
        return ended.counts;
    }
    let mut counts = [0; 3];
    let done = run
        .calls
        .iter()
        .filter(|call| call.answer == journal::Answer::Done);
    for change in done.flat_map(|call| &call.changes) {
        let kind = match (&change.before, &change.after) {
            (None, _) => 0,
            (Some(_), Some(_)) => 1,
            (Some(_), None) => 2,
        };
        counts[kind] += 1;
    }
    counts
}

fn groups(run: &Run) -> String {
    match &run.begun.groups[..] {
        few @ ([] | [_] | [_, _] | [_, _, _]) => few.join(", "),
        [first, second, rest @ ..] => format!("{first}, {second} and {} more", rest.len()),
    }
}

fn text(runs: &[Run], limit: usize) -> String {
    if runs.is_empty() {
        return "No apply yet.\n".to_owned();
    }
    let shown: Vec<&Run> = runs.iter().rev().take(limit).collect();
    let outcomes: Vec<String> = shown.iter().map(|run| outcome(runs, run)).collect();
    let width = outcomes
        .iter()
        .map(String::len)
        .max()
        .unwrap_or(0)
        .max("outcome".len());
    let mut text = format!(
        "{:8}  {:23}  {:8}  {:>13}  {:width$}  groups\n",
        "id", "when", "commit", "changes", "outcome"
    );
    for (run, outcome) in shown.into_iter().zip(outcomes) {
        let [added, changed, destroyed] = counts(run);
        let commit = run.begun.origin.commit.as_deref().unwrap_or("-");
        let mut commit = commit.get(..7).unwrap_or(commit).to_owned();
        if run.begun.origin.dirty == Some(true) {
            commit.push('+');
        }
        let line = format!(
            "{:8}  {:23}  {commit:8}  {:>13}  {outcome:width$}  {}",
            short(&run.begun.run),
            moment(run.begun.time),
            format!("+{added} ~{changed} -{destroyed}"),
            groups(run),
        );
        text.push_str(&crate::report::text::escape(&line));
        text.push('\n');
    }
    text
}

fn document(runs: &[Run], limit: usize) -> String {
    let run = |run: &Run| {
        let [added, changed, destroyed] = counts(run);
        json!({
            "id": run.begun.run,
            "time": run.begun.time,
            "plan": run.begun.plan,
            "commit": run.begun.origin.commit,
            "dirty": run.begun.origin.dirty,
            "groups": run.begun.groups,
            "summary": { "added": added, "changed": changed, "destroyed": destroyed },
            "calls": run.calls.len(),
            "ended": run.ended.as_ref().map(|ended| ended.time),
            "outcome": run.ended.as_ref().map(|ended| ended.outcome.clone()),
            "undoes": run.begun.origin.undoes,
            "undone_by": undone_by(runs, run).map(|by| by.begun.run.clone()),
            "confirm_by": run.confirm_by,
            "confirmed": run.confirmation.map(|answer| answer == Confirmation::Confirmed),
        })
    };
    let runs: Vec<_> = runs.iter().rev().take(limit).map(run).collect();
    format!(
        "{:#}\n",
        json!({ "format_version": "1.0", "applies": runs })
    )
}

#[cfg(test)]
mod tests {
    use crate::journal::{Begun, Ended, Origin};

    use super::*;

    fn run(id: &str, undoes: Option<&str>, outcome: Option<&str>) -> Run {
        let origin = Origin {
            commit: Some("0123456789abcdef".to_owned()),
            dirty: Some(undoes.is_some()),
            undoes: undoes.map(str::to_owned),
        };
        let mut begun = Begun::now(id, "p".to_owned(), origin, vec!["web".to_owned()]);
        begun.time = Timestamp::UNIX_EPOCH;
        Run {
            begun,
            calls: Vec::new(),
            ended: outcome.map(|outcome| Ended {
                time: Timestamp::UNIX_EPOCH,
                outcome: outcome.to_owned(),
                counts: [12, 0, 3],
            }),
            confirm_by: None,
            confirmation: None,
            taken_back: false,
        }
    }

    #[test]
    fn the_newest_is_shown_first_and_what_became_of_each() {
        let runs = [
            run("aaaaaaaaaa", None, Some("complete")),
            run("bbbbbbbbbb", Some("aaaaaaaaaa"), Some("complete")),
            run("cccccccccc", None, None),
        ];
        let expected = "\
id        when                     commit          changes  outcome                     groups
cccccccc  1970-01-01 00:00:00 UTC  0123456       +0 ~0 -0  no end                      web
bbbbbbbb  1970-01-01 00:00:00 UTC  0123456+    +12 ~0 -3  complete, undo of aaaaaaaa  web
aaaaaaaa  1970-01-01 00:00:00 UTC  0123456     +12 ~0 -3  complete, undone by bbbbbbbb  web
";
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(squeezed(&text(&runs, 20)), squeezed(expected));
        assert_eq!(text(&runs, 1).lines().count(), 2);
        let columns = text(&runs, 20);
        let at: Vec<_> = columns.lines().map(|line| line.rfind("  ")).collect();
        assert!(at.windows(2).all(|pair| pair[0] == pair[1]), "{columns}");
    }

    #[test]
    fn an_undo_that_failed_or_was_undone_does_not_count() {
        let mut runs = vec![
            run("aa", None, Some("complete")),
            run("bb", Some("aa"), Some("partial")),
        ];
        assert!(undone_by(&runs, &runs[0]).is_none());
        runs.push(run("cc", Some("aa"), Some("complete")));
        assert_eq!(
            undone_by(&runs, &runs[0]).map(|run| &*run.begun.run),
            Some("cc")
        );
        runs.push(run("dd", Some("cc"), Some("complete")));
        assert!(undone_by(&runs, &runs[0]).is_none());
    }

    #[test]
    fn an_id_is_found_by_a_beginning_that_is_its_own() {
        let runs = [run("abc1", None, None), run("abd2", None, None)];
        assert_eq!(find(&runs, "abc").unwrap().begun.run, "abc1");
        for wrong in ["ab", "", "x"] {
            assert!(find(&runs, wrong).is_err(), "{wrong}");
        }
    }
}
