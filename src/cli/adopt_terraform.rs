//! `rulekeep adopt --from-terraform`: the groups of a Terraform state.
//!
//! What is adopted is what is live; the state gives the list of groups and the address of each resource. Where the groups
//! cannot be read, files are written from the state alone, and said to be unproven.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
};

use jiff::Timestamp;

use crate::{
    adopt::Refused,
    desired::{Desired, Selector},
    exchange::terraform::{self, State, StateGroup},
    exit::Exit,
    model::{
        AccountName, GroupId, GroupInfo, GroupKind, GroupName, InnerAccess, Network, NicType,
        ObservedGroup, ObservedRule, RegionId, Rule, VpcId,
    },
    report::text::{count, escape},
};

use super::{
    Failure, Global, Screen,
    adopt::{Args, Job, Notes, declared_by_name},
    live, pass,
    progress::Meter,
};

/// Reads a state file, or every `*.tfstate` of a folder.
pub(super) fn read(path: &Path) -> Result<State, Failure> {
    let failed = |path: &Path, error: &dyn std::error::Error| {
        Failure::new(format!("{} cannot be read", path.display())).because(error)
    };
    let mut files = Vec::new();
    if path.is_dir() {
        for entry in fs::read_dir(path).map_err(|error| failed(path, &error))? {
            let inner = entry.map_err(|error| failed(path, &error))?.path();
            if inner.extension().is_some_and(|ending| ending == "tfstate") && inner.is_file() {
                files.push(inner);
            }
        }
        files.sort();
        if files.is_empty() {
            return Err(
                Failure::new(format!("there is no *.tfstate in {}", path.display()))
                    .help("`terraform state pull > web.tfstate` writes one from a remote backend"),
            );
        }
    } else {
        files.push(path.to_owned());
    }
    let mut state = State::new();
    for file in files {
        let text = fs::read_to_string(&file).map_err(|error| failed(&file, &error))?;
        terraform::read(&text, &mut state).map_err(|error| failed(&file, &error))?;
    }
    if state.is_empty() {
        return Err(Failure::new(format!(
            "{} has no alicloud_security_group and no alicloud_security_group_rule",
            path.display()
        )));
    }
    Ok(state)
}

pub(super) async fn run(
    args: &Args,
    state: State,
    desired: &Desired,
    (account, region): (&AccountName, &RegionId),
    global: &Global,
    screen: &Screen,
) -> Result<Exit, Failure> {
    for group in state.values() {
        for (address, reason) in &group.unreadable {
            screen.say(&format!(
                "warning: {} is passed over: {}\n",
                escape(address),
                escape(reason)
            ));
        }
    }
    let live = read_live(args, &state, desired, account, region, global).await;
    let (groups, found, proves) = match live {
        Ok((groups, found)) => (groups, found, true),
        Err(failure) => {
            screen.say(&format!(
                "warning: the groups cannot be read ({}); files are written from the state alone\n",
                escape(failure.causes.first().unwrap_or(&failure.message))
            ));
            let groups = state.iter().map(|(id, group)| from_state(id, group));
            (groups.collect(), BTreeMap::new(), false)
        }
    };
    let mut refused = Vec::new();
    let there: BTreeSet<&GroupId> = groups.iter().map(|group| &group.info.id).collect();
    for id in state.keys().filter(|id| !there.contains(id)) {
        refused.push(Refused {
            group: id.clone(),
            reason: format!("the state has it, {account}/{region} does not"),
            expected: false,
        });
    }
    let notes = notes(&state, &groups, proves, screen);
    let job = Job {
        desired,
        global,
        screen,
        account,
        region,
        found: &found,
        at: Timestamp::now(),
        parallelism: args.parallelism.into(),
        mode: args.mode.into(),
        dry_run: args.dry_run,
        proves,
    };
    let exit = job.adopt(groups, notes, refused).await?;
    screen.hint("take the rules out of Terraform's state before it runs again: see docs/adopt.md");
    Ok(exit)
}

type Live = (Vec<ObservedGroup>, BTreeMap<GroupName, GroupId>);

async fn read_live(
    args: &Args,
    state: &State,
    desired: &Desired,
    account: &AccountName,
    region: &RegionId,
    global: &Global,
) -> Result<Live, Failure> {
    let meter = Meter::new(global);
    let parallelism = args.parallelism.into();
    let session = pass::session(desired, &[account.clone()].into(), parallelism).await?;
    let selectors: Vec<Selector> = state.keys().cloned().map(Selector::Id).collect();
    let infos = session.find(account, region, &selectors).await?;
    let infos: Vec<GroupInfo> = infos.into_iter().flatten().collect();
    let groups = session.observe(account, region, &infos, &meter).await?;
    let rules = groups.iter().flat_map(|group| &group.rules);
    let own = session
        .peers(account, region, rules.map(|seen| &seen.rule))
        .await?;
    let found = declared_by_name(desired, &session, account, region).await?;
    session.close().await?;
    let groups = groups.iter().map(|group| live::without_own(group, &own));
    Ok((groups.collect(), found))
}

/// The addresses of resources as comments; rules that only one side has are said.
fn notes(state: &State, groups: &[ObservedGroup], read: bool, screen: &Screen) -> Notes {
    let mut notes = Notes::default();
    for group in groups {
        let id = &group.info.id;
        let Some(known) = state.get(id) else { continue };
        if let Some(address) = &known.address {
            notes.head.insert(id.clone(), vec![address.clone()]);
        }
        let mut of: BTreeMap<Rule, Vec<String>> = BTreeMap::new();
        let mut by_hand = 0;
        for seen in &group.rules {
            let same = known
                .rules
                .iter()
                .filter(|(_, rule)| rule.is_same_rule(&seen.rule));
            let addresses: Vec<String> = same.map(|(address, _)| address.clone()).collect();
            if !addresses.is_empty() {
                of.insert(seen.rule.clone(), addresses);
            } else if !seen.rule.priority.is_system_level() {
                by_hand += 1;
                of.insert(
                    seen.rule.clone(),
                    vec!["not in Terraform's state".to_owned()],
                );
            }
        }
        notes.rules.insert(id.clone(), of);
        if by_hand > 0 {
            screen.say(&format!(
                "warning: {id} has {} that Terraform's state does not have; adopted too\n",
                count(by_hand, "rule")
            ));
        }
        for (address, rule) in &known.rules {
            let mut live = group.rules.iter();
            if read && !live.any(|seen| seen.rule.is_same_rule(rule)) {
                screen.say(&format!(
                    "warning: {} ({rule}) is in the state and not live; left out\n",
                    escape(address)
                ));
            }
        }
    }
    notes
}

/// A group as the state has it.
fn from_state(id: &GroupId, state: &StateGroup) -> ObservedGroup {
    let mut rules: Vec<ObservedRule> = Vec::new();
    for (_, rule) in &state.rules {
        if !rules.iter().any(|seen| seen.rule.is_same_rule(rule)) {
            rules.push(ObservedRule {
                rule: rule.clone(),
                id: None,
                facts: None,
            });
        }
    }
    rules.sort_by(|a, b| a.rule.cmp(&b.rule));
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let is_public = rules.iter().any(|seen| seen.rule.nic == NicType::Internet);
    let tags = state.tags.iter();
    ObservedGroup {
        info: GroupInfo {
            id: id.clone(),
            name: GroupName::new(text(&state.name)),
            description: Arc::from(text(&state.description)),
            network: match &state.vpc {
                Some(vpc) => Network::Vpc(VpcId::new(vpc)),
                // Without the group's own resource only a rule of the public interface tells the network.
                None if state.address.is_none() && !is_public => {
                    Network::Vpc(VpcId::new("unknown VPC"))
                }
                None => Network::Classic,
            },
            kind: if state.advanced {
                GroupKind::Advanced
            } else {
                GroupKind::Basic
            },
            managed: false,
            tags: tags
                .map(|(key, value)| (Arc::from(key.as_str()), Arc::from(value.as_str())))
                .collect(),
        },
        inner_access: InnerAccess::Accept,
        rules,
    }
}
