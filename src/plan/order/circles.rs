//! Changes that hold each other back in a circle, and which modifies to take apart so that none is left.

use super::graph::Graph;

/// Modifies of one circle for each of which one is taken apart at a time.
const LARGE: usize = 16;

impl Graph<'_> {
    /// Modifies to take apart, so that no circle is left that has one to take apart, and the circles that never had any.
    ///
    /// Of a circle the first goes and the rest is looked at again; of a large one a few go at a time.
    pub fn split(&self) -> (Vec<usize>, Vec<Vec<usize>>) {
        let mut apart = vec![false; self.before.len()];
        let mut split = Vec::new();
        loop {
            let circles = self.circles(&apart);
            let before = split.len();
            for circle in &circles {
                let modifies: Vec<usize> = circle
                    .iter()
                    .copied()
                    .filter(|&index| self.nodes[index].splittable)
                    .collect();
                let some = (modifies.len() / LARGE).max(1);
                split.extend(modifies.into_iter().take(some));
            }
            if split.len() == before {
                return (split, circles);
            }
            for &index in &split[before..] {
                apart[index] = true;
            }
        }
    }

    /// Strongly connected parts of more than one change, without those `left_out` (Tarjan's algorithm without recursion).
    fn circles(&self, left_out: &[bool]) -> Vec<Vec<usize>> {
        let n = self.before.len();
        let mut index = vec![usize::MAX; n];
        let mut low = vec![0; n];
        let mut on_stack = vec![false; n];
        let mut stack = Vec::new();
        let mut next = 0;
        let mut circles = Vec::new();
        for root in 0..n {
            if left_out[root] || index[root] != usize::MAX {
                continue;
            }
            let mut path = vec![(root, 0)];
            while let Some(&mut (node, ref mut edge)) = path.last_mut() {
                if *edge == 0 && index[node] == usize::MAX {
                    index[node] = next;
                    low[node] = next;
                    next += 1;
                    stack.push(node);
                    on_stack[node] = true;
                }
                if let Some(&to) = self.before[node].get(*edge) {
                    *edge += 1;
                    if left_out[to] {
                        continue;
                    }
                    if index[to] == usize::MAX {
                        path.push((to, 0));
                    } else if on_stack[to] {
                        low[node] = low[node].min(index[to]);
                    }
                    continue;
                }
                path.pop();
                if let Some(&(parent, _)) = path.last() {
                    low[parent] = low[parent].min(low[node]);
                }
                if low[node] == index[node] {
                    let start = stack
                        .iter()
                        .rposition(|&on| on == node)
                        .expect("its root is on the stack");
                    let mut part = stack.split_off(start);
                    for &member in &part {
                        on_stack[member] = false;
                    }
                    // Knots are no changes.
                    part.retain(|&member| member < self.nodes.len());
                    if part.len() > 1 {
                        part.sort_unstable();
                        circles.push(part);
                    }
                }
            }
        }
        circles.sort();
        circles
    }
}
