//! Sets of rules to plan with: as people write them, and as nobody does.

use std::{collections::BTreeSet, sync::Arc};

use rulekeep::model::{
    Direction, GroupId, NicType, Peer, Policy, PortRange, PortSet, Ports, Priority, Protocol, Rule,
};

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

/// Which addresses realistic rules speak of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Families {
    /// IPv4 alone.
    V4,
    /// A third of the rules IPv6.
    Both,
}

fn realistic_rule(numbers: &mut Numbers, families: Families) -> Rule {
    const SERVICES: [u64; 14] = [
        22, 25, 53, 80, 123, 389, 443, 3306, 5432, 6379, 8080, 8443, 9090, 9200,
    ];
    let kind = numbers.below(20);
    let peer = match kind {
        0 => format!("sg-peer{:02}", numbers.below(8)),
        1..=6 if families == Families::Both => format!("2001:db8:{:x}::/48", numbers.below(64)),
        7 if families == Families::Both => "::/0".to_owned(),
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

/// Rules as people write them: few services, networks within networks, some drops.
pub fn realistic(seed: u64, count: usize, families: Families) -> Vec<Rule> {
    let mut numbers = Numbers(seed);
    let mut rules = Vec::new();
    while rules.len() < count {
        rules.push(realistic_rule(&mut numbers, families));
        rules = unique(rules);
    }
    rules
}

/// Some of the rules replaced.
pub fn edited(seed: u64, old: &[Rule], changed: usize, families: Families) -> Vec<Rule> {
    let mut numbers = Numbers(seed ^ 0xED17);
    let mut rules = old.to_vec();
    for _ in 0..changed {
        let place = numbers.below(rules.len() as u64);
        rules[usize::try_from(place).expect("an index")] = realistic_rule(&mut numbers, families);
    }
    unique(rules)
}

fn any_policy(numbers: &mut Numbers) -> Policy {
    numbers.pick(&[Policy::Accept, Policy::Drop])
}

/// Random CIDRs times random port ranges at random priorities.
pub fn rectangles(seed: u64, count: usize) -> Vec<Rule> {
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
pub fn nested(seed: u64, count: usize) -> Vec<Rule> {
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
pub fn partition(parts: u64, shift: u64) -> Vec<Rule> {
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
pub fn renumbered(count: u64, step: i64) -> Vec<Rule> {
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
pub fn exceptions(count: u64, shift: u64) -> Vec<Rule> {
    let drops = (0..count - 1).map(|number| {
        let peer = format!("10.{}.{}.0/24", number / 100, (number % 100) * 2 + shift);
        rule(1, Policy::Drop, Protocol::All, &peer)
    });
    drops
        .chain([rule(50, Policy::Accept, tcp(1, 65_535), "10.0.0.0/8")])
        .collect()
}

/// Ten rules of `count` from an address, or from a group that the address may be in.
pub fn peers(count: u64, groups: bool) -> Vec<Rule> {
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
