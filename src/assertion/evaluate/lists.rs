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

/// Peers of no list and of every few unread lists, and in any case of those that one rule asks for; and, if members of a symbol are asked
/// about, each once more as its member.
pub(super) fn kinds_of_worlds(
    symbols: &[Symbol],
    own: impl Iterator<Item = World>,
    kind: Option<&Symbol>,
    size: usize,
) -> Vec<World> {
    let is_unread = |symbol: &Symbol| !matches!(symbol, Symbol::Group(_)) && Some(symbol) != kind;
    let unread = symbols.iter().filter(|symbol| is_unread(symbol));
    let unread: Vec<Symbol> = unread.cloned().collect();
    let fits = |size: &usize| sets(unread.len(), *size) <= MANY_WORLDS;
    let size = (2..=size).rev().find(fits).unwrap_or(size.min(1));
    let mut all = worlds(&unread, size);
    let known: BTreeSet<World> = all.iter().cloned().collect();
    let own: BTreeSet<World> = own
        .map(|mut world| {
            world.retain(is_unread);
            world.sort();
            world
        })
        .collect();
    // What each of their members alone asks for is among the others.
    all.extend(own.into_iter().filter(|world| !known.contains(world)));
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

/// How many sets of at most so many of some things there are.
fn sets(things: usize, size: usize) -> usize {
    let mut all: usize = 1;
    let mut of_size: usize = 1;
    for taken in 0..size.min(things) {
        of_size = of_size.saturating_mul(things - taken) / (taken + 1);
        all = all.saturating_add(of_size);
    }
    all
}
