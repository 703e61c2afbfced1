//! Every class of failure in the words of every dialect: status, names, and whether to try again.

use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;

use crate::pool::{Choice, LeftOut, WhyNot};
use crate::router::answer::AnswerBody;
use crate::router::azure;
use crate::router::exhausted::Exhausted;
use crate::router::reply::{Refusal, UpstreamRefusal};
use crate::router::setback::Setback;
use crate::translate::{Failure, RequestError};

use super::*;

fn name(text: &str) -> ProfileName {
    ProfileName::parse(text).unwrap()
}

fn exhausted(left_out: &[(WhyNot, Option<u64>)], tried: Vec<Setback>) -> Refusal {
    let now = SystemTime::now();
    let left_out = left_out.iter().map(|(why, until)| LeftOut {
        name: name("left-out"),
        why: *why,
        until: until.map(|secs| now + Duration::from_secs(secs)),
    });
    let choice = Choice {
        candidates: vec![],
        left_out: left_out.collect(),
        ..Choice::default()
    };
    let tried: Vec<_> = tried
        .into_iter()
        .map(|setback| (name("tried"), setback))
        .collect();
    Refusal::Exhausted(Box::new(Exhausted::new(
        &choice,
        &Pool::default(),
        &tried,
        now,
    )))
}

fn failing(what: &str) -> Setback {
    Setback::Failing { what: what.into() }
}

fn throttled(millis: u64) -> Setback {
    Setback::Throttled {
        retry_after: Some(Duration::from_millis(millis)),
    }
}

fn upstream(status: u16, body: &str) -> Refusal {
    Refusal::Upstream(Box::new(UpstreamRefusal {
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::new(),
        body: body.to_owned().into(),
        failure: Failure::from_body(body.as_bytes()),
        is_for_codex: false,
    }))
}

fn overloaded() -> Failure {
    Failure {
        code: Some("server_is_overloaded".into()),
        message: "busy".into(),
        ..Failure::default()
    }
}

/// What the headers say about trying again: `x-should-retry`, `retry-after`, `retry-after-ms`.
fn retries(reply: &http::Response<AnswerBody>) -> [Option<String>; 3] {
    ["x-should-retry", "retry-after", "retry-after-ms"].map(|name| {
        let value = reply.headers().get(name)?;
        Some(value.to_str().unwrap().to_owned())
    })
}

async fn body_of(reply: http::Response<AnswerBody>) -> Value {
    let body = reply.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap()
}

/// A class, how it comes about, the status and code for OpenAI, status and type for Anthropic, Azure's code, `x-should-retry`,
/// `retry-after`, `retry-after-ms`.
type Row = (
    &'static str,
    fn() -> Refusal,
    (u16, &'static str, &'static str),
    (u16, &'static str),
    &'static str,
    [Option<&'static str>; 3],
);

const NO: [Option<&str>; 3] = [Some("false"), None, None];
const SILENT: [Option<&str>; 3] = [None, None, None];

#[rustfmt::skip]
const TABLE: &[Row] = &[
    ("a field is wrong", || RequestError::at("n", "no").with_code("unsupported_value").into(),
        (400, "invalid_request_error", "unsupported_value"), (400, "invalid_request_error"), "unsupported_value", SILENT),
    ("a form no client sends", || Refusal::BadForm("no"),
        (400, "invalid_request_error", "bad_request"), (400, "invalid_request_error"), "bad_request", SILENT),
    ("two keys", || Refusal::TwoKeys,
        (400, "invalid_request_error", "two_api_keys"), (400, "invalid_request_error"), "two_api_keys", SILENT),
    ("a web page", || Refusal::ForeignPage,
        (403, "permission_error", "origin_not_allowed"), (403, "permission_error"), "403", SILENT),
    ("no such path", || Refusal::NoSuchRoute,
        (404, "invalid_request_error", "unknown_path"), (404, "not_found_error"), "404", SILENT),
    ("no such model", || Refusal::NoSuchModel { id: "x".into() },
        (404, "invalid_request_error", "model_not_found"), (404, "not_found_error"), "DeploymentNotFound", SILENT),
    ("needs an API key", || Refusal::NeedsKey { what: "embeddings" },
        (404, "invalid_request_error", "model_not_found"), (404, "not_found_error"), "DeploymentNotFound", SILENT),
    ("needs what an API keeps", || Refusal::NotKept { field: "previous_response_id" },
        (400, "invalid_request_error", "previous_response_not_found"), (400, "invalid_request_error"), "previous_response_not_found", SILENT),
    ("a slow body", || Refusal::BodySlow,
        (408, "invalid_request_error", "request_timeout"), (408, "invalid_request_error"), "408", SILENT),
    ("a large body", || Refusal::BodyTooLarge { limit_bytes: 7 },
        (413, "invalid_request_error", "request_too_large"), (413, "request_too_large"), "413", SILENT),
    ("no JSON", || Refusal::NotJson,
        (415, "invalid_request_error", "not_json"), (415, "invalid_request_error"), "415", SILENT),
    ("busy", || Refusal::Busy,
        (503, "router_error", "router_busy"), (529, "overloaded_error"), "503", [None, Some("1"), Some("1000")]),
    ("stopping", || Refusal::Stopping,
        (503, "router_error", "router_stopping"), (503, "api_error"), "503", SILENT),
    ("our own mistake", || Refusal::Panicked,
        (500, "router_error", "internal_error"), (500, "api_error"), "500", NO),

    ("used up for hours", || exhausted(&[(WhyNot::Empty, Some(7_200))], vec![]),
        (429, "usage_limit_reached", "usage_limit_reached"), (429, "rate_limit_error"), "429", [Some("false"), Some("7200"), None]),
    ("used up for a minute", || exhausted(&[(WhyNot::Empty, Some(60))], vec![]),
        (429, "usage_limit_reached", "usage_limit_reached"), (429, "rate_limit_error"), "429", [None, Some("60"), Some("60000")]),
    ("used up, until when is not known", || exhausted(&[(WhyNot::Empty, None)], vec![]),
        (429, "usage_limit_reached", "usage_limit_reached"), (429, "rate_limit_error"), "429", NO),
    ("throttled", || exhausted(&[], vec![throttled(1_500)]),
        (429, "rate_limit_error", "rate_limit_exceeded"), (429, "rate_limit_error"), "429", [None, Some("2"), Some("1500")]),
    ("in trouble, asked once", || exhausted(&[], vec![failing("status 500")]),
        (503, "router_error", "no_account_available"), (503, "api_error"), "503", SILENT),
    ("in trouble, asked twice", || exhausted(&[], vec![failing("status 500"), Setback::Cut]),
        (503, "router_error", "no_account_available"), (503, "api_error"), "503", NO),
    ("overloaded", || exhausted(&[], vec![Setback::Overloaded { retry_after: None }]),
        (503, "router_error", "no_account_available"), (529, "overloaded_error"), "503", SILENT),
    ("signed out", || exhausted(&[(WhyNot::SignInAgain, None)], vec![]),
        (503, "router_error", "no_account_available"), (503, "api_error"), "503", NO),
    ("an upstream's 401", || exhausted(&[], vec![Setback::Unauthorized]),
        (503, "router_error", "no_account_available"), (503, "api_error"), "503", NO),

    ("too long", || upstream(400, r#"{"error":{"message":"m","type":"invalid_request_error","code":"context_length_exceeded"}}"#),
        (400, "invalid_request_error", "context_length_exceeded"), (400, "invalid_request_error"), "context_length_exceeded", SILENT),
    ("a detail", || upstream(400, r#"{"detail":"no"}"#),
        (400, "invalid_request_error", ""), (400, "invalid_request_error"), "BadRequest", SILENT),
    ("a model of nobody", || upstream(404, r#"{"error":{"message":"m","type":"invalid_request_error","code":"model_not_found"}}"#),
        (404, "invalid_request_error", "model_not_found"), (404, "not_found_error"), "DeploymentNotFound", SILENT),
    ("a conflict", || upstream(409, r#"{"error":{"message":"m"}}"#),
        (409, "invalid_request_error", ""), (409, "invalid_request_error"), "409", NO),
    ("unprocessable", || upstream(422, r#"{"detail":[{"loc":["body","input"],"msg":"m"}]}"#),
        (422, "invalid_request_error", ""), (422, "invalid_request_error"), "422", SILENT),

    ("cut", || Refusal::Failed(Box::new(Failure::truncated())),
        (502, "upstream_error", "upstream_stream_truncated"), (502, "api_error"), "502", SILENT),
    ("cut after a retry", || Refusal::Failed(Box::new(Failure::truncated())).after_retries(1),
        (502, "upstream_error", "upstream_stream_truncated"), (502, "api_error"), "502", NO),
    ("more than is collected", || Refusal::Failed(Box::new(Failure::too_large(1))),
        (502, "upstream_error", "upstream_answer_too_large"), (502, "api_error"), "502", NO),
    ("overloaded in the middle", || Refusal::Failed(Box::new(overloaded())),
        (503, "upstream_error", "server_is_overloaded"), (529, "overloaded_error"), "503", SILENT),
    ("no answer", || Refusal::TimedOut(Duration::from_secs(60)),
        (504, "upstream_error", "upstream_timeout"), (504, "timeout_error"), "504", NO),
];

#[tokio::test]
async fn every_class_of_failure_is_told_in_every_dialect() {
    for (class, refusal, openai, anthropic, azure, expected) in TABLE {
        let expected = expected.map(|text| text.map(str::to_owned));
        let reply = refusal().into_reply();
        assert_eq!(retries(&reply), expected, "{class}");
        let status = reply.status().as_u16();
        let error = body_of(reply).await["error"].clone();
        let text = |field: &str| error[field].as_str().unwrap_or_default().to_owned();
        assert_eq!((status, &*text("type"), &*text("code")), *openai, "{class}");
        assert!(!text("message").is_empty(), "{class}");

        let reply = refusal().into_messages_reply("req_1");
        assert_eq!(retries(&reply), expected, "{class}");
        let status = reply.status().as_u16();
        let body = body_of(reply).await;
        let kind = body["error"]["type"].as_str().unwrap();
        assert_eq!((status, kind), *anthropic, "{class}");
        assert_eq!(
            (&body["type"], &body["request_id"]),
            (&json!("error"), &json!("req_1"))
        );

        let reply = azure::reply(refusal());
        assert_eq!(retries(&reply), expected, "{class}");
        assert_eq!(reply.status().as_u16(), openai.0, "{class}");
        assert_eq!(body_of(reply).await["error"]["code"], *azure, "{class}");
    }
}

#[tokio::test]
async fn codex_reads_an_upstreams_refusal_as_it_came() {
    let said = r#"{ "detail": "no" }"#;
    let Refusal::Upstream(mut refusal) = upstream(400, said) else {
        panic!("another refusal");
    };
    refusal.is_for_codex = true;
    let reply = Refusal::Upstream(refusal).into_reply();
    assert_eq!(reply.status(), 400);
    assert_eq!(reply.into_body().collect().await.unwrap().to_bytes(), said);
}

#[tokio::test]
async fn every_refusal_has_the_id_of_its_request() {
    let rig = Rig::over(["work"]).await;
    for (path, body) in [
        ("/v1/nothing", json!({})),
        ("/v1/chat/completions", json!([])),
        ("/openai/deployments/x/chat/completions", json!({})),
        ("/v1/messages", json!({})),
    ] {
        let reply = rig.post(path, &body).send().await.unwrap();
        assert!(reply.status().is_client_error(), "{path}");
        let id = header(&reply, "x-request-id").unwrap();
        assert!(id.starts_with("req_"), "{path}");
        if path == "/v1/messages" {
            assert_eq!(header(&reply, "request-id"), Some(id));
        }
    }
}
