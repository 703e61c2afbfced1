//! What happened to a request is there for whoever asks: while the program runs, after it, and after it was killed.

use codex_router::simulator::{Account, Reply};
use serde_json::Value;

use crate::support::{Rig, until};

fn json(rig: &Rig, arguments: &[&str]) -> Value {
    let ended = rig.run(arguments);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    serde_json::from_str(&ended.stdout).unwrap()
}

#[test]
fn a_request_is_explained_counted_and_listed_while_the_program_runs_and_after_it() {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    rig.add("home", Account::chatgpt("home"));
    let before = rig.run(&["logs"]);
    assert!(
        before.stdout.starts_with("No request is recorded yet."),
        "{before:?}"
    );
    assert_eq!(rig.run(&["explain", "last"]).code, Some(1));

    let mut program = rig.serve();
    let base_url = program.base_url();
    rig.sim.reply_next("home", [Reply::status(500, "oops")]);
    rig.sim.reply_next("work", [Reply::status(500, "oops")]);
    let answer = rig.chat(&base_url, "a secret that nobody may keep");
    let id = answer.headers["x-request-id"].to_str().unwrap().to_owned();
    let story = until("it is recorded", || {
        let ended = rig.run(&["explain", &id[..14], "--json"]);
        (ended.code == Some(0)).then_some(ended.stdout)
    });
    let story: Value = serde_json::from_str(&story).unwrap();
    assert_eq!(story["id"], id.as_str());
    assert_eq!(story["attempts"][0]["result"], "failing");
    assert_eq!(story["attempts"][0]["what"], "status 500");
    assert_eq!(story["status"], answer.status);
    assert_eq!(story["dialect"], "chat");

    assert!(rig.chat(&base_url, "again").said().is_some());
    program.terminate();
    assert_eq!(program.end().code(), Some(0), "{}", program.stderr());
    let logs = json(&rig, &["logs", "--json"]);
    assert_eq!(logs.as_array().unwrap().len(), 2);
    assert_eq!(logs[0]["status"], 200, "the newest first");
    assert_eq!(logs[1]["id"], id.as_str());
    assert!(logs[0]["tokens"]["input"].as_u64().unwrap() > 0);
    assert!(logs[0]["estimated_cost_usd"].as_f64().unwrap() > 0.0);
    let failed = json(&rig, &["logs", "--json", "--status", "5xx"]);
    assert!(
        failed
            .as_array()
            .unwrap()
            .iter()
            .all(|it| it["status"].as_u64().unwrap() >= 500)
    );
    let stats = json(&rig, &["stats", "--json", "--by", "dialect"]);
    assert_eq!(
        (&stats[0]["name"], &stats[0]["requests"]),
        (&"chat".into(), &2.into())
    );
    let sessions = json(&rig, &["stats", "--json", "--by", "session"]);
    let asked: u64 = sessions
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|session| session["accounts"].as_array().unwrap())
        .filter_map(|account| account["requests"].as_u64())
        .sum();
    assert_eq!(asked, 2, "{sessions}");
    assert_eq!(logs[0]["tokens"]["estimated"], false);
    let told = rig.run(&["explain", "last"]);
    assert!(told.stdout.contains("covered by the plan"), "{told:?}");
    assert!(rig.run(&["stats"]).stdout.contains("est. cost"));
    assert_eq!(rig.run(&["explain", "nobody"]).code, Some(1));
    assert_eq!(rig.run(&["logs", "--status", "fine"]).code, Some(2));

    // What was said stays between the client and the account.
    let file = std::fs::read(rig.home().join("router/router.db")).unwrap();
    let secret = b"a secret that nobody may keep";
    assert!(!file.windows(secret.len()).any(|part| part == secret));
}

#[test]
fn what_was_written_outlives_a_kill_and_a_damaged_log_keeps_nobody_from_serving() {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    let mut program = rig.serve();
    assert!(rig.chat(&program.base_url(), "hello").said().is_some());
    let recorded = || json(&rig, &["logs", "--json"]).as_array().unwrap().len();
    until("it is recorded", || (recorded() == 1).then_some(()));
    // Killed, not asked.
    drop(program);
    assert_eq!(recorded(), 1);

    for end in ["", "-wal", "-shm"] {
        let path = rig.home().join(format!("router/router.db{end}"));
        drop(std::fs::write(path, "this is no database any more"));
    }
    let mut program = rig.serve();
    assert!(rig.chat(&program.base_url(), "hello").said().is_some());
    until("it is recorded anew", || {
        let ended = rig.run(&["logs", "--json"]);
        let logs: Value = serde_json::from_str(&ended.stdout).ok()?;
        (logs.as_array()?.len() == 1).then_some(())
    });
    let names = std::fs::read_dir(rig.home().join("router")).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    let is_aside =
        |name: &&std::ffi::OsString| name.to_string_lossy().starts_with("router.db.corrupt-");
    assert!(names.iter().any(|name| is_aside(&name)), "{names:?}");
}
