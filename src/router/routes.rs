//! What is served where. Paths are compared byte for byte: nothing is decoded, no dot segment is resolved.

use http::header::{CONNECTION, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method};

use super::reply::Refusal;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    Chat,
    CountTokens,
    Messages,
    Responses,
    Models,
    /// One model, by its name as it stands in the path; names may contain slashes.
    Model(String),
    Health,
}

/// Clients are pointed at the root, at `/v1`, or at what stands in for the ChatGPT backend.
const PREFIXES: [&str; 3] = ["/v1", "/backend-api/codex", ""];

pub(super) fn find(head: &Parts) -> Result<Route, Refusal> {
    let path = head.uri.path();
    if path == "/health" {
        return only(&head.method, &Method::GET, Route::Health);
    }
    for prefix in PREFIXES {
        let Some(below) = path.strip_prefix(prefix) else {
            continue;
        };
        match below {
            "/chat/completions" if prefix != "/backend-api/codex" => {
                return only(&head.method, &Method::POST, Route::Chat);
            }
            "/messages" if prefix != "/backend-api/codex" => {
                return only(&head.method, &Method::POST, Route::Messages);
            }
            "/messages/count_tokens" if prefix != "/backend-api/codex" => {
                return only(&head.method, &Method::POST, Route::CountTokens);
            }
            "/responses" if is_websocket(&head.method, &head.headers) => {
                return Err(Refusal::NoWebSocket);
            }
            "/responses" => return only(&head.method, &Method::POST, Route::Responses),
            "/models" => return only(&head.method, &Method::GET, Route::Models),
            _ => {}
        }
        if let Some(id) = below.strip_prefix("/models/").filter(|id| !id.is_empty()) {
            return only(&head.method, &Method::GET, Route::Model(id.to_owned()));
        }
    }
    Err(Refusal::NoSuchRoute)
}

fn only(method: &Method, allowed: &'static Method, route: Route) -> Result<Route, Refusal> {
    if method == allowed {
        Ok(route)
    } else {
        Err(Refusal::WrongMethod {
            allowed: allowed.as_str(),
        })
    }
}

/// Codex asks for one wherever the OpenAI provider is configured, and takes the refusal as "then HTTP".
fn is_websocket(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::GET
        && has_token(headers, &CONNECTION, b"upgrade")
        && has_token(headers, &UPGRADE, b"websocket")
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &[u8]) -> bool {
    headers.get_all(name).iter().any(|value| {
        value
            .as_bytes()
            .split(|byte| *byte == b',')
            .any(|item| item.trim_ascii().eq_ignore_ascii_case(token))
    })
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn found(method: &str, path: &str) -> Result<Route, u16> {
        let (head, ()) = Request::builder()
            .method(method)
            .uri(path)
            .body(())
            .unwrap()
            .into_parts();
        find(&head).map_err(|refusal| refusal.status().as_u16())
    }

    #[test]
    fn every_prefix_leads_to_the_same_places() {
        for prefix in ["/v1", ""] {
            assert_eq!(
                found("POST", &format!("{prefix}/chat/completions")),
                Ok(Route::Chat)
            );
            assert_eq!(
                found("POST", &format!("{prefix}/messages?beta=true")),
                Ok(Route::Messages)
            );
            assert_eq!(
                found("POST", &format!("{prefix}/messages/count_tokens")),
                Ok(Route::CountTokens)
            );
        }
        for prefix in ["/v1", "", "/backend-api/codex"] {
            assert_eq!(
                found("POST", &format!("{prefix}/responses")),
                Ok(Route::Responses)
            );
            assert_eq!(
                found("GET", &format!("{prefix}/models?client_version=1")),
                Ok(Route::Models)
            );
            assert_eq!(
                found("GET", &format!("{prefix}/models/org/gpt-5.5")),
                Ok(Route::Model("org/gpt-5.5".into()))
            );
        }
        assert_eq!(found("GET", "/health"), Ok(Route::Health));
    }

    #[test]
    fn nothing_is_decoded_and_nothing_is_normalised() {
        for path in [
            "/",
            "/v1",
            "/v1/",
            "/v1/responses/",
            "/v1//responses",
            "/V1/responses",
            "/v1/../v1/responses",
            "/v1/%72esponses",
            "/v1/responses%00",
            "/v1/responses;x",
            "/v1/responses/compact",
            "/v1/models/",
            "/v1/messages/batches",
            "/backend-api/codex/messages",
            "/v2/responses",
            "/backend-api/responses",
        ] {
            assert_eq!(found("POST", path), Err(404), "{path}");
        }
    }

    #[test]
    fn a_wrong_method_is_named_as_such() {
        for (method, path) in [
            ("GET", "/v1/responses"),
            ("HEAD", "/v1/models"),
            ("DELETE", "/v1/chat/completions"),
            ("POST", "/health"),
            ("POST", "/v1/models"),
        ] {
            assert_eq!(found(method, path), Err(405), "{method} {path}");
        }
    }

    #[test]
    fn a_websocket_is_refused_so_that_codex_falls_back_at_once() {
        let (head, ()) = Request::get("/v1/responses")
            .header("connection", "keep-alive, Upgrade")
            .header("upgrade", "WebSocket")
            .body(())
            .unwrap()
            .into_parts();
        assert_eq!(find(&head).unwrap_err().status(), 426);
    }
}
