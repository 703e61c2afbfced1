//! The way out that one account has for itself: its proxy, and headers that go with its requests.
//!
//! What is set already is shown without its secrets; an address or a value that is to change is written anew.

use std::fmt;

use egui::{Id, Rect, Sense, Ui, accesskit, pos2, vec2};
use zeroize::Zeroizing;

use super::{Pressed, edit, foot_ui, is_entered, refused, whom};
use crate::desk::{Edit, ProfileView, ProxyView};
use crate::profile::{ProfileName, Secret};
use crate::window::ask::Ask;
use crate::window::dialogs::{Scene, frame};
use crate::window::widgets::{self, ButtonKind, Tail, Tick};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkDialog {
    name: ProfileName,
    /// How it goes out now, and how it is to.
    was: Way,
    way: Way,
    /// The proxy of its own that is set: `host:port`.
    place: Option<String>,
    address: Typed,
    /// Each header that is set, and whether it stays.
    headers: Vec<(String, bool)>,
    header: String,
    value: Typed,
}

/// What may hold a password, while it is written.
#[derive(Clone, Default, PartialEq, Eq)]
struct Typed(Zeroizing<String>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    AsForAll,
    System,
    Direct,
    Own,
}

impl Way {
    const ALL: [Self; 4] = [Self::AsForAll, Self::System, Self::Direct, Self::Own];

    fn label(self) -> &'static str {
        match self {
            Self::AsForAll => "As for all",
            Self::System => "System",
            Self::Direct => "None",
            Self::Own => "Own",
        }
    }
}

impl Typed {
    fn secret(&self) -> Option<Secret> {
        let text = self.0.trim();
        (!text.is_empty()).then(|| Secret::new(text))
    }
}

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Typed(…)")
    }
}

impl NetworkDialog {
    pub fn open(profile: &ProfileView) -> Self {
        let (was, place) = match &profile.network.proxy {
            None => (Way::AsForAll, None),
            Some(ProxyView::System) => (Way::System, None),
            Some(ProxyView::Direct) => (Way::Direct, None),
            Some(ProxyView::Through(place)) => (Way::Own, Some(place.clone())),
            Some(ProxyView::Unusable) => (Way::Own, None),
        };
        let headers = profile.network.headers.iter();
        Self {
            name: profile.name.clone(),
            was,
            way: was,
            place,
            address: Typed::default(),
            headers: headers.map(|name| (name.clone(), true)).collect(),
            header: String::new(),
            value: Typed::default(),
        }
    }

    /// What is to be said of its proxy. An address that stays is not said again.
    fn proxy(&self) -> Option<Edit> {
        let word = |word: &str| Some(Edit::Proxy(Some(Secret::new(word))));
        match self.way {
            Way::Own => match self.address.secret() {
                Some(address) => Some(Edit::Proxy(Some(address))),
                None if self.place.is_some() => None,
                // Refused, in words that show the form.
                None => word(""),
            },
            way if way == self.was => None,
            Way::AsForAll => Some(Edit::Proxy(None)),
            Way::System => word("system"),
            Way::Direct => word("none"),
        }
    }

    fn added(&self) -> Option<Edit> {
        let name = self.header.trim();
        let value = self.value.secret();
        (!name.is_empty() || value.is_some())
            .then(|| Edit::Header(name.to_owned(), Some(value.unwrap_or(Secret::new("")))))
    }

    fn edits(&self) -> impl Iterator<Item = Edit> {
        let gone = self.headers.iter().filter(|(_, stays)| !stays);
        let gone = gone.map(|(name, _)| Edit::Header(name.clone(), None));
        let said = self.proxy().into_iter().chain(gone);
        said.chain(self.added())
    }
}

pub fn network_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &mut NetworkDialog, asks: &mut Vec<Ask>) {
    let look = scene.look;
    let name = std::slice::from_ref(&dialog.name);
    let title = format!("Network of {}", whom(name, scene.snapshot));
    frame::title(ui, look, &title);
    let why = "For everything that is sent for this account. Nothing goes around its proxy.";
    frame::paragraph(ui, look, why);
    ui.add_space(12.0);
    frame::label(ui, look, "Proxy");
    way_ui(ui, scene, dialog);
    let proxy_refusal = dialog.proxy().as_ref().and_then(refused);
    let mut is_submitted = false;
    if dialog.way == Way::Own {
        ui.add_space(8.0);
        let hint = match &dialog.place {
            Some(place) => format!("{place}; write to change it"),
            None => "socks5h://user:password@host:1080".to_owned(),
        };
        // Before anything is written there is nothing to blame.
        let refusal = proxy_refusal
            .as_deref()
            .filter(|_| !dialog.address.0.is_empty());
        let how = (refusal, Tail::Hidden);
        let id = Id::unique("own proxy");
        let words = (hint.as_str(), "Address of the proxy");
        let field = frame::secret_field(ui, look, id, &mut dialog.address.0, words, how);
        is_submitted |= is_entered(ui, &field);
    }
    ui.add_space(12.0);
    frame::label(ui, look, "Headers of your own");
    for (header, stays) in &mut dialog.headers {
        let tick = if *stays { Tick::On } else { Tick::Off };
        let id = Id::unique(("own header", header.as_str()));
        let spoken = format!("Keep the header {header}");
        if widgets::checkbox_ui(ui, look, id, tick, (header.as_str(), spoken.as_str())).clicked() {
            *stays = !*stays;
        }
    }
    let added = dialog.added();
    let header_refusal = added.as_ref().and_then(refused);
    let id = Id::unique("new header");
    let words = ("OpenAI-Project", "Name of a new header");
    let field = frame::field(ui, look, id, &mut dialog.header, words, None);
    is_submitted |= is_entered(ui, &field);
    ui.add_space(8.0);
    let id = Id::unique("value of the new header");
    let words = ("Its value", "Value of the new header");
    let how = (header_refusal.as_deref(), Tail::Hidden);
    let field = frame::secret_field(ui, look, id, &mut dialog.value.0, words, how);
    is_submitted |= is_entered(ui, &field);
    let will_do = proxy_refusal.is_none() && header_refusal.is_none();
    let kind = if will_do {
        ButtonKind::Primary
    } else {
        ButtonKind::Disabled
    };
    let focus = scene.is_new.then_some(Pressed::Other);
    let pressed = foot_ui(ui, look, "Cancel", ("Save", kind), focus);
    if pressed == Some(Pressed::Other) {
        asks.push(Ask::CloseDialog);
    } else if will_do && (is_submitted || pressed == Some(Pressed::Primary)) {
        let names = std::slice::from_ref(&dialog.name);
        asks.extend(dialog.edits().map(|it| edit(names, it)));
        asks.push(Ask::CloseDialog);
    }
}

fn way_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &mut NetworkDialog) {
    let words = Way::ALL.map(Way::label);
    let (row, _) = ui.allocate_exact_size(vec2(ui.available_width(), 28.0), Sense::hover());
    let width = widgets::segment_width(ui.painter(), &words).min(row.width());
    let segment = Rect::from_min_size(pos2(row.left(), row.top()), vec2(width, row.height()));
    let chosen = Way::ALL.iter().position(|way| *way == dialog.way);
    let role = accesskit::Role::RadioButton;
    let id = Id::unique("own way out");
    let part = (words.as_slice(), chosen.unwrap_or_default());
    let choice = widgets::segment_ui(ui, scene.look, segment, id, part, role);
    if let Some(way) = choice.and_then(|index| Way::ALL.get(index)) {
        dialog.way = *way;
    }
}
