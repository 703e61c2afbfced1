//! What was refused to one profile, or on one path: the pauses, the breaker, and the cell in which the router marks the newest.

use std::sync::Arc;
use std::time::SystemTime;

use crate::pool::breaker::{Breaker, Opened, Pace};
use crate::pool::cooldown::Refused;
use crate::pool::{Cooldown, Cooldowns, Live, RestCause, RestSource, Told};

#[derive(Debug)]
pub struct Refusals {
    pub cooldowns: Arc<Cooldowns>,
    /// Shared with every pool.
    pub live: Live,
    breaker: Breaker,
    pace: Pace,
    /// Of the latest report that is in `cooldowns` and perhaps not yet in a published pool.
    heard_at: Option<SystemTime>,
    /// Whether `cooldowns` or the breaker are others than those that were last kept for the next run.
    pub is_changed: bool,
}

impl Refusals {
    pub fn new(pace: Pace) -> Self {
        Self {
            cooldowns: Arc::default(),
            live: Live::default(),
            breaker: Breaker::new(pace),
            pace,
            heard_at: None,
            is_changed: false,
        }
    }

    /// It was refused; `model` when that is about a model only.
    pub fn note(
        &mut self,
        model: Option<&str>,
        cause: RestCause,
        told: Option<Told>,
        refused: Refused<'_>,
    ) {
        self.change(|cooldowns| cooldowns.note(model, cause, told, refused));
    }

    /// It failed, which says something only when it does so often.
    pub fn note_failure(&mut self, refused: Refused<'_>) {
        let opened = self.with_breaker(|breaker| breaker.note_failure(refused.began, refused.now));
        if let Some(until) = opened {
            let source = RestSource::Guess;
            let told = Some(Told { until, source });
            self.note(None, RestCause::Failing, told, refused);
        }
    }

    /// An attempt with this model that began then was answered to its end.
    pub fn note_served(&mut self, model: &str, began: SystemTime, now: SystemTime) {
        let is_closed = self.with_breaker(|breaker| breaker.note_success(began));
        if self.cooldowns.is_empty() {
            return;
        }
        self.change(|cooldowns| {
            let is_open = |all: &mut Cooldown| all.cause == RestCause::Failing && !is_closed;
            let stays = cooldowns.all.take_if(is_open);
            cooldowns.note_served(model, began, now);
            cooldowns.all = stays.or(cooldowns.all.take());
        });
    }

    /// Everything that was reported up to then is in `cooldowns`.
    pub fn hear(&mut self, at: SystemTime) {
        self.heard_at = self.heard_at.max(Some(at));
    }

    /// What is known here is published: the marks have done their part.
    pub fn settle(&mut self) {
        if let Some(at) = self.heard_at.take() {
            self.live.settle(at);
        }
    }

    /// Ends everything by the user's wish.
    pub fn try_now(&mut self, at: SystemTime) {
        self.change(|cooldowns| cooldowns.try_now(at));
        self.close();
        self.live.clear();
    }

    /// Usage numbers from before the user's last wish keep nobody away.
    pub fn doubt_usage(&mut self, tried_now_at: Option<SystemTime>) {
        self.change(|cooldowns| cooldowns.tried_now_at = tried_now_at);
    }

    /// All of it was about another account.
    pub fn forget(&mut self) {
        self.change(|cooldowns| *cooldowns = Cooldowns::default());
        self.close();
        self.live.clear();
    }

    /// What an earlier run knew of: a pause, and how the breaker was that made it.
    pub fn restore(&mut self, model: Option<String>, cooldown: Cooldown, opened: Option<Opened>) {
        self.change(|cooldowns| cooldowns.restore(model, cooldown));
        if let Some(opened) = opened {
            self.breaker.restore(opened);
        }
    }

    /// How the breaker is, if it is open.
    pub fn opened(&self) -> Option<Opened> {
        self.breaker.opened()
    }

    fn close(&mut self) {
        let pace = self.pace;
        self.with_breaker(|breaker| *breaker = Breaker::new(pace));
    }

    fn with_breaker<T>(&mut self, work: impl FnOnce(&mut Breaker) -> T) -> T {
        let before = self.breaker.opened();
        let result = work(&mut self.breaker);
        self.is_changed |= before != self.breaker.opened();
        result
    }

    pub fn change(&mut self, change: impl FnOnce(&mut Cooldowns)) {
        let before = self.cooldowns.clone();
        change(Arc::make_mut(&mut self.cooldowns));
        self.is_changed |= before != self.cooldowns;
    }
}
