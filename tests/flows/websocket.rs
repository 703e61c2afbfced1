//! The real program and a client on a WebSocket, as Codex is.

use codex_router::simulator::{Account, Handshake};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message, client::IntoClientRequest};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::support::Rig;

#[test]
fn a_session_on_one_socket_outlives_the_upstreams_hour() {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    let hour = Handshake::hour_is_over_after(2);
    rig.sim.handshake_next("work", [hour]);
    let mut program = rig.serve();
    let base_url = program.base_url();
    rig.wait_for(async {
        let mut codex = connect(&base_url).await.unwrap();
        let ready = ask(&mut codex, None, "Be brief.", false).await;
        let mut previous = ready.id;
        for text in ["one", "two"] {
            let answer = ask(&mut codex, Some(&previous), text, true).await;
            let said = format!("You said: {text}");
            assert!(answer.text.contains(&said), "{}", answer.text);
            previous = answer.id;
        }
    });
    let asked = rig.sim.asked();
    let handshakes = asked
        .iter()
        .filter(|asked| asked.header("upgrade").is_some() && asked.body.is_empty());
    assert_eq!(handshakes.count(), 2, "one for each hour");
    assert!(!asked.iter().any(|asked| asked.method == "POST"));
}

#[test]
fn turned_off_the_handshake_is_answered_with_426() {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    let mut command = rig.command(&["serve"]);
    let mut program = rig.spawn(command.env("CODEX_ROUTER_WEBSOCKET", "false"));
    let base_url = program.base_url();
    let status = rig.wait_for(async {
        match connect(&base_url).await {
            Err(Error::Http(reply)) => reply.status().as_u16(),
            other => panic!("no refusal: {:?}", other.map(|_| ())),
        }
    });
    assert_eq!(status, 426);
}

type Socket = WebSocketStream<TcpStream>;

struct Answer {
    id: String,
    text: String,
}

async fn connect(base_url: &str) -> Result<Socket, Error> {
    let url = format!("{}/responses", base_url.replace("http://", "ws://"));
    let mut request = url.into_client_request()?;
    let headers = request.headers_mut();
    headers.insert("originator", "codex_exec".parse().unwrap());
    let host = request.uri().authority().unwrap().as_str();
    let stream = TcpStream::connect(host).await?;
    Ok(client_async(request, stream).await?.0)
}

async fn ask(socket: &mut Socket, previous: Option<&str>, text: &str, generate: bool) -> Answer {
    let content = json!([{"type": "input_text", "text": text}]);
    let mut create = json!({
        "type": "response.create", "model": "gpt-5.4", "stream": true, "store": false, "generate": generate,
        "input": [{"type": "message", "role": "user", "content": content}],
    });
    if let Some(id) = previous {
        create["previous_response_id"] = id.into();
    }
    socket
        .send(Message::text(create.to_string()))
        .await
        .unwrap();
    let mut said = String::new();
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message.unwrap() else {
            continue;
        };
        let event: Value = serde_json::from_str(&text).unwrap();
        match event["type"].as_str().unwrap() {
            "response.output_text.delta" => said += event["delta"].as_str().unwrap(),
            "response.completed" => {
                let id = event["response"]["id"].as_str().unwrap().to_owned();
                return Answer { id, text: said };
            }
            "error" | "response.failed" => panic!("{event}"),
            _ => {}
        }
    }
    panic!("the socket closed");
}
