//! The Settings page: what its controls ask for, and what it says when something is refused.

use super::*;
use crate::desk::Settings;
use crate::window::rows::{Closing, Tab};

fn shown(config: &str, env: &[(&str, &str)]) -> Snapshot {
    let read = Settings::default().overridden_by(Some(config), |name| {
        let its = env.iter().find(|(key, _)| *key == name);
        its.map(|(_, value)| (*value).to_owned())
    });
    Snapshot {
        settings: Arc::new(read.view()),
        ..three()
    }
}

fn opened(snapshot: Snapshot) -> Rig {
    let memory = Memory {
        tab: Tab::Settings,
        ..Memory::default()
    };
    let mut rig = rig_with(snapshot, egui::Theme::Light, OnClose::Hide, memory);
    // Everything in view.
    rig.harness.set_size(egui::vec2(400.0, 2_000.0));
    rig.run();
    rig
}

fn set(changes: &[Change]) -> Vec<Command> {
    vec![Command::Set(changes.to_vec())]
}

#[test]
fn a_control_asks_for_its_setting_at_once() {
    let mut rig = opened(shown("", &[]));
    rig.click("Dark");
    assert_eq!(rig.asked(), set(&[Change::to(Setting::Theme, "dark")]));
    rig.click("WebSockets");
    assert_eq!(rig.asked(), set(&[Change::on(Setting::Websocket, false)]));
    rig.click("Check usage: Every 10m");
    rig.click("By hand");
    assert_eq!(rig.asked(), set(&[Change::on(Setting::Poll, false)]));
    rig.click("Keep request log: 30 days");
    rig.click("7 days");
    let week = [
        Change::to(Setting::KeepDays, "7"),
        Change::on(Setting::LedgerOn, true),
    ];
    assert_eq!(rig.asked(), set(&week));
    let switch = egui::accesskit::Role::Switch;
    let hide = rig.harness.get_by_role_and_label(switch, "Hide emails");
    hide.click();
    rig.run();
    assert_eq!(rig.asked(), [Command::HideEmails(true)]);
}

#[test]
fn what_the_environment_says_cannot_be_changed_and_says_so() {
    let rig = opened(shown("", &[("CODEX_ROUTER_THEME", "dark")]));
    assert!(rig.shows("Theme. Set by CODEX_ROUTER_THEME in the environment."));
    assert!(!rig.shows("Light"));
}

#[test]
fn what_the_environment_leaves_open_can_be_changed() {
    let interval = ("CODEX_ROUTER_USAGE_POLL_INTERVAL_SECS", "900");
    let mut rig = opened(shown("[usage]\npoll = false\n", &[interval]));
    let words =
        "Check usage. Every 15m. Set by CODEX_ROUTER_USAGE_POLL_INTERVAL_SECS in the environment.";
    assert!(rig.shows(words));
    let switch = egui::accesskit::Role::Switch;
    let usage = rig.harness.get_by_role_and_label(switch, "Check usage");
    usage.click();
    rig.run();
    assert_eq!(rig.asked(), set(&[Change::on(Setting::Poll, true)]));

    let rig = opened(shown("", &[("CODEX_ROUTER_USAGE_POLL", "false")]));
    assert!(rig.shows("By hand"));
    let mut rig = opened(shown("", &[("CODEX_ROUTER_USAGE_POLL", "true")]));
    rig.click("Check usage: Every 10m");
    assert!(!rig.shows("By hand"));
    rig.click("Every 5m");
    let change = Change::to(Setting::PollInterval, "300");
    assert_eq!(rig.asked(), set(&[change]));
}

#[test]
fn a_long_second_line_is_written_out_where_it_is_narrow() {
    let painted = |width: f32| {
        let mut rig = opened(shown("", &[]));
        rig.harness.set_size(egui::vec2(width, 2_400.0));
        rig.run();
        let mut cut = Vec::new();
        for clipped in &rig.harness.output().shapes {
            if let egui::Shape::Text(text) = &clipped.shape
                && text.galley.elided
            {
                cut.push(text.galley.text().to_owned());
            }
        }
        cut
    };
    assert_eq!(painted(400.0), Vec::<String>::new());
    assert_eq!(painted(360.0), Vec::<String>::new());
}

#[test]
fn an_address_is_asked_for_at_enter_and_a_refusal_stands_below_its_row() {
    let mut rig = opened(shown("", &[]));
    rig.click("Address");
    rig.press(Modifiers::COMMAND, Key::A);
    rig.paste("here");
    assert_eq!(rig.asked(), [], "it is still being typed");
    rig.key(Key::Enter);
    assert_eq!(rig.asked(), set(&[Change::to(Setting::Listen, "here")]));

    let mut snapshot = shown("", &[]);
    let refused = |setting| Happening {
        seq: 9,
        at: now(),
        outcome: Outcome::SettingsRefused {
            setting,
            reason: "write it as localhost:9876 or 127.0.0.1:9876".to_owned(),
        },
    };
    snapshot.happenings.push(refused(Some(Setting::Listen)));
    rig.publish(snapshot.clone());
    assert!(rig.shows("Write it as localhost:9876 or 127.0.0.1:9876."));
    assert!(!rig.shows("Dismiss"), "said once is enough");
    assert_eq!(rig.asked(), [], "it is not asked for twice");

    snapshot = shown("[router]\naddr = \"localhost:7\"\n", &[]);
    snapshot.happenings.push(Happening {
        seq: 10,
        at: now(),
        outcome: Outcome::SettingsChanged {
            settings: vec![Setting::Listen],
        },
    });
    rig.publish(snapshot);
    assert!(!rig.shows("Write it as localhost:9876 or 127.0.0.1:9876."));
}

#[test]
fn a_proxy_of_ones_own_is_typed_and_its_password_never_shown() {
    let mut rig = opened(shown("", &[]));
    assert!(!rig.shows("Proxy address"));
    rig.click("Proxy: System");
    rig.click("Custom…");
    assert_eq!(rig.asked(), []);
    rig.click("Proxy address");
    rig.paste("http://gate.test:3128");
    rig.key(Key::Enter);
    let change = Change::to(Setting::Proxy, "http://gate.test:3128");
    assert_eq!(rig.asked(), set(&[change]));

    let config = "[network]\nproxy = \"http://ana:canary@gate.test:3128\"\n";
    let snapshot = shown(config, &[]);
    assert!(!format!("{snapshot:?}").contains("canary"));
    let mut rig = opened(snapshot);
    rig.click("Proxy: Custom");
    rig.click("None");
    assert_eq!(rig.asked(), set(&[Change::to(Setting::Proxy, "none")]));
}

#[test]
fn size_and_closing_are_the_windows_own_and_remembered() {
    let mut rig = opened(shown("", &[]));
    rig.click("Size: 100%");
    rig.click("120%");
    rig.harness.set_size(egui::vec2(400.0, 2_400.0));
    rig.run();
    assert!(rig.shows("Size: 120%"));
    rig.click("Quit");
    assert_eq!(rig.asked(), []);
    rig.close();
    let (memory, closed) = rig.farewell();
    assert_eq!((memory.zoom, memory.closing), (Some(120), Closing::Quit));
    assert_eq!(closed, Closed::Quit);
}

#[test]
fn a_theme_that_was_set_is_seen_at_once() {
    let mut rig = opened(shown("", &[]));
    rig.publish(shown("[window]\ntheme = \"dark\"\n", &[]));
    assert_eq!(rig.harness.ctx.theme(), egui::Theme::Dark);
}

#[test]
fn what_cannot_be_used_of_the_file_is_told() {
    let rig = opened(shown("[router]\nstrategy = \"luck\"\n", &[]));
    let is_told = |label: &str| label.contains("router.strategy");
    let told = rig.harness.query_all_by(|node| {
        node.label().is_some_and(|label| is_told(&label))
            || node.value().is_some_and(|it| is_told(&it))
    });
    assert!(told.count() > 0);
}
