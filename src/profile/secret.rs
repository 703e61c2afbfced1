//! A token or key that must not be printed, and the short fingerprint that may.

use std::fmt;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// A bearer token, refresh token or API key. Its `Debug` prints `Secret(…)`, its memory is wiped when dropped; the only way
/// out is [`Secret::expose`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// For building a header, a request body or a file, and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.expose().as_bytes())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The first 16 hexadecimal digits of a SHA-256: enough to tell two tokens apart, useless to sign in with.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(String);

impl Fingerprint {
    pub fn of(bytes: &[u8]) -> Self {
        let digest = Sha256::digest(bytes);
        Self(
            digest
                .iter()
                .take(8)
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        )
    }

    /// Reads one back from our own side file; anything that is not 16 hexadecimal digits is `None`.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .then(|| Self(text.to_ascii_lowercase()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print_itself() {
        let secret = Secret::new("sk-fake-canary");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }

    #[test]
    fn a_fingerprint_is_the_start_of_the_sha_256() {
        // `printf abc | sha256sum`
        assert_eq!(Fingerprint::of(b"abc").as_str(), "ba7816bf8f01cfea");
        assert_eq!(
            Fingerprint::parse("BA7816BF8F01CFEA"),
            Some(Fingerprint::of(b"abc"))
        );
        assert_eq!(Fingerprint::parse("not hexadecimal!"), None);
    }
}
