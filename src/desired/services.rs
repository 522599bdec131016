//! Services: the built-in table and the reading of `tcp/443`, `icmp` and names.

use std::{collections::BTreeMap, sync::LazyLock};

use crate::{
    desired::{fields::Out, names, value, yaml::Node},
    diag::{Code, Diagnostic},
    model::{Ports, Protocol},
};

/// Services that every project knows, by name; ports as registered with IANA or as the product's own default.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("amqp", "tcp/5672"),
    ("amqps", "tcp/5671"),
    ("bgp", "tcp/179"),
    ("cassandra", "tcp/9042"),
    ("clickhouse", "tcp/8123 tcp/9000"),
    (
        "consul",
        "tcp/8300-8302 udp/8301-8302 tcp/8500-8502 tcp/8600 udp/8600",
    ),
    ("dhcp", "udp/67-68"),
    ("dns", "tcp/53 udp/53"),
    ("dns-over-tls", "tcp/853"),
    ("docker", "tcp/2375-2376"),
    ("elasticsearch", "tcp/9200 tcp/9300"),
    ("etcd", "tcp/2379-2380"),
    ("ftp", "tcp/20-21"),
    ("geneve", "udp/6081"),
    ("git", "tcp/9418"),
    ("grafana", "tcp/3000"),
    ("http", "tcp/80"),
    ("http3", "udp/443"),
    ("https", "tcp/443"),
    ("ike", "udp/500 udp/4500"),
    ("imap", "tcp/143"),
    ("imaps", "tcp/993"),
    ("influxdb", "tcp/8086"),
    ("kafka", "tcp/9092"),
    ("kerberos", "tcp/88 udp/88"),
    ("kubelet", "tcp/10250"),
    ("kubernetes-api", "tcp/6443"),
    ("ldap", "tcp/389 udp/389"),
    ("ldaps", "tcp/636"),
    ("memcached", "tcp/11211"),
    ("mongodb", "tcp/27017"),
    ("mqtt", "tcp/1883"),
    ("mqtts", "tcp/8883"),
    ("mssql", "tcp/1433"),
    ("mysql", "tcp/3306"),
    ("nats", "tcp/4222"),
    ("nfs", "tcp/2049"),
    ("node-exporter", "tcp/9100"),
    ("node-ports", "tcp/30000-32767 udp/30000-32767"),
    ("ntp", "udp/123"),
    ("openvpn", "udp/1194"),
    ("oracle", "tcp/1521"),
    ("pop3", "tcp/110"),
    ("pop3s", "tcp/995"),
    ("postgres", "tcp/5432"),
    ("prometheus", "tcp/9090"),
    ("rabbitmq", "tcp/5672"),
    ("radius", "udp/1812-1813"),
    ("rdp", "tcp/3389"),
    ("redis", "tcp/6379"),
    ("rsync", "tcp/873"),
    ("sip", "tcp/5060 udp/5060"),
    ("smb", "tcp/445"),
    ("smtp", "tcp/25"),
    ("smtps", "tcp/465"),
    ("snmp", "udp/161-162"),
    ("ssh", "tcp/22"),
    ("submission", "tcp/587"),
    ("syslog", "udp/514"),
    ("telnet", "tcp/23"),
    ("tftp", "udp/69"),
    ("vnc", "tcp/5900-5909"),
    ("vxlan", "udp/4789"),
    ("winrm", "tcp/5985-5986"),
    ("wireguard", "udp/51820"),
    ("zookeeper", "tcp/2181 tcp/2888 tcp/3888"),
];

/// The built-in services, parsed.
pub(super) fn built_in() -> &'static BTreeMap<&'static str, Vec<Protocol>> {
    static TABLE: LazyLock<BTreeMap<&'static str, Vec<Protocol>>> = LazyLock::new(|| {
        let entry = |text: &str| -> Protocol {
            let (protocol, ports) = text.split_once('/').expect("the table has protocol/ports");
            let ports = Ports::from(
                ports
                    .parse::<crate::model::PortRange>()
                    .expect("the table has valid ports"),
            );
            if protocol == "udp" {
                Protocol::Udp(ports)
            } else {
                Protocol::Tcp(ports)
            }
        };
        BUILT_IN
            .iter()
            .map(|(name, text)| {
                let mut protocols: Vec<Protocol> = text.split(' ').map(entry).collect();
                protocols.sort();
                (*name, protocols)
            })
            .collect()
    });
    &TABLE
}

/// A protocol that stands by itself, without ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Needs ports.
    Tcp,
    /// Needs ports.
    Udp,
    /// Has none: `icmp`, `all`, 132, ..
    Plain(u8),
    /// Every protocol.
    All,
}

impl Word {
    /// Reads `tcp`, `ICMPv6`, `47`, ..
    pub(super) fn parse(text: &str) -> Option<Self> {
        const NAMES: [(&str, Word); 6] = [
            ("tcp", Word::Tcp),
            ("udp", Word::Udp),
            ("icmp", Word::Plain(1)),
            ("gre", Word::Plain(47)),
            ("icmpv6", Word::Plain(58)),
            ("all", Word::All),
        ];
        if let Some((_, word)) = NAMES
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text))
        {
            return Some(*word);
        }
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        match text.parse::<u8>().ok()? {
            6 => Some(Self::Tcp),
            17 => Some(Self::Udp),
            number => Some(Self::Plain(number)),
        }
    }

    /// The protocol, with ports where it needs them.
    pub(super) fn with(self, ports: Option<Ports>) -> Option<Protocol> {
        match (self, ports) {
            (Self::Tcp, Some(ports)) => Some(Protocol::Tcp(ports)),
            (Self::Udp, Some(ports)) => Some(Protocol::Udp(ports)),
            (Self::Plain(number), None) => Protocol::from_number(number),
            (Self::All, None) => Some(Protocol::All),
            _ => None,
        }
    }

    /// The name without ports, as [`Protocol::name`] has it.
    pub(super) fn name(self) -> String {
        match self {
            Self::Tcp => "tcp".to_owned(),
            Self::Udp => "udp".to_owned(),
            Self::All => "all".to_owned(),
            Self::Plain(number) => Protocol::from_number(number).map_or_else(
                || number.to_string(),
                |protocol| protocol.name().into_owned(),
            ),
        }
    }

    /// Whether it has ports.
    pub(super) fn has_ports(self) -> bool {
        matches!(self, Self::Tcp | Self::Udp)
    }
}

/// Reads one member of a service: a protocol with its ports, or a name.
pub(super) fn member(
    node: &Node<'_>,
    written: &str,
    out: &mut Out,
) -> Option<names::Member<Protocol>> {
    // `protocol/50`: a number alone may be meant for a port.
    let numbered = written
        .strip_prefix("protocol/")
        .filter(|number| number.bytes().all(|b| b.is_ascii_digit()));
    if let Some(protocol) = numbered
        .and_then(Word::parse)
        .and_then(|word| word.with(None))
    {
        return Some(names::Member::Value(protocol));
    }
    if let Some((protocol, ports)) = written.split_once('/') {
        let word = Word::parse(protocol).filter(|word| word.has_ports());
        let Some(word) = word else {
            let known = Word::parse(protocol).is_some();
            let (code, label) = if known {
                (Code::PortsMismatch, format!("`{protocol}` has no ports"))
            } else {
                (
                    Code::InvalidProtocol,
                    format!("`{protocol}` is no protocol with ports"),
                )
            };
            out.push(
                Diagnostic::error(code, format!("`{written}` is not a service"))
                    .label(node.span, label)
                    .help(if known {
                        format!("write `{protocol}` alone")
                    } else {
                        "write tcp/443 or udp/5000-5010, or protocol/50 for a number".to_owned()
                    }),
            );
            return None;
        };
        let destination = value::parse_port_set(node, ports, out)?;
        return word
            .with(Some(Ports {
                destination,
                source: None,
            }))
            .map(names::Member::Value);
    }
    if written.bytes().all(|b| b.is_ascii_digit()) {
        out.push(
            Diagnostic::error(Code::InvalidProtocol, format!("`{written}` is not a service"))
                .label(node.span, "a number without a protocol")
                .help(match written.parse::<u8>() {
                    Ok(_) => format!(
                        "write tcp/{written} or udp/{written} for a port, protocol/{written} for a protocol number"
                    ),
                    Err(_) => format!("write tcp/{written} or udp/{written}"),
                }),
        );
        return None;
    }
    match Word::parse(written) {
        Some(word) if word.has_ports() => {
            out.push(
                Diagnostic::error(
                    Code::PortsMismatch,
                    format!("`{written}` needs ports to be a service"),
                )
                .label(node.span, "which ports?")
                .help(format!(
                    "write {written}/443, or {written}/1-65535 for all ports"
                )),
            );
            None
        }
        Some(word) => word.with(None).map(names::Member::Value),
        None => Some(names::Member::Name(written.to_owned())),
    }
}
