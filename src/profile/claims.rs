//! What a token says about itself. The signature is not checked: we only show and schedule by claims, the upstream decides.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::Value;

use super::about::is_deceptive;

/// The claims that matter to us, from an id token or an access token; both carry the same namespaces
/// (codex-rs/core/src/token_data.rs).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    pub email: Option<String>,
    /// An open set: `plus`, `team`, … and whatever comes next.
    pub plan: Option<String>,
    pub user_id: Option<String>,
    pub workspace_id: Option<String>,
    /// The title of the default organisation, for people with several.
    pub workspace_title: Option<String>,
    pub is_fedramp: bool,
    pub issued_at: Option<SystemTime>,
    pub expires_at: Option<SystemTime>,
}

impl Claims {
    /// Reads the middle part of a JWT. `None` if it is no JWT at all; a claim of an unexpected type is only missing.
    pub fn read(token: &str) -> Option<Self> {
        let claims: HashMap<String, Value> =
            jsonwebtoken::dangerous::insecure_decode_claims(token).ok()?;
        let auth: AuthNamespace = object(claims.get("https://api.openai.com/auth"));
        let email = text(claims.get("email")).or_else(|| {
            text(
                claims
                    .get("https://api.openai.com/profile")
                    .and_then(|profile| profile.get("email")),
            )
        });
        let organization = auth
            .organizations
            .iter()
            .find(|o| o.is_default)
            .or(auth.organizations.first());
        Some(Self {
            email: email.and_then(harmless),
            plan: auth.chatgpt_plan_type.and_then(harmless),
            user_id: auth
                .chatgpt_user_id
                .or(auth.user_id)
                .or_else(|| text(claims.get("sub"))),
            workspace_id: auth.chatgpt_account_id,
            workspace_title: organization
                .and_then(|o| o.title.clone())
                .and_then(harmless),
            is_fedramp: auth.chatgpt_account_is_fedramp,
            issued_at: moment(claims.get("iat")),
            expires_at: moment(claims.get("exp")),
        })
    }

    /// These claims, with the gaps filled from another token of the same login.
    pub fn or(self, other: Self) -> Self {
        Self {
            email: self.email.or(other.email),
            plan: self.plan.or(other.plan),
            user_id: self.user_id.or(other.user_id),
            workspace_id: self.workspace_id.or(other.workspace_id),
            workspace_title: self.workspace_title.or(other.workspace_title),
            is_fedramp: self.is_fedramp || other.is_fedramp,
            issued_at: self.issued_at.or(other.issued_at),
            expires_at: self.expires_at.or(other.expires_at),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AuthNamespace {
    #[serde(deserialize_with = "lenient")]
    chatgpt_plan_type: Option<String>,
    #[serde(deserialize_with = "lenient")]
    chatgpt_user_id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    user_id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    chatgpt_account_id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    chatgpt_account_is_fedramp: bool,
    #[serde(deserialize_with = "lenient")]
    organizations: Vec<Organization>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Organization {
    title: Option<String>,
    is_default: bool,
}

/// A claim of the wrong type counts as missing: the set of claims is not ours to police.
fn lenient<'de, D: serde::Deserializer<'de>, T: Default + serde::de::DeserializeOwned>(
    from: D,
) -> Result<T, D::Error> {
    Value::deserialize(from).map(|value| serde_json::from_value(value).unwrap_or_default())
}

fn object<T: Default + serde::de::DeserializeOwned>(value: Option<&Value>) -> T {
    value
        .and_then(|value| T::deserialize(value).ok())
        .unwrap_or_default()
}

fn text(value: Option<&Value>) -> Option<String> {
    value?
        .as_str()
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

/// A text that goes to screens and terminals: nobody has signed for what an imported file says of itself. One that would move a
/// cursor or turn the direction of writing counts as missing.
fn harmless(text: String) -> Option<String> {
    (!text.contains(is_deceptive)).then_some(text)
}

/// Seconds since 1970 (RFC 7519 section 2, NumericDate; a fraction is allowed). Beyond the year 9999 it is nonsense.
fn moment(value: Option<&Value>) -> Option<SystemTime> {
    const YEAR_9999: f64 = 253_402_300_799.0;
    let secs = value?
        .as_f64()
        .filter(|secs| (0.0..YEAR_9999).contains(secs))?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs_f64(secs))
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_claim_that_would_move_the_cursor_of_a_terminal_counts_as_missing() {
        let claims = Claims::read(&jwt(&json!({
            "email": "ana@example.dev\u{1b}[2K\rgood@example.dev",
            "https://api.openai.com/auth": {
                "chatgpt_plan_type": "plus\u{202e}",
                "chatgpt_user_id": "user-fake",
                "organizations": [{"id": "org-fake", "is_default": true, "title": "a\u{7}b"}],
            },
        })))
        .unwrap();
        assert_eq!((claims.email, claims.plan), (None, None));
        assert_eq!(claims.workspace_title, None);
        assert_eq!(claims.user_id.as_deref(), Some("user-fake"));
    }

    fn jwt(claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.fake", part(&json!({"alg": "none"})), part(claims))
    }

    #[test]
    fn claims_are_read_from_their_namespaces() {
        let claims = Claims::read(&jwt(&json!({
            "iat": 1_700_000_000, "exp": 1_800_000_000.5,
            "https://api.openai.com/profile": {"email": "a@b.test"},
            "https://api.openai.com/auth": {
                "chatgpt_plan_type": "brand_new_plan", "user_id": "user-1", "chatgpt_account_id": "acct-1",
                "organizations": [{"title": "Personal"}, {"title": "Lindqvist AB", "is_default": true}]
            }
        })))
        .unwrap();
        assert_eq!(claims.email.as_deref(), Some("a@b.test"));
        assert_eq!(claims.plan.as_deref(), Some("brand_new_plan"));
        assert_eq!(claims.user_id.as_deref(), Some("user-1"));
        assert_eq!(claims.workspace_id.as_deref(), Some("acct-1"));
        assert_eq!(claims.workspace_title.as_deref(), Some("Lindqvist AB"));
        assert_eq!(
            claims.issued_at,
            Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000))
        );
        assert_eq!(
            claims.expires_at,
            Some(SystemTime::UNIX_EPOCH + Duration::from_secs_f64(1_800_000_000.5))
        );
    }

    #[test]
    fn a_claim_of_the_wrong_type_is_only_missing() {
        let claims = Claims::read(&jwt(&json!({
            "email": 7, "exp": "soon",
            "https://api.openai.com/auth": {"chatgpt_plan_type": ["x"], "chatgpt_user_id": "user-1", "organizations": "none"}
        })))
        .unwrap();
        assert_eq!(
            claims,
            Claims {
                user_id: Some("user-1".into()),
                ..Claims::default()
            }
        );
    }

    #[test]
    fn what_is_no_jwt_has_no_claims() {
        for token in ["", "a.b", "sk-fake", "....", "a.b.c", "rt_FAKE"] {
            assert_eq!(Claims::read(token), None, "{token:?}");
        }
    }
}
