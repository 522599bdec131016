//! `rulekeep schema`.

use clap::ValueEnum;

use crate::{
    desired,
    exit::Exit,
    report::{baseline, json},
};

use super::{Failure, Screen};

/// Print the JSON Schema of a file or an output
///
/// Editors that speak the YAML language server complete and check the files with it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  rulekeep schema group > schema/group.schema.json
  # and as the first line of a group file:
  # yaml-language-server: $schema=../schema/group.schema.json")]
pub(super) struct Args {
    /// Of what
    #[arg(value_enum)]
    of: Of,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Of {
    /// The project file
    Project,
    /// Group files
    Group,
    /// What `plan -o json` writes
    Plan,
    /// What `validate -o json` writes
    Findings,
    /// What `--update-baseline` writes
    Baseline,
}

pub(super) fn run(args: &Args, screen: &Screen) -> Result<Exit, Failure> {
    let mut schema = match args.of {
        Of::Project => format!("{:#}", desired::schema_project()),
        Of::Group => format!("{:#}", desired::schema_group()),
        Of::Plan => json::plan_schema(),
        Of::Findings => json::findings_schema(),
        Of::Baseline => baseline::schema(),
    };
    if !schema.ends_with('\n') {
        schema.push('\n');
    }
    screen.result(&schema)?;
    Ok(Exit::Done)
}
