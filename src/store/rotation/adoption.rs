//! A login that somebody else has got, taken into its profile, and what then is behind.
//!
//! The login that it replaces is spent as a rule, and lies in other places as well: in twins of the profile, in the live file, in
//! the homes of terminals. Each of them would be signed out by it.

use std::time::SystemTime;

use super::{Replaced, find_newer, find_successor, publish, save_in_twins};
use crate::profile::{AuthFile, Fingerprint, Intent, Profile, ProfileName};
use crate::store::error::StoreError;
use crate::store::home::Home;
use crate::store::profiles;

/// Gives a newer login of its account to the profile, and to everybody who holds the one that it replaces. What an earlier
/// refresh did not reach gets it, too. To be called with the account's lock held.
///
/// The intent is noted first: cut off in between, or where a file cannot be written, the next refresh knows what is behind.
///
/// # Errors
/// When the profile itself cannot be written.
pub fn adopt(
    home: &Home,
    profile: &Profile,
    newer: &AuthFile,
    now: SystemTime,
) -> Result<(), StoreError> {
    let name = &profile.name;
    let replaced = match &profile.login {
        Ok(held) if newer.is_newer_than(held) => held.refresh_fingerprint(),
        Ok(_) | Err(_) => None,
    };
    let unfinished = profile.side.intent().map(|intent| intent.token);
    let mut behind: Vec<_> = replaced.into_iter().chain(unfinished).collect();
    behind.dedup();
    note(home, name, behind.first(), now);
    profiles::write_login(home, name, newer, now)?;
    // Nobody has said that they are spent.
    let kept = Replaced::BackedUp(now);
    behind.retain(|token| !give_to_others(home, name, token, newer, kept, now));
    note(home, name, behind.first(), now);
    Ok(())
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

/// Brings what a refresh did not reach any more up to date: the other profiles that hold the redeemed token, the live file, and
/// the homes of terminals. Whether that is all of them.
pub fn catch_up(
    home: &Home,
    name: &ProfileName,
    redeemed: &Fingerprint,
    new: &AuthFile,
    now: SystemTime,
) -> bool {
    give_to_others(home, name, redeemed, new, Replaced::Spent, now)
}

fn give_to_others(
    home: &Home,
    name: &ProfileName,
    replaced: &Fingerprint,
    new: &AuthFile,
    how: Replaced,
    now: SystemTime,
) -> bool {
    let twins = save_in_twins(home, replaced, new, how);
    match publish(home, replaced, new, now) {
        Ok(_was_live) => twins.are_complete,
        Err(err) => {
            tracing::warn!(profile = %name, error = %err, "Codex or a terminal is behind the profile");
            false
        }
    }
}

fn note(home: &Home, name: &ProfileName, behind: Option<&Fingerprint>, now: SystemTime) {
    let noted = profiles::edit_side(home, name, |side| {
        let noted = side.intent();
        // The moment of an intent that stands there already is its own.
        if noted.as_ref().map(|intent| &intent.token) != behind {
            let intent = behind.map(|token| Intent {
                token: token.clone(),
                at: now,
            });
            side.set_intent(intent.as_ref());
        }
    });
    if let Err(err) = noted {
        tracing::warn!(profile = %name, error = %err, "it was not noted who still holds a spent token");
    }
}
