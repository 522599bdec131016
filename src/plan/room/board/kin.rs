//! Which old rules may become which new ones in place.

use std::collections::BTreeMap;

use super::{Full, Item};
use crate::plan::room::distance;

/// Most pairs of an old and a new rule that are looked at; where there are more, only those change in place that nothing else may change.
const MOST: usize = 4_000_000;

/// One old rule becomes a new one. The smaller comes first: the more alike, then in the order of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Modify {
    /// How many fields differ and how much they count; 0 where nothing else may change either.
    pub unlike: usize,
    pub old: usize,
    pub new: usize,
}

/// The modifies that the cloud allows. Of a thousand old rules that may all become a thousand new ones these are a million.
pub struct Kin {
    rows: Vec<Row>,
    /// Every [`Modify::unlike`] that occurs, in order.
    degrees: Vec<usize>,
    /// Whether there were more pairs than are looked at.
    pub left_out: bool,
}

/// The new rules that one old rule may become.
#[derive(Default)]
struct Row {
    /// In order of [`Modify`].
    news: Vec<u32>,
    /// Where those of each degree end.
    ends: Vec<usize>,
}

impl Row {
    fn new(mut found: Vec<(usize, u32)>) -> Self {
        found.sort_unstable();
        let mut row = Self::default();
        for (unlike, new) in found {
            row.ends.resize(unlike + 1, row.news.len());
            row.news.push(new);
            row.ends[unlike] = row.news.len();
        }
        row
    }

    fn of(&self, unlike: usize) -> &[u32] {
        let end = |degree: usize| self.ends.get(degree).copied();
        let until = end(unlike).unwrap_or(self.news.len());
        let from = match unlike {
            0 => 0,
            more => end(more - 1).unwrap_or(self.news.len()),
        };
        &self.news[from..until]
    }
}

impl Kin {
    pub fn new(full: &Full<'_>, olds: &[Item], news: &[Item]) -> Self {
        Self::up_to(full, olds, news, MOST)
    }

    /// As [`new`](Self::new), with no more pairs than that.
    fn up_to(full: &Full<'_>, olds: &[Item], news: &[Item], most: usize) -> Self {
        let left_out = olds.len().saturating_mul(news.len()) > most;
        let of = |old: usize| -> Vec<(usize, u32)> {
            let number = |new: usize| u32::try_from(new).expect("fewer than 2^32 rules");
            if let Some(new) = olds[old].pair {
                return vec![(0, number(new))];
            }
            if left_out {
                return Vec::new();
            }
            let free = (0..news.len()).filter(|&new| news[new].pair.is_none());
            free.filter_map(|new| {
                let rule = full.new[new];
                let distance = distance(full.old[old], rule)?;
                let unlike = usize::try_from(distance).ok()? + 1;
                (full.in_place)(rule.direction).then_some((unlike, number(new)))
            })
            .collect()
        };
        let rows: Vec<Row> = (0..olds.len()).map(|old| Row::new(of(old))).collect();
        let most = rows.iter().map(|row| row.ends.len()).max().unwrap_or(0);
        let occurs = |unlike: &usize| rows.iter().any(|row| !row.of(*unlike).is_empty());
        let degrees = (0..most).filter(occurs).collect();
        Self {
            rows,
            degrees,
            left_out,
        }
    }

    pub fn len(&self) -> usize {
        self.rows.iter().map(|row| row.news.len()).sum()
    }

    /// All modifies in order.
    pub fn all(&self) -> impl Iterator<Item = Modify> + '_ {
        self.among(|_| true)
    }

    /// Those of some of the old rules, in order.
    pub fn among<'a>(
        &'a self,
        is_among: impl Fn(usize) -> bool + 'a,
    ) -> impl Iterator<Item = Modify> + 'a {
        let olds: Vec<usize> = (0..self.rows.len()).filter(|&old| is_among(old)).collect();
        self.degrees.iter().flat_map(move |&unlike| {
            let of = move |old: usize| self.of_degree(old, unlike);
            olds.clone().into_iter().flat_map(of)
        })
    }

    /// Those of one old rule, in order.
    pub fn of(&self, old: usize) -> impl Iterator<Item = Modify> + '_ {
        let degrees = self.degrees.iter();
        degrees.flat_map(move |&unlike| self.of_degree(old, unlike))
    }

    fn of_degree(&self, old: usize, unlike: usize) -> impl Iterator<Item = Modify> + '_ {
        self.rows[old].of(unlike).iter().map(move |&new| Modify {
            unlike,
            old,
            new: new as usize,
        })
    }

    /// The modify of an old rule into a new one, if the cloud allows it.
    pub fn find(&self, old: usize, new: usize) -> Option<Modify> {
        let number = u32::try_from(new).ok()?;
        let has = |unlike: &&usize| self.rows[old].of(**unlike).binary_search(&number).is_ok();
        let unlike = *self.degrees.iter().find(has)?;
        Some(Modify { unlike, old, new })
    }

    /// The one at a place in the order.
    pub fn nth(&self, place: usize) -> Option<Modify> {
        let mut before = place;
        for &unlike in &self.degrees {
            for (old, row) in self.rows.iter().enumerate() {
                let news = row.of(unlike);
                if let Some(&new) = news.get(before) {
                    let new = new as usize;
                    return Some(Modify { unlike, old, new });
                }
                before -= news.len();
            }
        }
        None
    }
}

/// Of each new rule the old ones that the cloud may take for the same, were it to become that: whether priority counts is not documented.
pub fn twins(full: &Full<'_>) -> Vec<Vec<usize>> {
    let rules = full.old.iter().map(|seen| &seen.rule);
    let mut olds: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (old, rule) in rules.enumerate() {
        let (direction, nic, _, policy, protocol, peer, local) = rule.identity();
        let key = (direction, nic, policy, protocol, peer, local);
        olds.entry(key).or_default().push(old);
    }
    let of = |rule: &&crate::model::Rule| {
        let (direction, nic, _, policy, protocol, peer, local) = rule.identity();
        let key = (direction, nic, policy, protocol, peer, local);
        olds.get(&key).cloned().unwrap_or_default()
    };
    full.new.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::room::{Board, tests::Case};

    #[test]
    fn modifies_come_the_most_alike_first_and_are_found_by_place_and_by_rules() {
        let mut case = Case::new(
            &[
                "accept 1 10.0.0.0/8 1",
                "accept 2 10.0.0.0/8 2",
                "accept 3 sg-a 3",
                "drop 4 10.0.0.0/8 4",
            ],
            &[
                "accept 1 10.0.0.0/8 9",
                "accept 2 11.0.0.0/8 2",
                "drop 4 sg-b 4",
                "accept 5 10.0.0.0/8 1",
                "accept 2 10.0.0.0/8 1",
            ],
            100,
        );
        case.pairs = vec![(0, 0)];
        case.with(|full| {
            let board = Board::new(full);
            let all: Vec<Modify> = board.kin.all().collect();
            // The pair, one CIDR rule that may become three, one group rule and one drop.
            assert_eq!(all.len(), 1 + 3 + 1 + 3);
            assert_eq!(board.kin.len(), all.len());
            assert_eq!((all[0].unlike, all[0].old, all[0].new), (0, 0, 0));
            assert!(all.is_sorted());
            for (place, &one) in all.iter().enumerate() {
                assert_eq!(board.kin.nth(place), Some(one));
                assert_eq!(board.kin.find(one.old, one.new), Some(one));
                if one.unlike > 0 {
                    let distance = distance(full.old[one.old], full.new[one.new]).unwrap();
                    assert_eq!(one.unlike, distance as usize + 1);
                }
            }
            assert_eq!(board.kin.nth(all.len()), None);
            assert_eq!(board.kin.find(1, 2), None);
            for old in 0..4 {
                let of: Vec<Modify> = board.kin.of(old).collect();
                let expected: Vec<Modify> =
                    all.iter().copied().filter(|one| one.old == old).collect();
                assert_eq!(of, expected);
            }
            // Of too many only pairs are left.
            let few = Kin::up_to(full, &board.old, &board.new, 19);
            assert!(few.left_out && !board.kin.left_out);
            assert_eq!(few.all().collect::<Vec<_>>(), all[..1]);
            assert!(!Kin::up_to(full, &board.old, &board.new, 20).left_out);
        });
    }
}
