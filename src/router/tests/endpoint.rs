//! Endpoints of the user's own as upstreams: every dialect over Azure and over a server that knows only chats.

use crate::profile::{Api, AuthFile, Credentials, Endpoint};
use crate::simulator::{HttpReply, Reply};

use super::*;

/// What the profile's file gives to speak with, with its settings changed.
fn endpoint(sim: &Simulator, name: &str, change: impl FnOnce(&mut Endpoint)) -> Access {
    let file = AuthFile::parse(sim.auth_json(name).as_bytes()).unwrap();
    let Credentials::Endpoint(endpoint) = file.credentials() else {
        panic!("{name} is no endpoint");
    };
    let mut endpoint = Endpoint::clone(endpoint);
    change(&mut endpoint);
    Access::Endpoint(endpoint.into())
}

/// A router over this endpoint alone.
async fn over(account: Account, change: impl FnOnce(&mut Endpoint)) -> Rig {
    let sim = Arc::new(Simulator::start().await.unwrap());
    sim.add(account);
    let members = vec![member("own", endpoint(&sim, "own", change), 0)];
    Rig::start(sim, members, Limits::default()).await
}

/// The same without a line: what would be waited for is told at once.
async fn without_a_line(account: Account, change: impl FnOnce(&mut Endpoint)) -> Rig {
    let sim = Arc::new(Simulator::start().await.unwrap());
    sim.add(account);
    let members = vec![member("own", endpoint(&sim, "own", change), 0)];
    let limits = Limits {
        queue_wait: Duration::ZERO,
        ..Limits::default()
    };
    Rig::start(sim, members, limits).await
}

async fn compatible() -> Rig {
    over(Account::compatible("own"), |_| {}).await
}

/// The four surfaces: Azure's two, each in both dialects, and the server that knows only chats.
async fn faces() -> Vec<(&'static str, Rig)> {
    let azure = || Account::azure("own");
    vec![
        ("/compatible/v1/chat/completions", compatible().await),
        ("/azure/openai/v1/responses", over(azure(), |_| {}).await),
        (
            "/azure/openai/v1/chat/completions",
            over(azure(), |own| own.api = Api::Chat).await,
        ),
        (
            "/azure/openai/responses",
            over(azure(), |own| {
                own.api_version = Some("2025-04-01-preview".into())
            })
            .await,
        ),
        (
            "/azure/openai/deployments/gpt-5.5/chat/completions",
            over(azure(), |own| own.api_version = Some("2024-10-21".into())).await,
        ),
    ]
}

fn paths(rig: &Rig) -> Vec<String> {
    rig.sim
        .asked()
        .into_iter()
        .map(|asked| asked.path)
        .collect()
}

async fn text(reply: reqwest::Response) -> String {
    assert_eq!(reply.status(), 200);
    reply.text().await.unwrap()
}

async fn whole(reply: reqwest::Response) -> Value {
    serde_json::from_str(&text(reply).await).unwrap()
}

fn messages_request(stream: bool) -> Value {
    json!({"model": MODEL, "max_tokens": 64, "stream": stream, "messages": [{"role": "user", "content": "hi"}]})
}

#[tokio::test]
async fn every_dialect_gets_its_answer_from_every_face_whole_and_as_a_stream() {
    for (path, rig) in faces().await {
        rig.sim.reply_always("own", Reply::text("hello there"));
        let chat = whole(rig.chat(chat_request("hi")).await).await;
        assert_eq!(
            chat["choices"][0]["message"]["content"], "hello there",
            "{path}"
        );
        assert_eq!(chat["choices"][0]["finish_reason"], "stop");
        assert_eq!(chat["model"], MODEL);
        assert_eq!(
            chat_text(&text(rig.chat(chat_stream("hi")).await).await),
            "hello there"
        );

        let request = json!({"model": MODEL, "input": "hi", "stream": false});
        let response = whole(rig.responses(request).await).await;
        let said = response["output"].as_array().unwrap().last().unwrap();
        assert_eq!(said["content"][0]["text"], "hello there", "{path}");
        assert_eq!(response["status"], "completed");
        let stream = text(
            rig.responses(json!({"model": MODEL, "input": "hi", "stream": true}))
                .await,
        )
        .await;
        let types = event_types(&stream);
        assert_eq!(types.first().map(String::as_str), Some("response.created"));
        assert_eq!(
            types.last().map(String::as_str),
            Some("response.completed"),
            "{path}"
        );
        assert!(
            stream.contains("\"text\":\"hello there\""),
            "the last event holds the answer"
        );

        let message = whole(
            rig.post("/v1/messages", &messages_request(false))
                .send()
                .await
                .unwrap(),
        )
        .await;
        assert_eq!(message["content"][0]["text"], "hello there", "{path}");
        let stream = text(
            rig.post("/v1/messages", &messages_request(true))
                .send()
                .await
                .unwrap(),
        )
        .await;
        assert!(
            stream.contains("message_stop") && stream.contains("text_delta"),
            "{path} {stream}"
        );

        let prompt = json!({"model": MODEL, "prompt": "hi"});
        let completion = whole(rig.post("/v1/completions", &prompt).send().await.unwrap()).await;
        assert_eq!(completion["choices"][0]["text"], "hello there", "{path}");

        let asked = paths(&rig);
        assert!(
            asked.iter().skip(1).all(|asked| asked == path),
            "{path}: {asked:?}"
        );
    }
}

#[tokio::test]
async fn a_turn_with_a_tool_goes_there_and_back_over_every_face() {
    for (path, rig) in faces().await {
        let tools = json!([{"type": "function", "function": {"name": "weather", "parameters": {
            "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
        }}}]);
        let mut messages = vec![json!({"role": "user", "content": "use the tool"})];
        let request =
            |messages: &[Value]| json!({"model": MODEL, "messages": messages, "tools": tools});
        let answer = whole(rig.chat(request(&messages)).await).await;
        let message = answer["choices"][0]["message"].clone();
        assert_eq!(
            answer["choices"][0]["finish_reason"], "tool_calls",
            "{path}"
        );
        let call = &message["tool_calls"][0];
        assert_eq!(call["function"]["name"], "weather");
        let arguments: Value =
            serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
        assert!(arguments["city"].is_string(), "{arguments}");
        messages.push(message.clone());
        messages.push(json!({"role": "tool", "tool_call_id": call["id"], "content": "sunny"}));
        let answer = whole(rig.chat(request(&messages)).await).await;
        assert_eq!(
            answer["choices"][0]["message"]["content"], "The tool said: sunny",
            "{path}"
        );
    }
}

#[tokio::test]
async fn calls_that_are_told_in_turns_arrive_whole_in_every_dialect() {
    let rig = compatible().await;
    rig.sim.reply_always(
        "own",
        Reply::tool_calls([
            ("read", r#"{"path":"a.txt"}"#),
            ("write", r#"{"path":"b.txt","text":"x"}"#),
        ]),
    );
    let function =
        |name: &str| json!({"type": "function", "name": name, "parameters": {"type": "object"}});
    let request = json!({"model": MODEL, "input": "hi", "stream": false, "tools": [function("read"), function("write")]});
    let response = whole(rig.responses(request).await).await;
    let output = response["output"].as_array().unwrap();
    let calls: Vec<_> = output
        .iter()
        .map(|item| {
            (
                item["name"].as_str().unwrap(),
                item["arguments"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        calls,
        [
            ("read", r#"{"path":"a.txt"}"#),
            ("write", r#"{"path":"b.txt","text":"x"}"#)
        ]
    );

    let mut request = messages_request(false);
    request["tools"] = json!([{"name": "read", "input_schema": {"type": "object"}}, {"name": "write", "input_schema": {"type": "object"}}]);
    let message = whole(rig.post("/v1/messages", &request).send().await.unwrap()).await;
    let inputs: Vec<_> = message["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| block["input"].clone())
        .collect();
    assert_eq!(
        inputs,
        [
            json!({"path": "a.txt"}),
            json!({"path": "b.txt", "text": "x"})
        ]
    );
    assert_eq!(message["stop_reason"], "tool_use");
}

#[tokio::test]
async fn a_turn_of_codex_keeps_its_custom_and_namespaced_tools() {
    let rig = compatible().await;
    rig.sim.reply_next(
        "own",
        [Reply::tool_calls([
            ("apply_patch", r#"{"input":"*** Begin"}"#),
            ("docs__find", "{}"),
        ])],
    );
    let mut request = codex_request();
    request["tools"] = json!([
        {"type": "custom", "name": "apply_patch", "description": "Edits."},
        {"type": "namespace", "name": "docs", "tools": [{"type": "function", "name": "find"}]},
        {"type": "web_search"},
    ]);
    let reply = rig.responses_of_codex(&request).await;
    assert_eq!(
        header(&reply, "x-codex-router-dropped").unwrap(),
        "tools.web_search"
    );
    let stream = text(reply).await;
    let last = stream
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("data: "))
        .unwrap();
    let last: Value = serde_json::from_str(last).unwrap();
    let output = &last["response"]["output"];
    assert_eq!(
        (&output[0]["type"], &output[0]["input"]),
        (&json!("custom_tool_call"), &json!("*** Begin"))
    );
    assert_eq!(
        (&output[1]["namespace"], &output[1]["name"]),
        (&json!("docs"), &json!("find"))
    );
}

#[tokio::test]
async fn an_endpoint_without_responses_is_asked_in_chats_at_once_and_from_then_on() {
    let mut rig = compatible().await;
    let chat = "/compatible/v1/chat/completions";
    for (retries, asked) in [(1, vec!["/compatible/v1/responses", chat]), (0, vec![chat])] {
        rig.sim.clear_record();
        text(rig.chat(chat_request("hi")).await).await;
        assert_eq!(paths(&rig), asked);
        let (attempts, done) = rig.told().await;
        assert_eq!(attempts, [("own".to_owned(), AttemptResult::Served)]);
        assert_eq!(done.retries, retries);
        let tokens = done
            .tokens
            .map(|tokens| (tokens.input, tokens.cached, tokens.total));
        assert_eq!(tokens, Some((10, 4, 13)));
    }
}

#[tokio::test]
async fn an_endpoint_whose_dialect_is_told_is_not_asked_in_the_other() {
    let rig = over(Account::compatible("own"), |own| own.api = Api::Responses).await;
    assert_eq!(rig.chat(chat_request("hi")).await.status(), 404);
    assert_eq!(paths(&rig), ["/compatible/v1/responses"]);
    let rig = over(Account::compatible("own"), |own| own.api = Api::Chat).await;
    text(rig.chat(chat_request("hi")).await).await;
    assert_eq!(paths(&rig), ["/compatible/v1/chat/completions"]);
}

#[tokio::test]
async fn an_item_that_is_missing_is_no_missing_path() {
    let rig = over(Account::azure("own"), |_| {}).await;
    let missing = json!({"error": {"message": "Item with id 'rs_1' not found.", "type": "invalid_request_error"}});
    rig.sim
        .reply_next("own", [Reply::http(HttpReply::json(404, &missing))]);
    let reply = rig.responses(json!({"model": MODEL, "input": "hi"})).await;
    assert_eq!(reply.status(), 404);
    assert_eq!(paths(&rig), ["/azure/openai/v1/responses"]);
}

#[tokio::test]
async fn an_endpoint_that_only_failed_in_chats_is_asked_in_both_dialects_again() {
    let rig = compatible().await;
    rig.sim
        .reply_next("own", [Reply::http(HttpReply::new(500, ""))]);
    assert_eq!(rig.chat(chat_request("hi")).await.status(), 503);
    rig.sim.clear_record();
    text(rig.chat(chat_request("hi")).await).await;
    let both = [
        "/compatible/v1/responses",
        "/compatible/v1/chat/completions",
    ];
    assert_eq!(paths(&rig), both);
}

/// An endpoint of the user's own, and behind it a key that answers.
async fn before_a_key(change: impl FnOnce(&mut Endpoint)) -> Rig {
    let sim = Arc::new(Simulator::start().await.unwrap());
    sim.add(Account::compatible("own"));
    sim.add(Account::api_key("key"));
    let members = vec![
        member("own", endpoint(&sim, "own", change), 0),
        member("key", access(&sim.auth_json("key")), 1),
    ];
    Rig::start(sim, members, Limits::default()).await
}

#[tokio::test]
async fn a_web_page_in_front_of_one_endpoint_is_not_in_front_of_the_next_profile() {
    for status in [200, 403] {
        let rig = before_a_key(|own| own.api = Api::Chat).await;
        rig.sim
            .reply_next("own", [Reply::http(HttpReply::html(status))]);
        text(rig.chat(chat_request("hi")).await).await;
        assert_eq!(
            paths(&rig),
            ["/compatible/v1/chat/completions", "/v1/responses"],
            "{status}"
        );
    }
}

#[tokio::test]
async fn a_path_that_one_endpoint_lacks_is_asked_of_the_next_profile() {
    let mut rig = before_a_key(|own| own.api = Api::Responses).await;
    text(rig.chat(chat_request("hi")).await).await;
    assert_eq!(paths(&rig), ["/compatible/v1/responses", "/v1/responses"]);
    let lacks = AttemptResult::ClientFault { status: 404 };
    assert_eq!(
        rig.told().await.0,
        [
            ("own".to_owned(), lacks),
            ("key".to_owned(), AttemptResult::Served)
        ]
    );
    rig.sim.clear_record();
    let request = json!({"input": "a"});
    let reply = rig.post("/v1/moderations", &request).send().await.unwrap();
    text(reply).await;
    assert_eq!(
        paths(&rig),
        ["/compatible/v1/moderations", "/v1/moderations"]
    );
}

#[tokio::test]
async fn an_endpoint_may_name_four_parameters_one_by_one_that_it_does_not_know() {
    let names = ["seed", "presence_penalty", "top_k", "temperature", "stop"];
    let refusals = || {
        names.map(|name| {
            let message = format!("Unrecognized request argument supplied: {name}");
            let error = json!({"message": message, "type": "invalid_request_error"});
            Reply::http(HttpReply::json(400, &json!({"error": error})))
        })
    };
    let mut request = chat_request("hi");
    for name in names {
        request[name] = json!(1);
    }
    request["stop"] = json!(["END"]);

    let rig = over(Account::compatible("own"), |own| own.api = Api::Chat).await;
    rig.sim.reply_next("own", refusals().into_iter().take(4));
    text(rig.chat(request.clone()).await).await;
    assert_eq!(paths(&rig).len(), 5);
    let sent = rig.sim.asked().pop().unwrap().json();
    let left: Vec<_> = names
        .into_iter()
        .filter(|name| sent.get(name).is_some())
        .collect();
    assert_eq!(left, ["stop"]);

    rig.sim.clear_record();
    rig.sim.reply_next("own", refusals());
    assert_eq!(rig.chat(request).await.status(), 400);
    assert_eq!(paths(&rig).len(), 5, "the fifth is the client's to hear of");
}

/// A turn after a tool has answered with a picture.
fn turn_with_tool_picture() -> Value {
    let picture = json!({"type": "input_image", "image_url": "data:image/png;base64,AAAA"});
    let seen = json!({"type": "input_text", "text": "a window"});
    json!({"model": MODEL, "stream": false, "input": [
        {"role": "user", "content": "look"},
        {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": [seen, picture]},
    ]})
}

#[tokio::test]
async fn a_model_that_reads_no_pictures_is_told_of_those_of_tools_and_asked_on() {
    let in_chats = || over(Account::compatible("own"), |own| own.api = Api::Chat);
    for (status, words) in [
        (500, "image input is not supported by this server"),
        (400, "qwen is not a multimodal model"),
        (
            422,
            "messages[3]: unknown variant `image_url`, expected `text`",
        ),
    ] {
        let mut rig = in_chats().await;
        let refusal = HttpReply::json(status, &json!({"error": {"message": words}}));
        rig.sim.reply_next("own", [Reply::http(refusal)]);
        let reply = rig.responses(turn_with_tool_picture()).await;
        assert_eq!(reply.status(), 200, "{words}");
        let dropped = header(&reply, "x-codex-router-dropped").unwrap();
        assert!(dropped.contains("input[].output.input_image"), "{dropped}");
        text(reply).await;
        let asked = rig.sim.asked();
        let sent: Vec<_> = asked.iter().map(|asked| asked.json().to_string()).collect();
        assert_eq!(sent.len(), 2, "{words}");
        assert!(sent[0].contains("image_url") && !sent[1].contains("image_url"));
        assert!(sent[1].contains("a window") && sent[1].contains("an image is not passed on"));
        let (_, done) = rig.told().await;
        assert_eq!(done.attempts.len(), 1);
        assert_eq!(
            done.attempts[0].mended,
            ["pictures from tools, which it cannot read, were left out"]
        );

        rig.sim.clear_record();
        text(rig.responses(turn_with_tool_picture()).await).await;
        let again = rig.sim.asked();
        assert_eq!(again.len(), 1, "it is remembered");
        assert!(!again[0].json().to_string().contains("image_url"));
    }

    // It refuses without them as well: nothing is learned, and the client hears it.
    let rig = in_chats().await;
    let refusal = || {
        let error = json!({"error": {"message": "it is not a multimodal model"}});
        Reply::http(HttpReply::json(400, &error))
    };
    rig.sim.reply_next("own", [refusal(), refusal()]);
    assert_eq!(rig.responses(turn_with_tool_picture()).await.status(), 400);
    assert_eq!(paths(&rig).len(), 2);
    // A picture of the user is what the request is about.
    rig.sim.clear_record();
    rig.sim.reply_next("own", [refusal()]);
    let picture = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}});
    let request = json!({"model": MODEL, "messages": [{"role": "user", "content": [picture]}]});
    assert_eq!(rig.chat(request).await.status(), 400);
    assert_eq!(paths(&rig).len(), 1);
    rig.sim.clear_record();
    text(rig.responses(turn_with_tool_picture()).await).await;
    assert!(rig.sim.asked()[0].json().to_string().contains("image_url"));
}

#[tokio::test]
async fn a_status_inside_a_chat_counts_as_one_by_itself() {
    for (code, status, result) in [
        (400, 400, AttemptResult::ClientFault { status: 400 }),
        (429, 429, AttemptResult::Throttled { retry_after: None }),
        (401, 503, AttemptResult::Unauthorized),
    ] {
        let mut rig = without_a_line(Account::compatible("own"), |own| own.api = Api::Chat).await;
        let error = json!({"error": {"message": "no", "type": "BadRequestError", "code": code}});
        let stream = HttpReply::new(200, format!("data: {error}\n\n"))
            .header("content-type", "text/event-stream");
        rig.sim.reply_next("own", [Reply::http(stream)]);
        assert_eq!(rig.chat(chat_request("hi")).await.status(), status);
        assert_eq!(rig.told().await.0, [("own".to_owned(), result)]);
    }
}

#[tokio::test]
async fn a_model_that_is_missing_does_not_count_as_a_missing_path() {
    let mut rig = over(Account::azure("own").models(["other"]), |_| {}).await;
    let reply = rig.chat(chat_request("hi")).await;
    assert_eq!(reply.status(), 404);
    assert_eq!(paths(&rig), ["/azure/openai/v1/responses"]);
    let (attempts, _) = rig.told().await;
    let lacks = AttemptResult::ModelNotSupported {
        model: MODEL.to_owned(),
    };
    assert_eq!(attempts, [("own".to_owned(), lacks)]);
}

#[tokio::test]
async fn a_model_goes_by_the_name_of_its_deployment_and_comes_back_by_its_own() {
    let azure = || Account::azure("own").models(["mine"]);
    let map = |own: &mut Endpoint| {
        own.deployments.insert(MODEL.into(), "mine".into());
    };
    for (version, path) in [
        (None, "/azure/openai/v1/responses"),
        (
            Some("2024-10-21"),
            "/azure/openai/deployments/mine/chat/completions",
        ),
    ] {
        let rig = over(azure(), |own| {
            map(own);
            own.api_version = version.map(str::to_owned);
        })
        .await;
        let answer = whole(rig.chat(chat_request("hi")).await).await;
        assert_eq!(answer["model"], MODEL);
        let asked = rig.sim.asked().pop().unwrap();
        assert_eq!(
            (asked.path.as_str(), &asked.json()["model"]),
            (path, &json!("mine"))
        );
        assert_eq!(
            asked.query,
            version
                .map(|version| format!("api-version={version}"))
                .unwrap_or_default()
        );
    }
    let rig = over(azure(), map).await;
    let codex = text(rig.responses_of_codex(&codex_request()).await).await;
    assert!(codex.contains("response.completed"));
    let mut expected = codex_request();
    expected["model"] = json!("mine");
    assert_eq!(rig.sim.asked().pop().unwrap().body, expected.to_string());
}

#[tokio::test]
async fn a_key_stands_in_its_own_header_and_reaches_no_other_upstream() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    for account in [
        Account::chatgpt("work"),
        Account::api_key("key"),
        Account::azure("azure"),
        Account::compatible("own"),
    ] {
        sim.add(account);
    }
    let members = vec![
        member("work", access(&sim.auth_json("work")), 0),
        member(
            "azure",
            endpoint(&sim, "azure", |own| {
                own.headers = vec![("x-team".parse().unwrap(), Secret::new("canary"))]
            }),
            1,
        ),
        member("key", access(&sim.auth_json("key")), 2),
        member("own", endpoint(&sim, "own", |_| {}), 3),
    ];
    let limits = Limits {
        profiles: 4,
        retries: 3,
        ..Limits::default()
    };
    let rig = Rig::start(sim, members, limits).await;
    for name in ["work", "azure", "key"] {
        rig.sim
            .reply_always(name, Reply::throttled(Duration::from_secs(9)));
    }
    text(rig.responses(json!({"model": MODEL, "input": "hi"})).await).await;
    let told: Vec<_> = rig
        .sim
        .asked()
        .iter()
        .map(|asked| {
            let header = |name: &str| asked.header(name).unwrap_or("-").to_owned();
            (
                asked.path.clone(),
                header("authorization"),
                header("api-key"),
                header("x-team"),
            )
        })
        .collect();
    let row = |path: &str, authorization: &str, key: &str, team: &str| {
        (
            path.to_owned(),
            authorization.to_owned(),
            key.to_owned(),
            team.to_owned(),
        )
    };
    assert_eq!(
        told,
        [
            row(
                "/backend-api/codex/responses",
                "Bearer <access token>",
                "-",
                "-"
            ),
            row("/azure/openai/v1/responses", "-", "<hidden>", "canary"),
            row("/v1/responses", "Bearer <API key>", "-", "-"),
            row(
                "/compatible/v1/responses",
                "Bearer <endpoint key>",
                "-",
                "-"
            ),
            row(
                "/compatible/v1/chat/completions",
                "Bearer <endpoint key>",
                "-",
                "-"
            ),
        ]
    );
    let own = rig.sim.asked().pop().unwrap();
    for name in [
        "chatgpt-account-id",
        "session_id",
        "originator",
        "openai-beta",
    ] {
        assert_eq!(own.header(name), None, "{name}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let rig = over(Account::compatible("own"), |own| own.api = Api::Chat).await;
    let elsewhere =
        HttpReply::new(307, "").header("location", format!("{}/v1/responses", rig.sim.issuer()));
    rig.sim.reply_next("own", [Reply::http(elsewhere)]);
    assert_eq!(rig.chat(chat_request("hi")).await.status(), 503);
    assert_eq!(paths(&rig), ["/compatible/v1/chat/completions"]);
}

#[tokio::test]
async fn what_a_chat_client_says_in_its_own_words_reaches_a_chat_upstream() {
    let rig = over(Account::compatible("own"), |own| own.api = Api::Chat).await;
    let mut request = chat_request("hi");
    for (field, value) in [
        ("seed", json!(7)),
        ("stop", json!(["END"])),
        ("presence_penalty", json!(0.5)),
        ("top_k", json!(4)),
        ("temperature", json!(0.1)),
        ("max_completion_tokens", json!(90)),
        ("n", json!(1)),
        ("metadata", json!({"a": "b"})),
    ] {
        request[field] = value;
    }
    let reply = rig.chat(request).await;
    assert_eq!(
        header(&reply, "x-codex-router-dropped").unwrap(),
        "metadata"
    );
    text(reply).await;
    let sent = rig.sim.asked().pop().unwrap().json();
    assert_eq!(
        sent,
        json!({
            "model": MODEL, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 90, "temperature": 0.1,
            "stream": true, "stream_options": {"include_usage": true}, "seed": 7, "presence_penalty": 0.5, "top_k": 4, "stop": ["END"],
        })
    );
}

#[tokio::test]
async fn the_same_words_are_left_out_where_only_responses_are_spoken() {
    let rig = over(Account::azure("own"), |_| {}).await;
    let mut request = chat_request("hi");
    request["seed"] = json!(7);
    let reply = rig.chat(request).await;
    assert_eq!(header(&reply, "x-codex-router-dropped").unwrap(), "seed");
}

#[tokio::test]
async fn an_old_surface_of_azure_is_spared_what_it_does_not_know() {
    let rig = over(Account::azure("own"), |own| {
        own.api_version = Some("2024-02-01".into())
    })
    .await;
    let mut request = chat_request("hi");
    request["max_tokens"] = json!(90);
    text(rig.chat(request).await).await;
    let sent = rig.sim.asked().pop().unwrap().json();
    assert_eq!(
        (sent.get("stream_options"), &sent["max_tokens"]),
        (None, &json!(90))
    );
}

#[tokio::test]
async fn what_only_its_own_service_can_answer_is_refused_in_words_or_goes_to_one_that_can() {
    let compacted = json!({"model": MODEL, "input": [{"role": "user", "content": "hi"}, {"type": "compaction_trigger"}]});
    let earlier = json!({"model": MODEL, "input": "hi", "previous_response_id": "resp_1"});
    let rig = over(Account::compatible("own"), |own| own.api = Api::Chat).await;
    for (request, param, code) in [
        (&compacted, "input[1]", "unsupported_value"),
        (
            &earlier,
            "previous_response_id",
            "previous_response_not_found",
        ),
    ] {
        let reply = rig.responses(request.clone()).await;
        assert_eq!(reply.status(), 400);
        let error = error_of(reply).await;
        assert_eq!(
            (&error["param"], &error["code"]),
            (&json!(param), &json!(code))
        );
    }
    assert_eq!(paths(&rig), [""; 0], "nothing was sent");

    let sim = Arc::new(Simulator::start().await.unwrap());
    sim.add(Account::compatible("own"));
    sim.add(Account::api_key("key"));
    let members = vec![
        member("own", endpoint(&sim, "own", |own| own.api = Api::Chat), 0),
        member("key", access(&sim.auth_json("key")), 1),
    ];
    let mut rig = Rig::start(sim, members, Limits::default()).await;
    text(rig.responses(earlier).await).await;
    assert_eq!(paths(&rig), ["/v1/responses"]);
    assert_eq!(
        rig.told().await.0,
        [("key".to_owned(), AttemptResult::Served)]
    );
}

#[tokio::test]
async fn what_an_endpoint_keeps_is_asked_of_it_in_the_clients_own_words() {
    let leaning = [
        ("previous_response_id", json!("resp_1")),
        ("conversation", json!("conv_1")),
        ("prompt", json!({"id": "pmpt_1"})),
    ];
    for version in [None, Some("2025-04-01-preview")] {
        let sim = Arc::new(Simulator::start().await.unwrap());
        sim.add(Account::chatgpt("work"));
        sim.add(Account::compatible("chats"));
        sim.add(Account::azure("own"));
        let azure = endpoint(&sim, "own", |own| own.api_version = version.map(Into::into));
        let members = vec![
            member("work", access(&sim.auth_json("work")), 0),
            // First of those that are no ChatGPT account, and it keeps nothing.
            member(
                "chats",
                endpoint(&sim, "chats", |own| own.api = Api::Chat),
                1,
            ),
            member("own", azure, 2),
        ];
        let mut rig = Rig::start(sim, members, Limits::default()).await;
        for (field, value) in &leaning {
            let request = json!({"model": MODEL, "input": "hi", (*field): value});
            text(rig.responses(request.clone()).await).await;
            let asked = rig.requests().pop().unwrap();
            assert!(asked.path.ends_with("/responses"), "{}", asked.path);
            assert_eq!(asked.json(), request, "{field} of {version:?}");
            let (attempts, _) = rig.told().await;
            assert_eq!(attempts, [("own".to_owned(), AttemptResult::Served)]);
        }
        assert_eq!(rig.requests().len(), leaning.len(), "nobody else was asked");
    }
}

#[tokio::test]
async fn an_azure_that_is_too_old_for_responses_keeps_none() {
    let old = |own: &mut Endpoint| own.api_version = Some("2024-10-21".into());
    let rig = over(Account::azure("own"), old).await;
    let earlier = json!({"model": MODEL, "input": "hi", "previous_response_id": "resp_1"});
    let reply = rig.responses(earlier).await;
    assert_eq!(reply.status(), 400);
    assert_eq!(error_of(reply).await["code"], "previous_response_not_found");
    assert_eq!(paths(&rig), [""; 0]);
}

#[tokio::test]
async fn a_refused_key_a_throttle_and_a_quota_are_told_apart() {
    for (account, change) in [
        (Account::azure("own"), Api::Responses),
        (Account::compatible("own"), Api::Chat),
    ] {
        let mut rig = over(account, |own| own.api = change).await;
        rig.sim.reply_next(
            "own",
            [
                Reply::unauthorized(),
                Reply::throttled(Duration::from_millis(1_500)),
                Reply::usage_limit(Duration::from_secs(60)),
            ],
        );
        let mut results = Vec::new();
        for _ in 0..3 {
            let reply = rig.chat(chat_request("hi")).await;
            assert_ne!(reply.status(), 401, "it would sign the client out");
            results.extend(rig.told().await.0.into_iter().map(|(_, result)| result));
            rig.forgive();
        }
        assert_eq!(results[0], AttemptResult::Unauthorized);
        assert!(
            matches!(
                &results[1],
                AttemptResult::Throttled {
                    retry_after: Some(_)
                }
            ),
            "{results:?}"
        );
        assert!(
            matches!(&results[2], AttemptResult::UsageLimit { .. }),
            "{results:?}"
        );
    }
}

#[tokio::test]
async fn a_chat_that_breaks_off_is_never_a_clean_end() {
    let rig = over(Account::compatible("own"), |own| own.api = Api::Chat).await;
    rig.sim.reply_next(
        "own",
        [
            Reply::clean_eof_after(3),
            Reply::cut_after(3),
            Reply::error_event("slow_down"),
        ],
    );
    let stream = text(
        rig.responses(json!({"model": MODEL, "input": "hi", "stream": true}))
            .await,
    )
    .await;
    assert_eq!(
        event_types(&stream).last().map(String::as_str),
        Some("response.failed")
    );
    assert!(stream.contains("upstream_stream_truncated"));
    let chat = rig.chat(chat_stream("hi")).await.text().await.unwrap();
    assert!(
        chat.contains("\"error\"") && !chat.contains("[DONE]"),
        "{chat}"
    );
    assert_ne!(rig.chat(chat_request("hi")).await.status(), 200);
}

#[tokio::test]
async fn endings_of_a_chat_have_their_words_in_every_dialect() {
    let rig = over(Account::compatible("own"), |own| own.api = Api::Chat).await;
    rig.sim
        .reply_always("own", Reply::incomplete("max_output_tokens"));
    let chat = whole(rig.chat(chat_request("hi")).await).await;
    assert_eq!(chat["choices"][0]["finish_reason"], "length");
    let response = whole(rig.responses(json!({"model": MODEL, "input": "hi"})).await).await;
    assert_eq!(
        (
            &response["status"],
            &response["incomplete_details"]["reason"]
        ),
        (&json!("incomplete"), &json!("max_output_tokens"))
    );
    let message = whole(
        rig.post("/v1/messages", &messages_request(false))
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(message["stop_reason"], "max_tokens");
    rig.sim
        .reply_always("own", Reply::text_with_reasoning("Hm, well.", "Yes."));
    let response = whole(rig.responses(json!({"model": MODEL, "input": "hi"})).await).await;
    assert_eq!(response["output"][0]["content"][0]["text"], "Hm, well.");
    assert_eq!(response["output"][1]["content"][0]["text"], "Yes.");
}

#[tokio::test]
async fn a_server_that_does_not_stream_is_understood_too() {
    let rig = over(Account::compatible("own"), |own| own.api = Api::Chat).await;
    let answer = json!({"choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "at once"}}]});
    rig.sim
        .reply_always("own", Reply::http(HttpReply::json(200, &answer)));
    assert_eq!(
        chat_text(&text(rig.chat(chat_stream("hi")).await).await),
        "at once"
    );
    let response = whole(rig.responses(json!({"model": MODEL, "input": "hi"})).await).await;
    assert_eq!(response["output"][0]["content"][0]["text"], "at once");
}

#[tokio::test]
async fn embeddings_go_to_the_deployment_with_their_base64_untouched() {
    let request =
        json!({"model": "text-embedding-3-small", "input": ["a"], "encoding_format": "base64"});
    for (account, version, path) in [
        (
            Account::azure("own"),
            Some("2024-10-21"),
            "/azure/openai/deployments/embed/embeddings",
        ),
        (Account::azure("own"), None, "/azure/openai/v1/embeddings"),
        (
            Account::compatible("own"),
            None,
            "/compatible/v1/embeddings",
        ),
    ] {
        let rig = over(account.models(["embed"]), |own| {
            own.deployments
                .insert("text-embedding-3-small".into(), "embed".into());
            own.api_version = version.map(str::to_owned);
        })
        .await;
        let body = whole(rig.post("/v1/embeddings", &request).send().await.unwrap()).await;
        assert_eq!(body["data"][0]["embedding"], "AACAPgAAAL8AAIA/");
        let asked = rig.sim.asked().pop().unwrap();
        assert_eq!(
            (asked.path.as_str(), &asked.json()["model"]),
            (path, &json!("embed"))
        );
    }
}

#[tokio::test]
async fn the_list_of_models_holds_what_endpoints_have() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    sim.add(Account::azure("azure"));
    sim.add(Account::compatible("own").models(["llama"]));
    let members = vec![
        member(
            "azure",
            endpoint(&sim, "azure", |own| {
                own.deployments.insert("gpt-5.5".into(), "mine".into());
            }),
            0,
        ),
        member("own", endpoint(&sim, "own", |_| {}), 1),
        member(
            "said",
            endpoint(&sim, "own", |own| own.models = vec!["qwen".into()]),
            2,
        ),
    ];
    let rig = Rig::start(sim, members, Limits::default()).await;
    let listed = whole(http().get(rig.url("/v1/models")).send().await.unwrap()).await;
    let mut ids: Vec<_> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].as_str().unwrap())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, ["gpt-5.5", "llama", "mine", "qwen"]);
    assert_eq!(paths(&rig), ["/compatible/v1/models"]);
}

#[tokio::test]
async fn an_endpoint_that_says_what_it_has_is_not_asked_for_anything_else() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    sim.add(Account::compatible("own").models(["llama"]));
    sim.add(Account::api_key("key"));
    let members = vec![
        member(
            "own",
            endpoint(&sim, "own", |own| {
                own.models = vec!["llama".into()];
                own.api = Api::Chat;
            }),
            0,
        ),
        member("key", access(&sim.auth_json("key")), 1),
    ];
    let rig = Rig::start(sim, members, Limits::default()).await;
    text(rig.chat(chat_request("hi")).await).await;
    let mut request = chat_request("hi");
    request["model"] = json!("llama");
    text(rig.chat(request).await).await;
    assert_eq!(
        paths(&rig),
        ["/v1/responses", "/compatible/v1/chat/completions"]
    );
}

#[tokio::test]
async fn a_picture_by_the_hosted_tool_is_not_asked_of_a_chat() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    sim.add(Account::chatgpt("work"));
    sim.add(Account::compatible("own"));
    let members = vec![
        member("work", access(&sim.auth_json("work")), 0),
        member("own", endpoint(&sim, "own", |own| own.api = Api::Chat), 1),
    ];
    let rig = Rig::start(sim, members, Limits::default()).await;
    rig.sim
        .reply_next("work", [Reply::throttled(Duration::from_secs(60))]);
    let request = json!({"model": "gpt-image-1", "prompt": "a pixel"});
    let reply = rig
        .post("/v1/images/generations", &request)
        .send()
        .await
        .unwrap();
    assert_eq!(
        reply.status(),
        429,
        "the account comes back, the chat never can"
    );
    assert_eq!(paths(&rig), ["/backend-api/codex/responses"]);
}
