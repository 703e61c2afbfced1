//! The OpenAI error body, and the refusal of a request that cannot be translated.

use serde_json::{Map, Value, json};

use super::responses::Failure;

/// Why a client's request cannot be served as it stands. Always answered with 400 `invalid_request_error`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RequestError {
    /// One sentence for the person who wrote the client.
    pub message: String,
    /// The field that is wrong, as a path such as `messages[2].role`.
    pub param: Option<String>,
    pub code: Option<String>,
}

impl RequestError {
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            param: None,
            code: None,
        }
    }

    pub fn at(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            param: Some(param.into()),
            ..Self::new(message)
        }
    }

    #[must_use]
    pub fn with_code(self, code: impl Into<String>) -> Self {
        Self {
            code: Some(code.into()),
            ..self
        }
    }
}

/// `{"error":{"message","type","param","code"}}`, with the fields of a usage limit when they are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorBody {
    pub message: String,
    /// The `type` of the error, for example `invalid_request_error`.
    pub kind: String,
    pub param: Option<String>,
    pub code: Option<String>,
    pub plan_type: Option<String>,
    /// Seconds since 1970.
    pub resets_at: Option<u64>,
    pub resets_in_seconds: Option<u64>,
}

impl ErrorBody {
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            kind: kind.into(),
            ..Self::default()
        }
    }

    #[must_use]
    pub fn with_code(self, code: impl Into<String>) -> Self {
        Self {
            code: Some(code.into()),
            ..self
        }
    }

    #[must_use]
    pub fn with_param(self, param: impl Into<String>) -> Self {
        Self {
            param: Some(param.into()),
            ..self
        }
    }

    /// The body of an HTTP error, and the payload of an error frame inside a chat stream.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut error = Map::new();
        error.insert("message".to_owned(), json!(self.message));
        error.insert("type".to_owned(), json!(self.kind));
        error.insert("param".to_owned(), json!(self.param));
        error.insert("code".to_owned(), json!(self.code));
        if let Some(plan_type) = &self.plan_type {
            error.insert("plan_type".to_owned(), json!(plan_type));
        }
        if let Some(resets_at) = self.resets_at {
            error.insert("resets_at".to_owned(), json!(resets_at));
        }
        if let Some(resets_in_seconds) = self.resets_in_seconds {
            error.insert("resets_in_seconds".to_owned(), json!(resets_in_seconds));
        }
        json!({ "error": Value::Object(error) })
            .to_string()
            .into_bytes()
    }

    /// The payload of an error frame inside a Responses stream, where the SDKs want a top-level `type`
    /// (openai-python `types/responses/response_error_event.py`).
    pub fn to_responses_event(&self, sequence_number: u64) -> Vec<u8> {
        let event = json!({
            "type": "error",
            "code": self.code,
            "message": self.message,
            "param": self.param,
            "sequence_number": sequence_number,
        });
        event.to_string().into_bytes()
    }
}

impl From<&RequestError> for ErrorBody {
    fn from(error: &RequestError) -> Self {
        Self {
            param: error.param.clone(),
            code: error.code.clone(),
            ..Self::new("invalid_request_error", error.message.clone())
        }
    }
}

impl From<&Failure> for ErrorBody {
    fn from(failure: &Failure) -> Self {
        Self {
            message: failure.message.clone(),
            kind: failure
                .kind
                .clone()
                .unwrap_or_else(|| "upstream_error".to_owned()),
            param: failure.param.clone(),
            code: failure.code.clone(),
            plan_type: failure.plan_type.clone(),
            resets_at: failure.resets_at,
            resets_in_seconds: failure.resets_in_seconds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_always_has_the_four_openai_fields() {
        let body = ErrorBody::new("invalid_request_error", "no \"such\" model")
            .with_code("model_not_found");
        assert_eq!(
            String::from_utf8(body.to_bytes()).unwrap(),
            r#"{"error":{"message":"no \"such\" model","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#
        );
    }

    #[test]
    fn a_usage_limit_keeps_plan_and_reset() {
        let failure = Failure::from_body(
            br#"{"error":{"type":"usage_limit_reached","message":"limit","plan_type":"plus","resets_at":1800000000,"resets_in_seconds":90}}"#,
        );
        assert_eq!(
            String::from_utf8(ErrorBody::from(&failure).to_bytes()).unwrap(),
            r#"{"error":{"message":"limit","type":"usage_limit_reached","param":null,"code":null,"plan_type":"plus","resets_at":1800000000,"resets_in_seconds":90}}"#
        );
    }

    #[test]
    fn a_refused_request_names_its_field() {
        let error =
            RequestError::at("n", "only one choice is possible").with_code("unsupported_value");
        let body = ErrorBody::from(&error);
        assert_eq!(
            (
                body.kind.as_str(),
                body.param.as_deref(),
                body.code.as_deref()
            ),
            (
                "invalid_request_error",
                Some("n"),
                Some("unsupported_value")
            )
        );
    }

    #[test]
    fn inside_a_responses_stream_the_error_has_a_top_level_type() {
        let event = ErrorBody::new("upstream_error", "cut")
            .with_param("p")
            .to_responses_event(7);
        assert_eq!(
            String::from_utf8(event).unwrap(),
            r#"{"type":"error","code":null,"message":"cut","param":"p","sequence_number":7}"#
        );
    }
}
