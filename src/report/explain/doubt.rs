//! What the files do not tell, and whether it could make an answer another.

use super::{Answer, DEFAULT, Question};
use crate::{
    model::{GroupId, NicType, Policy},
    traffic::{clause::Symbol, explain::Verdict, rank},
};

/// Something that is not known and may make the answer another.
#[derive(Clone, Debug)]
pub struct Doubt {
    /// What it could do.
    pub effect: Effect,
    /// What would make the answer another, and the next step.
    pub text: String,
}

/// What something that is not known could do to an answer.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Anything.
    Any,
    /// There may be rules, at best of this priority, and of one policy if that is known.
    Rules {
        /// As strong as they may be.
        priority: u8,
        /// The one that they all have.
        policy: Option<Policy>,
    },
    /// What no rule matches may be refused.
    ClosedByDefault,
    /// The members of the group may reach each other.
    AmongMembers(GroupId),
}

impl Doubt {
    /// Whether an answer could be another.
    pub(super) fn matters(
        &self,
        found: &Answer<'_>,
        question: &Question,
        default: Policy,
        nic: NicType,
    ) -> bool {
        let mut deciders = found.deciders();
        match &self.effect {
            Effect::Any => true,
            Effect::Rules { priority, policy } => deciders.any(|decider| {
                let (own, verdict) = match decider {
                    Some(rule) => (rank(rule), rule.policy),
                    None => (DEFAULT, default),
                };
                let other = match verdict {
                    Policy::Accept => Policy::Drop,
                    Policy::Drop => Policy::Accept,
                };
                policy.is_none_or(|policy| policy == other) && (*priority, other) < own
            }),
            Effect::ClosedByDefault => deciders.any(|decider| decider.is_none()),
            Effect::AmongMembers(group) => {
                let own = Symbol::Group(group.clone());
                found.verdict != Verdict::Admitted
                    && nic == NicType::Intranet
                    && question.member_of.contains(&own)
            }
        }
    }
}
