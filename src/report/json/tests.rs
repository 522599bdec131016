use serde_json::Value;
use snapbox::{assert_data_eq, file, prelude::*, str};

use crate::{
    apply::{GroupOutcome, GroupReport, Report},
    plan::InTurn,
    report::{
        PlanReport,
        sample::{self, Files},
    },
};

use super::{applied, plan, plan_schema};

fn valid(schema: &str, document: &str) {
    let schema: Value = serde_json::from_str(schema).unwrap();
    let document: Value = serde_json::from_str(document).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<_> = validator
        .iter_errors(&document)
        .map(|e| e.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn the_committed_schema_is_current() {
    assert_data_eq!(
        plan_schema(),
        file!["../../../schema/plan.schema.json"].raw()
    );
}

#[test]
fn orders_that_were_left_out_are_said() {
    let files = Files::new();
    let mut made = sample::every_kind(&files);
    made.groups[3].in_turn = Some(InTurn {
        orders_left_out: true,
        pairs_left_out: 70,
        ..InTurn::default()
    });
    let stamp = sample::stamp();
    let text = plan(&sample::bare(&made, &files, &stamp));
    valid(&plan_schema(), &text);
    let document: Value = serde_json::from_str(&text).unwrap();
    let said = |group: usize| document["groups"][group].get("in_turns");
    assert_eq!(said(0), None);
    assert_eq!(
        said(3).and_then(|turns| turns.get("orders_left_out")),
        Some(&Value::Bool(true))
    );
    let pairs = said(3).and_then(|turns| turns.get("pairs_left_out"));
    assert_eq!(pairs, Some(&Value::from(70)));
}

#[test]
fn a_plan_with_every_kind_of_line_fits_its_schema() {
    let files = Files::new();
    let mut made = sample::every_kind(&files);
    made.groups[0].in_turn = Some(InTurn::default());
    let stamp = sample::stamp();
    let report = PlanReport {
        refusals: &[sample::refusal(&files)],
        failures: &[sample::failure()],
        ..sample::bare(&made, &files, &stamp)
    };
    let text = plan(&report);
    valid(&plan_schema(), &text);
    assert_eq!(text, plan(&report), "equal input gives equal text");

    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["applyable"], false);
    assert_eq!(document["errored"], true);
    let actions: Vec<_> = document["resource_changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            let actions = change["change"]["actions"][0].as_str().unwrap();
            format!("{actions} {}", change["reason"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        actions,
        [
            "create missing",
            "no-op unmanaged",
            "no-op unmanaged",
            "create missing",
            "create missing",
            "update differs",
            "update differs",
            "delete live_only",
            "no-op unmanaged",
            "no-op ignored",
            "no-op system_level",
        ]
    );
    let steps: Vec<_> = document["groups"][3]["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| {
            (
                step["wave"].as_u64().unwrap(),
                step["action"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        steps,
        [
            (1, "authorize"),
            (1, "modify"),
            (1, "modify"),
            (2, "revoke")
        ]
    );
}

#[test]
fn a_change_has_terraforms_shape() {
    let files = Files::new();
    let mut group = sample::group("web", &files);
    group.changes = vec![sample::modify(
        sample::seen(
            "sgr-1",
            "ingress accept tcp/22 from 203.0.113.0/24 priority 1",
            "ssh",
        ),
        sample::rule(
            "ingress accept tcp/22-23 from 203.0.113.0/24 priority 1",
            "",
        ),
        files.line(12),
    )];
    let made = crate::plan::Plan {
        groups: vec![group],
        schedules: Vec::new(),
        diagnostics: Vec::new(),
    };
    let text = plan(&sample::bare(&made, &files, &sample::stamp()));
    let document: Value = serde_json::from_str(&text).unwrap();
    let change = serde_json::to_string_pretty(&document["resource_changes"]).unwrap();
    assert_data_eq!(
        change,
        str![[r#"
[
  {
    "address": "demo/cn-hangzhou/sg-bp1web000000000000/sgr-1",
    "change": {
      "actions": [
        "update"
      ],
      "after": {
        "description": null,
        "direction": "ingress",
        "local": null,
        "nic_type": "intranet",
        "peer": {
          "cidr": "203.0.113.0/24"
        },
        "policy": "accept",
        "ports": "22-23",
        "priority": 1,
        "protocol": "tcp",
        "security_group_id": "sg-bp1web000000000000",
        "source_ports": null
      },
      "before": {
        "description": "ssh",
        "direction": "ingress",
        "local": null,
        "nic_type": "intranet",
        "peer": {
          "cidr": "203.0.113.0/24"
        },
        "policy": "accept",
        "ports": "22",
        "priority": 1,
        "protocol": "tcp",
        "security_group_id": "sg-bp1web000000000000",
        "source_ports": null
      }
    },
    "declared_at": {
      "file": "rules/web.yaml",
      "line": 12
    },
    "reason": "differs",
    "rule_id": "sgr-1",
    "type": "security_group_rule"
  }
]
"#]]
        .raw()
    );
}

#[test]
fn without_anything_to_do_a_plan_is_not_applyable() {
    let files = Files::new();
    let mut made = sample::every_kind(&files);
    let applyable = |made: &crate::plan::Plan| {
        let text = plan(&sample::bare(made, &files, &sample::stamp()));
        serde_json::from_str::<Value>(&text).unwrap()["applyable"].clone()
    };
    assert_eq!(applyable(&made), true);
    made.groups.clear();
    made.schedules.clear();
    assert_eq!(applyable(&made), false);
}

#[test]
fn the_report_of_an_apply_says_what_failed() {
    let report = Report {
        run_id: "run".into(),
        groups: vec![GroupReport {
            address: sample::group("web", &Files::new()).address,
            name: "web".into(),
            outcome: GroupOutcome::Failed {
                call: "authorize 1 ingress rule".into(),
                error: "the cloud refused".into(),
                rules: vec!["ingress accept tcp/22 from 10.0.0.0/8 priority 1".into()],
            },
            added: 1,
            changed: 0,
            destroyed: 0,
            notes: Vec::new(),
        }],
    };
    assert_data_eq!(
        applied(&report),
        str![[r#"
{
  "format_version": "1.0",
  "tool_version": "0.1.0",
  "run_id": "run",
  "complete": false,
  "errored": true,
  "summary": {
    "added": 1,
    "changed": 0,
    "destroyed": 0
  },
  "groups": [
    {
      "address": "demo/cn-hangzhou/sg-bp1web000000000000",
      "name": "web",
      "result": "failed",
      "summary": {
        "added": 1,
        "changed": 0,
        "destroyed": 0
      },
      "call": "authorize 1 ingress rule",
      "error": "the cloud refused",
      "rules": [
        "ingress accept tcp/22 from 10.0.0.0/8 priority 1"
      ],
      "notes": []
    }
  ],
  "unapplied": null,
  "diagnostics": []
}

"#]]
        .raw()
    );
}
