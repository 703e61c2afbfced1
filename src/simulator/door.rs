//! Who is asking: bearer tokens and API keys, and the refusals of those that open nothing.

use std::time::SystemTime;

use http::{HeaderMap, header};

use super::{
    account::{Account, Kind},
    endpoint,
    http_reply::HttpReply,
    server::Shared,
};

/// The upstreams behind the one port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    ChatGpt,
    Platform,
    Azure,
    Compatible,
}

/// What a presented credential turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Credential {
    /// A ChatGPT access token that works, of the named account.
    Access(String),
    Expired(String),
    Revoked(String),
    ApiKey(String),
    /// The key of an endpoint on this side.
    Key(Side, String),
    Unknown,
}

impl Credential {
    /// The account it belongs to, whether it still opens anything or not.
    pub(super) fn account(&self) -> Option<&str> {
        match self {
            Self::Access(name)
            | Self::Expired(name)
            | Self::Revoked(name)
            | Self::ApiKey(name)
            | Self::Key(_, name) => Some(name),
            Self::Unknown => None,
        }
    }
}

/// Whose credential the request carries; `None` when it carries none.
pub(super) fn credential(shared: &Shared, headers: &HeaderMap) -> Option<Credential> {
    let key = || headers.get("api-key")?.to_str().ok();
    bearer(headers)
        .or_else(key)
        .map(|token| shared.accounts().credential(token, SystemTime::now()))
}

/// The account that may pass, or the refusal that the upstream would send.
pub(super) fn authorise(
    shared: &Shared,
    side: Side,
    headers: &HeaderMap,
) -> Result<Account, HttpReply> {
    let credential = credential(shared, headers).unwrap_or(Credential::Unknown);
    let name = match (side, credential) {
        (Side::ChatGpt, Credential::Access(name)) => name,
        (Side::Platform, Credential::ApiKey(name)) if bearer(headers).is_some() => name,
        // Each in the header that its documentation names, and in no other.
        (Side::Azure, Credential::Key(Side::Azure, name)) if bearer(headers).is_none() => name,
        (Side::Compatible, Credential::Key(Side::Compatible, name))
            if bearer(headers).is_some() =>
        {
            name
        }
        (Side::ChatGpt, credential) => return Err(unauthorized(&credential)),
        (Side::Platform, _) => return Err(bad_api_key()),
        (side @ (Side::Azure | Side::Compatible), _) => return Err(endpoint::bad_key(side)),
    };
    let account = shared.accounts().with(&name, |entry| entry.account.clone());
    match side {
        Side::ChatGpt => {
            let workspace_id = headers.get("chatgpt-account-id");
            if workspace_id.is_some_and(|id| id.as_bytes() == account.workspace_id.as_bytes()) {
                Ok(account)
            } else {
                // How the upstream words this is not known; that it refuses is what matters.
                Err(HttpReply::detail(
                    403,
                    "ChatGPT-Account-Id is not the workspace of this token",
                ))
            }
        }
        Side::Platform | Side::Azure | Side::Compatible => Ok(account),
    }
}

/// 401 with one of the token codes.
pub(super) fn unauthorized(credential: &Credential) -> HttpReply {
    let (code, message) = match credential {
        Credential::Expired(_) => (
            "token_expired",
            "Provided authentication token is expired. Please try signing in again.",
        ),
        Credential::Revoked(_) => (
            "token_revoked",
            "Encountered invalidated oauth token for user, failing request",
        ),
        Credential::Access(_)
        | Credential::ApiKey(_)
        | Credential::Key(..)
        | Credential::Unknown => (
            "token_invalidated",
            "Your authentication token has been invalidated. Please try signing in again.",
        ),
    };
    HttpReply::error(401, "invalid_request_error", code, message)
}

/// 401 of the platform.
pub(super) fn bad_api_key() -> HttpReply {
    HttpReply::error(
        401,
        "invalid_request_error",
        "invalid_api_key",
        "Incorrect API key provided.",
    )
}

/// What the record keeps of an `Authorization` header: its kind, never its value.
pub(super) fn kind_of(credential: Option<&Credential>) -> &'static str {
    match credential {
        None => "<not a bearer>",
        Some(Credential::Access(_)) => "Bearer <access token>",
        Some(Credential::Expired(_)) => "Bearer <expired access token>",
        Some(Credential::Revoked(_)) => "Bearer <revoked access token>",
        Some(Credential::ApiKey(_)) => "Bearer <API key>",
        Some(Credential::Key(..)) => "Bearer <endpoint key>",
        Some(Credential::Unknown) => "Bearer <unknown>",
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl Kind {
    pub(super) fn opens_with(&self, key: &str) -> bool {
        matches!(self, Self::ApiKey(own) | Self::Endpoint(_, own) if own == key)
    }
}
