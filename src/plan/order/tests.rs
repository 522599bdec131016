//! The relation against a look at every pair, and how many pairs it takes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{
    Known, Node,
    bundles::{Bounds, DIMENSIONS, bundles},
    graph::Graph,
    sentences::{Sentence, Sides},
};
use crate::{
    model::{
        Cidr, Direction, GroupId, NicType, ObservedRule, Peer, Policy, PortListId, PortRange,
        PortSet, Ports, PrefixListId, Priority, Protocol, Rule,
    },
    plan::{ChangeKind, exact::Pairs},
};

/// A network's changes, as they are ordered.
#[derive(Clone, Debug)]
struct Case {
    /// By group.
    changes: Vec<Vec<ChangeKind>>,
    /// Groups in turns, and whether these stand apart.
    turns: Vec<Option<bool>>,
    early: bool,
    /// Of each group, whether pairs are known, and the pairs.
    known: Vec<(bool, Pairs, Pairs)>,
}

impl Case {
    fn nodes(&self) -> Vec<Node<'_>> {
        let mut nodes = Vec::new();
        for (group, changes) in self.changes.iter().enumerate() {
            for (place, change) in changes.iter().enumerate() {
                nodes.push(Node {
                    change,
                    group,
                    place,
                    splittable: place % 4 != 0,
                    turn: self.turns[group].map(|_| place / 3),
                    apart: self.turns[group] == Some(true),
                    early: self.early,
                });
            }
        }
        nodes
    }

    fn known(&self) -> BTreeMap<usize, Known> {
        let of = |(e1, e2): (&Pairs, &Pairs)| Known {
            e1: e1.clone(),
            e2: e2.clone(),
        };
        (0..)
            .zip(&self.known)
            .filter(|(group, (known, ..))| *known && self.turns[*group].is_none())
            .map(|(group, (_, e1, e2))| (group, of((e1, e2))))
            .collect()
    }
}

/// What a look at every pair finds: direct predecessors, free deletes, and whether some of these make room.
fn by_every_pair(
    nodes: &[Node<'_>],
    known: &BTreeMap<usize, Known>,
) -> (Vec<BTreeSet<usize>>, BTreeSet<usize>, bool) {
    use Sentence::{E1, E2, E3};
    let sides: Vec<Sides<'_>> = nodes.iter().map(|node| Sides::of(node.change)).collect();
    let holds = |sentence: Sentence, first: usize, then: usize| {
        let (one, other) = (&nodes[first], &nodes[then]);
        if !sentence.asks(&sides[first], &sides[then]) {
            return false;
        }
        if one.group != other.group {
            return !one.apart && !other.apart;
        }
        let (pairs, rule, pair) = match (known.get(&one.group), sentence) {
            _ if one.turn.is_some() => return false,
            (Some(known), E1) => (&known.e1, sides[first].new, (one.place, other.place)),
            (Some(known), E2) => (&known.e2, sides[first].old, (other.place, one.place)),
            (None, _) | (_, E3) => return true,
        };
        rule.and_then(|rule| pairs.get(&(rule.direction, rule.nic)))
            .is_none_or(|pairs| pairs.contains(&pair))
    };
    let is_delete = |index: usize| matches!(nodes[index].change, ChangeKind::Delete(_));
    let is_modify = |index: usize| matches!(nodes[index].change, ChangeKind::Modify { .. });
    let is_add = |index: usize| matches!(nodes[index].change, ChangeKind::Add(_));
    let mut before = vec![BTreeSet::new(); nodes.len()];
    for then in 0..nodes.len() {
        for first in (0..nodes.len()).filter(|&first| first != then) {
            let modify = is_modify(first) || is_modify(then);
            let asked = (modify || is_add(first) && is_add(then)) && holds(E1, first, then)
                || (modify || is_delete(first) && is_delete(then)) && holds(E2, first, then)
                || modify && holds(E3, first, then)
                || nodes[first].group == nodes[then].group
                    && nodes[first].turn.is_some()
                    && nodes[first].turn.map(|turn| turn + 1) == nodes[then].turn;
            if asked {
                before[then].insert(first);
            }
        }
    }
    let mut free: BTreeSet<usize> = (0..nodes.len())
        .filter(|&index| is_delete(index) && nodes[index].turn.is_some())
        .collect();
    loop {
        let more: Vec<usize> = (0..nodes.len())
            .filter(|&then| !is_delete(then) || free.contains(&then))
            .flat_map(|then| before[then].iter().copied())
            .filter(|&first| is_delete(first) && !free.contains(&first))
            .collect();
        if more.is_empty() {
            break;
        }
        free.extend(more);
    }
    let adds: Vec<usize> = (0..nodes.len()).filter(|&index| is_add(index)).collect();
    for &delete in &free {
        let waited_for = adds.iter().copied().filter(|&add| holds(E3, add, delete));
        before[delete].extend(waited_for);
    }
    let unbound: Vec<usize> = (0..nodes.len())
        .filter(|&index| is_delete(index) && nodes[index].early && !free.contains(&index))
        .filter(|&index| before[index].is_empty())
        .filter(|&index| adds.iter().all(|&add| !holds(E3, add, index)))
        .collect();
    free.extend(&unbound);
    (before, free, !unbound.is_empty())
}

/// Direct predecessors with knots untied.
fn untied(graph: &Graph<'_>) -> Vec<BTreeSet<usize>> {
    let changes = 0..graph.nodes.len();
    changes.map(|index| untied_of(graph, index)).collect()
}

fn untied_of(graph: &Graph<'_>, index: usize) -> BTreeSet<usize> {
    let changes = graph.nodes.len();
    let mut seen = BTreeSet::new();
    let mut todo = graph.before[index].clone();
    while let Some(first) = todo.pop() {
        if seen.insert(first) && first >= changes {
            todo.extend(&graph.before[first]);
        }
    }
    seen.retain(|&first| first < changes);
    seen
}

fn rule(
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
        priority: Priority::new(priority).unwrap(),
        policy,
        protocol,
        peer,
        local,
        description: None,
        peer_owner: None,
    }
}

fn cidr(text: &str) -> Cidr {
    Cidr::parse_masking(text).unwrap()
}

fn arb_rule() -> impl Strategy<Value = Rule> {
    let address = prop_oneof![
        6 => (0u8..8, 28u8..=32).prop_map(|(last, length)| format!("10.0.0.{last}/{length}")),
        2 => (0u8..4, 126u8..=128).prop_map(|(last, length)| format!("2001:db8::{last}/{length}")),
        1 => Just("0.0.0.0/0".to_owned()),
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
        1 => (0u8..2).prop_map(|n| PortSet::List(PortListId::new(format!("prl-{n}")))),
    ];
    let source = prop_oneof![Just(None), (1u16..3).prop_map(Some)];
    let ports = (destination, source).prop_map(|(destination, source)| Ports {
        destination,
        source: source.map(|port| PortRange::new(port, port).unwrap()),
    });
    let protocol = prop_oneof![
        5 => ports.clone().prop_map(Protocol::Tcp),
        1 => ports.prop_map(Protocol::Udp),
        1 => Just(Protocol::Icmp),
        1 => Just(Protocol::All),
    ];
    let side = prop_oneof![
        6 => Just((Direction::Ingress, NicType::Intranet)),
        1 => Just((Direction::Ingress, NicType::Internet)),
        1 => Just((Direction::Egress, NicType::Intranet)),
    ];
    let policy = prop_oneof![Just(Policy::Accept), Just(Policy::Drop)];
    let local = prop_oneof![4 => Just(None), 1 => (0u8..4, 30u8..=32).prop_map(Some)];
    (side, 1i64..=4, policy, protocol, peer, local).prop_map(
        |((direction, nic), priority, policy, protocol, peer, local)| {
            let local = local.map(|(last, length)| cidr(&format!("10.1.0.{last}/{length}")));
            Rule {
                nic,
                ..rule(direction, priority, policy, protocol, peer, local)
            }
        },
    )
}

fn seen(rule: Rule) -> ObservedRule {
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
    if what & 24 == 24 {
        to.policy = by.policy;
    }
    to
}

/// Groups that share many of their changes.
fn arb_case(groups: usize, changes: usize) -> impl Strategy<Value = Case> {
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

/// Long runs by `RULEKEEP_PROPERTY_CASES`.
fn cases(default: u32) -> u32 {
    let cases = std::env::var("RULEKEEP_PROPERTY_CASES").ok();
    cases.and_then(|n| n.parse().ok()).unwrap_or(default)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(200)))]

    #[test]
    fn the_graph_holds_what_a_look_at_every_pair_finds(case in arb_case(9, 16)) {
        let (nodes, known) = (case.nodes(), case.known());
        let graph = Graph::new(&nodes, &known);
        let (before, free, makes_room) = by_every_pair(&nodes, &known);
        prop_assert_eq!(untied(&graph), before);
        prop_assert_eq!(&graph.free, &free);
        prop_assert_eq!(graph.makes_room, makes_room);
    }

    /// Waves, circles and what is taken apart do not show that changes were tied in knots.
    #[test]
    fn knots_do_not_show(case in arb_case(9, 16)) {
        let (nodes, known) = (case.nodes(), case.known());
        let graph = Graph::new(&nodes, &known);
        let mut plain = Graph::new(&nodes, &known);
        plain.before = untied(&graph).into_iter().map(Vec::from_iter).collect();
        let (split, whole) = graph.split();
        prop_assert_eq!((&split, &whole), (&plain.split().0, &plain.split().1));
        if split.is_empty() && whole.is_empty() {
            prop_assert_eq!(graph.waves(), plain.waves());
        }
    }

    /// What must stay whole never contradicts: modifies of the priority alone, beside adds and deletes.
    #[test]
    fn only_a_modify_that_can_be_taken_apart_makes_a_circle(case in arb_case(9, 16)) {
        let mut case = Case { turns: vec![None; case.changes.len()], ..case };
        for change in case.changes.iter_mut().flatten() {
            if let ChangeKind::Modify { from, to } = change {
                *to = Rule { priority: to.priority, ..from.rule.clone() };
            }
        }
        let (nodes, known) = (case.nodes(), case.known());
        prop_assert_eq!(Graph::new(&nodes, &known).split(), (Vec::new(), Vec::new()));
    }

    /// Each pair once.
    #[test]
    fn bundles_hold_each_pair_that_meets(
        left in prop::collection::vec(arb_bounds(), 0..40),
        right in prop::collection::vec(arb_bounds(), 0..40),
    ) {
        let meets = |a: &Bounds, b: &Bounds| {
            (0..DIMENSIONS).all(|n| a[n].0 <= b[n].1 && b[n].0 <= a[n].1)
        };
        let all = (0..left.len()).flat_map(|a| (0..right.len()).map(move |b| (a, b)));
        let expected: Vec<_> = all.filter(|&(a, b)| meets(&left[a], &right[b])).collect();
        let mut found: Vec<_> = bundles(&left, &right, &mut 0)
            .iter()
            .flat_map(|bundle| {
                let pairs = |&a: &usize| bundle.right.iter().map(move |&b| (a, b));
                bundle.left.iter().flat_map(pairs).collect::<Vec<_>>()
            })
            .collect();
        found.sort_unstable();
        prop_assert_eq!(found, expected);
    }
}

/// Everything in most dimensions, so that many meet.
fn arb_bounds() -> impl Strategy<Value = Bounds> {
    let some = (0u128..12, 0u128..6).prop_map(|(first, more)| (first, first + more));
    let end = Just((u128::MAX - 1, u128::MAX));
    let interval = prop_oneof![12 => Just((0, u128::MAX)), 4 => some, 1 => end];
    prop::collection::vec(interval, DIMENSIONS).prop_map(|all| all.try_into().unwrap())
}

mod scale;
