//! Lists that could not be read: every content counts.

use std::collections::BTreeSet;

use super::{Look, Status};
use crate::traffic::{
    atlas::{SignatureId, World, worlds},
    clause::{Family, Symbol},
};

/// Most sets of unread lists that are looked at.
const MANY_WORLDS: usize = 500;

impl Look<'_> {
    /// Unread lists of which it depends whether packets have a status: those in them have it and the same packets outside of them have not, or
    /// the other way round.
    pub(super) fn depends_on(&self, labels: &[Option<Status>], status: Status) -> Vec<Symbol> {
        let diagram = &self.space.atlas.diagram;
        let root_of = |world: &World, family: Family| {
            let mut roots = diagram.roots.iter();
            roots.find_map(|(other, of, root)| (other == world && *of == family).then_some(*root))
        };
        let mut found: BTreeSet<Symbol> = BTreeSet::new();
        for (world, family, inside) in &diagram.roots {
            for list in world.iter().filter(|symbol| self.is_unread(symbol)) {
                let mut without = world.clone();
                without.retain(|symbol| symbol != list);
                let outside = root_of(&without, *family);
                if let Some(outside) = outside.filter(|_| !found.contains(list)) {
                    let has = |SignatureId(id): SignatureId| labels[id as usize] == Some(status);
                    let (product, roots) = diagram.product(&[vec![*inside, outside]], |both| {
                        has(both[0]) != has(both[1])
                    });
                    let leads = product.leads(|differs| *differs);
                    if roots.iter().any(|root| leads[root.index()]) {
                        found.insert(list.clone());
                    }
                }
            }
        }
        found.into_iter().collect()
    }

    fn is_unread(&self, symbol: &Symbol) -> bool {
        !matches!(symbol, Symbol::Group(_)) && Some(symbol) != self.kind
    }
}

/// Peers of no list and of every few unread lists; and, if members of a symbol are asked about, each once more as its member.
pub(super) fn kinds_of_worlds(
    symbols: &[Symbol],
    kind: Option<&Symbol>,
    size: usize,
) -> Vec<World> {
    let unread: Vec<Symbol> = symbols
        .iter()
        .filter(|symbol| !matches!(symbol, Symbol::Group(_)) && Some(*symbol) != kind)
        .cloned()
        .collect();
    let mut size = size;
    let mut all = worlds(&unread, size.min(1));
    while size > 1 {
        let more = if unread.len() > 24 {
            Vec::new()
        } else {
            worlds(&unread, size)
        };
        if !more.is_empty() && more.len() <= MANY_WORLDS {
            all = more;
            break;
        }
        size -= 1;
    }
    let Some(kind) = kind else { return all };
    let members: Vec<World> = all
        .iter()
        .map(|world| {
            let mut world = world.clone();
            world.push(kind.clone());
            world.sort();
            world
        })
        .collect();
    all.extend(members);
    all
}
