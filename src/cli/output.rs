//! Where results go: stdout, stderr and files. A closed stdout or stderr never ends the program.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::Path,
};

use anstream::{AutoStream, ColorChoice};

use crate::{
    diag::{self, Diagnostic, Sources},
    files::{self, Access},
    report::{
        Format, OutputSpec,
        text::{TextStyle, Tone, escape, escape_lines},
    },
};

use super::{Color, Failure, Global};

/// Width of reports that no terminal shows.
const PLAIN_WIDTH: usize = 140;

/// The terminal, or what stands in its place.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// How text on stdout is drawn.
    pub out: TextStyle,
    /// How text on stderr is drawn.
    pub err: TextStyle,
    /// Whether hints are left out.
    quiet: bool,
}

impl Screen {
    /// Looks at the streams and the environment.
    pub fn new(global: &Global) -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        let columns = terminal_size::terminal_size()
            .map_or(PLAIN_WIDTH, |(terminal_size::Width(columns), _)| {
                columns.into()
            });
        let style = |terminal: bool| TextStyle {
            width: if terminal { columns } else { PLAIN_WIDTH },
            colour: wants_colour(global.color, terminal, variable),
            verbose: global.verbose > 0,
        };
        Self {
            out: style(io::stdout().is_terminal()),
            err: style(io::stderr().is_terminal()),
            quiet: global.quiet,
        }
    }

    /// For messages before the arguments are known.
    pub fn plain() -> Self {
        Self::new(&Global::default())
    }

    /// Prints a result.
    pub fn result(&self, text: &str) -> Result<(), Failure> {
        let mut out = AutoStream::new(io::stdout().lock(), choice(self.out.colour));
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        match written {
            // The reader has seen enough: `rulekeep plan | head`.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(Failure::new("stdout cannot be written").because(&error)),
            Ok(()) => Ok(()),
        }
    }

    /// Says something on stderr.
    pub fn say(&self, text: &str) {
        let mut err = AutoStream::new(io::stderr().lock(), choice(self.err.colour));
        // There is nobody left to tell.
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }

    /// Says what to do next.
    pub fn hint(&self, text: &str) {
        if !self.quiet {
            let label = self.err.paint(Tone::Strong, "help:");
            self.say(&format!("{label} {}\n", escape_lines(text)));
        }
    }

    /// Draws diagnostics on stderr.
    pub fn diagnostics(&self, sources: &Sources, diagnostics: &[Diagnostic]) {
        if !diagnostics.is_empty() {
            let drawn = diag::render(sources, diagnostics, self.err.colour);
            self.say(&format!("{}\n\n", drawn.trim_end()));
        }
    }

    /// Says why the command failed.
    pub fn failure(&self, failure: &Failure) {
        let Failure {
            exit: _,
            message,
            causes,
            help,
            details: _,
            findings: _,
            is_callers: _,
        } = failure;
        let label = self.err.paint(Tone::Removed, "error:");
        let mut text = format!("{label} {}\n", escape_lines(message));
        for cause in causes {
            let cause = escape_lines(cause).replace('\n', "\n    ");
            text.push_str(&format!("  cause: {cause}\n"));
        }
        for line in help {
            let label = self.err.paint(Tone::Strong, "help:");
            text.push_str(&format!("{label} {}\n", escape(line)));
        }
        self.say(&text);
    }

    /// Writes a report to files and stdout. stdout has text where no other format claims it. What cannot be written keeps
    /// nothing else from being written.
    pub fn report(
        &self,
        specs: &[OutputSpec],
        make: impl Fn(Format, &TextStyle) -> String,
    ) -> Result<(), Failure> {
        let files = self.files(specs, &make);
        self.result(&make(stdout_format(specs), &self.out))?;
        files
    }

    /// Writes a report to the files among the outputs.
    pub fn files(
        &self,
        specs: &[OutputSpec],
        make: impl Fn(Format, &TextStyle) -> String,
    ) -> Result<(), Failure> {
        let style = TextStyle {
            width: PLAIN_WIDTH,
            colour: false,
            verbose: self.out.verbose,
        };
        let mut failed = None;
        for spec in specs {
            if let Some(path) = &spec.path
                && let Err(failure) = write_file(path, &make(spec.format, &style))
            {
                failed.get_or_insert(failure);
            }
        }
        failed.map_or(Ok(()), Err)
    }
}

/// The format on stdout.
pub(super) fn stdout_format(specs: &[OutputSpec]) -> Format {
    // Annotations are lines among the others, not a document of their own.
    let claims = |spec: &&OutputSpec| spec.path.is_none() && spec.format != Format::Github;
    let last = specs.iter().rev().find(claims);
    last.map_or(Format::Text, |spec| spec.format)
}

fn choice(colour: bool) -> ColorChoice {
    if colour {
        ColorChoice::AlwaysAnsi
    } else {
        ColorChoice::Never
    }
}

/// Whether a stream gets colours. `--color` wins; then NO_COLOR (no-color.org: set and not empty), CLICOLOR_FORCE and
/// FORCE_COLOR, then whether it is a terminal that knows colours.
pub(super) fn wants_colour(
    color: Color,
    terminal: bool,
    variable: impl Fn(&str) -> Option<String>,
) -> bool {
    let set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    let on = |name: &str| variable(name).is_some_and(|value| !value.is_empty() && value != "0");
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if set("NO_COLOR") => false,
        Color::Auto if on("CLICOLOR_FORCE") || on("FORCE_COLOR") => true,
        Color::Auto => {
            terminal
                && variable("CLICOLOR").as_deref() != Some("0")
                && variable("TERM").as_deref() != Some("dumb")
        }
    }
}

/// Writes a file so that a reader sees the old text or the new one, never a part.
pub(super) fn write_file(path: &Path, text: &str) -> Result<(), Failure> {
    files::replace(path, text.as_bytes(), Access::Usual).map_err(|error| {
        Failure::new(format!("{} cannot be written", path.display())).because(&error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour(color: Color, terminal: bool, variables: &[(&str, &str)]) -> bool {
        wants_colour(color, terminal, |name| {
            let mut all = variables.iter();
            let found = all.find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn colours_follow_flag_then_environment_then_terminal() {
        use Color::{Always, Auto, Never};
        assert!(colour(Auto, true, &[]));
        assert!(!colour(Auto, false, &[]));
        assert!(!colour(Auto, true, &[("NO_COLOR", "1")]));
        assert!(colour(Auto, true, &[("NO_COLOR", "")]));
        assert!(colour(Auto, false, &[("CLICOLOR_FORCE", "1")]));
        assert!(colour(Auto, false, &[("FORCE_COLOR", "1")]));
        assert!(!colour(Auto, false, &[("CLICOLOR_FORCE", "0")]));
        assert!(!colour(
            Auto,
            true,
            &[("NO_COLOR", "1"), ("FORCE_COLOR", "1")]
        ));
        assert!(!colour(Auto, true, &[("TERM", "dumb")]));
        assert!(colour(Always, false, &[("NO_COLOR", "1")]));
        assert!(!colour(Never, true, &[("CLICOLOR_FORCE", "1")]));
    }

    #[test]
    fn a_file_that_cannot_be_written_keeps_no_other_from_being_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let spec = |name: &str| OutputSpec {
            format: Format::Text,
            path: Some(path(name)),
        };
        let specs = [spec("no/a"), spec("b"), spec("no/c")];
        let failure = Screen::plain()
            .files(&specs, |_, _| "report".to_owned())
            .unwrap_err();
        assert!(failure.message.contains("no/a"), "{}", failure.message);
        let written = std::fs::read_to_string(path("b")).unwrap();
        assert_eq!(written, "report");
    }

    #[test]
    fn a_file_in_a_folder_that_is_not_there_is_an_error_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let failure = write_file(&folder.path().join("no/plan.json"), "x").unwrap_err();
        assert!(failure.message.ends_with("no/plan.json cannot be written"));
        assert_eq!(failure.causes.len(), 1);
    }

    #[test]
    fn stdout_has_text_unless_another_format_claims_it() {
        let format = |texts: &[&str]| {
            let specs: Vec<_> = texts.iter().map(|text| text.parse().unwrap()).collect();
            stdout_format(&specs)
        };
        assert_eq!(format(&[]), Format::Text);
        assert_eq!(format(&["json=plan.json"]), Format::Text);
        assert_eq!(format(&["json", "text=plan.txt"]), Format::Json);
        assert_eq!(format(&["json", "github"]), Format::Json);
        assert_eq!(format(&["github"]), Format::Text);
    }
}
