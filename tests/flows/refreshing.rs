//! Tokens: each refresh token is redeemed once, and what came of it is on disk.

use codex_router::simulator::{Account, Gate, Refresh};
use serde_json::Value;

use crate::support::{Rig, until};

fn access_token(auth: &Value) -> &str {
    auth.pointer("/tokens/access_token")
        .and_then(Value::as_str)
        .unwrap()
}

#[test]
fn twenty_requests_over_an_expired_token_redeem_it_once() {
    let rig = Rig::start();
    rig.sim.add(Account::chatgpt("work"));
    let expired = rig.sim.auth_json_expired("work");
    rig.save("work", &expired);
    rig.sign_in(&expired);
    let gate = Gate::closed();
    rig.sim
        .refresh_next("work", [Refresh::rotate().held_before(&gate)]);

    let mut router = rig.serve();
    let base_url = router.base_url();
    let answers = std::thread::scope(|scope| {
        let answers = scope.spawn(|| rig.chats(&base_url, 20));
        rig.wait_for(gate.reached(1));
        gate.open();
        answers.join().unwrap()
    });

    for answer in &answers {
        let said = answer.said().unwrap_or_else(|| panic!("{answer:?}"));
        assert!(said.contains("work"), "{said}");
    }
    assert_eq!(answers.len(), 20);
    assert_eq!(rig.sim.redeems("work"), 1);
    assert_eq!(rig.sim.refused_redeems("work"), 0);

    let newest: Value = serde_json::from_str(&rig.sim.auth_json("work")).unwrap();
    assert_ne!(access_token(&newest), {
        let expired: Value = serde_json::from_str(&expired).unwrap();
        access_token(&expired).to_owned()
    });
    assert_eq!(rig.profile("work")["tokens"], newest["tokens"]);
    until("the login that Codex uses is the new one as well", || {
        (rig.live()["tokens"] == newest["tokens"]).then_some(())
    });
}

#[test]
fn a_login_that_the_cli_renewed_is_taken_instead_of_redeeming() {
    let rig = Rig::start();
    rig.sim.add(Account::chatgpt("work"));
    rig.save("work", &rig.sim.auth_json_expired("work"));
    // The CLI has rotated it since; the profile's copy is spent.
    let rotated = rig.sim.rotate_as_cli("work");
    rig.sign_in(&rotated);

    let mut router = rig.serve();
    let answer = rig.chat(&router.base_url(), "hello");
    assert!(answer.said().is_some(), "{answer:?}");
    assert_eq!(rig.sim.redeems("work"), 0);
    assert_eq!(rig.sim.refused_redeems("work"), 0);
}

#[test]
fn a_dead_login_says_so_and_keeps_its_file() {
    let rig = Rig::start();
    rig.sim.add(Account::chatgpt("work"));
    let expired = rig.sim.auth_json_expired("work");
    rig.save("work", &expired);
    rig.sim.revoke_refresh("work");

    let mut router = rig.serve();
    let answer = rig.chat(&router.base_url(), "hello");
    assert!(answer.status >= 400 && answer.status != 401, "{answer:?}");
    assert!(answer.json()["error"]["message"].is_string(), "{answer:?}");
    let expired: Value = serde_json::from_str(&expired).unwrap();
    assert_eq!(rig.profile("work")["tokens"], expired["tokens"]);

    let list = rig.run(&["list", "--json"]);
    let rows: Vec<Value> = serde_json::from_str(&list.stdout).unwrap();
    assert!(rows[0]["reason"].is_string(), "{}", list.stdout);
}

#[test]
fn refresh_by_hand_saves_the_new_token() {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    let before = rig.profile("work");
    let ended = rig.run(&["refresh", "work"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(rig.sim.redeems("work"), 1);
    let newest: Value = serde_json::from_str(&rig.sim.auth_json("work")).unwrap();
    assert_ne!(before["tokens"], newest["tokens"]);
    assert_eq!(rig.profile("work")["tokens"], newest["tokens"]);
}
