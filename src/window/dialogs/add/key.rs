//! Adding an account that is a key: of OpenAI, of Azure, of any server that speaks like OpenAI.

use egui::{Align2, Id, Key, Rect, Sense, Ui, WidgetInfo, accesskit, pos2, vec2};

use super::key_form::{Field, KeyTab, Service};
use crate::desk::{CheckResult, Command, NewLogin};
use crate::window::ask::Ask;
use crate::window::dialogs::Scene;
use crate::window::dialogs::frame::{self, Buttons, Choice};
use crate::window::dialogs::save;
use crate::window::fonts::icon;
use crate::window::rows::sentence;
use crate::window::text::{self, Role};
use crate::window::widgets::{self, ButtonKind, Label, Tail};

/// Returns whether it is cancelled, or done.
pub fn key_ui(
    ui: &mut Ui,
    scene: Scene<'_>,
    tab: &mut KeyTab,
    wants_focus: bool,
    asks: &mut Vec<Ask>,
) -> bool {
    if tab.catch_up(scene.snapshot, asks) {
        return true;
    }
    let mut is_entered = false;
    super::body_ui(ui, |ui| {
        ui.add_space(8.0);
        service_ui(ui, scene, tab);
        ui.add_space(6.0);
        is_entered = fields_ui(ui, scene, tab, wants_focus);
        check_ui(ui, scene, tab, asks);
        if let Some(failure) = &tab.failure {
            ui.add_space(4.0);
            frame::refusal(ui, scene.look, failure);
        }
    });
    let buttons = Buttons {
        other: Some("Cancel"),
        primary: Some(Label::plain(if tab.is_adding() {
            "Adding"
        } else {
            "Add account"
        })),
        kind: if tab.is_adding() {
            ButtonKind::Disabled
        } else {
            ButtonKind::Primary
        },
        focus: None,
    };
    let choice = frame::buttons_ui(ui, scene.look, &buttons);
    if !tab.is_adding() && (is_entered || choice == Some(Choice::Primary)) {
        add(scene, tab, asks);
    }
    choice == Some(Choice::Other)
}

fn service_ui(ui: &mut Ui, scene: Scene<'_>, tab: &mut KeyTab) {
    let look = scene.look;
    let rect = super::line(ui, 28.0);
    let label = text::put(
        ui.painter(),
        rect.left_center(),
        Align2::LEFT_CENTER,
        "Service",
        Role::CaptionM,
        look.text_2,
        80.0,
    );
    let words = Service::ALL.map(Service::label);
    let width = widgets::segment_width(ui.painter(), &words);
    let at = pos2(label.right() + 14.0, rect.top());
    let segment = Rect::from_min_size(at, vec2(width, rect.height()));
    let chosen = Service::ALL
        .iter()
        .position(|service| *service == tab.service);
    let choice = widgets::segment_ui(
        ui,
        look,
        segment,
        Id::unique("key service"),
        (&words, chosen.unwrap_or_default()),
        accesskit::Role::RadioButton,
    );
    if let Some(service) = choice.and_then(|index| Service::ALL.get(index)) {
        tab.service = *service;
        tab.refusal = None;
        tab.failure = None;
    }
}

/// Returns whether Enter was pressed in one of them.
fn fields_ui(ui: &mut Ui, scene: Scene<'_>, tab: &mut KeyTab, wants_focus: bool) -> bool {
    let mut name = tab.name(scene.snapshot);
    let name_before = name.clone();
    let mut is_entered = text_field(
        ui,
        scene,
        tab,
        Field::Name,
        &mut name,
        ("Name", "", "Account name"),
    );
    if name != name_before {
        tab.name = Some(name);
    }
    let address_words = match tab.service {
        Service::OpenAi => None,
        Service::Azure => Some(("Endpoint", "https://name.openai.azure.com", "Endpoint")),
        Service::Other => Some(("Base URL", "https://server.example/v1", "Base URL")),
    };
    if let Some(words) = address_words {
        let mut address = std::mem::take(&mut tab.address);
        is_entered |= text_field(ui, scene, tab, Field::Address, &mut address, words);
        tab.address = address;
        let words = if tab.service == Service::Azure {
            (
                "Deployment",
                "gpt-5-codex, or model=deployment",
                "Deployment",
            )
        } else {
            ("Models, if only some", "all of them", "Models")
        };
        let mut deployment = std::mem::take(&mut tab.deployment);
        is_entered |= text_field(ui, scene, tab, Field::Deployment, &mut deployment, words);
        tab.deployment = deployment;
    }
    let label = match tab.service {
        Service::Other => "Key, if it wants one",
        Service::OpenAi | Service::Azure => "Key",
    };
    frame::label(ui, scene.look, label);
    let refusal = refusal_of(tab, Field::Key);
    let how = (refusal.as_deref(), Tail::Shown);
    let id = field_id(Field::Key);
    let field = frame::secret_field(ui, scene.look, id, &mut tab.key, ("", "Key"), how);
    is_entered |= after_field(ui, tab, Field::Key, &field);
    if wants_focus {
        field.request_focus();
    }
    is_entered
}

fn text_field(
    ui: &mut Ui,
    scene: Scene<'_>,
    tab: &mut KeyTab,
    which: Field,
    text: &mut String,
    (label, hint, spoken): (&str, &str, &str),
) -> bool {
    frame::label(ui, scene.look, label);
    let refusal = refusal_of(tab, which);
    let words = (hint, spoken);
    let field = frame::field(
        ui,
        scene.look,
        field_id(which),
        text,
        words,
        refusal.as_deref(),
    );
    ui.add_space(3.0);
    after_field(ui, tab, which, &field)
}

fn after_field(ui: &Ui, tab: &mut KeyTab, which: Field, field: &egui::Response) -> bool {
    if field.changed() {
        tab.failure = None;
        if tab.refusal.as_ref().is_some_and(|(at, _)| *at == which) {
            tab.refusal = None;
        }
    }
    field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter))
}

fn refusal_of(tab: &KeyTab, which: Field) -> Option<String> {
    let (at, why) = tab.refusal.as_ref()?;
    (*at == which).then(|| why.clone())
}

fn field_id(which: Field) -> Id {
    Id::unique(("key field", which as u8))
}

/// Whether the key works: asked for by a small button as soon as there is something to ask about.
fn check_ui(ui: &mut Ui, scene: Scene<'_>, tab: &mut KeyTab, asks: &mut Vec<Ask>) {
    let look = scene.look;
    let Ok(login) = tab.login() else {
        return;
    };
    let (glyph, ink, words) = match tab.check(&login, scene.snapshot).map(|check| &check.result) {
        Some(CheckResult::Works { models }) => {
            let words = match models {
                Some(1) => "Key works, 1 model. No usage windows on this kind.".to_owned(),
                Some(count) => format!("Key works, {count} models. No usage windows on this kind."),
                None => "Key works. No usage windows on this kind.".to_owned(),
            };
            (icon::CHECK_CIRCLE, look.ok, words)
        }
        Some(CheckResult::Refused(why)) => (icon::CROSS_CIRCLE, look.bad, sentence(why)),
        Some(CheckResult::Unknown(why)) => (icon::ALERT, look.warn, sentence(why)),
        Some(CheckResult::Asking) => {
            asking_ui(ui, scene);
            return;
        }
        None if tab
            .checked
            .as_ref()
            .is_some_and(|(_, checked)| *checked == login) =>
        {
            asking_ui(ui, scene);
            return;
        }
        None => {
            ask_ui(ui, scene, tab, login, asks);
            return;
        }
    };
    ui.add_space(6.0);
    let top = ui.cursor().left_top();
    let is_bad = ink == look.bad;
    ui.horizontal_top(|ui| {
        ui.add_space(20.0);
        ui.vertical(|ui| {
            if is_bad {
                frame::refusal(ui, look, &words);
            } else {
                frame::caption(ui, &words, look.text_2);
            }
        });
    });
    text::icon(ui.painter(), top + vec2(7.0, 8.5), glyph, 14, ink);
}

fn asking_ui(ui: &mut Ui, scene: Scene<'_>) {
    ui.add_space(3.0);
    let rect = super::line(ui, 22.0);
    let painter = ui.painter();
    widgets::arc(
        ui,
        pos2(rect.left() + 7.0, rect.center().y),
        5.5,
        0.3,
        scene.look.accent,
    );
    let at = pos2(rect.left() + 20.0, rect.center().y);
    let words = "Checking the key";
    let ink = scene.look.text_2;
    let placed = text::put(
        painter,
        at,
        Align2::LEFT_CENTER,
        words,
        Role::Caption,
        ink,
        rect.width(),
    );
    let response = ui.interact(placed, Id::unique("key check"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Status, true, words));
}

fn ask_ui(ui: &mut Ui, scene: Scene<'_>, tab: &mut KeyTab, login: NewLogin, asks: &mut Vec<Ask>) {
    let look = scene.look;
    ui.add_space(3.0);
    let rect = super::line(ui, 22.0);
    let words = "Check whether it works";
    let galley = text::line(
        ui.painter(),
        words,
        Role::CaptionM,
        look.accent,
        rect.width(),
    );
    let area = Rect::from_min_size(rect.min, vec2(galley.size().x, rect.height()));
    let response = widgets::hit(ui, area, Id::unique("check key"), words)
        .on_hover_cursor(egui::CursorIcon::PointingHand);
    text::place(
        ui.painter(),
        galley,
        area.left_center(),
        Align2::LEFT_CENTER,
    );
    widgets::focus_ring(ui.painter(), look, area, 4, &response);
    if response.clicked() {
        let last = scene
            .snapshot
            .login_check
            .as_ref()
            .map_or(0, |check| check.number);
        tab.checked = Some((last, login.clone()));
        asks.push(Ask::Command(Command::CheckLogin(login)));
    }
}

fn add(scene: Scene<'_>, tab: &mut KeyTab, asks: &mut Vec<Ask>) {
    tab.failure = None;
    let name = tab.name(scene.snapshot);
    let checked = save::checked_name(name.trim(), scene.snapshot)
        .map_err(|why| (Field::Name, why))
        .and_then(|name| Ok((name, tab.login()?)));
    match checked {
        Ok((name, login)) => {
            let last = scene.snapshot.happenings.last();
            tab.adding = Some((last.map_or(0, |happening| happening.seq), name.clone()));
            tab.refusal = None;
            asks.push(Ask::Command(Command::AddLogin { name, login }));
        }
        Err(refusal) => tab.refusal = Some(refusal),
    }
}
