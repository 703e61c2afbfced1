//! The router: what it is started with, and what it goes by when settings change.

use std::sync::Arc;

use tracing::debug;

use super::super::event::Event;
use super::super::token_desk::TokenDesk;
use super::super::upstream as upstream_of;
use super::Hands;
use crate::desk::Settings;
use crate::desk::settings::Listen;
use crate::router::{self, KnownOffers, Limits, RefusedParameter, RouterConfig, RouterDeps};
use crate::store::state::State;

impl Hands {
    pub(super) async fn start_router(
        &mut self,
        listen: Listen,
        offers: KnownOffers,
        refused: Vec<RefusedParameter>,
        tokens: TokenDesk,
    ) -> Event {
        let (config, deps) = self.router_parts(listen, offers, refused, tokens);
        match router::start(config, deps).await {
            Ok(running) => {
                let addresses = running.addresses().to_vec();
                let home = self.home.clone();
                let address = addresses.first().copied();
                self.tasks.spawn_blocking(move || {
                    if let Err(err) = State::edit(&home, |state| state.set_address(address)) {
                        debug!(error = %err, "the router's address was not noted");
                    }
                });
                self.router = Some(running);
                Event::RouterStarted(Ok(addresses))
            }
            Err(err) => Event::RouterStarted(Err(err)),
        }
    }

    fn router_parts(
        &self,
        listen: Listen,
        offers: KnownOffers,
        refused: Vec<RefusedParameter>,
        tokens: TokenDesk,
    ) -> (RouterConfig, RouterDeps) {
        let deps = RouterDeps {
            pool: self.pool.clone(),
            upstream: self.upstream.clone(),
            tokens: Arc::new(tokens),
            keys: self.keys.clone(),
            meters: self.meters.clone(),
            prices: self.prices.clone(),
            offers,
            refused,
            sessions: self.sessions.clone(),
            reports: self.reports.clone(),
            metrics: self.serves_metrics.then(|| self.metrics.clone()),
        };
        let config = RouterConfig {
            listen,
            hosts: self.hosts.clone(),
            limits: self.limits.clone(),
            models: self.models.clone(),
            websocket: self.websocket,
            affinity: self.affinity,
        };
        (config, deps)
    }

    /// Lets everything that is told settings go by these.
    pub(super) fn apply(&mut self, before: &Settings, now: &Settings, tokens: &TokenDesk) {
        self.models = now.models.clone();
        self.hosts.clone_from(&now.hosts);
        self.websocket = now.websocket;
        self.affinity = now.affinity;
        self.serves_metrics = now.metrics;
        self.limits = Limits {
            preview_bytes: now.ledger.preview_bytes,
            ..(&now.limits).into()
        };
        self.recorder.follow(now);
        if !now.has_same_way_out(before) {
            self.upstream = Arc::new(upstream_of(now));
            self.refresher.upstream = self.upstream.clone();
            self.sign_ins.follow(now, self.upstream.clone());
        }
        if let Some(running) = &self.router {
            let listen = Listen::At(([127, 0, 0, 1], 0).into()); // it stays where it is
            let (config, deps) = self.router_parts(listen, Vec::new(), Vec::new(), tokens.clone());
            running.change(config, deps);
        }
    }
}
