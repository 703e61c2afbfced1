//! The user's choice for the router, and how to switch.

use super::*;

fn route(state: &mut AppState, to: Option<&str>) -> Vec<Effect> {
    state.obey(Command::RouteTo(to.map(name)), noon())
}

fn kept(state: &mut AppState, to: Option<&str>) {
    let to = to.map(name);
    state.note(Event::RouteKept { to, result: Ok(()) }, noon());
}

#[test]
fn a_choice_for_the_router_is_in_force_at_once_and_written_down() {
    let mut state = state();
    let effects = route(&mut state, Some("spare"));
    assert!(
        matches!(&effects[..], [Effect::KeepRoute { to: Some(to) }] if *to == name("spare")),
        "{effects:?}"
    );
    assert_eq!(publisher::pool(&state).routed_to, Some(name("spare")));
    // What was read before it was written says nothing about it.
    let profiles = vec![
        profile("spare", fresh("bob")),
        profile("work", fresh("ana")),
    ];
    state.note(reading(profiles, Live::Login(fresh("ana"))), noon());
    assert_eq!(state.routed_to(), Some(&name("spare")));
    kept(&mut state, Some("spare"));
    assert_eq!(state.routed_to(), Some(&name("spare")));
    assert_eq!(
        state.active(),
        Some(&name("work")),
        "Codex's file is another matter"
    );
    route(&mut state, None);
    kept(&mut state, None);
    assert_eq!(state.routed_to(), None);
}

#[test]
fn an_account_that_is_not_there_cannot_be_chosen_and_one_that_has_gone_is_chosen_no_longer() {
    let mut state = state();
    assert!(route(&mut state, Some("nobody")).is_empty());
    let last = &state.happenings.back().unwrap().outcome;
    assert!(matches!(last, Outcome::RouteFailed { .. }), "{last:?}");
    state.routed_to = Some(name("gone"));
    assert_eq!(publisher::pool(&state).routed_to, None);
    assert_eq!(state.routed_to(), None);
}

#[test]
fn a_switch_everywhere_takes_the_choice_for_the_router_along() {
    let switched = |state: &mut AppState| {
        let ended = Event::SwitchEnded {
            to: name("spare"),
            result: Ok(Switched::default()),
            codex: vec![],
        };
        state.note(ended, noon())
    };
    let mut state = state();
    let keeps = |effects: &[Effect]| {
        let is_it = |effect: &Effect| matches!(effect, Effect::KeepRoute { .. });
        effects.iter().any(is_it)
    };
    assert!(!keeps(&switched(&mut state)), "nobody had chosen anything");
    route(&mut state, Some("work"));
    kept(&mut state, Some("work"));
    assert!(keeps(&switched(&mut state)));
    assert_eq!(state.routed_to(), Some(&name("spare")));
}

#[test]
fn codex_is_on_the_router_when_its_settings_name_the_address_where_it_listens() {
    let mut state = state();
    state.codex_address = Some("http://localhost:9876/v1".to_owned());
    assert!(state.is_codex_on_router());
    state.router.addresses = vec!["127.0.0.1:9877".parse().unwrap()];
    assert!(!state.is_codex_on_router(), "it had to move");
}
