//! The sheet of a dialog and its parts: title, paragraphs, a field with what is wrong about it, the buttons at its foot.

use egui::{
    Align2, Color32, Context, CornerRadius, Id, Margin, Modal, Rect, Response, Sense, Stroke, Ui,
    Vec2, WidgetInfo, accesskit, pos2, vec2,
};

use crate::window::text::{self, Role};
use crate::window::theme::{DIALOG_RADIUS, HAIRLINE, Look};
use crate::window::widgets::{self, ButtonKind, Label, TALL_BUTTON_HEIGHT};

const WIDTH: f32 = 368.0;
const PADDING: f32 = 20.0;
const FIELD_HEIGHT: f32 = 32.0;

/// Draws the sheet over everything else. Returns whether the user wants to leave it: by Escape, or by a click beside it.
pub fn frame_ui(ctx: &Context, look: Look, contents: impl FnOnce(&mut Ui)) -> bool {
    let window = ctx.content_rect();
    let width = WIDTH.min(window.width() - 32.0);
    let frame = egui::Frame::new()
        .fill(look.surface)
        .stroke(Stroke::new(HAIRLINE, look.hairline))
        .corner_radius(CornerRadius::same(DIALOG_RADIUS))
        .shadow(look.dialog_shadow)
        .inner_margin(Margin::same(PADDING as i8));
    Modal::new(Id::unique("dialog"))
        .backdrop_color(look.scrim)
        .frame(frame)
        .show(ctx, |ui| {
            ui.set_width(width - 2.0 * PADDING);
            contents(ui);
        })
        .should_close()
}

pub fn title(ui: &mut Ui, look: Look, words: &str) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 18.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Heading, true, words));
    text::put(
        ui.painter(),
        pos2(rect.left(), rect.top() + 8.0),
        Align2::LEFT_CENTER,
        words,
        Role::Title,
        look.text,
        rect.width(),
    );
    ui.add_space(8.0);
}

pub fn paragraph(ui: &mut Ui, look: Look, words: &str) {
    words_ui(
        ui,
        words,
        (Role::Body, look.text_2),
        8,
        accesskit::Role::Label,
    );
}

fn words_ui(
    ui: &mut Ui,
    words: &str,
    (role, ink): (Role, Color32),
    max_rows: usize,
    spoken_as: accesskit::Role,
) {
    let width = ui.available_width();
    let galley = text::paragraph(ui.painter(), words, role, ink, width, max_rows);
    let (rect, response) = ui.allocate_exact_size(vec2(width, galley.size().y), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(spoken_as, true, words));
    text::place(ui.painter(), galley, rect.min, Align2::LEFT_TOP);
}

/// A field over the whole width, and below it why what stands in it will not do. `spoken` is its name.
pub fn field(
    ui: &mut Ui,
    look: Look,
    id: Id,
    text: &mut String,
    (hint, spoken): (&str, &str),
    refusal: Option<&str>,
) -> Response {
    let size = vec2(ui.available_width(), FIELD_HEIGHT);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let words = (None, hint, spoken);
    let response = widgets::field_ui(ui, look, rect, id, text, words, refusal.is_some());
    if let Some(refusal) = refusal {
        ui.add_space(6.0);
        let style = (Role::Caption, look.bad);
        words_ui(ui, refusal, style, 3, accesskit::Role::Alert);
    }
    response
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Primary,
    Other,
}

/// The buttons of a dialog.
#[derive(Clone, Copy, Debug)]
pub struct Buttons<'a> {
    pub other: Option<&'a str>,
    pub primary: Option<Label<'a>>,
    pub kind: ButtonKind,
    /// Which of them gets the focus now.
    pub focus: Option<Choice>,
}

/// The usual buttons at the lower right. `takes_focus` gives the primary one the focus.
pub fn footer(
    ui: &mut Ui,
    look: Look,
    other: Option<&str>,
    primary: &str,
    takes_focus: bool,
) -> Option<Choice> {
    let buttons = Buttons {
        other,
        primary: Some(Label::plain(primary)),
        kind: ButtonKind::Primary,
        focus: takes_focus.then_some(Choice::Primary),
    };
    buttons_ui(ui, look, &buttons)
}

/// The buttons at the lower right, the primary one last. The Tab key reaches them in the order in which they are read.
pub fn buttons_ui(ui: &mut Ui, look: Look, buttons: &Buttons<'_>) -> Option<Choice> {
    ui.add_space(20.0);
    let size = vec2(ui.available_width(), TALL_BUTTON_HEIGHT);
    let (row, _) = ui.allocate_exact_size(size, Sense::hover());
    let width = |label| widgets::label_width(ui.painter(), label).max(64.0);
    let primary = buttons
        .primary
        .map(|label| (label, right_part(row, row.right(), width(label))));
    let right = primary.map_or(row.right(), |(_, rect)| rect.left() - 8.0);
    let other = buttons.other.map(Label::plain);
    let other = other.map(|label| (label, right_part(row, right, width(label))));
    let draw = |(label, rect), id, kind, choice| {
        let response = widgets::button_ui(ui, look, rect, Id::unique(id), label, kind);
        if buttons.focus == Some(choice) {
            response.request_focus();
        }
        response.clicked()
    };
    let is_other =
        other.is_some_and(|other| draw(other, "dialog other", ButtonKind::Plain, Choice::Other));
    let is_primary = primary
        .is_some_and(|primary| draw(primary, "dialog primary", buttons.kind, Choice::Primary));
    match (is_primary, is_other) {
        (true, _) => Some(Choice::Primary),
        (false, true) => Some(Choice::Other),
        (false, false) => None,
    }
}

fn right_part(row: Rect, right: f32, width: f32) -> Rect {
    Rect::from_min_size(
        pos2(right - width, row.top()),
        Vec2::new(width, row.height()),
    )
}
