//! Streams that end in the middle, on either side.

use crate::simulator::events::{ev_created, ev_failed, ev_text_delta};
use crate::simulator::{Gate, Reply};

use super::*;

/// created, in_progress, item added, part added: the fifth event is the first text.
const FIRST_TEXT: usize = 5;

const SILENT: AttemptResult = AttemptResult::Silent {
    after: Duration::from_millis(300),
};

fn cut_in_the_middle() -> [Reply; 2] {
    [
        Reply::cut_after(FIRST_TEXT),
        Reply::clean_eof_after(FIRST_TEXT),
    ]
}

#[tokio::test]
async fn a_cut_chat_stream_ends_with_an_error_and_without_done() {
    for reply in cut_in_the_middle() {
        let mut rig = Rig::over(["work", "home"]).await;
        rig.sim.reply_next("work", [reply]);
        let stream = rig.chat(chat_stream("hi")).await.text().await.unwrap();
        assert!(!chat_text(&stream).is_empty());
        assert!(stream.contains("upstream_stream_truncated"), "{stream}");
        assert!(!stream.contains("[DONE]"), "{stream}");
        assert!(!stream.contains("\"finish_reason\":\"stop\""), "{stream}");
        assert_eq!(
            rig.asked(),
            ["work"],
            "nothing is retried after the first byte"
        );
        let (attempts, done) = rig.told().await;
        assert_eq!(attempts, [("work".to_owned(), AttemptResult::Cut)]);
        assert_eq!((done.status, done.is_complete), (200, false));
    }
}

#[tokio::test]
async fn a_chat_stream_that_fails_in_the_middle_ends_without_done() {
    let rig = Rig::over(["work"]).await;
    let events = [
        ev_created(),
        ev_text_delta("hel"),
        ev_failed("server_is_overloaded", "busy"),
    ];
    rig.sim.reply_next("work", [Reply::events(events)]);
    let stream = rig.chat(chat_stream("hi")).await.text().await.unwrap();
    assert_eq!(chat_text(&stream), "hel");
    assert!(stream.contains("server_is_overloaded"), "{stream}");
    assert!(!stream.contains("[DONE]"), "{stream}");
}

#[tokio::test]
async fn a_cut_stream_of_codex_breaks_its_connection() {
    for reply in cut_in_the_middle() {
        let rig = Rig::over(["work", "home"]).await;
        rig.sim.reply_next("work", [reply]);
        let mut answer = rig.responses_of_codex(&codex_request()).await;
        let mut seen = Vec::new();
        let broken = loop {
            match answer.chunk().await {
                Ok(Some(chunk)) => seen.extend_from_slice(&chunk),
                Ok(None) => break false,
                Err(_) => break true,
            }
        };
        assert!(broken, "a proper end would look like an answer");
        let types = event_types(std::str::from_utf8(&seen).unwrap());
        assert_eq!(types.len(), FIRST_TEXT);
        assert_eq!(rig.asked(), ["work"]);
    }
}

#[tokio::test]
async fn a_cut_stream_of_a_typed_client_ends_with_an_error_event() {
    for reply in cut_in_the_middle() {
        let rig = Rig::over(["work"]).await;
        rig.sim.reply_next("work", [reply]);
        let request = json!({"model": MODEL, "input": "hi", "stream": true});
        let stream = rig.responses(request).await.text().await.unwrap();
        let types = event_types(&stream);
        assert_eq!(types.last().unwrap(), "error");
        assert!(!types.contains(&"response.completed".to_owned()));
        let last = stream
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix("data: "))
            .unwrap();
        let last: Value = serde_json::from_str(last).unwrap();
        assert_eq!(last["sequence_number"], FIRST_TEXT);
    }
}

#[tokio::test]
async fn a_cut_answer_of_a_client_that_does_not_stream_is_502_and_not_made_again() {
    for reply in cut_in_the_middle() {
        let mut rig = Rig::over(["work", "home"]).await;
        rig.sim.reply_next("work", [reply]);
        let answer = rig.chat(chat_request("hi")).await;
        assert_eq!(answer.status(), 502);
        assert_eq!(error_of(answer).await["code"], "upstream_stream_truncated");
        assert_eq!(rig.asked(), ["work"]);
        let (attempts, done) = rig.told().await;
        assert_eq!(attempts, [("work".to_owned(), AttemptResult::Cut)]);
        assert_eq!(done.status, 502);
    }
}

#[tokio::test]
async fn an_answer_that_stops_at_its_limit_is_complete() {
    let mut rig = Rig::over(["work"]).await;
    rig.sim
        .reply_next("work", [Reply::incomplete("max_output_tokens")]);
    let stream = rig.chat(chat_stream("hi")).await.text().await.unwrap();
    assert!(stream.contains("\"finish_reason\":\"length\""));
    let (_, done) = rig.told().await;
    assert!(done.is_complete);
}

#[tokio::test]
async fn an_upstream_that_falls_silent_is_given_up() {
    let limits = Limits {
        event_idle: Duration::from_millis(300),
        ..Limits::default()
    };
    let mut rig = Rig::with_limits(["work"], limits).await;
    let gate = Gate::closed();
    rig.sim
        .reply_next("work", [Reply::stall_after(FIRST_TEXT, &gate)]);
    let stream = rig.chat(chat_stream("hi")).await.text().await.unwrap();
    assert!(stream.contains("upstream_timeout"), "{stream}");
    assert!(!stream.contains("[DONE]"));
    rig.sim.client_gone("work").await;
    let (attempts, _) = rig.told().await;
    assert_eq!(attempts, [("work".to_owned(), SILENT)]);
}

#[tokio::test]
async fn silence_in_the_middle_of_a_document_is_a_timeout() {
    let limits = Limits {
        event_idle: Duration::from_millis(300),
        ..Limits::default()
    };
    let mut rig = Rig::with_limits(["work", "home"], limits).await;
    let gate = Gate::closed();
    rig.sim
        .reply_next("work", [Reply::stall_after(FIRST_TEXT, &gate)]);
    let reply = rig.chat(chat_request("hi")).await;
    assert_eq!(reply.status(), 504);
    assert_eq!(header(&reply, "x-should-retry").unwrap(), "false");
    assert_eq!(error_of(reply).await["code"], "upstream_timeout");
    let (attempts, _) = rig.told().await;
    assert_eq!(attempts, [("work".to_owned(), SILENT)]);
}

#[tokio::test]
async fn silence_from_the_beginning_is_a_timeout_and_the_next_request_goes_elsewhere() {
    let limits = Limits {
        event_idle: Duration::from_millis(300),
        ..Limits::default()
    };
    let rig = Rig::with_limits(["work", "home"], limits).await;
    let gate = Gate::closed();
    rig.sim.reply_next("work", [Reply::stall_after(2, &gate)]);
    let reply = rig.chat(chat_request("hi")).await;
    assert_eq!(reply.status(), 504);
    assert_eq!(rig.asked(), ["work"]);
    assert_eq!(rig.chat(chat_request("hi")).await.status(), 200);
    assert_eq!(rig.asked(), ["work", "home"]);
}

#[tokio::test]
async fn a_slow_beginning_is_shown_to_a_client_that_streams() {
    let limits = Limits {
        handshake: Duration::from_millis(20),
        ..Limits::default()
    };
    let rig = Rig::with_limits(["work"], limits).await;
    let gate = Gate::closed();
    rig.sim.reply_next("work", [Reply::stall_after(2, &gate)]);
    let mut reply = rig.responses_of_codex(&codex_request()).await;
    let first = reply.chunk().await.unwrap().unwrap();
    assert!(first.starts_with(b"event: response.created"));
    gate.open();
    let rest = reply.text().await.unwrap();
    assert_eq!(event_types(&rest).last().unwrap(), "response.completed");
}

#[tokio::test]
async fn a_client_that_goes_away_takes_its_upstream_along() {
    for is_stream in [true, false] {
        let mut rig = Rig::over(["work"]).await;
        let gate = Gate::closed();
        rig.sim
            .reply_next("work", [Reply::stall_after(FIRST_TEXT, &gate)]);
        let mut request = chat_request("hi");
        request["stream"] = json!(is_stream);
        let sending = rig.post("/v1/chat/completions", &request).send();
        if is_stream {
            let mut reply = sending.await.unwrap();
            reply.chunk().await.unwrap().unwrap();
            drop(reply);
        } else {
            let sending = tokio::spawn(sending);
            gate.reached(1).await;
            sending.abort();
        }
        rig.is_abandoned("work").await;
    }
}

#[tokio::test]
async fn a_busy_profile_is_marked_until_its_stream_ends() {
    let rig = Rig::over(["work"]).await;
    let gate = Gate::closed();
    rig.sim
        .reply_next("work", [Reply::stall_after(FIRST_TEXT, &gate)]);
    let mut reply = rig.chat(chat_stream("hi")).await;
    reply.chunk().await.unwrap().unwrap();
    assert_eq!(rig.pool.borrow().members[0].in_flight.count(), 1);
    assert_eq!(rig.router.in_flight(), 1);
    gate.open();
    assert!(reply.text().await.unwrap().ends_with("[DONE]\n\n"));
}

#[tokio::test]
async fn more_requests_than_may_be_under_way_are_told_to_come_back() {
    let limits = Limits {
        in_flight: 1,
        queue: 0,
        ..Limits::default()
    };
    let rig = Rig::with_limits(["work"], limits).await;
    let gate = Gate::closed();
    rig.sim
        .reply_next("work", [Reply::stall_after(FIRST_TEXT, &gate)]);
    let mut first = rig.chat(chat_stream("hi")).await;
    first.chunk().await.unwrap().unwrap();
    let second = rig.chat(chat_request("hi")).await;
    assert_eq!(second.status(), 503);
    assert_eq!(header(&second, "retry-after").unwrap(), "1");
    gate.open();
    first.text().await.unwrap();
    assert_eq!(rig.asked(), ["work"]);
}
