//! What the user did in a frame, for [`super::App`] to carry out when the frame is drawn.

use std::path::PathBuf;

use super::Closed;
use super::dialogs::{AddTab, SwitchDialog};
use super::errands::Pick;
use super::rows::{Closing, Section, Sort, Tab};
use crate::client_key::KeyId;
use crate::desk::{Command, OnScreen, Span};
use crate::profile::ProfileName;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Opens this page.
    Turn(Tab),
    /// Goes to the worker as it is.
    Command(Command),
    /// From now on Codex uses this account; asked back first when Codex runs.
    Switch(ProfileName),
    /// Everything about this account.
    Look(ProfileName),
    /// The two ways to switch.
    OpenSwitch(SwitchDialog),
    /// The dialog of other programs and the router.
    OpenConnect,
    /// The ways out where Codex keeps its login elsewhere.
    OpenKeyring,
    /// The dialog that takes the passphrase of encrypted logins.
    OpenUnlock,
    /// The dialog that keeps the login of Codex under a name.
    OpenSave,
    /// The dialog that adds an account, at this tab.
    OpenAdd(AddTab),
    /// The same, with what is to be imported from there.
    OpenImport(Vec<PathBuf>),
    /// The dialog that signs in to this account again.
    SignIn(ProfileName),
    /// The dialog that takes these accounts out.
    OpenExport(Vec<ProfileName>),
    /// A dialog by which accounts are organised.
    Open(Opening),
    /// A dialog about the keys that clients show.
    OpenKey(KeyOpening),
    /// The set-up of an app with this key.
    ShowSetup(KeyId),
    CloseDialog,
    /// Hand this to the browser.
    OpenLink(OnScreen),
    /// The system's own file dialog.
    Pick(Pick),
    /// Bring this account into view.
    Select(ProfileName),
    CopyBaseUrl(String),
    /// Copies this, and says so.
    Copy(String),
    /// Copies what is too long to be said; `said` tells what it was.
    CopyAs {
        text: String,
        said: &'static str,
    },
    ToggleEmails,
    Sort(Sort),
    /// Rows are grouped by status, or not.
    GroupRows(bool),
    /// A group is folded, or unfolded.
    Fold(Section),
    /// How far back the chart looks.
    LookBack(Span),
    /// Everything in this size, in percent.
    Zoom(u16),
    /// From now on closing the window does this.
    CloseBy(Closing),
    /// Failures up to this happening are put away.
    Dismiss(u64),
    HideToast,
    /// Close the window this way.
    Leave(Closed),
    /// Close it only if that costs nothing: Escape must not end the program.
    HideIfHarmless,
}

/// Which dialog, about which key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOpening {
    New,
    Rename(KeyId),
    Limits(KeyId),
    Revoke(KeyId),
}

/// Which dialog, about whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    Rename(ProfileName),
    /// Tags and note.
    Words(ProfileName),
    /// Proxy and headers.
    Network(ProfileName),
    Tag(Vec<ProfileName>),
    Group(Vec<ProfileName>),
    Delete(Vec<ProfileName>),
    Trash,
}
