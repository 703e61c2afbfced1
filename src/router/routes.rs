//! What is served where. Paths are compared byte for byte: nothing is decoded, no dot segment is resolved.

use http::header::{CONNECTION, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method};

use super::azure;
use super::reply::Refusal;
use super::report::Dialect;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    Chat,
    Compaction,
    Completions,
    Images,
    ImageEdits,
    CountTokens,
    Messages,
    Responses,
    /// The same, request after request on one WebSocket.
    Socket,
    /// Passed on to an API as it is.
    Forward(Dialect),
    Models,
    /// One model, by its name as it stands in the path; names may contain slashes.
    Model(String),
    /// What is left, for Codex.
    Usage,
    /// What the client's own key has used.
    OwnUsage,
    Metrics,
    Health,
}

/// Where Codex asks for its usage, by whether its base names the ChatGPT backend.
const USAGE: [&str; 2] = ["/backend-api/wham/usage", "/api/codex/usage"];
/// Clients are pointed at the root, at `/v1`, at what stands in for the ChatGPT backend, or at Azure's two roots.
const PREFIXES: [&str; 5] = ["/v1", "/backend-api/codex", "/openai/v1", "/openai", ""];
/// Below these stands everything; below the others what their own clients ask for.
const WHOLE_PREFIXES: [&str; 3] = ["/v1", "/openai/v1", ""];
/// What Azure serves below the name of a deployment, as far as we do.
const DEPLOYED: [&str; 8] = [
    "/chat/completions",
    "/completions",
    "/embeddings",
    "/images/generations",
    "/images/edits",
    "/audio/speech",
    "/audio/transcriptions",
    "/audio/translations",
];

pub(super) fn find(head: &Parts) -> Result<Route, Refusal> {
    let path = head.uri.path();
    if path == "/health" {
        return only(&head.method, &Method::GET, Route::Health);
    }
    if path == "/metrics" {
        return only(&head.method, &Method::GET, Route::Metrics);
    }
    if USAGE.contains(&path) {
        return only(&head.method, &Method::GET, Route::Usage);
    }
    if path == "/v1/usage" {
        return only(&head.method, &Method::GET, Route::OwnUsage);
    }
    let path = match azure::deployed(path) {
        None => path,
        Some(deployed) if DEPLOYED.contains(&deployed.below) => deployed.below,
        Some(_) => return Err(Refusal::NoSuchRoute),
    };
    for prefix in PREFIXES {
        let Some(below) = path.strip_prefix(prefix) else {
            continue;
        };
        match below {
            "/responses" if is_websocket(&head.method, &head.headers) => return Ok(Route::Socket),
            "/responses" => return only(&head.method, &Method::POST, Route::Responses),
            "/responses/compact" => {
                return only(&head.method, &Method::POST, Route::Compaction);
            }
            "/models" => return only(&head.method, &Method::GET, Route::Models),
            _ => {}
        }
        if let Some(route) = translated_or_forwarded(below)
            && (WHOLE_PREFIXES.contains(&prefix) || route.is_codex_own(prefix))
        {
            return only(&head.method, &Method::POST, route);
        }
        if let Some(id) = below.strip_prefix("/models/").filter(|id| !id.is_empty()) {
            return only(&head.method, &Method::GET, Route::Model(id.to_owned()));
        }
    }
    Err(Refusal::NoSuchRoute)
}

fn translated_or_forwarded(below: &str) -> Option<Route> {
    Some(match below {
        "/chat/completions" => Route::Chat,
        "/completions" => Route::Completions,
        "/embeddings" => Route::Forward(Dialect::Embeddings),
        "/images/generations" => Route::Images,
        "/images/edits" => Route::ImageEdits,
        "/images/variations" => Route::Forward(Dialect::ImageVariations),
        "/messages" => Route::Messages,
        "/messages/count_tokens" => Route::CountTokens,
        "/moderations" => Route::Forward(Dialect::Moderations),
        "/audio/speech" => Route::Forward(Dialect::Speech),
        "/audio/transcriptions" => Route::Forward(Dialect::Transcriptions),
        "/audio/translations" => Route::Forward(Dialect::Translations),
        _ => return None,
    })
}

impl Route {
    /// Codex asks its own backend for pictures, too (`openai/codex: codex-rs/codex-api/src/images.rs`).
    fn is_codex_own(&self, prefix: &str) -> bool {
        prefix == "/backend-api/codex" && matches!(self, Self::Images | Self::ImageEdits)
    }
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

/// Codex asks for one wherever the OpenAI provider is configured.
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
        for prefix in ["/v1", "", "/openai/v1"] {
            for (path, route) in [
                ("chat/completions", Route::Chat),
                ("completions", Route::Completions),
                ("messages", Route::Messages),
                ("messages/count_tokens", Route::CountTokens),
                ("embeddings", Route::Forward(Dialect::Embeddings)),
                ("images/generations", Route::Images),
                ("images/edits", Route::ImageEdits),
                (
                    "images/variations",
                    Route::Forward(Dialect::ImageVariations),
                ),
                ("moderations", Route::Forward(Dialect::Moderations)),
                ("audio/speech", Route::Forward(Dialect::Speech)),
                (
                    "audio/transcriptions",
                    Route::Forward(Dialect::Transcriptions),
                ),
                ("audio/translations", Route::Forward(Dialect::Translations)),
            ] {
                assert_eq!(found("POST", &format!("{prefix}/{path}")), Ok(route));
            }
        }
        for prefix in ["/v1", "", "/backend-api/codex", "/openai/v1", "/openai"] {
            assert_eq!(
                found("POST", &format!("{prefix}/responses")),
                Ok(Route::Responses)
            );
            assert_eq!(
                found("POST", &format!("{prefix}/responses/compact")),
                Ok(Route::Compaction)
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
        for (path, route) in [("generations", Route::Images), ("edits", Route::ImageEdits)] {
            let path = format!("/backend-api/codex/images/{path}");
            assert_eq!(found("POST", &path), Ok(route));
        }
        assert_eq!(found("GET", "/health"), Ok(Route::Health));
        assert_eq!(found("GET", "/v1/usage"), Ok(Route::OwnUsage));
        assert_eq!(found("POST", "/v1/usage"), Err(405));
        assert_eq!(found("GET", "/metrics"), Ok(Route::Metrics));
        assert_eq!(found("GET", "/v1/metrics"), Err(404));
        for path in ["/backend-api/wham/usage", "/api/codex/usage"] {
            assert_eq!(found("GET", path), Ok(Route::Usage));
            assert_eq!(found("POST", path), Err(405));
        }
    }

    #[test]
    fn a_deployment_of_azure_is_a_name_in_the_path() {
        for (path, route) in [
            ("chat/completions", Route::Chat),
            ("completions", Route::Completions),
            ("embeddings", Route::Forward(Dialect::Embeddings)),
            ("images/generations", Route::Images),
            ("images/edits", Route::ImageEdits),
            ("audio/speech", Route::Forward(Dialect::Speech)),
            (
                "audio/transcriptions",
                Route::Forward(Dialect::Transcriptions),
            ),
            ("audio/translations", Route::Forward(Dialect::Translations)),
        ] {
            let path = format!("/openai/deployments/my-gpt/{path}?api-version=2024-10-21");
            assert_eq!(found("POST", &path), Ok(route));
            assert_eq!(found("GET", &path), Err(405));
        }
        for path in [
            "/openai/deployments/my-gpt/responses",
            "/openai/deployments/my-gpt/models",
            "/openai/deployments/my-gpt/v1/chat/completions",
            "/openai/deployments//chat/completions",
            "/openai/deployments/my-gpt",
            "/openai/deployments",
            "/openai/chat/completions",
            "/openai/embeddings",
        ] {
            assert_eq!(found("POST", path), Err(404), "{path}");
        }
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
            "/v1/responses/compact/",
            "/v1/models/",
            "/v1/messages/batches",
            "/backend-api/codex/messages",
            "/backend-api/codex/images/variations",
            "/openai/images/edits",
            "/v2/responses",
            "/backend-api/responses",
            "/backend-api/wham/accounts/check",
            "/wham/usage",
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
    fn a_websocket_is_served_wherever_responses_are() {
        for prefix in ["/v1", "", "/backend-api/codex", "/openai/v1", "/openai"] {
            let (head, ()) = Request::get(format!("{prefix}/responses"))
                .header("connection", "keep-alive, Upgrade")
                .header("upgrade", "WebSocket")
                .body(())
                .unwrap()
                .into_parts();
            assert_eq!(find(&head).unwrap(), Route::Socket, "{prefix}");
        }
    }
}
