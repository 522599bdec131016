//! How fast the planner is: on an estate that is as declared, on an ordinary change of one group, and on what is built to be hard.
//!
//! `cargo bench --bench planner`, a few seconds. Times are the thread's CPU time, the least of several rounds, so that they mean
//! something on a busy machine; the yardstick is taken in the same run. `RULEKEEP_BENCH_GROUPS` sizes the estate (default: 1,000 groups).

use std::{
    collections::{BTreeMap, BTreeSet},
    hint::black_box,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use rulekeep::{
    desired::{DesiredGroup, DesiredPeer, DesiredRule, Limits, Mode, Modes, Selector},
    diag::{Sources, Span},
    model::{
        AccountName, Direction, GroupId, GroupInfo, GroupKind, GroupName, InnerAccess, Network,
        NicType, ObservedGroup, ObservedRule, Peer, Policy, PortRange, PortSet, Ports, Priority,
        Protocol, RegionId, Rule, RuleId, VpcId,
    },
    plan::{Context, GroupInput, Plan, plan},
    traffic::{
        certificate::{Move, replay},
        clause::Resolve,
        difference::{default_policy, difference},
    },
};

fn main() {
    // `cargo test --benches` runs this too: then one small round of each.
    let quick = std::env::args().any(|argument| argument == "--test");
    let groups = std::env::var("RULEKEEP_BENCH_GROUPS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(if quick { 10 } else { 1_000 });
    let rounds = if quick { 1 } else { 5 };
    let often = |times: u32| if quick { 1 } else { times };

    let unchanged: Vec<Case> = (0..groups)
        .map(|group| {
            let rules = realistic(group as u64, 50);
            Case::new(group, "vpc-1", rules.clone(), rules)
        })
        .collect();
    let (time, plan) = least(rounds, || run(&unchanged, often(2)));
    assert!(plan.counts().is_empty(), "nothing has changed");
    let rules = groups * 50;
    let yardstick = compare_in_order(&unchanged, often(20));
    println!(
        "unchanged estate, {groups} groups of 50 rules: {:.2} million rules a second ({:.1} times the time of comparing them in order)",
        rules as f64 / time.as_secs_f64() / 1e6,
        time.as_secs_f64() / yardstick.as_secs_f64()
    );

    let mut each = Vec::new();
    let mut shares = [Duration::ZERO; 2];
    for seed in 0..if quick { 1 } else { 20 } {
        let old = realistic(seed, 200);
        let new = edited(seed, &old, 10);
        let case = [Case::new(0, "vpc-1", old, new)];
        let (time, plan) = least(rounds, || run(&case, often(25)));
        assert!(plan.counts().calls > 0, "something has changed");
        each.push(time);
        parts(&case[0], often(25), &mut shares);
    }
    each.sort();
    println!(
        "200 realistic rules, 5% changed: {:.2?} (median of {}; longest {:.2?})",
        each[each.len() / 2],
        each.len(),
        each[each.len() - 1]
    );

    println!(
        "  on average {:.2?} of that for the difference in traffic, {:.2?} for the replay of every state",
        shares[0] / u32::try_from(each.len()).expect("few"),
        shares[1] / u32::try_from(each.len()).expect("few"),
    );

    let hard: [(&str, Vec<Rule>, Vec<Rule>, u32); 8] = [
        (
            "200 random rectangles, all replaced",
            rectangles(1, 100),
            rectangles(2, 100),
            200,
        ),
        (
            "nested CIDRs, long port ranges, source ports, all replaced",
            nested(1, 100),
            nested(2, 100),
            200,
        ),
        (
            "200 rules full, repartitioned",
            partition(200, 0),
            partition(200, 7),
            200,
        ),
        (
            "200 rules full, merged",
            partition(200, 0),
            partition(40, 0),
            200,
        ),
        (
            "200 rules full, split",
            partition(40, 0),
            partition(200, 0),
            200,
        ),
        (
            "200 rules full, renumbered",
            renumbered(200, 1),
            renumbered(200, 2),
            200,
        ),
        (
            "200 rules full, exceptions moved",
            exceptions(200, 0),
            exceptions(200, 1),
            200,
        ),
        (
            "200 rules full, addresses become groups",
            peers(200, false),
            peers(200, true),
            200,
        ),
    ];
    for (name, old, new, quota) in hard {
        let mut case = [Case::new(0, "vpc-1", old, new)];
        case[0].desired.quota = quota;
        let (time, plan) = least(rounds.min(2), || run(&case, often(2)));
        let counts = plan.counts();
        println!(
            "{name}: {time:.2?}; +{} ~{} -{}, {} calls in {} layers, peak {}, {}",
            counts.add,
            counts.change,
            counts.destroy,
            counts.calls,
            plan.schedules
                .iter()
                .map(|s| s.waves.len())
                .max()
                .unwrap_or(0),
            plan.groups[0].quota.peak,
            if plan.groups.iter().all(|group| group.passing.is_empty()) {
                "safe"
            } else {
                "not safe"
            }
        );
    }

    let many = if quick { 2 } else { 100 };
    for (name, networks) in [("a network for each 20", many / 20 + 1), ("one network", 1)] {
        let estate: Vec<Case> = (0..many)
            .map(|group| {
                let old = realistic(group as u64, 200);
                let new = edited(group as u64, &old, 6);
                Case::new(group, &format!("vpc-{}", group % networks), old, new)
            })
            .collect();
        let (time, plan) = least(rounds.min(3), || run(&estate, 1));
        println!(
            "{many} groups of 200 rules, 3% changed, {name}: {:.2?} a group, {} layers",
            time / u32::try_from(many).expect("few groups"),
            plan.schedules
                .iter()
                .map(|s| s.waves.len())
                .max()
                .unwrap_or(0),
        );
    }
}

/// CPU time of this thread; where the system does not tell, the clock's.
fn cpu() -> Duration {
    thread_local!(static BEGUN: Instant = Instant::now());
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split(' ').next()?.parse().ok())
        .map_or_else(|| BEGUN.with(Instant::elapsed), Duration::from_nanos)
}

/// The least time of several rounds, and the last result.
fn least(rounds: usize, round: impl Fn() -> (Duration, Plan)) -> (Duration, Plan) {
    let (mut least, mut plan) = round();
    for _ in 1..rounds {
        let (time, next) = round();
        (least, plan) = (least.min(time), next);
    }
    (least, plan)
}

/// A group as declared and as it is.
struct Case {
    desired: DesiredGroup,
    observed: ObservedGroup,
}

impl Case {
    fn new(number: usize, vpc: &str, live: Vec<Rule>, wanted: Vec<Rule>) -> Self {
        let id = format!("sg-{number:05}");
        let span = span(u32::try_from(number).expect("few groups") * 1_000);
        let wanted: Vec<DesiredRule> = wanted
            .into_iter()
            .zip(1..)
            .map(|(rule, line)| declared(rule, Span { line, ..span }))
            .collect();
        let of = |direction| {
            let rules = wanted.iter().filter(|rule| rule.direction == direction);
            rules.cloned().collect()
        };
        Self {
            desired: DesiredGroup {
                account: AccountName::new("bench"),
                region: RegionId::new("cn-hangzhou"),
                selector: Selector::Id(GroupId::new(&id)),
                alias: None,
                span,
                mode: Modes {
                    ingress: Mode::Complete,
                    egress: Mode::Complete,
                },
                ingress: Some(of(Direction::Ingress)),
                egress: Some(of(Direction::Egress)),
                absent: Vec::new(),
                assertions: Default::default(),
                waivers: Vec::new(),
                ignore: Vec::new(),
                allow_empty: false,
                system_rules: None,
                limits: Limits::default(),
                quota: 1_000,
            },
            observed: ObservedGroup {
                info: GroupInfo {
                    id: GroupId::new(&id),
                    name: GroupName::new(&id),
                    description: Arc::from(""),
                    network: Network::Vpc(VpcId::new(vpc)),
                    kind: GroupKind::Basic,
                    managed: false,
                    tags: BTreeMap::new(),
                },
                inner_access: InnerAccess::Accept,
                rules: live
                    .into_iter()
                    .enumerate()
                    .map(|(index, rule)| ObservedRule {
                        rule,
                        id: Some(RuleId::new(format!("sgr-{number:05}-{index:04}"))),
                        facts: None,
                    })
                    .collect(),
            },
        }
    }
}

fn span(start: u32) -> Span {
    let file = Sources::default().add(PathBuf::from("rules/bench.yaml"), Arc::from(""));
    Span {
        file,
        start,
        end: start + 1,
        line: 1,
        column: 1,
    }
}

fn declared(rule: Rule, span: Span) -> DesiredRule {
    DesiredRule {
        direction: rule.direction,
        nic: None,
        priority: rule.priority,
        policy: rule.policy,
        protocol: rule.protocol,
        peer: match rule.peer {
            Peer::Cidr(cidr) => DesiredPeer::Cidr(cidr),
            Peer::Group(id) => DesiredPeer::Group { id, owner: None },
            Peer::PrefixList(list) => DesiredPeer::PrefixList(list),
        },
        local: rule.local,
        description: rule.description,
        expires: None,
        span,
    }
}

/// Plans so often that the time is well above the clock's tick; the time of one.
fn run(cases: &[Case], times: u32) -> (Duration, Plan) {
    let lists = BTreeMap::new();
    let directory: Vec<_> = cases
        .iter()
        .map(|case| (&case.desired, case.observed.info.clone()))
        .collect();
    let context = Context {
        at: jiff::Timestamp::UNIX_EPOCH,
        directory: &directory,
        lists: &lists,
    };
    let inputs = || -> Vec<_> {
        let groups = cases.iter().map(|case| GroupInput {
            desired: &case.desired,
            observed: case.observed.clone(),
        });
        groups.collect()
    };
    let all: Vec<Vec<GroupInput<'_>>> = (0..times).map(|_| inputs()).collect();
    let begun = cpu();
    let mut plans: Vec<Plan> = all
        .into_iter()
        .map(|inputs| black_box(plan(inputs, &context)))
        .collect();
    let time = (cpu() - begun) / times;
    (time, plans.pop().expect("planned at least once"))
}

/// Adds the time of the two exact parts of a plan.
fn parts(case: &Case, times: u32, shares: &mut [Duration; 2]) {
    let (_, plan) = run(std::slice::from_ref(case), 1);
    let group = &plan.groups[0];
    for direction in Direction::BOTH {
        let of = |rule: &&Rule| rule.direction == direction;
        let old: Vec<&Rule> = group
            .observed
            .rules
            .iter()
            .map(|seen| &seen.rule)
            .filter(of)
            .collect();
        let gone: Vec<&Rule> = group
            .changes
            .iter()
            .filter_map(|change| change.kind.before())
            .map(|seen| &seen.rule)
            .collect();
        let come = group
            .changes
            .iter()
            .filter_map(|change| change.kind.after())
            .filter(of);
        let kept = old.iter().copied().filter(|rule| !gone.contains(rule));
        let new: Vec<&Rule> = kept.chain(come).collect();
        let default = default_policy(direction, GroupKind::Basic);
        let begun = cpu();
        for _ in 0..times {
            black_box(difference(&old, &new, default, &Resolve(None)));
        }
        shares[0] += (cpu() - begun) / times;
        let waves: Vec<Vec<Move<'_>>> = plan.schedules[0]
            .waves
            .iter()
            .map(|wave| {
                wave.iter()
                    .flat_map(|step| &step.changes)
                    .map(|&change| &group.changes[change].kind)
                    .filter(|change| change.rule().direction == direction)
                    .map(|change| Move {
                        gone: change.before().map(|seen| &seen.rule),
                        come: change.after(),
                    })
                    .collect()
            })
            .collect();
        let begun = cpu();
        for _ in 0..times {
            black_box(replay(&old, &waves, default, &Resolve(None)));
        }
        shares[1] += (cpu() - begun) / times;
    }
}

/// What the planner cannot do without: looking at both sides of every rule once.
fn compare_in_order(cases: &[Case], times: u32) -> Duration {
    let sides: Vec<(Vec<&Rule>, Vec<&Rule>)> = cases
        .iter()
        .map(|case| {
            let rules = || case.observed.rules.iter().map(|seen| &seen.rule);
            (rules().collect(), rules().collect())
        })
        .collect();
    let begun = cpu();
    for _ in 0..times {
        for (a, b) in &sides {
            black_box(a.iter().zip(b).all(|(a, b)| a == b));
        }
    }
    (cpu() - begun) / times
}

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).expect("an index")]
    }
}

fn rule(priority: i64, policy: Policy, protocol: Protocol, peer: &str) -> Rule {
    Rule {
        direction: Direction::Ingress,
        nic: NicType::Intranet,
        priority: Priority::new(priority).expect("1 to 100"),
        policy,
        protocol,
        peer: if peer.starts_with("sg-") {
            Peer::Group(GroupId::new(peer))
        } else {
            Peer::Cidr(rulekeep::model::Cidr::parse_masking(peer).expect("a CIDR"))
        },
        local: None,
        description: None,
        peer_owner: None,
    }
}

fn tcp(first: u64, last: u64) -> Protocol {
    let port = |number: u64| u16::try_from(number).expect("a port");
    Protocol::Tcp(
        PortRange::new(port(first), port(last))
            .expect("in order")
            .into(),
    )
}

fn unique(rules: impl IntoIterator<Item = Rule>) -> Vec<Rule> {
    let mut seen = BTreeSet::new();
    rules
        .into_iter()
        .filter(|rule| {
            seen.insert(Rule {
                priority: Priority::DEFAULT,
                description: None,
                ..rule.clone()
            })
        })
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

fn realistic_rule(numbers: &mut Numbers) -> Rule {
    const SERVICES: [u64; 14] = [
        22, 25, 53, 80, 123, 389, 443, 3306, 5432, 6379, 8080, 8443, 9090, 9200,
    ];
    let kind = numbers.below(20);
    let peer = match kind {
        0 => format!("sg-peer{:02}", numbers.below(8)),
        1..=6 => format!("2001:db8:{:x}::/48", numbers.below(64)),
        7 => "::/0".to_owned(),
        8..=9 => "0.0.0.0/0".to_owned(),
        10..=12 => format!("10.{}.0.0/16", numbers.below(16)),
        13 => "10.0.0.0/8".to_owned(),
        _ => format!("10.{}.{}.0/24", numbers.below(16), numbers.below(32)),
    };
    let first = numbers.pick(&SERVICES);
    let protocol = match numbers.below(16) {
        0 => Protocol::Icmp,
        1..=3 => match tcp(first, first) {
            Protocol::Tcp(ports) => Protocol::Udp(ports),
            other => other,
        },
        4 => tcp(8000, 8000 + numbers.below(500)),
        5 => tcp(30_000, 32_767),
        _ => tcp(first, first),
    };
    let protocol = match protocol {
        Protocol::Icmp if peer.contains(':') => Protocol::Icmpv6,
        other => other,
    };
    let drop = numbers.below(10) == 0;
    let policy = if drop { Policy::Drop } else { Policy::Accept };
    let priority = if drop {
        numbers.pick(&[1, 5, 100])
    } else {
        numbers.pick(&[1, 1, 1, 10, 50])
    };
    Rule {
        direction: if numbers.below(5) == 0 {
            Direction::Egress
        } else {
            Direction::Ingress
        },
        description: Some(Arc::from(format!("rule for {}", numbers.below(1_000)))),
        ..rule(priority, policy, protocol, &peer)
    }
}

/// Rules as people write them: few services, networks within networks, some drops, some IPv6.
fn realistic(seed: u64, count: usize) -> Vec<Rule> {
    let mut numbers = Numbers(seed);
    let mut rules = Vec::new();
    while rules.len() < count {
        rules.push(realistic_rule(&mut numbers));
        rules = unique(rules);
    }
    rules
}

/// Some of the rules replaced.
fn edited(seed: u64, old: &[Rule], changed: usize) -> Vec<Rule> {
    let mut numbers = Numbers(seed ^ 0xED17);
    let mut rules = old.to_vec();
    for _ in 0..changed {
        let place = numbers.below(rules.len() as u64);
        rules[usize::try_from(place).expect("an index")] = realistic_rule(&mut numbers);
    }
    unique(rules)
}

fn any_policy(numbers: &mut Numbers) -> Policy {
    numbers.pick(&[Policy::Accept, Policy::Drop])
}

/// Random CIDRs times random port ranges at random priorities.
fn rectangles(seed: u64, count: usize) -> Vec<Rule> {
    let mut numbers = Numbers(seed);
    let rules = (0..count).map(|_| {
        let length = 8 + numbers.below(17);
        let peer = format!(
            "{}.{}.{}.0/{length}",
            numbers.below(4),
            numbers.below(256),
            numbers.below(256)
        );
        let (a, b) = (1 + numbers.below(65_535), 1 + numbers.below(65_535));
        let priority = 1 + i64::try_from(numbers.below(100)).expect("small");
        rule(
            priority,
            any_policy(&mut numbers),
            tcp(a.min(b), a.max(b)),
            &peer,
        )
    });
    unique(rules.collect::<Vec<_>>())
}

/// CIDRs within CIDRs, each with long ranges of destination and of source ports: every rule meets every other.
fn nested(seed: u64, count: usize) -> Vec<Rule> {
    let mut numbers = Numbers(seed);
    let rules = (0..count).map(|number| {
        let mut range = || {
            let first = 1 + numbers.below(30_000);
            let port = |number: u64| u16::try_from(number).expect("a port");
            PortRange::new(port(first), port(first + 20_000)).expect("in order")
        };
        let protocol = Protocol::Tcp(Ports {
            destination: PortSet::Range(range()),
            source: Some(range()),
        });
        let priority = 1 + i64::try_from(numbers.below(100)).expect("small");
        rule(
            priority,
            any_policy(&mut numbers),
            protocol,
            &format!("10.0.0.0/{}", 8 + number % 20),
        )
    });
    unique(rules.collect::<Vec<_>>())
}

/// All ports in `parts` ranges whose borders begin at `shift`.
fn partition(parts: u64, shift: u64) -> Vec<Rule> {
    let width = 65_000 / parts;
    (0..parts)
        .map(|part| {
            let first = if part == 0 { 1 } else { part * width + shift };
            let last = if part + 1 == parts {
                65_535
            } else {
                (part + 1) * width + shift - 1
            };
            rule(10, Policy::Accept, tcp(first, last), "10.0.0.0/8")
        })
        .collect()
}

/// Accepts and drops in turn, networks within networks, with priorities that keep their order.
fn renumbered(count: u64, step: i64) -> Vec<Rule> {
    (0..count)
        .map(|number| {
            let policy = if number % 2 == 0 {
                Policy::Accept
            } else {
                Policy::Drop
            };
            let priority = i64::try_from(number / 5).expect("small") * step + 1;
            let peer = format!("10.{}.0.0/{}", number % 8, 9 + number % 12);
            rule(
                priority.min(100),
                policy,
                tcp(1 + number, 200 + number),
                &peer,
            )
        })
        .collect()
}

/// One wide accept and many drops below it, each a bit further.
fn exceptions(count: u64, shift: u64) -> Vec<Rule> {
    let drops = (0..count - 1).map(|number| {
        let peer = format!("10.{}.{}.0/24", number / 100, (number % 100) * 2 + shift);
        rule(1, Policy::Drop, Protocol::All, &peer)
    });
    drops
        .chain([rule(50, Policy::Accept, tcp(1, 65_535), "10.0.0.0/8")])
        .collect()
}

/// Ten rules of `count` from an address, or from a group that the address may be in.
fn peers(count: u64, groups: bool) -> Vec<Rule> {
    (0..count)
        .map(|number| {
            let peer = if groups && number < 10 {
                format!("sg-{number:02}")
            } else {
                format!("10.0.{number}.0/24")
            };
            rule(1, Policy::Accept, tcp(1000 + number, 1000 + number), &peer)
        })
        .collect()
}
