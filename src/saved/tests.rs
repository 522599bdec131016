use serde_json::json;

use super::*;
use crate::{clouds::fake, desired::Desired, reconcile::sample::desired};

const GROUPS: &[&str] = &[
    "demo/cn-hangzhou/jump rules/jump.yaml",
    "demo/cn-hangzhou/other rules/other.yaml",
    "demo/cn-hangzhou/web rules/web.yaml 22@group:jump 80@0.0.0.0/0",
];

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A plan of `web` alone, without changes.
fn prepared(desired: &Desired) -> Prepared<'_> {
    let web = desired.groups.last().unwrap();
    let plan = fake::group_plan(fake::group("sg-web", &[]), web.span);
    Prepared {
        desired,
        selection: Selection {
            paths: Vec::new(),
            targets: vec!["web".to_owned()],
            ..Selection::default()
        },
        at: at("2026-11-21T12:00:00Z"),
        plan: Plan {
            groups: vec![plan],
            schedules: Vec::new(),
            diagnostics: Vec::new(),
        },
        groups: vec![web],
        lists: Default::default(),
        unreadable: Vec::new(),
    }
}

fn saved() -> Saved {
    Saved::new(&prepared(&desired(GROUPS)), None)
}

/// What has moved, in words.
fn moved(saved: &Saved, prepared: &Prepared<'_>) -> Vec<String> {
    let moved = saved.check(prepared).unwrap_err();
    moved.iter().map(Moved::to_string).collect()
}

/// The same declarations with another text in a file.
fn edited(desired: &Desired, path: &str) -> Desired {
    let mut edited = desired.clone();
    edited.sources = Default::default();
    for (_, source) in desired.sources.iter() {
        let text = match source.path == Path::new(path) {
            true => "edited".into(),
            false => source.text.clone(),
        };
        edited.sources.add(source.path.clone(), text);
    }
    edited
}

#[test]
fn nothing_has_moved_when_nothing_has() {
    assert_eq!(saved().check(&prepared(&desired(GROUPS))), Ok(()));
}

#[test]
fn paths_of_the_selection_mean_the_same_in_another_checkout() {
    let desired = desired(GROUPS);
    let mut here = prepared(&desired);
    let file = Path::new("rules").join("web.yaml");
    let whole = desired.project.root.join(&file);
    here.selection.paths = vec![std::path::absolute(whole).unwrap()];
    assert_eq!(Saved::new(&here, None).selection.paths, [file]);
}

#[test]
fn files_count_that_the_chosen_groups_depend_on() {
    for (path, expected) in [
        ("rulekeep.yaml", Some("rulekeep.yaml was changed")),
        ("rules/web.yaml", Some("rules/web.yaml was changed")),
        ("rules/jump.yaml", Some("rules/jump.yaml was changed")),
        ("rules/other.yaml", None),
    ] {
        let desired = edited(&desired(GROUPS), path);
        let checked = saved().check(&prepared(&desired));
        let said = checked.err().map(|moved| moved[0].to_string());
        assert_eq!(said.as_deref(), expected);
    }
}

#[test]
fn files_that_came_or_went_are_named() {
    let mut before = saved();
    let sum = before.files.remove("rules/jump.yaml").unwrap();
    before.files.insert("rules/_old.yaml".to_owned(), sum);
    assert_eq!(
        moved(&before, &prepared(&desired(GROUPS))),
        ["rules/_old.yaml was removed", "rules/jump.yaml was added"]
    );
}

#[test]
fn a_group_whose_live_rules_changed_is_named() {
    let mut before = saved();
    for group in before.groups.values_mut() {
        group.fingerprint = "another".to_owned();
    }
    assert_eq!(
        moved(&before, &prepared(&desired(GROUPS))),
        ["the live rules of web (demo/cn-hangzhou/sg-web) were changed"]
    );
}

#[test]
fn a_group_that_is_another_one_now_is_named_twice() {
    let desired = desired(GROUPS);
    let mut now = prepared(&desired);
    now.plan.groups[0].address.group = crate::model::GroupId::new("sg-new");
    assert_eq!(
        moved(&saved(), &now),
        [
            "web (demo/cn-hangzhou/sg-web) is no longer among the groups that are planned",
            "web (demo/cn-hangzhou/sg-new) was not part of the plan",
        ]
    );
}

#[test]
fn a_rule_that_expired_in_between_is_named_with_its_place() {
    let mut desired = desired(GROUPS);
    let rules = desired.groups[2].ingress.as_mut().unwrap();
    rules[0].expires = Some(at("2026-11-21T12:00:00Z"));
    rules[1].expires = Some(at("2026-11-21T13:00:00Z"));
    let before = Saved::new(&prepared(&desired), None);
    let mut now = prepared(&desired);
    now.at = at("2026-11-21T13:00:00Z");
    assert_eq!(
        moved(&before, &now),
        ["the rule at rules/web.yaml:3 has expired (ingress accept tcp/80 from 0.0.0.0/0)"]
    );
}

#[test]
fn another_plan_from_the_same_input_is_refused_too() {
    let mut before = saved();
    before.plan_id = "0123456789abcdef".to_owned();
    let desired = desired(GROUPS);
    let now = prepared(&desired);
    assert_eq!(
        before.check(&now),
        Err(vec![Moved::Plan {
            saved: before.plan_id.clone(),
            now: now.plan.id(),
        }])
    );
}

#[test]
fn a_file_holds_the_report_and_what_the_plan_was_made_from() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.json");
    let revision = Revision {
        commit: "abc".to_owned(),
        dirty: true,
    };
    let before = Saved::new(&prepared(&desired(GROUPS)), Some(&revision));
    assert_eq!(
        (before.commit.as_deref(), before.dirty),
        (Some("abc"), true)
    );
    write(
        &path,
        &before,
        json!({"format_version": "1.0", "summary": {"add": 1}}),
    )
    .unwrap();
    assert_eq!(read(&path).unwrap(), before);
    let text: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(text["summary"]["add"], 1);
}

#[test]
fn files_that_are_no_saved_plan_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.json");
    for (text, expected) in [
        ("{", "is no saved plan: it is not JSON (EOF"),
        ("{}", "it has no member `saved`"),
        (r#"{"saved": {}}"#, "it has no format version"),
        (
            r#"{"saved": {"format_version": "2.0"}}"#,
            "has plan format 2.0",
        ),
        (r#"{"saved": {"format_version": "1.3"}}"#, "missing field"),
    ] {
        fs::write(&path, text).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_saved_plan_is_told_by_its_content_and_not_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan");
    write(&path, &saved(), json!({})).unwrap();
    assert!(is_saved(&path));
    for text in ["group: web\nmode: partial\n", "{\"rules\": []}", "[]", ""] {
        fs::write(&path, text).unwrap();
        assert!(!is_saved(&path), "{text}");
    }
    assert!(!is_saved(folder.path()));
    assert!(!is_saved(&folder.path().join("none")));
}

#[test]
fn a_plan_of_another_version_says_so_and_one_of_this_version_what_may_have_changed() {
    let desired = desired(GROUPS);
    let now = prepared(&desired);
    let mut before = saved();
    before.plan_id = "0123456789abcdef".to_owned();
    assert!(
        moved(&before, &now)[0]
            .starts_with("a prefix list, a port list or a group that rules name")
    );
    before.tool_version = "0.0.1".to_owned();
    assert!(moved(&before, &now)[0].starts_with("rulekeep 0.0.1 made the plan"));
}

#[test]
fn a_group_that_is_gone_has_moved_and_one_that_cannot_be_read_may_be_as_it_was() {
    let desired = desired(GROUPS);
    let mut now = prepared(&desired);
    now.plan.groups.clear();
    assert_eq!(
        moved(&saved(), &now),
        ["web (demo/cn-hangzhou/sg-web) is no longer among the groups that are planned"]
    );
    let web = desired.groups.last().unwrap();
    now.unreadable.push(crate::reconcile::ReadFailure {
        account: web.account.clone(),
        region: web.region.clone(),
        group: "web".to_owned(),
        is_document: false,
        span: web.span,
        error: std::sync::Arc::new(crate::provider::ProviderError::NotSent {
            reason: "no network".to_owned(),
        }),
    });
    assert_eq!(saved().check(&now), Ok(()));
}

#[test]
fn another_commit_alone_is_nothing_that_moved() {
    let desired = desired(GROUPS);
    let at = |commit: &str, dirty| Revision {
        commit: commit.to_owned(),
        dirty,
    };
    let now = prepared(&desired);
    assert_eq!(Saved::new(&now, Some(&at("abc", true))).check(&now), Ok(()));
}
