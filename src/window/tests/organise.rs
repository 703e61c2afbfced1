//! The Accounts page as a place to organise: detail, menus, dialogs, several rows at once, order by hand, privacy.

use egui::{PointerButton, accesskit};
use egui_kittest::kittest::NodeT;

use super::*;
use crate::desk::{About, Edit, History, HistoryLine, HistoryPoint, Span, Term, Terms, TrashView};

const WIDE: [f32; 2] = [900.0, 640.0];

fn wide(snapshot: Snapshot) -> Rig {
    let mut rig = rig(snapshot);
    rig.harness.set_size(WIDE.into());
    rig.run();
    rig
}

fn history(text: &str) -> History {
    let point = |days: u64, left_percent: f64| HistoryPoint {
        at: now() - Duration::from_secs(days * 86_400),
        left_percent,
        resets_at: None,
    };
    History {
        name: name(text),
        read_at: now(),
        lines: vec![HistoryLine {
            span: Span::Week,
            window: Duration::from_secs(168 * 3_600),
            points: vec![point(6, 40.0), point(3, 20.0), point(2, 100.0)],
        }],
        month_cost: None,
        is_private: Some(true),
        trouble: None,
    }
}

/// `spare` with words of the user's own.
fn worded() -> Snapshot {
    let mut snapshot = three();
    let mut terms = Terms::default();
    terms.say(Term::Group, "Home").unwrap();
    terms.say(Term::Reserve, "10").unwrap();
    let spare = &mut snapshot.profiles[1];
    spare.terms = Arc::new(terms);
    spare.about = About {
        note: Some("Shared with Joel".into()),
        tags: vec!["nights".into()],
        ..About::default()
    };
    snapshot.history = Some(Arc::new(history("spare")));
    snapshot
}

fn edit(text: &str, edit: Edit) -> Command {
    Command::Edit {
        names: vec![name(text)],
        edit,
    }
}

impl Rig {
    /// Opens the detail of `spare`, whatever the width.
    fn open_spare(&mut self) {
        self.harness
            .get_by_label_contains("spare, Plus, ready")
            .click();
        self.run();
        let asked = self.asked();
        assert_eq!(asked.last(), Some(&Command::ShowHistory(name("spare"))));
    }

    pub(super) fn says(&self, part: &str) -> bool {
        let mut found = self.harness.query_all_by_label_contains(part);
        found.next().is_some()
    }

    fn right_click(&mut self, part: &str) {
        let row = self.harness.get_by_label_contains(part);
        row.click_secondary();
        self.run();
    }

    fn click_with(&mut self, modifiers: Modifiers, part: &str) {
        let row = self.harness.get_by_label_contains(part);
        row.click_modifiers(modifiers);
        self.run();
    }

    fn write_into(&mut self, field: &str, text: &str) {
        self.harness.get_by_label(field).focus();
        self.run();
        self.harness.get_by_label(field).type_text(text);
        self.run();
    }
}

// Wide and narrow.

#[test]
fn a_wide_window_shows_the_account_in_use_first_and_at_first() {
    let mut rig = wide(three());
    assert_eq!(rig.asked(), [Command::ShowHistory(name("work"))]);
    assert!(rig.shows("work, Plus, in use"));
    assert!(
        rig.says("work, Plus, in use, ready"),
        "it has a row as well"
    );
    rig.key(Key::ArrowDown);
    assert!(rig.says("work, Plus, in use, ready"));
    rig.key(Key::ArrowDown);
    assert_eq!(rig.asked(), [Command::ShowHistory(name("spare"))]);
    assert_eq!(rig.harness.get_all_by_label("Switch to spare").count(), 2);
}

#[test]
fn a_history_is_asked_for_again_only_when_there_are_newer_numbers() {
    let mut rig = wide(three());
    assert_eq!(rig.asked(), [Command::ShowHistory(name("work"))]);
    rig.run();
    rig.publish(three());
    assert_eq!(rig.asked(), []);
    let mut newer = three();
    let usage = newer.profiles[2].usage.as_deref().unwrap().clone();
    newer.profiles[2].usage = Some(Arc::new(Usage {
        fetched_at: now() + Duration::from_secs(60),
        ..usage
    }));
    rig.publish(newer);
    assert_eq!(rig.asked(), [Command::ShowHistory(name("work"))]);
}

#[test]
fn in_a_narrow_window_the_detail_lies_over_the_list_and_escape_leads_back() {
    let mut rig = rig(worded());
    rig.open_spare();
    assert!(rig.shows("Usage left, 7 days: weekly 95 percent, 5-hour 90 percent"));
    assert!(!rig.shows("Switch to other"));
    rig.key(Key::Escape);
    assert!(rig.shows("Switch to other"));
    assert!(!rig.says("Usage left"));
    // The row that it came from has the focus.
    rig.key(Key::Enter);
    assert_eq!(rig.asked(), [Command::Use(name("spare"))]);
    rig.open_spare();
    rig.click("Back to all accounts");
    assert!(rig.shows("Switch to other"));
}

#[test]
fn space_or_right_lead_into_the_detail_and_left_back() {
    let mut rig = rig(worded());
    for key in [Key::Space, Key::ArrowRight] {
        rig.harness
            .get_by_label_contains("spare, Plus, ready")
            .focus();
        rig.run();
        rig.key(key);
        assert!(rig.says("Usage left"), "{key:?}");
        rig.key(Key::ArrowLeft);
        assert!(!rig.says("Usage left"), "{key:?}");
    }
}

#[test]
fn the_card_of_the_account_in_use_leads_to_its_detail() {
    let mut rig = rig(three());
    rig.click("Details of work");
    assert!(rig.says("Usage left"));
    assert_eq!(rig.asked(), [Command::ShowHistory(name("work"))]);
}

#[test]
fn a_detail_of_an_account_that_goes_gives_way_to_the_list() {
    let mut rig = rig(worded());
    rig.open_spare();
    let mut without = three();
    without.profiles.remove(1);
    rig.publish(without);
    assert!(rig.shows("Switch to other"));
}

#[test]
fn a_detail_stays_with_its_account_when_that_is_renamed() {
    let mut rig = rig(worded());
    rig.open_spare();
    let mut told = worded();
    told.happenings = vec![Happening {
        seq: 1,
        at: now(),
        outcome: Outcome::Renamed {
            from: name("spare"),
            to: name("reserve"),
            notes: vec![],
        },
    }];
    // The words come before the list, or after it.
    rig.publish(told.clone());
    assert!(rig.says("Usage left"));
    told.profiles[1].name = name("reserve");
    rig.publish(told);
    assert!(rig.says("More for reserve"));
    assert!(rig.says("Usage left"));
}

#[test]
fn escape_in_a_wide_window_hides_it_at_once() {
    let mut rig = wide(worded());
    rig.open_spare();
    rig.frame_with(Modifiers::NONE, Key::Escape);
    assert_eq!(rig.sent(), [ViewportCommand::Close]);
}

#[test]
fn delete_means_all_that_is_chosen() {
    let mut rig = rig(three());
    rig.press(Modifiers::COMMAND, Key::A);
    rig.key(Key::Delete);
    assert!(rig.shows("Delete 2 accounts?"));
}

#[test]
fn an_export_of_several_opens_its_dialog() {
    let mut rig = rig(three());
    rig.press(Modifiers::COMMAND, Key::A);
    rig.click("Export… 2 selected");
    assert!(rig.shows("Export 2 accounts"));
}

#[test]
fn a_wide_window_that_is_idle_sleeps() {
    let mut snapshot = three();
    for profile in &mut snapshot.profiles {
        profile.usage = None;
    }
    let mut rig = wide(snapshot);
    rig.run();
    let output = rig.harness.output();
    let delay = output.viewport_output[&ViewportId::ROOT].repaint_delay;
    assert_eq!(delay, Duration::MAX);
}

// The detail.

#[test]
fn the_detail_tells_of_login_and_pool() {
    let mut snapshot = worded();
    let spare = &mut snapshot.profiles[1];
    spare.expires_at = Some(now() + Duration::from_secs(8 * 86_400 + 4 * 3_600));
    spare.token.rotated_at = Some(now() - Duration::from_secs(7_200));
    spare.token.rotated_by = Some(crate::desk::Rotator::Codex);
    let mut rig = wide(snapshot);
    rig.click("spare, Plus, ready, 5-hour 90 percent left, resets in 2 hours 30 minutes");
    for label in [
        "Login: healthy",
        "Access token: expires in 8d 04h",
        "Last rotated: 2h 00m ago by Codex",
        "Stored in: file, only you can read",
        "Group: Home",
        "Remove tag nights",
        "Edit note: Shared with Joel",
    ] {
        assert!(rig.shows(label), "{label}");
    }
}

#[test]
fn the_place_in_the_pool_is_changed_where_it_stands() {
    let mut rig = wide(worded());
    rig.open_spare();
    rig.click("Use in router");
    rig.click("Last");
    rig.harness.get_by_label("Keep in reserve, percent").focus();
    rig.run();
    rig.key(Key::ArrowRight);
    rig.key(Key::PageUp);
    let say = |term, text: &str| edit("spare", Edit::Term(term, Some(text.into())));
    assert_eq!(
        rig.asked(),
        [
            say(Term::Enabled, "no"),
            say(Term::Priority, "last"),
            say(Term::Reserve, "11"),
            say(Term::Reserve, "20"),
        ]
    );
}

#[test]
fn the_reserve_is_asked_for_when_the_knob_is_let_go() {
    let mut rig = wide(worded());
    rig.open_spare();
    let knob = rig.harness.get_by_label("Keep in reserve, percent").rect();
    let at = |share: f32| egui::pos2(knob.left() + knob.width() * share, knob.center().y);
    rig.harness.drag_at(at(0.1));
    rig.harness.step();
    rig.harness.hover_at(at(0.5));
    rig.harness.step();
    assert_eq!(rig.asked(), []);
    rig.harness.drop_at(at(0.5));
    rig.run();
    let asked = rig.asked();
    let [
        Command::Edit {
            edit: Edit::Term(Term::Reserve, Some(text)),
            ..
        },
    ] = asked.as_slice()
    else {
        panic!("{asked:?}");
    };
    assert_eq!(text, "50");
}

#[test]
fn tags_come_and_go_in_the_detail() {
    let mut rig = wide(worded());
    rig.open_spare();
    rig.click("Remove tag nights");
    rig.click("Add tag");
    rig.write_into("New tag", "weekend");
    rig.key(Key::Enter);
    assert_eq!(
        rig.asked(),
        [
            edit("spare", Edit::RemoveTag("nights".into())),
            edit("spare", Edit::AddTag("weekend".into())),
        ]
    );
    // Escape puts the field away, and nothing else.
    rig.click("Add tag");
    rig.write_into("New tag", "never");
    rig.key(Key::Escape);
    assert!(!rig.shows("New tag"));
    assert!(rig.says("Usage left"));
    assert_eq!(rig.asked(), []);
}

#[test]
fn a_note_is_written_where_it_is_read() {
    let mut rig = wide(worded());
    rig.open_spare();
    rig.click("Edit note: Shared with Joel");
    rig.write_into("Note", ", weekends");
    rig.key(Key::Enter);
    let note = Some("Shared with Joel, weekends".to_owned());
    assert_eq!(rig.asked(), [edit("spare", Edit::Note(note))]);
}

#[test]
fn a_group_is_chosen_or_made() {
    let mut rig = wide(worded());
    rig.open_spare();
    rig.click("Group: Home");
    rig.click("No group");
    rig.click("Group: Home");
    rig.click("New group…");
    rig.write_into("New group", "Office");
    rig.key(Key::Enter);
    assert_eq!(
        rig.asked(),
        [
            edit("spare", Edit::Term(Term::Group, None)),
            edit("spare", Edit::Term(Term::Group, Some("Office".into()))),
        ]
    );
}

#[test]
fn the_chart_looks_back_as_far_as_is_asked() {
    let mut rig = rig(worded());
    rig.open_spare();
    rig.click("24h");
    assert!(rig.shows("Usage left, 24 hours: Too little history to say."));
}

// Menus and keys.

#[test]
fn a_right_click_opens_the_menu_of_the_row() {
    let mut rig = rig(three());
    rig.right_click("spare, Plus, ready");
    rig.click("Pin to top");
    rig.right_click("other, Plus, ready");
    rig.click("Open terminal as this");
    assert_eq!(
        rig.asked(),
        [
            edit("spare", Edit::Pin(true)),
            Command::OpenTerminal(name("other")),
        ]
    );
}

#[test]
fn the_menu_of_a_key_is_walked_by_keys() {
    let mut rig = rig(three());
    rig.key(Key::ArrowDown);
    rig.key(Key::Menu);
    rig.key(Key::Enter);
    assert_eq!(rig.asked(), [Command::Use(name("spare"))]);
}

#[test]
fn keys_pin_rename_and_delete_the_row() {
    let mut rig = rig(three());
    rig.key(Key::ArrowDown);
    rig.key(Key::P);
    assert_eq!(rig.asked(), [edit("spare", Edit::Pin(true))]);
    rig.key(Key::F2);
    assert!(rig.shows("Rename spare"));
    rig.key(Key::Escape);
    rig.key(Key::ArrowDown);
    rig.key(Key::ArrowUp);
    rig.key(Key::Delete);
    assert!(rig.shows("Delete spare?"));
    assert_eq!(rig.asked(), []);
}

#[test]
fn a_pinned_account_can_be_unpinned() {
    let mut snapshot = three();
    snapshot.profiles[0].about.is_pinned = true;
    let mut rig = rig(snapshot);
    rig.right_click("other, Plus, pinned");
    rig.click("Unpin");
    assert_eq!(rig.asked(), [edit("other", Edit::Pin(false))]);
}

#[test]
fn the_sort_menu_turns_groups_off_and_remembers_it() {
    let mut rig = rig(two_hundred());
    assert!(rig.shows("Ready, 157, unfolded"));
    rig.click("Sort: Usable soonest");
    rig.click("Group by status");
    assert!(!rig.says("unfolded"));
    assert_eq!(rig.farewell().0.is_grouped, Some(false));
}

#[test]
fn what_waits_is_folded_at_first_and_can_be_unfolded() {
    let mut rig = rig(two_hundred());
    assert!(rig.shows("Waiting, 2, folded"));
    rig.harness.get_by_label("Waiting, 2, folded").focus();
    rig.run();
    rig.key(Key::Enter);
    assert!(rig.shows("Waiting, 2, unfolded"));
    rig.key(Key::Enter);
    assert!(rig.shows("Waiting, 2, folded"));
    assert_eq!(rig.asked(), []);
    // A search looks behind every fold.
    rig.press(Modifiers::COMMAND, Key::F);
    rig.write_into("Search accounts", "account-100");
    assert!(rig.says("account-100,"));
}

// Dialogs.

#[test]
fn a_rename_is_judged_as_it_is_typed() {
    let mut rig = rig(three());
    rig.right_click("spare, Plus, ready");
    rig.click("Rename");
    rig.write_into("New name", "work");
    assert!(rig.shows("There is an account called work already."));
    rig.key(Key::Enter);
    assert_eq!(rig.asked(), []);
    rig.write_into("New name", "-two");
    rig.key(Key::Enter);
    let renamed = Command::Rename {
        from: name("spare"),
        to: name("work-two"),
    };
    assert_eq!(rig.asked(), [renamed]);
    assert!(!rig.shows("New name"));
}

#[test]
fn a_label_in_any_script_stands_for_the_name() {
    let mut rig = rig(three());
    rig.right_click("spare, Plus, ready");
    rig.click("Rename");
    rig.write_into("Shown as", "Запас");
    rig.harness
        .get_all_by_label("Rename")
        .last()
        .unwrap()
        .click();
    rig.run();
    let label = Edit::Label(Some("Запас".into()));
    assert_eq!(rig.asked(), [edit("spare", label)]);
    let mut labelled = three();
    labelled.profiles[1].about.label = Some("Запас".into());
    rig.publish(labelled);
    assert!(rig.shows("Switch to Запас"));
}

#[test]
fn tags_and_note_are_written_together() {
    let mut rig = rig(worded());
    rig.right_click("spare, Plus, ready");
    rig.click("Tags and note…");
    rig.click("Remove tag nights");
    rig.write_into("Add a tag", "weekend");
    rig.key(Key::Enter);
    rig.write_into("Note", "!");
    rig.click("Save");
    assert_eq!(
        rig.asked(),
        [
            edit("spare", Edit::RemoveTag("nights".into())),
            edit("spare", Edit::AddTag("weekend".into())),
            edit("spare", Edit::Note(Some("Shared with Joel!".into()))),
        ]
    );
}

#[test]
fn a_tag_that_cannot_be_is_refused_in_words() {
    let mut rig = rig(worded());
    rig.right_click("spare, Plus, ready");
    rig.click("Tags and note…");
    rig.write_into("Add a tag", "a,b");
    assert!(rig.says("without commas"));
    rig.key(Key::Enter);
    rig.key(Key::Escape);
    assert_eq!(rig.asked(), []);
}

#[test]
fn deleting_asks_once_and_the_safe_way_out_has_the_focus() {
    let mut rig = rig(three());
    rig.right_click("spare, Plus, ready");
    rig.click("Delete…");
    let words = "Its login is removed from this computer. The account itself is not touched.";
    assert!(rig.shows(words));
    rig.key(Key::Enter);
    assert_eq!(rig.asked(), []);
    assert!(!rig.shows(words));
    rig.right_click("spare, Plus, ready");
    rig.click("Delete…");
    rig.click("Delete");
    assert_eq!(rig.asked(), [Command::Delete(vec![name("spare")])]);
}

#[test]
fn deleting_the_account_in_use_says_what_stays() {
    let mut rig = wide(three());
    rig.click("Delete…");
    assert!(rig.says("Codex uses it now and stays signed in"));
}

#[test]
fn a_deletion_is_undone_from_the_toast() {
    let mut rig = rig(three());
    let mut after = three();
    after.happenings = vec![Happening {
        seq: 1,
        at: now(),
        outcome: Outcome::Deleted {
            names: vec![name("spare")],
            ids: vec!["spare-1".into()],
            notes: vec![],
        },
    }];
    rig.publish(after);
    assert!(rig.shows("Deleted spare"));
    rig.click("Undo");
    assert_eq!(rig.asked(), [Command::Undelete(vec!["spare-1".into()])]);
}

fn with_trash() -> Snapshot {
    let mut snapshot = three();
    snapshot.trash = vec![TrashView {
        id: "old-team-1".into(),
        name: name("old-team"),
        label: None,
        email: Some("ana@oldco.example".into()),
        deleted_at: now(),
        purged_at: now() + Duration::from_secs(28 * 86_400),
        trouble: None,
    }];
    snapshot
}

#[test]
fn a_deleted_account_is_found_in_the_trash_and_brought_back() {
    let mut rig = rig(with_trash());
    rig.click("Sort: Usable soonest");
    rig.click("Deleted accounts (1)…");
    assert!(rig.shows("old-team, deleted, ana@oldco.example · 28d left"));
    rig.click("Restore old-team");
    assert_eq!(rig.asked(), [Command::Undelete(vec!["old-team-1".into()])]);
    rig.click("Empty…");
    rig.click("Delete for good");
    assert_eq!(rig.asked(), [Command::Purge(vec![])]);
}

#[test]
fn a_search_that_finds_nothing_leads_to_the_trash() {
    let mut snapshot = two_hundred();
    snapshot.trash = with_trash().trash;
    let mut rig = rig(snapshot);
    rig.press(Modifiers::COMMAND, Key::F);
    rig.write_into("Search accounts", "old-team");
    rig.click("Look among deleted accounts");
    assert!(rig.shows("Restore old-team"));
}

// Several at once.

#[test]
fn rows_are_chosen_by_clicks_and_escape_ends_it() {
    let mut rig = rig(three());
    rig.click_with(Modifiers::COMMAND, "spare, Plus, ready");
    rig.click_with(Modifiers::COMMAND, "other, Plus, ready");
    assert!(rig.shows("2 selected"));
    rig.click_with(Modifiers::COMMAND, "other, Plus, ready");
    assert!(rig.shows("1 selected"));
    rig.click_with(Modifiers::SHIFT, "spare, Plus, ready");
    assert!(rig.shows("2 selected"));
    rig.key(Key::Escape);
    assert!(!rig.says("selected"));
    assert_eq!(rig.asked(), []);
}

#[test]
fn rows_are_chosen_by_keys() {
    let mut rig = rig(three());
    rig.key(Key::ArrowDown);
    rig.press(Modifiers::SHIFT, Key::ArrowDown);
    assert!(rig.shows("2 selected"));
    rig.key(Key::Escape);
    rig.press(Modifiers::COMMAND, Key::A);
    assert!(rig.shows("2 selected"));
}

#[test]
fn what_is_done_to_several_is_asked_for_once_and_by_all_their_names() {
    let mut rig = rig(worded());
    rig.press(Modifiers::COMMAND, Key::A);
    let both = || vec![name("other"), name("spare")];
    rig.click("Off");
    rig.click("Tag… 2 selected");
    rig.click("nights, some of them");
    rig.write_into("New tag", "all");
    rig.click("Save");
    rig.click("Group… 2 selected");
    rig.click("Home");
    rig.click("Delete… 2 selected");
    assert!(rig.shows("Delete 2 accounts?"));
    rig.click("Delete");
    let to_both = |edit| Command::Edit {
        names: both(),
        edit,
    };
    assert_eq!(
        rig.asked(),
        [
            to_both(Edit::Term(Term::Enabled, Some("no".into()))),
            to_both(Edit::AddTag("nights".into())),
            to_both(Edit::AddTag("all".into())),
            to_both(Edit::Term(Term::Group, Some("Home".into()))),
            Command::Delete(both()),
        ]
    );
}

// The user's own order.

fn own_order(snapshot: Snapshot) -> Rig {
    let memory = Memory {
        sort: rows::Sort::Own,
        ..Memory::default()
    };
    rig_with(snapshot, egui::Theme::Light, OnClose::Hide, memory)
}

#[test]
fn alt_and_an_arrow_move_a_row_in_the_order_of_all() {
    let mut rig = own_order(three());
    rig.key(Key::ArrowDown);
    rig.press(Modifiers::ALT, Key::ArrowDown);
    let order = ["spare", "work", "other"].map(name).to_vec();
    assert_eq!(rig.asked(), [Command::Order(order)]);
    // It stands there before the worker has said so, and keeps the focus.
    rig.press(Modifiers::ALT, Key::ArrowUp);
    let order = ["other", "spare", "work"].map(name).to_vec();
    assert_eq!(rig.asked(), [Command::Order(order)]);
}

#[test]
fn a_row_is_dragged_by_its_grip() {
    let mut rig = own_order(three());
    let grip = rig.harness.get_by_label("Move other").rect().center();
    let below = rig.harness.get_by_label("Move spare").rect().center();
    rig.harness.drag_at(grip);
    rig.harness.step();
    for share in [0.3, 0.7, 1.1] {
        rig.harness.hover_at(grip + (below - grip) * share);
        rig.harness.step();
    }
    assert_eq!(rig.asked(), [], "it is still in the hand");
    rig.harness.drop_at(grip + (below - grip) * 1.1);
    rig.run();
    let order = ["spare", "work", "other"].map(name).to_vec();
    assert_eq!(rig.asked(), [Command::Order(order)]);
}

#[test]
fn an_order_that_failed_is_not_shown_any_longer() {
    let mut rig = own_order(three());
    rig.key(Key::ArrowDown);
    rig.press(Modifiers::ALT, Key::ArrowDown);
    rig.asked();
    let mut failed = three();
    failed.happenings = vec![Happening {
        seq: 1,
        at: now(),
        outcome: Outcome::EditFailed {
            reason: "the disk is full".into(),
        },
    }];
    rig.publish(failed);
    rig.press(Modifiers::ALT, Key::ArrowDown);
    let order = ["spare", "work", "other"].map(name).to_vec();
    assert_eq!(rig.asked(), [Command::Order(order)]);
}

// Privacy.

#[test]
fn hidden_accounts_go_by_their_aliases_everywhere() {
    let mut snapshot = worded();
    snapshot.hides_emails = true;
    snapshot.happenings = vec![switched(1)];
    snapshot.profiles[1].about.note = Some("ask joel@example.dev".into());
    for is_wide in [false, true] {
        let mut rig = rig(snapshot.clone());
        if is_wide {
            rig.harness.set_size(WIDE.into());
        } else {
            rig.harness
                .get_all_by_role(accesskit::Role::ListItem)
                .next()
                .unwrap()
                .click();
        }
        rig.run();
        let told = rig.told();
        for hidden in ["spare", "work", "other", "@example"] {
            let leaks: Vec<_> = told.iter().filter(|label| label.contains(hidden)).collect();
            assert!(leaks.is_empty(), "{hidden}: {leaks:?}");
        }
        let alias = crate::desk::words::alias(&name("spare"));
        let toast = format!("Codex now uses {alias}");
        assert!(told.contains(&toast), "{told:?}");
    }
}

impl Rig {
    /// Everything that a screen reader is told.
    fn told(&self) -> Vec<String> {
        let root = self.harness.root();
        let nodes = root.children_recursive().map(|node| node.accesskit_node());
        nodes
            .flat_map(|node| [node.label(), node.value()])
            .flatten()
            .collect()
    }
}

#[test]
fn a_right_button_is_no_choice() {
    let mut rig = rig(three());
    let row = rig
        .harness
        .get_by_label_contains("spare, Plus, ready")
        .rect();
    rig.harness.event(egui::Event::PointerMoved(row.center()));
    for pressed in [true, false] {
        rig.harness.event(egui::Event::PointerButton {
            pos: row.center(),
            button: PointerButton::Secondary,
            pressed,
            modifiers: Modifiers::NONE,
        });
    }
    rig.run();
    assert!(!rig.says("Usage left"));
    assert!(rig.shows("Pin to top"));
}
