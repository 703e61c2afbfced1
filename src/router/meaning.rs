//! What the outcome of an attempt means for those that come after.
//!
//! The router marks it at once in the cells of the pool, the worker makes the pauses of it; both read it here.

use std::time::{Duration, SystemTime};

use super::report::AttemptResult;
use crate::pool::breaker::Pace;
use crate::pool::cooldown::Refused;
use crate::pool::{Cooldown, Cooling, Live, Member, Pool, RestCause, RestSource, Scope, Told};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// It says nothing about whoever was asked.
    Nothing,
    Served,
    /// Nothing yet, unless it happens often; of the profile, or of the path.
    Failure(Scope),
    Pause(Cooling),
}

impl AttemptResult {
    /// The same for a profile with this cell: one that has answered somebody since is not the one that hangs.
    pub fn meaning_at(&self, live: &Live, began: SystemTime, at: SystemTime) -> Meaning {
        match self {
            // Its own beginning does not count.
            Self::Silent { .. } if live.has_proved(None, began + Duration::from_millis(1), at) => {
                Meaning::Failure(Scope::Profile)
            }
            _ => self.meaning(at),
        }
    }

    /// `at` is when it came.
    fn meaning(&self, at: SystemTime) -> Meaning {
        let pause = |scope, cause, told| Meaning::Pause(Cooling { scope, cause, told });
        let after = |wait: &Option<Duration>| {
            let until = at.checked_add((*wait)?)?;
            let source = RestSource::RetryAfter;
            Some(Told { until, source })
        };
        match self {
            Self::Served => Meaning::Served,
            Self::UsageLimit { told } => pause(Scope::Profile, RestCause::UsageLimit, *told),
            Self::ModelLimit { told } => pause(Scope::Model, RestCause::UsageLimit, *told),
            Self::Throttled { retry_after } => {
                pause(Scope::Model, RestCause::Throttled, after(retry_after))
            }
            Self::Overloaded { retry_after } => {
                pause(Scope::PathModel, RestCause::Overloaded, after(retry_after))
            }
            Self::Challenged => pause(Scope::Path, RestCause::Challenged, None),
            Self::Unauthorized | Self::AccountRefused { .. } => {
                pause(Scope::Profile, RestCause::Refused, None)
            }
            Self::ModelNotSupported { .. } => pause(Scope::Model, RestCause::LacksModel, None),
            Self::Failing { .. } | Self::Cut => Meaning::Failure(Scope::Profile),
            // Nobody waits for minutes five times in half a minute.
            Self::Silent { .. } => pause(Scope::Profile, RestCause::Failing, None),
            Self::Unreachable => Meaning::Failure(Scope::Path),
            Self::ClientFault { .. } | Self::Abandoned => Meaning::Nothing,
        }
    }
}

/// Marks in the cells of the pool what an attempt of a request for this model came to.
pub(crate) fn mark(
    pool: &Pool,
    member: &Member,
    model: &str,
    result: &AttemptResult,
    began: SystemTime,
    at: SystemTime,
) {
    let path = pool.path_of(member).map(|path| &path.live);
    match result.meaning_at(&member.live, began, at) {
        Meaning::Nothing | Meaning::Served => {}
        Meaning::Failure(Scope::Path | Scope::PathModel) => {
            if let Some(live) = path {
                live.note_failure(at, Pace::PATH.first);
            }
        }
        Meaning::Failure(Scope::Profile | Scope::Model) => {
            member.live.note_failure(at, Pace::PROFILE.first);
        }
        Meaning::Pause(Cooling { scope, cause, told }) => {
            let by_window = || {
                let until = member.usage.as_ref()?.blocked_until(at)??;
                let source = RestSource::UsageWindow;
                Some(Told { until, source })
            };
            let told = match cause {
                RestCause::UsageLimit => told.or_else(by_window),
                _ => told,
            };
            let refused = Refused {
                began,
                now: at,
                salt: member.name.as_str(),
                is_polled: true,
            };
            let until = Cooldown::new(cause, told, refused, None).until;
            let (live, model) = match scope {
                Scope::Profile => (Some(&member.live), None),
                Scope::Model => (Some(&member.live), Some(model)),
                Scope::Path => (path, None),
                Scope::PathModel => (path, Some(model)),
            };
            if let Some(live) = live {
                live.mark(model, cause, until, at);
            }
        }
    }
}
