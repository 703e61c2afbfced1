//! Usage numbers from the last run, so that a start shows something at once, with the age it has.
//!
//! `router/usage.json`: nothing in it is secret or precious; what cannot be read counts as empty.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::StoreError;
use super::home::Home;
use super::kept_list::{self, unix_secs};
use crate::profile::ProfileName;
use crate::usage::{Credits, Usage, Window};

#[derive(Deserialize, Serialize)]
struct Kept {
    profile: String,
    fetched_at: u64,
    plan: Option<String>,
    windows: Vec<KeptWindow>,
    #[serde(default)]
    is_limit_reached: bool,
    credits: Option<f64>,
    #[serde(default)]
    is_unlimited: bool,
    reset_credits: Option<u64>,
}

#[derive(Deserialize, Serialize)]
struct KeptWindow {
    limit_window_seconds: u64,
    used_percent: f64,
    resets_at: Option<u64>,
}

/// Ten years: what is further away was not written by us.
const MAX_SECS: u64 = 10 * 365 * 86_400;

/// Reads what was kept; anything unexpected counts as nothing.
pub fn read(home: &Home) -> Vec<(ProfileName, Usage)> {
    let kept: Vec<Kept> = kept_list::read(&home.usage_cache());
    kept.into_iter()
        .filter_map(|kept| Some((ProfileName::existing(&kept.profile).ok()?, usage(kept)?)))
        .collect()
}

/// # Errors
/// When the file cannot be written; the numbers are then simply asked for again at the next start.
pub fn write(home: &Home, numbers: &[(ProfileName, Arc<Usage>)]) -> Result<(), StoreError> {
    let kept: Vec<_> = numbers
        .iter()
        .map(|(name, usage)| keep(name, usage))
        .collect();
    kept_list::write(&home.usage_cache(), &kept)
}

fn keep(name: &ProfileName, usage: &Usage) -> Kept {
    Kept {
        profile: name.as_str().to_owned(),
        fetched_at: unix_secs(usage.fetched_at),
        plan: usage.plan.clone(),
        windows: usage
            .windows
            .iter()
            .map(|window| KeptWindow {
                limit_window_seconds: window.length.as_secs(),
                used_percent: window.used_percent,
                resets_at: window.resets_at.map(unix_secs),
            })
            .collect(),
        is_limit_reached: usage.is_limit_reached,
        credits: usage.credits.as_ref().and_then(|credits| credits.balance),
        is_unlimited: usage
            .credits
            .as_ref()
            .is_some_and(|credits| credits.is_unlimited),
        reset_credits: usage.reset_credits,
    }
}

fn usage(kept: Kept) -> Option<Usage> {
    let windows = kept
        .windows
        .into_iter()
        .filter(|window| (1..MAX_SECS).contains(&window.limit_window_seconds))
        .map(|window| Window {
            length: Duration::from_secs(window.limit_window_seconds),
            used_percent: window.used_percent.clamp(0.0, 100.0),
            resets_at: window.resets_at.and_then(moment),
        })
        .collect();
    let has_credits = kept.credits.is_some() || kept.is_unlimited;
    Some(Usage {
        plan: kept.plan,
        windows,
        extra: Vec::new(),
        is_limit_reached: kept.is_limit_reached,
        credits: has_credits.then_some(Credits {
            is_unlimited: kept.is_unlimited,
            balance: kept.credits,
        }),
        reset_credits: kept.reset_credits,
        fetched_at: moment(kept.fetched_at)?,
    })
}

/// Up to the year 9999.
fn moment(secs: u64) -> Option<SystemTime> {
    (secs < 253_402_300_799).then(|| SystemTime::UNIX_EPOCH + Duration::from_secs(secs))
}

#[cfg(test)]
mod tests {
    use super::super::safe_file;
    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        super::super::home::prepare(&home, SystemTime::now()).unwrap();
        (dir, home)
    }

    #[test]
    fn numbers_come_back_with_their_age() {
        let (_dir, home) = home();
        let usage = Usage {
            plan: Some("team".into()),
            windows: vec![Window {
                length: Duration::from_secs(18_000),
                used_percent: 34.5,
                resets_at: moment(2_000),
            }],
            extra: vec![],
            is_limit_reached: false,
            credits: Some(Credits {
                is_unlimited: false,
                balance: Some(18.2),
            }),
            reset_credits: Some(2),
            fetched_at: moment(1_000).unwrap(),
        };
        let name = ProfileName::parse("work").unwrap();
        write(&home, &[(name.clone(), Arc::new(usage.clone()))]).unwrap();
        assert_eq!(read(&home), [(name, usage)]);
    }

    #[test]
    fn what_cannot_be_read_counts_as_nothing() {
        let (_dir, home) = home();
        assert_eq!(read(&home), []);
        for text in [
            &b"{"[..],
            b"[{}]",
            br#"[{"profile":"../x","fetched_at":1,"windows":[]}]"#,
        ] {
            safe_file::replace(&home.usage_cache(), text).unwrap();
            assert_eq!(read(&home), []);
        }
    }
}
