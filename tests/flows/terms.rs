//! `set`: the user's terms reach the file, the list and a router that is running.

use codex_router::simulator::Account;
use serde_json::{Value, json};

use crate::support::{Rig, until};

#[test]
fn what_is_set_is_listed_and_a_running_router_follows_it() {
    let rig = Rig::start();
    for name in ["home", "work"] {
        rig.add(name, Account::chatgpt(name));
    }
    let mut program = rig.serve();
    let base_url = program.base_url();
    let is_asked = |name: &str| {
        rig.chat(&base_url, "hello").said().unwrap();
        let asked = rig.sim.asked();
        let last = asked
            .iter()
            .rfind(|asked| asked.path.ends_with("/responses"));
        (last.unwrap().account.as_deref() == Some(name)).then_some(())
    };

    let ended = rig.run(&["set", "home", "--enabled", "no", "--weight", "3"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stdout, "home: not in the pool, weight 3\n");
    until("the router leaves home alone", || is_asked("work"));
    let ended = rig.run(&["set", "home", "--enabled", "default"]);
    assert_eq!(ended.stdout, "home: weight 3\n");
    let ended = rig.run(&["set", "work", "--enabled", "no"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    until("the router uses home again", || is_asked("home"));

    let listed = rig.run(&["list", "--json"]);
    let rows: Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(rows[0]["terms"], json!({"weight": 3}));
    assert_eq!(rows[1]["terms"], json!({"enabled": false}));
    let listed = rig.run(&["list"]);
    assert!(listed.stdout.contains("weight 3"), "{listed:?}");
    assert!(listed.stdout.contains("not in the pool"), "{listed:?}");

    let wrong = rig.run(&["set", "home", "--priority", "high"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    let nobody = rig.run(&["set", "nobody", "--weight", "2"]);
    assert_eq!(nobody.code, Some(1), "{nobody:?}");
}
