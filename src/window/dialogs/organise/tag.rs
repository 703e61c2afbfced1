//! The tags of several accounts at once: which all of them have, some, or none.

use egui::{Id, Ui};

use super::{Pressed, edit, foot_ui, is_entered, refused, whom};
use crate::desk::{Edit, Snapshot, words};
use crate::profile::ProfileName;
use crate::window::ask::Ask;
use crate::window::dialogs::{Scene, frame};
use crate::window::widgets::{self, ButtonKind, Tick};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagDialog {
    names: Vec<ProfileName>,
    /// Every tag there is, how it stands, and whether the user has said so.
    tags: Vec<(String, Standing)>,
    adding: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Standing {
    has: Has,
    /// What the user wants instead.
    wish: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Has {
    All,
    Some,
    None,
}

/// More lines than this make no list that anybody reads.
const MOST_TAGS: usize = 12;

impl TagDialog {
    pub fn open(names: Vec<ProfileName>, snapshot: &Snapshot) -> Self {
        let mut tags: Vec<String> = Vec::new();
        for tag in snapshot.profiles.iter().flat_map(|it| &it.about.tags) {
            if !tags.contains(tag) {
                tags.push(tag.clone());
            }
        }
        let chosen: Vec<_> = names
            .iter()
            .filter_map(|name| snapshot.profile(name))
            .collect();
        let standing = |tag: &String| {
            let with = chosen
                .iter()
                .filter(|it| it.about.tags.contains(tag))
                .count();
            let has = match with {
                0 => Has::None,
                with if with == chosen.len() => Has::All,
                _ => Has::Some,
            };
            Standing { has, wish: None }
        };
        let mut tags: Vec<_> = tags.into_iter().map(|tag| (standing(&tag), tag)).collect();
        // What they have comes first: it may be what is to go.
        tags.sort_by_key(|(standing, tag)| (standing.has == Has::None, tag.to_lowercase()));
        Self {
            names,
            tags: tags
                .into_iter()
                .map(|(standing, tag)| (tag, standing))
                .take(MOST_TAGS)
                .collect(),
            adding: String::new(),
        }
    }

    fn edits(&self) -> Vec<Edit> {
        let said =
            self.tags
                .iter()
                .filter_map(|(tag, standing)| match (standing.wish?, standing.has) {
                    (true, Has::All) | (false, Has::None) => None,
                    (true, _) => Some(Edit::AddTag(tag.clone())),
                    (false, _) => Some(Edit::RemoveTag(tag.clone())),
                });
        let added = self.adding.trim();
        said.chain((!added.is_empty()).then(|| Edit::AddTag(added.to_owned())))
            .collect()
    }
}

impl Standing {
    fn tick(self) -> Tick {
        match (self.wish, self.has) {
            (Some(true), _) | (None, Has::All) => Tick::On,
            (Some(false), _) | (None, Has::None) => Tick::Off,
            (None, Has::Some) => Tick::Some,
        }
    }
}

pub fn tag_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &mut TagDialog, asks: &mut Vec<Ask>) {
    let look = scene.look;
    let title = format!("Tags of {}", whom(&dialog.names, scene.snapshot));
    frame::title(ui, look, &title);
    ui.add_space(4.0);
    for (tag, standing) in &mut dialog.tags {
        let tick = standing.tick();
        let shown = words::masked(tag, look.hides_emails);
        let spoken = match tick {
            Tick::Some => format!("{shown}, some of them"),
            Tick::On | Tick::Off => shown.clone(),
        };
        let id = Id::unique(("tag of several", tag.as_str()));
        if widgets::checkbox_ui(ui, look, id, tick, (&shown, &spoken)).clicked() {
            standing.wish = Some(tick != Tick::On);
        }
    }
    ui.add_space(8.0);
    let id = Id::unique("tag for several");
    let refusal = (!dialog.adding.trim().is_empty())
        .then(|| refused(&Edit::AddTag(dialog.adding.clone())))
        .flatten();
    let words = ("New tag", "New tag");
    let field = frame::field(ui, look, id, &mut dialog.adding, words, refusal.as_deref());
    if scene.is_new {
        ui.memory_mut(|memory| memory.request_focus(id));
    }
    let kind = if refusal.is_none() {
        ButtonKind::Primary
    } else {
        ButtonKind::Disabled
    };
    let is_done = is_entered(ui, &field);
    let pressed = foot_ui(ui, look, "Cancel", ("Save", kind), None);
    if pressed == Some(Pressed::Other) {
        asks.push(Ask::CloseDialog);
    } else if refusal.is_none() && (is_done || pressed == Some(Pressed::Primary)) {
        asks.extend(dialog.edits().into_iter().map(|it| edit(&dialog.names, it)));
        asks.push(Ask::CloseDialog);
    }
}
