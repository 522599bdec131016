//! From the process's arguments and `RULEKEEP_CLI_ARGS` to a [`Cli`].

use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches};

use crate::exit::Exit;

use super::{Cli, Failure, Screen};

const VARIABLE: &str = "RULEKEEP_CLI_ARGS";

/// Parses, and prints help, version and wrong usage.
pub(super) fn parse() -> Result<Cli, Exit> {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    match std::env::var(VARIABLE) {
        Ok(text) => arguments = insert(arguments, &text).map_err(|failure| wrong(&failure))?,
        Err(std::env::VarError::NotPresent) => {}
        Err(std::env::VarError::NotUnicode(_)) => {
            return Err(wrong(&Failure::usage(format!("{VARIABLE} is not UTF-8"))));
        }
    }
    let mut command = Cli::definition();
    command.build();
    command
        .mut_subcommands(brief)
        .try_get_matches_from(arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches))
        .map_err(|error| {
            // A closed stdout or stderr changes nothing about the outcome.
            let _ = error.print();
            if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            }
        })
}

fn wrong(failure: &Failure) -> Exit {
    Screen::plain().failure(failure);
    failure.exit
}

/// The help of a command leaves the global options that take much room to the help of the program. For a command that is
/// built: only then it has them.
fn brief(command: clap::Command) -> clap::Command {
    let long = ["project", "color"];
    let mut has = false;
    let command = command.mut_args(|argument| {
        let is_long = argument.get_long().is_some_and(|name| long.contains(&name));
        has |= is_long;
        argument.hide(is_long)
    });
    if !has {
        return command;
    }
    let pointer = "`rulekeep --help` has the other global options: --project, --color.";
    let after = match command.get_after_help() {
        Some(after) => format!("{after}\n\n{pointer}"),
        None => pointer.to_owned(),
    };
    command.after_help(after)
}

/// Puts the words of the variable behind the command's name, so that they come before the command's own arguments; both
/// global flags and flags of the command may stand in it.
fn insert(arguments: Vec<OsString>, text: &str) -> Result<Vec<OsString>, Failure> {
    let words = shlex::split(text).ok_or_else(|| {
        Failure::usage(format!("{VARIABLE} has a quote that is not closed")).help(format!(
            "write it as for a shell: {VARIABLE}='-q --target web'"
        ))
    })?;
    let command = Cli::command();
    let names = |word: &OsString| {
        let mut known = command.get_subcommands();
        known.any(|subcommand| word.to_str() == Some(subcommand.get_name()))
    };
    let valued = |word: &OsString| word == "--project" || word == "--color";
    let place = (1..arguments.len())
        .find(|place| names(&arguments[*place]) && !valued(&arguments[place - 1]))
        .map_or(1, |place| place + 1);
    let mut all = arguments;
    let place = place.min(all.len());
    all.splice(place..place, words.into_iter().map(OsString::from));
    Ok(all)
}

/// Values of environment variables are never shown, and the variables themselves follow one pattern that the help names
/// once. A variable that is set and empty is not set: CI systems make such ones of inputs that nobody filled in.
pub(super) fn tidy(command: clap::Command) -> clap::Command {
    command
        .mut_args(|argument| {
            let argument = argument.hide_env(true).hide_env_values(true);
            let variable = argument.get_env().and_then(std::env::var_os);
            // Without these every group would be meant; that must not happen by leaving a field empty.
            let narrows = ["target", "since", "shard"]
                .map(Some)
                .contains(&argument.get_long());
            if !narrows && variable.is_some_and(|value| value.is_empty()) {
                argument.env(None::<&'static str>)
            } else {
                argument
            }
        })
        .mut_subcommands(tidy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inserted(line: &str, variable: &str) -> String {
        let arguments = line.split(' ').map(OsString::from).collect();
        let all = insert(arguments, variable).unwrap();
        let words: Vec<_> = all.iter().map(|word| word.to_str().unwrap()).collect();
        words.join("|")
    }

    #[test]
    fn words_of_the_variable_come_before_the_commands_own() {
        assert_eq!(
            inserted("rulekeep plan rules/web.yaml", "--target 'a b' -q"),
            "rulekeep|plan|--target|a b|-q|rules/web.yaml"
        );
        assert_eq!(
            inserted("rulekeep --project plan plan", "-q"),
            "rulekeep|--project|plan|plan|-q"
        );
        assert_eq!(inserted("rulekeep", "--version"), "rulekeep|--version");
    }

    #[test]
    fn a_quote_that_is_not_closed_is_wrong_usage() {
        let failure = insert(vec!["rulekeep".into()], "--target 'web").unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
    }

    #[test]
    fn the_command_line_wins_over_the_variable() {
        let all = insert(
            ["rulekeep", "plan", "--out", "mine.json"]
                .map(OsString::from)
                .into(),
            "--out default.json",
        );
        let matches = Cli::definition()
            .try_get_matches_from(all.unwrap())
            .unwrap();
        let plan = matches.subcommand_matches("plan").unwrap();
        let out = plan.get_one::<std::path::PathBuf>("out").unwrap();
        assert_eq!(out.to_str(), Some("mine.json"));
    }

    #[test]
    fn every_flag_has_a_variable_named_after_it() {
        fn check(command: &clap::Command) {
            for argument in command.get_arguments() {
                let Some(long) = argument.get_long() else {
                    continue;
                };
                if ["help", "version"].contains(&long) {
                    continue;
                }
                let name = long.to_uppercase().replace('-', "_");
                let expected = format!("RULEKEEP_{name}");
                let found = argument.get_env().and_then(|name| name.to_str());
                assert_eq!(found, Some(&*expected), "{} --{long}", command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        let command = Cli::definition();
        command.clone().debug_assert();
        check(&command);
    }
}
