//! One key: who it is, and how it is known again without being kept.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::policy::Policy;
use crate::profile::Secret;

/// A key that clients may show, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientKey {
    pub id: KeyId,
    /// What the user calls it. Unique, whatever the size of its letters.
    pub label: String,
    pub digest: KeyDigest,
    /// The end of the key, to tell it apart from others on screen.
    pub last4: String,
    pub created_at: SystemTime,
    pub expires_at: Option<SystemTime>,
    pub is_enabled: bool,
    pub policy: Policy,
}

/// The public name of a key: in logs, in the ledger and on the command line. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(Arc<str>);

/// The SHA-256 of a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyDigest([u8; 32]);

/// How every key of ours begins, so that people and scanners know what they have found.
pub(super) const BEGINNING: &str = "crk_";
/// Shorter texts are words that people type, not keys.
const MIN_KEY_BYTES: usize = 24;
const MAX_LABEL_CHARS: usize = 64;

impl ClientKey {
    /// A new key and the one copy of what a client shows. `random` must be nobody's to guess.
    pub fn make(
        label: String,
        policy: Policy,
        random: [u8; 32],
        now: SystemTime,
    ) -> (Self, Secret) {
        let shown = Secret::new(format!(
            "{BEGINNING}{}",
            BASE64_URL_SAFE_NO_PAD.encode(random)
        ));
        let digest = KeyDigest(Sha256::digest(shown.expose().as_bytes()).into());
        let last4 = shown.expose().chars().rev().take(4);
        let last4: String = last4.collect::<Vec<_>>().into_iter().rev().collect();
        let key = Self {
            id: KeyId::of(&digest),
            label,
            digest,
            last4,
            created_at: now,
            expires_at: None,
            is_enabled: true,
            policy,
        };
        (key, shown)
    }

    pub fn is_expired(&self, now: SystemTime) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// Whether that is its label, whatever the size of its letters.
    pub fn is_called(&self, label: &str) -> bool {
        self.label.to_lowercase() == label.to_lowercase()
    }

    /// Whether it opens the router.
    pub fn is_open(&self, now: SystemTime) -> bool {
        self.is_enabled && !self.is_expired(now)
    }
}

impl KeyId {
    /// Made from the digest, which is random enough to be unique in one file; it says nothing about the key.
    fn of(digest: &KeyDigest) -> Self {
        let hex: String = digest
            .0
            .iter()
            .take(4)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self(format!("k{hex}").into())
    }

    /// Reads one back; `None` for what could not stand in a log line.
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_id = !text.is_empty() && text.len() <= 32 && text.bytes().all(is_plain);
        is_id.then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({})", self.0)
    }
}

impl KeyDigest {
    /// Of what a client shows; `None` when that is too short to be a key.
    pub fn of(shown: &[u8]) -> Option<Self> {
        (shown.len() >= MIN_KEY_BYTES).then(|| Self(Sha256::digest(shown).into()))
    }

    /// 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut digest = [0; 32];
        if text.len() != 64 {
            return None;
        }
        for (place, byte) in digest.iter_mut().enumerate() {
            let digits = text.get(2 * place..2 * place + 2)?;
            *byte = u8::from_str_radix(digits, 16).ok()?; // no digits: no digest
        }
        Some(Self(digest))
    }

    pub fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Takes the same time wherever two digests differ.
    pub fn is_same(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// Its value is no use to anybody, and no reader either.
impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(…)")
    }
}

/// Why a text cannot be the label of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLabel {
    #[error("a label has 1 to {MAX_LABEL_CHARS} characters")]
    Length,
    #[error("a label has no control characters, and none that change the direction of writing")]
    Unprintable,
}

/// The label without spaces around it, if a screen and a log line can show it.
///
/// # Errors
/// See [`BadLabel`].
pub fn checked_label(text: &str) -> Result<String, BadLabel> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > MAX_LABEL_CHARS {
        return Err(BadLabel::Length);
    }
    // The marks by which Unicode turns writing around (UAX #9).
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if text.chars().any(|c| c.is_control() || turns(c)) {
        return Err(BadLabel::Unprintable);
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn made() -> (ClientKey, Secret) {
        ClientKey::make("laptop".into(), Policy::default(), [7; 32], NOW)
    }

    #[test]
    fn a_key_is_known_again_by_its_digest_alone() {
        let (key, shown) = made();
        let text = shown.expose();
        assert!(
            text.starts_with("crk_") && text.len() == 4 + 43,
            "{} letters",
            text.len()
        );
        assert!(text.ends_with(&key.last4) && key.last4.len() == 4);
        assert!(KeyDigest::of(text.as_bytes()).unwrap().is_same(&key.digest));
        assert_eq!(KeyDigest::parse(&key.digest.to_hex()), Some(key.digest));
        assert_eq!(KeyId::parse(key.id.as_str()), Some(key.id.clone()));
        let (other, _) = ClientKey::make("x".into(), Policy::default(), [8; 32], NOW);
        assert!(other.id != key.id && !other.digest.is_same(&key.digest));
    }

    #[test]
    fn neither_a_key_nor_its_digest_is_printed() {
        let (key, shown) = made();
        let printed = format!("{key:?} {shown:?}");
        assert!(!printed.contains(&key.digest.to_hex()), "{printed}");
        assert!(!printed.contains(shown.expose()), "{printed}");
    }

    #[test]
    fn what_is_short_or_no_digest_is_nothing() {
        assert_eq!(KeyDigest::of(b""), None);
        assert_eq!(KeyDigest::of(&[b'x'; 23]), None);
        assert!(KeyDigest::of(&[b'x'; 24]).is_some());
        for text in ["", "ab", &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(KeyDigest::parse(text), None, "{text}");
        }
        for text in ["", "a b", "../x", &"x".repeat(33)] {
            assert_eq!(KeyId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_key_opens_until_it_is_turned_off_or_expires() {
        let (mut key, _) = made();
        assert!(key.is_open(NOW));
        key.expires_at = Some(NOW + Duration::from_secs(5));
        assert!(key.is_open(NOW + Duration::from_secs(4)));
        assert!(!key.is_open(NOW + Duration::from_secs(5)));
        key.expires_at = None;
        key.is_enabled = false;
        assert!(!key.is_open(NOW));
    }

    #[test]
    fn a_label_can_be_shown() {
        assert_eq!(
            checked_label(" my laptop 開発 "),
            Ok("my laptop 開発".into())
        );
        assert_eq!(checked_label(" "), Err(BadLabel::Length));
        assert_eq!(checked_label(&"x".repeat(65)), Err(BadLabel::Length));
        for text in ["a\nb", "a\u{1b}[2J", "a\u{202e}b"] {
            assert_eq!(checked_label(text), Err(BadLabel::Unprintable), "{text:?}");
        }
    }
}
