//! A login that somebody else has got, taken into its profile, and what then is behind.
//!
//! The login that it replaces is spent as a rule, and lies in other places as well: in twins of the profile, in the live file, in
//! the homes of terminals. Each of them would be signed out by it.

use std::time::SystemTime;

use super::{Replaced, find_newer, find_successor, publish, save_in_twins};
use crate::profile::{AuthFile, Health, Intent, Profile, ProfileName, SideFile};
use crate::store::error::StoreError;
use crate::store::home::Home;
use crate::store::profiles;

/// Gives a newer login of its account to the profile, and to everybody who holds the one that it replaces. What an earlier
/// refresh did not reach gets it, too. To be called with the account's lock held.
///
/// The intent is noted first: cut off in between, or where a file cannot be written, the next refresh knows what is behind.
///
/// Whether a live place held what it replaces, and has it now.
///
/// # Errors
/// When the profile itself cannot be written.
pub fn adopt(
    home: &Home,
    profile: &Profile,
    newer: &AuthFile,
    now: SystemTime,
) -> Result<bool, StoreError> {
    let name = &profile.name;
    let replaced = match &profile.login {
        Ok(held) if newer.is_newer_than(held) => held.refresh_fingerprint(),
        Ok(_) | Err(_) => None,
    };
    if let Some(token) = &replaced {
        let intent = Intent {
            token: token.clone(),
            at: now,
        };
        note(home, name, |side| {
            // The moment of an intent that stands there already is its own.
            if side.intent().is_none_or(|noted| noted.token != *token) {
                side.supersede_intent(Some(&intent), None);
            }
        });
    }
    profiles::write_login(home, name, newer, now)?;
    let replaced = Replaced::found(replaced, profile.side.replaced());
    let given = give_to_others(home, name, &replaced, newer, now);
    if given.is_complete {
        let held = newer.refresh_fingerprint();
        note(home, name, |side| {
            side.supersede_intent(None, held.as_ref());
        });
    }
    Ok(given.is_live)
}

/// Gives a profile the newest login of its account that lies in a live place or in another profile, as [`adopt`] does it; says
/// which, if that is not its own. To be called with the account's lock held.
///
/// # Errors
/// When the places cannot be looked at, or the profile cannot be written.
pub(in crate::store) fn bring_up_to_date(
    home: &Home,
    profile: &Profile,
    now: SystemTime,
) -> Result<Option<AuthFile>, StoreError> {
    let newer = find_successor(home, profile)?.or_else(|| find_newer(home, profile));
    if let Some(newer) = &newer {
        adopt(home, profile, newer, now)?;
    }
    Ok(newer)
}

/// Brings what earlier refreshes did not reach any more up to date with the login of a profile: the other profiles that hold a token
/// before it, the live file, and the homes of terminals. Whether that is all of them.
pub fn catch_up(home: &Home, profile: &Profile, now: SystemTime) -> bool {
    let behind = profile.side.replaced();
    match &profile.login {
        Ok(_) if profile.health() == Health::SignInAgain => true,
        Ok(held) if !behind.is_empty() => {
            let replaced = Replaced::found(None, behind);
            give_to_others(home, &profile.name, &replaced, held, now).is_complete
        }
        Ok(_) | Err(_) => true,
    }
}

/// Who has it now.
struct Given {
    is_complete: bool,
    /// A live place was among them.
    is_live: bool,
}

fn give_to_others(
    home: &Home,
    name: &ProfileName,
    replaced: &Replaced,
    new: &AuthFile,
    now: SystemTime,
) -> Given {
    let twins = save_in_twins(home, replaced, new, now);
    match publish(home, replaced, new, now) {
        Ok(is_live) => Given {
            is_complete: twins.are_complete,
            is_live,
        },
        Err(err) => {
            tracing::warn!(profile = %name, error = %err, "Codex or a terminal is behind the profile");
            Given {
                is_complete: false,
                is_live: false,
            }
        }
    }
}

fn note(home: &Home, name: &ProfileName, edit: impl FnOnce(&mut SideFile)) {
    if let Err(err) = profiles::edit_side(home, name, edit) {
        tracing::warn!(profile = %name, error = %err, "it was not noted who still holds a spent token");
    }
}
