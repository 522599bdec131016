//! Declared rules that decide nothing because of live rules that the plan leaves alone.

use insta::assert_snapshot;
use proptest::prelude::*;
use rulekeep::{
    desired::{DesiredGroup, Ignore, Mode},
    diag::Code,
    model::{NicType, Rule},
    plan::Plan,
};

use crate::{
    order::{admits, arb_change, cases, packets},
    rules::{desired, observed, plan_groups, rule, span},
};

/// What is told: the line, the message, the label, the help.
fn told(wanted: DesiredGroup, live: &[&str]) -> String {
    let live = observed("sg-web", live.iter().map(|text| rule(text)));
    let plan = plan_groups(&[(wanted, live)]);
    let mut text = String::new();
    for found in overruled(&plan) {
        text.push_str(&format!(
            "{}: {}\n",
            found.labels[0].span.line, found.message
        ));
        for label in &found.labels {
            text.push_str(&format!("  {}: {}\n", label.span.line, label.text));
        }
        text.push_str(&format!("  {}\n", found.help.join("; ")));
    }
    text
}

fn overruled(plan: &Plan) -> impl Iterator<Item = &rulekeep::diag::Diagnostic> {
    let all = plan.diagnostics.iter();
    all.filter(|found| found.code == Code::OverruledRule)
}

fn partial(wanted: &[&str]) -> DesiredGroup {
    desired(
        "sg-web",
        Mode::Partial,
        wanted.iter().map(|text| rule(text)),
    )
}

#[test]
fn a_rule_that_unmanaged_rules_defeat_is_told_with_them() {
    let wanted = partial(&[
        "ingress tcp/443 from 0.0.0.0/0 priority 5",
        "ingress udp/53 from 10.0.0.0/8 priority 5",
    ]);
    let live = [
        "ingress drop tcp/1-65535 from 0.0.0.0/1 priority 1",
        "ingress drop tcp/443 from 128.0.0.0/1 priority 5",
        "ingress drop udp/53 from 10.0.0.0/9 priority 1",
    ];
    assert_snapshot!(told(wanted, &live), @"
    10: web: rule never decides, live rules that are not declared say the opposite: ingress accept tcp/443 from 0.0.0.0/0 priority 5
      10: decided before by sgr-0000 (ingress drop tcp/1-65535 from 0.0.0.0/1 priority 1) and sgr-0001 (ingress drop tcp/443 from 128.0.0.0/1 priority 5)
      name the live rule under `absent`
    ");
}

#[test]
fn so_is_one_that_is_live_already_and_that_ignored_rules_defeat() {
    let mut wanted = desired(
        "sg-web",
        Mode::Complete,
        [rule("ingress tcp/443 from 0.0.0.0/0 priority 5")],
    );
    wanted.ignore = vec![Ignore {
        direction: None,
        policy: None,
        priority: None,
        protocol: None,
        ports: None,
        peer: None,
        description: Some("by hand".into()),
        span: span(40),
    }];
    let live = [
        "ingress tcp/443 from 0.0.0.0/0 priority 5",
        "ingress drop all from 0.0.0.0/0 priority 1 \"by hand\"",
    ];
    assert_snapshot!(told(wanted, &live), @"
    10: web: rule never decides, live rules that are not declared say the opposite: ingress accept tcp/443 from 0.0.0.0/0 priority 5
      10: decided before by sgr-0001 (ingress drop all from 0.0.0.0/0 priority 1)
      40: why the live rule is left alone
      narrow the `ignore` pattern
    ");
}

#[test]
fn a_rule_that_others_make_needless_or_that_the_declared_defeat_is_not() {
    let wanted = partial(&[
        "ingress tcp/443 from 0.0.0.0/0 priority 5",
        "ingress drop udp/53 from 0.0.0.0/0 priority 1",
        "ingress udp/53 from 10.0.0.0/8 priority 5",
    ]);
    let live = [
        "ingress all from 0.0.0.0/0 priority 1",
        "ingress drop udp/53 from 10.0.0.0/7 priority 2",
        "ingress drop tcp/443 from 10.0.0.0/8 priority 110",
    ];
    assert_eq!(told(wanted, &live), "");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(150)))]

    /// Beside the live rules such a rule moves no packet.
    #[test]
    fn what_is_told_decides_nothing((live, wanted) in arb_change()) {
        let all: Vec<Rule> = live.iter().chain(&wanted).cloned().collect();
        let group = desired("sg-a", Mode::Partial, wanted.clone());
        let plan = plan_groups(&[(group, observed("sg-a", live))]);
        for found in overruled(&plan) {
            let line = usize::try_from(found.labels[0].span.line).unwrap();
            let gone = &wanted[line - 10];
            let rest = || all.iter().filter(|rule| !rule.is_same_rule(gone));
            for packet in packets(&[NicType::Intranet]) {
                prop_assert_eq!(admits(all.iter(), &packet), admits(rest(), &packet), "{}", gone);
            }
        }
    }
}
