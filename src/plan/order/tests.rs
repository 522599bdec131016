//! The relation against a look at every pair, and how many pairs it takes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{
    Known, Node,
    bundles::{Bounds, DIMENSIONS, bundles},
    graph::Graph,
    overlapping,
    sentences::{Sentence, Sides},
};
use crate::{
    model::{
        Cidr, Direction, GroupId, NicType, ObservedRule, Peer, Policy, PortListId, PortRange,
        PortSet, Ports, PrefixListId, Priority, Protocol, Rule,
    },
    plan::{ChangeKind, exact::Pairs},
    traffic::may_overlap,
};

use random::{arb_case, arb_rule, cidr, rule, seen};

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
            .is_none_or(|pairs| pairs.contains(pair))
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

    /// Where too many pairs would have to be asked about there is more order between groups, the same within them, and no circle without a
    /// modify to take apart that would not be there anyway.
    #[test]
    fn unasked_there_is_only_more_order_between_groups(case in arb_case(9, 16)) {
        let case = Case { turns: vec![None; case.changes.len()], ..case };
        let (nodes, known) = (case.nodes(), case.known());
        let graph = Graph::asking(&nodes, &known, 0);
        let asked = Graph::new(&nodes, &known);
        for (then, (more, needed)) in untied(&graph).iter().zip(untied(&asked)).enumerate() {
            // A delete that another now waits for is asked about as well, and makes no room.
            prop_assert!(more.is_superset(&needed));
            let of_own = |first: &&usize| nodes[**first].group == nodes[then].group;
            if !matches!(nodes[then].change, ChangeKind::Delete(_)) {
                let own = more.iter().filter(of_own);
                prop_assert!(own.eq(needed.iter().filter(of_own)));
            }
        }
        let mut nodes = nodes;
        for node in &mut nodes {
            node.splittable = match node.change {
                ChangeKind::Modify { from, to } => Rule { priority: from.rule.priority, ..to.clone() } != from.rule,
                _ => false,
            };
        }
        let circles = Graph::asking(&nodes, &known, 0).split().1;
        prop_assert_eq!(circles, Vec::<Vec<usize>>::new());
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

    #[test]
    fn rules_that_may_overlap_are_found(
        first in prop::collection::vec(arb_rule(), 0..24),
        second in prop::collection::vec(arb_rule(), 0..24),
    ) {
        let (first, second): (Vec<&Rule>, Vec<&Rule>) = (first.iter().collect(), second.iter().collect());
        let all = (0..first.len()).flat_map(|a| (0..second.len()).map(move |b| (a, b)));
        let expected: Vec<_> = all.filter(|&(a, b)| may_overlap(first[a], second[b])).collect();
        let mut found: Vec<_> = overlapping(&first, &second)
            .iter()
            .flat_map(|bundle| {
                let pairs = |&a: &usize| bundle.right.iter().map(move |&b| (a, b));
                bundle.left.iter().flat_map(pairs).collect::<Vec<_>>()
            })
            .collect();
        found.sort_unstable();
        prop_assert_eq!(found, expected);
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

mod random;
mod scale;
