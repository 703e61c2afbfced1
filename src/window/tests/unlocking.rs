//! Encrypted logins: the banner, the passphrase, and what is told when it is another one.

use super::*;
use crate::desk::LockView;
use crate::profile::Secret;

fn locked(lock: LockView) -> Snapshot {
    Snapshot {
        profiles: vec![],
        live: Live::Missing,
        lock: Some(lock),
        ..three()
    }
}

#[test]
fn encrypted_logins_are_unlocked_by_their_passphrase() {
    let mut rig = rig(locked(LockView::default()));
    assert!(rig.shows("Logins are encrypted. Give their passphrase to see and use the accounts."));
    assert!(!rig.shows("Sign in with the browser"), "accounts are there");
    rig.click("Unlock…");
    let field = "Passphrase of the logins";
    assert!(rig.is_focused(field));
    rig.harness.get_by_label(field).type_text("right horse");
    rig.run();
    rig.key(Key::Enter);
    assert_eq!(rig.asked(), [Command::Unlock(Secret::new("right horse"))]);

    rig.publish(locked(LockView {
        is_opening: true,
        refusal: None,
    }));
    assert!(rig.shows("Unlocking"));
    rig.publish(locked(LockView {
        is_opening: false,
        refusal: Some("this is not the passphrase".into()),
    }));
    assert!(rig.shows("This is not the passphrase."));
    assert!(rig.is_focused(field));
    rig.publish(three());
    assert!(!rig.shows("Unlock the logins"));
}
