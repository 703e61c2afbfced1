//! The router: on, off, elsewhere, and what it reports of attempts and requests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use tracing::debug;

use super::super::bindings;
use super::super::event::Effect;
use super::super::record::record_of;
use super::super::refusals::Refusals;
use super::super::schedule;
use super::{AppState, KEEP_USAGE_AFTER};
use crate::desk::record::RequestRecord;
use crate::desk::settings::Listen;
use crate::desk::{LastRequest, RouterState};
use crate::ledger::Row;
use crate::pool::cooldown::Refused;
use crate::pool::{Access, Amount, Scope};
use crate::profile::ProfileName;
use crate::router::{AttemptOutcome, AttemptResult, Meaning, Report, RequestDone, StartError};

/// A face shows the last few; all of them are in the ledger.
const MAX_LAST_REQUESTS: usize = 50;

impl AppState {
    pub(super) fn turn_router_on(&mut self, listen: Listen) -> Vec<Effect> {
        self.router.is_wanted = true;
        match self.router.state {
            RouterState::On if listen == self.router.listen => Vec::new(),
            RouterState::Starting => {
                // Seen to when it has started where it was meant to be before.
                self.router.listen = listen;
                Vec::new()
            }
            RouterState::On => {
                self.router.listen = listen;
                vec![Effect::StopRouter]
            }
            RouterState::Off | RouterState::PortTaken { .. } | RouterState::Failed(_) => {
                self.router.listen = listen;
                self.router.starts_on = listen;
                self.router.state = RouterState::Starting;
                vec![Effect::StartRouter {
                    listen,
                    offers: self.offers(),
                    refused: self.refused.clone(),
                }]
            }
        }
    }

    pub(super) fn note_router_started(
        &mut self,
        result: Result<Vec<SocketAddr>, StartError>,
    ) -> Vec<Effect> {
        let is_meant_elsewhere = self.router.listen != self.router.starts_on;
        match result {
            Ok(addresses) => {
                self.router.addresses = addresses;
                self.router.state = RouterState::On;
                if !self.router.is_wanted || is_meant_elsewhere {
                    return vec![Effect::StopRouter];
                }
            }
            Err(_elsewhere) if self.router.is_wanted && is_meant_elsewhere => {
                self.router.state = RouterState::Off;
                return self.turn_router_on(self.router.listen);
            }
            Err(StartError::PortTaken {
                address,
                holder,
                free_port,
            }) => {
                self.router.state = RouterState::PortTaken {
                    port: address.port(),
                    holder,
                    free_port,
                };
            }
            Err(err) => self.router.state = RouterState::Failed(err.to_string()),
        }
        Vec::new()
    }

    pub(super) fn note_report(&mut self, report: Report, now: SystemTime) -> Vec<Effect> {
        match report {
            Report::Attempt(outcome) => self.note_attempt(outcome, now),
            Report::Models { profile, models } => match self.kept.get_mut(&profile) {
                Some(kept) => {
                    kept.note_models(models);
                    vec![Effect::KeepModels(self.offers())]
                }
                None => Vec::new(),
            },
            Report::Bound(binding) => vec![Effect::Record(bindings::row_of(binding))],
            Report::Refused(all) => {
                self.refused.clone_from(&all);
                vec![Effect::KeepRefused(all)]
            }
            Report::Request(done) => {
                self.router.requests += 1;
                debug!(
                    id = %done.id,
                    key = done.key.as_ref().and_then(|id| Some(self.keys.get(id)?.label.as_str())),
                    dialect = done.dialect.as_str(),
                    model = %done.model,
                    profile = done.profile.as_ref().map(ProfileName::as_str),
                    reason = done.reason.map(tracing::field::display),
                    status = done.status,
                    is_complete = done.is_complete,
                    retries = done.retries,
                    took_ms = done.took.as_millis(),
                    "request done"
                );
                let server = done.profile.as_ref().zip(done.tokens);
                if let Some((name, tokens)) = server
                    && let Some(kept) = self.kept.get_mut(name)
                {
                    kept.prompt_cache.add(tokens.input, tokens.cached);
                }
                self.router.last_request = Some(last_request(&done));
                let server = done.profile.as_ref();
                let is_paid = server
                    .and_then(|name| self.kept.get(name))
                    .is_some_and(|kept| {
                        let access = kept.access();
                        matches!(access, Some(Access::ApiKey { .. } | Access::Endpoint(_)))
                    });
                let total = done.tokens.or(done.estimate).map_or(0, |it| it.total);
                let record = Arc::new(record_of(*done, is_paid, &self.prices));
                self.note_spending(&record, total, now);
                self.router.last_requests.truncate(MAX_LAST_REQUESTS - 1);
                self.router.last_requests.push_front(record.clone());
                vec![Effect::Record(Row::Request(record))]
            }
        }
    }

    /// Counts for the limits of the user's terms what a request has used. A cost that nobody knows counts as none.
    fn note_spending(&self, record: &RequestRecord, tokens: u64, now: SystemTime) {
        let server = record.profile.as_ref().and_then(|name| self.kept.get(name));
        if let Some(kept) = server.filter(|_| record.tokens.is_some()) {
            let amount = Amount {
                tokens,
                micro_dollars: record.cost.unwrap_or_default().0,
            };
            kept.spend.add(amount, now);
        }
    }

    pub(super) fn note_attempt(&mut self, outcome: AttemptOutcome, now: SystemTime) -> Vec<Effect> {
        let Some(kept) = self.kept.get_mut(&outcome.profile) else {
            return Vec::new();
        };
        if let Some(usage) = outcome.usage {
            kept.note_usage(usage, now);
            self.keep_usage_at.get_or_insert(now + KEEP_USAGE_AFTER);
        }
        let (began, model) = (outcome.began, outcome.model.as_str());
        let path = kept.path();
        let mut path = path.and_then(|path| self.paths.get_mut(&path));
        let live = &kept.refusals.live;
        match outcome.result.meaning_at(live, began, outcome.at) {
            Meaning::Served => {
                kept.refusals.note_served(model, began, now);
                if let Some(path) = &mut path {
                    path.note_served(model, began, now);
                }
            }
            Meaning::Pause(cooling) if outcome.counts => match cooling.scope {
                Scope::Profile => kept.note_refusal(None, cooling.cause, cooling.told, began, now),
                Scope::Model => {
                    kept.note_refusal(Some(model), cooling.cause, cooling.told, began, now);
                }
                Scope::Path | Scope::PathModel => {
                    let model = (cooling.scope == Scope::PathModel).then_some(model);
                    if let Some(path) = &mut path {
                        let refused = refused_on_path(began, now);
                        path.note(model, cooling.cause, cooling.told, refused);
                    }
                }
            },
            Meaning::Failure(scope) if outcome.counts => match scope {
                Scope::Profile | Scope::Model => kept.note_failure(began, now),
                Scope::Path | Scope::PathModel => {
                    if let Some(path) = &mut path {
                        path.note_failure(refused_on_path(began, now));
                    }
                }
            },
            Meaning::Nothing | Meaning::Pause(_) | Meaning::Failure(_) => {}
        }
        kept.refusals.hear(outcome.at);
        if let Some(path) = path {
            path.hear(outcome.at);
        }
        if matches!(outcome.result, AttemptResult::UsageLimit { .. }) {
            // Ask how it really stands, as soon as that is polite.
            let earliest = kept
                .poll
                .started_at
                .map_or(now, |at| (at + schedule::MIN_POLL_GAP).max(now));
            kept.poll.next_at = kept.poll.next_at.map(|at| at.min(earliest));
        }
        self.note_time(now)
    }

    /// The pool that holds all of this is published.
    pub fn settle(&mut self) {
        let of_profiles = self.kept.values_mut().map(|kept| &mut kept.refusals);
        of_profiles
            .chain(self.paths.values_mut())
            .for_each(Refusals::settle);
    }
}

/// Whoever waits for the path waits for the same moment.
fn refused_on_path(began: SystemTime, now: SystemTime) -> Refused<'static> {
    Refused {
        began,
        now,
        salt: "",
        is_polled: true,
    }
}

pub(super) fn last_request(done: &RequestDone) -> LastRequest {
    LastRequest {
        model: done.model.clone(),
        profile: done.profile.clone(),
        status: done.status,
        is_complete: done.is_complete,
        took: done.took,
        at: done.at,
    }
}
