//! The whole tray on a bus of its own. ksni takes the bus from the environment, which a test may not change: so each of these
//! runs itself again in a child process that is given the address.

use std::process::Command as Process;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use super::private_bus::{Panel, PrivateBus, SOON};
use super::samples::*;
use super::*;
use crate::desk::{Command, RouterState, Snapshot, desk};

/// What a child is told: its bus is a private one.
const CHILD: &str = "CODEX_ROUTER_TEST_TRAY_CHILD";

/// Runs `body` where the session bus is one of its own: in a child process that runs the test of this name alone.
fn in_a_session_of_its_own(test: &str, body: impl FnOnce(PrivateBus)) {
    if std::env::var_os(CHILD).is_some() {
        body(PrivateBus::of_this_session());
        return;
    }
    let Some(bus) = PrivateBus::start() else {
        return;
    };
    let child = Process::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("tray::tests::{test}"), "--nocapture"])
        .env(CHILD, "1")
        .env("DBUS_SESSION_BUS_ADDRESS", &bus.address)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && said.contains("1 passed"),
        "{said}\n{}",
        String::from_utf8_lossy(&child.stderr)
    );
}

/// A desk with a pretend worker behind it that only writes down what it is asked.
struct Worker {
    asked: Receiver<Command>,
    snapshots: tokio::sync::watch::Sender<Arc<Snapshot>>,
}

fn desk_of(first: Snapshot) -> (Desk, Worker) {
    let (front, back) = desk(first);
    let (sender, asked) = channel();
    let mut commands = back.commands;
    thread::spawn(move || {
        while let Some(command) = commands.blocking_recv() {
            if sender.send(command).is_err() {
                return;
            }
        }
    });
    let snapshots = back.snapshots;
    (front, Worker { asked, snapshots })
}

fn two_accounts() -> Snapshot {
    snapshot([in_use(chatgpt("work", [])), chatgpt("R&D_spare", [])])
}

#[test]
fn clicks_reach_the_worker_and_snapshots_reach_the_panel() {
    in_a_session_of_its_own(
        "clicks_reach_the_worker_and_snapshots_reach_the_panel",
        |bus| {
            let mut panel = Panel::open(&bus);
            let (desk, worker) = desk_of(two_accounts());
            let (sender, wishes) = channel();
            let tray = Tray::start(desk, move |wish| sender.send(wish).unwrap()).unwrap();
            assert!(tray.host_present());
            panel.wait_for_tray();

            let labels: Vec<_> = panel.menu().into_iter().map(|line| line.label).collect();
            assert_eq!(
                labels,
                [
                    "R&D_spare · Plus",
                    "work · Plus",
                    "",
                    "Router on · 127.0.0.1:9876",
                    "Copy router URL",
                    "Refresh now",
                    "",
                    "Open Codex Router",
                    "Quit"
                ]
            );
            let checks = |panel: &Panel| {
                panel
                    .menu()
                    .iter()
                    .map(|line| line.is_checked)
                    .collect::<Vec<_>>()
            };
            assert_eq!(checks(&panel)[..4], [false, true, false, true]);

            // A click is a command, and no check mark moves before the worker says so.
            panel.click("R&D_spare · Plus");
            assert_eq!(
                worker.asked.recv_timeout(SOON),
                Ok(Command::Use(name("R&D_spare")))
            );
            panel.click("Router on · 127.0.0.1:9876");
            assert_eq!(worker.asked.recv_timeout(SOON), Ok(Command::TurnRouterOff));
            panel.click("Refresh now");
            assert_eq!(worker.asked.recv_timeout(SOON), Ok(Command::RefreshAll));
            panel
                .menu_where(|menu| !menu[0].is_checked && menu[1].is_checked && menu[3].is_checked);

            // What only a window or the program can do is wished for.
            panel.activate();
            assert_eq!(wishes.recv_timeout(SOON), Ok(Wish::Open));
            panel.click("Open Codex Router");
            assert_eq!(wishes.recv_timeout(SOON), Ok(Wish::Open));
            panel.click("Copy router URL");
            let url = "http://127.0.0.1:9876/v1".to_owned();
            assert_eq!(
                wishes.recv_timeout(SOON),
                Ok(Wish::CopyUrl(url)),
                "no display, no clipboard"
            );
            panel.click("Quit");
            assert_eq!(wishes.recv_timeout(SOON), Ok(Wish::Quit));

            // The switch is done: texts and marks change in place, the icon changes because there are numbers now.
            let (width, height, before) = panel.icon();
            assert_eq!((width, height), (22, 22));
            let mut switched = snapshot([
                chatgpt("work", []),
                in_use(chatgpt(
                    "R&D_spare",
                    [five_hours(34.0, 99_999), week(49.0, 99_999)],
                )),
            ]);
            switched.poll_interval = Duration::ZERO;
            switched.router.state = RouterState::Off;
            worker.snapshots.send_replace(Arc::new(switched));
            let menu = panel.menu_with("R&D_spare · Plus · 5h 66% · week 51%");
            let menu = if menu[0].is_checked {
                menu
            } else {
                panel.menu_where(|menu| menu[0].is_checked)
            };
            assert_eq!(menu.len(), 9);
            panel.menu_where(|menu| {
                menu[3].label == "Router off" && !menu[3].is_checked && !menu[1].is_checked
            });
            let after = panel.icon_other_than(&before);
            let colours: std::collections::HashSet<_> = after.as_chunks::<4>().0.iter().collect();
            assert!(colours.len() > 2, "{colours:?}");

            // Another set of accounts is another menu.
            worker.snapshots.send_replace(Arc::new(snapshot([])));
            let menu = panel.menu_with("No accounts yet");
            assert_eq!((menu.len(), menu[0].is_enabled), (8, false));
            drop(tray);
        },
    );
}

#[test]
fn a_tray_without_a_panel_waits_for_one_and_a_second_tray_is_refused() {
    in_a_session_of_its_own(
        "a_tray_without_a_panel_waits_for_one_and_a_second_tray_is_refused",
        |bus| {
            let (desk, _worker) = desk_of(two_accounts());
            let tray = Tray::start(desk.clone(), |_wish| {}).unwrap();
            assert!(!tray.host_present());
            let second = Tray::start(desk.clone(), |_wish| {});
            assert!(matches!(second, Err(TrayError::AlreadyShown)));

            let (sender, changes) = channel();
            tray.on_host_change(move |present| sender.send(present).unwrap());
            let mut panel = Panel::open(&bus);
            assert_eq!(changes.recv_timeout(SOON), Ok(true));
            panel.wait_for_tray();
            panel.menu_with("work · Plus");

            // Dropped and started again, it works as before.
            drop(tray);
            let (sender, wishes) = channel();
            let again = Tray::start(desk, move |wish| sender.send(wish).unwrap()).unwrap();
            panel.wait_for_tray();
            panel.click("Open Codex Router");
            assert_eq!(wishes.recv_timeout(SOON), Ok(Wish::Open));
            drop(again);
        },
    );
}

#[test]
fn the_ink_follows_the_colour_scheme() {
    in_a_session_of_its_own("the_ink_follows_the_colour_scheme", |bus| {
        let mut panel = Panel::open(&bus);
        let (desk, _worker) = desk_of(two_accounts());
        let _tray = Tray::start(desk, |_wish| {}).unwrap();
        panel.wait_for_tray();
        let (_, _, before) = panel.icon();
        let has = |pixels: &[u8], rgb: [u8; 3]| {
            pixels
                .as_chunks::<4>()
                .0
                .iter()
                .any(|pixel| pixel[0] > 0 && pixel[1..] == rgb)
        };
        assert!(
            has(&before, [0xEC, 0xEE, 0xF1]),
            "light ink while nothing is known"
        );
        panel.announce_light_desktop();
        let after = panel.icon_other_than(&before);
        assert!(has(&after, [0x23, 0x26, 0x2C]) && !has(&after, [0xEC, 0xEE, 0xF1]));
    });
}

#[test]
fn a_text_that_time_changes_changes_in_time() {
    in_a_session_of_its_own("a_text_that_time_changes_changes_in_time", |bus| {
        let mut panel = Panel::open(&bus);
        let mut empty = chatgpt("work", [five_hours(100.0, 1)]);
        // Its window resets in a moment, by the real clock.
        let soon = std::time::SystemTime::now() + Duration::from_millis(300);
        edit_usage(&mut empty, |usage| {
            usage.windows[0].resets_at = Some(soon);
            usage.fetched_at = std::time::SystemTime::now();
        });
        let (desk, _worker) = desk_of(snapshot([empty]));
        let _tray = Tray::start(desk, |_wish| {}).unwrap();
        panel.wait_for_tray();
        panel.menu_with("work · Plus · 5h 100%");
    });
}

#[test]
fn without_a_session_bus_there_is_no_tray_and_a_sentence() {
    if std::env::var_os(CHILD).is_some() {
        let (desk, _worker) = desk_of(two_accounts());
        let err = Tray::start(desk, |_wish| {}).err().unwrap();
        assert_eq!(
            err.to_string(),
            "there is no session bus, so there can be no tray"
        );
        return;
    }
    let test = "tray::tests::without_a_session_bus_there_is_no_tray_and_a_sentence";
    let child = Process::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env(CHILD, "1")
        .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
        .output()
        .unwrap();
    assert!(
        child.status.success(),
        "{}",
        String::from_utf8_lossy(&child.stdout)
    );
}
