use std::sync::Arc;

use super::*;
use crate::desk::{
    Happening, LastRequest, Live, LoginKind, Notice, Outcome, ProfileView, Rest, RestCause,
    RouterState, RouterView, Strategy,
};
use crate::profile::{Health, Unreadable, name::ProfileName};
use crate::usage::{Credits, Usage, Window};

/// Friday, 2026-11-20 13:11:00 UTC.
fn now() -> SystemTime {
    "2026-11-20T13:11:00Z"
        .parse::<jiff::Timestamp>()
        .unwrap()
        .into()
}

const fn mins(mins: u64) -> Duration {
    Duration::from_secs(mins * 60)
}

const fn hours(hours: u64) -> Duration {
    mins(hours * 60)
}

fn name(text: &str) -> ProfileName {
    ProfileName::existing(text).unwrap()
}

fn window(length: Duration, left: f64, resets_in: Duration) -> Window {
    Window {
        length,
        used_percent: 100.0 - left,
        resets_at: Some(now() + resets_in),
    }
}

fn five(left: f64, resets_in: Duration) -> Window {
    window(hours(5), left, resets_in)
}

fn week(left: f64, resets_in: Duration) -> Window {
    window(hours(7 * 24), left, resets_in)
}

fn usage(windows: Vec<Window>) -> Usage {
    Usage {
        plan: None,
        windows,
        extra: Vec::new(),
        is_limit_reached: false,
        credits: None,
        reset_credits: None,
        fetched_at: now() - Duration::from_secs(12),
    }
}

fn profile(text: &str, windows: Vec<Window>) -> ProfileView {
    ProfileView {
        name: name(text),
        kind: LoginKind::ChatGpt,
        email: Some(format!("{text}@example.dev")),
        plan: Some("plus".into()),
        workspace: None,
        health: Health::Fine,
        is_active: false,
        is_in_pool: true,
        rest: None,
        usage: Some(Arc::new(usage(windows))),
        usage_error: None,
        is_refreshing: false,
        expires_at: None,
        last_refresh_at: None,
    }
}

/// Changes what was told of a profile's usage.
fn with_usage(mut profile: ProfileView, change: impl FnOnce(&mut Usage)) -> ProfileView {
    let mut usage = profile.usage.as_deref().unwrap().clone();
    change(&mut usage);
    profile.usage = Some(Arc::new(usage));
    profile
}

fn in_use(mut profile: ProfileView) -> ProfileView {
    profile.is_active = true;
    profile
}

fn unknown(text: &str) -> ProfileView {
    ProfileView {
        usage: None,
        ..profile(text, Vec::new())
    }
}

/// As the worker would publish it, with the router on and nothing else to tell.
fn snapshot(profiles: Vec<ProfileView>) -> Snapshot {
    let live = profiles
        .iter()
        .find(|profile| profile.is_active)
        .map_or(Live::Missing, |active| Live::Saved(active.name.clone()));
    Snapshot {
        is_loaded: true,
        home: "~/.codex".into(),
        live,
        profiles,
        router: RouterView {
            state: RouterState::On,
            address: Some("127.0.0.1:9876".parse().unwrap()),
            ..RouterView::default()
        },
        poll_interval: mins(10),
        ..Snapshot::default()
    }
}

fn page_with(snapshot: &Snapshot, wish: &Wish<'_>) -> Page {
    Page::of(snapshot, now(), &TimeZone::UTC, wish)
}

fn page(snapshot: &Snapshot) -> Page {
    page_with(snapshot, &Wish::default())
}

fn row(profile: ProfileView) -> Row {
    let page = page(&snapshot(vec![profile]));
    page.rows().next().unwrap().clone()
}

/// The two lines at the right of a row, as one text.
fn right(row: &Row) -> String {
    match &row.right {
        Right::Skeleton => "…".into(),
        Right::Lines {
            lead, figure, note, ..
        } => format!("{lead} {figure} | {note}").trim().to_owned(),
    }
}

fn card(profile: ProfileView) -> ActiveCard {
    page(&snapshot(vec![in_use(profile)])).active.unwrap()
}

fn blocks(card: &ActiveCard) -> &[WindowBlock] {
    match &card.body {
        CardBody::Windows(blocks) => blocks,
        other => panic!("no windows but {other:?}"),
    }
}

fn names(page: &Page) -> Vec<&str> {
    page.rows().map(|row| row.name.as_str()).collect()
}

// Rows

#[test]
fn a_ready_account_shows_its_binding_window() {
    let spare = row(profile(
        "spare",
        vec![five(100.0, hours(4)), week(94.0, hours(90))],
    ));
    assert_eq!(spare.mark, Mark::Ready);
    assert_eq!(right(&spare), "week 94% | ready");
    assert_eq!(spare.bars, [(100.0, Fill::Neutral), (94.0, Fill::Neutral)]);
    assert_eq!(spare.plan.as_deref(), Some("Plus"));
    assert_eq!(
        spare.spoken,
        "spare, Plus, ready, Weekly 94 percent left, resets in 3 days 18 hours"
    );
}

#[test]
fn a_low_account_says_when_it_resets() {
    let personal = row(profile(
        "personal",
        vec![five(12.0, mins(80)), week(88.0, hours(90))],
    ));
    assert_eq!(personal.mark, Mark::Low);
    assert_eq!(right(&personal), "5h 12% | resets in 1h 20m");
    assert_eq!(personal.bars[0], (12.0, Fill::Low));
    assert_eq!(
        personal.spoken,
        "personal, Plus, low, 5-hour 12 percent left, resets in 1 hour 20 minutes"
    );
}

#[test]
fn a_critical_account_has_another_mark_than_a_low_one() {
    let night = row(profile("night", vec![five(3.0, mins(12))]));
    assert_eq!(
        (night.mark, night.bars[0].1),
        (Mark::Critical, Fill::Critical)
    );
    assert_eq!(right(&night), "5h 3% | resets in 12m");
    let nearly = row(profile("nearly", vec![five(0.4, mins(12))]));
    assert_eq!(right(&nearly), "5h <1% | resets in 12m");
}

#[test]
fn an_empty_account_says_when_it_is_back_by_the_clock() {
    let nord = row(profile(
        "nord",
        vec![five(100.0, hours(4)), week(0.0, hours(144) - mins(11 + 60))],
    ));
    assert_eq!(nord.mark, Mark::Empty);
    assert!(!nord.is_usable);
    assert_eq!(right(&nord), "week empty | back Thu 12:00");
    assert_eq!(nord.bars, [(100.0, Fill::Neutral), (0.0, Fill::Empty)]);
    assert_eq!(nord.spoken, "nord, Plus, Weekly empty, back Thu 12:00");
}

#[test]
fn a_plan_without_a_five_hour_window_says_so_and_has_one_bar() {
    let lab = row(profile("lab", vec![week(58.0, hours(54))]));
    assert_eq!(right(&lab), "week 58% | no 5-hour window");
    assert_eq!(lab.bars.len(), 1);
}

#[test]
fn an_api_key_has_no_bars_and_no_percent() {
    let key = row(ProfileView {
        kind: LoginKind::ApiKey,
        email: None,
        ..unknown("azure")
    });
    assert_eq!(key.plan.as_deref(), Some("API"));
    assert_eq!(right(&key), "API key | no usage windows");
    assert_eq!((key.bars.len(), key.mark), (0, Mark::Ready));
    assert_eq!(key.spoken, "azure, API, API key, no usage windows");
}

#[test]
fn old_numbers_are_neutral_and_tell_their_age() {
    let stale = row(with_usage(
        profile("stale", vec![five(3.0, hours(4)), week(62.0, hours(90))]),
        |usage| usage.fetched_at = now() - mins(125),
    ));
    assert_eq!(stale.mark, Mark::Stale);
    assert_eq!(right(&stale), "5h 3% | 2h 05m ago");
    assert_eq!(stale.bars, [(3.0, Fill::Neutral), (62.0, Fill::Neutral)]);
}

#[test]
fn numbers_are_old_after_three_missed_polls_and_the_page_wakes_for_it() {
    let aged = |age| {
        let resets_in = hours(90) + Duration::from_secs(30);
        let profile = with_usage(profile("a", vec![week(62.0, resets_in)]), |usage| {
            usage.fetched_at = now() - age;
        });
        snapshot(vec![profile])
    };
    let fresh = page(&aged(mins(30) - Duration::from_secs(2)));
    assert_eq!(fresh.rows().next().unwrap().mark, Mark::Ready);
    assert_eq!(fresh.next_change_in, Some(Duration::from_millis(2_001)));
    let old = page(&aged(mins(30)));
    assert_eq!(old.rows().next().unwrap().mark, Mark::Stale);
}

#[test]
fn a_dead_login_says_what_to_do_and_offers_no_switch() {
    let old = row(ProfileView {
        health: Health::SignInAgain,
        ..unknown("old-team")
    });
    assert_eq!((old.mark, old.can_switch), (Mark::SignInAgain, false));
    assert_eq!(right(&old), "login expired | sign in again");
    assert_eq!(
        old.hint.as_deref(),
        Some("Sign in with Codex again, then save the login here.")
    );
}

#[test]
fn an_unreadable_login_tells_the_reason() {
    let broken = row(ProfileView {
        health: Health::Unreadable(Unreadable("it is not JSON".into())),
        kind: LoginKind::Unknown,
        email: None,
        ..unknown("broken")
    });
    assert_eq!((broken.mark, broken.can_switch), (Mark::Unreadable, false));
    assert_eq!(right(&broken), "unreadable | left as it is");
    assert_eq!(broken.hint.as_deref(), Some("It is not JSON."));
}

#[test]
fn a_login_that_is_only_shown_can_still_be_switched_to() {
    let agent = row(ProfileView {
        kind: LoginKind::Other("agent identity".into()),
        ..unknown("agent")
    });
    assert_eq!(right(&agent), "shown only | not for the router");
    assert!(agent.can_switch);
    assert_eq!(
        agent.hint.as_deref(),
        Some("Codex can use this login (agent identity); the router cannot.")
    );
}

#[test]
fn numbers_on_their_way_keep_the_shape_of_a_row() {
    let fresh = row(unknown("fresh"));
    assert_eq!(
        (fresh.right.clone(), fresh.mark),
        (Right::Skeleton, Mark::Unknown)
    );
    assert_eq!(fresh.bars, [(0.0, Fill::Missing), (0.0, Fill::Missing)]);
    assert_eq!(fresh.spoken, "fresh, Plus, numbers on their way");
}

#[test]
fn a_failed_first_look_is_said_and_its_reason_is_near() {
    let failed = row(ProfileView {
        usage_error: Some("the upstream answered 500".into()),
        ..unknown("a")
    });
    assert_eq!(right(&failed), "no numbers | not read yet");
    assert_eq!(
        failed.hint.as_deref(),
        Some("The last look at its usage failed. The upstream answered 500.")
    );
}

#[test]
fn a_resting_account_says_how_long_and_why() {
    let rest = |cause| Rest {
        until: now() + mins(12),
        cause,
    };
    let busy = row(ProfileView {
        rest: Some(rest(RestCause::Throttled)),
        ..profile("busy", vec![five(50.0, hours(2))])
    });
    assert_eq!(right(&busy), "5h 50% | rests 12m");
    assert!(
        busy.hint
            .unwrap()
            .ends_with("it was asked too often at once.")
    );
    let limited = row(ProfileView {
        rest: Some(rest(RestCause::UsageLimit)),
        ..profile("limited", vec![five(50.0, hours(2))])
    });
    assert_eq!(right(&limited), "limit reached | back 13:23");
    assert_eq!(limited.mark, Mark::Empty);
}

#[test]
fn a_rest_that_is_over_is_not_spoken_of() {
    let over = ProfileView {
        rest: Some(Rest {
            until: now(),
            cause: RestCause::UsageLimit,
        }),
        ..profile("a", vec![five(50.0, hours(2)), week(60.0, hours(9))])
    };
    assert_eq!(right(&row(over)), "5h 50% | ready");
}

#[test]
fn a_window_that_has_reset_since_is_full_again() {
    let mut reset = five(0.0, hours(2));
    reset.resets_at = Some(now() - mins(1));
    let back = row(profile("a", vec![reset, week(60.0, hours(9))]));
    assert_eq!(right(&back), "week 60% | ready");
    assert_eq!(back.bars[0], (100.0, Fill::Neutral));
}

#[test]
fn two_accounts_with_one_email_are_told_apart_by_their_workspace() {
    let ana = |text: &str, workspace: &str| ProfileView {
        email: Some("Ana@example.dev".replace("Ana", if text == "ana" { "ana" } else { "ANA" })),
        workspace: Some(workspace.into()),
        ..profile(text, vec![week(50.0, hours(9))])
    };
    let other = ProfileView {
        workspace: Some("Elsewhere".into()),
        ..profile("other", vec![week(50.0, hours(9))])
    };
    let page = page(&snapshot(vec![
        ana("ana", "Personal workspace"),
        ana("ana-ab", "Lindqvist AB"),
        other,
    ]));
    let second = |text: &str| page.row(&name(text)).unwrap().second.as_str();
    assert_eq!(second("ana"), "Personal workspace");
    assert_eq!(second("ana-ab"), "Lindqvist AB");
    assert_eq!(second("other"), "other@example.dev");
}

#[test]
fn hidden_emails_appear_nowhere() {
    let mut snapshot = snapshot(vec![
        in_use(profile("work", vec![week(50.0, hours(9))])),
        profile("spare", vec![week(50.0, hours(9))]),
    ]);
    snapshot.live = Live::Unsaved {
        email: Some("stranger@example.dev".into()),
        plan: None,
    };
    let hidden = Wish {
        hides_emails: true,
        ..Wish::default()
    };
    let page = page_with(&snapshot, &hidden);
    let told = format!("{page:?}");
    assert!(!told.contains("@example"), "{told}");
    assert_eq!(page.rows().next().unwrap().second, "s•••@•••.dev");
    assert_eq!(page.active.unwrap().second, "w•••@•••.dev");
    let search = Wish {
        search: "spare@ex",
        ..hidden
    };
    assert_eq!(names(&page_with(&snapshot, &search)), [""; 0]);
}

// Order, groups, search

fn many() -> Snapshot {
    let mut not_pooled = profile("zz-own", vec![week(99.0, hours(9))]);
    not_pooled.is_in_pool = false;
    snapshot(vec![
        in_use(profile("work", vec![week(50.0, hours(9))])),
        profile("low", vec![week(9.0, hours(9))]),
        profile("most", vec![week(90.0, hours(9))]),
        profile("empty-late", vec![week(0.0, hours(9))]),
        profile("empty-soon", vec![week(0.0, hours(2))]),
        ProfileView {
            health: Health::SignInAgain,
            ..unknown("dead")
        },
        unknown("fresh"),
        not_pooled,
        ProfileView {
            kind: LoginKind::ApiKey,
            ..unknown("key")
        },
    ])
}

#[test]
fn usable_soonest_puts_what_helps_first_and_what_needs_the_user_last() {
    let mut few = many();
    // Below the number from which there are groups.
    few.profiles
        .retain(|profile| profile.name.as_str() != "low" && profile.name.as_str() != "fresh");
    let page = page(&few);
    assert_eq!(page.groups.len(), 1);
    assert_eq!(page.groups[0].head, "Other accounts");
    assert_eq!(
        names(&page),
        ["most", "key", "empty-soon", "empty-late", "dead", "zz-own"]
    );
}

#[test]
fn the_other_orders_go_by_percent_and_by_name() {
    let mut few = many();
    few.profiles
        .retain(|profile| !profile.name.as_str().starts_with("empty"));
    let sorted = |sort| {
        let wish = Wish {
            sort,
            ..Wish::default()
        };
        let page = page_with(&few, &wish);
        names(&page).join(" ")
    };
    assert_eq!(sorted(Sort::MostLeft), "zz-own most low dead fresh key");
    assert_eq!(sorted(Sort::Name), "dead fresh key low most zz-own");
}

#[test]
fn many_accounts_are_grouped_by_what_there_is_to_know() {
    let page = page(&many());
    assert!(page.is_dense);
    let groups: Vec<_> = page
        .groups
        .iter()
        .map(|group| {
            let names: Vec<_> = group.rows.iter().map(|row| row.name.as_str()).collect();
            format!(
                "{} {}: {}",
                group.head,
                group.count.unwrap(),
                names.join(" ")
            )
        })
        .collect();
    assert_eq!(
        groups,
        [
            "Ready 4: most key fresh zz-own",
            "Low 1: low",
            "Waiting 2: empty-soon empty-late",
            "Needs attention 1: dead"
        ]
    );
}

#[test]
fn a_search_looks_at_name_plan_and_email() {
    let found = |search| {
        let wish = Wish {
            search,
            ..Wish::default()
        };
        let page = page_with(&many(), &wish);
        assert_eq!(page.listed, 8);
        names(&page).join(" ")
    };
    assert_eq!(found(" MOST "), "most");
    assert_eq!(found("api"), "key");
    assert_eq!(found("low@example"), "low");
    assert_eq!(found("nobody"), "");
}

#[test]
fn without_an_account_in_use_the_list_is_all_there_is() {
    let page = page(&snapshot(vec![profile("a", vec![week(9.0, hours(9))])]));
    assert_eq!(page.groups[0].head, "Accounts");
    assert_eq!(page.active, None);
}

// The card

#[test]
fn the_card_tells_pace_and_forecast() {
    let card = card(ProfileView {
        workspace: Some("Lindqvist AB".into()),
        ..profile("work", vec![five(66.0, mins(174)), week(51.0, hours(92))])
    });
    assert_eq!(card.second, "work@example.dev · Lindqvist AB");
    assert_eq!(card.age, "updated 12s ago");
    let [five, week] = blocks(&card) else {
        panic!("two windows")
    };
    assert_eq!((five.figure.as_str(), five.unit), ("66", "left"));
    assert_eq!(five.reset, "resets in 2h 54m");
    assert_eq!(
        (five.pace.as_str(), five.forecast.as_str()),
        ("8% in reserve", "lasts until reset")
    );
    assert_eq!((five.fill, five.is_short), (Fill::Accent, false));
    let (even, is_reached) = five.notch.unwrap();
    assert!((even - 58.0).abs() < 1e-6 && is_reached);
    assert_eq!(
        five.spoken,
        "5-hour window, 66 percent left, resets in 2 hours 54 minutes, 8 percent in reserve, lasts until reset"
    );
    assert_eq!(week.pace, "4% in deficit");
    assert_eq!(week.forecast, "runs out Mon 20:17");
    assert!(week.is_short);
    assert!(!week.notch.unwrap().1);
}

#[test]
fn within_two_points_is_on_pace_and_no_alarm() {
    // Half of the window is over.
    for left in [48.0, 50.0, 52.0] {
        let card = card(profile("a", vec![five(left, mins(150))]));
        let [block] = blocks(&card) else { panic!() };
        assert_eq!((block.pace.as_str(), block.is_short), ("on pace", false));
    }
    let card = card(profile("a", vec![five(47.0, mins(150))]));
    assert_eq!(blocks(&card)[0].pace, "3% in deficit");
}

#[test]
fn an_empty_window_leads_and_the_other_steps_back() {
    let nord = in_use(profile(
        "nord",
        vec![five(100.0, hours(4)), week(0.0, hours(47))],
    ));
    let spare = profile("spare", vec![week(94.0, hours(90))]);
    let page = page(&snapshot(vec![nord, spare]));
    let card = page.active.unwrap();
    let [week, five] = blocks(&card) else {
        panic!("two windows")
    };
    assert_eq!(
        (week.figure.as_str(), week.unit, week.fill),
        ("0", "empty", Fill::Empty)
    );
    assert_eq!(week.reset, "back Sun 12:11");
    assert_eq!(
        (week.pace.as_str(), week.forecast.as_str()),
        ("in 1d 23h", "router uses spare")
    );
    assert_eq!(five.pace, "not usable until weekly is back");
    assert_eq!(
        (five.fill, five.reset.as_str(), five.notch),
        (Fill::Neutral, "", None)
    );
}

#[test]
fn the_router_is_said_to_help_out_only_when_it_would() {
    let helps = |change: &dyn Fn(&mut Snapshot)| {
        let mut snapshot = snapshot(vec![
            in_use(profile("a", vec![week(0.0, hours(9))])),
            profile("b", vec![week(94.0, hours(90))]),
        ]);
        change(&mut snapshot);
        let card = page(&snapshot).active.unwrap();
        blocks(&card)[0].forecast.clone()
    };
    assert_eq!(helps(&|_| {}), "router uses b");
    assert_eq!(helps(&|s| s.router.state = RouterState::Off), "");
    assert_eq!(helps(&|s| s.router.strategy = Strategy::Active), "");
    assert_eq!(helps(&|s| s.profiles[1].is_in_pool = false), "");
}

#[test]
fn old_numbers_on_the_card_say_from_when_they_are() {
    let card = card(with_usage(
        profile("work", vec![five(66.0, mins(174)), week(4.0, hours(92))]),
        |usage| usage.fetched_at = now() - mins(37),
    ));
    assert_eq!(card.age, "37m ago");
    for block in blocks(&card) {
        assert_eq!(
            (block.pace.as_str(), block.fill, block.notch),
            ("as of 12:34", Fill::Neutral, None)
        );
        assert_eq!(block.level, Level::Fine);
    }
}

#[test]
fn a_window_that_reset_while_nobody_looked_says_when() {
    let mut reset = five(0.0, hours(2));
    reset.resets_at = Some(now() - mins(11));
    let card = card(profile("a", vec![reset]));
    let [block] = blocks(&card) else { panic!() };
    assert_eq!(
        (block.figure.as_str(), block.reset.as_str()),
        ("100", "reset at 13:00")
    );
}

#[test]
fn a_card_without_windows_says_why() {
    let key = card(ProfileView {
        kind: LoginKind::ApiKey,
        email: None,
        ..unknown("azure")
    });
    assert_eq!(
        key.body,
        CardBody::Line("No usage windows. It is paid by the request.".into())
    );
    assert_eq!(key.second, "OpenAI API");
    assert_eq!(card(unknown("fresh")).body, CardBody::Skeleton);
}

#[test]
fn an_expired_login_in_use_offers_the_best_other_account() {
    let mut dead = in_use(unknown("work"));
    dead.health = Health::SignInAgain;
    let others =
        [("a", 20.0), ("b", 90.0)].map(|(name, left)| profile(name, vec![week(left, hours(9))]));
    let page = page(&snapshot([vec![dead], others.to_vec()].concat()));
    let card = page.active.unwrap();
    assert_eq!(card.badge, Badge::LoginExpired);
    assert_eq!(card.age, "");
    assert_eq!(
        card.body,
        CardBody::Trouble {
            text: "OpenAI no longer accepts this login. Sign in with Codex again, then save the login here.".into(),
            acts: vec![CardAct::SwitchTo(name("b"))],
        }
    );
}

#[test]
fn an_unreadable_login_in_use_tells_the_reason() {
    let broken = card(ProfileView {
        health: Health::Unreadable(Unreadable("it is cut off".into())),
        ..unknown("work")
    });
    assert_eq!(broken.badge, Badge::Unreadable);
    let CardBody::Trouble { text, acts } = broken.body else {
        panic!("trouble")
    };
    assert_eq!(
        text,
        "Its login cannot be read: It is cut off. Nothing is overwritten."
    );
    assert_eq!(acts, []);
}

#[test]
fn a_usage_that_was_never_read_can_be_tried_again() {
    let failed = card(ProfileView {
        usage_error: Some("the upstream cannot be reached".into()),
        ..unknown("work")
    });
    assert_eq!(
        failed.body,
        CardBody::Trouble {
            text: "Its usage could not be read. The upstream cannot be reached.".into(),
            acts: vec![CardAct::Refresh(name("work"))],
        }
    );
}

#[test]
fn a_refresh_that_the_user_asked_for_is_said_in_the_place_of_the_age() {
    let mut snapshot = snapshot(vec![in_use(ProfileView {
        is_refreshing: true,
        ..profile("work", vec![week(50.0, hours(9))])
    })]);
    assert_eq!(page(&snapshot).active.unwrap().age, "updated 12s ago");
    snapshot.is_refreshing = true;
    assert_eq!(page(&snapshot).active.unwrap().age, "Refreshing");
}

#[test]
fn credits_and_resets_stand_at_the_foot_when_there_are_any() {
    let holds = |credits, reset_credits| {
        card(with_usage(
            profile("a", vec![week(50.0, hours(9))]),
            |usage| {
                usage.credits = credits;
                usage.reset_credits = reset_credits;
            },
        ))
        .footer
    };
    let credits = |balance| {
        Some(Credits {
            is_unlimited: false,
            balance: Some(balance),
        })
    };
    let footer = holds(credits(18.2), Some(2)).unwrap();
    assert_eq!(
        (footer.credits.as_str(), footer.resets.as_str()),
        ("Credits $18.20", "2 resets to use")
    );
    assert_eq!(holds(credits(0.0), Some(0)), None);
    assert_eq!(holds(None, Some(1)).unwrap().resets, "1 reset to use");
}

// The strip

fn strip(change: impl FnOnce(&mut RouterView)) -> Strip {
    let mut snapshot = snapshot(vec![in_use(profile("work", vec![week(50.0, hours(9))]))]);
    change(&mut snapshot.router);
    page(&snapshot).strip
}

fn last(status: u16, is_complete: bool) -> LastRequest {
    LastRequest {
        model: "gpt-5.4".into(),
        profile: Some(name("spare")),
        status,
        is_complete,
        took: Duration::from_millis(1_800),
        at: now() - Duration::from_secs(14),
    }
}

#[test]
fn the_strip_tells_the_last_request() {
    let strip = strip(|router| router.last_request = Some(last(200, true)));
    assert_eq!(strip.text, "gpt-5.4 via spare · 1.8s · 14s ago");
    assert_eq!(strip.face, StripFace::On(Some(LastIcon::Done)));
    assert_eq!(strip.base_url.as_deref(), Some("http://127.0.0.1:9876/v1"));
    assert_eq!(strip.spoken, "Router, on, 127.0.0.1 port 9876");
}

#[test]
fn a_last_request_that_went_wrong_says_how() {
    let told = |status, is_complete| {
        let strip = strip(|router| router.last_request = Some(last(status, is_complete)));
        (strip.text, strip.face)
    };
    let failed = StripFace::On(Some(LastIcon::Failed));
    assert_eq!(
        told(429, true),
        (
            "gpt-5.4 via spare · 429 · 14s ago".into(),
            StripFace::On(Some(LastIcon::Limited))
        )
    );
    assert_eq!(
        told(502, true),
        ("gpt-5.4 via spare · 502 · 14s ago".into(), failed)
    );
    assert_eq!(
        told(200, false),
        ("gpt-5.4 via spare · cut off · 14s ago".into(), failed)
    );
    assert_eq!(
        told(499, false),
        (
            "gpt-5.4 via spare · stopped by the app · 14s ago".into(),
            failed
        )
    );
}

#[test]
fn the_faces_of_the_strip_each_have_their_words() {
    let told = |state: RouterState| {
        let strip = strip(|router| router.state = state);
        (strip.is_on, strip.text)
    };
    assert_eq!(
        told(RouterState::Off),
        (false, "Off. Apps that point here cannot connect.".into())
    );
    assert_eq!(told(RouterState::Starting), (true, "Starting".into()));
    assert_eq!(
        told(RouterState::On),
        (true, "Ready. No request yet.".into())
    );
    assert_eq!(
        told(RouterState::Failed("permission denied".into())),
        (false, "Permission denied.".into())
    );
    let taken = |holder: Option<&str>| RouterState::PortTaken {
        port: 9876,
        holder: holder.map(str::to_owned),
        free_port: Some(9877),
    };
    assert_eq!(
        told(taken(Some("node (pid 812)"))),
        (false, "Port 9876 is taken by node (pid 812).".into())
    );
    assert_eq!(
        told(taken(None)),
        (false, "Port 9876 is taken by another program.".into())
    );
}

#[test]
fn a_router_without_a_usable_account_says_until_when() {
    let mut snapshot = snapshot(vec![
        in_use(profile("a", vec![week(0.0, hours(9))])),
        profile("b", vec![week(0.0, mins(174))]),
    ]);
    assert_eq!(
        page(&snapshot).strip.text,
        "No account is usable until 16:05."
    );
    snapshot.profiles.push(unknown("maybe"));
    assert_eq!(page(&snapshot).strip.text, "Ready. No request yet.");
}

// Banner and first run

fn banner(change: impl FnOnce(&mut Snapshot)) -> Option<Banner> {
    let mut snapshot = snapshot(vec![in_use(profile("work", vec![week(50.0, hours(9))]))]);
    change(&mut snapshot);
    page(&snapshot).banner
}

fn happening(seq: u64, outcome: Outcome) -> Happening {
    Happening {
        seq,
        at: now(),
        outcome,
    }
}

fn switch_failed() -> Outcome {
    Outcome::SwitchFailed {
        to: name("spare"),
        reason: "the disk is full".into(),
    }
}

#[test]
fn a_failed_switch_stays_until_it_is_put_away_or_made_up_for() {
    let failed = banner(|s| s.happenings = vec![happening(3, switch_failed())]).unwrap();
    assert_eq!(failed.title, "Codex could not switch to spare");
    assert_eq!(failed.text, "The disk is full.");
    assert_eq!(failed.act, Some(BannerAct::Dismiss(3)));
    let mut snapshot = snapshot(vec![in_use(profile("work", vec![week(50.0, hours(9))]))]);
    snapshot.happenings = vec![happening(3, switch_failed())];
    let dismissed = Wish {
        dismissed: 3,
        ..Wish::default()
    };
    assert_eq!(page_with(&snapshot, &dismissed).banner, None);
    snapshot.happenings.push(happening(
        4,
        Outcome::Switched {
            from: None,
            to: name("spare"),
        },
    ));
    assert_eq!(page(&snapshot).banner, None);
}

#[test]
fn a_success_of_another_account_makes_up_for_nothing() {
    let failed = |name: &ProfileName| Outcome::UsageFailed {
        name: name.clone(),
        reason: "no answer".into(),
    };
    let (a, b) = (name("a"), name("b"));
    let shown = banner(|s| {
        s.happenings = vec![
            happening(1, failed(&a)),
            happening(2, Outcome::UsageRefreshed { name: b.clone() }),
        ];
    });
    assert_eq!(shown.unwrap().title, "The usage of a could not be read");
    let shown = banner(|s| {
        s.happenings = vec![
            happening(1, failed(&a)),
            happening(2, Outcome::UsageRefreshed { name: a.clone() }),
        ];
    });
    assert_eq!(shown, None);
}

#[test]
fn an_unsaved_login_can_be_saved_from_its_banner() {
    let unsaved = banner(|s| {
        s.live = Live::Unsaved {
            email: Some("new@example.dev".into()),
            plan: None,
        };
    })
    .unwrap();
    assert_eq!(unsaved.title, "Codex uses a login that is not saved here");
    assert_eq!(unsaved.text, "new@example.dev");
    assert_eq!(unsaved.act, Some(BannerAct::SaveLogin));
}

#[test]
fn a_missing_and_an_unreadable_login_of_codex_are_said() {
    let missing = banner(|s| s.live = Live::Missing).unwrap();
    assert_eq!(missing.title, "Codex is signed out");
    let unreadable = banner(|s| s.live = Live::Unreadable("it is cut off".into())).unwrap();
    assert_eq!(unreadable.text, "It is cut off.");
}

#[test]
fn of_all_banners_the_most_urgent_is_shown() {
    let offline = Notice::Offline {
        since: now() - mins(66),
    };
    let lost = Notice::UnsavedToken {
        profile: name("work"),
        reason: "the disk is full".into(),
    };
    let notices = |s: &mut Snapshot| s.notices = vec![offline.clone(), lost.clone()];
    let shown = |change: &dyn Fn(&mut Snapshot)| {
        banner(|s| {
            s.notices = vec![offline.clone()];
            change(s);
        })
        .unwrap()
        .title
    };
    assert_eq!(shown(&|_| {}), "Offline");
    assert_eq!(shown(&|s| s.live = Live::Missing), "Codex is signed out");
    assert_eq!(shown(&notices), "The login of work is not on disk yet");
    assert_eq!(
        shown(&|s| {
            notices(s);
            s.happenings = vec![happening(1, switch_failed())];
        }),
        "Codex could not switch to spare"
    );
}

#[test]
fn every_notice_has_words() {
    let told = |notice: Notice| {
        let banner = banner(|s| s.notices = vec![notice]).unwrap();
        format!("{} | {}", banner.title, banner.text)
    };
    let since = now() - mins(66);
    assert_eq!(
        told(Notice::Offline { since }),
        "Offline | These numbers are from 12:05."
    );
    assert_eq!(
        told(Notice::CredentialStore {
            mode: "keyring".into()
        }),
        "Codex reads the system keyring | Switching files will not work. Set cli_auth_credentials_store to \"file\" in Codex's config.toml; it is \"keyring\"."
    );
    let reason = || "no space left".to_owned();
    assert_eq!(
        told(Notice::HomeNotWritable { reason: reason() }),
        "The Codex folder cannot be written | No space left."
    );
    assert_eq!(
        told(Notice::WatchingFailed { reason: reason() }),
        "Changes of other programs are noticed late | No space left."
    );
    assert_eq!(
        told(Notice::SkippedDirectory {
            name: "a b".into(),
            reason: reason()
        }),
        "The folder \"a b\" was left out | No space left."
    );
}

#[test]
fn without_accounts_the_login_that_codex_uses_is_offered() {
    let mut snapshot = snapshot(Vec::new());
    snapshot.live = Live::Unsaved {
        email: Some("ana@lindqvist.dev".into()),
        plan: Some("team".into()),
    };
    let first_run = page(&snapshot).first_run.unwrap();
    assert_eq!(
        first_run.found,
        Some(Found {
            title: "ana@lindqvist.dev".into(),
            plan: Some("Team".into()),
            source: "signed in with Codex, ~/.codex/auth.json".into(),
        })
    );
    assert_eq!(first_run.profiles_dir, "~/.codex/profiles");
    assert_eq!(page(&snapshot).banner, None);
    snapshot.live = Live::Missing;
    assert_eq!(page(&snapshot).first_run.unwrap().found, None);
    assert_eq!(page(&snapshot).banner, None);
}

#[test]
fn before_the_disk_is_read_nothing_is_claimed() {
    let page = page(&Snapshot {
        is_loaded: false,
        ..snapshot(Vec::new())
    });
    assert!(!page.is_loaded);
    assert_eq!((page.first_run, page.banner), (None, None));
}

#[test]
fn a_page_without_times_never_wakes_by_itself() {
    assert_eq!(page(&snapshot(vec![unknown("fresh")])).next_change_in, None);
}

#[test]
fn hostile_texts_and_numbers_are_worded_without_a_panic() {
    let mut wild = profile(
        "wild",
        vec![
            window(Duration::ZERO, f64::NAN, hours(1)),
            week(-1e300, hours(1)),
        ],
    );
    wild.plan = Some("\u{202e}".repeat(500));
    wild.email = Some("@@@".into());
    wild = with_usage(wild, |usage| {
        usage.fetched_at = SystemTime::UNIX_EPOCH;
        usage.is_limit_reached = true;
        usage.credits = Some(Credits {
            is_unlimited: false,
            balance: Some(f64::INFINITY),
        });
    });
    let page = page(&snapshot(vec![
        in_use(wild.clone()),
        ProfileView {
            name: name("other"),
            ..wild
        },
    ]));
    assert!(page.active.is_some());
}
