//! One request, whole: why this account, where the time went, what it used. (`design` section 4, Activity.)

use egui::{Align2, Color32, CornerRadius, Id, Rect, Sense, Ui, WidgetInfo, accesskit, pos2, vec2};

use super::table;
use crate::window::ask::Ask;
use crate::window::fonts::icon;
use crate::window::rows::{AccountLine, AccountMark, Drawer, Mark, Phase, PhaseKind};
use crate::window::text::{self, Role};
use crate::window::theme::Look;
use crate::window::widgets::{self, BUTTON_HEIGHT, ButtonKind, ICON_BUTTON, Label};

const PADDING: f32 = 16.0;
const LINE: f32 = 22.0;
const MOST_NAME: f32 = 96.0;

/// How the drawer is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By a cross of its own.
    Close,
    /// By the way back above it.
    Back,
}

/// Returns whether it was closed.
pub fn drawer_ui(ui: &mut Ui, look: Look, words: &Drawer, way: Way, asks: &mut Vec<Ask>) -> bool {
    let is_closed = head_ui(ui, look, words, way);
    divider(ui, look);
    title(ui, look, "Why this account", None);
    accounts_ui(ui, look, &words.accounts);
    ui.add_space(10.0);
    divider(ui, look);
    title(ui, look, "Timing", Some(&words.total));
    timing_ui(ui, look, &words.phases);
    divider(ui, look);
    ui.add_space(6.0);
    for (label, value) in &words.facts {
        fact_ui(ui, look, label, value);
    }
    ui.add_space(12.0);
    buttons_ui(ui, look, words, asks);
    is_closed
}

fn inner(ui: &mut Ui, height: f32) -> Rect {
    let size = vec2(ui.available_width(), height);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    rect.shrink2(vec2(PADDING, 0.0))
}

fn divider(ui: &mut Ui, look: Look) {
    let rect = inner(ui, 1.0);
    widgets::divider(ui.painter(), look, rect.left(), rect.right(), rect.top());
}

fn title(ui: &mut Ui, look: Look, words: &str, right: Option<&str>) {
    let rect = inner(ui, 32.0);
    let painter = ui.painter();
    let at = rect.left_center();
    let put = text::put(
        painter,
        at,
        Align2::LEFT_CENTER,
        words,
        Role::BodyM,
        look.text,
        200.0,
    );
    if let Some(right) = right {
        let at = rect.right_center();
        text::put(
            painter,
            at,
            Align2::RIGHT_CENTER,
            right,
            Role::Cell,
            look.text,
            80.0,
        );
    }
    let response = ui.interact(put, Id::unique(("part", words)), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Heading, true, words));
}

fn head_ui(ui: &mut Ui, look: Look, words: &Drawer, way: Way) -> bool {
    let rect = inner(ui, 66.0);
    let painter = ui.painter();
    let close_room = if way == Way::Close { ICON_BUTTON } else { 0.0 };
    let middle = rect.top() + 25.0;
    let put = text::put(
        painter,
        pos2(rect.left(), middle),
        Align2::LEFT_CENTER,
        &words.title,
        Role::Title,
        look.text,
        rect.width() - close_room,
    );
    let response = ui.interact(put, Id::unique("request title"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Heading, true, &words.spoken));
    let y = rect.top() + 47.0;
    let (glyph, sign_ink, role, ink) = table::sign(look, words.state);
    text::icon(painter, pos2(rect.left() + 6.0, y), glyph, 13, sign_ink);
    let at = pos2(rect.left() + 18.0, y);
    let status = text::put(
        painter,
        at,
        Align2::LEFT_CENTER,
        &words.status,
        role,
        ink,
        70.0,
    );
    let at = pos2(status.right() + 10.0, y);
    let width = rect.right() - at.x;
    let place = text::line(painter, &words.place, Role::Countdown, look.text_2, width);
    text::place(painter, place, at, Align2::LEFT_CENTER);
    if way == Way::Back {
        return false;
    }
    let centre = pos2(rect.right() - ICON_BUTTON / 2.0 + 6.0, middle);
    let id = Id::unique("close request");
    widgets::icon_button_ui(ui, look, centre, id, icon::CROSS, "Close", "").clicked()
}

fn accounts_ui(ui: &mut Ui, look: Look, accounts: &[AccountLine]) {
    if accounts.is_empty() {
        let rect = inner(ui, LINE);
        said(ui, rect, "No account was asked.");
        text::put(
            ui.painter(),
            rect.left_center(),
            Align2::LEFT_CENTER,
            "No account was asked.",
            Role::Caption,
            look.text_2,
            rect.width(),
        );
        return;
    }
    let width = |line: &AccountLine| {
        text::line(ui.painter(), &line.name, Role::BodyM, look.text, MOST_NAME)
            .size()
            .x
    };
    let name_width = accounts.iter().map(width).fold(0.0, f32::max);
    for line in accounts {
        account_ui(ui, look, line, name_width);
    }
}

fn account_ui(ui: &mut Ui, look: Look, line: &AccountLine, name_width: f32) {
    let left = 20.0 + name_width + 14.0;
    let ink = match line.mark {
        AccountMark::Limited => look.warn,
        AccountMark::SignIn | AccountMark::Failed => look.bad,
        AccountMark::Ready | AccountMark::Skipped => look.text_2,
    };
    let room = ui.available_width() - 2.0 * PADDING - left;
    let words = text::paragraph(ui.painter(), &line.words, Role::Caption, ink, room, 6);
    let height = (words.size().y + 5.0).max(LINE);
    let rect = inner(ui, height);
    said(ui, rect, &format!("{}: {}", line.name, line.words));
    let painter = ui.painter();
    let middle = rect.top() + LINE / 2.0;
    let mark = match line.mark {
        AccountMark::Ready => Mark::Ready,
        AccountMark::Limited => Mark::Low,
        AccountMark::SignIn => Mark::SignInAgain,
        AccountMark::Failed => Mark::Unreadable,
        AccountMark::Skipped => Mark::Unknown,
    };
    widgets::mark(painter, look, pos2(rect.left() + 6.0, middle), mark);
    text::put(
        painter,
        pos2(rect.left() + 20.0, middle),
        Align2::LEFT_CENTER,
        &line.name,
        Role::BodyM,
        look.text,
        name_width + 1.0,
    );
    let at = pos2(rect.left() + left, rect.top() + 2.5);
    text::place(painter, words, at, Align2::LEFT_TOP);
}

fn phase_ink(look: Look, phase: &Phase) -> Color32 {
    match phase.kind {
        PhaseKind::Failed => look.warn_fill,
        PhaseKind::Wait => look.neutral_bar,
        PhaseKind::Stream => look.accent_bar,
    }
}

fn timing_ui(ui: &mut Ui, look: Look, phases: &[Phase]) {
    const GAP: f32 = 2.0;
    const LEAST: f32 = 3.0;
    let bar = inner(ui, 8.0);
    let painter = ui.painter();
    let gaps = GAP * phases.len().saturating_sub(1) as f32;
    let mut left = bar.left();
    for phase in phases {
        let width = ((bar.width() - gaps) * phase.share).max(LEAST);
        let part = Rect::from_min_size(pos2(left, bar.top()), vec2(width, bar.height()));
        let part = part.intersect(bar);
        painter.rect_filled(part, CornerRadius::same(3), phase_ink(look, phase));
        left = part.right() + GAP;
    }
    let legend = inner(ui, 30.0);
    let words: Vec<_> = phases.iter().map(|phase| phase.label.as_str()).collect();
    said(ui, legend, &words.join(", "));
    let painter = ui.painter();
    let mut left = legend.left();
    for phase in phases {
        let square = Rect::from_center_size(pos2(left + 4.0, legend.center().y), vec2(8.0, 8.0));
        painter.rect_filled(square, CornerRadius::same(2), phase_ink(look, phase));
        let at = pos2(left + 13.0, legend.center().y);
        let width = legend.right() - at.x;
        let put = text::put(
            painter,
            at,
            Align2::LEFT_CENTER,
            &phase.label,
            Role::Countdown,
            look.text_2,
            width,
        );
        left = put.right() + 16.0;
    }
}

fn fact_ui(ui: &mut Ui, look: Look, label: &str, value: &str) {
    const LABEL: f32 = 104.0;
    let room = ui.available_width() - 2.0 * PADDING - LABEL;
    let words = text::paragraph(ui.painter(), value, Role::Countdown, look.text, room, 8);
    let rect = inner(ui, (words.size().y + 5.0).max(LINE));
    said(ui, rect, &format!("{label}: {value}"));
    let painter = ui.painter();
    let at = pos2(rect.left(), rect.top() + LINE / 2.0);
    text::put(
        painter,
        at,
        Align2::LEFT_CENTER,
        label,
        Role::Caption,
        look.text_2,
        LABEL,
    );
    let at = pos2(rect.right(), rect.top() + 2.5);
    text::place(painter, words, at, Align2::RIGHT_TOP);
}

/// What a screen reader says of a part that nobody can press.
fn said(ui: &Ui, rect: Rect, words: &str) {
    let response = ui.interact(rect, ui.auto_id_with("said"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, words));
}

fn buttons_ui(ui: &mut Ui, look: Look, words: &Drawer, asks: &mut Vec<Ask>) {
    let rect = inner(ui, BUTTON_HEIGHT + PADDING);
    let mut left = rect.left();
    let mut button = |ui: &Ui, label: Label<'_>| {
        let width = widgets::label_width(ui.painter(), label);
        let size = vec2(width, BUTTON_HEIGHT);
        let place = Rect::from_min_size(pos2(left, rect.top()), size);
        left = place.right() + 8.0;
        let id = Id::unique(label.text);
        widgets::button_ui(ui, look, place, id, label, ButtonKind::Plain).clicked()
    };
    if let Some(curl) = &words.curl
        && button(ui, Label::with_icon(icon::COPY, "Copy as curl"))
    {
        asks.push(Ask::CopyAs {
            text: curl.clone(),
            said: "Copied a curl command",
        });
    }
    if button(ui, Label::plain("Copy details")) {
        asks.push(Ask::CopyAs {
            text: words.details.clone(),
            said: "Copied the details",
        });
    }
}
