//! The sheet of a dialog and its parts: title, paragraphs, a field with what is wrong about it, the buttons at its foot.

use egui::{
    Align2, Color32, Context, CornerRadius, Id, Key, Margin, Modal, Modifiers, Rect, Response,
    ScrollArea, Sense, Stroke, Ui, Vec2, WidgetInfo, accesskit, pos2, vec2,
};

use crate::window::fonts::icon;
use crate::window::text::{self, Role};
use crate::window::theme::{DIALOG_RADIUS, HAIRLINE, Look};
use crate::window::widgets::{self, ButtonKind, Label, TALL_BUTTON_HEIGHT, Tail};

const WIDTH: f32 = 368.0;
const PADDING: f32 = 20.0;
const FIELD_HEIGHT: f32 = 32.0;

/// How the user wants to leave a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    Escape,
    /// By a click beside it.
    Beside,
}

/// Draws the sheet over everything else. What does not fit into the window can be scrolled.
pub fn frame_ui(ctx: &Context, look: Look, contents: impl FnOnce(&mut Ui)) -> Option<Leave> {
    let window = ctx.content_rect();
    let width = WIDTH.min(window.width() - 32.0);
    let frame = egui::Frame::new()
        .fill(look.surface)
        .stroke(Stroke::new(HAIRLINE, look.hairline))
        .corner_radius(CornerRadius::same(DIALOG_RADIUS))
        .shadow(look.dialog_shadow)
        .inner_margin(Margin::symmetric(0, PADDING as i8));
    let modal = Modal::new(Id::unique("dialog"))
        .backdrop_color(look.scrim)
        .frame(frame)
        .show(ctx, |ui| {
            ui.set_width(width);
            let most = window.height() - 32.0 - 2.0 * PADDING;
            ScrollArea::vertical()
                .id_salt("dialog")
                .max_height(most)
                // What was high enough in the last frame may not be in this one.
                .min_scrolled_height(most)
                .show(ui, |ui| {
                    let inner =
                        egui::Frame::new().inner_margin(Margin::symmetric(PADDING as i8, 0));
                    inner.show(ui, |ui| {
                        ui.set_width(width - 2.0 * PADDING);
                        contents(ui);
                        if look.shows_focus {
                            keep_focus_in_view(ui);
                        }
                    });
                });
        });
    let is_escaped = modal.is_top_modal
        && !modal.any_popup_open
        && ctx.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape));
    if is_escaped {
        Some(Leave::Escape)
    } else {
        modal.backdrop_response.clicked().then_some(Leave::Beside)
    }
}

/// The Tab key may lead to what has to be scrolled to.
fn keep_focus_in_view(ui: &Ui) {
    let focused = ui.memory(|memory| memory.focused());
    let response = focused.and_then(|id| ui.ctx().read_response(id));
    if let Some(response) = response.filter(Response::gained_focus)
        && ui.min_rect().contains_rect(response.rect)
    {
        ui.scroll_to_rect(response.rect.expand(4.0), None);
    }
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

/// The same with a cross at its end. Returns whether that was pressed.
pub fn title_with_cross(ui: &mut Ui, look: Look, words: &str) -> bool {
    let right = ui.max_rect().right();
    let centre = pos2(right - 7.0, ui.cursor().top() + 8.0);
    title(ui, look, words);
    let id = Id::unique("dialog cross");
    widgets::icon_button_ui(ui, look, centre, id, icon::CROSS, "Close", "").clicked()
}

/// What stands above a field.
pub fn label(ui: &mut Ui, look: Look, words: &str) {
    let size = vec2(ui.available_width(), 16.0);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    text::put(
        ui.painter(),
        rect.left_center(),
        Align2::LEFT_CENTER,
        words,
        Role::CaptionM,
        look.text_2,
        rect.width(),
    );
    ui.add_space(4.0);
}

/// Smaller than a paragraph.
pub fn caption(ui: &mut Ui, words: &str, ink: Color32) {
    let style = (Role::Caption, ink);
    words_ui(ui, words, style, 6, accesskit::Role::Label);
}

/// What is wrong, and what to do about it.
pub fn refusal(ui: &mut Ui, look: Look, words: &str) {
    let style = (Role::Caption, look.bad);
    words_ui(ui, words, style, 4, accesskit::Role::Alert);
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
    if let Some(words) = refusal {
        ui.add_space(6.0);
        self::refusal(ui, look, words);
    }
    response
}

/// What stands in a field is there to be written over.
pub fn choose_all(ui: &Ui, id: Id, letters: usize) {
    use egui::text::{CCursor, CCursorRange};
    let mut state = egui::TextEdit::load_state(ui.ctx(), id).unwrap_or_default();
    let all = CCursorRange::two(CCursor::new(0), CCursor::new(letters));
    state.cursor.set_char_range(Some(all));
    state.store(ui.ctx(), id);
}

/// A field for a secret, likewise.
pub fn secret_field(
    ui: &mut Ui,
    look: Look,
    id: Id,
    text: &mut String,
    (hint, spoken): (&str, &str),
    (refusal, tail): (Option<&str>, Tail),
) -> Response {
    let size = vec2(ui.available_width(), FIELD_HEIGHT);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let how = (refusal.is_some(), tail);
    let response = widgets::secret_field_ui(ui, look, rect, id, text, (hint, spoken), how);
    if let Some(words) = refusal {
        ui.add_space(6.0);
        self::refusal(ui, look, words);
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
