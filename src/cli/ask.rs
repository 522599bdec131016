//! Asking before something is changed.

use std::io::{self, BufRead, IsTerminal as _};

use super::{Failure, Screen};

/// Whether a CI system runs the program: nobody can answer there.
pub(super) fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !matches!(&*value, "" | "0" | "false"))
}

/// Whether somebody can be asked.
pub(super) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal() && !is_ci()
}

/// Asks; only `yes` counts.
pub(super) fn ask(screen: &Screen) -> Result<bool, Failure> {
    screen.say("\nApply these changes? Only 'yes' is accepted: ");
    read_answer(io::stdin().lock())
}

fn read_answer(mut input: impl BufRead) -> Result<bool, Failure> {
    let mut line = String::new();
    input
        .read_line(&mut line)
        .map_err(|error| Failure::new("the answer cannot be read").because(&error))?;
    Ok(line.trim() == "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        for (answer, expected) in [
            ("yes\n", true),
            (" yes \r\n", true),
            ("y\n", false),
            ("Yes\n", false),
            ("\n", false),
            ("", false),
        ] {
            assert_eq!(read_answer(answer.as_bytes()), Ok(expected), "{answer:?}");
        }
    }
}
