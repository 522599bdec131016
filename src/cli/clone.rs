//! `rulekeep clone`.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use crate::{
    desired::Mode,
    exit::Exit,
    model::{
        GroupId, GroupInfo, GroupKind, GroupName, ListIds, Network, NicType, Peer, PortListId,
        PortSet, PrefixListId, Priority, Protocol, RegionId, Rule, VpcId,
    },
    provider::NewGroup,
    report::text::{count, escape},
};

use super::{
    Failure, Global, Screen,
    adopt::key_value,
    carry_out::{self, Outcome},
    change::{self, Consent, Origin, Target},
    live::{self, Place, own_groups},
    pass, project,
};

/// Make a new group with the rules of another, as the console's Clone Security Group
///
/// Priorities above 100 become 100. Groups and lists that rules name must exist where the new group is, or be mapped.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rulekeep clone web --name web-copy
  rulekeep clone web --name web --to-region cn-shanghai --vpc vpc-uf6prod --map sg-bp1bastion=sg-uf6bastion
  rulekeep clone classic-ftp --name ftp --vpc vpc-bp1prod --dry-run")]
pub(super) struct Args {
    /// The group that is cloned: its id or its name
    #[arg(value_name = "GROUP")]
    group: String,
    /// Name of the new group
    #[arg(long, value_name = "NAME", env = "RULEKEEP_NAME")]
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
    args.consent.end(done, screen)
}

async fn clone(args: &Args, global: &Global, screen: &Screen) -> Result<Outcome, Failure> {
    args.consent.lock(global, "clone", screen).await?;
    let desired = project::load_or_empty(global, screen)?;
    let meant = args.place.of(&desired, &args.group)?;
    let account = &meant.account;
    let session = pass::session(&desired, &[account.clone()].into(), 1).await?;
    let source = session
        .read(account, &meant.region, &meant.selector)
        .await?;
    let own = own_groups(&session, &meant, &source).await?;
    let source = live::without_own(&source, &own);
    let region = args
        .to_region
        .as_ref()
        .map_or_else(|| meant.region.clone(), RegionId::new);
    let new = args.new_group(&source.info, region != meant.region)?;

    let rules: Vec<Rule> = source.rules.iter().map(|seen| seen.rule.clone()).collect();
    let changed = Changed::new(rules, &args.map.iter().cloned().collect());
    let peers = session
        .peers(account, &region, changed.rules.iter())
        .await?;
    let mut wanted = ListIds::default();
    changed.rules.iter().for_each(|rule| wanted.add(rule));
    let lists = session.lists(account, &region, &wanted).await?;
    let there = There {
        region: &region,
        moved: region != meant.region,
        new: &new,
        groups: &peers,
        prefix: lists.prefix.keys().collect(),
        port: lists.port.keys().collect(),
    };
    let mut missing: BTreeMap<String, String> = BTreeMap::new();
    for rule in &changed.rules {
        missing.extend(there.missing(rule, &changed.mapped));
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
    // Said before the group is made; the guard counts again.
    let quota = meant.declared.map_or(change::QUOTA, |group| group.quota);
    let units: u32 = changed.rules.iter().map(|rule| lists.weight(rule)).sum();
    if units > quota {
        return Err(Failure::with(
            Exit::Refused,
            format!(
                "the new group would hold {units} units of rules, {} more than its quota of {quota}; nothing was changed",
                units - quota
            ),
        ));
    }
    for note in &changed.notes {
        screen.say(&format!("warning: {note}\n"));
    }
    let kind = match new.kind {
        GroupKind::Basic => "basic",
        GroupKind::Advanced => "advanced",
    };
    let mut preview = format!(
        "New group {} in {region}, {}, {kind}, with {} of {}\n",
        escape(new.name.as_str()),
        new.network,
        count(changed.rules.len(), "rule"),
        source.info.id
    );
    for rule in &changed.rules {
        preview.push_str(&format!("  + {}\n", escape(&rule.to_string())));
    }
    args.consent.show(&preview, screen)?;
    if args.consent.dry_run {
        session.close().await?;
        return Ok(Outcome::default());
    }
    args.consent.obtain(screen)?;
    let token = uuid::Uuid::new_v4().simple().to_string();
    let id = session.create(account, &region, &new, &token).await?;
    session.close().await?;
    args.consent.show(&format!("\nCreated {id}\n"), screen)?;
    let target = Target {
        account: account.clone(),
        region,
        id: id.clone(),
        declared: meant.declared,
        mode: Mode::Partial,
        allow_empty: true,
    };
    let origin = Origin::of_rules(PathBuf::from(source.info.id.as_str()), changed.rules);
    let wanted = change::desired(&desired, &target, &origin);
    let consent = args.consent.given();
    let done = change::carry_out(&wanted, &consent, global, screen, &|_, _| String::new()).await;
    if !matches!(&done, Ok(done) if carry_out::exit(&done.report) == Exit::Done) {
        screen.hint(&format!(
            "the group {id} is there; `rulekeep restore --group {id} --from {} --mode partial` adds what it lacks, where both are in one region",
            source.info.id
        ));
    }
    done
}

impl Args {
    fn new_group(&self, source: &GroupInfo, moved: bool) -> Result<NewGroup, Failure> {
        let network = match (&self.vpc, &source.network) {
            (Some(vpc), _) => Network::Vpc(VpcId::new(vpc)),
            (None, Network::Vpc(_)) if moved => {
                return Err(Failure::usage("a VPC belongs to one region")
                    .help("name the VPC of the new group with --vpc"));
            }
            (None, Network::Vpc(vpc)) => Network::Vpc(vpc.clone()),
            (None, Network::Classic) => {
                return Err(
                    Failure::usage("the cloud makes no new groups in the classic network")
                        .help("name the VPC of the new group with --vpc"),
                );
            }
        };
        let kind = match self.kind {
            None => source.kind,
            Some(Kind::Basic) => GroupKind::Basic,
            Some(Kind::Advanced) => GroupKind::Advanced,
        };
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

/// The rules as the new group shall have them.
struct Changed {
    rules: Vec<Rule>,
    /// What stands in place of something else.
    mapped: Vec<String>,
    notes: Vec<String>,
}

impl Changed {
    fn new(rules: Vec<Rule>, map: &BTreeMap<String, String>) -> Self {
        let mut changed: Vec<Rule> = Vec::new();
        let (mut lowered, mut public, mut twice) = (0, 0, 0);
        for mut rule in rules {
            if rule.priority.is_system_level() {
                rule.priority = Priority::WEAKEST;
                lowered += 1;
            }
            if rule.nic == NicType::Internet {
                rule.nic = NicType::Intranet;
                public += 1;
            }
            match &mut rule.peer {
                Peer::Group(id) => {
                    if let Some(new) = map.get(id.as_str()) {
                        *id = GroupId::new(new);
                        rule.peer_owner = None;
                    }
                }
                Peer::PrefixList(id) => {
                    if let Some(new) = map.get(id.as_str()) {
                        *id = PrefixListId::new(new);
                    }
                }
                Peer::Cidr(_) => {}
            }
            if let Protocol::Tcp(ports) | Protocol::Udp(ports) = &mut rule.protocol
                && let PortSet::List(id) = &mut ports.destination
                && let Some(new) = map.get(id.as_str())
            {
                *id = PortListId::new(new);
            }
            if changed.iter().any(|other| other.is_same_rule(&rule)) {
                twice += 1;
            } else {
                changed.push(rule);
            }
        }
        let mut notes = Vec::new();
        let mut note = |n: usize, what: &str| {
            if n > 0 {
                notes.push(format!("{} {what}", count(n, "rule")));
            }
        };
        note(lowered, "of a priority above 100 made 100");
        note(
            public,
            "of the public interface made for every interface: a VPC has one set of rules",
        );
        note(twice, "left out: another one has become the same");
        Self {
            rules: changed,
            mapped: map.values().cloned().collect(),
            notes,
        }
    }
}

/// What is there where the new group will be.
struct There<'a> {
    region: &'a RegionId,
    moved: bool,
    new: &'a NewGroup,
    groups: &'a BTreeMap<GroupId, GroupInfo>,
    prefix: Vec<&'a PrefixListId>,
    port: Vec<&'a PortListId>,
}

impl There<'_> {
    /// What a rule names and the new group cannot name, with the reason.
    fn missing(&self, rule: &Rule, mapped: &[String]) -> Vec<(String, String)> {
        let mut missing = Vec::new();
        let absent = |what: &str| format!("there is no such {what} in {}", self.region);
        match &rule.peer {
            Peer::Group(id) => {
                let why = match self.groups.get(id) {
                    _ if self.new.kind == GroupKind::Advanced => {
                        Some("no rule of an advanced group can name a group".to_owned())
                    }
                    // Groups of other accounts cannot be looked up.
                    None if rule.peer_owner.is_some() && !self.moved => None,
                    None => Some(absent("group")),
                    Some(info) if info.kind == GroupKind::Advanced => {
                        Some("an advanced group can be named by no rule".to_owned())
                    }
                    // Whoever maps to a group of another network has said so; the cloud may take it.
                    Some(info)
                        if info.network != self.new.network
                            && !mapped.iter().any(|new| new == id.as_str()) =>
                    {
                        Some(format!(
                            "it is in {}, the new group in {}",
                            info.network, self.new.network
                        ))
                    }
                    Some(_) => None,
                };
                missing.extend(why.map(|why| (id.to_string(), why)));
            }
            Peer::PrefixList(id) if !self.prefix.contains(&id) => {
                missing.push((id.to_string(), absent("prefix list")));
            }
            Peer::PrefixList(_) | Peer::Cidr(_) => {}
        }
        if let Some(PortSet::List(id)) = rule.protocol.ports().map(|ports| &ports.destination)
            && !self.port.contains(&id)
        {
            missing.push((id.to_string(), absent("port list")));
        }
        missing
    }
}
