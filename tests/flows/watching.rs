//! Files that other programs write while the router runs. It shows by who serves the next request.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use codex_router::simulator::{Account, Reply};

use crate::support::{Program, Rig, until, write_private};

/// Asks until the answer comes from this account.
fn until_served_by(rig: &Rig, base_url: &str, account: &str) {
    let greeting = format!("Hello from {account} ");
    until(&format!("{account} serves"), || {
        let said = rig.chat(base_url, "who are you?").said()?;
        said.starts_with(&greeting).then_some(())
    });
}

/// Asks until nobody is left to serve.
fn until_nobody_serves(rig: &Rig, base_url: &str) {
    until("nobody serves", || {
        let answer = rig.chat(base_url, "anybody?");
        (answer.status != 200).then_some(())
    });
}

/// As `codex` and most editors do not: a whole new file takes the place of the old one.
fn rename_into_place(path: &Path, text: &str) {
    let aside = path.with_extension("json.new");
    write_private(&aside, text);
    fs::rename(aside, path).unwrap();
}

fn serve_with_work(rig: &Rig) -> (Program, String) {
    rig.add("work", Account::chatgpt("work"));
    let mut router = rig.serve();
    let base_url = router.base_url();
    until_served_by(rig, &base_url, "work");
    (router, base_url)
}

/// From now on only a new profile can serve.
fn exhaust(rig: &Rig, account: &str) {
    rig.sim
        .reply_always(account, Reply::usage_limit(Duration::from_secs(3600)));
}

#[test]
fn a_profile_that_is_renamed_into_place_serves() {
    let rig = Rig::start();
    let (_router, base_url) = serve_with_work(&rig);
    exhaust(&rig, "work");
    fs::create_dir(rig.home().join("profiles").join("late")).unwrap();
    rename_into_place(&rig.profile_path("late"), &rig.sim.auth_json("late"));
    until_served_by(&rig, &base_url, "late");
}

#[test]
fn a_broken_profile_that_is_rewritten_in_place_serves() {
    let rig = Rig::start();
    rig.save("work", "{ not yet");
    let mut router = rig.serve();
    let base_url = router.base_url();
    until_nobody_serves(&rig, &base_url);
    rig.save("work", &rig.sim.auth_json("work"));
    until_served_by(&rig, &base_url, "work");
}

#[test]
fn a_file_that_comes_in_two_halves_is_read_when_it_is_whole() {
    let rig = Rig::start();
    let (mut router, base_url) = serve_with_work(&rig);
    exhaust(&rig, "work");
    let login = rig.sim.auth_json("slow");
    let (first, second) = login.split_at(login.len() / 2);
    rig.save("slow", first);
    // Long enough for the program to see the half: it must not give up on the file.
    until("the half has been looked at", || {
        let list = rig.run(&["list"]);
        list.stdout.contains("slow").then_some(())
    });
    assert!(router.is_running());
    let path = rig.profile_path("slow");
    let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(second.as_bytes()).unwrap();
    drop(file);
    until_served_by(&rig, &base_url, "slow");
}

#[test]
fn directories_that_appear_later_are_watched_too() {
    let rig = Rig::start();
    let mut router = rig.serve();
    let base_url = router.base_url();
    until_nobody_serves(&rig, &base_url);
    // `profiles/` may not even have been there.
    rig.save("work", &rig.sim.auth_json("work"));
    until_served_by(&rig, &base_url, "work");
    fs::remove_dir_all(rig.home().join("profiles")).unwrap();
    until_nobody_serves(&rig, &base_url);
    rig.save("home", &rig.sim.auth_json("home"));
    until_served_by(&rig, &base_url, "home");
}

#[test]
fn the_strategy_active_follows_a_login_that_codex_writes_in_place_or_whole() {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    rig.add("home", Account::chatgpt("home"));
    rig.sign_in(&rig.sim.auth_json("work"));
    let mut command = rig.command(&["serve"]);
    let mut router = rig.spawn(command.env("CODEX_ROUTER_STRATEGY", "active"));
    let base_url = router.base_url();
    until_served_by(&rig, &base_url, "work");

    rig.sign_in(&rig.sim.auth_json("home"));
    until_served_by(&rig, &base_url, "home");
    rename_into_place(&rig.live_path(), &rig.sim.auth_json("work"));
    until_served_by(&rig, &base_url, "work");
    assert_eq!(rig.run(&["use", "home"]).code, Some(0));
    until_served_by(&rig, &base_url, "home");
}

#[test]
fn a_token_that_codex_rotated_while_we_run_is_taken_home() {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    rig.sign_in(&rig.sim.auth_json("work"));
    let mut router = rig.serve();
    let base_url = router.base_url();
    until_served_by(&rig, &base_url, "work");

    rig.sign_in(&rig.sim.rotate_as_cli("work"));
    let live = rig.live();
    until("the profile has the token that Codex got", || {
        let text = fs::read_to_string(rig.profile_path("work")).unwrap();
        let profile: serde_json::Value = serde_json::from_str(&text).ok()?;
        (profile["tokens"] == live["tokens"]).then_some(())
    });
    assert_eq!(temporary_files(&rig.home()), Vec::<PathBuf>::new());
}

/// What a writer left behind.
fn temporary_files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(temporary_files(&path));
        } else if path.extension().is_some_and(|end| end == "tmp") {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_setting_that_is_changed_holds_without_a_restart() {
    let rig = Rig::start();
    let (_router, base_url) = serve_with_work(&rig);
    let figures = base_url.replace("/v1", "/metrics");
    let becomes = |status: u16| {
        until("the figures follow the setting", || {
            (rig.get(&figures).status == status).then_some(())
        });
    };
    becomes(200);
    let set = rig.run(&["config", "set", "metrics.enabled", "false"]);
    assert_eq!(set.stdout, "metrics.enabled is \"false\" now.\n");
    becomes(404);

    let config = rig.home().join("router").join("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("false", "true # mine")).unwrap();
    becomes(200);

    let unset = rig.run(&["config", "unset", "metrics.enabled"]);
    assert!(unset.stdout.contains("its default"), "{}", unset.stdout);
    let bad = rig.run(&["config", "set", "router.strategy", "luck"]);
    assert_eq!(bad.code, Some(2), "{}", bad.stderr);
    assert!(bad.stderr.contains("least_used"), "{}", bad.stderr);
    let shown = rig.run(&["config", "get", "router.strategy"]);
    assert_eq!(shown.stdout, "least_used\n");
}
