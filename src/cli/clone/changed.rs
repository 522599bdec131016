//! The rules of a group as its clone shall have them.

use std::collections::BTreeMap;

use crate::{
    model::{
        GroupId, Lists, Network, NicType, Peer, PortListId, PortSet, PrefixListId, Priority,
        Protocol, Rule,
    },
    report::text::count,
};

/// From where to where rules are taken.
pub(super) struct Journey<'a> {
    /// Ids that stand for others.
    pub(super) map: &'a BTreeMap<String, String>,
    /// Network of the group.
    pub(super) from: &'a Network,
    /// Network of the clone.
    pub(super) to: &'a Network,
    /// The lists that rules of the group name, as far as they could be read.
    pub(super) lists: &'a Lists,
}

/// The rules as the new group shall have them.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Changed {
    pub(super) rules: Vec<Rule>,
    /// Rules that cannot be there, with the reason.
    pub(super) lost: Vec<(Rule, &'static str)>,
    /// What is different, for people.
    pub(super) notes: Vec<String>,
}

impl Journey<'_> {
    pub(super) fn take(&self, rules: Vec<Rule>) -> Changed {
        let mut changed = Changed::default();
        let classic = *self.to == Network::Classic;
        let (mut lowered, mut public, mut both, mut twice) = (0, 0, 0, 0);
        let (mut listed, mut written_out) = (0, 0);
        for mut rule in rules {
            if rule.priority.is_system_level() {
                rule.priority = Priority::WEAKEST;
                lowered += 1;
            }
            let parts = if classic {
                self.written_out(&rule)
            } else {
                None
            };
            let parts = match parts {
                None => vec![rule],
                Some(parts) if parts.is_empty() => {
                    changed.lost.push((rule, "its list is empty"));
                    continue;
                }
                Some(parts) => {
                    listed += 1;
                    written_out += parts.len();
                    parts
                }
            };
            for mut rule in parts {
                if classic && is_ipv6(&rule) {
                    changed.lost.push((rule, "the classic network has no IPv6"));
                    continue;
                }
                if !classic && rule.nic == NicType::Internet {
                    rule.nic = NicType::Intranet;
                    public += 1;
                }
                self.rename(&mut rule);
                // Groups are named on the private interface only.
                let doubled =
                    classic && *self.from != Network::Classic && matches!(rule.peer, Peer::Cidr(_));
                both += usize::from(doubled);
                let other = doubled.then(|| Rule {
                    nic: NicType::Internet,
                    ..rule.clone()
                });
                for rule in [Some(rule), other].into_iter().flatten() {
                    if changed.rules.iter().any(|other| other.is_same_rule(&rule)) {
                        twice += 1;
                    } else {
                        changed.rules.push(rule);
                    }
                }
            }
        }
        let mut note = |n: usize, what: &str| {
            if n > 0 {
                changed.notes.push(format!("{} {what}", count(n, "rule")));
            }
        };
        note(lowered, "of a priority above 100 made 100");
        note(
            public,
            "of the public interface made for every interface: a VPC has one set of rules",
        );
        note(
            listed,
            &format!(
                "with prefix or port lists written out as {}, which will not follow the lists: the classic network has none",
                count(written_out, "rule")
            ),
        );
        note(
            both,
            "written for both interfaces: in the classic network each has rules of its own",
        );
        note(twice, "left out: another one has become the same");
        note(
            changed.lost.len(),
            "lost: the new group cannot hold what is marked so below",
        );
        changed
    }

    /// The rules that a rule with lists stands for; none where it has no list or the list cannot be read.
    fn written_out(&self, rule: &Rule) -> Option<Vec<Rule>> {
        let peers = match &rule.peer {
            Peer::PrefixList(id) => {
                let entries = self.lists.prefix.get(id)?.entries.iter();
                Some(entries.map(|cidr| Peer::Cidr(*cidr)).collect())
            }
            Peer::Cidr(_) | Peer::Group(_) => None,
        };
        let ports = match rule.protocol.ports().map(|ports| &ports.destination) {
            Some(PortSet::List(id)) => Some(self.lists.port.get(id)?.entries.clone()),
            Some(PortSet::Range(_)) | None => None,
        };
        if peers.is_none() && ports.is_none() {
            return None;
        }
        let peers: Vec<Peer> = peers.unwrap_or_else(|| vec![rule.peer.clone()]);
        let protocols: Vec<Protocol> = match ports {
            None => vec![rule.protocol.clone()],
            Some(ranges) => {
                let with = |range| {
                    let mut protocol = rule.protocol.clone();
                    if let Protocol::Tcp(ports) | Protocol::Udp(ports) = &mut protocol {
                        ports.destination = PortSet::Range(range);
                    }
                    protocol
                };
                ranges.into_iter().map(with).collect()
            }
        };
        let mut rules = Vec::new();
        for protocol in &protocols {
            rules.extend(peers.iter().map(|peer| Rule {
                protocol: protocol.clone(),
                peer: peer.clone(),
                ..rule.clone()
            }));
        }
        Some(rules)
    }

    fn rename(&self, rule: &mut Rule) {
        let new = |id: &str| self.map.get(id);
        match &mut rule.peer {
            Peer::Group(id) => {
                if let Some(new) = new(id.as_str()) {
                    *id = GroupId::new(new);
                    rule.peer_owner = None;
                }
            }
            Peer::PrefixList(id) => {
                if let Some(new) = new(id.as_str()) {
                    *id = PrefixListId::new(new);
                }
            }
            Peer::Cidr(_) => {}
        }
        if let Protocol::Tcp(ports) | Protocol::Udp(ports) = &mut rule.protocol
            && let PortSet::List(id) = &mut ports.destination
            && let Some(new) = new(id.as_str())
        {
            *id = PortListId::new(new);
        }
    }
}

fn is_ipv6(rule: &Rule) -> bool {
    let peer = matches!(&rule.peer, Peer::Cidr(cidr) if cidr.is_ipv6());
    peer || rule.local.is_some_and(|local| local.is_ipv6())
        || matches!(rule.protocol, Protocol::Icmpv6)
}
