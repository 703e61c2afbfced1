//! One account of the pool: taken into the hand by its grip, turned on and off, and its reserve.

use egui::{
    Align2, CornerRadius, Id, Popup, Rect, Response, Sense, Stroke, StrokeKind, Ui, Vec2,
    WidgetInfo, accesskit, pos2, vec2,
};

use super::PoolState;
use super::list::PERCENT;
use crate::desk::{Command, Edit, Term};
use crate::profile::ProfileName;
use crate::window::ask::Ask;
use crate::window::drag;
use crate::window::fonts::icon;
use crate::window::menus;
use crate::window::row::{give_focus_back, keep_arrows, open_menu_by_key, paint_held};
use crate::window::rows::{PoolRow, PoolTone, Priority};
use crate::window::text::{self, Role};
use crate::window::theme::{CARD_RADIUS, HAIRLINE, Look};
use crate::window::widgets::{self, ICON_BUTTON, Slid};

const GRIP_X: f32 = 22.0;
const MARK_X: f32 = 46.0;
const TEXT_X: f32 = 64.0;
/// The middle of the toggle, counted from the right.
const TOGGLE: f32 = 34.0;
/// Where the slider begins, counted from the right.
const SLIDER: f32 = 220.0;
const MENU_WIDTH: f32 = 226.0;

/// Where a row stands, and what it has.
#[derive(Clone, Copy)]
pub struct Place {
    pub rect: Rect,
    pub is_cursor: bool,
    pub is_last: bool,
    /// It is in the hand.
    pub is_held: bool,
    pub has_slider: bool,
    pub has_priority: bool,
}

pub fn row_id(name: &ProfileName) -> Id {
    Id::unique(("pool row", name.as_str()))
}

/// Whether the row itself or one of its buttons is this widget.
pub fn holds(row: &PoolRow, widget: Option<Id>) -> bool {
    let id = row_id(&row.name);
    widget.is_some_and(|widget| [id, id.with("more"), id.with("used")].contains(&widget))
}

pub fn row_ui(
    ui: &mut Ui,
    look: Look,
    row: &PoolRow,
    place: Place,
    state: &mut PoolState,
    asks: &mut Vec<Ask>,
) {
    let rect = place.rect;
    let id = row_id(&row.name);
    let middle = rect.center().y;
    let sense = if place.is_cursor {
        Sense::click()
    } else {
        Sense::CLICK
    };
    let response = ui.interact(rect, id, sense);
    response
        .widget_info(|| WidgetInfo::labeled(accesskit::Role::ListItem, true, row.spoken.as_str()));
    let more_x = match (place.has_slider && row.reserve.is_some(), &row.reserve) {
        (true, _) => rect.right() - SLIDER - 16.0,
        (false, Some(_)) => rect.right() - PERCENT - 56.0,
        (false, None) => rect.right() - PERCENT - 12.0,
    };
    let more_rect = Rect::from_center_size(pos2(more_x, middle), Vec2::splat(ICON_BUTTON));
    let more = ui.interact(more_rect, id.with("more"), sense);
    more.widget_info(|| {
        let spoken = format!("More for {} in the pool", row.title);
        WidgetInfo::labeled(accesskit::Role::Button, true, spoken)
    });
    let area = Rect::from_min_max(
        pos2(rect.left() + GRIP_X - 14.0, rect.top()),
        pos2(rect.left() + GRIP_X + 14.0, rect.bottom()),
    );
    let of = (&row.name, row.title.as_str());
    let grip = drag::grip_ui(ui, of, rect, area, id.with("grip"), &mut state.drag);
    let menu_id = Popup::default_response_id(&more);
    let is_open = Popup::is_id_open(ui.ctx(), menu_id);
    let is_hovered = response.contains_pointer() && state.drag.is_none();
    let shows_more = is_hovered || is_open || response.has_focus() || more.has_focus();

    if response.has_focus() {
        keep_arrows(ui, id);
        open_menu_by_key(ui, id, menu_id);
    }
    if response.clicked() {
        state.cursor = Some(row.name.clone());
        asks.push(Ask::Look(row.name.clone()));
    }
    if response.secondary_clicked() {
        Popup::open_id(ui.ctx(), menu_id);
    }

    if place.is_held {
        let held = rect.shrink2(vec2(8.0, 1.0));
        paint_held(ui, look, held);
        let (radius, edge) = (
            CornerRadius::same(CARD_RADIUS),
            Stroke::new(1.0, look.accent),
        );
        ui.painter()
            .rect_stroke(held, radius, edge, StrokeKind::Inside);
    } else if is_hovered || is_open {
        let ground = rect.shrink2(vec2(HAIRLINE, 0.0));
        let radius = if place.is_last { 0 } else { 2 };
        ui.painter()
            .rect_filled(ground, CornerRadius::same(radius), look.hover);
    }
    paint(ui, look, row, place, (&grip, more_rect.left()));
    if shows_more {
        widgets::paint_icon_button(ui.painter(), look, more_rect, &more, icon::ELLIPSIS);
    }
    toggle_ui(ui, look, row, place, asks);
    reserve_ui(ui, look, row, place, state, asks);
    if !place.is_last && !place.is_held {
        let right = rect.right() - HAIRLINE;
        let left = rect.left() + TEXT_X;
        widgets::divider(ui.painter(), look, left, right, rect.bottom());
    }
    if look.shows_focus && response.has_focus() {
        ui.painter().rect_stroke(
            rect.shrink(2.0),
            CornerRadius::same(CARD_RADIUS - 2),
            Stroke::new(2.0, look.accent),
            StrokeKind::Inside,
        );
    }
    menu_ui(look, row, place, &more, asks);
    give_focus_back(ui, id, is_open);
    if let Some(hint) = &row.hint {
        response.on_hover_text(hint);
    }
}

fn paint(ui: &Ui, look: Look, row: &PoolRow, place: Place, (grip, end): (&Response, f32)) {
    let rect = place.rect;
    let painter = ui.painter();
    let middle = rect.center().y;
    let grip_ink = if place.is_held || grip.hovered() {
        look.accent
    } else {
        look.text_3
    };
    let at = pos2(rect.left() + GRIP_X, middle);
    text::icon(painter, at, icon::GRIP, 14, grip_ink);
    let at = pos2(rect.left() + MARK_X, middle);
    widgets::mark(painter, look, at, row.mark);
    let left = rect.left() + TEXT_X;
    let width = end - 4.0 - left;
    let ink = if row.is_used { look.text } else { look.text_2 };
    widgets::name_and_chip(
        painter,
        look,
        pos2(left, middle - 8.0),
        (&row.title, Role::BodyM, ink),
        row.plan.as_deref(),
        width,
    );
    let ink = match row.tone {
        PoolTone::Quiet => look.text_3,
        PoolTone::Low => look.warn,
        PoolTone::Bad => look.bad,
    };
    let words = match (place.has_priority, row.priority) {
        (true, priority) if row.is_used => format!("{} · {}", priority.label(), row.second),
        _ => row.second.clone(),
    };
    text::put(
        painter,
        pos2(left, middle + 9.0),
        Align2::LEFT_CENTER,
        &words,
        Role::Caption,
        ink,
        width,
    );
}

fn say(row: &PoolRow, term: Term, text: &str) -> Ask {
    Ask::Command(Command::Edit {
        names: vec![row.name.clone()],
        edit: Edit::Term(term, Some(text.to_owned())),
    })
}

fn toggle_ui(ui: &Ui, look: Look, row: &PoolRow, place: Place, asks: &mut Vec<Ask>) {
    let centre = pos2(place.rect.right() - TOGGLE, place.rect.center().y);
    let id = row_id(&row.name).with("used");
    let spoken = format!("Use {} in router", row.title);
    let toggle =
        widgets::toggle_in_list_ui(ui, look, centre, id, row.is_used, &spoken, place.is_cursor);
    if toggle.clicked() {
        let word = if row.is_used { "no" } else { "yes" };
        asks.push(say(row, Term::Enabled, word));
    }
}

fn reserve_ui(
    ui: &Ui,
    look: Look,
    row: &PoolRow,
    place: Place,
    state: &mut PoolState,
    asks: &mut Vec<Ask>,
) {
    let Some(reserve) = &row.reserve else { return };
    let rect = place.rect;
    let middle = rect.center().y;
    if !place.has_slider {
        let at = pos2(rect.right() - PERCENT, middle);
        let words = format!("{}%", reserve.percent);
        let (role, ink) = (Role::BodyM, look.text);
        text::put(
            ui.painter(),
            at,
            Align2::RIGHT_CENTER,
            &words,
            role,
            ink,
            60.0,
        );
        return;
    }
    let slider = Rect::from_min_max(
        pos2(rect.right() - SLIDER, middle - 14.0),
        pos2(rect.right() - PERCENT, middle + 14.0),
    );
    let is_own = |held: &&(ProfileName, u8)| held.0 == row.name;
    let held = state.reserve.as_ref().filter(is_own).map(|held| held.1);
    let value = held.unwrap_or(reserve.percent);
    let words = format!("{value}%");
    let spoken = format!("Keep in reserve of {}, percent", row.title);
    let id = row_id(&row.name).with("reserve");
    match widgets::slider_in_list_ui(
        ui,
        look,
        slider,
        id,
        value,
        (&words, &spoken),
        place.is_cursor,
    ) {
        Some(Slid::Under(value)) => state.reserve = Some((row.name.clone(), value)),
        Some(Slid::To(value)) => {
            state.reserve = None;
            if value != reserve.percent {
                asks.push(say(row, Term::Reserve, &value.to_string()));
            }
        }
        None if held.is_some() => state.reserve = None,
        None => {}
    }
}

fn menu_ui(look: Look, row: &PoolRow, place: Place, button: &Response, asks: &mut Vec<Ask>) {
    menus::popup(look, button, MENU_WIDTH).show(|ui| {
        ui.set_width(MENU_WIDTH);
        let name = || row.name.clone();
        if row.can_retry && widgets::menu_item_ui(ui, look, Some(icon::REFRESH), "Try now", "") {
            asks.push(Ask::Command(Command::TryNow(vec![name()])));
        }
        if place.has_priority {
            for priority in Priority::ALL {
                let check = (priority == row.priority).then_some(icon::CHECK);
                let label = match priority {
                    Priority::First => "First group",
                    Priority::Normal => "Normal",
                    Priority::Last => "Last",
                };
                if widgets::menu_item_ui(ui, look, check, label, "") {
                    asks.push(say(row, Term::Priority, priority.term()));
                }
            }
            widgets::menu_divider_ui(ui, look);
        }
        let (route, to) = if row.is_routed_to {
            ("Let the router choose", None)
        } else {
            ("Router uses this first", Some(name()))
        };
        if widgets::menu_item_ui(ui, look, Some(icon::CHEVRON_RIGHT), route, "") {
            asks.push(Ask::Command(Command::RouteTo(to)));
        }
        if widgets::menu_item_ui(ui, look, Some(icon::SEARCH), "Show account", "Enter") {
            asks.push(Ask::Look(name()));
        }
    });
}
