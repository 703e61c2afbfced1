//! Taking accounts out: into folders, or into one encrypted file.

use std::path::Path;
use std::time::SystemTime;

use crate::desk::ExportTo;
use crate::profile::ProfileName;
use crate::store::backup;
use crate::store::export;
use crate::store::home::Home;

/// Writes them; says how many, and where they are. Blocks.
///
/// # Errors
/// A sentence, also when only some of them could be written.
pub fn export(
    home: &Home,
    user_home: Option<&Path>,
    names: &[ProfileName],
    to: &ExportTo,
) -> Result<(usize, String), String> {
    let now = SystemTime::now();
    let (written, place) = match to {
        ExportTo::Folder(folder) => {
            let written = export::to_folder(home, names, folder, now);
            (written.map_err(|err| err.to_string())?, folder)
        }
        ExportTo::Backup {
            file,
            passphrase,
            may_replace,
        } => {
            let written = backup::write(home, names, file, passphrase, *may_replace, now);
            (written.map_err(|err| err.to_string())?, file)
        }
    };
    match written.left_out_in_words(names.len()) {
        None => Ok((written.count, super::shortened(place, user_home))),
        Some(reason) => Err(reason),
    }
}
