//! What a plan says of what was not looked at.

use super::*;

#[test]
fn what_a_search_left_out_is_said() {
    let files = Files::new();
    let mut made = sample::every_kind(&files);
    made.groups[3].in_turn = Some(InTurn {
        search_ended: true,
        memberships_left_out: true,
        ..InTurn::default()
    });
    let text = plan(&sample::bare(&made, &files, &sample::stamp()), &PLAIN);
    let name = &made.groups[3].name;
    let order: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.starts_with("order"))
        .collect();
    assert!(
        order[0].starts_with("order: not safe at every step (5 calls, 2 layers"),
        "{text}"
    );
    assert_eq!(
        order[1..4],
        [
            format!("  {name}: the search for a safe order was ended before every order was tried"),
            format!(
                "  {name} is changed in turns: not replayed for interfaces that are also in a group outside this plan"
            ),
            format!(
                "  {name}: peers that are in three groups or unread lists at once were not looked at"
            ),
        ]
    );
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
