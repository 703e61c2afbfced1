//! The settings: what the older program was told (`router/state.json`), under `router/config.toml`, under the environment.

use std::time::Duration;

use super::error::StoreError;
use super::foreign_file::{self, Reach};
use super::home::{Environment, Home};
use super::locks::EditLock;
use super::safe_file;
use super::state::State;
use crate::desk::Settings;
use crate::desk::settings::{
    BadChange, BadSetting, Change, MIN_POLL_INTERVAL, ReadSettings, Setting,
};
use crate::profile::Proxy;

mod text;

/// Reads the settings. What cannot be used is reported and its default taken, so that a typo keeps nobody from their logins.
pub fn settings(home: &Home, environment: &Environment) -> ReadSettings {
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
    let mut read = before.overridden_by(text.as_deref(), look_up);
    read.bad.extend(unreadable.map(|err| BadSetting {
        key: "config.toml",
        value: String::new(),
        reason: err.to_string(),
    }));
    read
}

/// Writes these settings into `config.toml`; everything else in it stays as it is, comments and unknown keys, too.
///
/// # Errors
/// When a value could not be used, when the file cannot be read, understood or written: then nothing has changed.
pub fn change(home: &Home, changes: &[Change]) -> Result<(), BadChange> {
    for change in changes {
        change.check().map_err(|bad| BadChange {
            setting: Some(change.setting),
            reason: bad.reason,
        })?;
    }
    let of_file = |err: StoreError| BadChange {
        setting: None,
        reason: err.to_string(),
    };
    let _lock = EditLock::take(home).map_err(of_file)?;
    home.router_folder().map_err(of_file)?;
    let path = home.config();
    let before = foreign_file::read(&path).map_err(of_file)?;
    let after = text::changed(before.as_deref().unwrap_or_default(), changes)?;
    if before.as_deref().unwrap_or_default() != after {
        foreign_file::replace(&path, before.as_deref(), Some(&after), Reach::OwnerOnly)
            .map_err(of_file)?;
    }
    if changes.iter().any(|it| it.setting == Setting::SwitchWay) {
        // From now on the file alone says it.
        State::edit_locked(home, |state| state.set_switch_way(None)).map_err(of_file)?;
    }
    Ok(())
}

/// The defaults, but for what the program that this one grew from was told, and what dialogs once remembered elsewhere.
fn as_it_was(home: &Home) -> Settings {
    let state = State::read(home);
    let mut settings = Settings::default();
    if let Some(secs) = state.refresh_interval_secs() {
        settings.usage_poll_interval = Duration::from_secs(secs).max(MIN_POLL_INTERVAL);
    }
    settings.usage_poll = state.auto_refresh_enabled().unwrap_or(settings.usage_poll);
    settings.switch_way = state.switch_way().unwrap_or(settings.switch_way);
    settings
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::desk::settings::{Listen, Source, SwitchWay};
    use crate::pool::Strategy;
    use crate::store::testing::{TestHome, mode_of};

    #[test]
    fn the_file_is_read_and_the_environment_beats_it() {
        let home = TestHome::new();
        let none = Environment::of([("X", "y")], None);
        let read = settings(&home, &none);
        assert_eq!((read.settings, read.bad), (Settings::default(), vec![]));
        std::fs::create_dir(home.router_dir()).unwrap();
        std::fs::write(home.config(), "[router]\naddr = \"localhost:1\"\n").unwrap();
        assert_eq!(
            settings(&home, &none).settings.listen,
            Listen::Localhost { port: 1 }
        );
        let set = Environment::of([("CODEX_ROUTER_ADDR", "localhost:2")], None);
        assert_eq!(
            settings(&home, &set).settings.listen,
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
        let read = settings(&home, &none).settings;
        assert_eq!(
            (read.usage_poll_interval.as_secs(), read.usage_poll),
            (300, false)
        );
        std::fs::write(
            home.config(),
            "[usage]\npoll = true\npoll_interval_secs = 90\n",
        )
        .unwrap();
        let read = settings(&home, &none).settings;
        assert_eq!(
            (read.usage_poll_interval.as_secs(), read.usage_poll),
            (90, true)
        );
    }

    #[test]
    fn a_file_that_cannot_be_read_is_reported_and_the_defaults_taken() {
        let home = TestHome::new();
        std::fs::create_dir_all(home.config()).unwrap();
        let read = settings(&home, &Environment::of([("X", "y")], None));
        let (read, bad) = (read.settings, read.bad);
        assert!(matches!(read.proxy, Proxy::Unusable(_)));
        let rest = Settings {
            proxy: Proxy::System,
            ..read
        };
        assert_eq!(rest, Settings::default());
        assert_eq!(bad[0].key, "config.toml");
        assert!(bad[0].reason.contains("not an ordinary file"), "{bad:?}");
    }

    #[test]
    fn a_change_is_written_for_its_owner_alone_and_the_rest_of_the_file_stays() {
        let home = TestHome::new();
        let none = Environment::of([("X", "y")], None);
        change(&home, &[Change::to(Setting::Strategy, "fastest")]).unwrap();
        assert_eq!(mode_of(&home.config()), 0o600);
        let read = settings(&home, &none);
        assert_eq!(read.settings.strategy, Strategy::Fastest);
        assert_eq!(read.source(Setting::Strategy), Source::File);

        let text = "# mine\n[router] # ours\nstrategy = \"luck\" # ?\nzz = 1\n";
        std::fs::write(home.config(), text).unwrap();
        let changes = [
            Change::to(Setting::Strategy, "active"),
            Change::on(Setting::Affinity, false),
        ];
        change(&home, &changes).unwrap();
        let text = std::fs::read_to_string(home.config()).unwrap();
        assert_eq!(
            text,
            "# mine\n[router] # ours\nstrategy = \"active\" # ?\nzz = 1\naffinity = false\n"
        );
    }

    #[test]
    fn a_bad_value_or_a_broken_file_changes_nothing() {
        let home = TestHome::new();
        let bad = change(&home, &[Change::to(Setting::KeepDays, "365")]).unwrap_err();
        assert_eq!(bad.setting, Some(Setting::KeepDays));
        assert_eq!(bad.reason, "give whole days from 1 to 30");
        assert!(!home.config().exists());
        std::fs::create_dir_all(home.router_dir()).unwrap();
        for broken in ["[router\n", "router = 7\n"] {
            std::fs::write(home.config(), broken).unwrap();
            let bad = change(&home, &[Change::on(Setting::Affinity, false)]).unwrap_err();
            assert!(bad.reason.starts_with("config.toml "), "{bad}");
            assert_eq!(std::fs::read_to_string(home.config()).unwrap(), broken);
        }
    }

    #[test]
    fn how_to_switch_is_what_was_said_last_wherever_it_was_said() {
        let home = TestHome::new();
        let none = Environment::of([("X", "y")], None);
        std::fs::create_dir(home.router_dir()).unwrap();
        std::fs::write(home.state(), r#"{"switch_way": "router", "zz": 1}"#).unwrap();
        let way = || settings(&home, &none).settings.switch_way;
        assert_eq!(way(), SwitchWay::Router);
        change(&home, &[Change::to(Setting::SwitchWay, "everywhere")]).unwrap();
        assert_eq!(way(), SwitchWay::Everywhere);
        change(&home, &[Change::back(Setting::SwitchWay)]).unwrap();
        assert_eq!(way(), SwitchWay::Ask);
        assert!(
            std::fs::read_to_string(home.state())
                .unwrap()
                .contains("zz")
        );
    }
}
