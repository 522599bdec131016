//! Assertions against a matcher that looks at every packet in every state that a schedule may pass through.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rulekeep::{
    assertion::{
        Allowance, Claim, Status,
        evaluate::{Asked, Course, Found, judge},
    },
    model::{Cidr, GroupId, Lists, Policy, Rule},
    traffic::{
        certificate::Move,
        clause::{Clause, Family, Far, Resolve, Symbol, cidr_interval},
        speak::Who,
    },
};

use crate::universe::{
    GROUPS, Packet, addresses_hold, admits, arb_change, arb_rule, cases, is_about, packets,
    services_hold,
};
use crate::unread::{arb_listed, contents};

/// An assertion in the words of the oracle: the packets that one of some rules is about. Their priority and policy do not count.
#[derive(Clone, Debug)]
struct Said {
    claim: Claim,
    about: Vec<Rule>,
    waived: Option<Vec<Rule>>,
}

fn arb_said() -> impl Strategy<Value = Said> {
    (
        any::<bool>(),
        prop::collection::vec(arb_rule(), 1..3),
        prop::option::weighted(0.3, prop::collection::vec(arb_rule(), 0..2)),
    )
        .prop_map(|(forbid, mut about, mut waived)| {
            // An assertion limits neither own addresses nor source ports.
            for rule in about.iter_mut().chain(waived.iter_mut().flatten()) {
                rule.local = None;
            }
            Said {
                claim: if forbid {
                    Claim::Forbid
                } else {
                    Claim::Require
                },
                about,
                waived,
            }
        })
}

fn clause(rule: &Rule) -> Clause {
    Clause::of(rule, &Resolve(None))
}

fn asked(said: &Said) -> Asked {
    Asked {
        claim: said.claim,
        allowance: None,
        clauses: said.about.iter().map(clause).collect(),
        waivers: match &said.waived {
            None => Vec::new(),
            Some(limits) if limits.is_empty() => vec![(7, None)],
            Some(limits) => vec![(7, Some(limits.iter().map(clause).collect()))],
        },
    }
}

/// Whether an assertion means a packet: of an address it means those who are members of nothing, of a group those who are members of it alone.
fn means(rules: &[Rule], packet: &Packet) -> bool {
    rules.iter().any(|rule| {
        is_about(rule, packet)
            && match &rule.peer {
                rulekeep::model::Peer::Group(group) => {
                    packet.groups.len() == 1 && packet.groups.contains(group.as_str())
                }
                _ => packet.groups.is_empty(),
            }
    })
}

/// Every state that the waves may pass through, wave by wave.
fn states(old: &[Rule], waves: &[Vec<Move<'_>>]) -> (Vec<Vec<Vec<Rule>>>, Vec<Rule>) {
    let make = |rules: &mut Vec<Rule>, step: &Move<'_>| {
        if let Some(gone) = step.gone {
            rules.retain(|rule| rule != gone);
        }
        rules.extend(step.come.cloned());
    };
    let mut state = old.to_vec();
    let mut all = Vec::new();
    for wave in waves {
        let mut parts = Vec::new();
        for part in 0..1u32 << wave.len() {
            let mut now = state.clone();
            for (_, step) in wave.iter().enumerate().filter(|(n, _)| part >> n & 1 == 1) {
                make(&mut now, step);
            }
            parts.push(now);
        }
        all.push(parts);
        for step in wave {
            make(&mut state, step);
        }
    }
    (all, state)
}

/// What the oracle says of a packet.
fn status(
    said: &Said,
    packet: &Packet,
    default: Policy,
    old: &[Rule],
    between: &[Vec<Vec<Rule>>],
    new: &[Rule],
) -> Option<Status> {
    if !means(&said.about, packet) {
        return None;
    }
    let bad = |rules: &[Rule]| admits(rules, default, packet) == (said.claim == Claim::Forbid);
    let status = match (bad(old), bad(new)) {
        (true, true) => Status::Known,
        (false, true) => Status::New,
        (true, false) => return None,
        (false, false) => {
            let wave = between
                .iter()
                .position(|parts| parts.iter().any(|state| bad(state)))?;
            Status::OnTheWay { wave }
        }
    };
    let waived = match &said.waived {
        None => false,
        Some(limits) => limits.is_empty() || means(limits, packet),
    };
    Some(if waived {
        Status::Waived { waiver: 7 }
    } else {
        status
    })
}

/// Reads the lines of a violation as a person would.
fn printed(found: &Found, packet: &Packet) -> bool {
    found.traffic.iter().any(|evidence| {
        let who = match &evidence.what.who {
            Who::Anyone => packet.groups.is_empty(),
            Who::MembersOf(symbols) => {
                symbols.len() == packet.groups.len()
                    && symbols
                        .iter()
                        .all(|symbol| packet.groups.contains(symbol.to_string().as_str()))
            }
            Who::NotMembersOf(_) => false,
        };
        who && services_hold(&evidence.what.line.services_text, packet)
            && addresses_hold(&evidence.what.line.peers_text, packet.peer)
    })
}

fn waves<'a>(
    old: &'a [Rule],
    new: &'a [Rule],
    pairs: usize,
    order: &[(u16, usize)],
) -> Vec<Vec<Move<'a>>> {
    let mut gone: Vec<&Rule> = old.iter().filter(|rule| !new.contains(rule)).collect();
    let mut come: Vec<&Rule> = new.iter().filter(|rule| !old.contains(rule)).collect();
    let mut moves = Vec::new();
    for _ in 0..pairs.min(gone.len()).min(come.len()) {
        moves.push(Move {
            gone: gone.pop(),
            come: come.pop(),
        });
    }
    moves.extend(gone.into_iter().map(|rule| Move {
        gone: Some(rule),
        come: None,
    }));
    moves.extend(come.into_iter().map(|rule| Move {
        gone: None,
        come: Some(rule),
    }));
    let mut keyed: Vec<_> = moves.into_iter().zip(order).collect();
    keyed.sort_by_key(|(_, (key, _))| *key);
    let mut waves = vec![Vec::new(); 3];
    for (step, (_, wave)) in keyed {
        waves[*wave].push(step);
    }
    waves
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(48)))]

    /// For any schedule, good or bad: what is said of every packet is what happens to it, state by state.
    #[test]
    fn every_packet_has_the_status_that_every_state_gives_it(
        (old, new) in arb_change(),
        said in prop::collection::vec(arb_said(), 1..4),
        order in prop::collection::vec((any::<u16>(), 0usize..3), 16),
        pairs in 0usize..3,
        open in any::<bool>(),
    ) {
        let waves = waves(&old, &new, pairs, &order);
        prop_assume!(waves.iter().flatten().count() <= 8);
        let default = if open { Policy::Accept } else { Policy::Drop };
        let course = Course { default, old: old.iter().collect(), waves: waves.clone() };
        let asked: Vec<Asked> = said.iter().map(asked).collect();
        let found = judge(&course, &asked, &Resolve(None));
        let (between, end) = states(&old, &waves);
        for (index, said) in said.iter().enumerate() {
            for packet in packets().iter().filter(|packet| means(&said.about, packet)) {
                let want = status(said, packet, default, &old, &between, &end);
                for one in found.iter().filter(|one| one.asked == index) {
                    prop_assert_eq!(
                        printed(one, packet), want == Some(one.status),
                        "{:?}: oracle {:?} in {:#?}", packet, want, one
                    );
                }
                if let Some(want) = want {
                    prop_assert!(
                        found.iter().any(|one| one.asked == index && one.status == want),
                        "{:?} is {:?}, which is not found", packet, want
                    );
                }
            }
            for one in found.iter().filter(|one| one.asked == index) {
                prop_assert!(!one.traffic.is_empty());
            }
        }
    }
}

fn rule(priority: i64, policy: Policy, peer: rulekeep::model::Peer) -> Rule {
    Rule {
        direction: rulekeep::model::Direction::Ingress,
        nic: rulekeep::model::NicType::Intranet,
        priority: rulekeep::model::Priority::new(priority).unwrap(),
        policy,
        protocol: rulekeep::model::Protocol::All,
        peer,
        local: None,
        description: None,
        peer_owner: None,
    }
}

fn cidr(text: &str) -> rulekeep::model::Peer {
    rulekeep::model::Peer::Cidr(text.parse().unwrap())
}

fn ssh_from(far: Far) -> Clause {
    Clause {
        far,
        protocol: Some(6),
        destination: Some(vec![(22, 22)]),
        ..Clause::default(Policy::Drop)
    }
}

fn addresses(text: &str) -> Far {
    let cidr: Cidr = text.parse().unwrap();
    Far::Addresses(Family::V4, vec![cidr_interval(cidr)])
}

fn texts(course: &Course<'_>, claim: Claim, far: Far) -> Vec<String> {
    texts_beyond(None, course, claim, far)
}

fn texts_beyond(
    allowance: Option<Allowance>,
    course: &Course<'_>,
    claim: Claim,
    far: Far,
) -> Vec<String> {
    let asked = Asked {
        claim,
        allowance,
        clauses: vec![ssh_from(far)],
        waivers: Vec::new(),
    };
    judge(course, &[asked], &Resolve(None))
        .into_iter()
        .flat_map(|found| {
            let Found {
                status,
                traffic,
                depends_on,
                ..
            } = found;
            traffic.into_iter().map(move |evidence| {
                let text = evidence.what.text(rulekeep::model::Direction::Ingress);
                format!("{status:?}: {text} {depends_on:?}")
            })
        })
        .collect()
}

#[test]
fn two_halves_of_the_internet_are_one_and_a_stronger_drop_closes_one() {
    let (low, high) = (
        rule(10, Policy::Accept, cidr("0.0.0.0/1")),
        rule(10, Policy::Accept, cidr("128.0.0.0/1")),
    );
    let course = |old| Course {
        default: Policy::Drop,
        old,
        waves: Vec::new(),
    };
    assert_eq!(
        texts(
            &course(vec![&low, &high]),
            Claim::Forbid,
            addresses("0.0.0.0/0")
        ),
        ["Known: tcp/22 from 0.0.0.0/0 []"]
    );
    let drop = rule(9, Policy::Drop, cidr("128.0.0.0/1"));
    assert_eq!(
        texts(
            &course(vec![&low, &high, &drop]),
            Claim::Forbid,
            addresses("0.0.0.0/0")
        ),
        ["Known: tcp/22 from 0.0.0.0/1 []"]
    );
}

#[test]
fn a_line_reaches_beyond_the_assertion_where_the_group_does_the_same() {
    let all = rule(1, Policy::Accept, cidr("0.0.0.0/0"));
    let course = Course {
        default: Policy::Drop,
        old: Vec::new(),
        waves: vec![vec![Move {
            gone: None,
            come: Some(&all),
        }]],
    };
    let far = Far::Addresses(
        Family::V4,
        rulekeep::traffic::internet::internet(Family::V4).to_vec(),
    );
    assert_eq!(
        texts(&course, Claim::Forbid, far),
        ["New: tcp/22 from 0.0.0.0/0 []"]
    );
}

#[test]
fn members_of_a_group_are_neither_the_internet_nor_another_group() {
    let group = |name: &str| rulekeep::model::Peer::Group(GroupId::new(name));
    let [x, y] = GROUPS;
    let admits_x = rule(1, Policy::Accept, group(x));
    let course = Course {
        default: Policy::Drop,
        old: vec![&admits_x],
        waves: Vec::new(),
    };
    let member = |name: &str| Far::Member(Symbol::Group(GroupId::new(name)));
    let none: [&str; 0] = [];
    assert_eq!(texts(&course, Claim::Forbid, addresses("0.0.0.0/0")), none);
    assert_eq!(
        texts(&course, Claim::Forbid, member(x)),
        ["Known: tcp/22 from sg-x []"]
    );
    assert_eq!(texts(&course, Claim::Require, member(x)), none);
    assert_eq!(
        texts(&course, Claim::Require, member(y)),
        ["Known: tcp/22 from sg-y []"]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(60)))]

    /// What some content of the lists makes new is new, what some content makes known is known, and what depends on no list is so with each.
    #[test]
    fn an_unread_port_list_counts_with_each_content(
        (old, new) in arb_listed(),
        said in arb_said(),
        default in prop::sample::select(vec![Policy::Accept, Policy::Drop]),
    ) {
        let said = Said { waived: None, ..said };
        let gone = old.iter().filter(|rule| !new.contains(rule));
        let come = new.iter().filter(|rule| !old.contains(rule));
        let moves = gone
            .map(|rule| Move { gone: Some(rule), come: None })
            .chain(come.map(|rule| Move { gone: None, come: Some(rule) }));
        let course = Course { default, old: old.iter().collect(), waves: vec![moves.collect()] };
        let told = |lists: &Lists| {
            let mut found = judge(&course, &[asked(&said)], &Resolve(Some(lists)));
            found.retain(|found| matches!(found.status, Status::New | Status::Known));
            found
        };
        let statuses = |found: &[Found]| -> BTreeSet<Status> {
            found.iter().map(|found| found.status).collect()
        };
        let unread = told(&Lists::default());
        let each: Vec<BTreeSet<Status>> =
            contents().iter().map(|lists| statuses(&told(lists))).collect();
        let some: BTreeSet<Status> = each.iter().flatten().copied().collect();
        prop_assert_eq!(statuses(&unread), some);
        for found in unread.iter().filter(|found| found.depends_on.is_empty()) {
            prop_assert!(each.iter().all(|each| each.contains(&found.status)), "{:?}", found);
        }
    }
}

#[test]
fn an_unread_list_is_taken_the_worse_way_and_named() {
    let list = rulekeep::model::Peer::PrefixList(rulekeep::model::PrefixListId::new("pl-x"));
    let (admits, drops) = (
        rule(1, Policy::Accept, list.clone()),
        rule(1, Policy::Drop, list),
    );
    let wide = rule(2, Policy::Accept, cidr("10.0.0.0/8"));
    let course = |old| Course {
        default: Policy::Drop,
        old,
        waves: Vec::new(),
    };
    let far = || addresses("10.0.0.0/8");
    assert_eq!(
        texts(&course(vec![&admits]), Claim::Forbid, far()),
        ["Known: tcp/22 from pl-x at 10.0.0.0/8 [PrefixList(\"pl-x\")]"]
    );
    assert_eq!(
        texts(&course(vec![&drops, &wide]), Claim::Require, far()),
        ["Known: tcp/22 from pl-x at 10.0.0.0/8 [PrefixList(\"pl-x\")]"]
    );
    // What the list does not hold is refused; which that is depends on it too.
    let required = texts(&course(vec![&admits]), Claim::Require, far());
    let refused = "Known: tcp/22 from 10.0.0.0/8 [PrefixList(\"pl-x\")]".to_owned();
    assert!(required.contains(&refused), "{required:?}");
}

#[test]
fn what_an_assertion_overlooks_is_counted_state_by_state() {
    let (office, wide) = (
        rule(1, Policy::Accept, cidr("203.0.113.0/24")),
        rule(1, Policy::Accept, cidr("128.0.0.0/1")),
    );
    let told = |old: Vec<&Rule>, come: Option<&Rule>, gone: Option<&Rule>, v4| {
        let course = Course {
            default: Policy::Drop,
            old,
            waves: vec![vec![Move { gone, come }]],
        };
        let allowance = Some(Allowance { v4, v6: 0 });
        texts_beyond(allowance, &course, Claim::Forbid, addresses("0.0.0.0/0"))
    };
    let none: [&str; 0] = [];
    assert_eq!(told(vec![&office], None, None, 256), none);
    assert_eq!(
        told(vec![&office], None, None, 255),
        ["Known: tcp/22 from 203.0.113.0/24 []"]
    );
    // The office alone was no violation, so it is as new as the rest.
    assert_eq!(
        told(vec![&office], Some(&wide), None, 1 << 24),
        ["New: tcp/22 from 128.0.0.0/1 []"]
    );
    assert_eq!(told(vec![&office, &wide], None, Some(&wide), 1 << 24), none);
    assert_eq!(
        told(vec![&wide], Some(&office), None, 1 << 24),
        ["Known: tcp/22 from 128.0.0.0/1 []"]
    );
}

/// Neither an assertion nor a waiver of addresses speaks of members of a group; what a list holds are addresses.
#[test]
fn a_waiver_of_addresses_excuses_a_list_but_no_group() {
    let admits = rule(1, Policy::Accept, cidr("10.0.0.0/8"));
    let list = Symbol::PrefixList(rulekeep::model::PrefixListId::new("pl-x"));
    let group = Symbol::Group(GroupId::new(GROUPS[0]));
    let told = |kind: &Symbol, limit: Far| -> Vec<Status> {
        let course = Course {
            default: Policy::Drop,
            old: vec![&admits],
            waves: Vec::new(),
        };
        let asked = Asked {
            claim: Claim::Forbid,
            allowance: None,
            clauses: vec![ssh_from(Far::Member(kind.clone()))],
            waivers: vec![(7, Some(vec![ssh_from(limit)]))],
        };
        let found = judge(&course, &[asked], &Resolve(None));
        found.into_iter().map(|one| one.status).collect()
    };
    let waived = [Status::Waived { waiver: 7 }];
    assert_eq!(told(&group, addresses("10.0.0.0/8")), [Status::Known]);
    assert_eq!(told(&group, Far::Member(group.clone())), waived);
    assert_eq!(told(&list, addresses("10.0.0.0/8")), waived);
    assert_eq!(told(&list, Far::Member(group.clone())), [Status::Known]);
}
