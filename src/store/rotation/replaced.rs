//! Which logins give way to a new one wherever they lie: told by their refresh tokens, never by a moment alone.

use crate::profile::{AuthFile, Fingerprint};

/// The tokens whose holders get the new login.
#[derive(Clone, Debug)]
pub struct Replaced {
    /// The one whose place it takes.
    token: Option<Fingerprint>,
    is_spent: bool,
    /// What the account held earlier, which a file that could not be written, or was put back since, may still hold.
    before: Vec<Fingerprint>,
}

impl Replaced {
    /// The new login was got for this token, so nothing is lost with it.
    pub fn redeemed(token: &Fingerprint, before: &[Fingerprint]) -> Self {
        Self {
            token: Some(token.clone()),
            is_spent: true,
            before: before.to_vec(),
        }
    }

    /// The new login was found. Nobody has said that what it replaces is spent.
    pub fn found(token: Option<Fingerprint>, before: Vec<Fingerprint>) -> Self {
        Self {
            token,
            is_spent: false,
            before,
        }
    }

    /// Whether this login is worth nothing any more.
    pub(super) fn is_spent(&self, held: &AuthFile) -> bool {
        self.is_spent && self.is_token_of(held)
    }

    /// Whether this login is one of them. An earlier one gives way to its own account alone, because the profile may hold another by
    /// now, and never to an older login: what was noted may be of a sign-in that is still good.
    pub(super) fn gives_way(&self, held: &AuthFile, new: &AuthFile) -> bool {
        let token = held.refresh_fingerprint();
        let is_earlier = token.as_ref().is_some_and(|token| {
            self.before.contains(token) && new.refresh_fingerprint().as_ref() != Some(token)
        });
        self.is_token_of(held) || (is_earlier && held.same_account(new) && !held.is_newer_than(new))
    }

    fn is_token_of(&self, held: &AuthFile) -> bool {
        self.token.is_some() && held.refresh_fingerprint() == self.token
    }
}
