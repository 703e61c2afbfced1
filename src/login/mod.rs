//! Signing in to a ChatGPT account: in a browser, or by a code that is typed on any device.
//!
//! The browser way is OAuth for native programs (RFC 8252) with PKCE (RFC 7636), as the Codex CLI does it: a listener on loopback
//! catches the address that the browser ends on, and the same address may be pasted by hand at any moment. What is secret here
//! (verifier, state, codes) lives in memory and is good once. A future that is dropped has cancelled: its port is free again.
//!
//! Never enters: files, the login that Codex uses, and the question which account a login is for. A finished sign-in is an
//! [`AuthFile`](crate::profile::AuthFile) that nobody has written down yet.
//!
//! Source of addresses, parameters and paths: codex-rs/login/src/{server,pkce,device_code_auth}.rs.

use std::fmt;
use std::time::Duration;

use url::Url;

mod authorize;
mod browser;
mod callback;
mod device;
mod error;
mod listener;
mod page;
mod paste;
mod pkce;

pub use browser::by_browser;
pub use device::by_code;
pub use error::SignInError;

/// Who we are for the issuer.
#[derive(Clone, Debug)]
pub struct Client {
    pub issuer: Url,
    pub client_id: String,
    pub originator: String,
}

/// What is wanted of one sign-in.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Let the browser ask who signs in, even if somebody is signed in there: another account is to be added.
    pub asks_who: bool,
    /// The only workspaces that Codex may use here; none: any.
    pub workspaces: Vec<String>,
}

/// Where we listen and how long we wait.
#[derive(Clone, Debug)]
pub struct Terms {
    /// In the order in which they are tried. 0 lets the system choose.
    pub ports: [u16; 2],
    /// How often a port whose holder was asked to leave is tried again, and how long between two tries.
    pub port_tries: u32,
    pub port_pause: Duration,
    /// How long a browser is waited for.
    pub life: Duration,
    /// The least time between two questions whether the code was typed.
    pub poll_at_least: Duration,
    /// Added to that time whenever the issuer finds us too fast (RFC 8628 section 3.5).
    pub slower_by: Duration,
}

/// The ports that the issuer knows of the Codex CLI's client (codex-rs/login/src/server.rs).
pub const PORTS: [u16; 2] = [1455, 1457];

impl Default for Terms {
    fn default() -> Self {
        Self {
            ports: PORTS,
            port_tries: 10,
            port_pause: Duration::from_millis(200),
            life: Duration::from_secs(600),
            poll_at_least: Duration::from_secs(1),
            slower_by: Duration::from_secs(5),
        }
    }
}

/// What somebody who waits should see.
#[derive(Clone, PartialEq, Eq)]
pub enum News {
    /// This address is to be opened in a browser.
    Browser { url: String, listener: Listening },
    /// The address that was pasted is of no use: a sentence.
    PasteRefused(String),
    /// This code is to be typed at this address, within this time.
    Code {
        code: String,
        url: String,
        life: Duration,
    },
    /// Somebody signed in; the tokens are being fetched.
    Finishing,
}

impl fmt::Debug for News {
    /// Addresses and codes are for the screen: with them somebody else could finish the sign-in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Browser { .. } => "Browser(…)",
            Self::PasteRefused(_) => "PasteRefused(…)",
            Self::Code { .. } => "Code(…)",
            Self::Finishing => "Finishing",
        })
    }
}

/// Where the browser can come back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listening {
    On {
        port: u16,
        /// Who holds the first port, when it is not ours.
        first_port_held_by: Option<String>,
    },
    /// Both ports are taken: only a pasted address works.
    Nowhere { held_by: Option<String> },
}

#[cfg(test)]
mod tests;
