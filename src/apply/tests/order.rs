//! What is sent, when, and what is read in between.

use std::collections::BTreeSet;

use crate::{apply::Verdict, clouds::fake::Fate, snapshot};

use super::case::{Case, outcomes};

fn replacement() -> Case {
    Case::new(&[
        ("sg-a", &["22 10.0.0.0/8"], &["+ 22 10.1.0.0/16", "- 0"]),
        ("sg-b", &["80 10.0.0.0/8"], &["+ 80 10.1.0.0/16", "- 0"]),
    ])
    .vpc(&[&[(0, &[0]), (1, &[0])], &[(0, &[1]), (1, &[1])]])
}

#[tokio::test]
async fn every_add_of_a_vpc_is_sent_and_seen_before_its_first_delete() {
    let mut case = replacement();
    case.options.parallelism = 1; // Which group comes first within a wave is nobody's concern.
    let report = case.run().await;
    assert_eq!(
        case.log(),
        [
            "sg-a + tcp/22",
            "sg-b + tcp/80",
            "read sg-a",
            "read sg-b",
            "sg-a - tcp/22",
            "sg-b - tcp/80",
            "read sg-a",
            "read sg-b",
        ]
    );
    assert_eq!(outcomes(&report), ["done", "done"]);
    assert_eq!(report.verdict(), Verdict::Complete);
    let counts = report
        .groups
        .iter()
        .map(|g| (g.added, g.changed, g.destroyed));
    assert_eq!(counts.collect::<Vec<_>>(), [(1, 0, 1), (1, 0, 1)]);
}

#[tokio::test]
async fn a_group_without_deletes_is_read_once() {
    for (waves, expected) in [
        (
            &[&[(0, &[0][..])][..]][..],
            vec!["sg-a + tcp/22", "read sg-a"],
        ),
        (
            &[&[(0, &[0][..])][..], &[(1, &[0][..])][..]][..],
            vec!["sg-a + tcp/22", "read sg-a", "sg-b - tcp/80", "read sg-b"],
        ),
    ] {
        let case = Case::new(&[
            ("sg-a", &[], &["+ 22 10.0.0.0/8"]),
            ("sg-b", &["80 10.0.0.0/8"], &["- 0"]),
        ])
        .vpc(waves);
        case.run().await;
        assert_eq!(case.log(), expected);
    }
}

#[tokio::test]
async fn a_plan_without_changes_sends_and_reads_nothing() {
    let case = Case::new(&[("sg-a", &["22 10.0.0.0/8"], &[])]);
    let report = case.run().await;
    assert_eq!(case.log(), Vec::<String>::new());
    assert_eq!(report.groups, []);
    assert_eq!(report.verdict(), Verdict::Complete);
}

#[tokio::test]
async fn a_modify_that_builds_on_an_add_waits_until_the_add_shows() {
    let case = Case::new(&[(
        "sg-a",
        &["22 10.0.0.0/8"],
        &["+ 22 10.1.0.0/16", "~ 0 22 10.2.0.0/16"],
    )])
    .vpc(&[&[(0, &[0])], &[(0, &[1])]]);
    let report = case.run().await;
    assert_eq!(
        case.log(),
        [
            "sg-a + tcp/22",
            "read sg-a",
            "sg-a ~ tcp/22 tcp/22",
            "read sg-a"
        ]
    );
    assert_eq!(outcomes(&report), ["done"]);
}

#[tokio::test(start_paused = true)]
async fn as_many_requests_as_the_bound_allows_are_under_way_over_all_vpcs() {
    let groups: Vec<(String, &[&str], &[&str])> = (0..20)
        .map(|at| (format!("sg-{at:02}"), &[][..], &["+ 22 10.0.0.0/8"][..]))
        .collect();
    let groups: Vec<_> = groups
        .iter()
        .map(|(id, a, b)| (id.as_str(), *a, *b))
        .collect();
    for bound in [1, 3, 10] {
        let mut case = Case::new(&groups);
        for at in 0..groups.len() {
            case = case.vpc(&[&[(at, &[0])]]);
        }
        case.options.parallelism = bound;
        // Time goes on only when nobody has anything to do until then: so long as one more request may begin, it does.
        case.fake.world().takes = std::time::Duration::from_secs(1);
        let report = case.run().await;
        assert_eq!(outcomes(&report), ["done"; 20]);
        assert_eq!(case.fake.world().most_in_flight, bound);
    }
}

#[tokio::test]
async fn tokens_are_short_and_new_for_every_step_and_every_apply() {
    let mut tokens = BTreeSet::new();
    for _ in 0..2 {
        let case = replacement();
        let report = case.run().await;
        let sent = case.fake.world().tokens.clone();
        assert_eq!(sent.len(), 4);
        for token in &sent {
            assert!(token.is_ascii() && token.len() <= 64);
            assert!(token.starts_with(&report.run_id));
        }
        tokens.extend(sent);
    }
    assert_eq!(tokens.len(), 8);
}

#[tokio::test]
async fn the_undo_file_is_there_before_the_first_write_of_a_group() {
    let case = replacement();
    let undo = snapshot::folder(&case.options.root);
    case.fake.world().on_write = Box::new(move |_, call, _| {
        let run = std::fs::read_dir(&undo).unwrap().next().unwrap().unwrap();
        let file = run
            .path()
            .join(format!("demo.cn-hangzhou.{}.json", call.group));
        assert!(file.exists());
        Fate::Done
    });
    let report = case.run().await;
    let kept = snapshot::read_run(&case.options.root, &report.run_id).unwrap();
    let kept: Vec<_> = kept.into_iter().map(|snapshot| snapshot.group).collect();
    let before: Vec<_> = case
        .plan
        .groups
        .iter()
        .map(|g| g.observed.clone())
        .collect();
    assert_eq!(kept, before);
}

#[tokio::test]
async fn a_group_whose_undo_file_cannot_be_written_is_not_touched() {
    let mut case = replacement();
    case.options.root = case.options.root.join("file");
    std::fs::write(&case.options.root, "").unwrap();
    let report = case.run().await;
    assert_eq!(outcomes(&report), ["failed", "failed"]);
    assert_eq!(case.log(), Vec::<String>::new());
}

#[tokio::test]
async fn a_run_can_be_spawned_on_another_thread() {
    let case = std::sync::Arc::new(replacement());
    let report = tokio::spawn(async move { case.run().await }).await.unwrap();
    assert_eq!(outcomes(&report), ["done", "done"]);
}
