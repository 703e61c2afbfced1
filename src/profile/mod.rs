//! What a profile is: a directory with an `auth.json`, and what that file says.
//!
//! Works on values alone: text in, text out. Reading and writing files is `store`'s work, redeeming tokens `upstream`'s.
//! The only room that turns a [`Secret`] back into JSON ([`auth_file`]).

pub mod about;
pub mod auth_file;
pub mod claims;
pub mod endpoint;
pub mod identity;
pub mod name;
pub mod network;
pub mod origin;
pub mod secret;
pub mod side_file;

pub use about::{About, BadWord};
pub use auth_file::{AuthFile, AuthFileError, ChatGptLogin, Credentials, RefreshedTokens};
pub use claims::Claims;
pub use endpoint::{Api, Endpoint, EndpointError, EndpointKind};
pub use identity::Identity;
pub use name::{InvalidProfileName, ProfileName};
pub use network::{BadNetwork, Network, Proxy, ProxyUrl};
pub use origin::{Origin, Rotator};
pub use secret::{Fingerprint, Secret};
pub use side_file::{Intent, SideFile};

/// One profile directory as it was read: its login, or why it has none, and our own words about it.
#[derive(Clone, Debug)]
pub struct Profile {
    pub name: ProfileName,
    pub login: Result<AuthFile, Unreadable>,
    pub side: SideFile,
}

/// Why a profile's `auth.json` gave no login. A sentence for the screen; it never quotes the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

impl Profile {
    pub fn identity(&self) -> Option<&Identity> {
        self.login.as_ref().ok().and_then(AuthFile::identity)
    }

    /// What this profile is good for, as far as its files tell. Whether the upstream agrees shows only when it is asked.
    pub fn health(&self) -> Health {
        match &self.login {
            Err(reason) => Health::Unreadable(reason.clone()),
            Ok(auth) => match auth.credentials() {
                Credentials::Other { mode } => Health::NotRoutable { mode: mode.clone() },
                Credentials::ChatGpt(login) if self.side.rejects(login) => Health::SignInAgain,
                Credentials::ChatGpt(_) | Credentials::ApiKey { .. } | Credentials::Endpoint(_) => {
                    Health::Fine
                }
            },
        }
    }
}

/// What a profile's files say about its usefulness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    Fine,
    /// The issuer refused this refresh token for good; only a new sign-in helps.
    SignInAgain,
    /// The file is there but cannot be understood. It is never overwritten.
    Unreadable(Unreadable),
    /// A kind of login that the CLI can use and we only show (agent identity, personal access token, …).
    NotRoutable {
        mode: String,
    },
}
