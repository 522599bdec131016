//! Alibaba Cloud ECS: ties signing, sending and the wire form together.

pub mod api;
pub mod credentials;
pub mod endpoints;
mod find;
mod lists;
pub mod probe;
pub mod sign;
pub mod wire;

use std::collections::HashSet;

use futures_util::future;

pub use api::{RetryPolicy, Settings, Timeouts};

use crate::{
    desired::Selector,
    model::{
        GroupId, GroupInfo, InnerAccess, ListIds, Lists, Network, NicType, ObservedGroup,
        ObservedRule, RegionId, RuleId,
    },
    provider::{
        GroupFilter, NewGroup, Provider, ProviderError, Receipt, RuleAction, RuleCall, Stop,
    },
};
use api::Api;
use credentials::CredentialSource;
use wire::{
    answer,
    request::{self, RequestError},
};

/// An account of Alibaba Cloud.
#[derive(Debug)]
pub struct Alibaba {
    api: Api,
}

impl From<RequestError> for ProviderError {
    fn from(error: RequestError) -> Self {
        Self::NotSent {
            reason: error.to_string(),
        }
    }
}

/// Codes that say of a revoke call that the rule is gone already (RevokeSecurityGroup).
const GONE: [&str; 5] = [
    "InvalidParam.SecurityGroupRuleId",
    "InvalidSecurityGroupRuleId.NotFound",
    "InvalidSecurityGroupRule.RuleNotExist",
    "SecurityGroupRule.NotFound",
    "InvalidGroupAuthItem.NotFound",
];

impl Alibaba {
    /// Makes the client; nothing is sent yet.
    pub fn new(settings: Settings) -> Result<Self, ProviderError> {
        Ok(Self {
            api: Api::new(settings)?,
        })
    }

    /// The same account over the same connections, with credentials that are looked up anew.
    pub fn signed_by(&self, credentials: CredentialSource) -> Self {
        Self {
            api: self.api.signed_by(credentials),
        }
    }

    async fn rules(
        &self,
        region: &RegionId,
        group: &GroupId,
        nic: NicType,
    ) -> Result<(InnerAccess, Vec<ObservedRule>), ProviderError> {
        let request = request::rules(region, group, nic);
        let action = request.action;
        let mut inner = None;
        let mut rules = Vec::new();
        let mut pages = self.api.pages::<answer::Attribute>(region, request);
        while let Some(page) = pages.next().await? {
            if page.group() != group.as_str() {
                let reason = format!("it is about {}, not {group}", page.group());
                return Err(malformed(action, reason));
            }
            if inner.is_none() {
                inner = Some(page.inner_access().map_err(|r| malformed(action, r))?);
            }
            let page = page.into_rules();
            for seen in page.map_err(|error| malformed(action, error.to_string()))? {
                if seen.rule.nic != nic {
                    let reason = format!(
                        "{} is for the {} interface, but rules of the {nic} interface were asked for",
                        seen.id
                            .as_ref()
                            .map_or_else(|| seen.rule.to_string(), RuleId::to_string),
                        seen.rule.nic
                    );
                    return Err(malformed(action, reason));
                }
                rules.push(seen);
            }
        }
        let inner = inner.ok_or_else(|| malformed(action, "it has no page".to_owned()))?;
        Ok((inner, rules))
    }

    async fn write(
        &self,
        stop: &Stop,
        region: &RegionId,
        call: &RuleCall,
        token: &str,
    ) -> Result<Receipt, ProviderError> {
        let request = request::change(region, call, token)?;
        let answer: answer::Written = self.api.write(stop, region, &request).await?;
        Ok(Receipt {
            request_id: answer.into_request_id(),
        })
    }

    /// Revokes; a rule that is gone already counts as revoked. Of several rules one that is gone makes the cloud refuse
    /// the whole call, so that the call is then split in halves until the others are done.
    async fn revoke(
        &self,
        stop: &Stop,
        region: &RegionId,
        call: RuleCall,
        token: String,
    ) -> Result<Receipt, ProviderError> {
        let mut waiting = vec![(call, token)];
        let mut last = None;
        while let Some((call, token)) = waiting.pop() {
            match self.write(stop, region, &call, &token).await {
                Ok(receipt) => last = Some(receipt),
                Err(ProviderError::Refused {
                    code, request_id, ..
                }) if GONE.contains(&code.as_str()) => {
                    let RuleCall {
                        group,
                        direction,
                        action: RuleAction::Revoke(mut rules),
                    } = call
                    else {
                        unreachable!("only revoke calls come here");
                    };
                    if rules.len() == 1 {
                        last = Some(Receipt { request_id });
                        continue;
                    }
                    let half = rules.split_off(rules.len() / 2);
                    for (name, rules) in [("b", half), ("a", rules)] {
                        let call = RuleCall {
                            group: group.clone(),
                            direction,
                            action: RuleAction::Revoke(rules),
                        };
                        waiting.push((call, part_token(&token, name)));
                    }
                }
                Err(ProviderError::Stopped) if last.is_some() => {
                    return Err(ProviderError::Unavailable {
                        message: "the run was stopped between two parts of it".to_owned(),
                        request_id: None,
                        not_sent: false,
                    });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(last.expect("a call was made"))
    }
}

/// A token for a part of a call: the same on every try, and no longer than the cloud takes (64 characters).
fn part_token(token: &str, part: &str) -> String {
    let mut hash = sign::sha256_hex(format!("{token}/{part}").as_bytes());
    hash.truncate(32);
    hash
}

fn malformed(action: &str, reason: String) -> ProviderError {
    ProviderError::Malformed {
        action: action.to_owned(),
        reason,
    }
}

impl Provider for Alibaba {
    async fn find(
        &self,
        region: &RegionId,
        selectors: &[Selector],
    ) -> Result<Vec<Vec<GroupInfo>>, ProviderError> {
        self.find_telling(region, selectors, &|_| ()).await
    }

    async fn find_telling(
        &self,
        region: &RegionId,
        selectors: &[Selector],
        tell: &(dyn Fn(&GroupInfo) + Sync),
    ) -> Result<Vec<Vec<GroupInfo>>, ProviderError> {
        find::find(&self.api, region, selectors, tell).await
    }

    async fn observe(
        &self,
        region: &RegionId,
        group: &GroupInfo,
    ) -> Result<ObservedGroup, ProviderError> {
        let (inner_access, mut rules) = match &group.network {
            Network::Vpc(_) => self.rules(region, &group.id, NicType::Intranet).await?,
            // The classic network keeps the rules of the two interfaces apart and returns those of one per call.
            Network::Classic => {
                let ((inner, mut rules), (_, public)) = future::try_join(
                    self.rules(region, &group.id, NicType::Intranet),
                    self.rules(region, &group.id, NicType::Internet),
                )
                .await?;
                rules.extend(public);
                (inner, rules)
            }
        };
        let mut ids = HashSet::with_capacity(rules.len());
        if let Some(twice) = rules
            .iter()
            .filter_map(|seen| seen.id.as_ref())
            .find(|id| !ids.insert(*id))
        {
            let reason = format!(
                "{twice} is in it twice: the rules of {} changed while they were read; try again",
                group.id
            );
            return Err(malformed(request::READ_RULES, reason));
        }
        rules.sort_by(|a, b| (&a.rule, &a.id).cmp(&(&b.rule, &b.id)));
        rules.shrink_to_fit();
        Ok(ObservedGroup {
            info: group.clone(),
            inner_access,
            rules,
        })
    }

    async fn lists(&self, region: &RegionId, wanted: &ListIds) -> Result<Lists, ProviderError> {
        lists::read(&self.api, region, wanted).await
    }

    async fn execute(
        &self,
        region: &RegionId,
        call: &RuleCall,
        token: &str,
    ) -> Result<Receipt, ProviderError> {
        self.execute_until(&Stop::never(), region, call, token)
            .await
    }

    async fn execute_until(
        &self,
        stop: &Stop,
        region: &RegionId,
        call: &RuleCall,
        token: &str,
    ) -> Result<Receipt, ProviderError> {
        match &call.action {
            RuleAction::Revoke(_) => {
                let (call, token) = (call.clone(), token.to_owned());
                self.revoke(stop, region, call, token).await
            }
            RuleAction::Authorize(_) | RuleAction::Modify { .. } => {
                self.write(stop, region, call, token).await
            }
        }
    }

    async fn list(
        &self,
        region: &RegionId,
        filter: &GroupFilter,
    ) -> Result<Vec<GroupInfo>, ProviderError> {
        find::all(&self.api, region, filter).await
    }

    async fn create_group(
        &self,
        region: &RegionId,
        group: &NewGroup,
        token: &str,
    ) -> Result<GroupId, ProviderError> {
        let request = request::create_group(region, group, token);
        let answer: answer::Created = self.api.write(&Stop::never(), region, &request).await?;
        Ok(answer.into_id())
    }
}
