//! What lets one plan through the guard: the same flags for every command that changes something.

use clap::builder::FalseyValueParser;

use crate::guard::Overrides;

/// Flags for the guard; each names a number or a kind.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Exceptions {
    /// Let up to N deletes in a group pass the guard
    #[arg(
        long,
        value_name = "N",
        value_parser = whole_number,
        allow_negative_numbers = true,
        env = "RULEKEEP_ALLOW_DELETES"
    )]
    allow_deletes: Option<usize>,
    /// Let up to N changes in a group pass the guard
    #[arg(
        long,
        value_name = "N",
        value_parser = whole_number,
        allow_negative_numbers = true,
        env = "RULEKEEP_ALLOW_CHANGES"
    )]
    allow_changes: Option<usize>,
    /// Let traffic be cut for a while where no order avoids it
    #[arg(
        long,
        env = "RULEKEEP_ACCEPT_INTERRUPTION",
        value_parser = FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    accept_interruption: bool,
    /// Let traffic through for a while where no order avoids it
    #[arg(
        long,
        env = "RULEKEEP_ACCEPT_OPENING",
        value_parser = FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    accept_opening: bool,
}

impl From<&Exceptions> for Overrides {
    fn from(flags: &Exceptions) -> Self {
        let Exceptions {
            allow_deletes,
            allow_changes,
            accept_interruption,
            accept_opening,
        } = *flags;
        Self {
            allow_deletes,
            allow_changes,
            accept_interruption,
            accept_opening,
        }
    }
}

/// A count on the command line.
fn whole_number(text: &str) -> Result<usize, String> {
    text.parse()
        .map_err(|_| "not a whole number, such as 12".into())
}
