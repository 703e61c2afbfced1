//! A WebSocket to the ChatGPT backend: the same requests as by POST, on a connection that stays open for the next one.
//!
//! The handshake is an ordinary request of reqwest's and the frames travel over the connection that it hands out, so that
//! proxies, TLS and what it trusts are the same for both ways, and there is no second TLS client in the house.
//! Headers and address: `openai/codex: codex-rs/codex-api/src/endpoint/responses_websocket.rs`.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream};
use http::header::{
    CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use http::{HeaderMap, HeaderName, StatusCode};
use tokio::time::{Instant, Sleep, sleep};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::{Bearer, Outlet, Purpose, Reply, SendError, Service};
use crate::translate::sse::MAX_EVENT_BYTES;

const OPENAI_BETA: HeaderName = HeaderName::from_static("openai-beta");
/// The protocol that is spoken on the socket.
const PROTOCOL: HeaderValue = HeaderValue::from_static("responses_websockets=2026-02-06");
/// A buffer of this size is kept by every socket.
const READ_BYTES: usize = 16 * 1024;

/// How a handshake went.
pub enum Handshake {
    /// With the headers of the reply.
    Open(Box<Socket>, HeaderMap),
    /// Any reply but the one that opens it.
    Refused(Reply),
}

/// When a socket is asked whether it still lives.
#[derive(Clone, Copy, Debug)]
pub struct Pings {
    /// Shorter than the idle limit of anything between us and the service (30 s is common).
    pub every: Duration,
    /// For the answer, from a service that is known to give one.
    pub patience: Duration,
}

/// An open socket. Dropping it closes the connection at once.
pub struct Socket {
    messages: WebSocketStream<reqwest::Upgraded>,
    pings: Pings,
    /// Ready for the next ping, or when the last one was not answered in time.
    timer: Pin<Box<Sleep>>,
    /// Whether a ping is out and nothing was heard since.
    is_waiting: bool,
    /// Only a service that ever answered a ping is given up because of one.
    answers_pings: bool,
}

/// Why nothing more comes out of a socket, or goes in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SocketEnd {
    #[error("the upstream closed the socket")]
    Closed,
    #[error("the socket broke: {0}")]
    Lost(String),
    #[error("the upstream sent a message larger than {MAX_EVENT_BYTES} bytes")]
    TooLarge,
}

impl Outlet<'_> {
    /// Opens a socket where Responses requests of ChatGPT accounts go.
    ///
    /// `headers` are what the caller chose to pass on; credentials are set here and beat them.
    ///
    /// # Errors
    /// Only when no reply came, or one that is no WebSocket's. A reply of any other status than 101 is a refusal.
    pub async fn open_socket(
        &self,
        bearer: &Bearer,
        headers: HeaderMap,
        pings: Pings,
    ) -> Result<Handshake, SendError> {
        let url = self.endpoints().codex_responses.clone();
        let mut all = headers;
        all.entry(OPENAI_BETA).or_insert(PROTOCOL);
        self.sign(Service::ChatGpt, bearer, &mut all)?;
        let key = generate_key();
        all.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        all.insert(UPGRADE, HeaderValue::from_static("websocket"));
        all.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        if let Ok(key) = HeaderValue::from_str(&key) {
            all.insert(SEC_WEBSOCKET_KEY, key);
        }
        let client = self.client_for(&url, Purpose::Socket)?;
        let request = client.get(url.clone()).headers(all);
        let reply = request
            .send()
            .await
            .map_err(|err| self.send_error(&url, &err))?;
        if reply.status() != StatusCode::SWITCHING_PROTOCOLS {
            let reply: http::Response<reqwest::Body> = reply.into();
            let (head, body) = reply.into_parts();
            return Ok(Handshake::Refused(Reply {
                status: head.status,
                headers: head.headers,
                body,
            }));
        }
        let headers = reply.headers().clone();
        let accept = headers.get(SEC_WEBSOCKET_ACCEPT);
        if accept.is_none_or(|accept| accept != derive_accept_key(key.as_bytes()).as_str()) {
            return Err(SendError::Lost {
                host: url.host_str().unwrap_or_default().to_owned(),
                reason: "it switched to something that is no WebSocket".into(),
            });
        }
        let stream = reply
            .upgrade()
            .await
            .map_err(|err| self.send_error(&url, &err))?;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .max_message_size(Some(MAX_EVENT_BYTES))
            .max_frame_size(Some(MAX_EVENT_BYTES));
        let messages = WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await;
        let socket = Socket {
            messages,
            pings,
            timer: Box::pin(sleep(pings.every)),
            is_waiting: false,
            answers_pings: false,
        };
        Ok(Handshake::Open(Box::new(socket), headers))
    }
}

impl Socket {
    /// Sends a text, and a ping after it: a connection that was lost while nothing went over it looks like one whose service
    /// takes its time.
    ///
    /// # Errors
    /// When the socket is of no use any more.
    pub async fn send(&mut self, text: Bytes) -> Result<(), SocketEnd> {
        let text = Utf8Bytes::try_from(text)
            .map_err(|_ignored| SocketEnd::Lost("the request is not UTF-8".into()))?;
        let sent = self.messages.feed(Message::Text(text)).await;
        sent.map_err(|err| end_of(&err))?;
        let sent = self.messages.send(Message::Ping(Bytes::new())).await;
        self.await_pong();
        sent.map_err(|err| end_of(&err))
    }

    fn await_pong(&mut self) {
        self.is_waiting = true;
        let end = Instant::now() + self.pings.patience;
        self.timer.as_mut().reset(end);
    }

    /// The next text message. Pings are answered and sent on the way.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, SocketEnd>> {
        loop {
            // What has come is read first: an answer to a ping may be among it.
            match Pin::new(&mut self.messages).poll_next(cx) {
                Poll::Pending => ready!(self.poll_life(cx))?,
                Poll::Ready(Some(Ok(message))) => {
                    self.is_waiting = false;
                    match message {
                        Message::Text(text) => return Poll::Ready(Ok(text.into())),
                        Message::Close(_) => return Poll::Ready(Err(SocketEnd::Closed)),
                        Message::Pong(_) => self.answers_pings = true,
                        // The backend says everything in texts.
                        Message::Binary(_) | Message::Ping(_) | Message::Frame(_) => {}
                    }
                }
                Poll::Ready(None) => return Poll::Ready(Err(SocketEnd::Closed)),
                Poll::Ready(Some(Err(err))) => return Poll::Ready(Err(end_of(&err))),
            }
        }
    }

    /// Ready after a ping was sent: there may be something to read again.
    fn poll_life(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SocketEnd>> {
        ready!(self.timer.as_mut().poll(cx));
        if self.is_waiting && self.answers_pings {
            return Poll::Ready(Err(SocketEnd::Lost("it answers no ping".into())));
        }
        let mut messages = Pin::new(&mut self.messages);
        // Not ready: bytes are on their way, which is as good as a ping. What fails here fails again when it is read.
        if let Poll::Ready(Ok(())) = messages.as_mut().poll_ready(cx)
            && messages
                .as_mut()
                .start_send(Message::Ping(Bytes::new()))
                .is_ok()
        {
            let _flushed = messages.poll_flush(cx);
            self.await_pong();
        } else {
            self.timer.as_mut().reset(Instant::now() + self.pings.every);
        }
        Poll::Ready(Ok(()))
    }
}

fn end_of(err: &Error) -> SocketEnd {
    match err {
        Error::ConnectionClosed | Error::AlreadyClosed => SocketEnd::Closed,
        Error::Capacity(_) => SocketEnd::TooLarge,
        // Never the message that was under way: it may be a prompt.
        Error::WriteBufferFull(_) => SocketEnd::Lost("nothing more can be sent".into()),
        other => SocketEnd::Lost(other.to_string()),
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").finish_non_exhaustive()
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(..) => f.write_str("Open"),
            Self::Refused(reply) => f.debug_tuple("Refused").field(&reply.status).finish(),
        }
    }
}
