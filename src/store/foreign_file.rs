//! Settings files of other programs: read as text and replaced whole, by the same writer as a login.
//!
//! A link stays a link (what it leads to is replaced), the mode stays what it was, and nothing is written where somebody else
//! was faster.

use std::fs::DirBuilder;
use std::path::{Path, PathBuf};

use super::error::StoreError;
use super::folder::{self, Folder};
use super::safe_file::{self, Prepared};

/// Whether the new text holds a key, which nobody but the user may read then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    AsItWas,
    OwnerOnly,
}

/// The text; `None` when there is no such file.
///
/// # Errors
/// When it is no ordinary file, larger than 1 MiB, or no text.
pub fn read(path: &Path) -> Result<Option<String>, StoreError> {
    safe_file::read_text(path)
}

/// Replaces the text `before` (nothing: there was no file) by `after` (nothing: the file goes). A new file is its owner's alone.
///
/// # Errors
/// When something else stands there by now, when the file is protected, not ours or has a second name, or when any step fails:
/// then nothing has changed.
pub fn replace(
    path: &Path,
    before: Option<&str>,
    after: Option<&str>,
    reach: Reach,
) -> Result<(), StoreError> {
    let target = real(path)?;
    let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
        return Err(StoreError::NotAFile { path: target });
    };
    if after.is_some() && !parent.exists() {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(parent)
            .map_err(StoreError::io("create", parent))?;
    }
    let folder = Folder::open(parent, parent)?;
    let present = folder.open_file(name)?;
    if let Some(file) = &present {
        let facts = folder::facts_of(file).map_err(StoreError::io("look at", &target))?;
        if !facts.is_ours {
            return Err(StoreError::Foreign { path: target });
        }
        if facts.is_write_protected {
            return Err(StoreError::WriteProtected { path: target });
        }
        if facts.links > 1 {
            return Err(StoreError::HardLinked { path: target });
        }
    }
    let is_as_it_was = || Ok::<_, StoreError>(read(&target)?.as_deref() == before);
    if !is_as_it_was()? {
        return Err(StoreError::ChangedMeanwhile { path: target });
    }
    let Some(after) = after else {
        folder.remove_file(name)?;
        return folder.sync();
    };
    let mut prepared = Prepared::new(&folder, name)?;
    prepared.fill(after.as_bytes())?;
    if let Some(file) = &present {
        prepared.take_mode_of(file, reach == Reach::OwnerOnly)?;
    }
    if !is_as_it_was()? {
        return Err(StoreError::ChangedMeanwhile { path: target });
    }
    prepared.publish()
}

/// Where the file really lies.
fn real(path: &Path) -> Result<PathBuf, StoreError> {
    if path.is_symlink() {
        path.canonicalize()
            .map_err(StoreError::io("follow the link", path))
    } else {
        Ok(path.to_owned())
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::store::testing::mode_of;

    #[test]
    fn a_link_stays_a_link_and_the_mode_stays_what_it_was() {
        let temp = tempfile::tempdir().unwrap();
        let (file, link) = (temp.path().join("dotfiles.json"), temp.path().join("link"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        symlink("dotfiles.json", &link).unwrap();
        replace(&link, Some("old"), Some("new"), Reach::AsItWas).unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(mode_of(&file), 0o644);
        replace(&link, Some("new"), Some("with a key"), Reach::OwnerOnly).unwrap();
        assert_eq!(mode_of(&file), 0o600);
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 2, "no leftover");
    }

    #[test]
    fn a_file_that_is_not_there_is_made_for_its_owner_and_taken_away_again() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("deep/er/settings.json");
        replace(&file, None, Some("new"), Reach::AsItWas).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(mode_of(&file), 0o600);
        assert_eq!(mode_of(file.parent().unwrap()), 0o700);
        replace(&file, Some("new"), None, Reach::AsItWas).unwrap();
        assert!(!file.exists());
    }

    #[test]
    fn nothing_is_written_over_what_somebody_else_wrote_or_protected() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("settings.json");
        fs::write(&file, "theirs").unwrap();
        for before in [None, Some("what we read")] {
            let refused = replace(&file, before, Some("new"), Reach::AsItWas).unwrap_err();
            assert!(matches!(refused, StoreError::ChangedMeanwhile { .. }));
        }
        fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
        let refused = replace(&file, Some("theirs"), Some("new"), Reach::AsItWas).unwrap_err();
        assert!(matches!(refused, StoreError::WriteProtected { .. }));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        fs::hard_link(&file, temp.path().join("second")).unwrap();
        let refused = replace(&file, Some("theirs"), Some("new"), Reach::AsItWas).unwrap_err();
        assert!(matches!(refused, StoreError::HardLinked { .. }));
        symlink("nowhere", temp.path().join("dangling")).unwrap();
        let dangling = temp.path().join("dangling");
        replace(&dangling, None, Some("new"), Reach::AsItWas).unwrap_err();
        assert_eq!(fs::read_to_string(&file).unwrap(), "theirs");
    }
}
