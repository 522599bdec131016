use crate::clouds::fake;

use super::*;

fn address() -> Address {
    Address {
        account: AccountName::new("demo"),
        region: RegionId::new("cn-hangzhou"),
        group: GroupId::new("sg-a"),
    }
}

fn begin(root: &Path, run: &str) -> Journal {
    let begun = Begun::now(run, "p1".into(), Origin::default(), vec!["web".into()]);
    Journal::begin(root, begun).unwrap()
}

#[test]
fn what_was_written_is_read_again_and_a_call_without_an_answer_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path(), "r1");
    let old = fake::group("sg-a", &["22 10.0.0.0/8"]).rules[0].clone();
    let new = fake::rule("80 10.0.0.0/8");
    let modify = ChangeKind::Modify {
        from: old.clone(),
        to: new.clone(),
    };
    journal
        .sending(&address(), "s0", [&modify].into_iter())
        .unwrap();
    journal.answered("s0", Answer::Done).unwrap();
    let add = ChangeKind::Add(new.clone());
    journal
        .sending(&address(), "s1", [&add].into_iter())
        .unwrap();
    let runs = runs(folder.path()).unwrap();
    assert_eq!(runs.len(), 1);
    let sent = Sent {
        before: Some(old),
        after: Some(new.clone()),
    };
    assert_eq!(runs[0].calls[0].changes, [sent]);
    assert_eq!(runs[0].calls[0].answer, Answer::Done);
    assert_eq!(runs[0].calls[1].changes[0].after, Some(new));
    assert_eq!(runs[0].calls[1].answer, Answer::Unknown);
    assert_eq!(runs[0].ended, None);
}

#[test]
fn a_line_that_was_cut_off_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    begin(folder.path(), "r1");
    let path = snapshot::run_folder(folder.path(), "r1").join(FILE);
    let mut file = append_only(&path).unwrap();
    file.write_all(br#"{"event":"sending","ti"#).unwrap();
    assert_eq!(runs(folder.path()).unwrap()[0].calls, []);
    file.write_all(b"\n").unwrap();
    let error = runs(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("journal.jsonl is no journal or snapshot"),
        "{error}"
    );
}

#[test]
fn the_first_answer_to_a_wait_counts() {
    let folder = tempfile::tempdir().unwrap();
    begin(folder.path(), "r1");
    confirm_by(folder.path(), "r1", Timestamp::now()).unwrap();
    assert!(runs(folder.path()).unwrap()[0].awaits_confirmation());
    let answers = [Confirmation::Confirmed, Confirmation::Expired]
        .map(|answer| settle_confirmation(folder.path(), "r1", answer).unwrap());
    assert_eq!(answers, [Confirmation::Confirmed; 2]);
    assert!(!runs(folder.path()).unwrap()[0].awaits_confirmation());
}
