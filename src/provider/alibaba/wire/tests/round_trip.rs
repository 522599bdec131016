//! Any rule to the wire and back.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::*;
use crate::{
    model::{
        Cidr, Direction, GroupId, NicType, ObservedRule, OwnerId, Peer, Policy, PortListId,
        PortRange, PortSet, Ports, PrefixListId, Priority, Protocol, RegionId, Rule, RuleId,
    },
    provider::{RuleAction, RuleCall},
};

fn cidrs() -> impl Strategy<Value = Cidr> {
    let v4 = (any::<std::net::Ipv4Addr>(), 0..=32_u8).prop_map(|(a, n)| format!("{a}/{n}"));
    let v6 = (any::<std::net::Ipv6Addr>(), 0..=128_u8).prop_map(|(a, n)| format!("{a}/{n}"));
    prop_oneof![v4, v6].prop_map(|text| Cidr::parse_masking(&text).unwrap())
}

fn port_ranges() -> impl Strategy<Value = PortRange> {
    (1..=65535_u16, 1..=65535_u16).prop_map(|(a, b)| PortRange::new(a.min(b), a.max(b)).unwrap())
}

fn ports() -> impl Strategy<Value = Ports> {
    let destinations = prop_oneof![
        port_ranges().prop_map(PortSet::Range),
        "prl-[a-z0-9]{1,20}".prop_map(|id| PortSet::List(PortListId::new(id))),
    ];
    let sources = proptest::option::of(port_ranges());
    (destinations, sources).prop_map(|(destination, source)| Ports {
        destination,
        source,
    })
}

fn protocols() -> impl Strategy<Value = Protocol> {
    prop_oneof![
        Just(Protocol::All),
        ports().prop_map(Protocol::Tcp),
        ports().prop_map(Protocol::Udp),
        any::<u8>().prop_filter_map("has ports", Protocol::from_number),
    ]
}

fn peers() -> impl Strategy<Value = (Peer, Option<OwnerId>)> {
    prop_oneof![
        cidrs().prop_map(|cidr| (Peer::Cidr(cidr), None)),
        ("sg-[a-z0-9]{1,20}", proptest::option::of("[0-9]{16}"))
            .prop_map(|(id, owner)| (Peer::Group(GroupId::new(id)), owner.map(OwnerId::new))),
        "pl-[a-z0-9]{1,20}".prop_map(|id| (Peer::PrefixList(PrefixListId::new(id)), None)),
    ]
}

fn rules() -> impl Strategy<Value = Rule> {
    (
        prop_oneof![Just(Direction::Ingress), Just(Direction::Egress)],
        prop_oneof![Just(NicType::Intranet), Just(NicType::Internet)],
        1..=100_i64,
        prop_oneof![Just(Policy::Accept), Just(Policy::Drop)],
        protocols(),
        peers(),
        proptest::option::of(cidrs()),
        proptest::option::of(".{1,40}"),
    )
        .prop_map(
            |(
                direction,
                nic,
                priority,
                policy,
                protocol,
                (peer, peer_owner),
                local,
                description,
            )| Rule {
                direction,
                nic,
                priority: Priority::new(priority).unwrap(),
                policy,
                protocol,
                peer,
                local,
                description: description.map(Into::into),
                peer_owner,
            },
        )
}

/// What the cloud would return for the rule of an authorize call.
fn returned(request: &request::Request) -> Value {
    let mut permission = json!({
        "Direction": if request.action.ends_with("Egress") { "egress" } else { "ingress" },
    });
    for (name, value) in &request.params {
        if let Some(member) = name.strip_prefix("Permissions.1.") {
            permission[member.replace("OwnerId", "OwnerAccount")] = json!(value);
        }
    }
    permission
}

fn authorize(rule: &Rule) -> Result<request::Request, request::RequestError> {
    let call = RuleCall {
        group: GroupId::new("sg-1"),
        direction: rule.direction,
        action: RuleAction::Authorize(vec![rule.clone()]),
    };
    request::change(&RegionId::new("cn-hangzhou"), &call, "token")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::testing::cases(256)))]

    #[test]
    fn a_rule_comes_back_from_the_wire_as_it_was(rule in rules(), id in proptest::option::of("sgr-[a-z0-9]{1,20}")) {
        let seen = ObservedRule { rule, id: id.map(RuleId::new), facts: None };
        let back = from_json(&to_json(&seen)).unwrap();
        prop_assert_eq!(back, seen);
    }

    #[test]
    fn a_rule_that_is_sent_is_the_rule_that_is_read(rule in rules()) {
        let back = from_json(&returned(&authorize(&rule).unwrap())).unwrap();
        prop_assert_eq!(back.rule, rule);
    }

    #[test]
    fn a_priority_above_100_cannot_be_sent(rule in rules(), priority in prop_oneof![Just(0_u8), 101..=255_u8]) {
        let rule = Rule { priority: Priority::observed(priority), ..rule };
        let refused = matches!(authorize(&rule), Err(request::RequestError::Priority { .. }));
        prop_assert!(refused);
    }
}
