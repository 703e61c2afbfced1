//! Parameters that an upstream refuses: taken out, tried once more, remembered.

use crate::router::refused::REFUSAL_LASTS;
use crate::simulator::Reply;
use crate::translate::{Parameter, UpstreamKind};

use super::*;

fn unsupported(name: &str) -> Reply {
    Reply::status(
        400,
        json!({"detail": format!("Unsupported parameter: {name}")}).to_string(),
    )
}

fn dropped(reply: &reqwest::Response) -> String {
    header(reply, "x-codex-router-dropped").unwrap_or_default()
}

async fn over_a_key() -> Rig {
    let sim = Arc::new(Simulator::start().await.unwrap());
    sim.add(Account::api_key("key"));
    let members = vec![member("key", access(&sim.auth_json("key")), 0)];
    Rig::start(sim, members, Limits::default()).await
}

#[tokio::test]
async fn a_refused_parameter_is_taken_out_and_the_same_profile_asked_once_more() {
    let shapes = [
        r#"{"detail":"Unsupported parameter: service_tier"}"#,
        r#"{"detail":"Unsupported parameter: 'service_tier'."}"#,
        r#"{"error":{"message":"Unsupported parameter: \"service_tier\"","type":"invalid_request_error"}}"#,
        r#"{"error":{"message":"No.","type":"invalid_request_error","param":"service_tier","code":"unsupported_parameter"}}"#,
    ];
    for shape in shapes {
        let mut rig = Rig::over(["work", "home"]).await;
        rig.sim
            .reply_next("work", [Reply::status(400, shape), Reply::text("hello")]);
        let mut request = chat_request("hi");
        request["service_tier"] = json!("priority");
        let reply = rig.chat(request.clone()).await;
        assert_eq!(reply.status(), 200, "{shape}");
        assert_eq!(dropped(&reply), "service_tier", "{shape}");
        assert!(reply.text().await.unwrap().contains("hello"));
        assert_eq!(rig.asked(), ["work", "work"], "{shape}");
        let bodies: Vec<_> = rig.requests().iter().map(|asked| asked.json()).collect();
        assert_eq!(bodies[0]["service_tier"], "priority");
        let mut without = bodies[0].clone();
        without
            .as_object_mut()
            .unwrap()
            .shift_remove("service_tier");
        assert_eq!(bodies[1], without);
        let (attempts, done) = rig.told().await;
        assert_eq!(attempts, [("work".to_owned(), AttemptResult::Served)]);
        assert_eq!(
            (done.retries, done.dropped),
            (1, vec!["service_tier".to_owned()])
        );

        let reply = rig.chat(request).await;
        assert_eq!(dropped(&reply), "service_tier", "from then on");
        assert_eq!(rig.asked().len(), 3, "without being refused again");
        assert_eq!(rig.told().await.1.retries, 0);
    }
}

#[tokio::test]
async fn every_dialect_is_served_without_it() {
    let rig = Rig::over(["work"]).await;
    let request =
        json!({"model": MODEL, "input": "hi", "stream": true, "text": {"verbosity": "low"}});
    rig.sim.reply_next(
        "work",
        [unsupported("text.verbosity"), Reply::text("hello")],
    );
    let reply = rig.responses(request).await;
    assert_eq!(
        (reply.status().as_u16(), dropped(&reply)),
        (200, "text.verbosity".into())
    );
    assert!(reply.text().await.unwrap().contains("hello"));
    assert_eq!(rig.requests()[1].json()["text"], json!({}));

    rig.sim.reply_next(
        "work",
        [unsupported("parallel_tool_calls"), Reply::text("hello")],
    );
    let tool = json!({"name": "f", "input_schema": {"type": "object"}});
    let request = json!({
        "model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], "tools": [tool],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
    });
    let reply = rig.post("/v1/messages", &request).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    assert!(dropped(&reply).contains("parallel_tool_calls"));
}

#[tokio::test]
async fn a_body_in_the_upstreams_own_dialect_keeps_every_other_byte() {
    let rig = over_a_key().await;
    let sent = r#"{ "zeta":[1.50,"\u0041"],"model" : "gpt-5.5", "input":[ {"role":"user","content":[{"type":"input_text","logprobs":1, "text":"hi"}]}],
        "odd": {"a" :1}, "stream":true }"#;
    let post = async |body: &'static str| {
        let request = rig.post("/v1/responses", &json!(null)).body(body);
        request.send().await.unwrap()
    };
    rig.sim.reply_next(
        "key",
        [
            unsupported("input[0].content[0].logprobs"),
            Reply::text("hello"),
        ],
    );
    let reply = post(sent).await;
    assert_eq!(dropped(&reply), "input[].content[].logprobs");
    reply.bytes().await.unwrap();
    assert_eq!(rig.requests()[0].body, sent);
    assert_eq!(rig.requests()[1].body, sent.replace(",\"logprobs\":1", ""));
    rig.sim
        .reply_next("key", [unsupported("odd"), Reply::text("hello")]);
    let reply = post(sent).await;
    assert_eq!(dropped(&reply), "input[].content[].logprobs, odd");
}

#[tokio::test]
async fn what_the_request_is_about_is_never_taken_out() {
    for name in [
        "model",
        "input",
        "stream",
        "store",
        "instructions",
        "input[0].content",
        "messages[0].tool_calls",
        "tool_choice",
        "text.format.schema",
        "tools[0].filters",
        "a b",
        "absent",
    ] {
        let mut rig = Rig::over(["work", "home"]).await;
        rig.sim.reply_always("work", unsupported(name));
        let mut request = chat_request("hi");
        request["tools"] = json!([{"type": "function", "function": {"name": "f"}}]);
        request["tool_choice"] = json!("required");
        let reply = rig.chat(request).await;
        assert_eq!(reply.status(), 400, "{name}");
        assert_eq!(rig.asked(), ["work"], "{name}");
        assert_eq!(rig.told().await.1.retries, 0);
    }
}

#[tokio::test]
async fn codex_hears_of_it_itself() {
    let mut rig = Rig::over(["work"]).await;
    let mut request = codex_request();
    request["service_tier"] = json!("priority");
    for _ in 0..2 {
        rig.sim.reply_next("work", [unsupported("service_tier")]);
        let reply = rig.responses_of_codex(&request).await;
        assert_eq!(reply.status(), 400);
        assert_eq!(dropped(&reply), "");
        assert!(
            reply
                .text()
                .await
                .unwrap()
                .contains("Unsupported parameter: service_tier")
        );
        assert_eq!(rig.requests().last().unwrap().json(), request);
        assert_eq!(rig.told().await.1.retries, 0);
    }
    assert_eq!(rig.asked(), ["work", "work"]);
}

#[tokio::test]
async fn a_second_refusal_goes_to_the_client_and_is_remembered_too() {
    let rig = Rig::over(["work", "home"]).await;
    let mut request = chat_request("hi");
    request["service_tier"] = json!("priority");
    request["verbosity"] = json!("low");
    rig.sim.reply_next(
        "work",
        [unsupported("service_tier"), unsupported("text.verbosity")],
    );
    let reply = rig.chat(request.clone()).await;
    assert_eq!(reply.status(), 400);
    assert_eq!(rig.asked(), ["work", "work"]);
    let reply = rig.chat(request).await;
    assert_eq!(reply.status(), 200);
    assert_eq!(dropped(&reply), "service_tier, verbosity");
}

#[tokio::test]
async fn what_an_api_says_of_one_model_holds_for_that_model() {
    let rig = over_a_key().await;
    let refusal = r#"{"error":{"message":"Unsupported parameter: 'temperature' is not supported with this model.","type":"invalid_request_error","param":"temperature","code":"unsupported_parameter"}}"#;
    rig.sim
        .reply_next("key", [Reply::status(400, refusal), Reply::text("a")]);
    let ask = async |model: &str| {
        let request = json!({"model": model, "input": "hi", "temperature": 0.5});
        let reply = rig.responses(request).await;
        assert_eq!(reply.status(), 200);
        dropped(&reply)
    };
    assert_eq!(ask("gpt-5.5").await, "temperature");
    assert_eq!(ask("gpt-5.5").await, "temperature");
    assert_eq!(ask("gpt-5.4").await, "");
}

#[tokio::test]
async fn what_was_learned_is_told_and_counts_after_a_restart_until_it_is_old() {
    let mut rig = Rig::over(["work"]).await;
    let mut request = chat_request("hi");
    request["service_tier"] = json!("priority");
    rig.sim
        .reply_next("work", [unsupported("service_tier"), Reply::text("a")]);
    rig.chat(request.clone()).await;
    let Report::Refused(told) = rig.report().await else {
        panic!("the refusal is told first");
    };
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].upstream, &told[0].model),
        (UpstreamKind::ChatGpt, &None)
    );
    assert_eq!(
        Some(&told[0].parameter),
        Parameter::dispensable("service_tier").as_ref()
    );

    for (age, expected) in [(Duration::ZERO, "service_tier"), (REFUSAL_LASTS, "")] {
        let sim = Arc::new(Simulator::start().await.unwrap());
        sim.add(Account::chatgpt("work"));
        let members = vec![member("work", access(&sim.auth_json("work")), 0)];
        let mut known = Known {
            refused: told.clone(),
            ..Known::default()
        };
        known.refused[0].refused_at -= age;
        let endpoints = endpoints(&sim);
        let rig = Rig::knowing(sim, endpoints, members, Limits::default(), known).await;
        let reply = rig.chat(request.clone()).await;
        assert_eq!(dropped(&reply), expected, "{age:?}");
        assert_eq!(rig.asked(), ["work"]);
    }
}
