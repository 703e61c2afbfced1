//! Before a switch while Codex runs: everywhere, where what runs keeps its old login, or through the router, at once.

use std::time::SystemTime;

use egui::{Align2, Id, Painter, Rect, Ui, WidgetInfo, accesskit, pos2, vec2};

use super::Scene;
use super::frame::{self, Buttons, Choice};
use crate::desk::{Change, CodexProcess, Command, Setting, Snapshot, SwitchWay, words};
use crate::profile::ProfileName;
use crate::window::ask::Ask;
use crate::window::fonts::icon;
use crate::window::text::{self, Role};
use crate::window::theme::Look;
use crate::window::widgets::{self, ButtonKind, Label, Tick};

/// More lines than this are counted.
const LINES_NAMED: usize = 6;
const LINE_HEIGHT: f32 = 22.0;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchDialog {
    to: ProfileName,
    way: Way,
    is_remembered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Router,
    Everywhere,
}

/// What to do about a switch: at once, where the user has said how or where it makes no difference; else ask.
pub fn switching(snapshot: &Snapshot, to: ProfileName) -> Ask {
    match snapshot.switch_way {
        SwitchWay::Router if snapshot.is_codex_on_router => {
            Ask::Command(Command::RouteTo(Some(to)))
        }
        SwitchWay::Everywhere => Ask::Command(Command::Use(to)),
        SwitchWay::Ask if snapshot.codex.is_empty() => Ask::Command(Command::Use(to)),
        SwitchWay::Ask | SwitchWay::Router => {
            let way = if snapshot.is_codex_on_router {
                Way::Router
            } else {
                Way::Everywhere
            };
            Ask::OpenSwitch(SwitchDialog {
                to,
                way,
                is_remembered: false,
            })
        }
    }
}

pub fn switch_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &mut SwitchDialog, asks: &mut Vec<Ask>) {
    let Scene { look, snapshot, .. } = scene;
    frame::title(ui, look, &format!("Switch to {}", scene.called(&dialog.to)));
    let question = if snapshot.codex.is_empty() {
        "How should Codex switch?"
    } else {
        "Codex is running. How should it switch?"
    };
    frame::paragraph(ui, look, question);
    ui.add_space(14.0);

    let is_pointed = snapshot.is_codex_on_router;
    let words = router_words(snapshot);
    let is_chosen = dialog.way == Way::Router;
    let words = ("Through the router", words.as_str());
    let id = Id::unique("switch through the router");
    if widgets::radio_card_ui(ui, look, id, is_chosen, words, 0.0)
        .0
        .clicked()
    {
        dialog.way = Way::Router;
    }
    ui.add_space(8.0);
    everywhere_ui(ui, scene, dialog);

    ui.add_space(10.0);
    let words = "Remember and do not ask again";
    let tick = if dialog.is_remembered {
        Tick::On
    } else {
        Tick::Off
    };
    let id = Id::unique("remember the way");
    if widgets::checkbox_ui(ui, look, id, tick, (words, words)).clicked() {
        dialog.is_remembered = !dialog.is_remembered;
    }
    // Codex must point there first.
    let must_connect = dialog.way == Way::Router && !is_pointed;
    let buttons = Buttons {
        other: Some("Cancel"),
        primary: Some(Label::plain(if must_connect {
            "Connect…"
        } else {
            "Switch"
        })),
        kind: ButtonKind::Primary,
        focus: scene.is_new.then_some(Choice::Primary),
    };
    match frame::buttons_ui(ui, look, &buttons) {
        Some(Choice::Primary) if must_connect => asks.push(Ask::OpenConnect),
        Some(Choice::Primary) => {
            let to = dialog.to.clone();
            let (command, way) = match dialog.way {
                Way::Router => (Command::RouteTo(Some(to)), SwitchWay::Router),
                Way::Everywhere => (Command::Use(to), SwitchWay::Everywhere),
            };
            if dialog.is_remembered {
                let change = Change::to(Setting::SwitchWay, way.as_str());
                asks.push(Ask::Command(Command::Set(vec![change])));
            }
            asks.push(Ask::Command(command));
            asks.push(Ask::CloseDialog);
        }
        Some(Choice::Other) => asks.push(Ask::CloseDialog),
        None => {}
    }
}

fn router_words(snapshot: &Snapshot) -> String {
    if !snapshot.is_codex_on_router {
        return "Instant. Nothing restarts.\nCodex does not point at the router yet.".to_owned();
    }
    match (snapshot.codex_before_router(), snapshot.codex.len()) {
        (0, _) => "Instant. Nothing restarts.\nCodex already points at the router.".to_owned(),
        (1, 1) => {
            "Codex points at the router, but was started before:\nit must restart once.".to_owned()
        }
        (older, _) => format!(
            "Codex points at the router.\n{older} that {} before must restart once.",
            if older == 1 {
                "was started"
            } else {
                "were started"
            }
        ),
    }
}

fn everywhere_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &mut SwitchDialog) {
    let Scene { look, snapshot, .. } = scene;
    let lines = lines(&snapshot.codex, scene.now);
    let more = lines.len().saturating_sub(LINES_NAMED);
    let shown = lines.len().min(LINES_NAMED) + usize::from(more > 0);
    let words = match (lines.is_empty(), snapshot.active()) {
        (true, _) => "Writes auth.json for every app.".to_owned(),
        (false, Some(active)) => format!(
            "Writes auth.json for every app.\nThese stay on {} until they restart:",
            scene.called(&active.name)
        ),
        (false, None) => {
            "Writes auth.json for every app.\nThese keep their login until they restart:".to_owned()
        }
    };
    let extra = if shown == 0 {
        0.0
    } else {
        6.0 + LINE_HEIGHT * shown as f32
    };
    let is_chosen = dialog.way == Way::Everywhere;
    let id = Id::unique("switch everywhere");
    let card = ("Everywhere", words.as_str());
    let (response, room) = widgets::radio_card_ui(ui, look, id, is_chosen, card, extra);
    if response.clicked() {
        dialog.way = Way::Everywhere;
    }
    let place = |number: usize| {
        let top = room.top() + 6.0 + LINE_HEIGHT * number as f32;
        Rect::from_min_size(pos2(room.left(), top), vec2(room.width(), LINE_HEIGHT))
    };
    for (number, line) in lines.iter().take(LINES_NAMED).enumerate() {
        let rect = place(number);
        paint_line(ui.painter(), look, rect, line);
        let response = ui.interact(
            rect,
            Id::unique("codex program").with(number),
            egui::Sense::hover(),
        );
        let spoken = format!("{}, {}", line.what, line.right);
        response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, &spoken));
    }
    if more > 0 {
        let rest = Line {
            glyph: icon::ELLIPSIS,
            what: format!("and {more} more"),
            right: String::new(),
        };
        paint_line(ui.painter(), look, place(LINES_NAMED), &rest);
    }
}

/// One running program, or several of a kind.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    glyph: &'static str,
    what: String,
    right: String,
}

/// Programs in a terminal stand alone, because their place tells them apart; others are counted by their kind.
fn lines(codex: &[CodexProcess], now: SystemTime) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut counted: Vec<&str> = Vec::new();
    for process in codex {
        if process.is_in_terminal() {
            let what = match &process.directory {
                Some(directory) => format!("{} in {directory}", process.kind),
                None => process.kind.clone(),
            };
            lines.push(Line {
                glyph: icon::TERMINAL,
                what,
                right: pid_and_age(process, now),
            });
        } else if !counted.contains(&process.kind.as_str()) {
            counted.push(&process.kind);
            let same = codex.iter().filter(|other| other.kind == process.kind);
            let right = match (same.count(), process.kind.ends_with("extension")) {
                (1, _) => pid_and_age(process, now),
                (count, true) => format!("{count} windows"),
                (count, false) => format!("{count} running"),
            };
            lines.push(Line {
                glyph: icon::CODE,
                what: process.kind.clone(),
                right,
            });
        }
    }
    lines
}

fn pid_and_age(process: &CodexProcess, now: SystemTime) -> String {
    let age = process
        .started_at
        .and_then(|at| now.duration_since(at).ok())
        .map(|age| format!(" · {}", words::duration(age)));
    format!("pid {}{}", process.pid, age.unwrap_or_default())
}

fn paint_line(painter: &Painter, look: Look, rect: Rect, line: &Line) {
    let middle = rect.center().y;
    let at = pos2(rect.left() + 7.0, middle);
    text::icon(painter, at, line.glyph, 14, look.text_2);
    let right = text::put(
        painter,
        pos2(rect.right(), middle),
        Align2::RIGHT_CENTER,
        &line.right,
        Role::Countdown,
        look.text_2,
        rect.width() / 2.0,
    );
    let left = rect.left() + 20.0;
    text::put(
        painter,
        pos2(left, middle),
        Align2::LEFT_CENTER,
        &line.what,
        Role::Caption,
        look.text,
        right.left() - 8.0 - left,
    );
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn process(pid: u32, kind: &str, directory: Option<&str>) -> CodexProcess {
        CodexProcess {
            pid,
            kind: kind.to_owned(),
            directory: directory.map(str::to_owned),
            started_at: Some(SystemTime::UNIX_EPOCH),
        }
    }

    #[test]
    fn windows_of_an_editor_are_counted_and_terminals_are_named() {
        let codex = [
            process(1, "codex", Some("~/src/api")),
            process(2, "VS Code extension", Some("~")),
            process(3, "codex exec", None),
            process(4, "VS Code extension", Some("~")),
            process(5, "app server", None),
        ];
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(7_800);
        let told: Vec<_> = lines(&codex, now)
            .into_iter()
            .map(|line| format!("{} | {}", line.what, line.right))
            .collect();
        assert_eq!(
            told,
            [
                "codex in ~/src/api | pid 1 · 2h 10m",
                "VS Code extension | 2 windows",
                "codex exec | pid 3 · 2h 10m",
                "app server | pid 5 · 2h 10m",
            ]
        );
    }

    #[test]
    fn a_codex_that_was_started_before_it_was_connected_must_restart_once() {
        let at = |secs| SystemTime::UNIX_EPOCH + Duration::from_secs(secs);
        let started = |secs| CodexProcess {
            started_at: Some(at(secs)),
            ..process(1, "codex", None)
        };
        let words = |codex: Vec<CodexProcess>| {
            router_words(&Snapshot {
                is_codex_on_router: true,
                codex_connected_at: Some(at(100)),
                codex,
                ..Snapshot::default()
            })
        };
        assert!(words(vec![started(200)]).contains("already points"));
        assert!(words(vec![started(50)]).ends_with("it must restart once."));
        let two = words(vec![started(50), started(60), started(200)]);
        assert!(
            two.ends_with("2 that were started before must restart once."),
            "{two}"
        );
    }

    #[test]
    fn it_is_asked_only_where_it_makes_a_difference_and_nobody_has_said_how() {
        let to = ProfileName::parse("spare").unwrap();
        let of = |way, is_codex_on_router, runs| {
            let codex = if runs {
                vec![process(1, "codex", None)]
            } else {
                vec![]
            };
            let snapshot = Snapshot {
                switch_way: way,
                is_codex_on_router,
                codex,
                ..Snapshot::default()
            };
            switching(&snapshot, to.clone())
        };
        let everywhere = Ask::Command(Command::Use(to.clone()));
        let routed = Ask::Command(Command::RouteTo(Some(to.clone())));
        let is_asked = |ask: Ask, preselected| matches!(ask, Ask::OpenSwitch(dialog) if dialog.way == preselected);
        assert_eq!(of(SwitchWay::Ask, true, false), everywhere);
        assert!(is_asked(of(SwitchWay::Ask, true, true), Way::Router));
        assert!(is_asked(of(SwitchWay::Ask, false, true), Way::Everywhere));
        assert_eq!(of(SwitchWay::Everywhere, true, true), everywhere);
        assert_eq!(of(SwitchWay::Router, true, true), routed);
        // A choice for the router that Codex does not ask would change nothing.
        assert!(is_asked(
            of(SwitchWay::Router, false, false),
            Way::Everywhere
        ));
    }
}
