//! Carries out what the faults of a call have decided.

use std::{collections::VecDeque, time::Duration};

use jiff::{SignedDuration, Timestamp};

use super::{Delivery, Engine};
use crate::{
    emulator::{
        Faults, Intrusion,
        calls::CallRecord,
        error::ApiError,
        faults::{Effect, Struck, When},
        gateway::RawResponse,
        params::Params,
        rule::{Address, Peer, Ports, Protocol, Rule},
        store::{Account, Accounts, Group, new_id},
    },
    model::{Direction, NicType, Policy, PortRange},
};

/// Earlier accounts, for reads that are late.
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<(Timestamp, Accounts)>);

/// Most versions that are kept, whatever their age.
const VERSIONS: usize = 10_000;

impl History {
    /// Keeps what there was until now, as long as somebody may want to see it.
    pub(super) fn remember(&mut self, now: Timestamp, accounts: Accounts, wanted: Duration) {
        if !wanted.is_zero() {
            self.0.push_back((now, accounts));
        }
        let oldest = ago(now, wanted);
        while self.0.len() > VERSIONS || self.0.front().is_some_and(|(until, _)| *until < oldest) {
            self.0.pop_front();
        }
    }

    /// What there was that long ago; `None` is what there is.
    pub(super) fn before(&self, now: Timestamp, age: Duration) -> Option<&Accounts> {
        let then = ago(now, age);
        self.0
            .iter()
            .find(|(until, _)| *until > then)
            .map(|(_, accounts)| accounts)
    }
}

fn ago(now: Timestamp, age: Duration) -> Timestamp {
    SignedDuration::try_from(age)
        .ok()
        .and_then(|age| now.saturating_sub(age).ok())
        .unwrap_or(Timestamp::MIN)
}

impl Faults {
    /// How far back a read may look.
    pub(super) fn oldest_read(&self) -> Duration {
        let ages = self.faults.iter().map(|fault| match fault.effect {
            Effect::Stale { ms } => Duration::from_millis(ms),
            _ => Duration::ZERO,
        });
        ages.max().unwrap_or_default()
    }
}

/// The refusal that an effect comes down to at that moment.
pub(super) fn refusal(effect: Option<&Effect>, at: When) -> Option<ApiError> {
    match effect? {
        Effect::Throttle { code, .. } if at == When::Before => Some(ApiError::new(
            400,
            code.clone(),
            match &**code {
                "Throttling.User" => "Request was denied due to user flow control.",
                "Throttling.Api" => "Request was denied due to api flow control.",
                _ => {
                    "You have made too many requests within a short time; your request is denied due to request throttling."
                }
            },
        )),
        Effect::Error {
            status,
            code,
            message,
            when,
        } if *when == at => {
            let message = message
                .clone()
                .unwrap_or_else(|| usual_message(code).to_owned());
            Some(ApiError::new(*status, code.clone(), message))
        }
        // Who gets no answer is not told why; the log is.
        Effect::Reset { when } if *when == at && at == When::Before => Some(broken()),
        Effect::Partial { .. } if at == When::After => Some(ApiError::new(
            500,
            "InternalError",
            usual_message("InternalError"),
        )),
        _ => None,
    }
}

/// What stands in the log where nothing was answered and nothing done.
fn broken() -> ApiError {
    ApiError::new(0, "", "The connection was reset.")
}

fn usual_message(code: &str) -> &'static str {
    match code {
        "InternalError" => {
            "The request processing has failed due to some unknown error, exception or failure."
        }
        "UnknownError" => "The request processing has failed due to some unknown error.",
        "ServiceUnavailable" => "The request has failed due to a temporary failure of the server.",
        "ServiceUnavailable.RegionMaintaining" => {
            "System maintenance is in progress on the selected region, please wait a few minutes before trying again."
        }
        "OperationConflict" => "Request was denied due to conflict with a previous request.",
        "InvalidOperation.Conflict" => {
            "Request was denied due to conflict with a previous request, please try again later."
        }
        "TaskConflict" => "The operation is too frequent, please wait a moment and try again.",
        "IdempotentProcessing" => "The previous idempotent request(s) is still processing.",
        "InvalidSecurityToken.Expired" => "Specified SecurityToken is expired.",
        "Forbidden.RAM" => {
            "User not authorized to operate on the specified resource, or this API doesn't support RAM."
        }
        _ => "The request was refused.",
    }
}

/// What the client gets of the answer.
pub(super) fn deliver(struck: &Struck, mut response: RawResponse) -> Delivery {
    match &struck.effect {
        Some(Effect::Reset { .. }) => Delivery::Reset,
        Some(Effect::Truncate { percent }) => {
            let length = response.body.len() * usize::from((*percent).min(99)) / 100;
            Delivery::Cut(response, length)
        }
        Some(Effect::Garbage { status }) => {
            response.status = *status;
            response.content_type = "text/html";
            response.body =
                b"<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"
                    .to_vec();
            Delivery::Whole(response)
        }
        Some(Effect::Throttle { retry_after_ms, .. }) => {
            response.retry_after_ms = *retry_after_ms;
            Delivery::Whole(response)
        }
        _ => Delivery::Whole(response),
    }
}

/// The call with only the first of its items.
pub(super) fn some_of(params: &Params, wanted: Option<usize>, dice: u64) -> Option<Params> {
    let (array, count) = [
        "Entry",
        "Permissions",
        "SecurityGroupRuleId",
        "AddEntry",
        "RemoveEntry",
    ]
    .iter()
    .map(|name| (*name, params.rough_count(name)))
    .max_by_key(|(_, count)| *count)
    .filter(|(_, count)| *count > 1)?;
    let by_chance = || {
        let most = u64::try_from(count - 1).unwrap_or(u64::MAX);
        1 + usize::try_from(dice % most).unwrap_or_default()
    };
    Some(params.first_of(array, wanted.unwrap_or_else(by_chance).min(count - 1)))
}

impl Engine {
    /// Somebody else changes the group that the call names.
    pub(super) fn intrude(
        &self,
        account: &str,
        params: &Params,
        what: Intrusion,
        dice: u64,
        now: Timestamp,
    ) {
        let Some(id) = params.get("SecurityGroupId") else {
            return;
        };
        let mut world = self.writing();
        let known = world.state.accounts.get(account);
        let Some(group) = known.and_then(|account| account.groups.get(id)) else {
            return;
        };
        let region = group.region.to_string();
        let changed = self.change(
            &mut world,
            account,
            now,
            |_, account: &mut Account| {
                let Some(group) = account.groups.get_mut(id) else {
                    return Ok(());
                };
                somebody_else(std::sync::Arc::make_mut(group), what, dice, now);
                Ok(())
            },
            |()| None,
        );
        drop(world);
        let Ok(((), effect)) = changed else {
            return; // It is in the log, and nothing happened.
        };
        self.call_log().push(CallRecord {
            at: now,
            access_key_id: "somebody-else".into(),
            account: account.to_owned(),
            action: match what {
                Intrusion::Add => "AuthorizeSecurityGroup",
                Intrusion::Remove => "RevokeSecurityGroup",
                Intrusion::Describe => "ModifySecurityGroupRule",
            }
            .into(),
            region: Some(region),
            group: Some(id.to_owned()),
            status: 200,
            code: None,
            request_id: String::new(),
            items: 1,
            effect,
            faults: Vec::new(),
            intrusion: true,
        });
    }
}

fn somebody_else(group: &mut Group, what: Intrusion, dice: u64, now: Timestamp) {
    match what {
        Intrusion::Add => {
            let number = group.next_seq;
            let last = u8::try_from(number % 250 + 1).expect("at most 250");
            let port = 20_000 + u16::try_from(dice % 40_000).expect("below 40,000");
            let Ok(ports) = PortRange::new(port, port) else {
                return;
            };
            let Some(address) = Address::v4(&format!("198.51.100.{last}/32")) else {
                return;
            };
            let rule = Rule {
                seq: 0,
                id: Box::default(),
                created: 0,
                direction: Direction::Ingress,
                nic: NicType::Intranet,
                policy: Policy::Accept,
                priority: 1,
                protocol: Protocol::Udp,
                ports: Ports::Range(ports),
                source_ports: None,
                peer: Peer::Address(address),
                local: None,
                description: "added by somebody else".into(),
            };
            group.push(rule, new_id("sgr"), now.as_second());
        }
        Intrusion::Remove => {
            if !group.rules.is_empty() {
                group.rules.remove(0);
            }
        }
        Intrusion::Describe => {
            if let Some(rule) = group.rules.first_mut() {
                rule.description = format!("described by somebody else {}", dice % 1000).into();
            }
        }
    }
}
