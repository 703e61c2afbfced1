//! What makes the router ask another profile, and what does not.

use crate::pool::{RestCause, RestSource, Trouble, Unusable};
use crate::simulator::{Gate, Reply};

use super::*;

/// The attempts as (profile, first word of the result).
fn words(attempts: &[(String, AttemptResult)]) -> Vec<(&str, String)> {
    let word = |result: &AttemptResult| {
        let text = format!("{result:?}");
        text.split([' ', '{']).next().unwrap().to_owned()
    };
    attempts
        .iter()
        .map(|(name, result)| (name.as_str(), word(result)))
        .collect()
}

#[tokio::test]
async fn each_failure_of_one_profile_moves_the_request_to_the_next() {
    let hour = Duration::from_secs(3_600);
    for (reply, word) in [
        (Reply::usage_limit(hour), "UsageLimit"),
        (Reply::throttled(Duration::from_secs(7)), "Throttled"),
        (Reply::status(500, "oops"), "Failing"),
        (
            Reply::status(503, r#"{"error":{"code":"server_is_overloaded"}}"#),
            "Overloaded",
        ),
        (
            Reply::refusal_inside_200("server_is_overloaded"),
            "Overloaded",
        ),
        (
            Reply::refusal_inside_200("usage_limit_reached"),
            "UsageLimit",
        ),
        (Reply::error_event("rate_limit_exceeded"), "Throttled"),
        (Reply::cut_after(2), "Cut"),
        (Reply::clean_eof_after(2), "Cut"),
    ] {
        let mut rig = Rig::over(["work", "home"]).await;
        let about = format!("{reply:?}");
        rig.sim.reply_next("work", [reply]);
        rig.sim.reply_next("home", [Reply::text("hello")]);
        let answer = rig.chat(chat_stream("hi")).await;
        assert_eq!(answer.status(), 200, "{about}");
        assert_eq!(chat_text(&answer.text().await.unwrap()), "hello", "{about}");
        assert_eq!(rig.asked(), ["work", "home"], "{about}");
        let (attempts, done) = rig.told().await;
        assert_eq!(
            words(&attempts),
            [("work", word.to_owned()), ("home", "Served".to_owned())],
            "{about}"
        );
        assert_eq!(done.profile.unwrap().as_str(), "home");
        assert_eq!((done.retries, done.is_complete), (1, true));
    }
}

#[tokio::test]
async fn codex_never_sees_the_refusal_that_was_held_back() {
    let rig = Rig::over(["work", "home"]).await;
    rig.sim
        .reply_next("work", [Reply::refusal_inside_200("server_is_overloaded")]);
    let reply = rig.responses_of_codex(&codex_request()).await;
    let types = event_types(&reply.text().await.unwrap());
    assert_eq!(
        types
            .iter()
            .filter(|kind| *kind == "response.created")
            .count(),
        1
    );
    assert!(!types.contains(&"response.failed".to_owned()));
    assert_eq!(types.last().unwrap(), "response.completed");
}

#[tokio::test]
async fn the_reset_and_the_limits_are_told() {
    let mut rig = Rig::over(["work", "home"]).await;
    rig.sim
        .reply_next("work", [Reply::usage_limit(Duration::from_secs(900))]);
    let before = SystemTime::now();
    rig.chat(chat_request("hi")).await;
    let outcome = rig.outcome().await;
    let AttemptResult::UsageLimit { told: Some(told) } = outcome.result else {
        panic!("{outcome:?}");
    };
    assert_eq!(told.source, RestSource::ResetsAt);
    let after = told.until.duration_since(before).unwrap().as_secs();
    assert!((898..=901).contains(&after), "{after}");
    assert!(outcome.usage.unwrap().blocked_until(before).is_some());
}

#[tokio::test]
async fn the_clients_own_mistake_goes_back_without_a_second_try() {
    let mistake = r#"{"error":{"message":"too long","type":"invalid_request_error","param":"input","code":"context_length_exceeded"}}"#;
    let mut rig = Rig::over(["work", "home"]).await;
    rig.sim.reply_always("work", Reply::status(400, mistake));

    let reply = rig.responses_of_codex(&codex_request()).await;
    assert_eq!(reply.status(), 400);
    assert_eq!(
        reply.text().await.unwrap(),
        mistake,
        "Codex reads the upstream's own words"
    );

    let reply = rig.chat(chat_request("hi")).await;
    assert_eq!(reply.status(), 400);
    let error = error_of(reply).await;
    assert_eq!(error["code"], "context_length_exceeded");
    assert_eq!(error["message"], "too long");

    assert_eq!(rig.asked(), ["work", "work"]);
    let (attempts, done) = rig.told().await;
    assert_eq!(attempts[0].1, AttemptResult::ClientFault { status: 400 });
    assert_eq!((done.status, done.retries), (400, 0));
}

#[tokio::test]
async fn the_backends_detail_becomes_an_openai_error() {
    let rig = Rig::over(["work"]).await;
    rig.sim.reply_next(
        "work",
        [Reply::status(
            400,
            r#"{"detail":"Unsupported parameter: x"}"#,
        )],
    );
    let error = error_of(rig.chat(chat_request("hi")).await).await;
    assert_eq!(error["message"], "Unsupported parameter: x");
    assert_eq!(error["type"], "invalid_request_error");
}

#[tokio::test]
async fn a_request_fault_inside_200_is_a_status_for_chat_and_an_event_for_codex() {
    let rig = Rig::over(["work", "home"]).await;
    rig.sim
        .reply_always("work", Reply::refusal_inside_200("context_length_exceeded"));
    let reply = rig.chat(chat_stream("hi")).await;
    assert_eq!(reply.status(), 400);
    assert_eq!(error_of(reply).await["code"], "context_length_exceeded");
    let reply = rig.responses_of_codex(&codex_request()).await;
    assert_eq!(reply.status(), 200);
    let types = event_types(&reply.text().await.unwrap());
    assert_eq!(types.last().unwrap(), "response.failed");
    assert_eq!(rig.asked(), ["work", "work"]);
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_the_same_profile_answers() {
    let mut rig = Rig::over(["work", "home"]).await;
    rig.sim.revoke_access("work");
    let reply = rig.chat(chat_request("hi")).await;
    assert_eq!(reply.status(), 200);
    assert_eq!(rig.asked(), ["work", "work"]);
    assert_eq!(rig.tokens.asked.load(Ordering::SeqCst), 1);
    let (attempts, done) = rig.told().await;
    assert_eq!(words(&attempts), [("work", "Served".to_owned())]);
    assert_eq!(done.retries, 1);
}

#[tokio::test]
async fn a_token_that_stays_refused_moves_the_request_on() {
    let mut rig = Rig::over(["work", "home"]).await;
    rig.sim.reply_always("work", Reply::unauthorized());
    let reply = rig.chat(chat_request("hi")).await;
    assert_eq!(reply.status(), 200);
    assert_eq!(rig.asked(), ["work", "work", "home"]);
    assert_eq!(rig.tokens.asked.load(Ordering::SeqCst), 1);
    let (attempts, _) = rig.told().await;
    assert_eq!(
        words(&attempts),
        [
            ("work", "Unauthorized".to_owned()),
            ("home", "Served".to_owned())
        ]
    );
}

#[tokio::test]
async fn an_upstream_401_is_never_the_clients() {
    let rig = Rig::over(["dead"]).await;
    rig.sim.revoke_access("dead");
    for reply in [
        rig.responses_of_codex(&codex_request()).await,
        rig.chat(chat_request("hi")).await,
    ] {
        assert_eq!(reply.status(), 503);
        let message = error_of(reply).await["message"].to_string();
        assert!(message.contains("dead: its login was refused"), "{message}");
    }
}

#[tokio::test]
async fn a_token_that_has_run_out_is_never_sent() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    let members = vec![
        member("dead", access(&sim.auth_json_expired("dead")), 0),
        member("work", access(&sim.auth_json_expired("work")), 1),
    ];
    let mut rig = Rig::start(sim, members, Limits::default()).await;
    let reply = rig.chat(chat_request("hi")).await;
    assert_eq!(reply.status(), 200);
    assert_eq!(rig.asked(), ["work"]);
    assert_eq!(rig.tokens.asked.load(Ordering::SeqCst), 2);
    let (attempts, _) = rig.told().await;
    assert_eq!(
        words(&attempts),
        [("work", "Served".to_owned())],
        "nothing was sent for dead"
    );
}

#[tokio::test]
async fn a_model_that_one_profile_lacks_is_asked_of_the_next() {
    let mut rig = Rig::over(["work", "home"]).await;
    rig.sim.change("work", |work| work.models(["gpt-5.4"]));
    let reply = rig.chat(chat_request("hi")).await;
    assert_eq!(reply.status(), 200);
    let (attempts, _) = rig.told().await;
    let model = MODEL.to_owned();
    assert_eq!(attempts[0].1, AttemptResult::ModelNotSupported { model });

    rig.sim.change("home", |home| home.models(["gpt-5.4"]));
    let reply = rig.chat(chat_request("hi")).await;
    assert_eq!(
        reply.status(),
        400,
        "everybody lacks it, so it is the request"
    );
    assert!(error_of(reply).await["message"].to_string().contains(MODEL));
}

#[tokio::test]
async fn a_used_up_pool_is_told_with_its_earliest_reset() {
    let mut rig = Rig::over(["work", "home"]).await;
    rig.sim
        .reply_always("work", Reply::usage_limit(Duration::from_secs(7_200)));
    rig.sim
        .reply_always("home", Reply::usage_limit(Duration::from_secs(900)));
    let reply = rig.responses_of_codex(&codex_request()).await;
    assert_eq!(reply.status(), 429);
    let retry_after: u64 = header(&reply, "retry-after").unwrap().parse().unwrap();
    assert!((899..=901).contains(&retry_after), "{retry_after}");
    assert_eq!(header(&reply, "x-should-retry").unwrap(), "false");
    let error = error_of(reply).await;
    assert_eq!(error["type"], "usage_limit_reached");
    assert_eq!(error["plan_type"], "plus");
    assert_eq!(error["resets_in_seconds"], retry_after);
    let unix = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let resets_at = error["resets_at"].as_u64().unwrap();
    assert!((unix + 890..=unix + 902).contains(&resets_at));
    let (attempts, done) = rig.told().await;
    assert_eq!(attempts.len(), 2);
    assert_eq!((done.status, done.is_complete), (429, false));
}

#[tokio::test]
async fn a_pool_that_is_known_to_be_used_up_answers_at_once() {
    let rig = Rig::over([]).await;
    let home = member("home", access(&rig.sim.auth_json("home")), 0);
    let now = SystemTime::now();
    let home = home.paused(
        None,
        RestCause::UsageLimit,
        now,
        now + Duration::from_secs(60),
    );
    let mut pool = pool_of(vec![home]);
    pool.unusable = vec![Unusable {
        name: ProfileName::parse("work").unwrap(),
        trouble: Trouble::SignInAgain,
    }];
    rig.pool.send_replace(Arc::new(pool));
    let reply = rig.chat(chat_request("hi")).await;
    assert_eq!(reply.status(), 429);
    assert_eq!(
        header(&reply, "x-should-retry"),
        None,
        "a minute is worth waiting for"
    );
    let message = error_of(reply).await["message"].to_string();
    assert!(message.contains("work: login expired"), "{message}");
    assert_eq!(rig.asked(), [""; 0]);
}

#[tokio::test]
async fn an_empty_pool_says_so() {
    let rig = Rig::over([]).await;
    let reply = rig.chat(chat_request("hi")).await;
    assert_eq!(reply.status(), 503);
    assert_eq!(error_of(reply).await["code"], "no_account_available");
}

#[tokio::test]
async fn three_profiles_are_tried_and_no_more() {
    let mut rig = Rig::over(["a", "b", "c", "d"]).await;
    for name in ["a", "b", "c", "d"] {
        rig.sim.reply_always(name, Reply::status(500, "oops"));
    }
    let reply = rig.chat(chat_request("hi")).await;
    assert_eq!(reply.status(), 503);
    assert_eq!(header(&reply, "x-should-retry").unwrap(), "false");
    assert_eq!(rig.asked(), ["a", "b", "c"]);
    let (_, done) = rig.told().await;
    assert_eq!(done.retries, 2);
}

#[tokio::test]
async fn a_storm_of_failures_is_not_multiplied() {
    let rig = Rig::over(["a", "b", "c"]).await;
    for name in ["a", "b", "c"] {
        rig.sim.reply_always(name, Reply::status(500, "oops"));
    }
    for _ in 0..40 {
        assert_eq!(rig.chat(chat_request("hi")).await.status(), 503);
    }
    let sent = rig.asked().len();
    assert!((15..=30).contains(&sent), "{sent} instead of 120");
}

#[tokio::test]
async fn a_third_account_that_fails_in_the_same_words_is_not_blamed() {
    let mut rig = Rig::over(["a", "b", "c"]).await;
    for name in ["a", "b", "c"] {
        rig.sim
            .reply_always(name, Reply::throttled(Duration::from_secs(60)));
    }
    assert_eq!(rig.chat(chat_request("hi")).await.status(), 429);
    let now = SystemTime::now();
    let pool = rig.pool.borrow().clone();
    let left = crate::pool::choose_for(
        &pool,
        crate::pool::Need {
            model: MODEL,
            ..crate::pool::Need::default()
        },
        now,
    );
    let names: Vec<_> = left
        .candidates
        .iter()
        .map(|it| it.member.name.as_str())
        .collect();
    assert_eq!(names, ["c"]);
    drop(pool);
    rig.told().await;
}

#[tokio::test]
async fn a_limited_account_is_left_out_before_the_worker_has_heard_of_it() {
    let rig = Rig::over(["work", "home"]).await;
    rig.sim
        .reply_always("work", Reply::usage_limit(Duration::from_secs(900)));
    for _ in 0..20 {
        assert_eq!(rig.chat(chat_request("hi")).await.status(), 200);
    }
    let to_work = rig.asked().iter().filter(|name| *name == "work").count();
    assert_eq!(to_work, 1);
}

#[tokio::test]
async fn an_overload_is_asked_of_one_other_account_and_then_everybody_pauses() {
    let limits = Limits {
        queue_wait: Duration::ZERO,
        ..Limits::default()
    };
    let rig = Rig::with_limits(["a", "b", "c"], limits).await;
    for name in ["a", "b", "c"] {
        rig.sim.reply_always(
            name,
            Reply::status(503, r#"{"error":{"code":"server_is_overloaded"}}"#),
        );
    }
    assert_eq!(rig.chat(chat_request("hi")).await.status(), 503);
    assert_eq!(rig.asked(), ["a", "b"]);
    assert_eq!(rig.chat(chat_request("hi")).await.status(), 503);
    assert_eq!(rig.asked(), ["a", "b"], "nobody is asked in the pause");
    rig.forgive();
    rig.sim.reply_next("a", [Reply::status(503, "")]);
    rig.sim.reply_next("b", [Reply::text("hello")]);
    assert_eq!(rig.chat(chat_request("hi")).await.status(), 200);
}

#[tokio::test]
async fn a_challenge_page_closes_the_way_for_every_account_behind_it() {
    let mut rig = Rig::over(["work", "home"]).await;
    rig.sim.reply_next("work", [Reply::html(403)]);
    for _ in 0..3 {
        let reply = rig.chat(chat_request("hi")).await;
        assert_eq!(reply.status(), 503);
    }
    assert_eq!(rig.asked(), ["work"]);
    let (attempts, _) = rig.told().await;
    assert_eq!(attempts, [("work".to_owned(), AttemptResult::Challenged)]);
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_told_as_such() {
    let mut rig = Rig::nowhere("work").await;
    let reply = rig.chat(chat_request("hi")).await;
    assert_eq!(reply.status(), 503);
    let (attempts, _) = rig.told().await;
    assert_eq!(attempts, [("work".to_owned(), AttemptResult::Unreachable)]);
}

#[tokio::test]
async fn an_upstream_that_says_nothing_is_not_asked_twice() {
    let limits = Limits {
        answer_head: Duration::from_millis(50),
        ..Limits::default()
    };
    let mut rig = Rig::with_limits(["work", "home"], limits).await;
    let gate = Gate::closed();
    rig.sim.reply_next("work", [Reply::slow_start(&gate)]);
    let reply = rig.chat(chat_request("hi")).await;
    assert_eq!(reply.status(), 504);
    assert_eq!(header(&reply, "x-should-retry").unwrap(), "false");
    assert_eq!(error_of(reply).await["code"], "upstream_timeout");
    // On a busy computer the time may be over before the request has arrived at all.
    assert!(rig.asked().len() <= 1);
    let (attempts, _) = rig.told().await;
    assert_eq!(words(&attempts), [("work", "Silent".to_owned())]);
}

#[tokio::test]
async fn a_new_pool_counts_from_the_next_request_on() {
    let rig = Rig::over(["work", "home"]).await;
    rig.chat(chat_request("hi")).await;
    let home = member("home", access(&rig.sim.auth_json("home")), 0);
    rig.pool.send_replace(Arc::new(pool_of(vec![home])));
    rig.chat(chat_request("hi")).await;
    assert_eq!(rig.asked(), ["work", "home"]);
}

#[tokio::test]
async fn a_profile_that_lacks_the_model_is_passed_over_while_another_has_it() {
    let rig = Rig::over(["work", "home"]).await;
    let mut pool = (**rig.pool.borrow()).clone();
    let work = (*pool.members[0]).clone();
    let now = SystemTime::now();
    let until = now + Duration::from_secs(3_600);
    let work = work.paused(Some(MODEL), RestCause::LacksModel, now, until);
    pool.members[0] = Arc::new(work);
    rig.pool.send_replace(Arc::new(pool.clone()));
    assert_eq!(rig.chat(chat_request("hi")).await.status(), 200);
    assert_eq!(rig.asked(), ["home"]);

    pool.members.truncate(1);
    rig.pool.send_replace(Arc::new(pool));
    assert_eq!(
        rig.chat(chat_request("hi")).await.status(),
        200,
        "it may have it by now"
    );
    assert_eq!(rig.asked(), ["home", "work"]);
}

#[tokio::test]
async fn a_request_can_bring_its_own_strategy_which_no_upstream_sees() {
    let rig = Rig::over(["work", "home"]).await;
    let pool = Pool {
        active: Some(ProfileName::parse("home").unwrap()),
        ..(**rig.pool.borrow()).clone()
    };
    rig.pool.send_replace(Arc::new(pool));
    let asking = |strategy: &'static str| {
        let request = rig.post("/v1/responses", &codex_request());
        let request = request.header("user-agent", "codex_exec/0.169.0");
        // Each in a session of its own, which keeps no other at its account.
        let request = request.header("session_id", strategy);
        request.header("x-codex-router-strategy", strategy).send()
    };
    for (strategy, expected) in [("active", "home"), ("least_used", "work")] {
        assert_eq!(asking(strategy).await.unwrap().status(), 200);
        let asked = rig.sim.asked().pop().unwrap();
        assert_eq!(asked.account.as_deref(), Some(expected), "{strategy}");
        let ours = |name: &&String| name.starts_with("x-codex-router");
        assert_eq!(asked.headers.keys().find(ours), None);
    }
    let before = rig.asked().len();
    let refused = asking("best").await.unwrap();
    assert_eq!(refused.status(), 400);
    let error = error_of(refused).await;
    assert_eq!(error["param"], "x-codex-router-strategy");
    for strategy in Strategy::ALL {
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(strategy.as_str()), "{message}");
    }
    assert_eq!(rig.asked().len(), before);
}

#[tokio::test]
async fn round_robin_gives_each_conversation_to_the_next() {
    let rig = Rig::over(["a", "b", "c"]).await;
    let pool = Pool {
        strategy: Strategy::RoundRobin,
        ..(**rig.pool.borrow()).clone()
    };
    rig.pool.send_replace(Arc::new(pool));
    for text in ["1", "2", "3", "4", "5", "6"] {
        assert_eq!(rig.chat(chat_request(text)).await.status(), 200);
    }
    assert_eq!(rig.asked(), ["a", "b", "c", "a", "b", "c"]);
}

#[tokio::test]
async fn a_streamed_answer_tells_how_fast_its_profile_is() {
    let rig = Rig::over(["work"]).await;
    let speed = || {
        rig.pool.borrow().members[0]
            .speed
            .first_token(SystemTime::now())
    };
    assert_eq!(speed(), None);
    assert_eq!(rig.chat(chat_request("hi")).await.status(), 200);
    assert!(speed().is_some());
}

#[tokio::test]
async fn a_model_that_nobody_has_is_told_as_such_even_while_all_rest() {
    let rig = Rig::over([]).await;
    let resting = |name: &str, offers: Option<&[&str]>| {
        let mut member = member(name, access(&rig.sim.auth_json(name)), 0);
        member.offers = offers.map(|it| it.iter().map(|slug| (*slug).to_owned()).collect());
        let now = SystemTime::now();
        let until = now + Duration::from_secs(60);
        member.paused(None, RestCause::UsageLimit, now, until)
    };
    for (offers, status, code) in [
        (Some(&["gpt-5.4"][..]), 404, "model_not_found"),
        (Some(&[MODEL]), 429, "usage_limit_reached"),
        (None, 429, "usage_limit_reached"),
    ] {
        let pool = pool_of(vec![
            resting("work", Some(&["gpt-5.4"])),
            resting("home", offers),
        ]);
        rig.pool.send_replace(Arc::new(pool));
        let reply = rig.chat(chat_request("hi")).await;
        assert_eq!(reply.status(), status, "{offers:?}");
        assert_eq!(error_of(reply).await["code"], code);
    }
    assert_eq!(rig.asked(), [""; 0]);
}

#[tokio::test]
async fn a_refused_model_that_somebody_who_rests_has_is_worth_waiting_for() {
    let rig = Rig::over(["work", "home"]).await;
    rig.sim.change("work", |work| work.models(["gpt-5.4"]));
    for (offers, status) in [(MODEL, 429), ("gpt-5.4", 400)] {
        let mut pool = (**rig.pool.borrow()).clone();
        let mut home = (*pool.members[1]).clone();
        home.offers = Some([offers.to_owned()].into());
        let now = SystemTime::now();
        let until = now + Duration::from_secs(60);
        pool.members[1] = Arc::new(home.paused(None, RestCause::UsageLimit, now, until));
        rig.pool.send_replace(Arc::new(pool));
        assert_eq!(
            rig.chat(chat_request("hi")).await.status(),
            status,
            "{offers}"
        );
    }
}

#[tokio::test]
async fn a_session_that_stays_takes_nobodys_turn() {
    let rig = Rig::over(["a", "b", "c"]).await;
    let pool = Pool {
        strategy: Strategy::RoundRobin,
        ..(**rig.pool.borrow()).clone()
    };
    rig.pool.send_replace(Arc::new(pool));
    for session in ["one", "one", "one", "two", "one", "three"] {
        let request = rig.post("/v1/responses", &codex_request());
        let reply = request.header("session_id", session).send().await.unwrap();
        assert_eq!(reply.status(), 200);
        reply.bytes().await.unwrap();
    }
    assert_eq!(rig.asked(), ["a", "a", "a", "b", "a", "c"]);
}
