//! Which way a request takes: over the socket that is open, over a new one, or by POST.

use super::*;

#[tokio::test]
async fn codex_warms_up_asks_and_goes_on_over_one_upstream_socket_and_every_byte_passes() {
    let mut rig = Rig::over(["work"]).await;
    let mut codex = rig.codex_socket().await;
    let warm_up = warm_up(json!([message("developer", "Be brief.")]));
    let ready = codex.ask(&warm_up).await;
    assert_eq!(types(&ready).last().unwrap(), &"response.completed");
    is_served_by_work(&mut rig).await;
    let first = after(&id_of(&ready), json!([message("user", "one")]));
    let answer = codex.ask(&first).await;
    assert!(text_of(&answer).contains("You said: one"));
    is_served_by_work(&mut rig).await;
    let second = after(&id_of(&answer), json!([message("user", "two")]));
    let answer = codex.ask(&second).await;
    assert!(text_of(&answer).contains("You said: two"));
    is_served_by_work(&mut rig).await;

    let sent: Vec<_> = rig.requests().into_iter().filter(is_message).collect();
    let sent: Vec<&[u8]> = sent.iter().map(|asked| &*asked.body).collect();
    let said = [warm_up, first, second].map(|message| message.to_string());
    assert_eq!(sent, said.each_ref().map(|text| text.as_bytes()));
    assert_eq!((rig.handshakes().len(), rig.posts().len()), (1, 0));
}

async fn is_served_by_work(rig: &mut Rig) {
    let (attempts, done) = rig.told().await;
    assert_eq!(attempts, [("work".to_owned(), AttemptResult::Served)]);
    assert_eq!(done.dialect, Dialect::Responses);
    assert_eq!(done.model, MODEL);
    assert_eq!(
        (done.status, done.is_complete, done.retries),
        (200, true, 0)
    );
    assert!(done.tokens.is_some());
}

#[tokio::test]
async fn codex_hears_every_event_of_its_backend_as_it_was_said() {
    use crate::simulator::events::{Event, ev_completed, ev_created, ev_text_delta};

    let rig = Rig::over(["work"]).await;
    let events = [
        Event::new("codex.rate_limits", [("plan_type", json!("plus"))]),
        ev_created(),
        Event::new("response.tomorrow", [("x", json!(1.50))]),
        ev_text_delta("hé"),
        ev_completed(),
    ];
    rig.sim.reply_next("work", [Reply::events(events.clone())]);
    let mut codex = rig.codex_socket().await;
    codex.say(&create(json!([message("user", "hi")]))).await;
    for (number, event) in events.iter().enumerate() {
        assert_eq!(codex.text().await, event.json(number).to_string());
    }
}

#[tokio::test]
async fn the_upstreams_handshake_carries_the_accounts_login_and_codexs_own_words() {
    let rig = Rig::over(["work"]).await;
    let headers = [
        ("authorization", "Bearer unused"),
        ("chatgpt-account-id", "somebody else"),
        ("originator", "codex_exec"),
        ("user-agent", "codex_exec/0.169.0 (Linux)"),
        ("openai-beta", "responses_websockets=2026-02-06"),
        ("session-id", "s-1"),
        ("x-codex-turn-state", "opaque"),
        ("cookie", "canary"),
    ];
    let mut codex = rig.try_socket("/v1/responses", &headers).await.unwrap();
    codex.ask(&create(json!([message("user", "hi")]))).await;
    let handshake = rig.handshakes().remove(0);
    for (name, value) in [
        ("authorization", "Bearer <access token>"),
        ("chatgpt-account-id", "workspace-work"),
        ("originator", "codex_exec"),
        ("user-agent", "codex_exec/0.169.0 (Linux)"),
        ("openai-beta", "responses_websockets=2026-02-06"),
        ("session-id", "s-1"),
        ("x-codex-turn-state", "opaque"),
    ] {
        assert_eq!(handshake.header(name), Some(value), "{name}");
    }
    assert_eq!(handshake.header("cookie"), None);
}

#[tokio::test]
async fn the_close_after_an_hour_is_not_noticed() {
    for handshake in [Handshake::hour_is_over_after(2), Handshake::closes_after(2)] {
        let mut rig = Rig::over(["work"]).await;
        rig.sim.handshake_next("work", [handshake]);
        let mut codex = rig.codex_socket().await;
        let first = [message("user", "one")];
        let one = codex.ask(&create(json!(first))).await;
        let two = codex
            .ask(&after(&id_of(&one), json!([message("user", "two")])))
            .await;
        let three = after(&id_of(&two), json!([message("user", "three")]));
        while rig.reports.try_recv().is_ok() {}
        let answer = codex.ask(&three).await;
        assert_eq!(types(&answer)[0], "response.created");
        assert_eq!(types(&answer).last().unwrap(), &"response.completed");
        assert!(text_of(&answer).contains("You said: three"));

        assert_eq!((rig.handshakes().len(), rig.posts().len()), (2, 0));
        // The new socket knows nothing, so it is told everything.
        let mut all = first.to_vec();
        all.extend(output_of(&one));
        all.push(message("user", "two"));
        all.extend(output_of(&two));
        all.push(message("user", "three"));
        assert_eq!(rig.messages().last().unwrap(), &create(json!(all)));
        let (attempts, done) = rig.told().await;
        assert_eq!(attempts, [("work".to_owned(), AttemptResult::Served)]);
        assert_eq!((done.is_complete, done.retries), (true, 1));

        // And from there on by what is added only.
        let four = after(&id_of(&answer), json!([message("user", "four")]));
        codex.ask(&four).await;
        assert_eq!(rig.messages().last().unwrap(), &four);
    }
}

#[tokio::test]
async fn an_upstream_without_sockets_is_asked_by_post_with_everything_and_not_shaken_hands_with_again()
 {
    for status in [426, 404, 403, 500] {
        let rig = Rig::over(["work"]).await;
        rig.sim.handshake_always("work", Handshake::refused(status));
        let mut codex = rig.codex_socket().await;
        let instructions = message("developer", "Be brief.");
        let ready = codex.ask(&warm_up(json!([instructions]))).await;
        assert_eq!(types(&ready), ["response.created", "response.completed"]);
        assert!(rig.posts().is_empty(), "nobody is asked to say nothing");
        let one = codex
            .ask(&after(&id_of(&ready), json!([message("user", "one")])))
            .await;
        assert!(text_of(&one).contains("You said: one"), "{status}");
        let two = codex
            .ask(&after(&id_of(&one), json!([message("user", "two")])))
            .await;
        assert!(text_of(&two).contains("You said: two"));

        assert_eq!(rig.handshakes().len(), 1, "{status}");
        let posts = rig.posts();
        assert_eq!(posts.len(), 2);
        let mut expected = codex_request();
        expected["input"] = json!([instructions, message("user", "one")]);
        assert_eq!(posts[0].body, expected.to_string(), "as a POST of its own");
        assert_eq!(posts[0].header("openai-beta"), None);
        let mut all = vec![instructions.clone(), message("user", "one")];
        all.extend(output_of(&one));
        all.push(message("user", "two"));
        expected["input"] = json!(all);
        assert_eq!(posts[1].body, expected.to_string());
    }
}

#[tokio::test]
async fn an_api_key_is_asked_by_post_and_the_events_come_as_messages() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    sim.add(Account::api_key("key"));
    let members = vec![member("key", access(&sim.auth_json("key")), 0)];
    let mut rig = Rig::start(sim, members, Limits::default()).await;
    let mut codex = rig.codex_socket().await;
    let ready = codex.ask(&warm_up(json!([]))).await;
    let (attempts, done) = rig.told().await;
    assert_eq!(attempts, [], "nobody was asked to get ready");
    let (now, hour) = (SystemTime::now(), Duration::from_secs(3_600));
    let key = rig.pool.borrow().members[0].clone();
    assert!(!key.live.is_warm(now, hour), "and nothing found out");
    assert_eq!((done.status, done.is_complete), (200, true));
    let answer = codex
        .ask(&after(&id_of(&ready), json!([message("user", "hi")])))
        .await;
    assert!(text_of(&answer).contains("You said: hi"));
    assert!(rig.handshakes().is_empty());
    assert_eq!(rig.posts()[0].path, "/v1/responses");
    let (attempts, done) = rig.told().await;
    assert_eq!(attempts, [("key".to_owned(), AttemptResult::Served)]);
    assert!(done.is_complete);
}

#[tokio::test]
async fn a_socket_that_never_lives_gives_way_to_post() {
    let rig = Rig::over(["work"]).await;
    rig.sim.handshake_always("work", Handshake::closes_after(0));
    let mut codex = rig.codex_socket().await;
    for text in ["one", "two"] {
        let answer = codex.ask(&create(json!([message("user", text)]))).await;
        assert!(text_of(&answer).contains(text));
    }
    assert_eq!((rig.handshakes().len(), rig.posts().len()), (1, 2));
}

#[tokio::test]
async fn a_client_stays_with_its_account_while_it_can_answer() {
    let rig = Rig::over(["work", "home"]).await;
    let mut codex = rig.codex_socket().await;
    let one = codex.ask(&create(json!([message("user", "one")]))).await;
    // The other one is used less from here on.
    let members = ["work", "home"].map(|name| access(&rig.sim.auth_json(name)));
    let [work, home] = members;
    let pool = pool_of(vec![member("work", work, 5), member("home", home, 0)]);
    rig.pool.send_replace(Arc::new(pool));
    codex
        .ask(&after(&id_of(&one), json!([message("user", "two")])))
        .await;
    assert_eq!(
        rig.asked(),
        ["work", "work", "work"],
        "a handshake, two requests"
    );
}

#[tokio::test]
async fn a_refused_login_is_renewed_once_and_the_handshake_made_again() {
    let mut rig = Rig::over(["work", "home"]).await;
    rig.sim.revoke_access("work");
    let mut codex = rig.codex_socket().await;
    let answer = codex.ask(&create(json!([message("user", "hi")]))).await;
    assert_eq!(types(&answer).last().unwrap(), &"response.completed");
    assert_eq!(rig.asked(), ["work", "work", "work"]);
    assert_eq!(rig.tokens.asked.load(Ordering::SeqCst), 1);
    let (attempts, done) = rig.told().await;
    assert_eq!(attempts, [("work".to_owned(), AttemptResult::Served)]);
    assert_eq!(done.retries, 1);
}

#[tokio::test]
async fn each_refusal_on_a_socket_moves_the_request_to_the_next_account() {
    for reply in [
        Reply::usage_limit(Duration::from_secs(900)),
        Reply::throttled(Duration::from_secs(7)),
        Reply::status(500, "oops"),
        Reply::refusal_inside_200("server_is_overloaded"),
        Reply::refusal_inside_200("usage_limit_reached"),
        Reply::error_event("rate_limit_exceeded"),
    ] {
        let mut rig = Rig::over(["work", "home"]).await;
        let about = format!("{reply:?}");
        rig.sim.reply_next("work", [reply]);
        let mut codex = rig.codex_socket().await;
        let answer = codex.ask(&create(json!([message("user", "hi")]))).await;
        assert!(text_of(&answer).starts_with("Hello from home"), "{about}");
        let created = types(&answer);
        let created = created.iter().filter(|kind| **kind == "response.created");
        assert_eq!(created.count(), 1, "{about}");
        let (attempts, done) = rig.told().await;
        assert_ne!(attempts[0].1, AttemptResult::Served, "{about}");
        assert_eq!(attempts[1], ("home".to_owned(), AttemptResult::Served));
        assert_eq!((done.retries, done.is_complete), (1, true));
    }
}

#[tokio::test]
async fn the_limits_that_a_socket_tells_reach_the_worker() {
    let mut rig = Rig::over(["work"]).await;
    rig.sim.change("work", |work| {
        let windows = [crate::simulator::Window::five_hour(
            40.0,
            Duration::from_secs(3_600),
        )];
        work.windows(windows).sends_limit_event()
    });
    let mut codex = rig.codex_socket().await;
    let answer = codex.ask(&create(json!([message("user", "hi")]))).await;
    assert_eq!(types(&answer)[0], "codex.rate_limits");
    let outcome = rig.outcome().await;
    assert_eq!(outcome.usage.unwrap().windows[0].used_percent, 40.0);
}

#[tokio::test]
async fn an_upstream_that_breaks_off_is_not_asked_the_same_twice() {
    let mut rig = Rig::over(["work", "home"]).await;
    rig.sim.reply_next("work", [Reply::cut_after(1)]);
    let mut codex = rig.codex_socket().await;
    let answer = codex.ask(&create(json!([message("user", "hi")]))).await;
    assert!(text_of(&answer).starts_with("Hello from home"));
    let (attempts, done) = rig.told().await;
    let served = ("home".to_owned(), AttemptResult::Served);
    assert_eq!(attempts, [("work".to_owned(), AttemptResult::Cut), served]);
    assert_eq!(done.retries, 1);
    assert_eq!((rig.messages().len(), rig.posts().len()), (2, 0));
}

#[tokio::test]
async fn two_sockets_that_end_without_a_word_are_a_failure() {
    let mut rig = Rig::over(["work", "home"]).await;
    let handshakes = [Handshake::closes_after(1), Handshake::closes_after(0)];
    rig.sim.handshake_next("work", handshakes);
    let mut codex = rig.codex_socket().await;
    let one = codex.ask(&create(json!([message("user", "one")]))).await;
    while rig.reports.try_recv().is_ok() {}
    let two = after(&id_of(&one), json!([message("user", "two")]));
    assert!(text_of(&codex.ask(&two).await).starts_with("Hello from home"));
    let (attempts, _) = rig.told().await;
    let served = ("home".to_owned(), AttemptResult::Served);
    assert_eq!(attempts, [("work".to_owned(), AttemptResult::Cut), served]);
    assert!(rig.posts().is_empty());
}

#[tokio::test]
async fn a_socket_is_left_when_its_profile_gets_another_accounts_login() {
    let rig = Rig::over(["work"]).await;
    let mut codex = rig.codex_socket().await;
    let one = codex.ask(&create(json!([message("user", "one")]))).await;
    rig.sim.add(Account::chatgpt("other"));
    let other = member("work", access(&rig.sim.auth_json("other")), 0);
    rig.pool.send_replace(Arc::new(pool_of(vec![other])));
    let two = after(&id_of(&one), json!([message("user", "two")]));
    let two = codex.ask(&two).await;
    assert!(text_of(&two).starts_with("Hello from other"));

    // A newer token of the same login is no reason to.
    let newer = member("work", access(&rig.sim.rotate_as_cli("other")), 0);
    rig.pool.send_replace(Arc::new(pool_of(vec![newer])));
    codex
        .ask(&after(&id_of(&two), json!([message("user", "three")])))
        .await;
    assert_eq!(rig.handshakes().len(), 2);
}

#[tokio::test]
async fn a_client_does_not_stay_with_a_paid_key_when_an_allowance_can_answer() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    sim.add(Account::chatgpt("work"));
    sim.add(Account::api_key("key"));
    let members = ["work", "key"].map(|name| member(name, access(&sim.auth_json(name)), 0));
    let rig = Rig::start(sim, members.into(), Limits::default()).await;
    let throttled = Reply::throttled(Duration::from_secs(7));
    rig.sim.reply_next("work", [throttled]);
    let mut codex = rig.codex_socket().await;
    let one = codex.ask(&create(json!([message("user", "one")]))).await;
    assert!(text_of(&one).starts_with("Hello from key"));
    let two = after(&id_of(&one), json!([message("user", "two")]));
    rig.forgive();
    assert!(text_of(&codex.ask(&two).await).starts_with("Hello from work"));
}

#[tokio::test]
async fn what_a_refusal_on_a_socket_says_beside_its_error_counts_as_by_post() {
    let mut rig = Rig::over(["work", "home"]).await;
    let throttled = Reply::throttled(Duration::from_secs(7));
    rig.sim.reply_next("work", [throttled]);
    let mut codex = rig.codex_socket().await;
    codex.ask(&create(json!([message("user", "hi")]))).await;
    let retry_after = Some(Duration::from_secs(7));
    let (attempts, _) = rig.told().await;
    assert_eq!(attempts[0].1, AttemptResult::Throttled { retry_after });

    let mut rig = Rig::over(["work"]).await;
    let body =
        r#"{"error":{"message":"m","type":"invalid_request_error","code":"model_not_found"}}"#;
    let reply = crate::simulator::HttpReply::text(404, body)
        .header("retry-after", "9")
        .header("set-cookie", "canary");
    let windows = [crate::simulator::Window::five_hour(
        80.0,
        Duration::from_secs(3_600),
    )];
    rig.sim.change("work", |work| work.windows(windows));
    rig.sim.reply_next("work", [Reply::http(reply)]);
    let mut codex = rig.codex_socket().await;
    let told = codex.ask(&create(json!([message("user", "hi")]))).await;
    assert_eq!(told[0]["status"], 404);
    let headers = &told[0]["headers"];
    assert_eq!(headers["retry-after"], "9");
    assert_eq!(headers["x-codex-primary-used-percent"], "80");
    assert_eq!(headers.get("set-cookie"), None);
    let outcome = rig.outcome().await;
    assert_eq!(outcome.usage.unwrap().windows[0].used_percent, 80.0);
}

#[tokio::test]
async fn a_connection_that_was_lost_unnoticed_is_made_again_when_it_answers_no_ping() {
    let limits = Limits {
        socket_pong: Duration::from_millis(30),
        ..Limits::default()
    };
    let mut rig = Rig::with_limits(["work"], limits).await;
    rig.sim.handshake_next("work", [Handshake::dies_after(1)]);
    let mut codex = rig.codex_socket().await;
    let one = codex.ask(&create(json!([message("user", "one")]))).await;
    while rig.reports.try_recv().is_ok() {}
    let two = after(&id_of(&one), json!([message("user", "two")]));
    assert!(text_of(&codex.ask(&two).await).contains("You said: two"));
    let (attempts, done) = rig.told().await;
    assert_eq!(attempts, [("work".to_owned(), AttemptResult::Served)]);
    assert_eq!((done.retries, rig.handshakes().len()), (1, 2));
}

#[tokio::test]
async fn an_upstream_that_only_says_that_it_has_begun_is_heard_by_the_client() {
    let limits = Limits {
        handshake: Duration::from_millis(20),
        ..Limits::default()
    };
    let rig = Rig::with_limits(["work"], limits).await;
    let gate = crate::simulator::Gate::closed();
    rig.sim.reply_next("work", [Reply::stall_after(1, &gate)]);
    let mut codex = rig.codex_socket().await;
    codex.say(&create(json!([message("user", "hi")]))).await;
    assert_eq!(codex.event().await["type"], "response.created");
    gate.open();
    codex.answer().await;
}

#[tokio::test]
async fn what_a_post_says_in_its_headers_codex_hears_as_events() {
    for (headers, is_codex) in [(&CODEX[..], true), (&[], false)] {
        let rig = Rig::over(["work"]).await;
        rig.sim.handshake_always("work", Handshake::refused(426));
        let window = crate::simulator::Window::five_hour(40.0, Duration::from_secs(3_600));
        rig.sim.change("work", |work| work.windows([window]));
        let mut client = rig.try_socket("/v1/responses", headers).await.unwrap();
        let answer = client.ask(&create(json!([message("user", "hi")]))).await;
        let limits = answer
            .iter()
            .find(|event| event["type"] == "codex.rate_limits");
        let used = limits.map(|event| event["rate_limits"]["primary"]["used_percent"].as_f64());
        assert_eq!(used, is_codex.then_some(Some(40.0)));
        assert_eq!(types(&answer).last().unwrap(), &"response.completed");
    }
}
