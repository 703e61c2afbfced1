//! One row of the list: what it shows, and what can be done with it. (`design` section 3, row.)

use egui::{
    Align2, CornerRadius, Id, Key, Popup, Rect, Response, Sense, Stroke, StrokeKind, Ui,
    WidgetInfo, accesskit, pos2, vec2,
};

use super::ask::Ask;
use super::fonts::icon;
use super::list::ListState;
use super::rows::{Level, Right, Row};
use super::text::{self, Role};
use super::theme::{CARD_PADDING, CARD_RADIUS, HAIRLINE, Look};
use super::widgets::{self, ButtonKind, ICON_BUTTON, Label};
use crate::desk::Command;
use crate::profile::ProfileName;

const MARK_X: f32 = 22.0;
const TEXT_X: f32 = 40.0;
const BAR_WIDTH: f32 = 48.0;
const RIGHT_COLUMN: f32 = 100.0;

pub fn row_id(name: &ProfileName) -> Id {
    Id::unique(("row", name.as_str()))
}

/// Where a row stands in its card.
#[derive(Clone, Copy)]
pub struct Place {
    pub rect: Rect,
    pub is_cursor: bool,
    pub is_first: bool,
    pub is_last: bool,
}

pub fn row_ui(
    ui: &mut Ui,
    look: Look,
    row: &Row,
    place: Place,
    state: &mut ListState,
    asks: &mut Vec<Ask>,
) {
    let rect = place.rect;
    let id = row_id(&row.name);
    // The list is one stop of the Tab key: only the row at the cursor, and its buttons, can be reached by it.
    let sense = if place.is_cursor {
        Sense::click()
    } else {
        Sense::CLICK
    };
    let response = ui.interact(rect, id, sense);
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::ListItem, true, &row.spoken));
    let middle = rect.center().y;
    let switch_rect = Rect::from_min_size(
        pos2(rect.right() - CARD_PADDING - RIGHT_COLUMN, middle - 14.0),
        vec2(72.0, 28.0),
    );
    let sign_in_label = Label::with_icon(icon::LOG_IN, "Sign in");
    let sign_in_rect = Rect::from_min_size(
        pos2(rect.right() - CARD_PADDING - RIGHT_COLUMN, middle - 14.0),
        vec2(widgets::label_width(ui.painter(), sign_in_label), 28.0),
    );
    let more_rect = Rect::from_center_size(
        pos2(rect.right() - 26.0, middle),
        egui::Vec2::splat(ICON_BUTTON),
    );
    let spoken = format!("Switch to {}", row.name);
    let switch = row.can_switch.then(|| {
        let button = ui.interact(switch_rect, id.with("switch"), sense);
        button.widget_info(|| WidgetInfo::labeled(accesskit::Role::Button, true, &spoken));
        button
    });
    let more = ui.interact(more_rect, id.with("more"), sense);
    more.widget_info(|| {
        WidgetInfo::labeled(
            accesskit::Role::Button,
            true,
            format!("More for {}", row.name),
        )
    });
    let sign_in = (row.right == Right::SignIn).then(|| {
        let button = ui.interact(sign_in_rect, id.with("sign in"), sense);
        let spoken = format!("Sign in again to {}", row.name);
        button.widget_info(|| WidgetInfo::labeled(accesskit::Role::Button, true, &spoken));
        button
    });
    let menu_id = Popup::default_response_id(&more);
    let is_open = Popup::is_id_open(ui.ctx(), menu_id);
    let is_switch_focused = switch.as_ref().is_some_and(Response::has_focus);
    let is_hovered = response.contains_pointer();
    let shows_buttons =
        is_hovered || is_open || response.has_focus() || is_switch_focused || more.has_focus();
    if sign_in.as_ref().is_some_and(Response::clicked) {
        asks.push(Ask::SignIn(row.name.clone()));
    }

    if response.has_focus() {
        keep_arrows(ui, id);
        if ui.input(|input| input.key_pressed(Key::Enter)) {
            if row.can_switch {
                asks.push(Ask::Switch(row.name.clone()));
            } else if row.right == Right::SignIn {
                asks.push(Ask::SignIn(row.name.clone()));
            }
        }
        let wants_menu =
            |input: &egui::InputState| input.modifiers.shift_only() && input.key_pressed(Key::F10);
        if ui.input(wants_menu) {
            Popup::open_id(ui.ctx(), menu_id);
        }
    }
    if response.clicked() {
        state.cursor = Some(row.name.clone());
        response.request_focus();
    }
    if response.secondary_clicked() {
        Popup::open_id(ui.ctx(), menu_id);
    }
    if switch.as_ref().is_some_and(Response::clicked) {
        asks.push(Ask::Switch(row.name.clone()));
    }

    if is_hovered || is_open {
        paint_hover(ui, look, place);
    }
    paint_row(
        ui,
        look,
        row,
        rect,
        shows_buttons && row.can_switch,
        shows_buttons,
    );
    if let Some(sign_in) = &sign_in {
        let kind = ButtonKind::Plain;
        widgets::paint_button(
            ui.painter(),
            look,
            sign_in_rect,
            sign_in,
            sign_in_label,
            kind,
        );
    }
    if shows_buttons {
        if let Some(switch) = &switch {
            widgets::paint_button(
                ui.painter(),
                look,
                switch_rect,
                switch,
                Label::plain("Switch"),
                ButtonKind::Primary,
            );
        }
        widgets::paint_icon_button(ui.painter(), look, more_rect, &more, icon::ELLIPSIS);
    }
    if !place.is_last {
        widgets::divider(
            ui.painter(),
            look,
            rect.left() + TEXT_X,
            rect.right() - HAIRLINE,
            rect.bottom(),
        );
    }
    if look.shows_focus && response.has_focus() {
        ui.painter().rect_stroke(
            rect.shrink(2.0),
            CornerRadius::same(CARD_RADIUS - 2),
            Stroke::new(2.0, look.accent),
            StrokeKind::Inside,
        );
    }
    row_menu_ui(look, row, &more, asks);
    if let Some(hint) = &row.hint {
        response.on_hover_text(hint);
    }
}

/// While a row has the focus, Up and Down move the cursor instead of egui's focus.
fn keep_arrows(ui: &Ui, id: Id) {
    let filter = egui::EventFilter {
        vertical_arrows: true,
        ..egui::EventFilter::default()
    };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(id, filter));
}

fn paint_hover(ui: &Ui, look: Look, place: Place) {
    let corner = |is_rounded: bool| if is_rounded { CARD_RADIUS - 1 } else { 0 };
    let radius = CornerRadius {
        nw: corner(place.is_first),
        ne: corner(place.is_first),
        sw: corner(place.is_last),
        se: corner(place.is_last),
    };
    let mut rect = place.rect.shrink2(vec2(HAIRLINE, 0.0));
    if place.is_first {
        rect.min.y += HAIRLINE;
    }
    if place.is_last {
        rect.max.y -= HAIRLINE;
    }
    ui.painter().rect_filled(rect, radius, look.hover);
}

fn paint_row(ui: &Ui, look: Look, row: &Row, rect: Rect, hides_right: bool, hides_end: bool) {
    let painter = ui.painter();
    let middle = rect.center().y;
    let left = rect.left() + TEXT_X;
    let right = rect.right() - CARD_PADDING;
    let bars_left = right - RIGHT_COLUMN - 12.0 - BAR_WIDTH;
    let has_bars = !row.bars.is_empty();
    let text_width = if has_bars {
        bars_left - 10.0 - left
    } else {
        bars_left + BAR_WIDTH / 2.0 - left
    };

    // A word or two may be a little wider than the column, and more so where there are no bars.
    let most = RIGHT_COLUMN + if has_bars { 10.0 } else { 20.0 };

    widgets::mark(painter, look, pos2(rect.left() + MARK_X, middle), row.mark);
    let name_ink = if row.is_usable {
        look.text
    } else {
        look.text_2
    };
    widgets::name_and_chip(
        painter,
        look,
        pos2(left, middle - 9.0),
        (row.name.as_str(), Role::BodyM, name_ink),
        row.plan.as_deref(),
        text_width,
    );
    let second = text::elide_email(&row.second, |candidate| {
        let galley = text::line(
            painter,
            candidate,
            Role::Caption,
            look.text_3,
            f32::INFINITY,
        );
        galley.size().x <= text_width - 2.0
    });
    text::put(
        painter,
        pos2(left, middle + 9.0),
        Align2::LEFT_CENTER,
        &second,
        Role::Caption,
        look.text_3,
        text_width,
    );
    paint_bars(ui, look, row, bars_left, middle);
    if hides_right {
        return;
    }
    let right = if hides_end {
        right - ICON_BUTTON
    } else {
        right
    };
    match &row.right {
        Right::SignIn => {}
        Right::Skeleton => {
            for (y, width) in [(-9.0, 44.0), (9.0, 70.0)] {
                let pill =
                    Rect::from_min_size(pos2(right - width, middle + y - 5.0), vec2(width, 10.0));
                widgets::skeleton(painter, look, pill);
            }
        }
        Right::Lines {
            lead,
            figure,
            level,
            note,
        } => {
            let ink = match level {
                Level::Fine => look.text,
                Level::Low => look.warn,
                Level::Critical | Level::Empty => look.bad,
            };
            // A word in the place of a percent is quieter, unless it is bad news.
            let is_word = lead.is_empty();
            let (role, ink) = match (is_word, level) {
                (true, Level::Fine) => (Role::Body, look.text_2),
                _ => (Role::BodyS, ink),
            };
            let role = if is_word && role == Role::BodyS {
                Role::BodyM
            } else {
                role
            };
            let figure = text::put(
                painter,
                pos2(right, middle - 9.0),
                Align2::RIGHT_CENTER,
                figure,
                role,
                ink,
                most,
            );
            text::put(
                painter,
                pos2(figure.left() - 3.5, middle - 9.0),
                Align2::RIGHT_CENTER,
                lead,
                Role::Caption,
                look.text_2,
                most,
            );
            text::put(
                painter,
                pos2(right, middle + 9.0),
                Align2::RIGHT_CENTER,
                note,
                Role::Countdown,
                look.text_3,
                most,
            );
        }
    }
}

fn paint_bars(ui: &Ui, look: Look, row: &Row, left: f32, middle: f32) {
    const HEIGHT: f32 = 4.0;
    const PITCH: f32 = 7.0;
    let count = row.bars.len() as f32;
    let mut top = (middle - (count * PITCH - (PITCH - HEIGHT)) / 2.0).round();
    for (left_percent, fill) in &row.bars {
        let bar = Rect::from_min_size(pos2(left, top), vec2(BAR_WIDTH, HEIGHT));
        widgets::usage_bar(ui.painter(), look, bar, *left_percent, *fill, None);
        top += PITCH;
    }
}

fn row_menu_ui(look: Look, row: &Row, more: &Response, asks: &mut Vec<Ask>) {
    Popup::menu(more)
        .align(egui::RectAlign::BOTTOM_END)
        .gap(4.0)
        .frame(widgets::menu_frame(look))
        .width(200.0)
        .show(|ui| {
            ui.set_width(200.0);
            if row.can_switch
                && widgets::menu_item_ui(ui, look, Some(icon::SWITCH), "Switch", "Enter")
            {
                asks.push(Ask::Switch(row.name.clone()));
            }
            if widgets::menu_item_ui(ui, look, Some(icon::REFRESH), "Refresh usage", "R") {
                asks.push(Ask::Command(Command::RefreshUsage(row.name.clone())));
            }
        });
}

/// Whether the row itself or one of its buttons is this widget.
pub fn holds(row: &Row, widget: Id) -> bool {
    let id = row_id(&row.name);
    [id, id.with("switch"), id.with("sign in"), id.with("more")].contains(&widget)
}
