//! Which session a request belongs to: prompt cache and encrypted reasoning are with the account that answered it before.
//!
//! Clients say so in many ways (`router-for-me/CLIProxyAPI: sdk/cliproxy/auth/selector.go`): the most telling one counts. A
//! client that says nothing is known by how its conversation begins, with instructions and the first words of the user; the
//! first answer is not part of it, since the first turn has none.
//!
//! Never enters: the client's own word for a session, beyond the request that brings it. What is kept and told is its hash.

use http::{HeaderMap, HeaderName};

use crate::pool::affinity::SessionKey;
use crate::translate::UpstreamKind;

/// The session of one request.
#[derive(Clone, Debug, Default)]
pub(super) struct Session {
    /// Nothing: the request says too little, or brings only the end of its conversation.
    pub(super) key: Option<SessionKey>,
    /// Whether the client has a word for it.
    is_named: bool,
    /// The client's own word for its place in a prompt cache.
    cache_key: Option<String>,
}

/// What the head of a request says of its session.
#[derive(Clone, Debug, Default)]
pub(super) struct Named {
    /// Claude Code's own header, before all others.
    by_claude: Option<SessionKey>,
    by_header: Option<SessionKey>,
}

/// What the body of a request says of its session, as far as the dialect's reader has come upon it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told<'a> {
    /// In `metadata.user_id`.
    pub(super) by_user_id: Option<&'a str>,
    pub(super) cache_key: Option<&'a str>,
    pub(super) conversation: Option<&'a str>,
    /// A fingerprint of how the conversation begins.
    pub(super) opening: Option<&'a str>,
}

const OF_CLAUDE: HeaderName = HeaderName::from_static("x-claude-code-session-id");
/// The strongest first. The first two are Codex's, in its two spellings.
const HEADERS: [HeaderName; 4] = [
    HeaderName::from_static("session-id"),
    HeaderName::from_static("session_id"),
    HeaderName::from_static("x-session-id"),
    HeaderName::from_static("x-session-affinity"),
];

impl Named {
    pub(super) fn of(head: &HeaderMap) -> Self {
        let named = |name: &HeaderName| {
            let text = head.get(name)?.to_str().ok()?; // a word that is no text names no session
            (!text.is_empty()).then(|| SessionKey::named(text))
        };
        Self {
            by_claude: named(&OF_CLAUDE),
            by_header: HEADERS.iter().find_map(named),
        }
    }

    pub(super) fn session(&self, told: Told<'_>) -> Session {
        let by_word = |word: Option<&str>| {
            let word = word.filter(|word| !word.is_empty())?;
            Some(SessionKey::named(word))
        };
        let named = self
            .by_claude
            .or_else(|| by_word(told.by_user_id))
            .or(self.by_header)
            .or_else(|| by_word(told.cache_key))
            .or_else(|| by_word(told.conversation));
        Session {
            key: named.or_else(|| Some(SessionKey::opened(told.opening?))),
            is_named: named.is_some(),
            cache_key: told.cache_key.map(str::to_owned),
        }
    }
}

impl Session {
    /// Two client keys share no session, whatever their clients call it, and no cache key that is made of one.
    pub(super) fn belong_to(&mut self, owner: &str) {
        self.key = self.key.map(|key| key.of_owner(owner));
    }

    /// The session, if the client has a word for it: what is told apart by how it begins may be another one by its next request.
    pub(super) fn named(&self) -> Option<SessionKey> {
        self.key.filter(|_| self.is_named)
    }

    /// What stands for the conversation in the head of a request to the ChatGPT backend: the client's own key of its prompt
    /// cache, else one that is made of the session.
    pub(super) fn name(&self) -> Option<String> {
        let made = || self.key.map(|key| key.to_string());
        self.cache_key.clone().or_else(made)
    }

    /// The `prompt_cache_key` for a body that was translated and has none.
    ///
    /// The public API finds a cache by the beginning of the prompt itself: there, a key of each conversation's own would only
    /// part what many of them share. Only a session that the client has a word for gets one.
    pub(super) fn made_cache_key(&self, kind: UpstreamKind) -> Option<String> {
        let is_wanted = match kind {
            UpstreamKind::ChatGpt => true,
            UpstreamKind::OpenAi | UpstreamKind::Azure => self.is_named,
            // What they make of it is anybody's guess.
            UpstreamKind::OldAzure | UpstreamKind::Compatible => false,
        };
        let key = self.key.filter(|_| is_wanted && self.cache_key.is_none());
        key.map(|key| key.to_string())
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn key(word: &str) -> Option<SessionKey> {
        Some(SessionKey::named(word))
    }

    fn all_told() -> Told<'static> {
        Told {
            by_user_id: Some("user-id"),
            cache_key: Some("cache-key"),
            conversation: Some("conversation"),
            opening: Some("opening"),
        }
    }

    #[test]
    fn the_most_telling_word_for_a_session_counts() {
        let mut head = HeaderMap::new();
        for name in HEADERS.iter().chain([&OF_CLAUDE]) {
            head.insert(name, HeaderValue::from_str(name.as_str()).unwrap());
        }
        let mut told = all_told();
        let now = |head: &HeaderMap, told: Told<'_>| Named::of(head).session(told).key;

        assert_eq!(now(&head, told), key("x-claude-code-session-id"));
        head.remove(OF_CLAUDE);
        assert_eq!(now(&head, told), key("user-id"));
        told.by_user_id = None;
        for name in HEADERS {
            assert_eq!(now(&head, told), key(name.as_str()));
            head.remove(name);
        }
        assert_eq!(now(&head, told), key("cache-key"));
        told.cache_key = None;
        assert_eq!(now(&head, told), key("conversation"));
        told.conversation = None;
        let opening = now(&head, told);
        assert_eq!(opening, Some(SessionKey::opened("opening")));
        told.opening = None;
        assert_eq!(now(&head, told), None);
    }

    #[test]
    fn a_word_that_says_nothing_names_no_session() {
        let mut head = HeaderMap::new();
        head.insert("session-id", HeaderValue::from_static(""));
        head.insert("x-session-id", HeaderValue::from_bytes(&[0xff]).unwrap());
        let told = Told {
            by_user_id: Some(""),
            cache_key: Some(""),
            ..Told::default()
        };
        assert_eq!(Named::of(&head).session(told).key, None);
    }

    #[test]
    fn a_cache_key_is_made_where_it_helps_and_only_when_the_client_has_none() {
        let made = |told: Told<'_>| {
            let session = Named::default().session(told);
            [
                UpstreamKind::ChatGpt,
                UpstreamKind::OpenAi,
                UpstreamKind::Compatible,
            ]
            .map(|kind| session.made_cache_key(kind).is_some())
        };
        let told = Told::default();
        assert_eq!(made(told), [false, false, false]);
        let opening = Some("o");
        assert_eq!(made(Told { opening, ..told }), [true, false, false]);
        let by_user_id = Some("s");
        assert_eq!(made(Told { by_user_id, ..told }), [true, true, false]);
        assert_eq!(made(all_told()), [false, false, false]);
    }
}
