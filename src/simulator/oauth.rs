//! `POST /oauth/token`: refresh tokens that rotate and are good once (codex-rs/core/src/auth.rs); codes go to `sign_in`.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Response, header};
use serde_json::{Value, json};

use super::{
    accounts::{Accounts, Worthless},
    body::Body,
    gate::Gate,
    http_reply::HttpReply,
    server::{HungUp, Shared},
    sign_in,
    tokens::Login,
};

/// What an account answers when one of its refresh tokens is presented.
#[derive(Clone, Debug)]
pub struct Refresh {
    how: How,
    held_before: Option<Gate>,
    held_after: Option<Gate>,
}

#[derive(Clone, Debug)]
enum How {
    Rotate,
    LoseTheAnswer,
    KeepTheRefreshToken,
    AnswerFor(String),
    Http(HttpReply),
}

impl Refresh {
    /// The ordinary answer: the token is spent, the next ones are given.
    pub fn rotate() -> Self {
        Self::new(How::Rotate)
    }

    /// 401 `refresh_token_expired`. The token is not spent.
    pub fn expired() -> Self {
        Self::http(worthless(
            "refresh_token_expired",
            "Your refresh token has expired. Please sign in again.",
        ))
    }

    /// 401 `refresh_token_reused`, whatever the token's state.
    pub fn reused() -> Self {
        Self::http(refusal(Worthless::Spent))
    }

    /// 401 `refresh_token_invalidated`, whatever the token's state.
    pub fn invalidated() -> Self {
        Self::http(refusal(Worthless::RevokedOrUnknown))
    }

    /// 400 with the code as a plain string, RFC 6749 section 5.2.
    pub fn invalid_grant() -> Self {
        Self::http(string_error("invalid_grant", "the grant is not valid"))
    }

    /// 429, with `retry-after` in seconds.
    pub fn throttled(retry_after: Duration) -> Self {
        let reply = HttpReply::error(429, "requests", "rate_limit_exceeded", "Too many requests");
        Self::http(reply.header("retry-after", retry_after.as_secs().to_string()))
    }

    /// 500 with a JSON error.
    pub fn server_error() -> Self {
        Self::http(HttpReply::error(
            500,
            "server_error",
            "internal_error",
            "The server had an error",
        ))
    }

    /// An edge's page, see [`HttpReply::html`].
    pub fn html(status: u16) -> Self {
        Self::http(HttpReply::html(status))
    }

    pub fn status(status: u16, body: impl Into<String>) -> Self {
        Self::http(HttpReply::text(status, body))
    }

    /// Anything else: a redirect, an endless body. The token is not spent.
    pub fn http(reply: HttpReply) -> Self {
        Self::new(How::Http(reply))
    }

    /// The token is spent, then the connection is closed without a byte: the client cannot know.
    pub fn answer_lost() -> Self {
        Self::new(How::LoseTheAnswer)
    }

    /// New access and id tokens only; the presented refresh token stays good.
    pub fn without_refresh_token() -> Self {
        Self::new(How::KeepTheRefreshToken)
    }

    /// The token is spent, and the answer carries a login of the account `other`.
    pub fn for_account(other: &str) -> Self {
        Self::new(How::AnswerFor(other.to_owned()))
    }

    /// Waits at the gate first; a client that leaves meanwhile has lost nothing.
    pub fn held_before(mut self, gate: &Gate) -> Self {
        self.held_before = Some(gate.clone());
        self
    }

    /// Acts first, waits then: a client that leaves meanwhile has lost its answer.
    pub fn held_after(mut self, gate: &Gate) -> Self {
        self.held_after = Some(gate.clone());
        self
    }

    fn new(how: How) -> Self {
        Self {
            how,
            held_before: None,
            held_after: None,
        }
    }
}

/// A token request, from JSON or a form. A missing field is empty.
#[derive(Default)]
pub(super) struct TokenRequest {
    grant_type: String,
    pub(super) client_id: String,
    pub(super) refresh_token: String,
    pub(super) is_form: bool,
    pub(super) code: String,
    pub(super) redirect_uri: String,
    pub(super) code_verifier: String,
}

impl TokenRequest {
    /// Everything is empty when the body is neither JSON nor a form.
    pub(super) fn parse(headers: &HeaderMap, body: &Bytes) -> Self {
        let is_form = headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
            kind.as_bytes()
                .starts_with(b"application/x-www-form-urlencoded")
        });
        let field = |name: &str| -> String {
            if is_form {
                url::form_urlencoded::parse(body)
                    .find(|(key, _)| key == name)
                    .map(|(_, value)| value.into_owned())
                    .unwrap_or_default()
            } else {
                serde_json::from_slice::<Value>(body)
                    .ok()
                    .and_then(|body| Some(body.get(name)?.as_str()?.to_owned()))
                    .unwrap_or_default()
            }
        };
        Self {
            grant_type: field("grant_type"),
            client_id: field("client_id"),
            refresh_token: field("refresh_token"),
            is_form,
            code: field("code"),
            redirect_uri: field("redirect_uri"),
            code_verifier: field("code_verifier"),
        }
    }

    fn is_code(&self) -> bool {
        self.grant_type == "authorization_code"
    }

    fn fault(&self) -> Option<HttpReply> {
        let missing = [
            ("grant_type", &self.grant_type),
            ("client_id", &self.client_id),
        ]
        .into_iter()
        .find(|(_, value)| value.is_empty());
        if let Some((name, _)) = missing {
            return Some(string_error(
                "invalid_request",
                &format!("{name} is required"),
            ));
        }
        if self.is_code() {
            return None;
        }
        if self.grant_type != "refresh_token" {
            return Some(string_error(
                "unsupported_grant_type",
                "only refresh_token and authorization_code are simulated",
            ));
        }
        self.refresh_token
            .is_empty()
            .then(|| string_error("invalid_request", "refresh_token is required"))
    }
}

/// `POST /oauth/token`.
pub(super) async fn answer(
    shared: &Shared,
    request: &TokenRequest,
) -> Result<Response<Body>, HungUp> {
    if let Some(fault) = request.fault() {
        return Ok(fault.into_response());
    }
    if request.is_code() {
        return Ok(sign_in::exchange(shared, request).into_response());
    }
    let token = request.refresh_token.as_str();
    let Some(name) = shared.holder_of_refresh(token) else {
        return Ok(refusal(Worthless::RevokedOrUnknown).into_response());
    };
    let (script, mut presence) = shared.accounts().with(&name, |entry| {
        (entry.refreshes.take(), entry.tally.presence())
    });
    let script = script.unwrap_or_else(Refresh::rotate);
    if let Some(gate) = script.held_before {
        gate.pass().await;
    }
    // One lock around it: of any number of requests with one refresh token exactly one gets the next.
    let outcome = act(&mut shared.accounts(), script.how, &name, token);
    if let Some(gate) = script.held_after {
        gate.pass().await;
    }
    presence.finish();
    outcome.map(HttpReply::into_response)
}

fn act(accounts: &mut Accounts, how: How, name: &str, token: &str) -> Result<HttpReply, HungUp> {
    let now = SystemTime::now();
    let answer = match how {
        How::Http(reply) => return Ok(reply),
        How::KeepTheRefreshToken => accounts
            .renew_access(token, now)
            .map(|login| granted(&login, None)),
        How::Rotate => redeem(accounts, name, token, now)
            .map(|login| granted(&login, Some(&login.refresh_token))),
        How::AnswerFor(other) => redeem(accounts, name, token, now).map(|_| {
            let login = accounts.sign_in(&other, now);
            granted(&login, Some(&login.refresh_token))
        }),
        How::LoseTheAnswer => match redeem(accounts, name, token, now) {
            Ok(_) => return Err(HungUp),
            Err(why) => Err(why),
        },
    };
    Ok(answer.unwrap_or_else(refusal))
}

fn redeem(
    accounts: &mut Accounts,
    name: &str,
    token: &str,
    now: SystemTime,
) -> Result<Login, Worthless> {
    let redeemed = accounts.redeem(token, now);
    accounts.with(name, |entry| match redeemed {
        Ok(_) => entry.tally.redeems += 1,
        Err(_) => entry.tally.refused_redeems += 1,
    });
    redeemed
}

pub(super) fn granted(login: &Login, refresh_token: Option<&str>) -> HttpReply {
    let mut body = json!({
        "id_token": login.id_token,
        "access_token": login.access_token,
        "token_type": "Bearer",
        "expires_in": login.access_lifetime.as_secs(),
        "scope": "openid profile email offline_access",
    });
    if let (Some(token), Some(body)) = (refresh_token, body.as_object_mut()) {
        body.insert("refresh_token".to_owned(), token.into());
    }
    HttpReply::json(200, &body).header("cache-control", "no-store")
}

fn refusal(why: Worthless) -> HttpReply {
    match why {
        Worthless::Spent => worthless(
            "refresh_token_reused",
            "Your refresh token has already been used to generate a new access token. Please try signing in again.",
        ),
        Worthless::RevokedOrUnknown => worthless(
            "refresh_token_invalidated",
            "Your refresh token has been invalidated. Please sign in again.",
        ),
    }
}

fn worthless(code: &str, message: &str) -> HttpReply {
    HttpReply::error(401, "invalid_request_error", code, message)
}

pub(super) fn string_error(code: &str, description: &str) -> HttpReply {
    HttpReply::json(
        400,
        &json!({ "error": code, "error_description": description }),
    )
}
