//! Requests on their way out, into a file that its owner alone can read.

use std::io::{self, Write};
use std::path::Path;

use crate::desk::activity::{ActivityQuery, Names, RequestsForm};
use crate::desk::record::{CSV_HEAD, RequestRecord, csv_row, json_of};
use crate::ledger::{LedgerError, Reader};
use crate::store::{Home, StoreError, safe_file};

/// So many are in memory at once.
const AT_ONCE: usize = 500;

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the file cannot be written: {0}")]
    Write(#[from] io::Error),
}

/// Writes all that the query takes, the newest first, in the place of a file that is there. Says how many. While e-mails are
/// hidden accounts go by their aliases. What is kept of a body stays here. Blocks.
///
/// # Errors
/// When the ledger cannot be read or the file cannot be written; then no file is there that was not there before.
pub fn export(
    home: &Home,
    query: &ActivityQuery,
    names: &Names,
    form: RequestsForm,
    file: &Path,
) -> Result<usize, ExportError> {
    let ledger = Reader::open(&home.ledger())?;
    let (accounts, keys) = super::spenders(&ledger, query)?;
    let mut filter = super::filter(query, names, accounts, &keys);
    safe_file::replace_by(file, |out| {
        let mut count = 0;
        if form == RequestsForm::Csv {
            write!(out, "{CSV_HEAD}\r\n")?;
        }
        loop {
            let found = ledger.requests(&filter, AT_ONCE)?;
            let Some((oldest, _)) = found.last() else {
                return Ok(count);
            };
            filter.up_to = Some(oldest - 1);
            count += found.len();
            for (_, record) in found {
                write_one(out, record, names, form)?;
            }
        }
    })
}

fn write_one(
    out: &mut dyn Write,
    mut record: RequestRecord,
    names: &Names,
    form: RequestsForm,
) -> io::Result<()> {
    record.preview = None;
    names.hide(&mut record);
    let label = record.key.as_ref().and_then(|id| names.keys.get(id));
    let label = label.map(String::as_str);
    match form {
        RequestsForm::Csv => write!(out, "{}\r\n", csv_row(&record, label)),
        RequestsForm::JsonLines => writeln!(out, "{}", json_of(&record, label)),
    }
}
