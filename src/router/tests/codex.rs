//! What only Codex asks for, and what it must never be told.

use crate::pool::{RestCause, Trouble, Unusable};
use crate::simulator::events::{ev_completed, ev_created, ev_text_delta};
use crate::simulator::{Ending, Gate, Reply};

use super::*;

async fn usage(rig: &Rig, path: &str) -> Value {
    let reply = http().get(rig.url(path)).send().await.unwrap();
    assert_eq!(reply.status(), 200, "{path}");
    assert_eq!(header(&reply, "content-type").unwrap(), "application/json");
    serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap()
}

#[tokio::test]
async fn the_usage_of_whoever_serves_next_is_told_without_asking_or_naming_anybody() {
    let rig = Rig::over(["work", "home"]).await;
    for path in ["/backend-api/wham/usage", "/api/codex/usage"] {
        let told = usage(&rig, path).await;
        let window = &told["rate_limit"]["primary_window"];
        assert_eq!(window["used_percent"], 0);
        assert_eq!(window["limit_window_seconds"], 18_000);
        assert_eq!(told["rate_limit"]["secondary_window"], Value::Null);
        assert_eq!(told["rate_limit"]["limit_reached"], false);
        let text = told.to_string();
        for owner in ["work", "home", "@", "account_id", "user"] {
            assert!(!text.contains(owner), "{owner} in {text}");
        }
    }
    assert_eq!(rig.sim.asked(), [], "it is known already");
    for path in [
        "/backend-api/wham/accounts/check",
        "/backend-api/wham/settings/user",
        "/backend-api/ps/mcp",
    ] {
        let reply = http().get(rig.url(path)).send().await.unwrap();
        assert_eq!(reply.status(), 404);
        assert_eq!(error_of(reply).await["code"], "unknown_path");
    }
}

fn used_up(name: &str, resets_in: u64) -> impl Fn(Member) -> Member {
    let name = name.to_owned();
    move |member| {
        if member.name.as_str() != name {
            return member;
        }
        let until = SystemTime::now() + Duration::from_secs(resets_in);
        let mut usage = Usage::clone(member.usage.as_ref().unwrap());
        usage.plan = Some("team".into());
        usage.windows[0].used_percent = 100.0;
        usage.windows[0].resets_at = Some(until);
        let member = Member {
            usage: Some(Arc::new(usage)),
            ..member
        };
        member.paused(None, RestCause::UsageLimit, SystemTime::now(), until)
    }
}

fn change(rig: &Rig, change: impl Fn(Member) -> Member) {
    rig.pool.send_modify(|pool| {
        let members = pool
            .members
            .iter()
            .map(|member| Arc::new(change(Member::clone(member))));
        *pool = Arc::new(Pool {
            members: members.collect(),
            ..Pool::clone(pool)
        });
    });
}

#[tokio::test]
async fn a_pool_that_is_used_up_says_when_and_of_which_plan() {
    let rig = Rig::over(["work", "home"]).await;
    change(&rig, used_up("work", 7_200));
    assert_eq!(
        usage(&rig, "/api/codex/usage").await["rate_limit"]["allowed"],
        true
    );
    change(&rig, used_up("home", 900));
    let told = usage(&rig, "/api/codex/usage").await;
    assert_eq!(told["rate_limit"]["limit_reached"], true);
    let after = &told["rate_limit"]["primary_window"]["reset_after_seconds"];
    assert!(
        (890..=900).contains(&after.as_u64().unwrap()),
        "the first to come back: {after}"
    );

    let reply = rig.responses_of_codex(&codex_request()).await;
    assert_eq!(reply.status(), 429);
    assert_eq!(header(&reply, "x-should-retry").unwrap(), "false");
    let error = error_of(reply).await;
    assert_eq!(
        (&error["type"], &error["plan_type"]),
        (&json!("usage_limit_reached"), &json!("team"))
    );
    let after = error["resets_in_seconds"].as_u64().unwrap();
    assert!((890..=900).contains(&after), "{after}");
    assert!(error["resets_at"].is_u64());
    assert_eq!(rig.asked(), [""; 0]);
}

#[tokio::test]
async fn nothing_known_is_told_as_nothing() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    sim.add(Account::api_key("key"));
    let mut key = member("key", access(&sim.auth_json("key")), 0);
    key.usage = None;
    let rig = Rig::start(sim, vec![key], Limits::default()).await;
    let told = usage(&rig, "/api/codex/usage").await;
    assert_eq!(
        (&told["rate_limit"], &told["credits"]),
        (&Value::Null, &Value::Null)
    );
    let nobody = Rig::over([]).await;
    assert_eq!(usage(&nobody, "/api/codex/usage").await, told);
}

#[tokio::test]
async fn codex_never_sees_a_401() {
    let bad = || {
        [
            Reply::unauthorized(),
            Reply::status(401, r#"{"error":{"code":"token_revoked"}}"#),
            Reply::status(401, "no"),
            Reply::refusal_inside_200("token_expired"),
            Reply::error_event("invalid_api_key"),
            Reply::status(401, r#"{"error":{"code":"account_deactivated"}}"#),
            Reply::status(401, r#"{"error":{"type":"invalid_request_error"}}"#),
        ]
    };
    for reply in bad() {
        let rig = Rig::over(["dead-work"]).await;
        let about = format!("{reply:?}");
        rig.sim.reply_always("dead-work", reply);
        let seen = [
            rig.responses_of_codex(&codex_request()).await,
            rig.post("/v1/responses/compact", &codex_request())
                .header("originator", "codex_exec")
                .send()
                .await
                .unwrap(),
            rig.chat(chat_request("hi")).await,
        ];
        for reply in seen {
            assert_eq!(reply.status(), 503, "{about}");
        }
    }
    let rig = Rig::over(["work"]).await;
    rig.pool.send_modify(|pool| {
        let name = ProfileName::parse("old").unwrap();
        let unusable = vec![Unusable {
            name,
            trouble: Trouble::SignInAgain,
        }];
        *pool = Arc::new(Pool {
            members: vec![],
            unusable,
            ..Pool::clone(pool)
        });
    });
    let reply = rig.responses_of_codex(&codex_request()).await;
    assert_eq!(reply.status(), 503);
    let two_keys = rig.post("/v1/responses", &codex_request());
    let two_keys = two_keys.header("x-api-key", "other").send().await.unwrap();
    assert_eq!(
        two_keys.status(),
        400,
        "final at once, where 403 would be sent again"
    );
}

#[tokio::test]
async fn the_tag_of_the_model_list_is_the_one_that_codex_was_given() {
    let rig = Rig::over(["work", "home"]).await;
    let of_another = |text: &str| {
        let reply = crate::simulator::HttpReply::new(200, text.to_owned());
        Reply::http(
            reply
                .header("content-type", "text/event-stream")
                .header("x-models-etag", "\"of-another\""),
        )
    };
    let stream = "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\"}}\n\n";
    rig.sim.reply_always("work", of_another(stream));
    let ask = async |rig: &Rig| {
        let request = rig.post("/v1/responses", &codex_request());
        let request = request.header("user-agent", "codex_exec/0.169.0-beta (Linux)");
        header(&request.send().await.unwrap(), "x-models-etag")
    };
    assert_eq!(ask(&rig).await, None, "no list was given yet");
    let list = http().get(rig.url("/v1/models?client_version=0.169.0"));
    let given = header(&list.send().await.unwrap(), "etag").unwrap();
    assert_eq!(ask(&rig).await, Some(given));
    let sdk = rig.post("/v1/responses", &codex_request());
    assert_eq!(header(&sdk.send().await.unwrap(), "x-models-etag"), None);
}

/// What a client reads of a stream that is silent for a while, up to the second sign of life.
async fn read_of_silence(path: &str, body: Value, originator: &str, sign: &str) -> String {
    let limits = Limits {
        ping: Duration::from_millis(5),
        ..Limits::default()
    };
    let rig = Rig::with_limits(["work"], limits).await;
    let gate = Gate::closed();
    let events = [
        ev_created(),
        ev_text_delta("hel"),
        ev_text_delta("lo"),
        ev_completed(),
    ];
    let stalled = Reply::events(events).ending(Ending::StallAfter(2, gate.clone()));
    rig.sim.reply_next("work", [stalled]);
    let request = rig.post(path, &body).header("originator", originator);
    let mut reply = request.send().await.unwrap();
    let mut seen = String::new();
    while seen.matches(sign).count() < 2 {
        let chunk = tokio::time::timeout(PATIENCE, reply.chunk()).await;
        seen.push_str(std::str::from_utf8(&chunk.unwrap().unwrap().unwrap()).unwrap());
    }
    gate.open();
    seen.push_str(&reply.text().await.unwrap());
    seen
}

#[tokio::test]
async fn codex_hears_signs_of_life_that_its_timer_counts() {
    let sign = "data: {\"type\":\"router.keepalive\"}\n\n";
    let seen = read_of_silence("/v1/responses", codex_request(), "codex_exec", sign).await;
    let mut types = event_types(&seen);
    types.retain(|kind| kind != "router.keepalive");
    assert_eq!(
        types,
        [
            "response.created",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.completed"
        ]
    );
}

#[tokio::test]
async fn other_clients_hear_comments() {
    let sign = ": keep-alive\n\n";
    let seen = read_of_silence("/v1/responses", codex_request(), "sdk", sign).await;
    assert!(!seen.contains("router.keepalive"));
    assert_eq!(event_types(&seen).last().unwrap(), "response.completed");
    let seen = read_of_silence("/v1/chat/completions", chat_stream("hi"), "sdk", sign).await;
    assert_eq!(chat_text(&seen), "hello");
    assert!(seen.ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn signs_of_life_do_not_hide_that_the_upstream_is_silent() {
    let limits = Limits {
        ping: Duration::from_millis(5),
        event_idle: Duration::from_millis(300),
        ..Limits::default()
    };
    let rig = Rig::with_limits(["work"], limits).await;
    let gate = Gate::closed();
    rig.sim.reply_next("work", [Reply::stall_after(5, &gate)]);
    let stream = rig.chat(chat_stream("hi")).await.text().await.unwrap();
    assert!(stream.contains(": keep-alive\n\n"));
    assert!(stream.contains("upstream_timeout"), "{stream}");
}
