//! Encryption at rest: while it is on, no token stands in any file but the one that Codex reads, and all works as without.

use std::{
    fs,
    path::{Path, PathBuf},
};

use codex_router::simulator::Account;
use serde_json::Value;

use crate::support::{Ended, Program, Rig, write_private};

const VARIABLE: &str = "CODEX_ROUTER_PASSPHRASE_FILE";

fn two_accounts() -> Rig {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    rig.add("home", Account::chatgpt("home"));
    rig.sign_in(&rig.sim.auth_json("work"));
    rig
}

fn passphrase(rig: &Rig, name: &str, text: &str) -> PathBuf {
    let path = rig.scratch().join(name);
    write_private(&path, text);
    path
}

fn run_with(rig: &Rig, passphrase: &Path, arguments: &[&str]) -> Ended {
    rig.spawn(rig.command(arguments).env(VARIABLE, passphrase))
        .ended()
}

#[track_caller]
fn assert_said(ended: &Ended, what: &str) {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains(what), "{ended:?}");
}

#[track_caller]
fn assert_refused(ended: &Ended, what: &str) {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains(what), "{ended:?}");
}

/// Files in which one of these texts stands.
fn files_with(rig: &Rig, texts: &[String]) -> Vec<PathBuf> {
    fn walk(dir: &Path, texts: &[String], found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, texts, found);
            } else {
                let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
                if texts.iter().any(|part| text.contains(part)) {
                    found.push(path);
                }
            }
        }
    }
    let mut found = Vec::new();
    walk(&rig.home(), texts, &mut found);
    found
}

/// The tokens that these accounts have now.
fn tokens(rig: &Rig, accounts: &[&str]) -> Vec<String> {
    let of = |account: &&str| {
        let auth: Value = serde_json::from_str(&rig.sim.auth_json(account)).unwrap();
        let text = |key: &str| auth["tokens"][key].as_str().unwrap().to_owned();
        ["access_token", "refresh_token"].map(text)
    };
    accounts.iter().flat_map(of).collect()
}

#[test]
fn with_encryption_on_tokens_stand_in_the_live_file_alone_and_everything_works() {
    let rig = two_accounts();
    let file = passphrase(&rig, "p", "right horse\n");
    let mut seen = tokens(&rig, &["work", "home"]);
    let on = run_with(&rig, &file, &["encrypt", "on"]);
    assert_said(&on, "encrypted.");
    assert_said(&rig.run(&["encrypt", "status"]), "on: 2 files encrypted");
    assert_eq!(files_with(&rig, &seen), [rig.live_path()]);

    assert_refused(&rig.run(&["list"]), "the logins are encrypted");
    assert_refused(&rig.run(&["serve"]), VARIABLE);
    let wrong = passphrase(&rig, "w", "wrong horse\n");
    assert_refused(
        &run_with(&rig, &wrong, &["use", "home"]),
        "this is not the passphrase",
    );
    // What needs no login asks for nothing.
    assert_said(&rig.run(&["keys", "list"]), "");

    let mut served: Program = rig.spawn(rig.command(&["serve"]).env(VARIABLE, &file));
    let answer = rig.chat(&served.base_url(), "hello");
    assert!(answer.said().is_some(), "{answer:?}");
    assert_refused(&run_with(&rig, &file, &["encrypt", "off"]), "is running");
    let refreshed = run_with(&rig, &file, &["refresh", "work"]);
    assert_said(&refreshed, "new login saved");
    seen.extend(tokens(&rig, &["work"]));
    assert_eq!(files_with(&rig, &seen), [rig.live_path()]);
    assert_said(
        &run_with(&rig, &file, &["use", "home"]),
        "Codex now uses home",
    );
    assert_said(&run_with(&rig, &file, &["rename", "work", "office"]), "");
    served.terminate();
    assert!(served.end().success());
    assert_eq!(files_with(&rig, &seen), [rig.live_path()]);
    let told = run_with(&rig, &file, &["doctor"]);
    assert!(told.stdout.contains("encrypted"), "{told:?}");

    let new = passphrase(&rig, "n", "better horse\n");
    let new_text = new.to_str().unwrap();
    let changed = ["encrypt", "passphrase", "--new-passphrase-file", new_text];
    assert_said(&run_with(&rig, &file, &changed), "new passphrase");
    assert_refused(
        &run_with(&rig, &file, &["encrypt", "off"]),
        "this is not the passphrase",
    );
    let off = ["encrypt", "off", "--passphrase-file", new_text];
    assert_said(&rig.run(&off), "decrypted.");
    assert_said(&rig.run(&["encrypt", "status"]), "off: ");
    for (name, account) in [("office", "work"), ("home", "home")] {
        let newest: Value = serde_json::from_str(&rig.sim.auth_json(account)).unwrap();
        assert_eq!(rig.profile(name)["tokens"], newest["tokens"], "{name}");
    }
    assert_eq!(rig.live()["tokens"], rig.profile("home")["tokens"]);
    assert_said(&rig.run(&["list"]), "office");
}

#[test]
fn where_the_key_is_gone_for_good_the_way_out_is_named_and_works() {
    let rig = two_accounts();
    let file = passphrase(&rig, "p", "right horse\n");
    assert_said(&run_with(&rig, &file, &["encrypt", "on"]), "encrypted.");
    for gone in ["router/vault.json", "profiles/.vault.json"] {
        fs::remove_file(rig.home().join(gone)).unwrap();
    }
    rig.sim.add(Account::chatgpt("stranger"));
    rig.sign_in(&rig.sim.auth_json("stranger"));
    assert_refused(&rig.run(&["save", "stranger"]), "encrypt set-aside");
    assert_refused(&rig.run(&["encrypt", "status"]), "encrypt set-aside");

    let aside = rig.run(&["encrypt", "set-aside"]);
    assert_said(&aside, "2 files moved to router/unopened.");
    let saved = rig.run(&["save", "stranger"]);
    assert_eq!(saved.code, Some(0), "{saved:?}");
    let live: Value = serde_json::from_str(&rig.sim.auth_json("stranger")).unwrap();
    assert_eq!(rig.profile("stranger")["tokens"], live["tokens"]);
    assert_refused(&rig.run(&["encrypt", "set-aside"]), "not encrypted");
}
