//! Clicks and keys, by the names that are spoken; no screen.

use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, SystemTime};

use egui::{Key, Modifiers, ViewportCommand, ViewportEvent, ViewportId};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

use super::*;
use crate::desk::{
    Change, CodexProcess, Command, DeskBack, Happening, Live, LoginKind, Notice, Outcome,
    ProfileView, RouterState, RouterView, Setting, Snapshot, Tool, ToolView, desk,
};
use crate::profile::{EndpointKind, Health, ProfileName};
use crate::usage::{Usage, Window};

mod activity;
mod adding;
mod client_keys;
mod exporting;
mod importing;
mod keying;
mod network;
mod organise;
mod pages;
mod pool;
mod privacy;
mod settings;
mod signing_in;
mod unlocking;

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000)
}

fn name(text: &str) -> ProfileName {
    ProfileName::parse(text).unwrap()
}

fn profile(text: &str, left: f64) -> ProfileView {
    let window = |hours: u64, used_percent| Window {
        length: Duration::from_secs(hours * 3_600),
        used_percent,
        resets_at: Some(now() + Duration::from_secs(hours * 1_800)),
    };
    ProfileView {
        name: name(text),
        kind: LoginKind::ChatGpt,
        email: Some(format!("{text}@example.dev")),
        plan: Some("plus".into()),
        workspace: None,
        health: Health::Fine,
        about: crate::desk::About::default(),
        token: crate::desk::TokenHealth::default(),
        is_active: text == "work",
        is_in_pool: true,
        terms: Arc::default(),
        bad_terms: vec![],
        network: crate::desk::NetworkView::default(),
        rest: None,
        model_rests: vec![],
        usage: Some(Arc::new(Usage {
            plan: None,
            windows: vec![window(5, 100.0 - left), window(168, 5.0)],
            extra: Vec::new(),
            is_limit_reached: false,
            credits: None,
            reset_credits: None,
            fetched_at: now(),
        })),
        usage_error: None,
        is_refreshing: false,
        prompt_cache: crate::desk::PromptCache::default(),
        expires_at: None,
        last_refresh_at: None,
    }
}

/// `work` is in use; `spare` and `other` are ready, in this order.
fn three() -> Snapshot {
    let profiles = vec![
        profile("other", 40.0),
        profile("spare", 90.0),
        profile("work", 60.0),
    ];
    Snapshot {
        is_loaded: true,
        home: "~/.codex".into(),
        profiles,
        live: Live::Saved(name("work")),
        router: RouterView {
            state: RouterState::On,
            address: Some("127.0.0.1:9876".parse().unwrap()),
            ..RouterView::default()
        },
        poll_interval: Duration::from_secs(600),
        ..Snapshot::default()
    }
}

fn unsaved() -> Live {
    Live::Unsaved {
        email: Some("ana@example.dev".into()),
        plan: Some("team".into()),
    }
}

/// Much longer than anything here takes; only a failing test waits so long.
const SOON: Duration = Duration::from_secs(20);

#[derive(Debug)]
struct Dropped(std::path::PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &std::path::Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        Err("the window reads no file".into())
    }
}

struct Rig {
    harness: Harness<'static, App>,
    outside: Outdoors,
    back: DeskBack,
    farewells: mpsc::Receiver<(Memory, Closed)>,
}

/// What reached the world outside of the window.
struct Outdoors {
    links: mpsc::Receiver<String>,
    picks: mpsc::Receiver<Pick>,
    /// What the next file dialog brings.
    picked: Arc<Mutex<Picked>>,
}

/// Links are taken unless they are of `bad.test`.
fn outdoors() -> (Doors, Outdoors) {
    let (link_sender, links) = mpsc::channel();
    let (pick_sender, picks) = mpsc::channel();
    let (link_sender, pick_sender) = (Mutex::new(link_sender), Mutex::new(pick_sender));
    let picked = Arc::new(Mutex::new(Picked::Nothing));
    let brought = picked.clone();
    let doors = Doors {
        open_link: Arc::new(move |url| {
            link_sender.lock().unwrap().send(url.to_owned()).unwrap();
            !url.contains("bad.test")
        }),
        pick: Arc::new(move |pick| {
            pick_sender.lock().unwrap().send(pick.clone()).unwrap();
            brought.lock().unwrap().clone()
        }),
        user_home: Some("/home/ana".into()),
    };
    let outdoors = Outdoors {
        links,
        picks,
        picked,
    };
    (doors, outdoors)
}

fn rig_with(snapshot: Snapshot, theme: egui::Theme, on_close: OnClose, memory: Memory) -> Rig {
    let (front, back) = desk(snapshot);
    let (farewell, farewells) = mpsc::channel();
    let (doors, outside) = outdoors();
    let parts = Parts {
        desk: front,
        memory,
        on_close: Arc::new(move || on_close),
        started_at: std::time::Instant::now(),
        theme: match theme {
            egui::Theme::Light => ThemeChoice::Light,
            egui::Theme::Dark => ThemeChoice::Dark,
        },
        outside: Arc::new(Outside::default()),
        clock: Clock {
            now,
            zone: jiff::tz::TimeZone::UTC,
        },
        doors,
        farewell,
    };
    let mut harness = Harness::builder()
        .with_size([400.0, 640.0])
        .with_theme(theme)
        .with_max_steps(12)
        .build_eframe(move |creation| App::new(&creation.egui_ctx, parts));
    harness.run_ok();
    let mut rig = Rig {
        harness,
        outside,
        back,
        farewells,
    };
    assert_eq!(rig.asked(), [Command::FindCodex], "a window that opens");
    rig
}

fn rig(snapshot: Snapshot) -> Rig {
    rig_with(
        snapshot,
        egui::Theme::Light,
        OnClose::Hide,
        Memory::default(),
    )
}

impl Rig {
    /// Draws until nothing moves. A text that changes every second does not count as moving.
    fn run(&mut self) {
        for _ in 0..4 {
            self.harness.step();
        }
        self.harness.check_accessibility();
    }

    fn click(&mut self, label: &str) {
        self.harness.get_by_label(label).click();
        self.run();
    }

    fn press(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.run();
    }

    fn key(&mut self, key: Key) {
        self.press(Modifiers::NONE, key);
    }

    fn shows(&self, label: &str) -> bool {
        self.harness.query_by_label(label).is_some()
    }

    fn asked(&mut self) -> Vec<Command> {
        std::iter::from_fn(|| self.back.commands.try_recv().ok()).collect()
    }

    fn publish(&mut self, snapshot: Snapshot) {
        self.back.snapshots.send_replace(Arc::new(snapshot));
        self.run();
    }

    /// Draws until an errand has come back and was understood: until something shows.
    fn wait_for(&mut self, label: &str) {
        let deadline = std::time::Instant::now() + SOON;
        while !self.shows(label) {
            assert!(std::time::Instant::now() < deadline, "{label:?} never came");
            std::thread::yield_now();
            self.harness.step();
        }
    }

    /// Draws until the worker is asked for something.
    fn wait_until_asked(&mut self) -> Vec<Command> {
        let deadline = std::time::Instant::now() + SOON;
        loop {
            let asked = self.asked();
            if !asked.is_empty() {
                return asked;
            }
            assert!(std::time::Instant::now() < deadline, "nothing was asked");
            std::thread::yield_now();
            self.harness.step();
        }
    }

    fn paste(&mut self, text: &str) {
        self.harness.event(egui::Event::Paste(text.to_owned()));
        self.run();
    }

    fn drop_file(&mut self, path: &str) {
        let file = Arc::new(Dropped(path.into()));
        self.harness.input_mut().dropped_files.push(file);
        self.run();
    }

    fn is_focused(&self, label: &str) -> bool {
        self.harness.get_by_label(label).is_focused()
    }

    /// Draws one frame in which this happens.
    fn frame_with(&mut self, modifiers: Modifiers, key: Key) {
        let input = self.harness.input_mut();
        input.events.push(egui::Event::ModifiersChanged(modifiers));
        input.events.push(egui::Event::Key {
            key,
            physical_key: None,
            pressed: true,
            repeat: false,
            modifiers,
        });
        self.harness.step();
    }

    /// What the last frame copied.
    fn copied(&self) -> Vec<String> {
        let commands = &self.harness.output().platform_output.commands;
        let copied = |command: &egui::OutputCommand| match command {
            egui::OutputCommand::CopyText(text) => Some(text.clone()),
            _ => None,
        };
        commands.iter().filter_map(copied).collect()
    }

    /// The window manager's close button, and what the window answers.
    fn close(&mut self) -> Vec<ViewportCommand> {
        let viewports = &mut self.harness.input_mut().viewports;
        let root = viewports.entry(ViewportId::ROOT).or_default();
        root.events.push(ViewportEvent::Close);
        self.harness.step();
        self.sent()
    }

    fn sent(&self) -> Vec<ViewportCommand> {
        let output = self.harness.output();
        output
            .viewport_output
            .get(&ViewportId::ROOT)
            .map(|root| root.commands.clone())
            .unwrap_or_default()
    }

    /// How the window says that it ended.
    fn farewell(self) -> (Memory, Closed) {
        let mut app = self.harness.into_state();
        eframe::App::on_exit(&mut app, None);
        self.farewells.try_recv().unwrap()
    }
}

#[test]
fn a_click_on_switch_asks_for_the_account() {
    let mut rig = rig(three());
    rig.click("Switch to spare");
    assert_eq!(rig.asked(), [Command::Use(name("spare"))]);
}

#[test]
fn a_click_on_a_row_alone_switches_nothing() {
    let mut rig = rig(three());
    rig.harness
        .get_by_label_contains("spare, Plus, ready")
        .click();
    rig.run();
    assert_eq!(rig.asked(), [Command::ShowHistory(name("spare"))]);
}

#[test]
fn down_and_enter_switch_without_a_mouse() {
    let mut rig = rig(three());
    rig.key(Key::ArrowDown);
    rig.key(Key::ArrowDown);
    rig.key(Key::Enter);
    assert_eq!(rig.asked(), [Command::Use(name("other"))]);
    rig.key(Key::ArrowUp);
    rig.key(Key::Enter);
    assert_eq!(rig.asked(), [Command::Use(name("spare"))]);
}

#[test]
fn tab_reaches_the_switch_button_of_the_row() {
    let mut rig = rig(three());
    rig.key(Key::ArrowDown);
    rig.key(Key::Tab);
    assert!(rig.harness.get_by_label("Switch to spare").is_focused());
    rig.key(Key::Enter);
    assert_eq!(rig.asked(), [Command::Use(name("spare"))]);
}

#[test]
fn while_codex_runs_a_switch_is_confirmed_first() {
    let mut snapshot = three();
    snapshot.codex = vec![CodexProcess {
        pid: 4121,
        kind: "codex".into(),
        directory: Some("~/src/api".into()),
        started_at: None,
    }];
    let mut rig = rig(snapshot);
    rig.click("Switch to spare");
    assert!(rig.shows("Codex is running. How should it switch?"));
    let everywhere =
        "Everywhere. Writes auth.json for every app.\nThese stay on work until they restart:";
    assert!(rig.shows(everywhere));
    assert!(rig.shows("codex in ~/src/api, pid 4121"));
    assert_eq!(rig.asked(), []);
    rig.click("Cancel");
    assert!(!rig.shows("Cancel"));
    assert_eq!(rig.asked(), []);
    rig.click("Switch to spare");
    rig.click("Switch");
    assert_eq!(rig.asked(), [Command::Use(name("spare"))]);
    assert!(!rig.shows("Cancel"));
}

fn running(mut snapshot: Snapshot) -> Snapshot {
    snapshot.codex = vec![CodexProcess {
        pid: 4121,
        kind: "codex".into(),
        directory: None,
        started_at: None,
    }];
    snapshot
}

const THROUGH_ROUTER: &str =
    "Through the router. Instant. Nothing restarts.\nCodex already points at the router.";

#[test]
fn where_codex_points_at_the_router_a_switch_goes_through_it_and_can_be_remembered() {
    let mut snapshot = running(three());
    snapshot.is_codex_on_router = true;
    let mut rig = rig(snapshot);
    rig.click("Switch to spare");
    assert!(rig.shows(THROUGH_ROUTER));
    rig.click("Switch");
    assert_eq!(rig.asked(), [Command::RouteTo(Some(name("spare")))]);
    rig.click("Switch to spare");
    rig.click(
        "Everywhere. Writes auth.json for every app.\nThese stay on work until they restart:",
    );
    rig.click("Remember and do not ask again");
    rig.click("Switch");
    assert_eq!(
        rig.asked(),
        [
            Command::Set(vec![Change::to(Setting::SwitchWay, "everywhere")]),
            Command::Use(name("spare"))
        ]
    );
}

#[test]
fn where_codex_does_not_point_at_the_router_it_is_connected_first() {
    let mut rig = rig(running(three()));
    rig.click("Switch to spare");
    rig.click(
        "Through the router. Instant. Nothing restarts.\nCodex does not point at the router yet.",
    );
    rig.click("Connect…");
    assert_eq!(rig.asked(), [Command::LookAtTools]);
    assert!(rig.shows("Connect apps to the router"));
}

fn tool(tool: Tool, is_connected: bool) -> ToolView {
    ToolView {
        tool,
        is_installed: true,
        is_connected,
        is_outdated: false,
        file: "/home/ana/.codex/config.toml".into(),
        diff: "--- config.toml\n+++ config.toml\n@@ -1 +1,2 @@\n model = \"gpt-5.5\"\n+openai_base_url = \"http://127.0.0.1:9876/v1\"\n".into(),
        trouble: None,
    }
}

#[test]
fn apps_are_connected_and_disconnected_by_the_menu_of_the_router() {
    let mut snapshot = three();
    let broken = ToolView {
        trouble: Some("\"settings.json\" cannot be understood; mend it first".into()),
        ..tool(Tool::OpenCode, false)
    };
    snapshot.tools = vec![
        tool(Tool::Codex, false),
        tool(Tool::ClaudeCode, true),
        broken,
        ToolView {
            is_outdated: true,
            ..tool(Tool::Aider, false)
        },
    ];
    let mut rig = rig(snapshot);
    rig.click("Router menu");
    rig.click("Connect apps…");
    assert_eq!(rig.asked(), [Command::LookAtTools]);
    rig.click("Connect Codex");
    assert_eq!(rig.asked(), [Command::Connect(Tool::Codex)]);
    rig.click("Claude Code, uses the router");
    rig.click("Disconnect Claude Code");
    assert_eq!(rig.asked(), [Command::Disconnect(Tool::ClaudeCode)]);
    rig.click("opencode, does not use the router");
    assert!(!rig.shows("Connect opencode"), "there is no button for it");
    rig.click("aider, uses an earlier address of the router");
    rig.click("Connect aider");
    assert_eq!(rig.asked(), [Command::Connect(Tool::Aider)]);
    rig.click("Close");
    assert_eq!(rig.asked(), []);
}

#[test]
fn a_choice_for_the_router_shows_and_is_taken_back() {
    let mut snapshot = three();
    snapshot.router.state = RouterState::On;
    snapshot.router.routed_to = Some(name("spare"));
    let mut rig = rig(snapshot);
    assert!(rig.shows("Uses spare first, chosen by you."));
    rig.click("Router menu");
    rig.click("Let the router choose");
    assert_eq!(rig.asked(), [Command::RouteTo(None)]);
}

#[test]
fn a_login_in_the_keyring_has_two_ways_out() {
    let mut snapshot = three();
    snapshot.notices = vec![Notice::CredentialStore {
        mode: "keyring".into(),
    }];
    let mut rig = rig(snapshot);
    rig.click("Fix…");
    rig.click("Change it");
    assert_eq!(rig.asked(), [Command::UseFileStore]);
    rig.click("Fix…");
    rig.click(
        "Use the router instead. Codex keeps its login where it is and sends its requests through the router.",
    );
    rig.click("Connect…");
    assert_eq!(rig.asked(), [Command::LookAtTools]);
}

#[test]
fn coming_back_to_the_window_has_codex_looked_for_once() {
    let mut rig = rig(three());
    rig.run();
    assert_eq!(rig.asked(), []);
    for has_focus in [false, true] {
        let input = rig.harness.input_mut();
        input.focused = has_focus;
        input.events.push(egui::Event::WindowFocused(has_focus));
        rig.run();
    }
    assert_eq!(rig.asked(), [Command::FindCodex]);
}

#[test]
fn in_a_dialog_enter_takes_the_safe_primary_and_escape_leaves() {
    let mut snapshot = three();
    snapshot.codex = vec![CodexProcess {
        pid: 1,
        kind: "VS Code extension".into(),
        directory: None,
        started_at: None,
    }];
    let mut rig = rig(snapshot);
    rig.click("Switch to spare");
    rig.key(Key::Escape);
    assert!(!rig.shows("Cancel"));
    assert_eq!(rig.asked(), []);
    rig.click("Switch to spare");
    rig.key(Key::Enter);
    assert_eq!(rig.asked(), [Command::Use(name("spare"))]);
}

#[test]
fn the_row_menu_refreshes_one_account() {
    let mut rig = rig(three());
    rig.click("More for spare");
    rig.click("Refresh usage");
    assert_eq!(rig.asked(), [Command::RefreshUsage(name("spare"))]);
    assert!(!rig.shows("Refresh usage"));
}

#[test]
fn r_refreshes_the_row_or_the_account_in_use_and_ctrl_r_all() {
    let mut rig = rig(three());
    rig.key(Key::R);
    rig.key(Key::ArrowDown);
    rig.key(Key::R);
    rig.press(Modifiers::COMMAND, Key::R);
    rig.click("Refresh all");
    assert_eq!(
        rig.asked(),
        [
            Command::RefreshUsage(name("work")),
            Command::RefreshUsage(name("spare")),
            Command::RefreshAll,
            Command::RefreshAll,
        ]
    );
}

#[test]
fn the_router_is_turned_by_click_and_by_key() {
    let mut rig = rig(three());
    rig.click("Router, on, 127.0.0.1 port 9876");
    rig.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::R);
    assert_eq!(
        rig.asked(),
        [Command::TurnRouterOff, Command::TurnRouterOff]
    );
    let mut off = three();
    off.router.state = RouterState::Off;
    rig.publish(off);
    rig.click("Router, off, 127.0.0.1 port 9876");
    assert_eq!(rig.asked(), [Command::TurnRouterOn]);
}

#[test]
fn the_base_url_is_copied_by_click_and_by_key() {
    let mut rig = rig(three());
    let url = "http://127.0.0.1:9876/v1";
    rig.harness
        .get_by_label("Copy router URL")
        .click_accesskit();
    rig.harness.step();
    assert_eq!(rig.copied(), [url]);
    rig.run();
    assert!(rig.shows("Copied http://127.0.0.1:9876/v1"));
    rig.frame_with(Modifiers::COMMAND | Modifiers::SHIFT, Key::C);
    assert_eq!(rig.copied(), [url]);
}

#[test]
fn a_taken_port_offers_the_free_one() {
    let mut snapshot = three();
    snapshot.router.state = RouterState::PortTaken {
        port: 9876,
        holder: Some("node (pid 812)".into()),
        free_port: Some(9877),
    };
    let mut rig = rig(snapshot);
    assert!(rig.shows("Port 9876 is taken by node (pid 812)."));
    rig.click("Use 9877");
    assert_eq!(rig.asked(), [Command::ServeOnPort(9877)]);
}

#[test]
fn a_router_that_failed_can_be_started_again() {
    let mut snapshot = three();
    snapshot.router.state = RouterState::Failed("permission denied".into());
    let mut rig = rig(snapshot);
    rig.click("Start the router again");
    assert_eq!(rig.asked(), [Command::TurnRouterOn]);
}

#[test]
fn the_first_run_adds_the_login_that_codex_uses() {
    let mut rig = rig(Snapshot {
        profiles: Vec::new(),
        live: unsaved(),
        ..three()
    });
    rig.click("Add the login that Codex uses");
    rig.click("Save");
    assert_eq!(rig.asked(), [Command::Save(name("ana"))]);
}

#[test]
fn a_name_that_cannot_be_is_refused_in_words_and_sends_nothing() {
    let mut rig = rig(Snapshot {
        live: unsaved(),
        ..three()
    });
    rig.click("Save");
    rig.harness.get_by_label("Account name").type_text("../x");
    rig.run();
    // Two buttons are called so now: the banner's, below the dialog, and the dialog's own.
    rig.harness.get_all_by_label("Save").last().unwrap().click();
    rig.run();
    let sentence = "only letters, digits, dot, underscore and hyphen are allowed.";
    assert!(rig.harness.query_by_label_contains(sentence).is_some());
    assert_eq!(rig.asked(), []);
}

#[test]
fn a_name_that_is_taken_is_refused_whatever_its_case() {
    let mut snapshot = three();
    snapshot.live = Live::Unsaved {
        email: None,
        plan: None,
    };
    let mut rig = rig(snapshot);
    rig.click("Save");
    rig.press(Modifiers::COMMAND, Key::A);
    rig.harness.get_by_label("Account name").type_text("SPARE");
    rig.run();
    rig.key(Key::Enter);
    assert!(rig.shows("There is an account called spare already."));
    assert_eq!(rig.asked(), []);
}

#[test]
fn emails_are_hidden_by_the_worker_for_every_face() {
    let mut rig = rig(three());
    rig.click("Hide emails");
    assert_eq!(rig.asked(), [Command::HideEmails(true)]);
    rig.publish(Snapshot {
        hides_emails: true,
        ..three()
    });
    assert!(rig.shows("Show emails"));
    rig.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::H);
    assert_eq!(rig.asked(), [Command::HideEmails(false)]);
}

#[test]
fn the_order_is_chosen_from_a_menu_and_remembered() {
    let mut rig = rig(three());
    rig.click("Sort: Usable soonest");
    rig.click("Name");
    assert!(rig.shows("Sort: Name"));
    rig.key(Key::ArrowDown);
    rig.key(Key::Enter);
    assert_eq!(rig.asked(), [Command::Use(name("other"))]);
    assert_eq!(rig.farewell().0.sort, rows::Sort::Name);
}

fn switched(seq: u64) -> Happening {
    Happening {
        seq,
        at: now(),
        outcome: Outcome::Switched {
            from: Some(name("work")),
            to: name("spare"),
        },
    }
}

#[test]
fn a_switch_is_said_once_and_can_be_undone() {
    let mut rig = rig(three());
    let mut after = three();
    after.happenings = vec![switched(1)];
    rig.publish(after.clone());
    assert!(rig.shows("Codex now uses spare"));
    rig.click("Undo");
    assert_eq!(rig.asked(), [Command::Use(name("work"))]);
    assert!(!rig.shows("Undo"));
    after.is_refreshing = false;
    rig.publish(after);
    assert!(!rig.shows("Codex now uses spare"));
}

#[test]
fn a_toast_goes_by_itself() {
    let mut rig = rig(three());
    let mut after = three();
    after.happenings = vec![switched(1)];
    rig.publish(after);
    // A frame of the harness is a quarter of a second.
    rig.harness.run_steps(24);
    assert!(!rig.shows("Codex now uses spare"));
}

#[test]
fn what_happened_long_before_the_window_opened_is_not_news() {
    let mut snapshot = three();
    let mut old = switched(7);
    old.at = now() - Duration::from_secs(60);
    snapshot.happenings = vec![old];
    assert!(!rig(snapshot).shows("Codex now uses spare"));
}

#[test]
fn a_failure_is_a_banner_until_it_is_put_away() {
    let mut snapshot = three();
    snapshot.happenings = vec![Happening {
        seq: 1,
        at: now(),
        outcome: Outcome::SwitchFailed {
            to: name("spare"),
            reason: "the disk is full".into(),
        },
    }];
    let mut rig = rig(snapshot);
    let banner = "Codex could not switch to spare. The disk is full.";
    assert!(rig.shows(banner));
    rig.click("Dismiss");
    assert!(!rig.shows(banner));
    assert_eq!(rig.asked(), []);
}

#[test]
fn an_endpoint_has_a_row_and_no_button_to_switch() {
    let mut snapshot = three();
    snapshot.profiles[1].kind = LoginKind::Endpoint {
        kind: EndpointKind::Azure,
        host: "x.openai.azure.test".into(),
    };
    snapshot.profiles[1].usage = None;
    snapshot.profiles[1].email = None;
    let mut rig = rig(snapshot);
    assert!(rig.shows("More for spare"));
    assert!(rig.shows("Switch to other"));
    assert!(!rig.shows("Switch to spare"));
    rig.click("More for spare");
    assert!(!rig.shows("Switch"));
    assert_eq!(rig.asked(), []);
}

#[test]
fn offline_offers_to_try_again() {
    let mut snapshot = three();
    snapshot.notices = vec![Notice::Offline { since: now() }];
    let mut rig = rig(snapshot);
    rig.click("Try again");
    assert_eq!(rig.asked(), [Command::RefreshAll]);
}

#[test]
fn a_dead_login_in_use_offers_the_way_out() {
    let mut snapshot = three();
    snapshot.profiles[2].health = Health::SignInAgain;
    let mut rig = rig(snapshot);
    rig.harness
        .get_all_by_label("Switch to spare")
        .next()
        .unwrap()
        .click();
    rig.run();
    assert_eq!(rig.asked(), [Command::Use(name("spare"))]);
}

#[test]
fn a_worker_that_is_gone_is_said_and_not_hidden() {
    let mut rig = rig(three());
    rig.back.commands.close();
    rig.click("Refresh all");
    assert!(
        rig.harness
            .query_by_label_contains("The background worker has stopped")
            .is_some()
    );
}

/// 200 accounts, `work` in use.
fn two_hundred() -> Snapshot {
    let mut snapshot = three();
    let more = (0..197_u32).map(|n| profile(&format!("account-{n:03}"), f64::from(n % 100)));
    snapshot.profiles.extend(more);
    snapshot
}

#[test]
fn two_hundred_accounts_are_drawn_and_the_last_can_be_reached() {
    let mut rig = rig(two_hundred());
    assert!(rig.shows("Switch to account-099"));
    rig.key(Key::ArrowUp);
    rig.key(Key::Enter);
    // The last of those that are not folded away.
    assert_eq!(rig.asked(), [Command::Use(name("account-101"))]);
}

#[test]
fn a_search_narrows_the_list_and_escape_widens_it() {
    let mut rig = rig(two_hundred());
    rig.press(Modifiers::COMMAND, Key::F);
    rig.harness
        .get_by_label("Search accounts")
        .type_text("account-042");
    rig.run();
    assert!(rig.shows("Switch to account-042"));
    assert!(!rig.shows("Switch to account-099"));
    rig.key(Key::ArrowDown);
    rig.key(Key::Enter);
    assert_eq!(rig.asked(), [Command::Use(name("account-042"))]);
    rig.key(Key::Escape);
    assert!(rig.shows("Switch to account-099"));
}

#[test]
fn letters_typed_into_a_field_are_no_shortcuts() {
    let mut rig = rig(two_hundred());
    rig.key(Key::Slash);
    let field = rig.harness.get_by_label("Search accounts");
    assert!(field.is_focused());
    field.type_text("r");
    rig.key(Key::R);
    assert_eq!(rig.asked(), []);
}

#[test]
fn closing_hides_when_a_tray_is_left() {
    let mut rig = rig(three());
    assert_eq!(rig.close(), []);
    assert_eq!(rig.farewell().1, Closed::Hidden);
}

#[test]
fn without_a_tray_the_first_close_says_that_it_stops_the_router() {
    let mut rig = rig_with(
        three(),
        egui::Theme::Light,
        OnClose::Quit,
        Memory::default(),
    );
    assert_eq!(rig.close(), [ViewportCommand::CancelClose]);
    rig.run();
    assert!(rig.shows("No tray on this desktop, so closing stops the router."));
    rig.click("Keep open");
    assert!(!rig.shows("Keep open"));
    // The second time it is known.
    assert_eq!(rig.close(), []);
    let (memory, closed) = rig.farewell();
    assert!(memory.knows_that_closing_stops);
    assert_eq!(closed, Closed::Quit);
}

#[test]
fn quitting_from_that_dialog_closes_the_window() {
    let mut rig = rig_with(
        three(),
        egui::Theme::Light,
        OnClose::Quit,
        Memory::default(),
    );
    rig.press(Modifiers::COMMAND, Key::W);
    rig.click("Quit");
    assert_eq!(rig.farewell().1, Closed::Quit);
}

#[test]
fn escape_and_ctrl_w_hide_and_ctrl_q_quits() {
    for (modifiers, key, expected) in [
        (Modifiers::NONE, Key::Escape, Closed::Hidden),
        (Modifiers::COMMAND, Key::W, Closed::Hidden),
        (Modifiers::COMMAND, Key::Q, Closed::Quit),
    ] {
        let mut rig = rig(three());
        rig.frame_with(modifiers, key);
        assert_eq!(rig.sent(), [ViewportCommand::Close], "{key:?}");
        assert_eq!(rig.farewell().1, expected, "{key:?}");
    }
}

#[test]
fn without_a_tray_escape_does_not_end_the_program() {
    let mut rig = rig_with(
        three(),
        egui::Theme::Light,
        OnClose::Quit,
        Memory {
            knows_that_closing_stops: true,
            ..Memory::default()
        },
    );
    rig.frame_with(Modifiers::NONE, Key::Escape);
    assert_eq!(rig.sent(), []);
}

#[test]
fn shift_f10_opens_the_menu_of_the_row() {
    let mut rig = rig(three());
    rig.key(Key::ArrowDown);
    rig.press(Modifiers::SHIFT, Key::F10);
    rig.click("Refresh usage");
    assert_eq!(rig.asked(), [Command::RefreshUsage(name("spare"))]);
}

#[test]
fn somebody_who_asks_for_the_window_gets_it_to_the_front() {
    let mut rig = rig(three());
    let mut raised = three();
    raised.raises = 1;
    rig.back.snapshots.send_replace(Arc::new(raised));
    rig.harness.step();
    assert_eq!(
        rig.sent(),
        [ViewportCommand::Minimized(false), ViewportCommand::Focus]
    );
}

#[test]
fn an_idle_window_sleeps_until_a_text_changes() {
    let mut snapshot = three();
    for profile in &mut snapshot.profiles {
        profile.usage = None;
    }
    let mut rig = rig(snapshot);
    rig.run();
    let output = rig.harness.output();
    let delay = output.viewport_output[&ViewportId::ROOT].repaint_delay;
    assert_eq!(delay, Duration::MAX);
}

#[test]
fn every_face_of_the_page_can_be_drawn_in_light_and_dark() {
    let mut first_run = three();
    first_run.profiles.clear();
    first_run.live = unsaved();
    let loading = Snapshot::default();
    let mut troubled = three();
    troubled.live = Live::Unreadable("it is cut off".into());
    troubled.is_refreshing = true;
    troubled.profiles[0].kind = LoginKind::ApiKey;
    troubled.profiles[1].usage = None;
    troubled.profiles[2].usage = None;
    for theme in [egui::Theme::Light, egui::Theme::Dark] {
        for snapshot in [
            three(),
            first_run.clone(),
            loading.clone(),
            troubled.clone(),
        ] {
            let mut rig = rig_with(snapshot, theme, OnClose::Hide, Memory::default());
            rig.harness.set_size(memory::MIN_SIZE);
            rig.run();
            assert_eq!(rig.harness.ctx.theme(), theme);
            assert!(rig.shows("Accounts"));
        }
    }
}
