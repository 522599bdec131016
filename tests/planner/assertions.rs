//! Assertions and waivers from the text of the files to the plan and the guard.

use std::{collections::BTreeMap, path::Path};

use crate::rules::{observed, rule};
use insta::assert_snapshot;
use rulekeep::{
    assertion::Status,
    desired::{Desired, SourceFile, load_files},
    guard::{Overrides, Reason, guard},
    model::{
        AccountName, AddressFamily, InnerAccess, Lists, ObservedGroup, PrefixList, PrefixListId,
        RegionId, Rule,
    },
    plan::{Context, GroupInput, Plan, plan},
};

/// The moment of every plan here.
pub const NOW: &str = "2026-11-21T12:00:00Z";

pub fn files(project: &str, group: &str) -> Desired {
    let project = format!(
        "rules: rules/\naccounts: {{ test: {{ local: state.json }} }}\n\
         defaults: {{ account: test, region: cn-hangzhou }}\n{project}"
    );
    let group = format!("group: sg-web\nname: web\nmode: complete\n{group}");
    load_files(
        Path::new("."),
        SourceFile::new("rulekeep.yaml", project),
        vec![SourceFile::new("rules/web.yaml", group)],
    )
    .unwrap_or_else(|error| panic!("{:#?}", error.diagnostics))
    .0
}

pub fn live(rules: &[&str]) -> ObservedGroup {
    observed("sg-web", rules.iter().map(|text| rule(text)))
}

pub fn planned_with(desired: &Desired, observed: ObservedGroup, lists: Lists) -> Plan {
    let group = &desired.groups[0];
    let directory = [(group, observed.info.clone())];
    let key = (AccountName::new("test"), RegionId::new("cn-hangzhou"));
    let lists = BTreeMap::from([(key, lists)]);
    let context = Context {
        at: NOW.parse().unwrap(),
        directory: &directory,
        lists: &lists,
    };
    let input = GroupInput {
        desired: group,
        observed,
    };
    plan(vec![input], &context)
}

/// What is violated, what the guard says of it, and what is said of waivers.
pub fn told(desired: &Desired, plan: &Plan) -> String {
    let mut text = String::new();
    for violation in &plan.groups[0].violations {
        text.push_str(&format!("{}\n", violation.message()));
        for line in violation.lines(9) {
            text.push_str(&format!("  {line}\n"));
        }
    }
    let groups: Vec<_> = desired.groups.iter().collect();
    match guard(plan, &groups, &Overrides::default()) {
        Ok(_) => text.push_str("guard: approved\n"),
        Err(refusals) => {
            for refusal in refusals {
                let place = desired.sources.place(refusal.span.unwrap());
                text.push_str(&format!("guard: {} at {place}", refusal.reason));
                for (rule, span) in &refusal.rules {
                    let place =
                        span.map_or_else(|| "live".to_owned(), |span| desired.sources.place(span));
                    text.push_str(&format!(", by {place} {rule}"));
                }
                text.push('\n');
            }
        }
    }
    for diagnostic in &plan.diagnostics {
        let place = desired.sources.place(diagnostic.labels[0].span);
        text.push_str(&format!(
            "{}[{}] at {place}: {}\n",
            diagnostic.severity, diagnostic.code, diagnostic.message
        ));
    }
    text
}

pub fn judged(project: &str, group: &str, rules: &[&str]) -> String {
    let desired = files(project, group);
    let plan = planned_with(&desired, live(rules), Lists::default());
    told(&desired, &plan)
}

const NO_SSH: &str =
    "assertions: [{ id: no-ssh, forbid: ssh, from: internet, because: CIS 4.3 }]\n";

#[test]
fn what_the_result_newly_admits_is_refused_with_the_rule_that_does() {
    let text = judged(
        NO_SSH,
        "ingress:\n  - { protocol: tcp, ports: 20-25, from: [0.0.0.0/1, 128.0.0.0/1] }\n  - { service: https, from: 0.0.0.0/0 }\n",
        &["ingress tcp/443 from 0.0.0.0/0"],
    );
    assert_snapshot!(text, @r"
    `no-ssh` is violated by the result: forbid ssh from internet, because CIS 4.3 (high)
      admits ingress tcp/22 from 0.0.0.0/0
    guard: assertion at rulekeep.yaml:4, by rules/web.yaml:5 ingress accept tcp/20-25 from 0.0.0.0/1 priority 1, by rules/web.yaml:5 ingress accept tcp/20-25 from 128.0.0.0/1 priority 1
    ");
}

#[test]
fn what_was_violated_before_is_known_and_more_of_it_is_new() {
    let group = "ingress:\n  - { service: ssh, from: [203.0.113.0/24, 198.51.100.0/24] }\n";
    let known = judged(
        NO_SSH,
        "ingress: [{ service: ssh, from: 203.0.113.0/24 }]\n",
        &["ingress tcp/22 from 203.0.113.0/24"],
    );
    assert_snapshot!(known, @r"
    `no-ssh` is violated, as it was before: forbid ssh from internet, because CIS 4.3 (high)
      admits ingress tcp/22 from 203.0.113.0/24
    guard: approved
    ");
    let more = judged(NO_SSH, group, &["ingress tcp/22 from 203.0.113.0/24"]);
    assert_snapshot!(more, @r"
    `no-ssh` is violated by the result: forbid ssh from internet, because CIS 4.3 (high)
      admits ingress tcp/22 from 198.51.100.0/24
    `no-ssh` is violated, as it was before: forbid ssh from internet, because CIS 4.3 (high)
      admits ingress tcp/22 from 203.0.113.0/24
    guard: assertion at rulekeep.yaml:4, by rules/web.yaml:5 ingress accept tcp/22 from 198.51.100.0/24 priority 1
    ");
}

#[test]
fn protocol_all_ipv6_defaults_and_deleted_drops_are_all_judged() {
    let all = judged(
        NO_SSH,
        "ingress: [{ protocol: all, from: \"2001:db8::/32\" }]\n",
        &[],
    );
    assert_snapshot!(all, @r"
    `no-ssh` is violated by the result: forbid ssh from internet, because CIS 4.3 (high)
      admits ingress tcp/22 from 2001:db8::/32
    guard: assertion at rulekeep.yaml:4, by rules/web.yaml:4 ingress accept all from 2001:db8::/32 priority 1
    ");
    let drop = judged(
        NO_SSH,
        "ingress: [{ service: ssh, from: 192.0.2.0/24, priority: 50 }]\n",
        &[
            "ingress tcp/22 from 192.0.2.0/24 priority 50",
            "ingress drop all from 192.0.2.0/24 priority 40",
        ],
    );
    assert_snapshot!(drop, @r"
    `no-ssh` is violated by the result: forbid ssh from internet, because CIS 4.3 (high)
      admits ingress tcp/22 from 192.0.2.0/24
    guard: assertion at rulekeep.yaml:4, by rules/web.yaml:4 ingress accept tcp/22 from 192.0.2.0/24 priority 50
    ");
    let default = judged(
        "assertions: [{ forbid: smtp, to: internet }]\n",
        "ingress: []\negress: []\n",
        &[],
    );
    assert_snapshot!(default, @r"
    `forbid-smtp-to-internet` is violated, as it was before: forbid smtp to internet (high)
      admits egress tcp/25 to 0.0.0.0/0, ::/0
    guard: approved
    ");
}

#[test]
fn what_must_be_admitted_is_refused_when_it_no_longer_is() {
    let require =
        "assertions: [{ require: [ssh, https], from: sg-bastion, because: no lock-out }]\n";
    let group = "ingress:\n  - { service: https, from: sg-bastion }\n";
    let rules = [
        "ingress tcp/22 from sg-bastion",
        "ingress tcp/443 from sg-bastion",
    ];
    assert_snapshot!(judged(require, group, &rules), @r"
    `require-ssh-https-from-sg-bastion` is violated by the result: require ssh, https from sg-bastion, because no lock-out (high)
      refuses ingress tcp/22 from sg-bastion
    guard: assertion at rulekeep.yaml:4
    ");
}

/// The planner orders such that this does not happen; where an order is forced, the guard must know.
#[test]
fn what_holds_before_and_after_and_not_in_between_is_refused_whatever_is_accepted() {
    let desired = files(NO_SSH, "ingress: [{ service: ssh, from: 192.0.2.0/24 }]\n");
    let mut plan = planned_with(&desired, live(&[]), Lists::default());
    plan.groups[0].violations[0].status = Status::OnTheWay { wave: 1 };
    let groups: Vec<_> = desired.groups.iter().collect();
    let accepting = Overrides {
        accept_interruption: true,
        accept_opening: true,
        ..Overrides::default()
    };
    let refusals = guard(&plan, &groups, &accepting).unwrap_err();
    assert_eq!(refusals.len(), 1);
    assert_eq!(refusals[0].reason, Reason::Assertion);
    assert_eq!(
        refusals[0].message,
        "`no-ssh` holds before and after, but may be violated on the way, in layer 2: forbid ssh from internet, because CIS 4.3 (high)"
    );
}

#[test]
fn a_waiver_excuses_until_its_date_and_only_whom_it_names() {
    let group = |waiver: &str| {
        format!(
            "ingress:\n  - {{ service: ssh, from: [203.0.113.0/24, 198.51.100.0/24] }}\nwaivers:\n  - {waiver}\n"
        )
    };
    let waived = judged(
        NO_SSH,
        &group("{ assertion: no-ssh, until: 2026-11-21, reason: SEC-1 }"),
        &[],
    );
    assert_snapshot!(waived, @r"
    `no-ssh` is violated, waived until 2026-11-21: SEC-1: forbid ssh from internet, because CIS 4.3 (high)
      admits ingress tcp/22 from 198.51.100.0/24, 203.0.113.0/24
    guard: approved
    ");
    let in_part = judged(
        NO_SSH,
        &group("{ assertion: no-ssh, from: 203.0.113.0/24, until: 2027-01-31, reason: SEC-1 }"),
        &[],
    );
    assert_snapshot!(in_part, @r"
    `no-ssh` is violated by the result: forbid ssh from internet, because CIS 4.3 (high)
      admits ingress tcp/22 from 198.51.100.0/24
    `no-ssh` is violated, waived until 2027-01-31: SEC-1: forbid ssh from internet, because CIS 4.3 (high)
      admits ingress tcp/22 from 203.0.113.0/24
    guard: assertion at rulekeep.yaml:4, by rules/web.yaml:5 ingress accept tcp/22 from 198.51.100.0/24 priority 1
    ");
    let expired = judged(
        NO_SSH,
        &group("{ assertion: no-ssh, until: 2026-11-20, reason: SEC-1 }"),
        &[],
    );
    assert_snapshot!(expired, @r"
    `no-ssh` is violated by the result: forbid ssh from internet, because CIS 4.3 (high)
      admits ingress tcp/22 from 198.51.100.0/24, 203.0.113.0/24
    guard: assertion at rulekeep.yaml:4, by rules/web.yaml:5 ingress accept tcp/22 from 198.51.100.0/24 priority 1, by rules/web.yaml:5 ingress accept tcp/22 from 203.0.113.0/24 priority 1
    warning[expired-waiver] at rules/web.yaml:7: the waiver of `no-ssh` for web ended 2026-11-20
    ");
}

#[test]
fn a_waiver_that_nothing_needs_is_told() {
    let text = judged(
        &format!(
            "{NO_SSH}waivers:\n  - {{ assertion: no-ssh, group: web, until: 2027-01-31, reason: none }}\n"
        ),
        "ingress: []\n",
        &[],
    );
    assert_snapshot!(text, @r"
    guard: approved
    warning[unused-waiver] at rulekeep.yaml:6: web does not violate `no-ssh`: the waiver excuses nothing
    ");
}

#[test]
fn waivers_of_the_project_are_for_the_groups_they_name() {
    let project = |groups: &str| {
        format!(
            "{NO_SSH}waivers:\n  - {{ assertion: no-ssh, group: {groups}, until: 2027-01-31, reason: SEC-2 }}\n"
        )
    };
    let group = "ingress: [{ service: ssh, from: 203.0.113.0/24 }]\n";
    for ours in ["web", "sg-web", "[other, web]"] {
        let text = judged(&project(ours), group, &[]);
        assert!(text.contains("waived until 2027-01-31: SEC-2"), "{text}");
        assert!(text.contains("guard: approved"), "{text}");
    }
    let text = judged(&project("other"), group, &[]);
    assert!(text.contains("guard: assertion"), "{text}");
}

#[test]
fn a_list_counts_with_its_content_and_an_unread_one_the_worse_way() {
    let desired = files(NO_SSH, "ingress: [{ service: ssh, from: pl-x }]\n");
    let with = |entries: &[&str]| {
        let list = PrefixList {
            name: "x".into(),
            family: AddressFamily::Ipv4,
            max_entries: 10,
            entries: entries.iter().map(|cidr| cidr.parse().unwrap()).collect(),
        };
        let lists = Lists {
            prefix: BTreeMap::from([(PrefixListId::new("pl-x"), list)]),
            ..Lists::default()
        };
        told(&desired, &planned_with(&desired, live(&[]), lists))
    };
    assert_snapshot!(with(&["10.0.0.0/8"]), @r"
    guard: approved
    ");
    assert_snapshot!(with(&["10.0.0.0/8", "203.0.113.0/24"]), @r"
    `no-ssh` is violated by the result: forbid ssh from internet, because CIS 4.3 (high)
      admits ingress tcp/22 from 203.0.113.0/24
    guard: assertion at rulekeep.yaml:4, by rules/web.yaml:4 ingress accept tcp/22 from pl-x priority 1
    ");
}

#[test]
fn a_protocol_is_named_by_its_number() {
    let project = "assertions: [{ forbid: protocol/50, from: 10.0.0.0/8 }]\n";
    let text = judged(project, "", &["ingress 50 from 10.0.0.0/8"]);
    assert!(
        text.contains("admits ingress protocol 50 from 10.0.0.0/8"),
        "{text}"
    );
}

#[test]
fn members_reach_each_other_through_the_inner_access_policy() {
    let project =
        "assertions: [{ forbid: mysql, from: group:web }, { require: ssh, from: group:web }]\n";
    let desired = files(project, "ingress: []\n");
    let with = |inner_access| {
        let observed = ObservedGroup {
            inner_access,
            ..live(&[])
        };
        told(
            &desired,
            &planned_with(&desired, observed, Lists::default()),
        )
    };
    assert_snapshot!(with(InnerAccess::Accept), @r"
    `forbid-mysql-from-group-web` is violated, as it was before: forbid mysql from group:web (high)
      admits ingress tcp/3306 from sg-web
    guard: approved
    ");
    assert_snapshot!(with(InnerAccess::Drop), @r"
    `require-ssh-from-group-web` is violated, as it was before: require ssh from group:web (high)
      refuses ingress tcp/22 from sg-web
    guard: approved
    ");
}

#[test]
fn the_baseline_overlooks_an_office_and_not_the_world() {
    let project = "guard: { baseline: cis-alibaba }\n";
    let office = judged(
        project,
        "ingress: [{ service: [ssh, rdp], from: [203.0.113.0/24, \"2001:db8::/32\"] }]\n",
        &[],
    );
    assert_eq!(office, "guard: approved\n");
    let world = judged(
        project,
        "ingress: [{ protocol: tcp, ports: 20-25, from: [0.0.0.0/1, 128.0.0.0/1] }]\n",
        &[],
    );
    assert_snapshot!(world, @r"
    `open-telnet` (telnet open to the internet) is violated by the result: forbid tcp/23 from the internet at large (critical)
      admits ingress tcp/23 from 0.0.0.0/0
    `cis-4.3` (ssh open to the internet) is violated by the result: forbid tcp/22 from the internet at large (high)
      admits ingress tcp/22 from 0.0.0.0/0
    `open-ftp` (ftp open to the internet) is violated by the result: forbid tcp/20-21 from the internet at large (medium)
      admits ingress tcp/20-21 from 0.0.0.0/0
    guard: assertion at rulekeep.yaml:4, by rules/web.yaml:4 ingress accept tcp/20-25 from 0.0.0.0/1 priority 1, by rules/web.yaml:4 ingress accept tcp/20-25 from 128.0.0.0/1 priority 1
    guard: assertion at rulekeep.yaml:4, by rules/web.yaml:4 ingress accept tcp/20-25 from 0.0.0.0/1 priority 1, by rules/web.yaml:4 ingress accept tcp/20-25 from 128.0.0.0/1 priority 1
    guard: assertion at rulekeep.yaml:4, by rules/web.yaml:4 ingress accept tcp/20-25 from 0.0.0.0/1 priority 1, by rules/web.yaml:4 ingress accept tcp/20-25 from 128.0.0.0/1 priority 1
    ");
    let except = judged(
        "guard: { baseline: { use: cis-alibaba, except: [cis-4.3, open-ftp, open-telnet] } }\n",
        "ingress: [{ protocol: tcp, ports: 20-25, from: 0.0.0.0/0 }]\n",
        &[],
    );
    assert_eq!(except, "guard: approved\n");
}

#[test]
fn a_wide_open_group_is_refused_in_few_words() {
    let desired = files(
        "guard: { baseline: cis-alibaba }\n",
        "ingress: [{ protocol: all, from: 0.0.0.0/0 }]\n",
    );
    let plan = planned_with(&desired, live(&[]), Lists::default());
    assert_eq!(plan.groups[0].violations.len(), 33);
    let groups: Vec<_> = desired.groups.iter().collect();
    let refusals = guard(&plan, &groups, &Overrides::default()).unwrap_err();
    assert_eq!(refusals.len(), 6);
    assert!(refusals.iter().all(|one| one.reason == Reason::Assertion));
    assert!(
        refusals[5].message.contains("open-vnc"),
        "{}",
        refusals[5].message
    );
}

/// The cloud may hold the same rule under two ids; one of them stays.
#[test]
fn a_rule_that_stays_under_another_id_is_judged() {
    let twins = [
        "ingress drop tcp/22 from 0.0.0.0/0 priority 1",
        "ingress tcp/22 from 0.0.0.0/0 priority 5",
        "ingress tcp/22 from 0.0.0.0/0 priority 5",
    ];
    let desired = files(
        NO_SSH,
        "ingress: [{ service: ssh, from: 0.0.0.0/0, priority: 5 }]\n",
    );
    let plan = planned_with(&desired, live(&twins), Lists::default());
    let opened = &plan.groups[0].traffic[0].difference.newly_admitted;
    assert_eq!(opened.len(), 1, "{opened:?}");
    assert_snapshot!(told(&desired, &plan), @r"
    `no-ssh` is violated by the result: forbid ssh from internet, because CIS 4.3 (high)
      admits ingress tcp/22 from 0.0.0.0/0
    guard: assertion at rulekeep.yaml:4, by rules/web.yaml:4 ingress accept tcp/22 from 0.0.0.0/0 priority 5
    ");
    let required = judged(
        "assertions: [{ id: ssh, require: ssh, from: 10.0.0.0/8 }]\n",
        "ingress: [{ service: ssh, from: 10.0.0.0/8, priority: 5 }]\n",
        &[
            "ingress tcp/22 from 10.0.0.0/8 priority 5",
            "ingress tcp/22 from 10.0.0.0/8 priority 5",
        ],
    );
    assert_eq!(required, "guard: approved\n");
}

/// Neither end is more than is overlooked, both together are.
#[test]
fn the_baseline_counts_what_is_there_together_on_the_way() {
    let project = "guard: { baseline: cis-alibaba }\n";
    let one = rule("ingress tcp/22 from 2.0.0.0/8");
    let old = || Rule {
        description: Some("office".into()),
        ..one.clone()
    };
    let desired = files(project, "ingress: [{ service: ssh, from: 3.0.0.0/8 }]\n");
    let plan = planned_with(&desired, observed("sg-web", [old()]), Lists::default());
    let text = told(&desired, &plan);
    let layer = "`cis-4.3` (ssh open to the internet) holds before and after, but may be violated on the way, in layer 1";
    assert!(text.contains(layer), "{text}");
    assert!(text.contains("guard: assertion"), "{text}");
    // A modify never has both.
    let modified = judged(
        project,
        "ingress: [{ service: ssh, from: 3.0.0.0/8 }]\n",
        &["ingress tcp/22 from 2.0.0.0/8"],
    );
    assert_eq!(modified, "guard: approved\n");
}
