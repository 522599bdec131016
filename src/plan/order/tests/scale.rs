//! Many groups of one network that change at once: pairs and edges are counted, never time.

use super::*;

const GROUPS: usize = 2_000;

/// Pairs that were looked at and edges that were made, per change; and the waves, unless there are circles.
fn cost(changes: &[Vec<ChangeKind>]) -> (usize, Option<Vec<usize>>) {
    let case = plain(changes);
    let (nodes, known) = (case.nodes(), BTreeMap::new());
    let graph = Graph::new(&nodes, &known);
    let edges: usize = graph.before.iter().map(Vec::len).sum();
    let circles = graph.split();
    let ordered = circles == (Vec::new(), Vec::new());
    let per_change = (graph.looked + edges).div_ceil(nodes.len());
    (per_change, ordered.then(|| graph.waves()))
}

/// No turns, nothing known, room for all.
fn plain(changes: &[Vec<ChangeKind>]) -> Case {
    Case {
        changes: changes.to_vec(),
        turns: vec![None; changes.len()],
        early: false,
        known: vec![(false, Pairs::new(), Pairs::new()); changes.len()],
    }
}

fn tcp(first: u16, last: u16) -> Protocol {
    Protocol::Tcp(PortRange::new(first, last).unwrap().into())
}

fn ingress(policy: Policy, priority: i64, protocol: Protocol, peer: &str) -> Rule {
    let peer = match peer.starts_with("sg-") {
        true => Peer::Group(GroupId::new(peer)),
        false => Peer::Cidr(cidr(peer)),
    };
    rule(Direction::Ingress, priority, policy, protocol, peer, None)
}

fn own(group: usize) -> String {
    format!("10.{}.{}.0/24", group / 250, group % 250)
}

/// One drop and one accept that it limits, in every group.
fn both(make: impl Fn(usize) -> [Rule; 2]) -> Vec<Vec<ChangeKind>> {
    (0..GROUPS)
        .map(|group| make(group).map(ChangeKind::Add).to_vec())
        .collect()
}

/// The drops first, of all groups, then the accepts.
fn first_drops_then_accepts(changes: &[Vec<ChangeKind>], most: usize) {
    let (cost, waves) = cost(changes);
    assert!(cost <= most, "{cost} for each change");
    let waves = waves.expect("adds never contradict each other");
    assert!(waves.chunks(2).all(|waves| waves == [0, 1]));
}

#[test]
fn the_same_changes_of_many_groups_are_looked_at_once() {
    let changes = both(|_| {
        [
            ingress(Policy::Drop, 1, tcp(22, 22), "0.0.0.0/0"),
            ingress(Policy::Accept, 10, tcp(1, 100), "10.0.0.0/8"),
        ]
    });
    first_drops_then_accepts(&changes, 2);
}

#[test]
fn changes_of_many_groups_that_never_meet_are_hardly_looked_at() {
    let changes = both(|group| {
        [
            ingress(Policy::Drop, 1, tcp(22, 22), &own(group)),
            ingress(Policy::Accept, 10, tcp(1, 100), &own(group)),
        ]
    });
    first_drops_then_accepts(&changes, 20);
}

/// Four million pairs that all hold.
#[test]
fn different_changes_of_many_groups_that_all_meet_are_tied_together() {
    let changes = both(|group| {
        let port = u16::try_from(group).unwrap() + 22;
        [
            ingress(Policy::Drop, 1, tcp(22, 22), &own(group)),
            ingress(Policy::Accept, 10, tcp(1, port), "10.0.0.0/8"),
        ]
    });
    first_drops_then_accepts(&changes, 4);
    let members = both(|group| {
        [
            ingress(Policy::Drop, 1, tcp(22, 22), &format!("sg-{group}")),
            ingress(Policy::Accept, 10, tcp(1, 100), &own(group)),
        ]
    });
    first_drops_then_accepts(&members, 4);
}

/// Ranges that overlap with a part of the others, in ports and in addresses at once.
#[test]
fn changes_that_meet_some_others_are_tied_in_parts() {
    let changes = both(|group| {
        let port = u16::try_from(group % 40).unwrap() * 20 + 1;
        let wide = format!("10.{}.{}.0/{}", group / 250, group % 250, 12 + group % 12);
        [
            ingress(Policy::Drop, 1, tcp(port, port + 50), &own(group)),
            ingress(Policy::Accept, 10, tcp(port, port + 200), &wide),
        ]
    });
    first_drops_then_accepts(&changes, 120);
}

/// Each holds all that it did, so none of four million pairs has anything to ask.
#[test]
fn modifies_that_only_widen_are_not_compared() {
    let changes: Vec<Vec<ChangeKind>> = (0..GROUPS)
        .map(|group| {
            let rule = |last| ingress(Policy::Accept, 1, tcp(1, last), &format!("sg-{group}"));
            vec![ChangeKind::Modify {
                from: seen(rule(100)),
                to: rule(200),
            }]
        })
        .collect();
    let (cost, waves) = cost(&changes);
    assert!(cost <= 2, "{cost} for each change");
    assert!(waves.expect("no circle").iter().all(|wave| *wave == 0));
}

/// None takes the place of what it leaves, so each of four million pairs has something to ask, both ways: nearly all are taken apart.
#[test]
fn modifies_that_only_narrow_are_tied_together() {
    let changes: Vec<Vec<ChangeKind>> = (0..GROUPS)
        .map(|group| {
            let rule = |last| ingress(Policy::Accept, 1, tcp(1, last), &format!("sg-{group}"));
            let unrelated = Protocol::Udp(PortRange::new(9, 9).unwrap().into());
            let first = ingress(Policy::Accept, 1, unrelated, &own(group));
            let narrow = ChangeKind::Modify {
                from: seen(rule(100)),
                to: rule(50),
            };
            vec![ChangeKind::Add(first), narrow]
        })
        .collect();
    let (cost, waves) = cost(&changes);
    assert!(cost <= 10, "{cost} for each change");
    assert!(waves.is_none());
    let case = plain(&changes);
    let (nodes, known) = (case.nodes(), BTreeMap::new());
    let (split, whole) = Graph::new(&nodes, &known).split();
    assert_eq!((split.len(), whole), (GROUPS - 1, Vec::new()));
}

/// Two modifies that take turns over the groups, each of which waits for all of the other: one circle.
#[test]
fn a_circle_of_all_groups_is_tied_together() {
    let changes: Vec<Vec<ChangeKind>> = (0..GROUPS)
        .map(|group| {
            let rule = |first, last| ingress(Policy::Accept, 1, tcp(first, last), "10.0.0.0/8");
            let (from, to) = match group % 2 {
                0 => (rule(1, 100), rule(50, 150)),
                _ => (rule(40, 120), rule(80, 200)),
            };
            vec![ChangeKind::Modify {
                from: seen(from),
                to,
            }]
        })
        .collect();
    let (cost, waves) = cost(&changes);
    assert!(cost <= 4, "{cost} for each change");
    assert!(waves.is_none());
}

/// Where turns and exact looks except pairs of one group, chains of knots stand for all the others.
#[test]
fn exceptions_within_groups_cost_no_look_at_other_groups() {
    let changes = both(|_| {
        [
            ingress(Policy::Drop, 1, tcp(22, 22), "0.0.0.0/0"),
            ingress(Policy::Accept, 10, tcp(1, 100), "10.0.0.0/8"),
        ]
    });
    let nothing: Pairs = [((Direction::Ingress, NicType::Intranet), Default::default())].into();
    let case = Case {
        turns: (0..GROUPS)
            .map(|group| (group % 2 == 0).then_some(false))
            .collect(),
        early: false,
        known: vec![(true, nothing.clone(), nothing); GROUPS],
        changes,
    };
    let (nodes, known) = (case.nodes(), case.known());
    let graph = Graph::new(&nodes, &known);
    let edges: usize = graph.before.iter().map(Vec::len).sum();
    assert!(graph.looked + edges <= 5 * nodes.len());
    let others = |index: usize| (0..GROUPS).filter(move |group| *group != index / 2);
    let before = untied_of(&graph, 1001);
    assert_eq!(before, others(1001).map(|group| 2 * group).collect());
}

/// A delete that makes room stays before the add that takes it, though it could share a call with one that goes later.
#[test]
fn what_makes_room_is_not_moved_behind_what_takes_it() {
    let tcp_from =
        |policy, priority, first, last| ingress(policy, priority, tcp(first, last), "10.0.0.0/8");
    let elsewhere = ingress(Policy::Accept, 1, tcp(9, 9), "192.0.2.0/24");
    let mut case = plain(&[vec![
        ChangeKind::Delete(seen(elsewhere)),
        ChangeKind::Add(tcp_from(Policy::Accept, 10, 5, 5)),
        // Waits for the add and is waited for by the modify.
        ChangeKind::Delete(seen(tcp_from(Policy::Accept, 10, 5, 6))),
        ChangeKind::Modify {
            from: seen(tcp_from(Policy::Drop, 1, 6, 6)),
            to: tcp_from(Policy::Drop, 1, 7, 7),
        },
    ]]);
    case.early = true;
    let (nodes, known) = (case.nodes(), BTreeMap::new());
    assert_eq!(Graph::new(&nodes, &known).waves(), [0, 1, 2, 3]);
}
