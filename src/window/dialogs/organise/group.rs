//! The group of one account or of several.

use egui::{Id, Ui, accesskit};

use super::{Pressed, edit, foot_ui, is_entered, refused, whom};
use crate::desk::{Edit, Snapshot, Term, words};
use crate::profile::ProfileName;
use crate::window::ask::Ask;
use crate::window::dialogs::{Scene, frame};
use crate::window::fonts::icon;
use crate::window::widgets::{self, ButtonKind};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDialog {
    names: Vec<ProfileName>,
    groups: Vec<String>,
    /// Whether one of them is in a group, so that it can leave it.
    has_any: bool,
    name: String,
}

const MOST_GROUPS: usize = 10;

impl GroupDialog {
    pub fn open(names: Vec<ProfileName>, snapshot: &Snapshot) -> Self {
        let all = snapshot.profiles.iter();
        let groups: std::collections::BTreeSet<_> =
            all.filter_map(|it| it.terms.group.clone()).collect();
        let has_any = names
            .iter()
            .filter_map(|name| snapshot.profile(name))
            .any(|profile| profile.terms.group.is_some());
        Self {
            names,
            groups: groups.into_iter().take(MOST_GROUPS).collect(),
            has_any,
            name: String::new(),
        }
    }
}

pub fn group_ui(ui: &mut Ui, scene: Scene<'_>, dialog: &mut GroupDialog, asks: &mut Vec<Ask>) {
    let look = scene.look;
    let title = format!("Group of {}", whom(&dialog.names, scene.snapshot));
    frame::title(ui, look, &title);
    let words = "A client key can be made for one group of accounts.";
    frame::paragraph(ui, look, words);
    ui.add_space(8.0);
    let mut chosen = None;
    for group in &dialog.groups {
        let shown = words::masked(group, look.hides_emails);
        if widgets::menu_item_ui(ui, look, Some(icon::FOLDER), &shown, "") {
            chosen = Some(Some(group.clone()));
        }
    }
    if dialog.has_any && widgets::menu_item_ui(ui, look, Some(icon::CROSS), "No group", "") {
        chosen = Some(None);
    }
    ui.add_space(8.0);
    let id = Id::unique("new group");
    let name = dialog.name.trim().to_owned();
    let edit_of = |group: Option<String>| Edit::Term(Term::Group, group);
    let refusal = (!name.is_empty())
        .then(|| refused(&edit_of(Some(name.clone()))))
        .flatten();
    let words = ("New group", "New group");
    let field = frame::field(ui, look, id, &mut dialog.name, words, refusal.as_deref());
    ui.ctx().accesskit_node_builder(id, |node| {
        node.set_role(accesskit::Role::TextInput);
    });
    if scene.is_new {
        ui.memory_mut(|memory| memory.request_focus(id));
    }
    let will_do = refusal.is_none() && !name.is_empty();
    let kind = if will_do {
        ButtonKind::Primary
    } else {
        ButtonKind::Disabled
    };
    let is_done = is_entered(ui, &field);
    let pressed = foot_ui(ui, look, "Cancel", ("Save", kind), None);
    if pressed == Some(Pressed::Other) {
        asks.push(Ask::CloseDialog);
        return;
    }
    if will_do && (is_done || pressed == Some(Pressed::Primary)) {
        chosen = Some(Some(name));
    }
    if let Some(group) = chosen {
        asks.push(edit(&dialog.names, edit_of(group)));
        asks.push(Ask::CloseDialog);
    }
}
