//! What accounts and Codex say beside requests and answers: of a turn, of reasoning, of what is done with.

use super::*;
use crate::simulator::HttpReply;
use crate::simulator::events::{ev_completed, ev_created, ev_text_delta};

const STATE: &str = "x-codex-turn-state";

/// A request of a turn that an account gave a state.
fn in_turn(state: &str, input: Value) -> Value {
    let mut create = create(input);
    create["client_metadata"] = json!({"x-codex-window-id": "w:1", STATE: state});
    create
}

fn state_of(message: &Value) -> &Value {
    &message["client_metadata"][STATE]
}

/// The answer without the limits, which by POST are in the headers of each.
async fn heard(codex: &mut Talker, message: &Value) -> Vec<Value> {
    let mut answer = codex.ask(message).await;
    answer.retain(|event| event["type"] != "codex.rate_limits");
    answer
}

#[tokio::test]
async fn codex_hears_the_state_of_its_turn_from_a_handshake_and_from_a_post() {
    for is_by_post in [false, true] {
        let rig = Rig::over(["work"]).await;
        if is_by_post {
            rig.sim.handshake_always("work", Handshake::refused(426));
            let events = [ev_created(), ev_text_delta("hi"), ev_completed()];
            let body: String = events
                .iter()
                .enumerate()
                .map(|(number, event)| format!("data: {}\n\n", event.json(number)))
                .collect();
            let said = HttpReply::new(200, body)
                .header("content-type", "text/event-stream")
                .header(STATE, "opaque")
                .header("openai-model", "gpt-fake");
            rig.sim.reply_next("work", [Reply::http(said)]);
        } else {
            let said = [(STATE, "opaque"), ("openai-model", "gpt-fake")];
            rig.sim.handshake_next("work", [Handshake::saying(said)]);
        }
        let mut codex = rig.codex_socket().await;
        let answer = heard(&mut codex, &create(json!([message("user", "one")]))).await;
        assert_eq!(types(&answer)[0], "response.metadata");
        assert_eq!(answer[0]["headers"][STATE], "opaque");
        assert!(answer[0]["headers"]["openai-model"].is_string());
        assert_eq!(types(&answer)[1], "response.created");

        // It comes back with the turn's next request, byte for byte.
        let next = in_turn("opaque", json!([message("user", "two")]));
        let answer = heard(&mut codex, &next).await;
        assert!(
            answer.iter().all(|event| event["headers"][STATE].is_null()),
            "it was said before"
        );
        if is_by_post {
            assert_eq!(rig.posts()[1].header(STATE), Some("opaque"));
        } else {
            assert_eq!(rig.messages()[1], next);
            assert_eq!(rig.handshakes().len(), 1);
        }
    }
}

#[tokio::test]
async fn a_typed_client_hears_nothing_of_turns() {
    let rig = Rig::over(["work"]).await;
    let said = [(STATE, "opaque"), ("x-reasoning-included", "true")];
    rig.sim.handshake_next("work", [Handshake::saying(said)]);
    for _ in 0..2 {
        let mut sdk = rig.try_socket("/v1/responses", &[]).await.unwrap();
        assert!(!sdk.handshake.contains_key("x-reasoning-included"));
        let request = json!({"type": "response.create", "model": MODEL, "input": "hi"});
        assert_eq!(types(&sdk.ask(&request).await)[0], "response.created");
    }
}

#[tokio::test]
async fn the_state_of_a_turn_stays_with_the_account_that_gave_it() {
    for is_by_post in [false, true] {
        let rig = Rig::over(["work", "home"]).await;
        if is_by_post {
            rig.sim.handshake_always("home", Handshake::refused(426));
        }
        let mut codex = rig.codex_socket().await;
        let one = codex.ask(&create(json!([message("user", "one")]))).await;
        rig.sim
            .reply_next("work", [Reply::usage_limit(Duration::from_secs(900))]);
        let mut two = in_turn("of work", json!([message("user", "two")]));
        two["previous_response_id"] = id_of(&one).into();
        let two = codex.ask(&two).await;
        assert!(text_of(&two).starts_with("Hello from home"));
        let sent = rig.requests().pop().unwrap();
        assert_eq!(
            sent.json()["client_metadata"],
            json!({"x-codex-window-id": "w:1"})
        );
        assert_eq!(sent.header(STATE), None);

        // Codex keeps to the first state that it heard, whoever answers by then.
        let three = in_turn("of work", json!([message("user", "three")]));
        codex.ask(&three).await;
        assert_eq!(
            *state_of(&rig.requests().pop().unwrap().json()),
            Value::Null
        );
        // The next turn has another one.
        let four = in_turn("of home", json!([message("user", "four")]));
        codex.ask(&four).await;
        assert_eq!(*state_of(&rig.requests().pop().unwrap().json()), "of home");
    }
}

#[tokio::test]
async fn a_state_from_before_the_socket_is_for_the_first_who_is_asked() {
    let rig = Rig::over(["work", "home"]).await;
    rig.sim
        .reply_next("work", [Reply::usage_limit(Duration::from_secs(900))]);
    let mut codex = rig.codex_socket().await;
    let answer = codex
        .ask(&in_turn("opaque", json!([message("user", "hi")])))
        .await;
    assert!(text_of(&answer).starts_with("Hello from home"));
    let messages = rig.messages();
    assert_eq!(*state_of(&messages[0]), "opaque");
    assert_eq!(*state_of(&messages[1]), Value::Null);
    let handshakes = rig.handshakes();
    assert_eq!(handshakes[0].header(STATE), Some("opaque"));
    assert_eq!(handshakes[1].header(STATE), None);
}

#[tokio::test]
async fn a_socket_that_is_opened_anew_takes_no_state_to_another_account() {
    let rig = Rig::over(["work", "home"]).await;
    rig.sim
        .handshake_next("work", [Handshake::saying([(STATE, "of work")])]);
    let mut codex = rig.codex_socket().await;
    codex.ask(&create(json!([message("user", "one")]))).await;
    drop(codex);
    let limit = Reply::usage_limit(Duration::from_secs(900));
    rig.sim.reply_next("work", [limit]);
    for round in 0..2 {
        let mut codex = rig.codex_socket().await;
        let two = in_turn("of work", json!([message("user", "two")]));
        let answer = codex.ask(&two).await;
        assert!(text_of(&answer).starts_with("Hello from home"), "{round}");
        let sent = rig.messages().pop().unwrap();
        assert_eq!(*state_of(&sent), Value::Null, "{round}");
        assert_eq!(rig.handshakes().pop().unwrap().header(STATE), None);
    }
}

#[tokio::test]
async fn codex_is_told_in_its_handshake_that_reasoning_is_counted_once_the_backend_has_said_so() {
    let rig = Rig::over(["work"]).await;
    let said = [("x-reasoning-included", "true")];
    rig.sim.handshake_next("work", [Handshake::saying(said)]);
    let mut codex = rig.codex_socket().await;
    assert!(
        !codex.handshake.contains_key("x-reasoning-included"),
        "nobody has said so yet"
    );
    codex.ask(&create(json!([message("user", "hi")]))).await;
    let next = rig.codex_socket().await;
    assert!(next.handshake.contains_key("x-reasoning-included"));

    // Another answer, and it no longer holds.
    let mut other = rig.codex_socket().await;
    other.ask(&create(json!([message("user", "hi")]))).await;
    let next = rig.codex_socket().await;
    assert!(!next.handshake.contains_key("x-reasoning-included"));
}

#[tokio::test]
async fn an_upstream_hears_that_codex_is_done_with_what_it_made() {
    let rig = Rig::over(["work"]).await;
    let mut codex = rig.codex_socket().await;
    let processed = |id: &str| json!({"type": "response.processed", "response_id": id});
    codex.say(&processed("resp_of_nobody")).await;
    let one = codex.ask(&create(json!([message("user", "one")]))).await;
    let done = processed(&id_of(&one));
    codex.say(&done).await;
    let two = after(&id_of(&one), json!([message("user", "two")]));
    let answer = codex.ask(&two).await;
    assert!(text_of(&answer).contains("You said: two"));
    let sent: Vec<_> = rig.messages();
    assert_eq!(
        sent[1..],
        [done, two],
        "in the order in which they were said"
    );
    assert_eq!(rig.handshakes().len(), 1);
}

#[tokio::test]
async fn what_codex_is_done_with_goes_nowhere_when_the_answer_came_by_post() {
    let rig = Rig::over(["work"]).await;
    rig.sim.handshake_always("work", Handshake::refused(426));
    let mut codex = rig.codex_socket().await;
    let one = codex.ask(&create(json!([message("user", "one")]))).await;
    codex
        .say(&json!({"type": "response.processed", "response_id": id_of(&one)}))
        .await;
    let two = codex
        .ask(&after(&id_of(&one), json!([message("user", "two")])))
        .await;
    assert_eq!(types(&two).last().unwrap(), &"response.completed");
    assert_eq!((rig.messages().len(), rig.posts().len()), (0, 2));
}
