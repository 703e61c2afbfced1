//! Organising accounts in the real window on a virtual screen: what is done there stands in the files.

use std::fs;

use codex_router::simulator::{Account, Window};
use serde_json::{Value, json};
use std::time::Duration;

use crate::support::{Rig, Screen, until};

const TITLE: &str = "Codex Router";

/// Codex uses `work`; `home` and `spare` are ready.
fn three() -> Rig {
    let rig = Rig::start();
    for (name, used) in [("home", 10.0), ("spare", 30.0), ("work", 49.0)] {
        let windows = [Window::weekly(used, Duration::from_secs(3 * 24 * 3600))];
        rig.add(name, Account::chatgpt(name).windows(windows));
    }
    rig.sign_in(&rig.sim.auth_json("work"));
    rig
}

/// What the user has said of an account, as it stands on disk.
fn said(rig: &Rig, name: &str, key: &str) -> Option<Value> {
    let file = rig.profile_path(name).with_file_name("router.json");
    let text = fs::read_to_string(file).ok()?;
    serde_json::from_str::<Value>(&text).ok()?.get(key).cloned()
}

fn says(rig: &Rig, name: &str, key: &str, value: &Value) {
    until(&format!("{name} says {key} = {value}"), || {
        (said(rig, name, key).as_ref() == Some(value)).then_some(())
    });
}

#[test]
fn an_account_is_renamed_tagged_pinned_deleted_and_brought_back_by_hand() {
    let rig = three();
    let Some(screen) = Screen::start(&rig) else {
        return;
    };
    let _program = rig.spawn(screen.dress(&mut rig.command(&[])));
    screen.find("home, Plus, ready, Weekly 90 percent left");

    screen.press("More for home");
    screen.press("Rename");
    screen.focus("New name");
    screen.key(TITLE, "ctrl+a");
    screen.type_text(TITLE, "holiday");
    screen.key(TITLE, "Return");
    screen.find("Switch to holiday");
    assert!(rig.profile_path("holiday").is_file());
    assert!(!rig.profile_path("home").exists());

    screen.press("More for holiday");
    screen.press("Pin to top");
    says(&rig, "holiday", "pinned", &json!(true));
    screen.press("More for holiday");
    screen.press("Tags and note…");
    screen.find("Add a tag");
    screen.type_text(TITLE, "nights");
    screen.key(TITLE, "Return");
    screen.find("Remove tag nights");
    screen.key(TITLE, "Return");
    says(&rig, "holiday", "tags", &json!(["nights"]));

    screen.press("More for holiday");
    screen.press("Delete…");
    screen.find("Delete holiday?");
    screen.press("Delete");
    until("its login is gone", || {
        (!rig.profile_path("holiday").exists()).then_some(())
    });
    screen.press("Undo");
    until("its login is back", || {
        rig.profile_path("holiday").is_file().then_some(())
    });
    says(&rig, "holiday", "tags", &json!(["nights"]));
    screen.find("holiday, Plus, pinned");
}

#[test]
fn the_detail_shows_the_login_and_changes_the_place_in_the_pool() {
    let rig = three();
    let Some(screen) = Screen::start(&rig) else {
        return;
    };
    let _program = rig.spawn(screen.dress(&mut rig.command(&[])));
    let row = screen.find("spare, Plus, ready");
    screen.press(&row);
    screen.find("Usage left, 7 days");
    screen.find("Access token: expires in");
    // The file's own mode says so, and it was read for this.
    screen.find("Stored in: file, only you can read");
    screen.press("Use in router");
    says(&rig, "spare", "enabled", &json!(false));
    screen.press("Last");
    says(&rig, "spare", "priority", &json!("last"));
    screen.key(TITLE, "Escape");
    screen.find("Switch to home");
}

#[test]
fn the_users_own_order_is_kept_in_the_files() {
    let rig = three();
    let Some(screen) = Screen::start(&rig) else {
        return;
    };
    let _program = rig.spawn(screen.dress(&mut rig.command(&[])));
    screen.find("Switch to home");
    screen.press("Sort: Usable soonest");
    screen.press("My order");
    screen.find("Move home");
    screen.key(TITLE, "Down");
    screen.key(TITLE, "alt+Down");
    says(&rig, "spare", "order", &json!(1));
    let place = |name| said(&rig, name, "order").and_then(|order| order.as_u64());
    until("all have a place", || {
        (place("home") > place("spare") && place("work").is_some()).then_some(())
    });
}
