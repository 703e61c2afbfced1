//! HTTP to the remote services: the ChatGPT backend, the OpenAI API, endpoints of the user's own, and the issuer of tokens.
//!
//! Knows addresses, headers and what an answer means; decides nothing. No redirects, no cookies, plain http to this computer
//! only (settings see to that). TLS trusts what the operating system trusts, since company proxies with a CA of their own are
//! real, and the certificates that it is given besides.
//!
//! Every request goes out for somebody: an [`Outlet`] is the upstream as one profile reaches it, by its own proxy and with its own
//! headers. There is no other door, so none can be taken by mistake.
//! Never enters: which profile speaks, what to do after a failure, files.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, StatusCode};
use url::Url;

use crate::profile::{Network, Proxy, Secret};

mod clients;
mod endpoint;
pub mod models;
pub mod oauth;
pub mod socket;
pub mod usage;

use clients::{Clients, Way};
pub use models::ModelsDocument;
pub use oauth::RefreshError;
pub use usage::UsageError;

/// Where everything is, and who we say we are.
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// `POST`, the ChatGPT backend's Responses endpoint.
    pub codex_responses: Url,
    pub codex_models: Url,
    pub usage: Url,
    /// Base of the OpenAI API, ending in `/v1`.
    pub openai_base: Url,
    /// Where refresh tokens are redeemed.
    pub token: Url,
    /// Where people sign in.
    pub issuer: Url,
    pub client_id: String,
    pub originator: String,
    pub user_agent: String,
}

/// Which service a request goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    ChatGpt,
    OpenAi,
}

/// What speaks for a profile.
#[derive(Clone, Debug)]
pub struct Bearer {
    pub token: Secret,
    /// Goes into `ChatGPT-Account-ID`; none for API keys.
    pub account_id: Option<String>,
    pub is_fedramp: bool,
}

/// A reply whose body is still on its way.
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: reqwest::Body,
}

/// Why there is no reply at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Nothing has left this computer: the name, the connection or TLS failed. Trying again costs nothing.
    #[error("could not reach {host}: {reason}")]
    NotSent { host: String, reason: String },
    /// The same, with a proxy in between; it may be the proxy's fault. Nothing went another way.
    #[error("could not reach {host} through the proxy {proxy}: {reason}")]
    NotThroughProxy {
        host: String,
        /// `host:port`
        proxy: String,
        reason: String,
    },
    /// The request may have arrived.
    #[error("{host} broke off: {reason}")]
    Lost { host: String, reason: String },
}

/// Which client a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Request,
    /// The handshake of a WebSocket, which HTTP/2 does not have.
    Socket,
}

/// The doors to the outside. The TLS clients behind it are made at the first use, so that starting up costs nothing.
pub struct Upstream {
    endpoints: Endpoints,
    clients: Clients,
}

/// The upstream as one profile reaches it.
#[derive(Clone, Copy, Debug)]
pub struct Outlet<'a> {
    upstream: &'a Upstream,
    network: &'a Network,
}

impl Upstream {
    /// By the proxy that the system names, trusting what the system trusts.
    pub fn new(endpoints: Endpoints) -> Self {
        Self {
            endpoints,
            clients: Clients::default(),
        }
    }

    /// By this proxy where a profile has none of its own, trusting these certificates (DER) as well.
    pub fn with_network(self, proxy: Proxy, roots: &[Vec<u8>]) -> Self {
        Self {
            clients: Clients::new(proxy, roots),
            ..self
        }
    }

    /// The upstream as a profile with this network reaches it.
    pub fn through<'a>(&'a self, network: &'a Network) -> Outlet<'a> {
        Outlet {
            upstream: self,
            network,
        }
    }
}

impl Outlet<'_> {
    fn endpoints(&self) -> &Endpoints {
        &self.upstream.endpoints
    }

    /// Sends a Responses request and returns as soon as the head of the reply is here.
    ///
    /// `headers` are what the caller chose to pass on; credentials are set here and beat them, and our own name stands where
    /// the caller gave none.
    ///
    /// # Errors
    /// Only when no reply came. A reply of any status is a reply.
    pub async fn responses(
        &self,
        service: Service,
        bearer: &Bearer,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Reply, SendError> {
        let url = match service {
            Service::ChatGpt => self.endpoints().codex_responses.clone(),
            Service::OpenAi => below(&self.endpoints().openai_base, "responses"),
        };
        self.post_json(service, bearer, url, "text/event-stream", headers, body)
            .await
    }

    /// The same to the endpoint that compacts a conversation, which answers with one document.
    ///
    /// # Errors
    /// As [`Outlet::responses`].
    pub async fn compact(
        &self,
        service: Service,
        bearer: &Bearer,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Reply, SendError> {
        let url = match service {
            Service::ChatGpt => below(&self.endpoints().codex_responses, "compact"),
            Service::OpenAi => below(&self.endpoints().openai_base, "responses/compact"),
        };
        self.post_json(service, bearer, url, "application/json", headers, body)
            .await
    }

    /// `accepted`: what is asked for where the caller says nothing.
    async fn post_json(
        &self,
        service: Service,
        bearer: &Bearer,
        url: Url,
        accepted: &'static str,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<Reply, SendError> {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers
            .entry(ACCEPT)
            .or_insert(HeaderValue::from_static(accepted));
        self.sign(service, bearer, &mut headers)?;
        self.post(url, headers, body).await
    }

    /// Sends a body as it is to a path below the base of the OpenAI API, and returns as soon as the head of the reply is here.
    ///
    /// `headers` tell what the body is; credentials are set here.
    ///
    /// # Errors
    /// Only when no reply came. A reply of any status is a reply.
    pub async fn forward(
        &self,
        path: &str,
        bearer: &Bearer,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<Reply, SendError> {
        let url = below(&self.endpoints().openai_base, path);
        self.sign(Service::OpenAi, bearer, &mut headers)?;
        self.post(url, headers, body).await
    }

    async fn post(&self, url: Url, headers: HeaderMap, body: Bytes) -> Result<Reply, SendError> {
        let client = self.client_for(&url, Purpose::Request)?;
        let request = client.post(url.clone()).headers(headers).body(body);
        let reply: http::Response<reqwest::Body> = request
            .send()
            .await
            .map_err(|err| self.send_error(&url, &err))?
            .into();
        let (head, body) = reply.into_parts();
        Ok(Reply {
            status: head.status,
            headers: head.headers,
            body,
        })
    }

    /// Puts the profile's own headers, then the credentials and, where nothing stands yet, our own name into the headers.
    fn sign(
        &self,
        service: Service,
        bearer: &Bearer,
        headers: &mut HeaderMap,
    ) -> Result<(), SendError> {
        let host = || {
            self.endpoints()
                .codex_responses
                .host_str()
                .unwrap_or_default()
                .to_owned()
        };
        let value = |text: &str| {
            HeaderValue::from_str(text).map_err(|_ignored| SendError::NotSent {
                host: host(),
                reason: "the login has characters that no header can carry".into(),
            })
        };
        self.add_own_headers(headers, host)?;
        let mut authorization = value(&format!("Bearer {}", bearer.token.expose()))?;
        authorization.set_sensitive(true);
        headers.insert(AUTHORIZATION, authorization);
        headers.remove("chatgpt-account-id");
        headers.remove("x-openai-fedramp");
        if service == Service::ChatGpt {
            if let Some(id) = &bearer.account_id {
                headers.insert("chatgpt-account-id", value(id)?);
            }
            if bearer.is_fedramp {
                headers.insert("x-openai-fedramp", HeaderValue::from_static("true"));
            }
        }
        let originator = HeaderName::from_static("originator");
        if service == Service::ChatGpt && !headers.contains_key(&originator) {
            headers.insert(originator, value(&self.endpoints().originator)?);
        }
        if !headers.contains_key(USER_AGENT) {
            headers.insert(USER_AGENT, value(&self.endpoints().user_agent)?);
        }
        Ok(())
    }

    /// What the user wants with every request of this profile. A value may be a secret.
    fn add_own_headers(
        &self,
        headers: &mut HeaderMap,
        host: impl FnOnce() -> String,
    ) -> Result<(), SendError> {
        for (name, value) in &self.network.headers {
            let Ok(mut value) = HeaderValue::from_str(value.expose()) else {
                return Err(SendError::NotSent {
                    host: host(),
                    reason: format!("its header {name} has characters that no header can carry"),
                });
            };
            value.set_sensitive(true);
            headers.insert(name.clone(), value);
        }
        Ok(())
    }

    /// The client that leads to this address by the profile's way.
    fn client_for(&self, url: &Url, purpose: Purpose) -> Result<reqwest::Client, SendError> {
        let host = || url.host_str().unwrap_or_default().to_owned();
        let way = self.upstream.clients.way(self.network, url);
        let way = way.map_err(|reason| SendError::NotSent {
            host: host(),
            reason,
        })?;
        let made = self.upstream.clients.get(way, purpose);
        made.map_err(|err| SendError::NotSent {
            host: host(),
            reason: format!("TLS cannot be set up: {}", cause(&err)),
        })
    }

    fn send_error(&self, url: &Url, err: &reqwest::Error) -> SendError {
        let host = url.host_str().unwrap_or_default().to_owned();
        let reason = cause(err);
        if !(err.is_connect() || err.is_builder()) {
            return SendError::Lost { host, reason };
        }
        let proxy = match self.upstream.clients.way(self.network, url) {
            Ok(Way::Through(proxy)) => Some(proxy.place()),
            Ok(Way::System) => crate::system::system_proxy(url.as_str())
                .map(|(proxy, port)| format!("{proxy}:{port}")),
            Ok(Way::Direct) | Err(_) => None,
        };
        match proxy {
            Some(proxy) => SendError::NotThroughProxy {
                host,
                proxy,
                reason,
            },
            None => SendError::NotSent { host, reason },
        }
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("endpoints", &self.endpoints)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// How long to wait, by Azure's and OpenAI's `retry-after-ms`, else by `Retry-After` in seconds or as a date (RFC 9110 section
/// 10.2.3).
pub fn retry_after(headers: &HeaderMap, now: std::time::SystemTime) -> Option<Duration> {
    let millis = headers.get("retry-after-ms").and_then(|millis| {
        let millis: f64 = millis.to_str().ok()?.trim().parse().ok()?;
        Duration::try_from_secs_f64(millis / 1_000.0).ok()
    });
    if millis.is_some() {
        return millis;
    }
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(secs) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(secs).ok();
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?;
    std::time::SystemTime::from(at.timestamp())
        .duration_since(now)
        .ok()
}

/// Reads a whole body of at most `limit` bytes.
async fn read_all(mut response: reqwest::Response, limit: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|err| cause(&err))? {
        if body.len() + chunk.len() > limit {
            return Err(format!("the answer is longer than {limit} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// The innermost reason of an error, which is the one that says something, without the URL.
fn cause(err: &reqwest::Error) -> String {
    if err.is_timeout() {
        return "no answer in time".into();
    }
    let mut innermost: &dyn std::error::Error = err;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    if text.len() > 200 {
        "the connection failed".into()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn headers(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().unwrap());
        headers
    }

    /// Where nobody listens.
    pub(super) fn nowhere() -> Endpoints {
        let url: Url = "http://127.0.0.1:1/".parse().unwrap();
        Endpoints {
            codex_responses: url.clone(),
            codex_models: url.clone(),
            usage: url.clone(),
            openai_base: url.clone(),
            token: url.clone(),
            issuer: url,
            client_id: "app_fake".into(),
            originator: "codex_router".into(),
            user_agent: "codex-router/test".into(),
        }
    }

    #[test]
    fn a_wait_in_milliseconds_is_more_exact_than_one_in_seconds() {
        let mut both = headers("7");
        both.insert("retry-after-ms", HeaderValue::from_static("1500"));
        let now = SystemTime::UNIX_EPOCH;
        assert_eq!(retry_after(&both, now), Some(Duration::from_millis(1_500)));
        both.insert("retry-after-ms", HeaderValue::from_static("soon"));
        assert_eq!(retry_after(&both, now), Some(Duration::from_secs(7)));
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(
            retry_after(&headers("7"), now),
            Some(Duration::from_secs(7))
        );
        assert_eq!(
            retry_after(&headers("Sun, 06 Nov 1994 08:49:47 GMT"), now),
            Some(Duration::from_secs(10))
        );
        for text in ["-5", "soon", "Sun, 06 Nov 1994 08:49:27 GMT", "1e400"] {
            assert_eq!(retry_after(&headers(text), now), None, "{text}");
        }
    }

    /// Answers `/endless` with a body without an end and everything else with "ok".
    async fn endless_or_ok() -> std::net::SocketAddr {
        use http_body_util::{BodyExt, Either, Full};
        use hyper::body::Incoming;
        use hyper_util::rt::{TokioExecutor, TokioIo};

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let service =
                hyper::service::service_fn(|request: http::Request<Incoming>| async move {
                    let body = if request.uri().path() == "/endless" {
                        Either::Left(Endless)
                    } else {
                        Either::Right(Full::new(Bytes::from_static(b"ok")))
                    };
                    Ok::<_, std::convert::Infallible>(http::Response::new(body.boxed()))
                });
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            drop(server.serve_connection(TokioIo::new(stream), service).await);
        });
        address
    }

    struct Endless;

    impl http_body::Body for Endless {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
            let frame = http_body::Frame::data(Bytes::from_static(&[b'x'; 16 * 1024]));
            std::task::Poll::Ready(Some(Ok(frame)))
        }
    }

    #[tokio::test]
    async fn an_answer_that_nobody_reads_does_not_hold_up_the_others() {
        drop(rustls::crypto::ring::default_provider().install_default());
        let address = endless_or_ok().await;
        let client = clients::builder()
            .no_proxy()
            .http2_prior_knowledge()
            .build();
        let client = client.unwrap();
        let get = |path: &str| client.get(format!("http://{address}/{path}")).send();
        let mut unread = Vec::new();
        for _ in 0..20 {
            unread.push(get("endless").await.unwrap());
        }
        let quick = async { get("ok").await.unwrap().text().await.unwrap() };
        let quick = tokio::time::timeout(Duration::from_secs(20), quick).await;
        assert_eq!(quick.as_deref(), Ok("ok"));
    }

    #[test]
    fn a_bearer_does_not_print_its_token() {
        let bearer = Bearer {
            token: Secret::new("canary"),
            account_id: None,
            is_fedramp: false,
        };
        assert!(!format!("{bearer:?}").contains("canary"));
    }
}
