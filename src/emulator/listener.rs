//! HTTP in front of the engine: turns a connection's requests into the engine's and back, and nothing else.

use std::{future::Future, io, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderValue, Response, StatusCode, header},
};
use futures_util::StreamExt as _;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{
    Clock, admin,
    engine::{Delivery, Engine},
    gateway::{RawRequest, RawResponse},
};

mod wire;

use self::wire::{Breakable, Wire};

/// Largest body that is read.
const LARGEST_BODY: usize = 8 << 20;

#[derive(Clone)]
struct Shared {
    engine: Arc<Engine>,
    clock: Clock,
    admin: bool,
}

/// Serves until `shutdown` ends, then finishes what is under way.
pub(super) async fn run(
    tcp: TcpListener,
    tls: Option<TlsAcceptor>,
    engine: Arc<Engine>,
    clock: Clock,
    admin: bool,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let router = Router::new()
        .fallback(serve)
        .with_state(Shared {
            engine,
            clock,
            admin,
        })
        .into_make_service_with_connect_info::<Wire>();
    axum::serve(Breakable { tcp, tls }, router)
        .with_graceful_shutdown(shutdown)
        .await
}

async fn serve(
    State(shared): State<Shared>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    request: Request,
) -> Response<Body> {
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
    if shared.admin && raw.path.starts_with(admin::PREFIX) {
        return steered(&shared.engine, &raw);
    }
    let engine = Arc::clone(&shared.engine);
    let clock = Arc::clone(&shared.clock);
    let answer = move || engine.serve(&raw, clock());
    let served = if shared.engine.waits_for_disk() {
        match tokio::task::spawn_blocking(answer).await {
            Ok(answer) => answer,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    } else {
        answer()
    };
    if !served.delay.is_zero() {
        tokio::time::sleep(served.delay).await;
    }
    match served.delivery {
        Delivery::Whole(answer) => whole(&shared, answer),
        Delivery::Cut(mut answer, length) => {
            let full = answer.body.len();
            answer.body.truncate(length);
            let mut response = whole(&shared, answer);
            // The client waits for more than comes.
            response
                .headers_mut()
                .insert(header::CONTENT_LENGTH, HeaderValue::from(full));
            let body = std::mem::take(response.body_mut());
            *response.body_mut() = cut(body);
            response
        }
        Delivery::Reset => {
            wire.reset();
            Response::new(Body::empty())
        }
    }
}

fn steered(engine: &Engine, request: &RawRequest) -> Response<Body> {
    let (status, text) = admin::answer(engine, request);
    let mut response = Response::new(Body::from(text));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn whole(shared: &Shared, answer: RawResponse) -> Response<Body> {
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
    if let Some(wait) = answer.retry_after_ms {
        headers.insert("x-acs-retry-after", HeaderValue::from(wait));
    }
    // The cloud's clock, also when it is wrong.
    let now = shared.engine.skewed((shared.clock)());
    if let Ok(date) = HeaderValue::from_str(&now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
    {
        headers.insert(header::DATE, date);
    }
    response
}

/// A body that ends with an error instead of its end.
fn cut(body: Body) -> Body {
    let rest = futures_util::stream::once(async {
        // What is there goes out only while nothing else is to be had.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(axum::Error::new(io::Error::from(
            io::ErrorKind::ConnectionReset,
        )))
    });
    Body::from_stream(body.into_data_stream().chain(rest))
}
