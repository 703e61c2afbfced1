//! What the user did in a frame, for [`super::App`] to carry out when the frame is drawn.

use super::Closed;
use super::rows::Sort;
use crate::desk::Command;
use crate::profile::ProfileName;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Goes to the worker as it is.
    Command(Command),
    /// From now on Codex uses this account; asked back first when Codex runs.
    Switch(ProfileName),
    /// The dialog that keeps the login of Codex under a name.
    OpenSave,
    CloseDialog,
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
