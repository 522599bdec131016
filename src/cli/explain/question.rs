//! What is asked, from the words of the command line: services and peers as boxes of packets.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use crate::{
    cli::Failure,
    desired::{DesiredPeer, Vocabulary},
    model::{
        AddressFamily, Cidr, Direction, GroupId, GroupName, ListIds, Lists, NicType, Peer, Policy,
        PortListId, PortRange, PortSet, Ports, PrefixListId, Priority, Protocol, Rule,
    },
    reconcile,
    report::explain::{Asked, Far as AskedFar, Group},
    traffic::{
        clause::{Clause, Family, Far, Interval, Resolve, Symbol, cidr_interval, merge},
        internet::internet,
    },
};

use super::groups::{Names, bare};

/// The words of the command line.
pub(super) struct Words<'a> {
    /// Which way.
    pub(super) direction: Direction,
    /// The names of the project.
    pub(super) vocabulary: &'a Vocabulary,
    /// The service as written.
    pub(super) service: &'a str,
    /// What it stands for.
    pub(super) protocols: Vec<Protocol>,
    /// The peer as written.
    pub(super) peer: Option<&'a str>,
    /// The member's own address.
    pub(super) local: Option<IpAddr>,
    /// The source port.
    pub(super) source_port: Option<u16>,
}

impl Words<'_> {
    /// Adds the lists that they name.
    pub(super) fn add_lists(&self, wanted: &mut ListIds) {
        for protocol in &self.protocols {
            if let Some(PortSet::List(list)) = protocol.ports().map(|ports| &ports.destination) {
                wanted.port.insert(list.clone());
            }
        }
        let Some(peer) = self.peer else {
            return;
        };
        if peer.starts_with("pl-") {
            wanted.prefix.insert(PrefixListId::new(peer));
        }
        for member in self.vocabulary.network(peer).into_iter().flatten() {
            if let DesiredPeer::PrefixList(list) = member {
                wanted.prefix.insert(list.clone());
            }
        }
    }
}

/// A far end: its words, what it belongs to, and its addresses, everyone's if they are not known.
struct End {
    text: String,
    member_of: Vec<Symbol>,
    fars: Vec<Far>,
}

/// Every question that the words ask: one for each interface, for the addresses and for each group or unread list among the peers, and for
/// each unread list of ports.
pub(super) fn asked(
    words: &Words<'_>,
    names: &Names,
    groups: &[Group],
    nics: &[(NicType, bool)],
) -> Result<Vec<Asked>, Failure> {
    let mut protocols = words.protocols.iter();
    if words.source_port.is_some() && protocols.any(|one| one.ports().is_none()) {
        let failure = Failure::usage("only tcp and udp have source ports");
        return Err(failure.help("with --source-port ask about tcp or udp: `tcp/1-65535`"));
    }
    let lists = groups.first().map(|group| &group.lists);
    let ends: Vec<Option<End>> = match words.peer {
        None => vec![None],
        Some(peer) => {
            let ends = ends(peer, words, names, lists)?;
            ends.into_iter().map(Some).collect()
        }
    };
    let kinds = kinds(words, lists);
    let several = kinds.len() > 1;
    let mut all = Vec::new();
    for (nic, says_nic) in nics {
        for end in &ends {
            for (list, clauses) in &kinds {
                let fars = end
                    .as_ref()
                    .map_or(vec![Far::Anyone], |end| end.fars.clone());
                let boxes: Vec<Clause> = fars
                    .iter()
                    .flat_map(|far| {
                        clauses.iter().map(|clause| Clause {
                            far: far.clone(),
                            ..clause.clone()
                        })
                    })
                    .filter(|asked| Family::BOTH.iter().any(|family| asked.is_of(*family)))
                    .collect();
                if boxes.is_empty() {
                    continue;
                }
                let list_of_ports = list.iter().cloned().map(Symbol::PortList);
                let service = match list {
                    Some(list) if several => format!("{} (ports of {list})", words.service),
                    _ => service_text(words.service),
                };
                all.push(Asked {
                    direction: words.direction,
                    nic: *nic,
                    says_nic: *says_nic,
                    service,
                    boxes,
                    peer: end.as_ref().map(|end| AskedFar {
                        text: end.text.clone(),
                        member_of: end.member_of.iter().cloned().chain(list_of_ports).collect(),
                    }),
                });
            }
        }
    }
    if all.is_empty() {
        return Err(no_packets(words));
    }
    Ok(all)
}

/// There may be no packet between addresses of two families, nor ICMP of one family between addresses of the other.
fn no_packets(words: &Words<'_>) -> Failure {
    Failure::usage(format!(
        "there are no packets of {} between these addresses",
        words.service
    ))
    .help("icmp is for IPv4 and icmpv6 for IPv6; --local is of the peer's family; an empty list holds no address")
}

/// `22` as what it means: a protocol number.
fn service_text(service: &str) -> String {
    if service.bytes().all(|b| b.is_ascii_digit()) {
        format!("protocol {service}")
    } else {
        service.to_owned()
    }
}

/// `tcp/22`, `udp/1-1023,5000`, `icmp`, `47`, `all`, or what a service of the project or a built-in one stands for.
pub(super) fn services(text: &str, vocabulary: &Vocabulary) -> Result<Vec<Protocol>, Failure> {
    if let Some(members) = vocabulary.service(text) {
        return Ok(members.iter().cloned().collect());
    }
    let wrong = |why: &str| {
        Failure::usage(format!("`{text}` is no service: {why}"))
            .help("write tcp/22, udp/8000-8010, icmp, icmpv6, gre, all, a protocol number or the name of a service")
    };
    let (name, ports) = match text.split_once('/') {
        Some((name, ports)) => (name, Some(ports)),
        None => (text, None),
    };
    let word = name.to_ascii_lowercase();
    let number = match (&*word, word.parse::<u8>()) {
        ("tcp", _) => Some(6),
        ("udp", _) => Some(17),
        ("icmp", _) => Some(1),
        ("icmpv6", _) => Some(58),
        ("gre", _) => Some(47),
        ("all", _) => None,
        (_, Ok(number)) => Some(number),
        (_, Err(_)) => return Err(wrong("no protocol and no service is called so")),
    };
    let Some(number) = number else {
        return match ports {
            None => Ok(vec![Protocol::All]),
            Some(_) => Err(wrong("`all` has no ports")),
        };
    };
    match (number, ports) {
        (6 | 17, None) => Err(wrong("the ports are missing, 1-65535 is all of them")),
        (6 | 17, Some(ports)) => ports
            .split(',')
            .map(|ports| {
                let destination = if ports.starts_with("prl-") {
                    PortSet::List(PortListId::new(ports))
                } else {
                    let range = ports.trim().parse::<PortRange>();
                    PortSet::Range(range.map_err(|error| wrong(&error.to_string()))?)
                };
                let ports = Ports {
                    destination,
                    source: None,
                };
                Ok(match number {
                    6 => Protocol::Tcp(ports),
                    _ => Protocol::Udp(ports),
                })
            })
            .collect(),
        (_, Some(_)) => Err(wrong("the protocol has no ports")),
        (number, None) => Ok(Protocol::from_number(number).into_iter().collect()),
    }
}

/// The services as boxes from and to everywhere: all whose ports are known, then those of each list that is not.
fn kinds(words: &Words<'_>, lists: Option<&Lists>) -> Vec<(Option<PortListId>, Vec<Clause>)> {
    let mut kinds: BTreeMap<Option<PortListId>, Vec<Clause>> = BTreeMap::new();
    for protocol in &words.protocols {
        let rule = Rule {
            direction: words.direction,
            nic: NicType::Intranet,
            priority: Priority::DEFAULT,
            policy: Policy::Drop,
            protocol: protocol.clone(),
            peer: Peer::PrefixList(PrefixListId::new("")),
            local: None,
            description: None,
            peer_owner: None,
        };
        let clause = Clause::of(&rule, &Resolve(lists));
        let port = words.source_port.filter(|_| protocol.ports().is_some());
        let one = |port: u16| -> Interval { (port.into(), port.into()) };
        let list = clause.ports_in.clone();
        kinds.entry(list).or_default().push(Clause {
            priority: u16::MAX,
            far: Far::Anyone,
            source: port.map(|port| vec![one(port)]),
            local: words.local.map(own_address),
            ..clause
        });
    }
    kinds.into_iter().collect()
}

fn own_address(address: IpAddr) -> (Family, Interval) {
    match address {
        IpAddr::V4(v4) => (Family::V4, (u32::from(v4).into(), u32::from(v4).into())),
        IpAddr::V6(v6) => (Family::V6, (v6.into(), v6.into())),
    }
}

/// The far ends that a word means: its addresses together, and each group and each unread list by itself.
fn ends(
    text: &str,
    words: &Words<'_>,
    names: &Names,
    lists: Option<&Lists>,
) -> Result<Vec<End>, Failure> {
    let network = words.vocabulary.network(text);
    let members: BTreeSet<DesiredPeer> = match network {
        Some(members) => members.clone(),
        None if text == "internet" => {
            let addresses = Family::BOTH.map(|family| (family, internet(family).to_vec()));
            return Ok(vec![End {
                text: text.to_owned(),
                member_of: Vec::new(),
                fars: fars(addresses.into()),
            }]);
        }
        None => [peer(text, words.direction, names)?].into(),
    };
    let mut addresses: BTreeMap<Family, Vec<Interval>> = BTreeMap::new();
    let mut ends = Vec::new();
    for member in &members {
        let mut add = |cidr: &Cidr| {
            let own = addresses.entry(family_of(*cidr)).or_default();
            own.push(cidr_interval(*cidr));
        };
        let symbol = match member {
            DesiredPeer::Cidr(cidr) => {
                add(cidr);
                continue;
            }
            DesiredPeer::Group { id, owner: _ } => Symbol::Group(id.clone()),
            DesiredPeer::Declared(name) => {
                Symbol::Group(names.id(name).ok_or_else(|| not_there(name, names))?)
            }
            DesiredPeer::PrefixList(id) => match lists.and_then(|lists| lists.prefix.get(id)) {
                Some(list) => {
                    list.entries.iter().for_each(&mut add);
                    // An empty one has no packets, and is said so.
                    addresses.entry(family(list.family)).or_default();
                    continue;
                }
                None => Symbol::PrefixList(id.clone()),
            },
        };
        ends.push(End {
            text: format!("{member}, which is in {text}"),
            member_of: vec![symbol],
            fars: vec![Far::Anyone],
        });
    }
    if addresses.values().any(|own| !own.is_empty()) {
        let end = End {
            text: format!("the addresses of {text}"),
            member_of: Vec::new(),
            fars: fars(addresses),
        };
        ends.insert(0, end);
    }
    if let [only] = &mut ends[..] {
        text.clone_into(&mut only.text);
    }
    Ok(ends)
}

fn fars(addresses: BTreeMap<Family, Vec<Interval>>) -> Vec<Far> {
    let addresses = addresses.into_iter();
    addresses
        .filter(|(_, own)| !own.is_empty())
        .map(|(family, own)| Far::Addresses(family, merge(own)))
        .collect()
}

fn family_of(cidr: Cidr) -> Family {
    if cidr.is_ipv6() {
        Family::V6
    } else {
        Family::V4
    }
}

fn family(family: AddressFamily) -> Family {
    match family {
        AddressFamily::Ipv4 => Family::V4,
        AddressFamily::Ipv6 => Family::V6,
    }
}

/// One peer as files write it; a group also without `group:`.
fn peer(text: &str, direction: Direction, names: &Names) -> Result<DesiredPeer, Failure> {
    let group = |id: &str| DesiredPeer::Group {
        id: GroupId::new(id),
        owner: None,
    };
    if GroupId::looks_like(text) {
        return Ok(group(text));
    }
    if let Some((_, id)) = text.split_once('/')
        && GroupId::looks_like(id)
    {
        return Ok(group(id));
    }
    if text.starts_with("pl-") {
        return Ok(DesiredPeer::PrefixList(PrefixListId::new(text)));
    }
    let name = bare(text);
    if names.id(&name).is_some() {
        return Ok(DesiredPeer::Declared(name));
    }
    if names.is_missing(&name) || text.starts_with("group:") {
        return Err(not_there(&name, names));
    }
    match text.parse::<Cidr>() {
        Ok(cidr) => Ok(DesiredPeer::Cidr(cidr)),
        Err(crate::model::CidrError::HostBits { network, .. }) => Err(Failure::usage(format!(
            "`{text}` has host bits set"
        ))
        .help(format!("write {network}, or one address of it"))),
        Err(crate::model::CidrError::Malformed(_)) => Err(Failure::usage(format!(
            "`{text}` is no address, no network, no group and no prefix list"
        ))
        .help(format!(
            "write `{} 203.0.113.9`, a CIDR, a network of the project, a declared group as group:NAME, a group's id, or a prefix list's id",
            direction.preposition()
        ))),
    }
}

fn not_there(name: &GroupName, names: &Names) -> Failure {
    if names.is_missing(name) {
        let message = format!("there is no group {name} in the cloud, or there are several");
        return Failure::new(message).help("a group's id means one group");
    }
    let suggested = reconcile::suggested(&names.near(name));
    Failure::usage(format!("no declared group is called `{name}`{suggested}"))
        .help("`group:` is for groups that the files declare; others are named by their ids")
}
