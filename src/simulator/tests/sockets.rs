//! The socket of the ChatGPT backend, as its clients see it.

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::*;

struct Talker(WebSocketStream<TcpStream>);

impl Simulator {
    async fn talk(&self, name: &str) -> Result<Talker, u16> {
        let auth = Auth::of(&self.auth_json(name));
        let url = self.codex_url().replace("http://", "ws://");
        let mut request = url.into_client_request().unwrap();
        for (header, value) in [
            ("authorization", format!("Bearer {}", auth.access())),
            ("chatgpt-account-id", auth.token("account_id").to_owned()),
            ("openai-beta", "responses_websockets=2026-02-06".to_owned()),
        ] {
            request.headers_mut().insert(header, value.parse().unwrap());
        }
        let stream = TcpStream::connect(self.address()).await.unwrap();
        match client_async(request, stream).await {
            Ok((socket, _)) => Ok(Talker(socket)),
            Err(Error::Http(reply)) => Err(reply.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }
}

impl Talker {
    async fn next(&mut self) -> Option<Value> {
        match tokio::time::timeout(PATIENCE, self.0.next())
            .await
            .unwrap()?
        {
            Ok(Message::Text(text)) => Some(serde_json::from_str(&text).unwrap()),
            _ => None,
        }
    }

    /// The last event of the answer.
    async fn ask(&mut self, request: &Value) -> Value {
        let text = with(request.clone(), "type", json!("response.create")).to_string();
        self.0.send(Message::text(text)).await.unwrap();
        loop {
            let event = self.next().await.unwrap();
            if matches!(
                event["type"].as_str(),
                Some("response.completed" | "response.failed" | "error")
            ) {
                return event;
            }
        }
    }
}

#[tokio::test]
async fn a_request_may_lean_on_a_response_of_the_same_socket_and_on_no_other() {
    let sim = Simulator::start().await.unwrap();
    let mut one = sim.talk("work").await.unwrap();
    let ready = one
        .ask(&with(prompt("be ready"), "generate", json!(false)))
        .await;
    assert_eq!(ready["response"]["output"], json!([]));
    let leaning = with(
        prompt("hi"),
        "previous_response_id",
        ready["response"]["id"].clone(),
    );
    let answer = one.ask(&leaning).await;
    assert_eq!(answer["type"], "response.completed");
    let mut two = sim.talk("work").await.unwrap();
    let error = two.ask(&leaning).await;
    assert_eq!(error["status"], 400);
    assert_eq!(error["error"]["code"], "previous_response_not_found");
}

#[tokio::test]
async fn a_handshake_is_checked_and_can_be_refused() {
    let sim = Simulator::start().await.unwrap();
    sim.handshake_next("work", [Handshake::refused(426)]);
    assert_eq!(sim.talk("work").await.err(), Some(426));
    assert!(sim.talk("work").await.is_ok());
    let stale = sim.auth_json("work");
    sim.revoke_access("work");
    assert_eq!(
        Auth::of(&stale).access(),
        Auth::of(&sim.auth_json("work")).access()
    );
    assert_eq!(sim.talk("work").await.err(), Some(401));
}

#[tokio::test]
async fn after_its_hour_a_socket_says_so_and_closes() {
    let sim = Simulator::start().await.unwrap();
    sim.handshake_next("work", [Handshake::hour_is_over_after(1)]);
    let mut talker = sim.talk("work").await.unwrap();
    talker.ask(&prompt("hi")).await;
    let error = talker.ask(&prompt("hi")).await;
    assert_eq!(error["error"]["code"], "websocket_connection_limit_reached");
    assert_eq!(talker.next().await, None);
}

#[tokio::test]
async fn a_scripted_refusal_is_an_error_with_its_status() {
    let sim = Simulator::start().await.unwrap();
    sim.reply_next("work", [Reply::usage_limit(Duration::from_secs(60))]);
    let mut talker = sim.talk("work").await.unwrap();
    let error = talker.ask(&prompt("hi")).await;
    assert_eq!(error["status"], 429);
    assert_eq!(error["error"]["type"], "usage_limit_reached");
    assert!(error["headers"]["x-codex-primary-used-percent"].is_string());
    assert_eq!(
        talker.ask(&prompt("hi")).await["type"],
        "response.completed"
    );
}
