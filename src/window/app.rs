//! One frame after the other: look at the desk, word the page, draw it, carry out what the user did.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant, SystemTime};

use egui::{Context, TextureHandle, ThemePreference, Ui, ViewportCommand};
use jiff::tz::TimeZone;

use super::accounts;
use super::activity::{Next, Reading};
use super::ask::{Ask, Opening};
use super::dialogs::{
    self, AddDialog, AddTab, ConnectDialog, Dialog, ExportDialog, KeyDialog, KeyringDialog,
    OrganiseDialog, SaveDialog, Scene, UnlockDialog,
};
use super::errands::{Doors, Errands, Pick, Picked, Return};
use super::memory::{Geometry, Memory};
use super::rows::{Banner, BannerIcon, BannerTone, Closing, Forecast, Page, Tab, Wish, called};
use super::shell::{self, States, Wishes};
use super::theme::{self, Look, Tokens};
use super::toast::{self, Toast};
use super::wake::Outside;
use super::{AskOnClose, Closed, OnClose, ThemeChoice, fonts, keys};
use crate::desk::sort::own_order;
use crate::desk::{
    ActivityQuery, Command, Desk, DeskError, Outcome, RequestsForm, Setting, Snapshot, Span,
};
use crate::profile::ProfileName;

/// The window while it is open. Everything that outlives it is in [`Memory`], which it sends away when it ends.
pub struct App {
    desk: Desk,
    memory: Memory,
    on_close: AskOnClose,
    /// Until the first frame is drawn.
    started_at: Option<Instant>,
    outside: Arc<Outside>,
    clock: Clock,
    /// Where memory and reason of the end go.
    farewell: Sender<(Memory, Closed)>,
    closed: Option<Closed>,
    states: States,
    /// How far back the chart looks.
    span: Span,
    /// Whose history was asked for, and when its newest numbers came.
    history_of: Option<(ProfileName, Option<SystemTime>)>,
    forecast: Forecast,
    /// Which requests were asked for.
    reading: Reading,
    /// An order was asked for when this was the newest happening.
    ordered_after: Option<u64>,
    dialog: Option<Dialog>,
    is_dialog_new: bool,
    errands: Errands,
    /// Sign-ins and imports up to these numbers have had their dialog.
    followed: (u64, u64),
    toast: Option<Toast>,
    /// The desk did not take the last command.
    complaint: Option<Banner>,
    /// Happenings up to this one have been looked at.
    seen: u64,
    raises: u64,
    /// What the settings said of it last.
    theme: String,
    uses_keyboard: bool,
    has_focus: bool,
    logo: TextureHandle,
}

/// What time it is, and where.
pub struct Clock {
    pub now: fn() -> SystemTime,
    pub zone: TimeZone,
}

/// What [`App`] is made of.
pub struct Parts {
    pub desk: Desk,
    pub memory: Memory,
    pub on_close: AskOnClose,
    pub started_at: Instant,
    pub theme: ThemeChoice,
    pub outside: Arc<Outside>,
    pub clock: Clock,
    pub doors: Doors,
    pub farewell: Sender<(Memory, Closed)>,
}

/// News older than this when the window opens is no news.
const NEWS: Duration = Duration::from_secs(4);

impl App {
    pub fn new(ctx: &Context, parts: Parts) -> Self {
        fonts::install(ctx);
        theme::install(ctx);
        ctx.set_theme(match parts.theme {
            ThemeChoice::System => ThemePreference::System,
            ThemeChoice::Light => ThemePreference::Light,
            ThemeChoice::Dark => ThemePreference::Dark,
        });
        ctx.set_zoom_factor(f32::from(parts.memory.zoom_percent()) / 100.0);
        let snapshot = parts.desk.snapshot();
        let now = (parts.clock.now)();
        let seen = snapshot
            .happenings
            .iter()
            .filter(|happening| now.duration_since(happening.at).is_ok_and(|age| age > NEWS))
            .map(|happening| happening.seq)
            .max()
            .unwrap_or_default();
        Self {
            desk: parts.desk,
            memory: parts.memory,
            on_close: parts.on_close,
            started_at: Some(parts.started_at),
            outside: parts.outside,
            clock: parts.clock,
            farewell: parts.farewell,
            closed: None,
            states: States::default(),
            span: Span::default(),
            history_of: None,
            forecast: Forecast::default(),
            reading: Reading::default(),
            ordered_after: None,
            dialog: None,
            is_dialog_new: false,
            errands: Errands::new(parts.doors),
            followed: (0, 0),
            toast: None,
            complaint: None,
            seen,
            raises: snapshot.raises,
            theme: String::new(),
            uses_keyboard: false,
            has_focus: false,
            logo: super::logo::texture(ctx),
        }
    }

    /// Toasts for what ended since the last frame, and the way to the front when somebody asked for the window.
    fn catch_up(&mut self, ctx: &Context, snapshot: &Snapshot) {
        let egui_now = ctx.input(|input| input.time);
        for happening in &snapshot.happenings {
            if happening.seq > self.seen {
                self.seen = happening.seq;
                if let Outcome::Renamed { from, to, .. } = &happening.outcome {
                    self.states.list.follow(from.clone(), to.clone());
                }
                let named = |name: &ProfileName| called(snapshot, name, snapshot.hides_emails);
                if let Some(toast) = Toast::about(happening, named, snapshot.hides_emails, egui_now)
                {
                    self.toast = Some(toast);
                }
            }
        }
        let theme = snapshot.settings.value(Setting::Theme);
        if theme != self.theme && !theme.is_empty() {
            ctx.set_theme(match theme {
                "light" => ThemePreference::Light,
                "dark" => ThemePreference::Dark,
                _ => ThemePreference::System,
            });
            theme.clone_into(&mut self.theme);
        }
        if snapshot.raises != self.raises {
            self.raises = snapshot.raises;
            ctx.send_viewport_cmd(ViewportCommand::Minimized(false));
            ctx.send_viewport_cmd(ViewportCommand::Focus);
        }
    }

    /// A sign-in that the tray began, or one that went on while the window was closed, gets its dialog; so do files that are
    /// dropped on the window, and errands that came back.
    fn follow(&mut self, ctx: &Context, snapshot: &Snapshot, asks: &mut Vec<Ask>) {
        for told in self.errands.returned() {
            if let Return::Picked(Pick::RequestsFile { query, form }, picked) = told {
                self.export_requests(query, form, picked);
            } else if let Some(dialog) = &mut self.dialog {
                dialog.returned(told);
            }
        }
        let sign_in = snapshot.sign_in.as_ref();
        let import = snapshot.import.as_deref();
        if self.dialog.is_none() {
            if let Some(view) = sign_in.filter(|view| view.number > self.followed.0) {
                self.add(AddDialog::following_sign_in(view));
            } else if let Some(view) = import.filter(|view| view.number > self.followed.1) {
                self.add(AddDialog::following_import(view));
            }
        }
        let last = |number: Option<u64>, before: u64| number.map_or(before, |now| now.max(before));
        if matches!(self.dialog, Some(Dialog::Add(_))) {
            self.followed.0 = last(sign_in.map(|view| view.number), self.followed.0);
            self.followed.1 = last(import.map(|view| view.number), self.followed.1);
        }
        let dropped: Vec<PathBuf> = ctx.input(|input| {
            let files = input.raw.dropped_files.iter();
            files.map(|file| file.path().to_owned()).collect()
        });
        match &mut self.dialog {
            _ if dropped.is_empty() => {}
            None => self.add(AddDialog::import(dropped)),
            Some(Dialog::Add(dialog)) => dialog.dropped(dropped, snapshot, asks),
            Some(_other) => {}
        }
    }

    /// Whoever comes back from a terminal may have started Codex there, which the next switch should know.
    fn notice_focus(&mut self, ctx: &Context) {
        let has_focus = ctx.input(|input| input.focused);
        if has_focus && !self.has_focus {
            // A busy worker looks by itself before it switches.
            if let Err(err) = self.desk.ask(Command::FindCodex) {
                tracing::debug!(error = %err, "Codex programs not looked for");
            }
        }
        self.has_focus = has_focus;
    }

    /// The account that is looked at: beside the list there always is one.
    fn shown<'a>(&'a self, snapshot: &'a Snapshot, is_wide: bool) -> Option<&'a ProfileName> {
        let wanted = self.states.list.shown.as_ref();
        if !is_wide {
            return wanted.filter(|_| self.states.list.is_pushed);
        }
        let first = || snapshot.active().or(snapshot.profiles.first());
        wanted.or_else(|| first().map(|profile| &profile.name))
    }

    /// Lets go of what is gone, and of an order that has been published, or has come to nothing.
    fn settle(&mut self, snapshot: &Snapshot) {
        self.states
            .list
            .keep_only(|name| snapshot.profile(name).is_some());
        let newest = snapshot.happenings.last().map(|happening| happening.seq);
        let is_answered = self.ordered_after.is_some_and(|seq| newest > Some(seq));
        let order = self.states.list.order.as_deref();
        let order = order.or(self.states.pool.order.as_deref());
        if is_answered || order.is_some_and(|order| order == own_order(&snapshot.profiles)) {
            self.states.list.order = None;
            self.states.pool.order = None;
            self.ordered_after = None;
        }
    }

    /// Has the history read of the account that is looked at: when another one is, and when more is known of it.
    fn ask_for_history(&mut self, snapshot: &Snapshot, page: &Page) {
        let shown = page.detail.as_ref().map(|detail| &detail.name);
        let wanted = shown
            .and_then(|name| snapshot.profile(name))
            .map(|profile| {
                let known_at = profile.usage.as_ref().map(|usage| usage.fetched_at);
                (profile.name.clone(), known_at)
            });
        if wanted == self.history_of {
            return;
        }
        let Some((name, _)) = &wanted else {
            self.history_of = None;
            return;
        };
        match self.desk.ask(Command::ShowHistory(name.clone())) {
            Ok(()) => self.history_of = wanted,
            // The next frame tries again.
            Err(err) => tracing::debug!(error = %err, "history not asked for"),
        }
    }

    /// Has the requests read that are looked at.
    fn ask_for_activity(&mut self, ctx: &Context, snapshot: &Snapshot, page: &Page) {
        let super::rows::OpenPage::Activity(words) = &page.open else {
            self.reading.forget();
            return;
        };
        let newest = snapshot.requests.first().map(|record| record.id.as_str());
        let seen = (newest, snapshot.hides_emails);
        let visible = self.states.activity.visible();
        let egui_now = ctx.input(|input| input.time);
        match self.reading.next(words, visible, seen, egui_now) {
            Next::Nothing => {}
            Next::Wait(wait) => ctx.request_repaint_after(wait),
            Next::Ask(command) => {
                if let Err(err) = self.desk.ask(command) {
                    // The next frame tries again.
                    tracing::debug!(error = %err, "requests not asked for");
                    self.reading.forget();
                }
            }
        }
    }

    /// A file was chosen for requests, or was not.
    fn export_requests(&mut self, query: ActivityQuery, form: RequestsForm, picked: Picked) {
        match picked {
            Picked::Paths(paths) => {
                if let Some(file) = paths.into_iter().next() {
                    self.send(Command::ExportRequests { query, form, file });
                }
            }
            Picked::Nothing => {}
            Picked::NoDialog => {
                self.complaint = Some(Banner {
                    tone: BannerTone::Warn,
                    icon: BannerIcon::Folder,
                    title: "This desktop has no file dialog".into(),
                    text: "In a terminal, codex-router logs --json tells the same.".into(),
                    act: None,
                });
            }
        }
    }

    fn page(&self, snapshot: &Snapshot, now: SystemTime, is_wide: bool) -> Page {
        let wish = Wish {
            tab: self.memory.tab,
            pool: self.states.pool.wish(),
            activity: self.states.activity.wish(),
            keys: self.states.keys.wish(),
            settings: {
                let can_hide = (self.on_close)() == OnClose::Hide;
                self.states.settings.wish(&self.memory, can_hide)
            },
            hides_emails: snapshot.hides_emails,
            sort: self.memory.sort,
            search: &self.states.list.search,
            dismissed: self.memory.dismissed,
            is_wide,
            detail: self.shown(snapshot, is_wide),
            span: self.span,
            is_grouped: self.memory.is_grouped,
            folds: self.memory.folds,
            order: self
                .states
                .list
                .order
                .as_deref()
                .or(self.states.pool.order.as_deref()),
            forecast: Some(&self.forecast),
        };
        Page::of(snapshot, now, &self.clock.zone, &wish)
    }

    fn draw(&mut self, ui: &mut Ui, snapshot: &Snapshot, page: &Page, asks: &mut Vec<Ask>) {
        let look = Look {
            tokens: Tokens::of(ui.ctx().theme()),
            shows_focus: self.uses_keyboard,
            hides_emails: snapshot.hides_emails,
        };
        let wishes = Wishes {
            hides_emails: snapshot.hides_emails,
            complaint: self.complaint.as_ref(),
            logo: &self.logo,
        };
        shell::shell_ui(ui, look, page, &wishes, &mut self.states, asks);
        if let Some(toast) = &mut self.toast {
            let foot = shell::foot_height(ui.max_rect().width(), page, &self.states);
            toast::toast_ui(ui, look, foot, toast, asks);
        }
        if let Some(dialog) = &mut self.dialog {
            let scene = Scene {
                look,
                snapshot,
                now: (self.clock.now)(),
                zone: &self.clock.zone,
                complaint: self.complaint.as_ref(),
                doors: self.errands.doors(),
                is_new: std::mem::take(&mut self.is_dialog_new),
            };
            dialogs::dialog_ui(ui, scene, dialog, asks);
        }
    }

    pub(super) fn carry_out(&mut self, ctx: &Context, snapshot: &Snapshot, ask: Ask) {
        match ask {
            Ask::Command(command) => {
                if matches!(command, Command::Order(_)) {
                    let newest = snapshot.happenings.last();
                    self.ordered_after = Some(newest.map_or(0, |happening| happening.seq));
                }
                self.send(command);
            }
            Ask::Switch(to) => self.carry_out(ctx, snapshot, dialogs::switching(snapshot, to)),
            Ask::OpenSwitch(dialog) => self.open(Dialog::Switch(dialog)),
            Ask::OpenUnlock => self.open(Dialog::Unlock(UnlockDialog::default())),
            Ask::OpenKeyring => self.open(Dialog::Keyring(KeyringDialog::default())),
            Ask::OpenConnect => {
                // What was seen earlier may have changed since.
                self.send(Command::LookAtTools);
                self.open(Dialog::Connect(ConnectDialog::new()));
            }
            Ask::OpenSave => self.open(match SaveDialog::open(snapshot, snapshot.hides_emails) {
                Some(dialog) => Dialog::Save(dialog),
                None => Dialog::Add(Box::new(AddDialog::open(AddTab::Browser))),
            }),
            Ask::OpenAdd(tab) => self.add(AddDialog::open(tab)),
            Ask::OpenImport(paths) => self.add(AddDialog::import(paths)),
            Ask::SignIn(name) => self.add(AddDialog::sign_in_again(name)),
            Ask::OpenExport(names) => {
                self.open(Dialog::Export(Box::new(ExportDialog::open(names))))
            }
            Ask::Turn(tab) => self.memory.tab = tab,
            Ask::Look(name) => {
                self.memory.tab = Tab::Accounts;
                self.states.list.show(&name);
            }
            Ask::Open(opening) => self.open_about(&opening, snapshot),
            Ask::OpenKey(opening) => {
                if let Some(dialog) = KeyDialog::open(&opening, snapshot) {
                    self.open(Dialog::Key(dialog));
                }
            }
            Ask::ShowSetup(id) => {
                self.memory.tab = Tab::Keys;
                self.states.keys.set_up(id);
            }
            Ask::GroupRows(is_grouped) => self.memory.is_grouped = Some(is_grouped),
            Ask::Fold(section) => self.memory.folds.turn(section),
            Ask::LookBack(span) => self.span = span,
            Ask::CloseDialog => self.dialog = None,
            Ask::OpenLink(url) => self.errands.open_link(ctx, url),
            Ask::Pick(pick) => self.errands.pick(ctx, pick),
            Ask::Select(name) => {
                self.memory.tab = Tab::Accounts;
                self.states.list.select(name);
            }
            Ask::CopyBaseUrl(url) => {
                let egui_now = ctx.input(|input| input.time);
                self.toast = Some(Toast::saying(format!("Copied {url}"), egui_now));
                ctx.copy_text(url);
            }
            Ask::Copy(text) => {
                let egui_now = ctx.input(|input| input.time);
                self.toast = Some(Toast::saying(format!("Copied {text}"), egui_now));
                ctx.copy_text(text);
            }
            Ask::CopyAs { text, said } => {
                let egui_now = ctx.input(|input| input.time);
                self.toast = Some(Toast::saying(said.to_owned(), egui_now));
                ctx.copy_text(text);
            }
            Ask::ToggleEmails => self.send(Command::HideEmails(!snapshot.hides_emails)),
            Ask::Sort(sort) => self.memory.sort = sort,
            Ask::Zoom(percent) => {
                self.memory.zoom = Some(percent);
                ctx.set_zoom_factor(f32::from(self.memory.zoom_percent()) / 100.0);
            }
            Ask::CloseBy(closing) => self.memory.closing = closing,
            Ask::Dismiss(seq) => self.memory.dismissed = self.memory.dismissed.max(seq),
            Ask::HideToast => self.toast = None,
            Ask::HideIfHarmless => {
                if self.closing() == Some(Closed::Hidden) {
                    self.leave(ctx, Closed::Hidden);
                }
            }
            Ask::Leave(Closed::Quit) => self.leave(ctx, Closed::Quit),
            Ask::Leave(Closed::Hidden) => match self.closing() {
                Some(closed) => self.leave(ctx, closed),
                None => self.stop_or_ask(ctx),
            },
        }
    }

    pub(super) fn open(&mut self, dialog: Dialog) {
        self.dialog = Some(dialog);
        self.is_dialog_new = true;
    }

    fn add(&mut self, dialog: AddDialog) {
        self.open(Dialog::Add(Box::new(dialog)));
    }

    fn open_about(&mut self, opening: &Opening, snapshot: &Snapshot) {
        if let Some(dialog) = OrganiseDialog::open(opening, snapshot) {
            self.open(Dialog::Organise(dialog));
        }
    }

    fn send(&mut self, command: Command) {
        self.complaint = self.desk.ask(command).err().map(complaint);
    }

    fn leave(&mut self, ctx: &Context, closed: Closed) {
        self.closed = Some(closed);
        ctx.send_viewport_cmd(ViewportCommand::Close);
    }

    /// What closing does by the user's own word; nothing where it would stop what the user may not know of.
    fn closing(&self) -> Option<Closed> {
        match ((self.on_close)(), self.memory.closing) {
            (_, Closing::Quit) => Some(Closed::Quit),
            (OnClose::Hide, Closing::Hide) => Some(Closed::Hidden),
            (OnClose::Quit, Closing::Hide) => None,
        }
    }

    /// Without a tray nothing would be left of the program: the first time that is said.
    fn stop_or_ask(&mut self, ctx: &Context) {
        if self.memory.knows_that_closing_stops {
            self.leave(ctx, Closed::Quit);
        } else {
            self.memory.knows_that_closing_stops = true;
            self.open(Dialog::CloseStops);
        }
    }

    /// The window manager's own close button.
    fn answer_close_request(&mut self, ctx: &Context) {
        if self.closed.is_some() || !ctx.input(|input| input.viewport().close_requested()) {
            return;
        }
        match self.closing() {
            Some(closed) => self.closed = Some(closed),
            None if self.memory.knows_that_closing_stops => {
                self.closed = Some(Closed::Quit);
            }
            None => {
                ctx.send_viewport_cmd(ViewportCommand::CancelClose);
                self.stop_or_ask(ctx);
                ctx.request_repaint();
            }
        }
    }

    /// When to draw again although nothing happens: a text changes, or the toast goes.
    fn ask_for_next_frame(&mut self, ctx: &Context, page: &Page) {
        if let Some(change) = page.next_change_in {
            ctx.request_repaint_after(change);
        }
        let egui_now = ctx.input(|input| input.time);
        if let Some(toast) = &self.toast {
            if toast.until <= egui_now {
                self.toast = None;
                ctx.request_repaint();
            } else {
                ctx.request_repaint_after(Duration::from_secs_f64(toast.until - egui_now));
            }
        }
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        self.answer_close_request(ctx);
        if self.outside.is_worker_gone() && self.closed.is_none() {
            self.leave(ctx, Closed::Quit);
        }
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        let ctx = ui.ctx().clone();
        let snapshot = self.desk.snapshot();
        self.catch_up(&ctx, &snapshot);
        self.notice_focus(&ctx);
        self.uses_keyboard = keys::uses_keyboard(&ctx, self.uses_keyboard);
        self.memory.geometry = Geometry::of(&ctx).or(self.memory.geometry);

        self.settle(&snapshot);
        let is_wide = accounts::is_wide(ui.max_rect().width());
        let page = self.page(&snapshot, (self.clock.now)(), is_wide);
        let mut asks = Vec::new();
        self.follow(&ctx, &snapshot, &mut asks);
        if self.dialog.is_none() {
            keys::obey(ui, &page, &mut self.states, &mut asks);
        }
        self.draw(ui, &snapshot, &page, &mut asks);
        self.ask_for_history(&snapshot, &page);
        self.ask_for_activity(&ctx, &snapshot, &page);
        let has_asks = !asks.is_empty();
        for ask in asks {
            self.carry_out(&ctx, &snapshot, ask);
        }
        if has_asks {
            // What was asked may show at once: a dialog, a masked e-mail, another order.
            ctx.request_repaint();
        }
        self.ask_for_next_frame(&ctx, &page);
        if let Some(started_at) = self.started_at.take() {
            tracing::debug!("first frame after {} ms", started_at.elapsed().as_millis());
        }
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        let closed = self.closed.unwrap_or(Closed::Hidden);
        // The receiver waits in `run`; without one nobody wants to know.
        self.farewell.send((self.memory.clone(), closed)).ok();
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }

    fn raw_input_hook(&mut self, _ctx: &Context, input: &mut egui::RawInput) {
        // winit knows no scheme on X11, and on Wayland only the decoration's.
        if let Some(theme) = self.outside.system_theme() {
            input.system_theme = Some(theme);
        }
    }
}

fn complaint(err: DeskError) -> Banner {
    Banner {
        tone: BannerTone::Bad,
        icon: BannerIcon::Alert,
        title: "That was not done".into(),
        text: super::rows::sentence(&err.to_string()),
        act: None,
    }
}
