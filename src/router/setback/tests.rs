//! What is read out of refusals, and what follows.

use super::*;

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn of_reply(status: u16, body: &str) -> Setback {
    let status = StatusCode::from_u16(status).unwrap();
    let body = Bytes::copy_from_slice(body.as_bytes());
    Setback::of_reply(status, HeaderMap::new(), body, NOW)
}

fn of_event(data: &str) -> Setback {
    Setback::of_event(Failure::from_event(data.as_bytes()), NOW)
}

fn word(setback: &Setback) -> String {
    let name = format!("{setback:?}");
    let end = name.find([' ', '(']).unwrap_or(name.len());
    name[..end].to_owned()
}

#[test]
fn a_model_that_reads_no_pictures_is_told_from_a_picture_that_is_broken() {
    let says = |status, message: &str| {
        let body = serde_json::json!({"error": {"message": message, "code": status}});
        match of_reply(status, &body.to_string()) {
            Setback::ClientFault(said) => said.refuses_pictures(),
            other => panic!("{other:?}"),
        }
    };
    assert!(says(500, "image input is not supported by this server"));
    assert!(says(
        500,
        "Unsupported content part type: \"image_url\"; messages = []"
    ));
    assert!(says(
        400,
        "deepseek-ai/DeepSeek-V3 is not a multimodal model"
    ));
    assert!(says(
        400,
        "messages[13]: unknown variant image_url, expected text"
    ));
    assert!(says(
        404,
        "No endpoints found that do not support image input"
    ));
    assert!(!says(
        400,
        "Invalid image_url: the picture could not be loaded"
    ));
    assert!(!says(400, "messages: too many"));
}

#[test]
fn the_limit_of_a_family_of_models_is_not_the_accounts() {
    for (limit, is_of_model) in [("codex", false), ("codex_spark", true)] {
        let headers = [("x-codex-active-limit", limit)];
        let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let body = r#"{"error":{"type":"usage_limit_reached"}}"#.into();
        let headers = HeaderMap::from_iter(headers);
        let setback = Setback::of_reply(StatusCode::TOO_MANY_REQUESTS, headers, body, NOW);
        let result = setback.result("m").unwrap();
        let is = matches!(result, AttemptResult::ModelLimit { .. });
        assert_eq!(is, is_of_model, "{limit}");
    }
}

#[test]
fn a_refusal_by_status_is_understood() {
    for (status, body, expected) in [
        (
            429,
            r#"{"error":{"type":"usage_limit_reached"}}"#,
            "UsageLimit",
        ),
        (
            403,
            r#"{"error":{"type":"usage_not_included"}}"#,
            "AccountRefused",
        ),
        (
            429,
            r#"{"error":{"code":"insufficient_quota"}}"#,
            "UsageLimit",
        ),
        (402, r#"{"detail":"pay"}"#, "UsageLimit"),
        (
            402,
            r#"{"detail":{"code":"deactivated_workspace"}}"#,
            "AccountRefused",
        ),
        (
            429,
            r#"{"error":{"code":"rate_limit_exceeded"}}"#,
            "Throttled",
        ),
        (429, "", "Throttled"),
        (
            401,
            r#"{"error":{"code":"token_expired","type":"invalid_request_error"}}"#,
            "Unauthorized",
        ),
        (401, "", "Unauthorized"),
        (
            401,
            r#"{"error":{"code":"account_deactivated"}}"#,
            "AccountRefused",
        ),
        (
            400,
            r#"{"detail":"Unsupported parameter: user"}"#,
            "ClientFault",
        ),
        (
            400,
            r#"{"error":{"type":"invalid_request_error","code":"context_length_exceeded"}}"#,
            "ClientFault",
        ),
        (404, "not found", "ClientFault"),
        (
            404,
            r#"{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}"#,
            "ModelNotSupported",
        ),
        (
            404,
            r#"{"error":{"message":"model \"llama\" not found, try pulling it first","type":"api_error"}}"#,
            "ModelNotSupported",
        ),
        (
            404,
            r#"{"object":"error","message":"The model `x` does not exist.","code":404}"#,
            "ModelNotSupported",
        ),
        (
            401,
            r#"{"error":{"code":"401","message":"Access denied"}}"#,
            "Unauthorized",
        ),
        (
            404,
            r#"{"error":{"code":"404","message":"Resource not found"}}"#,
            "ClientFault",
        ),
        (413, "", "ClientFault"),
        (
            422,
            r#"{"detail":[{"msg":"x","loc":["body","input"]}]}"#,
            "ClientFault",
        ),
        (
            400,
            r#"{"detail":"The 'x' model is not supported when using Codex with a ChatGPT account."}"#,
            "ModelNotSupported",
        ),
        (
            404,
            r#"{"error":{"type":"invalid_request_error","code":"model_not_found"}}"#,
            "ModelNotSupported",
        ),
        (
            503,
            r#"{"error":{"code":"server_is_overloaded"}}"#,
            "Overloaded",
        ),
        (503, "", "Overloaded"),
        (529, r#"{"type":"error"}"#, "Overloaded"),
        (
            400,
            r#"{"detail":"The selected model is at capacity."}"#,
            "Overloaded",
        ),
        (500, "", "Failing"),
        (520, "<html>", "Failing"),
        (403, r#"{"detail":"no"}"#, "Failing"),
        (308, "", "Failing"),
    ] {
        assert_eq!(word(&of_reply(status, body)), expected, "{status} {body}");
    }
}

#[test]
fn a_refusal_inside_a_stream_is_understood() {
    let failed = |code: &str| {
        format!(
            r#"{{"type":"response.failed","response":{{"error":{{"code":"{code}","message":"fake"}}}}}}"#
        )
    };
    for (code, expected) in [
        ("usage_limit_reached", "UsageLimit"),
        ("rate_limit_exceeded", "Throttled"),
        ("server_is_overloaded", "Overloaded"),
        ("brand_new", "Failing"),
        ("context_length_exceeded", "ClientFault"),
        ("invalid_prompt", "ClientFault"),
    ] {
        assert_eq!(word(&of_event(&failed(code))), expected, "{code}");
    }
    let by_status = r#"{"type":"error","status":429,"error":{"type":"usage_limit_reached","resets_in_seconds":60}}"#;
    assert_eq!(word(&of_event(by_status)), "UsageLimit");
}

#[test]
fn the_reset_comes_from_the_body_before_the_headers_and_is_kept_sane() {
    let resets_at = |body: &str| match of_reply(429, body) {
        Setback::UsageLimit { told, .. } => {
            told.map(|told| told.until.duration_since(NOW).unwrap().as_secs())
        }
        other => panic!("{other:?}"),
    };
    let body =
        |fields: &str| format!(r#"{{"error":{{"type":"usage_limit_reached",{fields}"x":0}}}}"#);
    assert_eq!(
        resets_at(&body(r#""resets_at":900,"resets_in_seconds":5,"#)),
        Some(900)
    );
    assert_eq!(resets_at(&body(r#""resets_in_seconds":5,"#)), Some(5));
    assert_eq!(resets_at(&body(r#""resets_at":0,"#)), Some(1));
    assert_eq!(
        resets_at(&body(r#""resets_at":18446744073709551615,"#)),
        None
    );
    assert_eq!(
        resets_at(&body(r#""resets_in_seconds":99999999,"#)),
        Some(8 * 24 * 3600)
    );
    assert_eq!(resets_at(&body("")), None);
}

#[test]
fn a_challenge_page_is_no_accounts_fault() {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "text/html; charset=UTF-8".parse().unwrap());
    let setback = Setback::of_reply(StatusCode::FORBIDDEN, headers, Bytes::new(), NOW);
    assert_eq!(setback.result("m"), Some(AttemptResult::Challenged));
}

#[test]
fn not_every_404_means_that_the_path_is_missing() {
    for (status, body, is_missing) in [
        (404, r#"{"detail":"Not Found"}"#, true),
        (
            404,
            r#"{"error":{"message":"Invalid URL (POST /v1/responses/compact)","type":"invalid_request_error","param":null,"code":null}}"#,
            true,
        ),
        (
            404,
            r#"{"error":{"message":"Invalid URL","code":"unknown_url"}}"#,
            true,
        ),
        (404, "404 page not found", true),
        (405, "", true),
        (
            404,
            "Item with id 'rs_1' not found. Items are not persisted when `store` is set to false.",
            false,
        ),
        (
            404,
            r#"{"error":{"message":"No such file","code":"file_not_found"}}"#,
            false,
        ),
        (
            404,
            r#"{"error":{"code":"404","message":"Resource not found"}}"#,
            true,
        ),
        (
            404,
            r#"{"error":{"message":"Item with id 'rs_1' not found.","type":"invalid_request_error"}}"#,
            false,
        ),
        (
            404,
            r#"{"error":{"message":"Response with id 'resp_1' not found.","code":404}}"#,
            false,
        ),
        (400, r#"{"detail":"Not Found"}"#, false),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let said = Said {
            failure: Failure::from_body(body.as_bytes()),
            reply: Some((status, HeaderMap::new(), body.into())),
        };
        assert_eq!(said.lacks_path(), is_missing, "{status} {body}");
    }
}
