//! Permission <-> rule.
//!
//! No missing or unreadable member may ever widen a rule: what cannot be read exactly is an error that names the
//! rule. Three members narrow a rule and are left out by the cloud where they do not apply (`SourcePortRange`, the local
//! address, `PortRangeListId` beside a `PortRange`): there, missing is the cloud's own word for "not limited".

mod written;

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::{Members, Permission, Reading};
use crate::model::{
    Cidr, Direction, GroupId, NicType, ObservedRule, OwnerId, Peer, Policy, PortListId, PortRange,
    PortSet, Ports, PrefixListId, Priority, Protocol, Rule, RuleFacts, RuleId,
};
use written::plain;
pub(super) use written::{port_range, protocol_name};

/// What the cloud writes for the ports of a rule that has none.
pub(super) const NO_PORTS: &str = "-1/-1";

/// Why a permission is no rule that this program understands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {problem}")]
pub struct RuleError {
    /// Which rule, by its id or by what it says.
    pub rule: String,
    /// What is wrong with it.
    pub problem: String,
}

/// Keeps one copy of texts that many rules of a group share, and room for one permission.
#[derive(Debug, Default)]
pub struct Interner {
    texts: HashSet<Arc<str>>,
    /// The last ones that were asked for: neighbours have the same description, and one time of creation is that of many.
    recent: [Option<Arc<str>>; 2],
    scratch: Permission,
}

impl Interner {
    /// The shared copy.
    fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(shared) = self.recent.iter().flatten().find(|one| ***one == *text) {
            return Arc::clone(shared);
        }
        let shared = match self.texts.get(text) {
            Some(shared) => Arc::clone(shared),
            None => {
                let shared = Arc::from(text);
                self.texts.insert(Arc::clone(&shared));
                shared
            }
        };
        self.recent.swap(0, 1);
        self.recent[0] = Some(Arc::clone(&shared));
        shared
    }
}

/// The rule that a permission describes, with everything the cloud said of it.
pub fn observed(reading: Reading<'_>, texts: &mut Interner) -> Result<ObservedRule, RuleError> {
    let Reading { known, unknown } = reading;
    let known = known.lent();
    let rule = rule(&known, texts).map_err(|problem| RuleError {
        rule: label(&known),
        problem,
    })?;
    let id = known.security_group_rule_id;
    let created = known.create_time;
    let mut seen = ObservedRule {
        rule,
        id: (!id.is_empty()).then(|| RuleId::new(id)),
        facts: None,
    };
    let mut others = unknown;
    let mut canonical = std::mem::take(&mut texts.scratch);
    plain(&seen.rule, &mut canonical);
    known.each_that_differs(&canonical, |name, written| {
        if !matches!(name, "SecurityGroupRuleId" | "CreateTime") {
            others.insert(texts.get(name), Value::String(written.to_owned()));
        }
    });
    texts.scratch = canonical;
    if !created.is_empty() || !others.is_empty() {
        seen.facts = Some(Box::new(RuleFacts {
            created: (!created.is_empty()).then(|| texts.get(created)),
            others,
        }));
    }
    Ok(seen)
}

/// A rule in the member form of DescribeSecurityGroupAttribute: undo files and JSON output. Loses no member that the
/// cloud had filled.
pub fn to_json(seen: &ObservedRule) -> Value {
    let permission = permission(seen);
    let mut members: Map<String, Value> = permission
        .texts()
        .into_iter()
        .map(|(name, text)| (name.to_owned(), text.into()))
        .collect();
    members.insert("Priority".to_owned(), permission.priority.into());
    for (name, value) in others(seen) {
        members
            .entry(&**name)
            .or_insert(Value::Null)
            .clone_from(value);
    }
    Value::Object(members)
}

/// Reads what [`to_json`] wrote, or an item of the console's JSON export.
pub fn from_json(value: &Value) -> Result<ObservedRule, RuleError> {
    let reading = Reading::deserialize(value).map_err(|error| RuleError {
        rule: "a rule".to_owned(),
        problem: error.to_string(),
    })?;
    observed(reading, &mut Interner::default())
}

/// The permission that describes an observed rule, with its members as the cloud wrote them.
pub(super) fn permission(seen: &ObservedRule) -> Permission {
    let mut permission = Permission::default();
    plain(&seen.rule, &mut permission);
    if let Some(id) = &seen.id {
        id.as_str()
            .clone_into(&mut permission.security_group_rule_id);
    }
    if let Some(created) = seen.facts.as_ref().and_then(|facts| facts.created.as_ref()) {
        permission.create_time = String::from(&**created);
    }
    for (name, value) in others(seen) {
        if let (Some(slot), Value::String(text)) = (permission.text_mut(name), value) {
            slot.clone_from(text);
        }
    }
    permission
}

fn others(seen: &ObservedRule) -> impl Iterator<Item = (&Arc<str>, &Value)> {
    static NONE: BTreeMap<Arc<str>, Value> = BTreeMap::new();
    seen.facts
        .as_ref()
        .map_or(&NONE, |facts| &facts.others)
        .iter()
}

fn rule(permission: &Members<&str>, texts: &mut Interner) -> Result<Rule, String> {
    let directions = [
        ("ingress", Direction::Ingress),
        ("egress", Direction::Egress),
    ];
    let direction = word("Direction", permission.direction, &directions)?;
    let policies = [("accept", Policy::Accept), ("drop", Policy::Drop)];
    let policy = word("Policy", permission.policy, &policies)?;
    // The cloud leaves the member out where there is one network interface (VPC).
    let nics = [
        ("intranet", NicType::Intranet),
        ("internet", NicType::Internet),
        ("", NicType::Intranet),
    ];
    let nic = word("NicType", permission.nic_type, &nics)?;
    if permission.priority == 0 {
        return Err("Priority is missing or no number from 1 to 255".to_owned());
    }
    let protocol = protocol(permission)?;
    let (peer, owner) = peer(permission, direction)?;
    let peer_owner = match peer {
        Peer::Group(_) if is_number(owner) => Some(OwnerId::new(owner)),
        // Older servers give the e-mail address of the account, which no request takes as an id.
        _ => None,
    };
    let description = permission.description;
    Ok(Rule {
        direction,
        nic,
        priority: Priority::observed(permission.priority),
        policy,
        protocol,
        peer,
        local: local(permission, direction)?,
        description: (!description.is_empty()).then(|| texts.get(description)),
        peer_owner,
    })
}

/// One of some words, in any letter case.
fn word<T: Copy>(name: &str, text: &str, words: &[(&str, T)]) -> Result<T, String> {
    words
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(text))
        .map(|(_, value)| *value)
        .ok_or_else(|| bad(name, text))
}

fn protocol(permission: &Members<&str>) -> Result<Protocol, String> {
    // The two that most rules have, without a copy.
    for (name, with) in [
        ("tcp", Protocol::Tcp as fn(Ports) -> Protocol),
        ("udp", Protocol::Udp),
    ] {
        if permission.ip_protocol.eq_ignore_ascii_case(name) {
            return ports(permission).map(with);
        }
    }
    let name = permission.ip_protocol.to_ascii_lowercase();
    let number = || -> Option<u8> { is_number(&name).then(|| name.parse().ok()).flatten() };
    let protocol = match (name.as_str(), number()) {
        ("all", _) => Protocol::All,
        ("icmp", _) => Protocol::Icmp,
        ("icmpv6", _) => Protocol::Icmpv6,
        ("gre", _) => Protocol::Gre,
        (_, Some(6)) => return ports(permission).map(Protocol::Tcp),
        (_, Some(17)) => return ports(permission).map(Protocol::Udp),
        (_, Some(number)) => Protocol::from_number(number).expect("6 and 17 are above"),
        (_, None) => return Err(bad("IpProtocol", permission.ip_protocol)),
    };
    no_ports(permission)?;
    Ok(protocol)
}

fn ports(permission: &Members<&str>) -> Result<Ports, String> {
    let list = permission.port_range_list_id;
    let destination = if list.is_empty() {
        PortSet::Range(range("PortRange", permission.port_range)?)
    } else {
        // What PortRange holds beside a list is not documented; the list is what counts.
        PortSet::List(PortListId::new(list))
    };
    let source = match permission.source_port_range {
        "" | NO_PORTS => None,
        text => Some(range("SourcePortRange", text)?),
    };
    Ok(Ports {
        destination,
        source,
    })
}

fn range(name: &str, text: &str) -> Result<PortRange, String> {
    if !text.contains('/') {
        return Err(bad(name, text));
    }
    text.parse().map_err(|_| bad(name, text))
}

/// Ports beside a protocol that has none would be lost, and the rule would become wider.
fn no_ports(permission: &Members<&str>) -> Result<(), String> {
    for (name, text) in [
        ("PortRange", permission.port_range),
        ("SourcePortRange", permission.source_port_range),
        ("PortRangeListId", permission.port_range_list_id),
    ] {
        if !matches!(text, "" | NO_PORTS) {
            return Err(format!(
                "{name} is `{text}`, but the protocol {} has no ports",
                permission.ip_protocol
            ));
        }
    }
    Ok(())
}

/// The peer, and the account that owns it.
fn peer<'a>(
    permission: &Members<&'a str>,
    direction: Direction,
) -> Result<(Peer, &'a str), String> {
    let (source, dest) = (
        [
            ("SourceCidrIp", permission.source_cidr_ip),
            ("Ipv6SourceCidrIp", permission.ipv6_source_cidr_ip),
            ("SourceGroupId", permission.source_group_id),
            ("SourcePrefixListId", permission.source_prefix_list_id),
        ],
        [
            ("DestCidrIp", permission.dest_cidr_ip),
            ("Ipv6DestCidrIp", permission.ipv6_dest_cidr_ip),
            ("DestGroupId", permission.dest_group_id),
            ("DestPrefixListId", permission.dest_prefix_list_id),
        ],
    );
    let (mine, other, owner) = match direction {
        Direction::Ingress => (source, dest, permission.source_group_owner_account),
        Direction::Egress => (dest, source, permission.dest_group_owner_account),
    };
    // On the other side only addresses have a meaning.
    if let Some((name, text)) = other[2..].iter().find(|(_, text)| !text.is_empty()) {
        return Err(format!("{name} is `{text}` in an {direction} rule"));
    }
    let given = || {
        let members = mine.iter().enumerate();
        members.filter(|(_, (_, text))| !text.is_empty())
    };
    let Some((kind, (name, text))) = given().next() else {
        return Err("it has no peer".to_owned());
    };
    if given().nth(1).is_some() {
        let names: Vec<&str> = given().map(|(_, (name, _))| *name).collect();
        return Err(format!("it has several peers: {}", names.join(", ")));
    }
    let peer = match kind {
        0 => Peer::Cidr(cidr(name, text, false)?),
        1 => Peer::Cidr(cidr(name, text, true)?),
        2 => Peer::Group(GroupId::new(text)),
        _ => Peer::PrefixList(PrefixListId::new(text)),
    };
    Ok((peer, owner))
}

fn local(permission: &Members<&str>, direction: Direction) -> Result<Option<Cidr>, String> {
    let [(name4, text4), (name6, text6)] = match direction {
        Direction::Ingress => [
            ("DestCidrIp", permission.dest_cidr_ip),
            ("Ipv6DestCidrIp", permission.ipv6_dest_cidr_ip),
        ],
        Direction::Egress => [
            ("SourceCidrIp", permission.source_cidr_ip),
            ("Ipv6SourceCidrIp", permission.ipv6_source_cidr_ip),
        ],
    };
    match (text4.is_empty(), text6.is_empty()) {
        (true, true) => Ok(None),
        (false, true) => cidr(name4, text4, false).map(Some),
        (true, false) => cidr(name6, text6, true).map(Some),
        (false, false) => Err(format!("it has both {name4} and {name6}")),
    }
}

fn cidr(name: &str, text: &str, ipv6: bool) -> Result<Cidr, String> {
    let cidr = Cidr::parse_masking(text).map_err(|_| bad(name, text))?;
    if cidr.is_ipv6() == ipv6 {
        Ok(cidr)
    } else {
        Err(bad(name, text))
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn bad(name: &str, text: &str) -> String {
    if text.is_empty() {
        format!("{name} is missing")
    } else {
        format!("{name} is `{text}`, which this program does not know")
    }
}

/// By its id, else by what it says.
fn label(permission: &Members<&str>) -> String {
    if !permission.security_group_rule_id.is_empty() {
        return format!("rule {}", permission.security_group_rule_id);
    }
    let said: Vec<String> = permission
        .texts()
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| format!("{name} {text}"))
        .collect();
    format!("the rule with {}", said.join(", "))
}
