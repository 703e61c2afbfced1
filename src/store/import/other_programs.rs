//! Where other programs keep logins of Codex on this computer. Each place is read if it is there; none is ever written.
//!
//! | program | place | source |
//! |---|---|---|
//! | Codex | `~/.codex`, `~/.config/codex`, `~/.codex-…` | codex-rs/utils/home-dir, a common habit |
//! | codex_router | `~/.codex_router` | LyleLiu666/codex_router src/config.rs |
//! | codex-auth | `accounts/*.auth.json` in Codex's folder | Loongphy/codex-auth docs/implement.md |
//! | codex-switcher | `~/.codex-switcher/accounts.json` | Lampese/codex-switcher src-tauri/src/auth/storage.rs |
//! | CLIProxyAPI | `~/.cli-proxy-api/codex-*.json` | <https://help.router-for.me/cn/configuration/basic.html> (`auth-dir`) |
//! | CodexBar | the folders that `~/.codexbar/config.json` names | steipete/CodexBar docs/codex.md |
//! | opencode | `~/.local/share/opencode/auth.json` | steipete/CodexBar docs/codex.md |

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;

use super::{Look, Looked, Tick, read_named};
use crate::store::home::{Home, PROFILES};
use crate::store::login_file::AUTH;

const OLDER: &str = ".codex_router";

/// Looks into the store of every program that is known, and at the login that Codex uses.
pub fn other_programs(
    home: &Home,
    user_home: Option<&Path>,
    now: SystemTime,
    tick: Tick,
) -> Looked {
    let mut look = Look::new(user_home, now, tick);
    let mut seen = Vec::new();
    let mut once = |path: &Path| {
        // One file under two names is one file.
        let real = path.canonicalize().ok(); // not there
        real.is_some_and(|real| {
            let is_new = !seen.contains(&real);
            seen.push(real);
            is_new
        })
    };
    let mut files = vec![home.live_auth()];
    let mut folders = vec![home.root().join("accounts")];
    if let Some(user) = user_home {
        let codex = user.join(".codex");
        files.extend([
            codex.join(AUTH),
            user.join(".config/codex").join(AUTH),
            user.join(".codex-switcher/accounts.json"),
            user.join(".local/share/opencode").join(AUTH),
            user.join(OLDER).join(AUTH),
        ]);
        folders.extend([
            codex.join("accounts"),
            user.join(OLDER).join(PROFILES),
            user.join(".cli-proxy-api"),
        ]);
        files.extend(separate_homes(user).into_iter().map(|path| path.join(AUTH)));
        let bar = codexbar_homes(&user.join(".codexbar/config.json"), user);
        files.extend(bar.into_iter().map(|path| path.join(AUTH)));
    }
    for file in files {
        if file.is_file() && once(&file) {
            look.named_file(&file);
        }
    }
    for folder in folders {
        // Never our own profiles, which may lie there by the name of an older program.
        if folder != home.profiles_dir() && folder.is_dir() && once(&folder) {
            look.scan(&folder);
        }
    }
    let mut looked = look.looked;
    // That a program is not there, or has no login, is no news.
    looked.notes.clear();
    looked
}

/// The store of the program that this one descends from, and how many accounts it seems to have.
pub fn older_store(home: &Home, user_home: Option<&Path>) -> Option<(PathBuf, usize)> {
    let folder = user_home?.join(OLDER);
    if folder == home.root() || home.profiles_dir().exists() {
        return None;
    }
    let profiles = std::fs::read_dir(folder.join(PROFILES)).ok()?; // not there
    let accounts = profiles
        .filter_map(|entry| entry.ok()) // gone meanwhile
        .filter(|entry| entry.path().join(AUTH).is_file())
        .count();
    (accounts > 0).then_some((folder, accounts))
}

/// `~/.codex-work` and its like: a home of Codex each.
fn separate_homes(user: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(user) else {
        return Vec::new(); // no home, no homes
    };
    let mut homes: Vec<_> = entries
        .filter_map(|entry| entry.ok()) // gone meanwhile
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(".codex-"))
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    homes.sort();
    homes
}

/// `providers[].codexProfileHomePaths`.
fn codexbar_homes(config: &Path, user: &Path) -> Vec<PathBuf> {
    let json: Option<Value> = read_named(config)
        .ok() // not there
        .and_then(|text| serde_json::from_slice(&text).ok()); // not as we know it
    let providers = json
        .as_ref()
        .and_then(|json| json.get("providers")?.as_array());
    providers
        .into_iter()
        .flatten()
        .filter_map(|provider| provider.get("codexProfileHomePaths")?.as_array())
        .flatten()
        .filter_map(Value::as_str)
        .map(|path| match path.strip_prefix("~/") {
            Some(below) => user.join(below),
            None => PathBuf::from(path),
        })
        .filter(|path| path.is_absolute())
        .collect()
}
