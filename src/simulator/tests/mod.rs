//! The simulator asked over HTTP, as its users ask it.

use serde_json::{Value, json};

use super::*;

mod endings;
mod refresh;
mod responses;
mod scripts;
mod sign_in;
mod sockets;
mod surroundings;
mod usage;

/// Of a test that would otherwise wait for ever.
const PATIENCE: Duration = Duration::from_secs(20);

/// The client id that requests carry; any will do.
const CLIENT_ID: &str = "app_fake";

fn http() -> reqwest::Client {
    // An error says that another test was first.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .build()
        .unwrap()
}

/// An `auth.json`, read.
struct Auth(Value);

impl Auth {
    fn of(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap())
    }

    fn token(&self, name: &str) -> &str {
        self.0["tokens"][name].as_str().unwrap()
    }

    fn access(&self) -> &str {
        self.token("access_token")
    }

    fn refresh(&self) -> &str {
        self.token("refresh_token")
    }

    fn claims(&self, token: &str) -> Value {
        let part = self.token(token).split('.').nth(1).unwrap();
        let bytes = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, part).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    fn get(&self, url: String) -> reqwest::RequestBuilder {
        self.sign(http().get(url))
    }

    fn post(&self, url: String, body: &Value) -> reqwest::RequestBuilder {
        self.sign(http().post(url))
            .header("content-type", "application/json")
            .body(body.to_string())
    }

    fn sign(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        request
            .bearer_auth(self.access())
            .header("ChatGPT-Account-Id", self.token("account_id"))
    }
}

/// A request that the ChatGPT side takes.
fn prompt(text: &str) -> Value {
    json!({
        "model": "gpt-5.4",
        "instructions": "Be brief.",
        "input": [{ "type": "message", "role": "user", "content": [{ "type": "input_text", "text": text }] }],
        "stream": true,
        "store": false,
    })
}

fn with(mut request: Value, key: &str, value: Value) -> Value {
    request[key] = value;
    request
}

impl Simulator {
    fn codex_url(&self) -> String {
        format!("{}/codex/responses", self.chatgpt_base_url())
    }

    /// Asks as the account's newest login.
    fn ask(&self, name: &str, body: &Value) -> reqwest::RequestBuilder {
        Auth::of(&self.auth_json(name)).post(self.codex_url(), body)
    }

    async fn answer(&self, name: &str, body: &Value) -> Answered {
        Answered::of(self.ask(name, body).send().await.unwrap()).await
    }

    fn ask_platform(&self, name: &str, body: &Value) -> reqwest::RequestBuilder {
        http()
            .post(format!("{}/responses", self.openai_base_url()))
            .bearer_auth(format!("sk-fake-{name}"))
            .header("content-type", "application/json")
            .body(body.to_string())
    }

    async fn answer_platform(&self, name: &str, body: &Value) -> Answered {
        Answered::of(self.ask_platform(name, body).send().await.unwrap()).await
    }

    async fn redeem(&self, refresh_token: &str) -> Answered {
        Answered::of(self.redeem_request(refresh_token).send().await.unwrap()).await
    }

    fn redeem_request(&self, refresh_token: &str) -> reqwest::RequestBuilder {
        let body = json!({
            "client_id": CLIENT_ID,
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
        });
        http()
            .post(self.refresh_url())
            .header("content-type", "application/json")
            .body(body.to_string())
    }
}

/// A complete answer.
#[derive(Debug)]
struct Answered {
    status: u16,
    headers: http::HeaderMap,
    body: String,
}

impl Answered {
    async fn of(response: reqwest::Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await.unwrap(),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn code(&self) -> Value {
        self.json()["error"]["code"].clone()
    }

    fn events(&self) -> Vec<Value> {
        events_of(&self.body)
    }

    fn kinds(&self) -> Vec<String> {
        let events = self.events();
        events.iter().map(|event| text(&event["type"])).collect()
    }

    /// All deltas of one type, joined.
    fn deltas(&self, kind: &str) -> String {
        self.events()
            .iter()
            .filter(|event| event["type"] == kind)
            .map(|event| text(&event["delta"]))
            .collect()
    }

    fn said(&self) -> String {
        self.deltas("response.output_text.delta")
    }

    fn last(&self) -> Value {
        self.events().pop().unwrap()
    }

    /// The finished items.
    fn items(&self) -> Vec<Value> {
        self.events()
            .into_iter()
            .filter(|event| event["type"] == "response.output_item.done")
            .map(|event| event["item"].clone())
            .collect()
    }
}

/// Every complete frame; each must name its type twice.
fn events_of(stream: &str) -> Vec<Value> {
    let (frames, _rest) = stream.rsplit_once("\n\n").unwrap_or_default();
    frames
        .split("\n\n")
        .filter(|frame| !frame.is_empty())
        .map(|frame| {
            let (kind, data) = frame.split_once('\n').unwrap();
            let event: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            assert_eq!(kind, format!("event: {}", text(&event["type"])));
            event
        })
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}
