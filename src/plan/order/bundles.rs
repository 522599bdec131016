//! Which of many boxes meet which others, without a look at every pair.
//!
//! Two boxes meet where their intervals overlap in every dimension. The pairs come in bundles, everything of the one list with everything of the
//! other, each pair in one bundle exactly: where everything meets everything that is one bundle, where boxes lie apart few are found at all.

/// Dimensions of a box.
pub const DIMENSIONS: usize = 10;

/// From the first to the last, both included.
pub type Interval = (u128, u128);

/// Everything.
pub const ANY: Interval = (0, u128::MAX);

/// An interval in each dimension, none of them empty.
pub type Bounds = [Interval; DIMENSIONS];

/// Fewer of one side than this are simply compared with all of the other.
const FEW: usize = 8;

/// Places in the two lists: each of the first meets each of the second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    pub left: Vec<usize>,
    pub right: Vec<usize>,
}

/// All pairs of boxes that meet. Adds the pairs that were compared to `looked`.
pub fn bundles(left: &[Bounds], right: &[Bounds], looked: &mut usize) -> Vec<Bundle> {
    let mut search = Search {
        left,
        right,
        looked,
        found: Vec::new(),
    };
    search.meet((0..left.len()).collect(), (0..right.len()).collect(), 0);
    search.found
}

struct Search<'a> {
    left: &'a [Bounds],
    right: &'a [Bounds],
    looked: &'a mut usize,
    found: Vec<Bundle>,
}

impl Search<'_> {
    /// Boxes that overlap in all dimensions before `dimension`.
    fn meet(&mut self, left: Vec<usize>, right: Vec<usize>, dimension: usize) {
        if left.is_empty() || right.is_empty() {
            return;
        }
        let (one, other) = (self.left, self.right);
        let apart = |&dimension: &usize| !all_overlap(one, &left, other, &right, dimension);
        let Some(dimension) = (dimension..DIMENSIONS).find(apart) else {
            self.found.push(Bundle { left, right });
            return;
        };
        if left.len().min(right.len()) < FEW {
            self.compare(&left, &right, dimension);
            return;
        }
        // Of two intervals that overlap the second begins within the first, or the first within the second but not where that begins.
        let within = |bounds: &[Bounds], places: &[usize], after: u128| -> Vec<(usize, Interval)> {
            let interval = |&place: &usize| {
                let (first, last) = bounds[place][dimension];
                let first = first.checked_add(after).filter(|first| *first <= last)?;
                Some((place, (first, last)))
            };
            places.iter().filter_map(interval).collect()
        };
        let begins = |bounds: &[Bounds], places: &[usize]| -> Vec<(usize, u128)> {
            let mut points: Vec<(usize, u128)> = places
                .iter()
                .map(|&place| (place, bounds[place][dimension].0))
                .collect();
            points.sort_unstable_by_key(|&(place, point)| (point, place));
            points
        };
        let next = dimension + 1;
        let (intervals, points) = (within(one, &left, 0), begins(other, &right));
        stab(intervals, &points, &mut |left, right| {
            self.meet(left, right, next);
        });
        let (intervals, points) = (within(other, &right, 1), begins(one, &left));
        stab(intervals, &points, &mut |right, left| {
            self.meet(left, right, next);
        });
    }

    fn compare(&mut self, left: &[usize], right: &[usize], dimension: usize) {
        *self.looked += left.len() * right.len();
        let meets = |one: usize, other: usize| {
            (dimension..DIMENSIONS)
                .all(|dimension| overlap(self.left[one][dimension], self.right[other][dimension]))
        };
        let mut found = Vec::new();
        if left.len() < right.len() {
            for &one in left {
                let right: Vec<usize> = right
                    .iter()
                    .copied()
                    .filter(|&other| meets(one, other))
                    .collect();
                found.push(Bundle {
                    left: vec![one],
                    right,
                });
            }
        } else {
            for &other in right {
                let left: Vec<usize> = left
                    .iter()
                    .copied()
                    .filter(|&one| meets(one, other))
                    .collect();
                found.push(Bundle {
                    left,
                    right: vec![other],
                });
            }
        }
        let some = |bundle: &Bundle| !bundle.left.is_empty() && !bundle.right.is_empty();
        self.found.extend(found.into_iter().filter(some));
    }
}

fn overlap(one: Interval, other: Interval) -> bool {
    one.0 <= other.1 && other.0 <= one.1
}

/// Whether each of the one overlaps with each of the other in a dimension.
fn all_overlap(
    one: &[Bounds],
    left: &[usize],
    other: &[Bounds],
    right: &[usize],
    dimension: usize,
) -> bool {
    let core = |bounds: &[Bounds], places: &[usize]| {
        places
            .iter()
            .map(|&place| bounds[place][dimension])
            .fold((0, u128::MAX), |(first, last), (a, b)| {
                (first.max(a), last.min(b))
            })
    };
    let (one, other) = (core(one, left), core(other, right));
    one.0 <= other.1 && other.0 <= one.1
}

/// Which points, sorted, lie in which intervals: lists of intervals that hold each of a list of points.
fn stab(
    intervals: Vec<(usize, Interval)>,
    points: &[(usize, u128)],
    found: &mut dyn FnMut(Vec<usize>, Vec<usize>),
) {
    let (Some(&(_, first)), Some(&(_, last))) = (points.first(), points.last()) else {
        return;
    };
    let (all, some): (Vec<_>, Vec<_>) = intervals
        .into_iter()
        .filter(|(_, interval)| overlap(*interval, (first, last)))
        .partition(|(_, interval)| interval.0 <= first && last <= interval.1);
    if !all.is_empty() {
        let places = |of: &[(usize, Interval)]| of.iter().map(|(place, _)| *place).collect();
        found(
            places(&all),
            points.iter().map(|(place, _)| *place).collect(),
        );
    }
    // Whoever holds some points but not all has more than one to choose from.
    if !some.is_empty() {
        let (before, after) = points.split_at(points.len() / 2);
        stab(some.clone(), before, found);
        stab(some, after, found);
    }
}
