//! A whole HTTP reply as data: what a script gives instead of the answer that the simulator would make.

use std::fmt;

use bytes::Bytes;
use http::{Response, StatusCode, header};
use serde_json::{Value, json};

use super::body::Body;

/// Status, headers and body. Its `Debug` shows no header value and no body: they may carry tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpReply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl HttpReply {
    /// A reply without `content-type`.
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    pub fn json(status: u16, body: &Value) -> Self {
        Self::new(status, body.to_string()).header("content-type", "application/json")
    }

    /// `content-type` follows the first character of the body: JSON, HTML or plain text.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        let body = body.into();
        let content_type = match body.trim_start().chars().next() {
            Some('{' | '[') => "application/json",
            Some('<') => "text/html; charset=UTF-8",
            _ => "text/plain; charset=utf-8",
        };
        Self::new(status, body).header("content-type", content_type)
    }

    /// The page that an edge in front of the upstream shows when it challenges or fails: HTML, and `cf-mitigated`.
    pub fn html(status: u16) -> Self {
        let page = "<!DOCTYPE html><html><head><title>Just a moment...</title></head>\
                    <body>Enable JavaScript and cookies to continue</body></html>";
        Self::text(status, page)
            .header("server", "cloudflare")
            .header("cf-mitigated", "challenge")
            .header("cf-ray", "0000000000000000-SIM")
    }

    /// The ChatGPT backend's way to refuse a request: `{"detail": …}`.
    pub fn detail(status: u16, detail: impl Into<String>) -> Self {
        Self::json(status, &json!({ "detail": detail.into() }))
    }

    /// The OpenAI error body (platform.openai.com/docs/guides/error-codes) with `param: null`.
    pub fn error(status: u16, kind: &str, code: &str, message: &str) -> Self {
        let error = json!({ "message": message, "type": kind, "param": null, "code": code });
        Self::json(status, &json!({ "error": error }))
    }

    /// Adds a header; one with the same name stays.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn headers(mut self, more: impl IntoIterator<Item = (String, String)>) -> Self {
        self.headers.extend(more);
        self
    }

    /// Status, headers, body.
    pub(super) fn parts(&self) -> (u16, &[(String, String)], &Bytes) {
        (self.status, &self.headers, &self.body)
    }

    /// A script that asks for an impossible status or header gets a 500 that says so.
    pub(super) fn into_response(self) -> Response<Body> {
        response(self.status, self.headers, Body::whole(self.body))
    }
}

impl fmt::Debug for HttpReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("HttpReply")
            .field("status", &self.status)
            .field("headers", &names)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// The head of an event stream (WHATWG HTML, server-sent events) in front of `body`.
pub(super) fn event_stream(headers: Vec<(String, String)>, body: Body) -> Response<Body> {
    let mut all = vec![
        (
            header::CONTENT_TYPE.to_string(),
            "text/event-stream; charset=utf-8".to_owned(),
        ),
        (header::CACHE_CONTROL.to_string(), "no-cache".to_owned()),
    ];
    all.extend(headers);
    response(200, all, body)
}

fn response(status: u16, headers: Vec<(String, String)>, body: Body) -> Response<Body> {
    let mut builder = Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(name, value);
    }
    builder.body(body).unwrap_or_else(|error| {
        let text = format!("the script asks for an impossible reply: {error}");
        let mut response = Response::new(Body::whole(Bytes::from(text)));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}
