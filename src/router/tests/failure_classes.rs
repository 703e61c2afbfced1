//! Every class of failure at every place where it can come up: who is asked, what the client hears, and who is asked next time.

use crate::simulator::{Gate, Reply};

use super::*;

/// A class, the upstream's answer, whom that asks, the status for the client, and whom the next request asks first: nobody where
/// that is empty.
type Row = (
    &'static str,
    fn() -> Reply,
    &'static [&'static str],
    u16,
    &'static str,
);

const ONE: &[&str] = &["work"];
const NEXT: &[&str] = &["work", "home"];

fn error(status: u16, code: &str) -> Reply {
    let body = json!({"error": {"code": code, "message": "fake", "type": "fake"}});
    Reply::status(status, body.to_string())
}

fn detail(status: u16, detail: &str) -> Reply {
    Reply::status(status, json!({ "detail": detail }).to_string())
}

#[rustfmt::skip]
const AFTER_SENDING: &[Row] = &[
    ("a wrong request", || error(400, "invalid_request_error"), ONE, 400, "work"),
    ("a long request", || error(400, "context_length_exceeded"), ONE, 400, "work"),
    ("a detail", || detail(400, "no"), ONE, 400, "work"),
    ("a conflict", || error(409, "x"), ONE, 409, "work"),
    ("too large", || error(413, "x"), ONE, 413, "work"),
    ("unprocessable", || detail(422, "no"), ONE, 422, "work"),
    ("nothing of this id", || Reply::status(404, "Item with id 'rs_1' not found."), ONE, 404, "work"),
    ("a refused token", Reply::unauthorized, &["work", "work", "home"], 200, "home"),
    ("a dead account", || error(401, "account_deactivated"), NEXT, 200, "home"),
    ("to be paid", || detail(402, "pay"), NEXT, 200, "home"),
    ("forbidden", || detail(403, "no"), NEXT, 200, "work"),
    ("a challenge", || Reply::html(403), ONE, 503, ""),
    ("a web page", || Reply::html(200), ONE, 503, ""),
    ("another moment", || error(408, "x"), NEXT, 200, "work"),
    ("a usage limit", || Reply::usage_limit(Duration::from_secs(900)), NEXT, 200, "home"),
    ("a quota", || error(429, "insufficient_quota"), NEXT, 200, "home"),
    ("too many", || Reply::throttled(Duration::from_secs(60)), NEXT, 200, "home"),
    ("too many, who knows until when", || Reply::status(429, ""), NEXT, 200, "home"),
    ("no such model", || error(404, "model_not_found"), NEXT, 200, "home"),
    ("no such model for ChatGPT", || detail(400, "The 'x' model is not supported when using Codex with a ChatGPT account."), NEXT, 200, "home"),
    ("at capacity", || detail(400, "The model is at capacity."), NEXT, 200, "work"),
    ("an error of the service", || Reply::status(500, "oops"), NEXT, 200, "work"),
    ("a bad gateway", || Reply::status(502, ""), NEXT, 200, "work"),
    ("overloaded", || Reply::status(503, ""), NEXT, 200, "work"),
    ("a slow gateway", || Reply::status(504, ""), NEXT, 200, "work"),
    ("an edge's error", || Reply::status(520, "oops"), NEXT, 200, "work"),
    ("overloaded in another word", || Reply::status(529, ""), NEXT, 200, "work"),
];

#[rustfmt::skip]
const IN_THE_HANDSHAKE: &[Row] = &[
    ("a wrong request", || Reply::refusal_inside_200("invalid_prompt"), ONE, 400, "work"),
    ("a long request", || Reply::refusal_inside_200("context_length_exceeded"), ONE, 400, "work"),
    ("a usage limit", || Reply::refusal_inside_200("usage_limit_reached"), NEXT, 200, "home"),
    ("too many", || Reply::error_event("rate_limit_exceeded"), NEXT, 200, "home"),
    ("overloaded", || Reply::refusal_inside_200("server_is_overloaded"), NEXT, 200, "work"),
    ("a word that nobody knows", || Reply::refusal_inside_200("brand_new"), NEXT, 200, "work"),
    ("cut", || Reply::cut_after(2), NEXT, 200, "work"),
    ("an early end", || Reply::clean_eof_after(2), NEXT, 200, "work"),
];

/// The status is out: nobody else is asked, whatever comes.
#[rustfmt::skip]
const AFTER_THE_FIRST_BYTE: &[Row] = &[
    ("cut", || Reply::cut_after(7), ONE, 200, "work"),
    ("an early end", || Reply::clean_eof_after(7), ONE, 200, "work"),
];

async fn each(rows: &[Row], is_whole: bool) {
    for (class, reply, asked, status, next) in rows {
        let rig = Rig::over(["work", "home"]).await;
        rig.sim.reply_next("work", [reply()]);
        if *class == "a refused token" {
            rig.sim.reply_next("work", [reply()]);
        }
        let answer = rig.chat(chat_stream("hi")).await;
        assert_eq!(answer.status(), *status, "{class}");
        let text = answer.text().await.unwrap_or_default();
        let is_good = *status == 200 && is_whole;
        assert_eq!(text.contains("[DONE]"), is_good, "{class}: {text}");
        assert_eq!(rig.asked(), *asked, "{class}");
        rig.chat(chat_request("again")).await;
        let all = rig.asked();
        let after = all.get(asked.len()).map_or("", String::as_str);
        assert_eq!(after, *next, "{class}: the next request");
    }
}

#[tokio::test]
async fn a_failure_after_sending_asks_exactly_whom_it_should() {
    each(AFTER_SENDING, true).await;
}

#[tokio::test]
async fn a_failure_in_the_handshake_asks_exactly_whom_it_should() {
    each(IN_THE_HANDSHAKE, true).await;
}

#[tokio::test]
async fn a_failure_after_the_first_byte_asks_nobody_else() {
    each(AFTER_THE_FIRST_BYTE, false).await;
}

#[tokio::test]
async fn a_failure_before_sending_costs_the_upstream_nothing() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    let members = vec![
        member("dead", access(&sim.auth_json_expired("dead")), 0),
        member("work", access(&sim.auth_json("work")), 1),
    ];
    let rig = Rig::start(sim, members, Limits::default()).await;
    assert_eq!(rig.chat(chat_request("hi")).await.status(), 200);
    assert_eq!(rig.asked(), ["work"]);

    let nowhere = Rig::nowhere("work").await;
    assert_eq!(nowhere.chat(chat_request("hi")).await.status(), 503);
    assert_eq!(nowhere.asked(), [""; 0]);
}

#[tokio::test]
async fn silence_after_sending_is_not_asked_of_another() {
    let limits = Limits {
        answer_head: Duration::from_millis(50),
        ..Limits::default()
    };
    let rig = Rig::with_limits(["work", "home"], limits).await;
    let gate = Gate::closed();
    rig.sim.reply_next("work", [Reply::slow_start(&gate)]);
    assert_eq!(rig.chat(chat_request("hi")).await.status(), 504);
    assert!(!rig.asked().contains(&"home".to_owned()));
}
