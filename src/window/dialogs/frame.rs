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

/// The buttons at the lower right, the primary one last. `takes_focus` gives it the focus.
pub fn footer(
    ui: &mut Ui,
    look: Look,
    other: Option<&str>,
    primary: &str,
    takes_focus: bool,
) -> Option<Choice> {
    ui.add_space(20.0);
    let (row, _) = ui.allocate_exact_size(
        vec2(ui.available_width(), TALL_BUTTON_HEIGHT),
        Sense::hover(),
    );
    let width = |label: &str| widgets::button_width(ui.painter(), label).max(64.0);
    let primary_rect = right_part(row, row.right(), width(primary));
    let other_response = other.map(|other| {
        let rect = right_part(row, primary_rect.left() - 8.0, width(other));
        widgets::button_ui(
            ui,
            look,
            rect,
            Id::unique("dialog other"),
            Label::plain(other),
            ButtonKind::Plain,
        )
    });
    let response = widgets::button_ui(
        ui,
        look,
        primary_rect,
        Id::unique("dialog primary"),
        Label::plain(primary),
        ButtonKind::Primary,
    );
    if takes_focus {
        response.request_focus();
    }
    if response.clicked() {
        Some(Choice::Primary)
    } else if other_response.is_some_and(|other| other.clicked()) {
        Some(Choice::Other)
    } else {
        None
    }
}

fn right_part(row: Rect, right: f32, width: f32) -> Rect {
    Rect::from_min_size(
        pos2(right - width, row.top()),
        Vec2::new(width, row.height()),
    )
}
