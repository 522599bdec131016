use proptest::prelude::*;

use crate::{
    desired::{SourceFile, load_files, load_project},
    model::{NicType, OwnerId, Peer, PortListId, PortRange, Ports, PrefixListId, Protocol},
};

use super::*;

const PROJECT: &str = "rules: rules/\naccounts: { demo: { local: x.json } }\ndefaults: { account: demo, region: cn-hangzhou }\n\
    networks: { world: [0.0.0.0/0, \"::/0\"], near: [10.0.0.0/8], both: [10.0.0.0/8, sg-a, world] }\n\
    services: { web: [tcp/80, tcp/443], base: [tcp/22, udp/53] }\n";

fn any_peer() -> impl Strategy<Value = (Peer, Option<OwnerId>)> {
    let cidr = |text: &str| (Peer::Cidr(text.parse().unwrap()), None);
    prop_oneof![
        Just(cidr("0.0.0.0/0")),
        Just(cidr("::/0")),
        Just(cidr("10.0.0.0/8")),
        Just(cidr("192.0.2.7")),
        Just((Peer::Group(GroupId::new("sg-a")), None)),
        Just((
            Peer::Group(GroupId::new("sg-far")),
            Some(OwnerId::new("42"))
        )),
        Just((Peer::PrefixList(PrefixListId::new("pl-1")), None)),
    ]
}

fn any_protocol() -> impl Strategy<Value = Protocol> {
    let ported = (
        any::<bool>(),
        prop_oneof![
            prop_oneof![Just(22), Just(53), Just(80), Just(443), Just(3306), Just(9)]
                .prop_map(|port| PortSet::Range(PortRange::new(port, port).unwrap())),
            Just(PortSet::Range(PortRange::new(8000, 8010).unwrap())),
            Just(PortSet::List(PortListId::new("prl-1"))),
        ],
        prop_oneof![3 => Just(None), 1 => Just(Some(PortRange::ALL))],
    );
    let ported = ported.prop_map(|(tcp, destination, source)| {
        let ports = Ports {
            destination,
            source,
        };
        if tcp {
            Protocol::Tcp(ports)
        } else {
            Protocol::Udp(ports)
        }
    });
    let portless = prop_oneof![
        Just(Protocol::All),
        Just(Protocol::Gre),
        Just(Protocol::Number(132)),
    ];
    prop_oneof![4 => ported, 1 => portless]
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let description = prop_oneof![
        Just(None),
        "[ -~]{1,8}".prop_map(Some),
        Just(Some("# x: ".to_owned()))
    ];
    let parts = (
        any::<bool>(),
        any_protocol(),
        any_peer(),
        1..3i64,
        any::<bool>(),
        description,
    );
    parts.prop_map(
        |(ingress, protocol, (peer, peer_owner), priority, local, description)| {
            let four = match &peer {
                Peer::Cidr(cidr) => !cidr.is_ipv6(),
                Peer::Group(_) | Peer::PrefixList(_) => true,
            };
            Rule {
                direction: if ingress {
                    Direction::Ingress
                } else {
                    Direction::Egress
                },
                nic: NicType::Intranet,
                priority: Priority::new(priority).unwrap(),
                policy: Policy::Accept,
                protocol,
                peer,
                local: (local && four).then(|| "10.1.0.0/16".parse().unwrap()),
                description: description.map(Arc::from),
                peer_owner,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::testing::cases(256)))]

    #[test]
    fn a_written_document_declares_exactly_the_rules_that_were_given(
        rules in proptest::collection::vec(any_rule(), 0..24)
    ) {
        let mut given: Vec<Rule> = Vec::new();
        for rule in rules {
            if !given.iter().any(|other| other.is_same_rule(&rule)) {
                given.push(rule);
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rulekeep.yaml");
        std::fs::write(&file, PROJECT).unwrap();
        let (project, _) = load_project(&file).unwrap();
        let vocabulary = Vocabulary::of(&project.sources);
        let words = Words { vocabulary: &vocabulary, groups: &BTreeMap::new(), classic: false };
        let complete = Modes { ingress: Mode::Complete, egress: Mode::Complete };
        let text = document(
            &Document {
                head: Vec::new(),
                selector: Selector::Id(GroupId::new("sg-x")),
                alias: None,
                description: None,
                account: None,
                region: None,
                mode: complete,
                keep_system_rules: false,
                rules: given.iter().cloned().map(Written::from).collect(),
            },
            words,
        );
        let loaded = load_files(
            folder.path(),
            SourceFile::new("rulekeep.yaml", PROJECT),
            vec![SourceFile::new("rules/x.yaml", text.as_str())],
        );
        let (loaded, _) = match loaded {
            Ok(loaded) => loaded,
            Err(error) => panic!("{text}\n{:?}", error.diagnostics),
        };
        let mut read: Vec<Rule> = loaded.groups[0]
            .rules()
            .map(|rule| rule.bind(NicType::Intranet, |_| None).unwrap())
            .collect();
        read.sort();
        given.sort();
        prop_assert_eq!(read, given, "{}", text);
        prop_assert_eq!(crate::desired::fmt::fmt(&text).unwrap(), text);
    }
}
