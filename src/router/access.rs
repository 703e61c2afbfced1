//! What speaks for a profile upstream: where it leads, in which dialect, and getting a newer one in time.
//!
//! The one place where a request meets the credentials that go with it, so that a key cannot take another way than its own.

use std::time::SystemTime;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use tokio::time::timeout;

use super::House;
use super::ask::Place;
use super::fresh::NoToken;
use crate::pool::{Access, Member};
use crate::profile::{Endpoint, EndpointKind, Fingerprint};
use crate::translate::UpstreamKind;
use crate::translate::models::{ModelDocument, openai_list};
use crate::upstream::{Bearer, Outlet, Reply, SendError, Service};

/// How an upstream is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Wire {
    Responses,
    Chat,
}

/// What a body must be made fit for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) kind: UpstreamKind,
    pub(super) wire: Wire,
    /// What the upstream calls the model.
    pub(super) name: String,
    /// How much the model can be told to think there; empty while nobody has told.
    pub(super) efforts: Vec<String>,
    /// Whether the model reads no pictures: those of tools are told, not shown.
    pub(super) is_blind: bool,
}

impl Form {
    pub(super) fn of(access: &Access, wire: Wire, model: &str) -> Self {
        Self {
            kind: kind_of(access),
            wire,
            name: name_for(access, model).to_owned(),
            efforts: Vec::new(),
            is_blind: false,
        }
    }
}

pub(super) fn kind_of(access: &Access) -> UpstreamKind {
    match access {
        Access::ChatGpt { .. } => UpstreamKind::ChatGpt,
        Access::ApiKey { .. } => UpstreamKind::OpenAi,
        Access::Endpoint(endpoint) => match endpoint.kind {
            EndpointKind::Azure if endpoint.is_old() => UpstreamKind::OldAzure,
            EndpointKind::Azure => UpstreamKind::Azure,
            EndpointKind::Compatible => UpstreamKind::Compatible,
        },
    }
}

fn name_for<'a>(access: &'a Access, model: &'a str) -> &'a str {
    match access {
        Access::Endpoint(endpoint) => endpoint.name_for(model),
        Access::ChatGpt { .. } | Access::ApiKey { .. } => model,
    }
}

/// Sends a request for a response, and returns with the head of the reply.
pub(super) async fn ask(
    upstream: Outlet<'_>,
    access: &Access,
    form: &Form,
    place: Place,
    mut headers: HeaderMap,
    body: Bytes,
) -> Result<Reply, SendError> {
    match door_of(access) {
        Door::Bearer(service, bearer) => match place {
            Place::Turn => upstream.responses(service, &bearer, headers, body).await,
            Place::Compact => upstream.compact(service, &bearer, headers, body).await,
        },
        Door::Endpoint(endpoint) => {
            let (path, accepted) = match (place, form.wire) {
                (Place::Compact, _) => ("responses/compact", "application/json"),
                (Place::Turn, Wire::Responses) => ("responses", "text/event-stream"),
                (Place::Turn, Wire::Chat) => ("chat/completions", "text/event-stream"),
            };
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(ACCEPT, HeaderValue::from_static(accepted));
            upstream
                .ask_endpoint(endpoint, path, &form.name, headers, body)
                .await
        }
    }
}

/// Sends what is passed on as it is to a path below the base of the API.
pub(super) async fn forward(
    upstream: Outlet<'_>,
    access: &Access,
    path: &str,
    model: &str,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Reply, SendError> {
    match door_of(access) {
        Door::Bearer(_, bearer) => upstream.forward(path, &bearer, headers, body).await,
        Door::Endpoint(endpoint) => {
            let name = endpoint.name_for(model);
            upstream
                .ask_endpoint(endpoint, path, name, headers, body)
                .await
        }
    }
}

/// The list of models behind this access, as it came, with its tag.
///
/// # Errors
/// A sentence.
pub(super) async fn models(
    upstream: Outlet<'_>,
    access: &Access,
    client_version: &str,
) -> Result<(ModelDocument, Option<HeaderValue>), String> {
    let asked = match door_of(access) {
        Door::Bearer(service, bearer) => upstream.models(service, &bearer, client_version).await,
        Door::Endpoint(endpoint) => {
            let known: Vec<&str> = endpoint.known_models().collect();
            // Azure lists what it could deploy, which is not what it has.
            if endpoint.kind == EndpointKind::Azure || !known.is_empty() {
                let document = ModelDocument::read(openai_list(known).into());
                return Ok((document.map_err(|err| err.to_string())?, None));
            }
            upstream.endpoint_models(endpoint).await
        }
    };
    let listed = asked.map_err(|err| err.to_string())?;
    let document = ModelDocument::read(listed.body).map_err(|err| err.to_string())?;
    Ok((document, listed.etag))
}

/// A newer access token than `stale`, if the worker has or gets one.
pub(super) async fn fresh_access(
    house: &House,
    member: &Member,
    stale: &Access,
) -> Result<Access, NoToken> {
    let fingerprint = fingerprint_of(stale);
    let asked = house.tokens.fresh(&member.name, &fingerprint);
    match timeout(house.limits.answer_head, asked).await {
        Ok(Ok(newer)) if fingerprint_of(&newer) == fingerprint => {
            Err(NoToken("there is no newer access token".to_owned()))
        }
        Ok(answer) => answer,
        Err(_elapsed) => Err(NoToken("a newer access token takes too long".to_owned())),
    }
}

/// Whether it is known not to work any more. A key never runs out.
pub(super) fn has_run_out(access: &Access, now: SystemTime) -> bool {
    match access {
        Access::ChatGpt { expires_at, .. } => expires_at.is_some_and(|at| at <= now),
        Access::ApiKey { .. } | Access::Endpoint(_) => false,
    }
}

fn fingerprint_of(access: &Access) -> Fingerprint {
    match access {
        Access::ChatGpt { access_token, .. } => access_token.fingerprint(),
        Access::ApiKey { key } => key.fingerprint(),
        Access::Endpoint(endpoint) => endpoint.fingerprint(),
    }
}

/// What opens the ChatGPT backend or the OpenAI API; an endpoint has nothing for either.
pub(super) fn bearer_of(access: &Access) -> Option<Bearer> {
    match door_of(access) {
        Door::Bearer(_, bearer) => Some(bearer),
        Door::Endpoint(_) => None,
    }
}

/// Where an access leads, and what opens it.
enum Door<'a> {
    Bearer(Service, Bearer),
    Endpoint(&'a Endpoint),
}

fn door_of(access: &Access) -> Door<'_> {
    match access {
        Access::ChatGpt {
            access_token,
            account_id,
            is_fedramp,
            ..
        } => Door::Bearer(
            Service::ChatGpt,
            Bearer {
                token: access_token.clone(),
                account_id: account_id.clone(),
                is_fedramp: *is_fedramp,
            },
        ),
        Access::ApiKey { key } => Door::Bearer(
            Service::OpenAi,
            Bearer {
                token: key.clone(),
                account_id: None,
                is_fedramp: false,
            },
        ),
        Access::Endpoint(endpoint) => Door::Endpoint(endpoint),
    }
}
