//! `rulekeep clone`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use clap::builder::{FalseyValueParser, NonEmptyStringValueParser};

use crate::{
    desired::Mode,
    exit::Exit,
    model::{
        GroupId, GroupInfo, GroupKind, GroupName, InnerAccess, ListIds, Lists, Network,
        ObservedGroup, Peer, RegionId, Rule, VpcId,
    },
    provider::NewGroup,
    report::text::{Tone, count, escape},
};

use super::{
    Failure, Global, Screen,
    adopt::key_value,
    carry_out::{self, Outcome},
    change::{self, Consent, Origin, Target},
    live::{self, Place, own_groups},
    pass, project,
};

use changed::{Changed, Journey};
use there::There;

mod changed;
mod there;

/// Make a new group with the rules of another, as the console's Clone Security Group
///
/// Priorities above 100 become 100. Groups and lists that rules name must exist where the new group is, or be mapped.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rulekeep clone web --name web-copy
  rulekeep clone web --name web --to-region cn-shanghai --vpc vpc-uf6prod --map sg-bp1bastion=sg-uf6bastion
  rulekeep clone classic-ftp --name ftp --vpc vpc-bp1prod --dry-run
  rulekeep clone web --name web-old --classic --dry-run")]
pub(super) struct Args {
    /// The group that is cloned: its id or its name
    #[arg(value_name = "GROUP")]
    group: String,
    /// Name of the new group
    #[arg(
        long,
        value_name = "NAME",
        value_parser = NonEmptyStringValueParser::new(),
        env = "RULEKEEP_NAME"
    )]
    name: String,
    /// Description of the new group [default: that of the group]
    #[arg(long, value_name = "TEXT", env = "RULEKEEP_DESCRIPTION")]
    description: Option<String>,
    /// Region of the new group [default: that of the group]
    #[arg(long, value_name = "REGION", env = "RULEKEEP_TO_REGION")]
    to_region: Option<String>,
    /// VPC of the new group [default: that of the group]
    #[arg(long, value_name = "VPC", env = "RULEKEEP_VPC")]
    vpc: Option<String>,
    /// Make the new group in the classic network [default: where the group is]
    #[arg(
        long,
        conflicts_with = "vpc",
        env = "RULEKEEP_CLASSIC",
        value_parser = FalseyValueParser::new(),
        action = clap::ArgAction::SetTrue
    )]
    classic: bool,
    /// Kind of the new group [default: that of the group]
    #[arg(long = "type", value_enum, value_name = "KIND", env = "RULEKEEP_TYPE")]
    kind: Option<Kind>,
    /// A tag of the new group, KEY or KEY=VALUE; may be repeated [default: those of the group]
    #[arg(long, value_name = "TAG", env = "RULEKEEP_TAG")]
    tag: Vec<String>,
    /// Name NEW where the rules name OLD, a group or a list; may be repeated
    #[arg(
        long,
        value_name = "OLD=NEW",
        value_parser = pair,
        value_delimiter = ',',
        env = "RULEKEEP_MAP"
    )]
    map: Vec<(String, String)>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    consent: Consent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// normal
    Basic,
    /// enterprise
    Advanced,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let kind = |id: &str| {
        let known = ["sg-", "pl-", "prl-"];
        known
            .into_iter()
            .find(|prefix| id.starts_with(prefix) && id.len() > prefix.len())
    };
    match text.split_once('=') {
        Some((old, new)) if kind(old).is_some() && kind(old) == kind(new) => {
            Ok((old.to_owned(), new.to_owned()))
        }
        _ => Err("write OLD=NEW with two ids of one kind, such as sg-old=sg-new".to_owned()),
    }
}

pub(super) async fn run(args: &Args, global: &Global, screen: &Screen) -> Result<Exit, Failure> {
    let done = clone(args, global, screen).await;
    args.consent.end(done, global, screen)
}

async fn clone(args: &Args, global: &Global, screen: &Screen) -> Result<Outcome, Failure> {
    args.consent.lock(global, "clone", screen).await?;
    let desired = project::load_or_empty(global, screen)?;
    let meant = args.place.of(&desired, &args.group)?;
    let account = &meant.account;
    let region = args
        .to_region
        .as_ref()
        .map_or_else(|| meant.region.clone(), RegionId::new);
    let session = pass::session(&desired, &[account.clone()].into(), 1).await?;
    let draft = draft(args, &session, &meant, &region).await?;
    for note in &draft.changed.notes {
        screen.say(&format!("warning: {note}\n"));
    }
    let shown = preview(&draft, &region, screen);
    let source = draft.source.info.id.clone();
    let new = draft.new.clone();
    let rules = draft.changed.rules.clone();
    let origin = Origin::of_rules(PathBuf::from(source.as_str()), rules);
    let target = Target {
        account: account.clone(),
        region: region.clone(),
        id: GroupId::new(NOT_YET),
        declared: meant.declared,
        mode: Mode::Partial,
        allow_empty: true,
    };
    let wanted = change::desired(&desired, &target, &origin);
    // Nothing is made that could not be filled: the guard looks at the plan for the group before there is one.
    let not_yet = empty(&new, target.id.clone());
    let (session, rehearsed) = change::rehearse(
        &wanted,
        not_yet.clone(),
        session,
        &args.consent,
        &|_, _| shown.clone(),
        global,
        screen,
    )
    .await?;
    if args.consent.dry_run {
        session.close().await?;
        return Ok(rehearsed.outcome);
    }
    let mut session = session;
    if args.consent.asks() {
        args.consent.obtain(screen)?;
        // Whoever was asked may have thought about it for long.
        let now = self::draft(args, &session, &meant, &region).await?;
        let same = now == draft;
        let (back, right) =
            change::is_still_right(&wanted, not_yet, session, &args.consent, &rehearsed).await?;
        session = back;
        if !(same && right) {
            return Err(Failure::with(
                Exit::Stale,
                "something has moved since the plan was shown; nothing was changed",
            )
            .help("run the command again and look at the new plan"));
        }
    }
    let token = uuid::Uuid::new_v4().simple().to_string();
    let id = session
        .create(account, &region, &new, &token)
        .await
        .map_err(|failure| match new.network {
            Network::Classic => failure.help(
                "the cloud makes groups in the classic network for accounts only that still have it; --vpc names a VPC",
            ),
            Network::Vpc(_) => failure,
        })?;
    let target = Target {
        id: id.clone(),
        ..target
    };
    let wanted = change::desired(&desired, &target, &origin);
    // From here on every failure says that the group is there.
    let fill = async {
        session.close().await?;
        args.consent.show(&format!("\nCreated {id}\n"), screen)?;
        change::carry_out_shown(&wanted, &args.consent, global, screen).await
    };
    let filled = fill.await;
    let fill = format!("`rulekeep restore --group {id} --from {source} --mode partial`");
    match filled {
        Ok(done) => {
            if carry_out::exit(&done.report) != Exit::Done {
                screen.hint(&format!(
                    "the group {id} is there; {fill} adds what it lacks, where both are in one region"
                ));
            }
            Ok(done)
        }
        Err(failure) => Err(left_empty(failure, &id.to_string(), &fill)),
    }
}

/// What is read before a group is made.
#[derive(PartialEq)]
struct Draft {
    source: ObservedGroup,
    new: NewGroup,
    changed: Changed,
}

/// Reads the group, and what the new one would be; an error when it could not be.
async fn draft(
    args: &Args,
    session: &pass::Session,
    meant: &live::Meant<'_>,
    region: &RegionId,
) -> Result<Draft, Failure> {
    let account = &meant.account;
    let source = session
        .read(account, &meant.region, &meant.selector)
        .await?;
    let own = own_groups(session, meant, &source).await?;
    let source = live::without_own(&source, &own);
    let moved = *region != meant.region;
    let new = args.new_group(&source.info, moved)?;

    let rules: Vec<Rule> = source.rules.iter().map(|seen| seen.rule.clone()).collect();
    let named = lists_of(&rules);
    let map: BTreeMap<String, String> = args.map.iter().cloned().collect();
    let to_classic = new.network == Network::Classic;
    let journey = Journey {
        map: &map,
        from: &source.info.network,
        to: &new.network,
        lists: &match to_classic {
            // Lists are written out there.
            true => session.known_lists(account, &meant.region, &named).await?,
            false => Lists::default(),
        },
    };
    let mut changed = journey.take(rules);
    changed.notes.extend(differences(&source, &new));
    changed
        .notes
        .extend(strangers(&changed.rules, &source, &new));
    let mapped: Vec<String> = map.values().cloned().collect();
    let peers = session.peers(account, region, changed.rules.iter()).await?;
    let named = lists_of(&changed.rules);
    let lists = match moved {
        // Lists are of one region: elsewhere an id that cannot be looked up is hardly there.
        true => session.known_lists(account, region, &named).await?,
        false => session.lists(account, region, &named).await?,
    };
    let there = There {
        region,
        moved,
        from: &source.info.network,
        new: &new,
        groups: &peers,
        lists: &lists,
    };
    let mut missing: BTreeMap<String, String> = BTreeMap::new();
    for rule in &changed.rules {
        missing.extend(there.missing(rule, &mapped));
    }
    if !missing.is_empty() {
        let mut failure = Failure::new(format!(
            "rules of {} name what the new group cannot name; nothing was changed",
            source.info.id
        ))
        .help("name others in their place: --map OLD=NEW, once for each");
        failure.causes = missing
            .into_iter()
            .map(|(id, why)| format!("{id}: {why}"))
            .collect();
        return Err(failure);
    }
    Ok(Draft {
        source,
        new,
        changed,
    })
}

/// Stands for the id of a group that is not there yet.
const NOT_YET: &str = "(new)";

/// A group as the cloud makes it.
fn empty(new: &NewGroup, id: GroupId) -> ObservedGroup {
    let NewGroup {
        name,
        description,
        network,
        kind,
        tags,
    } = new.clone();
    ObservedGroup {
        info: GroupInfo {
            id,
            name,
            description,
            network,
            kind,
            managed: false,
            tags,
        },
        inner_access: match kind {
            GroupKind::Basic => InnerAccess::Accept,
            GroupKind::Advanced => InnerAccess::Drop,
        },
        rules: Vec::new(),
    }
}

/// A failure before the first rule: the group is there already, whatever the failure says of changes.
fn left_empty(mut failure: Failure, id: &str, fill: &str) -> Failure {
    let message = failure.message.trim_end_matches("nothing was changed");
    let message = message.trim_end_matches("; ");
    failure.message = format!("{message}; group {id} was made and is empty");
    failure.help(format!(
        "delete {id}, or fill it: {fill}, with what the guard asks for where it refuses"
    ))
}

fn lists_of(rules: &[Rule]) -> ListIds {
    let mut lists = ListIds::default();
    rules.iter().for_each(|rule| lists.add(rule));
    lists
}

/// What the new group does otherwise than the group, whatever its rules.
fn differences(source: &ObservedGroup, new: &NewGroup) -> Vec<String> {
    let mut notes = Vec::new();
    match (source.info.kind, new.kind) {
        (GroupKind::Advanced, GroupKind::Basic) => notes.push(
            "a basic group lets out what no rule decides, and its members reach each other; the advanced group does neither"
                .to_owned(),
        ),
        (GroupKind::Basic, GroupKind::Advanced) => notes.push(
            "an advanced group lets out nothing that no rule accepts, and keeps its members apart".to_owned(),
        ),
        (GroupKind::Basic, GroupKind::Basic) if source.inner_access == InnerAccess::Drop => notes.push(
            "members of the new group reach each other, those of the group do not (ModifySecurityGroupPolicy)"
                .to_owned(),
        ),
        _ => {}
    }
    notes
}

/// Groups of other accounts, which cannot be looked up: whether the new group may name them is seen when it does.
fn strangers(rules: &[Rule], source: &ObservedGroup, new: &NewGroup) -> Option<String> {
    let (Network::Vpc(from), Network::Vpc(to)) = (&source.info.network, &new.network) else {
        return None; // Of another kind of network: they cannot be named, and that is said.
    };
    let of = |rule: &Rule| match (&rule.peer, &rule.peer_owner) {
        (Peer::Group(id), Some(owner)) => Some(format!("{id} of account {owner}")),
        _ => None,
    };
    let named: BTreeSet<String> = rules.iter().filter_map(of).collect();
    if from == to || named.is_empty() {
        return None;
    }
    let named: Vec<String> = named.into_iter().collect();
    Some(format!(
        "{} cannot be looked up and may be out of reach of {to}; --map names another group in its place",
        named.join(", ")
    ))
}

fn preview(draft: &Draft, region: &RegionId, screen: &Screen) -> String {
    let Draft {
        source,
        new,
        changed,
    } = draft;
    let kind = match new.kind {
        GroupKind::Basic => "basic",
        GroupKind::Advanced => "advanced",
    };
    let mut text = format!(
        "New group {} in {region}, {}, {kind}, with {} of {}\n",
        escape(new.name.as_str()),
        new.network,
        count(changed.rules.len(), "rule"),
        source.info.id
    );
    if !new.description.is_empty() {
        text.push_str(&format!("  description: {}\n", escape(&new.description)));
    }
    if !new.tags.is_empty() {
        let tags = new.tags.iter().map(|(key, value)| format!("{key}={value}"));
        let tags = tags.collect::<Vec<_>>().join(", ");
        text.push_str(&format!("  tags: {}\n", escape(&tags)));
    }
    let line = |rule: &Rule| {
        let description = rule.description.as_deref().unwrap_or_default();
        escape(format!("{rule}  {description}").trim_end())
    };
    for (rule, why) in &changed.lost {
        let shown = format!("- {}  (lost: {why})", line(rule));
        text.push_str(&format!("  {}\n", screen.out.paint(Tone::Removed, shown)));
    }
    text
}

impl Args {
    fn new_group(&self, source: &GroupInfo, moved: bool) -> Result<NewGroup, Failure> {
        let network = match (&self.vpc, &source.network) {
            (Some(vpc), _) => Network::Vpc(VpcId::new(vpc)),
            (None, _) if self.classic => Network::Classic,
            (None, Network::Vpc(_)) if moved => {
                return Err(Failure::usage("a VPC belongs to one region")
                    .help("name the VPC of the new group with --vpc"));
            }
            (None, network) => network.clone(),
        };
        let kind = match self.kind {
            None => source.kind,
            Some(Kind::Basic) => GroupKind::Basic,
            Some(Kind::Advanced) => GroupKind::Advanced,
        };
        if (kind, &network) == (GroupKind::Advanced, &Network::Classic) {
            return Err(Failure::usage("an advanced group lives in a VPC")
                .help("--type basic makes a basic group, --vpc one in a VPC"));
        }
        // Tags of the platform cannot be set (CreateSecurityGroup).
        let settable = |key: &str| !key.starts_with("acs:") && !key.starts_with("aliyun");
        let tags: BTreeMap<Arc<str>, Arc<str>> = if self.tag.is_empty() {
            let tags = source.tags.iter().filter(|(key, _)| settable(key));
            tags.map(|(key, value)| (Arc::clone(key), Arc::clone(value)))
                .collect()
        } else {
            let tags = self.tag.iter().map(|tag| key_value(tag));
            tags.map(|(key, value)| (Arc::from(key), Arc::from(value.unwrap_or_default())))
                .collect()
        };
        Ok(NewGroup {
            name: GroupName::new(&self.name),
            description: match &self.description {
                Some(text) => Arc::from(text.as_str()),
                None => Arc::clone(&source.description),
            },
            network,
            kind,
            tags,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_after_the_group_was_made_says_that_it_was() {
        let refused = Failure::with(
            Exit::Refused,
            "the guard refuses the plan; nothing was changed",
        );
        let failure = left_empty(refused, "sg-new", "`rulekeep restore ..`");
        assert_eq!(
            failure.message,
            "the guard refuses the plan; group sg-new was made and is empty"
        );
        assert!(failure.help[0].starts_with("delete sg-new, or fill it"));
    }
}
