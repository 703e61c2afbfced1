//! Our own words about a profile: `router.json` beside its `auth.json`, because the CLI drops keys it does not know.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use super::auth_file::ChatGptLogin;
use super::network::Network;
use super::secret::Fingerprint;

/// The side file. Every field is optional, unknown ones survive a rewrite, and what cannot be parsed is started afresh.
///
/// Its `Debug` shows the keys alone: a proxy has a password, a header may be one.
#[derive(Clone, Default, PartialEq)]
pub struct SideFile {
    json: Map<String, Value>,
    is_broken: bool,
}

impl SideFile {
    /// Reads the text of a `router.json`. Nothing in it is worth failing for: a broken one counts as empty, but for the network,
    /// see [`SideFile::network`].
    pub fn parse(text: &[u8]) -> Self {
        match serde_json::from_slice(text) {
            Ok(json) => Self {
                json,
                is_broken: false,
            },
            Err(_no_object) => Self::broken(),
        }
    }

    /// Of JSON that was read already.
    pub fn of(json: Map<String, Value>) -> Self {
        Self {
            json,
            is_broken: false,
        }
    }

    pub fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// One that is there and cannot be read.
    pub fn broken() -> Self {
        Self {
            json: Map::new(),
            is_broken: true,
        }
    }

    /// The profile's own way out. A file that is broken, or only half written yet, may have named a proxy: until it can be read
    /// nothing is sent.
    pub fn network(&self) -> Network {
        if self.is_broken {
            return Network::unusable(
                "its router.json cannot be read, and may name a proxy: mend or delete it",
            );
        }
        Network::read(self.json.get("proxy"), self.json.get("headers"))
    }

    pub fn is_empty(&self) -> bool {
        self.json.is_empty()
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        format!("{:#}\n", Value::Object(self.json.clone())).into_bytes()
    }

    /// One of the user's own words, such as `weight`; what they mean is read in `pool`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.json.get(key)
    }

    /// Says something else under this key, or nothing.
    pub fn set(&mut self, key: &str, value: Option<Value>) {
        match value {
            Some(value) => {
                self.json.insert(key.to_owned(), value);
            }
            None => {
                self.json.shift_remove(key);
            }
        }
    }

    /// The refresh that was under way when this file was last written. Found at start, it means "possibly spent".
    pub fn intent(&self) -> Option<Intent> {
        let intent = self.json.get("refresh_intent")?;
        Some(Intent {
            token: Fingerprint::parse(intent.get("token")?.as_str()?)?,
            at: SystemTime::UNIX_EPOCH + Duration::from_millis(intent.get("unix_ms")?.as_u64()?),
        })
    }

    pub fn set_intent(&mut self, intent: Option<&Intent>) {
        self.set(
            "refresh_intent",
            intent.map(
                |intent| json!({"token": intent.token.as_str(), "unix_ms": unix_ms(intent.at)}),
            ),
        );
    }

    /// The tokens that others may still hold, whose place the profile's login has taken: that of an intent first, then those of earlier
    /// refreshes, the last one first.
    pub fn replaced(&self) -> Vec<Fingerprint> {
        let noted = self.json.get(REPLACED).and_then(Value::as_array);
        let noted = noted.into_iter().flatten().rev();
        let noted = noted.filter_map(|token| Fingerprint::parse(token.as_str()?));
        let intent = self.intent().map(|intent| intent.token);
        let mut all: Vec<Fingerprint> = Vec::new();
        for token in intent.into_iter().chain(noted) {
            if !all.contains(&token) {
                all.push(token);
            }
        }
        all
    }

    /// Remembers one of them for good, or until there are many that came after it.
    pub fn note_replaced(&mut self, token: &Fingerprint) {
        let noted = self.json.get(REPLACED).and_then(Value::as_array);
        let mut noted = noted.cloned().unwrap_or_default();
        noted.retain(|known| known != token.as_str());
        noted.push(json!(token.as_str()));
        let surplus = noted.len().saturating_sub(MAX_REPLACED);
        noted.drain(..surplus);
        self.set(REPLACED, Some(Value::Array(noted)));
    }

    /// Notes this intent, or none, and remembers the token of the one before unless the profile still holds it.
    pub fn supersede_intent(&mut self, intent: Option<&Intent>, held: Option<&Fingerprint>) {
        let before = self.intent().map(|intent| intent.token);
        let is_over = |before: &Fingerprint| {
            Some(before) != held && intent.is_none_or(|intent| intent.token != *before)
        };
        if let Some(before) = before.filter(is_over) {
            self.note_replaced(&before);
        }
        self.set_intent(intent);
    }

    /// Whether the issuer has refused this login's refresh token for good. A new token has another fingerprint, so the mark
    /// clears itself when the file changes.
    pub fn rejects(&self, login: &ChatGptLogin) -> bool {
        let Some(token) = &login.refresh_token else {
            return false;
        };
        self.json.get("rejected_token").and_then(Value::as_str)
            == Some(token.fingerprint().as_str())
    }

    pub fn set_rejected(&mut self, token: Option<&Fingerprint>) {
        self.set("rejected_token", token.map(|token| json!(token.as_str())));
    }

    /// Without what is true of one copy only: a refresh under way, a wish to try at once.
    pub fn for_another_place(&self) -> Self {
        let mut side = self.clone();
        side.set_intent(None);
        side.set(REPLACED, None);
        side.set("try_now_at", None);
        side
    }

    /// When the user last wanted it tried at once, whatever the router had been refused by then.
    pub fn tried_now_at(&self) -> Option<SystemTime> {
        let unix_ms = self.json.get("try_now_at")?.as_u64()?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(unix_ms))
    }

    pub fn set_tried_now(&mut self, at: SystemTime) {
        self.set("try_now_at", Some(json!(unix_ms(at))));
    }
}

const REPLACED: &str = "replaced_tokens";
/// So many refreshes in a row may fail to reach a file that cannot be written: months, as a rule.
const MAX_REPLACED: usize = 8;

fn unix_ms(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Debug for SideFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SideFile")
            .field("keys", &self.json.keys().collect::<Vec<_>>())
            .field("is_broken", &self.is_broken)
            .finish()
    }
}

/// Written before a refresh token is sent and removed after the answer was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    pub token: Fingerprint,
    pub at: SystemTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intent_survives_a_round_trip_and_unknown_keys_do_too() {
        let mut side = SideFile::parse(br#"{"from_the_future": [1], "enabled": false}"#);
        let intent = Intent {
            token: Fingerprint::of(b"rt_FAKE"),
            at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_234),
        };
        side.set_intent(Some(&intent));
        let read = SideFile::parse(&side.to_bytes());
        assert_eq!(read.intent(), Some(intent));
        assert_eq!(read.get("enabled"), Some(&json!(false)));
        assert!(
            String::from_utf8(read.to_bytes())
                .unwrap()
                .contains("from_the_future")
        );
    }

    #[test]
    fn the_last_replaced_tokens_are_remembered_each_once() {
        let token = |n: usize| Fingerprint::of(format!("rt_FAKE_{n}").as_bytes());
        let mut side = SideFile::parse(
            json!({"refresh_intent": {"token": token(0).as_str(), "unix_ms": 1}})
                .to_string()
                .as_bytes(),
        );
        assert_eq!(side.replaced(), [token(0)], "as older versions wrote it");
        let next = Intent {
            token: token(1),
            at: SystemTime::UNIX_EPOCH,
        };
        side.supersede_intent(Some(&next), Some(&token(1)));
        let read = SideFile::parse(&side.to_bytes());
        assert_eq!(read.replaced(), [token(1), token(0)]);
        side.supersede_intent(None, Some(&token(1)));
        assert_eq!(side.replaced(), [token(0)], "it was not redeemed after all");
        for n in [5, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11] {
            side.note_replaced(&token(n));
        }
        let last: Vec<_> = [11, 10, 9, 8, 7, 6, 5, 4].map(token).into();
        assert_eq!(side.replaced(), last);
        assert_eq!(side.for_another_place().replaced(), []);
    }

    #[test]
    fn the_wish_to_try_at_once_survives_a_round_trip() {
        let mut side = SideFile::default();
        assert_eq!(side.tried_now_at(), None);
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_123);
        side.set_tried_now(at);
        assert_eq!(SideFile::parse(&side.to_bytes()).tried_now_at(), Some(at));
    }

    #[test]
    fn a_broken_side_file_counts_as_empty() {
        for text in [&b"{"[..], b"[]", b"", b"\xff"] {
            let broken = SideFile::parse(text);
            assert!(broken.is_empty());
        }
    }

    #[test]
    fn a_side_file_that_cannot_be_read_may_have_named_a_proxy() {
        assert_eq!(SideFile::default().network(), Network::default());
        assert_eq!(SideFile::parse(b"{}").network(), Network::default());
        for text in [&b""[..], br#"{"label": "x", "#, b"7"] {
            assert!(SideFile::parse(text).network().trouble().is_some());
        }
        assert!(SideFile::broken().network().trouble().is_some());
    }

    #[test]
    fn neither_a_proxys_password_nor_a_header_is_shown() {
        let side = SideFile::parse(
            br#"{"proxy": "http://ana:canary@gate.test:1", "headers": {"x-key": "canary"}}"#,
        );
        let network = side.network();
        assert!(network.proxy.is_some() && network.headers.len() == 1);
        let shown = format!("{side:?} {network:?}");
        assert!(!shown.contains("canary"), "{shown}");
    }
}
