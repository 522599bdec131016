//! HTTP in front of the engine: turns a connection's requests into the engine's and back, and nothing else.

use std::{future::Future, io, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderValue, Response, StatusCode, header},
};
use tokio::net::TcpListener;

use super::{Clock, engine::Engine, gateway::RawRequest};

/// Largest body that is read.
const LARGEST_BODY: usize = 8 << 20;

#[derive(Clone)]
struct Shared {
    engine: Arc<Engine>,
    clock: Clock,
}

/// Serves until `shutdown` ends, then finishes what is under way.
pub(super) async fn run(
    listener: TcpListener,
    engine: Arc<Engine>,
    clock: Clock,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let router = Router::new()
        .fallback(serve)
        .with_state(Shared { engine, clock });
    axum::serve(listener, router)
        .with_graceful_shutdown(shutdown)
        .await
}

async fn serve(State(shared): State<Shared>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return response;
    };
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    let raw = RawRequest {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers,
        body: body.to_vec(),
    };
    let disk = shared.engine.waits_for_disk();
    let answer = move || shared.engine.handle(&raw, (shared.clock)());
    let answer = if disk {
        match tokio::task::spawn_blocking(answer).await {
            Ok(answer) => answer,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    } else {
        answer()
    };
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(answer.content_type),
    );
    if let Ok(id) = HeaderValue::from_str(&answer.request_id) {
        headers.insert("x-acs-request-id", id);
    }
    response
}
