//! Whether a live rule is one of those that the file says are not ours.

use crate::{
    desired::{DesiredPeer, Ignore},
    model::{GroupId, GroupName, Peer, PortSet, Protocol, Rule},
};

impl Ignore {
    /// Whether a live rule matches every field of the pattern. `resolve` finds the id of a declared group.
    pub fn matches(
        &self,
        rule: &Rule,
        resolve: impl FnOnce(&GroupName) -> Option<GroupId>,
    ) -> bool {
        let Self {
            direction,
            policy,
            priority,
            protocol,
            ports,
            peer,
            description,
            span: _,
        } = self;
        direction.is_none_or(|direction| direction == rule.direction)
            && policy.is_none_or(|policy| policy == rule.policy)
            && priority.is_none_or(|priority| priority == rule.priority.get())
            && matches_protocol(protocol.as_deref(), ports.as_deref(), &rule.protocol)
            && peer.as_ref().is_none_or(|peer| match (peer, &rule.peer) {
                (DesiredPeer::Cidr(a), Peer::Cidr(b)) => a == b,
                (DesiredPeer::Group { id: a, .. }, Peer::Group(b)) => a == b,
                (DesiredPeer::Declared(name), Peer::Group(b)) => resolve(name).as_ref() == Some(b),
                (DesiredPeer::PrefixList(a), Peer::PrefixList(b)) => a == b,
                _ => false,
            })
            && matches_description(description.as_deref(), rule.description.as_deref())
    }
}

fn matches_protocol(name: Option<&str>, ports: Option<&str>, protocol: &Protocol) -> bool {
    name.is_none_or(|name| name.eq_ignore_ascii_case(&protocol.name()))
        && ports.is_none_or(
            |ports| match protocol.ports().map(|ports| &ports.destination) {
                Some(PortSet::Range(range)) => range.to_string() == ports,
                Some(PortSet::List(list)) => list.as_str() == ports,
                None => false,
            },
        )
}

fn matches_description(pattern: Option<&str>, text: Option<&str>) -> bool {
    pattern.is_none_or(|pattern| glob(pattern, text.unwrap_or("")))
}

/// Shell pattern over a whole text: `*` any characters, `?` one. Linear in time but for backing up to the last `*`.
pub fn glob(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(&c) if c == '?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((after_star, from)) => {
                    retry = Some((after_star, from + 1));
                    p = after_star;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn patterns_cover_whole_texts() {
        for (pattern, text, expected) in [
            ("Cloud Firewall *", "Cloud Firewall 7", true),
            ("Cloud Firewall *", "My Cloud Firewall 7", false),
            ("*wall*7", "Cloud Firewall 17", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("", "", true),
            ("", "x", false),
            ("*", "", true),
            ("**a*", "ba", true),
            ("入口?", "入口1", true),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }
}
