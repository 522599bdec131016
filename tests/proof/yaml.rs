//! YAML in every layout that means the same: keys, items and ways to write them, shuffled.

use rulekeep::model::{Peer, PortSet, Ports, Rule};
use serde_json::Value;

use crate::estate::BASE;

/// A piece of YAML, so that one content can be written in many orders.
#[derive(Clone, Debug)]
pub enum Node {
    Text(String),
    List(Vec<Node>),
    Map(Vec<(&'static str, Node)>),
}

/// Moves things about; `None` leaves them where they are.
#[derive(Clone, Debug)]
pub struct Shuffle(pub Option<u64>);

impl Shuffle {
    fn next(&mut self, below: usize) -> usize {
        let state = self.0.as_mut().expect("only called when shuffling");
        // SplitMix64.
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % below as u64).expect("smaller than a length")
    }

    /// Another order of the same things.
    pub fn apply<T>(&mut self, things: &mut [T]) {
        if self.0.is_some() {
            for at in (1..things.len()).rev() {
                let other = self.next(at + 1);
                things.swap(at, other);
            }
        }
    }
}

impl Node {
    /// A text that may hold anything; JSON strings are YAML.
    pub fn quoted(text: &str) -> Self {
        Self::Text(Value::from(text).to_string())
    }

    /// In one line.
    fn flow(&self, shuffle: &mut Shuffle) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::List(items) => {
                let mut items: Vec<String> = items.iter().map(|item| item.flow(shuffle)).collect();
                shuffle.apply(&mut items);
                format!("[{}]", items.join(", "))
            }
            Self::Map(entries) => {
                let mut entries: Vec<String> = entries
                    .iter()
                    .map(|(key, value)| format!("{key}: {}", value.flow(shuffle)))
                    .collect();
                shuffle.apply(&mut entries);
                format!("{{ {} }}", entries.join(", "))
            }
        }
    }
}

/// What shuffling may touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Everything that has no meaning.
    All,
    /// Only what stays on its line.
    Lines,
}

/// A YAML document: each rule on a line of its own.
pub fn document(entries: &[(&'static str, Node)], shuffle: &mut Shuffle, reach: Reach) -> String {
    let mut still = Shuffle(None);
    let outer = |shuffle: &mut Shuffle| match reach {
        Reach::All => shuffle.clone(),
        Reach::Lines => Shuffle(None),
    };
    let mut blocks = Vec::new();
    for (key, value) in entries {
        blocks.push(match value {
            Node::List(items) if !items.is_empty() => {
                let mut lines: Vec<String> = items
                    .iter()
                    .map(|item| format!("  - {}\n", item.flow(shuffle)))
                    .collect();
                outer(shuffle).apply(&mut lines);
                format!("{key}:\n{}", lines.concat())
            }
            value => format!("{key}: {}\n", value.flow(&mut still)),
        });
    }
    outer(shuffle).apply(&mut blocks);
    blocks.concat()
}

/// A rule as an item of a group file; rules that differ in their peer alone share one item.
pub fn items(rules: &[Rule], classic: bool) -> Vec<Node> {
    let mut merged: Vec<(Rule, Vec<&Peer>)> = Vec::new();
    for rule in rules {
        let same = merged.iter_mut().find(|(first, _)| {
            let mut as_first = rule.clone();
            as_first.peer = first.peer.clone();
            as_first.peer_owner.clone_from(&first.peer_owner);
            as_first == *first
                && rule.peer_owner.is_none()
                && first.peer_owner.is_none()
                && rule.peer.same_kind(&first.peer)
        });
        match same {
            Some((_, peers)) => peers.push(&rule.peer),
            None => merged.push((rule.clone(), vec![&rule.peer])),
        }
    }
    merged
        .iter()
        .map(|(rule, peers)| item(rule, peers, classic))
        .collect()
}

/// One item, every key written out.
fn item(rule: &Rule, peers: &[&Peer], classic: bool) -> Node {
    let Rule {
        direction,
        nic,
        priority,
        policy,
        protocol,
        peer: _,
        local,
        description,
        peer_owner,
    } = rule;
    let mut entries = vec![("protocol", Node::Text(protocol.name().into_owned()))];
    if let Some(Ports {
        destination,
        source,
    }) = protocol.ports()
    {
        let ports = match destination {
            PortSet::Range(range) => range.to_string(),
            PortSet::List(list) => list.to_string(),
        };
        entries.push(("ports", Node::Text(ports)));
        if let Some(source) = source {
            entries.push(("source_ports", Node::Text(source.to_string())));
        }
    }
    let mut peers: Vec<Node> = peers
        .iter()
        .map(|peer| {
            let text = match (peer, peer_owner) {
                (Peer::Group(id), Some(owner)) => format!("{owner}/{id}"),
                (Peer::Group(id), None) if id.as_str() == BASE => "group:base".to_owned(),
                (peer, _) => peer.to_string(),
            };
            Node::quoted(&text)
        })
        .collect();
    let peer = match peers.len() {
        1 => peers.remove(0),
        _ => Node::List(peers),
    };
    entries.push((direction.preposition(), peer));
    entries.push(("policy", Node::Text(policy.to_string())));
    entries.push(("priority", Node::Text(priority.to_string())));
    if let Some(local) = local {
        entries.push(("local", Node::quoted(&local.to_string())));
    }
    if classic {
        entries.push(("nic", Node::Text(nic.to_string())));
    }
    if let Some(description) = description {
        entries.push(("description", Node::quoted(description)));
    }
    Node::Map(entries)
}
