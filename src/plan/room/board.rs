//! The rules that change, the pieces of packet space that must stay as they are, and states between.

use std::collections::{BTreeMap, BTreeSet};

use super::{Act, Full, Harm, Weight, distance};
use crate::{
    model::{Direction, NicType, Policy, Rule},
    traffic::{
        bits::Bits,
        certificate::{changing_space, worst_part},
        clause::Resolve,
        difference::default_policy,
    },
};

/// A rule that goes or comes.
pub struct Item {
    side: usize,
    /// Its place in the space of its side; `None`: a twin of it is there whatever is done.
    index: Option<usize>,
    pub weight: Weight,
    /// Pieces that it matches.
    pub classes: Vec<usize>,
    /// The other half of the only modify that may change it.
    pub pair: Option<usize>,
    /// Where it stands among the strongest.
    pub rank: (u8, Policy),
}

/// A piece of packet space whose verdict is the same before and after.
struct Class {
    side: usize,
    signature: Bits,
    verdict: Policy,
    /// New rules of the run of one verdict that decides after the change, by place.
    successors: Vec<usize>,
}

/// Everything about a group that the search looks at.
pub struct Board<'a> {
    pub full: &'a Full<'a>,
    pub limit: Weight,
    pub old: Vec<Item>,
    pub new: Vec<Item>,
    classes: Vec<Class>,
    policies: Vec<Vec<Policy>>,
    start: Vec<Bits>,
    /// Modifies that the cloud allows, the most alike first.
    pub modifies: Vec<(usize, usize)>,
}

/// A state between.
#[derive(Clone)]
pub struct State {
    sides: Vec<Bits>,
    pub old: Vec<bool>,
    pub new: Vec<bool>,
    pub held: Weight,
    /// Pieces whose verdict is not what it should be.
    pub wrong: BTreeSet<usize>,
}

type Side = (Direction, NicType);

fn side_of(rule: &Rule) -> Side {
    (rule.direction, rule.nic)
}

impl<'a> Board<'a> {
    pub fn new(full: &'a Full<'a>) -> Self {
        let olds = || full.old.iter().map(|seen| &seen.rule);
        let changed = || olds().chain(full.new.iter().copied());
        let sides: BTreeSet<Side> = changed().map(side_of).collect();
        let numbers: BTreeMap<Side, usize> = sides.iter().copied().zip(0..).collect();
        let item = |rule: &Rule| Item {
            side: numbers[&side_of(rule)],
            index: None,
            weight: (full.weight)(rule),
            classes: Vec::new(),
            pair: None,
            rank: crate::traffic::rank(rule),
        };
        let mut board = Self {
            full,
            limit: full.limit,
            old: olds().map(item).collect(),
            new: full.new.iter().map(|rule| item(rule)).collect(),
            classes: Vec::new(),
            policies: Vec::new(),
            start: Vec::new(),
            modifies: Vec::new(),
        };
        for &(old, new) in &full.pairs {
            board.old[old].pair = Some(new);
            board.new[new].pair = Some(old);
        }
        for side in sides {
            board.add_side(side, &numbers);
        }
        board.find_modifies();
        board
    }

    fn add_side(&mut self, side: Side, numbers: &BTreeMap<Side, usize>) {
        let full = self.full;
        let number = numbers[&side];
        let of_side = |rule: &&Rule| side_of(rule) == side;
        let kept = || full.kept.iter().copied().filter(of_side);
        let olds = || full.old.iter().map(|seen| &seen.rule).filter(of_side);
        let touched: Vec<&Rule> = olds()
            .chain(full.new.iter().copied().filter(of_side))
            .collect();
        let space = changing_space(
            kept().chain(olds()),
            &touched,
            default_policy(side.0, full.kind),
            &Resolve(Some(full.lists)),
        );
        // Of rules that are one rule to the cloud only the last to go counts; the search lets the others go at any time.
        let mut taken: BTreeSet<usize> = kept().filter_map(|rule| space.index_of(rule)).collect();
        for (item, rule) in self.old.iter_mut().zip(&full.old).rev() {
            if of_side(&&rule.rule) {
                item.index = space
                    .index_of(&rule.rule)
                    .filter(|index| taken.insert(*index));
            }
        }
        let mut new_at: BTreeMap<usize, usize> = BTreeMap::new();
        for (place, rule) in full.new.iter().enumerate() {
            if of_side(rule) {
                let index = space.index_of(rule).filter(|index| taken.insert(*index));
                self.new[place].index = index;
                new_at.extend(index.map(|index| (index, place)));
            }
        }
        let before = space.state(kept().chain(olds()));
        let after = space.state(kept().chain(full.new.iter().copied().filter(of_side)));
        let stays = before.and(&after);
        let mut seen: BTreeSet<Bits> = BTreeSet::new();
        for signature in &space.atlas.signatures {
            let verdict = space.verdict(signature, &before);
            if verdict != space.verdict(signature, &after) {
                continue;
            }
            // What is weaker than a rule that stays never decides; pieces that differ in such rules only are one.
            let last = space.winner(signature, &stays);
            let mut decisive = Bits::new(space.rules.len());
            signature
                .iter()
                .take_while(|&index| index <= last)
                .for_each(|index| decisive.insert(index));
            if decisive.iter().all(|index| index == last) || !seen.insert(decisive.clone()) {
                continue;
            }
            let successors = decisive
                .and(&after)
                .iter()
                .take_while(|&index| space.clauses[index].policy == verdict)
                .filter_map(|index| new_at.get(&index).copied())
                .collect();
            let class = self.classes.len();
            for item in self.old.iter_mut().chain(&mut self.new) {
                if item.side == number && item.index.is_some_and(|index| decisive.contains(index)) {
                    item.classes.push(class);
                }
            }
            self.classes.push(Class {
                side: number,
                signature: decisive,
                verdict,
                successors,
            });
        }
        let policies = space.clauses.iter().map(|clause| clause.policy).collect();
        self.policies.push(policies);
        self.start.push(before);
    }

    fn find_modifies(&mut self) {
        let full = self.full;
        let mut found: Vec<(u32, usize, usize)> = Vec::new();
        for (old, seen) in full.old.iter().enumerate() {
            for (new, rule) in full.new.iter().enumerate() {
                let paired = (self.old[old].pair, self.new[new].pair) == (Some(new), Some(old));
                let free = self.old[old].pair.is_none() && self.new[new].pair.is_none();
                if paired {
                    found.push((0, old, new));
                } else if let (true, true, Some(distance)) =
                    (free, (full.in_place)(rule.direction), distance(seen, rule))
                {
                    found.push((distance + 1, old, new));
                }
            }
        }
        found.sort_unstable();
        self.modifies = found.into_iter().map(|(_, old, new)| (old, new)).collect();
    }

    pub fn start(&self) -> State {
        State {
            sides: self.start.clone(),
            old: vec![true; self.old.len()],
            new: vec![false; self.new.len()],
            held: self.full.held,
            wrong: BTreeSet::new(),
        }
    }

    /// New rules of which one must be there before a piece can do without what holds it now.
    pub fn successors(&self, class: usize) -> &[usize] {
        &self.classes[class].successors
    }

    fn halves(&self, act: Act) -> (Option<&Item>, Option<&Item>) {
        (
            act.gone().map(|old| &self.old[old]),
            act.come().map(|new| &self.new[new]),
        )
    }

    fn verdict(&self, state: &State, class: usize) -> Policy {
        let Class {
            side, signature, ..
        } = &self.classes[class];
        let winner = signature.first_common(&state.sides[*side]);
        let winner = winner.expect("a rule that stays is in every piece");
        self.policies[*side][winner]
    }

    /// Whether a step fits, and both rules of a modify are as the cloud wants them.
    pub fn fits(&self, state: &State, act: Act) -> bool {
        let (gone, come) = self.halves(act);
        if act.gone().is_some_and(|old| !state.old[old])
            || act.come().is_some_and(|new| state.new[new])
        {
            return false;
        }
        let paired = match act {
            Act::Add(new) => self.new[new].pair.is_none(),
            Act::Delete(old) => self.old[old].pair.is_none(),
            Act::Modify(..) => true,
        };
        let more = come
            .map_or(Weight::default(), |item| item.weight)
            .plus(gone.map_or(Weight::default(), |item| item.weight), -1);
        let held = state.held.plus(more, 1);
        paired
            && (more.units <= 0 || held.units <= self.limit.units)
            && (more.peers <= 0 || held.peers <= self.limit.peers)
            && !self.collides(state, act)
    }

    /// ModifySecurityGroupRule wants a result that is no other rule of the group, and priority may not count.
    fn collides(&self, state: &State, act: Act) -> bool {
        let Act::Modify(old, new) = act else {
            return false;
        };
        let rule = self.full.new[new];
        let twin = |other: usize| {
            other != old && state.old[other] && self.full.old[other].rule.is_same_but_priority(rule)
        };
        (0..self.old.len()).any(twin)
    }

    fn set(&self, state: &mut State, act: Act, back: bool) {
        let (gone, come) = self.halves(act);
        let (out, into) = if back { (come, gone) } else { (gone, come) };
        if let Some((item, index)) = out.and_then(|item| Some((item, item.index?))) {
            state.sides[item.side].remove(index);
        }
        if let Some((item, index)) = into.and_then(|item| Some((item, item.index?))) {
            state.sides[item.side].insert(index);
        }
    }

    /// Pieces that a step may touch.
    fn touched(&self, act: Act) -> impl Iterator<Item = usize> + '_ {
        let (gone, come) = self.halves(act);
        let classes =
            |item: Option<&'_ Item>| item.map_or(&[][..], |item| &item.classes[..]).to_vec();
        classes(gone).into_iter().chain(classes(come))
    }

    /// Whether a step leaves every piece at least as it is.
    pub fn is_ok(&self, state: &mut State, act: Act) -> bool {
        self.fits(state, act) && self.harm(state, act, true) == Harm::default()
    }

    /// What a step that fits does to pieces that are as they should be. `first`: stop at the first.
    pub fn harm(&self, state: &mut State, act: Act, first: bool) -> Harm {
        self.set(state, act, false);
        let mut harm = Harm::default();
        let mut counted = BTreeSet::new();
        for class in self.touched(act) {
            let wanted = self.classes[class].verdict;
            if self.verdict(state, class) != wanted
                && !state.wrong.contains(&class)
                && counted.insert(class)
            {
                match wanted {
                    Policy::Accept => harm.cut += 1,
                    Policy::Drop => harm.opened += 1,
                }
                if first {
                    break;
                }
            }
        }
        self.set(state, act, true);
        harm
    }

    /// How many wrong pieces a step puts right.
    pub fn mends(&self, state: &mut State, act: Act) -> usize {
        self.set(state, act, false);
        let touched: BTreeSet<usize> = self.touched(act).collect();
        let mended = touched
            .intersection(&state.wrong)
            .filter(|class| self.verdict(state, **class) == self.classes[**class].verdict)
            .count();
        self.set(state, act, true);
        mended
    }

    /// Pieces that a delete would leave with the wrong verdict.
    pub fn hurt_by(&self, state: &mut State, act: Act) -> Vec<usize> {
        self.set(state, act, false);
        let hurt = self
            .touched(act)
            .filter(|class| {
                !state.wrong.contains(class)
                    && self.verdict(state, *class) != self.classes[*class].verdict
            })
            .collect();
        self.set(state, act, true);
        hurt
    }

    pub fn apply(&self, state: &mut State, act: Act) {
        self.set(state, act, false);
        let (gone, come) = self.halves(act);
        state.held = state
            .held
            .plus(come.map_or(Weight::default(), |item| item.weight), 1)
            .plus(gone.map_or(Weight::default(), |item| item.weight), -1);
        act.gone()
            .into_iter()
            .for_each(|old| state.old[old] = false);
        act.come().into_iter().for_each(|new| state.new[new] = true);
        let touched: Vec<usize> = self.touched(act).collect();
        for class in touched {
            if self.verdict(state, class) == self.classes[class].verdict {
                state.wrong.remove(&class);
            } else {
                state.wrong.insert(class);
            }
        }
    }

    /// What is wrong in a state.
    pub fn wrong(&self, state: &State) -> Harm {
        self.count(&state.wrong)
    }

    /// Pieces counted by what is wrong with them.
    pub fn count(&self, classes: &BTreeSet<usize>) -> Harm {
        let opened = classes
            .iter()
            .filter(|class| self.classes[**class].verdict == Policy::Drop)
            .count();
        Harm {
            opened,
            cut: classes.len() - opened,
        }
    }

    /// Puts steps that may be made in any order into one turn, as long as they follow each other.
    pub fn turns(&self, acts: &[Act]) -> Vec<Vec<Act>> {
        let mut turns: Vec<Vec<Act>> = Vec::new();
        let mut state = self.start();
        let mut begun = state.clone();
        let mut most = state.held;
        // What is wrong at some time cannot be held against a turn.
        let mut excused: BTreeSet<usize> = BTreeSet::new();
        for &act in acts {
            let more = self.grows(act);
            let joined = turns.last().is_some_and(|turn| {
                let full = most.plus(more, 1);
                (more.units <= 0 || full.units <= self.limit.units)
                    && (more.peers <= 0 || full.peers <= self.limit.peers)
                    && self.any_order(&begun, turn, act, &excused)
            });
            if joined {
                turns.last_mut().expect("one was joined").push(act);
            } else {
                turns.push(vec![act]);
                (begun, most) = (state.clone(), state.held);
            }
            most = most.plus(more, 1);
            self.apply(&mut state, act);
            excused.extend(&state.wrong);
        }
        turns
    }

    /// What a step takes at most; what it gives back may come later than what others of its turn take.
    fn grows(&self, act: Act) -> Weight {
        let (gone, come) = self.halves(act);
        let weight = |item: Option<&Item>| item.map_or(Weight::default(), |item| item.weight);
        let more = weight(come).plus(weight(gone), -1);
        Weight {
            units: more.units.max(0),
            peers: more.peers.max(0),
        }
    }

    /// Whether every part of a turn with one more step leaves every piece as it should be.
    fn any_order(&self, begun: &State, turn: &[Act], next: Act, excused: &BTreeSet<usize>) -> bool {
        let acts = || turn.iter().copied().chain([next]);
        // Places are of one side each.
        let steps = |side: usize| -> Vec<(Option<usize>, Option<usize>)> {
            acts()
                .map(|act| {
                    let (gone, come) = self.halves(act);
                    let place = |item: Option<&Item>| {
                        item.filter(|item| item.side == side)
                            .and_then(|item| item.index)
                    };
                    (place(gone), place(come))
                })
                .collect()
        };
        let by_side: Vec<_> = (0..self.start.len()).map(steps).collect();
        let touched: BTreeSet<usize> = self.touched(next).collect();
        touched.difference(excused).all(|&class| {
            let Class {
                side,
                signature,
                verdict,
                ..
            } = &self.classes[class];
            let worst = worst_part(
                &self.policies[*side],
                signature,
                &begun.sides[*side],
                &by_side[*side],
                *verdict,
            );
            signature
                .first_common(&worst)
                .is_some_and(|winner| self.policies[*side][winner] == *verdict)
        })
    }
}
