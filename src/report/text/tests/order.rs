//! What a plan says of its order.

use super::*;
use crate::{
    model::Policy,
    plan::{InTurn, Passing},
    traffic::{certificate::Transient, clause::Resolve, difference::difference},
};

/// Why, and what was not looked at.
#[test]
fn a_group_that_is_changed_in_turns_says_so() {
    let files = Files::new();
    let mut made = sample::every_kind(&files);
    let lines = |made: &Plan| -> String {
        let text = plan(&sample::bare(made, &files, &sample::stamp()), &PLAIN);
        let about = |line: &&str| line.contains("turns") || line.starts_with("order");
        text.lines()
            .filter(about)
            .map(|line| format!("{line}\n"))
            .collect()
    };
    let full: Vec<usize> = (0..made.groups.len())
        .filter(|index| !made.groups[*index].changes.is_empty())
        .collect();
    made.groups[full[0]].in_turn = Some(InTurn::default());
    assert_data_eq!(
        lines(&made),
        str![[r#"
  +1 ~0 -0   in turns: no room for old and new rules together
order: safe at every step (5 calls, 2 layers)
  db is changed in turns: not replayed for interfaces that are also in a group outside this plan

"#]]
        .raw()
    );
    made.groups[full[1]].in_turn = Some(InTurn::default());
    assert!(lines(&made).contains("\n  2 groups are changed in turns: not replayed"));
}

/// The heading, and what follows on it.
fn said(in_turn: InTurn, passing: Vec<Passing>) -> Vec<String> {
    let files = Files::new();
    let mut made = sample::every_kind(&files);
    made.groups[3].in_turn = Some(in_turn);
    made.groups[3].passing = passing;
    let text = plan(&sample::bare(&made, &files, &sample::stamp()), &PLAIN);
    let name = made.groups[3].name.as_str();
    let lines = text.lines().skip_while(|line| !line.starts_with("order"));
    let lines = lines.take_while(|line| !line.is_empty());
    lines.map(|line| line.replace(name, "NAME")).collect()
}

const ALONE: &str = "  NAME is changed in turns: not replayed for interfaces that are also in a group outside this plan";
const MEMBERSHIPS: &str =
    "  NAME: peers that are in three groups or unread lists at once were not looked at";

#[test]
fn orders_that_were_left_out_are_said() {
    let in_turn = InTurn {
        orders_left_out: true,
        memberships_left_out: true,
        ..InTurn::default()
    };
    let passing = Passing {
        with: None,
        direction: crate::model::Direction::Ingress,
        nic: crate::model::NicType::Intranet,
        transient: Transient {
            wave: 0,
            opens: false,
            traffic: Vec::new(),
        },
    };
    let said = said(in_turn, vec![passing]);
    assert!(
        said[0].starts_with("order: not safe at every step (5 calls, 2 layers"),
        "{said:?}"
    );
    assert_eq!(
        said[1..],
        [
            "  NAME: not every order was tried, there may be a safe one",
            ALONE,
            MEMBERSHIPS
        ]
    );
}

/// A turn is looked at in this one way only: what was left out of it nothing else proves.
#[test]
fn without_every_membership_no_order_is_said_to_be_safe() {
    let in_turn = InTurn {
        memberships_left_out: true,
        ..InTurn::default()
    };
    let said = said(in_turn, Vec::new());
    assert!(
        said[0].starts_with("order: not proved safe at every step (5 calls, 2 layers"),
        "{said:?}"
    );
    assert_eq!(said[1..], [ALONE, MEMBERSHIPS]);
}

/// Nor where a group that may share an interface was not looked at.
#[test]
fn without_every_pair_no_order_is_said_to_be_safe() {
    for (pairs_left_out, groups) in [(1, "1 group"), (70, "70 groups")] {
        let said = said(
            InTurn {
                pairs_left_out,
                ..InTurn::default()
            },
            Vec::new(),
        );
        assert!(
            said[0].starts_with("order: not proved safe at every step (5 calls, 2 layers"),
            "{said:?}"
        );
        let pairs = format!(
            "  NAME: not replayed together with {groups} that may share an interface with it"
        );
        assert_eq!(said[1..], [ALONE.to_owned(), pairs]);
    }
}

#[test]
fn what_was_not_replayed_together_is_said() {
    let files = Files::new();
    let said = |pairs: usize, turns: usize| {
        let mut made = sample::every_kind(&files);
        made.schedules[0].pairs_left_out = pairs;
        made.schedules[0].turns_left_out = turns;
        let text = plan(&sample::bare(&made, &files, &sample::stamp()), &PLAIN);
        let line = text.lines().find(|line| line.contains("in two groups"));
        line.map(str::to_owned)
    };
    assert_eq!(said(0, 0), None);
    assert_eq!(
        said(1, 0).as_deref(),
        Some("  interfaces in two groups: 1 pair not replayed together")
    );
    assert_eq!(
        said(30, 2).as_deref(),
        Some(
            "  interfaces in two groups: 30 pairs not replayed together, 2 of them with a group that is changed in turns"
        )
    );
}

/// Ten kinds of traffic, each cut in three layers one after the other, and the first once more later.
#[test]
fn traffic_that_is_cut_in_many_layers_is_told_once_and_not_without_end() {
    let what = |port: u16| {
        let text = format!("ingress accept tcp/{port} from 10.0.0.0/8 priority 1");
        let rule = sample::rule(&text, "");
        let opened = difference(&[], &[&rule], Policy::Drop, &Resolve(None)).newly_admitted;
        opened.into_iter().map(|sentence| sentence.what).collect()
    };
    let cut = |wave: usize, port: u16| Passing {
        with: None,
        direction: crate::model::Direction::Ingress,
        nic: crate::model::NicType::Intranet,
        transient: Transient {
            wave,
            opens: false,
            traffic: what(port),
        },
    };
    let mut passing: Vec<Passing> = (0..3)
        .flat_map(|wave| (1..=10).map(move |port| cut(wave, port)))
        .collect();
    passing.push(cut(5, 1));
    let said = said(InTurn::default(), passing);
    assert_eq!(
        said[1],
        "  NAME layers 1 to 3 cuts for a while: ingress tcp/1 from 10.0.0.0/8"
    );
    assert_eq!(said[9], "  … and 3 more; --verbose lists them");
    assert_eq!(said[10..], [ALONE]);
}
