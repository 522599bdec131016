//! Which provider serves which account.

pub mod check;
mod connect;
#[cfg(test)]
pub(crate) mod fake;

pub use connect::{ConnectCause, ConnectError, Connected, Kept, connect};

use std::collections::BTreeMap;

use crate::{model::AccountName, provider::Provider};

/// A provider per account of the project.
#[derive(Debug)]
pub struct Clouds<P> {
    accounts: BTreeMap<AccountName, P>,
}

impl<P: Provider> Clouds<P> {
    /// The provider of an account; `None` when the account was not connected.
    pub fn get(&self, account: &AccountName) -> Option<&P> {
        self.accounts.get(account)
    }
}

impl<P: Provider> FromIterator<(AccountName, P)> for Clouds<P> {
    fn from_iter<I: IntoIterator<Item = (AccountName, P)>>(accounts: I) -> Self {
        Self {
            accounts: accounts.into_iter().collect(),
        }
    }
}
