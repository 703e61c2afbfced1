//! New tokens: who asks for one, and what came of it.

use std::time::{Duration, SystemTime};

use tracing::warn;

use super::super::event::Effect;
use super::super::kept::{Kept, REFRESH_GAP, Unsaved};
use super::super::refresher::{RefreshFailure, Refreshed, SAVE_AGAIN_EVERY};
use super::super::schedule;
use super::polling::start_poll;
use super::unsaved::unsaved_in_words;
use super::{AppState, Polls};
use crate::desk::Outcome;
use crate::profile::{AuthFile, Fingerprint, Health, ProfileName};
use crate::router::NoToken;

impl AppState {
    pub(super) fn refresh_when_asked(&mut self, name: ProfileName, now: SystemTime) -> Vec<Effect> {
        let reason = match self.kept.get_mut(&name) {
            None => "there is no such account".to_owned(),
            Some(kept) => {
                kept.refresh.is_asked = true;
                match (
                    kept.profile.health(),
                    kept.profile
                        .login
                        .as_ref()
                        .ok()
                        .and_then(AuthFile::refresh_fingerprint),
                ) {
                    (Health::Fine, Some(_)) if kept.refresh.is_running => return Vec::new(),
                    (Health::Fine, Some(_)) if !kept.may_redeem() => kept
                        .refresh
                        .unsaved
                        .as_ref()
                        .map(|unsaved| unsaved_in_words(&name, unsaved))
                        .unwrap_or_default(),
                    (Health::Fine, Some(_)) => {
                        kept.refresh.is_running = true;
                        return vec![Effect::Refresh { name }];
                    }
                    (Health::Fine, None) => {
                        "this login has no refresh token; there is nothing to renew".to_owned()
                    }
                    (Health::SignInAgain, _) => {
                        "OpenAI no longer accepts this login; sign in again".to_owned()
                    }
                    (Health::Unreadable(reason), _) => reason.to_string(),
                    (Health::NotRoutable { mode }, _) => {
                        format!("logins of the kind {mode} are renewed by Codex itself")
                    }
                }
            }
        };
        self.happen(Outcome::TokenRefreshFailed { name, reason }, now);
        Vec::new()
    }

    pub(super) fn note_token_wanted(
        &mut self,
        name: ProfileName,
        stale: &Fingerprint,
        now: SystemTime,
    ) -> Vec<Effect> {
        let Some(kept) = self.kept.get_mut(&name) else {
            return vec![Effect::AnswerWaiters {
                name,
                with: Err(gone()),
            }];
        };
        let answer = match kept.profile.health() {
            Health::Fine => kept.access().ok_or_else(sign_in_again),
            Health::SignInAgain => Err(sign_in_again()),
            Health::Unreadable(_) | Health::NotRoutable { .. } => Err(gone()),
        };
        let current = kept.profile.login.as_ref().ok().and_then(AuthFile::chatgpt);
        let is_newer = current.is_some_and(|login| {
            login.access_token.fingerprint() != *stale && !login.expires_within(Duration::ZERO, now)
        });
        if answer.is_err() || is_newer {
            return vec![Effect::AnswerWaiters { name, with: answer }];
        }
        if kept.refresh.is_running {
            return Vec::new();
        }
        if current.is_none_or(|login| login.refresh_token.is_none()) {
            return vec![Effect::AnswerWaiters {
                name,
                with: Err(sign_in_again()),
            }];
        }
        if let Some(reason) = kept.network.trouble() {
            let with = Err(NoToken(reason.to_owned()));
            return vec![Effect::AnswerWaiters { name, with }];
        }
        if kept.is_just_renewed(now) {
            // The new one is refused as well, or a clock is wrong: another would fare no better.
            let is_other = current.is_some_and(|login| login.access_token.fingerprint() != *stale);
            let with = answer.and_then(|access| is_other.then_some(access).ok_or_else(not_now));
            return vec![Effect::AnswerWaiters { name, with }];
        }
        let is_waiting =
            kept.refresh.failures > 0 && kept.refresh.next_at.is_some_and(|at| now < at);
        if is_waiting || !kept.may_redeem() {
            return vec![Effect::AnswerWaiters {
                name,
                with: Err(not_now()),
            }];
        }
        kept.refresh.is_running = true;
        vec![Effect::Refresh { name }]
    }

    pub(super) fn note_refreshed(
        &mut self,
        name: ProfileName,
        result: Result<Refreshed, RefreshFailure>,
        now: SystemTime,
    ) -> Vec<Effect> {
        // What was read before this shows the token that has been redeemed.
        let read_disk = self.read_disk();
        self.oldest_reading = self.last_reading;
        let Some(kept) = self.kept.get_mut(&name) else {
            if let Ok(refreshed) = result {
                if let Some(file) = refreshed.kept_aside {
                    let name = name.clone();
                    self.happen(Outcome::KeptAside { name, file }, now);
                }
                if let Some((redeemed, reason)) = refreshed.unsaved {
                    let unsaved = Unsaved::new(refreshed.auth, redeemed, reason, now);
                    self.keep_orphan(name.clone(), unsaved);
                }
            }
            let answer = Effect::AnswerWaiters {
                name,
                with: Err(gone()),
            };
            return vec![answer, read_disk];
        };
        kept.refresh.is_running = false;
        let is_asked = std::mem::take(&mut kept.refresh.is_asked);
        let mut effects = vec![read_disk];
        let mut is_news = true;
        let outcome = match result {
            Ok(refreshed) => {
                kept.refresh.failures = 0;
                kept.refresh.done_at = Some(now);
                kept.refresh.blocked = None;
                kept.refresh.last_error = None;
                let is_exchanged = match (kept.profile.identity(), refreshed.auth.identity()) {
                    (Some(kept), Some(refreshed)) => kept != refreshed,
                    _ => false,
                };
                if !is_exchanged {
                    kept.profile.login = Ok(refreshed.auth.clone());
                }
                kept.replan_refresh();
                let unsaved = refreshed
                    .unsaved
                    .map(|(redeemed, reason)| Unsaved::new(refreshed.auth, redeemed, reason, now));
                let with = kept.access().ok_or_else(gone);
                effects.push(Effect::AnswerWaiters {
                    name: name.clone(),
                    with,
                });
                if kept.usage_error.is_some() || kept.usage.is_none() || kept.poll.is_asked {
                    kept.poll.next_at = Some(now);
                    if self.polls == Polls::WhenAsked && kept.poll.is_asked {
                        effects.extend(start_poll(&name, kept, now));
                    }
                }
                let outcome = match &unsaved {
                    None => Outcome::TokenRefreshed { name: name.clone() },
                    Some(unsaved) => Outcome::TokenRefreshFailed {
                        reason: unsaved_in_words(&name, unsaved),
                        name: name.clone(),
                    },
                };
                self.replace_unsaved(&name, unsaved);
                if let Some(file) = refreshed.kept_aside {
                    self.happen(Outcome::KeptAside { name, file }, now);
                }
                outcome
            }
            Err(failure) => {
                kept.refresh.failures = kept.refresh.failures.saturating_add(1);
                kept.refresh.last_error = Some((failure.to_string(), now));
                let retry_at = |asked| {
                    Some(schedule::refresh_retry(
                        &name,
                        kept.refresh.failures,
                        asked,
                        now,
                    ))
                };
                let (with, next_at) = match &failure {
                    RefreshFailure::SignInAgain { .. } => (sign_in_again(), None),
                    RefreshFailure::Later { retry_after, .. } => {
                        (not_now(), retry_at(*retry_after))
                    }
                    // When the setting is another one it is planned anew.
                    RefreshFailure::NoWayOut(reason) => {
                        // One that the state has not seen may be mended before it does.
                        let is_unseen = kept.network.trouble().is_none();
                        let next_at = is_unseen.then(|| now + SAVE_AGAIN_EVERY);
                        (NoToken(reason.clone()), next_at)
                    }
                    // Nothing was sent, so nobody is bothered by trying again soon.
                    RefreshFailure::NotPossible(_) => (not_now(), Some(now + SAVE_AGAIN_EVERY)),
                };
                let was_blocked = kept.refresh.blocked.take();
                if let RefreshFailure::NotPossible(reason) = &failure {
                    is_news = was_blocked.as_ref() != Some(reason);
                    kept.refresh.blocked = Some(reason.clone());
                }
                if is_news {
                    warn!(profile = %name, error = %failure, "login not renewed");
                }
                if let RefreshFailure::SignInAgain { token, .. } = &failure {
                    kept.profile.side.set_rejected(Some(token));
                }
                kept.refresh.next_at = next_at;
                if std::mem::take(&mut kept.poll.is_asked) {
                    kept.usage_error = Some(failure.to_string());
                }
                effects.push(Effect::AnswerWaiters {
                    name: name.clone(),
                    with: Err(with),
                });
                Outcome::TokenRefreshFailed {
                    name,
                    reason: failure.to_string(),
                }
            }
        };
        if is_asked || (is_news && matches!(outcome, Outcome::TokenRefreshFailed { .. })) {
            self.happen(outcome, now);
        }
        effects
    }
}

/// A refused access token is worth one new one, unless it was new itself.
pub(super) fn may_refresh(kept: &Kept, now: SystemTime) -> bool {
    let login = kept.profile.login.as_ref().ok().and_then(AuthFile::chatgpt);
    let is_new = login
        .and_then(|login| login.claims.issued_at)
        .is_some_and(|at| now.duration_since(at).is_ok_and(|age| age < REFRESH_GAP));
    let has_token = login.is_some_and(|login| login.refresh_token.is_some());
    let is_new = is_new || kept.is_just_renewed(now);
    has_token
        && !is_new
        && kept.network.trouble().is_none()
        && kept.may_redeem()
        && kept.profile.health() == Health::Fine
}

pub(super) fn gone() -> NoToken {
    NoToken("this login is not there any more".into())
}

pub(super) fn sign_in_again() -> NoToken {
    NoToken("OpenAI no longer accepts this login; sign in again".into())
}

pub(super) fn not_now() -> NoToken {
    NoToken("the login could not be renewed right now".into())
}
