//! Sets of services (protocols, ports, own addresses) as few tokens: `tcp/22,8000-8010; icmp`.

use std::collections::BTreeMap;

use super::{
    addresses,
    clause::{Family, Interval, merge},
};

/// Everything below the peer: one box.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceBox {
    /// Protocol numbers.
    pub protocol: Interval,
    /// Destination ports.
    pub destination: Interval,
    /// Source ports.
    pub source: Interval,
    /// Own addresses; `None` is all of both families.
    pub local: Option<(Family, Interval)>,
}

/// All protocol numbers.
pub const PROTOCOLS: Interval = (0, 255);
/// All ports.
pub const PORTS: Interval = (1, 65535);

impl ServiceBox {
    /// Every service.
    pub const ALL: Self = Self {
        protocol: PROTOCOLS,
        destination: PORTS,
        source: PORTS,
        local: None,
    };

    /// What both hold.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let meet = |a: Interval, b: Interval| {
            let both = (a.0.max(b.0), a.1.min(b.1));
            (both.0 <= both.1).then_some(both)
        };
        let local = match (&self.local, &other.local) {
            (None, one) | (one, None) => *one,
            (Some((f, a)), Some((g, b))) if f == g => Some((*f, meet(*a, *b)?)),
            _ => return None,
        };
        Some(Self {
            protocol: meet(self.protocol, other.protocol)?,
            destination: meet(self.destination, other.destination)?,
            source: meet(self.source, other.source)?,
            local,
        })
    }
}

/// The name of a protocol number.
fn protocol_name(number: u128) -> String {
    match number {
        1 => "icmp".into(),
        6 => "tcp".into(),
        17 => "udp".into(),
        47 => "gre".into(),
        58 => "icmpv6".into(),
        other => format!("protocol {other}"),
    }
}

fn range((first, last): Interval) -> String {
    if first == last {
        first.to_string()
    } else {
        format!("{first}-{last}")
    }
}

fn ranges(intervals: Vec<Interval>) -> (String, usize) {
    let merged = merge(intervals);
    let count = merged.len();
    (
        merged.into_iter().map(range).collect::<Vec<_>>().join(","),
        count,
    )
}

/// Own addresses and source ports.
type Restriction = (Option<(Family, Interval)>, Interval);

/// Boxes that do not overlap, in text, and of how many tokens it is made.
pub fn print(boxes: &[ServiceBox]) -> (String, usize) {
    // By source ports and own address: usually one, all of both.
    let mut parts: BTreeMap<Restriction, Vec<&ServiceBox>> = BTreeMap::new();
    for service in boxes {
        let restricts = service
            .local
            .filter(|(family, interval)| *interval != (0, family.last_address()));
        parts
            .entry((restricts, service.source))
            .or_default()
            .push(service);
    }
    let mut texts = Vec::new();
    let mut tokens = 0;
    for ((local, source), boxes) in parts {
        let mut suffix = String::new();
        if source != PORTS {
            suffix.push_str(&format!(" sport {}", range(source)));
            tokens += 1;
        }
        if let Some((family, interval)) = local {
            let (text, count) = addresses::print(family, &[interval]);
            suffix.push_str(&format!(" local {text}"));
            tokens += count;
        }
        let (items, count) = protocols(&boxes);
        tokens += count;
        texts.extend(items.into_iter().map(|item| format!("{item}{suffix}")));
    }
    (texts.join("; "), tokens)
}

/// Items per protocol of boxes that agree on source ports and own address.
fn protocols(boxes: &[&ServiceBox]) -> (Vec<String>, usize) {
    let mut ports: BTreeMap<u128, Vec<Interval>> = BTreeMap::new();
    let mut whole: Vec<Interval> = Vec::new();
    for service in boxes {
        if service.destination == PORTS {
            whole.push(service.protocol);
        } else {
            for number in service.protocol.0..=service.protocol.1 {
                ports.entry(number).or_default().push(service.destination);
            }
        }
    }
    // A protocol whose pieces add up to every port is whole.
    ports.retain(|&number, intervals| {
        let all = merge(intervals.clone()) == [PORTS];
        if all {
            whole.push((number, number));
        }
        !all
    });
    let whole = merge(whole);
    let count: u128 = whole.iter().map(|(first, last)| last - first + 1).sum();
    let mut items = Vec::new();
    let mut tokens = 0;
    if count > 128 {
        // Nearly all: say what is missing.
        let mut missing = Vec::new();
        for number in PROTOCOLS.0..=PROTOCOLS.1 {
            if whole
                .iter()
                .any(|&(first, last)| first <= number && number <= last)
            {
                continue;
            }
            match ports.remove(&number) {
                Some(intervals) => {
                    let (text, count) = ranges(complement(merge(intervals)));
                    tokens += count;
                    missing.push(format!("{}/{text}", protocol_name(number)));
                }
                None => {
                    tokens += 1;
                    missing.push(protocol_name(number));
                }
            }
        }
        tokens += 1;
        items.push(if missing.is_empty() {
            "all".to_owned()
        } else {
            format!("all except {}", missing.join(" and "))
        });
        return (items, tokens);
    }
    let mut by_protocol: BTreeMap<(u128, u128), String> = BTreeMap::new();
    for (first, last) in whole {
        let named = |number: u128| matches!(number, 1 | 6 | 17 | 47 | 58);
        let mut number = first;
        while number <= last {
            let mut end = number;
            if !named(number) {
                while end < last && !named(end + 1) {
                    end += 1;
                }
            }
            tokens += 1;
            let text = if end > number {
                format!("protocols {number}-{end}")
            } else {
                protocol_name(number)
            };
            by_protocol.insert((number, 0), text);
            number = end + 1;
        }
    }
    for (number, intervals) in ports {
        let (text, count) = ranges(intervals);
        tokens += count;
        by_protocol.insert((number, 1), format!("{}/{text}", protocol_name(number)));
    }
    items.extend(by_protocol.into_values());
    (items, tokens)
}

fn complement(intervals: Vec<Interval>) -> Vec<Interval> {
    let mut gaps = Vec::new();
    let mut next = PORTS.0;
    for (first, last) in intervals {
        if next < first {
            gaps.push((next, first - 1));
        }
        next = last + 1;
    }
    if next <= PORTS.1 {
        gaps.push((next, PORTS.1));
    }
    gaps
}
