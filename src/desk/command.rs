//! What a face wants, in the imperative.

use std::path::PathBuf;

use super::activity::{ActivityQuery, Place, RequestsForm};
use super::edit::Edit;
use super::import::{ExportTo, ImportSource};
use super::settings::Change;
use super::sign_in::{NewLogin, SignInWish};
use super::tools::Tool;
use crate::client_key::KeyChange;
use crate::profile::{ProfileName, Secret};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// From now on the Codex CLI uses this profile.
    Use(ProfileName),
    /// From now on the router draws from this profile first, whatever Codex's own file says; nothing: by its strategy again.
    RouteTo(Option<ProfileName>),
    /// Change these settings, in `config.toml` and at once where that is possible: all of them or none.
    Set(Vec<Change>),
    /// Keep the login that the Codex CLI uses as a profile of this name.
    Save(ProfileName),
    /// Ask the upstream for the usage of one profile.
    RefreshUsage(ProfileName),
    /// Read all files again and ask for the usage of every profile.
    RefreshAll,
    /// Look which Codex programs run: somebody may be about to switch.
    FindCodex,
    /// Read how this profile fared, for [`super::Snapshot::history`].
    ShowHistory(ProfileName),
    /// Read these requests, for [`super::Snapshot::activity`].
    ShowActivity {
        query: ActivityQuery,
        place: Place,
    },
    /// Write all of these requests into a file, in the place of one that is there.
    ExportRequests {
        query: ActivityQuery,
        form: RequestsForm,
        file: PathBuf,
    },
    /// Redeem the refresh token of one profile now, by the usual rules.
    RefreshToken(ProfileName),
    /// The passphrase of encrypted logins ([`super::Snapshot::lock`]).
    Unlock(Secret),
    TurnRouterOn,
    TurnRouterOff,
    /// The configured port is taken: serve on this one for now.
    ServeOnPort(u16),
    /// Show the window, or say so to whoever can.
    RaiseWindow,
    /// Begin to sign in; another sign-in that is under way ends.
    SignIn(SignInWish),
    /// The address that the browser ended on, pasted by hand.
    PasteCallback(Secret),
    /// Write the login of [`super::SignInStep::Confirm`]: into the profile that holds this account; where there is none, as a new
    /// one of this name, or of the proposed one.
    ConfirmSignIn {
        name: Option<ProfileName>,
    },
    /// End the sign-in, or put away one that has ended.
    CancelSignIn,
    /// Ask the upstream whether it accepts this login; nothing is written.
    CheckLogin(NewLogin),
    /// A new profile with this login.
    AddLogin {
        name: ProfileName,
        login: NewLogin,
    },
    /// Look what could be imported; nothing is written.
    LookForImport(ImportSource),
    /// Take these of the logins that were found, each under its name.
    Import(Vec<(u32, ProfileName)>),
    /// End the import after the account that is being written, or put away one that has ended.
    CancelImport,
    Export {
        names: Vec<ProfileName>,
        to: ExportTo,
    },
    Rename {
        from: ProfileName,
        to: ProfileName,
    },
    Edit {
        names: Vec<ProfileName>,
        edit: Edit,
    },
    /// Have the router try these at once, whatever it was refused before.
    TryNow(Vec<ProfileName>),
    /// The user's own order of all accounts.
    Order(Vec<ProfileName>),
    /// Into the trash, where they stay for 30 days.
    Delete(Vec<ProfileName>),
    /// Back from the trash, by the ids of [`super::TrashView`].
    Undelete(Vec<String>),
    /// Out of the trash for good; no id: all of it.
    Purge(Vec<String>),
    /// Privacy, in every face and from now on: [`super::Snapshot::hides_emails`].
    HideEmails(bool),
    /// Read the settings of other programs again.
    LookAtTools,
    /// Point this program at the router.
    Connect(Tool),
    /// Give this program its own settings back.
    Disconnect(Tool),
    /// Let Codex read its login from `auth.json` instead of the system's keyring: a line of its own settings.
    UseFileStore,
    /// A terminal in which Codex uses this account, and nothing else changes.
    OpenTerminal(ProfileName),
    /// Make, change or take away a key that clients show, or say whether one is necessary. A new one comes as its digest.
    ChangeKeys(KeyChange),
    /// Finish what must not be lost, then stop.
    Quit,
}
