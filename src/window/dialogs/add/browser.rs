//! Signing in with a browser: the link, and the field for the address that the browser ends on.

use egui::{Event, Id, Key, Ui, pos2};
use zeroize::Zeroize;

use super::sign_in::{self, SignInTab};
use crate::desk::{CallbackListener, Command, OnScreen, SignInView};
use crate::profile::Secret;
use crate::window::ask::Ask;
use crate::window::dialogs::Scene;
use crate::window::dialogs::frame::{self, Buttons, Choice};
use crate::window::fonts::icon;
use crate::window::rows::sentence;
use crate::window::text;
use crate::window::widgets::{self, ButtonKind, Label};

/// What the worker says about it.
pub struct BrowserPage<'a> {
    pub url: &'a OnScreen,
    pub listener: &'a CallbackListener,
    pub paste_refused: Option<&'a str>,
    pub view: &'a SignInView,
}

/// Returns whether it is cancelled.
pub fn browser_ui(
    ui: &mut Ui,
    scene: Scene<'_>,
    tab: &mut SignInTab,
    page: &BrowserPage<'_>,
    asks: &mut Vec<Ask>,
) -> bool {
    let look = scene.look;
    super::body_ui(ui, |ui| {
        ui.add_space(12.0);
        head_ui(ui, scene, tab, page.view);
        ui.add_space(14.0);
        link_ui(ui, scene, tab, page, asks);
        ui.add_space(8.0);
        paste_ui(ui, scene, tab, page, asks);
        if let Some((title, words)) = port_notice(page.listener) {
            ui.add_space(14.0);
            widgets::warn_box_ui(ui, look, &title, &words);
        }
    });
    if tab.has_opened {
        return sign_in::cancel_ui(ui, scene);
    }
    let buttons = Buttons {
        other: Some("Cancel"),
        primary: Some(Label::with_icon(icon::EXTERNAL_LINK, "Open browser")),
        kind: ButtonKind::Primary,
        focus: std::mem::take(&mut tab.wants_focus).then_some(Choice::Primary),
    };
    match frame::buttons_ui(ui, look, &buttons) {
        Some(Choice::Primary) => {
            open(tab, page, asks);
            ui.memory_mut(|memory| memory.request_focus(paste_id()));
            false
        }
        Some(Choice::Other) => true,
        None => false,
    }
}

fn open(tab: &mut SignInTab, page: &BrowserPage<'_>, asks: &mut Vec<Ask>) {
    tab.has_opened = true;
    tab.is_link_refused = false;
    asks.push(Ask::OpenLink(page.url.clone()));
}

fn paste_id() -> Id {
    Id::unique("pasted address")
}

fn head_ui(ui: &mut Ui, scene: Scene<'_>, tab: &SignInTab, view: &SignInView) {
    let look = scene.look;
    let left = sign_in::countdown(ui, scene, view);
    if tab.has_opened && !tab.is_link_refused {
        sign_in::waiting_line(ui, look, "Waiting for your browser", &left);
    } else {
        let rect = super::line(ui, 26.0);
        let mark = pos2(rect.left() + 8.0, rect.center().y);
        text::icon(ui.painter(), mark, icon::GLOBE, 16, look.text_2);
        sign_in::line_words(ui, rect, look, "Sign in with your browser");
        sign_in::left_words(ui, rect, look, &left);
    }
    ui.add_space(5.0);
    if tab.is_link_refused {
        let words = "No browser could be opened. Copy the link instead.";
        frame::refusal(ui, look, words);
        ui.add_space(2.0);
    } else if tab.has_opened {
        let words = "Finish signing in there. This window notices by itself.";
        frame::paragraph(ui, look, words);
    } else {
        let words = "You sign in there, and this window notices by itself.";
        frame::paragraph(ui, look, words);
    }
}

fn link_ui(
    ui: &mut Ui,
    scene: Scene<'_>,
    tab: &mut SignInTab,
    page: &BrowserPage<'_>,
    asks: &mut Vec<Ask>,
) {
    frame::label(ui, scene.look, "Use another browser or profile");
    let rect = super::line(ui, 32.0);
    let buttons = [
        (icon::EXTERNAL_LINK, "Open the link"),
        (tab.copied.icon(ui), "Copy the link"),
    ];
    let words = (&**page.url, "Link to sign in with");
    let id = Id::unique("sign-in link");
    match widgets::mono_field_ui(ui, scene.look, rect, id, words, &buttons) {
        Some(0) => open(tab, page, asks),
        Some(_) => {
            tab.copied.copy(ui, page.url);
            tab.has_opened = true;
            tab.is_link_refused = false;
        }
        None => {}
    }
}

fn paste_ui(
    ui: &mut Ui,
    scene: Scene<'_>,
    tab: &mut SignInTab,
    page: &BrowserPage<'_>,
    asks: &mut Vec<Ask>,
) {
    let look = scene.look;
    frame::label(ui, look, "Browser on another computer?");
    let hint = match page.listener {
        CallbackListener::On { port, .. } => {
            format!("Paste the address it ends on (localhost:{port}/…)")
        }
        CallbackListener::None { .. } => "Paste the address it ends on".to_owned(),
    };
    let words = (hint.as_str(), "Address that the browser ended on");
    let refusal = page.paste_refused.map(sentence);
    let shown = refusal.as_deref().filter(|_| tab.pasted.is_empty());
    let field = frame::field(ui, look, paste_id(), &mut tab.pasted, words, shown);
    let is_pasted = field.changed()
        && ui.input(|input| {
            input
                .events
                .iter()
                .any(|event| matches!(event, Event::Paste(_)))
        });
    let is_entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    if (is_pasted || is_entered) && !tab.pasted.trim().is_empty() {
        let callback = Secret::new(tab.pasted.trim());
        asks.push(Ask::Command(Command::PasteCallback(callback)));
        tab.pasted.zeroize();
        tab.has_opened = true;
        // The typed letters are not kept for an undo.
        egui::text_edit::TextEditState::default().store(ui.ctx(), paste_id());
    }
}

/// The two ports that OpenAI lets a browser come back to (codex-rs/login/src/server.rs); others only where they are configured.
const PORTS: [u16; 2] = [1455, 1457];

fn port_notice(listener: &CallbackListener) -> Option<(String, String)> {
    match listener {
        CallbackListener::On {
            port,
            first_port_held_by: Some(holder),
        } => {
            let [first, second] = PORTS;
            let what = if *port == second {
                format!("Port {first}")
            } else {
                "The first port".to_owned()
            };
            Some((
                format!("{what} is used by {holder}."),
                format!("Listening on {port} instead."),
            ))
        }
        CallbackListener::On { .. } => None,
        CallbackListener::None { held_by } => {
            let holder = held_by.as_deref().unwrap_or("another program");
            Some((
                format!("The ports for it are used by {holder}."),
                "The browser ends on a page that fails. Paste the address of that page above, or use a code."
                    .to_owned(),
            ))
        }
    }
}
