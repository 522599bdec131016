//! `rulekeep check-creds`.

mod report;

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::{
    clouds::check::check,
    desired::Desired,
    exit::Exit,
    model::{AccountName, RegionId},
    provider::alibaba::credentials::Environment,
    report::{Format, OutputSpec},
};

use super::{Failure, Global, Screen, project};

/// Say which credentials each account uses, whose they are and what they may read
///
/// Asks STS for the identity and the ECS API for one item of each list that plans read. Changes nothing; permissions to
/// write are listed, not tried. Exits with 1 when an account has no credentials or lacks a permission to read.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rulekeep check-creds
  rulekeep check-creds --account prod --region cn-hangzhou
  rulekeep check-creds -o json")]
pub(super) struct Args {
    /// Only this account; may be repeated
    #[arg(
        long = "account",
        value_name = "NAME",
        value_delimiter = ',',
        env = "RULEKEEP_ACCOUNT"
    )]
    accounts: Vec<String>,
    /// Region to ask, may be repeated [default: those of the account's declared groups]
    #[arg(
        long = "region",
        value_name = "REGION",
        value_delimiter = ',',
        env = "RULEKEEP_REGION"
    )]
    regions: Vec<String>,
    /// Write the result as text or json, to stdout or =FILE; may be repeated
    #[arg(short, long, value_name = "FORMAT[=FILE]", env = "RULEKEEP_OUTPUT", value_parser = OutputSpec::plain)]
    output: Vec<OutputSpec>,
}

pub(super) async fn run(args: &Args, global: &Global, screen: &Screen) -> Result<Exit, Failure> {
    let desired = project::load(global, screen)?;
    let accounts = args.chosen(&desired)?;
    let environment = Environment::of_process();
    let mut checks = Vec::new();
    for account in &accounts {
        let regions = args.regions(&desired, account);
        checks.push(check(&desired.project, account, &regions, &environment).await);
    }
    let now = Timestamp::now();
    screen.report(&args.output, |format, style| match format {
        Format::Text => report::text(&checks, now, style),
        _ => report::json(&checks),
    })?;
    let wrong = checks.iter().filter(|check| !check.is_ok()).count();
    if wrong == 0 {
        return Ok(Exit::Done);
    }
    screen.hint("docs/accounts.md has the sources of credentials and the RAM policies");
    Ok(Exit::Error)
}

impl Args {
    /// The accounts that are meant: all, unless some are named.
    fn chosen(&self, desired: &Desired) -> Result<BTreeSet<AccountName>, Failure> {
        let known = &desired.project.accounts;
        if self.accounts.is_empty() {
            return Ok(known.keys().cloned().collect());
        }
        let chosen: BTreeSet<_> = self.accounts.iter().map(AccountName::new).collect();
        match chosen.iter().find(|name| !known.contains_key(*name)) {
            None => Ok(chosen),
            Some(name) => {
                let known: Vec<_> = known.keys().map(AccountName::as_str).collect();
                Err(
                    Failure::usage(format!("the project has no account `{name}`"))
                        .help(format!("it has {}", known.join(", "))),
                )
            }
        }
    }

    fn regions(&self, desired: &Desired, account: &AccountName) -> BTreeSet<RegionId> {
        if !self.regions.is_empty() {
            return self.regions.iter().map(RegionId::new).collect();
        }
        let of_account = desired.groups.iter().filter(|g| g.account == *account);
        of_account.map(|group| group.region.clone()).collect()
    }
}
