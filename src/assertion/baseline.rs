//! The built-in checks: what no security group should admit from the internet.
//!
//! One table. The CIS entries are the recommendations of the CIS Alibaba Cloud Foundation Benchmark 2.0 that are about security groups
//! (3.5, 4.3, 4.4; the same numbers as in 1.0). An auditor looks for the text `0.0.0.0/0` in a rule; here the packets count, over IPv6
//! too, whatever rules say that admit them, and a few networks by name are not the internet at large ([`STRANGERS`]). The other checks
//! are about services that the internet is searched for all day and that were never meant to face it.

use std::sync::Arc;

use super::{Allowance, Assertion, Claim, Peer, Severity};
use crate::{
    diag::Span,
    model::{Direction, PortRange, Ports, Protocol},
};

/// The name of the baseline in the files.
pub const NAME: &str = "cis-alibaba";

/// From more than this many addresses on, strangers are among them: a /8 of IPv4, a /16 of IPv6.
pub const STRANGERS: Allowance = Allowance {
    v4: 1 << 24,
    v6: 1 << 112,
};

/// A built-in check: it forbids services from the internet.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// What waivers and reports call it.
    pub id: &'static str,
    /// A few words for it.
    pub title: &'static str,
    /// `tcp/22 udp/53`, or a protocol number. Number 253 is for experiments (RFC 3692): a group that admits it was opened for every
    /// protocol.
    pub services: &'static str,
    /// How bad a violation is.
    pub severity: Severity,
    /// Where to read about it.
    pub reference: &'static str,
}

const CIS_FINE_GRAINED: &str = "https://www.alibabacloud.com/help/doc-detail/25475.htm";
const CIS_REMOTE: &str = "https://www.alibabacloud.com/help/doc-detail/51170.htm";
const RISKY_PORTS: &str = "https://www.alibabacloud.com/help/en/cloud-config/latest/ecs-security-group-risky-ports-check-with-protocol";

const fn check(
    id: &'static str,
    title: &'static str,
    services: &'static str,
    severity: Severity,
    reference: &'static str,
) -> Check {
    Check {
        id,
        title,
        services,
        severity,
        reference,
    }
}

/// Every built-in check.
pub const CHECKS: &[Check] = {
    use Severity::{Critical, High, Medium};
    &[
        check(
            "cis-3.5",
            "every protocol open: rules are not fine grained",
            "253",
            Critical,
            CIS_FINE_GRAINED,
        ),
        check(
            "cis-4.3",
            "ssh open to the internet",
            "tcp/22",
            High,
            CIS_REMOTE,
        ),
        check(
            "cis-4.4",
            "rdp open to the internet",
            "tcp/3389 udp/3389",
            High,
            CIS_REMOTE,
        ),
        check(
            "open-ftp",
            "ftp open to the internet",
            "tcp/20-21",
            Medium,
            RISKY_PORTS,
        ),
        check(
            "open-telnet",
            "telnet open to the internet",
            "tcp/23",
            Critical,
            RISKY_PORTS,
        ),
        check(
            "open-tftp",
            "tftp open to the internet",
            "udp/69",
            High,
            RISKY_PORTS,
        ),
        check(
            "open-rpc",
            "rpc port mapper open to the internet",
            "tcp/111 udp/111 tcp/135",
            High,
            RISKY_PORTS,
        ),
        check(
            "open-netbios",
            "netbios open to the internet",
            "tcp/137-139 udp/137-138",
            High,
            RISKY_PORTS,
        ),
        check(
            "open-smb",
            "smb open to the internet",
            "tcp/445",
            Critical,
            RISKY_PORTS,
        ),
        check(
            "open-snmp",
            "snmp open to the internet",
            "udp/161-162",
            High,
            RISKY_PORTS,
        ),
        check(
            "open-ldap",
            "ldap open to the internet",
            "tcp/389 udp/389",
            High,
            RISKY_PORTS,
        ),
        check(
            "open-r-services",
            "rexec, rlogin or rsh open to the internet",
            "tcp/512-514",
            Critical,
            RISKY_PORTS,
        ),
        check(
            "open-rsync",
            "rsync open to the internet",
            "tcp/873",
            High,
            RISKY_PORTS,
        ),
        check(
            "open-nfs",
            "nfs open to the internet",
            "tcp/2049 udp/2049",
            High,
            RISKY_PORTS,
        ),
        check(
            "open-mssql",
            "sql server open to the internet",
            "tcp/1433 udp/1434",
            Critical,
            RISKY_PORTS,
        ),
        check(
            "open-oracle",
            "oracle open to the internet",
            "tcp/1521",
            Critical,
            RISKY_PORTS,
        ),
        check(
            "open-mysql",
            "mysql open to the internet",
            "tcp/3306",
            Critical,
            RISKY_PORTS,
        ),
        check(
            "open-postgres",
            "postgres open to the internet",
            "tcp/5432",
            Critical,
            RISKY_PORTS,
        ),
        check(
            "open-redis",
            "redis open to the internet",
            "tcp/6379",
            Critical,
            RISKY_PORTS,
        ),
        check(
            "open-mongodb",
            "mongodb open to the internet",
            "tcp/27017-27019",
            Critical,
            RISKY_PORTS,
        ),
        check(
            "open-memcached",
            "memcached open to the internet",
            "tcp/11211 udp/11211",
            Critical,
            RISKY_PORTS,
        ),
        check(
            "open-elasticsearch",
            "elasticsearch open to the internet",
            "tcp/9200 tcp/9300",
            Critical,
            RISKY_PORTS,
        ),
        check(
            "open-kibana",
            "kibana open to the internet",
            "tcp/5601",
            High,
            RISKY_PORTS,
        ),
        check(
            "open-cassandra",
            "cassandra open to the internet",
            "tcp/7000-7001 tcp/9042",
            High,
            RISKY_PORTS,
        ),
        check(
            "open-kafka",
            "kafka open to the internet",
            "tcp/9092",
            High,
            RISKY_PORTS,
        ),
        check(
            "open-zookeeper",
            "zookeeper open to the internet",
            "tcp/2181",
            High,
            RISKY_PORTS,
        ),
        check(
            "open-hadoop",
            "hadoop open to the internet",
            "tcp/8020 tcp/8088 tcp/9870 tcp/50070",
            Critical,
            RISKY_PORTS,
        ),
        check(
            "open-docker",
            "docker open to the internet",
            "tcp/2375-2376",
            Critical,
            RISKY_PORTS,
        ),
        check(
            "open-kubelet",
            "kubelet open to the internet",
            "tcp/10250 tcp/10255",
            Critical,
            RISKY_PORTS,
        ),
        check(
            "open-etcd",
            "etcd open to the internet",
            "tcp/2379-2380",
            Critical,
            RISKY_PORTS,
        ),
        check(
            "open-winrm",
            "winrm open to the internet",
            "tcp/5985-5986",
            High,
            RISKY_PORTS,
        ),
        check(
            "open-vnc",
            "vnc open to the internet",
            "tcp/5900-5909",
            High,
            RISKY_PORTS,
        ),
        check(
            "open-x11",
            "x11 open to the internet",
            "tcp/6000-6009",
            High,
            RISKY_PORTS,
        ),
    ]
};

impl Check {
    /// What it forbids.
    pub fn protocols(&self) -> Vec<Protocol> {
        let entry = |text: &str| -> Protocol {
            let Some((protocol, ports)) = text.split_once('/') else {
                return text
                    .parse()
                    .ok()
                    .and_then(Protocol::from_number)
                    .expect("the table has numbers of protocols without ports");
            };
            let ports = Ports::from(
                ports
                    .parse::<PortRange>()
                    .expect("the table has valid ports"),
            );
            match protocol {
                "udp" => Protocol::Udp(ports),
                _ => Protocol::Tcp(ports),
            }
        };
        self.services.split(' ').map(entry).collect()
    }

    /// As an assertion, declared where the baseline is chosen.
    pub fn assertion(&self, span: Span) -> Assertion {
        let is_number = |service: &str| service.bytes().all(|byte| byte.is_ascii_digit());
        let services = self.services.split(' ').map(|service| match service {
            number if is_number(number) => format!("protocol {number}"),
            service => service.to_owned(),
        });
        let services = services.collect::<Vec<_>>().join(", ");
        Assertion {
            id: self.id.into(),
            title: Some(self.title.into()),
            claim: Claim::Forbid,
            services: self.protocols(),
            direction: Direction::Ingress,
            peers: vec![Peer::Internet],
            allowance: Some(STRANGERS),
            text: Arc::from(format!("{services} from the internet at large")),
            because: None,
            severity: self.severity,
            reference: Some(self.reference.into()),
            span,
        }
    }
}

/// Whether a built-in check is called so.
pub fn is_check(id: &str) -> bool {
    CHECKS.iter().any(|check| check.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_unique_and_every_service_parses() {
        let ids: BTreeSet<&str> = CHECKS.iter().map(|check| check.id).collect();
        assert_eq!(ids.len(), CHECKS.len());
        for check in CHECKS {
            assert!(!check.protocols().is_empty(), "{}", check.id);
            assert!(check.reference.starts_with("https://"), "{}", check.id);
        }
    }

    #[test]
    fn the_page_lists_every_check_with_services_and_severity() {
        let page = include_str!("../../docs/assertions.md");
        for check in CHECKS {
            let services = check.services.replace(' ', ", ");
            let row = format!(
                "| `{}` | {services} | {} | {} |",
                check.id, check.severity, check.title
            );
            assert!(page.contains(&row), "docs/assertions.md lacks {row}");
        }
    }
}
