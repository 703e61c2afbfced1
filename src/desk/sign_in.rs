//! Signing in, and adding an account by its key: what a face asks, and what it sees of it.

use std::fmt;
use std::ops::Deref;
use std::time::SystemTime;

use super::snapshot::LoginKind;
use crate::profile::{Endpoint, ProfileName, Secret};

/// How somebody signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInWay {
    /// In a browser on this computer, or in any other whose last address is pasted.
    Browser,
    /// By a code that is typed on any device.
    Code,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInWish {
    pub way: SignInWay,
    /// The account to sign in to again; none: whoever signs in.
    pub again: Option<ProfileName>,
    /// What a new account is to be called; none: a free name is made from its e-mail.
    pub name: Option<ProfileName>,
}

/// The sign-in that is under way, or the last one until a face puts it away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInView {
    /// Counts the sign-ins of this run.
    pub number: u64,
    pub wish: SignInWish,
    pub step: SignInStep,
    /// When it is given up.
    pub ends_at: Option<SystemTime>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignInStep {
    Starting,
    /// Waiting for the browser, or for the address that it ends on.
    Browser {
        url: OnScreen,
        listener: CallbackListener,
        /// Why the address that was pasted last is of no use: a sentence.
        paste_refused: Option<String>,
    },
    /// Waiting until the code is typed at this address.
    Code {
        code: OnScreen,
        url: String,
    },
    /// Somebody signed in; the tokens are being fetched.
    Finishing,
    /// What would be done is not what was asked, or replaces something: nothing is written before the user says so.
    Confirm(SignedIn),
    /// Written, and read back.
    Done {
        name: ProfileName,
        is_new: bool,
    },
    /// A sentence that says what to do.
    Failed {
        reason: String,
    },
}

/// A text for the eyes of whoever sits here: with it somebody else could sign in to the wrong account. Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct OnScreen(String);

impl From<String> for OnScreen {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Deref for OnScreen {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for OnScreen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnScreen(…)")
    }
}

/// Where the browser comes back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallbackListener {
    On {
        port: u16,
        /// Who holds the first port, when it is not ours: `codex (pid 4121)`.
        first_port_held_by: Option<String>,
    },
    /// Both ports are taken: only the pasted address works.
    None { held_by: Option<String> },
}

/// Who signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    pub email: Option<String>,
    pub plan: Option<String>,
    pub workspace: Option<String>,
    /// The profile that holds this account already; its login would be replaced.
    pub holder: Option<ProfileName>,
    /// What it would be called as an account of its own.
    pub proposed: ProfileName,
    /// Somebody else than was to sign in again.
    pub is_unexpected: bool,
    /// Nobody can tell whether it was the holder's account: the file there cannot be read, and would be kept aside.
    pub is_holder_unreadable: bool,
}

/// A login that needs no signing in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewLogin {
    /// Of the OpenAI API.
    ApiKey(Secret),
    Endpoint(Box<Endpoint>),
}

/// Whether a login works that is not saved yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginCheck {
    /// Counts the checks of this run.
    pub number: u64,
    pub kind: LoginKind,
    pub result: CheckResult,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckResult {
    Asking,
    /// It was accepted; how many models it has, where that is told.
    Works {
        models: Option<usize>,
    },
    /// The upstream refused it: a sentence.
    Refused(String),
    /// Nobody can say: a sentence.
    Unknown(String),
}
