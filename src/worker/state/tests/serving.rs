//! The router: on, off, elsewhere, and what is kept of its requests.

use super::*;

#[test]
fn a_request_that_is_over_is_recorded_even_at_the_end_and_the_last_fifty_are_shown() {
    let mut state = state();
    let ids = |state: &AppState| {
        let snapshot = publisher::snapshot(state, "~", noon());
        let ids = snapshot.requests.iter().map(|record| record.id.clone());
        ids.collect::<Vec<_>>()
    };
    let end = |state: &mut AppState, number: u32| {
        let report = Report::Request(Box::new(done(&format!("req_{number}"))));
        state.note(Event::Reported(report), noon())
    };
    for number in 0..60 {
        let effects = end(&mut state, number);
        assert!(matches!(effects[..], [Effect::Record(_)]), "{effects:?}");
    }
    let shown = ids(&state);
    assert_eq!((shown.len(), shown[0].as_str()), (50, "req_59"));
    state.obey(Command::Quit, noon());
    assert!(matches!(end(&mut state, 60)[..], [Effect::Record(_)]));
}

#[test]
fn the_ledgers_trouble_is_a_notice_and_a_damaged_file_is_told_once() {
    use crate::desk::record::LedgerTrouble;
    let mut state = state();
    let trouble = LedgerState {
        lost: 3,
        trouble: Some(LedgerTrouble {
            since: noon(),
            reason: "disk full".into(),
        }),
        set_aside: Some("router.db.corrupt-1".into()),
    };
    for _ in 0..3 {
        state.note_ledger(trouble.clone(), noon());
    }
    let snapshot = publisher::snapshot(&state, "~", noon());
    assert_eq!(
        snapshot.notices,
        [crate::desk::Notice::LedgerResting {
            since: noon(),
            reason: "disk full".into()
        }]
    );
    assert_eq!(snapshot.ledger.lost, 3);
    let told = snapshot.happenings.iter();
    let told = told.filter(|it| matches!(it.outcome, Outcome::LedgerSetAside { .. }));
    assert_eq!(told.count(), 1);
}

#[test]
fn a_taken_port_is_a_state_with_a_way_out() {
    let mut state = state();
    assert!(matches!(
        state.obey(Command::TurnRouterOn, noon())[..],
        [Effect::StartRouter { .. }]
    ));
    let taken = StartError::PortTaken {
        address: "127.0.0.1:9876".parse().unwrap(),
        holder: Some("node (pid 812)".into()),
        free_port: Some(9877),
    };
    state.note(Event::RouterStarted(Err(taken)), noon());
    assert!(matches!(
        &state.router.state,
        RouterState::PortTaken {
            port: 9876,
            free_port: Some(9877),
            ..
        }
    ));
    let effects = state.obey(Command::ServeOnPort(9877), noon());
    assert!(matches!(
        effects[..],
        [Effect::StartRouter {
            listen: Listen::Localhost { port: 9877 },
            ..
        }]
    ));
    state.note(
        Event::RouterStarted(Ok(vec!["127.0.0.1:9877".parse().unwrap()])),
        noon(),
    );
    assert_eq!(state.router.state, RouterState::On);
}

#[test]
fn turning_the_router_off_while_it_starts_stops_it_when_it_has() {
    let mut state = state();
    state.obey(Command::TurnRouterOn, noon());
    state.obey(Command::TurnRouterOff, noon());
    let effects = state.note(Event::RouterStarted(Ok(vec![])), noon());
    assert!(matches!(effects[..], [Effect::StopRouter]));
    state.note(Event::RouterStopped, noon());
    assert_eq!(state.router.state, RouterState::Off);
}

#[test]
fn the_share_of_the_prompt_cache_is_counted_by_profile() {
    let mut state = state();
    let mut told = |profile: &str, tokens: Option<(u64, u64)>| {
        let tokens = tokens.map(|(input, cached)| TokenUsage {
            input,
            cached,
            ..TokenUsage::default()
        });
        let done = RequestDone {
            profile: Some(name(profile)),
            tokens,
            ..failed_request()
        };
        state.note(Event::Reported(Report::Request(Box::new(done))), noon());
        let snapshot = publisher::snapshot(&state, "~", noon());
        let percent = |text: &str| {
            snapshot
                .profile(&name(text))
                .unwrap()
                .prompt_cache
                .percent()
        };
        (percent("work"), percent("spare"))
    };
    assert_eq!(told("work", None), (None, None));
    assert_eq!(told("work", Some((1_000, 0))), (Some(0.0), None));
    assert_eq!(told("work", Some((1_000, 800))), (Some(40.0), None));
    assert_eq!(told("spare", Some((10, 11))), (Some(40.0), Some(100.0)));
    assert_eq!(told("gone", Some((10, 11))), (Some(40.0), Some(100.0)));
}

#[test]
fn what_profiles_offer_is_kept_and_given_to_the_next_router() {
    let models = |slug: &str| -> Arc<[crate::translate::models::Model]> {
        [crate::translate::models::Model {
            slug: slug.into(),
            is_listable: true,
            is_supported_in_api: true,
            efforts: Vec::new(),
        }]
        .into()
    };
    let told = |state: &mut AppState, profile: &str, slug: &str| {
        let report = Report::Models {
            profile: name(profile),
            models: models(slug),
        };
        state.note(Event::Reported(report), noon())
    };
    let mut state = state();
    let memory = Memory {
        offers: vec![(name("spare"), models("a")), (name("gone"), models("b"))],
        ..Memory::default()
    };
    state.remember(memory, noon());
    assert!(told(&mut state, "gone", "b").is_empty());
    let effects = told(&mut state, "work", "c");
    let [Effect::KeepModels(kept)] = &effects[..] else {
        panic!("{effects:?}");
    };
    let expected = vec![(name("spare"), models("a")), (name("work"), models("c"))];
    assert_eq!(*kept, expected);
    let effects = state.obey(Command::TurnRouterOn, noon());
    let [Effect::StartRouter { offers, .. }] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(*offers, expected);
}
