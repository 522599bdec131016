//! Random rules in a small world, with what is hard to tell apart as boxes, and changes of groups that share much.

use super::*;

pub fn rule(
    direction: Direction,
    priority: i64,
    policy: Policy,
    protocol: Protocol,
    peer: Peer,
    local: Option<Cidr>,
) -> Rule {
    Rule {
        direction,
        nic: NicType::Intranet,
        priority: Priority::observed(u8::try_from(priority).unwrap()),
        policy,
        protocol,
        peer,
        local,
        description: None,
        peer_owner: None,
    }
}

pub fn cidr(text: &str) -> Cidr {
    Cidr::parse_masking(text).unwrap()
}

pub fn arb_rule() -> impl Strategy<Value = Rule> {
    let address = prop_oneof![
        6 => (0u8..8, 28u8..=32).prop_map(|(last, length)| format!("10.0.0.{last}/{length}")),
        2 => (0u8..4, 126u8..=128).prop_map(|(last, length)| format!("2001:db8::{last}/{length}")),
        // The same number as an IPv4 address.
        1 => (0u8..4, 126u8..=128).prop_map(|(last, length)| format!("::a00:{last}/{length}")),
        1 => Just("0.0.0.0/0".to_owned()),
        1 => Just("::/0".to_owned()),
    ];
    let peer = prop_oneof![
        9 => address.prop_map(|text| Peer::Cidr(cidr(&text))),
        1 => (0u8..3).prop_map(|n| Peer::Group(GroupId::new(format!("sg-{n}")))),
        1 => (0u8..2).prop_map(|n| Peer::PrefixList(PrefixListId::new(format!("pl-{n}")))),
    ];
    let destination = prop_oneof![
        7 => (1u16..=6, 0u16..4).prop_map(|(first, more)| {
            PortSet::Range(PortRange::new(first, first + more).unwrap())
        }),
        1 => (65_530u16..=65_535).prop_map(|first| {
            PortSet::Range(PortRange::new(first, 65_535).unwrap())
        }),
        1 => Just(PortSet::Range(PortRange::ALL)),
        1 => (0u8..2).prop_map(|n| PortSet::List(PortListId::new(format!("prl-{n}")))),
    ];
    let port = |port| PortRange::new(port, port).unwrap();
    let source = prop_oneof![
        2 => Just(None),
        2 => (1u16..3).prop_map(port).prop_map(Some),
        1 => Just(Some(PortRange::ALL)),
    ];
    let ports = (destination, source).prop_map(|(destination, source)| Ports {
        destination,
        source,
    });
    let protocol = prop_oneof![
        10 => ports.clone().prop_map(Protocol::Tcp),
        2 => ports.prop_map(Protocol::Udp),
        1 => Just(Protocol::Icmp),
        1 => Just(Protocol::Icmpv6),
        1 => Just(Protocol::Gre),
        1 => (132u8..=133).prop_map(Protocol::Number),
        2 => Just(Protocol::All),
    ];
    let side = prop_oneof![
        6 => Just((Direction::Ingress, NicType::Intranet)),
        1 => Just((Direction::Ingress, NicType::Internet)),
        1 => Just((Direction::Egress, NicType::Intranet)),
    ];
    let policy = prop_oneof![Just(Policy::Accept), Just(Policy::Drop)];
    let own = |text: fn(u8, u8) -> String| {
        (0u8..4, 0u8..3).prop_map(move |(last, less)| Some(cidr(&text(last, less))))
    };
    let local = prop_oneof![
        8 => Just(None),
        3 => own(|last, less| format!("10.1.0.{last}/{}", 32 - less)),
        1 => own(|last, less| format!("2001:db8:1::{last}/{}", 128 - less)),
        // The same number as an IPv4 address.
        1 => own(|last, less| format!("::a01:{last}/{}", 128 - less)),
    ];
    let priority = prop_oneof![6 => 1i64..=4, 1 => Just(100), 1 => Just(110)];
    (side, priority, policy, protocol, peer, local).prop_map(
        |((direction, nic), priority, policy, protocol, peer, local)| Rule {
            nic,
            ..rule(direction, priority, policy, protocol, peer, local)
        },
    )
}

pub fn seen(rule: Rule) -> ObservedRule {
    ObservedRule {
        rule,
        id: None,
        facts: None,
    }
}

/// What a rule becomes, mostly itself in a field or two.
fn edited(from: &Rule, by: &Rule, what: u8) -> Rule {
    let mut to = from.clone();
    if what & 1 != 0 {
        to.priority = by.priority;
    }
    if what & 2 != 0 {
        to.protocol = by.protocol.clone();
    }
    if what & 4 != 0 {
        to.peer = by.peer.clone();
    }
    if what & 96 == 96 {
        to.local = by.local;
    }
    if what & 24 == 24 {
        to.policy = by.policy;
    }
    to
}

/// Groups that share many of their changes.
pub fn arb_case(groups: usize, changes: usize) -> impl Strategy<Value = Case> {
    let pool = prop::collection::vec((arb_rule(), arb_rule(), 0u8..4, any::<u8>()), 1..24);
    let turns = prop_oneof![6 => Just(None), 1 => any::<bool>().prop_map(Some)];
    let known = (any::<bool>(), any::<u64>(), any::<u64>());
    let group = (
        prop::collection::vec(any::<prop::sample::Index>(), 0..changes),
        turns,
        known,
    );
    (pool, prop::collection::vec(group, 1..groups), any::<bool>()).prop_map(
        |(pool, groups, early)| {
            let pool: Vec<ChangeKind> = pool
                .into_iter()
                .map(|(old, new, kind, what)| match kind {
                    0 => ChangeKind::Delete(seen(old)),
                    1 => ChangeKind::Modify {
                        to: edited(&old, &new, what),
                        from: seen(old),
                    },
                    _ => ChangeKind::Add(new),
                })
                .collect();
            let pairs = |luck: u64, changes: usize| -> Pairs {
                let side = (Direction::Ingress, NicType::Intranet);
                let all = (0..changes).flat_map(|a| (0..changes).map(move |b| (a, b)));
                let some = all.filter(|(a, b)| luck.rotate_left((7 * a + 13 * b) as u32) & 3 != 0);
                [(side, some.collect())].into()
            };
            let mut case = Case {
                changes: Vec::new(),
                turns: Vec::new(),
                early,
                known: Vec::new(),
            };
            for (picked, turns, (known, e1, e2)) in groups {
                let count = picked.len();
                let changes = picked.iter().map(|index| index.get(&pool).clone());
                case.changes.push(changes.collect());
                case.turns.push(turns);
                case.known.push((known, pairs(e1, count), pairs(e2, count)));
            }
            case
        },
    )
}
