//! Which headers pass, in both directions. Both lists say what passes; everything else stays here.
//!
//! Codex's own headers: `openai/codex: codex-rs/codex-api/src/requests/headers.rs` and `core/src/client.rs` on the way up,
//! `codex-api/src/sse/responses.rs` and `core/src/api_bridge.rs` on the way back. Credentials, cookies, addresses and hop-by-hop
//! headers are on no list.

use http::HeaderName;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::request::Parts;

use super::session::Named;
use crate::pool::Strategy;
use crate::translate::{RequestError, UpstreamKind};

/// For us, never for an upstream.
const STRATEGY: HeaderName = HeaderName::from_static("x-codex-router-strategy");
const ORIGINATOR: HeaderName = HeaderName::from_static("originator");
pub(super) const OPENAI_BETA: HeaderName = HeaderName::from_static("openai-beta");
/// Which list of models Codex should have by now.
pub(super) const MODELS_ETAG: HeaderName = HeaderName::from_static("x-models-etag");
const SESSION_ID: HeaderName = HeaderName::from_static("session_id");
/// Bound to the account that issued it.
pub(super) const TURN_STATE: HeaderName = HeaderName::from_static("x-codex-turn-state");

/// What a turn says of itself, in the same words again on every request of it.
const TURN_METADATA: HeaderName = HeaderName::from_static("x-codex-turn-metadata");

/// Who is asking, as far as it changes how we speak.
#[derive(Clone, Debug)]
pub(super) struct Client {
    /// The Codex CLI, its extension or app: its own words pass in both directions.
    pub(super) is_codex: bool,
    /// How it wants its account to be chosen, this time.
    pub(super) strategy: Option<Strategy>,
    /// As it asks for models: without a suffix.
    codex_version: Option<String>,
    /// What it calls its session.
    pub(super) named: Named,
    /// What passes on to the upstream.
    headers: HeaderMap,
}

/// Whether the Codex CLI, its extension or its app says that it asks.
pub(super) fn is_codex(head: &HeaderMap) -> bool {
    [ORIGINATOR, USER_AGENT].iter().any(|name| {
        head.get(name)
            .and_then(|value| value.as_bytes().get(.."codex".len()))
            .is_some_and(|start| start.eq_ignore_ascii_case(b"codex"))
    })
}

/// Whether a request may be Codex's whatever it is called there: somebody who builds on it gives it another name
/// (`openai/codex: codex-rs/core/src/default_client.rs`, `originator`). For what must never be told to it by mistake.
pub(super) fn may_be_codex(head: &Parts) -> bool {
    let is_of_codex = |name: &HeaderName| {
        let name = name.as_str();
        name == ORIGINATOR.as_str()
            || (name.starts_with("x-codex-") && !name.starts_with("x-codex-router-"))
    };
    let path = head.uri.path();
    let mut query = head.uri.query().unwrap_or_default().split('&');
    is_codex(&head.headers)
        || head.headers.keys().any(is_of_codex)
        || path.starts_with("/backend-api/")
        || path.starts_with("/api/codex/")
        || query.any(|pair| pair.split('=').next() == Some("client_version"))
}

impl Client {
    pub(super) fn of(head: &HeaderMap) -> Self {
        let is_codex = is_codex(head);
        let mut headers = HeaderMap::new();
        for (name, value) in head {
            if names_session(name.as_str()) || (is_codex && is_codex_own(name.as_str())) {
                headers.append(name, value.clone());
            }
        }
        if let Some(value) = head.get(OPENAI_BETA) {
            headers.insert(OPENAI_BETA, value.clone());
        }
        Self {
            is_codex,
            strategy: strategy_of(head).unwrap_or_default(),
            codex_version: codex_version(head).filter(|_| is_codex),
            named: Named::of(head),
            headers,
        }
    }

    pub(super) fn codex_version(&self) -> Option<&str> {
        self.codex_version.as_deref()
    }

    /// A client of a dialect that Codex does not speak: whatever it calls itself, it gets the public form.
    pub(super) fn plain(head: &HeaderMap) -> Self {
        let mut headers = HeaderMap::new();
        for (name, value) in head {
            if names_session(name.as_str()) {
                headers.append(name, value.clone());
            }
        }
        Self {
            is_codex: false,
            strategy: strategy_of(head).unwrap_or_default(),
            codex_version: None,
            named: Named::of(head),
            headers,
        }
    }

    /// The state of the turn, as it stands in the head of the request.
    pub(super) fn turn_state(&self) -> Option<&str> {
        self.headers.get(TURN_STATE)?.to_str().ok() // no text: none that we know of
    }

    /// Forgets what belongs to one turn only: the headers of a socket's handshake stand for every request on it.
    pub(super) fn forget_turn(&mut self) {
        self.headers.remove(TURN_STATE);
        self.headers.remove(TURN_METADATA);
    }

    /// The headers for one attempt. `keeps_turn`: it is asked whoever made the state of the turn. `session` names the
    /// conversation of a client that sends no session header: without one the backend caches nothing.
    pub(super) fn upstream_headers(
        &self,
        kind: UpstreamKind,
        keeps_turn: bool,
        session: Option<&str>,
    ) -> HeaderMap {
        match kind {
            UpstreamKind::ChatGpt | UpstreamKind::OpenAi => {}
            // What clients say of themselves and their sessions is for OpenAI, not for everybody else.
            UpstreamKind::Azure | UpstreamKind::OldAzure | UpstreamKind::Compatible => {
                return HeaderMap::new();
            }
        }
        let mut headers = self.headers.clone();
        if !keeps_turn {
            headers.remove(TURN_STATE);
        }
        if kind == UpstreamKind::ChatGpt && !self.is_codex {
            // Features of the public API; the backend knows other ones by this header.
            headers.remove(OPENAI_BETA);
            let has_session = headers.keys().any(|name| names_session(name.as_str()));
            let session = session.filter(|key| !has_session && key.len() <= MAX_SESSION_BYTES);
            // A key that no header can carry is left in the body, where it stands anyway.
            if let Some(value) = session.and_then(|key| HeaderValue::from_str(key).ok()) {
                headers.insert(SESSION_ID, value);
            }
        }
        headers
    }

    /// The headers of the upstream's reply that this client may see.
    pub(super) fn reply_headers(&self, upstream: &HeaderMap) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in upstream {
            let text = name.as_str();
            let passes = *name == RETRY_AFTER
                || text.starts_with("x-ratelimit-")
                || (text.starts_with("openai-") && !names_owner(text))
                || (self.is_codex && is_for_codex(text));
            if passes {
                headers.append(name, value.clone());
            }
        }
        headers
    }
}

/// What a request says of its body; empty when it says nothing that is text.
pub(super) fn content_type_of(head: &HeaderMap) -> &str {
    let told = head.get(CONTENT_TYPE).map(HeaderValue::to_str);
    told.and_then(Result::ok).unwrap_or_default()
}

/// How a client wants its account to be chosen; the setting counts when it says nothing.
///
/// # Errors
/// When there is no such strategy; the sentence lists all.
pub(super) fn strategy_of(head: &HeaderMap) -> Result<Option<Strategy>, RequestError> {
    let Some(value) = head.get(STRATEGY) else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(value.as_bytes());
    let strategy = text.trim().parse::<Strategy>();
    strategy.map(Some).map_err(|unknown| {
        RequestError::at(STRATEGY.as_str(), unknown.to_string()).with_code("unknown_strategy")
    })
}

/// `0.169.0` in `codex_exec/0.169.0-beta.1 (Linux)`.
fn codex_version(head: &HeaderMap) -> Option<String> {
    let (_, rest) = head.get(USER_AGENT)?.to_str().ok()?.split_once('/')?; // no text: no version
    let is_part = |letter: char| letter.is_ascii_digit() || letter == '.';
    let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
    let version = rest.get(..end).filter(|version| !version.is_empty());
    version.map(str::to_owned)
}

/// A conversation id is a UUID; this is for keys that people make up.
const MAX_SESSION_BYTES: usize = 128;

fn names_session(name: &str) -> bool {
    matches!(
        name,
        "session_id"
            | "session-id"
            | "thread_id"
            | "thread-id"
            | "conversation_id"
            | "x-client-request-id"
    )
}

fn is_codex_own(name: &str) -> bool {
    // Which backend the account of the local login lives at; by its name, nobody says so.
    let is_of_account = name == "x-codex-routing-hint";
    // What is meant for us.
    let is_ours = name.starts_with("x-codex-router-");
    (name.starts_with("x-codex-") && !is_of_account && !is_ours)
        || matches!(
            name,
            "originator"
                | "user-agent"
                | "version"
                | "x-openai-subagent"
                | "x-openai-memgen-request"
                | "x-oai-attestation"
                | "x-openai-internal-codex-responses-lite"
                | "x-openai-internal-codex-residency"
                | "x-responsesapi-include-timing-metrics"
        )
}

/// `x-models-etag` is not among them: it must name the list that we gave ([`super::models::etag_for`]).
fn is_for_codex(name: &str) -> bool {
    name.starts_with("x-codex-")
        || is_limit(name)
        || matches!(
            name,
            "content-type"
                | "x-reasoning-included"
                | "x-oai-request-id"
                | "cf-ray"
                | "x-openai-authorization-error"
                | "x-error-json"
        )
}

/// A limit of its own has a family of headers of its own, such as `x-fake-primary-used-percent`
/// (`openai/codex: codex-rs/codex-api/src/rate_limits.rs`).
fn is_limit(name: &str) -> bool {
    const ENDS: [&str; 9] = [
        "-primary-used-percent",
        "-primary-window-minutes",
        "-primary-reset-at",
        "-primary-reset-after-seconds",
        "-secondary-used-percent",
        "-secondary-window-minutes",
        "-secondary-reset-at",
        "-secondary-reset-after-seconds",
        "-limit-name",
    ];
    name.starts_with("x-") && ENDS.iter().any(|end| name.ends_with(end))
}

/// Whose key it is, is nobody's business but the owner's.
fn names_owner(name: &str) -> bool {
    matches!(name, "openai-organization" | "openai-project")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        headers
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    const NEVER: [(&str, &str); 18] = [
        ("authorization", "Bearer canary"),
        ("x-api-key", "canary"),
        ("api-key", "canary"),
        ("cookie", "canary"),
        ("origin", "canary"),
        ("referer", "canary"),
        ("forwarded", "canary"),
        ("x-forwarded-for", "canary"),
        ("via", "canary"),
        ("host", "canary"),
        ("proxy-authorization", "canary"),
        ("chatgpt-account-id", "canary"),
        ("x-openai-fedramp", "canary"),
        ("openai-organization", "canary"),
        ("connection", "x-codex-window-id"),
        ("content-encoding", "zstd"),
        ("content-length", "7"),
        ("te", "trailers"),
    ];

    #[test]
    fn codex_is_known_by_its_originator_or_its_user_agent() {
        for (headers, is_codex) in [
            (map(&[("originator", "codex_cli_rs")]), true),
            (map(&[("user-agent", "codex_exec/0.169.0 (Linux)")]), true),
            (map(&[("originator", "Codex Desktop")]), true),
            (map(&[("user-agent", "OpenAI/Python 3.52.0")]), false),
            (map(&[("user-agent", "not codex")]), false),
            (map(&[]), false),
        ] {
            assert_eq!(Client::of(&headers).is_codex, is_codex, "{headers:?}");
        }
    }

    #[test]
    fn only_what_is_on_the_list_goes_upstream() {
        let mut head = map(&NEVER);
        head.extend(map(&[
            ("user-agent", "codex_exec/0.169.0"),
            ("originator", "codex_exec"),
            ("session-id", "s"),
            ("x-codex-turn-metadata", "{}"),
            ("x-codex-turn-state", "opaque"),
        ]));
        let client = Client::of(&head);
        let first = client.upstream_headers(UpstreamKind::ChatGpt, true, Some("key"));
        assert_eq!(
            names(&first),
            [
                "originator",
                "session-id",
                "user-agent",
                "x-codex-turn-metadata",
                "x-codex-turn-state"
            ]
        );
        let second = client.upstream_headers(UpstreamKind::ChatGpt, false, None);
        assert!(
            !second.contains_key(TURN_STATE),
            "it is bound to the first account"
        );
    }

    const SESSION: [&str; 6] = [
        "session_id",
        "session-id",
        "thread_id",
        "thread-id",
        "conversation_id",
        "x-client-request-id",
    ];
    const TURN: [&str; 8] = [
        "x-codex-turn-state",
        "x-codex-turn-metadata",
        "x-codex-beta-features",
        "x-codex-window-id",
        "x-codex-parent-thread-id",
        "x-codex-installation-id",
        "x-codex-inference-call-id",
        "x-openai-subagent",
    ];
    const SELF: [&str; 3] = ["originator", "user-agent", "version"];
    const FLAGS: [&str; 6] = [
        "openai-beta",
        "x-openai-memgen-request",
        "x-oai-attestation",
        "x-openai-internal-codex-responses-lite",
        "x-openai-internal-codex-residency",
        "x-responsesapi-include-timing-metrics",
    ];

    #[test]
    fn each_group_of_codexs_headers_goes_up_and_only_the_session_of_others() {
        let groups: [&[&'static str]; 4] = [&SESSION, &TURN, &SELF, &FLAGS];
        for name in groups.concat() {
            let value = if name == "user-agent" {
                "codex_exec/1"
            } else {
                "codex_x"
            };
            let mut head = map(&[("originator", "codex_exec")]);
            head.extend(map(&[(name, value)]));
            let client = Client::of(&head);
            for kind in [UpstreamKind::ChatGpt, UpstreamKind::OpenAi] {
                let headers = client.upstream_headers(kind, true, None);
                assert_eq!(headers[name], value, "{name}");
            }
            let sdk = Client::of(&map(&[(name, "sdk")]));
            let headers = sdk.upstream_headers(UpstreamKind::ChatGpt, true, None);
            assert_eq!(
                headers.contains_key(name),
                SESSION.contains(&name),
                "{name}"
            );
        }
    }

    #[test]
    fn what_belongs_to_the_account_of_the_local_login_stays_here() {
        let head = map(&[
            ("originator", "codex_exec"),
            ("x-codex-routing-hint", "canary"),
            ("x-openai-account-routing-override", "canary"),
        ]);
        let headers = Client::of(&head).upstream_headers(UpstreamKind::ChatGpt, true, None);
        assert_eq!(names(&headers), ["originator"]);
    }

    #[test]
    fn each_group_that_codex_reads_comes_back_to_it_alone() {
        let limits = [
            "x-codex-primary-used-percent",
            "x-codex-secondary-reset-at",
            "x-codex-credits-balance",
            "x-codex-active-limit",
            "x-codex-promo-message",
            "x-codex-plan-type",
            "x-codex-rate-limit-reached-type",
            "x-fake-primary-used-percent",
            "x-fake-secondary-window-minutes",
            "x-fake-limit-name",
        ];
        let turn = ["x-codex-turn-state", "x-reasoning-included"];
        let errors = [
            "x-oai-request-id",
            "cf-ray",
            "x-openai-authorization-error",
            "x-error-json",
        ];
        let groups: [&[&'static str]; 3] = [&limits, &turn, &errors];
        let codex = Client::of(&map(&[("originator", "codex_cli_rs")]));
        let sdk = Client::of(&map(&[]));
        for name in groups.concat() {
            let reply = map(&[(name, "1")]);
            assert_eq!(codex.reply_headers(&reply), reply, "{name}");
            assert!(sdk.reply_headers(&reply).is_empty(), "{name}");
        }
        for name in ["x-primary", "fake-limit-name", "x-models-etag"] {
            assert!(
                codex.reply_headers(&map(&[(name, "1")])).is_empty(),
                "{name}"
            );
        }
    }

    #[test]
    fn the_version_of_codex_is_the_one_that_it_asks_for_models_with() {
        let version = |agent: &'static str| {
            let client = Client::of(&map(&[("user-agent", agent)]));
            client.codex_version().map(str::to_owned)
        };
        assert_eq!(
            version("codex_exec/0.169.0 (Linux)").as_deref(),
            Some("0.169.0")
        );
        assert_eq!(
            version("codex-tui/0.170.0-alpha.2 (x)").as_deref(),
            Some("0.170.0")
        );
        assert_eq!(version("codex_exec"), None);
        assert_eq!(version("OpenAI/Python 3.52.0"), None);
    }

    #[test]
    fn other_clients_bring_their_session_and_nothing_of_codex() {
        let mut head = map(&NEVER);
        head.extend(map(&[
            ("user-agent", "OpenAI/Python"),
            ("x-codex-window-id", "w"),
            ("openai-beta", "assistants=v2"),
        ]));
        let client = Client::of(&head);
        let headers = client.upstream_headers(UpstreamKind::ChatGpt, true, Some("conversation-1"));
        assert_eq!(names(&headers), ["session_id"]);
        assert_eq!(headers["session_id"], "conversation-1");
        assert_eq!(
            names(&client.upstream_headers(UpstreamKind::OpenAi, true, None)),
            ["openai-beta"]
        );
        let odd = client.upstream_headers(UpstreamKind::ChatGpt, true, Some("a\nb"));
        assert_eq!(names(&odd), [""; 0]);
    }

    #[test]
    fn only_what_is_on_the_list_goes_back() {
        let reply = map(&[
            ("set-cookie", "canary"),
            ("alt-svc", "canary"),
            ("strict-transport-security", "canary"),
            ("access-control-allow-origin", "*"),
            ("openai-organization", "canary"),
            ("server", "canary"),
            ("x-request-id", "theirs"),
            ("openai-model", "gpt-5.5"),
            ("retry-after", "3"),
            ("x-ratelimit-remaining-tokens", "1"),
            ("x-codex-primary-used-percent", "3"),
            ("x-models-etag", "e"),
        ]);
        let sdk = Client::of(&map(&[]));
        assert_eq!(
            names(&sdk.reply_headers(&reply)),
            [
                "openai-model",
                "retry-after",
                "x-ratelimit-remaining-tokens"
            ]
        );
        let codex = Client::of(&map(&[("originator", "codex_cli_rs")]));
        assert_eq!(
            names(&codex.reply_headers(&reply)),
            [
                "openai-model",
                "retry-after",
                "x-codex-primary-used-percent",
                "x-ratelimit-remaining-tokens"
            ]
        );
    }
}
