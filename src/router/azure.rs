//! The forms of Azure OpenAI: a deployment in the path, and errors in a shape of its own.
//!
//! `openai-python: src/openai/lib/azure.py` says which requests go below a deployment; the header `api-key` is one of those
//! that `guard` knows. Any `api-version` will do. Below `/openai/v1` Azure speaks like OpenAI, errors included.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response, StatusCode};
use serde_json::{Map, Value, json};

use super::answer::AnswerBody;
use super::headers::content_type_of;
use super::reply::{JSON, Refusal};
use crate::translate::models::with_model;
use crate::translate::{RequestError, form};

/// `/openai/deployments/{name}{below}`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Deployed<'a> {
    pub(super) name: &'a str,
    pub(super) below: &'a str,
}

pub(super) fn deployed(path: &str) -> Option<Deployed<'_>> {
    let rest = path.strip_prefix("/openai/deployments/")?;
    let (name, below) = rest.split_at_checked(rest.find('/')?)?;
    (!name.is_empty()).then_some(Deployed { name, below })
}

/// The request for the model that the path names, be it JSON or a form.
///
/// # Errors
/// When the body is neither, or a form for another model.
pub(super) fn for_deployment(
    headers: &HeaderMap,
    body: &Bytes,
    name: &str,
) -> Result<Bytes, RequestError> {
    let content_type = content_type_of(headers);
    if form::is_form(content_type) {
        form::with_model(content_type, body, name)
    } else {
        with_model(body, name)
    }
}

/// Whether whoever asks at this path reads Azure's errors.
pub(super) fn is_azure(path: &str) -> bool {
    path.starts_with("/openai/") && !path.starts_with("/openai/v1/")
}

/// `{"error":{"code","message"}}`, where the code is always a text: the status if there is no better one.
pub(super) fn reply(refusal: Refusal) -> Response<AnswerBody> {
    let (status, body) = refusal.body();
    let code = match (status, body.code.as_deref()) {
        (StatusCode::NOT_FOUND, Some("model_not_found")) => "DeploymentNotFound".to_owned(),
        (StatusCode::BAD_REQUEST, Some(code)) => code.to_owned(),
        (StatusCode::BAD_REQUEST, None) => "BadRequest".to_owned(),
        (status, _) => status.as_str().to_owned(),
    };
    let mut error = Map::new();
    error.insert("code".to_owned(), json!(code));
    error.insert("message".to_owned(), json!(body.message));
    if let Some(param) = body.param {
        error.insert("param".to_owned(), json!(param));
        error.insert("type".to_owned(), json!(body.kind));
    }
    let mut reply = refusal.into_reply().map(|_openai_shape| {
        let error = json!({ "error": Value::Object(error) });
        AnswerBody::whole(error.to_string().into())
    });
    reply.headers_mut().insert(CONTENT_TYPE, JSON);
    reply
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http_body_util::BodyExt;

    use super::*;
    use crate::translate::Failure;

    #[test]
    fn a_deployment_is_the_segment_behind_its_word() {
        assert_eq!(
            deployed("/openai/deployments/my.gpt-5/chat/completions"),
            Some(Deployed {
                name: "my.gpt-5",
                below: "/chat/completions"
            })
        );
        for path in [
            "/openai/deployments/",
            "/openai/deployments/x",
            "/openai/deployments//y",
            "/v1/openai/deployments/x/y",
            "/openai/responses",
        ] {
            assert_eq!(deployed(path), None, "{path}");
        }
        assert!(is_azure("/openai/responses") && is_azure("/openai/anything"));
        assert!(!is_azure("/openai/v1/responses") && !is_azure("/v1/responses"));
    }

    async fn told(refusal: Refusal) -> (u16, Option<String>, Value) {
        let reply = reply(refusal);
        let after = reply.headers().get("retry-after-ms");
        let after = after.map(|value| value.to_str().unwrap().to_owned());
        let status = reply.status().as_u16();
        let body = reply.into_body().collect().await.unwrap().to_bytes();
        (status, after, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn errors_have_a_code_that_is_text() {
        let failure = Failure {
            code: Some("rate_limit_exceeded".into()),
            message: "slow".into(),
            retry_after: Some(Duration::from_millis(1_500)),
            ..Failure::default()
        };
        assert_eq!(
            told(Refusal::Failed(Box::new(failure))).await,
            (
                429,
                Some("1500".into()),
                json!({"error": {"code": "429", "message": "slow"}})
            )
        );
        let (status, _, body) = told(Refusal::NoSuchModel { id: "x".into() }).await;
        assert_eq!(
            (status, &body["error"]["code"]),
            (404, &json!("DeploymentNotFound"))
        );
        let (status, _, body) = told(Refusal::NoSuchRoute).await;
        assert_eq!((status, &body["error"]["code"]), (404, &json!("404")));
        let error = RequestError::at("n", "`n` must be 1");
        assert_eq!(
            told(Refusal::Request(error)).await.2,
            json!({"error": {
                "code": "BadRequest", "message": "`n` must be 1", "param": "n", "type": "invalid_request_error",
            }})
        );
    }
}
