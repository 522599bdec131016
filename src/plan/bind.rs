//! Declared rules made concrete for one group: peer groups get their ids, rules a network interface, and what a group of
//! that kind cannot hold is said.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{
    desired::{DesiredGroup, DesiredPeer, DesiredRule},
    diag::{Code, Diagnostic, Span},
    model::{
        AccountName, AddressFamily, GroupId, GroupInfo, GroupKind, GroupName, Lists, Network,
        NicType, Peer, PortSet, Protocol, RegionId, Rule,
    },
};

/// Most rules of a basic group whose peer is a group (`AuthorizedGroupRule.LimitExceed`).
pub const MAX_GROUP_PEERS: u32 = 20;

/// A declared rule in the form that is compared and sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The rule.
    pub rule: Rule,
    /// Where it is declared.
    pub span: Span,
}

/// Declared groups by the name that `group:NAME` uses, within account and region.
pub struct Names<'a> {
    by_name: BTreeMap<(&'a AccountName, &'a RegionId, &'a GroupName), Vec<&'a GroupInfo>>,
    by_id: BTreeMap<&'a GroupId, &'a GroupInfo>,
}

impl<'a> Names<'a> {
    /// Of all groups that are declared and found.
    pub fn new(directory: &'a [(&'a DesiredGroup, GroupInfo)]) -> Self {
        let mut by_name: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let mut by_id = BTreeMap::new();
        for (group, info) in directory {
            by_id.insert(&info.id, info);
            if let Some(name) = group.declared_name() {
                by_name
                    .entry((&group.account, &group.region, name))
                    .or_default()
                    .push(info);
            }
        }
        Self { by_name, by_id }
    }

    /// What a name means in a group: the one declared group of that name.
    pub fn resolve(&self, from: &DesiredGroup, name: &GroupName) -> Option<&'a GroupInfo> {
        match self
            .by_name
            .get(&(&from.account, &from.region, name))?
            .as_slice()
        {
            [one] => Some(one),
            _ => None,
        }
    }
}

/// Binds and checks the rules of one group.
pub struct Binder<'a> {
    pub desired: &'a DesiredGroup,
    pub info: &'a GroupInfo,
    pub names: &'a Names<'a>,
    pub at: Timestamp,
    /// The lists of the group's region, where they were read.
    pub lists: Option<&'a Lists>,
    pub diagnostics: &'a mut Vec<Diagnostic>,
}

impl Binder<'_> {
    /// The rules of one direction that are desired at the moment of the plan, in canonical order, and the places of those
    /// that are past their date. What is wrong is in the diagnostics, and left out.
    pub fn direction(&mut self, rules: &[DesiredRule]) -> (Vec<Bound>, Vec<Span>) {
        let mut bound: Vec<Bound> = Vec::with_capacity(rules.len());
        let mut expired = Vec::new();
        for rule in rules {
            if !rule.is_live(self.at) {
                expired.push(rule.span);
            } else if let Some(rule) = self.rule(rule) {
                bound.push(rule);
            }
        }
        if !bound.is_sorted_by(|a, b| a.rule <= b.rule) {
            bound.sort_by(|a, b| a.rule.cmp(&b.rule));
        }
        self.refuse_duplicates(&mut bound);
        expired.sort_unstable();
        expired.dedup();
        (bound, expired)
    }

    /// Rules that are past their date, in the form in which a live one is recognised. What is wrong with them is nobody's business
    /// any more.
    pub fn expired(&mut self, rules: &[DesiredRule]) -> Vec<Bound> {
        let at = self.at;
        let said = self.diagnostics.len();
        let bound = rules
            .iter()
            .filter(|rule| !rule.is_live(at))
            .filter_map(|rule| self.rule(rule))
            .collect();
        self.diagnostics.truncate(said);
        bound
    }

    /// One rule, or `None` when it cannot be; it has been said why.
    pub fn rule(&mut self, declared: &DesiredRule) -> Option<Bound> {
        let nic = self.nic(declared)?;
        let resolved = match &declared.peer {
            DesiredPeer::Declared(name) => Some(self.peer_group(declared, name)?),
            DesiredPeer::Cidr(_) | DesiredPeer::Group { .. } | DesiredPeer::PrefixList(_) => None,
        };
        let rule = declared.bind(nic, |_| resolved.map(|info| info.id.clone()))?;
        self.check(declared, &rule).then_some(Bound {
            rule,
            span: declared.span,
        })
    }

    fn say(&mut self, code: Code, span: Span, message: String, label: &str, help: &str) {
        self.diagnostics.push(
            Diagnostic::error(code, message)
                .label(span, label)
                .help(help),
        );
    }

    fn nic(&mut self, declared: &DesiredRule) -> Option<NicType> {
        match (&self.info.network, declared.nic) {
            (Network::Vpc(_), None | Some(NicType::Intranet)) => Some(NicType::Intranet),
            (Network::Vpc(vpc), Some(NicType::Internet)) => {
                let message = format!(
                    "a rule of {} is for the public interface, but the group is in {vpc}",
                    self.info.id
                );
                self.say(
                    Code::Unsupported,
                    declared.span,
                    message,
                    "`nic: internet` exists in the classic network only",
                    "remove `nic`; in a VPC a rule covers private and public traffic alike",
                );
                None
            }
            (Network::Classic, Some(nic)) => Some(nic),
            (Network::Classic, None) => {
                let message = format!(
                    "a rule of {} does not say which network interface it is for",
                    self.info.id
                );
                self.say(
                    Code::MissingNic,
                    declared.span,
                    message,
                    "the group is in the classic network",
                    "add `nic: internet` (public interface) or `nic: intranet` (private interface)",
                );
                None
            }
        }
    }

    fn peer_group(&mut self, declared: &DesiredRule, name: &GroupName) -> Option<&GroupInfo> {
        let found = self.names.resolve(self.desired, name);
        if found.is_none() {
            let message = format!(
                "`group:{name}` is not one group in {}/{}",
                self.desired.account, self.desired.region
            );
            self.say(
                Code::UnknownPeerGroup,
                declared.span,
                message,
                "no group of this name was found, or several were",
                "name the group by its id",
            );
        }
        found
    }

    /// Whether a group of this kind can hold the rule; says why not.
    fn check(&mut self, declared: &DesiredRule, rule: &Rule) -> bool {
        let span = declared.span;
        let info = self.info;
        let id = &info.id;
        if let Peer::Group(peer) = &rule.peer {
            if peer == id {
                self.say(
                    Code::SelfReference,
                    span,
                    format!("{id} names itself as peer"),
                    "the cloud refuses a group as its own peer",
                    "members of a basic group reach each other through its inner access policy",
                );
                return false;
            }
            if self.info.kind == GroupKind::Advanced {
                self.say(
                    Code::Unsupported,
                    span,
                    format!("{id} is an advanced group, its rules cannot name a group"),
                    "peer is a group",
                    "name CIDRs or a prefix list",
                );
                return false;
            }
            if let Some(info) = self.names.by_id.get(peer) {
                if info.kind == GroupKind::Advanced {
                    self.say(
                        Code::Unsupported,
                        span,
                        format!("{peer} is an advanced group, no rule can name it"),
                        "peer is an advanced group",
                        "name CIDRs or a prefix list",
                    );
                    return false;
                }
                if info.network != self.info.network {
                    self.diagnostics.push(
                        Diagnostic::warning(
                            Code::PeerInOtherVpc,
                            format!(
                                "{id} is in {}, its peer {peer} in {}",
                                self.info.network, info.network
                            ),
                        )
                        .label(span, "peer in another network")
                        .help("the cloud may refuse it with InvalidSourceGroupId.Mismatch"),
                    );
                }
            }
            if rule.nic == NicType::Internet {
                self.say(
                    Code::Unsupported,
                    span,
                    format!("a rule of {id} names a group on the public interface"),
                    "a group as peer needs the private interface",
                    "write `nic: intranet`",
                );
                return false;
            }
        }
        self.check_classic(span, rule) && self.check_lists(span, rule)
    }

    fn check_classic(&mut self, span: Span, rule: &Rule) -> bool {
        if self.info.network != Network::Classic {
            return true;
        }
        let what = match (
            &rule.peer,
            rule.protocol.ports().map(|ports| &ports.destination),
        ) {
            (Peer::Cidr(cidr), _) if cidr.is_ipv6() => "IPv6 addresses",
            (Peer::PrefixList(_), _) => "prefix lists",
            (_, Some(PortSet::List(_))) => "port lists",
            _ => return true,
        };
        let message = format!(
            "{} is in the classic network, which has no {what}",
            self.info.id
        );
        self.say(
            Code::Unsupported,
            span,
            message,
            "not possible in the classic network",
            "use IPv4 CIDRs and port ranges, or move the members to a VPC",
        );
        false
    }

    fn check_lists(&mut self, span: Span, rule: &Rule) -> bool {
        let Some(lists) = self.lists else {
            return true;
        };
        if let Peer::PrefixList(id) = &rule.peer
            && !lists.may_have_prefix(id)
        {
            self.list_not_found(span, "prefix list", id.as_str());
            return false;
        }
        if let Peer::PrefixList(id) = &rule.peer
            && let Some(list) = lists.prefix.get(id)
        {
            let wrong = match (&rule.protocol, list.family) {
                (Protocol::Icmp, AddressFamily::Ipv6) => {
                    Some("icmp is for IPv4, the prefix list holds IPv6")
                }
                (Protocol::Icmpv6, AddressFamily::Ipv4) => {
                    Some("icmpv6 is for IPv6, the prefix list holds IPv4")
                }
                _ => None,
            };
            if let Some(wrong) = wrong {
                let message =
                    format!("protocol and prefix list {id} are of different address families");
                self.say(
                    Code::FamilyMismatch,
                    span,
                    message,
                    wrong,
                    "use the other protocol or another list",
                );
                return false;
            }
        }
        if let Some(PortSet::List(id)) = rule.protocol.ports().map(|ports| &ports.destination)
            && !lists.may_have_port(id)
        {
            self.list_not_found(span, "port list", id.as_str());
            return false;
        }
        true
    }

    fn list_not_found(&mut self, span: Span, kind: &str, id: &str) {
        let DesiredGroup {
            account, region, ..
        } = self.desired;
        let message = format!("{kind} {id} does not exist in {account}/{region}");
        self.say(
            Code::ListNotFound,
            span,
            message,
            "named here",
            "lists belong to one region of one account; check the id, or make the list first",
        );
    }

    /// Two declarations may turn out to be one rule only now, when `group:NAME` has become an id.
    fn refuse_duplicates(&mut self, bound: &mut Vec<Bound>) {
        let mut duplicates = Vec::new();
        bound.dedup_by(|second, first| {
            let same = first.rule.is_same_rule(&second.rule);
            if same {
                duplicates.push((first.span, second.span, second.rule.to_string()));
            }
            same
        });
        for (first, second, rule) in duplicates {
            self.diagnostics.push(
                Diagnostic::error(
                    Code::DuplicateRule,
                    format!("rule is declared twice: {rule}"),
                )
                .label(second, "second declaration")
                .label(first, "first declared here")
                .help("keep one; the cloud stores a rule once"),
            );
        }
    }
}
