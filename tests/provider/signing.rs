//! How requests are signed and where their parameters travel.

use super::*;

#[tokio::test]
async fn v3_requests_are_signed_and_carry_their_parameters_in_the_query() {
    let server = Server::start(|_, _| Answer::written()).await;
    for credentials in [key(), session()] {
        let provider =
            Alibaba::new(settings(&server, CredentialSource::fixed(credentials))).unwrap();
        provider
            .execute(&region(), &authorize(), "token-1")
            .await
            .unwrap();
    }
    let asked = server.asked();
    for request in &asked {
        request.assert_signed_with_v3();
        assert_eq!(request.body, "");
        assert_eq!(request.header("x-acs-version"), "2014-05-26");
        assert_eq!(request.header("accept"), "application/json");
        assert!(request.header("user-agent").starts_with("rulekeep/"));
        assert_eq!(request.param("Action"), "");
    }
    assert_eq!(asked[0].header("x-acs-security-token"), "");
    assert_eq!(asked[1].header("x-acs-security-token"), TOKEN);
    assert_eq!(asked[1].header("x-acs-accesskey-id"), ID);
    assert_ne!(asked[0].nonce(), asked[1].nonce());
}

#[tokio::test]
async fn v1_requests_are_signed_in_the_query() {
    let server = Server::start(|_, _| Answer::written()).await;
    for credentials in [key(), session()] {
        let mut settings = settings(&server, CredentialSource::fixed(credentials));
        settings.signature = SignatureVersion::V1;
        let provider = Alibaba::new(settings).unwrap();
        provider
            .execute(&region(), &authorize(), "token-1")
            .await
            .unwrap();
    }
    let asked = server.asked();
    for request in &asked {
        request.assert_signed_with_v1();
        assert_eq!(request.param("Action"), "AuthorizeSecurityGroup");
        assert_eq!(request.param("Format"), "JSON");
        assert_eq!(request.header("authorization"), "");
    }
    assert_eq!(asked[1].param("SecurityToken"), TOKEN);
}

#[tokio::test]
async fn what_no_request_line_can_hold_travels_in_a_form() {
    let server = Server::start(|_, _| Answer::written()).await;
    let rules: Vec<Rule> = (1..=100)
        .map(|port| Rule {
            description: Some("入口 &=+*~".repeat(50).into()),
            ..rule(Direction::Ingress, "10.0.0.0/8", port)
        })
        .collect();
    let call = call("sg-1", Direction::Ingress, RuleAction::Authorize(rules));
    for signature in [SignatureVersion::V3, SignatureVersion::V1] {
        let mut settings = settings(&server, CredentialSource::fixed(session()));
        settings.signature = signature;
        let provider = Alibaba::new(settings).unwrap();
        provider.execute(&region(), &call, "token-1").await.unwrap();
    }
    let asked = server.asked();
    asked[0].assert_signed_with_v3();
    asked[1].assert_signed_with_v1();
    for request in asked {
        assert!(request.query.len() < 1000);
        assert_eq!(
            request.header("content-type"),
            "application/x-www-form-urlencoded"
        );
        assert_eq!(request.param("Permissions.100.PortRange"), "100/100");
        assert_eq!(
            request.param("Permissions.7.Description"),
            "入口 &=+*~".repeat(50)
        );
    }
}
