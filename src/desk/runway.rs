//! How long the pool lasts: who of a snapshot is drawn from and in which order, for the forecast of [`crate::usage::runway`].

use std::time::SystemTime;

use super::snapshot::{LoginKind, ProfileView, Snapshot};
use crate::pool::{Strategy, Tier};
use crate::profile::{Health, ProfileName};
use crate::usage::runway::{Drawn, Outlook, Rule, Runway};
use crate::usage::{Usage, Window};

/// The forecast, and of whom it speaks.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolRunway {
    /// One for each lane, in their order: as the router goes through them, as far as that can be said.
    pub names: Vec<ProfileName>,
    pub runway: Runway,
    /// Accounts that the router uses too and whose windows are not known: they are not counted.
    pub unknown: usize,
    /// The same for numbers that are too old: of those only what is empty, and until when, is still true.
    pub old: usize,
    /// One that is paid by the request would serve when nothing else can.
    pub has_paid: bool,
    /// The next account that gets its window back, of those that are low or waiting now.
    pub next_back: Option<(ProfileName, SystemTime)>,
}

/// An account that the router may draw from.
struct Member<'a> {
    profile: &'a ProfileView,
    usage: &'a Usage,
    group: u8,
}

impl PoolRunway {
    pub fn of(snapshot: &Snapshot, now: SystemTime) -> Self {
        let strategy = snapshot.router.strategy;
        let usable = || {
            let all = snapshot.profiles.iter();
            all.filter(|profile| is_drawn_from(profile, snapshot))
        };
        let mut members: Vec<Member<'_>> = usable()
            .filter_map(|profile| {
                Some(Member {
                    profile,
                    usage: known(profile)?,
                    group: group(profile, snapshot),
                })
            })
            .filter(|member| !member.profile.kind.is_paid_by_request())
            .collect();
        let all_known = members.len();
        members.retain(|member| {
            let is_old = snapshot.is_stale(member.usage, now);
            !is_old || member.usage.blocked_until(now).is_some()
        });
        let old = all_known - members.len();
        members.sort_by(|a, b| {
            let order = |member: &Member<'_>| {
                let order = member.profile.terms.order;
                (member.group, order.is_none(), order)
            };
            order(a)
                .cmp(&order(b))
                .then_with(|| a.profile.name.cmp(&b.profile.name))
        });
        let drawn: Vec<Drawn<'_>> = members
            .iter()
            .map(|member| drawn(member, snapshot, now))
            .collect();
        let runway = Runway::of(&drawn, rule(strategy), now);
        let paid = usable().filter(|profile| profile.kind.is_paid_by_request());
        let has_paid = paid.count() > 0;
        let unknown = usable()
            .filter(|profile| !profile.kind.is_paid_by_request())
            .count()
            - all_known;
        Self {
            runway: honest(runway, unknown + old > 0),
            unknown,
            old,
            has_paid,
            next_back: next_back(&members, now),
            names: members
                .iter()
                .map(|member| member.profile.name.clone())
                .collect(),
        }
    }
}

fn known(profile: &ProfileView) -> Option<&Usage> {
    let usage = profile.usage.as_deref();
    usage.filter(|usage| !usage.windows.is_empty())
}

/// An account of which nothing is known may have something left: then nobody knows that nothing is usable.
fn honest(runway: Runway, has_unknown: bool) -> Runway {
    match runway.outlook {
        Outlook::NothingUntil(_) | Outlook::Nobody if has_unknown => Runway {
            outlook: Outlook::TooLittleHistory,
            next: None,
            hourly_percent: None,
            lanes: Vec::new(),
            level: Vec::new(),
        },
        _ => runway,
    }
}

/// Whether the router would ask it, pauses and empty windows aside.
fn is_drawn_from(profile: &ProfileView, snapshot: &Snapshot) -> bool {
    let router = &snapshot.router;
    let is_chosen = router.routed_to.as_ref() == Some(&profile.name);
    let is_meant = router.strategy != Strategy::Active || profile.is_active || is_chosen;
    let has_login = profile.health == Health::Fine
        && !matches!(profile.kind, LoginKind::Other(_) | LoginKind::Unknown);
    profile.is_in_pool && has_login && is_meant
}

/// The user's own choice comes before everything that the strategy says.
fn group(profile: &ProfileView, snapshot: &Snapshot) -> u8 {
    if snapshot.router.routed_to.as_ref() == Some(&profile.name) {
        return 0;
    }
    match (snapshot.router.strategy, profile.terms.tier) {
        (Strategy::Priority, Some(Tier::First)) => 1,
        (Strategy::Priority, Some(Tier::Last)) => 3,
        _ => 2,
    }
}

fn drawn<'a>(member: &Member<'a>, snapshot: &'a Snapshot, now: SystemTime) -> Drawn<'a> {
    let terms = &member.profile.terms;
    let reserve = |window: &Window| terms.reserve.of(window.kind());
    let rest = member.profile.rest.as_ref();
    Drawn {
        usage: member.usage,
        recent: snapshot
            .recent_use
            .get(&member.profile.name)
            .map(AsRef::as_ref),
        reserve: member.usage.windows.iter().map(reserve).collect(),
        blocked_until: rest
            .filter(|rest| rest.until > now)
            .map(|rest| Some(rest.until)),
        group: member.group,
        weight: match snapshot.router.strategy {
            Strategy::RoundRobin | Strategy::Priority => terms.weight,
            _ => 1,
        },
    }
}

/// Which account answers first is drawn by lot among the fast ones, which comes to taking turns.
fn rule(strategy: Strategy) -> Rule {
    match strategy {
        Strategy::Active | Strategy::Ordered => Rule::InOrder,
        Strategy::RoundRobin | Strategy::Priority | Strategy::Fastest => Rule::InTurn,
        Strategy::LeastUsed | Strategy::Sticky => Rule::MostLeft,
        Strategy::SoonestReset => Rule::SoonestReset,
    }
}

fn next_back(members: &[Member<'_>], now: SystemTime) -> Option<(ProfileName, SystemTime)> {
    let back = members.iter().filter_map(|member| {
        let rest = member.profile.rest.as_ref().filter(|it| it.until > now);
        let reserve = member.profile.terms.reserve.reached(member.usage, now);
        // Whatever keeps it out must be over.
        let blocks = [
            member.usage.blocked_until(now),
            reserve.map(|(_window, until)| until),
            rest.map(|rest| Some(rest.until)),
        ];
        let ends: Option<Vec<_>> = blocks.into_iter().flatten().collect();
        let at = match ends?.into_iter().max() {
            Some(until) => until,
            None => {
                let binding = member.usage.binding(now)?;
                let reserve = member.profile.terms.reserve.of(binding.kind());
                let low = crate::usage::runway::LOW.max(f64::from(reserve));
                (binding.left_percent(now) <= low).then_some(binding.resets_at?)?
            }
        };
        (at > now).then(|| (member.profile.name.clone(), at))
    });
    back.min_by_key(|(_, at)| *at)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::desk::{PromptCache, Rest, RestCause, RestSource, Term, Terms, TokenHealth};
    use crate::profile::About;
    use crate::usage::RecentUse;

    const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn in_hours(hours: u64) -> SystemTime {
        now() + Duration::from_secs(hours * 3_600)
    }

    fn name(text: &str) -> ProfileName {
        ProfileName::existing(text).unwrap()
    }

    fn account(text: &str, left: f64, resets_in: u64) -> ProfileView {
        ProfileView {
            name: name(text),
            kind: LoginKind::ChatGpt,
            email: None,
            plan: None,
            workspace: None,
            health: Health::Fine,
            about: About::default(),
            token: TokenHealth::default(),
            is_active: text == "active",
            is_in_pool: true,
            terms: Arc::default(),
            bad_terms: vec![],
            network: crate::desk::NetworkView::default(),
            rest: None,
            model_rests: vec![],
            usage: Some(Arc::new(Usage {
                plan: None,
                windows: vec![Window {
                    length: WEEK,
                    used_percent: 100.0 - left,
                    resets_at: Some(in_hours(resets_in)),
                }],
                extra: vec![],
                is_limit_reached: false,
                credits: None,
                reset_credits: None,
                fetched_at: now(),
            })),
            usage_error: None,
            is_refreshing: false,
            prompt_cache: PromptCache::default(),
            expires_at: None,
            last_refresh_at: None,
        }
    }

    fn said(mut profile: ProfileView, term: Term, text: &str) -> ProfileView {
        let mut terms = Terms::clone(&profile.terms);
        terms.say(term, text).unwrap();
        profile.is_in_pool = terms.is_enabled;
        profile.terms = Arc::new(terms);
        profile
    }

    /// Ten percent an hour were used, all of them of the first account.
    fn runway(strategy: Strategy, profiles: Vec<ProfileView>) -> PoolRunway {
        let mut recent = RecentUse::default();
        for hour in 0..=10_u8 {
            let window = Window {
                length: WEEK,
                used_percent: 10.0 * f64::from(hour),
                resets_at: None,
            };
            let ago = Duration::from_secs(3_600 * u64::from(10 - hour));
            recent.note_window(&window, now() - ago);
        }
        let first = profiles.first().map(|profile| profile.name.clone());
        let mut snapshot = Snapshot {
            profiles,
            recent_use: first
                .into_iter()
                .map(|name| (name, Arc::new(recent.clone())))
                .collect(),
            ..Snapshot::default()
        };
        snapshot.router.strategy = strategy;
        PoolRunway::of(&snapshot, now())
    }

    fn names(runway: &PoolRunway) -> Vec<&str> {
        runway.names.iter().map(ProfileName::as_str).collect()
    }

    #[test]
    fn only_those_are_counted_that_the_router_would_ask() {
        let out = said(account("out", 90.0, 90), Term::Enabled, "no");
        let dead = ProfileView {
            health: Health::SignInAgain,
            ..account("dead", 90.0, 90)
        };
        let key = ProfileView {
            kind: LoginKind::ApiKey,
            usage: None,
            ..account("key", 0.0, 1)
        };
        let unknown = ProfileView {
            usage: None,
            ..account("unknown", 0.0, 1)
        };
        let all = vec![account("work", 50.0, 90), out, dead, key, unknown];
        let told = runway(Strategy::LeastUsed, all);
        assert_eq!(names(&told), ["work"]);
        assert_eq!((told.unknown, told.has_paid), (1, true));
        assert_eq!(told.runway.outlook, Outlook::Until(in_hours(5)));
    }

    #[test]
    fn accounts_come_as_the_strategy_has_them() {
        let all = || {
            vec![
                said(account("a", 50.0, 90), Term::Order, "2"),
                said(account("b", 50.0, 90), Term::Order, "1"),
                said(account("active", 30.0, 90), Term::Priority, "last"),
                said(account("d", 20.0, 90), Term::Priority, "first"),
            ]
        };
        let by = |strategy| runway(strategy, all());
        assert_eq!(names(&by(Strategy::Ordered)), ["b", "a", "active", "d"]);
        assert_eq!(names(&by(Strategy::Priority)), ["d", "b", "a", "active"]);
        assert_eq!(names(&by(Strategy::Active)), ["active"]);
        let mut snapshot = Snapshot {
            profiles: all(),
            ..Snapshot::default()
        };
        snapshot.router.strategy = Strategy::Ordered;
        snapshot.router.routed_to = Some(name("d"));
        let chosen = PoolRunway::of(&snapshot, now());
        assert_eq!(names(&chosen), ["d", "b", "a", "active"]);
    }

    #[test]
    fn a_rest_and_a_reserve_are_counted() {
        let resting = ProfileView {
            rest: Some(Rest {
                until: in_hours(2),
                cause: RestCause::Failing,
                source: RestSource::Guess,
                model: None,
            }),
            ..account("work", 50.0, 90)
        };
        let told = runway(Strategy::Ordered, vec![resting]);
        assert_eq!(
            told.runway.outlook,
            Outlook::NothingUntil(Some(in_hours(2)))
        );
        let kept = said(account("work", 50.0, 90), Term::Reserve, "20");
        let told = runway(Strategy::Ordered, vec![kept]);
        assert_eq!(told.runway.outlook, Outlook::Until(in_hours(3)));
    }

    #[test]
    fn one_of_which_nothing_is_known_may_have_something_left() {
        let empty = account("work", 0.0, 5);
        let unknown = ProfileView {
            usage: None,
            ..account("fresh", 0.0, 1)
        };
        let told = runway(Strategy::Ordered, vec![empty.clone()]);
        assert_eq!(
            told.runway.outlook,
            Outlook::NothingUntil(Some(in_hours(5)))
        );
        let told = runway(Strategy::Ordered, vec![empty, unknown]);
        assert_eq!(told.runway.outlook, Outlook::TooLittleHistory);
        let told = runway(Strategy::Ordered, vec![]);
        assert_eq!(told.runway.outlook, Outlook::Nobody);
    }

    #[test]
    fn old_numbers_promise_nothing_and_what_is_empty_stays_empty() {
        let told = |left, age: u64| {
            let mut account = account("work", left, 5);
            let mut usage = Usage::clone(account.usage.as_ref().unwrap());
            usage.fetched_at = now() - Duration::from_secs(age);
            account.usage = Some(Arc::new(usage));
            let snapshot = Snapshot {
                profiles: vec![account],
                poll_interval: Duration::from_secs(600),
                ..Snapshot::default()
            };
            let told = PoolRunway::of(&snapshot, now());
            (told.old, told.runway.outlook)
        };
        assert_eq!(told(50.0, 1_799), (0, Outlook::TooLittleHistory));
        assert_eq!(told(50.0, 1_800), (1, Outlook::TooLittleHistory));
        let empty = Outlook::NothingUntil(Some(in_hours(5)));
        assert_eq!(told(0.0, 1_800), (0, empty));
    }

    #[test]
    fn an_account_is_back_when_nothing_keeps_it_out_any_more() {
        let mut rested = account("rested", 0.0, 2);
        rested.rest = Some(Rest {
            cause: RestCause::Failing,
            source: RestSource::Guess,
            until: in_hours(5),
            model: None,
        });
        let mut reserved = account("reserved", 10.0, 7);
        let mut terms = Terms::default();
        terms.say(Term::Reserve, "20").unwrap();
        reserved.terms = Arc::new(terms);
        let told = runway(Strategy::LeastUsed, vec![rested.clone(), reserved.clone()]);
        assert_eq!(told.next_back, Some((name("rested"), in_hours(5))));
        let told = runway(Strategy::LeastUsed, vec![reserved]);
        assert_eq!(told.next_back, Some((name("reserved"), in_hours(7))));
    }

    #[test]
    fn next_back_is_the_first_reset_that_helps() {
        let all = vec![
            account("fine", 80.0, 1),
            account("low", 12.0, 4),
            account("empty", 0.0, 3),
        ];
        let told = runway(Strategy::LeastUsed, all);
        assert_eq!(told.next_back, Some((name("empty"), in_hours(3))));
        let told = runway(Strategy::LeastUsed, vec![account("fine", 80.0, 1)]);
        assert_eq!(told.next_back, None);
    }
}
