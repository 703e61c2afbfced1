//! What a row says in every state of its account.

use super::*;

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
fn an_endpoint_tells_where_it_is_and_offers_no_switch() {
    let azure = row(ProfileView {
        kind: LoginKind::Endpoint {
            kind: EndpointKind::Azure,
            host: "x.openai.azure.test".into(),
        },
        email: None,
        ..unknown("paid")
    });
    assert_eq!(azure.plan.as_deref(), Some("Azure"));
    assert_eq!(azure.second, "x.openai.azure.test");
    assert_eq!(right(&azure), "router only | no usage windows");
    assert_eq!((azure.can_switch, azure.mark), (false, Mark::Ready));
    assert_eq!(
        azure.hint.as_deref(),
        Some("The router uses it. Codex cannot by itself: point Codex at the router.")
    );
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
    assert_eq!(right(&old), "[Sign in]");
    assert_eq!(
        old.hint.as_deref(),
        Some(
            "OpenAI no longer accepts this login. Name, tags and history are kept when you sign in again."
        )
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
        source: RestSource::Guess,
        model: None,
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
            source: RestSource::ResetsAt,
            model: None,
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
