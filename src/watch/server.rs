//! The few things that a loop answers over HTTP: whether it lives, whether it is of use, metrics, and webhooks that wake it.
//!
//! Nothing here changes anything, and nothing secret is told.

mod connection;

use std::{future::Future, io, sync::Arc, time::Duration};

use axum::{
    Router,
    body::to_bytes,
    extract::{Path, Request, State},
    http::{StatusCode, header},
    response::IntoResponse,
    routing::{get, post},
};
use jiff::Timestamp;
use tokio::{net::TcpListener, sync::watch};

use self::connection::Bounded;
use super::{Hooks, Status, Wake, hooks::Answer, metrics};

/// Largest webhook that is read; a push of thousands of commits is cut short by those who send it.
const LARGEST_BODY: usize = 2 << 20;

/// What is answered from.
#[derive(Clone, Debug)]
pub struct Served {
    /// What the loop publishes.
    pub status: watch::Receiver<Status>,
    /// How old the last success may be.
    pub patience: Duration,
    /// Webhooks, and whom they wake.
    pub hooks: Option<(Hooks, Wake)>,
}

/// Serves until `shutdown` ends.
pub async fn run(
    listener: TcpListener,
    served: Served,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let mut router = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(told));
    if served.hooks.is_some() {
        router = router.route("/hooks/{forge}", post(hook));
    }
    let router = router.with_state(Arc::new(served));
    axum::serve(Bounded::new(listener), router)
        .with_graceful_shutdown(shutdown)
        .await
}

async fn ready(State(served): State<Arc<Served>>) -> impl IntoResponse {
    let is_ready = served
        .status
        .borrow()
        .is_ready(Timestamp::now(), served.patience);
    match is_ready {
        true => (StatusCode::OK, "ready\n"),
        false => (
            StatusCode::SERVICE_UNAVAILABLE,
            "not ready: no pass has succeeded, or not for too long\n",
        ),
    }
}

async fn told(State(served): State<Arc<Served>>) -> impl IntoResponse {
    let text = metrics::text(&served.status.borrow());
    ([(header::CONTENT_TYPE, metrics::MEDIA_TYPE)], text)
}

async fn hook(
    State(served): State<Arc<Served>>,
    Path(forge): Path<String>,
    request: Request,
) -> impl IntoResponse {
    let Some((hooks, wake)) = &served.hooks else {
        return (StatusCode::NOT_FOUND, "there are no webhooks here\n");
    };
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, "the webhook is too large\n");
    };
    let answer = hooks.judge(&forge, &parts.headers, &body);
    tracing::info!(forge, ?answer, "a webhook came");
    match answer {
        Answer::Push => {
            wake.wake();
            (StatusCode::ACCEPTED, "looking for new commits\n")
        }
        Answer::Other => (StatusCode::OK, "nothing to do\n"),
        Answer::Unknown => (StatusCode::NOT_FOUND, "no such forge\n"),
        Answer::Forged => (StatusCode::UNAUTHORIZED, "not proven to be genuine\n"),
        Answer::Malformed => (
            StatusCode::BAD_REQUEST,
            "not a push in JSON; choose application/json as the content type\n",
        ),
    }
}
