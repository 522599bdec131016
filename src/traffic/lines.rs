//! Sets of packets as few lines that a person reads: `tcp/22,80 from 0.0.0.0/0 except 10.0.0.0/8`.
//!
//! The rows of the picture are sets of peers with the same services, the columns are services with the same rows; lines are
//! rectangles of rows and columns. Covering a set with the fewest rectangles is NP-hard, so it is done greedily: the rectangle
//! that covers most for its length comes first, then what others cover is taken out again. Lines may overlap on purpose: `22
//! from anywhere` and `80 from 10.0.0.0/8` must not become `22 from anywhere but 10.0.0.0/8` and `22,80 from 10.0.0.0/8`.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    addresses,
    atlas::{Diagram, Dimension, Node, NodeId},
    clause::{Family, Interval, merge},
    columns::{collect, columns, cuts_local},
    services::{self, ServiceBox},
};

/// How a point of the picture is to be covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cover {
    /// By no line.
    Never,
    /// A line may cover it: it is in the set, but said elsewhere.
    May,
    /// Some line must.
    Must,
}

/// One line: every service from every peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Services, as boxes that do not overlap.
    pub services: Vec<ServiceBox>,
    /// Peers by family, as intervals that neither touch nor overlap.
    pub peers: BTreeMap<Family, Vec<Interval>>,
    /// The services in text.
    pub services_text: String,
    /// The peers in text.
    pub peers_text: String,
}

impl Line {
    /// How many addresses the peers are, IPv6 counted in networks of 64 bits.
    pub fn size(&self) -> u128 {
        let count = |family: &Family, intervals: &[Interval]| -> u128 {
            let addresses = intervals.iter().fold(0u128, |sum, (first, last)| {
                sum.saturating_add((last - first).saturating_add(1))
            });
            match family {
                Family::V4 => addresses,
                Family::V6 => addresses >> 64,
            }
        };
        self.peers.iter().fold(0, |sum, (family, intervals)| {
            sum.saturating_add(count(family, intervals))
        })
    }
}

impl Line {
    /// Whether the peers are every address of both families.
    pub fn is_everywhere(&self) -> bool {
        Family::BOTH.iter().all(|family| {
            self.peers
                .get(family)
                .is_some_and(|set| *set == [(0, family.last_address())])
        })
    }
}

pub(super) type Peers = BTreeMap<Family, Vec<Interval>>;

/// The lines that cover every `Must` of a diagram's roots and no `Never`. `roots` are those of one world, a root per family.
pub fn lines(diagram: &Diagram<Cover>, roots: &[(Family, NodeId)]) -> Vec<Line> {
    let picture = Picture::new(diagram, roots);
    let mut lines: Vec<Line> = picture
        .cover()
        .into_iter()
        .map(|(rows, columns)| picture.line(&rows, &columns))
        .collect();
    lines.sort_by(|a, b| (&a.services_text, &a.peers_text).cmp(&(&b.services_text, &b.peers_text)));
    lines
}

/// Rows and columns, and how each crossing is to be covered.
struct Picture {
    rows: Vec<Peers>,
    columns: Vec<Vec<ServiceBox>>,
    /// Per row, the columns that lines may cover.
    may: Vec<BTreeSet<usize>>,
    /// Per row, the columns that some line must cover.
    must: Vec<BTreeSet<usize>>,
}

impl Picture {
    fn new(diagram: &Diagram<Cover>, roots: &[(Family, NodeId)]) -> Self {
        let mut peers: BTreeMap<(NodeId, Option<Family>), Peers> = BTreeMap::new();
        for &(family, root) in roots {
            let pieces: Vec<(u128, NodeId)> = match diagram.node(root) {
                Node::Cut(Dimension::Peer, pieces) => pieces.clone(),
                Node::Cut(..) | Node::Leaf(_) => vec![(family.last_address(), root)],
            };
            let mut first = 0;
            for (last, node) in pieces {
                // The same node means the same services in both families, unless it looks at own addresses.
                let own = cuts_local(diagram, node).then_some(family);
                peers
                    .entry((node, own))
                    .or_default()
                    .entry(family)
                    .or_default()
                    .push((first, last));
                first = last.wrapping_add(1);
            }
        }
        let mut rows = Vec::new();
        let mut boxes = Vec::new();
        for ((node, own), mut peers) in peers {
            let mut found = Vec::new();
            collect(diagram, node, own, ServiceBox::ALL, &mut found);
            if found.iter().all(|(_, cover)| *cover == Cover::Never) {
                continue;
            }
            for intervals in peers.values_mut() {
                *intervals = merge(std::mem::take(intervals));
            }
            rows.push(peers);
            boxes.push(found);
        }
        let (columns, may, must) = columns(&rows, &boxes);
        Self {
            rows,
            columns,
            may,
            must,
        }
    }

    /// Greedy choice of rectangles: rows and columns each.
    fn cover(&self) -> Vec<(Vec<usize>, Vec<usize>)> {
        let mut open: BTreeSet<(usize, usize)> = self
            .must
            .iter()
            .enumerate()
            .flat_map(|(row, columns)| columns.iter().map(move |&column| (row, column)))
            .collect();
        let mut candidates: BTreeSet<(Vec<usize>, Vec<usize>)> = BTreeSet::new();
        let closed_columns = |rows: &[usize]| -> Vec<usize> {
            (0..self.columns.len())
                .filter(|column| rows.iter().all(|&row| self.may[row].contains(column)))
                .collect()
        };
        let closed_rows = |columns: &[usize]| -> Vec<usize> {
            (0..self.rows.len())
                .filter(|&row| columns.iter().all(|column| self.may[row].contains(column)))
                .collect()
        };
        for column in 0..self.columns.len() {
            let rows = closed_rows(&[column]);
            if !rows.is_empty() {
                candidates.insert((rows.clone(), closed_columns(&rows)));
            }
        }
        for row in 0..self.rows.len() {
            let columns: Vec<usize> = self.may[row].iter().copied().collect();
            if !columns.is_empty() {
                candidates.insert((closed_rows(&columns), columns));
            }
        }
        // What is said already need not be said again: the rows and columns of a rectangle that are only `May` are left out
        // where the text gets no longer.
        let candidates: Vec<_> = candidates
            .into_iter()
            .map(|(rows, columns)| {
                let cost = self.cost(&rows, &columns);
                (rows, columns, cost)
            })
            .collect();
        let mut chosen: Vec<(Vec<usize>, Vec<usize>, usize)> = Vec::new();
        while !open.is_empty() {
            let gain = |rows: &[usize], columns: &[usize]| {
                rows.iter()
                    .map(|&row| {
                        columns
                            .iter()
                            .filter(|&&column| open.contains(&(row, column)))
                            .count()
                    })
                    .sum::<usize>()
            };
            let best = candidates
                .iter()
                .map(|(rows, columns, cost)| (gain(rows, columns), *cost, rows, columns))
                .filter(|(gain, ..)| *gain > 0)
                .max_by(|a, b| {
                    (a.0 * b.1)
                        .cmp(&(b.0 * a.1))
                        .then_with(|| (b.2, b.3).cmp(&(a.2, a.3)))
                })
                .expect("every open crossing is in the rectangle of its column");
            let (_, cost, rows, columns) = best;
            for &row in rows {
                for &column in columns {
                    open.remove(&(row, column));
                }
            }
            chosen.push((rows.clone(), columns.clone(), cost));
        }
        self.prune(chosen)
    }

    /// Takes out lines that others cover wholly, dearest first, then rows and columns, where the text does not grow.
    fn prune(
        &self,
        mut chosen: Vec<(Vec<usize>, Vec<usize>, usize)>,
    ) -> Vec<(Vec<usize>, Vec<usize>)> {
        let needed = |rows: &[usize],
                      columns: &[usize],
                      others: &[(Vec<usize>, Vec<usize>, usize)],
                      skip: usize| {
            rows.iter().any(|&row| {
                columns.iter().any(|&column| {
                    self.must[row].contains(&column)
                        && !others.iter().enumerate().any(|(index, (r, c, _))| {
                            index != skip && r.contains(&row) && c.contains(&column)
                        })
                })
            })
        };
        let mut order: Vec<usize> = (0..chosen.len()).collect();
        order.sort_by_key(|&index| std::cmp::Reverse(chosen[index].2));
        let mut gone = BTreeSet::new();
        for index in order {
            let (rows, columns, _) = chosen[index].clone();
            if !needed(&rows, &columns, &chosen, index) {
                chosen[index].0.clear();
                chosen[index].1.clear();
                gone.insert(index);
            }
        }
        for index in (0..chosen.len())
            .filter(|index| !gone.contains(index))
            .collect::<Vec<_>>()
        {
            for side in [true, false] {
                let (rows, columns, _) = chosen[index].clone();
                for &item in if side { &rows } else { &columns } {
                    let (rows, columns, cost) = chosen[index].clone();
                    let fewer_rows: Vec<usize> = rows
                        .iter()
                        .copied()
                        .filter(|&row| !(side && row == item))
                        .collect();
                    let fewer_columns: Vec<usize> = columns
                        .iter()
                        .copied()
                        .filter(|&column| side || column != item)
                        .collect();
                    let (cut_rows, cut_columns): (&[usize], &[usize]) = if side {
                        (&[item], &columns)
                    } else {
                        (&rows, &[item])
                    };
                    if fewer_rows.is_empty()
                        || fewer_columns.is_empty()
                        || needed(cut_rows, cut_columns, &chosen, index)
                    {
                        continue;
                    }
                    let less = self.cost(&fewer_rows, &fewer_columns);
                    if less <= cost {
                        chosen[index] = (fewer_rows, fewer_columns, less);
                    }
                }
            }
        }
        chosen
            .into_iter()
            .filter(|(rows, ..)| !rows.is_empty())
            .map(|(rows, columns, _)| (rows, columns))
            .collect()
    }

    fn cost(&self, rows: &[usize], columns: &[usize]) -> usize {
        let peers = self.peers(rows);
        let (_, addresses) = peers_text(&peers);
        let (_, services) = services::print(&self.services(columns), peers.keys().copied());
        2 + addresses + services
    }

    fn peers(&self, rows: &[usize]) -> Peers {
        let mut union: Peers = BTreeMap::new();
        for &row in rows {
            for (family, intervals) in &self.rows[row] {
                union.entry(*family).or_default().extend(intervals);
            }
        }
        for intervals in union.values_mut() {
            *intervals = merge(std::mem::take(intervals));
        }
        union
    }

    fn services(&self, columns: &[usize]) -> Vec<ServiceBox> {
        columns
            .iter()
            .flat_map(|&column| self.columns[column].iter().cloned())
            .collect()
    }

    fn line(&self, rows: &[usize], columns: &[usize]) -> Line {
        let peers = self.peers(rows);
        let services = self.services(columns);
        let (peers_text, _) = peers_text(&peers);
        let (services_text, _) = services::print(&services, peers.keys().copied());
        Line {
            services,
            peers,
            services_text,
            peers_text,
        }
    }
}

/// Peers of both families in text, and of how many tokens it is made.
fn peers_text(peers: &Peers) -> (String, usize) {
    addresses::print_all(peers.iter().map(|(family, set)| (*family, set.as_slice())))
}
