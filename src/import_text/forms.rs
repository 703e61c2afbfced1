//! The forms in which logins are kept, turned into the one of Codex.
//!
//! | form | written by | source |
//! |---|---|---|
//! | `auth.json` | Codex, this program, LyleLiu666/codex_router (whose `id_token` may be an object with `raw_jwt`) | codex-rs/login/src/auth/storage.rs |
//! | `{"accounts": [{"name", "auth_data": {"type", …}}]}` | Lampese/codex-switcher | src-tauri/src/types.rs |
//! | flat: `{"access_token", "refresh_token", "id_token", "account_id", "email", "type": "codex"}` | router-for-me/CLIProxyAPI | internal/auth/codex/token.go |
//! | camelCase: `{"accessToken", "refreshToken", "idToken", "accountId", "lastRefreshAt"}` | Soju06/codex-lb | app/core/auth/\_\_init\_\_.py |
//! | `{"openai": {"type": "oauth", "access", "refresh", "accountId"}}` | opencode | its `auth.json`, by provider |
//! | `{"accounts": [{"name", "platform": "openai", "type", "credentials": {…}}]}` | pool managers such as sub2api | by analogy, as no source was read |
//! | `{"accounts": [{"name", "auth_json": {…}, "router_json": {…}}]}` | a backup of ours | `store::backup` |
//!
//! Lists, maps by name and wrappers around any of them are followed. What is marked as another service's is left out.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use crate::profile::auth_file::Distinct;
use crate::profile::{AuthFile, Endpoint, EndpointKind, Secret, SideFile};

use super::split::key_of;
use super::{Candidate, MAX_LOGINS, NoLogin};

/// A login in a list in a wrapper in a file has 5.
const MAX_DEPTH: usize = 10;
const LABELS: &[&str] = &[
    "label",
    "name",
    "alias",
    "title",
    "account_name",
    "accountName",
];
const EMAILS: &[&str] = &["email", "account_email", "accountEmail"];
const PLANS: &[&str] = &["plan_type", "planType", "plan", "chatgpt_plan_type"];
const ACCESS: &[&str] = &["access_token", "accessToken"];
const REFRESH: &[&str] = &["refresh_token", "refreshToken"];
const ID: &[&str] = &["id_token", "idToken"];
const ACCOUNT: &[&str] = &[
    "account_id",
    "accountId",
    "chatgpt_account_id",
    "chatgptAccountId",
];
const RENEWED: &[&str] = &[
    "last_refresh",
    "lastRefresh",
    "last_refresh_at",
    "lastRefreshAt",
];
const KEYS: &[&str] = &["api_key", "apiKey", "key"];
const BASES: &[&str] = &["base_url", "baseUrl", "baseURL"];
/// One login below another name.
const WRAPPERS: &[&str] = &[
    "auth_data",
    "auth_json",
    "authJson",
    "auth",
    "auth_file",
    "authFile",
    "codex_auth",
    "credentials",
    "credential",
    "oauth",
    "login",
    "token",
    "tokens",
    "account",
    "content",
    "data",
];
/// Several, as a list or by name.
const LISTS: &[&str] = &[
    "accounts",
    "profiles",
    "logins",
    "auths",
    "items",
    "users",
    "credentials",
    "tokens",
    "data",
    "list",
];
/// As whose logins ours are marked where logins of several services stand side by side.
const OURS: &[&str] = &["openai", "codex", "chatgpt", "openai-codex", "openai_codex"];
/// Kinds of logins, whoever's.
const KINDS: &[&str] = &[
    "oauth",
    "api",
    "api_key",
    "apikey",
    "api-key",
    "chatgpt",
    "chat_gpt",
    "chat_g_p_t",
    "bearer",
    "account",
];

/// Collects logins from one JSON value after the other.
pub struct Reader {
    now: SystemTime,
    found: Vec<Candidate>,
    others: usize,
}

/// What the surroundings say about a login.
#[derive(Clone, Default)]
struct Hint {
    label: Option<String>,
    email: Option<String>,
    plan: Option<String>,
    side: Option<SideFile>,
    /// Whether somebody has said that it is OpenAI's.
    is_ours: bool,
}

impl Reader {
    pub fn new(now: SystemTime) -> Self {
        Self {
            now,
            found: Vec::new(),
            others: 0,
        }
    }

    pub fn read(&mut self, json: &Value) {
        self.walk(json, Hint::default(), 0);
    }

    pub fn read_key(&mut self, key: Secret) {
        self.push_key(&key, None, Hint::default());
    }

    /// Whether there were logins of other services.
    pub fn has_met_others(&self) -> bool {
        self.others > 0
    }

    pub fn into_found(self) -> Vec<Candidate> {
        self.found
    }

    fn walk(&mut self, json: &Value, hint: Hint, depth: usize) {
        if depth > MAX_DEPTH || self.found.len() >= MAX_LOGINS {
            return;
        }
        match json {
            Value::Object(object) => self.object(object, hint, depth),
            Value::Array(items) => {
                for item in items {
                    self.walk(item, Hint::default(), depth + 1);
                }
            }
            Value::String(text) => {
                if let Some(key) = key_of(text) {
                    self.push_key(&Secret::new(key), None, hint);
                } else if text.trim_start().starts_with('{')
                    && let Ok(Distinct(inner)) = serde_json::from_str(text)
                {
                    self.walk(&inner, hint, depth + 1);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn object(&mut self, object: &Map<String, Value>, around: Hint, depth: usize) {
        let hint = around.and(object);
        if is_another_services(object) {
            self.others += 1;
            return;
        }
        if is_auth_file(object) {
            let json = with_our_spelling(object);
            self.push(AuthFile::of_json(json), hint);
            return;
        }
        if let Some(tokens) = flat_tokens(object) {
            let tokens = json!({
                "auth_mode": "chatgpt", "OPENAI_API_KEY": null,
                "tokens": tokens, "last_refresh": renewed(object)
            });
            let login = match tokens {
                Value::Object(json) => AuthFile::of_json(without_nulls(json)),
                _ => return,
            };
            if !hint.is_ours && login.as_ref().is_ok_and(|login| login.identity().is_none()) {
                self.refuse("nothing in it says whose login it is", hint);
            } else {
                self.push(login, hint);
            }
            return;
        }
        let key = first_text(object, KEYS);
        let base = first_text(object, BASES);
        if let Some(key) = key
            && (key_of(key).is_some() || (base.is_some() && hint.is_ours))
        {
            self.push_key(&Secret::new(key), base, hint);
            return;
        }
        let before = (self.found.len(), self.others);
        for name in WRAPPERS {
            if let Some(inner @ (Value::Object(_) | Value::String(_))) = object.get(*name) {
                self.walk(inner, hint.clone(), depth + 1);
            }
            if (self.found.len(), self.others) != before {
                return;
            }
        }
        for name in LISTS {
            match object.get(*name) {
                Some(Value::Array(items)) => {
                    for item in items {
                        self.walk(item, Hint::default(), depth + 1);
                    }
                }
                Some(Value::Object(by_name)) => self.by_name(by_name, depth),
                Some(_) | None => {}
            }
        }
        if (self.found.len(), self.others) != before {
            return;
        }
        for (name, inner) in object {
            if OURS.contains(&name.as_str()) && inner.is_object() {
                let hint = Hint {
                    is_ours: true,
                    ..Hint::default()
                };
                self.walk(inner, hint, depth + 1);
            }
        }
    }

    fn by_name(&mut self, object: &Map<String, Value>, depth: usize) {
        for (name, inner) in object {
            if inner.is_object() {
                let hint = Hint {
                    label: Some(name.clone()),
                    ..Hint::default()
                };
                self.walk(inner, hint, depth + 1);
            }
        }
    }

    /// An API key of OpenAI, or of the endpoint that it is for.
    fn push_key(&mut self, key: &Secret, base: Option<&str>, hint: Hint) {
        let text = key.expose();
        if text.starts_with("sk-ant-") || text.starts_with("sk-or-") {
            self.others += 1;
            return;
        }
        let base = base.filter(|base| !base.contains("//api.openai.com"));
        match base {
            Some(base) => match Endpoint::new(EndpointKind::Compatible, base, Some(key.clone())) {
                Ok(endpoint) => self.push(Ok(AuthFile::of_endpoint(endpoint)), hint),
                Err(err) => self.refuse(&err.to_string(), hint),
            },
            None => self.push(AuthFile::of_api_key(key), hint),
        }
    }

    fn push(&mut self, login: Result<AuthFile, crate::profile::AuthFileError>, hint: Hint) {
        // Written and read once: from here on it is what stands in the file.
        let login = login.and_then(|login| AuthFile::parse(&login.for_cli(self.now).to_bytes()));
        let broken_words = hint.side.as_ref().is_some_and(SideFile::is_broken);
        let login = match login {
            Ok(_) if broken_words => Err(NoLogin(
                "its router.json cannot be read, and may name a proxy".into(),
            )),
            Ok(login) => Ok(login),
            Err(err) => Err(NoLogin(err.to_string())),
        };
        self.found.push(Candidate {
            label: hint.label,
            email: hint.email,
            plan: hint.plan,
            login,
            side: hint.side,
        });
    }

    fn refuse(&mut self, reason: &str, hint: Hint) {
        self.found.push(Candidate {
            label: hint.label,
            email: hint.email,
            plan: hint.plan,
            ..Candidate::refused(reason)
        });
    }
}

impl Hint {
    /// What the object itself says, and where it says nothing, what was said around it.
    fn and(self, object: &Map<String, Value>) -> Self {
        let text = |names| first_text(object, names).map(str::to_owned);
        let side = object.get("router_json").and_then(Value::as_object);
        Self {
            label: text(LABELS).or(self.label),
            email: text(EMAILS).or(self.email),
            plan: text(PLANS).or(self.plan),
            side: side.cloned().map(SideFile::of).or(self.side),
            is_ours: self.is_ours || marks(object).any(|mark| OURS.contains(&mark.as_str())),
        }
    }
}

/// By what logins of several services are told apart.
fn marks(object: &Map<String, Value>) -> impl Iterator<Item = String> {
    ["type", "provider", "platform", "service"]
        .into_iter()
        .filter_map(|name| object.get(name)?.as_str())
        .map(str::to_ascii_lowercase)
}

fn is_another_services(object: &Map<String, Value>) -> bool {
    let has_token = first_text(object, ACCESS)
        .or(first_text(object, KEYS))
        .or(first_text(object, &["access"]))
        .is_some();
    let is_wrapped = object.get("credentials").is_some_and(Value::is_object);
    (has_token || is_wrapped)
        && marks(object)
            .any(|mark| !OURS.contains(&mark.as_str()) && !KINDS.contains(&mark.as_str()))
}

/// Whether it is what Codex would read as its own file.
fn is_auth_file(object: &Map<String, Value>) -> bool {
    let holds = |name: &str| object.get(name).is_some_and(|value| !value.is_null());
    let has_tokens = object.get("tokens").is_some_and(|tokens| {
        tokens.as_object().is_some_and(|tokens| {
            ACCESS
                .iter()
                .chain(REFRESH)
                .chain(ID)
                .any(|name| tokens.contains_key(*name))
        })
    });
    has_tokens
        || first_text(object, &["OPENAI_API_KEY"]).is_some()
        || (object.contains_key("auth_mode")
            && [
                "tokens",
                "OPENAI_API_KEY",
                "endpoint",
                "personal_access_token",
                "agent_identity",
                "bedrock_api_key",
            ]
            .into_iter()
            .any(holds))
        || holds("personal_access_token")
        || holds("agent_identity")
}

/// The same file, with the names of Codex for what others spell otherwise.
fn with_our_spelling(object: &Map<String, Value>) -> Map<String, Value> {
    let mut whole = object.clone();
    if let Some(tokens) = whole.get_mut("tokens").and_then(Value::as_object_mut) {
        for (ours, theirs) in [
            ("id_token", ID),
            ("access_token", ACCESS),
            ("refresh_token", REFRESH),
            ("account_id", ACCOUNT),
        ] {
            if tokens.get(ours).is_none_or(Value::is_null)
                && let Some(name) = theirs.iter().find(|name| tokens.contains_key(**name))
                && let Some(value) = tokens.shift_remove(*name)
            {
                tokens.insert(ours.into(), value);
            }
        }
    }
    if !whole.get("last_refresh").is_some_and(Value::is_string) {
        let renewed = renewed(object);
        whole.shift_remove("last_refresh");
        if !renewed.is_null() {
            whole.insert("last_refresh".into(), renewed);
        }
    }
    whole
}

/// Tokens that lie in the object itself.
fn flat_tokens(object: &Map<String, Value>) -> Option<Value> {
    let access = first(object, ACCESS);
    // opencode's short names mean tokens only where it says so.
    let is_short = first_text(object, &["type"]) == Some("oauth");
    let access = access.or_else(|| object.get("access").filter(|_| is_short));
    let refresh = first(object, REFRESH).or_else(|| object.get("refresh").filter(|_| is_short));
    if access.is_none() && refresh.is_none() {
        return None;
    }
    let tokens = json!({
        "id_token": first(object, ID), "access_token": access,
        "refresh_token": refresh, "account_id": first(object, ACCOUNT)
    });
    match tokens {
        Value::Object(tokens) => Some(Value::Object(without_nulls(tokens))),
        _ => None,
    }
}

fn without_nulls(mut object: Map<String, Value>) -> Map<String, Value> {
    object.retain(|name, value| !value.is_null() || name == "OPENAI_API_KEY");
    object
}

/// When it was renewed, as Codex writes it; seconds or milliseconds are understood, too.
fn renewed(object: &Map<String, Value>) -> Value {
    let at = match first(object, RENEWED) {
        Some(Value::String(text)) => text.parse::<jiff::Timestamp>().ok(), // nonsense says nothing
        Some(Value::Number(number)) => number.as_f64().and_then(|number| {
            // Seconds have 10 digits until the year 2286.
            let secs = if number > 1e11 { number / 1e3 } else { number };
            let since = Duration::try_from_secs_f64(secs).ok()?; // the same
            jiff::Timestamp::try_from(SystemTime::UNIX_EPOCH.checked_add(since)?).ok()
        }),
        _ => None,
    };
    at.map_or(Value::Null, |at| {
        at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string().into()
    })
}

fn first<'a>(object: &'a Map<String, Value>, names: &[&str]) -> Option<&'a Value> {
    names
        .iter()
        .filter_map(|name| object.get(*name))
        .find(|value| !value.is_null())
}

fn first_text<'a>(object: &'a Map<String, Value>, names: &[&str]) -> Option<&'a str> {
    names
        .iter()
        .filter_map(|name| object.get(*name)?.as_str())
        .find(|text| !text.trim().is_empty())
}
