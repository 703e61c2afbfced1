//! One row of the list: what it shows, and what can be done with it. (`design` section 3, row.)

use egui::{
    Align2, CornerRadius, Id, Key, Popup, Rect, Response, Sense, Stroke, StrokeKind, Ui,
    WidgetInfo, accesskit, pos2, vec2,
};

use super::ask::Ask;
use super::drag;
use super::fonts::icon;
use super::list::{Click, ListState};
use super::menus::{self, AccountMenu};
use super::rows::{Level, Page, Right, Row};
use super::text::{self, Role};
use super::theme::{CARD_PADDING, CARD_RADIUS, HAIRLINE, Look};
use super::widgets::{self, ButtonKind, ICON_BUTTON, Label};
use crate::profile::ProfileName;

const MARK_X: f32 = 22.0;
const TEXT_X: f32 = 40.0;
const BAR_WIDTH: f32 = 48.0;
const RIGHT_COLUMN: f32 = 100.0;
const SIGN_IN: Label<'static> = Label {
    icon: Some(icon::LOG_IN),
    text: "Sign in",
    spoken: "Sign in",
};

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
    /// It is in the hand.
    pub is_held: bool,
}

/// What can be pressed on a row.
struct Parts {
    row: Response,
    switch: Option<(Rect, Response)>,
    /// Where its login is dead.
    sign_in: Option<(Rect, Response)>,
    more: (Rect, Response),
}

impl Parts {
    /// Registers them, each with its spoken name. The list is one stop of the Tab key: only the row at the cursor, and its
    /// buttons, can be reached by it.
    fn of(ui: &Ui, row: &Row, place: Place, is_chosen: bool) -> Self {
        let rect = place.rect;
        let id = row_id(&row.name);
        let sense = if place.is_cursor {
            Sense::click()
        } else {
            Sense::CLICK
        };
        let response = ui.interact(rect, id, sense);
        response.widget_info(|| {
            WidgetInfo::selected(accesskit::Role::ListItem, true, is_chosen, &row.spoken)
        });
        let middle = rect.center().y;
        let button = |rect: Rect, part: &str, spoken: String| {
            let response = ui.interact(rect, id.with(part), sense);
            response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Button, true, &spoken));
            (rect, response)
        };
        let switch_rect = Rect::from_min_size(
            pos2(rect.right() - CARD_PADDING - RIGHT_COLUMN, middle - 14.0),
            vec2(72.0, 28.0),
        );
        let sign_in_width = widgets::label_width(ui.painter(), SIGN_IN);
        let sign_in_rect = Rect::from_min_size(
            pos2(rect.right() - CARD_PADDING - sign_in_width, middle - 14.0),
            vec2(sign_in_width, 28.0),
        );
        let can_sign_in = row.right == Right::SignIn;
        let more_x = if can_sign_in {
            sign_in_rect.left() - 18.0
        } else {
            rect.right() - 26.0
        };
        let more_rect =
            Rect::from_center_size(pos2(more_x, middle), egui::Vec2::splat(ICON_BUTTON));
        Self {
            row: response,
            switch: row
                .can_switch
                .then(|| button(switch_rect, "switch", format!("Switch to {}", row.title))),
            sign_in: can_sign_in.then(|| {
                let spoken = format!("Sign in again to {}", row.title);
                button(sign_in_rect, "sign in", spoken)
            }),
            more: button(more_rect, "more", format!("More for {}", row.title)),
        }
    }
}

pub fn row_ui(
    ui: &mut Ui,
    look: Look,
    page: &Page,
    row: &Row,
    place: Place,
    state: &mut ListState,
    asks: &mut Vec<Ask>,
) {
    let rect = place.rect;
    let id = row_id(&row.name);
    let is_chosen = state.chosen.contains(&row.name);
    let parts = Parts::of(ui, row, place, is_chosen);
    let grip = page.is_own_order.then(|| {
        let area = rect.with_max_x(rect.left() + TEXT_X - 4.0);
        let of = (&row.name, row.title.as_str());
        drag::grip_ui(ui, of, rect, area, id.with("grip"), &mut state.drag)
    });
    let menu_id = Popup::default_response_id(&parts.more.1);
    let is_open = Popup::is_id_open(ui.ctx(), menu_id);
    let has_focus = |response: &Response| response.has_focus();
    let is_focused = has_focus(&parts.row)
        || has_focus(&parts.more.1)
        || parts.sign_in.iter().any(|(_, sign_in)| has_focus(sign_in))
        || parts.switch.iter().any(|(_, switch)| has_focus(switch));
    let is_hovered = parts.row.contains_pointer() && state.drag.is_none();
    let shows_buttons = (is_hovered || is_open || is_focused) && state.chosen.is_empty();

    obey_row(ui, page, row, &parts, menu_id, state, asks);

    let is_shown = page
        .detail
        .as_ref()
        .is_some_and(|shown| shown.name == row.name);
    let ground = if is_chosen || is_shown {
        Some(look.accent_soft)
    } else {
        (is_hovered || is_open).then_some(look.hover)
    };
    if place.is_held {
        paint_held(ui, look, rect);
    } else if let Some(ground) = ground {
        paint_ground(ui, place, ground);
    }
    let face = Face {
        hides_right: shows_buttons && row.can_switch,
        hides_end: shows_buttons,
        is_soft: ground == Some(look.accent_soft),
    };
    paint_row(ui, look, row, rect, face);
    if grip.is_some_and(|grip| grip.hovered() || grip.has_focus()) || place.is_held {
        let at = pos2(rect.left() + 8.0, rect.center().y);
        text::icon(ui.painter(), at, icon::GRIP, 14, look.text_3);
    }
    if let Some((rect, sign_in)) = &parts.sign_in {
        let kind = ButtonKind::Plain;
        widgets::paint_button(ui.painter(), look, *rect, sign_in, SIGN_IN, kind);
    }
    if shows_buttons {
        if let Some((rect, switch)) = &parts.switch {
            let label = Label::plain("Switch");
            let kind = ButtonKind::Primary;
            widgets::paint_button(ui.painter(), look, *rect, switch, label, kind);
        }
        let (rect, more) = &parts.more;
        widgets::paint_icon_button(ui.painter(), look, *rect, more, icon::ELLIPSIS);
    }
    if !place.is_last && !place.is_held {
        widgets::divider(
            ui.painter(),
            look,
            rect.left() + TEXT_X,
            rect.right() - HAIRLINE,
            rect.bottom(),
        );
    }
    if look.shows_focus && parts.row.has_focus() {
        ui.painter().rect_stroke(
            rect.shrink(2.0),
            CornerRadius::same(CARD_RADIUS - 2),
            Stroke::new(2.0, look.accent),
            StrokeKind::Inside,
        );
    }
    menus::account_menu_ui(look, &AccountMenu::of_row(row), &parts.more.1, asks);
    give_focus_back(ui, id, is_open);
    if let Some(hint) = &row.hint {
        parts.row.on_hover_text(hint);
    }
}

/// Clicks and keys on the row itself.
fn obey_row(
    ui: &Ui,
    page: &Page,
    row: &Row,
    parts: &Parts,
    menu_id: Id,
    state: &mut ListState,
    asks: &mut Vec<Ask>,
) {
    let is_entered = parts.row.has_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    if parts.row.has_focus() {
        keep_arrows(ui, parts.row.id);
        if is_entered && row.can_switch {
            asks.push(Ask::Switch(row.name.clone()));
        } else if is_entered && row.right == Right::SignIn {
            asks.push(Ask::SignIn(row.name.clone()));
        }
        open_menu_by_key(ui, parts.row.id, menu_id);
    }
    // Enter is a click to egui; here it switches.
    if parts.row.clicked() && !is_entered {
        let modifiers = ui.input(|input| input.modifiers);
        let click = if modifiers.command {
            Click::Toggle
        } else if modifiers.shift {
            Click::Range
        } else {
            Click::Plain
        };
        state.click(page, &row.name, click);
        parts.row.request_focus();
    }
    if parts.row.secondary_clicked() {
        Popup::open_id(ui.ctx(), menu_id);
    }
    if parts
        .sign_in
        .as_ref()
        .is_some_and(|(_, sign_in)| sign_in.clicked())
    {
        asks.push(Ask::SignIn(row.name.clone()));
    }
    if parts
        .switch
        .as_ref()
        .is_some_and(|(_, switch)| switch.clicked())
    {
        asks.push(Ask::Switch(row.name.clone()));
    }
}

/// Shift+F10, or the key for menus, on the row that has the focus.
pub fn open_menu_by_key(ui: &Ui, row: Id, menu: Id) {
    let wants_menu = |input: &egui::InputState| {
        let is_shift_f10 = input.modifiers.shift_only() && input.key_pressed(Key::F10);
        is_shift_f10 || input.key_pressed(Key::Menu)
    };
    if ui.input(wants_menu) {
        widgets::open_menu_by_key(ui.ctx(), menu);
        ui.data_mut(|data| data.insert_temp(menu_row(), row));
    }
}

/// The row whose menu a key has opened.
fn menu_row() -> Id {
    Id::unique("row of the menu")
}

/// Whoever came by a key goes on by keys: the row has the focus again when its menu is closed.
pub fn give_focus_back(ui: &Ui, row: Id, is_open: bool) {
    let opened_by = ui.data(|data| data.get_temp::<Id>(menu_row()));
    if !is_open
        && opened_by == Some(row)
        && !ui.input(|input| input.key_pressed(Key::F10) || input.key_pressed(Key::Menu))
    {
        ui.data_mut(|data| data.remove::<Id>(menu_row()));
        ui.memory_mut(|memory| memory.request_focus(row));
    }
}

/// While a row has the focus, Up and Down move the cursor instead of egui's focus.
pub fn keep_arrows(ui: &Ui, id: Id) {
    let filter = egui::EventFilter {
        vertical_arrows: true,
        ..egui::EventFilter::default()
    };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(id, filter));
}

fn paint_ground(ui: &Ui, place: Place, ground: egui::Color32) {
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
    ui.painter().rect_filled(rect, radius, ground);
}

pub fn paint_held(ui: &Ui, look: Look, rect: Rect) {
    let radius = CornerRadius::same(CARD_RADIUS);
    let shadow = egui::Shadow {
        offset: [0, 4],
        blur: 16,
        ..look.menu_shadow
    };
    ui.painter().add(shadow.as_shape(rect, radius));
    widgets::card(ui.painter(), look, rect);
}

/// How a row looks in this frame.
#[derive(Clone, Copy)]
struct Face {
    /// Buttons stand in the place of the numbers.
    hides_right: bool,
    hides_end: bool,
    /// It stands on accent, where the quietest ink is too quiet.
    is_soft: bool,
}

fn paint_row(ui: &Ui, look: Look, row: &Row, rect: Rect, face: Face) {
    let quiet = if face.is_soft {
        look.text_2
    } else {
        look.text_3
    };
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

    let mark = pos2(rect.left() + MARK_X, middle);
    // What is wrong with an account in use is worth more than that it is in use.
    if row.is_active && row.is_usable {
        widgets::in_use_mark(painter, look, mark);
    } else {
        widgets::mark(painter, look, mark, row.mark);
    }
    let name_ink = if row.is_usable {
        look.text
    } else {
        look.text_2
    };
    let pin = if row.is_pinned { 18.0 } else { 0.0 };
    let end = widgets::name_and_chip(
        painter,
        look,
        pos2(left, middle - 9.0),
        (&row.title, Role::BodyM, name_ink),
        row.plan.as_deref(),
        text_width - pin,
    );
    if row.is_pinned {
        let at = pos2(end + 11.0, middle - 8.5);
        text::icon(painter, at, icon::PIN, 11, quiet);
    }
    let second = text::elide_email(&row.second, |candidate| {
        let galley = text::line(painter, candidate, Role::Caption, quiet, f32::INFINITY);
        galley.size().x <= text_width - 2.0
    });
    text::put(
        painter,
        pos2(left, middle + 9.0),
        Align2::LEFT_CENTER,
        &second,
        Role::Caption,
        quiet,
        text_width,
    );
    if face.hides_right {
        paint_bars(ui, look, row, bars_left, middle);
        return;
    }
    let right = if face.hides_end {
        right - ICON_BUTTON
    } else {
        right
    };
    // Beside a button the words may need the room of the bars, and say more.
    let room = right - bars_left - BAR_WIDTH - 4.0;
    let needs = match &row.right {
        Right::Lines { note, .. } => {
            let galley = text::line(painter, note, Role::Countdown, quiet, most);
            galley.size().x
        }
        Right::SignIn | Right::Skeleton => 0.0,
    };
    if needs <= room {
        paint_bars(ui, look, row, bars_left, middle);
    }
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
                quiet,
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

/// Whether the row itself or one of its buttons is this widget.
pub fn holds(row: &Row, widget: Id) -> bool {
    let id = row_id(&row.name);
    [id, id.with("switch"), id.with("sign in"), id.with("more")].contains(&widget)
}
