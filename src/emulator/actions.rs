//! The actions: one file per family, and the table that finds them.

mod authorize;
mod catalog;
mod describe;
mod groups;
mod interfaces;
mod lists;
mod modify;
mod port_lists;
mod prefix_lists;
mod references;
mod regions;
mod revoke;
mod rules;
mod tags;

use jiff::Timestamp;

pub(super) use self::{catalog::find, rules::requested_items};
use super::{
    answer::Answer,
    error::{ApiError, absent},
    params::Params,
    store::{Account, Accounts},
    switches::Switches,
};

/// What an action has at hand besides the account.
pub(super) struct Ctx<'a> {
    pub(super) params: &'a Params,
    /// Empty for the few actions without a region.
    pub(super) region: &'a str,
    pub(super) request_id: &'a str,
    pub(super) now: Timestamp,
    pub(super) switches: &'a Switches,
    /// All accounts as they are before the call, to look into others.
    pub(super) accounts: &'a Accounts,
    /// Different in every engine, so that page tokens do not outlive what they point into.
    pub(super) salt: u64,
}

/// One action.
pub(super) struct Spec {
    pub(super) name: &'static str,
    pub(super) run: Run,
    /// Whether the action knows `ClientToken`.
    pub(super) client_token: bool,
    /// Names of its parameters, `N` for an index.
    pub(super) params: &'static [&'static [&'static str]],
    /// Code and message of a missing region; `None` where the action needs none.
    pub(super) missing_region: Option<(&'static str, &'static str)>,
    /// Message of an unknown region.
    pub(super) unknown_region: &'static str,
}

/// What an action does with the account.
pub(super) enum Run {
    Read(fn(&Ctx<'_>, &Account) -> Result<Answer, ApiError>),
    /// Changes nothing unless it succeeds.
    Write(fn(&Ctx<'_>, &mut Account) -> Result<Answer, ApiError>),
}

impl Spec {
    /// The region that the call is for.
    pub(super) fn region<'a>(&self, params: &'a Params) -> Result<&'a str, ApiError> {
        let Some((code, message)) = self.missing_region else {
            return Ok(params.get("RegionId").unwrap_or_default());
        };
        let region = params
            .get("RegionId")
            .ok_or_else(|| ApiError::new(self.missing_region_status(), code, message))?;
        if regions::exists(region) {
            Ok(region)
        } else {
            Err(absent("InvalidRegionId.NotFound", self.unknown_region))
        }
    }

    /// The tag actions answer what others refuse with 400 with 404.
    fn missing_region_status(&self) -> u16 {
        if self.name.to_ascii_lowercase().ends_with("tagresources") {
            404
        } else {
            400
        }
    }

    /// The first parameter that the action does not know.
    pub(super) fn unknown_param(&self, params: &Params) -> Option<String> {
        params
            .iter()
            .map(|(name, _)| name)
            .find(|name| {
                let general: Vec<&str> = name
                    .split('.')
                    .map(|part| {
                        let index = part.bytes().all(|byte| byte.is_ascii_digit());
                        if index { "N" } else { part }
                    })
                    .collect();
                let general = general.join(".");
                !self
                    .params
                    .iter()
                    .any(|names| names.contains(&general.as_str()))
                    && general != "RegionId"
                    && !(self.client_token && general == "ClientToken")
            })
            .map(str::to_owned)
    }
}
