//! What a client gets for a bad request, and for an upstream that misbehaves: always the error object of the OpenAI API.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use codex_router::simulator::{Account, Reply};
use serde_json::{Value, json};

use crate::support::{Answer, Program, Rig};

struct Served {
    _program: Program,
    base_url: String,
    rig: Rig,
}

/// A router over one ChatGPT profile, `work`.
fn served() -> Served {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    let mut program = rig.serve();
    Served {
        base_url: program.base_url(),
        rig,
        _program: program,
    }
}

impl Served {
    fn post(&self, path: &str, body: impl Into<Vec<u8>>) -> Answer {
        self.rig.post(&format!("{}{path}", self.base_url), body)
    }

    /// `127.0.0.1:PORT`
    fn address(&self) -> String {
        let address = self.base_url.trim_start_matches("http://");
        address.trim_end_matches("/v1").to_owned()
    }

    fn chat(&self, body: &Value) -> Answer {
        self.post("/chat/completions", body.to_string())
    }
}

/// The status, and an error object with all four keys and a sentence. Gives the error.
#[track_caller]
fn error_of(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{answer:?}");
    let error = answer.json()["error"].clone();
    for key in ["message", "type", "param", "code"] {
        assert!(error.get(key).is_some(), "{key} is missing: {answer:?}");
    }
    let message = error["message"].as_str().unwrap();
    assert!(message.len() > 10, "{message:?}");
    assert!(error["type"].is_string(), "{error}");
    error
}

#[test]
fn a_body_that_is_not_json_is_a_bad_request() {
    let served = served();
    for body in ["not json", "{\"model\":", "[]", "\"text\"", ""] {
        let answer = served.post("/chat/completions", body);
        let error = error_of(&answer, 400);
        assert_eq!(error["type"], "invalid_request_error", "{body:?}");
    }
    let answer = served.post("/responses", "not json");
    error_of(&answer, 400);
    assert_eq!(served.rig.sim.count("/backend-api/codex/responses"), 0);
}

#[test]
fn a_field_of_the_wrong_type_is_named_in_param() {
    let served = served();
    let cases = [
        (json!({ "model": 7, "messages": [] }), "model"),
        (json!({ "model": "gpt-5.4" }), "messages"),
        (json!({ "model": "gpt-5.4", "messages": "hi" }), "messages"),
        (
            json!({ "model": "gpt-5.4", "messages": [{ "role": "user", "content": "hi" }], "stream": "yes" }),
            "stream",
        ),
    ];
    for (body, param) in cases {
        let error = error_of(&served.chat(&body), 400);
        let named = error["param"].as_str().unwrap_or_default();
        assert!(named.starts_with(param), "{body}: {error}");
    }
    assert_eq!(served.rig.sim.count("/backend-api/codex/responses"), 0);
}

#[test]
fn a_body_that_would_be_too_large_is_refused_before_it_is_sent() {
    let served = served();
    let address = served.address();
    let mut stream = TcpStream::connect(&address).unwrap();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        (64 << 20) + 1
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["error"]["type"], "invalid_request_error", "{body}");
}

#[test]
fn an_unknown_model_is_the_clients_own_fault_and_is_asked_for_once() {
    let served = served();
    served.rig.add("home", Account::chatgpt("home"));
    let messages = json!([{ "role": "user", "content": "hi" }]);
    let answer = served.chat(&json!({ "model": "gpt-none", "messages": messages }));
    assert!(matches!(answer.status, 400 | 404), "{answer:?}");
    let error = error_of(&answer, answer.status);
    assert!(
        error["message"].as_str().unwrap().contains("gpt-none"),
        "{error}"
    );
}

#[test]
fn an_unknown_path_and_a_wrong_method_get_the_error_object_too() {
    let served = served();
    error_of(&served.post("/nonsense", "{}"), 404);
    let answer = served
        .rig
        .get(&format!("{}/chat/completions", served.base_url));
    error_of(&answer, 405);
    assert_eq!(answer.headers["allow"], "POST");
}

#[test]
fn an_upstream_that_is_down_is_told_as_such() {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    let mut command = rig.command(&["serve"]);
    command.env(
        "CODEX_ROUTER_CHATGPT_BASE_URL",
        "http://127.0.0.1:9/backend-api",
    );
    let mut program = rig.spawn(&mut command);
    let answer = rig.chat(&program.base_url(), "hello");
    assert!(matches!(answer.status, 502 | 503), "{answer:?}");
    error_of(&answer, answer.status);
}

#[test]
fn a_page_of_html_never_reaches_the_client() {
    let served = served();
    served.rig.sim.reply_always("work", Reply::html(503));
    let answer = served.rig.chat(&served.base_url, "hello");
    assert!(matches!(answer.status, 502 | 503), "{answer:?}");
    let error = error_of(&answer, answer.status);
    assert!(!error["message"].as_str().unwrap().contains('<'), "{error}");
}

#[test]
fn a_stream_that_is_cut_is_an_error_and_never_a_clean_end() {
    let served = served();
    // Far enough that some text is out; the end is missing.
    served.rig.sim.reply_always("work", Reply::cut_after(7));
    let body = json!({
        "model": "gpt-5.4",
        "stream": true,
        "messages": [{ "role": "user", "content": "a long story, word by word, please go on" }],
    });
    let answer = served.chat(&body);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.text.contains("\"error\""), "{}", answer.text);
    assert!(!answer.text.contains("[DONE]"), "{}", answer.text);
    assert!(
        !answer.text.contains("\"finish_reason\":\"stop\""),
        "{}",
        answer.text
    );

    let answer = served.rig.chat(&served.base_url, "the same, in one piece");
    assert!(answer.status >= 500, "{answer:?}");
    error_of(&answer, answer.status);
}

#[test]
fn when_everybody_is_exhausted_the_earliest_reset_is_told() {
    let served = served();
    served.rig.add("home", Account::chatgpt("home"));
    for (name, secs) in [("work", 7200), ("home", 600)] {
        let limit = Reply::usage_limit(Duration::from_secs(secs));
        served.rig.sim.reply_always(name, limit);
    }
    // The second profile is noticed in its own time; both must have refused.
    let answer = crate::support::until("both are exhausted", || {
        let answer = served.rig.chat(&served.base_url, "hello");
        let error = &answer.json()["error"];
        let secs = error["resets_in_seconds"].as_u64()?;
        (secs <= 600).then_some(answer)
    });
    let error = error_of(&answer, 429);
    assert_eq!(error["type"], "usage_limit_reached");
    let retry_after: u64 = answer.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=600).contains(&retry_after), "{retry_after}");
}

#[test]
fn a_page_of_a_foreign_site_is_refused() {
    let served = served();
    let rig = &served.rig;
    let url = served.base_url.replace("/v1", "/health");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (name, value) in [("host", "evil.example"), ("origin", "https://evil.example")] {
        let request = client.get(&url).header(name, value).send();
        let response = rig.wait_for(request).unwrap();
        assert_eq!(response.status(), 403, "{name}");
        assert!(
            !response
                .headers()
                .contains_key("access-control-allow-origin")
        );
    }
}
