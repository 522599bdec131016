//! What files declare, as text.

use rulekeep::{
    desired::{Desired, DesiredGroup, DesiredRule},
    model::Direction,
};

pub fn show(desired: &Desired) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for group in &desired.groups {
        let DesiredGroup {
            account,
            region,
            selector,
            mode,
            quota,
            limits,
            ..
        } = group;
        writeln!(
            text,
            "{account} {region} {selector}: ingress {}, egress {}, quota {quota}, deletes {}% from {}, changes {}% from {}",
            mode.ingress,
            mode.egress,
            limits.max_deletes.percent,
            limits.max_deletes.from,
            limits.max_changes.percent,
            limits.max_changes.from,
        )
        .unwrap();
        for direction in Direction::BOTH {
            match group.direction(direction) {
                None => writeln!(text, "  {direction} not managed").unwrap(),
                Some([]) => writeln!(text, "  {direction} empty").unwrap(),
                Some(rules) => rules
                    .iter()
                    .for_each(|rule| show_rule(&mut text, "+", rule)),
            }
        }
        group
            .absent
            .iter()
            .for_each(|absent| show_rule(&mut text, "absent", &absent.rule));
        for pattern in &group.ignore {
            let peer = pattern.peer.as_ref().map(ToString::to_string);
            writeln!(
                text,
                "  ignore {:?} {:?} {:?} {:?} {:?} {:?}",
                pattern.direction,
                pattern.priority,
                pattern.protocol,
                pattern.ports,
                peer,
                pattern.description
            )
            .unwrap();
        }
    }
    text
}

fn show_rule(text: &mut String, sign: &str, rule: &DesiredRule) {
    use std::fmt::Write as _;
    let DesiredRule {
        direction,
        nic,
        priority,
        policy,
        protocol,
        peer,
        local,
        description,
        expires,
        span: _,
    } = rule;
    write!(
        text,
        "  {sign} {direction} {policy} {protocol} {} {peer} priority {priority}",
        direction.preposition()
    )
    .unwrap();
    for part in [
        local.map(|local| format!("local {local}")),
        nic.map(|nic| format!("nic {nic}")),
        description.as_ref().map(|text| format!("\"{text}\"")),
        expires.map(|moment| format!("until {moment}")),
    ]
    .into_iter()
    .flatten()
    {
        write!(text, ", {part}").unwrap();
    }
    text.push('\n');
}
