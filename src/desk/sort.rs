//! In which order accounts stand in a list: one judgement for every face.

use std::cmp::Ordering;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::snapshot::{LoginKind, ProfileView};
use super::words;
use crate::pool::RestCause;
use crate::profile::{Health, ProfileName};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    #[default]
    UsableSoonest,
    MostLeft,
    Name,
    /// The user's own ([`crate::pool::Term::Order`]).
    Own,
    Plan,
}

/// Usable first, then what comes back by itself, then what needs the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    Usable,
    /// Nothing is known yet, or there is nothing to know.
    Unknown,
    Waiting,
    Attention,
    NotPooled,
}

/// What an account's place in a list depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    is_pinned: bool,
    pub rank: Rank,
    /// Of the binding window; what has none comes after all that have one.
    left_percent: f64,
    /// When one that waits is back, if that is known.
    back_at: Option<SystemTime>,
    /// As it is called on screen, in small letters.
    called: String,
    name: ProfileName,
    order: Option<u32>,
    plan: Option<String>,
}

/// Where one account goes in the user's own order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    First,
    Last,
    Before(ProfileName),
}

impl Sort {
    pub const ALL: [Self; 5] = [
        Self::UsableSoonest,
        Self::MostLeft,
        Self::Name,
        Self::Own,
        Self::Plan,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::UsableSoonest => "Usable soonest",
            Self::MostLeft => "Most left",
            Self::Name => "Name",
            Self::Own => "My order",
            Self::Plan => "Plan",
        }
    }
}

impl Place {
    pub fn of(profile: &ProfileView, now: SystemTime) -> Self {
        let (rank, left_percent, back_at) = judged(profile, now);
        let is_set_aside = !profile.is_in_pool && !needs_user(profile);
        Self {
            is_pinned: profile.about.is_pinned,
            rank: if is_set_aside { Rank::NotPooled } else { rank },
            left_percent,
            back_at,
            called: words::called(profile, false).to_lowercase(),
            name: profile.name.clone(),
            order: profile.terms.order,
            plan: profile.plan.as_deref().map(words::plan_label),
        }
    }

    /// How two accounts stand to each other. What is pinned comes before all others, however they are sorted.
    pub fn compare(&self, other: &Self, sort: Sort) -> Ordering {
        let by_left = || other.left_percent.total_cmp(&self.left_percent);
        // An unknown moment comes after every known one.
        let by_return = || {
            let key = |place: &Self| (place.back_at.is_none(), place.back_at);
            key(self).cmp(&key(other))
        };
        let by_order = || {
            let key = |place: &Self| (place.order.is_none(), place.order);
            key(self).cmp(&key(other))
        };
        let by_plan = || {
            let key = |place: &Self| (place.plan.is_none(), place.plan.clone());
            key(self).cmp(&key(other))
        };
        let sorted = match sort {
            Sort::UsableSoonest => self.rank.cmp(&other.rank).then_with(|| match self.rank {
                Rank::Waiting => by_return(),
                Rank::Usable | Rank::Unknown | Rank::Attention | Rank::NotPooled => by_left(),
            }),
            Sort::MostLeft => by_left(),
            Sort::Name => Ordering::Equal,
            Sort::Own => by_order(),
            Sort::Plan => by_plan(),
        };
        other
            .is_pinned
            .cmp(&self.is_pinned)
            .then(sorted)
            .then_with(|| self.called.cmp(&other.called))
            .then_with(|| self.name.cmp(&other.name))
    }
}

/// Sorts a whole list.
pub fn sorted<'a>(
    profiles: impl IntoIterator<Item = &'a ProfileView>,
    sort: Sort,
    now: SystemTime,
) -> Vec<&'a ProfileView> {
    let placed = |profile: &'a ProfileView| (Place::of(profile, now), profile);
    let mut placed: Vec<_> = profiles.into_iter().map(placed).collect();
    placed.sort_by(|(a, _), (b, _)| a.compare(b, sort));
    placed
        .into_iter()
        .map(|(_place, profile)| profile)
        .collect()
}

/// Whether an account is what somebody looks for: every word stands somewhere in what is known of it. While e-mails are hidden
/// neither they nor what the user calls the account can be found by.
pub fn is_found(profile: &ProfileView, search: &str, hides_emails: bool) -> bool {
    let about = &profile.about;
    let mut haystack = words::called(profile, hides_emails);
    let mut add = |text: &str| {
        haystack.push('\n');
        haystack.push_str(text);
    };
    if !hides_emails {
        add(profile.name.as_str());
        profile.email.as_deref().into_iter().for_each(&mut add);
        profile.workspace.as_deref().into_iter().for_each(&mut add);
        about.note.as_deref().into_iter().for_each(&mut add);
        about.tags.iter().for_each(|tag| add(tag));
    }
    if let Some(plan) = &profile.plan {
        add(&words::plan_label(plan));
    }
    if let LoginKind::Endpoint { kind, host } = &profile.kind {
        add(words::endpoint_label(*kind));
        add(host);
    }
    profile
        .terms
        .group
        .as_deref()
        .into_iter()
        .for_each(&mut add);
    let haystack = haystack.to_lowercase();
    let search = search.to_lowercase();
    search
        .split_whitespace()
        .all(|word| haystack.contains(word))
}

/// The user's own order of all accounts as it is: the numbered ones, then the others by name. Pins are of lists, not of it.
pub fn own_order(profiles: &[ProfileView]) -> Vec<ProfileName> {
    let mut all: Vec<_> = profiles.iter().collect();
    all.sort_by_key(|profile| {
        let order = profile.terms.order;
        (order.is_none(), order, &profile.name)
    });
    all.into_iter()
        .map(|profile| profile.name.clone())
        .collect()
}

/// The same with one account moved. Where it is to go to is not there: nothing.
pub fn moved(
    mut order: Vec<ProfileName>,
    name: &ProfileName,
    to: &Move,
) -> Option<Vec<ProfileName>> {
    let from = order.iter().position(|it| it == name)?;
    let name = order.remove(from);
    let place = match to {
        Move::First => 0,
        Move::Last => order.len(),
        Move::Before(other) if *other == name => from,
        Move::Before(other) => order.iter().position(|it| it == other)?,
    };
    order.insert(place, name);
    Some(order)
}

/// Whether nothing but the user's doing makes it of use.
fn needs_user(profile: &ProfileView) -> bool {
    match &profile.health {
        Health::SignInAgain | Health::Unreadable(_) | Health::NotRoutable { .. } => true,
        Health::Fine => matches!(profile.kind, LoginKind::Other(_)),
    }
}

fn judged(profile: &ProfileView, now: SystemTime) -> (Rank, f64, Option<SystemTime>) {
    const NO_WINDOW: f64 = -1.0;
    if needs_user(profile) {
        return (Rank::Attention, NO_WINDOW, None);
    }
    if profile.kind.is_paid_by_request() {
        return (Rank::Usable, NO_WINDOW, None);
    }
    let usage = profile.usage.as_deref();
    if let Some(until) = usage.and_then(|usage| usage.blocked_until(now)) {
        return (Rank::Waiting, 0.0, until);
    }
    let is_limit = |until: SystemTime, cause| until > now && cause == RestCause::UsageLimit;
    if let Some(rest) = &profile.rest
        && is_limit(rest.until, rest.cause)
    {
        return (Rank::Waiting, 0.0, Some(rest.until));
    }
    match (usage, &profile.usage_error) {
        (Some(usage), _) => match usage.binding(now) {
            Some(binding) => (Rank::Usable, binding.left_percent(now), None),
            None => (Rank::Unknown, NO_WINDOW, None),
        },
        (None, Some(_)) => (Rank::Attention, NO_WINDOW, None),
        (None, None) => (Rank::Unknown, NO_WINDOW, None),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::desk::{PromptCache, TokenHealth};
    use crate::pool::Terms;
    use crate::profile::{About, Unreadable};
    use crate::usage::{Usage, Window};

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn name(text: &str) -> ProfileName {
        ProfileName::existing(text).unwrap()
    }

    fn unknown(text: &str) -> ProfileView {
        ProfileView {
            name: name(text),
            kind: LoginKind::ChatGpt,
            email: None,
            plan: None,
            workspace: None,
            health: Health::Fine,
            about: About::default(),
            token: TokenHealth::default(),
            is_active: false,
            is_in_pool: true,
            terms: Arc::default(),
            bad_terms: vec![],
            network: crate::desk::NetworkView::default(),
            rest: None,
            model_rests: vec![],
            usage: None,
            usage_error: None,
            is_refreshing: false,
            prompt_cache: PromptCache::default(),
            expires_at: None,
            last_refresh_at: None,
        }
    }

    fn used(text: &str, used_percent: f64, resets_in: u64) -> ProfileView {
        let usage = Usage {
            plan: None,
            windows: vec![Window {
                length: Duration::from_secs(604_800),
                used_percent,
                resets_at: Some(NOW + Duration::from_secs(resets_in)),
            }],
            extra: vec![],
            is_limit_reached: false,
            credits: None,
            reset_credits: None,
            fetched_at: NOW,
        };
        ProfileView {
            usage: Some(Arc::new(usage)),
            ..unknown(text)
        }
    }

    fn ordered(text: &str, order: u32) -> ProfileView {
        ProfileView {
            terms: Arc::new(Terms {
                order: Some(order),
                ..Terms::default()
            }),
            ..unknown(text)
        }
    }

    fn in_order(profiles: &[ProfileView], sort: Sort) -> String {
        let sorted = sorted(profiles, sort, NOW);
        let names: Vec<_> = sorted.iter().map(|it| it.name.as_str()).collect();
        names.join(" ")
    }

    #[test]
    fn usable_soonest_puts_what_helps_first_and_what_needs_the_user_last() {
        let own = ProfileView {
            is_in_pool: false,
            ..used("own", 0.0, 9)
        };
        let dead = ProfileView {
            health: Health::SignInAgain,
            ..unknown("dead")
        };
        let broken = ProfileView {
            health: Health::Unreadable(Unreadable("x".into())),
            is_in_pool: false,
            ..unknown("broken")
        };
        let key = ProfileView {
            kind: LoginKind::ApiKey,
            ..unknown("key")
        };
        let all = [
            own,
            broken,
            dead,
            used("late", 100.0, 900),
            used("soon", 100.0, 90),
            unknown("fresh"),
            key,
            used("some", 60.0, 9),
            used("most", 10.0, 9),
        ];
        assert_eq!(
            in_order(&all, Sort::UsableSoonest),
            "most some key fresh soon late broken dead own"
        );
        assert_eq!(
            in_order(&all, Sort::MostLeft),
            "own most some late soon broken dead fresh key"
        );
    }

    #[test]
    fn pins_stand_before_everything_and_names_are_what_is_read() {
        let pinned = |view: ProfileView| ProfileView {
            about: About {
                is_pinned: true,
                ..view.about.clone()
            },
            ..view
        };
        let labelled = ProfileView {
            about: About {
                label: Some("alpha".into()),
                ..About::default()
            },
            ..unknown("zz")
        };
        let all = [
            unknown("Beta"),
            labelled,
            pinned(unknown("omega")),
            unknown("gamma"),
        ];
        assert_eq!(in_order(&all, Sort::Name), "omega zz Beta gamma");
        assert_eq!(in_order(&all, Sort::UsableSoonest), "omega zz Beta gamma");
    }

    #[test]
    fn the_users_order_and_the_plan_sort_what_has_none_to_the_end() {
        let all = [unknown("a"), ordered("b", 7), ordered("c", 2)];
        assert_eq!(in_order(&all, Sort::Own), "c b a");
        assert_eq!(own_order(&all), ["c", "b", "a"].map(name));
        let plan = |text: &str, plan: &str| ProfileView {
            plan: Some(plan.into()),
            ..unknown(text)
        };
        let all = [
            unknown("a"),
            plan("b", "team"),
            plan("c", "plus"),
            plan("d", "team"),
        ];
        assert_eq!(in_order(&all, Sort::Plan), "c b d a");
    }

    #[test]
    fn an_account_is_found_by_all_that_is_known_of_it_but_not_by_what_is_hidden() {
        let view = ProfileView {
            email: Some("Ana@example.test".into()),
            plan: Some("team".into()),
            workspace: Some("Nord GmbH".into()),
            about: About {
                label: Some("Büro".into()),
                note: Some("for Fridays".into()),
                tags: vec!["Client".into()],
                is_pinned: false,
            },
            ..unknown("work")
        };
        for search in ["", "WORK", "büro", "ana@", "nord", "team", "client friday"] {
            assert!(is_found(&view, search, false), "{search}");
        }
        assert!(!is_found(&view, "client monday", false));
        for search in ["work", "büro", "ana@", "nord", "client", "friday"] {
            assert!(!is_found(&view, search, true), "{search}");
        }
        assert!(is_found(&view, "team account", true));
    }

    #[test]
    fn one_account_is_moved_and_the_others_keep_their_order() {
        let order = || ["a", "b", "c", "d"].map(name).to_vec();
        let after = |text: &str, to: Move| {
            let moved = moved(order(), &name(text), &to)?;
            Some(moved.iter().map(ProfileName::as_str).collect::<String>())
        };
        assert_eq!(after("c", Move::First).as_deref(), Some("cabd"));
        assert_eq!(after("a", Move::Last).as_deref(), Some("bcda"));
        assert_eq!(after("d", Move::Before(name("b"))).as_deref(), Some("adbc"));
        assert_eq!(after("b", Move::Before(name("b"))).as_deref(), Some("abcd"));
        assert_eq!(after("x", Move::First), None);
        assert_eq!(after("a", Move::Before(name("x"))), None);
    }
}
