//! The worker's hand on the ledger: rows go in, its state comes out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::SystemTime;

use tracing::warn;

use crate::desk::Settings;
use crate::desk::record::LedgerState;
use crate::ledger::{Keep, Ledger, Row, UsageRow};
use crate::price::Prices;
use crate::profile::ProfileName;
use crate::store::{Home, safe_file};
use crate::usage::Usage;

/// Without a ledger everything is let go.
#[derive(Debug, Default)]
pub struct Recorder {
    ledger: Option<Ledger>,
    /// What was noted last of each profile.
    usage: BTreeMap<ProfileName, Arc<Usage>>,
}

impl Recorder {
    /// Blocks for as long as it takes to open a file.
    pub fn start(home: &Home, settings: &Settings, now: SystemTime) -> Self {
        let keep = kept(settings);
        let ledger = Ledger::open(home.ledger(), keep, now);
        if let Err(err) = &ledger {
            warn!(error = %err, "requests are not recorded");
        }
        Self {
            // It was told.
            ledger: ledger.ok(),
            usage: BTreeMap::new(),
        }
    }

    /// From now on keeps what these settings say.
    pub fn follow(&self, settings: &Settings) {
        if let Some(ledger) = &self.ledger {
            ledger.keep(kept(settings));
        }
    }

    pub fn note(&self, row: Row) {
        if let Some(ledger) = &self.ledger {
            ledger.note(row);
        }
    }

    /// Notes the windows of every profile about which something was learned since the last time.
    pub fn note_usage(&mut self, numbers: impl IntoIterator<Item = (ProfileName, Arc<Usage>)>) {
        if self.ledger.is_none() {
            return;
        }
        for (name, usage) in numbers {
            let is_known = |last: &Arc<Usage>| Arc::ptr_eq(last, &usage);
            if self.usage.get(&name).is_some_and(is_known) {
                continue;
            }
            for window in &usage.windows {
                self.note(Row::Usage(UsageRow {
                    at: usage.fetched_at,
                    profile: name.clone(),
                    window: window.length,
                    used_percent: window.used_percent,
                    resets_at: window.resets_at,
                }));
            }
            self.usage.insert(name, usage);
        }
    }

    /// A profile is called something else. What it gives tells whether that is written; nothing without a ledger.
    pub fn rename(&mut self, from: &ProfileName, to: &ProfileName) -> Option<Receiver<bool>> {
        if let Some(usage) = self.usage.remove(from) {
            self.usage.insert(to.clone(), usage);
        }
        Some(self.ledger.as_ref()?.rename(from, to))
    }

    pub fn state(&self) -> LedgerState {
        self.ledger.as_ref().map(Ledger::state).unwrap_or_default()
    }

    /// Writes what there is. Blocks, for seconds if the disk hangs.
    pub fn close(self) {
        if let Some(ledger) = self.ledger {
            ledger.close();
        }
    }
}

fn kept(settings: &Settings) -> Keep {
    Keep {
        requests: settings.ledger.is_on,
        days: settings.ledger.keep_days,
    }
}

/// The prices that come with the program, and the user's own in front of them.
pub fn prices(home: &Home) -> Prices {
    let built_in = Prices::built_in();
    let own = match safe_file::read_text(&home.prices()) {
        Ok(None) => return built_in,
        Ok(Some(text)) => Prices::parse(&text).map_err(|err| err.to_string()),
        Err(err) => Err(err.to_string()),
    };
    match own {
        Ok(own) => built_in.overridden_by(own),
        Err(reason) => {
            warn!(reason, "router/prices.toml is not used");
            built_in
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ledger::Reader;
    use crate::usage::Window;

    fn home() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        std::fs::create_dir(home.router_dir()).unwrap();
        (dir, home)
    }

    #[test]
    fn usage_is_noted_when_it_is_new() {
        let (_dir, home) = home();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let name = ProfileName::parse("work").unwrap();
        let length = Duration::from_secs(18_000);
        let usage = |used_percent| {
            Arc::new(Usage {
                plan: None,
                windows: vec![Window {
                    length,
                    used_percent,
                    resets_at: None,
                }],
                extra: vec![],
                is_limit_reached: false,
                credits: None,
                reset_credits: None,
                fetched_at: now,
            })
        };
        let mut recorder = Recorder::start(&home, &Settings::default(), now);
        let first = usage(10.0);
        for numbers in [&first, &first, &usage(20.0)] {
            recorder.note_usage([(name.clone(), numbers.clone())]);
        }
        recorder.close();
        let reader = Reader::open(&home.ledger()).unwrap();
        let noted = reader.usage(&name, length, now, 10).unwrap();
        let noted: Vec<_> = noted.iter().map(|row| row.used_percent).collect();
        assert_eq!(noted, [10.0, 20.0]);
    }

    #[test]
    fn the_users_prices_stand_in_front_and_what_is_none_is_left_alone() {
        let (_dir, home) = home();
        assert_eq!(prices(&home), Prices::built_in());
        std::fs::write(
            home.prices(),
            "[models]\nmine = { input = 1.0, output = 2.0 }",
        )
        .unwrap();
        assert!(prices(&home).of("mine").is_some());
        std::fs::write(home.prices(), "[models]\nmine = { input = 1.0 }").unwrap();
        assert_eq!(prices(&home), Prices::built_in());
    }
}
