//! What the truth is made of, as it stands on disk.

use std::time::SystemTime;

use tracing::warn;

use super::event::{Event, Reading};
use crate::connect;
use crate::profile::{ProfileName, Secret};
use crate::store::state::{State, current_profile};
use crate::store::{
    self, StoreError, home::Home, keys_file, live, overlay, profiles, switch, trash, vault,
};

/// Reads everything that the truth is made of.
pub fn read_disk(home: &Home, number: u64) -> Event {
    if vault::is_locked(home) {
        let keys = keys_file::read(home);
        return Event::DiskLocked { number, keys };
    }
    let state = State::read(home);
    match profiles::load_all(home) {
        Ok(loaded) => Event::DiskRead(Box::new(Reading {
            is_overlay_ahead: overlay::is_ahead(home, &loaded.profiles),
            number,
            profiles: loaded.profiles,
            skipped: loaded.skipped,
            trash: trash::list(home),
            live: live::read_live(home),
            credential_store: live::credential_store(home),
            current: current_profile(home),
            routed_to: state.routed_to(),
            codex_address: connect::codex_address(home),
            codex_connected_at: connect::codex_connected_at(home),
            keys: keys_file::read(home),
        })),
        Err(err) => Event::DiskUnreadable(err.to_string()),
    }
}

/// Opens encrypted logins, and does what the start could not do without them.
pub fn unlock(home: &Home, passphrase: &Secret, now: SystemTime) -> Result<(), vault::VaultError> {
    vault::unlock(home, passphrase)?;
    let tidied = store::prepare(home, now).and_then(|()| overlay::sweep(home, now));
    if let Err(err) = tidied {
        warn!(error = %err, "what an earlier run left behind stays for now");
    }
    Ok(())
}

/// What was rotated in the live file or in the terminal of an account.
pub fn take_home(home: &Home, now: SystemTime) -> Result<Option<ProfileName>, StoreError> {
    let live = switch::take_home(home, now)?;
    let overlays = overlay::take_home(home, now)?;
    Ok(live.or(overlays.into_iter().next()))
}
