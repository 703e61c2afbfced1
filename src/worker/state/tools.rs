//! Other programs and the router: who points at it, and from which profile the user wants it to draw.

use std::time::SystemTime;

use super::super::event::{Effect, ToolWish};
use super::AppState;
use crate::connect;
use crate::desk::{Outcome, SwitchWay, Tool, ToolView};
use crate::profile::ProfileName;
use crate::store::rename::Renamed;

impl AppState {
    /// The router draws from this profile first; nothing: by its strategy.
    pub(super) fn route_to(&mut self, to: Option<ProfileName>, now: SystemTime) -> Vec<Effect> {
        if let Some(name) = &to
            && !self.kept.contains_key(name)
        {
            let reason = format!(
                "there is no account {:?}; `codex-router list` shows them",
                name.as_str()
            );
            self.happen(Outcome::RouteFailed { to, reason }, now);
            return Vec::new();
        }
        // In force at once; it is written down for the next start.
        self.routed_to.clone_from(&to);
        self.routes_under_way += 1;
        vec![Effect::KeepRoute { to }]
    }

    /// Everywhere is the router as well: where the user has chosen for it, the choice goes along.
    pub(super) fn follow_with_route(&mut self, to: &ProfileName, effects: &mut Vec<Effect>) {
        if self.routed_to().is_some_and(|chosen| chosen != to) {
            self.routed_to = Some(to.clone());
            self.routes_under_way += 1;
            effects.push(Effect::KeepRoute {
                to: Some(to.clone()),
            });
        }
    }

    /// The choice for the router is one of an account, not of a name.
    pub(super) fn route_renamed(&mut self, renamed: &Renamed) -> Option<Effect> {
        if self.routed_to.as_ref() != Some(&renamed.from) {
            return None;
        }
        let to = Some(renamed.to.clone());
        self.routed_to.clone_from(&to);
        self.routes_under_way += 1;
        Some(Effect::KeepRoute { to })
    }

    /// How to switch, as the user said it last.
    pub fn switch_way(&self) -> SwitchWay {
        self.settings.switch_way
    }

    pub(super) fn note_route_kept(
        &mut self,
        to: Option<ProfileName>,
        result: Result<(), String>,
        now: SystemTime,
    ) -> Vec<Effect> {
        self.routes_under_way = self.routes_under_way.saturating_sub(1);
        // What was read before this was written tells of the choice before.
        self.oldest_reading = self.last_reading + 1;
        match result {
            Ok(()) => self.happen(Outcome::Routed { to }, now),
            Err(reason) => self.happen(Outcome::RouteFailed { to, reason }, now),
        }
        vec![self.read_disk()]
    }

    /// Takes what `state.json` says, unless the user has just said something newer.
    pub(super) fn note_route_read(&mut self, routed_to: Option<ProfileName>) {
        if self.routes_under_way == 0 {
            self.routed_to = routed_to;
        }
    }

    /// The profile of the user's choice, if there is one of that name.
    pub fn routed_to(&self) -> Option<&ProfileName> {
        self.routed_to
            .as_ref()
            .filter(|name| self.kept.contains_key(name))
    }

    /// The router as other programs find it.
    pub fn router_to_point_at(&self) -> connect::Router {
        let address = self.router.addresses.first().copied();
        connect::Router::at(
            address.unwrap_or(self.router.listen.first()),
            self.keys.is_required,
        )
    }

    pub fn is_codex_on_router(&self) -> bool {
        let router = self.router_to_point_at();
        self.codex_address
            .as_ref()
            .is_some_and(|address| router.is_at(address))
    }

    pub(super) fn change_tool(&self, tool: Tool, wish: ToolWish) -> Vec<Effect> {
        vec![Effect::ChangeTool {
            tool,
            wish,
            router: self.router_to_point_at(),
        }]
    }

    pub(super) fn note_tool_changed(
        &mut self,
        tool: Tool,
        wish: ToolWish,
        result: Result<(), String>,
        tools: Option<Vec<ToolView>>,
        now: SystemTime,
    ) -> Vec<Effect> {
        self.tools = tools.unwrap_or_default();
        let outcome = match (result, wish) {
            (Ok(()), ToolWish::Connect) => Outcome::Connected { tool },
            (Ok(()), ToolWish::Disconnect) => Outcome::Disconnected { tool },
            (Err(reason), _) => Outcome::ToolFailed { tool, reason },
        };
        self.happen(outcome, now);
        // Codex's own settings say more than that, and a key may have been made.
        vec![self.read_disk()]
    }
}
