//! The settings: `router/config.toml` under the environment.

use super::home::{Environment, Home};
use super::safe_file;
use crate::desk::Settings;
use crate::desk::settings::BadSetting;

/// Reads the settings. What cannot be used is reported and its default taken, so that a typo keeps nobody from their logins.
pub fn settings(home: &Home, environment: &Environment) -> (Settings, Vec<BadSetting>) {
    let (text, unreadable) = match safe_file::read_text(&home.config()) {
        Ok(text) => (text, None),
        Err(err) => (None, Some(err)),
    };
    let look_up = |name: &str| environment.get(name).map(str::to_owned);
    let (settings, mut bad) = Settings::read(text.as_deref(), look_up);
    bad.extend(unreadable.map(|err| BadSetting {
        key: "config.toml",
        value: String::new(),
        reason: err.to_string(),
    }));
    (settings, bad)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::desk::settings::Listen;
    use crate::store::testing::TestHome;

    #[test]
    fn the_file_is_read_and_the_environment_beats_it() {
        let home = TestHome::new();
        let none = Environment::of([("X", "y")], None);
        assert_eq!(settings(&home, &none), (Settings::default(), vec![]));
        std::fs::create_dir(home.router_dir()).unwrap();
        std::fs::write(home.config(), "[router]\naddr = \"localhost:1\"\n").unwrap();
        assert_eq!(
            settings(&home, &none).0.listen,
            Listen::Localhost { port: 1 }
        );
        let set = Environment::of([("CODEX_ROUTER_ADDR", "localhost:2")], None);
        assert_eq!(
            settings(&home, &set).0.listen,
            Listen::Localhost { port: 2 }
        );
    }

    #[test]
    fn a_file_that_cannot_be_read_is_reported_and_the_defaults_taken() {
        let home = TestHome::new();
        std::fs::create_dir_all(home.config()).unwrap();
        let (read, bad) = settings(&home, &Environment::of([("X", "y")], None));
        assert_eq!(read, Settings::default());
        assert_eq!(bad[0].key, "config.toml");
        assert!(bad[0].reason.contains("not an ordinary file"), "{bad:?}");
    }
}
