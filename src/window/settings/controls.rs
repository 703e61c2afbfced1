//! A choice in a menu, and a field whose text is asked for when it is left.

use egui::{Align2, Id, Key, Painter, Popup, Rect, RectAlign, Ui, pos2};

use super::{SettingsState, Typed};
use crate::desk::{Change, Command, Setting};
use crate::window::ask::Ask;
use crate::window::fonts::icon;
use crate::window::rows::{Act, Choices, Field};
use crate::window::text::{self, Role};
use crate::window::theme::Look;
use crate::window::widgets::{self, ButtonKind, Label, Tail};

/// For the arrow and the space beside it.
const CHEVRON: f32 = 22.0;
const MENU_WIDTH: f32 = 160.0;

/// As wide as what is chosen, with its arrow.
pub fn select_width(painter: &Painter, choices: &Choices) -> f32 {
    widgets::button_width(painter, &choices.shown) + CHEVRON
}

/// What was chosen now.
pub fn select_ui<'a>(
    ui: &Ui,
    look: Look,
    rect: Rect,
    id: Id,
    title: &str,
    choices: &'a Choices,
) -> Option<&'a Act> {
    let spoken = format!("{title}: {}", choices.shown);
    let words = Label {
        icon: None,
        text: "",
        spoken: &spoken,
    };
    let response = widgets::button_ui(ui, look, rect, id, words, ButtonKind::Plain);
    let painter = ui.painter();
    let middle = rect.center().y;
    text::put(
        painter,
        pos2(rect.left() + 12.0, middle),
        Align2::LEFT_CENTER,
        &choices.shown,
        Role::BodyM,
        look.text,
        rect.width() - CHEVRON - 12.0,
    );
    let arrow = pos2(rect.right() - 16.0, middle);
    text::icon(painter, arrow, icon::CHEVRON_DOWN, 14, look.text_2);
    let mut chosen = None;
    Popup::menu(&response)
        .align(RectAlign::BOTTOM_END)
        .gap(4.0)
        .frame(widgets::menu_frame(look))
        .width(MENU_WIDTH)
        .show(|ui| {
            for (place, (word, act)) in choices.options.iter().enumerate() {
                let check = (choices.chosen == Some(place)).then_some(icon::CHECK);
                if widgets::menu_item_ui(ui, look, check, word, "") {
                    chosen = Some(act);
                }
            }
        });
    chosen
}

/// Text is asked for at Enter and when the field is left, and stays as it was typed until it is answered.
pub fn field_ui(
    ui: &mut Ui,
    look: Look,
    rect: Rect,
    (id, title): (Id, &str),
    field: &Field,
    state: &mut SettingsState,
    asks: &mut Vec<Ask>,
) {
    let is_secret = field.setting == Setting::Proxy;
    let typed = state.typed.get(&field.setting);
    let is_answered =
        typed.is_some_and(|typed| typed.asked.is_some_and(|seq| field.answered > seq));
    if is_answered && !field.is_refused {
        state.typed.remove(&field.setting);
        if field.value.is_empty() {
            state.is_custom_proxy = false;
        }
    } else if is_answered && let Some(typed) = state.typed.get_mut(&field.setting) {
        // What was in the way may be gone: the same text can be asked for again.
        typed.asked = None;
    }
    let before = match state.typed.get(&field.setting) {
        Some(typed) => typed.clone(),
        None => Typed {
            // What may hold a password is written anew.
            text: if is_secret {
                String::new()
            } else {
                field.value.clone()
            },
            asked: None,
        },
    };
    let mut text = before.text.clone();
    let has_error = field.is_refused;
    let response = if is_secret {
        let hint = if field.value.is_empty() {
            &field.hint
        } else {
            &field.value
        };
        let how = (has_error, Tail::Hidden);
        widgets::secret_field_ui(ui, look, rect, id, &mut text, (hint, title), how)
    } else {
        let words = (None, field.hint.as_str(), title);
        widgets::field_ui(ui, look, rect, id, &mut text, words, has_error)
    };
    if text != before.text {
        let typed = Typed { text, asked: None };
        state.typed.insert(field.setting, typed);
        return;
    }
    if response.lost_focus() && ui.input(|input| input.key_pressed(Key::Escape)) {
        state.typed.remove(&field.setting);
        return;
    }
    if response.lost_focus()
        && let Some(typed) = state.typed.get_mut(&field.setting)
        && typed.asked.is_none()
    {
        let wanted = typed.text.trim();
        if wanted == field.value || (is_secret && wanted.is_empty()) {
            state.typed.remove(&field.setting);
            return;
        }
        let change = match wanted {
            "" => Change::back(field.setting),
            wanted => Change::to(field.setting, wanted),
        };
        typed.asked = Some(field.answered);
        asks.push(Ask::Command(Command::Set(vec![change])));
    }
}
