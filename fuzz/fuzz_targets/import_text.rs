//! Any bytes as a text with logins: read or refused, and every login that is found is one that we read again as we write it.
#![no_main]

use std::time::SystemTime;

use codex_router::import_text;
use codex_router::profile::AuthFile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(found) = import_text::read(data, SystemTime::UNIX_EPOCH) else {
        return;
    };
    for login in found.into_iter().filter_map(|one| one.login.ok()) {
        let again = AuthFile::parse(&login.to_bytes()).expect("we read what we write");
        assert!(again.same_login(&login));
    }
});
