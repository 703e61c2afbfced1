//! The Settings page, worded: every section, its rows, and what each control asks for.

use super::Wish;
use super::telling::Teller;
use crate::desk::settings::{SettingView, Source, TakesEffect};
use crate::desk::{Change, Outcome, Setting, SettingsView, Snapshot};
use crate::profile::ProfileName;

mod sections;

/// How the user wants to look at it, and what only the window remembers.
#[derive(Clone, Copy, Debug, Default)]
pub struct SettingsWish {
    /// In percent.
    pub zoom: u16,
    pub closing: Closing,
    /// Whether closing can hide: a panel shows our icon.
    pub can_hide: bool,
    /// An address of a proxy is about to be typed.
    pub is_custom_proxy: bool,
}

/// What closing the window does where a panel shows our icon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Closing {
    #[default]
    Hide,
    Quit,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct SettingsPage {
    pub sections: Vec<SettingsSection>,
    /// What in `config.toml` cannot be used: sentences.
    pub bad: Vec<String>,
    pub version: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct SettingsSection {
    pub topic: Topic,
    pub rows: Vec<SettingRow>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Topic {
    #[default]
    General,
    Usage,
    Router,
    Network,
    Privacy,
    Advanced,
}

#[derive(Clone, Debug, PartialEq)]
pub struct SettingRow {
    pub title: &'static str,
    /// The grey second line.
    pub text: Option<String>,
    pub control: Control,
    /// Why the last change did not come about: a sentence.
    pub refused: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Control {
    Switch {
        is_on: bool,
        on: Act,
        off: Act,
    },
    /// Side by side.
    Segment(Choices),
    /// In a menu.
    Select(Choices),
    /// Text that is written at Enter, or when the field is left.
    Field(Field),
    Button {
        label: &'static str,
        act: Act,
    },
    /// What cannot be changed here, in words.
    Text(String),
    /// The same letter by letter: a folder, an address.
    Code(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Choices {
    pub options: Vec<(String, Act)>,
    /// Nothing of it where the value is another one.
    pub chosen: Option<usize>,
    /// What is set, in words.
    pub shown: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub setting: Setting,
    /// What stands in it before anybody types.
    pub value: String,
    pub hint: String,
    /// The last happening that was about it.
    pub answered: u64,
    /// That was a refusal.
    pub is_refused: bool,
}

/// What a control asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    Change(Vec<Change>),
    HideEmails(bool),
    Zoom(u16),
    Close(Closing),
    CustomProxy,
    OpenKeys,
    OpenConnect,
    OpenKeyring,
    OpenExport(Vec<ProfileName>),
    OpenImport,
    Copy(&'static str),
}

impl Topic {
    pub const ALL: [Self; 6] = [
        Self::General,
        Self::Usage,
        Self::Router,
        Self::Network,
        Self::Privacy,
        Self::Advanced,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::General => "General",
            Self::Usage => "Usage",
            Self::Router => "Router",
            Self::Network => "Network",
            Self::Privacy => "Privacy",
            Self::Advanced => "Advanced",
        }
    }
}

pub(super) fn of(snapshot: &Snapshot, wish: &Wish<'_>, _teller: &Teller<'_>) -> SettingsPage {
    let scene = Scene { snapshot, wish };
    let section = |topic| SettingsSection {
        topic,
        rows: scene.rows(topic),
    };
    SettingsPage {
        sections: Topic::ALL.into_iter().map(section).collect(),
        bad: snapshot.settings.bad.clone(),
        version: format!("Codex Router {}", env!("CARGO_PKG_VERSION")),
    }
}

/// What the rows are made of.
#[derive(Clone, Copy)]
struct Scene<'a> {
    snapshot: &'a Snapshot,
    wish: &'a Wish<'a>,
}

impl Scene<'_> {
    fn settings(&self) -> &SettingsView {
        &self.snapshot.settings
    }

    /// A row about one setting. Where a variable of the environment says it, it cannot be changed here, and the row says so.
    fn row(
        &self,
        setting: Setting,
        title: &'static str,
        text: &str,
        control: impl FnOnce(&SettingView) -> Control,
    ) -> Option<SettingRow> {
        let view = self.settings().get(setting)?;
        let (text, control) = match view.source {
            Source::Environment(name) => (
                format!("Set by {name} in the environment."),
                fixed(control(view)),
            ),
            Source::Default | Source::File => {
                let later = match view.takes_effect {
                    TakesEffect::AtNextStart if text.is_empty() => "At the next start.",
                    TakesEffect::AtNextStart | TakesEffect::AtOnce => text,
                };
                (later.to_owned(), control(view))
            }
        };
        Some(SettingRow {
            title,
            text: (!text.is_empty()).then_some(text),
            control,
            refused: self.refused(setting),
        })
    }

    /// A row about how often or how long, and whether at all. The environment may say either, and what it leaves open can be changed.
    fn timed(
        &self,
        (is_on, length): (Setting, Setting),
        (title, text): (&'static str, &str),
        off: (&str, OffAt),
        choices: impl FnOnce(&SettingView) -> Choices,
    ) -> Option<SettingRow> {
        let variable = |setting| match self.settings().get(setting)?.source {
            Source::Environment(name) => Some(name),
            Source::Default | Source::File => None,
        };
        let (is_done, is_fixed) = (self.settings().is_on(is_on), variable(is_on).is_some());
        let all = choices(self.settings().get(length)?);
        match variable(length) {
            _ if is_fixed && !is_done => {
                self.row(is_on, title, "", |_| Control::Text(off.0.to_owned()))
            }
            Some(name) if !is_fixed => {
                let text = format!("{}. Set by {name} in the environment.", all.shown);
                self.switch(is_on, title, &text)
            }
            _ => self.row(length, title, text, |_| {
                let on = (!is_fixed).then(|| Change::on(is_on, true));
                let off = (!is_fixed).then(|| (off, Change::on(is_on, false)));
                Control::Select(all.with_off(is_done, on, off))
            }),
        }
    }

    fn switch(&self, setting: Setting, title: &'static str, text: &str) -> Option<SettingRow> {
        self.row(setting, title, text, |view| Control::Switch {
            is_on: view.value == "true",
            on: Act::Change(vec![Change::on(setting, true)]),
            off: Act::Change(vec![Change::on(setting, false)]),
        })
    }

    fn field(
        &self,
        setting: Setting,
        title: &'static str,
        text: &str,
        hint: &str,
    ) -> Option<SettingRow> {
        self.row(setting, title, text, |view| {
            Control::Field(Field {
                setting,
                value: view.value.clone(),
                hint: hint.to_owned(),
                answered: self.answered(setting).map_or(0, |(seq, _)| seq),
                is_refused: self.refused(setting).is_some(),
            })
        })
    }

    /// The newest outcome about this setting, and why it was refused.
    fn answered(&self, setting: Setting) -> Option<(u64, Option<&str>)> {
        let mut happened = self.snapshot.happenings.iter().rev();
        happened.find_map(|happening| match &happening.outcome {
            Outcome::SettingsChanged { settings } if settings.contains(&setting) => {
                Some((happening.seq, None))
            }
            Outcome::SettingsRefused {
                setting: Some(refused),
                reason,
            } if *refused == setting => Some((happening.seq, Some(reason.as_str()))),
            _ => None,
        })
    }

    fn refused(&self, setting: Setting) -> Option<String> {
        let (seq, reason) = self.answered(setting)?;
        let reason = reason.filter(|_| seq > self.wish.dismissed)?;
        Some(super::sentence(reason))
    }
}

/// A row that no setting stands behind.
fn plain(title: &'static str, text: &str, control: Control) -> SettingRow {
    SettingRow {
        title,
        text: (!text.is_empty()).then(|| text.to_owned()),
        control,
        refused: None,
    }
}

/// Where the choice to do nothing stands among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OffAt {
    First,
    Last,
}

impl Choices {
    /// Each choice turns it on as well, and one more turns it off.
    fn with_off(
        mut self,
        is_done: bool,
        on: Option<Change>,
        off: Option<((&str, OffAt), Change)>,
    ) -> Self {
        for (_, act) in &mut self.options {
            if let Act::Change(changes) = act {
                changes.extend(on.clone());
            }
        }
        let Some(((label, place), change)) = off else {
            return self;
        };
        let at = match place {
            OffAt::First => 0,
            OffAt::Last => self.options.len(),
        };
        let option = (label.to_owned(), Act::Change(vec![change]));
        self.options.insert(at, option);
        if !is_done {
            self.chosen = Some(at);
            self.shown = label.to_owned();
        } else if place == OffAt::First {
            self.chosen = self.chosen.map(|chosen| chosen + 1);
        }
        self
    }
}

fn button(title: &'static str, text: &str, label: &'static str, act: Act) -> SettingRow {
    plain(title, text, Control::Button { label, act })
}

/// Choices of one setting by its values; `others` words a value that is none of them.
fn choices(
    view: &SettingView,
    options: &[(&str, &str)],
    others: impl FnOnce(&str) -> String,
) -> Choices {
    let chosen = options.iter().position(|(value, _)| *value == view.value);
    let known = chosen.and_then(|index| options.get(index));
    let shown = known.map_or_else(|| others(&view.value), |(_, label)| (*label).to_owned());
    let option = |(value, label): &(&str, &str)| {
        let change = Change::to(view.setting, *value);
        ((*label).to_owned(), Act::Change(vec![change]))
    };
    Choices {
        options: options.iter().map(option).collect(),
        chosen,
        shown,
    }
}

/// What a control says, where it cannot be moved.
fn fixed(control: Control) -> Control {
    let words = |choices: Choices| {
        let chosen = choices
            .chosen
            .and_then(|at| choices.options.into_iter().nth(at));
        match choices.shown.is_empty() {
            true => chosen.map(|(label, _)| label).unwrap_or_default(),
            false => choices.shown,
        }
    };
    match control {
        Control::Switch { is_on: true, .. } => Control::Text("On".to_owned()),
        Control::Switch { is_on: false, .. } => Control::Text("Off".to_owned()),
        Control::Segment(choices) | Control::Select(choices) => Control::Text(words(choices)),
        Control::Field(field) if field.value.is_empty() => Control::Text("None".to_owned()),
        Control::Field(field) => Control::Code(field.value),
        Control::Button { .. } | Control::Text(_) | Control::Code(_) => control,
    }
}
