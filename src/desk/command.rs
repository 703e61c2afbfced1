//! What a face wants, in the imperative.

use crate::profile::ProfileName;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// From now on the Codex CLI uses this profile.
    Use(ProfileName),
    /// Keep the login that the Codex CLI uses as a profile of this name.
    Save(ProfileName),
    /// Ask the upstream for the usage of one profile.
    RefreshUsage(ProfileName),
    /// Read all files again and ask for the usage of every profile.
    RefreshAll,
    /// Look which Codex programs run: somebody may be about to switch.
    FindCodex,
    /// Redeem the refresh token of one profile now, by the usual rules.
    RefreshToken(ProfileName),
    TurnRouterOn,
    TurnRouterOff,
    /// The configured port is taken: serve on this one for now.
    ServeOnPort(u16),
    /// Show the window, or say so to whoever can.
    RaiseWindow,
    /// Finish what must not be lost, then stop.
    Quit,
}
