//! What was asked: the requests of the recent past, without any credential that came in a header.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
};

use bytes::Bytes;
use http::{HeaderMap, Method, header, request::Parts};

/// How many requests are kept.
const MAX_REQUESTS: usize = 10_000;

/// How many bytes of bodies are kept.
const MAX_BODY_BYTES: usize = 256 * 1024 * 1024;

/// Headers whose value is a credential. `authorization` keeps the kind of its credential.
const SECRET_HEADERS: [&str; 4] = ["api-key", "x-api-key", "cookie", "proxy-authorization"];

/// One request as it arrived.
#[derive(Clone, PartialEq, Eq)]
pub struct Asked {
    /// Whose access token, API key or refresh token it carried, whether that still worked or not.
    pub account: Option<String>,
    pub method: Method,
    pub path: String,
    /// Without the question mark; empty when there is none.
    pub query: String,
    /// Lower-case names; several values of one name are joined by `", "`. Credentials are replaced: `authorization` says
    /// `Bearer <access token>`, `Bearer <API key>` and so on.
    pub headers: BTreeMap<String, String>,
    /// As it came. The body of a token request holds a (pretend) refresh token.
    pub body: Bytes,
}

impl Asked {
    pub(super) fn new(
        parts: &Parts,
        body: Bytes,
        account: Option<String>,
        credential_kind: &str,
    ) -> Self {
        Self {
            account,
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: recorded_headers(&parts.headers, credential_kind),
            body,
        }
    }

    /// The value of one header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The body as JSON; `null` when it is none.
    pub fn json(&self) -> serde_json::Value {
        // A test that asks for a field of null sees that it is missing.
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl fmt::Debug for Asked {
    /// Leaves out the body's text: it may hold a prompt or a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked")
            .field("account", &self.account)
            .field("method", &self.method)
            .field("path", &self.path)
            .field("query", &self.query)
            .field("headers", &self.headers)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

fn recorded_headers(headers: &HeaderMap, credential_kind: &str) -> BTreeMap<String, String> {
    headers
        .keys()
        .map(|name| {
            let value = if name == header::AUTHORIZATION {
                credential_kind.to_owned()
            } else if SECRET_HEADERS.contains(&name.as_str()) {
                "<hidden>".to_owned()
            } else {
                let values: Vec<_> = headers
                    .get_all(name)
                    .iter()
                    .map(|value| String::from_utf8_lossy(value.as_bytes()))
                    .collect();
                values.join(", ")
            };
            (name.as_str().to_owned(), value)
        })
        .collect()
}

/// The last [`MAX_REQUESTS`] requests, fewer when their bodies are large.
#[derive(Default)]
pub(super) struct Record {
    asked: VecDeque<Asked>,
    body_bytes: usize,
}

impl Record {
    pub(super) fn note(&mut self, asked: Asked) {
        self.body_bytes += asked.body.len();
        self.asked.push_back(asked);
        while self.asked.len() > MAX_REQUESTS || self.body_bytes > MAX_BODY_BYTES {
            let Some(oldest) = self.asked.pop_front() else {
                return;
            };
            self.body_bytes -= oldest.body.len();
        }
    }

    pub(super) fn all(&self) -> Vec<Asked> {
        self.asked.iter().cloned().collect()
    }

    pub(super) fn count(&self, path: &str) -> usize {
        self.asked.iter().filter(|asked| asked.path == path).count()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn asked(path: &str, body_bytes: usize) -> Asked {
        let (parts, ()) = Request::get(path).body(()).unwrap().into_parts();
        Asked::new(&parts, Bytes::from(vec![0; body_bytes]), None, "")
    }

    #[test]
    fn the_oldest_requests_are_forgotten_first() {
        let mut record = Record::default();
        record.note(asked("/old", 0));
        for _ in 0..MAX_REQUESTS {
            record.note(asked("/recent", 0));
        }
        assert_eq!(record.count("/old"), 0);
        assert_eq!(record.count("/recent"), MAX_REQUESTS);
    }

    #[test]
    fn large_bodies_are_forgotten_earlier() {
        let mut record = Record::default();
        for path in ["/one", "/two"] {
            record.note(asked(path, MAX_BODY_BYTES / 2 + 1));
        }
        assert_eq!(record.all(), [asked("/two", MAX_BODY_BYTES / 2 + 1)]);
    }
}
