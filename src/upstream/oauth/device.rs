//! Codes that are typed on another device: asking for one, and asking whether it was typed
//! (codex-rs/login/src/device_code_auth.rs; `expires_in` and spoken "pending": Soju06/codex-lb app/core/clients/oauth.py).

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use url::Url;

use super::{Outlet, code_of};
use crate::profile::Secret;
use crate::upstream::below;

/// A code that somebody has yet to type.
#[derive(Clone, Debug)]
pub struct DeviceCode {
    id: Secret,
    /// What is typed. For the screen, and for nobody else.
    pub user_code: String,
    /// How long to wait between two questions.
    pub interval: Duration,
    pub life: Duration,
}

/// What the issuer says of it.
#[derive(Debug)]
pub enum DevicePoll {
    Pending,
    SlowDown,
    Expired,
    Granted(DeviceGrant),
}

/// It was typed: a code and the verifier for it, which here the issuer makes.
#[derive(Debug)]
pub struct DeviceGrant {
    pub code: Secret,
    pub verifier: Secret,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    #[error("this sign-in service gives no codes")]
    NotEnabled,
    #[error("signing in was refused where the code was typed; start again if that was a mistake")]
    Denied,
    #[error("{0}; check the connection and start again")]
    NotReached(String),
    #[error("the sign-in service answers {status}; start again in a minute")]
    Trouble { status: u16 },
    #[error("the sign-in service refused the code ({code}); start again")]
    Refused { code: String },
    #[error("the sign-in service sent something else than a code; start again")]
    Unreadable,
}

/// When the issuer does not say (the CLI's own figures).
const INTERVAL: Duration = Duration::from_secs(5);
const LIFE: Duration = Duration::from_secs(15 * 60);
/// Whatever an answer says: nobody waits longer.
const LONGEST_LIFE: Duration = Duration::from_secs(3600);
const LONGEST_INTERVAL: Duration = Duration::from_secs(60);

impl DeviceError {
    /// Whether the next question may fare better.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::NotReached(_) => true,
            Self::Trouble { status } => *status >= 500,
            Self::NotEnabled | Self::Denied | Self::Refused { .. } | Self::Unreadable => false,
        }
    }
}

impl Outlet<'_> {
    /// Asks for a code.
    ///
    /// # Errors
    /// See [`DeviceError`]; 404 means that there are none.
    pub async fn device_code(&self) -> Result<DeviceCode, DeviceError> {
        let body = json!({ "client_id": self.endpoints().client_id });
        let (status, answer) = self.ask_device("usercode", &body).await?;
        match status {
            StatusCode::NOT_FOUND => Err(DeviceError::NotEnabled),
            status if status.is_success() => code_in(&answer).ok_or(DeviceError::Unreadable),
            status => Err(trouble(status, &answer)),
        }
    }

    /// Asks whether it was typed.
    ///
    /// # Errors
    /// See [`DeviceError`].
    pub async fn poll_device(&self, code: &DeviceCode) -> Result<DevicePoll, DeviceError> {
        let body = json!({
            "device_auth_id": code.id.expose(),
            "user_code": code.user_code,
        });
        let (status, answer) = self.ask_device("token", &body).await?;
        if status.is_success() {
            return granted_in(&answer)
                .map(DevicePoll::Granted)
                .ok_or(DeviceError::Unreadable);
        }
        match (code_of(&answer).as_deref(), status.as_u16()) {
            (Some("expired_token" | "deviceauth_expired"), _) => Ok(DevicePoll::Expired),
            (Some("access_denied"), _) => Err(DeviceError::Denied),
            (Some("slow_down"), _) | (_, 429) => Ok(DevicePoll::SlowDown),
            (Some("authorization_pending" | "pending"), _) | (_, 403 | 404) => {
                Ok(DevicePoll::Pending)
            }
            _ => Err(trouble(status, &answer)),
        }
    }

    async fn ask_device(
        &self,
        what: &str,
        body: &Value,
    ) -> Result<(StatusCode, Vec<u8>), DeviceError> {
        let endpoints = self.endpoints();
        let url: Url = below(
            &endpoints.issuer,
            &format!("api/accounts/deviceauth/{what}"),
        );
        let (status, answer) = self
            .ask_issuer(&url, "application/json", body.to_string())
            .await
            .map_err(|err| DeviceError::NotReached(err.to_string()))?;
        let answer = answer.map_err(DeviceError::NotReached)?;
        Ok((status, answer))
    }
}

fn code_in(answer: &[u8]) -> Option<DeviceCode> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let text = |key: &str| {
        let text = answer.get(key)?.as_str()?;
        (!text.is_empty() && text.len() <= 256 && text.chars().all(|c| c.is_ascii_graphic()))
            .then(|| text.to_owned())
    };
    let interval = secs(answer.get("interval")).unwrap_or(INTERVAL);
    let life = secs(answer.get("expires_in"))
        .filter(|life| !life.is_zero())
        .unwrap_or(LIFE);
    Some(DeviceCode {
        id: Secret::new(text("device_auth_id")?),
        user_code: text("user_code").or_else(|| text("usercode"))?,
        interval: interval.min(LONGEST_INTERVAL),
        life: life.min(LONGEST_LIFE),
    })
}

/// A number of seconds, which may be a text.
fn secs(value: Option<&Value>) -> Option<Duration> {
    let secs = match value? {
        Value::String(text) => text.trim().parse().ok()?,
        value => value.as_f64()?,
    };
    Duration::try_from_secs_f64(secs).ok()
}

fn granted_in(answer: &[u8]) -> Option<DeviceGrant> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let secret = |key: &str| {
        let text = answer.get(key)?.as_str()?;
        (!text.is_empty()).then(|| Secret::new(text))
    };
    Some(DeviceGrant {
        code: secret("authorization_code")?,
        verifier: secret("code_verifier")?,
    })
}

fn trouble(status: StatusCode, answer: &[u8]) -> DeviceError {
    match code_of(answer) {
        Some(code) if status.is_client_error() => DeviceError::Refused { code },
        _ => DeviceError::Trouble {
            status: status.as_u16(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_in_every_spelling_and_its_times_are_kept_sane() {
        let read = |text: &str| {
            let code = code_in(text.as_bytes())?;
            Some((code.user_code, code.interval.as_secs(), code.life.as_secs()))
        };
        let code = |user: &str, interval, life| Some((user.to_owned(), interval, life));
        for (text, expected) in [
            (
                r#"{"device_auth_id":"d","user_code":"AB-1","interval":"5"}"#,
                code("AB-1", 5, 900),
            ),
            (
                r#"{"device_auth_id":"d","usercode":"AB-1","interval":3,"expires_in":"60"}"#,
                code("AB-1", 3, 60),
            ),
            (
                r#"{"device_auth_id":"d","user_code":"AB-1","interval":0,"expires_in":0}"#,
                code("AB-1", 0, 900),
            ),
            (
                r#"{"device_auth_id":"d","user_code":"AB-1","interval":1e9,"expires_in":1e9}"#,
                code("AB-1", 60, 3600),
            ),
            (
                r#"{"device_auth_id":"d","user_code":"AB-1","interval":-1}"#,
                code("AB-1", 5, 900),
            ),
            (r#"{"device_auth_id":"d","user_code":"A\n1"}"#, None),
            (r#"{"user_code":"AB-1"}"#, None),
            ("<html>", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        let code = code_in(br#"{"device_auth_id":"canary","user_code":"AB-1"}"#).unwrap();
        assert!(!format!("{code:?}").contains("canary"));
    }
}
