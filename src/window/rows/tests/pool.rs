//! What the Pool page says of the router's choice and of each account.

use super::runway::used;
use super::*;
use crate::desk::settings::{Setting, SettingView, SettingsView, Source, TakesEffect};
use crate::desk::{PathView, Term, Terms};

fn pool(snapshot: &Snapshot) -> PoolPage {
    let wish = Wish {
        tab: Tab::Pool,
        ..Wish::default()
    };
    match page_with(snapshot, &wish).open {
        OpenPage::Pool(page) => *page,
        _ => panic!("another page"),
    }
}

fn second(profile: ProfileView) -> String {
    let mut snapshot = snapshot(vec![profile]);
    snapshot.router.strategy = Strategy::RoundRobin;
    pool(&snapshot).accounts[0].second.clone()
}

fn ready(text: &str) -> ProfileView {
    profile(text, vec![week(80.0, hours(90))])
}

fn said(mut profile: ProfileView, term: Term, text: &str) -> ProfileView {
    let mut terms = Terms::clone(&profile.terms);
    terms.say(term, text).unwrap();
    profile.is_in_pool = terms.is_enabled;
    profile.terms = Arc::new(terms);
    profile
}

fn resting(cause: RestCause, model: Option<&str>) -> Rest {
    Rest {
        until: now() + mins(12),
        cause,
        source: RestSource::Guess,
        model: model.map(str::to_owned),
    }
}

#[test]
fn each_account_tells_why_it_is_or_is_not_used() {
    let empty = profile("work", vec![week(0.0, hours(30))]);
    let dead = ProfileView {
        health: Health::SignInAgain,
        ..ready("work")
    };
    let key = ProfileView {
        kind: LoginKind::ApiKey,
        ..unknown("key")
    };
    let failing = ProfileView {
        rest: Some(resting(RestCause::Failing, None)),
        ..ready("work")
    };
    let overloaded = ProfileView {
        model_rests: vec![resting(RestCause::Overloaded, Some("gpt-5"))],
        ..ready("work")
    };
    let low = profile("work", vec![five(12.0, mins(80)), week(88.0, hours(90))]);
    for (profile, expected) in [
        (ready("work"), "ready"),
        (said(ready("work"), Term::Enabled, "no"), "not in the pool"),
        (said(ready("work"), Term::Reserve, "20"), "above reserve"),
        (
            said(ready("work"), Term::Reserve, "90"),
            "reserve 90% on weekly reached, back Tue 07:11",
        ),
        (low, "low, resets in 1h 20m"),
        (empty, "Weekly empty, back Sat 19:11"),
        (dead, "login expired"),
        (key, "paid by the request"),
        (unknown("fresh"), "numbers not known yet"),
        (
            failing,
            "resting until 13:23: it failed several times in a row",
        ),
        (overloaded, "ready, but not for gpt-5 until 13:23"),
    ] {
        assert_eq!(second(profile), expected);
    }
}

#[test]
fn the_one_that_comes_next_is_told_where_that_can_be_said() {
    let all = || vec![ready("a"), profile("b", vec![week(95.0, hours(9))])];
    let next = |strategy| {
        let mut snapshot = snapshot(all());
        snapshot.router.strategy = strategy;
        let accounts = pool(&snapshot).accounts.into_iter();
        accounts.map(|row| row.second).collect::<Vec<_>>()
    };
    assert_eq!(next(Strategy::Ordered), ["next", "ready"]);
    assert_eq!(next(Strategy::LeastUsed), ["ready", "next"]);
    assert_eq!(next(Strategy::RoundRobin), ["ready", "ready"]);
    assert_eq!(
        next(Strategy::Active),
        ["not in use, so not asked", "not in use, so not asked"]
    );
    let mut chosen = snapshot(all());
    chosen.router.routed_to = Some(name("b"));
    let page = pool(&chosen);
    assert_eq!(page.accounts[1].second, "first, chosen by you");
    assert_eq!(
        page.strategy_note.as_deref(),
        Some("b comes first: you chose it for the router.")
    );
}

#[test]
fn only_what_rests_can_be_tried_now() {
    let rests = ProfileView {
        rest: Some(resting(RestCause::Throttled, None)),
        ..ready("a")
    };
    let of_model = ProfileView {
        model_rests: vec![resting(RestCause::LacksModel, Some("gpt-5"))],
        ..ready("b")
    };
    let page = pool(&snapshot(vec![rests, of_model, ready("c")]));
    let can: Vec<_> = page.accounts.iter().map(|row| row.can_retry).collect();
    assert_eq!(can, [true, true, false]);
}

#[test]
fn a_closed_way_and_what_clients_are_told_stand_at_the_foot() {
    let mut snapshot = used(5.0, vec![ready("work")]);
    snapshot.paths = vec![PathView {
        name: "ChatGPT".into(),
        rest: resting(RestCause::Challenged, None),
    }];
    let page = pool(&snapshot);
    assert_eq!(
        page.closed,
        ["ChatGPT is not asked until 13:23: a challenge page is in the way."]
    );
    assert_eq!(
        page.foot,
        "If all are empty, the router answers 429 with the next reset time."
    );
    let empty = vec![profile("personal", vec![five(0.0, mins(169))])];
    assert_eq!(
        pool(&used(5.0, empty)).foot,
        "All accounts are waiting. Next: personal at 16:00."
    );
}

#[test]
fn every_strategy_is_offered_once_and_the_chosen_one_is_told() {
    let mut snapshot = snapshot(vec![ready("work")]);
    for strategy in Strategy::ALL {
        snapshot.router.strategy = strategy;
        let page = pool(&snapshot);
        assert_eq!(page.chosen().map(|row| row.strategy), Some(strategy));
        assert_eq!(page.strategies.len(), Strategy::ALL.len());
        assert_eq!(page.has_priorities, strategy == Strategy::Priority);
    }
}

#[test]
fn what_the_environment_says_is_told_and_cannot_be_chosen() {
    let view = |setting, source| SettingView {
        setting,
        value: "true".into(),
        default: "true".into(),
        source,
        takes_effect: TakesEffect::AtOnce,
    };
    let mut snapshot = snapshot(vec![ready("work")]);
    snapshot.settings = Arc::new(SettingsView {
        all: vec![
            view(
                Setting::Strategy,
                Source::Environment("CODEX_ROUTER_STRATEGY"),
            ),
            view(Setting::Affinity, Source::File),
        ],
        bad: vec![],
    });
    let page = pool(&snapshot);
    assert_eq!(
        page.strategy_lock.as_deref(),
        Some("Set by CODEX_ROUTER_STRATEGY. Change it there.")
    );
    assert_eq!((page.is_sticky, page.sticky_lock), (true, None));
}

#[test]
fn hidden_names_do_not_stand_on_the_page() {
    let mut snapshot = used(5.0, vec![ready("work")]);
    snapshot.hides_emails = true;
    let wish = Wish {
        tab: Tab::Pool,
        hides_emails: true,
        ..Wish::default()
    };
    let page = page_with(&snapshot, &wish);
    let OpenPage::Pool(page) = page.open else {
        panic!("another page")
    };
    let row = &page.accounts[0];
    let told = format!(
        "{} {} {:?} {:?}",
        row.title, row.spoken, page.last, page.lanes
    );
    assert!(!told.contains("work"), "{told}");
}
