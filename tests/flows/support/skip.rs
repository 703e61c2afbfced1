//! What this machine cannot run is named, and is a failure where everything must run.

use std::{
    env,
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
    thread,
};

/// The test that calls this returns at once: this machine cannot run it.
///
/// # Panics
/// With `CODEX_ROUTER_TEST_ALL` set: there, nothing may be skipped.
pub fn skip(reason: &str) {
    let thread = thread::current();
    let name = thread.name().unwrap_or("a flow");
    assert!(
        env::var_os("CODEX_ROUTER_TEST_ALL").is_none(),
        "{name} may not be skipped here: {reason}"
    );
    // Not `eprintln!`: the test harness would swallow it.
    let line = format!("skipped: {name}: {reason}\n");
    io::stderr().write_all(line.as_bytes()).unwrap();
}

/// Whether a program of this name lies in `PATH`.
pub fn has_tool(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|directory| directory.join(name).is_file())
}

/// The program under test: the one that cargo built beside this test, or another build of it that `make bench` and
/// `make screenshot` name.
pub fn binary() -> PathBuf {
    env::var_os("CODEX_ROUTER_TEST_BINARY")
        .unwrap_or_else(|| OsString::from(env!("CARGO_BIN_EXE_codex-router")))
        .into()
}
