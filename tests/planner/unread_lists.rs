//! Assertions where lists could not be read, and what the files alone tell of them.

use rulekeep::model::{Lists, UnreadList};

use crate::assertions::{NOW, files, judged, live, planned_with, told};

#[test]
fn an_unread_port_list_is_named_where_the_assertion_would_hold_otherwise() {
    let project = "assertions: [{ forbid: https, from: 10.1.0.0/16 }, { require: https, from: 10.1.0.0/16 }]\n";
    let listed = "ingress tcp/prl-x from 10.0.0.0/8 priority 5";
    let depends = "depends on prl-x, which could not be read";
    let text = judged(project, "", &[listed]);
    assert_eq!(text.matches(depends).count(), 2, "{text}");
    let drop = "ingress drop tcp/443 from 0.0.0.0/0 priority 1";
    let text = judged(project, "", &[listed, drop]);
    assert!(text.contains("refuses ingress tcp/443"), "{text}");
    assert!(!text.contains(depends), "{text}");
}

/// Each content of an unread list is a case of its own: what holds before in one and not after is new, whatever holds in the others.
#[test]
fn what_holds_for_some_content_of_an_unread_port_list_is_newly_violated() {
    let project = "assertions: [{ id: need22, require: tcp/22, from: 10.0.0.0/8 }, { id: no23, forbid: tcp/23, from: internet }]\n";
    let live = [
        "ingress tcp/prl-1 from 10.0.0.0/8 priority 1",
        "ingress drop tcp/prl-2 from 0.0.0.0/0 priority 1",
        "ingress tcp/23 from 0.0.0.0/0 priority 50",
    ];
    let text = judged(
        project,
        "ingress: [{ service: tcp/23, from: 0.0.0.0/0, priority: 50 }]\n",
        &live,
    );
    for (id, list) in [("need22", "prl-1"), ("no23", "prl-2")] {
        let new = format!("`{id}` is violated by the result");
        let at = text.find(&new).unwrap_or_else(|| panic!("{text}"));
        let depends = text[at..].lines().find(|line| line.contains("depends on"));
        assert!(
            depends.is_some_and(|depends| depends.contains(list)),
            "{text}"
        );
    }
    assert!(!text.contains("guard: approved"), "{text}");
}

#[test]
fn a_list_is_not_full_in_one_rule_and_empty_in_another() {
    let project = "assertions: [{ id: no23, forbid: tcp/23, from: internet }]\n";
    let rules = "ingress:\n  - { policy: drop, protocol: tcp, ports: prl-1, from: 0.0.0.0/0, priority: 1 }\n  \
                 - { protocol: tcp, ports: prl-1, from: 203.0.113.0/24, priority: 2 }\n";
    let desired = files(project, rules);
    let unread = UnreadList {
        action: "DescribePortRangeLists".into(),
        code: "Forbidden.RAM".into(),
        message: "no".into(),
    };
    let lists = Lists {
        unread: [("prl-1".into(), unread)].into(),
        ..Lists::default()
    };
    let text = told(&desired, &planned_with(&desired, live(&[]), lists));
    assert_eq!(text.trim(), "guard: approved");
}

#[test]
fn what_only_members_of_an_unread_list_are_given_depends_on_it() {
    let project = "assertions: [{ id: need2, require: tcp/2, from: sg-c }, { id: ten, require: tcp/2, from: 10.0.0.0/8 }]\n";
    let text = judged(project, "", &["ingress tcp/2-3 from pl-1 priority 1"]);
    let depends = "depends on pl-1, which could not be read";
    assert_eq!(text.matches(depends).count(), 2, "{text}");
    assert!(
        text.contains("but not for members of pl-1: tcp/2 at 10.0.0.0/8"),
        "{text}"
    );
    assert!(!text.contains("refuses ingress not for"), "{text}");
}

/// What `validate` says, which asks no cloud: only what is sure.
#[test]
fn the_files_alone_tell_of_what_they_surely_violate() {
    let said = |project: &str, group: &str| {
        let desired = files(project, group);
        let found =
            rulekeep::lint::assertions::violations(&desired, NOW.parse().unwrap(), |_| true);
        let texts = found.into_iter().map(|one| one.message);
        texts.collect::<Vec<_>>().join("\n")
    };
    let ssh = "assertions: [{ id: ssh, forbid: tcp/22, from: internet }]\n";
    let open = "ingress:\n  - { service: tcp/22, from: 0.0.0.0/0, priority: 5 }\n";
    let list = |protocol: &str| {
        format!("{open}  - {{ policy: drop, protocol: {protocol}, from: pl-1, priority: 1 }}\n")
    };
    assert!(said(ssh, open).contains("violates `ssh`"));
    assert!(said(ssh, &list("udp, ports: 53")).contains("violates `ssh`"));
    assert_eq!(said(ssh, &list("tcp, ports: 22")), "");
    // What is sure is said, whatever turns on a list beside it.
    let two = "assertions: [{ id: two, forbid: [tcp/22, tcp/3306], from: internet }]\n";
    let beside = format!("{open}  - {{ protocol: tcp, ports: 3306, from: pl-1 }}\n");
    assert!(said(two, &beside).contains("violates `two`"));
    let spared = format!(
        "{open}  - {{ policy: drop, protocol: tcp, ports: prl-1, from: 0.0.0.0/0, priority: 1 }}\n"
    );
    assert_eq!(said(two, &spared), "");
    let kept = format!("{open}ignore: [{{ description: \"ack-*\" }}]\n");
    assert_eq!(said(ssh, &kept), "");
    let own = "assertions: [{ id: own, require: tcp/4, from: group:web }]\n";
    assert_eq!(said(own, open), "");
}

/// An address is one, through whichever lists its packets come.
#[test]
fn addresses_are_counted_over_all_unread_port_lists() {
    let project = "guard: { baseline: cis-alibaba }\n";
    let half = |list: &str, peer: &str| format!("ingress tcp/{list} from {peer} priority 1");
    let rules = [half("prl-1", "8.0.0.0/8"), half("prl-2", "9.0.0.0/8")];
    let one = judged(project, "", &[&rules[0]]);
    assert!(!one.contains("violated"), "{one}");
    let both = judged(project, "", &[&rules[0], &rules[1]]);
    assert!(both.contains("violated, as it was before"), "{both}");
}

/// However many lists there are: what one rule asks for is looked at.
#[test]
fn a_rule_with_two_unread_lists_is_seen_among_many() {
    let project = "assertions: [{ id: ssh, forbid: tcp/22, from: internet }]\n";
    let rules: Vec<String> = (0..40)
        .map(|number| format!("ingress tcp/prl-{number} from pl-{number} priority 1"))
        .collect();
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    let text = judged(project, "", &rules);
    assert!(text.contains("`ssh` is violated"), "{text}");
    assert!(text.contains("pl-7") && text.contains("prl-7"), "{text}");
}
