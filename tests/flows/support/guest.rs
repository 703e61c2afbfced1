//! Other people's programs against the router: where they are, and the surroundings they run in.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{Rig, skip};

/// The Python that `make test` made, or any that has the package; else the test is skipped.
pub fn python_with(package: &str) -> Option<PathBuf> {
    let named = env::var_os("CODEX_ROUTER_TEST_PYTHON");
    python_if_it_has(package, named.unwrap_or_else(|| "python3".into()).into())
}

/// The same for packages that go with none of the others: `requirements-WHICH.txt` names them.
pub fn python_apart(which: &str, package: &str) -> Option<PathBuf> {
    let variable = format!("CODEX_ROUTER_TEST_PYTHON_{}", which.to_uppercase());
    python_if_it_has(package, env::var_os(variable).unwrap_or_default().into())
}

fn python_if_it_has(package: &str, python: PathBuf) -> Option<PathBuf> {
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

/// What lies at this place in the `node_modules` that `make test` filled; else the test is skipped.
pub fn node_module(path: &str) -> Option<PathBuf> {
    let modules = env::var_os("CODEX_ROUTER_TEST_NODE_MODULES").map(PathBuf::from);
    let found = modules
        .map(|modules| modules.join(path))
        .filter(|found| found.exists());
    if found.is_none() {
        skip(&format!(
            "there is no {path} from npm (`make test` installs it, where it exists for this system)"
        ));
    }
    found
}

/// The program in the surroundings of a user who has nothing but it, and who wants none of it to call home.
pub fn guest(rig: &Rig, program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("HOME", rig.scratch().join("user"))
        .env("TZ", "UTC")
        .env("LANG", "C.UTF-8")
        // The router is on this computer, whatever proxy the machine has.
        .env("NO_PROXY", "*")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        .env("LANGSMITH_TRACING", "false")
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
        .env("DISABLE_TELEMETRY", "1")
        .env("DISABLE_AUTOUPDATER", "1")
        .env("OTEL_SDK_DISABLED", "true")
        .current_dir(rig.scratch());
    command
}
