//! Splits a call that was refused, until it is known which of its rules are to blame.

use crate::provider::{Provider, ProviderError, RuleAction, RuleCall};

use super::{
    engine::{Engine, narrowed},
    group::{GroupRun, State},
};

/// After so many refusals without one part that was accepted it is not about single rules.
const ALL_REFUSED: usize = 14;

/// What of a failed call has failed.
pub(super) struct Narrowed {
    /// Changes that were refused together, and why; single rules wherever it could be found out.
    pub parts: Vec<(Vec<usize>, ProviderError)>,
    /// Whether the group's other calls would fail alike.
    pub ends_group: bool,
}

impl Narrowed {
    pub fn whole(changes: Vec<usize>, error: ProviderError) -> Self {
        Self {
            parts: vec![(changes, error)],
            ends_group: true,
        }
    }
}

impl<P: Provider> Engine<'_, P> {
    /// Makes a refused call again in halves, quarters and so on. What is accepted is marked; at most two calls per rule are made.
    pub(super) async fn narrow(
        &self,
        run: &mut GroupRun<'_>,
        call: &RuleCall,
        token: &str,
        changes: Vec<usize>,
        error: ProviderError,
    ) -> Narrowed {
        if is_about_the_call(&error) {
            return Narrowed::whole(changes, error);
        }
        let mut found = Narrowed {
            parts: Vec::new(),
            ends_group: false,
        };
        let is_batch = !matches!(call.action, RuleAction::Modify { .. });
        if changes.len() < 2 || !is_batch {
            found.parts.push((changes, error));
            return found;
        }
        let mut waiting = halves(changes);
        let (mut calls, mut accepted) = (0, false);
        let mut last = error;
        while let Some(part) = waiting.pop() {
            if !accepted && calls >= ALL_REFUSED {
                let rest: Vec<usize> = waiting.drain(..).flatten().chain(part).collect();
                found.parts.push((rest, last));
                found.ends_group = true;
                break;
            }
            let Some(_permit) = self.permit().await else {
                break; // What was not sent stays planned.
            };
            calls += 1;
            let token = format!("{token}-{calls}");
            let narrowed = narrowed(run, call, &part);
            match self.execute(run, &narrowed, &token, &part).await {
                Ok(()) => {
                    run.mark(&part, State::Sent);
                    accepted = true;
                }
                Err(refusal @ ProviderError::Refused { .. }) if !is_about_the_call(&refusal) => {
                    if part.len() == 1 {
                        found.parts.push((part, copy(&refusal)));
                    } else {
                        waiting.extend(halves(part));
                    }
                    last = refusal;
                }
                Err(ProviderError::Stopped) => break, // As above.
                Err(other) => {
                    let rest = waiting.drain(..).flatten().chain(part).collect();
                    found.parts.push((rest, other));
                    found.ends_group = true;
                    break;
                }
            }
        }
        for (part, _) in &mut found.parts {
            part.sort_unstable();
        }
        found
    }
}

/// The first half last, where it is taken from.
fn halves(mut part: Vec<usize>) -> Vec<Vec<usize>> {
    let second = part.split_off(part.len() / 2);
    vec![second, part]
}

/// Whether a refusal is about who asks, or about the group, rather than about a rule: then parts are refused alike
/// (AuthorizeSecurityGroup, error codes).
fn is_about_the_call(error: &ProviderError) -> bool {
    let ProviderError::Refused { code, .. } = error else {
        return true;
    };
    const CODES: [&str; 9] = [
        "AuthorizationLimitExceed",
        "Forbidden",
        "IdempotentParameterMismatch",
        "InvalidIdempotenceParameter.Mismatch",
        "InvalidOperation.ResourceManagedByCloudProduct",
        "InvalidOperation.SecurityGroupNotAuthorized",
        "InvalidSecurityGroupId.Malformed",
        "InvalidSecurityGroupId.NotFound",
        "NoPermission",
    ];
    CODES.contains(&code.as_str()) || code.starts_with("Forbidden.") || code.starts_with("HTTP ")
}

fn copy(error: &ProviderError) -> ProviderError {
    match error {
        ProviderError::Refused {
            code,
            message,
            request_id,
        } => ProviderError::Refused {
            code: code.clone(),
            message: message.clone(),
            request_id: request_id.clone(),
        },
        other => ProviderError::NotSent {
            reason: other.to_string(),
        },
    }
}
