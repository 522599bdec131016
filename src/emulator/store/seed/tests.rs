use super::*;

const SEED: &str = r#"{
      "version": 1,
      "security_groups": [
        {"id": "sg-a", "vpc": "vpc-1", "tags": {"env": "prod"}, "rules": [
          {"IpProtocol": "all", "PortRange": "-1/-1", "SourceCidrIp": "0.0.0.0/0", "Priority": 110, "Description": "System created rule."},
          {"IpProtocol": "TCP", "PortRangeListId": "prl-1", "SourceGroupId": "sg-b", "Policy": "drop", "Priority": "7"},
          {"Direction": "egress", "IpProtocol": "ICMPv6", "PortRange": "-1/-1", "Ipv6DestCidrIp": "2001:0DB8::1/32"},
          {"Direction": "egress", "IpProtocol": "UDP", "PortRange": "53/53", "DestPrefixListId": "pl-1", "SourcePortRange": "1/9", "SourceCidrIp": "10.0.0.1"},
          {"IpProtocol": "GRE", "PortRange": "-1/-1", "SourceGroupId": "sg-x", "SourceGroupOwnerAccount": "77"}
        ]},
        {"id": "sg-b", "vpc": "vpc-1", "type": "enterprise", "service_managed": true, "deletion_protection": true},
        {"id": "sg-c", "rules": [{"IpProtocol": "TCP", "PortRange": "1/2", "SourceCidrIp": "1.2.3.4", "NicType": "internet"}]}
      ],
      "switches": {"rules_per_group": 9},
      "faults": {"seed": 3, "faults": [{"rate": 0.5, "effect": {"throttle": {"code": "Throttling"}}}]},
      "interfaces": {"i-1": ["sg-b"]},
      "accounts": [{"owner": "77", "security_groups": [{"id": "sg-x", "vpc": "vpc-9"}]}],
      "prefix_lists": [{"id": "pl-1", "family": "IPv6", "max_entries": 2, "entries": [{"Cidr": "2001:DB8::/32", "Description": "x"}]}],
      "port_lists": [{"id": "prl-1", "max_entries": 2, "entries": [{"PortRange": "80/80"}]}]
    }"#;

#[test]
fn what_is_written_reads_back_the_same() {
    let state = read(SEED).unwrap();
    assert_eq!(state.accounts[&state.primary].groups["sg-a"].rules.len(), 5);
    assert_eq!(state.accounts.len(), 2);
    let mut text = Vec::new();
    write(&state, &mut text).unwrap();
    assert_eq!(read(&String::from_utf8(text).unwrap()).unwrap(), state);
}

#[test]
fn a_group_of_the_account_itself_needs_no_owner() {
    let text = r#"{"version": 1, "security_groups": [
          {"id": "sg-a", "vpc": "v", "rules": [{"IpProtocol": "GRE", "PortRange": "-1/-1", "SourceGroupId": "sg-b", "SourceGroupOwnerAccount": "9"}]},
          {"id": "sg-b", "vpc": "v"}], "owner": "9"}"#;
    let state = read(text).unwrap();
    let group = &state.accounts["9"].groups["sg-a"];
    let peer = &group.rules[0].peer;
    assert!(
        matches!(peer, rule::Peer::Group { id, owner: None } if **id == *"sg-b"),
        "{peer:?}"
    );
}

#[test]
fn the_example_of_the_guide_is_a_seed() {
    let guide = include_str!("../../../../docs/emulator.md");
    let example = guide
        .split("```json\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let state = read(example).unwrap();
    assert_eq!(state.accounts[&state.primary].groups.len(), 1);
}

#[test]
fn a_rule_is_small() {
    assert!(
        size_of::<rule::Rule>() <= 160,
        "{}",
        size_of::<rule::Rule>()
    );
}

#[test]
fn derived_rule_ids_are_stable() {
    let id = |text| {
        let state = read(text).unwrap();
        state.accounts[&state.primary].groups["sg-a"].rules[0]
            .id
            .clone()
    };
    assert_eq!(id(SEED), id(SEED));
    assert!(id(SEED).starts_with("sgr-bp1"), "{}", id(SEED));
}

#[test]
fn mistakes_are_named() {
    let group = |rule: &str| {
        format!(
            r#"{{"version": 1, "security_groups": [{{"id": "sg-a", "vpc": "vpc-1", "rules": [{rule}]}}]}}"#
        )
    };
    for (text, reason) in [
        ("{".to_owned(), "EOF"),
        (r#"{"version": 3}"#.to_owned(), "version 3 is not known"),
        (
            r#"{"version": 1, "groups": []}"#.to_owned(),
            "unknown field `groups`",
        ),
        (
            group(r#"{"Protocol": "TCP"}"#),
            "group sg-a: rule 1: unknown member `Protocol`",
        ),
        (
            group(r#"{"IpProtocol": "TCP", "PortRange": "9/1", "SourceCidrIp": "1.2.3.4"}"#),
            "group sg-a: rule 1: The specified parameter PortRange is not valid.",
        ),
        (
            group(r#"{"IpProtocol": "TCP", "PortRange": "1/9", "SourceGroupId": "sg-none"}"#),
            "rule 1 names sg-none, which does not exist",
        ),
    ] {
        let error = read(&text).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
}
