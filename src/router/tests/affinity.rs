//! Sessions stay at the account that answered them before.

use crate::pool::{RestCause, Terms};
use crate::simulator::events::{ev_completed, ev_created, ev_text_delta};
use crate::simulator::{HttpReply, Reply};

use super::*;

/// Two ChatGPT accounts; "work" is chosen first.
async fn rig_with(known: Known) -> Rig {
    let sim = Arc::new(Simulator::start().await.unwrap());
    for name in ["work", "home"] {
        sim.add(Account::chatgpt(name));
    }
    let members = ["work", "home"].iter().enumerate();
    let members = members.map(|(place, name)| member(name, access(&sim.auth_json(name)), place));
    let (endpoints, members) = (endpoints(&sim), members.collect());
    Rig::knowing(sim, endpoints, members, Limits::default(), known).await
}

impl Rig {
    /// From here on this member is the one with the most left.
    fn prefer(&self, name: &str) {
        self.change_members(|member| {
            let place = usize::from(member.name.as_str() != name);
            Member {
                usage: super::member(member.name.as_str(), member.access.clone(), place).usage,
                ..member
            }
        });
    }

    fn change_members(&self, change: impl Fn(Member) -> Member) {
        self.pool.send_modify(|pool| {
            let members = pool.members.iter();
            let members = members.map(|member| Arc::new(change(Member::clone(member))));
            *pool = Arc::new(Pool {
                members: members.collect(),
                ..Pool::clone(pool)
            });
        });
    }

    fn set_rest(&self, name: &str, rest: Option<(RestCause, u64)>) {
        self.change_members(|member| {
            if member.name.as_str() != name {
                return member;
            }
            member.live.clear();
            let now = SystemTime::now();
            let member = Member {
                cooldowns: Arc::default(),
                ..member
            };
            match rest {
                None => member,
                Some((cause, secs)) => {
                    member.paused(None, cause, now, now + Duration::from_secs(secs))
                }
            }
        });
    }

    /// One turn of Codex in the session `id`: who answered it.
    async fn turn(&self, id: &str) -> String {
        let request = self.post("/v1/responses", &codex_request());
        let request = request.header("originator", "codex_exec");
        let reply = request.header("session-id", id).send().await.unwrap();
        assert_eq!(reply.status(), 200);
        reply.bytes().await.unwrap();
        self.asked().pop().unwrap()
    }
}

#[tokio::test]
async fn every_way_to_name_a_session_keeps_it_at_its_account() {
    let user_id = json!({"user_id": r#"{"session_id":"s-1"}"#});
    let chat = |more: Value| {
        let mut body = chat_request("hi");
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    let message = |more: Value| {
        let mut body = chat(more);
        body["max_tokens"] = 64.into();
        body["model"] = "claude-sonnet-4-5".into();
        body
    };
    let codex = codex_request();
    for (path, header, body) in [
        (
            "/v1/messages",
            Some("x-claude-code-session-id"),
            message(json!({})),
        ),
        ("/v1/messages", None, message(json!({"metadata": user_id}))),
        ("/v1/messages", None, message(json!({"system": "s"}))),
        ("/v1/responses", Some("session-id"), codex.clone()),
        ("/v1/responses", Some("session_id"), codex.clone()),
        ("/v1/responses", None, codex.clone()),
        (
            "/v1/chat/completions",
            Some("x-session-id"),
            chat(json!({})),
        ),
        (
            "/v1/chat/completions",
            Some("x-session-affinity"),
            chat(json!({})),
        ),
        (
            "/v1/chat/completions",
            None,
            chat(json!({"prompt_cache_key": "k"})),
        ),
        ("/v1/chat/completions", None, chat(json!({}))),
        (
            "/v1/completions",
            None,
            json!({"model": MODEL, "prompt": "hi"}),
        ),
    ] {
        let rig = Rig::over(["work", "home"]).await;
        for preferred in ["work", "home", "work"] {
            rig.prefer(preferred);
            let mut request = rig.post(path, &body);
            if let Some(name) = header {
                request = request.header(name, "s-1");
            }
            let reply = request.send().await.unwrap();
            assert_eq!(reply.status(), 200, "{path} {header:?}");
            reply.bytes().await.unwrap();
        }
        assert_eq!(
            rig.asked(),
            ["work", "work", "work"],
            "{path} {header:?} {body}"
        );
    }
}

#[tokio::test]
async fn a_session_is_told_by_its_hash_and_other_sessions_are_free() {
    let mut rig = Rig::over(["work", "home"]).await;
    assert_eq!(rig.turn("secret-1").await, "work");
    let (_, done) = rig.told().await;
    let session = done.session.unwrap();
    assert!(!format!("{done:?}").contains("secret-1"));
    rig.prefer("home");
    assert_eq!(rig.turn("secret-2").await, "home");
    assert_ne!(rig.told().await.1.session, Some(session));
    assert_eq!(rig.turn("secret-1").await, "work");
    let (_, done) = rig.told().await;
    assert_eq!(done.session, Some(session));
    assert_eq!(done.reason, Some(crate::pool::Reason::Kept));
}

#[tokio::test]
async fn another_account_stands_in_for_a_while_and_the_session_comes_back() {
    let rig = Rig::over(["work", "home"]).await;
    assert_eq!(rig.turn("s").await, "work");
    rig.sim.reply_next(
        "work",
        [
            Reply::throttled(Duration::from_secs(1)),
            Reply::status(500, "oops"),
        ],
    );
    assert_eq!(rig.turn("s").await, "home");
    rig.set_rest("work", None);
    assert_eq!(rig.turn("s").await, "home");
    assert_eq!(rig.turn("s").await, "work");
    for (cause, secs) in [
        (RestCause::Throttled, 60),
        (RestCause::Failing, 300),
        (RestCause::UsageLimit, 60),
    ] {
        rig.set_rest("work", Some((cause, secs)));
        assert_eq!(rig.turn("s").await, "home", "{cause:?}");
        rig.set_rest("work", None);
        assert_eq!(rig.turn("s").await, "work", "{cause:?}");
    }
}

#[tokio::test]
async fn who_stood_in_once_stands_in_again() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    let names = ["work", "home", "spare"];
    for name in names {
        sim.add(Account::chatgpt(name));
    }
    let members = names.iter().enumerate();
    let members = members.map(|(place, name)| member(name, access(&sim.auth_json(name)), place));
    let members = members.collect();
    let rig = Rig::start(sim, members, Limits::default()).await;
    assert_eq!(rig.turn("s").await, "work");
    rig.set_rest("work", Some((RestCause::Throttled, 60)));
    assert_eq!(rig.turn("s").await, "home");
    rig.prefer("spare");
    assert_eq!(rig.turn("s").await, "home", "its cache is warm there");
}

#[tokio::test]
async fn a_session_whose_account_is_gone_for_long_moves_and_stays_where_it_moved() {
    let hours = Some((RestCause::UsageLimit, 7_200));
    let rig = Rig::over(["work", "home"]).await;
    assert_eq!(rig.turn("limited").await, "work");
    rig.set_rest("work", hours);
    assert_eq!(rig.turn("limited").await, "home");
    rig.set_rest("work", None);
    assert_eq!(rig.turn("limited").await, "home");
    assert_eq!(rig.turn("new").await, "work");

    let set_work = |is_enabled| {
        rig.change_members(|member| Member {
            terms: Arc::new(Terms {
                is_enabled: is_enabled || member.name.as_str() != "work",
                ..Terms::default()
            }),
            ..member
        });
    };
    set_work(false);
    assert_eq!(rig.turn("new").await, "home");
    set_work(true);
    assert_eq!(rig.turn("new").await, "home");
}

#[tokio::test]
async fn a_session_that_was_begun_with_a_key_goes_on_with_an_account() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    sim.add(Account::chatgpt("work"));
    sim.add(Account::api_key("key"));
    let names = ["work", "key"];
    let members = names.map(|name| member(name, access(&sim.auth_json(name)), 0));
    let rig = Rig::start(sim, members.into(), Limits::default()).await;
    rig.set_rest("work", Some((RestCause::UsageLimit, 7_200)));
    assert_eq!(rig.turn("s").await, "key");
    rig.set_rest("work", None);
    assert_eq!(rig.turn("s").await, "work");
    assert_eq!(rig.turn("s").await, "work");
}

#[tokio::test]
async fn without_affinity_and_for_the_account_in_use_the_choice_is_free() {
    let known = Known {
        keeps_no_session: true,
        ..Known::default()
    };
    let rig = rig_with(known).await;
    assert_eq!(rig.turn("s").await, "work");
    rig.prefer("home");
    assert_eq!(rig.turn("s").await, "home");

    rig.pool.send_modify(|pool| {
        *pool = Arc::new(Pool {
            strategy: Strategy::Sticky,
            ..Pool::clone(pool)
        });
    });
    rig.prefer("work");
    assert_eq!(rig.turn("s").await, "home", "to stay is what it is for");

    let rig = Rig::over(["work", "home"]).await;
    for name in ["work", "home", "work"] {
        rig.pool.send_modify(|pool| {
            *pool = Arc::new(Pool {
                active: Some(ProfileName::parse(name).unwrap()),
                strategy: Strategy::Active,
                ..Pool::clone(pool)
            });
        });
        assert_eq!(rig.turn("s").await, name);
    }
}

#[tokio::test]
async fn the_next_run_knows_where_sessions_live() {
    let mut rig = Rig::over(["work", "home"]).await;
    assert_eq!(rig.turn("s").await, "work");
    let mut kept = Vec::new();
    while let Ok(report) = rig.reports.try_recv() {
        if let Report::Bound(binding) = report {
            kept.push(binding);
        }
    }
    assert_eq!(kept.len(), 1);
    let known = Known::default();
    known.sessions.restore(kept);
    let rig = rig_with(known).await;
    rig.prefer("home");
    assert_eq!(rig.turn("s").await, "work");
    assert_eq!(rig.turn("other").await, "home");
}

#[tokio::test]
async fn the_state_of_a_turn_goes_to_nobody_but_the_account_that_made_it() {
    const STATE: &str = "x-codex-turn-state";
    // Given in this run, and known from before it.
    for is_told in [true, false] {
        let rig = Rig::over(["work", "home"]).await;
        let turn = async |state: Option<&str>| {
            let request = rig.post("/v1/responses", &codex_request());
            let mut request = request
                .header("originator", "codex_exec")
                .header("session-id", "s");
            if let Some(state) = state {
                request = request.header(STATE, state);
            }
            request.send().await.unwrap().bytes().await.unwrap();
            let asked = rig.requests().pop().unwrap();
            let has_state = asked.header(STATE).is_some();
            (asked.account.unwrap(), has_state)
        };
        let gives = |account: &str, state: &str| {
            let events = [ev_created(), ev_text_delta("hi"), ev_completed()];
            let events = events.iter().enumerate();
            let body: String = events
                .map(|(number, event)| format!("data: {}\n\n", event.json(number)))
                .collect();
            let said = HttpReply::new(200, body)
                .header("content-type", "text/event-stream")
                .header(STATE, state);
            rig.sim.reply_next(account, [Reply::http(said)]);
        };
        let (with, without) = (
            |name: &str| (name.to_owned(), true),
            |name: &str| (name.to_owned(), false),
        );
        if is_told {
            gives("work", "of-work");
            assert_eq!(turn(None).await, without("work"));
        }
        assert_eq!(turn(Some("of-work")).await, with("work"));
        rig.set_rest("work", Some((RestCause::Throttled, 60)));
        assert_eq!(turn(Some("of-work")).await, without("home"));
        // Codex says it to the end of the turn, whoever answered last.
        assert_eq!(turn(Some("of-work")).await, without("home"));
        gives("home", "of-home");
        assert_eq!(turn(None).await, without("home"));
        assert_eq!(turn(Some("of-home")).await, with("home"));
        rig.set_rest("work", None);
        assert_eq!(turn(Some("of-home")).await, without("work"));
        assert_eq!(turn(Some("of-work")).await, with("work"));
        // A session that moves for good takes no state along.
        rig.set_rest("work", Some((RestCause::UsageLimit, 7_200)));
        for _ in 0..2 {
            assert_eq!(turn(Some("of-work")).await, without("home"));
        }
    }
}

#[tokio::test]
async fn reasoning_of_an_account_that_is_gone_is_left_out_and_the_conversation_goes_on() {
    for is_stream in [true, false] {
        let rig = Rig::over(["work", "home"]).await;
        let thinking = Reply::text_with_reasoning("hm", "hello");
        rig.sim.reply_next("work", [thinking]);
        let mut request = codex_request();
        request["stream"] = is_stream.into();
        request["include"] = json!(["reasoning.encrypted_content"]);
        let ask = async |request: &Value| {
            let client = if is_stream { "codex_exec" } else { "sdk" };
            let request = rig.post("/v1/responses", request);
            let request = request
                .header("session-id", "s")
                .header("originator", client);
            let reply = request.send().await.unwrap();
            assert_eq!(reply.status(), 200);
            reply
        };
        let text = ask(&request).await.text().await.unwrap();
        let reasoning = if is_stream {
            let events = text.lines().filter_map(|line| line.strip_prefix("data: "));
            let mut events = events.map(|data| serde_json::from_str::<Value>(data).unwrap());
            let is_it = |event: &Value| {
                event["type"] == "response.output_item.done" && event["item"]["type"] == "reasoning"
            };
            events.find(is_it).unwrap()["item"].clone()
        } else {
            serde_json::from_str::<Value>(&text).unwrap()["output"][0].clone()
        };
        assert!(reasoning["encrypted_content"].is_string());
        let next = json!({"type": "message", "role": "user", "content": "and now?"});
        let input = request["input"].as_array_mut().unwrap();
        input.extend([reasoning.clone(), next.clone()]);

        ask(&request).await.bytes().await.unwrap();
        let sent = rig.requests()[1].json()["input"].clone();
        assert_eq!(sent, request["input"], "its own account reads it");
        rig.set_rest("work", Some((RestCause::UsageLimit, 7_200)));
        let reply = ask(&request).await;
        assert_eq!(
            header(&reply, "x-codex-router-dropped").unwrap(),
            "input[].reasoning"
        );
        reply.bytes().await.unwrap();
        assert_eq!(rig.asked(), ["work", "work", "home", "home"]);
        request["input"].as_array_mut().unwrap().remove(1);
        let sent = rig.requests()[3].json()["input"].clone();
        assert_eq!(sent, request["input"]);
    }
}

/// Conversations that take turns, each with all that was said before: how much of it the accounts had in their caches.
async fn cached_share(names: &[&str], strategy: Strategy, keeps_no_session: bool) -> f64 {
    /// Whoever takes turns among four meets another account each time.
    const SESSIONS: usize = 13;
    const TURNS: usize = 10;
    let sim = Arc::new(Simulator::start().await.unwrap());
    for name in names {
        sim.add(Account::chatgpt(name));
    }
    let members = names.iter().enumerate();
    let members = members.map(|(place, name)| member(name, access(&sim.auth_json(name)), place));
    let (endpoints, members) = (endpoints(&sim), members.collect());
    let known = Known {
        keeps_no_session,
        ..Known::default()
    };
    let rig = Rig::knowing(sim, endpoints, members, Limits::default(), known).await;
    rig.pool.send_modify(|pool| {
        *pool = Arc::new(Pool {
            strategy,
            ..Pool::clone(pool)
        });
    });
    let mut talks = vec![Vec::new(); SESSIONS];
    let (mut input, mut cached) = (0, 0);
    for turn in 0..TURNS {
        // Whoever has the most left changes all the time.
        rig.prefer(names[turn % names.len()]);
        for (number, talk) in talks.iter_mut().enumerate() {
            let text = format!(
                "conversation {number}, turn {turn}: {}",
                "word ".repeat(400)
            );
            talk.push(json!({"role": "user", "content": text}));
            let reply = rig.chat(json!({"model": MODEL, "messages": talk})).await;
            let answer: Value = serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap();
            talk.push(answer["choices"][0]["message"].clone());
            let usage = &answer["usage"];
            input += usage["prompt_tokens"].as_u64().unwrap();
            let details = &usage["prompt_tokens_details"];
            cached += details["cached_tokens"].as_u64().unwrap();
        }
    }
    100.0 * cached as f64 / input as f64
}

#[tokio::test]
async fn four_accounts_keep_prompt_caches_as_warm_as_one() {
    let alone = cached_share(&["work"], Strategy::LeastUsed, false).await;
    assert!(alone > 70.0, "{alone}");
    let four = ["work", "home", "spare", "old"];
    for strategy in [Strategy::LeastUsed, Strategy::RoundRobin, Strategy::Fastest] {
        let share = cached_share(&four, strategy, false).await;
        assert!(
            (alone - share).abs() < 2.0,
            "{strategy:?}: {share} of {alone}"
        );
    }
    let loose = cached_share(&four, Strategy::RoundRobin, true).await;
    assert!(loose < alone - 20.0, "without affinity: {loose} of {alone}");
}
