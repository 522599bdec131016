//! `rulekeep export`.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::{exchange, exit::Exit, model::ObservedGroup};

use super::{
    Failure, Global, Screen,
    live::{self, Meant, Place, own_groups},
    output::write_file,
    pass, project,
};

/// Write the live rules of a group in the console's JSON, as CSV or as a group file
///
/// JSON is the console's own form and loses no member of the cloud's answer; `import` and the console read it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rulekeep export web                          JSON on stdout
  rulekeep export web --out .                  to ecs_REGION_GROUP.json, as the console names it
  rulekeep export web --format csv --out web.csv
  rulekeep export web --format yaml            a group file")]
pub(super) struct Args {
    /// A group: its id or its name
    #[arg(value_name = "GROUP")]
    group: String,
    #[command(flatten)]
    place: Place,
    /// Which form
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value = "json",
        env = "RULEKEEP_FORMAT"
    )]
    format: Form,
    /// Write to this file, or into this folder under the console's name [default: stdout]
    #[arg(long, value_name = "PATH", env = "RULEKEEP_OUT")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// The console's JSON
    Json,
    /// A row per rule
    Csv,
    /// A group file
    Yaml,
}

pub(super) async fn run(args: &Args, global: &Global, screen: &Screen) -> Result<Exit, Failure> {
    let desired = project::load_or_empty(global, screen)?;
    let meant = args.place.of(&desired, &args.group)?;
    let session = pass::session(&desired, &[meant.account.clone()].into(), 1).await?;
    let group = session
        .read(&meant.account, &meant.region, &meant.selector)
        .await?;
    let text = match args.format {
        Form::Json => exchange::to_json(&group),
        Form::Csv => exchange::to_csv(&group),
        Form::Yaml => {
            let own = own_groups(&session, &meant, &group).await?;
            if group
                .rules
                .iter()
                .any(|seen| seen.rule.priority.is_system_level())
            {
                screen.hint(
                    "rules of priority 110 cannot be declared: the file says `system_rules: keep`",
                );
            }
            live::group_file(&desired, &meant, &live::without_own(&group, &own), true)
        }
    };
    session.close().await?;
    let Some(out) = &args.out else {
        screen.result(&text)?;
        return Ok(Exit::Done);
    };
    let path = if out.is_dir() {
        out.join(file_name(args.format, &meant, &group))
    } else {
        out.clone()
    };
    write_file(&path, &text)?;
    screen.result(&format!("wrote {}\n", shown(&path)))?;
    Ok(Exit::Done)
}

fn shown(path: &Path) -> String {
    let path = path.strip_prefix(".").unwrap_or(path);
    path.display().to_string()
}

fn file_name(format: Form, meant: &Meant<'_>, group: &ObservedGroup) -> String {
    let id = &group.info.id;
    match format {
        Form::Json => exchange::json_name(&meant.region, id),
        Form::Csv => exchange::csv_name(&meant.region, id),
        Form::Yaml => format!("{id}.yaml"),
    }
}
