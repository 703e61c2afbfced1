//! Adding an account: by the browser, by a code, from files, by a key. And signing in to one again.

use std::path::PathBuf;

use egui::{Id, Rect, Sense, Ui, accesskit, vec2};

use super::Scene;
use super::frame;
use crate::desk::{Command, ImportView, SignInStep, SignInView, SignInWay, Snapshot};
use crate::profile::ProfileName;
use crate::window::ask::Ask;
use crate::window::errands::{Picked, Return};
use crate::window::widgets;

mod browser;
mod code;
mod found;
mod import;
mod key;
mod key_form;
mod sign_in;
mod signed_in;
mod sources;

use import::ImportTab;
use key_form::KeyTab;
use sign_in::SignInTab;

/// Between the tabs and the buttons: the same for all of them, so that nothing moves when another is chosen.
const BODY_HEIGHT: f32 = 284.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddTab {
    Browser,
    Code,
    Import,
    Key,
}

pub struct AddDialog {
    tab: AddTab,
    /// The account to sign in to again, if this is about one.
    again: Option<ProfileName>,
    sign_in: SignInTab,
    import: ImportTab,
    key: KeyTab,
    /// The tab was just opened: its first focus is to be given.
    wants_focus: bool,
}

impl AddTab {
    const ALL: [Self; 4] = [Self::Browser, Self::Code, Self::Import, Self::Key];

    fn label(self) -> &'static str {
        match self {
            Self::Browser => "Browser",
            Self::Code => "Code",
            Self::Import => "Import",
            Self::Key => "API key",
        }
    }

    fn way(self) -> Option<SignInWay> {
        match self {
            Self::Browser => Some(SignInWay::Browser),
            Self::Code => Some(SignInWay::Code),
            Self::Import | Self::Key => None,
        }
    }
}

impl AddDialog {
    pub fn open(tab: AddTab) -> Self {
        Self {
            tab,
            again: None,
            sign_in: SignInTab::default(),
            import: ImportTab::default(),
            key: KeyTab::default(),
            wants_focus: true,
        }
    }

    pub fn sign_in_again(name: ProfileName) -> Self {
        Self {
            again: Some(name),
            ..Self::open(AddTab::Browser)
        }
    }

    /// Shows a sign-in that is under way already: the tray began it, or the window was closed meanwhile.
    pub fn following_sign_in(view: &SignInView) -> Self {
        let tab = match view.wish.way {
            SignInWay::Browser => AddTab::Browser,
            SignInWay::Code => AddTab::Code,
        };
        Self {
            again: view.wish.again.clone(),
            sign_in: SignInTab::following(view),
            ..Self::open(tab)
        }
    }

    /// The same for an import.
    pub fn following_import(view: &ImportView) -> Self {
        Self {
            import: ImportTab::following(view),
            ..Self::open(AddTab::Import)
        }
    }

    /// Looks at once for what can be imported there.
    pub fn import(paths: Vec<PathBuf>) -> Self {
        Self {
            import: ImportTab::looking(paths),
            ..Self::open(AddTab::Import)
        }
    }

    /// Files were dropped on the window.
    pub fn dropped(&mut self, paths: Vec<PathBuf>, snapshot: &Snapshot, asks: &mut Vec<Ask>) {
        if self.again.is_none() && !self.is_settling(snapshot) {
            self.show(AddTab::Import, asks);
            self.import.look_at(paths);
        }
    }

    pub fn returned(&mut self, told: Return) {
        match told {
            Return::LinkRefused => self.sign_in.is_link_refused = true,
            Return::Picked(_, Picked::Paths(paths)) => self.import.look_at(paths),
            Return::Picked(_, Picked::NoDialog) => self.import.has_no_file_dialog = true,
            Return::Picked(_, Picked::Nothing) => {}
        }
    }

    /// The user wants to leave. An import that is being written ends first, and is shown to its end.
    pub fn leave(&mut self, snapshot: &Snapshot, asks: &mut Vec<Ask>) {
        if self.import.is_writing(snapshot) {
            asks.push(Ask::Command(Command::CancelImport));
            return;
        }
        self.sign_in.stop(asks);
        self.import.stop(asks);
        asks.push(Ask::CloseDialog);
    }

    fn show(&mut self, tab: AddTab, asks: &mut Vec<Ask>) {
        if tab == self.tab {
            return;
        }
        if tab.way().is_none() {
            self.sign_in.stop(asks);
        }
        if tab != AddTab::Import {
            self.import.stop(asks);
        }
        self.tab = tab;
        self.wants_focus = true;
    }

    /// Somebody has signed in, or logins are being written: there is nothing else to choose now.
    fn is_settling(&self, snapshot: &Snapshot) -> bool {
        let is_signed_in = self.sign_in.view(snapshot).is_some_and(|view| {
            matches!(
                view.step,
                SignInStep::Finishing | SignInStep::Confirm(_) | SignInStep::Done { .. }
            )
        });
        is_signed_in || self.import.is_writing(snapshot) || self.key.is_adding()
    }

    fn title(&self, scene: Scene<'_>) -> String {
        match &self.again {
            Some(name) => format!("Sign in again to {}", scene.called(name)),
            None => "Add account".to_owned(),
        }
    }
}

pub fn add_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &mut AddDialog, asks: &mut Vec<Ask>) {
    if let Some(way) = dialog.tab.way() {
        let again = dialog.again.as_ref();
        dialog.sign_in.start(way, again, scene.snapshot, asks);
    }
    let is_crossed = frame::title_with_cross(ui, scene.look, &dialog.title(scene));
    ui.add_space(5.0);
    tabs_ui(ui, scene, dialog, asks);
    let wants_focus = std::mem::take(&mut dialog.wants_focus);
    let is_cancelled = match dialog.tab {
        AddTab::Browser | AddTab::Code => {
            let tab = &mut dialog.sign_in;
            tab.wants_focus |= wants_focus;
            sign_in::sign_in_ui(ui, scene, tab, dialog.tab == AddTab::Code, asks)
        }
        AddTab::Import => import::import_ui(ui, scene, &mut dialog.import, asks),
        AddTab::Key => key::key_ui(ui, scene, &mut dialog.key, wants_focus, asks),
    };
    if is_crossed || is_cancelled {
        dialog.leave(scene.snapshot, asks);
    }
}

fn tabs_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &mut AddDialog, asks: &mut Vec<Ask>) {
    let size = vec2(ui.available_width(), 32.0);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let tabs: Vec<AddTab> = AddTab::ALL
        .into_iter()
        .filter(|tab| dialog.again.is_none() || tab.way().is_some())
        .collect();
    let words: Vec<&str> = tabs.iter().map(|tab| tab.label()).collect();
    let chosen = tabs.iter().position(|tab| *tab == dialog.tab);
    let choice = widgets::segment_ui(
        ui,
        scene.look,
        rect,
        Id::unique("add tabs"),
        (&words, chosen.unwrap_or_default()),
        accesskit::Role::Tab,
    );
    let tab = choice.and_then(|index| tabs.get(index));
    if let Some(tab) = tab
        && !dialog.is_settling(scene.snapshot)
    {
        dialog.show(*tab, asks);
        // The keyboard may go on along the tabs.
        dialog.wants_focus = !scene.look.shows_focus;
    }
}

/// What a tab says, at least as high as every other.
fn body_ui(ui: &mut Ui, contents: impl FnOnce(&mut Ui)) {
    let top = ui.cursor().top();
    contents(ui);
    let used = ui.cursor().top() - top;
    ui.add_space((BODY_HEIGHT - used).max(0.0));
}

/// A line of this height over the whole width.
fn line(ui: &mut Ui, height: f32) -> Rect {
    let size = vec2(ui.available_width(), height);
    ui.allocate_exact_size(size, Sense::hover()).0
}
