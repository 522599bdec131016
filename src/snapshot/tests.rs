use proptest::prelude::*;

use super::*;
use crate::model::*;

fn cidr() -> impl Strategy<Value = Cidr> {
    prop_oneof![
        (any::<u32>(), 0..=32u8).prop_map(|(bits, len)| {
            Cidr::new(ipnet::Ipv4Net::new(bits.into(), len).unwrap().into())
        }),
        (any::<u128>(), 0..=128u8).prop_map(|(bits, len)| {
            Cidr::new(ipnet::Ipv6Net::new(bits.into(), len).unwrap().into())
        }),
    ]
}

fn range() -> impl Strategy<Value = PortRange> {
    (1..=65535u16, 1..=65535u16).prop_map(|(a, b)| PortRange::new(a.min(b), a.max(b)).unwrap())
}

fn protocol() -> impl Strategy<Value = Protocol> {
    let destination = prop_oneof![
        range().prop_map(PortSet::Range),
        "[a-z0-9-]{1,9}".prop_map(|id| PortSet::List(PortListId::new(id))),
    ];
    let ports = (destination, proptest::option::of(range()));
    let ports = ports
        .prop_map(|(destination, source)| Ports {
            destination,
            source,
        })
        .boxed();
    prop_oneof![
        Just(Protocol::All),
        Just(Protocol::Icmp),
        Just(Protocol::Icmpv6),
        Just(Protocol::Gre),
        any::<u8>().prop_filter_map("named or with ports", |number| {
            Protocol::from_number(number)
        }),
        ports.clone().prop_map(Protocol::Tcp),
        ports.prop_map(Protocol::Udp),
    ]
}

fn text() -> impl Strategy<Value = std::sync::Arc<str>> {
    any::<String>().prop_map(std::sync::Arc::from)
}

fn observed_rule() -> impl Strategy<Value = ObservedRule> {
    let peer = prop_oneof![
        cidr().prop_map(Peer::Cidr),
        any::<String>().prop_map(|id| Peer::Group(GroupId::new(id))),
        any::<String>().prop_map(|id| Peer::PrefixList(PrefixListId::new(id))),
    ];
    let facts = (
        proptest::option::of(text()),
        proptest::collection::btree_map(text(), any::<i64>().prop_map(Into::into), 0..3),
    );
    let facts = facts.prop_map(|(created, others)| Box::new(RuleFacts { created, others }));
    let what = (protocol(), peer, proptest::option::of(cidr()));
    let switches = (any::<bool>(), any::<bool>(), any::<bool>(), any::<u8>());
    let rest = (
        proptest::option::of(text()),
        proptest::option::of(any::<String>().prop_map(OwnerId::new)),
        proptest::option::of(any::<String>().prop_map(RuleId::new)),
        proptest::option::of(facts),
    );
    (what, switches, rest).prop_map(
        |(
            (protocol, peer, local),
            (ingress, intranet, accept, priority),
            (description, peer_owner, id, facts),
        )| ObservedRule {
            rule: Rule {
                direction: if ingress {
                    Direction::Ingress
                } else {
                    Direction::Egress
                },
                nic: if intranet {
                    NicType::Intranet
                } else {
                    NicType::Internet
                },
                priority: Priority::observed(priority),
                policy: if accept { Policy::Accept } else { Policy::Drop },
                protocol,
                peer,
                local,
                description,
                peer_owner,
            },
            id,
            facts,
        },
    )
}

fn snapshot() -> impl Strategy<Value = Snapshot> {
    let rules = proptest::collection::vec(observed_rule(), 0..6);
    let names = (any::<String>(), any::<String>(), text());
    let switches = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let tags = proptest::collection::btree_map(text(), text(), 0..3);
    let taken = -10i128.pow(18)..10i128.pow(18);
    (rules, names, switches, tags, taken).prop_map(
        |(rules, (account, id, description), (vpc, basic, managed, accept), tags, taken)| {
            Snapshot {
                taken: Timestamp::from_nanosecond(taken).unwrap(),
                address: Address {
                    account: AccountName::new(&account),
                    region: RegionId::new("cn-hangzhou"),
                    group: GroupId::new(&id),
                },
                group: ObservedGroup {
                    info: GroupInfo {
                        id: GroupId::new(&id),
                        name: GroupName::new(account),
                        description,
                        network: match vpc {
                            true => Network::Vpc(VpcId::new("vpc-1")),
                            false => Network::Classic,
                        },
                        kind: if basic {
                            GroupKind::Basic
                        } else {
                            GroupKind::Advanced
                        },
                        managed,
                        tags,
                    },
                    inner_access: if accept {
                        InnerAccess::Accept
                    } else {
                        InnerAccess::Drop
                    },
                    rules,
                },
            }
        },
    )
}

fn one() -> Snapshot {
    Snapshot {
        taken: "2026-11-21T12:00:00Z".parse().unwrap(),
        address: Address {
            account: AccountName::new("../demo"),
            region: RegionId::new("cn-hangzhou"),
            group: GroupId::new("sg-a"),
        },
        group: crate::clouds::fake::group("sg-a", &["22 10.0.0.0/8 1 jump"]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::testing::cases(256)))]

    #[test]
    fn text_loses_nothing(before in snapshot()) {
        let text = serde_json::to_string(&shape::File::from(&before)).unwrap();
        let file: shape::File = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(Snapshot::try_from(file).unwrap(), before);
    }
}

#[test]
fn a_file_is_read_back_and_belongs_to_its_owner_alone() {
    let root = tempfile::tempdir().unwrap();
    let path = write(root.path(), "run1", &one()).unwrap();
    assert_eq!(
        path.strip_prefix(root.path()).unwrap(),
        Path::new(".rulekeep/undo/run1/%2E%2E%2Fdemo.cn-hangzhou.sg-a.json")
    );
    assert_eq!(read(&path).unwrap(), one());
    assert_eq!(read_run(root.path(), "run1").unwrap(), [one()]);
    assert_eq!(read_run(root.path(), "run2").unwrap(), []);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_file_of_a_newer_format_and_a_torn_one_are_told_apart() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("undo.json");
    fs::write(&path, r#"{"format_version": 2, "new": true}"#).unwrap();
    assert!(matches!(read(&path), Err(Error::Newer { version: 2, .. })));
    fs::write(&path, r#"{"format_version": 1, "#).unwrap();
    assert!(matches!(read(&path), Err(Error::Malformed { .. })));
}

#[test]
fn ports_where_the_protocol_has_none_are_refused() {
    let mut value = serde_json::to_value(shape::File::from(&one())).unwrap();
    value["group"]["rules"][0]["protocol"] = "icmp".into();
    let file: shape::File = serde_json::from_value(value).unwrap();
    assert_eq!(
        Snapshot::try_from(file),
        Err("a rule for icmp has no ports".into())
    );
}
