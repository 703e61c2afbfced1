//! Usage numbers: when they are asked for, and what an answer changes.

use std::time::SystemTime;

use super::super::event::Effect;
use super::super::kept::Kept;
use super::super::schedule;
use super::refreshing::may_refresh;
use super::{AppState, KEEP_USAGE_AFTER};
use crate::desk::Outcome;
use crate::profile::ProfileName;
use crate::upstream::UsageError;
use crate::usage::Usage;

impl AppState {
    pub(super) fn poll_when_asked(
        &mut self,
        name: &ProfileName,
        now: SystemTime,
    ) -> Option<Effect> {
        let kept = self.kept.get_mut(name)?;
        kept.poll.is_asked = true;
        let is_fresh = kept
            .poll
            .started_at
            .is_some_and(|at| now < at + schedule::MIN_ASKED_POLL_GAP);
        if kept.poll.is_running || (is_fresh && kept.usage_error.is_none()) {
            return None;
        }
        let is_polled = kept.poll.next_at.is_some();
        match start_poll(name, kept, now) {
            Some(effect) => Some(effect),
            // Expired: a new token first, the poll follows it.
            None if kept.refresh.next_at.is_some() && kept.may_redeem() => {
                kept.refresh.is_running = true;
                Some(Effect::Refresh { name: name.clone() })
            }
            None => {
                // Whoever asked must not wait for an answer that will not come.
                if is_polled && !kept.refresh.is_running {
                    kept.poll.is_asked = false;
                    kept.usage_error =
                        Some("the access token has run out and cannot be renewed".into());
                }
                None
            }
        }
    }

    pub(super) fn note_usage(
        &mut self,
        name: &ProfileName,
        result: Result<Usage, UsageError>,
        now: SystemTime,
    ) -> Vec<Effect> {
        let interval = self.settings.usage_poll_interval;
        let Some(kept) = self.kept.get_mut(name) else {
            return Vec::new();
        };
        kept.poll.is_running = false;
        let is_asked = std::mem::take(&mut kept.poll.is_asked);
        let mut effects = Vec::new();
        let outcome = match result {
            Ok(usage) => {
                kept.poll.failures = 0;
                kept.poll.next_at = Some(schedule::next_poll(name, &usage, interval, now));
                kept.note_poll(usage);
                self.offline_since = None;
                self.keep_usage_at.get_or_insert(now + KEEP_USAGE_AFTER);
                Outcome::UsageRefreshed { name: name.clone() }
            }
            Err(err) => {
                kept.poll.failures = kept.poll.failures.saturating_add(1);
                let asked = match &err {
                    UsageError::Refused { retry_after, .. } => *retry_after,
                    UsageError::Unauthorized
                    | UsageError::Unreachable(_)
                    | UsageError::Unreadable => None,
                };
                kept.poll.next_at =
                    Some(schedule::poll_retry(name, kept.poll.failures, asked, now));
                kept.usage_error = Some(err.to_string());
                kept.refusals
                    .change(|cooldowns| cooldowns.note_unpolled(now));
                match &err {
                    // A proxy of its own may be what fails; the others tell.
                    UsageError::Unreachable(_) if kept.network.proxy.is_some() => {}
                    UsageError::Unreachable(_) => {
                        self.offline_since = self.offline_since.or(Some(now))
                    }
                    UsageError::Unauthorized if may_refresh(kept, now) => {
                        kept.refresh.is_running = true;
                        effects.push(Effect::Refresh { name: name.clone() });
                    }
                    UsageError::Unauthorized
                    | UsageError::Refused { .. }
                    | UsageError::Unreadable => {
                        self.offline_since = None;
                    }
                }
                Outcome::UsageFailed {
                    name: name.clone(),
                    reason: err.to_string(),
                }
            }
        };
        if is_asked {
            self.happen(outcome, now);
        }
        effects
    }
}

pub(super) fn start_poll(name: &ProfileName, kept: &mut Kept, now: SystemTime) -> Option<Effect> {
    kept.poll.next_at?;
    let Some(bearer) = kept.working_bearer(now) else {
        // The refresh that is due anyway brings the poll back.
        kept.poll.next_at = Some(now + schedule::MIN_POLL_GAP);
        return None;
    };
    kept.poll.is_running = true;
    kept.poll.started_at = Some(now);
    Some(Effect::PollUsage {
        name: name.clone(),
        bearer,
        network: kept.network.clone(),
    })
}
