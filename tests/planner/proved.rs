//! What a plan says of its order, and what the guard makes of that.

use rulekeep::{
    desired::Mode,
    guard::{Overrides, guard},
    plan::{InTurn, Order, Passing},
};

use crate::rules::{desired, observed, plan_groups, rule};

/// What the plan says of its order is what the guard lets pass: all of it where it is safe, else only with the flags for what may happen.
#[test]
fn what_is_not_said_to_be_safe_is_never_let_through() {
    let wanted = vec![rule("ingress tcp/443 from sg-lb")];
    let mut group = desired("sg-web", Mode::Complete, wanted);
    group.quota = 1;
    let live = observed("sg-web", [rule("ingress tcp/443 from 10.0.0.0/8")]);
    let mut plan = plan_groups(&[(group.clone(), live)]);
    let cut = plan.groups[0].passing.clone();
    assert!(!cut.is_empty());
    let mut opened = cut.clone();
    opened.iter_mut().for_each(|one| one.transient.opens = true);
    let both = [cut.clone(), opened.clone()].concat();
    let in_turn = |memberships_left_out, pairs_left_out| {
        Some(InTurn {
            memberships_left_out,
            pairs_left_out,
            ..InTurn::default()
        })
    };
    let proved = [None, in_turn(false, 0)];
    let unproved = [in_turn(true, 0), in_turn(false, 1), in_turn(true, 70)];
    for passing in [Vec::new(), cut.clone(), opened.clone(), both.clone()] {
        for in_turn in proved.iter().chain(&unproved) {
            plan.groups[0].passing.clone_from(&passing);
            plan.groups[0].in_turn.clone_from(in_turn);
            let expected = match (passing.is_empty(), unproved.contains(in_turn)) {
                (false, _) => Order::NotSafe,
                (true, true) => Order::NotProved,
                (true, false) => Order::Safe,
            };
            assert_eq!(Order::of(&plan), expected);
            let may = |what: &[Passing]| {
                unproved.contains(in_turn) || what.iter().any(|one| passing.contains(one))
            };
            for (accept_interruption, accept_opening) in
                [(false, false), (true, false), (false, true), (true, true)]
            {
                let overrides = Overrides {
                    accept_interruption,
                    accept_opening,
                    ..Overrides::default()
                };
                let passes =
                    (accept_interruption || !may(&cut)) && (accept_opening || !may(&opened));
                assert_eq!(guard(&plan, &[&group], &overrides).is_ok(), passes);
            }
            let asked = guard(&plan, &[&group], &Overrides::default()).is_err();
            assert_eq!(asked, expected != Order::Safe);
        }
    }
}
