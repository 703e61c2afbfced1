//! How the dialog that adds an account is opened, left, and drawn in every state.

use egui::Vec2;

use super::importing::{found, import};
use super::signing_in::{asked_to, browser_step, code_step, sign_in};
use super::*;
use crate::desk::{
    CallbackListener, ImportState, OlderStore, SignInStep, SignInWay, SignedIn, Verdict,
};

#[test]
fn the_plus_and_its_keys_open_the_browser_tab_and_begin_at_once() {
    for how in [0, 1, 2] {
        let mut rig = rig(three());
        match how {
            0 => rig.click("Add account"),
            1 => rig.press(Modifiers::COMMAND, Key::N),
            _ => rig.key(Key::N),
        }
        assert!(rig.shows("Preparing the link"), "{how}");
        assert_eq!(rig.asked(), [asked_to(SignInWay::Browser, None)], "{how}");
    }
}

#[test]
fn each_way_of_the_first_run_opens_its_tab() {
    let first_run = || Snapshot {
        profiles: Vec::new(),
        live: Live::Missing,
        ..three()
    };
    for (way, shown) in [
        ("Sign in with the browser", "Preparing the link"),
        ("Use a code on another device", "Asking for a code"),
        ("Import files or a backup", "Look on this computer"),
        ("Use an API key", "Key"),
    ] {
        let mut rig = rig(first_run());
        rig.click(way);
        assert!(rig.shows(shown), "{way}");
    }
}

#[test]
fn the_accounts_of_the_older_program_are_offered_and_looked_at() {
    let mut rig = rig(Snapshot {
        profiles: Vec::new(),
        live: Live::Missing,
        older_store: Some(OlderStore {
            folder: "/home/ana/.codex_router".into(),
            accounts: 3,
        }),
        ..three()
    });
    rig.click("Import the accounts of the older codex_router");
    let paths = vec!["/home/ana/.codex_router".into()];
    let expected = Command::LookForImport(crate::desk::ImportSource::Paths(paths));
    assert_eq!(rig.asked(), [expected]);
}

#[test]
fn leaving_frees_the_port_by_each_of_its_ways_but_not_by_a_click_beside() {
    for label in ["Cancel", "Close"] {
        let mut rig = rig(three());
        rig.click("Add account");
        rig.asked();
        rig.click(label);
        assert_eq!(rig.asked(), [Command::CancelSignIn], "{label}");
        assert!(!rig.shows("Cancel"));
    }
    let mut rig = rig(three());
    rig.click("Add account");
    rig.asked();
    rig.harness.hover_at(egui::pos2(4.0, 4.0));
    rig.run();
    for pressed in [true, false] {
        rig.harness.event(egui::Event::PointerButton {
            pos: egui::pos2(4.0, 4.0),
            button: egui::PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        });
    }
    rig.run();
    assert_eq!(rig.asked(), []);
    assert!(rig.shows("Cancel"));
    rig.key(Key::Escape);
    assert_eq!(rig.asked(), [Command::CancelSignIn]);
    assert!(!rig.shows("Cancel"));
}

#[test]
fn the_tabs_are_one_stop_of_the_tab_key_and_the_arrows_choose() {
    let mut rig = rig(three());
    rig.click("Add account");
    rig.key(Key::Tab);
    rig.key(Key::Tab);
    assert!(rig.harness.get_by_label("Browser").is_focused());
    rig.key(Key::ArrowRight);
    assert!(rig.harness.get_by_label("Code").is_focused());
    rig.key(Key::ArrowLeft);
    rig.key(Key::ArrowLeft);
    assert!(rig.harness.get_by_label("API key").is_focused());
    assert_eq!(
        rig.asked(),
        [
            asked_to(SignInWay::Browser, None),
            asked_to(SignInWay::Code, None),
            asked_to(SignInWay::Browser, None),
            Command::CancelSignIn,
        ]
    );
}

#[test]
fn files_that_are_dropped_are_looked_at_wherever_the_window_is() {
    for opens_first in [false, true] {
        let mut rig = rig(three());
        if opens_first {
            rig.click("Add account");
            rig.asked();
        }
        rig.drop_file("/home/ana/auth.json");
        let paths = vec!["/home/ana/auth.json".into()];
        let look = Command::LookForImport(crate::desk::ImportSource::Paths(paths));
        let expected = if opens_first {
            vec![Command::CancelSignIn, look]
        } else {
            vec![look]
        };
        assert_eq!(rig.asked(), expected);
        assert!(rig.shows("Looking"));
    }
}

/// Every state of the dialog, with what is pressed to see it.
fn faces() -> Vec<(Snapshot, &'static [&'static str])> {
    let held = |port, by: Option<&str>| CallbackListener::On {
        port,
        first_port_held_by: by.map(str::to_owned),
    };
    let who = SignedIn {
        email: Some("a-rather-long-name-of-somebody@nordlys-consulting.example".into()),
        plan: Some("team".into()),
        workspace: Some("Nordlys".into()),
        holder: None,
        proposed: name("ana"),
        is_unexpected: true,
        is_holder_unreadable: false,
    };
    let signing_in = |step| Snapshot {
        sign_in: Some(sign_in(1, SignInWay::Browser, step)),
        ..three()
    };
    let importing = |state, found| Snapshot {
        import: Some(import(1, state, found)),
        ..three()
    };
    let many = vec![
        found(1, "tanaka.dev@example.jp", Verdict::New),
        found(2, "ana@lindqvist.dev", Verdict::Older),
        found(3, "ana@oldco.example", Verdict::Expired),
        found(
            4,
            "x@example.dev",
            Verdict::Unreadable("it is cut off".into()),
        ),
    ];
    vec![
        (signing_in(SignInStep::Starting), &[]),
        (signing_in(browser_step(held(1455, None), None)), &[]),
        (
            signing_in(browser_step(
                held(1457, Some("codex (pid 4121)")),
                Some("That is another address"),
            )),
            &[],
        ),
        (
            signing_in(browser_step(CallbackListener::None { held_by: None }, None)),
            &[],
        ),
        (signing_in(SignInStep::Finishing), &[]),
        (signing_in(SignInStep::Confirm(who.clone())), &[]),
        (
            signing_in(SignInStep::Confirm(SignedIn {
                holder: Some(name("spare")),
                ..who
            })),
            &[],
        ),
        (
            signing_in(SignInStep::Failed {
                reason: "the time is over".into(),
            }),
            &[],
        ),
        (
            Snapshot {
                sign_in: Some(sign_in(1, SignInWay::Code, code_step())),
                ..three()
            },
            &[],
        ),
        (importing(ImportState::Looking { files: 312 }, vec![]), &[]),
        (importing(ImportState::Ready, many.clone()), &[]),
        (importing(ImportState::Ready, vec![]), &[]),
        (
            importing(
                ImportState::Writing {
                    done: 312,
                    of: 1_000,
                },
                many.clone(),
            ),
            &[],
        ),
        (
            importing(
                ImportState::Done {
                    added: 1,
                    updated: 0,
                    failed: 1,
                    is_cancelled: true,
                },
                many,
            ),
            &[],
        ),
        (
            importing(
                ImportState::Failed("the folder is not there".into()),
                vec![],
            ),
            &[],
        ),
        (
            importing(
                ImportState::WantsPassphrase {
                    file: "/a.backup".into(),
                    refusal: Some("wrong".into()),
                },
                vec![],
            ),
            &[],
        ),
        (three(), &["Add account", "API key", "Azure"]),
        (three(), &["Add account", "API key", "Other"]),
    ]
}

#[test]
fn every_face_of_it_fits_into_a_narrow_window_a_wide_one_and_one_of_twice_the_size() {
    for theme in [egui::Theme::Light, egui::Theme::Dark] {
        for (size, zoom) in [
            (memory::MIN_SIZE, 1.0),
            (Vec2::new(1100.0, 700.0), 1.0),
            (memory::DEFAULT_SIZE, 2.0),
        ] {
            for (index, (snapshot, clicks)) in faces().into_iter().enumerate() {
                let mut rig = rig_with(snapshot, theme, OnClose::Hide, Memory::default());
                rig.harness.set_size(size / zoom);
                rig.run();
                for label in clicks {
                    rig.harness.get_by_label(label).click();
                    rig.run();
                }
                let window = egui::Rect::from_min_size(egui::Pos2::ZERO, size / zoom);
                let cross = rig.harness.get_by_label("Close").rect();
                assert!(
                    window.contains_rect(cross),
                    "face {index} at {size}: {cross:?}"
                );
            }
        }
    }
}
