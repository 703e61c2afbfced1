//! `x-codex-router-dropped` tells the truth: for each field, whether its upstream sees it and how the reply names it.
//!
//! A field that is dropped changes nothing upstream: the body that arrives is the one that arrives without the field. A field
//! that is not dropped changes it.

use crate::simulator::Reply;

use super::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upstream {
    ChatGpt,
    ApiKey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unseen {
    ByBoth,
    ByChatGpt,
}

/// One field that a client may send.
struct Field {
    /// What the reply calls it.
    name: &'static str,
    /// What the request has in any case, over the dialect's own.
    without: Value,
    /// What is added with the field.
    with: Value,
    unseen: Unseen,
}

fn by_both(name: &'static str, with: Value) -> Field {
    beside(json!({}), name, with)
}

fn by_chatgpt(name: &'static str, with: Value) -> Field {
    Field {
        unseen: Unseen::ByChatGpt,
        ..beside(json!({}), name, with)
    }
}

fn beside(without: Value, name: &'static str, with: Value) -> Field {
    Field {
        name,
        without,
        with,
        unseen: Unseen::ByBoth,
    }
}

/// A rig over one account, and a client for it.
struct Asker {
    rig: Rig,
    http: reqwest::Client,
    path: &'static str,
    base: Value,
}

impl Asker {
    async fn new(upstream: Upstream, path: &'static str, base: &Value) -> Self {
        let sim = Arc::new(Simulator::start().await.unwrap());
        sim.add(match upstream {
            Upstream::ChatGpt => Account::chatgpt("one"),
            Upstream::ApiKey => Account::api_key("one"),
        });
        let members = vec![member("one", access(&sim.auth_json("one")), 0)];
        Self {
            rig: Rig::start(sim, members, Limits::default()).await,
            http: http(),
            path,
            base: base.clone(),
        }
    }

    /// What the reply says was dropped, and what arrived upstream.
    async fn ask(&self, is_stream: bool, parts: &[&Value]) -> (Option<String>, Value) {
        let mut body = self.base.clone();
        body["stream"] = json!(is_stream);
        for part in parts {
            for (name, value) in part.as_object().unwrap() {
                body[name] = value.clone();
            }
        }
        let request = self.http.post(self.rig.url(self.path));
        let request = request.header("content-type", "application/json");
        let reply = request.body(body.to_string()).send().await.unwrap();
        let (status, said) = (reply.status(), header(&reply, "x-codex-router-dropped"));
        let text = reply.text().await.unwrap();
        assert_eq!(status, 200, "{body}: {text}");
        (said, self.rig.sim.asked().pop().unwrap().json())
    }
}

async fn tells_the_truth(path: &'static str, base: Value, fields: Vec<Field>) {
    for upstream in [Upstream::ChatGpt, Upstream::ApiKey] {
        let asker = Asker::new(upstream, path, &base).await;
        for is_stream in [false, true] {
            for field in &fields {
                let about = format!("{} {upstream:?} {is_stream}", field.name);
                let (said, plain) = asker.ask(is_stream, &[&field.without]).await;
                assert_eq!(said, None, "without {about}");
                let (said, sent) = asker.ask(is_stream, &[&field.without, &field.with]).await;
                if field.unseen == Unseen::ByBoth || upstream == Upstream::ChatGpt {
                    assert_eq!(said.as_deref(), Some(field.name), "{about}");
                    assert_eq!(sent, plain, "{about}");
                } else {
                    assert_eq!(said, None, "{about}");
                    assert_ne!(sent, plain, "{about}");
                }
            }
        }
    }
}

#[tokio::test]
async fn every_dropped_field_of_a_chat_is_named() {
    let text = |text: &str| json!([{"type": "text", "text": text}]);
    let hi = json!({"role": "user", "content": text("hi")});
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let tool = json!({"type": "function", "function": {"name": "f"}});
    let schema = json!({"name": "n", "schema": {"type": "object"}});
    let fields = vec![
        by_both("seed", json!({"seed": 7})),
        by_both("logit_bias", json!({"logit_bias": {"1": 2}})),
        by_both("presence_penalty", json!({"presence_penalty": 0.5})),
        by_both("frequency_penalty", json!({"frequency_penalty": 0.5})),
        by_both(
            "prediction",
            json!({"prediction": {"type": "content", "content": "x"}}),
        ),
        by_both(
            "audio",
            json!({"audio": {"voice": "alloy", "format": "mp3"}}),
        ),
        by_both("top_k", json!({"top_k": 3})),
        by_both("input", json!({"input": "x"})),
        by_both(
            "stream_options.other",
            json!({"stream_options": {"other": 1}}),
        ),
        by_both(
            "messages[].name",
            json!({"messages": [{"role": "user", "name": "bob", "content": "hi"}]}),
        ),
        by_both(
            "cache_control",
            json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": {}}]}]}),
        ),
        beside(
            json!({"messages": [hi, {"role": "assistant", "content": "a"}, hi]}),
            "messages[].reasoning_content",
            json!({"messages": [hi, {"role": "assistant", "content": "a", "reasoning_content": "hm"}, hi]}),
        ),
        // An output without a call, a call without an output, and one call twice.
        by_both(
            "messages[1]",
            json!({"messages": [hi, {"role": "tool", "tool_call_id": "c", "content": "r"}]}),
        ),
        by_both(
            "messages[0].tool_calls[0]",
            json!({"messages": [{"role": "assistant", "tool_calls": [call("c")]}, hi]}),
        ),
        beside(
            json!({"messages": [hi, {"role": "assistant", "tool_calls": [call("c")]}, {"role": "tool", "tool_call_id": "c", "content": "r"}]}),
            "messages[1].tool_calls[1]",
            json!({"messages": [hi, {"role": "assistant", "tool_calls": [call("c"), call("c")]}, {"role": "tool", "tool_call_id": "c", "content": "r"}]}),
        ),
        beside(
            json!({"tools": [tool]}),
            "tools[].function.other",
            json!({"tools": [{"type": "function", "function": {"name": "f", "other": 1}}]}),
        ),
        beside(
            json!({"tools": [tool], "tool_choice": "auto"}),
            "function_call",
            json!({"function_call": "none"}),
        ),
        beside(
            json!({"functions": [{"name": "f"}]}),
            "parallel_tool_calls",
            json!({"parallel_tool_calls": true}),
        ),
        beside(
            json!({"response_format": {"type": "json_schema", "json_schema": schema}}),
            "response_format.json_schema.other",
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "other": 1}}}),
        ),
        beside(
            json!({"web_search_options": {}}),
            "web_search_options.other",
            json!({"web_search_options": {"other": 1}}),
        ),
        beside(
            json!({"reasoning_effort": "low"}),
            "reasoningEffort",
            json!({"reasoningEffort": "high"}),
        ),
        beside(
            json!({"verbosity": "low"}),
            "text.verbosity",
            json!({"text": {"verbosity": "high"}}),
        ),
        by_chatgpt("max_tokens", json!({"max_tokens": 50})),
        by_chatgpt(
            "max_completion_tokens",
            json!({"max_completion_tokens": 50}),
        ),
        by_chatgpt("temperature", json!({"temperature": 0.5})),
        by_chatgpt("top_p", json!({"top_p": 0.5})),
        by_chatgpt("logprobs", json!({"logprobs": true})),
        by_chatgpt("top_logprobs", json!({"top_logprobs": 2})),
        by_chatgpt("metadata", json!({"metadata": {"a": "b"}})),
        by_chatgpt("user", json!({"user": "u"})),
        by_chatgpt("safety_identifier", json!({"safety_identifier": "s"})),
        by_chatgpt("store", json!({"store": true})),
        by_chatgpt("service_tier", json!({"service_tier": "flex"})),
        by_chatgpt(
            "prompt_cache_retention",
            json!({"prompt_cache_retention": "24h"}),
        ),
        by_chatgpt(
            "prompt_cache_options",
            json!({"prompt_cache_options": {"mode": "x"}}),
        ),
        by_chatgpt("moderation", json!({"moderation": {"x": 1}})),
        by_chatgpt(
            "stream_options.include_obfuscation",
            json!({"stream_options": {"include_obfuscation": false}}),
        ),
        by_chatgpt(
            "prompt_cache_breakpoint",
            json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "hi", "prompt_cache_breakpoint": {}}]}]}),
        ),
    ];
    let base = json!({"model": MODEL, "messages": [hi]});
    tells_the_truth("/v1/chat/completions", base, fields).await;
}

#[tokio::test]
async fn every_dropped_field_of_a_responses_body_on_the_chat_path_is_named() {
    let fields = vec![
        by_both("seed", json!({"seed": 7})),
        by_chatgpt("max_output_tokens", json!({"max_output_tokens": 50})),
        by_chatgpt(
            "previous_response_id",
            json!({"previous_response_id": "resp_1"}),
        ),
    ];
    let base = json!({"model": MODEL, "input": "hi"});
    tells_the_truth("/v1/chat/completions", base, fields).await;
}

#[tokio::test]
async fn every_dropped_field_of_a_completion_is_named() {
    let fields = vec![
        by_both("seed", json!({"seed": 7})),
        by_both("logit_bias", json!({"logit_bias": {"1": 2}})),
        by_both("presence_penalty", json!({"presence_penalty": 0.5})),
        by_both("frequency_penalty", json!({"frequency_penalty": 0.5})),
        by_both(
            "tools",
            json!({"tools": [{"type": "function", "function": {"name": "f"}}]}),
        ),
        by_both("zeta", json!({"zeta": 1})),
        by_chatgpt("max_tokens", json!({"max_tokens": 50})),
        by_chatgpt("temperature", json!({"temperature": 0.5})),
        by_chatgpt("top_p", json!({"top_p": 0.5})),
        by_chatgpt("metadata", json!({"metadata": {"a": "b"}})),
        by_chatgpt("user", json!({"user": "u"})),
        by_chatgpt("safety_identifier", json!({"safety_identifier": "s"})),
        by_chatgpt("service_tier", json!({"service_tier": "flex"})),
    ];
    let base = json!({"model": MODEL, "prompt": "hi"});
    tells_the_truth("/v1/completions", base, fields).await;
}

#[tokio::test]
async fn every_dropped_field_of_a_response_is_named() {
    let mut fields: Vec<Field> = [
        "background",
        "context_management",
        "frequency_penalty",
        "logit_bias",
        "max_completion_tokens",
        "max_output_tokens",
        "max_tokens",
        "max_tool_calls",
        "metadata",
        "moderation",
        "presence_penalty",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "seed",
        "stream_options",
        "temperature",
        "top_logprobs",
        "top_p",
        "truncation",
        "user",
    ]
    .into_iter()
    .map(|name| by_chatgpt(name, json!({ name: "x" })))
    .collect();
    let text = |hint: Value| json!({"input": [{"role": "user", "content": [{"type": "input_text", "text": "hi", "prompt_cache_breakpoint": hint}]}]});
    let plain =
        json!({"input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}]});
    fields.extend([
        by_chatgpt("store", json!({"store": true})),
        by_chatgpt("service_tier", json!({"service_tier": "flex"})),
        by_chatgpt(
            "include.message.output_text.logprobs",
            json!({"include": ["message.output_text.logprobs"]}),
        ),
        Field {
            unseen: Unseen::ByChatGpt,
            ..beside(plain, "prompt_cache_breakpoint", text(json!({})))
        },
    ]);
    let base = json!({"model": MODEL, "input": "hi"});
    tells_the_truth("/v1/responses", base, fields).await;
}

#[tokio::test]
async fn every_dropped_field_of_a_message_is_named() {
    let text = |text: &str| json!({"type": "text", "text": text});
    let user = |block: Value| json!({"role": "user", "content": [block]});
    let hi = user(text("hi"));
    let assistant = |blocks: Value| json!({"role": "assistant", "content": blocks});
    let tool = json!({"name": "f", "input_schema": {"type": "object"}});
    let tool_with = |name: &str, value: Value| {
        let mut tool = tool.clone();
        tool[name] = value;
        json!({ "tools": [tool] })
    };
    let tools = json!({"tools": [tool]});
    let search = |more: Value| {
        let mut search = json!({"type": "web_search_20250305", "name": "web_search"});
        search
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"tools": [search]})
    };
    let before = json!({"messages": [hi, assistant(json!([text("a")])), hi]});
    let history = |blocks: Value| json!({"messages": [hi, assistant(blocks), hi]});
    let fields = vec![
        by_both("top_k", json!({"top_k": 3})),
        by_both(
            "context_management",
            json!({"context_management": {"edits": []}}),
        ),
        by_both("container", json!({"container": "c"})),
        by_both(
            "mcp_servers",
            json!({"mcp_servers": [{"url": "https://x.test"}]}),
        ),
        by_both("metadata.user_id", json!({"metadata": {"user_id": "u"}})),
        by_both("metadata.other", json!({"metadata": {"other": "u"}})),
        by_both(
            "output_config.other",
            json!({"output_config": {"other": 1}}),
        ),
        by_both(
            "cache_control",
            json!({"messages": [user(json!({"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}))]}),
        ),
        by_both(
            "messages[].content[].citations",
            json!({"messages": [user(json!({"type": "text", "text": "hi", "citations": []}))]}),
        ),
        beside(
            tools.clone(),
            "cache_control",
            tool_with("cache_control", json!({})),
        ),
        beside(
            tools.clone(),
            "defer_loading",
            tool_with("defer_loading", json!(true)),
        ),
        beside(
            tools.clone(),
            "tools[].eager_input_streaming",
            tool_with("eager_input_streaming", json!(true)),
        ),
        beside(
            search(json!({})),
            "tools[].max_uses",
            search(json!({"max_uses": 3})),
        ),
        beside(
            search(json!({})),
            "tools[].blocked_domains",
            search(json!({"blocked_domains": ["x.test"]})),
        ),
        beside(
            tools.clone(),
            "tools[0]",
            json!({"tools": [{"name": "DeferredToolPlaceholder", "defer_loading": true, "input_schema": {}}, tool]}),
        ),
        // The line that spoils every prompt cache.
        by_both(
            "system[0]",
            json!({"system": [text("x-anthropic-billing-header: v=1")]}),
        ),
        // An output without a call, a call without an output, thoughts of another house, work of another house's servers.
        by_both(
            "messages[0].content[0]",
            json!({"messages": [user(json!({"type": "tool_result", "tool_use_id": "t", "content": "r"})), hi]}),
        ),
        beside(
            before.clone(),
            "messages[1].content[1]",
            history(json!([text("a"), {"type": "tool_use", "id": "t", "name": "f", "input": {}}])),
        ),
        beside(
            before.clone(),
            "messages[1].content[0]",
            history(
                json!([{"type": "thinking", "thinking": "hm", "signature": "EqQBCkY"}, text("a")]),
            ),
        ),
        beside(
            before,
            "messages[1].content[0]",
            history(
                json!([{"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}, text("a")]),
            ),
        ),
        by_chatgpt("max_tokens", json!({"max_tokens": 50})),
        by_chatgpt("temperature", json!({"temperature": 0.5})),
        by_chatgpt("top_p", json!({"top_p": 0.5})),
    ];
    let base = json!({"model": "claude-sonnet-4-5", "messages": [hi]});
    tells_the_truth("/v1/messages", base, fields).await;
}

#[tokio::test]
async fn every_dropped_field_of_a_picture_is_named() {
    // An API key has the endpoint itself and gets everything.
    let fields = vec![
        by_chatgpt("user", json!({"user": "u"})),
        by_chatgpt("style", json!({"style": "vivid"})),
        by_chatgpt("zeta", json!({"zeta": 1})),
    ];
    let base = json!({"prompt": "a red ball"});
    tells_the_truth("/v1/images/generations", base.clone(), fields).await;

    let asker = Asker::new(Upstream::ChatGpt, "/v1/images/generations", &base).await;
    let partial = json!({"partial_images": 2});
    let (said, _) = asker.ask(false, &[&partial]).await;
    assert_eq!(
        said.as_deref(),
        Some("partial_images"),
        "there is no stream to show them in"
    );
    assert_eq!(asker.ask(true, &[&partial]).await.0, None);
}

#[tokio::test]
async fn every_dropped_field_of_a_count_of_tokens_is_named() {
    let rig = Rig::over([]).await;
    let mut body = json!({"model": "claude-x", "messages": [{"role": "user", "content": "hi"}]});
    for (top_k, said) in [(Value::Null, None), (json!(3), Some("top_k".to_owned()))] {
        body["top_k"] = top_k;
        let reply = rig.post("/v1/messages/count_tokens", &body).send().await;
        assert_eq!(header(&reply.unwrap(), "x-codex-router-dropped"), said);
    }
}

#[tokio::test]
async fn only_what_the_upstream_that_answered_did_not_see_is_named() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    sim.add(Account::chatgpt("work"));
    sim.add(Account::api_key("key"));
    let members = ["work", "key"].map(|name| member(name, access(&sim.auth_json(name)), 0));
    let mut rig = Rig::start(sim, members.into(), Limits::default()).await;
    rig.sim
        .reply_next("work", [Reply::usage_limit(Duration::from_secs(60))]);
    let mut request = chat_request("hi");
    request["max_tokens"] = json!(50);
    request["temperature"] = json!(0.5);
    request["seed"] = json!(7);
    let reply = rig.chat(request).await;
    assert_eq!(reply.status(), 200);
    assert_eq!(header(&reply, "x-codex-router-dropped").unwrap(), "seed");
    let bodies = rig.requests();
    let told = |at: usize| {
        let body = bodies[at].json();
        (
            body.get("max_output_tokens").cloned(),
            body.get("temperature").cloned(),
        )
    };
    assert_eq!(told(0), (None, None), "the ChatGPT backend refuses both");
    assert_eq!(told(1), (Some(json!(50)), Some(json!(0.5))));
    let (_, done) = rig.told().await;
    assert_eq!(done.dropped, ["seed"], "the record says the same");
}

#[tokio::test]
async fn nothing_of_codex_is_ever_dropped() {
    let rig = Rig::over(["work"]).await;
    let mut request = codex_request();
    request["field_of_tomorrow"] = json!(1);
    let reply = rig.responses_of_codex(&request).await;
    assert_eq!(header(&reply, "x-codex-router-dropped"), None);
    assert_eq!(rig.requests()[0].body, request.to_string());
}
