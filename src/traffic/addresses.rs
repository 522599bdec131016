//! Sets of addresses as few tokens that a person reads: `0.0.0.0/0 except 10.0.0.0/8`.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::clause::{Family, Interval};

/// Above this many tokens ranges are printed, if they are fewer.
const MANY_TOKENS: usize = 8;

/// Between a prefix and what is taken out of it.
const EXCEPT: &str = " except ";

/// A prefix of addresses: first address and length.
type Prefix = (u128, u8);

/// The fewest prefixes of which the longest that holds an address says whether it is in the set: `(prefix, in)`, outer before inner.
///
/// Draves, King et al., "Constructing optimal IP routing tables", with two next hops and nothing as the default.
fn prefix_table(family: Family, set: &[Interval]) -> Vec<(Prefix, bool)> {
    let mut tree = Vec::new();
    let root = grow(family, set, (0, 0), &mut tree);
    let mut table = Vec::new();
    emit(family, &tree, root, (0, 0), false, &mut table);
    table
}

/// Which of the two verdicts a subtree can start with at no extra cost.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Colours {
    In,
    Out,
    Both,
}

/// A prefix, with its halves where the set holds only some of it.
#[derive(Clone, Copy)]
struct Part {
    colours: Colours,
    halves: Option<[usize; 2]>,
}

fn bits(family: Family) -> u8 {
    match family {
        Family::V4 => 32,
        Family::V6 => 128,
    }
}

fn last(family: Family, (first, length): Prefix) -> u128 {
    let host = bits(family) - length;
    if host >= 128 {
        u128::MAX
    } else {
        first | ((1 << host) - 1)
    }
}

/// Whether a set holds all (`Some(true)`), none (`Some(false)`) or some of a prefix.
fn uniform(set: &[Interval], first: u128, last: u128) -> Option<bool> {
    let at = set.partition_point(|interval| interval.1 < first);
    match set.get(at) {
        Some(interval) if interval.0 <= first && last <= interval.1 => Some(true),
        Some(interval) if interval.0 <= last => None,
        _ => Some(false),
    }
}

fn halves(family: Family, (first, length): Prefix) -> [Prefix; 2] {
    [
        (first, length + 1),
        (first | 1 << (bits(family) - length - 1), length + 1),
    ]
}

/// Puts a prefix and everything below it in the tree, and returns its place.
fn grow(family: Family, set: &[Interval], prefix: Prefix, tree: &mut Vec<Part>) -> usize {
    let last = last(family, prefix);
    // Only what meets the prefix matters below it.
    let begin = set.partition_point(|interval| interval.1 < prefix.0);
    let end = set.partition_point(|interval| interval.0 <= last);
    let set = &set[begin..end];
    let part = match uniform(set, prefix.0, last) {
        Some(is_in) => Part {
            colours: if is_in { Colours::In } else { Colours::Out },
            halves: None,
        },
        None => {
            let halves = halves(family, prefix).map(|half| grow(family, set, half, tree));
            let colours = match halves.map(|half| tree[half].colours) {
                [a, b] if a == b => a,
                [Colours::Both, one] | [one, Colours::Both] => one,
                _ => Colours::Both,
            };
            Part {
                colours,
                halves: Some(halves),
            }
        }
    };
    tree.push(part);
    tree.len() - 1
}

fn emit(
    family: Family,
    tree: &[Part],
    at: usize,
    prefix: Prefix,
    inherited: bool,
    table: &mut Vec<(Prefix, bool)>,
) {
    let part = tree[at];
    let verdict = match part.colours {
        Colours::Both => inherited,
        Colours::In => true,
        Colours::Out => false,
    };
    if verdict != inherited {
        table.push((prefix, verdict));
    }
    if let Some(places) = part.halves {
        for (place, half) in places.into_iter().zip(halves(family, prefix)) {
            emit(family, tree, place, half, verdict, table);
        }
    }
}

/// The prefix that an interval is, if it is one.
fn as_prefix(family: Family, (first, last): Interval) -> Option<Prefix> {
    let host = (first ^ last).count_ones();
    let length = bits(family) - u8::try_from(host).ok()?;
    (first <= last
        && self::last(family, (first, length)) == last
        && (host >= 128 || first >> host << host == first))
        .then_some((first, length))
}

fn address(family: Family, number: u128) -> String {
    match family {
        Family::V4 => Ipv4Addr::from(u32::try_from(number).expect("an IPv4 address")).to_string(),
        Family::V6 => Ipv6Addr::from(number).to_string(),
    }
}

fn prefix_text(family: Family, (first, length): Prefix) -> String {
    format!("{}/{length}", address(family, first))
}

/// The addresses of one family in text, and of how many tokens it is made.
pub fn print(family: Family, set: &[Interval]) -> (String, usize) {
    if let [one] = set
        && let Some(prefix) = as_prefix(family, *one)
    {
        return (prefix_text(family, prefix), 1);
    }
    let table = prefix_table(family, set);
    if table.len() > MANY_TOKENS && set.len() < table.len() {
        let ranges: Vec<String> = set
            .iter()
            .map(|&(first, last)| format!("{}-{}", address(family, first), address(family, last)))
            .collect();
        return (ranges.join(", "), set.len());
    }
    // An inner prefix that is in again is an item of its own.
    let mut items: Vec<(Prefix, Vec<Prefix>)> = Vec::new();
    for &(prefix, is_in) in &table {
        if is_in {
            items.push((prefix, Vec::new()));
        } else {
            let holds =
                |outer: Prefix| outer.0 <= prefix.0 && last(family, prefix) <= last(family, outer);
            let item = items.iter_mut().rev().find(|(outer, _)| holds(*outer));
            item.expect("what is taken out was in").1.push(prefix);
        }
    }
    let texts: Vec<String> = items
        .into_iter()
        .map(|(outer, inner)| {
            let outer = prefix_text(family, outer);
            if inner.is_empty() {
                return outer;
            }
            let inner: Vec<String> = inner
                .into_iter()
                .map(|prefix| prefix_text(family, prefix))
                .collect();
            format!("{outer}{EXCEPT}{}", inner.join(" and "))
        })
        .collect();
    (texts.join(", "), table.len())
}

/// Addresses of several families. What something is taken out of comes last, so that nobody takes what follows for taken out too.
pub fn print_all<'a>(sets: impl Iterator<Item = (Family, &'a [Interval])>) -> (String, usize) {
    let mut printed: Vec<(String, usize)> = sets.map(|(family, set)| print(family, set)).collect();
    printed.sort_by_key(|(text, _)| text.contains(EXCEPT));
    let tokens = printed.iter().map(|(_, count)| count).sum();
    let texts: Vec<String> = printed.into_iter().map(|(text, _)| text).collect();
    (texts.join(", "), tokens)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::Cidr,
        traffic::clause::{cidr_interval, merge},
    };

    fn set(texts: &[&str]) -> Vec<Interval> {
        merge(
            texts
                .iter()
                .map(|text| cidr_interval(text.parse::<Cidr>().unwrap()))
                .collect(),
        )
    }

    fn without(mut set: Vec<Interval>, text: &str) -> Vec<Interval> {
        let (first, last) = cidr_interval(text.parse::<Cidr>().unwrap());
        set = set
            .into_iter()
            .flat_map(|(a, b)| [(a, b.min(first.wrapping_sub(1))), (a.max(last + 1), b)])
            .filter(|(a, b)| a <= b)
            .collect();
        set
    }

    #[test]
    fn what_is_taken_out_of_one_family_stands_after_the_other() {
        let v4 = without(set(&["0.0.0.0/0"]), "203.0.113.10/32");
        let v6 = set(&["::/0"]);
        let both = [(Family::V4, v4.as_slice()), (Family::V6, v6.as_slice())];
        assert_eq!(
            print_all(both.into_iter()).0,
            "::/0, 0.0.0.0/0 except 203.0.113.10/32"
        );
    }

    #[test]
    fn exceptions_are_said_as_such() {
        let all = set(&["0.0.0.0/0"]);
        assert_eq!(print(Family::V4, &all), ("0.0.0.0/0".into(), 1));
        let some = without(without(all, "10.0.0.0/8"), "203.0.113.0/24");
        assert_eq!(
            print(Family::V4, &some).0,
            "0.0.0.0/0 except 10.0.0.0/8 and 203.0.113.0/24"
        );
        let again = merge([some, set(&["10.1.0.0/16"])].concat());
        assert_eq!(
            print(Family::V4, &again).0,
            "0.0.0.0/0 except 10.0.0.0/8 and 203.0.113.0/24, 10.1.0.0/16"
        );
        assert_eq!(print(Family::V6, &set(&["::/0"])).0, "::/0");
        assert_eq!(
            print(Family::V4, &set(&["0.0.0.0/1", "128.0.0.0/1"])).0,
            "0.0.0.0/0"
        );
    }
}
