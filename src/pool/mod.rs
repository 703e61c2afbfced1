//! The profiles that the router may draw from, and the choice among them.
//!
//! Values only: `worker` makes a new [`Pool`] whenever the truth changes, `router` reads it. Choosing is a pure function of the
//! pool, what is needed, what was drawn, and the time. A member that is left out always carries its reason.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use crate::profile::{Endpoint, Network, ProfileName, Secret};
use crate::usage::Usage;

pub mod affinity;
pub mod breaker;
pub mod choose;
pub mod cooldown;
pub mod live;
pub mod rank;
pub mod speed;
pub mod spend;
pub mod standing;
pub mod strategy;
pub mod term;
pub mod terms;

pub use choose::{Candidate, Choice, LeftOut, ModelHope, Need, Reason, WhyNot, choose, choose_for};
pub use cooldown::{
    Cooldown, Cooldowns, Cooling, GUESSED_THROTTLE_REST, Rest, RestCause, RestSource, Scope,
    Standing, Told,
};
pub use live::Live;
pub use rank::{Draw, Score};
pub use speed::Speed;
pub use spend::{Amount, Spend};
pub use standing::{Path, Permits};
pub use strategy::{Strategy, UnknownStrategy};
pub use term::{BadTerm, Term};
pub use terms::{Terms, Tier};

/// Everything the router needs to know to pick a profile and speak for it. Holds secrets; never reaches a face.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    pub members: Vec<Arc<Member>>,
    /// Profiles whose login cannot be used at all, so that an error can name them.
    pub unusable: Vec<Unusable>,
    /// The profile that the Codex CLI itself uses.
    pub active: Option<ProfileName>,
    pub strategy: Strategy,
    /// The user's own choice: it comes first whatever the strategy says, as long as it can be used.
    pub routed_to: Option<ProfileName>,
    /// Logins are encrypted and nobody has given the passphrase yet, so there is no member.
    pub is_locked: bool,
    /// The ways to the upstreams of the members.
    pub paths: Vec<Path>,
}

#[derive(Clone, Debug)]
pub struct Member {
    pub name: ProfileName,
    pub access: Access,
    /// How its requests get out.
    pub network: Arc<Network>,
    pub terms: Arc<Terms>,
    pub usage: Option<Arc<Usage>>,
    /// What it was refused, and until when that is believed.
    pub cooldowns: Arc<Cooldowns>,
    /// What came after that.
    pub live: Live,
    /// The models on its own list when it last told one; none when it never did. A list grows old, so nobody is left out by it.
    pub offers: Option<Arc<[String]>>,
    pub in_flight: InFlight,
    pub speed: Speed,
    pub spend: Spend,
}

impl Member {
    /// One of which nothing else is known yet.
    pub fn new(name: ProfileName, access: Access) -> Self {
        Self {
            name,
            access,
            network: Arc::default(),
            terms: Arc::default(),
            usage: None,
            cooldowns: Arc::default(),
            live: Live::default(),
            offers: None,
            in_flight: InFlight::default(),
            speed: Speed::default(),
            spend: Spend::default(),
        }
    }

    /// With a pause from `since` to `until`, for all of it or for one model.
    #[cfg(test)]
    pub fn paused(
        mut self,
        model: Option<&str>,
        cause: RestCause,
        since: SystemTime,
        until: SystemTime,
    ) -> Self {
        let cooldown = Cooldown::known(cause, RestSource::ResetsAt, since, until);
        Arc::make_mut(&mut self.cooldowns).restore(model.map(str::to_owned), cooldown);
        self
    }
}

/// What speaks for the profile upstream.
#[derive(Clone, Debug)]
pub enum Access {
    ChatGpt {
        access_token: Secret,
        account_id: Option<String>,
        is_fedramp: bool,
        expires_at: Option<SystemTime>,
    },
    ApiKey {
        key: Secret,
    },
    /// Address and key in one, so that no key reaches another host.
    Endpoint(Arc<Endpoint>),
}

/// A profile that cannot serve until the user does something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    pub name: ProfileName,
    pub trouble: Trouble,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    SignInAgain,
    Unreadable,
    /// A kind of login that this program only shows.
    NotRoutable,
    /// Its own proxy or headers cannot be understood, and nothing goes out without them.
    NoWayOut,
}

/// How many requests a member is serving. Shared by all pools that hold the member, so a new pool does not lose count.
#[derive(Clone, Debug, Default)]
pub struct InFlight(Arc<AtomicUsize>);

/// Marks a member busy until dropped.
#[derive(Debug)]
pub struct Lease {
    member: Arc<Member>,
}

impl InFlight {
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Lease {
    pub fn take(member: Arc<Member>) -> Self {
        member.in_flight.0.fetch_add(1, Ordering::Relaxed);
        Self { member }
    }

    pub fn member(&self) -> &Arc<Member> {
        &self.member
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.member.in_flight.0.fetch_sub(1, Ordering::Relaxed);
    }
}
