//! Client tokens: the same call with the same token gets the first answer again. The state keeps them.

use jiff::Timestamp;

use crate::{
    emulator::{
        actions::Spec,
        error::{ApiError, bad},
        params::Params,
        store::{Tokens, Used},
    },
    provider::alibaba::sign,
};

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

impl Token {
    /// The first answer, when the same call was made with the token before.
    pub(super) fn answered(
        &self,
        tokens: &mut Tokens,
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, ApiError> {
        match tokens.find(&self.key, now) {
            None => Ok(None),
            Some(used) if *used.params == *self.params => Ok(Some(used.answer.as_bytes().to_vec())),
            Some(_) => Err(bad(
                "IdempotentParameterMismatch",
                "The request uses the same client token as a previous, but non-identical request. Do not reuse a client token with different requests, unless the requests are identical.",
            )),
        }
    }

    /// What is kept of a call that succeeded.
    pub(super) fn used(&self, answer: &[u8], at: Timestamp) -> Used {
        Used {
            key: self.key.as_str().into(),
            params: self.params.as_str().into(),
            answer: String::from_utf8_lossy(answer).into(),
            at,
        }
    }
}
