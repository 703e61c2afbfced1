//! "Point your app here": what to write where.

use egui::{
    Align2, Color32, CornerRadius, Id, Rect, ScrollArea, Sense, Stroke, StrokeKind, Ui, UiBuilder,
    WidgetInfo, accesskit, pos2, vec2,
};

use super::ClientKeysState;
use crate::window::ask::Ask;
use crate::window::fonts::icon;
use crate::window::rows::{Code, Setup, SetupApp, Snippet};
use crate::window::text::{self, Role};
use crate::window::theme::{CARD_PADDING, CONTROL_RADIUS, HAIRLINE, Look};
use crate::window::widgets::{self, BUTTON_HEIGHT, ButtonKind, Label};

const TITLE: &str = "Point your app here";
const LINE_HEIGHT: f32 = 17.0;
const CODE_PADDING: f32 = 12.0;
const MOST_SELECT: f32 = 200.0;
const LEAST_SELECT: f32 = 120.0;

pub(super) fn setup_ui(
    ui: &mut Ui,
    look: Look,
    setup: &Setup,
    state: &mut ClientKeysState,
    asks: &mut Vec<Ask>,
) {
    let ground = ui.painter().add(egui::Shape::Noop);
    let outer = ui.available_rect_before_wrap();
    let inside = outer.shrink2(vec2(CARD_PADDING, 0.0));
    let contents = ui.scope_builder(UiBuilder::new().max_rect(inside), |ui| {
        ui.add_space(CARD_PADDING);
        controls_ui(ui, look, setup, state);
        ui.add_space(12.0);
        if let Some(snippet) = &setup.snippet {
            snippet_ui(ui, look, snippet);
        }
        for note in &setup.notes {
            ui.add_space(8.0);
            note_ui(ui, look, note);
        }
        if setup.can_connect {
            ui.add_space(4.0);
            connect_ui(ui, look, asks);
        }
        ui.add_space(12.0);
    });
    let card = outer.with_max_y(contents.response.rect.bottom());
    ui.painter().set(ground, widgets::card_shape(look, card));
}

/// Title, apps, keys and the copy button: in one line where there is room, else in two or three.
fn controls_ui(ui: &mut Ui, look: Look, setup: &Setup, state: &mut ClientKeysState) {
    let painter = ui.painter().clone();
    let width = ui.available_width();
    let title = text::line(&painter, TITLE, Role::BodyM, look.text, width);
    let apps = SetupApp::ALL.map(SetupApp::label);
    let apps_width = widgets::segment_width(&painter, &apps);
    let copy = Label::with_icon(state.copied.icon(ui), "Copy");
    let copy_width = widgets::label_width(&painter, copy);
    let shown = setup
        .keys
        .get(setup.chosen)
        .map(|(_, label)| format!("Key: {label}"));
    let select_width = shown.as_ref().map_or(0.0, |shown| {
        widgets::select_width(&painter, shown).clamp(LEAST_SELECT, MOST_SELECT) + 8.0
    });
    let title_width = title.size().x + 20.0;
    let is_one_line = title_width + apps_width + 12.0 + select_width + copy_width <= width;
    let lines = if is_one_line { 1.0 } else { 3.0 };
    let height = lines * BUTTON_HEIGHT + (lines - 1.0) * 8.0;
    let (area, _) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
    let line = |number: f32| {
        let top = area.top() + number * (BUTTON_HEIGHT + 8.0);
        Rect::from_min_size(pos2(area.left(), top), vec2(width, BUTTON_HEIGHT))
    };
    let heading = ui.interact(
        line(0.0).with_max_x(area.left() + title_width),
        Id::unique("set-up"),
        Sense::hover(),
    );
    heading.widget_info(|| WidgetInfo::labeled(accesskit::Role::Heading, true, TITLE));
    text::place(
        &painter,
        title,
        line(0.0).left_center(),
        Align2::LEFT_CENTER,
    );

    let (apps_rect, last) = if is_one_line {
        let left = area.left() + title_width;
        let rect = line(0.0).with_min_x(left);
        (rect.with_max_x(left + apps_width), line(0.0))
    } else {
        let rect = line(1.0);
        (
            rect.with_max_x(rect.left() + apps_width.min(width)),
            line(2.0),
        )
    };
    if apps_width <= width {
        let chosen = SetupApp::ALL.iter().position(|app| *app == setup.app);
        let words = (&apps[..], chosen.unwrap_or_default());
        let role = accesskit::Role::RadioButton;
        let id = Id::unique("set-up app");
        let choice = widgets::segment_ui(ui, look, apps_rect, id, words, role);
        choose_app(state, choice);
    } else {
        let chosen = SetupApp::ALL.iter().position(|app| *app == setup.app);
        let shown = setup.app.label();
        let spoken = format!("App: {shown}");
        let words = (&apps[..], chosen.unwrap_or_default());
        let id = Id::unique("set-up app");
        let choice = widgets::select_ui(ui, look, apps_rect, id, (shown, &spoken), words);
        choose_app(state, choice);
    }
    let right = if is_one_line {
        area.right() - copy_width - 8.0
    } else {
        area.left() + select_width - 8.0
    };
    if let Some(shown) = &shown {
        let rect = last
            .with_max_x(right)
            .with_min_x(right - select_width + 8.0);
        let labels: Vec<_> = setup.keys.iter().map(|(_, label)| label.as_str()).collect();
        let words = (shown.as_str(), shown.as_str());
        let id = Id::unique("set-up key");
        let choice = widgets::select_ui(ui, look, rect, id, words, (&labels, setup.chosen));
        if let Some((key, _)) = choice.and_then(|index| setup.keys.get(index)) {
            state.choose_key(key.clone());
        }
    }
    if let Some(snippet) = &setup.snippet {
        let rect = last.with_min_x(area.right() - copy_width);
        let spoken = Label {
            spoken: "Copy the set-up",
            ..copy
        };
        let id = Id::unique("copy set-up");
        if widgets::button_ui(ui, look, rect, id, spoken, ButtonKind::Plain).clicked() {
            state.copied.copy(ui, &snippet.text);
        }
    }
}

fn choose_app(state: &mut ClientKeysState, choice: Option<usize>) {
    if let Some(app) = choice.and_then(|index| SetupApp::ALL.get(index)) {
        state.app = *app;
    }
}

fn snippet_ui(ui: &mut Ui, look: Look, snippet: &Snippet) {
    let width = ui.available_width();
    let height = snippet.lines.len() as f32 * LINE_HEIGHT + 2.0 * CODE_PADDING;
    let (rect, _) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
    ui.painter().rect(
        rect,
        CornerRadius::same(CONTROL_RADIUS),
        look.bg,
        Stroke::new(HAIRLINE, look.hairline),
        StrokeKind::Inside,
    );
    let response = ui.interact(rect, Id::unique("set-up text"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, &snippet.text));
    let inner = rect.shrink2(vec2(CODE_PADDING, 0.0));
    ui.scope_builder(UiBuilder::new().max_rect(inner), |ui| {
        ScrollArea::horizontal()
            .id_salt("set-up text")
            .auto_shrink(false)
            .show(ui, |ui| code_ui(ui, look, snippet, height));
    });
}

fn code_ui(ui: &mut Ui, look: Look, snippet: &Snippet, height: f32) {
    let lines: Vec<Vec<_>> = snippet
        .lines
        .iter()
        .map(|parts| {
            let laid = |(code, words): &(Code, String)| {
                let ink = ink(look, *code);
                text::line(ui.painter(), words, Role::Mono, ink, f32::INFINITY)
            };
            parts.iter().map(laid).collect()
        })
        .collect();
    let widths = lines
        .iter()
        .map(|line| line.iter().map(|part| part.size().x).sum());
    let widest = widths.fold(0.0_f32, f32::max);
    let (area, _) = ui.allocate_exact_size(vec2(widest.ceil(), height), Sense::hover());
    for (number, line) in lines.into_iter().enumerate() {
        let y = area.top() + CODE_PADDING + LINE_HEIGHT * (number as f32 + 0.5);
        let mut x = area.left();
        for part in line {
            let placed = text::place(ui.painter(), part, pos2(x, y), Align2::LEFT_CENTER);
            x = placed.right();
        }
    }
}

fn ink(look: Look, code: Code) -> Color32 {
    match code {
        Code::Plain => look.text,
        Code::Comment => look.text_2,
        Code::Name => look.accent,
        Code::Text => look.ok,
    }
}

fn note_ui(ui: &mut Ui, look: Look, words: &str) {
    let width = ui.available_width();
    let galley = text::paragraph(
        ui.painter(),
        words,
        Role::Caption,
        look.text_2,
        width - 22.0,
        4,
    );
    let size = vec2(width, galley.size().y.round());
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Label, true, words));
    let mark = pos2(rect.left() + 7.0, rect.top() + 8.5);
    text::icon(ui.painter(), mark, icon::INFO, 14, look.text_2);
    text::place(
        ui.painter(),
        galley,
        rect.min + vec2(22.0, 0.0),
        Align2::LEFT_TOP,
    );
}

/// We know how to write it, and how to take it back.
fn connect_ui(ui: &mut Ui, look: Look, asks: &mut Vec<Ask>) {
    let words = "Or let us write it, and take it back when you like…";
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 28.0), Sense::hover());
    let galley = text::line(
        ui.painter(),
        words,
        Role::CaptionM,
        look.accent,
        rect.width() - 22.0,
    );
    let mark = pos2(rect.left() + 7.0, rect.center().y);
    text::icon(ui.painter(), mark, icon::LINK, 14, look.accent);
    let at = pos2(rect.left() + 22.0, rect.center().y);
    let area = Rect::from_min_size(pos2(at.x, rect.top()), vec2(galley.size().x, rect.height()));
    text::place(ui.painter(), galley, at, Align2::LEFT_CENTER);
    let response = widgets::hit(ui, area, Id::unique("connect apps"), words)
        .on_hover_cursor(egui::CursorIcon::PointingHand);
    widgets::focus_ring(ui.painter(), look, area, 4, &response);
    if response.clicked() {
        asks.push(Ask::OpenConnect);
    }
}
