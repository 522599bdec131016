//! What becomes of a set of packets, and why: what is admitted and refused, the rules that decide, what they beat, and the rules that
//! nearly matched. One packet is the set of one.

mod near;
mod points;

use std::collections::{BTreeMap, BTreeSet};

use self::{near::fails, points::Points};
use super::{
    atlas::{Diagram, Node, NodeId, SignatureId, World},
    bits::Bits,
    clause::{Clause, Family, Resolve, Symbol},
    difference::shares,
    lines::{Cover, lines},
    space::Space,
    speak::{Statement, Who},
};
use crate::model::{Policy, Rule};

/// Packets of one direction and one network interface.
#[derive(Clone, Debug)]
pub struct Question {
    /// What all peers belong to beside their addresses. They belong to no other group; whether they, or their ports, are in other lists
    /// that could not be read is not known.
    pub member_of: World,
    /// The packets, as boxes whose far ends are addresses or everyone. Source ports and own addresses that they leave open have not
    /// been told.
    pub boxes: Vec<Clause>,
}

/// What becomes of the packets of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Every one passes, whatever has not been told.
    Admitted,
    /// None passes, whatever has not been told.
    Refused,
    /// Some pass and some do not, whatever has not been told.
    Partly,
    /// What has not been told decides.
    Depends,
}

/// What has not been told and decides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unknown {
    /// The source port.
    SourcePort,
    /// The member's own address.
    Local,
    /// What is in a list.
    List(Symbol),
}

/// What becomes of a packet of which all is told but what is in lists that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// The same, whatever is in the lists.
    Sure(Policy),
    /// Lists decide.
    Open {
        /// What becomes of it when it is in none of them.
        otherwise: Policy,
    },
}

impl Fate {
    /// In the order in which they are told.
    const ALL: [Self; 4] = [
        Self::Sure(Policy::Accept),
        Self::Sure(Policy::Drop),
        Self::Open {
            otherwise: Policy::Accept,
        },
        Self::Open {
            otherwise: Policy::Drop,
        },
    ];
}

/// Packets of a question that meet the same fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share<'a> {
    /// What becomes of them.
    pub fate: Fate,
    /// Which they are.
    pub what: Statement,
    /// The rules that decide, the widest first; `None` is the default. Where lists decide: of what is in none of them.
    pub by: Vec<Option<&'a Rule>>,
    /// Where lists decide: the rules about these lists, from strongest to weakest.
    pub perhaps: Vec<&'a Rule>,
}

/// A part of a rule that packets can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Protocol number.
    Protocol,
    /// Destination port.
    Port,
    /// Source port.
    SourcePort,
    /// The far end.
    Peer,
    /// The member's own address.
    Local,
}

/// The answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// In one word.
    pub verdict: Verdict,
    /// What has not been told and would change it.
    pub unknown: Vec<Unknown>,
    /// Every packet of the question, once.
    pub shares: Vec<Share<'a>>,
    /// Rules that match some of the packets and decide about none, from strongest to weakest.
    pub beaten: Vec<&'a Rule>,
    /// Rules that match none of them and fail in exactly one part, from strongest to weakest.
    pub near: Vec<(&'a Rule, Part)>,
}

impl<'a> Answer<'a> {
    /// Every rule that decides about some packet, or may; `None` is the default.
    pub fn deciders(&self) -> impl Iterator<Item = Option<&'a Rule>> + '_ {
        self.shares.iter().flat_map(|share| {
            let perhaps = share.perhaps.iter().map(|rule| Some(*rule));
            share.by.iter().copied().chain(perhaps)
        })
    }
}

/// Answers a question about rules of its direction and interface; `None` when it is about no packet.
pub fn explain<'a>(
    rules: &[&'a Rule],
    question: &Question,
    default: Policy,
    resolve: &Resolve<'_>,
) -> Option<Answer<'a>> {
    let symbols: BTreeSet<Symbol> = question.member_of.iter().cloned().collect();
    let base: World = symbols.iter().cloned().collect();
    let worlds = worlds(rules, &symbols, resolve);
    let space = Space::asking_all(
        rules.iter().copied(),
        default,
        resolve,
        question.boxes.clone(),
        |_| worlds.clone(),
    );
    let inquiry = Inquiry {
        state: space.state(rules.iter().copied()),
        space: &space,
        worlds: &worlds,
        base: &base,
    };
    inquiry.answer(question)
}

/// The told memberships, then with what each rule about an unread list asks for beside them: whatever the lists hold, who wins wins too where
/// the packet is in the winner's lists alone.
fn worlds(rules: &[&Rule], told: &BTreeSet<Symbol>, resolve: &Resolve<'_>) -> Vec<World> {
    let base: World = told.iter().cloned().collect();
    let mut more: BTreeSet<World> = BTreeSet::new();
    for rule in rules {
        let asked: BTreeSet<Symbol> = Clause::of(rule, resolve).symbols().collect();
        let is_possible = asked
            .iter()
            .all(|symbol| told.contains(symbol) || !matches!(symbol, Symbol::Group(_)));
        if is_possible {
            more.insert(told.union(&asked).cloned().collect());
        }
    }
    more.remove(&base);
    std::iter::once(base).chain(more).collect()
}

struct Inquiry<'s, 'a> {
    space: &'s Space<'a>,
    state: Bits,
    /// The first is the base.
    worlds: &'s [World],
    base: &'s World,
}

impl<'a> Inquiry<'_, 'a> {
    fn answer(&self, question: &Question) -> Option<Answer<'a>> {
        let diagram = &self.space.atlas.diagram;
        let roots: BTreeMap<(&World, Family), NodeId> = diagram
            .roots
            .iter()
            .map(|(world, family, root)| ((world, *family), *root))
            .collect();
        let tuples = Family::BOTH.map(|family| -> Vec<NodeId> {
            let worlds = self.worlds.iter();
            worlds.map(|world| roots[&(world, family)]).collect()
        });
        let (fates, fate_roots) = diagram.product(&tuples, |signatures| self.fate(signatures));
        let mut points = Points::new(&fates);
        for root in &fate_roots {
            points.look(*root);
        }
        let shares = self.shares(&fates, &fate_roots);
        let mut verdict = points.verdict()?;
        let mut unknown: BTreeSet<Unknown> = points.unknown;
        let lists = shares.iter().flat_map(|share| &share.perhaps);
        let lists = lists.flat_map(|rule| self.clause(rule).symbols());
        let lists = lists.filter(|symbol| !self.base.contains(symbol));
        unknown.extend(lists.map(Unknown::List));
        // Which addresses or ports an unread list has is not known, so that which of the shares it is in is not either.
        let is_list = |symbol: &&Symbol| !matches!(symbol, Symbol::Group(_));
        if verdict == Verdict::Partly && self.base.iter().any(|symbol| is_list(&symbol)) {
            verdict = Verdict::Depends;
            let lists = self.base.iter().filter(is_list);
            unknown.extend(lists.cloned().map(Unknown::List));
        }
        let [v4, v6] = tuples.map(|tuple| tuple[0]);
        let (beaten, matching) = self.beaten([v4, v6], &shares);
        Some(Answer {
            verdict,
            unknown: unknown.into_iter().collect(),
            near: self.near(question, &matching),
            shares,
            beaten,
        })
    }

    fn is_asked(&self, signature: &Bits) -> bool {
        let mut questions = self.space.questions.iter();
        questions.any(|asked| signature.contains(*asked))
    }

    fn signature(&self, SignatureId(id): SignatureId) -> &Bits {
        &self.space.atlas.signatures[id as usize]
    }

    fn clause(&self, rule: &Rule) -> &Clause {
        let index = self.space.index_of(rule);
        &self.space.clauses[index.expect("rules of the answer are of the space")]
    }

    /// Of packets by their signatures in all worlds; `None`: not asked about.
    fn fate(&self, signatures: &[SignatureId]) -> Option<Fate> {
        let verdict = |id: SignatureId| self.space.verdict(self.signature(id), &self.state);
        let (first, others) = signatures.split_first().expect("there is the base");
        if !self.is_asked(self.signature(*first)) {
            return None;
        }
        let otherwise = verdict(*first);
        let is_sure = others.iter().all(|id| verdict(*id) == otherwise);
        Some(if is_sure {
            Fate::Sure(otherwise)
        } else {
            Fate::Open { otherwise }
        })
    }

    fn shares(&self, fates: &Diagram<Option<Fate>>, roots: &[NodeId]) -> Vec<Share<'a>> {
        let atlas = &self.space.atlas;
        let asked: Vec<bool> = atlas.signatures.iter().map(|s| self.is_asked(s)).collect();
        let leads = atlas.diagram.leads(|SignatureId(id)| asked[*id as usize]);
        let tuples: Vec<Vec<NodeId>> = roots.iter().map(|root| vec![*root]).collect();
        let mut shares = Vec::new();
        for fate in Fate::ALL {
            let (picture, roots) = fates.product(&tuples, |labels| {
                if labels[0] == Some(fate) {
                    Cover::Must
                } else {
                    Cover::Never
                }
            });
            let roots: Vec<(Family, NodeId)> = Family::BOTH.into_iter().zip(roots).collect();
            let mut found: Vec<Statement> = lines(&picture, &roots)
                .into_iter()
                .map(|line| Statement {
                    line,
                    who: who(self.base),
                })
                .collect();
            found.sort_by(|a, b| a.order().cmp(&b.order()));
            shares.extend(found.into_iter().map(|what| {
                let winners = self.winners(&what, &leads);
                Share {
                    fate,
                    by: winners
                        .into_iter()
                        .map(|index| self.space.rules[index])
                        .collect(),
                    perhaps: match fate {
                        Fate::Sure(_) => Vec::new(),
                        Fate::Open { otherwise } => self.perhaps(&what, &leads, otherwise),
                    },
                    what,
                }
            }));
        }
        shares
    }

    /// Who decides about packets, the widest first.
    fn winners(&self, what: &Statement, leads: &[bool]) -> Vec<usize> {
        let mut sizes: BTreeMap<usize, f64> = BTreeMap::new();
        for (id, size) in shares(self.space, what, leads) {
            let winner = self.space.winner(self.signature(id), &self.state);
            *sizes.entry(winner).or_default() += size;
        }
        let mut sizes: Vec<(usize, f64)> = sizes.into_iter().collect();
        sizes.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        sizes.into_iter().map(|(index, _)| index).collect()
    }

    /// The rules about unread lists that matter to packets: those that say the other thing, and those that keep such a one from deciding.
    fn perhaps(&self, what: &Statement, leads: &[bool], otherwise: Policy) -> Vec<&'a Rule> {
        let mut winners: BTreeSet<usize> = BTreeSet::new();
        for world in &self.worlds[1..] {
            let what = Statement {
                line: what.line.clone(),
                who: who(world),
            };
            winners.extend(self.winners(&what, leads));
        }
        let base: BTreeSet<usize> = self.winners(what, leads).into_iter().collect();
        let winners: BTreeSet<usize> = winners.difference(&base).copied().collect();
        let says_other = |index: &&usize| self.space.clauses[**index].policy != otherwise;
        let weakest = winners.iter().filter(says_other).max().copied();
        winners
            .into_iter()
            .filter(|index| weakest.is_some_and(|weakest| *index <= weakest))
            .filter_map(|index| self.space.rules[index])
            .collect()
    }

    /// Rules that match without deciding, and the places of all that match.
    fn beaten(&self, roots: [NodeId; 2], shares: &[Share<'a>]) -> (Vec<&'a Rule>, Bits) {
        let diagram = &self.space.atlas.diagram;
        let mut matching = Bits::new(self.space.rules.len());
        let mut seen: BTreeSet<NodeId> = BTreeSet::new();
        let mut open: Vec<NodeId> = roots.into();
        while let Some(node) = open.pop() {
            if !seen.insert(node) {
                continue;
            }
            match diagram.node(node) {
                Node::Cut(_, pieces) => open.extend(pieces.iter().map(|(_, child)| *child)),
                Node::Leaf(id) if self.is_asked(self.signature(*id)) => {
                    matching = matching.or(self.signature(*id));
                }
                Node::Leaf(_) => {}
            }
        }
        let decide: BTreeSet<usize> = shares
            .iter()
            .flat_map(|share| share.by.iter().flatten().chain(&share.perhaps))
            .filter_map(|rule| self.space.index_of(rule))
            .collect();
        let beaten = matching.iter().filter(|index| !decide.contains(index));
        let beaten = beaten.filter_map(|index| self.space.rules[index]);
        (beaten.collect(), matching)
    }

    fn near(&self, question: &Question, matching: &Bits) -> Vec<(&'a Rule, Part)> {
        let rules = self.space.rules.iter().enumerate();
        let rules = rules.filter(|(index, _)| !matching.contains(*index));
        rules
            .filter_map(|(index, rule)| {
                let clause = &self.space.clauses[index];
                let mut boxes = question.boxes.iter();
                let part = boxes.find_map(|asked| match fails(clause, asked, self.base)[..] {
                    [part] => Some(part),
                    _ => None,
                });
                Some(((*rule)?, part?))
            })
            .collect()
    }
}

fn who(world: &World) -> Who {
    if world.is_empty() {
        Who::Anyone
    } else {
        Who::MembersOf(world.clone())
    }
}
