//! The real window on a virtual screen: seen as a picture, used by spoken name as a screen reader does.

use std::{fs, net::TcpListener, path::Path, process::Command, time::Duration};

use codex_router::simulator::{Account, Window};

use crate::support::{Rig, Screen, TrayHost, until};

/// A screen shows more than this many colours only when text is drawn: edges are smoothed.
const COLOURS_OF_A_DRAWN_WINDOW: usize = 50;

/// Two profiles; Codex uses `work`.
fn two_profiles() -> Rig {
    let rig = Rig::start();
    let windows = [
        Window::five_hour(34.0, Duration::from_secs(3 * 3600)),
        Window::weekly(49.0, Duration::from_secs(3 * 24 * 3600)),
    ];
    rig.add("work", Account::chatgpt("work").windows(windows));
    rig.add("home", Account::chatgpt("home"));
    rig.sign_in(&rig.sim.auth_json("work"));
    rig
}

#[test]
fn the_window_is_drawn_and_its_switch_button_switches() {
    let rig = two_profiles();
    let Some(screen) = Screen::start(&rig) else {
        return;
    };
    let _program = rig.spawn(screen.dress(&mut rig.command(&[])));
    screen.find("66 percent left");
    until("the window is drawn", || {
        (screen.colours() > COLOURS_OF_A_DRAWN_WINDOW).then_some(())
    });

    screen.press("Switch to home");
    until("Codex uses home", || {
        (rig.live()["tokens"] == rig.profile("home")["tokens"]).then_some(())
    });
    screen.find("Switch to work");
}

#[test]
fn a_profile_that_another_program_adds_comes_on_screen() {
    let rig = two_profiles();
    let Some(screen) = Screen::start(&rig) else {
        return;
    };
    let _program = rig.spawn(screen.dress(&mut rig.command(&[])));
    screen.find("Switch to home");
    rig.save("late", &rig.sim.auth_json("late"));
    screen.find("Switch to late");
}

#[test]
fn a_second_start_shows_the_window_that_was_hidden() {
    let rig = two_profiles();
    let Some(screen) = Screen::start(&rig) else {
        return;
    };
    let host = TrayHost::start(&screen.bus);
    let mut command = rig.command(&[]);
    screen
        .dress(&mut command)
        .env("CODEX_ROUTER_NO_WINDOW", "1");
    let mut first = rig.spawn(&mut command);
    first.base_url();
    host.row("work", |row| row.label.starts_with("work"));
    assert!(screen.names().is_empty(), "{:?}", screen.names());

    let second = rig.spawn(screen.dress(&mut rig.command(&[]))).ended();
    assert_eq!(second.code, Some(0), "{second:?}");
    screen.find("Switch to home");
    assert!(first.is_running());
}

#[test]
fn a_closed_window_comes_back_from_the_tray_and_the_router_goes_on() {
    let rig = two_profiles();
    let Some(screen) = Screen::start(&rig) else {
        return;
    };
    let host = TrayHost::start(&screen.bus);
    let mut program = rig.spawn(screen.dress(&mut rig.command(&[])));
    let base_url = program.base_url();
    host.row("work", |row| row.label.starts_with("work"));
    screen.find("Switch to home");

    screen.key("Codex Router", "ctrl+w");
    screen.lose("Switch to home");
    let answer = rig.chat(&base_url, "hello");
    assert!(answer.said().is_some(), "{answer:?}");
    host.click("home");
    until("Codex uses home", || {
        (rig.live()["tokens"] == rig.profile("home")["tokens"]).then_some(())
    });
    host.click("Open Codex Router");
    screen.find("Switch to work");
    assert!(program.is_running());
}

#[test]
fn while_codex_runs_a_switch_goes_through_the_router_by_its_dialog() {
    let rig = two_profiles();
    let Some(screen) = Screen::bare(&rig, 800, 1280) else {
        return;
    };
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let mut connect = rig.command(&["connect", "codex", "--yes"]);
    let ended = rig
        .spawn(connect.env("CODEX_ROUTER_ADDR", &address))
        .ended();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    // A Codex of this home, as far as the system can tell.
    let codex = rig.scratch().join("codex-bin").join("codex");
    fs::create_dir(codex.parent().unwrap()).unwrap();
    fs::copy("/bin/sleep", &codex).unwrap();
    let _codex = rig.spawn(
        Command::new(&codex)
            .arg("600")
            .env("CODEX_HOME", rig.home())
            .current_dir(rig.scratch()),
    );
    let mut command = rig.command(&[]);
    screen
        .dress(&mut command)
        .env("WINIT_X11_SCALE_FACTOR", "2")
        .env("CODEX_ROUTER_ADDR", &address)
        .env("CODEX_ROUTER_THEME", "light");
    let mut program = rig.spawn(&mut command);
    let base_url = program.base_url();
    screen.press("Router menu");
    screen.press("Connect apps…");
    screen.find("Codex, uses the router");
    picture(&screen, "connect-apps");
    screen.press("Close");
    screen.lose("Codex, uses the router");
    // A press in the frame in which the dialog before it goes is lost with it.
    until("the switch is asked about", || {
        let names = screen.names();
        let is_asked = |name: &String| name.contains("Codex already points at the router.");
        if !names.iter().any(is_asked) {
            screen.press("Switch to home");
            return None;
        }
        Some(())
    });
    screen.find("codex in ");
    picture(&screen, "switch-dialog");
    screen.press("Switch");
    screen.find("Uses home first, chosen by you.");
    picture(&screen, "router-first");
    let said = rig.chat(&base_url, "hi").said().unwrap();
    assert!(said.contains("home"), "{said}");
    assert_eq!(rig.live()["tokens"], rig.profile("work")["tokens"]);
}

/// For whoever wants to look at it: `target/tmp/NAME.png`.
fn picture(screen: &Screen, name: &str) {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.png"));
    let mut last = Vec::new();
    until("the window holds still", || {
        screen.shoot(&file);
        let shot = fs::read(&file).unwrap();
        let is_still = shot == last;
        last = shot;
        is_still.then_some(())
    });
}
