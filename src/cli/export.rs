//! `export` and `backup`: accounts on their way out. Work on the files, whether or not the program runs.

use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::anyhow;
use clap::Args;

use super::passphrase::{For, Passphrase};
use super::{CliError, parse, prepare, say, warn};
use crate::profile::ProfileName;
use crate::store::backup::Written;
use crate::store::{Environment, Home, backup, export, profiles};

/// What stands on the command line of `export`.
#[derive(Debug, Args)]
pub(super) struct ExportWish {
    #[command(flatten)]
    whom: Whom,
    /// The folder: each account becomes FOLDER/NAME/auth.json, with its router.json
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Whom {
    /// The accounts
    names: Vec<String>,
    /// All of them
    #[arg(long)]
    all: bool,
}

/// What stands on the command line of `backup`.
#[derive(Debug, Args)]
pub(super) struct BackupWish {
    /// The file to make
    file: PathBuf,
    /// The accounts; without any, all of them
    names: Vec<String>,
    /// Replace the file if it is there
    #[arg(long)]
    replace: bool,
    /// Where the passphrase stands, in its first line; otherwise it is asked for, twice
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

pub(super) fn export(environment: &Environment, wish: &ExportWish) -> Result<(), CliError> {
    let (home, _) = prepare(environment)?;
    let names = accounts(&home, &wish.whom.names)?;
    let written = export::to_folder(&home, &names, &wish.to, SystemTime::now())
        .map_err(|err| anyhow!("nothing was exported: {err}"))?;
    let to = wish.to.display();
    say(&format!("Exported {} to {to}", count(written.count)));
    warn("Not encrypted: whoever can read that folder can use these accounts.");
    told(&written, names.len())
}

pub(super) fn back_up(environment: &Environment, wish: &BackupWish) -> Result<(), CliError> {
    let (home, _) = prepare(environment)?;
    let names = accounts(&home, &wish.names)?;
    if !wish.replace && wish.file.symlink_metadata().is_ok() {
        let file = &wish.file;
        return Err(
            anyhow!("{file:?} is there already; say --replace, or choose another name").into(),
        );
    }
    let passphrase =
        Passphrase::find(environment, wish.passphrase_file.as_deref()).read(For::Closing)?;
    let now = SystemTime::now();
    let written = backup::write(&home, &names, &wish.file, &passphrase, wish.replace, now)
        .map_err(|err| anyhow!("no backup was made: {err}"))?;
    let file = wish.file.display();
    say(&format!("Backed up {} to {file}", count(written.count)));
    say("It opens with its passphrase only; nobody can help without it.");
    told(&written, names.len())
}

/// The accounts that were named, or all.
fn accounts(home: &Home, names: &[String]) -> Result<Vec<ProfileName>, CliError> {
    if !names.is_empty() {
        return names.iter().map(|name| parse(name)).collect();
    }
    let loaded = profiles::load_all(home).map_err(anyhow::Error::from)?;
    let all: Vec<_> = loaded
        .profiles
        .into_iter()
        .map(|profile| profile.name)
        .collect();
    match all.is_empty() {
        true => Err(anyhow!("there is no account yet").into()),
        false => Ok(all),
    }
}

fn told(written: &Written, asked: usize) -> Result<(), CliError> {
    match written.left_out_in_words(asked) {
        None => Ok(()),
        Some(reason) => Err(anyhow!("{reason}").into()),
    }
}

fn count(accounts: usize) -> String {
    match accounts {
        1 => "1 account".into(),
        n => format!("{n} accounts"),
    }
}
