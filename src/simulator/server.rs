//! Accepts connections on loopback, records each request and hands it to its endpoint.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    body::{Body as _, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tracing::debug;

use super::{
    accounts::Accounts,
    body::Body,
    door::{self, Side},
    endpoint,
    http_reply::HttpReply,
    models,
    oauth::{self, TokenRequest},
    platform,
    record::{Asked, Record},
    responses,
    sign_in::{self, SignIns},
    socket::{self, Handover},
    tokens::nonce,
    usage,
};

/// Room for a long history with images; nobody needs more from a pretend upstream.
const MAX_REQUEST_BYTES: usize = 64 * 1024 * 1024;

/// After a failed accept, so that a lack of file descriptors does not make a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

pub(super) const TOKEN_PATH: &str = "/oauth/token";
const USAGE_PATH: &str = "/backend-api/wham/usage";
pub(super) const CODEX_RESPONSES_PATH: &str = "/backend-api/codex/responses";
const CODEX_COMPACT_PATH: &str = "/backend-api/codex/responses/compact";
const CODEX_MODELS_PATH: &str = "/backend-api/codex/models";
const RESPONSES_PATH: &str = "/v1/responses";
const COMPACT_PATH: &str = "/v1/responses/compact";
const MODELS_PATH: &str = "/v1/models";

/// What all connections share.
pub(super) struct Shared {
    accounts: Mutex<Accounts>,
    record: Mutex<Record>,
    sign_ins: Mutex<SignIns>,
    pause: Mutex<Duration>,
    /// Whether the ChatGPT backend has the endpoint that compacts; it had one until August 2026.
    compacts: Mutex<bool>,
}

impl Shared {
    pub(super) fn new(issuer: &str) -> Self {
        Self {
            accounts: Mutex::new(Accounts::new(issuer)),
            record: Mutex::default(),
            sign_ins: Mutex::default(),
            pause: Mutex::default(),
            compacts: Mutex::default(),
        }
    }

    pub(super) fn accounts(&self) -> MutexGuard<'_, Accounts> {
        lock(&self.accounts)
    }

    pub(super) fn record(&self) -> MutexGuard<'_, Record> {
        lock(&self.record)
    }

    /// Locked before the accounts, where both are.
    pub(super) fn sign_ins(&self) -> MutexGuard<'_, SignIns> {
        lock(&self.sign_ins)
    }

    /// Between two events of a stream.
    pub(super) fn pause(&self) -> Duration {
        *lock(&self.pause)
    }

    pub(super) fn set_compacts(&self, compacts: bool) {
        *lock(&self.compacts) = compacts;
    }

    pub(super) fn set_pause(&self, pause: Duration) {
        *lock(&self.pause) = pause;
    }

    pub(super) fn holder_of_refresh(&self, token: &str) -> Option<String> {
        self.accounts().holder_of_refresh(token).map(str::to_owned)
    }
}

/// A panic elsewhere (a failed assertion in a test) leaves the data as usable as it was.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The connection closes without an answer: by script, or because the request broke off.
#[derive(Debug, thiserror::Error)]
#[error("the simulator hangs up")]
pub(super) struct HungUp;

/// Runs until it is dropped, and every connection with it.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    // Dropped before the connections: whoever sees its connection close finds the port closed.
    let listener = listener;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, shared.clone()));
                }
                Err(error) => {
                    debug!(%error, "accept failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    debug!(%error, "a connection ended badly");
                }
            }
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "no TCP_NODELAY");
    }
    let handover = Handover::default();
    let service = service_fn(|request| handle(shared.clone(), request, handover.clone()));
    let served = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        // A client that leaves, or a script that cuts.
        debug!(%error, "connection broken");
    } else if let Some(talk) = handover.take() {
        talk.run().await;
    }
}

async fn handle(
    shared: Arc<Shared>,
    request: Request<Incoming>,
    handover: Handover,
) -> Result<Response<Body>, HungUp> {
    if socket::is_wanted(&request) {
        return Ok(socket::open(&shared, request, &handover));
    }
    let (parts, body) = request.into_parts();
    let mut response = match whole_body(body).await? {
        Some(body) => answer(&shared, &parts, body).await?,
        None => {
            let limit = format!("the simulator takes at most {MAX_REQUEST_BYTES} bytes");
            HttpReply::detail(413, limit).into_response()
        }
    };
    if let Ok(id) = HeaderValue::try_from(format!("req_{}", nonce())) {
        response.headers_mut().insert("x-request-id", id);
    }
    Ok(response)
}

/// `None` when the body is larger than [`MAX_REQUEST_BYTES`]; one that says so beforehand is not read at all.
async fn whole_body(body: Incoming) -> Result<Option<Bytes>, HungUp> {
    if body.size_hint().lower() > MAX_REQUEST_BYTES as u64 {
        return Ok(None);
    }
    match Limited::new(body, MAX_REQUEST_BYTES).collect().await {
        Ok(body) => Ok(Some(body.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => Ok(None),
        Err(error) => {
            debug!(%error, "the request broke off");
            Err(HungUp)
        }
    }
}

async fn answer(shared: &Shared, parts: &Parts, body: Bytes) -> Result<Response<Body>, HungUp> {
    let headers = &parts.headers;
    let path = parts.uri.path();
    let query = parts.uri.query().unwrap_or_default();
    let token_request = match path {
        TOKEN_PATH => TokenRequest::parse(headers, &body),
        _ => TokenRequest::default(),
    };
    let place = endpoint::place_of(path, query);
    note(shared, parts, &body, &token_request);
    if let Some(place) = &place {
        return endpoint::answer(shared, place, &parts.method, headers, &body).await;
    }

    if sign_in::knows(path) {
        return Ok(sign_in::answer(shared, &parts.method, path, query, &body));
    }
    match (path, &parts.method) {
        (TOKEN_PATH, &Method::POST) => oauth::answer(shared, &token_request).await,
        (USAGE_PATH, &Method::GET) => usage::answer(shared, headers).await,
        (CODEX_RESPONSES_PATH, &Method::POST) => {
            responses::answer(shared, Side::ChatGpt, headers, &body).await
        }
        (CODEX_MODELS_PATH, &Method::GET) => Ok(models::catalogue(shared, headers, query)),
        (RESPONSES_PATH, &Method::POST) => {
            responses::answer(shared, Side::Platform, headers, &body).await
        }
        (CODEX_COMPACT_PATH, &Method::POST) if *lock(&shared.compacts) => {
            Ok(responses::compact(shared, Side::ChatGpt, headers, &body))
        }
        (COMPACT_PATH, &Method::POST) => {
            Ok(responses::compact(shared, Side::Platform, headers, &body))
        }
        (MODELS_PATH, &Method::GET) => Ok(models::list(shared, headers, None)),
        (path, &Method::POST) if platform::knows(path) => {
            Ok(platform::answer(shared, path, headers, &body))
        }
        (
            TOKEN_PATH | USAGE_PATH | CODEX_RESPONSES_PATH | CODEX_MODELS_PATH | RESPONSES_PATH
            | MODELS_PATH,
            _,
        ) => Ok(HttpReply::detail(405, "Method Not Allowed").into_response()),
        (_, &Method::GET) => Ok(match path.strip_prefix("/v1/models/") {
            Some(id) => models::list(shared, headers, Some(id)),
            None => not_found(path),
        }),
        _ => Ok(not_found(path)),
    }
}

/// Into the record, and to those who wait for it.
pub(super) fn note(shared: &Shared, parts: &Parts, body: &Bytes, token_request: &TokenRequest) {
    let credential = door::credential(shared, &parts.headers);
    let account = credential
        .as_ref()
        .and_then(|credential| credential.account().map(str::to_owned))
        .or_else(|| shared.holder_of_refresh(&token_request.refresh_token));
    let kind = door::kind_of(credential.as_ref());
    let asked = Asked::new(parts, body.clone(), account.clone(), kind);
    shared.record().note(asked);
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    let is_place = matches!(path, CODEX_RESPONSES_PATH | RESPONSES_PATH)
        || endpoint::place_of(path, query).is_some_and(|place| place.is_for_response());
    // The handshake of a socket has no body, and asks for none yet.
    let is_response = is_place && (parts.method != Method::GET || !body.is_empty());
    if let Some(name) = account.filter(|_| is_response) {
        shared.accounts().with(&name, |entry| {
            entry.tally.arrived.send_modify(|arrived| *arrived += 1);
        });
    }
}

fn not_found(path: &str) -> Response<Body> {
    let reply = if path.starts_with("/v1/") {
        let message = format!("Invalid URL ({path})");
        HttpReply::error(404, "invalid_request_error", "unknown_url", &message)
    } else {
        HttpReply::detail(404, "Not Found")
    };
    reply.into_response()
}
