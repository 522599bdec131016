//! Sets of services (protocols, ports, own addresses) as few tokens: `tcp/22,8000-8010; icmp`.

use std::collections::{BTreeMap, BTreeSet};

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

/// Own addresses by family.
type Own = BTreeMap<Family, Vec<Interval>>;
/// Protocols and destination ports.
type Cell = (Interval, Interval);

/// Boxes that do not overlap, of packets whose peers are of some families, in text, and of how many tokens it is made.
pub fn print(
    boxes: &[ServiceBox],
    families: impl Iterator<Item = Family> + Clone,
) -> (String, usize) {
    // By source ports and own address: usually one, all of both.
    let mut sources: BTreeMap<(Option<Own>, Cell), Vec<Interval>> = BTreeMap::new();
    let mut add = |own: Option<Own>, cell: Cell, source: Interval| {
        sources.entry((own, cell)).or_default().push(source);
    };
    if boxes.iter().all(|service| service.local.is_none()) {
        for service in boxes {
            add(
                None,
                (service.protocol, service.destination),
                service.source,
            );
        }
    } else {
        for ((source, cell), own) in cells(boxes) {
            add(restriction(own, families.clone()), cell, source);
        }
    }
    let mut parts: BTreeMap<(Option<Own>, Interval), Vec<Cell>> = BTreeMap::new();
    for ((own, cell), sources) in sources {
        for source in merge(sources) {
            parts.entry((own.clone(), source)).or_default().push(cell);
        }
    }
    let mut texts = Vec::new();
    let mut tokens = 0;
    for ((own, source), services) in parts {
        let mut suffix = String::new();
        if source != PORTS {
            suffix.push_str(&format!(" sport {}", range(source)));
            tokens += 1;
        }
        if let Some(own) = own {
            let own = own.iter().map(|(family, set)| (*family, set.as_slice()));
            let (text, count) = addresses::print_all(own);
            suffix.push_str(&format!(" local {text}"));
            tokens += count;
        }
        let (items, count) = protocols(&services);
        tokens += count;
        texts.extend(items.into_iter().map(|item| format!("{item}{suffix}")));
    }
    (texts.join("; "), tokens)
}

/// What own addresses must be said: a packet's is of the family of its peer, so that all of those families are no restriction.
fn restriction(own: Own, families: impl Iterator<Item = Family> + Clone) -> Option<Own> {
    let is_whole = |family: Family| {
        own.get(&family)
            .is_some_and(|set| *set == [(0, family.last_address())])
    };
    (!families.clone().all(is_whole)).then_some(own)
}

/// Boxes cut at the borders of protocols and ports of all of them: by source ports and cell, the own addresses that it is about.
fn cells(boxes: &[ServiceBox]) -> BTreeMap<(Interval, Cell), Own> {
    let pieces = |of: fn(&ServiceBox) -> Interval| -> Vec<Interval> {
        let mut firsts: BTreeSet<u128> = boxes.iter().map(|service| of(service).0).collect();
        firsts.extend(boxes.iter().map(|service| of(service).1 + 1));
        let firsts: Vec<u128> = firsts.into_iter().collect();
        firsts
            .windows(2)
            .map(|pair| (pair[0], pair[1] - 1))
            .collect()
    };
    let (protocols, destinations) = (
        pieces(|service| service.protocol),
        pieces(|service| service.destination),
    );
    let mut cells: BTreeMap<(Interval, Cell), Own> = BTreeMap::new();
    let within = |piece: &&Interval, whole: Interval| whole.0 <= piece.0 && piece.1 <= whole.1;
    for service in boxes {
        for protocol in protocols
            .iter()
            .filter(|piece| within(piece, service.protocol))
        {
            for destination in destinations
                .iter()
                .filter(|piece| within(piece, service.destination))
            {
                let own = cells
                    .entry((service.source, (*protocol, *destination)))
                    .or_default();
                match service.local {
                    Some((family, interval)) => own.entry(family).or_default().push(interval),
                    None => {
                        for family in Family::BOTH {
                            let whole = (0, family.last_address());
                            own.entry(family).or_default().push(whole);
                        }
                    }
                }
            }
        }
    }
    for intervals in cells.values_mut().flat_map(BTreeMap::values_mut) {
        *intervals = merge(std::mem::take(intervals));
    }
    cells
}

/// Items per protocol of boxes (protocols, ports) that agree on source ports and own address.
fn protocols(boxes: &[Cell]) -> (Vec<String>, usize) {
    let mut ports: BTreeMap<u128, Vec<Interval>> = BTreeMap::new();
    let mut whole: Vec<Interval> = Vec::new();
    for &(protocol, destination) in boxes {
        if destination == PORTS {
            whole.push(protocol);
        } else {
            for number in protocol.0..=protocol.1 {
                ports.entry(number).or_default().push(destination);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(ports: Interval, family: Family, local: Interval) -> ServiceBox {
        ServiceBox {
            protocol: (6, 6),
            destination: ports,
            local: Some((family, local)),
            ..ServiceBox::ALL
        }
    }

    fn text(boxes: &[ServiceBox], families: &[Family]) -> String {
        print(boxes, families.iter().copied()).0
    }

    #[test]
    fn own_addresses_that_add_up_to_all_are_not_said() {
        let half = 1 << 31;
        let boxes = [
            tcp((22, 22), Family::V4, (0, half - 1)),
            tcp((22, 22), Family::V4, (half, u32::MAX.into())),
            tcp((22, 22), Family::V6, (0, u128::MAX)),
        ];
        assert_eq!(text(&boxes, &Family::BOTH), "tcp/22");
        // Also where the pieces are cut at other ports as well.
        let boxes = [
            tcp((22, 80), Family::V4, (0, half - 1)),
            tcp((22, 50), Family::V4, (half, u32::MAX.into())),
        ];
        assert_eq!(
            text(&boxes, &[Family::V4]),
            "tcp/22-50; tcp/51-80 local 0.0.0.0/1"
        );
    }

    #[test]
    fn source_ports_that_add_up_to_all_are_not_said() {
        let from = |port: u128, source: Interval| ServiceBox {
            protocol: (6, 6),
            destination: (port, port),
            source,
            ..ServiceBox::ALL
        };
        let boxes = [
            from(80, (1, 1023)),
            from(80, (1024, 65535)),
            from(443, PORTS),
            from(53, (53, 53)),
        ];
        assert_eq!(text(&boxes, &Family::BOTH), "tcp/80,443; tcp/53 sport 53");
    }

    #[test]
    fn all_own_addresses_of_one_family_are_said_beside_peers_of_both() {
        let boxes = [
            tcp((22, 22), Family::V4, (0, u32::MAX.into())),
            tcp((22, 22), Family::V6, (1, 1)),
        ];
        assert_eq!(
            text(&boxes, &Family::BOTH),
            "tcp/22 local 0.0.0.0/0, ::1/128"
        );
        assert_eq!(text(&boxes, &[Family::V4]), "tcp/22");
    }
}
