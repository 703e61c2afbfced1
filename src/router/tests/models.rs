//! Model lists, in the shape that the client asks for.

use super::*;
use crate::pool::RestCause;

async fn get(rig: &Rig, path: &str) -> (u16, Option<String>, Value) {
    let reply = http().get(rig.url(path)).send().await.unwrap();
    let status = reply.status().as_u16();
    let etag = header(&reply, "etag");
    let body = serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap();
    (status, etag, body)
}

fn ids(list: &Value) -> Vec<&str> {
    let data = list["data"].as_array().unwrap();
    data.iter()
        .map(|model| model["id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn codex_gets_the_backends_own_document() {
    let rig = Rig::over(["work"]).await;
    let (status, etag, body) = get(&rig, "/v1/models?client_version=0.169.0").await;
    assert_eq!(status, 200);
    assert!(etag.is_some());
    let slugs: Vec<_> = body["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| &model["slug"])
        .collect();
    assert!(
        slugs.contains(&&json!("codex-auto-review")),
        "hidden ones included"
    );
    assert!(body["models"][0]["supported_reasoning_levels"].is_array());
    let asked = rig.sim.asked().pop().unwrap();
    assert_eq!(asked.query, "client_version=0.169.0");
}

#[tokio::test]
async fn others_get_the_openai_list_without_hidden_models() {
    let rig = Rig::over(["work"]).await;
    let (status, _, body) = get(&rig, "/models").await;
    assert_eq!(status, 200);
    assert_eq!(body["object"], "list");
    assert!(ids(&body).contains(&MODEL));
    assert!(!ids(&body).contains(&"codex-auto-review"));
    let (status, _, body) = get(&rig, "/v1/models/gpt-5.5").await;
    assert_eq!((status, body["id"].as_str()), (200, Some(MODEL)));
    let (status, _, body) = get(&rig, "/v1/models/gpt-2").await;
    assert_eq!(
        (status, body["error"]["code"].as_str()),
        (404, Some("model_not_found"))
    );
}

#[tokio::test]
async fn the_upstream_is_asked_once_for_a_while() {
    let rig = Rig::over(["work"]).await;
    for _ in 0..3 {
        get(&rig, "/v1/models").await;
    }
    assert_eq!(rig.sim.count("/backend-api/codex/models"), 1);
}

#[tokio::test]
async fn a_refused_login_is_no_reason_to_have_no_list() {
    let rig = Rig::over(["work", "home"]).await;
    rig.sim.revoke_access("work");
    let (_, _, body) = get(&rig, "/v1/models").await;
    assert!(ids(&body).contains(&MODEL));
    assert_eq!(rig.sim.count("/backend-api/codex/models"), 2);
}

#[tokio::test]
async fn both_services_are_listed_together() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    sim.add(Account::chatgpt("work").models(["gpt-5.5"]));
    sim.add(Account::api_key("key").models(["gpt-5.5", "gpt-4o"]));
    let members = ["work", "key"].map(|name| member(name, access(&sim.auth_json(name)), 0));
    let rig = Rig::start(sim, members.into(), Limits::default()).await;
    let (_, _, body) = get(&rig, "/v1/models").await;
    assert_eq!(ids(&body), ["gpt-5.5", "gpt-4o"]);
}

#[tokio::test]
async fn when_nobody_answers_there_is_a_built_in_list() {
    let rig = Rig::nowhere("work").await;
    let (status, _, body) = get(&rig, "/v1/models").await;
    assert_eq!(status, 200);
    assert!(ids(&body).contains(&MODEL));
    let (_, _, body) = get(&rig, "/v1/models?client_version=0.169.0").await;
    assert!(body["models"][0]["base_instructions"].is_string());
}

fn model(slug: &str) -> crate::translate::models::Model {
    crate::translate::models::Model {
        slug: slug.into(),
        is_listable: true,
        is_supported_in_api: true,
        efforts: Vec::new(),
    }
}

#[tokio::test]
async fn what_each_account_offers_is_listed_once_in_an_order_that_usage_does_not_change() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    sim.add(Account::chatgpt("work").models(["gpt-5.5", "gpt-x"]));
    sim.add(Account::chatgpt("home").models(["gpt-y", "gpt-5.5"]));
    sim.add(Account::api_key("api").models(["gpt-4o", "gpt-x"]));
    for order in [["work", "home", "api"], ["api", "home", "work"]] {
        let members = order.iter().enumerate();
        let members =
            members.map(|(place, name)| member(name, access(&sim.auth_json(name)), place));
        let rig = Rig::start(sim.clone(), members.collect(), Limits::default()).await;
        let (_, _, body) = get(&rig, "/v1/models").await;
        assert_eq!(ids(&body), ["gpt-y", "gpt-5.5", "gpt-x", "gpt-4o"]);
        let (status, _, _) = get(&rig, "/v1/models/gpt-4o").await;
        assert_eq!(status, 200);
    }
}

#[tokio::test]
async fn a_list_of_an_earlier_run_is_served_at_once_and_renewed_behind_it() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    sim.add(Account::chatgpt("work").models(["gpt-5.5"]));
    let members = vec![member("work", access(&sim.auth_json("work")), 0)];
    let known = vec![(
        ProfileName::parse("work").unwrap(),
        [model("gpt-old")].into(),
    )];
    let known = Known {
        offers: known,
        ..Known::default()
    };
    let endpoints = endpoints(&sim);
    let mut rig = Rig::knowing(sim, endpoints, members, Limits::default(), known).await;
    let (_, _, body) = get(&rig, "/v1/models").await;
    assert_eq!(ids(&body), ["gpt-old"]);
    let Report::Models { profile, models } = rig.report().await else {
        panic!("the list is news");
    };
    assert_eq!(
        (profile.as_str(), models[0].slug.as_str()),
        ("work", "gpt-5.5")
    );
    let (_, _, body) = get(&rig, "/v1/models").await;
    assert_eq!(ids(&body), ["gpt-5.5"]);
    assert_eq!(rig.sim.count("/backend-api/codex/models"), 1);
}

#[tokio::test]
async fn a_model_that_an_account_was_refused_is_not_advertised_for_it() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    sim.add(Account::chatgpt("work").models(["gpt-5.5", "gpt-x", "gpt-y"]));
    sim.add(Account::chatgpt("home").models(["gpt-y"]));
    let mut work = member("work", access(&sim.auth_json("work")), 0);
    let now = SystemTime::now();
    for model in ["gpt-x", "gpt-y"] {
        let until = now + Duration::from_secs(3_600);
        work = work.paused(Some(model), RestCause::LacksModel, now, until);
    }
    let home = member("home", access(&sim.auth_json("home")), 1);
    let rig = Rig::start(sim, vec![work, home], Limits::default()).await;
    let (_, _, body) = get(&rig, "/v1/models").await;
    assert_eq!(ids(&body), ["gpt-y", "gpt-5.5"]);
}

#[tokio::test]
async fn a_name_that_the_user_made_up_is_served_and_listed_where_its_model_is_there() {
    let rig = Rig::naming("work", "gpt-4o=gpt-5.5, gpt-old-*=gpt-5.5, lost=gpt-none").await;
    let (_, _, body) = get(&rig, "/v1/models").await;
    let ids = ids(&body);
    assert_eq!(ids.last(), Some(&"gpt-4o"), "behind what upstreams offer");
    assert!(
        !ids.contains(&"lost") && !ids.contains(&"gpt-old-*"),
        "{ids:?}"
    );
    for (id, status) in [("gpt-4o", 200), ("gpt-old-1", 200), ("lost", 404)] {
        let (found, _, _) = get(&rig, &format!("/v1/models/{id}")).await;
        assert_eq!(found, status, "{id}");
    }

    let messages = json!([{"role": "user", "content": "hi"}]);
    for (path, body, echoed) in [
        (
            "/v1/chat/completions",
            json!({"messages": messages}),
            "gpt-4o",
        ),
        ("/v1/completions", json!({"prompt": "hi"}), "gpt-4o"),
        // A Responses client is told by the upstream itself who answered.
        ("/v1/responses", json!({"input": "hi"}), MODEL),
    ] {
        let mut body = body;
        body["model"] = json!("gpt-4o");
        let reply = rig.post(path, &body).send().await.unwrap();
        assert_eq!(reply.status(), 200, "{path}");
        let answer: Value = serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap();
        assert_eq!(answer["model"], echoed, "{path}");
        assert_eq!(rig.requests().pop().unwrap().json()["model"], MODEL);
    }
}

#[tokio::test]
async fn a_name_that_nobody_made_up_goes_on_as_it_is() {
    let mut rig = Rig::naming("work", "gpt-4o=gpt-5.5").await;
    rig.chat(
        json!({"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "hi"}]}),
    )
    .await;
    assert_eq!(
        rig.requests()[0].json()["model"],
        "claude-sonnet-4-5",
        "what is built in is for clients of Anthropic"
    );
    rig.told().await;
    rig.chat(json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}))
        .await;
    let (_, done) = rig.told().await;
    assert_eq!(
        (done.model.as_str(), done.asked_model.as_str()),
        ("gpt-4o", MODEL)
    );
}

#[tokio::test]
async fn a_model_was_made_at_the_same_moment_in_every_list() {
    let rig = Rig::over(["work"]).await;
    let (_, _, first) = get(&rig, "/v1/models").await;
    let (_, _, one) = get(&rig, "/v1/models/gpt-5.5").await;
    let (_, _, again) = get(&Rig::over(["home"]).await, "/v1/models").await;
    assert_eq!(first, again, "clients compare lists");
    assert_eq!(one["created"], first["data"][0]["created"]);
}

#[tokio::test]
async fn a_refusal_that_is_hours_old_and_an_account_that_is_switched_off_count_for_nothing() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    sim.add(Account::chatgpt("work").models(["gpt-x"]));
    sim.add(Account::chatgpt("home").models(["gpt-y"]));
    let work = member("work", access(&sim.auth_json("work")), 0);
    let until = SystemTime::now() - Duration::from_secs(1);
    let since = until - Duration::from_secs(6 * 3_600);
    let work = work.paused(Some("gpt-x"), RestCause::LacksModel, since, until);
    let mut home = member("home", access(&sim.auth_json("home")), 1);
    Arc::make_mut(&mut home.terms).is_enabled = false;
    let rig = Rig::start(sim, vec![work, home], Limits::default()).await;
    let (_, _, body) = get(&rig, "/v1/models").await;
    assert_eq!(ids(&body), ["gpt-x"]);
}

#[tokio::test]
async fn codex_that_has_the_list_is_told_so() {
    let rig = Rig::over(["work"]).await;
    let ask = async |rig: &Rig, tag: Option<&str>| {
        let mut request = http().get(rig.url("/v1/models?client_version=0.169.0"));
        if let Some(tag) = tag {
            request = request.header("if-none-match", tag);
        }
        let reply = request.send().await.unwrap();
        let (status, etag) = (reply.status().as_u16(), header(&reply, "etag").unwrap());
        (status, etag, reply.bytes().await.unwrap().len())
    };
    let (status, etag, bytes) = ask(&rig, None).await;
    assert!(status == 200 && bytes > 0);
    assert_eq!(ask(&rig, Some(&etag)).await, (304, etag.clone(), 0));
    let several = format!("\"other\", {etag}");
    assert_eq!(ask(&rig, Some(&several)).await.0, 304);
    assert_eq!(ask(&rig, Some("\"other\"")).await.0, 200);

    let nowhere = Rig::nowhere("work").await;
    let (status, etag, _) = ask(&nowhere, None).await;
    assert_eq!(status, 200, "the built-in list has a tag as well");
    assert_eq!(ask(&nowhere, Some(&etag)).await.0, 304);
}
