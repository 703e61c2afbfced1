//! Signing in, by whatever way: what is asked for, what is typed, and what both ways show alike.

use std::mem::{self, Discriminant};
use std::time::Duration;

use egui::{Align2, Id, Rect, Sense, Ui, WidgetInfo, accesskit, pos2, vec2};
use zeroize::Zeroizing;

use super::{browser, code, signed_in};
use crate::desk::{Command, SignInStep, SignInView, SignInWay, SignInWish, Snapshot};
use crate::profile::ProfileName;
use crate::window::ask::Ask;
use crate::window::dialogs::Scene;
use crate::window::dialogs::copied::Copied;
use crate::window::dialogs::frame::{self, Buttons, Choice};
use crate::window::fonts::icon;
use crate::window::rows::sentence;
use crate::window::text::{self, Role};
use crate::window::theme::Look;
use crate::window::widgets::{self, ButtonKind, Label};

#[derive(Default)]
pub struct SignInTab {
    /// What was asked for; ours are the sign-ins after this number.
    asked: Option<(SignInWay, u64)>,
    pub pasted: Zeroizing<String>,
    /// The browser was opened from here, or the link copied.
    pub has_opened: bool,
    pub is_link_refused: bool,
    pub copied: Copied,
    /// What a new account is to be called, once somebody has signed in.
    pub name: Option<String>,
    pub refusal: Option<String>,
    pub wants_focus: bool,
    /// As it was drawn last.
    step: Option<Discriminant<SignInStep>>,
}

impl SignInTab {
    pub fn following(view: &SignInView) -> Self {
        Self {
            asked: Some((view.wish.way, view.number.saturating_sub(1))),
            ..Self::default()
        }
    }

    /// Asks for a sign-in, unless that has been done.
    pub fn start(
        &mut self,
        way: SignInWay,
        again: Option<&ProfileName>,
        snapshot: &Snapshot,
        asks: &mut Vec<Ask>,
    ) {
        if self.asked.is_some_and(|(asked, _)| asked == way) {
            return;
        }
        let last = snapshot.sign_in.as_ref().map_or(0, |view| view.number);
        let before = self.asked.map_or(0, |(_, number)| number);
        *self = Self {
            asked: Some((way, last.max(before))),
            wants_focus: self.wants_focus,
            ..Self::default()
        };
        asks.push(Ask::Command(Command::SignIn(SignInWish {
            way,
            again: again.cloned(),
            name: None,
        })));
    }

    pub fn stop(&mut self, asks: &mut Vec<Ask>) {
        if self.asked.is_some() {
            asks.push(Ask::Command(Command::CancelSignIn));
        }
        *self = Self::default();
    }

    /// The sign-in that was asked for, once it has begun.
    pub fn view<'a>(&self, snapshot: &'a Snapshot) -> Option<&'a SignInView> {
        let (way, after) = self.asked?;
        let view = snapshot.sign_in.as_ref()?;
        (view.number > after && view.wish.way == way).then_some(view)
    }
}

/// Returns whether it is cancelled.
pub fn sign_in_ui(
    ui: &mut Ui,
    scene: Scene<'_>,
    tab: &mut SignInTab,
    is_code: bool,
    asks: &mut Vec<Ask>,
) -> bool {
    let Some(view) = tab.view(scene.snapshot) else {
        return waiting_ui(ui, scene, starting(is_code));
    };
    let step = mem::discriminant(&view.step);
    tab.wants_focus |= tab.step.replace(step) != Some(step);
    match &view.step {
        SignInStep::Starting => waiting_ui(ui, scene, starting(is_code)),
        SignInStep::Browser {
            url,
            listener,
            paste_refused,
        } => {
            let page = browser::BrowserPage {
                url,
                listener,
                paste_refused: paste_refused.as_deref(),
                view,
            };
            browser::browser_ui(ui, scene, tab, &page, asks)
        }
        SignInStep::Code { code, url } => code::code_ui(ui, scene, tab, (code, url), view, asks),
        SignInStep::Finishing => waiting_ui(ui, scene, "Signing in"),
        SignInStep::Confirm(who) => signed_in::confirm_ui(ui, scene, tab, view, who, asks),
        SignInStep::Done { name, .. } => {
            asks.push(Ask::Select(name.clone()));
            // Puts it away, and closes.
            true
        }
        SignInStep::Failed { reason } => failed_ui(ui, scene, tab, reason),
    }
}

fn starting(is_code: bool) -> &'static str {
    if is_code {
        "Asking for a code"
    } else {
        "Preparing the link"
    }
}

/// Something that takes a moment. Returns whether it is cancelled.
fn waiting_ui(ui: &mut Ui, scene: Scene<'_>, words: &str) -> bool {
    super::body_ui(ui, |ui| {
        ui.add_space(12.0);
        waiting_line(ui, scene.look, words, "");
        if let Some(complaint) = scene.complaint {
            ui.add_space(8.0);
            widgets::warn_box_ui(ui, scene.look, &complaint.title, &complaint.text);
        }
    });
    cancel_ui(ui, scene)
}

fn failed_ui(ui: &mut Ui, scene: Scene<'_>, tab: &mut SignInTab, reason: &str) -> bool {
    let look = scene.look;
    super::body_ui(ui, |ui| {
        ui.add_space(12.0);
        let rect = super::line(ui, 26.0);
        let mark = pos2(rect.left() + 8.0, rect.center().y);
        text::icon(ui.painter(), mark, icon::CROSS_CIRCLE, 16, look.bad);
        line_words(ui, rect, look, "Nobody was signed in");
        ui.add_space(5.0);
        frame::paragraph(ui, look, &sentence(reason));
    });
    let buttons = Buttons {
        other: Some("Cancel"),
        primary: Some(Label::plain("Try again")),
        kind: ButtonKind::Primary,
        focus: mem::take(&mut tab.wants_focus).then_some(Choice::Primary),
    };
    match frame::buttons_ui(ui, look, &buttons) {
        Some(Choice::Primary) => {
            // Begins anew in the next frame; the failed one is older than what is asked for then.
            tab.asked = None;
            ui.ctx().request_repaint();
            false
        }
        Some(Choice::Other) => true,
        None => false,
    }
}

/// Only a button to leave by.
pub fn cancel_ui(ui: &mut Ui, scene: Scene<'_>) -> bool {
    let buttons = Buttons {
        other: Some("Cancel"),
        primary: None,
        kind: ButtonKind::Plain,
        focus: None,
    };
    frame::buttons_ui(ui, scene.look, &buttons).is_some()
}

/// A turning arc, what is waited for, and how long still.
pub fn waiting_line(ui: &mut Ui, look: Look, words: &str, left: &str) {
    let rect = super::line(ui, 26.0);
    widgets::spinner(ui, look, pos2(rect.left() + 8.0, rect.center().y));
    line_words(ui, rect, look, words);
    left_words(ui, rect, look, left);
}

pub fn line_words(ui: &Ui, rect: Rect, look: Look, words: &str) {
    let at = pos2(rect.left() + 26.0, rect.center().y);
    let width = rect.width() - 26.0 - 76.0;
    let placed = text::put(
        ui.painter(),
        at,
        Align2::LEFT_CENTER,
        words,
        Role::BodyM,
        look.text,
        width,
    );
    let response = ui.interact(placed, Id::unique(("line", words)), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Status, true, words));
}

pub fn left_words(ui: &Ui, rect: Rect, look: Look, left: &str) {
    text::put(
        ui.painter(),
        rect.right_center() + vec2(0.0, 0.0),
        Align2::RIGHT_CENTER,
        left,
        Role::Countdown,
        look.text_3,
        90.0,
    );
}

/// `4:38 left`, and the next frame when it reads differently.
pub fn countdown(ui: &Ui, scene: Scene<'_>, view: &SignInView) -> String {
    let left = view
        .ends_at
        .and_then(|at| at.duration_since(scene.now).ok());
    let Some(left) = left else {
        return String::new();
    };
    let next = Duration::from_nanos(u64::from(left.subsec_nanos()) + 1_000_000);
    ui.ctx().request_repaint_after(next);
    let secs = left.as_secs();
    format!("{}:{:02} left", secs / 60, secs % 60)
}
