//! The tray on a session bus of its own: its menu read and clicked as a panel does it.

use codex_router::simulator::Account;

use crate::support::{MenuRow, Program, Rig, Screen, TrayHost, until};

struct Shown {
    program: Program,
    host: TrayHost,
    screen: Screen,
    /// Where a browser would come back to.
    login_port: u16,
    rig: Rig,
}

/// Two profiles, of which Codex uses `work`; a display, and no window on it. `None`: skipped.
fn shown() -> Option<Shown> {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    // A sign that menus give a meaning of their own.
    rig.add("home_2", Account::chatgpt("home_2"));
    rig.sign_in(&rig.sim.auth_json("work"));
    let screen = Screen::bare(&rig, 640, 480)?;
    let host = TrayHost::start(&screen.bus);
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let login_port = free.local_addr().unwrap().port();
    drop(free);
    let mut command = rig.command(&[]);
    screen
        .dress(&mut command)
        .env("CODEX_ROUTER_NO_WINDOW", "1")
        .env("CODEX_ROUTER_LOGIN_PORTS", login_port.to_string());
    let mut program = rig.spawn(&mut command);
    program.base_url();
    Some(Shown {
        program,
        host,
        screen,
        login_port,
        rig,
    })
}

#[test]
fn a_click_on_a_profile_makes_codex_use_it() {
    let Some(shown) = shown() else {
        return;
    };
    let host = &shown.host;
    let is = |name: &'static str, is_checked: bool| {
        move |row: &MenuRow| row.label.starts_with(name) && row.is_checked == is_checked
    };
    host.row("work in use", is("work", true));
    host.row("home_2 not in use", is("home_2", false));

    host.click("home_2");
    until("Codex uses home_2", || {
        let rig = &shown.rig;
        (rig.live()["tokens"] == rig.profile("home_2")["tokens"]).then_some(())
    });
    host.row("home_2 in use", is("home_2", true));
    host.row("work not in use", is("work", false));
}

#[test]
fn the_icon_is_a_picture_and_the_menu_has_the_router_and_a_way_out() {
    let Some(mut shown) = shown() else {
        return;
    };
    until("the meter is drawn", || {
        (shown.host.icon_colours() > 1).then_some(())
    });
    shown.host.row("the router", |row| {
        row.label.starts_with("Router on") && row.is_checked
    });
    shown.host.click("Quit");
    let status = shown.program.end();
    assert_eq!(status.code(), Some(0), "{}", shown.program.stderr());
}

#[test]
fn the_router_is_turned_off_and_on_from_the_menu() {
    let Some(mut shown) = shown() else {
        return;
    };
    let health = shown.program.base_url().replace("/v1", "/health");
    let address = health.trim_start_matches("http://");
    let address = address.trim_end_matches("/health").to_owned();
    let answers = || std::net::TcpStream::connect(&address).is_ok();

    shown.host.click("Router on");
    shown.host.row("the router off", |row| {
        row.label.starts_with("Router off") && !row.is_checked
    });
    until("the port is closed", || (!answers()).then_some(()));
    shown.host.click("Router off");
    shown.host.row("the router on", |row| {
        row.label.starts_with("Router on") && row.is_checked
    });
}

#[test]
fn a_dead_login_can_be_signed_in_to_again_from_the_menu() {
    let Some(shown) = shown() else {
        return;
    };
    let rig = &shown.rig;
    rig.sim.revoke_refresh("work");
    assert_eq!(rig.run(&["refresh", "work"]).code, Some(1));
    shown.host.row("that it is dead", |row| {
        row.label.starts_with("work") && row.label.ends_with("needs sign-in")
    });
    shown.host.click("Sign in to work again");
    until("a browser is waited for", || {
        std::net::TcpStream::connect(("127.0.0.1", shown.login_port)).ok()
    });
    // The window shows how it goes on.
    until("the window is there", || {
        (!shown.screen.names().is_empty()).then_some(())
    });
}
