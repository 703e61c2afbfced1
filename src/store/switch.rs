//! Changing the login that the Codex CLI uses, without losing the one that was there.
//!
//! The CLI rotates the live login whenever it likes, and a refresh token works once. So what stands in the live file is always
//! read, matched by identity and taken home (or kept aside, if nobody knows it) before anything replaces it; and it is
//! replaced only if it is still, byte for byte, what was kept. Losing one of the two loses an account.

use std::path::PathBuf;
use std::time::SystemTime;

use zeroize::Zeroizing;

use super::attic;
use super::error::StoreError;
use super::home::Home;
use super::live::Place;
use super::locks::{AccountLock, CliLocks, SwitchLock, account_lock_name};
use super::login_file::{AUTH, LoginFile};
use super::profiles;
use super::rotation;
use super::safe_file::Prepared;
use super::signed_in;
use super::state;
use crate::profile::{AuthFile, Credentials, Origin, Profile, ProfileName, Rotator, Unreadable};

/// What a switch did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Switched {
    /// The profile whose login was live before.
    pub from: Option<ProfileName>,
    /// The profile that got a newer login from the live file first.
    pub took_home: Option<ProfileName>,
    /// Where a login was kept that no profile holds.
    pub displaced: Option<PathBuf>,
    /// The account was live before; at most, one side's login was brought up to date from the other.
    pub was_already: bool,
}

/// Why the live file is what it was (but for [`SwitchError::Overwritten`]).
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    #[error("sign in to {0:?} again first: its login is no longer accepted")]
    SignInAgain(ProfileName),
    #[error("the login of {name:?} cannot be read ({reason}); repair or remove its auth.json")]
    Unreadable {
        name: ProfileName,
        reason: Unreadable,
    },
    #[error(
        "{0:?} is an endpoint for the router, which Codex cannot use by itself; point Codex at the router instead"
    )]
    ForRouterOnly(ProfileName),
    #[error("nothing was changed, because the present login could not be kept: {0}")]
    CaptureFailed(#[source] StoreError),
    #[error(
        "nothing was changed, because another program keeps changing the Codex login; try again in a moment"
    )]
    KeepsChanging,
    #[error(
        "another program changed the Codex login right after the switch; check which account is in use"
    )]
    Overwritten,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How often a live file that changes under our hands is looked at anew before we give up.
const ROUNDS: u32 = 5;

/// Makes this profile's login the live one.
///
/// # Errors
/// See [`SwitchError`]; the live file is then untouched, except where it says otherwise.
pub fn switch(home: &Home, to: &ProfileName, now: SystemTime) -> Result<Switched, SwitchError> {
    let _no_other_switch = SwitchLock::take(home)?;
    let switched = rounds(home, to, Over::Anybody, now)?;
    if let Err(err) = state::remember_selected(home, to) {
        // The live file is what counts, and it is right.
        tracing::warn!(profile = %to, error = %err, "switched, but could not write that down");
    }
    Ok(switched)
}

/// Brings the live login up to date with its profile, if it is of that account still: which account Codex uses stays as it is.
///
/// # Errors
/// See [`SwitchError`].
pub(super) fn renew_live(
    home: &Home,
    of: &ProfileName,
    now: SystemTime,
) -> Result<Switched, SwitchError> {
    let _no_switch = SwitchLock::take(home)?;
    rounds(home, of, Over::ItsOwn, now)
}

/// Whose login may be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Anybody,
    /// The older one of the same account; where another one is live, or none, nothing is done.
    ItsOwn,
}

fn rounds(
    home: &Home,
    to: &ProfileName,
    over: Over,
    now: SystemTime,
) -> Result<Switched, SwitchError> {
    for _ in 0..ROUNDS {
        if let Some(switched) = try_switch(home, to, over, now)? {
            return Ok(switched);
        }
    }
    Err(SwitchError::KeepsChanging)
}

/// One round; `None` when something changed in the meantime and it must begin anew.
fn try_switch(
    home: &Home,
    to: &ProfileName,
    over: Over,
    now: SystemTime,
) -> Result<Option<Switched>, SwitchError> {
    let sides = Sides::read(home, to)?;
    sides.refuse_endpoint(to)?;
    let _both_accounts = AccountLock::take_all(home, &sides.lock_names())?;
    // Whoever held the locks may have changed either side.
    let locked = sides.lock_names();
    let sides = Sides::read(home, to)?;
    sides.refuse_endpoint(to)?;
    if sides.lock_names() != locked {
        return Ok(None);
    }

    if over == Over::ItsOwn && !sides.is_live_its_own()? {
        return Ok(Some(Switched::default()));
    }
    if let Some(live) = sides.live_login()
        && (live.same_account(&sides.target) || live.same_login(&sides.target))
        && !sides.target.is_newer_than(live)
    {
        let profiles = profiles::load_all(home)?.profiles;
        let updated =
            update_holders(home, &profiles, live, now).map_err(SwitchError::CaptureFailed)?;
        let took_home = updated.contains(to).then(|| to.clone());
        return Ok(Some(Switched {
            from: Some(to.clone()),
            took_home,
            was_already: true,
            ..Switched::default()
        }));
    }
    let target = profiles::load(home, to)?;
    if let Some(successor) = rotation::find_successor(home, &target)? {
        rotation::adopt(home, &target, &successor, now)?;
        return Ok(None);
    }
    sides.refuse_rejected(&target)?;

    sides.place.refuse_ours()?;
    if let Some(file) = &sides.live {
        sides.place.refuse_unwritable(&file.contents)?;
    }
    let captured = capture(home, sides.live.as_ref(), now).map_err(SwitchError::CaptureFailed)?;
    let bytes = sides.bytes_for_live(now);
    let mut prepared = Prepared::new(&sides.place.folder, &sides.place.name)?;
    prepared.fill(&bytes)?;

    let cli_waits = CliLocks::take(home, &sides.place)?;
    // Only what was read has been kept.
    if !sides.place.is_still(sides.live.as_ref())? {
        return Ok(None);
    }
    let published = prepared.publish();
    let written = sides.place.read_once();
    drop(cli_waits);
    // What stands there now decides. A file that is in its place is in use, whatever the disk said afterwards.
    let is_in_place = matches!(&written, Ok(file) if file.as_ref().is_some_and(|file| file.contents.bytes == bytes));
    match (published, written) {
        (Err(err), _) if is_in_place => {
            tracing::warn!(profile = %to, error = %err, "switched, but a loss of power might undo it");
        }
        (Err(err), _) => return Err(err.into()),
        (Ok(()), Err(err)) => {
            tracing::warn!(profile = %to, error = %err, "switched, but could not look at the file again");
        }
        (Ok(()), Ok(_)) if is_in_place => {}
        (Ok(()), Ok(_)) => return Err(SwitchError::Overwritten),
    }
    let was_already = sides
        .live_login()
        .is_some_and(|live| live.same_account(&sides.target));
    Ok(Some(Switched {
        was_already,
        ..captured
    }))
}

/// Keeps the live login as a new profile.
///
/// # Errors
/// [`StoreError::AlreadySaved`] when a profile holds this account already; that one is updated if the live login is newer.
pub fn save_live(home: &Home, name: &ProfileName, now: SystemTime) -> Result<(), StoreError> {
    let Some((login, _lock)) = locked_live(home)? else {
        return Err(StoreError::NothingLive);
    };
    let profiles = profiles::load_all(home)?.profiles;
    if let Some(holder) = profiles::holder(&profiles, &login, None) {
        let updated = update_holders(home, &profiles, &login, now)?;
        return Err(StoreError::AlreadySaved {
            name: holder.name.clone(),
            is_updated: updated.contains(&holder.name),
        });
    }
    profiles::create(home, name, &login)?;
    signed_in::note_origin(home, name, Origin::Codex, now);
    if let Err(err) = state::remember_selected(home, name) {
        tracing::warn!(profile = %name, error = %err, "saved, but could not write down that it is selected");
    }
    Ok(())
}

/// If the live login is newer than its profile (the CLI has rotated it), takes it into the profile; says into which.
///
/// # Errors
/// When the live file or the profile cannot be read or written.
pub fn take_home(home: &Home, now: SystemTime) -> Result<Option<ProfileName>, StoreError> {
    // Most changes of the live file are our own: look without the lock first.
    let Some(file) = Place::find(home)?.read(home)? else {
        return Ok(None);
    };
    let Ok(login) = file.login else {
        return Ok(None); // unreadable: shown elsewhere, and nothing to take
    };
    let is_newer = |login: &AuthFile, held: &[Profile]| {
        profiles::holders(held, login)
            .any(|profile| matches!(&profile.login, Ok(held) if login.is_newer_than(held)))
    };
    if !is_newer(&login, &profiles::load_all(home)?.profiles) {
        return Ok(None);
    }
    let Some((login, _lock)) = locked_live(home)? else {
        return Ok(None);
    };
    let profiles = profiles::load_all(home)?.profiles;
    let updated = update_holders(home, &profiles, &login, now)?;
    let preferred = state::current_profile(home);
    let shown = updated
        .iter()
        .find(|name| Some(*name) == preferred.as_ref());
    Ok(shown.or(updated.first()).cloned())
}

/// The live login with its account's lock held; `None` when Codex is signed out.
fn locked_live(home: &Home) -> Result<Option<(AuthFile, AccountLock)>, StoreError> {
    let read = || -> Result<Option<AuthFile>, StoreError> {
        match Place::find(home)?.read(home)? {
            None => Ok(None),
            Some(file) => file
                .login
                .map(Some)
                .map_err(|err| StoreError::UnreadableLive(Unreadable(err.to_string()))),
        }
    };
    for _ in 0..ROUNDS {
        let Some(seen) = read()? else {
            return Ok(None);
        };
        let lock = AccountLock::take(home, &seen)?;
        match read()? {
            Some(login) if account_lock_name(&login) == account_lock_name(&seen) => {
                return Ok(Some((login, lock)));
            }
            Some(_) | None => {}
        }
    }
    Err(StoreError::Busy("the Codex login"))
}

/// Gives the live login to every profile of its account that holds an older one: two profiles of one account share a token
/// family, so the older copy is spent.
pub(super) fn update_holders(
    home: &Home,
    profiles: &[Profile],
    live: &AuthFile,
    now: SystemTime,
) -> Result<Vec<ProfileName>, StoreError> {
    let mut updated = Vec::new();
    for holder in profiles::holders(profiles, live) {
        if matches!(&holder.login, Ok(held) if live.is_newer_than(held)) {
            rotation::adopt(home, holder, live, now)?;
            note_rotation(home, &holder.name, now);
            updated.push(holder.name.clone());
        }
    }
    Ok(updated)
}

/// Writes down that Codex has got the newer login. Only a note: the login itself is safe.
pub fn note_rotation(home: &Home, name: &ProfileName, now: SystemTime) {
    let noted = profiles::edit_side(home, name, |side| side.set_rotated(Rotator::Codex, now));
    if let Err(err) = noted {
        tracing::debug!(profile = %name, error = %err, "who renewed a login was not noted");
    }
}

/// Makes sure that what stands in the live file is kept somewhere else, durably.
fn capture(home: &Home, live: Option<&LoginFile>, now: SystemTime) -> Result<Switched, StoreError> {
    let Some(file) = live else {
        return Ok(Switched::default());
    };
    let displaced = |from| {
        let path = attic::displace(home, &file.contents.bytes, now)?;
        Ok(Switched {
            from,
            displaced: Some(path),
            ..Switched::default()
        })
    };
    let Ok(login) = &file.login else {
        return displaced(None);
    };
    let profiles = profiles::load_all(home)?.profiles;
    let preferred = state::current_profile(home);
    let Some(holder) = profiles::holder(&profiles, login, preferred.as_ref()) else {
        return displaced(None);
    };
    let updated = update_holders(home, &profiles, login, now)?;
    let is_kept = !updated.is_empty()
        || profiles::holders(&profiles, login).any(|profile| profiles::makes_good(profile, login));
    if !is_kept {
        // Another login of the same account, and nothing says which is newer, or the newer one is refused.
        return displaced(Some(holder.name.clone()));
    }
    let took_home = updated
        .iter()
        .find(|name| **name == holder.name)
        .or(updated.first());
    Ok(Switched {
        from: Some(holder.name.clone()),
        took_home: took_home.cloned(),
        ..Switched::default()
    })
}

/// Both sides of a switch as they were read.
struct Sides {
    place: Place,
    live: Option<LoginFile>,
    target: AuthFile,
    target_bytes: Zeroizing<Vec<u8>>,
}

impl Sides {
    fn read(home: &Home, to: &ProfileName) -> Result<Self, SwitchError> {
        let folder = profiles::folder_of(home, to)?;
        let file = LoginFile::read(home, &folder, AUTH)?
            .ok_or_else(|| StoreError::NoSuchProfile(to.clone()))?;
        let target = file.login.map_err(|err| SwitchError::Unreadable {
            name: to.clone(),
            reason: Unreadable(err.to_string()),
        })?;
        let place = Place::find(home)?;
        let live = place.read(home).map_err(SwitchError::CaptureFailed)?;
        Ok(Self {
            place,
            live,
            target,
            target_bytes: file.contents.bytes,
        })
    }

    fn live_login(&self) -> Option<&AuthFile> {
        self.live.as_ref()?.login.as_ref().ok() // unreadable: no login, as its caller means it
    }

    fn is_live_its_own(&self) -> Result<bool, StoreError> {
        match self.live.as_ref().map(|file| &file.login) {
            Some(Ok(live)) => Ok(live.same_account(&self.target)),
            Some(Err(err)) => Err(StoreError::UnreadableLive(Unreadable(err.to_string()))),
            None => Ok(false),
        }
    }

    fn lock_names(&self) -> Vec<String> {
        self.live_login()
            .into_iter()
            .chain([&self.target])
            .map(account_lock_name)
            .collect()
    }

    /// Codex refuses such a file, and would be signed out by it.
    fn refuse_endpoint(&self, to: &ProfileName) -> Result<(), SwitchError> {
        match self.target.credentials() {
            Credentials::Endpoint(_) => Err(SwitchError::ForRouterOnly(to.clone())),
            Credentials::ChatGpt(_) | Credentials::ApiKey { .. } | Credentials::Other { .. } => {
                Ok(())
            }
        }
    }

    fn refuse_rejected(&self, profile: &Profile) -> Result<(), SwitchError> {
        match self.target.chatgpt() {
            Some(login) if profile.side.rejects(login) => {
                Err(SwitchError::SignInAgain(profile.name.clone()))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn bytes_for_live(&self, now: SystemTime) -> Zeroizing<Vec<u8>> {
        match self.target.credentials() {
            Credentials::ChatGpt(_) | Credentials::ApiKey { .. } => {
                self.target.for_cli(now).to_bytes()
            }
            // We do not speak it, so we do not touch it. An endpoint is refused long before.
            Credentials::Endpoint(_) | Credentials::Other { .. } => self.target_bytes.clone(),
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
