//! What a key may do and until when, as it is written: the usual limits first, the rest behind "More limits".

use std::time::{Duration, SystemTime};

use egui::{Align2, Id, Rect, Sense, Ui, WidgetInfo, accesskit, pos2, vec2};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::super::{Scene, frame};
use super::is_entered;
use crate::client_key::{EFFORTS, KeyTerm, Policy, Speech, expiry};
use crate::desk::{KeyView, Snapshot, Strategy, words};
use crate::pattern::Pattern;
use crate::period::Period;
use crate::window::fonts::icon;
use crate::window::text::{self, Role};
use crate::window::theme::{CONTROL_RADIUS, Look};
use crate::window::widgets::{self, Tick};

const DAY: Duration = Duration::from_secs(86_400);
const FIELD_HEIGHT: f32 = 32.0;
const GAP: f32 = 12.0;
/// No more accounts are named.
const MOST_NAMED: usize = 6;

#[derive(Clone, Debug)]
pub struct LimitsForm {
    /// What was written of each of [`KeyTerm::ALL`].
    texts: Vec<String>,
    ends: Ends,
    ends_on: String,
    /// The end that the key has, and how that is written.
    kept_end: Option<(SystemTime, String)>,
    shows_more: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Ends {
    #[default]
    Never,
    In30Days,
    In90Days,
    OnDate,
}

impl Ends {
    const ALL: [Self; 4] = [Self::Never, Self::In30Days, Self::In90Days, Self::OnDate];

    fn label(self) -> &'static str {
        match self {
            Self::Never => "Never",
            Self::In30Days => "30 days",
            Self::In90Days => "90 days",
            Self::OnDate => "On a date…",
        }
    }
}

/// What stands at the head of the form.
const USUAL: [KeyTerm; 4] = [
    KeyTerm::Models,
    KeyTerm::Accounts,
    KeyTerm::Tokens(Period::Day),
    KeyTerm::RequestsPerMinute,
];

impl Default for LimitsForm {
    fn default() -> Self {
        Self {
            texts: vec![String::new(); KeyTerm::ALL.len()],
            ends: Ends::default(),
            ends_on: String::new(),
            kept_end: None,
            shows_more: false,
        }
    }
}

impl LimitsForm {
    pub fn of(key: &KeyView) -> Self {
        let text = |term: KeyTerm| {
            let text = term.text(&key.policy);
            match term {
                KeyTerm::Tokens(_) => grouped(&text),
                _ => text,
            }
        };
        let kept_end = key.expires_at.map(|at| (at, last_day(at)));
        let is_unusual =
            |term: &KeyTerm| !USUAL.contains(term) && !term.text(&key.policy).is_empty();
        Self {
            texts: KeyTerm::ALL.map(text).into(),
            ends: match kept_end {
                Some(_) => Ends::OnDate,
                None => Ends::Never,
            },
            ends_on: kept_end
                .as_ref()
                .map_or_else(String::new, |(_, text)| text.clone()),
            kept_end,
            shows_more: KeyTerm::ALL.iter().any(is_unusual),
        }
    }

    /// Everything that was written, if all of it can be understood. Otherwise what cannot is brought into view.
    pub fn read(&mut self, now: SystemTime) -> Option<(Policy, Option<SystemTime>)> {
        let mut policy = Policy::default();
        let mut is_good = true;
        for (term, text) in KeyTerm::ALL.into_iter().zip(&self.texts) {
            if term.set(&mut policy, text).is_err() {
                is_good = false;
                self.shows_more |= !USUAL.contains(&term);
            }
        }
        let expires_at = self.expires_at(now).ok()?; // said at its field
        is_good.then_some((policy, expires_at))
    }

    fn expires_at(&self, now: SystemTime) -> Result<Option<SystemTime>, String> {
        let in_days = |days: u32| now.checked_add(DAY * days);
        match (self.ends, &self.kept_end) {
            (Ends::Never, _) => Ok(None),
            (Ends::In30Days, _) => Ok(in_days(30)),
            (Ends::In90Days, _) => Ok(in_days(90)),
            // Who leaves it as it is means the very moment.
            (Ends::OnDate, Some((at, text))) if *text == self.ends_on => Ok(Some(*at)),
            (Ends::OnDate, _) => match expiry(&self.ends_on, now) {
                Ok(at) => Ok(Some(at)),
                Err(form) => Err(format!("Write {form}.")),
            },
        }
    }

    fn text(&self, term: KeyTerm) -> &str {
        let place = KeyTerm::ALL.iter().position(|it| *it == term);
        place
            .and_then(|at| self.texts.get(at))
            .map_or("", String::as_str)
    }

    fn set(&mut self, term: KeyTerm, text: String) {
        let place = KeyTerm::ALL.iter().position(|it| *it == term);
        if let Some(known) = place.and_then(|at| self.texts.get_mut(at)) {
            *known = text;
        }
    }

    fn refusal(&self, term: KeyTerm) -> Option<String> {
        let read = term.set(&mut Policy::default(), self.text(term));
        read.err().map(|form| format!("Write {form}."))
    }

    /// What the patterns for accounts reach now, in a sentence, and whether that is anybody.
    fn reach(&self, snapshot: &Snapshot) -> Option<(String, bool)> {
        let patterns = Pattern::list(self.text(KeyTerm::Accounts));
        if patterns.is_empty() {
            return None;
        }
        let fits = |name: &str| patterns.iter().any(|pattern| pattern.fits(name));
        let reached: Vec<_> = snapshot
            .profiles
            .iter()
            .filter(|it| fits(it.name.as_str()) || it.terms.group.as_deref().is_some_and(fits))
            .map(|it| words::called(it, snapshot.hides_emails))
            .collect();
        let named = |all: &[String]| all.join(", ");
        Some(match reached.get(..MOST_NAMED) {
            _ if reached.is_empty() => ("No account or group is called so now.".to_owned(), false),
            Some(first) if reached.len() > MOST_NAMED => {
                let more = reached.len() - MOST_NAMED;
                (format!("Reaches {} and {more} more.", named(first)), true)
            }
            _ => (format!("Reaches {}.", named(&reached)), true),
        })
    }
}

/// `1000000` as `1,000,000`.
fn grouped(digits: &str) -> String {
    match digits.parse() {
        Ok(number) => words::number(number),
        Err(_no_number) => digits.to_owned(),
    }
}

/// The last day on which a key with this end opens the router, in UTC.
fn last_day(expires_at: SystemTime) -> String {
    let last = expires_at.checked_sub(Duration::from_secs(1));
    match last.map(Timestamp::try_from) {
        Some(Ok(at)) => at.to_zoned(TimeZone::UTC).date().to_string(),
        Some(Err(_)) | None => String::new(),
    }
}

/// Draws the form. Returns whether Enter was pressed in one of its fields.
pub fn form_ui(ui: &mut Ui, scene: Scene<'_>, form: &mut LimitsForm) -> bool {
    let look = scene.look;
    let mut is_entered = pair_ui(ui, |ui, side| match side {
        Side::Left => term_ui(ui, look, form, KeyTerm::Models),
        Side::Right => term_ui(ui, look, form, KeyTerm::Accounts),
    });
    if let Some((words, is_anybody)) = form.reach(scene.snapshot) {
        ui.add_space(6.0);
        let ink = if is_anybody { look.text_2 } else { look.warn };
        frame::caption(ui, &words, ink);
    }
    ui.add_space(GAP);
    is_entered |= pair_ui(ui, |ui, side| match side {
        Side::Left => term_ui(ui, look, form, KeyTerm::Tokens(Period::Day)),
        Side::Right => term_ui(ui, look, form, KeyTerm::RequestsPerMinute),
    });
    ui.add_space(GAP);
    is_entered |= ends_ui(ui, scene, form);
    ui.add_space(8.0);
    more_ui(ui, look, form);
    if form.shows_more {
        is_entered |= unusual_ui(ui, look, form);
    }
    is_entered
}

/// What is rarely said.
fn unusual_ui(ui: &mut Ui, look: Look, form: &mut LimitsForm) -> bool {
    let mut is_entered = false;
    for (left, right) in [
        (KeyTerm::Model, Some(KeyTerm::Effort)),
        (KeyTerm::Strategy, Some(KeyTerm::Concurrency)),
        (
            KeyTerm::Tokens(Period::Week),
            Some(KeyTerm::Tokens(Period::Month)),
        ),
        (
            KeyTerm::Cost(Period::Day),
            Some(KeyTerm::Cost(Period::Week)),
        ),
        (KeyTerm::Cost(Period::Month), None),
    ] {
        ui.add_space(GAP);
        is_entered |= pair_ui(ui, |ui, side| match (side, right) {
            (Side::Left, _) => any_ui(ui, look, form, left),
            (Side::Right, Some(right)) => any_ui(ui, look, form, right),
            (Side::Right, None) => false,
        });
    }
    ui.add_space(6.0);
    frame::caption(
        ui,
        "Days begin at midnight UTC, weeks on Monday. Dollars are estimates by list prices.",
        look.text_2,
    );
    ui.add_space(GAP);
    dialects_ui(ui, look, form);
    is_entered
}

fn any_ui(ui: &mut Ui, look: Look, form: &mut LimitsForm, term: KeyTerm) -> bool {
    let choices: Vec<(&str, &str)> = match term {
        KeyTerm::Effort => std::iter::once(("", "as asked"))
            .chain(EFFORTS.map(|effort| (effort, effort)))
            .collect(),
        KeyTerm::Strategy => std::iter::once(("", "the router's own"))
            .chain(Strategy::ALL.map(|it| (it.as_str(), strategy_label(it))))
            .collect(),
        KeyTerm::Models
        | KeyTerm::Model
        | KeyTerm::Accounts
        | KeyTerm::RequestsPerMinute
        | KeyTerm::Concurrency
        | KeyTerm::Tokens(_)
        | KeyTerm::Cost(_)
        | KeyTerm::Dialects => return term_ui(ui, look, form, term),
    };
    let (label, _) = words_of(term);
    frame::label(ui, look, label);
    let size = vec2(ui.available_width(), FIELD_HEIGHT);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let written = form.text(term);
    let chosen = choices.iter().position(|(text, _)| *text == written);
    let chosen = chosen.unwrap_or_default();
    let shown = choices.get(chosen).map_or("", |(_, shown)| shown);
    let spoken = format!("{label}: {shown}");
    let labels: Vec<_> = choices.iter().map(|(_, shown)| *shown).collect();
    let words = (shown, spoken.as_str());
    let choice = widgets::select_ui(ui, look, rect, field_id(term), words, (&labels, chosen));
    if let Some((text, _)) = choice.and_then(|index| choices.get(index)) {
        form.set(term, (*text).to_owned());
    }
    false
}

/// A field for one term, and below it what should have been written.
fn term_ui(ui: &mut Ui, look: Look, form: &mut LimitsForm, term: KeyTerm) -> bool {
    let (label, hint) = words_of(term);
    frame::label(ui, look, label);
    let refusal = form.refusal(term);
    let mut text = form.text(term).to_owned();
    let words = (hint, label);
    let field = frame::field(
        ui,
        look,
        field_id(term),
        &mut text,
        words,
        refusal.as_deref(),
    );
    if field.changed() {
        form.set(term, text);
    }
    is_entered(ui, &field)
}

fn ends_ui(ui: &mut Ui, scene: Scene<'_>, form: &mut LimitsForm) -> bool {
    let look = scene.look;
    frame::label(ui, look, "Ends");
    let words = Ends::ALL.map(Ends::label);
    let width = widgets::segment_width(ui.painter(), &words).min(ui.available_width());
    let size = vec2(ui.available_width(), FIELD_HEIGHT);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let rect = rect.with_max_x(rect.left() + width);
    let chosen = Ends::ALL.iter().position(|ends| *ends == form.ends);
    let words = (&words[..], chosen.unwrap_or_default());
    let role = accesskit::Role::RadioButton;
    let id = Id::unique("key ends");
    let date = Id::unique("key ends on");
    let choice = widgets::segment_ui(ui, look, rect, id, words, role);
    if let Some(ends) = choice.and_then(|index| Ends::ALL.get(index)) {
        form.ends = *ends;
        if *ends == Ends::OnDate {
            ui.memory_mut(|memory| memory.request_focus(date));
        }
    }
    if form.ends != Ends::OnDate {
        return false;
    }
    ui.add_space(8.0);
    let refusal = form.expires_at(scene.now).err();
    // Nobody has written anything yet.
    let refusal = refusal.filter(|_| !form.ends_on.is_empty());
    let words = ("2027-01-31, the last day", "Ends on");
    let refusal = refusal.as_deref();
    let field = frame::field(ui, look, date, &mut form.ends_on, words, refusal);
    is_entered(ui, &field)
}

fn more_ui(ui: &mut Ui, look: Look, form: &mut LimitsForm) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 28.0), Sense::hover());
    let words = "More limits";
    let galley = text::line(ui.painter(), words, Role::CaptionM, look.accent, 200.0);
    let area = rect.with_max_x(rect.left() + 20.0 + galley.size().x);
    let response = ui.interact(area, Id::unique("more limits"), Sense::click());
    response.widget_info(|| {
        WidgetInfo::selected(
            accesskit::Role::DisclosureTriangle,
            true,
            form.shows_more,
            words,
        )
    });
    let glyph = if form.shows_more {
        icon::CHEVRON_DOWN
    } else {
        icon::CHEVRON_RIGHT
    };
    let painter = ui.painter();
    let middle = rect.center().y;
    text::icon(
        painter,
        pos2(rect.left() + 7.0, middle),
        glyph,
        14,
        look.accent,
    );
    let at = pos2(rect.left() + 20.0, middle);
    text::place(painter, galley, at, Align2::LEFT_CENTER);
    widgets::focus_ring(painter, look, area, CONTROL_RADIUS, &response);
    if response.clicked() {
        form.shows_more = !form.shows_more;
    }
}

fn dialects_ui(ui: &mut Ui, look: Look, form: &mut LimitsForm) {
    frame::label(ui, look, "What it may speak, if not everything");
    let mut policy = Policy::default();
    // What stands there was written here.
    let _form = KeyTerm::Dialects.set(&mut policy, form.text(KeyTerm::Dialects));
    let mut pressed = None;
    for pair in Speech::ALL.chunks(2) {
        pair_ui(ui, |ui, side| {
            let speech = match side {
                Side::Left => pair.first(),
                Side::Right => pair.get(1),
            };
            if let Some(speech) = speech {
                let tick = if policy.dialects.contains(speech) {
                    Tick::On
                } else {
                    Tick::Off
                };
                let id = Id::unique(("dialect", speech.as_str()));
                let words = (speech.as_str(), speech.as_str());
                if widgets::checkbox_ui(ui, look, id, tick, words).clicked() {
                    pressed = Some(*speech);
                }
            }
            false
        });
    }
    if let Some(speech) = pressed {
        if policy.dialects.contains(&speech) {
            policy.dialects.retain(|it| *it != speech);
        } else {
            policy.dialects.push(speech);
        }
        form.set(KeyTerm::Dialects, KeyTerm::Dialects.text(&policy));
    }
}

#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
}

/// Two halves side by side. Whether either said yes.
fn pair_ui(ui: &mut Ui, mut draw: impl FnMut(&mut Ui, Side) -> bool) -> bool {
    let outer = ui.available_rect_before_wrap();
    let half = ((outer.width() - GAP) / 2.0).floor();
    let left = outer.with_max_x(outer.left() + half);
    let right = outer.with_min_x(outer.right() - half);
    let mut is_so = false;
    let mut bottom = outer.top();
    for (rect, side) in [(left, Side::Left), (right, Side::Right)] {
        let drawn = ui.new_child(egui::UiBuilder::new().max_rect(rect).id_salt(side as u8));
        let mut child = drawn;
        is_so |= draw(&mut child, side);
        bottom = bottom.max(child.min_rect().bottom());
    }
    let both = Rect::from_min_max(outer.min, pos2(outer.right(), bottom));
    ui.advance_cursor_after_rect(both);
    is_so
}

/// Into the first field.
pub fn give_first_focus(ui: &Ui) {
    ui.memory_mut(|memory| memory.request_focus(field_id(KeyTerm::Models)));
}

fn field_id(term: KeyTerm) -> Id {
    Id::unique(("key term", term))
}

/// What a term is called, and what its empty field means.
fn words_of(term: KeyTerm) -> (&'static str, &'static str) {
    match term {
        KeyTerm::Models => ("Models", "all, or gpt-5*, o4"),
        KeyTerm::Model => ("Always this model", "as asked"),
        KeyTerm::Effort => ("Always this effort", "as asked"),
        KeyTerm::Accounts => ("Accounts or groups", "all, or team-*"),
        KeyTerm::Strategy => ("Picks accounts by", "the router's own"),
        KeyTerm::RequestsPerMinute => ("Requests a minute", "no limit"),
        KeyTerm::Concurrency => ("Requests at once", "the router's limit"),
        KeyTerm::Tokens(Period::Day) => ("Tokens a day", "no limit"),
        KeyTerm::Tokens(Period::Week) => ("Tokens a week", "no limit"),
        KeyTerm::Tokens(Period::Month) => ("Tokens a month", "no limit"),
        KeyTerm::Cost(Period::Day) => ("Dollars a day", "no limit"),
        KeyTerm::Cost(Period::Week) => ("Dollars a week", "no limit"),
        KeyTerm::Cost(Period::Month) => ("Dollars a month", "no limit"),
        KeyTerm::Dialects => ("Dialects", "all"),
    }
}

fn strategy_label(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::Active => "In use",
        Strategy::Ordered => "In order",
        Strategy::RoundRobin => "Round robin",
        Strategy::LeastUsed => "Most left",
        Strategy::Priority => "Priority",
        Strategy::Sticky => "Sticky conversations",
        Strategy::SoonestReset => "Resets soonest",
        Strategy::Fastest => "Fastest",
    }
}
