//! Client keys: made, changed and taken away on the command line, while the router runs.

use codex_router::simulator::Account;
use serde_json::{Value, json};

use crate::support::{Answer, Rig, until, write_private};

/// Asks with a key.
fn chat(rig: &Rig, base_url: &str, key: &str) -> Answer {
    let body = json!({"model": "gpt-5.4", "messages": [{"role": "user", "content": "hello"}]});
    let url = format!("{base_url}/chat/completions");
    rig.post_with(
        &url,
        &[("authorization", &format!("Bearer {key}"))],
        body.to_string(),
    )
}

/// Waits until a request with this key is answered with this status.
fn until_status(rig: &Rig, base_url: &str, key: &str, status: u16) {
    until("the router has noticed", || {
        (chat(rig, base_url, key).status == status).then_some(())
    });
}

#[test]
fn a_running_router_notices_the_first_key_its_limits_and_its_end() {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    let mut program = rig.serve();
    let base_url = program.base_url();
    assert!(rig.chat(&base_url, "hello").said().is_some());

    let made = rig.run(&["keys", "create", "laptop"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let key = made.stdout.trim_end();
    assert!(
        key.starts_with("crk_") && key.len() == 47 && !key.contains('\n'),
        "{made:?}"
    );
    assert!(
        made.stderr
            .contains("From now on every request needs a key"),
        "{made:?}"
    );
    until_status(&rig, &base_url, "unused", 401);
    assert!(chat(&rig, &base_url, key).said().is_some());

    assert_eq!(
        rig.run(&["keys", "edit", "laptop", "--models", "gpt-5.5*"])
            .code,
        Some(0)
    );
    until_status(&rig, &base_url, key, 403);
    assert_eq!(
        rig.run(&["keys", "edit", "laptop", "--models", "none"])
            .code,
        Some(0)
    );
    until_status(&rig, &base_url, key, 200);
    assert_eq!(rig.run(&["keys", "disable", "laptop"]).code, Some(0));
    until_status(&rig, &base_url, key, 401);
    assert_eq!(rig.run(&["keys", "enable", "laptop"]).code, Some(0));
    until_status(&rig, &base_url, key, 200);

    let deleted = rig.run(&["keys", "delete", "laptop"]);
    assert!(
        deleted.stderr.contains("No key opens the router any more"),
        "{deleted:?}"
    );
    until_status(&rig, &base_url, key, 401);
    assert_eq!(
        chat(&rig, &base_url, "unused").status,
        401,
        "not open to everybody by accident"
    );
    assert_eq!(rig.run(&["keys", "require", "off"]).code, Some(0));
    until_status(&rig, &base_url, "unused", 200);

    let logs = format!("{}{}", program.stdout(), program.stderr());
    assert!(!logs.contains("crk_"), "{logs}");
}

#[test]
fn keys_are_listed_for_people_and_programs_and_never_shown_again() {
    let rig = Rig::start();
    let terms = [
        "keys",
        "create",
        "phone",
        "--rpm",
        "5",
        "--monthly-cost",
        "2.50",
        "--expires",
        "30d",
    ];
    let made = rig.run(&terms);
    let key = made.stdout.trim_end().to_owned();
    let listed = rig.run(&["keys", "list"]);
    assert!(
        listed.stdout.contains("phone") && listed.stdout.contains("5 a minute, $2.50 a month"),
        "{listed:?}"
    );
    let json = rig.run(&["keys", "list", "--json"]);
    let told: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(told["require_key"], true);
    assert_eq!(told["keys"][0]["requests_per_minute"], 5);
    let shown = rig.run(&["keys", "show", "PHONE", "--json"]);
    assert_eq!(
        serde_json::from_str::<Value>(&shown.stdout).unwrap(),
        told["keys"][0]
    );
    let file = std::fs::read_to_string(rig.home().join("router/keys.json")).unwrap();
    for text in [&listed.stdout, &json.stdout, &shown.stdout, &file] {
        assert!(!text.contains(&key), "{text}");
    }
    for (words, code) in [
        (&["keys", "create", "Phone"][..], 2),
        (&["keys", "show", "tablet"], 2),
        (&["keys", "edit", "phone", "--rpm", "0"], 2),
        (&["keys", "require", "maybe"], 2),
    ] {
        assert_eq!(rig.run(words).code, Some(code), "{words:?}");
    }
}

#[test]
fn keys_that_cannot_be_read_let_nobody_in() {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    let key = rig
        .run(&["keys", "create", "laptop"])
        .stdout
        .trim_end()
        .to_owned();
    let file = rig.home().join("router/keys.json");
    let text = std::fs::read_to_string(&file).unwrap();
    write_private(&file, "{ broken");
    let mut program = rig.serve();
    let base_url = program.base_url();
    assert_eq!(chat(&rig, &base_url, &key).status, 503);
    assert_eq!(chat(&rig, &base_url, "unused").status, 503);
    let listed = rig.run(&["keys", "list"]);
    assert_eq!(listed.code, Some(1), "{listed:?}");
    assert!(listed.stderr.contains("keys.json"), "{listed:?}");
    write_private(&file, &text);
    until_status(&rig, &base_url, &key, 200);
    // Broken while it runs: who was known stays known.
    write_private(&file, "{ broken");
    until_status(&rig, &base_url, "unused", 503);
    assert_eq!(chat(&rig, &base_url, &key).status, 200);
}

#[test]
fn an_address_for_others_is_served_only_where_a_key_keeps_them_out() {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    let open = |rig: &Rig| {
        let mut command = rig.command(&["serve"]);
        command.env("CODEX_ROUTER_ADDR", "0.0.0.0:0");
        rig.spawn(&mut command)
    };
    let refused = open(&rig).ended();
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(
        refused.stderr.contains("codex-router keys create"),
        "{refused:?}"
    );
    let key = rig
        .run(&["keys", "create", "laptop"])
        .stdout
        .trim_end()
        .to_owned();
    assert_eq!(rig.run(&["keys", "require", "off"]).code, Some(0));
    let mut program = open(&rig);
    let base_url = program.base_url().replace("0.0.0.0", "127.0.0.1");
    assert_eq!(
        chat(&rig, &base_url, "unused").status,
        401,
        "whatever is set"
    );
    assert!(chat(&rig, &base_url, &key).said().is_some());
}
