//! Client tokens: the same call with the same token gets the first answer again. They do not outlive the process.

use std::collections::{HashMap, VecDeque};

use jiff::Timestamp;

use crate::{
    emulator::{
        actions::Spec,
        error::{ApiError, bad},
        params::Params,
    },
    provider::alibaba::sign,
};

/// Seconds that a client token is remembered.
const TOKEN_LIFE: i64 = 24 * 60 * 60;

/// Most client tokens that are remembered.
const TOKENS: usize = 10_000;

/// A client token and what it was sent with.
pub(super) struct Token {
    /// Action and token.
    key: String,
    /// Hash of the other parameters.
    params: String,
}

pub(super) fn client_token(
    spec: &Spec,
    account: &str,
    params: &Params,
) -> Result<Option<Token>, ApiError> {
    let Some(token) = params.get("ClientToken").filter(|_| spec.client_token) else {
        return Ok(None);
    };
    if token.len() > 64 || !token.is_ascii() {
        return Err(bad(
            "InvalidClientToken.ValueNotSupported",
            "The ClientToken provided is invalid.",
        ));
    }
    let all: Vec<(&str, &str)> = params.iter().collect();
    Ok(Some(Token {
        key: format!("{account} {} {token}", spec.name),
        params: sign::sha256_hex(sign::canonical_query(&all).as_bytes()),
    }))
}

/// Client tokens of calls that succeeded.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    known: HashMap<String, Used>,
    order: VecDeque<(i64, String)>,
}

#[derive(Debug)]
struct Used {
    params: String,
    answer: Vec<u8>,
}

impl Tokens {
    /// The first answer, when the same call was made with the token before.
    pub(super) fn find(
        &mut self,
        token: &Token,
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, ApiError> {
        while let Some((at, key)) = self.order.front()
            && now.as_second() - at > TOKEN_LIFE
        {
            self.known.remove(key);
            self.order.pop_front();
        }
        match self.known.get(&token.key) {
            None => Ok(None),
            Some(used) if used.params == token.params => Ok(Some(used.answer.clone())),
            Some(_) => Err(bad(
                "IdempotentParameterMismatch",
                "The request uses the same client token as a previous, but non-identical request. Do not reuse a client token with different requests, unless the requests are identical.",
            )),
        }
    }

    pub(super) fn insert(&mut self, token: &Token, answer: Vec<u8>, now: Timestamp) {
        if self.order.len() == TOKENS
            && let Some((_, oldest)) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        let params = token.params.clone();
        self.known
            .insert(token.key.clone(), Used { params, answer });
        self.order.push_back((now.as_second(), token.key.clone()));
    }
}
