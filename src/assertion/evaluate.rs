//! Judges assertions on packets: in the state before, in the result, and in every state that a schedule may pass through.
//!
//! The packets that assertions speak of are further boxes in the atlas of the rules that meet them, so that each signature is wholly
//! meant by an assertion or not at all; then a verdict is a look at the strongest rule of a state. A packet about which the state
//! before and the result agree with the assertion may still violate it in between: whether it does is asked of the worst state of each
//! wave, as in the certificate (for the packet's own verdict, which is one and the same for forbidding and for requiring).
//!
//! Which peers are meant: an address is one, whoever has it, as long as it is not said to be a member of a group; a group or a list is
//! every address while it is a member of that group or in that list. What a list holds that could not be read is unknown: every content
//! counts, and what violates in some is told with the lists it depends on.

mod lists;

use std::collections::{BTreeMap, BTreeSet};

use self::lists::kinds_of_worlds;
use super::{
    Allowance, Claim, Evidence, Status,
    states::{Counts, Fate, States},
};
use crate::{
    model::{Policy, Rule},
    traffic::{
        atlas::SignatureId,
        bits::Bits,
        certificate::Move,
        clause::{Clause, Far, Resolve, Symbol},
        difference::shares,
        lines::Cover,
        space::Space,
        speak::{Statement, Who, speak_covering},
    },
};

/// Most rules named for a line of traffic.
const MOST_DECIDERS: usize = 8;

/// The rules of one direction and network interface, and what becomes of them.
#[derive(Clone, Debug)]
pub struct Course<'a> {
    /// What becomes of packets that no rule matches.
    pub default: Policy,
    /// The rules before.
    pub old: Vec<&'a Rule>,
    /// The changes, wave by wave; none: the result is as before.
    pub waves: Vec<Vec<Move<'a>>>,
}

/// An assertion as boxes of packets.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What it says of them.
    pub claim: Claim,
    /// How many addresses may violate it.
    pub allowance: Option<Allowance>,
    /// The packets, one by one of the peers' kinds; rank and policy do not count.
    pub clauses: Vec<Clause>,
    /// Waivers that count, by number, with the packets each is limited to; `None`: all.
    pub waivers: Vec<(usize, Option<Vec<Clause>>)>,
}

/// Packets that violate an assertion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The assertion, as an index.
    pub asked: usize,
    /// Since when.
    pub status: Status,
    /// Which packets. A line may reach beyond the assertion's peers where the group does the same to them.
    pub traffic: Vec<Evidence>,
    /// Lists that could not be read and decide.
    pub depends_on: Vec<Symbol>,
}

/// Judges every assertion; the violations, by assertion and status.
pub fn judge(course: &Course<'_>, asked: &[Asked], resolve: &Resolve<'_>) -> Vec<Found> {
    let come = course.waves.iter().flatten().filter_map(|step| step.come);
    let rules: Vec<(&Rule, Clause)> = course
        .old
        .iter()
        .copied()
        .chain(come)
        .map(|rule| (rule, Clause::of(rule, resolve)))
        .collect();
    // Of whom the questions are: addresses, or the members of one symbol.
    let mut kinds: BTreeSet<Option<&Symbol>> = BTreeSet::new();
    for clause in asked.iter().flat_map(|asked| &asked.clauses) {
        kinds.insert(clause.symbol());
    }
    let mut found: BTreeMap<(usize, Status), Found> = BTreeMap::new();
    for kind in kinds {
        let all: Vec<usize> = (0..asked.len()).collect();
        let Some(look) = Look::new(course, &rules, asked, &all, kind, false, resolve) else {
            continue;
        };
        let violated = look.violated();
        if violated.is_empty() {
            continue;
        }
        // Once more for what is to be said, cut so that a line need not stop at the border of what was asked.
        let wide = Look::new(course, &rules, asked, &violated, kind, true, resolve)
            .expect("what is violated is met by a rule or the default");
        for one in wide.found() {
            found
                .entry((one.asked, one.status))
                .and_modify(|old| {
                    old.traffic.extend(one.traffic.iter().cloned());
                    old.depends_on.extend(one.depends_on.iter().cloned());
                })
                .or_insert(one);
        }
    }
    found.into_values().collect()
}

/// Where the boxes of an assertion are in a space.
struct Question {
    /// Index of the assertion.
    asked: usize,
    claim: Claim,
    /// Whether the state before, the result, and any state count: they are beyond the allowance.
    counts: Counts,
    own: Vec<usize>,
    /// The same services of anyone.
    wide: Vec<usize>,
    waivers: Vec<(usize, Option<Vec<usize>>)>,
}

/// Some assertions about one kind of peer, cut into packets.
struct Look<'a> {
    space: Space<'a>,
    kind: Option<&'a Symbol>,
    questions: Vec<Question>,
    /// The states, where some assertion makes the claim.
    forbid: Option<States>,
    require: Option<States>,
}

impl<'a> Look<'a> {
    /// `None` when nothing can be violated.
    fn new(
        course: &Course<'a>,
        rules: &[(&'a Rule, Clause)],
        asked: &[Asked],
        of: &[usize],
        kind: Option<&'a Symbol>,
        wide: bool,
        resolve: &Resolve<'_>,
    ) -> Option<Self> {
        // A member of some other group is a case of its own that no assertion speaks of.
        let in_play = |clause: &Clause| match clause.symbol() {
            None | Some(Symbol::PrefixList(_)) => true,
            Some(symbol) => Some(symbol) == kind,
        };
        let rules: Vec<&(&Rule, Clause)> =
            rules.iter().filter(|(_, clause)| in_play(clause)).collect();
        let mut clauses: Vec<Clause> = Vec::new();
        let mut add = |new: &[&Clause]| -> Vec<usize> {
            let first = clauses.len();
            clauses.extend(new.iter().map(|clause| Clause {
                priority: u16::MAX,
                policy: Policy::Drop,
                ..(*clause).clone()
            }));
            (first..clauses.len()).collect()
        };
        let mut questions: Vec<Question> = Vec::new();
        for &index in of {
            let Asked {
                claim,
                allowance: _,
                clauses,
                waivers,
            } = &asked[index];
            let own: Vec<&Clause> = clauses
                .iter()
                .filter(|clause| clause.symbol() == kind)
                .filter(|clause| {
                    *claim == Claim::Require
                        || course.default == Policy::Accept
                        || rules
                            .iter()
                            .any(|(rule, own)| rule.policy == Policy::Accept && own.meets(clause))
                })
                .collect();
            if own.is_empty() {
                continue;
            }
            let everyone: Vec<Clause> = own
                .iter()
                .filter(|clause| wide && clause.symbol().is_none())
                .map(|clause| Clause {
                    far: Far::Anyone,
                    ..(*clause).clone()
                })
                .collect();
            questions.push(Question {
                asked: index,
                claim: *claim,
                counts: Counts {
                    before: true,
                    after: true,
                    ever: true,
                    between: None,
                },
                own: add(&own),
                wide: add(&everyone.iter().collect::<Vec<_>>()),
                waivers: waivers
                    .iter()
                    .map(|(number, limits)| {
                        let limits = limits.as_ref().map(|limits| {
                            let of_kind: Vec<&Clause> =
                                limits.iter().filter(|limit| excuses(limit, kind)).collect();
                            add(&of_kind)
                        });
                        (*number, limits)
                    })
                    .collect(),
            });
        }
        if questions.is_empty() {
            return None;
        }
        let matter = rules.iter();
        let matter = matter.filter(|(_, own)| clauses.iter().any(|clause| own.meets(clause)));
        let matter: Vec<&&(&Rule, Clause)> = matter.collect();
        // Each winner needs its own memberships at most, one or with a port list two, and as many states are compared as there are kinds of them.
        let each = matter.iter().map(|(_, own)| own.symbols().count());
        let states = if course.waves.is_empty() { 1 } else { 3 };
        let size = states * each.max().unwrap_or(0).max(1);
        let space = Space::asking_all(
            matter.iter().map(|(rule, _)| *rule),
            course.default,
            resolve,
            clauses,
            |symbols: &[Symbol]| {
                let own = matter.iter().map(|(_, own)| own.symbols().collect());
                kinds_of_worlds(symbols, own, kind, size)
            },
        );
        let placed = |numbers: &mut Vec<usize>| {
            for number in numbers {
                *number = space.questions[*number];
            }
        };
        for question in &mut questions {
            placed(&mut question.own);
            placed(&mut question.wide);
            for (_, limits) in &mut question.waivers {
                limits.iter_mut().for_each(placed);
            }
        }
        let states = |claim| {
            let mut made = questions.iter().filter(|question| question.claim == claim);
            made.next().map(|_| States::new(&space, course, claim))
        };
        let (forbid, require) = (states(Claim::Forbid), states(Claim::Require));
        let mut look = Self {
            space,
            kind,
            questions,
            forbid,
            require,
        };
        let counts: Vec<Counts> = look
            .questions
            .iter()
            .map(|question| match asked[question.asked].allowance {
                Some(allowance) => look.states(question.claim).counts(
                    &look.space,
                    |signature| question.means(signature),
                    question.claim,
                    allowance,
                ),
                None => question.counts.clone(),
            })
            .collect();
        for (question, counts) in look.questions.iter_mut().zip(counts) {
            question.counts = counts;
        }
        Some(look)
    }

    fn states(&self, claim: Claim) -> &States {
        let states = match claim {
            Claim::Forbid => &self.forbid,
            Claim::Require => &self.require,
        };
        states.as_ref().expect("an assertion makes the claim")
    }

    /// The status of the packets of every signature by an assertion.
    fn statuses(&self, question: &Question) -> Vec<Option<Status>> {
        let fates = &self.states(question.claim).fates;
        let signatures = &self.space.atlas.signatures;
        signatures
            .iter()
            .zip(fates)
            .enumerate()
            .map(|(id, (signature, fate))| question.status(id, signature, *fate))
            .collect()
    }

    /// Assertions that some packets violate.
    fn violated(&self) -> Vec<usize> {
        self.questions
            .iter()
            .filter(|question| self.statuses(question).iter().any(Option::is_some))
            .map(|question| question.asked)
            .collect()
    }

    fn found(&self) -> Vec<Found> {
        let mut all = Vec::new();
        for question in &self.questions {
            let labels = self.statuses(question);
            let statuses: BTreeSet<Status> = labels.iter().flatten().copied().collect();
            for status in statuses {
                all.push(self.one(question, &labels, status));
            }
        }
        all
    }

    fn one(&self, question: &Question, labels: &[Option<Status>], status: Status) -> Found {
        let fates = &self.states(question.claim).fates;
        let covers: Vec<Cover> = self
            .space
            .atlas
            .signatures
            .iter()
            .zip(fates)
            .zip(labels)
            .map(|((signature, fate), label)| {
                if *label == Some(status) {
                    return Cover::Must;
                }
                let wide = question.wide.iter().any(|&place| signature.contains(place));
                if !wide || question.means(signature) {
                    return Cover::Never;
                }
                // What is done to others as well may be said in the same breath.
                let same = match status {
                    Status::OnTheWay { wave } => *fate == Fate::Passes { wave },
                    Status::New | Status::Known | Status::Waived { .. } => {
                        matches!(fate, Fate::Stays | Fate::Begins)
                    }
                };
                if same { Cover::May } else { Cover::Never }
            })
            .collect();
        let diagram = self.space.atlas.relabel_as(&covers);
        let leads = self
            .space
            .atlas
            .diagram
            .leads(|SignatureId(id)| labels[*id as usize] == Some(status));
        let traffic = speak_covering(&diagram, |cover| *cover)
            .into_iter()
            .map(|what| {
                let deciders = self.deciders(question, labels, status, &what, &leads);
                Evidence { what, deciders }
            })
            .collect();
        Found {
            asked: question.asked,
            status,
            traffic,
            depends_on: self.depends_on(labels, status),
        }
    }

    /// Who decides about the packets of a line that are meant.
    fn deciders(
        &self,
        question: &Question,
        labels: &[Option<Status>],
        status: Status,
        what: &Statement,
        leads: &[bool],
    ) -> Vec<Option<Rule>> {
        if matches!(what.who, Who::NotMembersOf(_)) {
            return Vec::new();
        }
        let states = self.states(question.claim);
        let mut winners: BTreeMap<usize, f64> = BTreeMap::new();
        for (SignatureId(id), size) in shares(&self.space, what, leads) {
            let id = id as usize;
            if labels[id] == Some(status) {
                let signature = &self.space.atlas.signatures[id];
                let winner = match (status, states.fates[id]) {
                    (Status::OnTheWay { wave }, _) | (_, Fate::Passes { wave }) => {
                        states.waves[wave].worst.winner(signature)
                    }
                    (_, Fate::Holds | Fate::Begins | Fate::Stays | Fate::Ends) => {
                        self.space.winner(signature, &states.after)
                    }
                };
                *winners.entry(winner).or_default() += size;
            }
        }
        let mut winners: Vec<(usize, f64)> = winners.into_iter().collect();
        winners.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        winners
            .into_iter()
            .take(MOST_DECIDERS)
            .map(|(index, _)| self.space.rules[index].cloned())
            .collect()
    }
}

impl Question {
    /// Whether the packets of a signature are meant.
    fn means(&self, signature: &Bits) -> bool {
        self.own.iter().any(|&place| signature.contains(place))
    }

    fn status(&self, id: usize, signature: &Bits, fate: Fate) -> Option<Status> {
        let Counts {
            before,
            after,
            ever,
            ref between,
        } = self.counts;
        let between = between.as_ref().filter(|(_, bad)| bad[id]);
        let status = match (between, fate) {
            (Some((wave, _)), _) => Status::OnTheWay { wave: *wave },
            (None, Fate::Stays) if after && before => Status::Known,
            // What the allowance overlooked before was no violation.
            (None, Fate::Stays | Fate::Begins) if after => Status::New,
            (None, Fate::Passes { wave }) if ever => Status::OnTheWay { wave },
            (None, _) => return None,
        };
        if !self.means(signature) {
            return None;
        }
        let within = |places: &Vec<usize>| places.iter().any(|&place| signature.contains(place));
        let waiver = self
            .waivers
            .iter()
            .find(|(_, limits)| limits.as_ref().is_none_or(within));
        Some(match waiver {
            Some((waiver, _)) => Status::Waived { waiver: *waiver },
            None => status,
        })
    }
}

/// Whether a waiver's box can hold peers of a kind. What a list holds are addresses, so a waiver of addresses is about them too; members
/// of a group are excused only by its name, as an assertion about addresses does not mean them either.
fn excuses(limit: &Clause, kind: Option<&Symbol>) -> bool {
    match (limit.symbol(), kind) {
        (None, None | Some(Symbol::PrefixList(_) | Symbol::PortList(_))) => true,
        (None, Some(Symbol::Group(_))) => false,
        (Some(own), kind) => Some(own) == kind,
    }
}
