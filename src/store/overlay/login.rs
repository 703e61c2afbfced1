//! The login in an overlay: one more live copy of its account's, with the rules of the live file.
//!
//! Whose it is, its own text says, never the name of a profile. What stands there is kept elsewhere before it goes or gives way,
//! and it gives way only to a newer one of its own account: under a running Codex another account's would take the login from it.

use std::time::SystemTime;

use super::place_in;
use crate::profile::{AuthFile, Profile, ProfileName, Unreadable};
use crate::store::error::StoreError;
use crate::store::folder::Folder;
use crate::store::home::Home;
use crate::store::locks::{AccountLock, CliLocks, account_lock_name};
use crate::store::login_file::{AUTH, LoginFile, with_keys_of};
use crate::store::rotation::Replaced;
use crate::store::safe_file::Prepared;
use crate::store::{attic, profiles, rotation, switch, trash};

/// How often a login that changes under our hands is looked at anew.
const ROUNDS: u32 = 5;
const THE_LOGIN: &str = "the login in this terminal";

/// What stands in an overlay and is kept elsewhere as well.
pub(super) struct Brought {
    /// The profile that had an older one.
    pub into: Option<ProfileName>,
    pub file: LoginFile,
}

/// Takes what stands in an overlay into the profiles of its account where it is newer; into the trash if the account lies there,
/// and aside if nobody has it. `None` when nobody is signed in there.
pub(super) fn take_home(
    home: &Home,
    folder: &Folder,
    now: SystemTime,
) -> Result<Option<Brought>, StoreError> {
    for _ in 0..ROUNDS {
        let Some(seen) = LoginFile::read(home, folder, AUTH)? else {
            return Ok(None);
        };
        let Ok(login) = &seen.login else {
            attic::displace(home, &seen.contents.bytes, now)?;
            return Ok(Some(Brought {
                into: None,
                file: seen,
            }));
        };
        let _account = AccountLock::take(home, login)?;
        // Whoever held the lock may have changed it, and another account has another lock.
        match LoginFile::read(home, folder, AUTH)? {
            None => return Ok(None),
            Some(file) => {
                if let Ok(present) = &file.login
                    && account_lock_name(present) == account_lock_name(login)
                {
                    let into = keep(home, &file, present, now)?;
                    return Ok(Some(Brought { into, file }));
                }
            }
        }
    }
    Err(StoreError::Busy(THE_LOGIN))
}

/// Removes the login from an overlay that nobody uses, once it is kept elsewhere.
pub(super) fn take_out(
    home: &Home,
    folder: &Folder,
    now: SystemTime,
) -> Result<Option<ProfileName>, StoreError> {
    let mut into = None;
    for _ in 0..ROUNDS {
        let Some(brought) = take_home(home, folder, now)? else {
            return Ok(into);
        };
        into = into.or(brought.into);
        let place = place_in(folder);
        let _cli_waits = CliLocks::take_in(home, folder, &place)?;
        if place.is_still(Some(&brought.file))? {
            folder.remove_file(AUTH.as_ref())?;
            folder.sync()?;
            return Ok(into);
        }
    }
    Err(StoreError::Busy(THE_LOGIN))
}

/// A profile with the newest login of its account, which every place gets that has the one before. With the account's lock.
pub(super) fn newest(
    home: &Home,
    name: &ProfileName,
    now: SystemTime,
) -> Result<(Profile, Option<AccountLock>), StoreError> {
    let lock = AccountLock::of_profile(home, name)?;
    let profile = profiles::load(home, name)?;
    let is_newer = rotation::bring_up_to_date(home, &profile, now)?.is_some();
    let profile = match is_newer {
        true => profiles::load(home, name)?,
        false => profile,
    };
    Ok((profile, lock))
}

/// Puts the login of a profile into an overlay where there is none, or an older one of the same account. To be called with the
/// account's lock held.
///
/// # Errors
/// [`StoreError::OtherInTerminal`] when another account is signed in there.
pub(super) fn put(
    home: &Home,
    folder: &Folder,
    (name, login): (&ProfileName, &AuthFile),
    now: SystemTime,
) -> Result<(), StoreError> {
    let place = place_in(folder);
    for _ in 0..ROUNDS {
        let present = place.read(home)?;
        let mut whole = login.clone();
        if let Some(file) = &present {
            let here = file.login.as_ref().map_err(|err| {
                StoreError::UnreadableTerminal(name.clone(), Unreadable(err.to_string()))
            })?;
            if here.same_login(login) {
                return Ok(());
            }
            if !here.same_account(login) {
                return Err(StoreError::OtherInTerminal(name.clone()));
            }
            if !login.is_newer_than(here) {
                return Ok(());
            }
            place.refuse_unwritable(&file.contents)?;
            whole = with_keys_of(login, here);
        }
        let mut prepared = Prepared::new(folder, AUTH)?;
        prepared.fill(&whole.for_cli(now).to_bytes())?;
        let _cli_waits = CliLocks::take_in(home, folder, &place)?;
        if place.is_still(present.as_ref())? {
            return prepared.publish();
        }
    }
    Err(StoreError::Busy(THE_LOGIN))
}

/// Makes sure that a login is kept outside of the overlay, and says which profile has got it. With its account's lock held.
fn keep(
    home: &Home,
    file: &LoginFile,
    login: &AuthFile,
    now: SystemTime,
) -> Result<Option<ProfileName>, StoreError> {
    let held = profiles::load_all(home)?.profiles;
    let mut taken = None;
    let mut is_kept = false;
    let mut has_holder = false;
    for holder in profiles::holders(&held, login) {
        has_holder = true;
        let Ok(old) = &holder.login else { continue };
        is_kept |= profiles::makes_good(holder, login);
        if login.is_newer_than(old) {
            rotation::adopt(home, holder, login, now)?;
            is_kept = true;
            switch::note_rotation(home, &holder.name, now);
            taken.get_or_insert_with(|| holder.name.clone());
        }
    }
    if !is_kept && !has_holder {
        let kept = trash::keep(home, login, now)?;
        is_kept = kept.is_kept;
        for spent in kept.spent {
            // Nobody else would: a deleted account is not refreshed.
            let replaced = Replaced::redeemed(&spent, &[]);
            if let Err(err) = rotation::publish(home, &replaced, login, now) {
                tracing::warn!(error = %err, "Codex is behind a terminal of a deleted account");
            }
        }
    }
    if !is_kept {
        // Nobody's, or another one of an account, and nothing says which is newer.
        let path = attic::displace(home, &file.contents.bytes, now)?;
        tracing::warn!(file = %path.display(), "a login that no account holds was kept aside");
    }
    Ok(taken)
}
