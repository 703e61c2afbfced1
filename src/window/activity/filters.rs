//! Which requests are meant, and what is done with all of them. Narrow, all but the search is in one menu.

use egui::{Id, Popup, Rect, RectAlign, Response, Ui, accesskit, pos2, vec2};

use super::{ActivityState, search_id};
use crate::desk::record::Ended;
use crate::desk::{RequestsForm, Span};
use crate::window::ask::Ask;
use crate::window::errands::Pick;
use crate::window::fonts::icon;
use crate::window::rows::{ActivityPage, period_label};
use crate::window::theme::Look;
use crate::window::widgets::{self, ButtonKind, Label};

const GAP: f32 = 8.0;
const SEARCH_WIDTH: f32 = 228.0;
const LEAST_SEARCH: f32 = 120.0;
const KEYS_WIDTH: f32 = 112.0;
const PERIOD_WIDTH: f32 = 96.0;
const MENU_WIDTH: f32 = 220.0;
const ENDS: [(&str, Option<Ended>); 3] = [
    ("All", None),
    ("Failed", Some(Ended::Failed)),
    ("Retried", Some(Ended::Retried)),
];
const FORMS: [(&str, RequestsForm); 2] = [
    ("CSV, for spreadsheets…", RequestsForm::Csv),
    ("JSON lines, for programs…", RequestsForm::JsonLines),
];

pub fn filters_ui(
    ui: &mut Ui,
    look: Look,
    rect: Rect,
    page: &ActivityPage,
    state: &mut ActivityState,
    is_wide: bool,
    asks: &mut Vec<Ask>,
) {
    if is_wide {
        wide_ui(ui, look, rect, page, state, asks);
    } else {
        narrow_ui(ui, look, rect, page, state, asks);
    }
}

fn wide_ui(
    ui: &mut Ui,
    look: Look,
    rect: Rect,
    page: &ActivityPage,
    state: &mut ActivityState,
    asks: &mut Vec<Ask>,
) {
    let height = rect.height();
    // What stands at the right is placed first: the search takes what is left.
    let mut right = rect.right();
    let mut from_right = |width: f32| {
        let part = Rect::from_min_size(pos2(right - width, rect.top()), vec2(width, height));
        right = part.left() - GAP;
        part
    };
    let hold = from_right(height);
    hold_ui(ui, look, hold, page, state);
    let label = Label::with_icon(icon::UPLOAD, "Export");
    let export = from_right(widgets::label_width(ui.painter(), label));
    let id = Id::unique("export requests");
    let button = widgets::button_ui(ui, look, export, id, label, ButtonKind::Plain);
    popup(look, &button, RectAlign::BOTTOM_END).show(|ui| {
        ui.set_width(MENU_WIDTH);
        forms_ui(ui, look, page, asks);
    });

    let words = ENDS.map(|(word, _)| word);
    let segment = widgets::segment_width(ui.painter(), &words);
    let others = 3.0 * GAP + segment + KEYS_WIDTH + PERIOD_WIDTH;
    let room = right - rect.left() - others;
    let search = rect.with_max_x(rect.left() + room.clamp(LEAST_SEARCH, SEARCH_WIDTH));
    search_ui(ui, look, search, state, "Filter by model, account, key");
    let mut left = search.right() + GAP;
    let mut from_left = |width: f32| {
        let part = Rect::from_min_size(pos2(left, rect.top()), vec2(width, height));
        left = part.right() + GAP;
        part
    };
    let chosen = ENDS.iter().position(|(_, ended)| *ended == state.ended);
    let choice = widgets::segment_ui(
        ui,
        look,
        from_left(segment),
        Id::unique("requests ended"),
        (&words, chosen.unwrap_or_default()),
        accesskit::Role::RadioButton,
    );
    if let Some((_, ended)) = choice.and_then(|index| ENDS.get(index)) {
        state.ended = *ended;
    }
    let names: Vec<&str> = ["All keys"]
        .into_iter()
        .chain(page.keys.iter().map(|(_, name)| name.as_str()))
        .collect();
    let is_chosen = |(id, _): &(String, String)| state.key.as_ref() == Some(id);
    let chosen = page.keys.iter().position(is_chosen);
    let chosen = chosen.map_or(0, |index| index + 1);
    let shown = names.get(chosen).copied().unwrap_or_default();
    let spoken = format!("Key: {shown}");
    let choice = widgets::select_ui(
        ui,
        look,
        from_left(KEYS_WIDTH),
        Id::unique("requests of key"),
        (shown, &spoken),
        (names.as_slice(), chosen),
    );
    if let Some(choice) = choice {
        let key = choice.checked_sub(1).and_then(|index| page.keys.get(index));
        state.key = key.map(|(id, _)| id.clone());
    }
    let spans = Span::ALL.map(period_label);
    let chosen = Span::ALL.iter().position(|span| *span == state.span);
    let shown = period_label(state.span);
    let spoken = format!("Time: {shown}");
    let choice = widgets::select_ui(
        ui,
        look,
        from_left(PERIOD_WIDTH),
        Id::unique("requests since"),
        (shown, &spoken),
        (&spans, chosen.unwrap_or_default()),
    );
    if let Some(span) = choice.and_then(|index| Span::ALL.get(index)) {
        state.span = *span;
    }
}

fn narrow_ui(
    ui: &mut Ui,
    look: Look,
    rect: Rect,
    page: &ActivityPage,
    state: &mut ActivityState,
    asks: &mut Vec<Ask>,
) {
    let button = rect.with_min_x(rect.right() - rect.height());
    let search = rect.with_max_x(button.left() - GAP);
    search_ui(ui, look, search, state, "Filter requests");
    let id = Id::unique("requests menu");
    let spoken = "Which requests, and what to do with them";
    let response = widgets::framed_icon_button_ui(ui, look, button, id, icon::FILTER, spoken);
    popup(look, &response, RectAlign::BOTTOM_END).show(|ui| {
        ui.set_width(MENU_WIDTH);
        let check = |is_chosen: bool| is_chosen.then_some(icon::CHECK);
        for (word, ended) in ENDS {
            if widgets::menu_item_ui(ui, look, check(state.ended == ended), word, "") {
                state.ended = ended;
            }
        }
        widgets::menu_divider_ui(ui, look);
        for span in Span::ALL {
            let is_chosen = state.span == span;
            if widgets::menu_item_ui(ui, look, check(is_chosen), period_label(span), "") {
                state.span = span;
            }
        }
        if !page.keys.is_empty() {
            widgets::menu_divider_ui(ui, look);
            if widgets::menu_item_ui(ui, look, check(state.key.is_none()), "All keys", "") {
                state.key = None;
            }
            for (id, name) in &page.keys {
                let is_chosen = state.key.as_ref() == Some(id);
                if widgets::menu_item_ui(ui, look, check(is_chosen), name, "") {
                    state.key = Some(id.clone());
                }
            }
        }
        widgets::menu_divider_ui(ui, look);
        let (glyph, word) = hold_words(page);
        if widgets::menu_item_ui(ui, look, Some(glyph), word, "") {
            state.hold(&page.list);
        }
        forms_ui(ui, look, page, asks);
    });
}

fn search_ui(ui: &mut Ui, look: Look, rect: Rect, state: &mut ActivityState, hint: &str) {
    let words = (Some(icon::SEARCH), hint, "Filter requests");
    widgets::field_ui(ui, look, rect, search_id(), &mut state.text, words, false);
}

fn hold_words(page: &ActivityPage) -> (&'static str, &'static str) {
    if page.held.is_some() {
        (icon::PLAY, "Go on with new requests")
    } else {
        (icon::PAUSE, "Hold the list still")
    }
}

fn hold_ui(ui: &Ui, look: Look, rect: Rect, page: &ActivityPage, state: &mut ActivityState) {
    let tip = if page.held.is_some() {
        "New requests wait while the list stands still."
    } else {
        "New requests join the list as they end."
    };
    let (glyph, spoken) = hold_words(page);
    let id = Id::unique("hold requests");
    let button = widgets::framed_icon_button_ui(ui, look, rect, id, glyph, spoken);
    if button.clicked() {
        state.hold(&page.list);
    }
    button.on_hover_text(tip);
}

/// In which form they are exported.
fn forms_ui(ui: &mut Ui, look: Look, page: &ActivityPage, asks: &mut Vec<Ask>) {
    for (word, form) in FORMS {
        if widgets::menu_item_ui(ui, look, Some(icon::UPLOAD), word, "") {
            asks.push(Ask::Pick(Pick::RequestsFile {
                query: page.query.clone(),
                form,
            }));
        }
    }
}

fn popup<'a>(look: Look, button: &'a Response, align: RectAlign) -> Popup<'a> {
    Popup::menu(button)
        .align(align)
        .gap(4.0)
        .frame(widgets::menu_frame(look))
        .width(MENU_WIDTH)
}
