//! Renaming, deleting, putting back, words and order: from the command line, with and without a program that runs.

use std::fs;

use codex_router::simulator::{Account, Gate, Refresh};
use serde_json::{Value, json};

use crate::support::{Rig, until};

fn rows(rig: &Rig, arguments: &[&str]) -> Vec<Value> {
    let arguments = [&["list", "--json"], arguments].concat();
    let listed = rig.run(&arguments);
    serde_json::from_str(&listed.stdout).unwrap_or_else(|err| panic!("{err}: {listed:?}"))
}

fn names(rows: &[Value]) -> Vec<&str> {
    rows.iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect()
}

#[test]
fn a_rename_waits_for_a_refresh_that_is_under_way_and_requests_go_on() {
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
    let (answers, ended) = std::thread::scope(|scope| {
        let answers = scope.spawn(|| rig.chats(&base_url, 5));
        rig.wait_for(gate.reached(1));
        let mut rename = rig.spawn(&mut rig.command(&["rename", "work", "team"]));
        // It has its place in the queue for the account, and waits.
        assert!(rename.is_running());
        assert!(rig.profile_path("work").exists());
        gate.open();
        (answers.join().unwrap(), rename.ended())
    });
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stdout, "work is now called team\n");
    for answer in &answers {
        assert!(answer.said().is_some(), "{answer:?}");
    }
    assert_eq!(rig.sim.redeems("work"), 1);
    assert_eq!(rig.sim.refused_redeems("work"), 0);
    let newest: Value = serde_json::from_str(&rig.sim.auth_json("work")).unwrap();
    assert_eq!(rig.profile("team")["tokens"], newest["tokens"]);
    assert!(!rig.profile_path("work").exists());
    until("the router answers by the account of the new name", || {
        rig.chat(&base_url, "hello").said()
    });
    until("the live login is the new one, too", || {
        (rig.live()["tokens"] == newest["tokens"]).then_some(())
    });
    until("the request log has been told", || {
        let pending = fs::read_to_string(rig.home().join("router/renames.json")).ok()?;
        (pending.trim() == "[]").then_some(())
    });
    let stats = rig.run(&["logs", "--json"]);
    assert!(
        stats.stdout.contains("\"team\"") && !stats.stdout.contains("\"profile\": \"work\""),
        "{stats:?}"
    );
    let token = &rows(&rig, &[])[0]["token"];
    assert_eq!(token["rotated_by"], "us", "{token}");
}

#[test]
fn a_rename_that_was_killed_after_the_move_is_finished_by_a_plain_list() {
    let rig = rename_killed_after_the_move();
    let listed = rows(&rig, &[]);
    assert_eq!(
        (&listed[0]["name"], &listed[0]["active"]),
        (&json!("team"), &json!(true))
    );
    let read = |path| fs::read_to_string(rig.home().join(path)).unwrap();
    assert_eq!(read(".current_profile"), "team");
    assert_eq!(read("router/renames.json"), "[]");
    let used = rig.run(&["use", "team"]);
    assert_eq!(used.code, Some(0), "{used:?}");
}

fn rename_killed_after_the_move() -> Rig {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    let used = rig.run(&["use", "work"]);
    assert_eq!(used.code, Some(0), "{used:?}");
    let current = rig.home().join(".current_profile");
    assert_eq!(fs::read_to_string(&current).unwrap(), "work");
    let pending = rig.home().join("router/renames.json");
    fs::write(
        &pending,
        json!([{"from": "work", "to": "team"}]).to_string(),
    )
    .unwrap();
    let profiles = rig.home().join("profiles");
    fs::rename(profiles.join("work"), profiles.join("team")).unwrap();
    rig
}

#[test]
fn a_rename_that_was_killed_after_the_move_is_finished_at_the_next_start() {
    let rig = rename_killed_after_the_move();
    let current = rig.home().join(".current_profile");
    let pending = rig.home().join("router/renames.json");
    let mut router = rig.serve();
    router.base_url();
    assert_eq!(fs::read_to_string(&current).unwrap(), "team");
    assert_eq!(fs::read_to_string(&pending).unwrap(), "[]");
    assert_eq!(rows(&rig, &[])[0]["active"], true);
}

#[test]
fn a_deleted_account_comes_back_after_a_restart_and_codex_never_noticed() {
    let rig = Rig::start();
    for name in ["spare", "work"] {
        rig.add(name, Account::chatgpt(name));
    }
    let mut router = rig.serve();
    let base_url = router.base_url();
    let used = rig.run(&["use", "work"]);
    assert_eq!(used.code, Some(0), "{used:?}");
    let live = rig.live();

    let unasked = rig.run(&["delete", "work"]);
    assert_eq!(unasked.code, Some(2), "{unasked:?}");
    let ended = rig.run(&["delete", "work", "gone", "--yes"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended
            .stdout
            .contains("Deleted work. To put it back: codex-router trash restore work-"),
        "{ended:?}"
    );
    assert!(
        ended
            .stdout
            .contains("Codex keeps using the login of work until you switch."),
        "{ended:?}"
    );
    assert!(
        ended
            .stderr
            .contains("1 of 2 accounts was not deleted: gone"),
        "{ended:?}"
    );
    assert_eq!(rig.live(), live);
    until("the router leaves it alone", || {
        rig.chat(&base_url, "hello")
            .said()
            .filter(|said| said.contains("spare"))
    });
    drop(router);

    // Codex rotates the login that is still its own.
    rig.sign_in(&rig.sim.rotate_as_cli("work"));
    let rotated = rig.live();
    let trash = rig.run(&["trash"]);
    assert!(trash.stdout.contains("  work  work@"), "{trash:?}");
    rig.sim.add(Account::chatgpt("other"));
    rig.save("work", &rig.sim.auth_json("other"));
    let mut router = rig.serve();
    router.base_url();
    let back = rig.run(&["trash", "restore", "work"]);
    assert_eq!(back.code, Some(0), "{back:?}");
    assert!(
        back.stdout
            .starts_with("work-2 is back\nWork is the name of another account by now"),
        "{back:?}"
    );
    until("it has the login that Codex has got", || {
        (rig.profile("work-2")["tokens"] == rotated["tokens"]).then_some(())
    });
    let trash = rig.run(&["trash"]);
    assert_eq!(trash.stdout, "The trash is empty.\n");
    assert_eq!(rig.sim.refused_redeems("work"), 0);
}

#[test]
fn words_in_any_script_are_kept_searched_and_hidden_from_other_eyes() {
    let rig = Rig::start();
    for name in ["a", "b", "c"] {
        rig.add(name, Account::chatgpt(name));
    }
    let ended = rig.run(&["label", "b", "開発 チーム"]);
    assert_eq!(ended.stdout, "b: called 開発 チーム\n", "{ended:?}");
    let evil = rig.run(&["label", "b", "\u{202e}evil"]);
    assert_eq!(evil.code, Some(2), "{evil:?}");
    fs::write(rig.home().join("profiles/c/router.json"), "{").unwrap();
    let bulk = rig.run(&["set", "--all", "--tag", "Client", "--note", "Fridays"]);
    assert_eq!(bulk.code, Some(1), "{bulk:?}");
    assert!(
        bulk.stdout.ends_with("2 accounts of 3 changed\n"),
        "{bulk:?}"
    );
    assert!(
        bulk.stderr.contains("nothing was changed for c"),
        "{bulk:?}"
    );
    assert_eq!(
        fs::read_to_string(rig.home().join("profiles/c/router.json")).unwrap(),
        "{"
    );
    fs::remove_file(rig.home().join("profiles/c/router.json")).unwrap();
    let pinned = rig.run(&["set", "c", "--pin", "yes"]);
    assert_eq!(pinned.code, Some(0), "{pinned:?}");

    assert_eq!(names(&rows(&rig, &[])), ["c", "a", "b"]);
    assert_eq!(names(&rows(&rig, &["client", "friday"])), ["a", "b"]);
    assert_eq!(names(&rows(&rig, &["チーム"])), ["b"]);
    let tagged = rig.run(&["set", "--tagged", "client", "--group", "team"]);
    assert!(
        tagged.stdout.ends_with("2 accounts of 2 changed\n"),
        "{tagged:?}"
    );
    let ordered = rig.run(&["order", "b", "c"]);
    assert_eq!(ordered.code, Some(0), "{ordered:?}");
    let moved = rig.run(&["order", "a", "--before", "c"]);
    assert_eq!(moved.code, Some(0), "{moved:?}");
    assert_eq!(rig.run(&["order"]).stdout, "1. b\n2. a\n3. c\n");
    assert_eq!(names(&rows(&rig, &["--sort", "order"])), ["c", "b", "a"]);

    let private = rig.run(&["list", "--private"]);
    assert!(
        private.stdout.contains("Account ") && private.stdout.contains("•••@"),
        "{private:?}"
    );
    assert!(!private.stdout.contains("チーム"), "{private:?}");
    let shown = rig.run(&["show", "b"]);
    for line in [
        "開発 チーム (b)",
        "  tags: Client",
        "  note: Fridays",
        "  router: order 1, group team",
    ] {
        assert!(shown.stdout.contains(line), "{line}: {shown:?}");
    }
}

#[test]
fn two_hundred_accounts_are_tagged_ordered_and_found() {
    let rig = Rig::start();
    let login = |number: usize| json!({"auth_mode": "apikey", "OPENAI_API_KEY": format!("sk-FAKE-{number}")});
    for number in 0..200 {
        rig.save(&format!("account-{number:03}"), &login(number).to_string());
    }
    let tagged = rig.run(&["set", "--all", "--tag", "all"]);
    assert!(
        tagged.stdout.ends_with("200 accounts of 200 changed\n"),
        "{tagged:?}"
    );
    let moved = rig.run(&["order", "account-199", "--first"]);
    assert_eq!(moved.code, Some(0), "{moved:?}");
    let rows = rows(&rig, &["--sort", "order"]);
    assert_eq!((rows.len(), names(&rows)[0]), (200, "account-199"));
    let all: Vec<_> = (0..200)
        .map(|number| format!("account-{number:03}"))
        .collect();
    let mut delete: Vec<_> = all.iter().map(String::as_str).collect();
    delete.insert(0, "delete");
    delete.push("--yes");
    let deleted = rig.run(&delete);
    assert!(
        deleted.stdout.ends_with("200 accounts deleted\n"),
        "{deleted:?}"
    );
    let purged = rig.run(&["trash", "purge", "--yes"]);
    assert_eq!(purged.stdout, "200 accounts removed for good\n");
}
