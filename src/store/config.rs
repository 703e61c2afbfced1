//! The settings: the older program's `router/state.json`, under `router/config.toml`, under the environment.

use std::time::Duration;

use super::home::{Environment, Home};
use super::safe_file;
use super::state::State;
use crate::desk::Settings;
use crate::desk::settings::{BadSetting, MIN_POLL_INTERVAL};
use crate::profile::Proxy;

/// Reads the settings. What cannot be used is reported and its default taken, so that a typo keeps nobody from their logins.
pub fn settings(home: &Home, environment: &Environment) -> (Settings, Vec<BadSetting>) {
    let (text, unreadable) = match safe_file::read_text(&home.config()) {
        Ok(text) => (text, None),
        Err(err) => (None, Some(err)),
    };
    let look_up = |name: &str| environment.get(name).map(str::to_owned);
    let mut before = as_it_was(home);
    if unreadable.is_some() {
        // It may name one.
        before.proxy = Proxy::Unusable("config.toml cannot be read, and may name a proxy".into());
    }
    let (settings, mut bad) = before.overridden_by(text.as_deref(), look_up);
    bad.extend(unreadable.map(|err| BadSetting {
        key: "config.toml",
        value: String::new(),
        reason: err.to_string(),
    }));
    (settings, bad)
}

/// The defaults, but for what the program that this one grew from was told.
fn as_it_was(home: &Home) -> Settings {
    let state = State::read(home);
    let mut settings = Settings::default();
    if let Some(secs) = state.refresh_interval_secs() {
        settings.usage_poll_interval = Duration::from_secs(secs).max(MIN_POLL_INTERVAL);
    }
    settings.usage_poll = state.auto_refresh_enabled().unwrap_or(settings.usage_poll);
    settings
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
    fn what_the_older_program_was_told_is_kept_until_it_is_set_anew() {
        let home = TestHome::new();
        std::fs::create_dir(home.router_dir()).unwrap();
        let old = r#"{"refresh_interval_seconds": 300, "auto_refresh_enabled": false}"#;
        std::fs::write(home.state(), old).unwrap();
        let none = Environment::of([("X", "y")], None);
        let read = settings(&home, &none).0;
        assert_eq!(
            (read.usage_poll_interval.as_secs(), read.usage_poll),
            (300, false)
        );
        std::fs::write(
            home.config(),
            "[usage]\npoll = true\npoll_interval_secs = 90\n",
        )
        .unwrap();
        let read = settings(&home, &none).0;
        assert_eq!(
            (read.usage_poll_interval.as_secs(), read.usage_poll),
            (90, true)
        );
    }

    #[test]
    fn a_file_that_cannot_be_read_is_reported_and_the_defaults_taken() {
        let home = TestHome::new();
        std::fs::create_dir_all(home.config()).unwrap();
        let (read, bad) = settings(&home, &Environment::of([("X", "y")], None));
        assert!(matches!(read.proxy, Proxy::Unusable(_)));
        let rest = Settings {
            proxy: Proxy::System,
            ..read
        };
        assert_eq!(rest, Settings::default());
        assert_eq!(bad[0].key, "config.toml");
        assert!(bad[0].reason.contains("not an ordinary file"), "{bad:?}");
    }
}
