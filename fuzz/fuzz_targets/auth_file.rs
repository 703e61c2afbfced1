//! Any bytes as an `auth.json`: read or refused, and what is written back is the same login.
#![no_main]

use codex_router::profile::AuthFile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(file) = AuthFile::parse(data) else {
        return;
    };
    let again = AuthFile::parse(&file.to_bytes()).expect("we read what we write");
    assert!(again.same_login(&file));
});
