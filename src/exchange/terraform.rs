//! Terraform's state: security groups and rules of the alicloud provider, from a state file (version 4) and from
//! `terraform show -json`.
//!
//! Only those two kinds of resource are looked at, and nothing of the others is kept: a state holds secrets.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{
    exchange::json,
    model::{Cidr, GroupId, Rule},
};

/// What a state says of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateGroup {
    /// Address of the group's own resource, where the state has it.
    pub address: Option<String>,
    /// Name of the group, where the state has it.
    pub name: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// VPC of the group; empty or missing: not known, or the classic network.
    pub vpc: Option<String>,
    /// Whether it is an advanced group.
    pub advanced: bool,
    /// Labels, key to value.
    pub tags: BTreeMap<String, String>,
    /// Rules with the addresses of their resources.
    pub rules: Vec<(String, Rule)>,
    /// Rules that could not be read, with the reason.
    pub unreadable: Vec<(String, String)>,
}

/// Groups by id.
pub type State = BTreeMap<GroupId, StateGroup>;

/// Why a file is no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Not JSON; what stands there is not repeated, since states hold secrets.
    #[error("it is no JSON (line {0})")]
    NotJson(usize),
    /// Another version.
    #[error("it is a state of version {0}; version 4 is read, which Terraform writes since 0.12")]
    Version(String),
    /// Another shape.
    #[error("it is neither a Terraform state nor the output of `terraform show -json`")]
    Unknown,
}

/// Adds what a file says to a state.
pub fn read(text: &str, state: &mut State) -> Result<(), StateError> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| StateError::NotJson(error.line()))?;
    if let Some(root) = value
        .get("values")
        .and_then(|values| values.get("root_module"))
    {
        module(root, state);
        return Ok(());
    }
    let Some(resources) = value.get("resources").and_then(Value::as_array) else {
        // A state without resources, as `terraform show -json` prints it.
        return if value.get("format_version").is_some() {
            Ok(())
        } else {
            Err(StateError::Unknown)
        };
    };
    match value.get("version").and_then(Value::as_u64) {
        Some(4) => {}
        Some(other) => return Err(StateError::Version(other.to_string())),
        None => return Err(StateError::Unknown),
    }
    for resource in resources {
        if text_of(resource, "mode") != Some("managed") {
            continue;
        }
        let (Some(kind), Some(name)) = (text_of(resource, "type"), text_of(resource, "name"))
        else {
            continue;
        };
        let module =
            text_of(resource, "module").map_or(String::new(), |module| format!("{module}."));
        for instance in resource
            .get("instances")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let index = match instance.get("index_key") {
                None | Some(Value::Null) => String::new(),
                Some(key) => format!("[{key}]"),
            };
            let address = format!("{module}{kind}.{name}{index}");
            // An instance that a failed replacement left behind is not what the configuration stands for.
            if text_of(instance, "deposed").is_none()
                && let Some(attributes) = instance.get("attributes")
            {
                take(kind, address, attributes, state);
            }
        }
    }
    Ok(())
}

/// A module of `terraform show -json` with the modules in it.
fn module(module: &Value, state: &mut State) {
    let list = |key: &str| {
        module
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    for resource in list("resources") {
        if let (Some("managed"), Some(kind), Some(address), Some(values)) = (
            text_of(resource, "mode"),
            text_of(resource, "type"),
            text_of(resource, "address"),
            resource.get("values"),
        ) {
            take(kind, address.to_owned(), values, state);
        }
    }
    for child in list("child_modules") {
        self::module(child, state);
    }
}

fn take(kind: &str, address: String, attributes: &Value, state: &mut State) {
    let text = |name: &str| {
        text_of(attributes, name)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    match kind {
        "alicloud_security_group" => {
            let Some(id) = text("id") else { return };
            let group = state.entry(GroupId::new(id)).or_default();
            group.address = Some(address);
            group.name = text("security_group_name").or_else(|| text("name"));
            group.description = text("description");
            group.vpc = text("vpc_id");
            group.advanced = text("security_group_type").as_deref() == Some("enterprise");
            if let Some(tags) = attributes.get("tags").and_then(Value::as_object) {
                let tags = tags.iter().map(|(key, value)| {
                    (key.clone(), value.as_str().unwrap_or_default().to_owned())
                });
                group.tags = tags.collect();
            }
        }
        "alicloud_security_group_rule" => {
            let Some(id) = text("security_group_id") else {
                return;
            };
            let group = state.entry(GroupId::new(id)).or_default();
            match rule(attributes) {
                Ok(rule) => group.rules.push((address, rule)),
                Err(reason) => group.unreadable.push((address, reason)),
            }
        }
        _ => {}
    }
}

/// A rule in the provider's attributes; the provider writes its defaults into the state.
fn rule(attributes: &Value) -> Result<Rule, String> {
    let text = |name: &str| {
        let value = attributes.get(name)?;
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        (!text.is_empty()).then_some(text)
    };
    let direction = text("type").unwrap_or_default();
    let (side, upper) = match direction.as_str() {
        "ingress" => ("Source", "ingress"),
        "egress" => ("Dest", "egress"),
        other => return Err(format!("its type is `{other}`")),
    };
    let mut members = Map::new();
    let mut put = |name: String, value: Option<String>| {
        if let Some(value) = value {
            members.insert(name, value.into());
        }
    };
    put("Direction".into(), Some(upper.to_owned()));
    put("IpProtocol".into(), text("ip_protocol"));
    put(
        "Policy".into(),
        Some(text("policy").unwrap_or_else(|| "accept".to_owned())),
    );
    put(
        "Priority".into(),
        Some(text("priority").unwrap_or_else(|| "1".to_owned())),
    );
    put("NicType".into(), text("nic_type"));
    put("Description".into(), text("description"));
    match text("port_range_list_id") {
        Some(list) => put("PortRangeListId".into(), Some(list)),
        None => put("PortRange".into(), text("port_range")),
    }
    for name in ["cidr_ip", "ipv6_cidr_ip"] {
        if let Some(cidr) = text(name) {
            let six = Cidr::parse_masking(&cidr).is_ok_and(Cidr::is_ipv6);
            let family = if six { "Ipv6" } else { "" };
            put(format!("{family}{side}CidrIp"), Some(cidr));
        }
    }
    put(format!("{side}GroupId"), text("source_security_group_id"));
    put(
        format!("{side}GroupOwnerAccount"),
        text("source_group_owner_account"),
    );
    put(format!("{side}PrefixListId"), text("prefix_list_id"));
    match json::rule(&Value::Object(members)) {
        Ok(seen) => Ok(seen.rule),
        Err(problem) => Err(problem.to_string()),
    }
}

fn text_of<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let mut state = State::new();
        read(text, &mut state).unwrap();
        let groups = state.into_iter().flat_map(|(id, group)| {
            let address = group.address.unwrap_or_default();
            let rules = group.rules.into_iter();
            let rules = rules.map(|(address, rule)| format!("{address} {rule}"));
            let bad = group.unreadable.into_iter();
            let bad = bad.map(|(address, why)| format!("{address}: {why}"));
            std::iter::once(format!("{id} {address}"))
                .chain(rules)
                .chain(bad)
                .collect::<Vec<_>>()
        });
        groups.collect()
    }

    #[test]
    fn state_files_and_shown_states_say_the_same() {
        let rule = r#"{"security_group_id": "sg-1", "type": "egress", "ip_protocol": "tcp", "port_range": "22/22", "cidr_ip": "", "ipv6_cidr_ip": "2001:db8::/32", "nic_type": "intranet", "policy": "drop", "priority": 5, "prefix_list_id": null}"#;
        let state = format!(
            r#"{{"version": 4, "resources": [
              {{"mode": "data", "type": "alicloud_security_group", "name": "no", "instances": [{{"attributes": {{"id": "sg-9"}}}}]}},
              {{"mode": "managed", "type": "alicloud_security_group", "name": "web", "instances": [{{"attributes": {{"id": "sg-1", "name": "web"}}}}]}},
              {{"module": "module.m[0]", "mode": "managed", "type": "alicloud_security_group_rule", "name": "r", "instances": [
                {{"index_key": "a", "attributes": {rule}}},
                {{"index_key": 1, "attributes": {{"security_group_id": "sg-1", "type": "ingress", "ip_protocol": "tcp"}}}}]}}
            ]}}"#
        );
        let expected = [
            "sg-1 alicloud_security_group.web",
            "module.m[0].alicloud_security_group_rule.r[\"a\"] egress drop tcp/22 to 2001:db8::/32 priority 5",
            "module.m[0].alicloud_security_group_rule.r[1]: PortRange is missing",
        ];
        assert_eq!(self::shown(&state), expected);
        let json = format!(
            r#"{{"format_version": "1.0", "values": {{"root_module": {{
              "resources": [{{"address": "alicloud_security_group.web", "mode": "managed", "type": "alicloud_security_group", "values": {{"id": "sg-1"}}}}],
              "child_modules": [{{"resources": [{{"address": "module.m[0].alicloud_security_group_rule.r[\"a\"]", "mode": "managed", "type": "alicloud_security_group_rule", "values": {rule}}}]}}]
            }}}}}}"#
        );
        assert_eq!(self::shown(&json), expected[..2]);
    }

    #[test]
    fn what_is_no_state_is_told_without_its_content() {
        let problem = |text: &str| read(text, &mut State::new()).unwrap_err().to_string();
        assert_eq!(
            problem("{\n\"password\": secret}"),
            "it is no JSON (line 2)"
        );
        assert!(
            problem(r#"{"version": 3, "resources": []}"#).starts_with("it is a state of version 3")
        );
        assert!(problem("[]").starts_with("it is neither"));
    }
}
