//! How much a model is told to think, by what the list of its account says that it can.

use super::*;

/// The list has been asked for; the simulator's models have `low`, `medium`, `high` and `xhigh`.
async fn over_a_known_list() -> Rig {
    let rig = Rig::over(["work"]).await;
    let list = http().get(rig.url("/v1/models"));
    let asked = list.header("authorization", "Bearer unused").send();
    let asked = asked.await.unwrap();
    assert_eq!(asked.status(), 200);
    rig
}

fn sent(rig: &Rig) -> Value {
    rig.requests().pop().unwrap().json()["reasoning"]["effort"].clone()
}

fn dropped(reply: &reqwest::Response) -> Option<String> {
    header(reply, "x-codex-router-dropped")
}

#[tokio::test]
async fn a_chat_gets_the_nearest_effort_that_its_model_has_and_is_told_so() {
    let rig = over_a_known_list().await;
    for (asked, given, told) in [
        ("medium", "medium", None),
        ("minimal", "low", Some("reasoning_effort")),
        ("none", "low", Some("reasoning_effort")),
        ("ultra", "xhigh", Some("reasoning_effort")),
        ("max", "xhigh", None),
        ("of-tomorrow", "of-tomorrow", None),
    ] {
        let mut request = chat_request("hi");
        request["reasoning_effort"] = asked.into();
        let reply = rig.chat(request).await;
        assert_eq!(reply.status(), 200, "{asked}");
        assert_eq!(
            (dropped(&reply).as_deref(), sent(&rig)),
            (told, json!(given)),
            "{asked}"
        );
    }
}

#[tokio::test]
async fn a_message_without_thinking_thinks_the_least_that_its_model_can() {
    let rig = over_a_known_list().await;
    let ask = async |field: &str, value: Value| {
        let mut request = json!({"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]});
        request[field] = value;
        let reply = rig.post("/v1/messages", &request).send().await.unwrap();
        assert_eq!(reply.status(), 200);
        let told = dropped(&reply).unwrap_or_default();
        let told: Vec<String> = told.split(", ").map(str::to_owned).collect();
        (sent(&rig), told)
    };
    let (effort, told) = ask("thinking", json!({"type": "disabled"})).await;
    assert_eq!(effort, "low");
    assert!(told.contains(&"thinking".to_owned()), "{told:?}");
    let (effort, told) = ask("output_config", json!({"effort": "max"})).await;
    assert_eq!(effort, "xhigh");
    assert!(!told.iter().any(|name| name.contains("effort")), "{told:?}");
    let (effort, told) = ask("output_config", json!({"effort": "ultra"})).await;
    assert_eq!(effort, "xhigh");
    assert!(
        told.contains(&"output_config.effort".to_owned()),
        "{told:?}"
    );
}

#[tokio::test]
async fn an_effort_is_as_it_was_asked_while_nothing_is_known_of_the_model() {
    let rig = Rig::over(["work"]).await;
    for asked in ["minimal", "max"] {
        let mut request = chat_request("hi");
        request["reasoning_effort"] = asked.into();
        let reply = rig.chat(request).await;
        assert_eq!((dropped(&reply), sent(&rig)), (None, json!(asked)));
    }
}

#[tokio::test]
async fn what_is_known_from_an_earlier_run_counts() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    sim.add(Account::chatgpt("work"));
    let members = vec![member("work", access(&sim.auth_json("work")), 0)];
    let model = crate::translate::models::Model {
        slug: MODEL.into(),
        is_listable: true,
        is_supported_in_api: true,
        efforts: vec!["none".into(), "high".into()],
    };
    let known = vec![(ProfileName::parse("work").unwrap(), [model].into())];
    let known = Known {
        offers: known,
        ..Known::default()
    };
    let endpoints = endpoints(&sim);
    let rig = Rig::knowing(sim, endpoints, members, Limits::default(), known).await;
    let mut request = chat_request("hi");
    request["thinking"] = json!({"type": "disabled"});
    let reply = rig.chat(request).await;
    assert_eq!((dropped(&reply), sent(&rig)), (None, json!("none")));
}

#[tokio::test]
async fn a_body_in_the_upstreams_own_dialect_keeps_its_effort() {
    let rig = over_a_known_list().await;
    for originator in ["codex_exec", "something else"] {
        let request = json!({"model": MODEL, "input": [], "stream": true, "instructions": "i", "store": false,
            "reasoning": {"effort": "minimal"}});
        let request = rig
            .post("/v1/responses", &request)
            .header("originator", originator);
        let reply = request.send().await.unwrap();
        assert_eq!((dropped(&reply), sent(&rig)), (None, json!("minimal")));
    }
}
