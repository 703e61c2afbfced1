//! The WebSocket of the ChatGPT backend: `GET …/codex/responses`, then `response.create` again and again.
//!
//! A request may lean on a response that was made on the same socket, and on no other. Answers come from the same scripts as
//! those to a POST; a [`Handshake`] scripts the socket itself. Each request is recorded as another `GET` of the same head, with
//! the message as its body.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::request::Parts;
use http::{HeaderName, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tracing::debug;

use super::{
    body::{Body, Presence},
    door::{Side, authorise},
    events::Event,
    http_reply::HttpReply,
    reply::Ending,
    responses::{Ready, prepare},
    server::{CODEX_RESPONSES_PATH, Shared, note},
};

/// What an account does with a socket, when a test wants something particular.
#[derive(Clone, Debug)]
pub struct Handshake(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Refused(HttpReply),
    /// It answers so many requests; the next one finds that the socket has ended.
    Lives {
        requests: usize,
        end: End,
    },
    /// It opens with these headers beside its own.
    Says(Vec<(HeaderName, HeaderValue)>),
}

#[derive(Clone, Copy, Debug)]
enum End {
    /// It says why, and closes.
    Told,
    Closed,
    /// The connection stands, and nobody is there any more.
    Dead,
}

impl Handshake {
    /// This status instead of 101.
    pub fn refused(status: u16) -> Self {
        Self(Kind::Refused(HttpReply::detail(status, "No socket here")))
    }

    /// The socket opens, and the reply has these headers.
    pub fn saying<const N: usize>(headers: [(&'static str, &'static str); N]) -> Self {
        let headers = headers.map(|(name, value)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        Self(Kind::Says(headers.into()))
    }

    /// After so many requests the hour is over: `websocket_connection_limit_reached`, and the socket closes.
    pub fn hour_is_over_after(requests: usize) -> Self {
        Self(Kind::Lives {
            requests,
            end: End::Told,
        })
    }

    /// After so many requests the socket closes without a word.
    pub fn closes_after(requests: usize) -> Self {
        Self(Kind::Lives {
            requests,
            end: End::Closed,
        })
    }

    /// After so many requests nothing is read or said any more, not even an answer to a ping.
    pub fn dies_after(requests: usize) -> Self {
        Self(Kind::Lives {
            requests,
            end: End::Dead,
        })
    }
}

/// Where a handshake leaves what the connection is for from then on.
#[derive(Clone, Default)]
pub(super) struct Handover(Arc<Mutex<Option<Talk>>>);

impl Handover {
    fn put(&self, talk: Talk) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(talk);
    }

    pub(super) fn take(&self) -> Option<Talk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

pub(super) fn is_wanted(request: &Request<Incoming>) -> bool {
    let upgrade = request.headers().get(UPGRADE);
    request.method() == Method::GET
        && request.uri().path() == CODEX_RESPONSES_PATH
        && upgrade.is_some_and(|upgrade| upgrade.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Answers the handshake.
pub(super) fn open(
    shared: &Arc<Shared>,
    mut request: Request<Incoming>,
    handover: &Handover,
) -> Response<Body> {
    let upgrade = hyper::upgrade::on(&mut request);
    let (head, _no_body) = request.into_parts();
    note(shared, &head, &Bytes::new(), &Default::default());
    let account = match authorise(shared, Side::ChatGpt, &head.headers) {
        Ok(account) => account.name,
        Err(refusal) => return refusal.into_response(),
    };
    let beta = head.headers.get("openai-beta");
    if beta.is_none_or(|beta| beta != "responses_websockets=2026-02-06") {
        return HttpReply::detail(400, "OpenAI-Beta names no protocol of this socket")
            .into_response();
    }
    let Some(key) = head.headers.get(SEC_WEBSOCKET_KEY) else {
        return HttpReply::detail(400, "Sec-WebSocket-Key is missing").into_response();
    };
    let script = shared
        .accounts()
        .with(&account, |entry| entry.handshakes.take());
    let (life, said) = match script {
        Some(Handshake(Kind::Refused(reply))) => return reply.into_response(),
        Some(Handshake(Kind::Lives { requests, end })) => (Some((requests, end)), Vec::new()),
        Some(Handshake(Kind::Says(headers))) => (None, headers),
        None => (None, Vec::new()),
    };
    let mut response = Response::new(Body::whole(Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.extend(said);
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::try_from(derive_accept_key(key.as_bytes())) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    handover.put(Talk {
        shared: shared.clone(),
        head,
        account,
        life,
        upgrade,
        known: Vec::new(),
    });
    response
}

/// One client's socket.
pub(super) struct Talk {
    shared: Arc<Shared>,
    head: Parts,
    account: String,
    /// Requests that it still answers, and how it ends then.
    life: Option<(usize, End)>,
    upgrade: OnUpgrade,
    /// The responses that were made here, each with its conversation.
    known: Vec<(String, Vec<Value>)>,
}

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// The connection ends.
struct Over;

impl Talk {
    pub(super) async fn run(mut self) {
        let upgraded = match (&mut self.upgrade).await {
            Ok(upgraded) => upgraded,
            Err(error) => {
                debug!(%error, "no socket came about");
                return;
            }
        };
        let io = TokioIo::new(upgraded);
        let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
        while let Some(Ok(message)) = socket.next().await {
            let Message::Text(text) = message else {
                continue;
            };
            if is_note(&text) {
                note(&self.shared, &self.head, &text.into(), &Default::default());
                continue;
            }
            if self.answer(&mut socket, text.into()).await.is_err() {
                return;
            }
        }
    }

    async fn answer(&mut self, socket: &mut Socket, text: Bytes) -> Result<(), Over> {
        if let Some((requests, end)) = &mut self.life {
            if *requests == 0 {
                if matches!(end, End::Dead) {
                    return std::future::pending().await;
                }
                if matches!(end, End::Told) {
                    let code = "websocket_connection_limit_reached";
                    let message = "Responses websocket connection limit reached (60 minutes).";
                    let reply = HttpReply::error(400, "invalid_request_error", code, message);
                    say(socket, &error_message(&reply)).await?;
                }
                // Whoever is on the other side sees it close, whether this says so properly or not.
                drop(socket.close(None).await);
                return Err(Over);
            }
            *requests -= 1;
        }
        note(&self.shared, &self.head, &text, &Default::default());
        let (body, is_warm_up) = match self.whole_request(&text) {
            Ok(whole) => whole,
            Err(refusal) => return say(socket, &error_message(&refusal)).await,
        };
        let account = self
            .shared
            .accounts()
            .with(&self.account, |entry| entry.account.clone());
        let headers = &self.head.headers;
        let ready = prepare(
            &self.shared,
            Side::ChatGpt,
            &account,
            headers,
            &body,
            is_warm_up,
        );
        match ready.await {
            Ok(ready) => self.play(socket, ready).await,
            Err(refusal) => say(socket, &error_message(&refusal)).await,
        }
    }

    /// The request with everything that it leans on, as a POST would have it, and whether nothing is to be said.
    fn whole_request(&self, text: &[u8]) -> Result<(Bytes, bool), HttpReply> {
        let refuse = |message: &str| HttpReply::detail(400, message);
        let Ok(Value::Object(mut request)) = serde_json::from_slice(text) else {
            return Err(refuse("The message is not a JSON object"));
        };
        if request.remove("type") != Some("response.create".into()) {
            return Err(refuse("Only response.create is understood"));
        }
        let is_warm_up = request.remove("generate") == Some(false.into());
        if let Some(id) = request.remove("previous_response_id") {
            let known = self.known.iter().find(|(known, _)| id == known.as_str());
            let Some((_, conversation)) = known else {
                return Err(HttpReply::error(
                    400,
                    "invalid_request_error",
                    "previous_response_not_found",
                    "Previous response not found on this socket.",
                ));
            };
            let mut input = conversation.clone();
            input.extend(list(request.get("input")));
            request.insert("input".to_owned(), input.into());
        }
        Ok((Value::Object(request).to_string().into(), is_warm_up))
    }

    async fn play(&mut self, socket: &mut Socket, ready: Ready) -> Result<(), Over> {
        let Ready {
            request,
            events,
            ending,
            mut presence,
            ..
        } = ready;
        let pause = self.shared.pause();
        for (number, event) in events.iter().enumerate() {
            self.stop_at(socket, number, &ending, &mut presence).await?;
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            if number + 1 == events.len() {
                // Before the last event is out: the next request may be here at once.
                presence.finish();
            }
            say(socket, &event.json(number)).await?;
        }
        self.stop_at(socket, events.len(), &ending, &mut presence)
            .await?;
        presence.finish();
        self.remember(&request, &events);
        Ok(())
    }

    /// What the script wants after so many events.
    async fn stop_at(
        &self,
        socket: &mut Socket,
        number: usize,
        ending: &Ending,
        presence: &mut Presence,
    ) -> Result<(), Over> {
        match ending {
            Ending::CutAfter(count) if *count == number => {
                presence.finish();
                Err(Over)
            }
            Ending::EofAfter(count) if *count == number => {
                presence.finish();
                drop(socket.close(None).await);
                Err(Over)
            }
            Ending::StallAfter(count, gate) if *count == number => {
                let opened = gate.clone().pass();
                tokio::pin!(opened);
                loop {
                    tokio::select! {
                        () = &mut opened => return Ok(()),
                        message = socket.next() => match message {
                            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Over),
                            Some(Ok(_)) => {}
                        },
                    }
                }
            }
            Ending::Whole | Ending::CutAfter(_) | Ending::EofAfter(_) | Ending::StallAfter(..) => {
                Ok(())
            }
        }
    }

    fn remember(&mut self, request: &Value, events: &[Event]) {
        let response = events.last().and_then(|event| event.field("response"));
        let id = response.and_then(|response| response.get("id")?.as_str());
        let Some(id) = id else {
            return;
        };
        let mut conversation: Vec<Value> = list(request.get("input")).collect();
        let done = events
            .iter()
            .filter(|event| event.kind() == "response.output_item.done");
        conversation.extend(done.filter_map(|event| event.field("item").cloned()));
        self.known.push((id.to_owned(), conversation));
    }
}

/// `response.processed` is heard and never answered.
fn is_note(text: &str) -> bool {
    let message: Value = serde_json::from_str(text).unwrap_or_default();
    message
        .get("type")
        .is_some_and(|kind| kind == "response.processed")
}

fn list(value: Option<&Value>) -> impl Iterator<Item = Value> {
    let items = value.and_then(Value::as_array);
    items.into_iter().flatten().cloned()
}

async fn say(socket: &mut Socket, message: &Value) -> Result<(), Over> {
    let text = Message::text(message.to_string());
    socket.send(text).await.map_err(|error| {
        debug!(%error, "the client has left");
        Over
    })
}

/// What would have been a reply with an error status (codex-rs/codex-api/src/endpoint/responses_websocket.rs).
fn error_message(reply: &HttpReply) -> Value {
    let (status, headers, body) = reply.parts();
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let kind = if status < 500 {
        "invalid_request_error"
    } else {
        "server_error"
    };
    let own = json!({ "type": kind, "code": null, "message": body.get("detail") });
    let error = body.get("error").cloned().unwrap_or(own);
    let headers: Map<String, Value> = headers
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().into()))
        .collect();
    json!({ "type": "error", "status": status, "error": error, "headers": headers })
}
