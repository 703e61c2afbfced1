//! What proves that a code which comes back is ours: the state (RFC 6749 section 10.12) and the verifier (RFC 7636).

use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::profile::Secret;

/// The secrets of one attempt. Its first callback with the right state is the only one that counts.
#[derive(Debug)]
pub(super) struct Attempt {
    verifier: Secret,
    state: Secret,
    is_over: AtomicBool,
}

/// What a callback's state says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    Ours,
    /// Another sign-in's, or forged: the right one may still come.
    Foreign,
    /// One has come already.
    Late,
}

/// 86 letters: the longest that RFC 7636 section 4.1 allows is 128, the CLI's own has as many.
const VERIFIER_BYTES: usize = 64;
const STATE_BYTES: usize = 32;

impl Attempt {
    pub(super) fn new() -> Self {
        Self {
            verifier: random::<VERIFIER_BYTES>(),
            state: random::<STATE_BYTES>(),
            is_over: AtomicBool::new(false),
        }
    }

    pub(super) fn verifier(&self) -> &Secret {
        &self.verifier
    }

    pub(super) fn state(&self) -> &Secret {
        &self.state
    }

    /// `BASE64URL(SHA256(verifier))`, RFC 7636 section 4.2.
    pub(super) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.expose().as_bytes()))
    }

    /// Takes the attempt for whoever shows its state first.
    pub(super) fn claim(&self, state: &str) -> Claim {
        if self.is_over() {
            return Claim::Late;
        }
        let is_ours = self.state.expose().as_bytes().ct_eq(state.as_bytes());
        if !bool::from(is_ours) {
            return Claim::Foreign;
        }
        match self.is_over.swap(true, Ordering::AcqRel) {
            false => Claim::Ours,
            true => Claim::Late,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }
}

/// So many random bytes as text for a URL. The generator is the operating system's seed stretched by ChaCha (rand's `ThreadRng`).
fn random<const BYTES: usize>() -> Secret {
    let bytes = Zeroizing::new(rand::random::<[u8; BYTES]>());
    Secret::new(URL_SAFE_NO_PAD.encode(bytes.as_slice()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_challenge_is_the_one_of_the_standard() {
        // RFC 7636 appendix B.
        let attempt = Attempt {
            verifier: Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            ..Attempt::new()
        };
        assert_eq!(
            attempt.challenge(),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn every_attempt_has_secrets_of_its_own_of_full_length() {
        let mut seen = BTreeSet::new();
        for _ in 0..10_000 {
            let attempt = Attempt::new();
            assert_eq!(attempt.verifier.expose().len(), 86);
            assert_eq!(attempt.state.expose().len(), 43);
            assert!(seen.insert(attempt.state.expose().to_owned()));
        }
    }

    #[test]
    fn the_right_state_counts_once_and_a_wrong_one_changes_nothing() {
        let attempt = Attempt::new();
        let state = attempt.state.expose().to_owned();
        for forged in ["", "x", &state[1..], &format!("{state}x")] {
            assert_eq!(attempt.claim(forged), Claim::Foreign, "{forged:?}");
        }
        assert_eq!(attempt.claim(&state), Claim::Ours);
        assert_eq!(attempt.claim(&state), Claim::Late);
        assert_eq!(attempt.claim("x"), Claim::Late);
    }

    #[test]
    fn an_attempt_does_not_print_its_secrets() {
        let attempt = Attempt::new();
        let shown = format!("{attempt:?}");
        assert!(!shown.contains(attempt.state.expose()), "{shown}");
        assert!(!shown.contains(attempt.verifier.expose()), "{shown}");
    }
}
