//! Who a login belongs to.

use std::fmt;

use super::secret::Fingerprint;

/// Two logins with the same identity draw on the same quota and replace each other. Never the e-mail alone (one person can own
/// several workspaces), never the workspace alone (a team shares it).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Identity {
    ChatGpt {
        user_id: String,
        workspace_id: String,
    },
    ApiKey {
        key: Fingerprint,
    },
    /// With other settings it is another one: what was learned of the first says nothing of it.
    Endpoint {
        settings: Fingerprint,
    },
}

impl Identity {
    /// The same for every program that follows the rule, and telling nothing.
    pub fn fingerprint(&self) -> Fingerprint {
        let text = match self {
            Self::ChatGpt {
                user_id,
                workspace_id,
            } => format!("{workspace_id}/{user_id}"),
            Self::ApiKey { key } => format!("key/{}", key.as_str()),
            Self::Endpoint { settings } => format!("endpoint/{}", settings.as_str()),
        };
        Fingerprint::of(text.as_bytes())
    }

    /// The name of this identity's lock file.
    pub fn lock_name(&self) -> String {
        format!("{}.lock", self.fingerprint().as_str())
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Identity({})",
            self.lock_name().trim_end_matches(".lock")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_in_two_workspaces_is_two_identities() {
        let identity = |workspace: &str| Identity::ChatGpt {
            user_id: "user-1".into(),
            workspace_id: workspace.into(),
        };
        assert_ne!(identity("a"), identity("b"));
        assert_ne!(identity("a").lock_name(), identity("b").lock_name());
        assert_eq!(
            identity("a").lock_name().len(),
            "0123456789abcdef.lock".len()
        );
    }
}
