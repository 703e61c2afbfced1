//! Where a passphrase comes from: a file that was named, or a person at a terminal. Never the command line, which others can see
//! and shells remember.

use std::fs::File;
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use zeroize::Zeroizing;

use super::CliError;
use crate::profile::Secret;
use crate::store::{Environment, backup};

/// The variable that names a file with the passphrase in its first line.
const VARIABLE: &str = "CODEX_ROUTER_PASSPHRASE_FILE";
const MAX_BYTES: u64 = 4 * 1024;

/// What it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    Opening,
    /// Asked for twice: a slip would close the backup for ever.
    Closing,
    /// The logins of this home, which are encrypted.
    Unlocking,
    /// As [`Self::Closing`], where an older one has just been asked for.
    ClosingAnew,
}

#[derive(Debug)]
pub(super) enum Passphrase {
    /// A file, or an open descriptor by its name (`/dev/fd/3`).
    In(PathBuf),
    Asked,
}

impl For {
    fn is_closing(self) -> bool {
        match self {
            Self::Closing | Self::ClosingAnew => true,
            Self::Opening | Self::Unlocking => false,
        }
    }

    fn prompt(self) -> &'static str {
        match self {
            Self::Opening | Self::Closing => "Passphrase (not shown): ",
            Self::Unlocking => "Passphrase of the encrypted logins (not shown): ",
            Self::ClosingAnew => "New passphrase (not shown): ",
        }
    }
}

impl Passphrase {
    pub fn find(environment: &Environment, named: Option<&Path>) -> Self {
        let variable = environment.get(VARIABLE).filter(|path| !path.is_empty());
        match named.or(variable.map(Path::new)) {
            Some(path) => Self::In(path.to_owned()),
            None => Self::Asked,
        }
    }

    /// Whether reading it again brings the same.
    pub fn is_fixed(&self) -> bool {
        matches!(self, Self::In(_))
    }

    pub fn read(&self, what_for: For) -> Result<Secret, CliError> {
        let passphrase = match self {
            Self::In(path) => first_line(path)?,
            Self::Asked => asked(what_for)?,
        };
        if what_for.is_closing() {
            backup::check_passphrase(&passphrase)
                .map_err(|err| CliError::Usage(err.to_string()))?;
        }
        Ok(passphrase)
    }
}

fn first_line(path: &Path) -> Result<Secret, CliError> {
    let failed =
        |err: std::io::Error| anyhow!("the passphrase file {path:?} cannot be read: {err}");
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_BYTES as usize + 1));
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_BYTES)
        .read_to_end(&mut text)
        .map_err(failed)?;
    let text = std::str::from_utf8(&text)
        .map_err(|_binary| anyhow!("the passphrase file {path:?} is not UTF-8 text"))?;
    match text.lines().next().unwrap_or_default() {
        "" => Err(anyhow!("the first line of the passphrase file {path:?} is empty").into()),
        line => Ok(Secret::new(line)),
    }
}

fn asked(what_for: For) -> Result<Secret, CliError> {
    if !std::io::stdin().is_terminal() {
        if what_for == For::Unlocking {
            return Err(anyhow!(
                "the logins are encrypted and nobody can be asked for the passphrase; put it into a file and name that in {VARIABLE}"
            )
            .into());
        }
        return Err(CliError::Usage(format!(
            "nobody can be asked for the passphrase; put it into a file and name that with --passphrase-file or {VARIABLE}"
        )));
    }
    let ask = |prompt: &str| {
        let line = rpassword::prompt_password(prompt).map_err(anyhow::Error::from)?;
        Ok::<_, CliError>(Secret::new(line))
    };
    let passphrase = ask(what_for.prompt())?;
    if what_for.is_closing() && ask("The same again: ")? != passphrase {
        return Err(anyhow!("the two are not the same; nothing was written").into());
    }
    Ok(passphrase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_the_file_is_the_passphrase() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p");
        let read = |text: &[u8], what_for| {
            std::fs::write(&path, text).unwrap();
            Passphrase::In(path.clone()).read(what_for)
        };
        let good = read(b" two words \r\nmore", For::Closing).unwrap();
        assert_eq!(good.expose(), " two words ");
        assert!(matches!(
            read(b"short", For::Closing),
            Err(CliError::Usage(_))
        ));
        read(b"short", For::Opening).unwrap();
        for text in [&b""[..], b"\nx", b"\xff\n"] {
            assert!(matches!(read(text, For::Opening), Err(CliError::Failed(_))));
        }
    }

    #[test]
    fn the_command_line_beats_the_environment() {
        let environment = Environment::of([(VARIABLE, "/from/environment")], None);
        let place = |named: Option<&str>| match Passphrase::find(&environment, named.map(Path::new))
        {
            Passphrase::In(path) => path,
            Passphrase::Asked => PathBuf::new(),
        };
        assert_eq!(place(None), Path::new("/from/environment"));
        assert_eq!(place(Some("/named")), Path::new("/named"));
        let empty = Environment::of([(VARIABLE, "")], None);
        assert!(matches!(Passphrase::find(&empty, None), Passphrase::Asked));
    }
}
