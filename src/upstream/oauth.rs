//! The issuer of tokens: redeeming a refresh token, and what each refusal means for the login; below, what signing in takes.
//!
//! Request and codes: codex-rs/core/src/auth.rs and login/src/auth/manager.rs (a permanent code counts with any status);
//! further permanent codes: Soju06/codex-lb app/core/balancer/logic.py.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::{Outlet, Purpose, SendError, read_all, retry_after};
use crate::profile::{RefreshedTokens, Secret};

mod code;
mod device;

pub use code::{ExchangeError, Grant, IssuedTokens};
pub use device::{DeviceCode, DeviceError, DeviceGrant, DevicePoll};

/// Why no new token came. What matters is what has become of the old one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefreshError {
    /// The issuer will never accept this token again.
    #[error("the issuer refused this login ({code})")]
    Rejected { code: String },
    /// The token never left this computer; it is as good as before.
    #[error("{0}")]
    NotSent(String),
    /// It was sent and nothing usable came back: it may be spent.
    #[error("the issuer gave no usable answer: {0}")]
    Ambiguous(String),
    /// The issuer is there and does not want to now; the token is as good as before.
    #[error("the issuer answers {status}")]
    Later {
        status: u16,
        retry_after: Option<Duration>,
    },
}

/// Longer than a slow refresh, shorter than patience.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_ANSWER_BYTES: usize = 64 * 1024;

impl Outlet<'_> {
    /// Sends a refresh token to the issuer. It is spent by that: the caller must have made sure that the answer can be saved.
    ///
    /// # Errors
    /// See [`RefreshError`].
    pub async fn redeem(
        &self,
        refresh_token: &Secret,
        now: SystemTime,
    ) -> Result<RefreshedTokens, RefreshError> {
        let endpoints = self.endpoints();
        let body = json!({
            "client_id": endpoints.client_id,
            "grant_type": "refresh_token",
            "refresh_token": refresh_token.expose(),
        });
        let client = self
            .client_for(&endpoints.token, Purpose::Request)
            .map_err(|err| RefreshError::NotSent(err.to_string()))?;
        let request = client
            .post(endpoints.token.clone())
            .timeout(TOTAL_TIMEOUT)
            .header("content-type", "application/json")
            .header("originator", &endpoints.originator)
            .header("user-agent", &endpoints.user_agent)
            .body(body.to_string());
        let response =
            request
                .send()
                .await
                .map_err(|err| match self.send_error(&endpoints.token, &err) {
                    not_sent @ (SendError::NotSent { .. } | SendError::NotThroughProxy { .. }) => {
                        RefreshError::NotSent(not_sent.to_string())
                    }
                    lost @ SendError::Lost { .. } => RefreshError::Ambiguous(lost.to_string()),
                })?;
        let (status, headers) = (response.status(), response.headers().clone());
        let answer = read_all(response, MAX_ANSWER_BYTES).await;
        if status.is_success() {
            return tokens_of(&answer.map_err(RefreshError::Ambiguous)?);
        }
        // A refusal whose body did not arrive is judged by its status alone.
        let code = code_of(&answer.unwrap_or_default());
        if status.as_u16() == 401 || code.as_deref().is_some_and(is_permanent) {
            return Err(RefreshError::Rejected {
                code: code.unwrap_or_else(|| "401".into()),
            });
        }
        Err(RefreshError::Later {
            status: status.as_u16(),
            retry_after: retry_after(&headers, now),
        })
    }
}

impl Outlet<'_> {
    /// One step of a sign-in: the status, and the answer or why it did not arrive.
    async fn ask_issuer(
        &self,
        url: &Url,
        content_type: &str,
        body: String,
    ) -> Result<(StatusCode, Result<Vec<u8>, String>), SendError> {
        let endpoints = self.endpoints();
        let response = self
            .client_for(url, Purpose::Request)?
            .post(url.clone())
            .timeout(TOTAL_TIMEOUT)
            .header("content-type", content_type)
            .header("originator", &endpoints.originator)
            .header("user-agent", &endpoints.user_agent)
            .body(body)
            .send()
            .await
            .map_err(|err| self.send_error(url, &err))?;
        let status = response.status();
        Ok((status, read_all(response, MAX_ANSWER_BYTES).await))
    }
}

fn tokens_of(answer: &[u8]) -> Result<RefreshedTokens, RefreshError> {
    #[derive(Deserialize)]
    struct Answer {
        id_token: Option<String>,
        access_token: Option<String>,
        refresh_token: Option<String>,
    }
    let answer: Answer = serde_json::from_slice(answer).map_err(|_ignored| {
        RefreshError::Ambiguous("the answer is not the expected JSON".into())
    })?;
    let present = |token: Option<String>| token.filter(|token| !token.is_empty()).map(Secret::new);
    let tokens = RefreshedTokens {
        id_token: present(answer.id_token),
        access_token: present(answer.access_token),
        refresh_token: present(answer.refresh_token),
    };
    if tokens.access_token.is_none() && tokens.refresh_token.is_none() {
        return Err(RefreshError::Ambiguous("the answer holds no token".into()));
    }
    Ok(tokens)
}

/// `error.code`, `error` as a text, or `code`; in this order, lower-cased. Only what looks like a code is repeated.
fn code_of(answer: &[u8]) -> Option<String> {
    let json: Value = serde_json::from_slice(answer).ok()?;
    let error = json.get("error");
    let code = error
        .and_then(|error| error.get("code"))
        .or(error.filter(|error| error.is_string()))
        .or(json.get("code"))?
        .as_str()?
        .to_ascii_lowercase();
    let is_code = !code.is_empty()
        && code.len() <= 64
        && code
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    is_code.then_some(code)
}

fn is_permanent(code: &str) -> bool {
    matches!(
        code,
        "refresh_token_expired"
            | "refresh_token_reused"
            | "refresh_token_invalidated"
            | "invalid_grant"
            | "token_invalidated"
            | "token_expired"
            | "app_session_terminated"
            | "account_session_expired"
            | "account_deactivated"
            | "account_suspended"
            | "account_deleted"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_in_every_spelling() {
        assert_eq!(
            code_of(br#"{"error":{"code":"Refresh_Token_Reused"}}"#).as_deref(),
            Some("refresh_token_reused")
        );
        assert_eq!(
            code_of(br#"{"error":"invalid_grant"}"#).as_deref(),
            Some("invalid_grant")
        );
        assert_eq!(
            code_of(br#"{"code":"token_expired"}"#).as_deref(),
            Some("token_expired")
        );
        for body in [
            &b"<html>"[..],
            b"{}",
            br#"{"error":{"code":7}}"#,
            br#"{"error":"a sentence, not a code"}"#,
        ] {
            assert_eq!(code_of(body), None);
        }
    }

    #[test]
    fn an_answer_without_tokens_is_ambiguous() {
        assert!(matches!(tokens_of(b"{}"), Err(RefreshError::Ambiguous(_))));
        assert!(matches!(
            tokens_of(b"<html>"),
            Err(RefreshError::Ambiguous(_))
        ));
        let tokens = tokens_of(br#"{"access_token":"fake"}"#).unwrap();
        assert!(tokens.refresh_token.is_none());
    }
}
