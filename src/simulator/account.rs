//! An account of the pretend upstream: who it is, what it has left, which models it may use.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use super::{
    door::Side,
    tokens::later,
    window::{Credits, Limit, Window},
};

/// No source states the real lifetime; ten days is what this project assumes.
const ACCESS_LIFETIME: Duration = Duration::from_secs(10 * 24 * 3600);

/// A ChatGPT account, an API key or an endpoint, built by chaining.
///
/// A fresh ChatGPT account has the plan `plus`, an unused five-hour and an unused weekly window, and ids that follow from
/// its name: `user-<name>`, `workspace-<name>`, `<name>@example.com`.
#[derive(Clone)]
pub struct Account {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) email: String,
    pub(super) plan: String,
    pub(super) user_id: String,
    pub(super) workspace_id: String,
    pub(super) access_lifetime: Duration,
    pub(super) windows: Vec<Window>,
    pub(super) code_review: Vec<Window>,
    pub(super) additional_limits: Vec<Limit>,
    pub(super) limit_reached: Option<bool>,
    pub(super) credits: Option<Credits>,
    pub(super) models: Option<Vec<String>>,
    pub(super) percent_per_reply: f64,
    pub(super) sends_limit_event: bool,
}

/// Which of the doors the account opens.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Kind {
    ChatGpt,
    ApiKey(String),
    /// The key of an endpoint on this side.
    Endpoint(Side, String),
}

impl Account {
    /// Signs in by OAuth and is served below [`Simulator::chatgpt_base_url`](super::Simulator::chatgpt_base_url).
    pub fn chatgpt(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind: Kind::ChatGpt,
            email: format!("{name}@example.com"),
            plan: "plus".to_owned(),
            user_id: format!("user-{name}"),
            workspace_id: format!("workspace-{name}"),
            access_lifetime: ACCESS_LIFETIME,
            windows: vec![
                Window::five_hour(0.0, Duration::from_secs(5 * 3600)),
                Window::weekly(0.0, Duration::from_secs(7 * 24 * 3600)),
            ],
            code_review: Vec::new(),
            additional_limits: Vec::new(),
            limit_reached: None,
            credits: None,
            models: None,
            percent_per_reply: 0.0,
            sends_limit_event: false,
        }
    }

    /// An API key, `sk-fake-<name>`, served below [`Simulator::openai_base_url`](super::Simulator::openai_base_url).
    pub fn api_key(name: &str) -> Self {
        Self {
            kind: Kind::ApiKey(format!("sk-fake-{name}")),
            windows: Vec::new(),
            ..Self::chatgpt(name)
        }
    }

    /// A resource of Azure OpenAI with the key `key-fake-<name>`, below
    /// [`Simulator::azure_base_url`](super::Simulator::azure_base_url). Its models are its deployments.
    pub fn azure(name: &str) -> Self {
        Self {
            kind: Kind::Endpoint(Side::Azure, format!("key-fake-{name}")),
            ..Self::api_key(name)
        }
    }

    /// A key, `key-fake-<name>`, for a server that knows only chats, below
    /// [`Simulator::compatible_base_url`](super::Simulator::compatible_base_url).
    pub fn compatible(name: &str) -> Self {
        Self {
            kind: Kind::Endpoint(Side::Compatible, format!("key-fake-{name}")),
            ..Self::api_key(name)
        }
    }

    pub fn email(mut self, email: &str) -> Self {
        self.email = email.to_owned();
        self
    }

    /// An open string: `free`, `plus`, `pro`, `team` ….
    pub fn plan(mut self, plan: &str) -> Self {
        self.plan = plan.to_owned();
        self
    }

    /// Two accounts with one user id are one person with two workspaces.
    pub fn user_id(mut self, user_id: &str) -> Self {
        self.user_id = user_id.to_owned();
        self
    }

    /// What `ChatGPT-Account-Id` must say.
    pub fn workspace_id(mut self, workspace_id: &str) -> Self {
        self.workspace_id = workspace_id.to_owned();
        self
    }

    /// Replaces the key of an account that has one; a ChatGPT account has none and stays as it is.
    pub fn key(mut self, key: &str) -> Self {
        if let Kind::ApiKey(current) | Kind::Endpoint(_, current) = &mut self.kind {
            *current = key.to_owned();
        }
        self
    }

    /// From the issue of an access token to its `exp`, for tokens issued from now on.
    pub fn access_lifetime(mut self, lifetime: Duration) -> Self {
        self.access_lifetime = lifetime;
        self
    }

    /// The first is reported as `primary_window`, the second as `secondary_window`, whatever their lengths; none at all
    /// reports `rate_limit: null`. Further ones belong into [`Account::additional_limit`].
    ///
    /// While one of them stands at 100 %, an unscripted request gets the usage-limit refusal.
    pub fn windows(mut self, windows: impl IntoIterator<Item = Window>) -> Self {
        self.windows = windows.into_iter().collect();
        self
    }

    /// Reported as `code_review_rate_limit`.
    pub fn code_review(mut self, windows: impl IntoIterator<Item = Window>) -> Self {
        self.code_review = windows.into_iter().collect();
        self
    }

    /// One more entry of `additional_rate_limits`, and one more family of limit headers.
    pub fn additional_limit(
        mut self,
        name: &str,
        metered_feature: &str,
        windows: impl IntoIterator<Item = Window>,
    ) -> Self {
        self.additional_limits.push(Limit {
            name: name.to_owned(),
            metered_feature: metered_feature.to_owned(),
            windows: windows.into_iter().collect(),
        });
        self
    }

    /// What the usage report claims, against what the windows say.
    pub fn limit_reached(mut self, limit_reached: bool) -> Self {
        self.limit_reached = Some(limit_reached);
        self
    }

    pub fn credits(mut self, credits: Credits) -> Self {
        self.credits = Some(credits);
        self
    }

    /// Only these models are served and listed. Without this call: the whole catalogue.
    pub fn models<'a>(mut self, slugs: impl IntoIterator<Item = &'a str>) -> Self {
        self.models = Some(slugs.into_iter().map(str::to_owned).collect());
        self
    }

    /// How far one answered request moves the shortest window; longer ones move less, in proportion. 0 unless set.
    pub fn percent_per_reply(mut self, percent: f64) -> Self {
        self.percent_per_reply = percent;
        self
    }

    /// Every stream begins with the private `codex.rate_limits` event (codex-rs/codex-api/src/rate_limits.rs).
    pub fn sends_limit_event(mut self) -> Self {
        self.sends_limit_event = true;
        self
    }

    /// Counts one answered request against the windows.
    pub(super) fn spend(&mut self, now: SystemTime) {
        let Some(shortest) = self.windows.iter().map(|window| window.length).min() else {
            return;
        };
        for window in &mut self.windows {
            let share = shortest.as_secs_f64() / window.length.as_secs_f64().max(1.0);
            *window = window.at(now);
            window.used_percent = (window.used_percent + self.percent_per_reply * share).min(100.0);
        }
    }

    /// How long until the longest of the used-up windows resets; `None` while there is something left.
    pub(super) fn used_up_for(&self, now: SystemTime) -> Option<Duration> {
        self.windows
            .iter()
            .map(|window| window.at(now))
            .filter(|window| window.used_percent >= 100.0)
            .map(|window| window.resets_in(now))
            .max()
    }

    /// The same account as it looks when the limit that resets in `resets_in` has been hit.
    pub(super) fn used_up(mut self, resets_in: Duration, now: SystemTime) -> Self {
        let hit = self
            .windows
            .iter()
            .position(|window| window.length >= resets_in)
            .or(self.windows.len().checked_sub(1));
        if let Some(window) = hit.and_then(|index| self.windows.get_mut(index)) {
            window.used_percent = 100.0;
            window.resets_at = later(now, resets_in);
        }
        self
    }
}

impl fmt::Debug for Account {
    /// Leaves the key out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::ChatGpt => "chatgpt",
            Kind::ApiKey(_) => "API key",
            Kind::Endpoint(..) => "endpoint",
        };
        f.debug_struct("Account")
            .field("name", &self.name)
            .field("kind", &kind)
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}
