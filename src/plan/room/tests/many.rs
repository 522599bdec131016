//! Groups with as many rules as groups can have.

use super::*;

/// So many rules with ten ports each, from a port on.
fn ranges(rules: u16, from: u16) -> Vec<Rule> {
    let of = |number: u16| {
        let first = from + number * 10;
        Rule {
            protocol: Protocol::Tcp(PortRange::new(first, first + 9).unwrap().into()),
            ..rule(first, "10.0.0.0/8")
        }
    };
    (0..rules).map(of).collect()
}

/// Any of the old ones may become any of the new ones, which is a million modifies.
#[test]
fn a_thousand_rules_whose_ports_shift_are_changed_in_place() {
    let case = Case::of(ranges(1_000, 1), ranges(1_000, 6), 1_000);
    let found = case.search(WORK);
    assert_eq!((found.harm, found.slots), (NONE, None));
    assert_eq!(made(&found), 1_000);
    assert!(found.work < WORK / 4, "{}", found.work);
}

/// Most ports are of three rules, and drops stand between the accepts.
#[test]
fn a_thousand_rules_that_overlap_are_changed_in_place() {
    let of = |shift: u16| -> Vec<Rule> {
        let of = |number: u16| Rule {
            policy: [Policy::Accept, Policy::Drop][usize::from(number % 2)],
            priority: Priority::new(i64::from(number / 20 * 2 + shift + 1)).unwrap(),
            protocol: Protocol::Tcp(
                PortRange::new(1 + number * 10 + shift, 30 + number * 10)
                    .unwrap()
                    .into(),
            ),
            ..rule(1, &format!("10.{}.0.0/{}", number % 8, 16 - number % 3))
        };
        (0..1_000).map(of).collect()
    };
    let case = Case::of(of(0), of(1), 1_000);
    let found = case.search(WORK);
    assert_eq!((found.harm, found.slots), (NONE, None));
    assert_eq!(made(&found), 1_000);
    assert!(found.work < WORK / 4, "{}", found.work);
}

/// What would be more than any search could look at is not put together, and that a safe sequence may exist is said.
#[test]
fn of_too_many_pieces_nothing_is_claimed() {
    Case::stuck(20).with(|full| {
        let board = Board::up_to(full, 39);
        assert!(board.pieces_left_out);
        let members =
            |items: &[board::Item]| items.iter().map(|item| item.classes.len()).sum::<usize>();
        assert_eq!(members(&board.old) + members(&board.new), 39 / 2 * 2);
        let found = search_on(board, WORK).expect("every change can be made");
        assert!(found.orders_left_out && found.least_slots_unknown);
        assert_eq!((made(&found), found.slots), (40, None));
        // None are too many where all are looked at.
        assert!(!Board::up_to(full, 40).pieces_left_out);
    });
}

/// Each is a modify that must stay whole, and nearly every one waits for the next: the weakest goes first.
#[test]
fn priorities_of_a_full_group_are_spread() {
    let of = |step: u16| -> Vec<Rule> {
        let of = |number: u16| Rule {
            policy: [Policy::Accept, Policy::Drop][usize::from(number % 2)],
            priority: Priority::new(i64::from(number / 5 * step + 2)).unwrap(),
            protocol: Protocol::Tcp(PortRange::new(1 + number, 200 + number).unwrap().into()),
            peer: Peer::Cidr(
                crate::model::Cidr::parse_masking(&format!(
                    "10.{}.0.0/{}",
                    number % 8,
                    9 + number % 12
                ))
                .unwrap(),
            ),
            ..rule(1, "10.0.0.0/8")
        };
        (5..200).map(of).collect()
    };
    let mut case = Case::of(of(1), of(2), 195);
    case.pairs = (0..195).map(|place| (place, place)).collect();
    let found = case.search(WORK);
    assert_eq!((found.harm, found.slots), (NONE, None));
    assert_eq!(made(&found), 195);
    assert!(found.work < WORK / 4, "{}", found.work);
}
