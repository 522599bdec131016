//! Minimum-cost matching between old and new rules.

/// Cost of a pair that must not be matched.
pub const FORBIDDEN: u32 = u32::MAX;

/// Matches rows to columns: as many allowed pairs as possible, of all such matchings one of least total cost. Returns the column
/// of each row. `cost` is asked for every pair once; equal input gives the same matching.
///
/// The Hungarian method with potentials, O(r²·c) for r rows and c columns, and far less where many pairs cost the same, as rules do that
/// differ in as many fields. A row may also stay without a column, which is dearer than all allowed pairs together. Best called with the
/// shorter side as rows.
pub fn assign(
    rows: usize,
    columns: usize,
    cost: impl Fn(usize, usize) -> u32,
) -> Vec<Option<usize>> {
    let allowed: Vec<u32> = (0..rows)
        .flat_map(|row| (0..columns).map(move |column| (row, column)))
        .map(|(row, column)| cost(row, column))
        .collect();
    let dearest = allowed
        .iter()
        .copied()
        .filter(|&cost| cost != FORBIDDEN)
        .max()
        .unwrap_or(0);
    let unmatched =
        (i64::from(dearest) + 1) * i64::try_from(rows + 1).expect("fewer than 2^31 rules");

    // Rows and columns count from 1; column 0 holds the row that is being placed, and the last stands for none: there is room for every row.
    let none = columns + 1;
    let price = |row: usize, column: usize| -> Option<i64> {
        if column == none {
            return Some(unmatched);
        }
        let cost = allowed[(row - 1) * columns + column - 1];
        (cost != FORBIDDEN).then(|| i64::from(cost))
    };
    let mut row_potential = vec![0i64; rows + 1];
    let mut column_potential = vec![0i64; none + 1];
    let mut row_of = vec![0usize; none + 1];
    let mut previous = vec![0usize; none + 1];
    for row in 1..=rows {
        row_of[0] = row;
        let mut column = 0;
        let mut slack = vec![i64::MAX; none + 1];
        let mut visited = vec![false; none + 1];
        while column != none && row_of[column] != 0 {
            visited[column] = true;
            let current = row_of[column];
            let mut delta = i64::MAX;
            let mut next = none;
            for candidate in (1..=none).filter(|&candidate| !visited[candidate]) {
                if let Some(price) = price(current, candidate) {
                    let reduced = price - row_potential[current] - column_potential[candidate];
                    if reduced < slack[candidate] {
                        slack[candidate] = reduced;
                        previous[candidate] = column;
                    }
                }
                // Among equals one that is free: the search ends there.
                let is_better = slack[candidate] < delta
                    || (slack[candidate] == delta && row_of[candidate] == 0 && row_of[next] != 0);
                if is_better {
                    delta = slack[candidate];
                    next = candidate;
                }
            }
            for candidate in 0..=none {
                if visited[candidate] {
                    row_potential[row_of[candidate]] += delta;
                    column_potential[candidate] -= delta;
                } else if slack[candidate] != i64::MAX {
                    slack[candidate] -= delta;
                }
            }
            column = next;
        }
        while column != 0 {
            if column != none {
                row_of[column] = row_of[previous[column]];
                column = previous[column];
            } else {
                // Nobody stands there; who came last leaves its place.
                column = previous[none];
            }
        }
    }

    let mut matched = vec![None; rows];
    for column in (1..=columns).filter(|&column| row_of[column] != 0) {
        matched[row_of[column] - 1] = Some(column - 1);
    }
    matched
}

/// A good matching where the best would take too long: the cheapest pairs first, in canonical order among equals. Pairs as `(row, column)`.
pub fn assign_greedily(
    rows: usize,
    columns: usize,
    cost: impl Fn(usize, usize) -> u32,
) -> Vec<(usize, usize)> {
    let mut pairs: Vec<(u32, usize, usize)> = (0..rows)
        .flat_map(|row| (0..columns).map(move |column| (row, column)))
        .map(|(row, column)| (cost(row, column), row, column))
        .filter(|(cost, ..)| *cost != FORBIDDEN)
        .collect();
    pairs.sort_unstable();
    let (mut taken_rows, mut taken_columns) = (vec![false; rows], vec![false; columns]);
    let mut matched = Vec::new();
    for (_, row, column) in pairs {
        if !taken_rows[row] && !taken_columns[column] {
            (taken_rows[row], taken_columns[column]) = (true, true);
            matched.push((row, column));
        }
    }
    matched.sort_unstable();
    matched
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Pairs and total cost of the best matching, by trying all.
    fn best(
        rows: usize,
        columns: usize,
        costs: &[Vec<u32>],
        row: usize,
        used: u32,
    ) -> (usize, u32) {
        if row == rows {
            return (0, 0);
        }
        let mut best_so_far = best(rows, columns, costs, row + 1, used);
        for column in 0..columns {
            if used & (1 << column) == 0 && costs[row][column] != FORBIDDEN {
                let (pairs, cost) = best(rows, columns, costs, row + 1, used | (1 << column));
                let candidate = (pairs + 1, cost + costs[row][column]);
                if candidate.0 > best_so_far.0
                    || (candidate.0 == best_so_far.0 && candidate.1 < best_so_far.1)
                {
                    best_so_far = candidate;
                }
            }
        }
        best_so_far
    }

    proptest! {
        #[test]
        fn matches_most_pairs_at_least_cost(
            costs in (0usize..6, 0usize..6).prop_flat_map(|(rows, columns)| {
                prop::collection::vec(
                    prop::collection::vec(prop_oneof![1u32..9, Just(FORBIDDEN)], columns),
                    rows,
                )
            })
        ) {
            let rows = costs.len();
            let columns = costs.first().map_or(0, Vec::len);
            let matched = assign(rows, columns, |row, column| costs[row][column]);
            let pairs: Vec<_> = matched.iter().enumerate().filter_map(|(r, c)| c.map(|c| (r, c))).collect();
            let distinct: std::collections::BTreeSet<_> = pairs.iter().map(|(_, c)| c).collect();
            prop_assert_eq!(distinct.len(), pairs.len());
            let total = pairs.iter().map(|&(r, c)| costs[r][c]).sum::<u32>();
            prop_assert_eq!((pairs.len(), total), best(rows, columns, &costs, 0, 0));
        }
    }
}
