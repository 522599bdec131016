//! Port lists that could not be read: what is said must hold whatever is in them, and nothing is said that no content makes true.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rulekeep::{
    model::{Direction, Lists, Policy, PortList, PortListId, PortRange, PortSet, Protocol, Rule},
    traffic::{
        certificate::{Move, replay},
        clause::Resolve,
        difference::difference,
        spare::spare,
    },
};

use crate::universe::{arb_change, cases};

pub const LISTS: [&str; 2] = ["prl-x", "prl-y"];

/// Puts lists in place of the ports of some rules.
pub fn listed(rules: Vec<Rule>, picks: &[u8]) -> Vec<Rule> {
    let listed = rules.into_iter().zip(picks).map(|(mut rule, pick)| {
        if let (Protocol::Tcp(ports) | Protocol::Udp(ports), Some(list)) =
            (&mut rule.protocol, LISTS.get(usize::from(*pick)))
        {
            ports.destination = PortSet::List(PortListId::new(*list));
        }
        rule
    });
    let rules: BTreeSet<Rule> = listed.collect();
    rules.into_iter().collect()
}

/// Every content of both lists, of ports that some packet has or no rule tells apart from one.
pub fn contents() -> Vec<Lists> {
    let parts = [(1, 1), (2, 2), (3, 65535)].map(|(a, b)| PortRange::new(a, b).unwrap());
    let list = |bits: usize| PortList {
        name: "ports".into(),
        max_entries: 3,
        entries: (0..3)
            .filter(|bit| bits >> bit & 1 == 1)
            .map(|bit| parts[bit])
            .collect(),
    };
    (0..64)
        .map(|bits| Lists {
            port: [(LISTS[0], bits % 8), (LISTS[1], bits / 8)]
                .map(|(id, bits)| (PortListId::new(id), list(bits)))
                .into(),
            ..Lists::default()
        })
        .collect()
}

/// Old and new rules, of which some name a port list.
pub fn arb_listed() -> impl Strategy<Value = (Vec<Rule>, Vec<Rule>)> {
    let picks = || prop::collection::vec(0u8..5, 10);
    (arb_change(), picks()).prop_map(|((old, new), picks)| {
        // One rule has one list, in both states.
        let all: BTreeSet<&Rule> = old.iter().chain(&new).collect();
        let all: Vec<&Rule> = all.into_iter().collect();
        let pick = |rules: &[Rule]| {
            let place = |rule: &Rule| all.iter().position(|one| *one == rule).unwrap();
            let picks: Vec<u8> = rules.iter().map(|rule| picks[place(rule) % 10]).collect();
            listed(rules.to_vec(), &picks)
        };
        (pick(&old), pick(&new))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(60)))]

    #[test]
    fn two_states_differ_where_some_content_makes_them((old, new) in arb_listed()) {
        let (old, new): (Vec<&Rule>, Vec<&Rule>) = (old.iter().collect(), new.iter().collect());
        let same = |lists: &Lists| difference(&old, &new, Policy::Drop, &Resolve(Some(lists))).is_empty();
        let unread = same(&Lists::default());
        prop_assert_eq!(unread, contents().iter().all(same));
    }

    #[test]
    fn a_schedule_is_safe_where_every_content_makes_it(
        (old, new) in arb_listed(),
        order in prop::collection::vec(any::<u16>(), 16),
    ) {
        let gone = old.iter().filter(|rule| !new.contains(rule));
        let come = new.iter().filter(|rule| !old.contains(rule));
        let moves = gone
            .map(|rule| Move { gone: Some(rule), come: None })
            .chain(come.map(|rule| Move { gone: None, come: Some(rule) }));
        let mut keyed: Vec<_> = moves.zip(order.iter().cycle()).collect();
        keyed.sort_by_key(|(_, key)| **key);
        let waves: Vec<Vec<Move<'_>>> = keyed.into_iter().map(|(step, _)| vec![step]).collect();
        let rules: Vec<&Rule> = old.iter().collect();
        let safe = |lists: &Lists| replay(&rules, &waves, Policy::Drop, &Resolve(Some(lists))).is_empty();
        prop_assert_eq!(safe(&Lists::default()), contents().iter().all(safe));
    }

    #[test]
    fn what_is_spared_is_spared_with_every_content((old, _) in arb_listed()) {
        let all: Vec<&Rule> = old.iter().collect();
        let spared = spare(std::slice::from_ref(&all), &all, Policy::Drop, &Resolve(Some(&Lists::default())));
        let left: Vec<&Rule> = all.iter().copied().filter(|rule| !spared.contains(rule)).collect();
        for lists in contents() {
            prop_assert!(difference(&all, &left, Policy::Drop, &Resolve(Some(&lists))).is_empty());
        }
    }
}

fn rule(text: &str, policy: Policy, ports: PortSet, peer: rulekeep::model::Peer) -> Rule {
    Rule {
        direction: Direction::Ingress,
        nic: rulekeep::model::NicType::Intranet,
        priority: rulekeep::model::Priority::new(text.parse().unwrap()).unwrap(),
        policy,
        protocol: Protocol::Tcp(rulekeep::model::Ports {
            destination: ports,
            source: None,
        }),
        peer,
        local: None,
        description: None,
        peer_owner: None,
    }
}

/// The list is named; where other rules tell its ports apart, these are named with it.
#[test]
fn sentences_name_the_list() {
    use rulekeep::model::{GroupId, Peer};
    let list = |id: &str| PortSet::List(PortListId::new(id));
    let cidr = |text: &str| Peer::Cidr(text.parse().unwrap());
    let group = |text: &str| Peer::Group(GroupId::new(text));
    let said = |old: &[Rule], new: &[Rule]| -> Vec<String> {
        let (old, new): (Vec<&Rule>, Vec<&Rule>) = (old.iter().collect(), new.iter().collect());
        let found = difference(&old, &new, Policy::Drop, &Resolve(None));
        let more = found.newly_admitted.iter().map(|one| ("+", one));
        more.chain(found.no_longer_admitted.iter().map(|one| ("-", one)))
            .map(|(sign, one)| format!("{sign} {}", one.what.text(Direction::Ingress)))
            .collect()
    };
    let accept = |ports, peer| rule("5", Policy::Accept, ports, peer);
    let drop = |ports, peer| rule("1", Policy::Drop, ports, peer);
    let ssh = || PortSet::Range(PortRange::new(22, 22).unwrap());
    let net = || cidr("10.0.0.0/8");
    assert_eq!(
        said(&[], &[accept(list("prl-x"), net())]),
        ["+ tcp prl-x from 10.0.0.0/8"]
    );
    assert_eq!(
        said(&[], &[accept(list("prl-x"), group("sg-a"))]),
        ["+ tcp prl-x from sg-a"]
    );
    assert_eq!(
        said(
            &[accept(list("prl-x"), net())],
            &[accept(list("prl-y"), net())]
        ),
        ["+ tcp prl-y from 10.0.0.0/8", "- tcp prl-x from 10.0.0.0/8",]
    );
    let before = drop(PortSet::Range(PortRange::new(1, 21).unwrap()), net());
    let after = drop(PortSet::Range(PortRange::new(23, 65535).unwrap()), net());
    assert_eq!(
        said(
            &[before.clone(), after.clone()],
            &[before, after, accept(list("prl-x"), net())]
        ),
        ["+ tcp/22 in prl-x from 10.0.0.0/8"]
    );
    assert_eq!(
        said(
            &[drop(list("prl-x"), net())],
            &[drop(list("prl-x"), net()), accept(ssh(), net())]
        ),
        [
            "+ tcp/22 from 10.0.0.0/8",
            "+ not for ports in prl-x: tcp/22 at 10.0.0.0/8",
        ]
    );
}

/// Who may use a service depends on what the list holds, whichever way a rule with it decides.
#[test]
fn who_may_use_a_service_depends_on_the_list() {
    use rulekeep::{
        model::Peer,
        traffic::{clause::Clause, reach::reach},
    };
    let list = || PortSet::List(PortListId::new("prl-x"));
    let ssh = || PortSet::Range(PortRange::new(22, 22).unwrap());
    let net = || Peer::Cidr("10.0.0.0/8".parse().unwrap());
    let question = Clause::of(&rule("1", Policy::Accept, ssh(), net()), &Resolve(None));
    let who = |rules: &[Rule]| -> Vec<String> {
        let rules: Vec<&Rule> = rules.iter().collect();
        let resolve = Resolve(None);
        let found = reach(
            &rules,
            std::slice::from_ref(&question),
            Policy::Accept,
            Policy::Drop,
            &resolve,
        );
        let text = |one: &rulekeep::traffic::speak::Statement| one.text(Direction::Ingress);
        found.iter().map(text).collect()
    };
    let accept = |ports| rule("5", Policy::Accept, ports, net());
    let drop = |ports| rule("1", Policy::Drop, ports, net());
    assert_eq!(who(&[accept(list())]), ["tcp/22 in prl-x from 10.0.0.0/8"]);
    assert_eq!(
        who(&[drop(list()), accept(ssh())]),
        [
            "tcp/22 from 10.0.0.0/8",
            "not for ports in prl-x: tcp/22 at 10.0.0.0/8",
        ]
    );
}
