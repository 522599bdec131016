//! From a plan to its document.

use crate::{
    assertion::{Claim, Status, Violation},
    desired::Mode,
    diag::{Severity, Sources, Span},
    guard::{self, Refusal},
    model::{GroupId, ObservedRule, Peer, PortSet, Rule},
    plan::{Address, Change, ChangeKind, Counts, GroupPlan, InTurn, Passing, Plan},
    provider::RuleAction,
    report::{PlanReport, deciders},
    traffic::difference::{Difference, Sentence},
};

use super::{
    FORMAT_VERSION,
    document::{
        Action, AssertionBody, AssertionStatus, ChangeBody, DiagnosticBody, Finding, GroupBody,
        InTurnsBody, Level, ModeBody, ModesBody, PeerBody, Place, PlanDocument, Reason,
        ResourceChange, RuleBody, StepAction, StepBody, Summary, TrafficBody, TrafficLine,
        TransientBody, Unread, ViolatingTraffic, WaiverBody,
    },
};

pub(super) fn document(report: &PlanReport<'_>) -> PlanDocument {
    let PlanReport {
        plan,
        sources,
        refusals,
        failures,
        stamp,
        shard,
    } = *report;
    PlanDocument {
        format_version: FORMAT_VERSION,
        tool_version: env!("CARGO_PKG_VERSION"),
        plan_id: plan.id(),
        timestamp: stamp.timestamp.to_string(),
        commit: stamp.commit.clone(),
        dirty: stamp.dirty,
        shard: shard.map(|shard| shard.to_string()),
        applyable: report.is_applyable(),
        errored: report.is_errored(),
        summary: summary(plan.counts()),
        resource_changes: plan
            .groups
            .iter()
            .flat_map(|group| resources(group, sources))
            .collect(),
        groups: (0..plan.groups.len())
            .map(|index| group_body(plan, index, sources, refusals))
            .collect(),
        unread: failures
            .iter()
            .map(|failure| Unread {
                group: failure.group.clone(),
                error: failure.error.clone(),
            })
            .collect(),
        diagnostics: plan
            .diagnostics
            .iter()
            .map(|diagnostic| DiagnosticBody {
                severity: match diagnostic.severity {
                    Severity::Error => Level::Error,
                    Severity::Warning => Level::Warning,
                },
                code: diagnostic.code.to_string(),
                message: diagnostic.message.clone(),
                places: diagnostic
                    .labels
                    .iter()
                    .map(|label| place(label.span, sources))
                    .collect(),
                help: diagnostic.help.clone(),
            })
            .collect(),
        failure: None,
    }
}

fn summary(counts: Counts) -> Summary {
    let Counts {
        add,
        change,
        destroy,
        unmanaged,
        calls,
    } = counts;
    Summary {
        add,
        change,
        destroy,
        unmanaged,
        calls,
    }
}

fn place(span: Span, sources: &Sources) -> Place {
    Place {
        file: sources.get(span.file).path.display().to_string(),
        line: span.line,
    }
}

fn resources(group: &GroupPlan, sources: &Sources) -> Vec<ResourceChange> {
    let mut resources: Vec<_> = group
        .changes
        .iter()
        .map(|change| changed(&group.address, change, sources))
        .collect();
    let mut left_alone = |seen: &ObservedRule, reason, span: Option<Span>| {
        let body = rule_body(&group.address.group, &seen.rule);
        resources.push(ResourceChange {
            address: rule_address(&group.address, Some(seen), &seen.rule),
            r#type: "security_group_rule",
            change: ChangeBody {
                actions: [Action::NoOp],
                before: Some(body.clone()),
                after: Some(body),
            },
            rule_id: seen.id.as_ref().map(ToString::to_string),
            declared_at: span.map(|span| place(span, sources)),
            reason,
        });
    };
    for seen in &group.unmanaged {
        left_alone(seen, Reason::Unmanaged, None);
    }
    for (seen, span) in &group.ignored {
        left_alone(seen, Reason::Ignored, Some(*span));
    }
    for seen in &group.system_level {
        left_alone(seen, Reason::SystemLevel, None);
    }
    resources
}

fn changed(address: &Address, change: &Change, sources: &Sources) -> ResourceChange {
    let Change { kind, span } = change;
    let (action, reason) = match (kind, span) {
        (ChangeKind::Add(_), _) => (Action::Create, Reason::Missing),
        (ChangeKind::Modify { .. }, _) => (Action::Update, Reason::Differs),
        (ChangeKind::Delete(_), None) => (Action::Delete, Reason::LiveOnly),
        (ChangeKind::Delete(_), Some(_)) => (Action::Delete, Reason::Absent),
    };
    let old = kind.before();
    ResourceChange {
        address: rule_address(address, old, kind.rule()),
        r#type: "security_group_rule",
        change: ChangeBody {
            actions: [action],
            before: old.map(|seen| rule_body(&address.group, &seen.rule)),
            after: kind.after().map(|rule| rule_body(&address.group, rule)),
        },
        rule_id: old.and_then(|seen| seen.id.as_ref().map(ToString::to_string)),
        declared_at: span.map(|span| place(span, sources)),
        reason,
    }
}

/// The rule's id, or the rule in words: the cloud tells rules without an id apart by nothing else.
fn rule_address(address: &Address, seen: Option<&ObservedRule>, rule: &Rule) -> String {
    match seen.and_then(|seen| seen.id.as_ref()) {
        Some(id) => format!("{address}/{id}"),
        None => match seen {
            Some(seen) => format!("{address}/{}", seen.rule),
            None => format!("{address}/{rule}"),
        },
    }
}

pub(super) fn rule_body(group: &GroupId, rule: &Rule) -> RuleBody {
    let Rule {
        direction,
        nic,
        priority,
        policy,
        protocol,
        peer,
        local,
        description,
        peer_owner,
    } = rule;
    let ports = protocol.ports();
    RuleBody {
        security_group_id: group.to_string(),
        direction: direction.to_string(),
        policy: policy.to_string(),
        priority: priority.get(),
        protocol: protocol.name().into_owned(),
        ports: ports.map(|ports| match &ports.destination {
            PortSet::Range(range) => range.to_string(),
            PortSet::List(list) => list.to_string(),
        }),
        source_ports: ports.and_then(|ports| ports.source.map(|range| range.to_string())),
        peer: match peer {
            Peer::Cidr(cidr) => PeerBody {
                cidr: Some(cidr.to_string()),
                ..PeerBody::default()
            },
            Peer::Group(group) => PeerBody {
                group: Some(group.to_string()),
                group_owner: peer_owner.as_ref().map(ToString::to_string),
                ..PeerBody::default()
            },
            Peer::PrefixList(list) => PeerBody {
                prefix_list: Some(list.to_string()),
                ..PeerBody::default()
            },
        },
        local: local.map(|cidr| cidr.to_string()),
        nic_type: nic.to_string(),
        description: description.as_ref().map(ToString::to_string),
    }
}

fn group_body(plan: &Plan, index: usize, sources: &Sources, refusals: &[Refusal]) -> GroupBody {
    let group = &plan.groups[index];
    let steps = steps(plan, index);
    let mode = |mode: Option<Mode>| match mode {
        Some(Mode::Complete) => ModeBody::Complete,
        Some(Mode::Partial) => ModeBody::Partial,
        None => ModeBody::NotManaged,
    };
    let [ingress, egress] = group.modes;
    GroupBody {
        address: group.address.to_string(),
        name: group.name.to_string(),
        network: group.observed.info.network.to_string(),
        mode: ModesBody {
            ingress: mode(ingress),
            egress: mode(egress),
        },
        fingerprint: group.fingerprint(),
        declared_at: place(group.span, sources),
        expired: group
            .expired
            .iter()
            .map(|span| place(*span, sources))
            .collect(),
        summary: summary(Counts {
            calls: steps.len(),
            ..group.counts()
        }),
        steps,
        traffic: traffic_body(group, sources),
        transients: group.passing.iter().map(transient).collect(),
        in_turns: group.in_turn.as_ref().map(in_turns),
        findings: findings(group, sources, refusals),
    }
}

/// What the guard refuses; then the assertions, which it refuses in the order in which the plan has them.
fn findings(group: &GroupPlan, sources: &Sources, refusals: &[Refusal]) -> Vec<Finding> {
    let refused = refusals.iter().filter(|refusal| {
        refusal.address == group.address && refusal.reason != guard::Reason::Assertion
    });
    let refused = refused.map(|refusal| Finding {
        code: refusal.reason.to_string(),
        refuses: true,
        message: refusal.message.clone(),
        help: refusal.help.clone(),
        declared_at: refusal.span.map(|span| place(span, sources)),
        assertion: None,
    });
    let violated = group.violations.iter().map(|violation| Finding {
        code: guard::Reason::Assertion.to_string(),
        refuses: violation.refuses(),
        message: violation.message(),
        help: violation.help(group.name.as_str()),
        declared_at: Some(place(violation.assertion.span, sources)),
        assertion: Some(assertion_body(violation, group, sources)),
    });
    refused.chain(violated).collect()
}

fn assertion_body(violation: &Violation, group: &GroupPlan, sources: &Sources) -> AssertionBody {
    let Violation {
        assertion,
        nic,
        is_classic: _,
        status,
        traffic,
        depends_on,
        waiver,
    } = violation;
    let direction = assertion.direction;
    let text = |text: &Option<std::sync::Arc<str>>| text.as_ref().map(ToString::to_string);
    AssertionBody {
        id: assertion.id.to_string(),
        title: text(&assertion.title),
        says: assertion.says(),
        because: text(&assertion.because),
        severity: assertion.severity.to_string(),
        reference: text(&assertion.reference),
        status: match status {
            Status::New => AssertionStatus::New,
            Status::OnTheWay { .. } => AssertionStatus::OnTheWay,
            Status::Known => AssertionStatus::Known,
            Status::Waived { .. } => AssertionStatus::Waived,
        },
        wave: match status {
            Status::OnTheWay { wave } => Some(wave + 1),
            _ => None,
        },
        nic: nic.to_string(),
        traffic: traffic
            .iter()
            .map(|evidence| ViolatingTraffic {
                direction: direction.to_string(),
                what: match assertion.claim {
                    Claim::Forbid => "admitted",
                    Claim::Require => "refused",
                }
                .to_owned(),
                traffic: evidence.what.text(direction),
                decided_by: deciders(group, &evidence.deciders, sources),
            })
            .collect(),
        depends_on: depends_on.iter().map(ToString::to_string).collect(),
        waiver: waiver.as_ref().map(|waiver| WaiverBody {
            until: waiver.until_text.to_string(),
            reason: waiver.reason.to_string(),
            declared_at: place(waiver.span, sources),
        }),
    }
}

/// The calls of one group, each with its wave.
fn steps(plan: &Plan, index: usize) -> Vec<StepBody> {
    let group = &plan.groups[index];
    let mut bodies = Vec::new();
    for schedule in &plan.schedules {
        for (wave, steps) in (1..).zip(&schedule.waves) {
            for step in steps.iter().filter(|step| step.group == index) {
                let rules = step.changes.iter().map(|change| {
                    let kind = &group.changes[*change].kind;
                    rule_address(&group.address, kind.before(), kind.rule())
                });
                bodies.push(StepBody {
                    wave,
                    direction: step.call.direction.to_string(),
                    action: match step.call.action {
                        RuleAction::Authorize(_) => StepAction::Authorize,
                        RuleAction::Revoke(_) => StepAction::Revoke,
                        RuleAction::Modify { .. } => StepAction::Modify,
                    },
                    rules: rules.collect(),
                });
            }
        }
    }
    bodies
}

fn traffic_body(group: &GroupPlan, sources: &Sources) -> TrafficBody {
    let lines = |of: fn(&Difference) -> &Vec<Sentence>| {
        group
            .traffic
            .iter()
            .flat_map(|traffic| {
                of(&traffic.difference)
                    .iter()
                    .map(move |sentence| (traffic, sentence))
            })
            .map(|(traffic, sentence)| TrafficLine {
                direction: traffic.direction.to_string(),
                nic: traffic.nic.to_string(),
                traffic: sentence.what.text(traffic.direction),
                decided_before: deciders(group, &sentence.before, sources),
                decided_after: deciders(group, &sentence.after, sources),
            })
            .collect()
    };
    TrafficBody {
        newly_admitted: lines(|difference| &difference.newly_admitted),
        no_longer_admitted: lines(|difference| &difference.no_longer_admitted),
    }
}

fn in_turns(in_turn: &InTurn) -> InTurnsBody {
    let InTurn {
        slots,
        spare: _,
        orders_left_out,
        least_slots_unknown,
        memberships_left_out,
        pairs_left_out,
    } = in_turn;
    InTurnsBody {
        more_slots: *slots,
        orders_left_out: *orders_left_out,
        least_slots_unknown: *least_slots_unknown,
        memberships_left_out: *memberships_left_out,
        pairs_left_out: *pairs_left_out,
    }
}

fn transient(passing: &Passing) -> TransientBody {
    let Passing {
        with,
        direction,
        nic,
        transient,
    } = passing;
    TransientBody {
        with: with.as_ref().map(ToString::to_string),
        direction: direction.to_string(),
        nic: nic.to_string(),
        what: if transient.opens {
            "opened"
        } else {
            "interrupted"
        }
        .to_owned(),
        wave: transient.wave + 1,
        traffic: transient
            .traffic
            .iter()
            .map(|traffic| traffic.text(*direction))
            .collect(),
    }
}
