//! While logins are encrypted and nobody has given the passphrase: what may be asked for, and how it ends.
//!
//! Nothing is known of any account then, and nothing may be concluded from that: the files are there and cannot be read.

use std::time::SystemTime;

use super::{AppState, Effect};
use crate::client_key::KeyRing;
use crate::desk::{Command, Outcome};
use crate::profile::Secret;
use crate::store::StoreError;

impl AppState {
    /// A reading that found everything locked. Who may come in is known all the same.
    pub(super) fn note_locked(&mut self, number: u64, keys: KeyRing) {
        if number < self.oldest_reading {
            return;
        }
        self.oldest_reading = number;
        self.lock.get_or_insert_default();
        self.take_keys(keys);
        self.is_loaded = true;
    }

    pub(super) fn unlock(&mut self, passphrase: Secret) -> Vec<Effect> {
        match &mut self.lock {
            Some(lock) if !lock.is_opening => {
                lock.is_opening = true;
                lock.refusal = None;
                vec![Effect::Unlock(passphrase)]
            }
            Some(_) | None => Vec::new(),
        }
    }

    /// Once it is open, the next reading shows what is there; until then nobody is told that there is no account.
    pub(super) fn note_unlocked(&mut self, result: Result<(), String>) -> Vec<Effect> {
        match (result, &mut self.lock) {
            (Ok(()), _) => vec![self.read_disk()],
            (Err(reason), Some(lock)) => {
                lock.is_opening = false;
                lock.refusal = Some(reason);
                // Perhaps there is nothing to unlock any more.
                vec![self.read_disk()]
            }
            (Err(_late), None) => Vec::new(),
        }
    }

    /// Refuses what would need a login that cannot be read, or write one; says whether it did.
    pub(super) fn refuses_locked(&mut self, command: &Command, now: SystemTime) -> bool {
        if self.lock.is_none() || works_locked(command) {
            return false;
        }
        let reason = StoreError::Locked.to_string();
        self.happen(Outcome::EditFailed { reason }, now);
        true
    }
}

fn works_locked(command: &Command) -> bool {
    match command {
        Command::Unlock(_)
        | Command::Set(_)
        | Command::ChangeKeys(_)
        | Command::RefreshAll
        | Command::FindCodex
        | Command::ShowHistory(_)
        | Command::ShowActivity { .. }
        | Command::ExportRequests { .. }
        | Command::TurnRouterOn
        | Command::TurnRouterOff
        | Command::ServeOnPort(_)
        | Command::RaiseWindow
        | Command::CancelSignIn
        | Command::CancelImport
        | Command::HideEmails(_)
        | Command::LookAtTools
        | Command::Connect(_)
        | Command::Disconnect(_)
        | Command::UseFileStore
        | Command::Quit => true,
        Command::Use(_)
        | Command::RouteTo(_)
        | Command::Save(_)
        | Command::RefreshUsage(_)
        | Command::RefreshToken(_)
        | Command::TryNow(_)
        | Command::SignIn(_)
        | Command::PasteCallback(_)
        | Command::ConfirmSignIn { .. }
        | Command::CheckLogin(_)
        | Command::AddLogin { .. }
        | Command::LookForImport(_)
        | Command::Import(_)
        | Command::Export { .. }
        | Command::Rename { .. }
        | Command::Edit { .. }
        | Command::Order(_)
        | Command::Delete(_)
        | Command::Undelete(_)
        | Command::Purge(_)
        | Command::OpenTerminal(_) => false,
    }
}
