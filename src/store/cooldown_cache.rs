//! Pauses from the last run, so that a start does not run into every limit again.
//!
//! `router/cooldowns.json`: nothing in it is secret or precious. What cannot be read is reported and counts as empty.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tracing::warn;

use super::home::Home;
use super::kept_list;
pub use super::kept_list::unix_secs;
use super::{StoreError, safe_file};

/// One pause. Of a profile or of a path; for all of it, or for one model.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct KeptCooldown {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// A hash of whose login the profile holds: a pause is of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    pub cause: String,
    pub source: String,
    /// Seconds since 1970, like `until`.
    pub since: u64,
    pub until: u64,
    /// The breaker that made the pause and is not closed since. Its pause may be over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<KeptBreaker>,
}

/// A breaker that opened with a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct KeptBreaker {
    /// In a row.
    pub openings: u32,
    /// Tries since the pause that went well.
    pub successes: u32,
}

/// Longer than any word that is written here.
const MAX_WORD_BYTES: usize = 256;
const MAX_COOLDOWNS: usize = 1_024;
/// No pause is longer.
const LONGEST: Duration = Duration::from_secs(8 * 86_400);
/// After this a breaker's last failure says nothing any more.
const BREAKER_LASTS: Duration = Duration::from_secs(3_600);

/// Reads the pauses that are not over at `now`, and those whose breaker is not closed. What cannot be one of ours is left out, and said in the log.
pub fn read(home: &Home, now: SystemTime) -> Vec<KeptCooldown> {
    let path = home.cooldown_cache();
    let text = match safe_file::read(&path) {
        Ok(text) => text.unwrap_or_default(),
        Err(err) => {
            warn!(file = %path.display(), error = %err, "the pauses of the last run cannot be read");
            return Vec::new();
        }
    };
    if text.is_empty() {
        return Vec::new();
    }
    let all: Vec<KeptCooldown> = match serde_json::from_slice(&text) {
        Ok(all) => all,
        Err(err) => {
            warn!(file = %path.display(), error = %err, "the pauses of the last run make no sense");
            return Vec::new();
        }
    };
    let count = all.len();
    let now = unix_secs(now);
    let sane: Vec<_> = all
        .into_iter()
        .filter(|kept| is_sane(kept, now))
        .take(MAX_COOLDOWNS)
        .collect();
    if sane.len() < count {
        warn!(
            file = %path.display(),
            left_out = count - sane.len(),
            "pauses of the last run that make no sense are left out"
        );
    }
    let is_over = |kept: &KeptCooldown| match kept.breaker {
        None => kept.until <= now,
        Some(_) => kept.until.saturating_add(BREAKER_LASTS.as_secs()) <= now,
    };
    sane.into_iter().filter(|kept| !is_over(kept)).collect()
}

/// # Errors
/// When the file cannot be written; the next run then finds out by itself.
pub fn write(home: &Home, cooldowns: &[KeptCooldown]) -> Result<(), StoreError> {
    let few = cooldowns.get(..MAX_COOLDOWNS).unwrap_or(cooldowns);
    kept_list::write(&home.cooldown_cache(), few)
}

/// Whether it can be a pause. A clock that was ahead when it was written may have shut an account out for ever.
fn is_sane(kept: &KeptCooldown, now: u64) -> bool {
    let is_word = |text: &str| text.len() <= MAX_WORD_BYTES && !text.chars().any(char::is_control);
    let words = [&kept.profile, &kept.account, &kept.path, &kept.model];
    words.into_iter().flatten().all(|word| is_word(word))
        && (kept.profile.is_some() != kept.path.is_some())
        && kept.since <= kept.until
        && kept.until.saturating_sub(now) <= LONGEST.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn home() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        super::super::home::prepare(&home, SystemTime::now()).unwrap();
        (dir, home)
    }

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
    }

    fn pause(profile: &str, until: u64) -> KeptCooldown {
        KeptCooldown {
            profile: Some(profile.to_owned()),
            account: None,
            path: None,
            model: None,
            cause: "usage_limit".to_owned(),
            source: "resets_at".to_owned(),
            since: NOW - 60,
            until,
            breaker: None,
        }
    }

    #[test]
    fn pauses_come_back_unless_they_are_over() {
        let (_dir, home) = home();
        assert_eq!(read(&home, now()), []);
        let model = KeptCooldown {
            profile: None,
            path: Some("ChatGPT".to_owned()),
            model: Some("gpt-5.5".to_owned()),
            ..pause("work", NOW + 30)
        };
        let half_open = |until| KeptCooldown {
            since: until,
            breaker: Some(KeptBreaker {
                openings: 2,
                successes: 1,
            }),
            ..pause("flaky", until)
        };
        let all = [
            pause("work", NOW + 3_600),
            model,
            half_open(NOW - 3_599),
            half_open(NOW - 3_600),
            pause("home", NOW),
        ];
        write(&home, &all).unwrap();
        assert_eq!(read(&home, now()), all[..3]);
    }

    #[test]
    fn what_cannot_be_a_pause_is_left_out() {
        let (_dir, home) = home();
        let nobodys = KeptCooldown {
            profile: None,
            ..pause("work", NOW + 60)
        };
        let all = [
            pause("for-years", NOW + 400 * 86_400),
            pause("a\u{1b}[2J", NOW + 60),
            nobodys,
            pause("fine", NOW + 60),
        ];
        write(&home, &all).unwrap();
        assert_eq!(read(&home, now()), [pause("fine", NOW + 60)]);
        for text in [&b"{"[..], b"[{}]", b"{\"a\":1}", b"\xff"] {
            safe_file::replace(&home.cooldown_cache(), text).unwrap();
            assert_eq!(read(&home, now()), []);
        }
    }

    #[test]
    fn the_file_stays_small() {
        let (_dir, home) = home();
        let all = vec![pause("work", NOW + 60); 3_000];
        write(&home, &all).unwrap();
        assert_eq!(read(&home, now()).len(), MAX_COOLDOWNS);
    }
}
