//! Tokens of identity providers: JSON Web Tokens signed with HS256, or words that were agreed on.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{emulator::error::ApiError, provider::alibaba::sign};

/// An identity provider. Its `Debug` shows no key and no token.
#[derive(Clone)]
pub struct OidcProvider {
    /// `acs:ram::ACCOUNT:oidc-provider/NAME`
    pub arn: String,
    /// Client ids: the audience of a token must be one of them.
    pub audiences: Vec<String>,
    /// Key of the signatures; without one they are not checked.
    pub key: Option<String>,
    /// Words that are taken as they are.
    pub tokens: Vec<String>,
}

impl std::fmt::Debug for OidcProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OidcProvider")
            .field("arn", &self.arn)
            .field("audiences", &self.audiences)
            .finish_non_exhaustive()
    }
}

impl OidcProvider {
    /// A token as a provider writes it.
    pub fn token(&self, subject: &str, audience: &str, expires: Timestamp) -> String {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let head = part(json!({"alg": "HS256", "typ": "JWT"}));
        let claims = part(json!({
            "iss": "https://idp.example", "sub": subject, "aud": audience, "exp": expires.as_second(),
        }));
        let signed = format!("{head}.{claims}");
        let signature = self.signature(&signed);
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn signature(&self, signed: &str) -> String {
        sign::v3_signature(self.key.as_deref().unwrap_or_default(), signed)
    }

    /// What the token says, unless it is refused.
    pub(super) fn check(&self, token: &str, now: Timestamp) -> Result<Value, ApiError> {
        if self.tokens.iter().any(|known| known == token) {
            return Ok(json!({"Subject": "configured", "ClientIds": ""}));
        }
        let invalid = || {
            refused(
                "AuthenticationFail.OIDCToken.Invalid",
                "This JsonWebToken is invalid.",
            )
        };
        let (signed, signature) = token.rsplit_once('.').ok_or_else(invalid)?;
        let (head, claims) = signed.split_once('.').ok_or_else(invalid)?;
        let read = |part: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
            serde_json::from_slice::<Value>(&bytes).ok()
        };
        let (Some(_), Some(claims)) = (read(head), read(claims)) else {
            return Err(invalid());
        };
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| invalid())?;
        if self.key.is_some() && signature != self.signature(signed).as_bytes() {
            return Err(refused(
                "AuthenticationFail.OIDCToken.InvalidSignature",
                "The signature of this JsonWebToken is invalid.",
            ));
        }
        let end = claims["exp"].as_i64().ok_or_else(invalid)?;
        if end <= now.as_second() {
            return Err(refused(
                "AuthenticationFail.OIDCToken.Expired",
                "This JsonWebToken is expired.",
            ));
        }
        let audience = claims["aud"].as_str().unwrap_or_default();
        if !self.audiences.iter().any(|known| known == audience) {
            return Err(refused(
                "AuthenticationFail.OIDCToken.AudienceNotMatch",
                "The audience of this JsonWebToken does not match the client ids of the provider.",
            ));
        }
        Ok(json!({
            "Subject": claims["sub"], "Issuer": claims["iss"], "ClientIds": audience,
        }))
    }
}

fn refused(code: &'static str, message: &'static str) -> ApiError {
    ApiError::new(401, code, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_checked_for_form_signature_end_and_audience() {
        let provider = OidcProvider {
            arn: "acs:ram::1:oidc-provider/ci".to_owned(),
            audiences: vec!["rulekeep".to_owned()],
            key: Some("k".to_owned()),
            tokens: vec!["word".to_owned()],
        };
        let other = OidcProvider {
            key: Some("other".to_owned()),
            ..provider.clone()
        };
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let later: Timestamp = "2026-01-02T03:05:05Z".parse().unwrap();
        let code = |token: &str| provider.check(token, now).err().map(|error| error.code);
        assert_eq!(code("word"), None);
        assert_eq!(code(&provider.token("s", "rulekeep", later)), None);
        let prefix = "AuthenticationFail.OIDCToken";
        for (token, expected) in [
            ("words".to_owned(), "Invalid"),
            ("a.b.c".to_owned(), "Invalid"),
            (provider.token("s", "rulekeep", now), "Expired"),
            (provider.token("s", "else", later), "AudienceNotMatch"),
            (other.token("s", "rulekeep", later), "InvalidSignature"),
        ] {
            assert_eq!(
                code(&token).as_deref(),
                Some(&*format!("{prefix}.{expected}"))
            );
        }
    }
}
