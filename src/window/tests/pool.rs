//! The Pool page under the hands of a user, and the card that leads there.

use egui::PointerButton;
use egui_kittest::kittest::NodeT;

use super::*;
use crate::desk::settings::{SettingView, SettingsView, Source, TakesEffect};
use crate::desk::{Edit, Rest, RestCause, RestSource, Setting, Strategy, Term};
use crate::usage::RecentUse;

/// High enough for all that stands on the page.
const WIDE: [f32; 2] = [900.0, 800.0];

/// `other`, `spare` and `work`, of which `work` was used for ten hours.
fn used() -> Snapshot {
    let mut snapshot = three();
    let mut recent = RecentUse::default();
    for hour in 0..=10_u8 {
        for (hours, rate) in [(5, 10.0), (168, 2.0)] {
            let window = Window {
                length: Duration::from_secs(hours * 3_600),
                used_percent: rate * f64::from(hour),
                resets_at: None,
            };
            let ago = Duration::from_secs(3_600 * u64::from(10 - hour));
            recent.note_window(&window, now() - ago);
        }
    }
    snapshot.recent_use.insert(name("work"), Arc::new(recent));
    snapshot
}

fn pool(snapshot: Snapshot) -> Rig {
    let mut rig = rig(snapshot);
    rig.press(Modifiers::COMMAND, Key::Num2);
    rig.asked();
    rig
}

fn wide_pool(snapshot: Snapshot) -> Rig {
    let mut rig = pool(snapshot);
    rig.harness.set_size(WIDE.into());
    rig.run();
    rig
}

fn order(names: [&str; 3]) -> Command {
    Command::Order(names.map(name).to_vec())
}

/// By what a label begins with.
fn shows_like(rig: &Rig, label: &str) -> bool {
    let mut found = rig.harness.query_all_by_label_contains(label);
    found.next().is_some()
}

#[test]
fn the_runway_card_leads_to_the_pool() {
    let mut rig = rig(used());
    rig.harness.get_by_label_contains("Enough").click();
    rig.run();
    assert!(rig.shows("Accounts in the pool"));
}

#[test]
fn a_low_window_has_no_runway_card() {
    let mut rig = rig(used());
    assert!(shows_like(&rig, "Enough"));
    rig.harness.set_size([400.0, 520.0].into());
    rig.run();
    assert!(!shows_like(&rig, "Enough"));
}

#[test]
fn a_click_on_a_strategy_sets_it() {
    let mut rig = wide_pool(used());
    rig.click("In order. Top of the list first, next when it runs out.");
    let change = Change::to(Setting::Strategy, "ordered");
    assert_eq!(rig.asked(), [Command::Set(vec![change])]);
    rig.click("Sticky conversations");
    let change = Change::on(Setting::Affinity, true);
    assert_eq!(rig.asked(), [Command::Set(vec![change])]);
}

#[test]
fn a_narrow_window_has_the_strategies_in_a_menu() {
    let mut rig = pool(used());
    rig.harness
        .get_by_label_contains("Strategy: Most left")
        .click();
    rig.run();
    rig.click("Round robin");
    let change = Change::to(Setting::Strategy, "round_robin");
    assert_eq!(rig.asked(), [Command::Set(vec![change])]);
}

#[test]
fn what_the_environment_says_cannot_be_clicked() {
    let mut snapshot = used();
    snapshot.settings = Arc::new(SettingsView {
        all: vec![SettingView {
            setting: Setting::Strategy,
            value: "least_used".into(),
            default: "least_used".into(),
            source: Source::Environment("CODEX_ROUTER_STRATEGY"),
            takes_effect: TakesEffect::AtOnce,
        }],
        bad: vec![],
    });
    let mut rig = wide_pool(snapshot);
    assert!(rig.shows("Set by CODEX_ROUTER_STRATEGY. Change it there."));
    rig.click("In order. Top of the list first, next when it runs out.");
    assert_eq!(rig.asked(), []);
}

#[test]
fn a_row_is_turned_off_and_its_reserve_set() {
    let mut rig = wide_pool(used());
    rig.click("Use spare in router");
    let edit = |edit| Command::Edit {
        names: vec![name("spare")],
        edit,
    };
    let off = Edit::Term(Term::Enabled, Some("no".into()));
    assert_eq!(rig.asked(), [edit(off)]);
    let knob = rig
        .harness
        .get_by_label("Keep in reserve of spare, percent");
    let rect = knob.rect();
    let at = |share: f32| egui::pos2(rect.left() + rect.width() * share, rect.center().y);
    rig.harness.drag_at(at(0.1));
    rig.harness.step();
    rig.harness.hover_at(at(0.5));
    rig.harness.step();
    assert_eq!(rig.asked(), []);
    rig.harness.drop_at(at(0.5));
    rig.run();
    let asked = rig.asked();
    let reserve = Edit::Term(Term::Reserve, Some("50".into()));
    assert_eq!(asked, [edit(reserve)]);
}

#[test]
fn keys_move_a_row_through_the_order() {
    let mut rig = pool(used());
    rig.key(Key::ArrowDown);
    rig.key(Key::ArrowDown);
    let focused = |rig: &Rig, label: &str| {
        let node = rig.harness.get_by_label_contains(label);
        node.is_focused()
    };
    assert!(focused(&rig, "spare, Plus"));
    rig.press(Modifiers::ALT, Key::ArrowUp);
    assert_eq!(rig.asked(), [order(["spare", "other", "work"])]);
    assert!(focused(&rig, "spare, Plus"));
    rig.press(Modifiers::ALT, Key::ArrowDown);
    rig.press(Modifiers::ALT, Key::ArrowDown);
    assert_eq!(
        rig.asked(),
        [
            order(["other", "spare", "work"]),
            order(["other", "work", "spare"])
        ]
    );
}

#[test]
fn a_row_is_dragged_to_another_place() {
    let mut rig = pool(used());
    let from = rig.harness.get_by_label("Move other").rect().center();
    let to = rig.harness.get_by_label("Move work").rect().center() + egui::vec2(0.0, 12.0);
    let button = |pos, pressed| egui::Event::PointerButton {
        pos,
        button: PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    rig.harness.event(egui::Event::PointerMoved(from));
    rig.harness.event(button(from, true));
    rig.run();
    for step in 1..=4_u8 {
        let share = f32::from(step) / 4.0;
        rig.harness
            .event(egui::Event::PointerMoved(from + (to - from) * share));
        rig.run();
    }
    rig.harness.event(button(to, false));
    rig.run();
    assert_eq!(rig.asked(), [order(["spare", "work", "other"])]);
}

#[test]
fn what_rests_is_tried_now_from_its_menu() {
    let mut snapshot = used();
    snapshot.profiles[1].rest = Some(Rest {
        until: now() + Duration::from_secs(300),
        cause: RestCause::Failing,
        source: RestSource::Guess,
        model: None,
    });
    let mut rig = pool(snapshot);
    rig.click("More for spare in the pool");
    rig.click("Try now");
    assert_eq!(rig.asked(), [Command::TryNow(vec![name("spare")])]);
    rig.click("More for other in the pool");
    assert!(!rig.shows("Try now"));
}

#[test]
fn groups_are_chosen_where_the_strategy_has_them() {
    let mut snapshot = used();
    snapshot.router.strategy = Strategy::Priority;
    let mut rig = pool(snapshot);
    rig.click("More for spare in the pool");
    rig.click("First group");
    let first = Edit::Term(Term::Priority, Some("first".into()));
    let command = Command::Edit {
        names: vec![name("spare")],
        edit: first,
    };
    assert_eq!(rig.asked(), [command]);
}

#[test]
fn a_click_on_a_row_shows_the_account() {
    let mut rig = pool(used());
    rig.harness.get_by_label_contains("spare, Plus").click();
    rig.run();
    assert!(rig.shows("Back to all accounts"));
}

#[test]
fn the_forecast_looks_a_day_or_a_week_ahead() {
    let mut rig = wide_pool(used());
    assert!(shows_like(&rig, "work: usable"));
    rig.click("7d");
    let chosen = rig.harness.get_by_label("7d");
    let toggled = chosen.accesskit_node().toggled();
    assert_eq!(toggled, Some(egui::accesskit::Toggled::True));
}

#[test]
fn two_hundred_accounts_and_none_are_drawn() {
    let mut many = used();
    many.profiles = (0..200)
        .map(|index| profile(&format!("n{index:03}"), 40.0))
        .collect();
    many.router.strategy = Strategy::RoundRobin;
    let rig = wide_pool(many);
    assert!(rig.shows("Use n000 in router"));
    assert!(!rig.shows("Use n199 in router"), "nobody can see it");
    let none = Snapshot {
        is_loaded: true,
        ..Snapshot::default()
    };
    let rig = wide_pool(none);
    assert!(rig.shows("No account yet."));
}

#[test]
fn the_list_is_still_reached_when_the_account_under_the_cursor_is_gone() {
    let mut rig = wide_pool(three());
    rig.key(Key::ArrowDown);
    let rows = ["other, ", "spare, ", "work, "];
    let focused = |rig: &Rig| {
        let nodes = rig.harness.query_all_by(|node| {
            let label = node.label().unwrap_or_default();
            node.is_focused() && rows.iter().any(|row| label.starts_with(row))
        });
        nodes.count()
    };
    assert_eq!(focused(&rig), 1);
    let mut fewer = three();
    fewer
        .profiles
        .retain(|profile| profile.name != name("other"));
    rig.publish(fewer);
    let mut reached = 0;
    for _ in 0..40 {
        rig.key(Key::Tab);
        reached += focused(&rig);
    }
    assert!(reached > 0, "no row has the focus");
}
