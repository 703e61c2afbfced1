//! Endpoints that are not OpenAI's: Azure with its two surfaces, and a server that speaks only Chat Completions.
//!
//! Azure as its API reference has it (<https://learn.microsoft.com/azure/ai-foundry/openai/reference>): the key in `api-key`, a
//! deployment in the path, errors with a text for their code. The other one is as strict as the strictest of its kind: a field that
//! it does not know is refused.

use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use serde_json::{Value, json};

use super::{
    body::Body,
    chat,
    door::{Side, authorise},
    http_reply::HttpReply,
    models, platform, responses,
    server::{HungUp, Shared},
};

const AZURE: &str = "/azure/openai";
const COMPATIBLE: &str = "/compatible/v1";

/// The first dated surface with Responses, and the first with `stream_options`.
const RESPONSES_SINCE: &str = "2025-03-01";
pub(super) const STREAM_OPTIONS_SINCE: &str = "2024-09-01";

/// A path of one of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub side: Side,
    /// From the path of Azure's older surface.
    pub deployment: Option<String>,
    pub api_version: Option<String>,
    /// Below the base of the API.
    pub below: &'a str,
}

/// Nothing for paths of the other upstreams.
pub(super) fn place_of<'a>(path: &'a str, query: &str) -> Option<Place<'a>> {
    if let Some(below) = path.strip_prefix(COMPATIBLE) {
        return Some(Place {
            side: Side::Compatible,
            deployment: None,
            api_version: None,
            below,
        });
    }
    let below = path.strip_prefix(AZURE)?;
    let place = |deployment, api_version, below| Place {
        side: Side::Azure,
        deployment,
        api_version,
        below,
    };
    if let Some(below) = below.strip_prefix("/v1") {
        return Some(place(None, None, below));
    }
    let version = url::form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == "api-version")
        .map(|(_, version)| version.into_owned());
    // Without a version the older surface has nothing.
    let Some(version) = version else {
        return Some(place(None, None, ""));
    };
    let deployed = below
        .strip_prefix("/deployments/")
        .and_then(|rest| rest.split_at_checked(rest.find('/')?));
    Some(match deployed {
        Some((name, below)) => place(Some(name.to_owned()), Some(version), below),
        None => place(None, Some(version), below),
    })
}

impl Place<'_> {
    /// Whether a request for a response comes here.
    pub(super) fn is_for_response(&self) -> bool {
        matches!(self.below, "/responses" | "/chat/completions")
    }
}

pub(super) async fn answer(
    shared: &Shared,
    place: &Place<'_>,
    method: &Method,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Response<Body>, HungUp> {
    let is_dated = place.api_version.is_some();
    match (place.below, method) {
        ("/chat/completions", &Method::POST) if place.deployment.is_some() == is_dated => {
            chat::answer(shared, place, headers, body).await
        }
        ("/responses", &Method::POST) if place.has_responses() => {
            responses::answer(shared, place.side, headers, body).await
        }
        ("/embeddings", &Method::POST) if place.deployment.is_some() == is_dated => {
            Ok(embeddings(shared, place, headers, body))
        }
        ("/models", &Method::GET) => Ok(models::list_of(shared, place.side, headers, None)),
        _ => Ok(match authorise(shared, place.side, headers) {
            Ok(_) => missing(place.side),
            Err(refusal) => refusal,
        }
        .into_response()),
    }
}

impl Place<'_> {
    fn has_responses(&self) -> bool {
        let version = self.api_version.as_deref();
        self.side == Side::Azure
            && self.deployment.is_none()
            && version.is_none_or(|version| version >= RESPONSES_SINCE)
    }
}

fn embeddings(
    shared: &Shared,
    place: &Place<'_>,
    headers: &HeaderMap,
    body: &Bytes,
) -> Response<Body> {
    let account = match authorise(shared, place.side, headers) {
        Ok(account) => account,
        Err(refusal) => return refusal.into_response(),
    };
    let named = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let named = named
        .get("model")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let model = place.deployment.as_deref().unwrap_or(named);
    if !models::serves(place.side, &account, model) {
        return no_such_model(place.side, model).into_response();
    }
    platform::own_answer("/v1/embeddings", headers, body).into_response()
}

/// 401, each in its own shape.
pub(super) fn bad_key(side: Side) -> HttpReply {
    if side == Side::Azure {
        let message = "Access denied due to invalid subscription key or wrong API endpoint.";
        return azure_error(401, "401", message);
    }
    HttpReply::json(401, &json!({ "detail": "Invalid API key" }))
}

pub(super) fn no_such_model(side: Side, model: &str) -> HttpReply {
    if side == Side::Azure {
        let message = "The API deployment for this resource does not exist.";
        return azure_error(404, "DeploymentNotFound", message);
    }
    let error = json!({ "message": format!("model \"{model}\" not found, try pulling it first"), "type": "api_error" });
    HttpReply::json(404, &json!({ "error": error }))
}

pub(super) fn azure_error(status: u16, code: &str, message: &str) -> HttpReply {
    HttpReply::json(
        status,
        &json!({ "error": { "code": code, "message": message } }),
    )
}

fn missing(side: Side) -> HttpReply {
    if side == Side::Azure {
        azure_error(404, "404", "Resource not found")
    } else {
        HttpReply::detail(404, "Not Found")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_which_surface_is_meant() {
        let place = |path: &'static str, query: &str| {
            place_of(path, query).map(|place| (place.side, place.deployment, place.below))
        };
        let azure = |deployment: Option<&str>, below| {
            Some((Side::Azure, deployment.map(str::to_owned), below))
        };
        assert_eq!(place("/v1/responses", ""), None);
        assert_eq!(
            place("/compatible/v1/chat/completions", ""),
            Some((Side::Compatible, None, "/chat/completions"))
        );
        assert_eq!(
            place("/azure/openai/v1/responses", ""),
            azure(None, "/responses")
        );
        assert_eq!(
            place("/azure/openai/deployments/d/embeddings", "api-version=1"),
            azure(Some("d"), "/embeddings")
        );
        assert_eq!(
            place("/azure/openai/responses", "api-version=1"),
            azure(None, "/responses")
        );
        assert_eq!(place("/azure/openai/responses", ""), azure(None, ""));
    }
}
