//! What the icon tells about a snapshot, and how far its numbers can be believed.
//!
//! The account in use feeds the lanes. Values only: the moment is an argument.

use std::time::SystemTime;

use super::icon::{Lanes, Meter};
use crate::desk::{LoginKind, ProfileView, RouterState, Snapshot};
use crate::profile::Health;
use crate::usage::{Usage, Window};

/// Longer windows belong into the lower lane: a week, or the month of a free plan.
const LONG_SECS: u64 = 86_400;
/// After so many poll intervals without news a number is history.
const STALE_INTERVALS: u32 = 3;

/// What the icon shows at `now`.
pub fn meter(snapshot: &Snapshot, now: SystemTime) -> Meter {
    Meter {
        lanes: snapshot
            .active()
            .map_or(Lanes::Plain, |profile| lanes(snapshot, profile, now)),
        is_serving: snapshot.router.state == RouterState::On,
    }
}

fn lanes(snapshot: &Snapshot, profile: &ProfileView, now: SystemTime) -> Lanes {
    match profile.health {
        Health::SignInAgain | Health::Unreadable(_) => return Lanes::Dead,
        Health::NotRoutable { .. } => return Lanes::Plain,
        Health::Fine => {}
    }
    let usage = match (&profile.kind, &profile.usage) {
        (LoginKind::ChatGpt, Some(usage)) if !usage.windows.is_empty() => usage,
        _ => return Lanes::Plain,
    };
    let is_long = |window: &&Window| window.length.as_secs() >= LONG_SECS;
    let left = |window| left_percent(usage, window, now);
    Lanes::Levels {
        upper: usage.windows.iter().find(|w| !is_long(w)).map(left),
        lower: usage.windows.iter().find(is_long).map(left),
        is_stale: is_stale(snapshot, usage, now),
    }
}

/// What is left of one window. The upstream may say "no more" without a number that shows it: then the tightest window is the
/// empty one.
pub(super) fn left_percent(usage: &Usage, window: &Window, now: SystemTime) -> f64 {
    let is_named = || usage.binding(now) == Some(window);
    if usage.blocked_until(now).is_some() && is_named() {
        0.0
    } else {
        window.left_percent(now)
    }
}

pub(super) fn is_stale(snapshot: &Snapshot, usage: &Usage, now: SystemTime) -> bool {
    stale_at(snapshot, usage).is_some_and(|at| now > at)
}

/// The last moment at which these numbers are fresh. `None` without polling.
pub(super) fn stale_at(snapshot: &Snapshot, usage: &Usage) -> Option<SystemTime> {
    let patience = snapshot.poll_interval.checked_mul(STALE_INTERVALS)?;
    if patience.is_zero() {
        return None;
    }
    usage.fetched_at.checked_add(patience)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::samples::*;
    use super::*;
    use crate::profile::Unreadable;

    fn lanes_of(profile: ProfileView) -> Lanes {
        meter(&snapshot([in_use(profile)]), now()).lanes
    }

    #[test]
    fn the_account_in_use_feeds_the_lanes() {
        let others = chatgpt("other", [five_hours(99.0, 1), week(99.0, 50)]);
        let work = in_use(chatgpt("work", [five_hours(34.0, 3), week(49.0, 80)]));
        assert_eq!(
            meter(&snapshot([others, work]), now()),
            Meter {
                lanes: Lanes::Levels {
                    upper: Some(66.0),
                    lower: Some(51.0),
                    is_stale: false
                },
                is_serving: true
            }
        );
    }

    #[test]
    fn the_dot_is_for_a_router_that_serves() {
        let mut snapshot = snapshot([]);
        for (state, is_serving) in [
            (RouterState::On, true),
            (RouterState::Starting, false),
            (RouterState::Off, false),
            (RouterState::Failed("no".into()), false),
        ] {
            snapshot.router.state = state;
            assert_eq!(meter(&snapshot, now()).is_serving, is_serving);
        }
    }

    #[test]
    fn a_missing_window_leaves_its_lane_missing() {
        let weekly_only = lanes_of(chatgpt("free", [week(49.0, 80)]));
        assert!(matches!(
            weekly_only,
            Lanes::Levels {
                upper: None,
                lower: Some(_),
                ..
            }
        ));
        let monthly_only = lanes_of(chatgpt("free", [month(49.0)]));
        assert!(matches!(
            monthly_only,
            Lanes::Levels {
                upper: None,
                lower: Some(_),
                ..
            }
        ));
        let short_only = lanes_of(chatgpt("odd", [five_hours(1.0, 1)]));
        assert!(matches!(
            short_only,
            Lanes::Levels {
                upper: Some(_),
                lower: None,
                ..
            }
        ));
    }

    #[test]
    fn a_login_without_windows_has_plain_lanes_and_a_dead_one_a_cross() {
        assert_eq!(lanes_of(chatgpt("new", [])), Lanes::Plain);
        assert_eq!(lanes_of(api_key("key")), Lanes::Plain);
        assert_eq!(meter(&snapshot([]), now()).lanes, Lanes::Plain);
        let mut other = api_key("agent");
        other.health = Health::NotRoutable {
            mode: "agentIdentity".into(),
        };
        assert_eq!(lanes_of(other), Lanes::Plain);

        let mut dead = chatgpt("old", [week(10.0, 80)]);
        dead.health = Health::SignInAgain;
        assert_eq!(lanes_of(dead.clone()), Lanes::Dead);
        dead.health = Health::Unreadable(Unreadable("it is no JSON".into()));
        assert_eq!(lanes_of(dead), Lanes::Dead);
    }

    #[test]
    fn numbers_are_stale_after_three_intervals_without_news() {
        let work = snapshot([in_use(chatgpt("work", [week(49.0, 80)]))]);
        let is_stale = |after| match meter(&work, now() + Duration::from_secs(after)).lanes {
            Lanes::Levels { is_stale, .. } => is_stale,
            lanes => panic!("{lanes:?}"),
        };
        assert_eq!([0, 1_800, 1_801].map(is_stale), [false, false, true]);
        let mut unpolled = work.clone();
        unpolled.poll_interval = Duration::ZERO;
        assert_eq!(
            stale_at(&unpolled, unpolled.profiles[0].usage.as_ref().unwrap()),
            None
        );
    }

    #[test]
    fn no_more_without_a_number_empties_the_tightest_window() {
        let mut told = chatgpt("work", [five_hours(34.0, 3), week(49.0, 80)]);
        edit_usage(&mut told, |usage| usage.is_limit_reached = true);
        let Lanes::Levels { upper, lower, .. } = lanes_of(told) else {
            panic!("it has levels");
        };
        assert_eq!((upper, lower), (Some(66.0), Some(0.0)));
    }
}
