//! Where people sign in: the page of the browser way, codes that are typed elsewhere, and the exchange of both for tokens
//! (codex-rs/login/src/server.rs and device_code_auth.rs).
//!
//! Who sits in front of the browser is a script ([`Visit`]); without one the page asks, so that `demo` can be signed in to.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Method, Response};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::{Url, form_urlencoded};

use super::{
    body::Body,
    http_reply::HttpReply,
    oauth::{TokenRequest, granted, string_error},
    script::Script,
    server::Shared,
    tokens::nonce,
};

/// Who opens the page of a sign-in, and what comes of it.
#[derive(Clone, Debug)]
pub enum Visit {
    /// Signs in as this account.
    As(String),
    /// The browser comes back with an error.
    Refused { error: String, description: String },
    /// Nobody does anything: the page stays open.
    Idle,
}

impl Visit {
    pub fn by(name: &str) -> Self {
        Self::As(name.to_owned())
    }

    /// A workspace without Codex (codex-rs/login/src/server.rs).
    pub fn without_entitlement() -> Self {
        Self::Refused {
            error: "access_denied".to_owned(),
            description: "missing_codex_entitlement: ask your administrator".to_owned(),
        }
    }

    pub fn refused(error: &str, description: &str) -> Self {
        Self::Refused {
            error: error.to_owned(),
            description: description.to_owned(),
        }
    }
}

/// What is answered to whoever asks whether a code was typed.
#[derive(Clone, Debug)]
pub enum DeviceReply {
    /// 403, the way of the real one to say it.
    Pending,
    /// 429 with the code of RFC 8628 section 3.5.
    SlowDown,
    Expired,
    Denied,
    /// It was typed, by this account.
    TypedBy(String),
    Http(HttpReply),
}

/// Everything about sign-ins that are under way.
pub(super) struct SignIns {
    pub(super) visits: Script<Visit>,
    pub(super) device_replies: Script<DeviceReply>,
    /// Instead of tokens for a code.
    pub(super) exchanges: Script<HttpReply>,
    pub(super) has_device_codes: bool,
    /// As it stands in the answer: a text with the real one.
    pub(super) device_interval: Value,
    pub(super) device_life: Option<Duration>,
    codes: HashMap<String, Code>,
    device_codes: HashMap<String, DeviceCode>,
}

/// A code that was given to a browser or a device; taken out when it is exchanged.
struct Code {
    account: String,
    client_id: String,
    redirect_uri: String,
    challenge: String,
}

struct DeviceCode {
    user_code: String,
    client_id: String,
    /// Who has typed it, on the page.
    typed_by: Option<String>,
}

const AUTHORIZE_PATH: &str = "/oauth/authorize";
const USER_CODE_PATH: &str = "/api/accounts/deviceauth/usercode";
const DEVICE_TOKEN_PATH: &str = "/api/accounts/deviceauth/token";
const DEVICE_PAGE: &str = "/codex/device";
/// Added by our own page to the address that it came from.
const CHOSEN: &str = "simulated_account";

/// The parameters of a sign-in, in the order in which the CLI has them.
const PARAMETERS: [&str; 10] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "code_challenge",
    "code_challenge_method",
    "id_token_add_organizations",
    "codex_cli_simplified_flow",
    "state",
    "originator",
];
/// What may follow, in this order.
const MORE_PARAMETERS: [&str; 3] = ["allowed_workspace_id", "prompt", CHOSEN];

impl Default for SignIns {
    fn default() -> Self {
        Self {
            visits: Script::default(),
            device_replies: Script::default(),
            exchanges: Script::default(),
            has_device_codes: true,
            device_interval: Value::String("1".to_owned()),
            device_life: None,
            codes: HashMap::new(),
            device_codes: HashMap::new(),
        }
    }
}

impl SignIns {
    fn give_code(
        &mut self,
        account: &str,
        client_id: &str,
        redirect_uri: &str,
        challenge: &str,
    ) -> String {
        let code = format!("ac_simulated_{}", nonce());
        self.codes.insert(
            code.clone(),
            Code {
                account: account.to_owned(),
                client_id: client_id.to_owned(),
                redirect_uri: redirect_uri.to_owned(),
                challenge: challenge.to_owned(),
            },
        );
        code
    }
}

/// The paths that belong to signing in.
pub(super) fn knows(path: &str) -> bool {
    [
        AUTHORIZE_PATH,
        USER_CODE_PATH,
        DEVICE_TOKEN_PATH,
        DEVICE_PAGE,
    ]
    .contains(&path)
}

/// Everything but the exchange, which has the address of all tokens.
pub(super) fn answer(
    shared: &Shared,
    method: &Method,
    path: &str,
    query: &str,
    body: &Bytes,
) -> Response<Body> {
    let reply = match (path, method) {
        (AUTHORIZE_PATH, &Method::GET) => authorize(shared, query),
        (DEVICE_PAGE, &Method::GET) => device_page(shared, query),
        (USER_CODE_PATH, &Method::POST) => user_code(shared, body),
        (DEVICE_TOKEN_PATH, &Method::POST) => device_token(shared, body),
        _ => HttpReply::detail(405, "Method Not Allowed"),
    };
    reply.into_response()
}

/// A code for tokens.
pub(super) fn exchange(shared: &Shared, request: &TokenRequest) -> HttpReply {
    let mut sign_ins = shared.sign_ins();
    if let Some(scripted) = sign_ins.exchanges.take() {
        return scripted;
    }
    if !request.is_form {
        return string_error("invalid_request", "a code is exchanged by a form");
    }
    // Once, whether or not it is shown with the right verifier (RFC 6749 section 4.1.2).
    let Some(code) = sign_ins.codes.remove(&request.code) else {
        return string_error("invalid_grant", "the code is unknown or was used before");
    };
    drop(sign_ins);
    let is_verified = (43..=128).contains(&request.code_verifier.len())
        && challenge_of(&request.code_verifier) == code.challenge;
    if !is_verified {
        return string_error("invalid_grant", "the verifier is not that of the challenge");
    }
    if request.redirect_uri != code.redirect_uri || request.client_id != code.client_id {
        return string_error("invalid_grant", "the code was given for another address");
    }
    let login = shared.accounts().sign_in(&code.account, SystemTime::now());
    granted(&login, Some(&login.refresh_token))
}

fn challenge_of(verifier: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

fn authorize(shared: &Shared, query: &str) -> HttpReply {
    let parameters: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let get = |name: &str| {
        let found = parameters.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    if let Some(fault) = fault(&parameters) {
        return page(400, "Signing in", &escaped(&fault));
    }
    let Ok(mut back) = get("redirect_uri").parse::<Url>() else {
        return page(400, "Signing in", "redirect_uri is no address");
    };
    let chosen = Some(get(CHOSEN)).filter(|name| !name.is_empty());
    let visit = match chosen {
        Some(name) => Some(Visit::by(name)),
        None => shared.sign_ins().visits.take(),
    };
    match visit {
        Some(Visit::As(name)) => {
            let code = shared.sign_ins().give_code(
                &name,
                get("client_id"),
                get("redirect_uri"),
                get("code_challenge"),
            );
            back.query_pairs_mut()
                .append_pair("code", &code)
                .append_pair("scope", get("scope"))
                .append_pair("state", get("state"));
            redirect(&back)
        }
        Some(Visit::Refused { error, description }) => {
            back.query_pairs_mut()
                .append_pair("error", &error)
                .append_pair("error_description", &description)
                .append_pair("state", get("state"));
            redirect(&back)
        }
        Some(Visit::Idle) => page(200, "Signing in", "This page waits for ever."),
        None => choice(shared, AUTHORIZE_PATH, query),
    }
}

/// What is wrong with the parameters.
fn fault(parameters: &[(String, String)]) -> Option<String> {
    let names: Vec<&str> = parameters.iter().map(|(key, _)| key.as_str()).collect();
    let (first, more) = names.split_at(names.len().min(PARAMETERS.len()));
    if first != PARAMETERS {
        return Some(format!("the parameters are {names:?}, not {PARAMETERS:?}"));
    }
    let mut allowed = MORE_PARAMETERS.iter();
    if !more.iter().all(|name| allowed.any(|known| known == name)) {
        return Some(format!("the last parameters are {more:?}"));
    }
    let value = |name: &str| {
        let found = parameters.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    let is_back_here = |text: &str| {
        text.parse::<Url>().is_ok_and(|url| {
            url.scheme() == "http"
                && url.host_str() == Some("localhost")
                && url.port().is_some()
                && url.path() == "/auth/callback"
                && url.query().is_none()
        })
    };
    let wrong = [
        (value("response_type") == "code", "response_type"),
        (!value("client_id").is_empty(), "client_id"),
        (is_back_here(value("redirect_uri")), "redirect_uri"),
        (value("scope").contains("offline_access"), "scope"),
        (value("code_challenge").len() == 43, "code_challenge"),
        (
            value("code_challenge_method") == "S256",
            "code_challenge_method",
        ),
        (value("state").len() >= 43, "state"),
        (!value("originator").is_empty(), "originator"),
    ];
    wrong
        .iter()
        .find(|(is_right, _)| !is_right)
        .map(|(_, name)| format!("{name} cannot be used"))
}

fn user_code(shared: &Shared, body: &Bytes) -> HttpReply {
    let mut sign_ins = shared.sign_ins();
    if !sign_ins.has_device_codes {
        return HttpReply::detail(404, "Not Found");
    }
    let client_id = text_in(body, "client_id");
    if client_id.is_empty() {
        return string_error("invalid_request", "client_id is required");
    }
    let id = format!("deviceauth_{}", nonce());
    let letters = nonce().to_uppercase();
    let (first, second) = letters.split_at(4);
    let user_code = format!("{first}-{}", second.chars().take(5).collect::<String>());
    let mut answer = json!({
        "device_auth_id": id,
        "user_code": user_code,
        "interval": sign_ins.device_interval,
    });
    if let (Some(life), Some(answer)) = (sign_ins.device_life, answer.as_object_mut()) {
        answer.insert("expires_in".to_owned(), life.as_secs().into());
    }
    sign_ins.device_codes.insert(
        id,
        DeviceCode {
            user_code,
            client_id,
            typed_by: None,
        },
    );
    HttpReply::json(200, &answer)
}

fn device_token(shared: &Shared, body: &Bytes) -> HttpReply {
    let mut sign_ins = shared.sign_ins();
    let id = text_in(body, "device_auth_id");
    let user_code = text_in(body, "user_code");
    let Some(known) = sign_ins
        .device_codes
        .get(&id)
        .filter(|known| known.user_code == user_code)
    else {
        return string_error("invalid_request", "this code was not given");
    };
    let (client_id, typed_by) = (known.client_id.clone(), known.typed_by.clone());
    let scripted = match typed_by {
        Some(name) => Some(DeviceReply::TypedBy(name)),
        None => sign_ins.device_replies.take(),
    };
    match scripted.unwrap_or(DeviceReply::Pending) {
        DeviceReply::Pending => HttpReply::json(403, &json!({ "error": "authorization_pending" })),
        DeviceReply::SlowDown => HttpReply::json(429, &json!({ "error": "slow_down" })),
        DeviceReply::Expired => string_error("expired_token", "the code is too old"),
        DeviceReply::Denied => string_error("access_denied", "somebody said no"),
        DeviceReply::Http(reply) => reply,
        DeviceReply::TypedBy(name) => {
            sign_ins.device_codes.remove(&id);
            let verifier = format!("{}{}", nonce(), nonce());
            let challenge = challenge_of(&verifier);
            let redirect_uri = format!("{}/deviceauth/callback", shared.accounts().issuer());
            let code = sign_ins.give_code(&name, &client_id, &redirect_uri, &challenge);
            HttpReply::json(
                200,
                &json!({
                    "authorization_code": code,
                    "code_challenge": challenge,
                    "code_verifier": verifier,
                }),
            )
        }
    }
}

/// Where a code is typed, for a demo.
fn device_page(shared: &Shared, query: &str) -> HttpReply {
    let get = |name: &str| {
        form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.trim().to_owned())
            .unwrap_or_default()
    };
    let (user_code, name) = (get("user_code"), get(CHOSEN));
    if user_code.is_empty() {
        let form = "<form><p><label>Code <input name=\"user_code\" autofocus></label> <button>Continue</button></p></form>";
        return page(200, "Type the code", form);
    }
    let mut sign_ins = shared.sign_ins();
    let waiting = sign_ins
        .device_codes
        .values_mut()
        .find(|known| known.user_code.eq_ignore_ascii_case(&user_code));
    let Some(waiting) = waiting else {
        return page(404, "Type the code", "Nobody waits for this code.");
    };
    if name.is_empty() {
        drop(sign_ins);
        return choice(shared, DEVICE_PAGE, query);
    }
    waiting.typed_by = Some(name);
    page(200, "Signed in", "Go back to where you saw the code.")
}

/// A page with all accounts, and somebody new.
fn choice(shared: &Shared, path: &str, query: &str) -> HttpReply {
    let known = shared.accounts().people();
    let newcomer = (1..)
        .map(|number| match number {
            1 => "guest".to_owned(),
            number => format!("guest-{number}"),
        })
        .find(|name| known.iter().all(|(taken, _)| taken != name))
        .unwrap_or_default();
    let newcomer = (newcomer.clone(), format!("{newcomer}@example.com (new)"));
    let mut list = String::from("<p>Made-up accounts; nothing leaves this computer.</p><ul>");
    for (name, email) in known.iter().chain([&newcomer]) {
        let name: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
        let link = escaped(&format!("{path}?{query}&{CHOSEN}={name}"));
        // Writing to a String does not fail.
        let _never = write!(list, "<li><a href=\"{link}\">{}</a></li>", escaped(email));
    }
    list.push_str("</ul>");
    page(200, "Who signs in?", &list)
}

fn page(status: u16, title: &str, inner: &str) -> HttpReply {
    let html = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title></head><body><h1>{title}</h1>{inner}</body></html>"
    );
    HttpReply::text(status, html).header("referrer-policy", "no-referrer")
}

fn redirect(to: &Url) -> HttpReply {
    HttpReply::new(302, "")
        .header("location", to.as_str())
        .header("cache-control", "no-store")
}

fn text_in(body: &Bytes, key: &str) -> String {
    serde_json::from_slice::<Value>(body)
        .ok()
        .and_then(|body| Some(body.get(key)?.as_str()?.to_owned()))
        .unwrap_or_default()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
