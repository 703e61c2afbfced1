//! A profile that is called something else, in everything that was recorded of it. Who was left out of a request and why stays in
//! the words of its time.

use std::path::Path;

use rusqlite::{Connection, params};

use super::{LedgerError, file};
use crate::profile::ProfileName;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rename {
    pub from: ProfileName,
    pub to: ProfileName,
}

/// Does it while no writer runs. A ledger that is not there has nothing to rename.
///
/// # Errors
/// When the file cannot be opened or written.
pub fn rename_now(path: &Path, renames: &[Rename]) -> Result<(), LedgerError> {
    if renames.is_empty() || !path.exists() {
        return Ok(());
    }
    let mut db = file::open(path, file::STEPS)?;
    for rename in renames {
        write(&mut db, rename)?;
    }
    Ok(())
}

/// All of it or nothing.
pub(super) fn write(db: &mut Connection, rename: &Rename) -> Result<(), LedgerError> {
    let names = params![rename.from.as_str(), rename.to.as_str()];
    let change = db.transaction()?;
    for table in ["requests", "attempts", "usage", "bindings"] {
        let all = format!("UPDATE {table} SET profile = ?2 WHERE profile = ?1");
        change.execute(&all, names)?;
    }
    // An account that is gone may have spent something under the new name.
    change.execute(
        "INSERT INTO spend (day, kind, who, requests, input, cached, output, cost, unpriced)
         SELECT day, kind, ?2, requests, input, cached, output, cost, unpriced
         FROM spend WHERE kind = 'profile' AND who = ?1
         ON CONFLICT (day, kind, who) DO UPDATE SET
            requests = requests + excluded.requests, input = input + excluded.input,
            cached = cached + excluded.cached, output = output + excluded.output,
            cost = cost + excluded.cost, unpriced = unpriced + excluded.unpriced",
        names,
    )?;
    change.execute(
        "DELETE FROM spend WHERE kind = 'profile' AND who = ?1",
        params![rename.from.as_str()],
    )?;
    Ok(change.commit()?)
}
