//! The Python that the real client libraries run in.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{Rig, skip};

/// The one that `make test` made, or any that has the package; else the test is skipped.
pub fn python_with(package: &str) -> Option<PathBuf> {
    let named = env::var_os("CODEX_ROUTER_TEST_PYTHON").map(PathBuf::from);
    let python = named.unwrap_or_else(|| PathBuf::from("python3"));
    let has_package = Command::new(&python)
        .args(["-c", &format!("import {package}")])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !has_package {
        skip(&format!(
            "there is no Python with the {package} package (`make test` installs it)"
        ));
    }
    has_package.then_some(python)
}

/// Runs Python to its end in the rig's own user, and gives what it printed.
pub fn run_python(python: &Path, rig: &Rig, arguments: &[&str]) -> String {
    let output = Command::new(python)
        .args(arguments)
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("HOME", rig.scratch().join("user"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stdout}\n{stderr}");
    stdout
}
