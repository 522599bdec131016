//! Rules as CSV (RFC 4180), a row each, columns found by their names.
//!
//! The columns of the console's own CSV are not documented, so that a reader goes by names, English and Chinese, and by the
//! names of the API's members.

use std::{fmt::Write as _, ops::Range};

use serde_json::{Map, Value};

use crate::{
    exchange::{FileError, FileRule, FileRules, Problem, json},
    model::{Cidr, Direction, ObservedRule, Peer, PortSet, Protocol, Rule},
};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Direction,
    Policy,
    Priority,
    Protocol,
    Ports,
    SourcePorts,
    Source,
    Destination,
    /// The far end, whichever the direction.
    Peer,
    Nic,
    Description,
    /// Kept for people; an import makes rules of its own.
    Passed,
    /// A member of the API by its own name.
    Member(&'static str),
}

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

/// Names of columns in lower case, without spaces, `_`, `-` and what stands in brackets.
const NAMES: &[(Column, &[&str])] = &[
    (
        Column::Direction,
        &["direction", "方向", "规则方向", "授权方向"],
    ),
    (
        Column::Policy,
        &[
            "policy",
            "action",
            "authorizationpolicy",
            "策略",
            "授权策略",
            "动作",
        ],
    ),
    (Column::Priority, &["priority", "优先级"]),
    (
        Column::Protocol,
        &["protocol", "ipprotocol", "protocoltype", "协议", "协议类型"],
    ),
    (
        Column::Ports,
        &[
            "portrange",
            "ports",
            "port",
            "destinationportrange",
            "destportrange",
            "端口",
            "端口范围",
            "目的端口",
            "目的端口范围",
        ],
    ),
    (
        Column::SourcePorts,
        &["sourceportrange", "sourceports", "源端口", "源端口范围"],
    ),
    (
        Column::Source,
        &[
            "source",
            "sourceaddress",
            "来源",
            "源",
            "源地址",
            "访问来源",
        ],
    ),
    (
        Column::Destination,
        &[
            "destination",
            "dest",
            "destinationaddress",
            "目的",
            "目的地址",
            "访问目的",
        ],
    ),
    (
        Column::Peer,
        &[
            "peer",
            "authorizationobject",
            "authorizedobject",
            "授权对象",
        ],
    ),
    (Column::Nic, &["nictype", "nic", "网卡类型", "网卡"]),
    (
        Column::Description,
        &["description", "remarks", "描述", "备注"],
    ),
    (
        Column::Passed,
        &[
            "ruleid",
            "securitygroupruleid",
            "安全组规则id",
            "规则id",
            "created",
            "createtime",
            "creationtime",
            "createdat",
            "创建时间",
            "sourcegroupname",
            "destgroupname",
            "sourceprefixlistname",
            "destprefixlistname",
            "portrangelistname",
        ],
    ),
    (Column::Member("SourceCidrIp"), &["sourcecidrip"]),
    (Column::Member("Ipv6SourceCidrIp"), &["ipv6sourcecidrip"]),
    (Column::Member("SourceGroupId"), &["sourcegroupid"]),
    (
        Column::Member("SourceGroupOwnerAccount"),
        &["sourcegroupowneraccount"],
    ),
    (
        Column::Member("SourcePrefixListId"),
        &["sourceprefixlistid"],
    ),
    (Column::Member("DestCidrIp"), &["destcidrip"]),
    (Column::Member("Ipv6DestCidrIp"), &["ipv6destcidrip"]),
    (Column::Member("DestGroupId"), &["destgroupid"]),
    (
        Column::Member("DestGroupOwnerAccount"),
        &["destgroupowneraccount"],
    ),
    (Column::Member("DestPrefixListId"), &["destprefixlistid"]),
    (Column::Member("PortRangeListId"), &["portrangelistid"]),
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

fn row(text: &mut String, fields: [String; 12]) {
    let fields = fields.map(|field| {
        let trims = field.starts_with(' ') || field.ends_with(' ');
        if trims || field.contains(['"', ',', '\n', '\r']) {
            format!("\"{}\"", field.replace('"', "\"\""))
        } else {
            field
        }
    });
    writeln!(text, "{}", fields.join(",")).expect("a String takes everything");
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

fn column(name: &str) -> Option<Column> {
    let mut plain = String::new();
    for c in name.trim().chars() {
        match c {
            '(' | '（' => break,
            ' ' | '_' | '-' | '\u{feff}' => {}
            c => plain.extend(c.to_lowercase()),
        }
    }
    NAMES
        .iter()
        .find(|(_, names)| names.contains(&plain.as_str()))
        .map(|(column, _)| *column)
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

type Row = (Range<usize>, Vec<String>);

/// Rows with their places; quoted fields may hold commas and line ends.
fn rows(text: &str) -> Result<Vec<Row>, FileError> {
    let skip = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut rows = Vec::new();
    let (mut fields, mut field) = (Vec::new(), String::new());
    let (mut start, mut line, mut opened) = (skip, 1, None);
    let mut chars = text[skip..].char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let at = at + skip;
        if c == '\n' {
            line += 1;
        }
        match (opened, c) {
            (Some(_), '"') if chars.peek().is_some_and(|(_, next)| *next == '"') => {
                chars.next();
                field.push('"');
            }
            (Some(_), '"') => opened = None,
            (Some(_), c) => field.push(c),
            (None, '"') if field.trim().is_empty() => {
                field.clear();
                opened = Some(line);
            }
            (None, ',') => fields.push(std::mem::take(&mut field)),
            (None, '\n') => {
                fields.push(std::mem::take(&mut field).trim_end_matches('\r').to_owned());
                rows.push((start..at, std::mem::take(&mut fields)));
                start = at + 1;
            }
            (None, c) => field.push(c),
        }
    }
    if let Some(line) = opened {
        return Err(FileError::OpenQuote(line));
    }
    if !field.is_empty() || !fields.is_empty() {
        fields.push(field);
        rows.push((start..text.len(), fields));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_rules(text: &str) -> Vec<String> {
        let rules = read(text).unwrap().rules;
        let shown = rules.iter().map(|rule| match &rule.rule {
            Ok(seen) => {
                let description = seen.rule.description.as_deref().unwrap_or_default();
                format!("{} [{description}]", seen.rule)
            }
            Err(problem) => problem.to_string(),
        });
        shown.collect()
    }

    #[test]
    fn chinese_columns_and_words_are_read() {
        let text = "\u{feff}规则方向,授权策略,优先级,协议类型,端口范围,授权对象,描述\r\n\
            入方向,允许,1,TCP,443/443,0.0.0.0/0,\"公网, \"\"web\"\"\"\r\n\
            出方向,拒绝,100,全部,-1/-1,::/0,\r\n";
        assert_eq!(
            read_rules(text),
            [
                "ingress accept tcp/443 from 0.0.0.0/0 priority 1 [公网, \"web\"]",
                "egress drop all to ::/0 priority 100 []",
            ]
        );
    }

    #[test]
    fn a_bad_row_leaves_the_others_alone_and_unknown_columns_are_told() {
        let text = "Direction,Policy,Priority,Protocol,Port Range,Source,Colour\n\
            ingress,accept,1,tcp,22,10.0.0.0/8,red\n\
            ingress,perhaps,1,tcp,22,10.0.0.0/8,\n\
            ingress,accept,110,tcp,22,10.0.0.0/8,\n\
            ingress,accept,1,tcp,80/22,10.0.0.0/8,\n";
        assert_eq!(
            read_rules(text),
            [
                "ingress accept tcp/22 from 10.0.0.0/8 priority 1 []",
                "`perhaps` is no policy",
                "priority 110 is outside 1..100",
                "PortRange is `80/22`, which this program does not know",
            ]
        );
        assert_eq!(read(text).unwrap().unknown_columns, ["Colour"]);
    }

    #[test]
    fn columns_that_narrow_a_rule_must_be_there() {
        let error = read("Direction,Protocol,Source\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "it has no column for Policy, Priority; its columns are Direction, Protocol, Source"
        );
        assert_eq!(read("a,\"b\n"), Err(FileError::OpenQuote(1)));
        assert!(matches!(
            read("Policy,Action\n"),
            Err(FileError::SameColumns(..))
        ));
    }
}
