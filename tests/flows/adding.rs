//! `add`: an endpoint becomes an account of the router, and never one of Codex.

use codex_router::simulator::Account;
use serde_json::json;

use crate::support::Rig;

/// The key of the account `own` of the simulator.
const KEY: &str = "key-fake-own\n";

#[test]
fn an_endpoint_is_added_listed_and_answers_in_chats() {
    let rig = Rig::start();
    rig.sim.add(Account::compatible("own"));
    let url = rig.sim.compatible_base_url();
    let added = rig.run_reading(&["add", "local", "--compatible", &url], KEY);
    assert_eq!(added.code, Some(0), "{added:?}");
    assert!(added.stdout.starts_with("Added local: "), "{added:?}");
    assert!(!format!("{added:?}").contains("key-fake"), "{added:?}");
    let file = rig.profile("local");
    assert_eq!(file["auth_mode"], "codexRouterEndpoint");
    assert_eq!(file["endpoint"]["api_key"], "key-fake-own");
    assert_eq!(file.get("OPENAI_API_KEY"), None);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = rig
            .profile_path("local")
            .metadata()
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    let listed = rig.run(&["list", "--json"]);
    assert!(!listed.stdout.contains("key-fake"), "{listed:?}");
    let rows: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(
        (
            &rows[0]["name"],
            &rows[0]["kind"],
            &rows[0]["active"],
            &rows[0]["windows"]
        ),
        (
            &json!("local"),
            &json!("compatible"),
            &json!(false),
            &json!([])
        )
    );

    let mut program = rig.serve();
    let base_url = program.base_url();
    let answer = rig.chat(&base_url, "hello");
    assert!(
        answer.said().unwrap().contains("You said: hello"),
        "{answer:?}"
    );
    assert_eq!(rig.sim.count("/compatible/v1/chat/completions"), 1);
}

#[test]
fn codex_is_never_switched_to_an_endpoint() {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    rig.sign_in(&rig.sim.auth_json("work"));
    let before = rig.live();
    let azure = [
        "add",
        "paid",
        "--azure",
        "https://x.openai.azure.test",
        "--deployment",
        "gpt-5.5=mine",
    ];
    assert_eq!(rig.run_reading(&azure, KEY).code, Some(0));
    let refused = rig.run(&["use", "paid"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.stderr.contains("point Codex at the router instead"),
        "{refused:?}"
    );
    assert_eq!(rig.live(), before);
}

#[test]
fn what_cannot_be_added_is_said_in_words_and_changes_nothing() {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    let before = rig.profile("work");
    let add =
        |arguments: &[&str], input: &str| rig.run_reading(&[&["add"], arguments].concat(), input);
    let taken = add(&["work", "--compatible", "https://x.test/v1"], KEY);
    assert_eq!(taken.code, Some(1), "{taken:?}");
    assert!(taken.stderr.contains("is taken"), "{taken:?}");
    assert_eq!(rig.profile("work"), before);
    for (arguments, input, said) in [
        (&["new", "--model", "a"][..], KEY, "--compatible"),
        (&["new", "--compatible", "http://x.test"], KEY, "https"),
        (
            &["new", "--compatible", "https://169.254.169.254"],
            KEY,
            "metadata",
        ),
        (
            &["new", "--azure", "https://x.test"],
            "\n",
            "standard input",
        ),
        (
            &["new", "--compatible", "https://x.test"],
            "two canaries\n",
            "api_key",
        ),
        (&["../new", "--compatible", "https://x.test"], KEY, "name"),
    ] {
        let refused = add(arguments, input);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.contains(said), "{refused:?}");
        assert!(!refused.stderr.contains("canaries"), "{refused:?}");
        assert!(!rig.profile_path("new").exists());
    }
}
