//! A cloud in memory that keeps a log, fails on demand and may show writes late.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use crate::{
    desired::{Mode, Selector},
    diag::Span,
    model::{
        AccountName, Direction, GroupId, GroupInfo, GroupKind, GroupName, InnerAccess, ListIds,
        Lists, Network, NicType, ObservedGroup, ObservedRule, Peer, Policy, PortRange, Priority,
        Protocol, RegionId, Rule, RuleId, VpcId,
    },
    plan::{Address, GroupPlan, QuotaUse},
    provider::{Provider, ProviderError, Receipt, RuleAction, RuleCall},
};

/// What becomes of a write.
pub(crate) enum Fate {
    Done,
    /// Refused without effect.
    Refused,
    /// No answer; it had an effect.
    LostAfter,
    /// No answer; it had no effect.
    LostBefore,
    /// It waited for its turn until the run was stopped.
    Waited,
}

type Groups = BTreeMap<GroupId, ObservedGroup>;
type OnWrite = dyn FnMut(usize, &RuleCall, &mut Groups) -> Fate + Send;

pub(crate) struct World {
    pub groups: Groups,
    pub lists: Lists,
    /// Reads, writes and their tokens, in order.
    pub log: Vec<String>,
    pub tokens: Vec<String>,
    /// Groups that reading fails for; `lists` stands for the lists.
    pub unreadable: BTreeSet<String>,
    /// Whether rules that differ in priority only are one rule.
    pub ignores_priority: bool,
    /// So many readings after a write still show the group as it was before.
    pub lag: usize,
    /// Called with the number of the write, from 0, before it acts.
    pub on_write: Box<OnWrite>,
    /// How long a request is under way; zero: for one turn of the others.
    pub takes: Duration,
    /// Most requests that were under way together.
    pub most_in_flight: usize,
    stale: BTreeMap<GroupId, (usize, ObservedGroup)>,
    writes: usize,
    next_id: usize,
    in_flight: usize,
}

#[derive(Clone)]
pub(crate) struct Fake(Arc<Mutex<World>>);

impl Fake {
    pub fn new(groups: impl IntoIterator<Item = ObservedGroup>) -> Self {
        let groups = groups
            .into_iter()
            .map(|group| (group.info.id.clone(), group));
        Self(Arc::new(Mutex::new(World {
            groups: groups.collect(),
            lists: Lists::default(),
            log: Vec::new(),
            tokens: Vec::new(),
            unreadable: BTreeSet::new(),
            ignores_priority: false,
            lag: 0,
            on_write: Box::new(|_, _, _| Fate::Done),
            takes: Duration::ZERO,
            most_in_flight: 0,
            stale: BTreeMap::new(),
            writes: 0,
            next_id: 0,
            in_flight: 0,
        })))
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    /// The rules of a group, in order, with their ids.
    pub fn rules(&self, group: &str) -> Vec<String> {
        let world = self.world();
        let live = &world.groups[&GroupId::new(group)];
        live.rules
            .iter()
            .map(|seen| seen.rule.to_string())
            .collect()
    }

    /// A point at which other requests may come in between.
    async fn request(&self) {
        let takes = {
            let mut world = self.world();
            world.in_flight += 1;
            world.most_in_flight = world.most_in_flight.max(world.in_flight);
            world.takes
        };
        match takes {
            Duration::ZERO => tokio::task::yield_now().await,
            takes => tokio::time::sleep(takes).await,
        }
        self.world().in_flight -= 1;
    }
}

fn unavailable(message: &str) -> ProviderError {
    ProviderError::Unavailable {
        message: message.to_owned(),
        request_id: Some("R-LOST".to_owned()),
        not_sent: false,
    }
}

impl Provider for Fake {
    async fn find(
        &self,
        region: &RegionId,
        selectors: &[Selector],
    ) -> Result<Vec<Vec<GroupInfo>>, ProviderError> {
        self.request().await;
        let mut world = self.world();
        world
            .log
            .push(format!("find {} in {region}", selectors.len()));
        if world.unreadable.contains(region.as_str()) {
            return Err(unavailable("no route"));
        }
        let is = |selector: &Selector, info: &GroupInfo| match selector {
            Selector::Id(id) => *id == info.id,
            Selector::Name { name, vpc } => {
                *name == info.name
                    && vpc
                        .as_ref()
                        .is_none_or(|vpc| info.network == Network::Vpc(vpc.clone()))
            }
        };
        let infos: Vec<GroupInfo> = world.groups.values().map(|g| g.info.clone()).collect();
        let found = selectors.iter().map(|selector| {
            let found = infos.iter().filter(|info| is(selector, info));
            found.cloned().collect()
        });
        Ok(found.collect())
    }

    async fn observe(
        &self,
        _region: &RegionId,
        group: &GroupInfo,
    ) -> Result<ObservedGroup, ProviderError> {
        self.request().await;
        let mut world = self.world();
        world.log.push(format!("read {}", group.id));
        if world.unreadable.contains(group.id.as_str()) {
            return Err(unavailable("reading failed"));
        }
        if let Some((left, old)) = world.stale.get_mut(&group.id)
            && *left > 0
        {
            *left -= 1;
            return Ok(old.clone());
        }
        Ok(world.groups[&group.id].clone())
    }

    async fn lists(&self, _region: &RegionId, _wanted: &ListIds) -> Result<Lists, ProviderError> {
        self.request().await;
        let mut world = self.world();
        world.log.push("lists".to_owned());
        if world.unreadable.contains("lists") {
            return Err(unavailable("reading failed"));
        }
        Ok(world.lists.clone())
    }

    async fn execute(
        &self,
        _region: &RegionId,
        call: &RuleCall,
        token: &str,
    ) -> Result<Receipt, ProviderError> {
        self.request().await;
        let answer = self.write(call, token);
        // The answer takes its time on the way back.
        tokio::task::yield_now().await;
        answer
    }
}

impl Fake {
    fn write(&self, call: &RuleCall, token: &str) -> Result<Receipt, ProviderError> {
        let mut world = self.world();
        let world = &mut *world;
        world.log.push(words(call));
        world.tokens.push(token.to_owned());
        let number = world.writes;
        world.writes += 1;
        let before = world.groups[&call.group].clone();
        let fate = (world.on_write)(number, call, &mut world.groups);
        if let Fate::Done | Fate::LostAfter = fate {
            if world.lag > 0 {
                world.stale.insert(call.group.clone(), (world.lag, before));
            }
            act(world, call);
        }
        match fate {
            Fate::Done => Ok(Receipt {
                request_id: format!("R-{number}"),
            }),
            Fate::Refused => Err(ProviderError::Refused {
                code: "InvalidParam.Anything".to_owned(),
                message: "no".to_owned(),
                request_id: format!("R-{number}"),
            }),
            Fate::LostAfter | Fate::LostBefore => Err(unavailable("connection reset")),
            Fate::Waited => Err(ProviderError::Stopped),
        }
    }
}

fn act(world: &mut World, call: &RuleCall) {
    let ignores_priority = world.ignores_priority;
    let group = world.groups.get_mut(&call.group).unwrap();
    match &call.action {
        RuleAction::Authorize(rules) => {
            for rule in rules {
                let known = group.rules.iter().any(|seen| {
                    seen.rule.is_same_rule(rule)
                        || ignores_priority && seen.rule.is_same_but_priority(rule)
                });
                if !known {
                    world.next_id += 1;
                    group.rules.push(ObservedRule {
                        rule: rule.clone(),
                        id: Some(RuleId::new(format!("sgr-new{}", world.next_id))),
                        facts: None,
                    });
                }
            }
        }
        RuleAction::Revoke(rules) => {
            group
                .rules
                .retain(|seen| rules.iter().all(|gone| gone.id != seen.id));
        }
        RuleAction::Modify { from, to } => {
            for seen in &mut group.rules {
                if seen.id == from.id {
                    seen.rule = to.clone();
                }
            }
        }
    }
    group.rules.sort_by(|a, b| a.rule.cmp(&b.rule));
}

fn words(call: &RuleCall) -> String {
    let services = |rules: Vec<&Rule>| -> String {
        let services: Vec<String> = rules.iter().map(|rule| rule.protocol.to_string()).collect();
        services.join(" ")
    };
    match &call.action {
        RuleAction::Authorize(rules) => {
            format!("{} + {}", call.group, services(rules.iter().collect()))
        }
        RuleAction::Revoke(rules) => {
            let rules = rules.iter().map(|seen| &seen.rule);
            format!("{} - {}", call.group, services(rules.collect()))
        }
        RuleAction::Modify { from, to } => {
            format!("{} ~ {} {}", call.group, from.rule.protocol, to.protocol)
        }
    }
}

/// `22 10.0.0.0/8`: TCP, accepted, ingress, priority 1; a third word is the priority, a fourth the description.
pub(crate) fn rule(text: &str) -> Rule {
    let mut words = text.split(' ');
    let ports: PortRange = words.next().unwrap().parse().unwrap();
    let peer = words.next().unwrap();
    let priority = words.next().map_or(1, |word| word.parse().unwrap());
    Rule {
        direction: Direction::Ingress,
        nic: NicType::Intranet,
        priority: Priority::new(priority).unwrap(),
        policy: Policy::Accept,
        protocol: Protocol::Tcp(ports.into()),
        peer: Peer::Cidr(peer.parse().unwrap()),
        local: None,
        description: words.next().map(Arc::from),
        peer_owner: None,
    }
}

/// A basic group in `vpc-1` whose name is its id without `sg-`.
pub(crate) fn group(id: &str, rules: &[&str]) -> ObservedGroup {
    let name = id.trim_start_matches("sg-");
    let rules = rules.iter().enumerate().map(|(at, text)| ObservedRule {
        rule: rule(text),
        id: Some(RuleId::new(format!("sgr-{name}{at}"))),
        facts: None,
    });
    ObservedGroup {
        info: GroupInfo {
            id: GroupId::new(id),
            name: GroupName::new(name),
            description: Arc::from(""),
            network: Network::Vpc(VpcId::new("vpc-1")),
            kind: GroupKind::Basic,
            managed: false,
            tags: BTreeMap::new(),
        },
        inner_access: InnerAccess::Accept,
        rules: rules.collect(),
    }
}

/// A plan of a group in complete mode that changes nothing.
pub(crate) fn group_plan(observed: ObservedGroup, span: Span) -> GroupPlan {
    GroupPlan {
        address: Address {
            account: AccountName::new("demo"),
            region: RegionId::new("cn-hangzhou"),
            group: observed.info.id.clone(),
        },
        name: observed.info.name.clone(),
        span,
        modes: [Some(Mode::Complete); 2],
        observed,
        declared: Vec::new(),
        traffic: Vec::new(),
        passing: Vec::new(),
        violations: Vec::new(),
        changes: Vec::new(),
        unmanaged: Vec::new(),
        ignored: Vec::new(),
        system_level: Vec::new(),
        expired: Vec::new(),
        quota: QuotaUse::default(),
        group_peers: QuotaUse::default(),
        in_turn: None,
        wanted_and_ignored: Vec::new(),
    }
}
