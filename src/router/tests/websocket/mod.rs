//! A real WebSocket client, the router, and the simulator's socket or its POST.

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::*;
use crate::simulator::{Handshake, Reply};

mod clients;
mod door;
mod endings;
mod history;
mod metadata;
mod parameters;
mod sessions;
mod upstreams;

pub(super) const CODEX: [(&str, &str); 2] = [
    ("originator", "codex_exec"),
    ("openai-beta", "responses_websockets=2026-02-06"),
];

impl Rig {
    /// Opens a socket with these headers; the status and the body of the reply when it is refused.
    pub(super) async fn try_socket(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Talker, (u16, Value)> {
        let url = format!("ws://{}{path}", self.address());
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let stream = TcpStream::connect(self.address()).await.unwrap();
        match client_async(request, stream).await {
            Ok((socket, reply)) => Ok(Talker {
                socket,
                handshake: reply.headers().clone(),
            }),
            Err(Error::Http(reply)) => {
                let body = reply.body().clone().unwrap_or_default();
                let body = serde_json::from_slice(&body).unwrap_or_default();
                Err((reply.status().as_u16(), body))
            }
            Err(err) => panic!("{err}"),
        }
    }

    pub(super) async fn codex_socket(&self) -> Talker {
        self.try_socket("/v1/responses", &CODEX).await.unwrap()
    }

    /// What came over the upstream's sockets, as it came.
    pub(super) fn messages(&self) -> Vec<Value> {
        let messages = self.requests().into_iter().filter(is_message);
        messages.map(|asked| asked.json()).collect()
    }

    fn posts(&self) -> Vec<Asked> {
        let requests = self.requests().into_iter();
        requests.filter(|asked| asked.method == "POST").collect()
    }

    fn handshakes(&self) -> Vec<Asked> {
        let requests = self.requests().into_iter();
        requests
            .filter(|asked| asked.method == "GET" && asked.body.is_empty())
            .collect()
    }
}

fn is_message(asked: &Asked) -> bool {
    asked.method == "GET" && !asked.body.is_empty()
}

/// A client's end of a socket.
pub(super) struct Talker {
    socket: WebSocketStream<TcpStream>,
    /// The headers with which it was opened.
    handshake: http::HeaderMap,
}

impl Talker {
    async fn say(&mut self, message: &Value) {
        self.say_text(&message.to_string()).await;
    }

    async fn say_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// The next message of any kind.
    async fn heard(&mut self) -> Option<Message> {
        let next = tokio::time::timeout(PATIENCE, self.socket.next());
        next.await.unwrap()?.ok()
    }

    /// The next text.
    async fn text(&mut self) -> String {
        loop {
            match self.heard().await {
                Some(Message::Text(text)) => return text.to_string(),
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                other => panic!("no text: {other:?}"),
            }
        }
    }

    async fn event(&mut self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }

    /// The events up to the last one of an answer, or an error.
    async fn answer(&mut self) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            let event = self.event().await;
            let kind = event["type"].as_str().unwrap().to_owned();
            events.push(event);
            if matches!(
                kind.as_str(),
                "response.completed" | "response.incomplete" | "response.failed" | "error"
            ) {
                return events;
            }
        }
    }

    pub(super) async fn ask(&mut self, message: &Value) -> Vec<Value> {
        self.say(message).await;
        self.answer().await
    }

    /// The code of the frame that closes the socket.
    async fn close_code(&mut self) -> u16 {
        loop {
            match self.heard().await {
                Some(Message::Close(Some(frame))) => return frame.code.into(),
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                other => panic!("not closed: {other:?}"),
            }
        }
    }
}

pub(super) fn message(role: &str, text: &str) -> Value {
    json!({"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]})
}

/// A whole request, as Codex makes one.
pub(super) fn create(input: Value) -> Value {
    let mut create = json!({"type": "response.create"});
    for (key, value) in codex_request().as_object().unwrap() {
        create[key] = value.clone();
    }
    create["input"] = input;
    create
}

/// What comes after the response with this id.
fn after(id: &str, input: Value) -> Value {
    let mut create = create(input);
    create["previous_response_id"] = id.into();
    create
}

fn warm_up(input: Value) -> Value {
    let mut create = create(input);
    create["generate"] = false.into();
    create
}

fn id_of(answer: &[Value]) -> String {
    let id = &answer.last().unwrap()["response"]["id"];
    id.as_str().unwrap().to_owned()
}

pub(super) fn types(answer: &[Value]) -> Vec<&str> {
    let types = answer.iter().map(|event| event["type"].as_str().unwrap());
    types.collect()
}

fn text_of(answer: &[Value]) -> String {
    let deltas = answer
        .iter()
        .filter(|event| event["type"] == "response.output_text.delta");
    deltas
        .map(|event| event["delta"].as_str().unwrap())
        .collect()
}

/// The items that an answer added to its conversation.
fn output_of(answer: &[Value]) -> Vec<Value> {
    let done = answer
        .iter()
        .filter(|event| event["type"] == "response.output_item.done");
    done.map(|event| event["item"].clone()).collect()
}
