//! Adding an account that is a key.

use super::*;
use crate::desk::{CheckResult, LoginCheck, NewLogin};
use crate::profile::{Endpoint, Secret};

const KEY: &str = "key-fake-000000007f2c";

fn opened(service: &str) -> Rig {
    let mut rig = rig(three());
    rig.click("Add account");
    rig.click("API key");
    rig.click(service);
    rig.asked();
    rig
}

impl Rig {
    fn type_into(&mut self, label: &str, text: &str) {
        self.click(label);
        self.press(Modifiers::COMMAND, Key::A);
        self.harness.get_by_label(label).type_text(text);
        self.run();
    }

    /// The last of what is called so: the header's own button stands below the dialog.
    fn add(&mut self) {
        let buttons = self.harness.get_all_by_label("Add account");
        buttons.last().unwrap().click();
        self.run();
    }
}

fn azure() -> NewLogin {
    let key = Some(Secret::new(KEY));
    let address = "https://swc-ana.openai.azure.test";
    let mut endpoint = Endpoint::new(EndpointKind::Azure, address, key).unwrap();
    endpoint.models = vec!["gpt-5-codex".into()];
    endpoint.deployments.insert("gpt-5.5".into(), "mine".into());
    NewLogin::Endpoint(Box::new(endpoint))
}

fn fill_azure(rig: &mut Rig) {
    rig.type_into("Account name", "azure-eu");
    rig.type_into("Endpoint", "https://swc-ana.openai.azure.test");
    rig.type_into("Deployment", "gpt-5-codex, gpt-5.5=mine");
    rig.type_into("Key", KEY);
}

#[test]
fn a_key_of_openai_is_added_by_enter_under_the_proposed_name() {
    let mut rig = opened("OpenAI");
    rig.type_into("Key", KEY);
    rig.key(Key::Enter);
    let expected = Command::AddLogin {
        name: name("openai"),
        login: NewLogin::ApiKey(Secret::new(KEY)),
    };
    assert_eq!(rig.asked(), [expected]);
    assert!(rig.shows("Adding"));
}

#[test]
fn what_is_missing_or_wrong_is_said_at_its_field() {
    let mut rig = opened("Azure");
    rig.add();
    assert!(rig.shows("Where is it? Paste its address."));
    rig.type_into("Endpoint", "http://swc-ana.openai.azure.test");
    rig.add();
    assert!(rig.shows("This address may be plain http on this computer only; use https."));
    rig.type_into("Endpoint", "https://swc-ana.openai.azure.test");
    rig.add();
    assert!(rig.shows("Paste the key."));
    rig.type_into("Key", "two words");
    rig.add();
    assert!(rig.shows("A key has letters, digits and signs, and no spaces."));
    rig.type_into("Key", KEY);
    rig.type_into("Account name", "spare");
    rig.add();
    assert!(rig.shows("There is an account called spare already."));
    assert_eq!(rig.asked(), []);
}

#[test]
fn azure_takes_its_endpoint_its_deployments_and_its_key() {
    let mut rig = opened("Azure");
    fill_azure(&mut rig);
    rig.add();
    let expected = Command::AddLogin {
        name: name("azure-eu"),
        login: azure(),
    };
    assert_eq!(rig.asked(), [expected]);
}

#[test]
fn another_server_may_want_no_key() {
    let mut rig = opened("Other");
    rig.type_into("Base URL", "http://localhost:11434/v1");
    rig.add();
    let endpoint = Endpoint::new(EndpointKind::Compatible, "http://localhost:11434/v1", None);
    let expected = Command::AddLogin {
        name: name("server"),
        login: NewLogin::Endpoint(Box::new(endpoint.unwrap())),
    };
    assert_eq!(rig.asked(), [expected]);
}

#[test]
fn a_key_is_checked_when_somebody_asks_and_only_as_long_as_it_stays_the_same() {
    let mut rig = opened("Azure");
    assert!(!rig.shows("Check whether it works"));
    fill_azure(&mut rig);
    rig.click("Check whether it works");
    assert_eq!(rig.asked(), [Command::CheckLogin(azure())]);
    assert!(rig.shows("Checking the key"));
    let told = |result| Snapshot {
        login_check: Some(LoginCheck {
            number: 1,
            kind: LoginKind::ApiKey,
            result,
        }),
        ..three()
    };
    rig.publish(told(CheckResult::Asking));
    assert!(rig.shows("Checking the key"));
    rig.publish(told(CheckResult::Works { models: None }));
    assert!(rig.shows("Key works. No usage windows on this kind."));
    rig.publish(told(CheckResult::Refused(
        "this key is not known there".into(),
    )));
    assert!(rig.shows("This key is not known there."));
    rig.publish(told(CheckResult::Unknown(
        "the server did not answer".into(),
    )));
    assert!(rig.shows("The server did not answer."));
    rig.type_into("Key", "key-fake-000000000000");
    assert!(!rig.shows("The server did not answer."));
    assert!(rig.shows("Check whether it works"));
}

#[test]
fn a_key_is_never_told_to_a_screen_reader() {
    let mut rig = opened("OpenAI");
    rig.type_into("Key", KEY);
    let field = rig.harness.get_by_label("Key");
    let value = field.value().unwrap_or_default();
    assert!(!value.contains("fake"), "{value}");
}

#[test]
fn the_dialog_ends_with_the_account_or_says_why_there_is_none() {
    let happening = |seq, outcome| Happening {
        seq,
        at: now(),
        outcome,
    };
    let mut rig = opened("OpenAI");
    rig.type_into("Key", KEY);
    rig.add();
    rig.asked();
    let mut snapshot = three();
    snapshot.happenings = vec![happening(
        1,
        Outcome::AddFailed {
            name: name("openai"),
            reason: "the disk is full".into(),
        },
    )];
    rig.publish(snapshot.clone());
    assert!(rig.shows("The disk is full."));
    rig.add();
    assert_eq!(rig.asked().len(), 1);
    let outcome = Outcome::Added {
        name: name("openai"),
    };
    snapshot.happenings.push(happening(2, outcome));
    let mut key = profile("openai", 50.0);
    key.kind = LoginKind::ApiKey;
    snapshot.profiles.insert(0, key);
    rig.publish(snapshot);
    assert!(!rig.shows("Cancel"));
    let row = rig.harness.get_by_label_contains("openai, API");
    assert!(row.is_focused());
}
