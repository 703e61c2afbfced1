//! Each scripted reply, as a client sees it.

use super::*;

#[tokio::test]
async fn scripted_replies_come_in_order_then_the_one_for_ever() {
    let sim = Simulator::start().await.unwrap();
    sim.reply_next("work", [Reply::text("one"), Reply::text("two")]);
    sim.reply_always("work", Reply::text("three"));
    for expected in ["one", "two", "three", "three"] {
        assert_eq!(sim.answer("work", &prompt("hi")).await.said(), expected);
    }
    assert!(
        sim.answer("home", &prompt("hi"))
            .await
            .said()
            .contains("home")
    );
    sim.clear_scripts("work");
    assert!(
        sim.answer("work", &prompt("hi"))
            .await
            .said()
            .contains("work")
    );
}

#[tokio::test]
async fn a_bad_request_does_not_use_up_a_script() {
    let sim = Simulator::start().await.unwrap();
    sim.reply_next("work", [Reply::text("one")]);
    let bad = with(prompt("hi"), "top_p", json!(1));
    assert_eq!(sim.answer("work", &bad).await.status, 400);
    assert_eq!(sim.answer("work", &prompt("hi")).await.said(), "one");
}

#[tokio::test]
async fn text_survives_with_every_character_and_every_space() {
    let sim = Simulator::start().await.unwrap();
    let told = "  día 日本語 👩‍👩‍👧 \n\n line  two ";
    sim.reply_next("work", [Reply::text(told), Reply::text("")]);
    let answer = sim.answer("work", &prompt("hi")).await;
    assert_eq!(answer.said(), told);
    assert_eq!(answer.items()[0]["content"][0]["text"], told);
    assert_eq!(
        sim.answer("work", &prompt("hi")).await.items()[0]["content"][0]["text"],
        ""
    );
}

#[tokio::test]
async fn scripted_reasoning_comes_before_the_text() {
    let sim = Simulator::start().await.unwrap();
    sim.reply_next("work", [Reply::text_with_reasoning("let me see", "done")]);
    let answer = sim.answer("work", &prompt("hi")).await;
    assert_eq!(
        answer.deltas("response.reasoning_summary_text.delta"),
        "let me see"
    );
    assert_eq!(answer.said(), "done");
    let added: Vec<Value> = answer
        .events()
        .into_iter()
        .filter(|event| event["type"] == "response.output_item.added")
        .map(|event| json!([event["output_index"], event["item"]["type"]]))
        .collect();
    assert_eq!(added, [json!([0, "reasoning"]), json!([1, "message"])]);
}

#[tokio::test]
async fn two_tool_calls_tell_their_arguments_in_turns() {
    let sim = Simulator::start().await.unwrap();
    let calls = [
        ("first", r#"{"a":"long enough"}"#),
        ("second", r#"{"b":2}"#),
    ];
    sim.reply_next(
        "work",
        [Reply::tool_calls(calls), Reply::tool_call("third", "")],
    );

    let answer = sim.answer("work", &prompt("hi")).await;
    let order: Vec<Value> = answer
        .events()
        .into_iter()
        .filter(|event| event["type"] == "response.function_call_arguments.delta")
        .map(|event| event["output_index"].clone())
        .collect();
    assert_eq!(order, [0, 1, 0, 0]);
    let items = answer.items();
    for ((name, arguments), item) in calls.iter().zip(&items) {
        assert_eq!(
            (&item["name"], &item["arguments"]),
            (&json!(name), &json!(arguments))
        );
        let told: String = answer
            .events()
            .iter()
            .filter(|event| event["item_id"] == item["id"] && event["delta"].is_string())
            .map(|event| text(&event["delta"]))
            .collect();
        assert_eq!(told, *arguments);
    }
    assert_ne!(items[0]["call_id"], items[1]["call_id"]);

    let third = sim
        .answer("work", &prompt("hi"))
        .await
        .items()
        .pop()
        .unwrap();
    assert_eq!(
        (&third["name"], &third["arguments"]),
        (&json!("third"), &json!(""))
    );
}

#[tokio::test]
async fn a_refusal_is_told_in_a_refusal_part() {
    let sim = Simulator::start().await.unwrap();
    sim.reply_next("work", [Reply::refusal("I would rather not")]);
    let answer = sim.answer("work", &prompt("hi")).await;
    assert_eq!(
        answer.deltas("response.refusal.delta"),
        "I would rather not"
    );
    assert_eq!(
        answer.items()[0]["content"],
        json!([{ "type": "refusal", "refusal": "I would rather not" }])
    );
}

#[tokio::test]
async fn a_usage_limit_says_when_it_ends_in_body_and_headers() {
    let sim = Simulator::start().await.unwrap();
    sim.add(Account::api_key("azure"));
    sim.reply_next(
        "work",
        [Reply::usage_limit(hours(2)), Reply::usage_limit(hours(30))],
    );
    sim.reply_next("azure", [Reply::usage_limit(hours(2))]);

    let answer = sim.answer("work", &prompt("hi")).await;
    assert_eq!(answer.status, 429);
    let error = &answer.json()["error"];
    assert_eq!(error["type"], "usage_limit_reached");
    assert_eq!(error["plan_type"], "plus");
    assert_eq!(error["resets_in_seconds"], 7200);
    assert_eq!(answer.header("x-codex-primary-used-percent"), Some("100"));
    assert_eq!(
        answer.header("x-codex-primary-reset-at"),
        Some(error["resets_at"].to_string().as_str())
    );
    assert_eq!(answer.header("x-codex-secondary-used-percent"), Some("0"));
    assert_eq!(answer.header("x-codex-active-limit"), Some("codex"));

    // Too long for the five-hour window: the weekly one was hit.
    let answer = sim.answer("work", &prompt("hi")).await;
    assert_eq!(answer.header("x-codex-primary-used-percent"), Some("0"));
    assert_eq!(answer.header("x-codex-secondary-used-percent"), Some("100"));

    let platform = sim.answer_platform("azure", &prompt("hi")).await;
    assert_eq!(
        (platform.status, platform.code()),
        (429, json!("insufficient_quota"))
    );
}

#[tokio::test]
async fn a_throttle_says_how_long_to_wait_and_is_no_usage_limit() {
    let sim = Simulator::start().await.unwrap();
    sim.reply_next("work", [Reply::throttled(Duration::from_secs(7))]);
    let answer = sim.answer("work", &prompt("hi")).await;
    assert_eq!(
        (answer.status, answer.code()),
        (429, json!("rate_limit_exceeded"))
    );
    assert_eq!(answer.header("retry-after"), Some("7"));
    assert_eq!(answer.header("x-codex-primary-used-percent"), Some("0"));
}

#[tokio::test]
async fn a_status_a_page_and_an_unauthorized_come_once() {
    let sim = Simulator::start().await.unwrap();
    let replies = [
        Reply::status(503, r#"{"error":{"code":"slow_down"}}"#),
        Reply::html(403),
        Reply::unauthorized(),
    ];
    sim.reply_next("work", replies);

    let overloaded = sim.answer("work", &prompt("hi")).await;
    assert_eq!(
        (overloaded.status, overloaded.code()),
        (503, json!("slow_down"))
    );
    assert_eq!(overloaded.header("content-type"), Some("application/json"));
    let page = sim.answer("work", &prompt("hi")).await;
    assert_eq!(
        (page.status, page.header("cf-mitigated")),
        (403, Some("challenge"))
    );
    assert!(page.body.starts_with("<!DOCTYPE html>"));
    let unauthorized = sim.answer("work", &prompt("hi")).await;
    assert_eq!(
        (unauthorized.status, unauthorized.code()),
        (401, json!("token_invalidated"))
    );
    assert_eq!(sim.answer("work", &prompt("hi")).await.status, 200);
}

#[tokio::test]
async fn a_refusal_can_hide_inside_a_200() {
    let sim = Simulator::start().await.unwrap();
    let replies = ["usage_limit_reached", "context_length_exceeded"].map(Reply::refusal_inside_200);
    sim.reply_next("work", replies);

    let limited = sim.answer("work", &prompt("hi")).await;
    assert_eq!(limited.status, 200);
    assert_eq!(
        limited.kinds(),
        [
            "response.created",
            "response.in_progress",
            "response.failed"
        ]
    );
    let response = &limited.last()["response"];
    assert_eq!(response["status"], "failed");
    assert_eq!(response["error"]["code"], "usage_limit_reached");
    assert_eq!(response["error"]["plan_type"], "plus");
    assert!(response["error"]["resets_at"].is_u64());

    let too_long = sim.answer("work", &prompt("hi")).await;
    let error = &too_long.last()["response"]["error"];
    assert_eq!(error["code"], "context_length_exceeded");
    assert!(text(&error["message"]).contains("context window"));
}

#[tokio::test]
async fn an_error_event_belongs_to_no_response() {
    let sim = Simulator::start().await.unwrap();
    sim.add(Account::api_key("azure"));
    for name in ["work", "azure"] {
        sim.reply_next(name, [Reply::error_event("server_is_overloaded")]);
    }
    let last = sim.answer("work", &prompt("hi")).await.last();
    assert_eq!(
        (&last["type"], &last["code"]),
        (&json!("error"), &json!("server_is_overloaded"))
    );
    assert_eq!(last["sequence_number"], 2);

    let whole = with(prompt("hi"), "stream", json!(false));
    assert_eq!(sim.answer_platform("azure", &whole).await.status, 500);
}

#[tokio::test]
async fn an_incomplete_response_says_why() {
    let sim = Simulator::start().await.unwrap();
    sim.reply_next("work", [Reply::incomplete("max_output_tokens")]);
    let answer = sim.answer("work", &prompt("hi")).await;
    assert_eq!(answer.last()["type"], "response.incomplete");
    let response = &answer.last()["response"];
    assert_eq!(response["status"], "incomplete");
    assert_eq!(
        response["incomplete_details"],
        json!({ "reason": "max_output_tokens" })
    );
    assert!(!answer.said().is_empty());
}

#[tokio::test]
async fn hand_written_events_are_sent_as_they_are() {
    let sim = Simulator::start().await.unwrap();
    let told = [
        events::ev_created(),
        events::ev_text_delta("he"),
        events::Event::new("response.unheard_of", [("x", json!(1))]),
        events::ev_completed(),
    ];
    sim.reply_next("work", [Reply::events(told.clone())]);
    let answer = sim.answer("work", &prompt("hi")).await;
    assert_eq!(answer.body.as_bytes(), events::stream_bytes(&told));
}

#[tokio::test]
async fn an_impossible_reply_is_a_500_that_says_so() {
    let sim = Simulator::start().await.unwrap();
    sim.reply_next(
        "work",
        [Reply::http(HttpReply::new(200, "").header("no name", ""))],
    );
    let answer = sim.answer("work", &prompt("hi")).await;
    assert_eq!(answer.status, 500);
    assert!(answer.body.contains("impossible reply"));
}
