//! Which of several steps is taken, and what is put into one turn, where that decides what becomes of the rest.

use super::*;

/// Two old rules of which either may go at once, and which after that goes no more, in a group that holds too much to bring in a rule. The one
/// without an id cannot become the new one.
fn either_goes(without_id: usize, others: u16) -> Case {
    let others: Vec<String> = (100..100 + others)
        .map(|port| format!("drop {port} 10.0.0.0/8 1"))
        .collect();
    let mut old = vec!["accept 22 10.0.0.0/8 1", "accept 22 10.0.0.0/8 50"];
    old.extend(others.iter().map(String::as_str));
    let mut case = Case::new(&old, &["accept 22 10.0.0.0/7 1"], 1);
    case.old[without_id].id = None;
    case
}

#[test]
fn of_what_can_go_the_weakest_goes_first() {
    either_goes(1, 0).with(|full| {
        let board = Board::new(full);
        board.budget.allow(WORK);
        let greedy::End::Done(acts, harm) = greedy::run(&board, 0, false) else {
            panic!("stuck");
        };
        assert_eq!(harm, NONE);
        assert_eq!(acts, [Act::Delete(1), Act::Modify(0, 0)]);
    });
}

/// Here the strongest would have to go first, and the changes are too many to look at every sequence.
#[test]
fn what_gets_stuck_in_one_order_is_tried_in_others() {
    let case = either_goes(0, 16);
    case.with(|full| {
        let board = Board::new(full);
        board.budget.allow(WORK);
        assert!(matches!(safe(&board, 0), Answer::Unknown));
    });
    assert_eq!(case.search(WORK).harm, NONE);
}

/// A piece that is wrong at some time is no reason to make one step after the other, while it is wrong and after it was put right.
#[test]
fn what_is_wrong_anyway_holds_nothing_back() {
    let case = Case::new(
        &[
            "accept 22 10.0.0.0/8 1",
            "drop 22 10.0.0.0/8 5",
            "drop 22 10.0.0.0/8 60",
        ],
        &["accept 22 10.0.0.0/7 1"],
        3,
    );
    case.with(|full| {
        let board = Board::new(full);
        board.budget.allow(WORK);
        let turns = [
            [Act::Delete(0), Act::Delete(1)],
            [Act::Add(0), Act::Delete(2)],
        ];
        assert_eq!(board.turns(&turns.concat()), turns);
    });
}
