//! `encrypt`: encryption at rest, on and off; and the passphrase, wherever logins are needed. Asks nothing where it is off.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::anyhow;
use clap::Subcommand;

use super::passphrase::{For, Passphrase};
use super::{CliError, prepare_closed, say, warn};
use crate::store::vault::{self, Changed, Status, VaultError};
use crate::store::{Environment, Home};

#[derive(Debug, Subcommand)]
pub(super) enum EncryptVerb {
    /// Encrypt all logins but the one that Codex itself uses
    ///
    /// The window and `serve` must be closed. Cut off, it goes on where it was.
    On {
        /// Where the passphrase stands, in its first line; otherwise it is asked for, twice
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Store all logins as plain files again
    Off {
        /// Where the passphrase stands, in its first line; otherwise it is asked for
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Say whether it is on, and how many files are encrypted
    Status,
    /// Move logins that no key opens any more out of the way, so that accounts can be added again
    ///
    /// Where router/vault.json and its copy are gone or damaged for good, or are another key's. Nothing is deleted.
    SetAside,
    /// Choose another passphrase
    Passphrase {
        /// Where the present passphrase stands, in its first line; otherwise it is asked for
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
        /// Where the new passphrase stands, in its first line; otherwise it is asked for, twice
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
    },
}

/// At a terminal; a file says the same every time.
const TRIES: u32 = 3;

pub(super) fn encrypt(environment: &Environment, verb: EncryptVerb) -> Result<(), CliError> {
    let (home, _) = prepare_closed(environment)?;
    match verb {
        EncryptVerb::On { passphrase_file } => on(environment, &home, passphrase_file.as_deref()),
        EncryptVerb::Off { passphrase_file } => off(environment, &home, passphrase_file.as_deref()),
        EncryptVerb::Status => {
            say(&in_words(vault::status(&home).map_err(failed)?)?);
            Ok(())
        }
        EncryptVerb::SetAside => {
            let moved = vault::set_aside(&home, SystemTime::now()).map_err(failed)?;
            let told = told(&moved, "moved to router/unopened");
            if !vault::status(&home).map_err(failed)?.is_on {
                say(
                    "Encryption is off now; `codex-router encrypt on` turns it on again, with a new key.",
                );
            }
            say("What these accounts were set to (proxy, tags, limits) went with them.");
            say(
                "Sign in again, or bring the accounts back from a backup: `codex-router restore FILE`.",
            );
            told
        }
        EncryptVerb::Passphrase {
            passphrase_file,
            new_passphrase_file,
        } => {
            let old = Passphrase::find(environment, passphrase_file.as_deref());
            change(&home, &old, new_passphrase_file)
        }
    }
}

/// Gives the passphrase where logins are encrypted: from the file that is named, or from a person.
///
/// # Errors
/// When nobody can be asked, or the passphrase is another one.
pub(super) fn unlock(environment: &Environment, home: &Home) -> Result<(), CliError> {
    unlock_by(&Passphrase::find(environment, None), home)
}

fn unlock_by(source: &Passphrase, home: &Home) -> Result<(), CliError> {
    if !vault::is_locked(home) {
        return Ok(());
    }
    let mut tries = if source.is_fixed() { 1 } else { TRIES };
    loop {
        tries -= 1;
        match vault::unlock(home, &source.read(For::Unlocking)?) {
            Ok(()) => return Ok(()),
            Err(err @ VaultError::WrongPassphrase) if tries > 0 => warn(&err.to_string()),
            Err(err) => return Err(failed(err)),
        }
    }
}

/// The same where nobody is to be asked: by the file that the environment names, if it names one. A wrong one is told.
pub(super) fn unlock_unasked(environment: &Environment, home: &Home) {
    let source = Passphrase::find(environment, None);
    if !source.is_fixed() || !vault::is_locked(home) {
        return;
    }
    let unlocked = source
        .read(For::Unlocking)
        .and_then(|passphrase| vault::unlock(home, &passphrase).map_err(failed));
    if let Err(err) = unlocked {
        warn(&format!("The logins stay locked: {err}"));
    }
}

fn on(environment: &Environment, home: &Home, file: Option<&Path>) -> Result<(), CliError> {
    let before = vault::status(home).map_err(failed)?;
    if before.is_on && before.plain == 0 && before.unseen == 0 {
        say(&in_words(before)?);
        return Ok(());
    }
    let source = Passphrase::find(environment, file);
    let passphrase = if before.is_on {
        say("Encryption is on, and some files are still plain; this goes on.");
        let passphrase = source.read(For::Unlocking)?;
        vault::unlock(home, &passphrase).map_err(failed)?;
        tidy_up(home)?;
        passphrase
    } else {
        say(
            "Whoever forgets the passphrase must sign in again everywhere: nobody can open the logins without it.",
        );
        say(
            "Plain stay: the auth.json that Codex itself uses, terminals of `codex-router run`, exports, and the memory of running programs.",
        );
        source.read(For::Closing)?
    };
    let changed = vault::turn_on(home, &passphrase).map_err(failed)?;
    told(&changed, "encrypted")?;
    say(
        "Keep router/vault.json: without it, or its copy profiles/.vault.json, the passphrase opens nothing.",
    );
    say("Copies from before may still be found on the disk and in its backups.");
    Ok(())
}

fn off(environment: &Environment, home: &Home, file: Option<&Path>) -> Result<(), CliError> {
    let before = vault::status(home).map_err(failed)?;
    if !before.is_on {
        say(&in_words(before)?);
        return Ok(());
    }
    unlock_by(&Passphrase::find(environment, file), home)?;
    tidy_up(home)?;
    let changed = vault::turn_off(home).map_err(failed)?;
    told(&changed, "decrypted")?;
    say("Logins are plain files again, which only you can open.");
    Ok(())
}

/// What a killed run left behind, and could not be told from a login before.
fn tidy_up(home: &Home) -> Result<(), CliError> {
    let tidied = crate::store::prepare(home, SystemTime::now());
    Ok(tidied.map_err(anyhow::Error::from)?)
}

fn change(home: &Home, old: &Passphrase, new: Option<PathBuf>) -> Result<(), CliError> {
    if !vault::status(home).map_err(failed)?.is_on {
        return Err(failed(VaultError::Off));
    }
    let old = old.read(For::Unlocking)?;
    // The variable names the one that is to go.
    let new = new.map_or(Passphrase::Asked, Passphrase::In);
    let new = new.read(For::ClosingAnew)?;
    vault::change_passphrase(home, &old, &new).map_err(failed)?;
    say("From now on the new passphrase opens the logins.");
    Ok(())
}

fn told(changed: &Changed, how: &str) -> Result<(), CliError> {
    say(&format!("{} {how}.", files(changed.count)));
    match changed.failed.is_empty() {
        true => Ok(()),
        false => Err(anyhow!(
            "{} could not be {how}, and are as they were: {}",
            files(changed.failed.len()),
            changed.failed.join("; ")
        )
        .into()),
    }
}

/// How it stands, or what is to be done.
pub(super) fn in_words(status: Status) -> Result<String, anyhow::Error> {
    let Status {
        is_on,
        is_key_gone,
        sealed,
        foreign,
        plain,
        unseen,
    } = status;
    if is_key_gone {
        return Err(VaultError::KeyGone.into());
    }
    if foreign > 0 {
        return Err(anyhow!(
            "on: {} encrypted, {foreign} of them by another key than the one that is here; `codex-router encrypt set-aside` moves those out of the way",
            files(sealed)
        ));
    }
    if unseen > 0 {
        let mode = if is_on { "on" } else { "off" };
        return Err(anyhow!(
            "{mode}: {} encrypted and {} plain, but {} or folders below profiles/ and router/ cannot be read; make them yours and readable again",
            files(sealed),
            files(plain),
            files(unseen)
        ));
    }
    Ok(match (is_on, plain) {
        (false, _) => format!("off: {} plain, which only you can open", files(plain)),
        (true, 0) => format!("on: {} encrypted", files(sealed)),
        (true, _) => {
            return Err(anyhow!(
                "on, but {} plain and {} encrypted: `codex-router encrypt on` goes on",
                files(plain),
                files(sealed)
            ));
        }
    })
}

fn files(count: usize) -> String {
    match count {
        1 => "1 file".into(),
        n => format!("{n} files"),
    }
}

fn failed(err: VaultError) -> CliError {
    anyhow::Error::from(err).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_it_stands_is_told_with_what_to_do() {
        let status = |is_on, is_key_gone, sealed, plain| Status {
            is_on,
            is_key_gone,
            sealed,
            foreign: 0,
            plain,
            unseen: 0,
        };
        let fine = |status| in_words(status).unwrap();
        assert_eq!(
            fine(status(false, false, 0, 1)),
            "off: 1 file plain, which only you can open"
        );
        assert_eq!(fine(status(true, false, 7, 0)), "on: 7 files encrypted");
        let half = in_words(status(true, false, 7, 2)).unwrap_err().to_string();
        assert!(half.contains("`codex-router encrypt on`"), "{half}");
        let gone = in_words(status(false, true, 7, 0)).unwrap_err().to_string();
        assert!(gone.contains("vault.json"), "{gone}");
        let unseen = Status {
            unseen: 1,
            ..status(true, false, 7, 0)
        };
        let unseen = in_words(unseen).unwrap_err().to_string();
        assert!(unseen.contains("cannot be read"), "{unseen}");
    }
}
