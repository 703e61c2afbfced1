//! Client keys: who is let in, every refusal in every dialect's shape, and what a policy changes.

use std::num::NonZeroU32;

use super::websocket::{CODEX, create, message, types};
use super::*;
use crate::client_key::{Budget, ClientKey, Policy, Speech, Used};
use crate::pattern::Pattern;
use crate::period::Period;
use crate::simulator::{Gate, Reply};

impl Rig {
    /// Keys with these policies, all of them necessary. What clients show of each.
    fn lock<const N: usize>(&self, policies: [Policy; N]) -> [String; N] {
        self.lock_with(policies, |_| {})
    }

    fn lock_with<const N: usize>(
        &self,
        policies: [Policy; N],
        change: impl Fn(&mut ClientKey),
    ) -> [String; N] {
        let mut keys = Vec::new();
        let shown = std::array::from_fn(|place| {
            let number = u8::try_from(place).unwrap();
            let label = format!("key {place}");
            let policy = policies[place].clone();
            let (mut key, shown) = ClientKey::make(label, policy, [number; 32], SystemTime::now());
            change(&mut key);
            keys.push(key);
            shown.expose().to_owned()
        });
        self.keys.send_replace(Arc::new(KeyRing::new(keys, true)));
        shown
    }

    async fn with_key(&self, path: &str, key: &str, body: &Value) -> reqwest::Response {
        let request = http()
            .post(self.url(path))
            .header("content-type", "application/json");
        let request = request.header("authorization", format!("Bearer {key}"));
        request.body(body.to_string()).send().await.unwrap()
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> reqwest::Response {
        let mut request = http().get(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }
}

async fn json_of(reply: reqwest::Response) -> Value {
    serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap()
}

fn models(patterns: &str) -> Policy {
    Policy {
        models: Pattern::list(patterns),
        ..Policy::default()
    }
}

fn message_request() -> Value {
    json!({"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]})
}

const AZURE: &str = "/openai/deployments/gpt-5.5/chat/completions";

#[tokio::test]
async fn without_the_first_key_any_text_is_one_and_with_it_only_that() {
    let rig = Rig::over(["work"]).await;
    assert_eq!(rig.chat(chat_request("hi")).await.status(), 200);
    let [key] = rig.lock([Policy::default()]);
    assert_eq!(rig.chat(chat_request("hi")).await.status(), 401);
    for header in ["authorization", "x-api-key", "api-key"] {
        let value = match header {
            "authorization" => format!("Bearer {key}"),
            _ => key.clone(),
        };
        let reply = rig.get("/v1/models", &[(header, value.as_str())]).await;
        assert_eq!(reply.status(), 200, "{header}");
    }
    let other = [("authorization", "Bearer a"), ("x-api-key", key.as_str())];
    assert_eq!(
        rig.get("/v1/models", &other).await.status(),
        400,
        "two different keys"
    );
    assert_eq!(
        rig.get(&format!("/v1/models?key={key}"), &[])
            .await
            .status(),
        401
    );
    assert_eq!(
        rig.get("/health", &[]).await.status(),
        200,
        "for whoever watches over us"
    );
    for path in ["/v1/models", "/v1/usage"] {
        assert_eq!(rig.get(path, &[]).await.status(), 401, "{path}");
    }
}

#[tokio::test]
async fn a_key_that_opens_nothing_is_refused_alike_whatever_is_wrong_with_it() {
    let rig = Rig::over(["work"]).await;
    let mut said = Vec::new();
    let [off] = rig.lock_with([Policy::default()], |key| key.is_enabled = false);
    said.push(
        rig.with_key("/v1/chat/completions", &off, &chat_request("hi"))
            .await,
    );
    let [old] = rig.lock_with([Policy::default()], |key| {
        key.expires_at = Some(key.created_at)
    });
    said.push(
        rig.with_key("/v1/chat/completions", &old, &chat_request("hi"))
            .await,
    );
    said.push(
        rig.with_key("/v1/chat/completions", "unused", &chat_request("hi"))
            .await,
    );
    let unknown = format!("crk_{}", "x".repeat(43));
    said.push(
        rig.with_key("/v1/chat/completions", &unknown, &chat_request("hi"))
            .await,
    );
    let mut bodies = Vec::new();
    for reply in said {
        assert_eq!(
            (reply.status().as_u16(), header(&reply, "x-should-retry")),
            (401, Some("false".into()))
        );
        let body = reply.text().await.unwrap();
        assert!(!body.contains("crk_"), "{body}");
        bodies.push(body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    let body: Value = serde_json::from_str(&bodies[0]).unwrap();
    assert_eq!(body["error"]["code"], "invalid_api_key");
    assert_eq!(body["error"]["type"], "invalid_request_error");
    assert!(rig.asked().is_empty());
}

#[tokio::test]
async fn every_dialect_hears_of_a_bad_key_in_its_own_shape_and_codex_never_401() {
    let rig = Rig::over(["work"]).await;
    rig.lock([Policy::default()]);
    let of_messages = rig
        .with_key("/v1/messages", "wrong", &message_request())
        .await;
    assert_eq!(of_messages.status(), 401);
    let body = json_of(of_messages).await;
    assert_eq!(
        (&body["type"], &body["error"]["type"]),
        (&json!("error"), &json!("authentication_error"))
    );
    let of_azure = rig.with_key(AZURE, "wrong", &chat_request("hi")).await;
    assert_eq!(of_azure.status(), 401);
    assert_eq!(error_of(of_azure).await["code"], "401");
    // A 401 would make it renew the login that it has stored.
    let of_codex = rig.responses_of_codex(&codex_request()).await;
    assert_eq!(of_codex.status(), 400);
    assert_eq!(error_of(of_codex).await["code"], "invalid_api_key");
    for path in [
        "/v1/models?client_version=0.169.0",
        "/backend-api/wham/usage",
    ] {
        let reply = rig.get(path, &[("originator", "codex_exec")]).await;
        assert_eq!(reply.status(), 400, "{path}");
    }
    let Err((status, body)) = rig.try_socket("/v1/responses", &CODEX).await else {
        panic!("let in");
    };
    assert_eq!(
        (status, &body["error"]["code"]),
        (426, &json!("invalid_api_key")),
        "it falls back to POST at once"
    );
    let Err((status, _)) = rig.try_socket("/v1/responses", &[]).await else {
        panic!("let in");
    };
    assert_eq!(status, 401);
}

#[tokio::test]
async fn codex_under_another_name_hears_no_401_either() {
    let rig = Rig::over(["work"]).await;
    rig.lock([Policy::default()]);
    let renamed = [("originator", "my_app"), ("user-agent", "my_app/0.169.0")];
    for (path, headers) in [
        ("/v1/models", &renamed[..]),
        ("/v1/models", &[("x-codex-turn-metadata", "{}")][..]),
        ("/v1/models?limit=9&client_version=0.169.0", &[][..]),
        ("/backend-api/codex/models", &[][..]),
        ("/backend-api/wham/usage", &[][..]),
        ("/api/codex/usage", &[][..]),
    ] {
        let reply = rig.get(path, headers).await;
        assert_eq!(reply.status(), 400, "{path} {headers:?}");
        assert_eq!(error_of(reply).await["code"], "invalid_api_key");
    }
    let Err((status, _)) = rig.try_socket("/v1/responses", &renamed).await else {
        panic!("let in");
    };
    assert_eq!(status, 426);
    let ours = [("x-codex-router-strategy", "round-robin")];
    for path in ["/v1/models", "/v1/models?my_client_version=1"] {
        assert_eq!(rig.get(path, &ours).await.status(), 401, "{path}");
    }
}

#[tokio::test]
async fn keys_that_cannot_be_read_refuse_with_a_sentence_and_keep_who_was_known() {
    let rig = Rig::over(["work"]).await;
    let [key] = rig.lock([Policy::default()]);
    let before = rig.keys.borrow().clone();
    let broken = KeyRing::unreadable("it is broken".into()).or_keys_of(&before);
    rig.keys.send_replace(Arc::new(broken));
    assert_eq!(
        rig.with_key("/v1/chat/completions", &key, &chat_request("hi"))
            .await
            .status(),
        200
    );
    let reply = rig.chat(chat_request("hi")).await;
    assert_eq!(
        (reply.status().as_u16(), header(&reply, "x-should-retry")),
        (503, Some("false".into()))
    );
    assert_eq!(error_of(reply).await["code"], "client_keys_unreadable");
}

#[tokio::test]
async fn a_model_or_dialect_that_a_key_is_not_for_is_forbidden_in_every_shape() {
    let rig = Rig::over(["work"]).await;
    let [few, chats] = rig.lock([
        models("gpt-5.4*"),
        Policy {
            dialects: vec![Speech::Embeddings],
            ..Policy::default()
        },
    ]);
    for (key, code) in [(&few, "model_not_allowed"), (&chats, "dialect_not_allowed")] {
        let reply = rig
            .with_key("/v1/chat/completions", key, &chat_request("hi"))
            .await;
        assert_eq!(reply.status(), 403);
        let error = error_of(reply).await;
        assert_eq!(
            (&error["type"], &error["code"]),
            (&json!("permission_error"), &json!(code))
        );
        let reply = rig.with_key("/v1/messages", key, &message_request()).await;
        assert_eq!(reply.status(), 403);
        assert_eq!(json_of(reply).await["error"]["type"], "permission_error");
        let reply = rig.with_key(AZURE, key, &chat_request("hi")).await;
        assert_eq!(
            (
                reply.status().as_u16(),
                error_of(reply).await["code"].clone()
            ),
            (403, json!("403"))
        );
        let reply = http()
            .post(rig.url("/v1/responses"))
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {key}"))
            .header("originator", "codex_exec")
            .body(codex_request().to_string());
        let reply = reply.send().await.unwrap();
        assert_eq!(reply.status(), 400, "403 is sent again five times");
        assert_eq!(error_of(reply).await["code"], code);
    }
    assert!(rig.asked().is_empty());
    let allowed = json!({"model": "gpt-5.4-mini", "messages": [{"role": "user", "content": "hi"}]});
    assert_eq!(
        rig.with_key("/v1/chat/completions", &few, &allowed)
            .await
            .status(),
        200
    );
}

#[tokio::test]
async fn a_bound_model_and_effort_answer_whatever_is_asked_for() {
    let rig = Rig::over(["work"]).await;
    let bound = Policy {
        model: Some("gpt-5.4".into()),
        effort: Some("low".into()),
        ..Policy::default()
    };
    let [key] = rig.lock([bound]);
    let deep = json!({"model": "o4", "reasoning_effort": "high", "messages": [{"role": "user", "content": "hi"}]});
    let own =
        json!({"model": "o4", "input": "hi", "reasoning": {"effort": "high", "summary": "auto"}});
    for (path, body) in [
        ("/v1/chat/completions", &deep),
        ("/v1/completions", &json!({"model": "o4", "prompt": "hi"})),
        ("/v1/messages", &message_request()),
        ("/v1/responses", &own),
    ] {
        let reply = rig.with_key(path, &key, body).await;
        assert_eq!(reply.status(), 200, "{path}");
        let asked = rig.requests().pop().unwrap().json();
        assert_eq!(asked["model"], "gpt-5.4", "{path}");
        assert_eq!(asked["reasoning"]["effort"], "low", "{path}");
    }
    assert_eq!(
        rig.requests().pop().unwrap().json()["reasoning"]["summary"],
        "auto"
    );
    let bearer = format!("Bearer {key}");
    let mut codex = CODEX.to_vec();
    codex.push(("authorization", bearer.as_str()));
    let mut socket = rig.try_socket("/v1/responses", &codex).await.unwrap();
    let answer = socket.ask(&create(json!([message("user", "hi")]))).await;
    assert_eq!(types(&answer).last(), Some(&"response.completed"));
    let asked = rig.messages().pop().unwrap();
    assert_eq!(
        (&asked["model"], &asked["reasoning"]["effort"]),
        (&json!("gpt-5.4"), &json!("low"))
    );
    let embeddings = json!({"model": "text-embedding-3-small", "input": "hi"});
    let reply = rig.with_key("/v1/embeddings", &key, &embeddings).await;
    assert_eq!(reply.status(), 403, "no text model can stand in for it");
}

#[tokio::test]
async fn a_list_of_models_shows_what_the_key_may_ask_for() {
    let rig = Rig::over(["work"]).await;
    let [few, bound] = rig.lock([
        models("gpt-5.4*"),
        Policy {
            model: Some(MODEL.into()),
            ..Policy::default()
        },
    ]);
    let listed = async |key: &str, path: &str, at: &str, name: &str| {
        let bearer = format!("Bearer {key}");
        let reply = rig.get(path, &[("authorization", bearer.as_str())]).await;
        let list = json_of(reply).await;
        let ids = list[at]
            .as_array()
            .unwrap()
            .iter()
            .map(|model| model[name].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    for (path, at, name) in [
        ("/v1/models", "data", "id"),
        ("/v1/models?client_version=0.169.0", "models", "slug"),
    ] {
        let few = listed(&few, path, at, name).await;
        assert!(
            !few.is_empty() && few.iter().all(|id| id.starts_with("gpt-5.4")),
            "{few:?}"
        );
        assert_eq!(listed(&bound, path, at, name).await, [MODEL]);
    }
    let bearer = format!("Bearer {few}");
    let one = rig
        .get("/v1/models/gpt-5.5", &[("authorization", bearer.as_str())])
        .await;
    assert_eq!(one.status(), 404);
}

#[tokio::test]
async fn requests_a_minute_are_counted_exactly_under_a_burst() {
    let rig = Rig::over(["work"]).await;
    let [key] = rig.lock([Policy {
        requests_per_minute: NonZeroU32::new(5),
        ..Policy::default()
    }]);
    let body = chat_request("hi");
    let burst: Vec<_> = (0..12)
        .map(|_| {
            let request = http()
                .post(rig.url("/v1/chat/completions"))
                .header("content-type", "application/json")
                .header("api-key", key.as_str());
            tokio::spawn(request.body(body.to_string()).send())
        })
        .collect();
    let mut replies = Vec::new();
    for sent in burst {
        replies.push(sent.await.unwrap().unwrap());
    }
    let refused: Vec<_> = replies
        .iter()
        .filter(|reply| reply.status() == 429)
        .collect();
    assert_eq!((replies.len() - refused.len(), refused.len()), (5, 7));
    assert_eq!(rig.asked().len(), 5);
    for reply in refused {
        let after: u64 = header(reply, "retry-after").unwrap().parse().unwrap();
        assert!((50..=60).contains(&after), "{after}");
    }
    let reply = rig.with_key("/v1/messages", &key, &message_request()).await;
    assert_eq!(reply.status(), 429, "the key's, not the dialect's");
    assert_eq!(json_of(reply).await["error"]["type"], "rate_limit_error");
    let reply = rig.with_key(AZURE, &key, &body).await;
    assert_eq!(reply.status(), 429);
    let error = error_of(reply).await;
    assert_eq!(
        error,
        json!({"code": "429", "message": "this key may send 5 requests a minute"})
    );
    let count = json!({"model": MODEL, "messages": [{"role": "user", "content": "hi"}]});
    assert_eq!(
        rig.with_key("/v1/messages/count_tokens", &key, &count)
            .await
            .status(),
        200
    );
}

#[tokio::test]
async fn requests_at_a_time_are_counted_until_their_answers_end() {
    let limits = Limits {
        queue_wait: Duration::ZERO,
        ..Limits::default()
    };
    let rig = Rig::with_limits(["work"], limits).await;
    let one_at_a_time = Policy {
        concurrency: NonZeroU32::new(1),
        ..Policy::default()
    };
    let [key, other] = rig.lock([one_at_a_time.clone(), one_at_a_time]);
    let gate = Gate::closed();
    rig.sim.reply_next("work", [Reply::stall_after(6, &gate)]);
    let mut first = rig
        .with_key("/v1/chat/completions", &key, &chat_stream("hi"))
        .await;
    assert_eq!(first.status(), 200);
    first.chunk().await.unwrap();
    let reply = rig
        .with_key("/v1/chat/completions", &key, &chat_request("hi"))
        .await;
    assert_eq!(
        (reply.status().as_u16(), header(&reply, "retry-after")),
        (429, Some("1".into()))
    );
    assert_eq!(error_of(reply).await["code"], "rate_limit_exceeded");
    assert_eq!(
        rig.with_key("/v1/chat/completions", &other, &chat_request("hi"))
            .await
            .status(),
        200
    );
    gate.open();
    while first.chunk().await.unwrap().is_some() {}
    let again = rig
        .with_key("/v1/chat/completions", &key, &chat_request("hi"))
        .await;
    assert_eq!(again.status(), 200, "the place is free again");
}

#[tokio::test]
async fn a_request_more_than_may_be_under_way_waits_for_its_place() {
    let rig = Rig::over(["work"]).await;
    let [key] = rig.lock([Policy {
        concurrency: NonZeroU32::new(1),
        ..Policy::default()
    }]);
    let gate = Gate::closed();
    rig.sim.reply_next("work", [Reply::stall_after(6, &gate)]);
    let body = (chat_stream("one"), chat_request("two"));
    let mut first = rig.with_key("/v1/chat/completions", &key, &body.0).await;
    first.chunk().await.unwrap();
    let path = "/v1/chat/completions";
    let (second, ()) = tokio::join!(rig.with_key(path, &key, &body.1), async {
        while rig.router.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        gate.open();
        while first.chunk().await.unwrap().is_some() {}
    });
    assert_eq!(second.status(), 200);
}

#[tokio::test]
async fn a_budget_that_is_used_up_says_until_when_in_every_shape() {
    let rig = Rig::over(["work"]).await;
    let few = Policy {
        tokens: Budget {
            day: Some(1),
            ..Budget::default()
        },
        ..Policy::default()
    };
    let [key, other] = rig.lock([few, Policy::default()]);
    let first = rig
        .with_key("/v1/chat/completions", &key, &chat_request("hi"))
        .await;
    assert_eq!(first.status(), 200, "it began within the budget");
    let reply = rig
        .with_key("/v1/chat/completions", &key, &chat_request("hi"))
        .await;
    assert_eq!(reply.status(), 429);
    let resets_at = Period::Day.resets_at(SystemTime::now());
    let left = resets_at
        .duration_since(SystemTime::now())
        .unwrap()
        .as_secs();
    let after: u64 = header(&reply, "retry-after").unwrap().parse().unwrap();
    assert!(after.abs_diff(left) <= 2, "{after} {left}");
    let error = error_of(reply).await;
    assert_eq!(
        (&error["type"], &error["code"]),
        (&json!("usage_limit_reached"), &json!("insufficient_quota"))
    );
    let unix_secs = resets_at
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    assert_eq!(error["resets_at"], json!(unix_secs));
    assert!(
        error["message"].as_str().unwrap().contains("00:00 UTC"),
        "{error}"
    );
    let reply = rig.with_key("/v1/messages", &key, &message_request()).await;
    assert_eq!(json_of(reply).await["error"]["type"], "rate_limit_error");
    assert_eq!(
        rig.with_key("/v1/chat/completions", &other, &chat_request("hi"))
            .await
            .status(),
        200
    );
}

#[tokio::test]
async fn an_answer_that_the_client_cuts_counts_by_its_length() {
    let mut rig = Rig::over(["work"]).await;
    let [key] = rig.lock([Policy::default()]);
    let id = rig.keys.borrow().keys()[0].id.clone();
    let gate = Gate::closed();
    rig.sim.reply_next("work", [Reply::stall_after(6, &gate)]);
    let body = chat_stream(&"hi ".repeat(400));
    let mut reply = rig.with_key("/v1/chat/completions", &key, &body).await;
    reply.chunk().await.unwrap();
    drop(reply);
    let (_, done) = rig.told().await;
    assert_eq!(
        (done.is_complete, done.tokens),
        (false, None),
        "nobody told"
    );
    let estimate = done.estimate.unwrap();
    let now = SystemTime::now();
    let spent = rig.meters.shown(Some(&id), Instant::now(), now).total;
    assert_eq!(spent.input, body.to_string().len() as u64 / 4);
    assert!((1..=6).contains(&spent.output), "{}", spent.output);
    assert!(spent.micro_usd > 0);
    assert_eq!(
        (estimate.input, estimate.output),
        (spent.input, spent.output)
    );
}

#[tokio::test]
async fn a_key_sees_its_own_usage_and_an_open_router_everybodys() {
    let rig = Rig::over(["work"]).await;
    assert_eq!(rig.chat(chat_request("hi")).await.status(), 200);
    let open = json_of(rig.get("/v1/usage", &[]).await).await;
    assert_eq!(
        (open.get("key"), &open["total"]["requests"]),
        (None, &json!(1))
    );
    let tokens = open["total"]["tokens"].as_u64().unwrap();
    assert!(tokens > 0);
    let [key] = rig.lock([models("gpt-5*")]);
    let bearer = format!("Bearer {key}");
    let own = async || {
        json_of(
            rig.get("/v1/usage", &[("authorization", bearer.as_str())])
                .await,
        )
        .await
    };
    let before = own().await;
    assert_eq!(
        (&before["key"]["label"], &before["day"]["requests"]),
        (&json!("key 0"), &json!(0))
    );
    assert_eq!(before["models"], json!(["gpt-5*"]));
    rig.with_key("/v1/chat/completions", &key, &chat_request("hi"))
        .await;
    let after = own().await;
    assert_eq!(
        (&after["day"]["requests"], &after["day"]["tokens"]),
        (&json!(1), &json!(tokens))
    );
    assert_eq!(after["limits"]["in_flight"], 0);
}

#[tokio::test]
async fn a_key_that_is_taken_away_closes_its_socket_for_further_requests() {
    let rig = Rig::over(["work"]).await;
    let [key] = rig.lock([Policy::default()]);
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str())];
    let mut socket = rig.try_socket("/v1/responses", &headers).await.unwrap();
    let mut codex = CODEX.to_vec();
    codex.push(headers[0]);
    let mut of_codex = rig.try_socket("/v1/responses", &codex).await.unwrap();
    let ask = create(json!([message("user", "hi")]));
    assert_eq!(
        types(&socket.ask(&ask).await).last(),
        Some(&"response.completed")
    );
    rig.lock_with([Policy::default()], |key| key.is_enabled = false);
    let refused = socket.ask(&ask).await;
    assert_eq!(
        (&refused[0]["status"], &refused[0]["error"]["code"]),
        (&json!(401), &json!("invalid_api_key"))
    );
    let refused = of_codex.ask(&ask).await;
    assert_eq!(refused[0]["status"], 400);
    rig.lock([models("gpt-4*")]);
    let refused = socket.ask(&ask).await;
    assert_eq!(
        refused[0]["error"]["code"], "model_not_allowed",
        "what holds now, not at the handshake"
    );
}

#[tokio::test]
async fn a_socket_without_a_key_ends_where_one_becomes_necessary() {
    let rig = Rig::over(["work"]).await;
    let mut socket = rig.codex_socket().await;
    let ask = create(json!([message("user", "hi")]));
    assert_eq!(
        types(&socket.ask(&ask).await).last(),
        Some(&"response.completed")
    );
    rig.lock([Policy::default()]);
    let refused = socket.ask(&ask).await;
    assert_eq!(
        (&refused[0]["status"], &refused[0]["error"]["code"]),
        (&json!(400), &json!("invalid_api_key"))
    );
}

#[tokio::test]
async fn what_is_told_of_a_request_names_its_key_and_never_shows_it() {
    let mut rig = Rig::over(["work"]).await;
    let [key] = rig.lock([Policy::default()]);
    rig.with_key("/v1/chat/completions", &key, &chat_request("hi"))
        .await;
    let (_, done) = rig.told().await;
    assert_eq!(done.key, Some(rig.keys.borrow().keys()[0].id.clone()));
    let printed = format!("{done:?} {:?} {:?}", rig.keys.borrow(), rig.router);
    assert!(!printed.contains(&key), "{printed}");
    for asked in rig.sim.asked() {
        let sent = format!(
            "{:?} {}",
            asked.headers,
            String::from_utf8_lossy(&asked.body)
        );
        assert!(!sent.contains("crk_"), "{sent}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_tries_many_keys_waits_and_a_good_key_does_not() {
    let (keys, ring) = watch::channel(Arc::new(KeyRing::default()));
    let router =
        super::super::keys::Keys::new(ring, Meters::new(SystemTime::now()), &Limits::default());
    let (key, shown) = ClientKey::make("x".into(), Policy::default(), [1; 32], SystemTime::now());
    keys.send_replace(Arc::new(KeyRing::new(vec![key], true)));
    let (head, ()) = http::Request::new(()).into_parts();
    let waited = async |shown: &[u8]| {
        let began = tokio::time::Instant::now();
        let is_in = router
            .let_in(&head, Some(shown), false, false)
            .await
            .is_ok();
        (is_in, began.elapsed().as_secs())
    };
    for _ in 0..20 {
        assert_eq!(waited(b"wrong").await, (false, 0));
    }
    assert_eq!(waited(b"wrong").await, (false, 1));
    assert_eq!(waited(shown.expose().as_bytes()).await, (true, 0));
    tokio::time::advance(Duration::from_secs(61)).await;
    assert_eq!(waited(b"wrong").await, (false, 0));
}

#[tokio::test]
async fn an_address_for_others_needs_a_key_to_start_and_for_every_request() {
    let rig = Rig::over(["work"]).await;
    let listening = |at: &str, keys: &watch::Sender<Arc<KeyRing>>| {
        let (sender, _reports) = mpsc::channel(64);
        let config = RouterConfig {
            listen: Listen::parse(at).unwrap(),
            hosts: vec!["box.lan".into()],
            limits: Limits::default(),
            models: ModelMap::default(),
            websocket: true,
            affinity: true,
        };
        let deps = RouterDeps {
            pool: rig.pool.subscribe(),
            upstream: Arc::new(Upstream::new(endpoints(&rig.sim))),
            tokens: rig.tokens.clone(),
            keys: keys.subscribe(),
            meters: rig.meters.clone(),
            prices: Arc::new(Prices::built_in()),
            offers: Vec::new(),
            refused: Vec::new(),
            sessions: Sessions::default(),
            reports: sender,
            metrics: None,
        };
        start(config, deps)
    };
    let refused = listening("0.0.0.0:0", &rig.keys).await.unwrap_err();
    assert!(matches!(refused, StartError::NotLoopback(_)), "{refused}");
    let [key] = rig.lock([Policy::default()]);
    let only = rig.keys.borrow().keys()[0].clone();
    let not_required = KeyRing::new(vec![(*only).clone()], false);
    rig.keys.send_replace(Arc::new(not_required));
    let router = listening("0.0.0.0:0", &rig.keys).await.unwrap();
    let port = router.addresses()[0].port();
    let ask_at = async |port: u16, host: &str, key: Option<&str>| {
        let mut request = http()
            .get(format!("http://127.0.0.1:{port}/v1/models"))
            .header("host", host);
        if let Some(key) = key {
            request = request.header("x-api-key", key);
        }
        request.send().await.unwrap().status().as_u16()
    };
    let ask = async |host: &str, key: Option<&str>| ask_at(port, host, key).await;
    let here = format!("127.0.0.1:{port}");
    assert_eq!(
        ask(&here, None).await,
        401,
        "although none is required on loopback"
    );
    for host in [
        &here,
        &format!("192.0.2.7:{port}"),
        &format!("[2001:db8::1]:{port}"),
        &format!("box.lan:{port}"),
    ] {
        assert_eq!(ask(host, Some(&key)).await, 200, "{host}");
    }
    for host in [
        "192.0.2.7:1",
        "evil.test",
        &format!("evil.test:{port}"),
        &format!("192.0.2.7.evil.test:{port}"),
    ] {
        assert_eq!(ask(host, Some(&key)).await, 403, "{host}");
    }
    // Behind a proxy that passes on whom it was asked for.
    let behind = listening("127.0.0.1:0", &rig.keys).await.unwrap();
    let port = behind.addresses()[0].port();
    assert_eq!(ask_at(port, "box.lan", None).await, 401);
    assert_eq!(ask_at(port, "box.lan", Some(&key)).await, 200);
    assert_eq!(ask_at(port, &format!("127.0.0.1:{port}"), None).await, 200);
}

#[tokio::test]
async fn the_meters_outlive_the_router() {
    let rig = Rig::over(["work"]).await;
    let few = Policy {
        tokens: Budget {
            month: Some(10),
            ..Budget::default()
        },
        ..Policy::default()
    };
    let [key] = rig.lock([few]);
    let id = rig.keys.borrow().keys()[0].clone();
    let used = Used {
        input: 10,
        ..Used::default()
    };
    let now = SystemTime::now();
    rig.meters
        .begin(Some(&id), 64, Instant::now(), now)
        .unwrap()
        .settle(used, now);
    let reply = rig
        .with_key("/v1/chat/completions", &key, &chat_request("hi"))
        .await;
    assert_eq!(reply.status(), 429);
}

#[tokio::test]
async fn only_the_accounts_of_a_key_answer_it_by_its_own_strategy() {
    let rig = Rig::over(["first", "second", "third"]).await;
    let of = |accounts: &str| Policy {
        accounts: Pattern::list(accounts),
        ..Policy::default()
    };
    let in_turn = Policy {
        strategy: Some(Strategy::RoundRobin),
        ..of("second,third")
    };
    let [second, both, nobody] = rig.lock([of("second"), in_turn, of("other-*")]);
    for _ in 0..2 {
        rig.with_key("/v1/chat/completions", &second, &chat_request("hi"))
            .await;
    }
    assert_eq!(rig.asked(), ["second", "second"]);
    rig.sim.clear_record();
    for text in ["a", "b", "c", "d"] {
        rig.with_key("/v1/chat/completions", &both, &chat_request(text))
            .await;
    }
    let mut asked = rig.asked();
    asked.sort();
    assert_eq!(asked, ["second", "second", "third", "third"]);
    let reply = rig
        .with_key("/v1/chat/completions", &nobody, &chat_request("hi"))
        .await;
    assert_eq!(reply.status(), 503);
}

#[tokio::test]
async fn two_keys_share_no_session_whatever_their_clients_call_it() {
    let rig = Rig::over(["work"]).await;
    let [one, other] = rig.lock([Policy::default(), Policy::default()]);
    let mut cache_keys = Vec::new();
    for key in [&one, &other, &one] {
        let reply = http()
            .post(rig.url("/v1/messages"))
            .header("content-type", "application/json")
            .header("x-api-key", key)
            .header("x-claude-code-session-id", "the-same")
            .body(message_request().to_string());
        assert_eq!(reply.send().await.unwrap().status(), 200);
        let asked = rig.requests().pop().unwrap();
        cache_keys.push(
            asked.json()["prompt_cache_key"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    assert_eq!(cache_keys[0], cache_keys[2]);
    assert_ne!(cache_keys[0], cache_keys[1]);
}

#[tokio::test]
async fn a_budget_of_dollars_is_spent_by_what_has_a_price() {
    let rig = Rig::over(["work"]).await;
    let few = Policy {
        cost: Budget {
            month: Some(1),
            ..Budget::default()
        },
        ..Policy::default()
    };
    let [key] = rig.lock([few]);
    let bearer = format!("Bearer {key}");
    let ask = async || {
        let body = chat_request("hi");
        let reply = rig.with_key("/v1/chat/completions", &key, &body).await;
        reply.status().as_u16()
    };
    assert_eq!((ask().await, ask().await), (200, 429));
    let usage = rig
        .get("/v1/usage", &[("authorization", bearer.as_str())])
        .await;
    let usage = json_of(usage).await;
    assert!(
        usage["month"]["cost_usd"].as_f64().unwrap() > 0.0,
        "{usage}"
    );
    assert_eq!(usage["month"]["cost_left_usd"], 0.0);
    assert_eq!(usage["month"]["unpriced_requests"], 0);
}
