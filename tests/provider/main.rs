//! The provider for Alibaba Cloud against a server that answers as each test says.

mod credentials;
mod failures;
mod find;
mod requests;
mod rules;
mod server;
mod signing;
mod stopping;

use std::{collections::BTreeMap, time::Duration};

use rulekeep::{
    desired::{Selector, SignatureVersion},
    model::{
        Cidr, Direction, GroupId, GroupInfo, GroupKind, GroupName, InnerAccess, ListIds, Network,
        NicType, ObservedRule, OwnerId, Peer, Policy, PortListId, PortRange, PrefixListId,
        Priority, Protocol, RegionId, Rule, RuleId, VpcId,
    },
    provider::{
        GroupFilter, Provider, ProviderError, RuleAction, RuleCall,
        alibaba::{
            Alibaba, RetryPolicy, Settings, Timeouts,
            credentials::{CredentialSource, Credentials, Environment},
        },
    },
};
use serde_json::{Value, json};
use server::{Answer, Asked, ID, SECRET, Server};

const TOKEN: &str = "sess/ion+token==";

fn key() -> Credentials {
    Credentials {
        access_key_id: ID.to_owned(),
        secret: SECRET.to_owned(),
        security_token: None,
    }
}

fn session() -> Credentials {
    Credentials {
        security_token: Some(TOKEN.to_owned()),
        ..key()
    }
}

fn settings(server: &Server, credentials: CredentialSource) -> Settings {
    let mut settings = Settings::new(credentials);
    settings.endpoint = Some(server.endpoint());
    settings.retry = RetryPolicy {
        attempts: 4,
        connects: 2,
        silences: 2,
        base: Duration::from_millis(1),
        cap: Duration::from_millis(2),
        patience: Duration::ZERO,
    };
    settings
}

fn provider(server: &Server) -> Alibaba {
    Alibaba::new(settings(server, CredentialSource::fixed(key()))).unwrap()
}

fn region() -> RegionId {
    RegionId::new("cn-hangzhou")
}

fn group(network: Network) -> GroupInfo {
    GroupInfo {
        id: GroupId::new("sg-1"),
        name: GroupName::new("web"),
        description: "".into(),
        network,
        kind: GroupKind::Basic,
        managed: false,
        tags: BTreeMap::new(),
    }
}

fn vpc() -> Network {
    Network::Vpc(VpcId::new("vpc-1"))
}

fn rule(direction: Direction, cidr: &str, port: u16) -> Rule {
    Rule {
        direction,
        nic: NicType::Intranet,
        priority: Priority::DEFAULT,
        policy: Policy::Accept,
        protocol: Protocol::Tcp(PortRange::new(port, port).unwrap().into()),
        peer: Peer::Cidr(cidr.parse::<Cidr>().unwrap()),
        local: None,
        description: None,
        peer_owner: None,
    }
}

fn seen(id: &str, rule: Rule) -> ObservedRule {
    ObservedRule {
        rule,
        id: Some(RuleId::new(id)),
        facts: None,
    }
}

fn call(group: &str, direction: Direction, action: RuleAction) -> RuleCall {
    RuleCall {
        group: GroupId::new(group),
        direction,
        action,
    }
}

fn authorize() -> RuleCall {
    let rules = vec![rule(Direction::Ingress, "10.0.0.0/8", 22)];
    call("sg-1", Direction::Ingress, RuleAction::Authorize(rules))
}

fn permission(id: &str, direction: &str, port: u16) -> Value {
    let peer = match direction {
        "ingress" => "SourceCidrIp",
        _ => "DestCidrIp",
    };
    json!({
        "SecurityGroupRuleId": id, "Direction": direction, "IpProtocol": "TCP",
        "PortRange": format!("{port}/{port}"), "Policy": "Accept", "Priority": 1,
        "NicType": "intranet", peer: "10.0.0.0/8", "CreateTime": "2026-01-02T03:04:05Z",
    })
}

fn attribute(permissions: &[Value], next: &str) -> Answer {
    Answer::json(json!({
        "RequestId": "R", "SecurityGroupId": "sg-1", "VpcId": "vpc-1", "InnerAccessPolicy": "Drop",
        "Permissions": {"Permission": permissions}, "NextToken": next,
    }))
}

fn security_group(id: &str, name: &str) -> Value {
    json!({
        "SecurityGroupId": id, "SecurityGroupName": name, "VpcId": "vpc-1", "SecurityGroupType": "normal",
        "ServiceManaged": false, "Tags": {"Tag": [{"TagKey": "env", "TagValue": "prod"}]},
    })
}

fn groups(groups: &[Value], next: &str) -> Answer {
    Answer::json(json!({
        "RequestId": "R", "SecurityGroups": {"SecurityGroup": groups}, "NextToken": next,
    }))
}

fn named(name: &str) -> Selector {
    Selector::Name {
        name: GroupName::new(name),
        vpc: None,
    }
}

fn ids(found: &[Vec<GroupInfo>]) -> Vec<Vec<&str>> {
    found
        .iter()
        .map(|groups| groups.iter().map(|group| group.id.as_str()).collect())
        .collect()
}
