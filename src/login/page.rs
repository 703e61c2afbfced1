//! What the browser shows at the end: small static pages, in which nothing runs and from which nothing is fetched.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, REFERRER_POLICY};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;

/// A page for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    status: StatusCode,
    title: &'static str,
    text: String,
}

impl Page {
    /// The login has been fetched. Whether it is kept, and where, is not decided yet.
    pub(super) fn arrived() -> Self {
        Self::new(
            StatusCode::OK,
            "Go back to Codex Router",
            "Your sign-in has arrived there, and it says what becomes of it. You can close this page.",
        )
    }

    /// `reason`: a sentence, of which parts may be the issuer's words.
    pub(super) fn failed(reason: &str) -> Self {
        let text = format!("{} Go back to Codex Router.", sentence(reason));
        Self::new(StatusCode::BAD_REQUEST, "You are not signed in", text)
    }

    pub(super) fn foreign() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "This is not the sign-in that is waited for",
            "It may be an older one. Codex Router is still waiting for the newest: finish that page, or start again.",
        )
    }

    pub(super) fn late() -> Self {
        Self::new(
            StatusCode::GONE,
            "This sign-in is over",
            "Its address has been used already. Close this page.",
        )
    }

    pub(super) fn cancelled() -> Self {
        Self::new(
            StatusCode::OK,
            "Cancelled",
            "Codex Router no longer waits for this sign-in.",
        )
    }

    pub(super) fn refused(status: StatusCode, text: &str) -> Self {
        Self::new(status, "Not here", text)
    }

    fn new(status: StatusCode, title: &'static str, text: impl Into<String>) -> Self {
        Self {
            status,
            title,
            text: text.into(),
        }
    }

    pub(super) fn into_response(self) -> Response<Full<Bytes>> {
        let html = format!(
            "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><title>{title} · Codex Router</title><style>{STYLE}</style></head>\
             <body><main><h1>{title}</h1><p>{text}</p></main></body></html>",
            title = escaped(self.title),
            text = escaped(&self.text),
        );
        let mut response = Response::new(Full::new(Bytes::from(html)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        for (name, value) in [
            (CONTENT_TYPE.as_str(), "text/html; charset=utf-8"),
            ("content-security-policy", POLICY),
            ("x-content-type-options", "nosniff"),
            (REFERRER_POLICY.as_str(), "no-referrer"),
            (CACHE_CONTROL.as_str(), "no-store"),
            (CONNECTION.as_str(), "close"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("GET"));
        }
        response
    }
}

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const STYLE: &str = ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:0;display:grid;\
    place-items:center;min-height:100vh}main{max-width:30rem;padding:2rem;text-align:center}h1{font-size:1.3rem}";

/// First letter large, one full stop.
fn sentence(reason: &str) -> String {
    let reason = reason.trim().trim_end_matches('.');
    let mut letters = reason.chars();
    match letters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        None => String::new(),
    }
}

/// Text as HTML has it (WHATWG HTML, section 13.3).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_page_says_nothing_that_a_browser_would_run_or_fetch() {
        let page = Page::failed("<script>alert(1)</script>\" onload='x' & more");
        let response = page.into_response();
        assert_eq!(response.status(), 400);
        let headers = response.headers().clone();
        assert!(
            headers["content-security-policy"]
                .to_str()
                .unwrap()
                .starts_with("default-src 'none'; style-src 'unsafe-inline'")
        );
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["cache-control"], "no-store");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let html = String::from_utf8(body.to_vec()).unwrap();
        assert!(
            !html.contains("<script") && !html.contains("onload='"),
            "{html}"
        );
        assert!(html.contains("&lt;script&gt;"), "{html}");
    }
}
