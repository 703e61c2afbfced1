//! The card of the account in use.

use super::*;

#[test]
fn the_card_tells_pace_and_forecast() {
    let card = card(ProfileView {
        workspace: Some("Lindqvist AB".into()),
        ..profile("work", vec![five(66.0, mins(174)), week(51.0, hours(92))])
    });
    assert_eq!(card.second, "work@example.dev · Lindqvist AB");
    assert_eq!(card.age, "just now");
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
fn an_endpoint_is_no_account_to_switch_to() {
    let mut dead = in_use(unknown("work"));
    dead.health = Health::SignInAgain;
    let endpoint = ProfileView {
        kind: LoginKind::Endpoint {
            kind: EndpointKind::Compatible,
            host: "localhost".into(),
        },
        ..unknown("local")
    };
    let page = page(&snapshot(vec![dead, endpoint]));
    let CardBody::Trouble { acts, .. } = page.active.unwrap().body else {
        panic!("no trouble")
    };
    assert_eq!(acts, [CardAct::SignIn(name("work"))]);
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
            text: "OpenAI no longer accepts this login. Name, tags and history are kept when you sign in again.".into(),
            acts: vec![CardAct::SignIn(name("work")), CardAct::SwitchTo(name("b"), "b".into())],
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
    assert_eq!(page(&snapshot).active.unwrap().age, "just now");
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
