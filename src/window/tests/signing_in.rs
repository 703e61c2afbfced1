//! Signing in by browser and by code, as the worker tells it step by step.

use super::*;
use crate::desk::{CallbackListener, SignInStep, SignInView, SignInWay, SignInWish, SignedIn};
use crate::profile::Secret;

pub fn asked_to(way: SignInWay, again: Option<&str>) -> Command {
    Command::SignIn(SignInWish {
        way,
        again: again.map(name),
        name: None,
    })
}

pub fn sign_in(number: u64, way: SignInWay, step: SignInStep) -> SignInView {
    SignInView {
        number,
        wish: SignInWish {
            way,
            again: None,
            name: None,
        },
        step,
        ends_at: Some(now() + Duration::from_secs(278)),
    }
}

pub fn browser_step(listener: CallbackListener, paste_refused: Option<&str>) -> SignInStep {
    SignInStep::Browser {
        url: URL.to_owned().into(),
        listener,
        paste_refused: paste_refused.map(str::to_owned),
    }
}

pub fn code_step() -> SignInStep {
    SignInStep::Code {
        code: "KTRF-9M2QX".to_owned().into(),
        url: "https://auth.example.test/codex/device".into(),
    }
}

const URL: &str = "https://auth.example.test/oauth/authorize?state=fake";
const CALLBACK: &str = "http://localhost:1455/auth/callback?code=fake&state=fake";
const FREE: CallbackListener = CallbackListener::On {
    port: 1455,
    first_port_held_by: None,
};

fn with(view: SignInView) -> Snapshot {
    Snapshot {
        sign_in: Some(view),
        ..three()
    }
}

fn browser(step: SignInStep) -> Snapshot {
    with(sign_in(1, SignInWay::Browser, step))
}

/// The dialog was opened by hand, and the worker answers with this step.
fn at(step: SignInStep) -> Rig {
    let mut rig = rig(three());
    rig.click("Add account");
    rig.publish(browser(step));
    rig.asked();
    rig
}

#[test]
fn the_link_is_there_before_the_browser_opens() {
    let mut rig = at(browser_step(FREE, None));
    assert!(rig.shows("Sign in with your browser"));
    assert!(rig.shows("Link to sign in with"));
    assert!(rig.outside.links.try_recv().is_err());
    assert!(rig.is_focused("Open browser"));
    rig.key(Key::Enter);
    assert_eq!(rig.outside.links.recv_timeout(SOON).unwrap(), URL);
    assert!(rig.shows("Waiting for your browser"));
    assert!(rig.is_focused("Address that the browser ended on"));
    assert_eq!(rig.asked(), []);
}

#[test]
fn the_link_can_be_copied_for_another_browser() {
    let mut rig = at(browser_step(FREE, None));
    rig.harness.get_by_label("Copy the link").click_accesskit();
    rig.harness.step();
    assert_eq!(rig.copied(), [URL]);
    rig.run();
    assert!(rig.shows("Waiting for your browser"));
}

#[test]
fn a_browser_that_cannot_be_opened_is_said() {
    let mut rig = rig(three());
    rig.click("Add account");
    rig.publish(browser(SignInStep::Browser {
        url: "https://bad.test/".to_owned().into(),
        listener: FREE,
        paste_refused: None,
    }));
    rig.click("Open browser");
    rig.wait_for("No browser could be opened. Copy the link instead.");
}

#[test]
fn an_address_is_taken_as_soon_as_it_is_pasted_and_typed_ones_by_enter() {
    let mut rig = at(browser_step(FREE, None));
    let field = "Address that the browser ended on";
    rig.click(field);
    rig.paste(CALLBACK);
    let callback = || Command::PasteCallback(Secret::new(CALLBACK));
    assert_eq!(rig.asked(), [callback()]);
    rig.click(field);
    rig.harness.get_by_label(field).type_text(CALLBACK);
    rig.run();
    assert_eq!(rig.asked(), []);
    rig.key(Key::Enter);
    assert_eq!(rig.asked(), [callback()]);
}

#[test]
fn a_refused_address_is_told_below_the_field() {
    let rig = at(browser_step(
        FREE,
        Some("this address belongs to another sign-in"),
    ));
    assert!(rig.shows("This address belongs to another sign-in."));
}

#[test]
fn a_port_that_somebody_else_holds_is_named() {
    let rig = at(browser_step(
        CallbackListener::On {
            port: 1457,
            first_port_held_by: Some("codex (pid 4121)".into()),
        },
        None,
    ));
    assert!(rig.shows("Port 1455 is used by codex (pid 4121). Listening on 1457 instead."));
    let rig = at(browser_step(
        CallbackListener::None {
            held_by: Some("codex (pid 4121)".into()),
        },
        None,
    ));
    let notice = rig
        .harness
        .query_by_label_contains("The ports for it are used by codex (pid 4121).");
    assert!(notice.is_some());
}

#[test]
fn a_code_is_shown_spoken_and_copied() {
    let mut rig = rig(three());
    rig.click("Add account");
    rig.click("Code");
    assert!(rig.shows("Asking for a code"));
    rig.publish(with(sign_in(2, SignInWay::Code, code_step())));
    assert_eq!(
        rig.asked(),
        [
            asked_to(SignInWay::Browser, None),
            asked_to(SignInWay::Code, None)
        ]
    );
    assert!(rig.shows("Code KTRF-9M2QX"));
    assert!(rig.shows("Never type a code that someone else sent you."));
    rig.harness.get_by_label("Copy code").click_accesskit();
    rig.harness.step();
    assert_eq!(rig.copied(), ["KTRF-9M2QX"]);
    rig.click("Open link");
    let link = rig.outside.links.recv_timeout(SOON).unwrap();
    assert_eq!(link, "https://auth.example.test/codex/device");
}

#[test]
fn a_step_of_an_older_sign_in_is_not_taken_for_this_one() {
    let mut rig = rig(browser(SignInStep::Failed {
        reason: "the time is over".into(),
    }));
    // It is followed when the window opens, and put away.
    rig.click("Cancel");
    assert_eq!(rig.asked(), [Command::CancelSignIn]);
    rig.click("Add account");
    assert!(rig.shows("Preparing the link"));
    assert!(!rig.shows("The time is over."));
}

#[test]
fn what_failed_says_why_and_can_be_tried_again() {
    let mut rig = at(SignInStep::Failed {
        reason: "the time is over".into(),
    });
    assert!(rig.shows("The time is over."));
    assert!(rig.is_focused("Try again"));
    rig.key(Key::Enter);
    assert_eq!(rig.asked(), [asked_to(SignInWay::Browser, None)]);
    assert!(rig.shows("Preparing the link"));
}

fn who() -> SignedIn {
    SignedIn {
        email: Some("ana@example.dev".into()),
        plan: Some("team".into()),
        workspace: None,
        holder: None,
        proposed: name("ana"),
        is_unexpected: false,
        is_holder_unreadable: false,
    }
}

#[test]
fn before_a_login_is_replaced_it_is_said_whose() {
    let mut rig = at(SignInStep::Confirm(SignedIn {
        holder: Some(name("spare")),
        ..who()
    }));
    assert!(rig.shows("Signed in as ana@example.dev, Team"));
    assert!(rig.shows(
        "This account is here already: spare. Its login would be replaced; name, tags and history stay."
    ));
    assert!(!rig.shows("Account name"));
    assert!(rig.is_focused("Replace login"));
    rig.key(Key::Enter);
    assert_eq!(rig.asked(), [Command::ConfirmSignIn { name: None }]);
}

#[test]
fn a_login_that_cannot_be_read_is_replaced_only_by_whom_the_user_sees() {
    let mut rig = at(SignInStep::Confirm(SignedIn {
        holder: Some(name("spare")),
        is_holder_unreadable: true,
        ..who()
    }));
    assert!(rig.shows("Signed in as ana@example.dev, Team"));
    assert!(rig.shows(
        "The login of spare cannot be read, so nobody can tell whose it was. It would get this one; the file that is there is kept aside."
    ));
    rig.click("Use this login");
    assert_eq!(rig.asked(), [Command::ConfirmSignIn { name: None }]);
}

#[test]
fn somebody_else_than_was_expected_is_told_and_gets_a_name_of_their_own() {
    let mut snapshot = three();
    snapshot.profiles[0].health = Health::SignInAgain;
    let mut rig = rig(snapshot.clone());
    rig.click("Sign in again to other");
    assert_eq!(rig.asked(), [asked_to(SignInWay::Browser, Some("other"))]);
    assert!(!rig.shows("Import"));
    let step = SignInStep::Confirm(SignedIn {
        is_unexpected: true,
        ..who()
    });
    let mut view = sign_in(1, SignInWay::Browser, step);
    view.wish.again = Some(name("other"));
    snapshot.sign_in = Some(view);
    rig.publish(snapshot);
    assert!(
        rig.shows("This is not other, which stays as it is. It would be an account of its own.")
    );
    rig.click("Account name");
    rig.press(Modifiers::COMMAND, Key::A);
    rig.harness.get_by_label("Account name").type_text("spare");
    rig.run();
    rig.key(Key::Enter);
    assert!(rig.shows("There is an account called spare already."));
    assert_eq!(rig.asked(), []);
    rig.click("Account name");
    rig.press(Modifiers::COMMAND, Key::A);
    rig.harness.get_by_label("Account name").type_text("ana-2");
    rig.run();
    rig.key(Key::Enter);
    let expected = Command::ConfirmSignIn {
        name: Some(name("ana-2")),
    };
    assert_eq!(rig.asked(), [expected]);
}

#[test]
fn hidden_emails_stay_hidden_while_somebody_signs_in() {
    let mut rig = at(SignInStep::Starting);
    rig.publish(Snapshot {
        hides_emails: true,
        ..browser(SignInStep::Confirm(SignedIn {
            holder: Some(name("spare")),
            ..who()
        }))
    });
    let told = rig.harness.query_all_by_label_contains("ana@example.dev");
    assert_eq!(told.count(), 0);
    let alias = format!("already: {}.", crate::desk::words::alias(&name("spare")));
    assert!(rig.harness.query_by_label_contains(&alias).is_some());
}

#[test]
fn whoever_has_signed_in_is_put_into_view_and_the_dialog_is_gone() {
    let mut rig = at(SignInStep::Finishing);
    assert!(rig.shows("Signing in"));
    let mut after = browser(SignInStep::Done {
        name: name("ana"),
        is_new: true,
    });
    after.profiles.insert(0, profile("ana", 50.0));
    rig.publish(after.clone());
    assert_eq!(rig.asked(), [Command::CancelSignIn]);
    assert!(!rig.shows("Cancel"));
    let row = rig.harness.get_by_label_contains("ana, Plus, ready");
    assert!(row.is_focused());
    // The worker may need a moment to put it away.
    rig.publish(after);
    assert!(!rig.shows("Cancel"));
    assert_eq!(rig.asked(), []);
}

#[test]
fn a_sign_in_that_the_tray_began_gets_its_dialog() {
    let mut rig = rig(three());
    let mut view = sign_in(1, SignInWay::Browser, browser_step(FREE, None));
    view.wish.again = Some(name("spare"));
    rig.publish(with(view.clone()));
    assert!(rig.shows("Sign in again to spare"));
    assert!(rig.shows("Open browser"));
    rig.key(Key::Escape);
    assert_eq!(rig.asked(), [Command::CancelSignIn]);
    rig.publish(with(view));
    assert!(!rig.shows("Open browser"));
}

#[test]
fn a_dead_login_in_use_and_a_failed_renewal_lead_to_the_browser() {
    let mut snapshot = three();
    snapshot.profiles[2].health = Health::SignInAgain;
    let mut rig = rig(snapshot.clone());
    rig.click("Sign in again");
    assert_eq!(rig.asked(), [asked_to(SignInWay::Browser, Some("work"))]);
    rig.key(Key::Escape);
    rig.asked();
    snapshot.happenings = vec![Happening {
        seq: 3,
        at: now(),
        outcome: Outcome::TokenRefreshFailed {
            name: name("work"),
            reason: "refused".into(),
        },
    }];
    rig.publish(snapshot);
    rig.click("Sign in");
    assert_eq!(rig.asked(), [asked_to(SignInWay::Browser, Some("work"))]);
    rig.key(Key::Escape);
    assert!(!rig.shows("The login of work could not be renewed. Refused."));
}
