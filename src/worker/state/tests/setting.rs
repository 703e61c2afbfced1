//! Settings that are changed while the program runs.

use super::*;
use crate::desk::settings::{BadChange, Source};
use crate::desk::{Change, Setting};
use crate::pool::Strategy;

fn read(config: &str, env: &[(&str, &str)]) -> ReadSettings {
    Settings::default().overridden_by(Some(config), |name| {
        let its = env.iter().find(|(key, _)| *key == name);
        its.map(|(_, value)| (*value).to_owned())
    })
}

fn written(config: &str, settings: &[Setting]) -> Event {
    Event::SettingsWritten {
        settings: settings.to_vec(),
        result: Ok(()),
        read: Box::new(read(config, &[])),
    }
}

fn refused(state: &AppState) -> String {
    match &state.happenings.back().unwrap().outcome {
        Outcome::SettingsRefused { setting, reason } => format!("{setting:?}: {reason}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_changed_setting_is_written_and_in_force_once_it_was_read_again() {
    let mut state = state();
    let changes = vec![
        Change::to(Setting::Strategy, "fastest"),
        Change::on(Setting::Affinity, false),
    ];
    let effects = state.obey(Command::Set(changes.clone()), noon());
    assert!(
        matches!(&effects[..], [Effect::ChangeSettings(asked)] if *asked == changes),
        "{effects:?}"
    );
    assert_eq!(state.settings.strategy, Strategy::LeastUsed);

    let config = "[router]\nstrategy = \"fastest\"\naffinity = false\n[switch]\nway = \"router\"\n";
    let all = [Setting::Strategy, Setting::Affinity];
    let effects = state.note(written(config, &all), noon());
    assert!(
        matches!(&effects[..], [Effect::ApplySettings { now, .. }] if !now.affinity),
        "{effects:?}"
    );
    assert_eq!(publisher::pool(&state).strategy, Strategy::Fastest);
    let shown = publisher::snapshot(&state, "", noon());
    assert_eq!(shown.router.strategy, Strategy::Fastest);
    assert_eq!(shown.switch_way, crate::desk::SwitchWay::Router);
    assert_eq!(shown.settings.value(Setting::Strategy), "fastest");
    let outcome = &state.happenings.back().unwrap().outcome;
    let settings = all.to_vec();
    assert_eq!(*outcome, Outcome::SettingsChanged { settings });

    let same = Event::SettingsRead(Box::new(read(config, &[])));
    assert!(state.note(same, noon()).is_empty(), "nothing is another");
}

#[test]
fn what_cannot_be_used_or_is_said_by_the_environment_is_refused_in_words() {
    let mut state = state();
    let luck = vec![
        Change::on(Setting::Affinity, false),
        Change::to(Setting::Strategy, "luck"),
    ];
    assert!(state.obey(Command::Set(luck), noon()).is_empty());
    assert!(refused(&state).starts_with("Some(Strategy): "));

    let env = [("CODEX_ROUTER_STRATEGY", "active")];
    state.note(Event::SettingsRead(Box::new(read("", &env))), noon());
    let shown = publisher::snapshot(&state, "", noon()).settings.clone();
    assert_eq!(
        shown.get(Setting::Strategy).unwrap().source,
        Source::Environment("CODEX_ROUTER_STRATEGY")
    );
    let change = vec![Change::to(Setting::Strategy, "fastest")];
    assert!(state.obey(Command::Set(change), noon()).is_empty());
    assert_eq!(
        refused(&state),
        "Some(Strategy): the environment variable CODEX_ROUTER_STRATEGY says it; change it there"
    );
}

#[test]
fn a_file_that_is_half_written_changes_nothing_that_is_in_force() {
    let mut state = state();
    let config = "[router]\naddr = \"localhost:9999\"\n[ledger]\nenabled = false\n";
    state.note(Event::SettingsRead(Box::new(read(config, &[]))), noon());
    let before = state.settings.clone();
    assert!(!before.ledger.is_on);
    let half = Event::SettingsRead(Box::new(read("[router\n", &[])));
    state.note(half, noon());
    assert_eq!(state.settings, before);
    let shown = publisher::snapshot(&state, "", noon()).settings.clone();
    assert!(shown.bad[0].starts_with("config.toml"), "{:?}", shown.bad);

    let proxied = Event::SettingsRead(Box::new(read("[network\nproxy = \"x\"", &[])));
    state.note(proxied, noon());
    let proxy = &state.settings.proxy;
    assert!(matches!(proxy, crate::profile::Proxy::Unusable(_)));
    assert!(!state.settings.ledger.is_on);
}

#[test]
fn a_file_that_could_not_be_written_leaves_everything_as_it_was() {
    let mut state = state();
    let failed = Event::SettingsWritten {
        settings: vec![Setting::Theme],
        result: Err(BadChange {
            setting: None,
            reason: "config.toml cannot be understood; mend it first".into(),
        }),
        read: Box::new(read("", &[])),
    };
    assert!(state.note(failed, noon()).is_empty());
    assert_eq!(
        refused(&state),
        "None: config.toml cannot be understood; mend it first"
    );
}

#[test]
fn a_file_that_was_edited_by_hand_is_read_when_files_have_changed() {
    let mut state = state();
    let effects = state.note(Event::DiskChanged, noon());
    let reads = |effect: &Effect| matches!(effect, Effect::ReadSettings);
    assert!(effects.iter().any(reads), "{effects:?}");
}

fn settings_are(state: &mut AppState, config: &str) -> Vec<Effect> {
    let read = Box::new(read(config, &[]));
    state.note(Event::SettingsRead(read), noon())
}

#[test]
fn another_address_moves_a_router_that_is_on_and_only_names_it_for_one_that_is_off() {
    let mut state = state();
    let elsewhere = "[router]\naddr = \"localhost:7\"\n";
    let effects = settings_are(&mut state, elsewhere);
    assert!(matches!(&effects[..], [Effect::ApplySettings { .. }]));
    let effects = state.obey(Command::TurnRouterOn, noon());
    let at = |port| Listen::Localhost { port };
    assert!(
        matches!(&effects[..], [Effect::StartRouter { listen, .. }] if *listen == at(7)),
        "{effects:?}"
    );
    let address = "127.0.0.1:7".parse().unwrap();
    state.note(Event::RouterStarted(Ok(vec![address])), noon());

    let effects = settings_are(&mut state, "[router]\naddr = \"localhost:8\"\n");
    assert!(matches!(
        &effects[..],
        [Effect::ApplySettings { .. }, Effect::StopRouter]
    ));
    let effects = state.note(Event::RouterStopped, noon());
    assert!(
        matches!(&effects[..], [Effect::StartRouter { listen, .. }] if *listen == at(8)),
        "{effects:?}"
    );
}

#[test]
fn another_address_while_the_router_starts_is_where_it_is_in_the_end() {
    let at = |port| Listen::Localhost { port };
    let starting = || {
        let mut state = state();
        state.obey(Command::TurnRouterOn, noon());
        settings_are(&mut state, "[router]\naddr = \"localhost:8\"\n");
        state
    };
    let is_at_8 = |effects: &[Effect]| matches!(effects, [Effect::StartRouter { listen, .. }] if *listen == at(8));

    let mut state = starting();
    let address = "127.0.0.1:9876".parse().unwrap();
    let effects = state.note(Event::RouterStarted(Ok(vec![address])), noon());
    assert!(matches!(&effects[..], [Effect::StopRouter]), "{effects:?}");
    let effects = state.note(Event::RouterStopped, noon());
    assert!(is_at_8(&effects), "{effects:?}");
    let address = "127.0.0.1:8".parse().unwrap();
    let effects = state.note(Event::RouterStarted(Ok(vec![address])), noon());
    assert!(effects.is_empty(), "{effects:?}");

    let mut state = starting();
    let taken = StartError::PortTaken {
        address,
        holder: None,
        free_port: None,
    };
    let effects = state.note(Event::RouterStarted(Err(taken)), noon());
    assert!(is_at_8(&effects), "{effects:?}");
}

#[test]
fn an_address_for_other_computers_is_refused_while_there_is_no_key() {
    let mut state = state();
    let open = vec![Change::to(Setting::Listen, "0.0.0.0:9876")];
    assert!(state.obey(Command::Set(open), noon()).is_empty());
    assert!(refused(&state).contains("make a key first"));
}

#[test]
fn usage_is_asked_for_sooner_when_the_interval_gets_shorter_and_not_at_all_when_polling_is_off() {
    let mut state = state();
    for kept in state.kept.values_mut() {
        kept.poll.next_at = Some(noon() + 30 * MINUTE);
    }
    settings_are(&mut state, "[usage]\npoll_interval_secs = 120\n");
    for kept in state.kept.values() {
        assert_eq!(kept.poll.next_at, Some(noon() + 2 * MINUTE));
    }
    settings_are(&mut state, "[usage]\npoll = false\n");
    let later = noon() + 60 * MINUTE;
    let effects = state.note(Event::TimePassed, later);
    let polls = |effect: &Effect| matches!(effect, Effect::PollUsage { .. });
    assert!(!effects.iter().any(polls), "{effects:?}");
}

#[test]
fn another_proxy_gets_a_chance_of_its_own() {
    let mut state = state();
    state.offline_since = Some(noon());
    for kept in state.kept.values_mut() {
        kept.poll.failures = 5;
        kept.poll.next_at = Some(noon() + 60 * MINUTE);
    }
    settings_are(&mut state, "[network]\nproxy = \"none\"\n");
    assert_eq!(state.offline_since, None);
    for kept in state.kept.values() {
        assert!(kept.poll.next_at.unwrap() <= noon() + MINUTE);
    }
}
