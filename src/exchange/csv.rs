//! Rules as CSV (RFC 4180), a row each, columns found by their names.
//!
//! The columns of the console's own CSV are not documented, so that a reader goes by names, English and Chinese, and by the
//! names of the API's members.

use serde_json::{Map, Value};

use crate::{
    exchange::{FileError, FileRule, FileRules, Problem, json},
    model::{Cidr, Direction, ObservedRule, Peer, PortSet, Protocol, Rule},
};

use columns::{Column, column};
use rows::{row, rows};

mod columns;
mod rows;

/// The columns that are written, in order.
const HEADER: [&str; 12] = [
    "Direction",
    "Policy",
    "Priority",
    "Protocol",
    "Port Range",
    "Source Port Range",
    "Source",
    "Destination",
    "NIC Type",
    "Description",
    "Rule ID",
    "Created",
];

pub(super) fn write(rules: &[ObservedRule]) -> String {
    let mut text = String::new();
    row(&mut text, HEADER.map(str::to_owned));
    for seen in rules {
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
        } = &seen.rule;
        let far = match (peer, peer_owner) {
            (Peer::Group(_), Some(owner)) => format!("{owner}/{peer}"),
            _ => peer.to_string(),
        };
        let near = local.map(|local| local.to_string()).unwrap_or_default();
        let (source, destination) = match direction {
            Direction::Ingress => (far, near),
            Direction::Egress => (near, far),
        };
        let slashed =
            |range: crate::model::PortRange| format!("{}/{}", range.first(), range.last());
        let ports = match protocol.ports().map(|ports| &ports.destination) {
            None => "-1/-1".to_owned(),
            Some(PortSet::Range(range)) => slashed(*range),
            Some(PortSet::List(list)) => list.to_string(),
        };
        let source_ports = protocol.ports().and_then(|ports| ports.source);
        let name = match protocol {
            Protocol::Icmpv6 => "ICMPv6".to_owned(),
            other => other.name().to_ascii_uppercase(),
        };
        let created = seen
            .facts
            .as_ref()
            .and_then(|facts| facts.created.as_deref());
        row(
            &mut text,
            [
                direction.to_string(),
                policy.to_string(),
                priority.to_string(),
                name,
                ports,
                source_ports.map(slashed).unwrap_or_default(),
                source,
                destination,
                nic.to_string(),
                description.as_deref().unwrap_or_default().to_owned(),
                seen.id
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
                created.unwrap_or_default().to_owned(),
            ],
        );
    }
    text
}

pub(super) fn read(text: &str) -> Result<FileRules, FileError> {
    let mut rows = rows(text)?.into_iter();
    let (_, header) = rows.next().ok_or(FileError::Empty)?;
    let mut columns: Vec<Option<Column>> = Vec::new();
    let mut unknown_columns = Vec::new();
    for name in &header {
        let column = column(name);
        if let Some(column) = column
            && column != Column::Passed
            && let Some(first) = columns.iter().position(|other| *other == Some(column))
        {
            return Err(FileError::SameColumns(header[first].clone(), name.clone()));
        }
        if column.is_none() && !name.trim().is_empty() {
            unknown_columns.push(name.clone());
        }
        columns.push(column);
    }
    let has = |wanted: Column| columns.contains(&Some(wanted));
    let has_peer = has(Column::Source)
        || has(Column::Destination)
        || has(Column::Peer)
        || columns
            .iter()
            .any(|column| matches!(column, Some(Column::Member(_))));
    let needed = [
        ("Direction", has(Column::Direction)),
        ("Policy", has(Column::Policy)),
        ("Priority", has(Column::Priority)),
        ("Protocol", has(Column::Protocol)),
        ("Source or Destination", has_peer),
    ];
    let missing: Vec<_> = needed
        .into_iter()
        .filter(|(_, there)| !there)
        .map(|(name, _)| name)
        .collect();
    if !missing.is_empty() {
        return Err(FileError::MissingColumns {
            missing,
            has: header,
        });
    }
    let rules = rows
        .filter(|(_, fields)| fields.iter().any(|field| !field.trim().is_empty()))
        .map(|(place, fields)| FileRule {
            place,
            rule: rule(&columns, &fields),
        });
    Ok(FileRules {
        rules: rules.collect(),
        unknown_columns,
    })
}

/// A row in the members of the API; what the API's reader refuses is refused here too.
fn rule(columns: &[Option<Column>], fields: &[String]) -> Result<ObservedRule, Problem> {
    if fields.len() > columns.len() {
        return Err(Problem::Unreadable(format!(
            "the row has {} fields, the header {}",
            fields.len(),
            columns.len()
        )));
    }
    let get = |wanted: Column| {
        let at = columns.iter().position(|column| *column == Some(wanted))?;
        let field = fields.get(at)?.trim();
        (!field.is_empty()).then(|| field.to_owned())
    };
    let mut members = Map::new();
    let direction = match get(Column::Direction)
        .as_deref()
        .map(str::to_lowercase)
        .as_deref()
    {
        Some("ingress" | "in" | "inbound" | "入方向" | "入") => Direction::Ingress,
        Some("egress" | "out" | "outbound" | "出方向" | "出") => Direction::Egress,
        Some(other) => return Err(Problem::Unreadable(format!("`{other}` is no direction"))),
        None => return Err(Problem::Unreadable("it has no direction".to_owned())),
    };
    let policy = match get(Column::Policy)
        .as_deref()
        .map(str::to_lowercase)
        .as_deref()
    {
        Some("accept" | "allow" | "允许") => "Accept",
        Some("drop" | "deny" | "reject" | "拒绝") => "Drop",
        Some(other) => return Err(Problem::Unreadable(format!("`{other}` is no policy"))),
        None => return Err(Problem::Unreadable("it has no policy".to_owned())),
    };
    let protocol = match get(Column::Protocol) {
        Some(text) if matches!(text.as_str(), "全部" | "Any" | "any") => "ALL".to_owned(),
        Some(text) => text,
        None => return Err(Problem::Unreadable("it has no protocol".to_owned())),
    };
    let mut put = |name: &str, value: String| members.insert(name.to_owned(), value.into());
    put("Direction", direction.to_string());
    put("Policy", policy.to_owned());
    put("IpProtocol", protocol);
    if let Some(priority) = get(Column::Priority) {
        put("Priority", priority);
    }
    if let Some(ports) = get(Column::Ports) {
        if ports.starts_with("prl-") {
            put("PortRangeListId", ports);
        } else {
            put("PortRange", slashed(&ports));
        }
    }
    if let Some(ports) = get(Column::SourcePorts) {
        put("SourcePortRange", slashed(&ports));
    }
    let (peer_side, local_side) = match direction {
        Direction::Ingress => (Column::Source, Column::Destination),
        Direction::Egress => (Column::Destination, Column::Source),
    };
    let prefix = |direction| match direction {
        Direction::Ingress => "Source",
        Direction::Egress => "Dest",
    };
    let other = match direction {
        Direction::Ingress => Direction::Egress,
        Direction::Egress => Direction::Ingress,
    };
    let peer = match (get(Column::Peer), get(peer_side)) {
        (Some(_), Some(_)) => {
            return Err(Problem::Unreadable("it has two peers".to_owned()));
        }
        (peer, side) => peer.or(side),
    };
    if let Some(peer) = peer {
        let side = prefix(direction);
        let (owner, bare) = match peer.split_once('/') {
            Some((owner, group)) if group.starts_with("sg-") => (Some(owner), group),
            _ => (None, peer.as_str()),
        };
        if let Some(owner) = owner {
            put(&format!("{side}GroupOwnerAccount"), owner.to_owned());
        }
        if bare.starts_with("sg-") {
            put(&format!("{side}GroupId"), bare.to_owned());
        } else if bare.starts_with("pl-") {
            put(&format!("{side}PrefixListId"), bare.to_owned());
        } else {
            put(&cidr_member(side, bare), bare.to_owned());
        }
    }
    if let Some(local) = get(local_side) {
        put(&cidr_member(prefix(other), &local), local.clone());
    }
    for (column, field) in columns.iter().zip(fields) {
        if let Some(Column::Member(name)) = column
            && !field.trim().is_empty()
        {
            put(name, field.trim().to_owned());
        }
    }
    if let Some(nic) = get(Column::Nic) {
        let nic = match nic.to_lowercase().as_str() {
            "内网" => "intranet".to_owned(),
            "公网" => "internet".to_owned(),
            _ => nic,
        };
        put("NicType", nic);
    }
    // Descriptions are kept as they are written.
    let at = columns
        .iter()
        .position(|column| *column == Some(Column::Description));
    if let Some(description) = at.and_then(|at| fields.get(at)) {
        put("Description", description.clone());
    }
    json::rule(&Value::Object(members))
}

fn cidr_member(side: &str, text: &str) -> String {
    match Cidr::parse_masking(text) {
        Ok(cidr) if cidr.is_ipv6() => format!("Ipv6{side}CidrIp"),
        _ => format!("{side}CidrIp"),
    }
}

/// `22`, `22-80` as the API writes them.
fn slashed(text: &str) -> String {
    match text.parse::<crate::model::PortRange>() {
        Ok(range) => format!("{}/{}", range.first(), range.last()),
        Err(_) => match text {
            "all" | "ALL" | "全部" => "1/65535".to_owned(),
            _ => text.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests;
