//! The product's own client of an embedded cloud, with the credentials that it takes by default.

use rulekeep::provider::alibaba::{
    Alibaba, Settings,
    credentials::{CredentialSource, Credentials},
};

/// A client of an endpoint, set up as a test wants it.
pub fn client(endpoint: String, set_up: impl FnOnce(Settings) -> Settings) -> Alibaba {
    let credentials = Credentials {
        access_key_id: "testid".into(),
        secret: "testsecret".into(),
        security_token: None,
    };
    let settings = Settings {
        endpoint: Some(endpoint),
        ..Settings::new(CredentialSource::fixed(credentials))
    };
    Alibaba::new(set_up(settings)).unwrap()
}
