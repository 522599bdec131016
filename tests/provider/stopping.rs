//! After the stop nothing is sent that was not under way.

use std::{sync::Arc, time::Duration};

use rulekeep::provider::{Receipt, Stop, Stopper};
use tokio::sync::Notify;

use super::*;

/// A provider whose waits are longer than any test.
fn patient(server: &Server, parallelism: usize) -> Arc<Alibaba> {
    let mut settings = settings(server, CredentialSource::fixed(key()));
    settings.parallelism = parallelism;
    settings.retry = RetryPolicy {
        base: Duration::from_secs(3600),
        cap: Duration::from_secs(7200),
        patience: Duration::from_secs(7200),
        ..settings.retry
    };
    Arc::new(Alibaba::new(settings).unwrap())
}

fn begin(
    provider: &Arc<Alibaba>,
    stop: Stop,
    call: RuleCall,
    token: &'static str,
) -> tokio::task::JoinHandle<Result<Receipt, ProviderError>> {
    let provider = Arc::clone(provider);
    tokio::spawn(async move { provider.execute_until(&stop, &region(), &call, token).await })
}

/// Until the server was asked so often.
async fn asked(server: &Server, times: usize) {
    while server.asked().len() < times {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_throttled_call_is_not_sent_again() {
    let throttled = |_, _: &Asked| {
        Answer::error(400, "Throttling.User", "slow").header("x-acs-retry-after", "60000")
    };
    let server = Server::start(throttled).await;
    let (provider, stopper) = (patient(&server, 1), Stopper::new());
    let first = begin(&provider, stopper.stop(), authorize(), "t1");
    asked(&server, 1).await;
    let behind_it = begin(&provider, stopper.stop(), authorize(), "t2");
    tokio::task::yield_now().await;
    stopper.ask();
    for call in [first, behind_it] {
        let error = call.await.unwrap().unwrap_err();
        assert!(matches!(error, ProviderError::Stopped), "{error:?}");
    }
    assert_eq!(server.asked().len(), 1);
}

/// It had leave to be sent, but no place yet, when the cloud asked to slow down.
#[tokio::test]
async fn a_call_that_waits_for_its_place_is_not_sent_once_the_action_is_throttled() {
    let throttled = |_, _: &Asked| {
        Answer::error(400, "Throttling.User", "slow").header("x-acs-retry-after", "60000")
    };
    let release = Arc::new(Notify::new());
    let server = Server::start_with(throttled, Some(Arc::clone(&release))).await;
    let (provider, stopper) = (patient(&server, 1), Stopper::new());
    let first = begin(&provider, stopper.stop(), authorize(), "t1");
    asked(&server, 1).await;
    let behind_it = begin(&provider, stopper.stop(), authorize(), "t2");
    tokio::time::sleep(Duration::from_millis(50)).await;
    release.notify_one();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(server.asked().len(), 1);
    stopper.ask();
    for call in [first, behind_it] {
        let error = call.await.unwrap().unwrap_err();
        assert!(matches!(error, ProviderError::Stopped), "{error:?}");
    }
}

#[tokio::test]
async fn a_call_whose_answer_was_lost_stays_open_and_is_not_sent_again() {
    let server = Server::start(|_, _: &Asked| Answer::error(500, "InternalError", "broken")).await;
    let (provider, stopper) = (patient(&server, 1), Stopper::new());
    let call = begin(&provider, stopper.stop(), authorize(), "t");
    asked(&server, 1).await;
    stopper.ask();
    let error = call.await.unwrap().unwrap_err();
    assert!(
        matches!(
            error,
            ProviderError::Unavailable {
                not_sent: false,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_call_in_flight_is_finished_and_one_that_waits_for_its_place_is_not_sent() {
    let release = Arc::new(Notify::new());
    let server = Server::start_slow(Arc::clone(&release)).await;
    let (provider, stopper) = (patient(&server, 1), Stopper::new());
    let first = begin(&provider, stopper.stop(), authorize(), "t1");
    asked(&server, 1).await;
    let second = begin(&provider, stopper.stop(), authorize(), "t2");
    tokio::task::yield_now().await;
    stopper.ask();
    let error = second.await.unwrap().unwrap_err();
    assert!(matches!(error, ProviderError::Stopped), "{error:?}");
    release.notify_one();
    first.await.unwrap().unwrap();
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn nothing_is_sent_when_the_stop_was_there_before() {
    let server = Server::start(|_, _: &Asked| Answer::written()).await;
    let (provider, stopper) = (patient(&server, 1), Stopper::new());
    stopper.ask();
    let error = begin(&provider, stopper.stop(), authorize(), "t")
        .await
        .unwrap()
        .unwrap_err();
    assert!(matches!(error, ProviderError::Stopped), "{error:?}");
    assert_eq!(server.asked().len(), 0);
}

/// The cloud refuses a batch for one rule that is gone; the stop comes while a part of it is under way.
#[tokio::test]
async fn a_batch_that_is_split_ends_between_two_parts_and_says_that_it_is_not_whole() {
    let stopper = Arc::new(Stopper::new());
    let asks = Arc::clone(&stopper);
    let server = Server::start(move |number, _: &Asked| match number {
        0 => Answer::error(404, "InvalidSecurityGroupRuleId.NotFound", "gone"),
        _ => {
            asks.ask();
            Answer::written()
        }
    })
    .await;
    let rules = [22, 80].map(|port| {
        let rule = rule(Direction::Ingress, "10.0.0.0/8", port);
        seen(&format!("sgr-{port}"), rule)
    });
    let batch = call(
        "sg-1",
        Direction::Ingress,
        RuleAction::Revoke(rules.to_vec()),
    );
    let error = begin(&patient(&server, 1), stopper.stop(), batch, "t")
        .await
        .unwrap()
        .unwrap_err();
    assert!(
        matches!(
            error,
            ProviderError::Unavailable {
                not_sent: false,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(server.asked().len(), 2);
}
