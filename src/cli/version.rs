//! `rulekeep version`.

use clap::builder::FalseyValueParser;
use serde_json::json;

use crate::{exit::Exit, report::json::FORMAT_VERSION};

use super::{Failure, Screen};

/// Print the version
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// As JSON, with the versions of the formats
    #[arg(
        long,
        env = "RULEKEEP_JSON",
        value_parser = FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    json: bool,
}

pub(super) fn run(args: &Args, screen: &Screen) -> Result<Exit, Failure> {
    let version = env!("CARGO_PKG_VERSION");
    screen.result(&if args.json {
        let versions = json!({ "version": version, "plan_format_version": FORMAT_VERSION });
        format!("{versions:#}\n")
    } else {
        format!("rulekeep {version}\n")
    })?;
    Ok(Exit::Done)
}
