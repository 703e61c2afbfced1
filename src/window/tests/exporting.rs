//! Taking accounts out.

use super::*;
use crate::desk::ExportTo;
use crate::profile::Secret;

fn opened() -> Rig {
    let mut rig = rig(three());
    let names = vec![name("spare"), name("work")];
    let dialog = dialogs::ExportDialog::open(names);
    let dialog = dialogs::Dialog::Export(Box::new(dialog));
    rig.harness.state_mut().open(dialog);
    rig.run();
    assert!(rig.shows("Export 2 accounts"));
    rig
}

fn fill(rig: &mut Rig, label: &str, text: &str) {
    rig.click(label);
    rig.press(Modifiers::COMMAND, Key::A);
    rig.harness.get_by_label(label).type_text(text);
    rig.run();
}

fn asked_for(to: ExportTo) -> Command {
    Command::Export {
        names: vec![name("spare"), name("work")],
        to,
    }
}

#[test]
fn a_backup_wants_one_passphrase_twice() {
    let mut rig = opened();
    assert!(rig.is_focused("Passphrase"));
    rig.click("Export");
    assert!(rig.shows("Choose a passphrase."));
    fill(&mut rig, "Passphrase", "five fake words in here");
    assert!(rig.shows("Good"));
    rig.click("Export");
    assert!(rig.shows("The two are not the same."));
    fill(
        &mut rig,
        "The same passphrase again",
        "five fake words in here",
    );
    rig.click("Export");
    let expected = asked_for(ExportTo::Backup {
        file: "/home/ana/accounts.backup".into(),
        passphrase: Secret::new("five fake words in here"),
        may_replace: false,
    });
    assert_eq!(rig.asked(), [expected]);
    assert!(rig.shows("Exporting"));
}

#[test]
fn a_weak_passphrase_is_called_weak() {
    let mut rig = opened();
    fill(&mut rig, "Passphrase", "secret");
    assert!(rig.shows("Weak: make it longer, such as five words."));
    rig.click("Export");
    assert!(rig.shows("Make it 8 letters or more."));
}

#[test]
fn a_folder_is_said_to_be_open_to_everybody_who_has_it() {
    let mut rig = opened();
    rig.click(
        "A folder of auth.json files. Not encrypted. Whoever has the files has the accounts.",
    );
    assert!(!rig.shows("Passphrase"));
    rig.click("Export");
    assert!(rig.shows("Say where, or choose it."));
    *rig.outside.picked.lock().unwrap() = Picked::Paths(vec!["/srv/out".into()]);
    rig.click("Choose…");
    assert_eq!(
        rig.outside.picks.recv_timeout(SOON).unwrap(),
        Pick::ExportFolder
    );
    let expected = asked_for(ExportTo::Folder("/srv/out".into()));
    let deadline = std::time::Instant::now() + SOON;
    loop {
        rig.click("Export");
        let asked = rig.asked();
        if !asked.is_empty() {
            assert_eq!(asked, [expected]);
            break;
        }
        assert!(std::time::Instant::now() < deadline, "no path came");
    }
}

#[test]
fn an_export_that_failed_says_why_and_one_that_worked_is_gone() {
    let mut rig = opened();
    rig.click(
        "A folder of auth.json files. Not encrypted. Whoever has the files has the accounts.",
    );
    fill(&mut rig, "Folder of the export", "~/out");
    rig.click("Export");
    rig.asked();
    let mut snapshot = three();
    snapshot.happenings = vec![Happening {
        seq: 1,
        at: now(),
        outcome: Outcome::ExportFailed {
            reason: "the folder is not empty".into(),
        },
    }];
    rig.publish(snapshot.clone());
    assert!(rig.shows("The folder is not empty."));
    rig.click("Export");
    rig.asked();
    snapshot.happenings.push(Happening {
        seq: 2,
        at: now(),
        outcome: Outcome::Exported {
            count: 2,
            to: "~/out".into(),
        },
    });
    rig.publish(snapshot);
    assert!(!rig.shows("Export 2 accounts"));
    assert!(rig.shows("Exported 2 accounts to ~/out"));
}
