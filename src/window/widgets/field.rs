//! A field for one line of text.

use egui::{Align2, CornerRadius, Id, Rect, Response, Stroke, StrokeKind, Ui, pos2, vec2};

use crate::desk::words;
use crate::window::text::{self, Role};
use crate::window::theme::{CONTROL_RADIUS, HAIRLINE, Look};

/// A secret shorter than this shows none of its letters.
const TAIL_SHOWN_FROM: usize = 12;
const TAIL: usize = 4;

/// A one-line field with an icon or without. `spoken` is its name. E-mails in it are masked while they are hidden; such a field is
/// told to a screen reader and copied as little as a secret.
pub fn field_ui(
    ui: &mut Ui,
    look: Look,
    rect: Rect,
    id: Id,
    text: &mut String,
    words: (Option<&str>, &str, &str),
    has_error: bool,
) -> Response {
    let mask: Mask = if look.hides_emails && text.contains('@') {
        Some(words::veiled)
    } else {
        None
    };
    edit_ui(ui, look, rect, id, text, words, (has_error, mask))
}

/// What is seen instead of a text, letter by letter.
type Mask = Option<fn(&str) -> String>;

/// What of a secret can be seen: how it ends, so that one is told from another, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    Shown,
    Hidden,
}

/// The same for a secret: it is neither shown, nor copied, nor told to a screen reader.
pub fn secret_field_ui(
    ui: &mut Ui,
    look: Look,
    rect: Rect,
    id: Id,
    text: &mut String,
    (hint, spoken): (&str, &str),
    (has_error, tail): (bool, Tail),
) -> Response {
    let words = (None, hint, spoken);
    let mask: fn(&str) -> String = match tail {
        Tail::Shown => |text| masked(text, Tail::Shown),
        Tail::Hidden => |text| masked(text, Tail::Hidden),
    };
    edit_ui(ui, look, rect, id, text, words, (has_error, Some(mask)))
}

fn edit_ui(
    ui: &mut Ui,
    look: Look,
    rect: Rect,
    id: Id,
    text: &mut String,
    (glyph, hint, spoken): (Option<&str>, &str, &str),
    (has_error, mask): (bool, Mask),
) -> Response {
    let is_focused = ui.memory(|memory| memory.has_focus(id));
    let edge = match (has_error, is_focused) {
        (true, _) => look.bad_fill,
        (false, true) => look.accent,
        (false, false) => look.border,
    };
    let width = if is_focused { 2.0 } else { HAIRLINE };
    ui.painter().rect(
        rect,
        CornerRadius::same(CONTROL_RADIUS),
        look.surface,
        Stroke::new(width, edge),
        StrokeKind::Inside,
    );
    let mut inner = rect.shrink2(vec2(10.0, 0.0));
    if let Some(glyph) = glyph {
        text::icon(
            ui.painter(),
            pos2(rect.left() + 17.0, rect.center().y),
            glyph,
            14,
            look.text_2,
        );
        inner.min.x = rect.left() + 32.0;
    }
    let mut layout = |ui: &Ui, buffer: &dyn egui::TextBuffer, _width: f32| {
        let shown = mask.map_or_else(String::new, |mask| mask(buffer.as_str()));
        let font = Role::Body.font();
        ui.painter().layout_no_wrap(shown, font, look.text)
    };
    let mut edit = egui::TextEdit::singleline(text)
        .id(id)
        .frame(egui::Frame::NONE)
        .margin(egui::Margin::ZERO)
        .font(Role::Body.font())
        .text_color(look.text)
        .hint_text(
            egui::RichText::new(hint)
                .font(Role::Body.font())
                .color(look.text_3),
        )
        .align(Align2::LEFT_CENTER)
        .min_size(inner.size())
        .desired_width(inner.width());
    if mask.is_some() {
        edit = edit.password(true).layouter(&mut layout);
    }
    let response = ui.put(inner, edit);
    response.accessible_name(spoken)
}

/// One dot for each letter, as the field counts letters, but for the last few of a long one.
fn masked(text: &str, tail: Tail) -> String {
    let count = text.chars().count();
    let shown = match tail {
        Tail::Shown if count >= TAIL_SHOWN_FROM => TAIL,
        Tail::Shown | Tail::Hidden => 0,
    };
    let dots = std::iter::repeat_n('•', count - shown);
    dots.chain(text.chars().skip(count - shown)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_secret_at_most_its_end_can_be_seen() {
        assert_eq!(masked("", Tail::Shown), "");
        assert_eq!(masked("short-key", Tail::Shown), "•••••••••");
        assert_eq!(masked("key-fake-7f2c", Tail::Shown), "•••••••••7f2c");
        assert_eq!(masked("key-fake-7f2c", Tail::Hidden), "•••••••••••••");
    }
}
