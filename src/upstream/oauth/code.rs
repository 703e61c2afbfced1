//! A code becomes tokens: the last step of every sign-in (RFC 6749 section 4.1.3, codex-rs/login/src/server.rs).

use serde::Deserialize;
use url::form_urlencoded::Serializer;
use zeroize::Zeroizing;

use super::{Outlet, code_of};
use crate::profile::Secret;
use crate::upstream::{SendError, below};

/// What a code was given for.
#[derive(Debug)]
pub struct Grant<'a> {
    pub code: &'a Secret,
    pub verifier: &'a Secret,
    /// The very one that the code was asked for with.
    pub redirect_uri: &'a str,
}

/// A new login.
#[derive(Clone, Debug)]
pub struct IssuedTokens {
    pub id_token: Secret,
    pub access_token: Secret,
    pub refresh_token: Secret,
}

/// Why a code became nothing. It is spent all the same: only a new sign-in helps.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    #[error("the sign-in service did not accept the code ({code}); start again")]
    Refused { code: String },
    #[error("{0}; check the connection and start again")]
    NotReached(String),
    #[error("the sign-in service answers {status}; start again in a minute")]
    Trouble { status: u16 },
    #[error("the sign-in service sent no complete login; start again")]
    Incomplete,
}

impl Outlet<'_> {
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn exchange(&self, grant: &Grant<'_>) -> Result<IssuedTokens, ExchangeError> {
        let endpoints = self.endpoints();
        let url = below(&endpoints.issuer, "oauth/token");
        let not_reached = |err: SendError| ExchangeError::NotReached(err.to_string());
        let body = form_of(grant, &endpoints.client_id);
        let asked = self.ask_issuer(&url, "application/x-www-form-urlencoded", body);
        let (status, answer) = asked.await.map_err(not_reached)?;
        if status.is_success() {
            let answer = Zeroizing::new(answer.map_err(ExchangeError::NotReached)?);
            return tokens_of(&answer);
        }
        // A refusal whose body did not arrive is judged by its status alone.
        match code_of(&answer.unwrap_or_default()) {
            Some(code) if status.is_client_error() => Err(ExchangeError::Refused { code }),
            _ => Err(ExchangeError::Trouble {
                status: status.as_u16(),
            }),
        }
    }
}

fn form_of(grant: &Grant<'_>, client_id: &str) -> String {
    Serializer::new(String::new())
        .append_pair("grant_type", "authorization_code")
        .append_pair("code", grant.code.expose())
        .append_pair("redirect_uri", grant.redirect_uri)
        .append_pair("client_id", client_id)
        .append_pair("code_verifier", grant.verifier.expose())
        .finish()
}

fn tokens_of(answer: &[u8]) -> Result<IssuedTokens, ExchangeError> {
    #[derive(Deserialize)]
    struct Answer {
        id_token: String,
        access_token: String,
        refresh_token: String,
    }
    let answer: Answer =
        serde_json::from_slice(answer).map_err(|_not_a_login| ExchangeError::Incomplete)?;
    let whole = |token: String| match token.is_empty() {
        true => Err(ExchangeError::Incomplete),
        false => Ok(Secret::new(token)),
    };
    Ok(IssuedTokens {
        id_token: whole(answer.id_token)?,
        access_token: whole(answer.access_token)?,
        refresh_token: whole(answer.refresh_token)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_one_of_the_three_tokens_is_no_login() {
        let whole = br#"{"id_token":"a","access_token":"b","refresh_token":"c","more":1}"#;
        assert_eq!(tokens_of(whole).unwrap().refresh_token.expose(), "c");
        for answer in [
            &b"<html>"[..],
            b"{}",
            br#"{"id_token":"a","access_token":"b"}"#,
            br#"{"id_token":"a","access_token":"b","refresh_token":""}"#,
            br#"{"id_token":"a","access_token":7,"refresh_token":"c"}"#,
        ] {
            let refused = tokens_of(answer).map(|_tokens| ()).unwrap_err();
            assert_eq!(refused, ExchangeError::Incomplete);
        }
    }
}
