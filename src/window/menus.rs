//! The menus of the Accounts page: of one account, of the order of the list, of groups.

use egui::{Popup, RectAlign, Response};

use super::ask::{Ask, Opening};
use super::fonts::icon;
use super::rows::{Detail, Row, Sort};
use super::theme::Look;
use super::widgets;
use crate::desk::{Command, Edit, Term, words};
use crate::profile::ProfileName;

const ACCOUNT_WIDTH: f32 = 226.0;
const SORT_WIDTH: f32 = 196.0;
const GROUP_WIDTH: f32 = 180.0;

/// What the menu of an account depends on.
#[derive(Clone, Debug)]
pub struct AccountMenu {
    pub name: ProfileName,
    pub can_switch: bool,
    pub is_pinned: bool,
    /// Codex itself could use it, so that it can have a terminal.
    pub is_for_codex: bool,
    pub has_windows: bool,
    /// The user has chosen it for the router.
    pub is_routed_to: bool,
}

impl AccountMenu {
    pub fn of(detail: &Detail) -> Self {
        Self {
            name: detail.name.clone(),
            can_switch: detail.can_switch,
            is_pinned: detail.is_pinned,
            is_for_codex: detail.is_for_codex,
            has_windows: detail.chart.is_some(),
            is_routed_to: detail.is_routed_to,
        }
    }

    pub fn of_row(row: &Row) -> Self {
        Self {
            name: row.name.clone(),
            can_switch: row.can_switch,
            is_pinned: row.is_pinned,
            is_for_codex: row.is_for_codex,
            has_windows: row.has_windows,
            is_routed_to: row.is_routed_to,
        }
    }
}

pub fn popup<'a>(look: Look, button: &'a Response, width: f32) -> Popup<'a> {
    Popup::menu(button)
        .align(RectAlign::BOTTOM_END)
        .gap(4.0)
        .frame(widgets::menu_frame(look))
        .width(width)
}

pub fn account_menu_ui(look: Look, menu: &AccountMenu, button: &Response, asks: &mut Vec<Ask>) {
    popup(look, button, ACCOUNT_WIDTH).show(|ui| {
        ui.set_width(ACCOUNT_WIDTH);
        let name = || menu.name.clone();
        let mut item = |ui: &mut egui::Ui, glyph, label: &str, shortcut: &str, ask: Ask| {
            if widgets::menu_item_ui(ui, look, Some(glyph), label, shortcut) {
                asks.push(ask);
            }
        };
        if menu.can_switch {
            item(ui, icon::SWITCH, "Switch", "Enter", Ask::Switch(name()));
        }
        if menu.is_for_codex {
            let ask = Ask::Command(Command::OpenTerminal(name()));
            item(ui, icon::TERMINAL, "Open terminal as this", "", ask);
        }
        let (route, to) = if menu.is_routed_to {
            ("Let the router choose", None)
        } else {
            ("Router uses this first", Some(name()))
        };
        let ask = Ask::Command(Command::RouteTo(to));
        item(ui, icon::CHEVRON_RIGHT, route, "", ask);
        widgets::menu_divider_ui(ui, look);
        if menu.has_windows {
            let ask = Ask::Command(Command::RefreshUsage(name()));
            item(ui, icon::REFRESH, "Refresh usage", "R", ask);
        }
        let pin = if menu.is_pinned {
            "Unpin"
        } else {
            "Pin to top"
        };
        let ask = pinned(&menu.name, !menu.is_pinned);
        item(ui, icon::PIN, pin, "P", ask);
        let ask = Ask::Open(Opening::Words(name()));
        item(ui, icon::TAG, "Tags and note…", "", ask);
        let ask = Ask::Open(Opening::Network(name()));
        item(ui, icon::GLOBE, "Network…", "", ask);
        let ask = Ask::Open(Opening::Rename(name()));
        item(ui, icon::PENCIL, "Rename", "F2", ask);
        let ask = Ask::OpenExport(vec![name()]);
        item(ui, icon::UPLOAD, "Export…", "", ask);
        widgets::menu_divider_ui(ui, look);
        if widgets::danger_item_ui(ui, look, icon::TRASH, "Delete…", "Del") {
            asks.push(Ask::Open(Opening::Delete(vec![name()])));
        }
    });
}

/// What P does.
pub fn pinned(name: &ProfileName, is_pinned: bool) -> Ask {
    Ask::Command(Command::Edit {
        names: vec![name.clone()],
        edit: Edit::Pin(is_pinned),
    })
}

/// How the list is sorted and grouped. `is_grouped` is none where groups make no sense.
pub fn sort_menu_ui(
    look: Look,
    button: &Response,
    sort: Sort,
    is_grouped: Option<bool>,
    deleted: usize,
    asks: &mut Vec<Ask>,
) {
    popup(look, button, SORT_WIDTH).show(|ui| {
        ui.set_width(SORT_WIDTH);
        for choice in Sort::ALL {
            let check = (choice == sort).then_some(icon::CHECK);
            if widgets::menu_item_ui(ui, look, check, choice.label(), "") {
                asks.push(Ask::Sort(choice));
            }
        }
        if let Some(is_grouped) = is_grouped {
            widgets::menu_divider_ui(ui, look);
            let check = is_grouped.then_some(icon::CHECK);
            if widgets::menu_item_ui(ui, look, check, "Group by status", "") {
                asks.push(Ask::GroupRows(!is_grouped));
            }
        }
        if deleted > 0 {
            widgets::menu_divider_ui(ui, look);
            let label = format!("Deleted accounts ({deleted})…");
            if widgets::menu_item_ui(ui, look, Some(icon::TRASH), &label, "") {
                asks.push(Ask::Open(Opening::Trash));
            }
        }
    });
}

/// Every group there is, none, and one that is yet to be named.
pub fn group_menu_ui(look: Look, detail: &Detail, button: &Response, asks: &mut Vec<Ask>) {
    let say = |group: Option<String>| {
        Ask::Command(Command::Edit {
            names: vec![detail.name.clone()],
            edit: Edit::Term(Term::Group, group),
        })
    };
    popup(look, button, GROUP_WIDTH)
        .align(RectAlign::BOTTOM_START)
        .show(|ui| {
            ui.set_width(GROUP_WIDTH);
            let check = detail.group.is_none().then_some(icon::CHECK);
            if widgets::menu_item_ui(ui, look, check, "No group", "") {
                asks.push(say(None));
            }
            for group in &detail.groups {
                let check = (detail.own_group.as_ref() == Some(group)).then_some(icon::CHECK);
                let shown = words::masked(group, look.hides_emails);
                if widgets::menu_item_ui(ui, look, check, &shown, "") {
                    asks.push(say(Some(group.clone())));
                }
            }
            widgets::menu_divider_ui(ui, look);
            if widgets::menu_item_ui(ui, look, Some(icon::PLUS), "New group…", "") {
                asks.push(Ask::Open(Opening::Group(vec![detail.name.clone()])));
            }
        });
}
