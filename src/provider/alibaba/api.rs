//! Sends requests: signs, limits how many are under way and how many a minute, repeats what may be repeated, reads
//! answers. It does not know what an action means.

mod failure;
mod limiter;
mod retry;
mod signing;
mod timeouts;

use std::{sync::Arc, time::Duration};

use reqwest::{Client, Response, StatusCode, redirect};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

pub use retry::RetryPolicy;
pub use timeouts::Timeouts;

use super::{
    credentials::{CredentialSource, Credentials, CredentialsError},
    endpoints::{Endpoint, EndpointError},
    wire::{answer::Page, request::Request},
};
use crate::{
    desired::SignatureVersion,
    model::RegionId,
    provider::{ProviderError, Stop, requests},
};
use failure::Remedy;
use limiter::Limiter;

/// No answer is larger; 1,000 rules are about 1 MiB.
const ANSWER_LIMIT: usize = 64 << 20;

/// No list has more pages; a server that goes on beyond is broken.
const PAGE_LIMIT: usize = 10_000;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends signed requests to the API of every region.
#[derive(Debug)]
pub struct Api {
    endpoint: Option<Endpoint>,
    signature: SignatureVersion,
    credentials: CredentialSource,
    retry: RetryPolicy,
    timeouts: Timeouts,
    line: Arc<Line>,
}

/// What outlives the credentials: open connections, and how fast the cloud lets itself be asked.
#[derive(Debug)]
struct Line {
    limiter: Limiter,
    slots: Semaphore,
    client: Client,
}

/// What an [`Api`] is made of.
#[derive(Debug)]
pub struct Settings {
    /// One endpoint for every region, in place of the cloud's own.
    pub endpoint: Option<String>,
    /// Which signature is sent.
    pub signature: SignatureVersion,
    /// Who signs.
    pub credentials: CredentialSource,
    /// Most requests under way at one time.
    pub parallelism: usize,
    /// How failed tries are repeated.
    pub retry: RetryPolicy,
    /// How long an answer may take.
    pub timeouts: Timeouts,
}

impl Settings {
    /// The cloud's own endpoints and the defaults of everything else.
    pub fn new(credentials: CredentialSource) -> Self {
        Self {
            endpoint: None,
            signature: SignatureVersion::default(),
            credentials,
            parallelism: 10,
            retry: RetryPolicy::default(),
            timeouts: Timeouts::default(),
        }
    }
}

impl From<EndpointError> for ProviderError {
    fn from(error: EndpointError) -> Self {
        Self::NotSent {
            reason: error.to_string(),
        }
    }
}

impl From<CredentialsError> for ProviderError {
    fn from(error: CredentialsError) -> Self {
        Self::Credentials {
            message: error.to_string(),
        }
    }
}

/// What a request does, which decides how long it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// Changes nothing.
    Read,
    /// Changes something; carries a ClientToken, so that a second copy of it does nothing.
    Write,
}

impl Api {
    /// Makes the HTTP client; nothing is sent yet.
    pub fn new(settings: Settings) -> Result<Self, ProviderError> {
        let Settings {
            endpoint,
            signature,
            credentials,
            parallelism,
            retry,
            timeouts,
        } = settings;
        let endpoint = endpoint.as_deref().map(Endpoint::given).transpose()?;
        let line = Line {
            client: client(endpoint.as_ref())?,
            limiter: Limiter::new(retry),
            slots: Semaphore::new(parallelism.max(1)),
        };
        Ok(Self {
            endpoint,
            signature,
            credentials,
            retry,
            timeouts,
            line: Arc::new(line),
        })
    }

    /// The same over the same connections, with credentials that are looked up anew.
    pub fn signed_by(&self, credentials: CredentialSource) -> Self {
        Self {
            endpoint: self.endpoint.clone(),
            signature: self.signature,
            credentials,
            retry: self.retry,
            timeouts: self.timeouts,
            line: Arc::clone(&self.line),
        }
    }

    /// Who signs.
    pub fn credentials(&self) -> &CredentialSource {
        &self.credentials
    }

    /// Where the requests for a region go.
    pub fn endpoint(&self, region: &RegionId) -> Result<Endpoint, ProviderError> {
        match &self.endpoint {
            Some(endpoint) => Ok(endpoint.clone()),
            None => Ok(Endpoint::of_region(region)?),
        }
    }

    /// Makes one call that changes something, with as many tries as the policy allows, and none after the stop.
    pub async fn write<T: DeserializeOwned>(
        &self,
        stop: &Stop,
        region: &RegionId,
        request: &Request,
    ) -> Result<T, ProviderError> {
        self.call(stop, region, request, Effect::Write).await
    }

    /// As [`Api::write`], for a call that changes nothing and that a stop need not wait for.
    pub async fn read<T: DeserializeOwned>(
        &self,
        region: &RegionId,
        request: &Request,
    ) -> Result<T, ProviderError> {
        self.call(&Stop::never(), region, request, Effect::Read)
            .await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        stop: &Stop,
        region: &RegionId,
        request: &Request,
        effect: Effect,
    ) -> Result<T, ProviderError> {
        let mut open = false;
        let answer = self.tries(stop, region, request, effect, &mut open).await;
        // What the last try says is not what the call came to, where an earlier one may have acted.
        answer.map_err(|error| match error {
            ProviderError::Throttled { .. }
            | ProviderError::Credentials { .. }
            | ProviderError::Stopped
            | ProviderError::Unavailable { not_sent: true, .. }
                if open =>
            {
                ProviderError::Unavailable {
                    message: format!("no answer came to an earlier try, and then: {error}"),
                    request_id: None,
                    not_sent: false,
                }
            }
            other => other,
        })
    }

    /// `open` says whether a try had no answer that may have acted.
    async fn tries<T: DeserializeOwned>(
        &self,
        stop: &Stop,
        region: &RegionId,
        request: &Request,
        effect: Effect,
        open: &mut bool,
    ) -> Result<T, ProviderError> {
        let endpoint = self.endpoint(region)?;
        let lane = self.line.limiter.lane(region, request.action);
        let mut credentials = stop.before(self.credentials.get()).await??;
        let mut renewed = false;
        // Counted apart: that nobody listens, or that whoever does says nothing, is soon clear; that an answer is lost is not.
        let (mut failures, mut unsent, mut silent) = (0, 0, 0);
        let mut last = None;
        loop {
            let Some(turn) = stop.before(lane.enter()).await? else {
                return Err(last.unwrap_or_else(|| ProviderError::Throttled {
                    code: format!("{} is throttled for too long", request.action),
                    retry_after: None,
                }));
            };
            let slot = stop.before(self.line.slots.acquire()).await?;
            let slot = slot.expect("never closed");
            if turn.is_over() {
                continue; // The cloud has asked to slow down while this call waited for its slot.
            }
            let answer = self
                .try_once(&endpoint, request, effect, &credentials)
                .await;
            requests::count(
                request.action,
                answer.as_ref().err().map(|(error, _)| error),
            );
            let (error, remedy) = match answer {
                Ok(answer) => {
                    turn.accepted();
                    return Ok(answer);
                }
                Err(failure) => failure,
            };
            tracing::debug!(action = request.action, %region, failures, %error, "failed");
            if let Remedy::SlowDown(asked) = remedy {
                // Before the next call takes the place: it must find the lane closed.
                let hopeless = turn.throttled(asked);
                drop(slot);
                if hopeless {
                    return Err(error);
                }
                last = Some(error);
                credentials = stop.before(self.credentials.get()).await??;
                continue;
            }
            turn.accepted(); // Or not, which only the cloud knows; it is counted to be on the safe side.
            drop(slot);
            if remedy == Remedy::Credentials && !renewed {
                renewed = true;
                let others = self.credentials.renewed(&credentials);
                if let Some(others) = stop.before(others).await?? {
                    credentials = others;
                    continue;
                }
            }
            let no_answer = matches!(
                error,
                ProviderError::Unavailable {
                    not_sent: false,
                    ..
                } | ProviderError::Malformed { .. }
            );
            *open |= effect == Effect::Write && no_answer;
            let (count, most) = match (&error, remedy) {
                (ProviderError::Unavailable { not_sent: true, .. }, _) => {
                    (&mut unsent, self.retry.connects)
                }
                (_, Remedy::Voice) => (&mut silent, self.retry.silences),
                _ => (&mut failures, self.retry.attempts),
            };
            *count += 1;
            let Some(delay) = self.retry.delay(*count, most, &error) else {
                return Err(error);
            };
            if remedy == Remedy::Voice {
                let (action, endpoint) = (request.action, endpoint.authority());
                tracing::warn!(action, %region, %endpoint, "no answer in time, asking again");
            }
            stop.before(tokio::time::sleep(delay)).await?;
            credentials = stop.before(self.credentials.get()).await??;
        }
    }

    /// The pages of a list, one after the other.
    pub fn pages<'a, T>(&'a self, region: &'a RegionId, request: Request) -> Pages<'a, T> {
        Pages {
            api: self,
            region,
            request,
            tokens: Vec::new(),
            done: false,
            page: std::marker::PhantomData,
        }
    }

    /// One try. With the error comes what might help.
    async fn try_once<T: DeserializeOwned>(
        &self,
        endpoint: &Endpoint,
        request: &Request,
        effect: Effect,
        credentials: &Credentials,
    ) -> Result<T, (ProviderError, Remedy)> {
        let now = self.credentials.now();
        let signed = signing::sign(endpoint, request, self.signature, credentials, now)
            .map_err(|reason| (ProviderError::NotSent { reason }, Remedy::None))?;
        let begun = std::time::Instant::now();
        let sent = self
            .line
            .client
            .post(signed.url)
            .headers(signed.headers)
            .body(signed.body)
            .timeout(self.timeouts.of(request, effect == Effect::Write))
            .send()
            .await;
        let mut response = sent.map_err(failure::transport)?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let body = body(response, request.action).await?;
        log(request, status, &body, begun.elapsed());
        if !status.is_success() {
            return Err(failure::refusal(status, &headers, &body, credentials));
        }
        parse(&body).map_err(|error| {
            let error = if error.is_eof() {
                ProviderError::Unavailable {
                    message: format!("the answer to {} was cut off", request.action),
                    request_id: None,
                    not_sent: false,
                }
            } else {
                ProviderError::Malformed {
                    action: request.action.to_owned(),
                    reason: error.to_string(),
                }
            };
            (error, Remedy::None)
        })
    }
}

/// JSON; that it is UTF-8 is looked at once and not text by text.
fn parse<T: DeserializeOwned>(body: &[u8]) -> serde_json::Result<T> {
    match std::str::from_utf8(body) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(body),
    }
}

/// One line for every answer: which call, about what, and what the cloud's support asks for.
fn log(request: &Request, status: StatusCode, body: &[u8], took: Duration) {
    #[derive(serde::Deserialize)]
    struct Id {
        #[serde(rename = "RequestId")]
        request: Option<String>,
    }
    if !tracing::enabled!(tracing::Level::INFO) {
        return;
    }
    let asked = |name: &str| {
        let mut params = request.params.iter();
        let found = params.find(|(known, _)| known == name);
        found.map_or("-", |(_, value)| value)
    };
    let id = serde_json::from_slice::<Id>(body).ok();
    tracing::info!(
        action = request.action,
        region = asked("RegionId"),
        group = asked("SecurityGroupId"),
        request = id.and_then(|id| id.request).as_deref().unwrap_or("-"),
        status = status.as_u16(),
        milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "called"
    );
}

fn client(endpoint: Option<&Endpoint>) -> Result<Client, ProviderError> {
    // An error means that somebody has installed a provider already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(concat!("rulekeep/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(Duration::from_secs(30))
        .redirect(redirect::Policy::none())
        .http1_only();
    if endpoint.is_some_and(Endpoint::is_loopback) {
        builder = builder.no_proxy();
    }
    if endpoint.is_some_and(Endpoint::is_plain) {
        // Without TLS the machine's certificates are not needed, and not every container has some.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|error| ProviderError::NotSent {
        reason: format!(
            "the HTTP client cannot be set up: {}",
            failure::causes(&error)
        ),
    })
}

async fn body(mut response: Response, action: &str) -> Result<Vec<u8>, (ProviderError, Remedy)> {
    let expected = response.content_length().unwrap_or_default();
    let expected = usize::try_from(expected).unwrap_or_default();
    let mut body = Vec::with_capacity(expected.min(ANSWER_LIMIT));
    while let Some(chunk) = response.chunk().await.map_err(failure::transport)? {
        if body.len() + chunk.len() > ANSWER_LIMIT {
            let error = ProviderError::Malformed {
                action: action.to_owned(),
                reason: format!("it is larger than {} MiB", ANSWER_LIMIT >> 20),
            };
            return Err((error, Remedy::None));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The pages of a list as they come.
#[derive(Debug)]
pub struct Pages<'a, T> {
    api: &'a Api,
    region: &'a RegionId,
    request: Request,
    tokens: Vec<String>,
    done: bool,
    page: std::marker::PhantomData<fn() -> T>,
}

impl<T: Page + DeserializeOwned> Pages<'_, T> {
    /// Whether the last page was read.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// The next page; `None` after the last one.
    ///
    /// A token that comes back is an error, never the end: what would be missing might be taken for deleted.
    pub async fn next(&mut self) -> Result<Option<T>, ProviderError> {
        if self.done {
            return Ok(None);
        }
        let further = self.tokens.last().map(|token| self.request.page(token));
        let request = further.as_ref().unwrap_or(&self.request);
        let page: T = self.api.read(self.region, request).await?;
        match page.next_token() {
            None => self.done = true,
            Some(token) => {
                let reason = if self.tokens.iter().any(|seen| seen == token) {
                    "NextToken came a second time, so that pages are missing"
                } else if self.tokens.len() >= PAGE_LIMIT {
                    "it has more pages than any list of the cloud"
                } else {
                    self.tokens.push(token.to_owned());
                    return Ok(Some(page));
                };
                return Err(ProviderError::Malformed {
                    action: request.action.to_owned(),
                    reason: reason.to_owned(),
                });
            }
        }
        Ok(Some(page))
    }
}
