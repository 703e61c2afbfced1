//! The pauses as one run leaves them to the next.

use std::time::{Duration, SystemTime};

use super::kept::Kept;
use super::refusals::Refusals;
use super::state::AppState;
use crate::pool::breaker::Opened;
use crate::pool::{Cooldown, RestCause, RestSource};
use crate::profile::ProfileName;
use crate::store::cooldown_cache::{KeptBreaker, KeptCooldown, unix_secs};

/// What is over sooner is not worth a line.
const SHORTEST: Duration = Duration::from_secs(10);

impl AppState {
    /// The pauses to keep for the next start.
    pub fn pauses(&self, now: SystemTime) -> Vec<KeptCooldown> {
        let of_profiles = self.kept.iter().flat_map(|(name, kept)| {
            let account = account_of(kept);
            of(&kept.refusals, now).map(move |kept| KeptCooldown {
                profile: Some(name.as_str().to_owned()),
                account: account.clone(),
                ..kept
            })
        });
        let of_paths = self.paths.iter().flat_map(|(name, refusals)| {
            of(refusals, now).map(|kept| KeptCooldown {
                path: Some(name.clone()),
                ..kept
            })
        });
        of_profiles.chain(of_paths).collect()
    }

    /// Pauses from before this start.
    pub(super) fn remember_pauses(&mut self, pauses: Vec<KeptCooldown>, now: SystemTime) {
        for kept in pauses {
            let Some(cooldown) = cooldown_of(&kept) else {
                continue;
            };
            let opened = kept.breaker.map(|breaker| Opened {
                since: cooldown.since,
                until: cooldown.until,
                successes: breaker.successes,
                openings: breaker.openings,
            });
            let profile = kept
                .profile
                .and_then(|name| ProfileName::existing(&name).ok());
            if let Some(profile) = profile.and_then(|name| self.kept.get_mut(&name)) {
                // Of another account it says nothing.
                let account = account_of(profile);
                if kept.account.is_none() || account.is_none() || kept.account == account {
                    profile.restore(kept.model, cooldown, opened, now);
                }
            } else if let Some(path) = kept.path.and_then(|name| self.paths.get_mut(&name)) {
                path.restore(kept.model, cooldown, opened);
            }
        }
        // These are on disk already.
        self.take_changes();
    }
}

/// What an account is known by from one run to the next; nothing secret.
fn account_of(kept: &Kept) -> Option<String> {
    Some(kept.identity.as_ref()?.fingerprint().as_str().to_owned())
}

/// The breaker's own pause first, so that a longer one of another cause that follows takes its place.
fn of(refusals: &Refusals, now: SystemTime) -> impl Iterator<Item = KeptCooldown> {
    let breaker = refusals.opened().map(|opened| {
        let pause = Cooldown::known(
            RestCause::Failing,
            RestSource::Guess,
            opened.since,
            opened.until,
        );
        KeptCooldown {
            breaker: Some(KeptBreaker {
                openings: opened.openings,
                successes: opened.successes,
            }),
            ..kept_of(None, &pause)
        }
    });
    let pauses = refusals
        .cooldowns
        .iter()
        .filter(move |(_, cooldown)| cooldown.until > now + SHORTEST)
        .map(|(model, cooldown)| kept_of(model, cooldown));
    breaker.into_iter().chain(pauses)
}

fn kept_of(model: Option<&str>, cooldown: &Cooldown) -> KeptCooldown {
    KeptCooldown {
        profile: None,
        account: None,
        path: None,
        model: model.map(str::to_owned),
        cause: cooldown.cause.as_str().to_owned(),
        source: cooldown.source.as_str().to_owned(),
        since: unix_secs(cooldown.since),
        until: unix_secs(cooldown.until),
        breaker: None,
    }
}

/// Nothing for words that another version knew.
fn cooldown_of(kept: &KeptCooldown) -> Option<Cooldown> {
    let at = |secs| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(secs));
    Some(Cooldown::known(
        RestCause::parse(&kept.cause)?,
        RestSource::parse(&kept.source)?,
        at(kept.since)?,
        at(kept.until)?,
    ))
}
