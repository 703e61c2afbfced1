//! What the user did in a frame, for [`super::App`] to carry out when the frame is drawn.

use std::path::PathBuf;

use super::Closed;
use super::dialogs::AddTab;
use super::errands::Pick;
use super::rows::Sort;
use crate::desk::{Command, OnScreen};
use crate::profile::ProfileName;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Goes to the worker as it is.
    Command(Command),
    /// From now on Codex uses this account; asked back first when Codex runs.
    Switch(ProfileName),
    /// The dialog that keeps the login of Codex under a name.
    OpenSave,
    /// The dialog that adds an account, at this tab.
    OpenAdd(AddTab),
    /// The same, with what is to be imported from there.
    OpenImport(Vec<PathBuf>),
    /// The dialog that signs in to this account again.
    SignIn(ProfileName),
    /// The dialog that takes these accounts out.
    #[allow(dead_code, reason = "the menu that asks for it is on its way")]
    OpenExport(Vec<ProfileName>),
    CloseDialog,
    /// Hand this to the browser.
    OpenLink(OnScreen),
    /// The system's own file dialog.
    Pick(Pick),
    /// Bring this account into view.
    Select(ProfileName),
    CopyBaseUrl(String),
    ToggleEmails,
    Sort(Sort),
    /// Failures up to this happening are put away.
    Dismiss(u64),
    HideToast,
    /// Close the window this way.
    Leave(Closed),
    /// Close it only if that costs nothing: Escape must not end the program.
    HideIfHarmless,
}
