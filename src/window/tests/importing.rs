//! Bringing logins in, as the worker tells it step by step.

use super::*;
use crate::desk::{FoundLogin, ImportSource, ImportState, ImportView, Verdict};
use crate::profile::Secret;

pub fn import(number: u64, state: ImportState, found: Vec<FoundLogin>) -> Arc<ImportView> {
    Arc::new(ImportView {
        number,
        state,
        found,
        notes: Vec::new(),
    })
}

pub fn found(id: u32, email: &str, verdict: Verdict) -> FoundLogin {
    FoundLogin {
        id,
        kind: LoginKind::ChatGpt,
        email: Some(email.into()),
        plan: Some("team".into()),
        workspace: None,
        source: "~/.codex".into(),
        last_refresh_at: None,
        verdict,
        holder: None,
        name: name(&format!("login-{id}")),
        failure: None,
    }
}

fn with(state: ImportState, found: Vec<FoundLogin>) -> Snapshot {
    Snapshot {
        import: Some(import(1, state, found)),
        ..three()
    }
}

/// The import tab, before anything was chosen.
fn opened() -> Rig {
    let mut rig = rig(three());
    rig.click("Add account");
    rig.click("Import");
    rig.asked();
    rig
}

/// Other programs were looked for, and the worker answers with this.
fn at(state: ImportState, found: Vec<FoundLogin>) -> Rig {
    let mut rig = opened();
    rig.click("Look on this computer");
    assert_eq!(
        rig.asked(),
        [Command::LookForImport(ImportSource::OtherPrograms)]
    );
    rig.publish(with(state, found));
    rig
}

fn several() -> Vec<FoundLogin> {
    vec![
        found(1, "tanaka.dev@example.jp", Verdict::New),
        found(2, "ana@lindqvist.dev", Verdict::Older),
        found(3, "ana@oldco.example", Verdict::Expired),
        found(4, "new@example.dev", Verdict::Newer),
        found(5, "same@example.dev", Verdict::Same),
    ]
}

const TANAKA: &str = "tanaka.dev@example.jp, Team, from ~/.codex, New";

#[test]
fn what_is_worth_taking_is_chosen_and_everything_else_is_left() {
    let mut rig = at(ImportState::Ready, several());
    rig.click("Import 2");
    let expected = vec![(1, name("login-1")), (4, name("login-4"))];
    assert_eq!(rig.asked(), [Command::Import(expected)]);
}

#[test]
fn a_click_turns_a_choice_but_none_of_what_cannot_be_taken() {
    let mut rig = at(ImportState::Ready, several());
    rig.click(TANAKA);
    rig.click("ana@oldco.example, Team, from ~/.codex, Login expired");
    rig.harness
        .get_by_label("ana@lindqvist.dev, Team, from ~/.codex, Older, keep yours")
        .click();
    rig.run();
    rig.click("Import 2");
    let expected = vec![(3, name("login-3")), (4, name("login-4"))];
    assert_eq!(rig.asked(), [Command::Import(expected)]);
}

#[test]
fn all_are_chosen_or_none_and_with_none_there_is_nothing_to_import() {
    let mut rig = at(ImportState::Ready, several());
    rig.click("Choose all");
    assert!(rig.shows("Import 3"));
    rig.click("Choose all");
    assert!(rig.shows("Import 0"));
    rig.click("Import 0");
    assert_eq!(rig.asked(), []);
}

#[test]
fn the_list_is_one_stop_of_the_tab_key_and_space_turns_a_choice() {
    let mut rig = at(ImportState::Ready, several());
    rig.harness.get_by_label(TANAKA).focus();
    rig.run();
    rig.key(Key::Space);
    assert!(rig.shows("Import 1"));
    rig.key(Key::ArrowDown);
    rig.key(Key::ArrowDown);
    let expired = "ana@oldco.example, Team, from ~/.codex, Login expired";
    assert!(rig.is_focused(expired));
    rig.key(Key::Space);
    assert!(rig.shows("Import 2"));
    rig.key(Key::Tab);
    assert!(rig.is_focused("Cancel"));
}

#[test]
fn of_a_thousand_only_those_in_view_are_drawn_and_the_last_can_be_reached() {
    let thousand = (0..1_000).map(|id| found(id, &format!("a{id}@example.dev"), Verdict::New));
    let mut rig = at(ImportState::Ready, thousand.collect());
    assert!(rig.shows("Import 1,000"));
    let drawn = rig
        .harness
        .query_all_by_label_contains("@example.dev, Team")
        .count();
    assert!((3..40).contains(&drawn), "{drawn}");
    rig.harness
        .get_by_label("a0@example.dev, Team, from ~/.codex, New")
        .focus();
    rig.run();
    rig.key(Key::End);
    let last = "a999@example.dev, Team, from ~/.codex, New";
    assert!(rig.is_focused(last));
    rig.key(Key::Space);
    assert!(rig.shows("Import 999"));
}

#[test]
fn hidden_emails_are_hidden_in_the_list() {
    let mut rig = at(ImportState::Ready, several());
    rig.publish(Snapshot {
        hides_emails: true,
        ..with(ImportState::Ready, several())
    });
    let told = rig.harness.query_all_by_label_contains("tanaka").count();
    assert_eq!(told, 0);
}

#[test]
fn an_import_can_be_stopped_and_is_shown_to_its_end() {
    let mut rig = at(
        ImportState::Writing {
            done: 312,
            of: 1_000,
        },
        several(),
    );
    assert!(rig.shows("Importing 312 of 1,000"));
    rig.key(Key::Escape);
    rig.click("Cancel");
    assert_eq!(rig.asked(), [Command::CancelImport, Command::CancelImport]);
    assert!(rig.shows("Importing 312 of 1,000"));
    let mut after = several();
    after[3].failure = Some("the disk is full".into());
    rig.publish(with(
        ImportState::Done {
            added: 312,
            updated: 1,
            failed: 1,
            is_cancelled: true,
        },
        after,
    ));
    let told = "Added 312 accounts, updated 1 account. 1 account did not work. Stopped: the rest was left out.";
    assert!(rig.shows(told));
    assert!(rig.shows("new@example.dev, ~/.codex: The disk is full., Not imported"));
    rig.click("Done");
    assert_eq!(rig.asked(), [Command::CancelImport]);
    assert!(!rig.shows("Done"));
}

#[test]
fn files_and_folders_come_from_the_desktops_own_dialog() {
    for (button, pick) in [("Files", Pick::Files), ("Folder", Pick::Folder)] {
        let mut rig = opened();
        let paths: Vec<std::path::PathBuf> = vec!["/srv/a.json".into(), "/srv/b.json".into()];
        *rig.outside.picked.lock().unwrap() = Picked::Paths(paths.clone());
        rig.click(button);
        assert_eq!(rig.outside.picks.recv_timeout(SOON).unwrap(), pick);
        let asked = rig.wait_until_asked();
        assert_eq!(asked, [Command::LookForImport(ImportSource::Paths(paths))]);
    }
}

#[test]
fn without_a_file_dialog_the_path_can_be_typed() {
    let mut rig = opened();
    *rig.outside.picked.lock().unwrap() = Picked::NoDialog;
    rig.click("Folder");
    let field = "Path of a file or folder";
    rig.wait_for(field);
    rig.click(field);
    rig.harness.get_by_label(field).type_text("logins");
    rig.run();
    rig.key(Key::Enter);
    assert!(rig.shows("Say the whole path, from the root of the disk or from ~."));
    rig.click(field);
    rig.press(Modifiers::COMMAND, Key::A);
    rig.harness.get_by_label(field).type_text("~/logins");
    rig.run();
    rig.key(Key::Enter);
    let paths = vec!["/home/ana/logins".into()];
    assert_eq!(
        rig.asked(),
        [Command::LookForImport(ImportSource::Paths(paths))]
    );
}

#[test]
fn what_is_pasted_is_looked_at_by_key_and_by_button() {
    let look = || Command::LookForImport(ImportSource::Text(Secret::new("{\"fake\": 1}")));
    let mut rig = opened();
    rig.paste("{\"fake\": 1}");
    assert_eq!(rig.asked(), [look()]);

    let mut rig = opened();
    rig.harness.get_by_label("Paste").click_accesskit();
    rig.harness.step();
    let sent = rig.sent();
    assert!(sent.contains(&ViewportCommand::RequestPaste), "{sent:?}");
    rig.paste("{\"fake\": 1}");
    assert_eq!(rig.asked(), [look()]);
    assert!(!rig.shows("There is no text on the clipboard."));
}

#[test]
fn an_empty_clipboard_is_said() {
    let mut rig = opened();
    rig.click("Paste");
    rig.run();
    assert!(rig.shows("There is no text on the clipboard."));
    assert_eq!(rig.asked(), []);
}

#[test]
fn a_backup_wants_its_passphrase_and_says_when_it_is_the_wrong_one() {
    let wants = |refusal: Option<&str>| ImportState::WantsPassphrase {
        file: "/srv/old.backup".into(),
        refusal: refusal.map(str::to_owned),
    };
    let mut rig = at(wants(None), vec![]);
    let field = "Passphrase of the backup";
    assert!(rig.is_focused(field));
    rig.harness.get_by_label(field).type_text("fake words");
    rig.run();
    rig.key(Key::Enter);
    let source = ImportSource::Backup {
        file: "/srv/old.backup".into(),
        passphrase: Secret::new("fake words"),
    };
    assert_eq!(rig.asked(), [Command::LookForImport(source)]);
    rig.publish(with(wants(Some("that is not its passphrase")), vec![]));
    assert!(rig.shows("That is not its passphrase."));
    assert!(rig.is_focused(field));
}

#[test]
fn what_could_not_be_read_at_all_says_why() {
    let rig = at(
        ImportState::Failed("the folder is not there".into()),
        vec![],
    );
    assert!(rig.shows("The folder is not there."));
    let rig = at(ImportState::Ready, vec![]);
    assert!(rig.shows("No login was found there."));
}

#[test]
fn another_tab_puts_away_what_was_found() {
    let mut rig = at(ImportState::Ready, several());
    rig.click("API key");
    assert_eq!(rig.asked(), [Command::CancelImport]);
    rig.click("Import");
    assert!(rig.shows("Look on this computer"));
}
