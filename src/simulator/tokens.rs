//! Makes the credentials of a pretend login: unsigned JWTs, refresh tokens, and the `auth.json` that holds them.
//!
//! Nothing here is a secret of anybody: the tokens open this simulator and nothing else.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{account::Account, door::Side};

/// The Codex CLI's public client id (codex-rs/core/src/auth.rs); the audience of an id token.
const CLIENT_ID: &str = "app_EMoamEEZ73f0CkXaXp7hrann";

/// Of an id token. Nothing schedules by it; an hour is customary.
const ID_TOKEN_LIFETIME: Duration = Duration::from_secs(3600);

/// What one login holds at one moment.
#[derive(Clone)]
pub(super) struct Login {
    pub(super) id_token: String,
    pub(super) access_token: String,
    pub(super) access_lifetime: Duration,
    pub(super) refresh_token: String,
    pub(super) refreshed_at: SystemTime,
}

impl Login {
    /// Fresh tokens for `account`, each of them unique.
    pub(super) fn new(issuer: &str, account: &Account, now: SystemTime) -> Self {
        Self {
            id_token: id_token(issuer, account, now),
            access_token: access_token(issuer, account, now, later(now, account.access_lifetime)),
            access_lifetime: account.access_lifetime,
            refresh_token: format!("rt_simulated_{}", nonce()),
            refreshed_at: now,
        }
    }

    /// The text of an `auth.json` that the Codex CLI accepts (codex-rs/core/src/auth/storage.rs), pretty as the CLI writes it.
    pub(super) fn auth_json(&self, account: &Account) -> String {
        let refreshed_at =
            jiff::Timestamp::try_from(self.refreshed_at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let file = json!({
            "auth_mode": "chatgpt",
            "OPENAI_API_KEY": null,
            "tokens": {
                "id_token": self.id_token,
                "access_token": self.access_token,
                "refresh_token": self.refresh_token,
                "account_id": account.workspace_id,
            },
            "last_refresh": refreshed_at.to_string(),
        });
        format!("{file:#}")
    }
}

/// The `auth.json` of a profile that is an endpoint; no other program takes it for a login.
pub(super) fn endpoint_auth_json(issuer: &str, side: Side, key: &str) -> String {
    let (kind, base_url) = match side {
        Side::Azure => ("azure", format!("{issuer}/azure")),
        Side::ChatGpt | Side::Platform | Side::Compatible => {
            ("compatible", format!("{issuer}/compatible/v1"))
        }
    };
    let endpoint = json!({ "kind": kind, "base_url": base_url, "api_key": key });
    format!(
        "{:#}",
        json!({ "auth_mode": "codexRouterEndpoint", "endpoint": endpoint })
    )
}

/// The `auth.json` of an API key (codex-rs/core/src/token_data.rs).
pub(super) fn api_key_auth_json(key: &str) -> String {
    let file = json!({ "auth_mode": "apikey", "OPENAI_API_KEY": key });
    format!("{file:#}")
}

/// An access token with the claims that codex-rs/core/src/token_data.rs reads.
pub(super) fn access_token(
    issuer: &str,
    account: &Account,
    issued_at: SystemTime,
    expires_at: SystemTime,
) -> String {
    jwt(&json!({
        "iss": issuer,
        "sub": account.user_id,
        "aud": ["https://api.openai.com/v1"],
        "iat": unix_secs(issued_at),
        "exp": unix_secs(expires_at),
        "jti": nonce(),
        "https://api.openai.com/auth": auth_claims(account),
        "https://api.openai.com/profile": { "email": account.email, "email_verified": true },
    }))
}

fn id_token(issuer: &str, account: &Account, now: SystemTime) -> String {
    jwt(&json!({
        "iss": issuer,
        "sub": account.user_id,
        "aud": [CLIENT_ID],
        "iat": unix_secs(now),
        "exp": unix_secs(later(now, ID_TOKEN_LIFETIME)),
        "jti": nonce(),
        "email": account.email,
        "email_verified": true,
        "https://api.openai.com/auth": auth_claims(account),
    }))
}

fn auth_claims(account: &Account) -> Value {
    json!({
        "chatgpt_account_id": account.workspace_id,
        "chatgpt_plan_type": account.plan,
        "chatgpt_user_id": account.user_id,
        "user_id": account.user_id,
    })
}

/// Three parts, none of them empty: with an empty signature the CLI refuses the whole file (codex-rs/core/src/token_data.rs).
fn jwt(claims: &Value) -> String {
    let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let header = part(r#"{"alg":"none","typ":"JWT"}"#);
    let claims = part(&claims.to_string());
    format!("{header}.{claims}.{}", part("simulated"))
}

/// 32 hexadecimal digits that do not come twice.
pub(super) fn nonce() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// Seconds since 1970; 0 for a time before.
pub(super) fn unix_secs(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// `time` itself when the sum lies beyond what the clock can say.
pub(super) fn later(time: SystemTime, by: Duration) -> SystemTime {
    time.checked_add(by).unwrap_or(time)
}

/// `time` itself when the difference lies before what the clock can say.
pub(super) fn earlier(time: SystemTime, by: Duration) -> SystemTime {
    time.checked_sub(by).unwrap_or(time)
}
