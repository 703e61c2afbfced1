//! A home in a temporary directory, and logins that nobody can sign in with.

use std::ops::Deref;
use std::path::Path;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::home::Home;
use super::profiles;
use crate::profile::{AuthFile, Endpoint, EndpointKind, Profile, ProfileName, Secret};

/// 2026-11-20 12:00:00 UTC.
pub fn noon() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_176_000)
}

/// A home whose waiting takes no time.
pub struct TestHome {
    home: Home,
    _temp: tempfile::TempDir,
}

impl TestHome {
    pub fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let home = Home::at(temp.path()).unwrap().with_pause(|_| {});
        Self { home, _temp: temp }
    }

    /// The same home with another way to wait.
    pub fn with_pause(&self, pause: impl Fn(Duration) + Send + Sync + 'static) -> Home {
        self.home.clone().with_pause(pause)
    }

    /// Writes a profile as another program would.
    pub fn profile(&self, name: &str, login: &AuthFile) {
        self.profile_text(name, &login.to_bytes());
    }

    pub fn profile_text(&self, name: &str, text: &[u8]) {
        let folder = self.profiles_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("auth.json"), text).unwrap();
    }

    /// Writes the live file as an old CLI does: in place.
    pub fn live(&self, login: &AuthFile) {
        std::fs::write(self.live_auth(), login.to_bytes()).unwrap();
    }

    pub fn read_profile(&self, name: &str) -> Profile {
        profiles::load(self, &super::testing::name(name)).unwrap()
    }

    /// The refresh token of a profile.
    pub fn token_of(&self, name: &str) -> String {
        token_in(&self.profiles_dir().join(name).join("auth.json"))
    }

    pub fn live_token(&self) -> String {
        token_in(&self.live_auth())
    }

    /// The texts of all displaced logins.
    pub fn displaced(&self) -> Vec<Vec<u8>> {
        match std::fs::read_dir(self.displaced_dir()) {
            Ok(entries) => entries
                .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
                .collect(),
            Err(_none_yet) => Vec::new(),
        }
    }

    /// Every temporary file that is still there.
    pub fn leftovers(&self) -> Vec<String> {
        fn walk(dir: &Path, found: &mut Vec<String>) {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() && !path.is_symlink() {
                    walk(&path, found);
                } else if path.extension().is_some_and(|extension| extension == "tmp") {
                    found.push(path.display().to_string());
                }
            }
        }
        let mut found = Vec::new();
        walk(self.root(), &mut found);
        found
    }
}

impl Deref for TestHome {
    type Target = Home;

    fn deref(&self) -> &Home {
        &self.home
    }
}

pub fn name(text: &str) -> ProfileName {
    ProfileName::parse(text).unwrap()
}

/// A ChatGPT login of this user, issued at this second. Its refresh token is `rt_FAKE_<user>_<iat>`.
pub fn login(user: &str, iat: u64) -> AuthFile {
    login_with(user, iat, json!({}))
}

/// The same with more top-level keys.
pub fn login_with(user: &str, iat: u64, more: Value) -> AuthFile {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "email": format!("{user}@example.test"), "iat": iat, "exp": iat + 864_000,
        "https://api.openai.com/auth": {"chatgpt_user_id": user, "chatgpt_account_id": "ws-1"}
    });
    let token = format!("{}.{}.fake", part(json!({"alg": "none"})), part(claims));
    let mut whole = json!({
        "auth_mode": "chatgpt", "OPENAI_API_KEY": null,
        "tokens": {
            "id_token": token, "access_token": token,
            "refresh_token": format!("rt_FAKE_{user}_{iat}"), "account_id": "ws-1"
        },
        "last_refresh": "2026-01-02T03:04:05.678901Z"
    });
    for (key, value) in more.as_object().unwrap() {
        whole[key] = value.clone();
    }
    AuthFile::parse(whole.to_string().as_bytes()).unwrap()
}

pub fn api_key(key: &str) -> AuthFile {
    let text = json!({"auth_mode": "apikey", "OPENAI_API_KEY": key}).to_string();
    AuthFile::parse(text.as_bytes()).unwrap()
}

pub fn endpoint() -> AuthFile {
    let key = Some(Secret::new("key-fake"));
    let endpoint = Endpoint::new(EndpointKind::Compatible, "https://x.test/v1", key).unwrap();
    AuthFile::of_endpoint(endpoint)
}

pub fn mode_of(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().unwrap().permissions().mode() & 0o777
}

fn token_in(path: &Path) -> String {
    let json: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    json["tokens"]["refresh_token"].as_str().unwrap().to_owned()
}
