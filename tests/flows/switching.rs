//! The CLI on real directories: switch, save, list, and what bad files and bad names get.

use std::{fs, net::TcpListener, path::Path, time::Duration};

use codex_router::simulator::{Account, Window};
use serde_json::{Value, json};

use crate::support::{Ended, Rig, write_private};

fn day(count: u64) -> Duration {
    Duration::from_secs(count * 24 * 3600)
}

/// Two profiles; Codex uses `work`.
fn two_profiles() -> Rig {
    let rig = Rig::start();
    let windows = [
        Window::five_hour(34.0, Duration::from_secs(3 * 3600)),
        Window::weekly(49.0, day(3)),
    ];
    rig.add(
        "work",
        Account::chatgpt("work").plan("team").windows(windows),
    );
    rig.add("home", Account::chatgpt("home"));
    rig.sign_in(&rig.sim.auth_json("work"));
    rig
}

fn refresh_token(auth: &Value) -> &str {
    auth.pointer("/tokens/refresh_token")
        .and_then(Value::as_str)
        .unwrap()
}

/// It failed with this exit code and one sentence about `what`, and printed no result.
#[track_caller]
fn assert_fails(ended: &Ended, code: i32, what: &str) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    assert!(ended.stderr.contains(what), "{ended:?}");
    assert!(!ended.stderr.contains("panicked"), "{ended:?}");
    assert_eq!(ended.stdout, "", "{ended:?}");
}

#[cfg(unix)]
#[track_caller]
fn assert_private(path: &Path) {
    use std::os::unix::fs::MetadataExt;
    let mode = fs::metadata(path).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600, "{}", path.display());
}

#[cfg(not(unix))]
fn assert_private(_path: &Path) {}

#[test]
fn a_token_that_the_cli_rotated_survives_switching_away_and_back() {
    let rig = two_profiles();
    let rotated: Value = serde_json::from_str(&rig.sim.rotate_as_cli("work")).unwrap();
    assert_ne!(refresh_token(&rotated), refresh_token(&rig.profile("work")));
    rig.sign_in(&rotated.to_string());

    let there = rig.run(&["use", "home"]);
    assert_eq!(there.stdout.trim_end(), "Codex now uses home", "{there:?}");
    assert_eq!(there.code, Some(0));
    assert_eq!(rig.live()["tokens"], rig.profile("home")["tokens"]);
    assert_eq!(rig.profile("work")["tokens"], rotated["tokens"]);
    assert_private(&rig.live_path());
    assert_private(&rig.profile_path("work"));

    let back = rig.run(&["use", "work"]);
    assert_eq!(back.stdout.trim_end(), "Codex now uses work", "{back:?}");
    assert_eq!(rig.live()["tokens"], rotated["tokens"]);
    assert_private(&rig.live_path());
    assert_eq!(rig.sim.redeems("work"), 0, "switching spends no token");
}

#[test]
fn an_unknown_login_is_kept_when_another_takes_its_place() {
    let rig = two_profiles();
    let stranger = rig.sim.auth_json("stranger");
    rig.sign_in(&stranger);

    let ended = rig.run(&["use", "home"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(rig.live()["tokens"], rig.profile("home")["tokens"]);

    let displaced = rig.home().join("router").join("displaced");
    let kept: Vec<_> = fs::read_dir(displaced)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let [kept] = kept.as_slice() else {
        panic!("{kept:?}")
    };
    let text = fs::read_to_string(kept).unwrap();
    let token = refresh_token(&serde_json::from_str(&stranger).unwrap()).to_owned();
    assert!(text.contains(&token));
    assert_private(kept);
}

#[test]
fn keys_that_we_do_not_know_survive_a_switch_and_back() {
    let rig = two_profiles();
    let mut login: Value = serde_json::from_str(&rig.sim.auth_json("work")).unwrap();
    login["agent_identity_of_tomorrow"] = json!({ "deep": [1, null, "x"] });
    rig.sign_in(&login.to_string());
    rig.save("work", &login.to_string());

    assert_eq!(rig.run(&["use", "home"]).code, Some(0));
    assert_eq!(rig.run(&["use", "work"]).code, Some(0));
    assert_eq!(
        rig.live()["agent_identity_of_tomorrow"],
        login["agent_identity_of_tomorrow"]
    );
}

#[test]
fn list_as_json_has_the_promised_keys_and_no_secret() {
    let rig = two_profiles();
    rig.add("key", Account::api_key("key"));
    rig.save("broken", "{ this is not JSON");

    let ended = rig.run(&["list", "--json"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let rows: Vec<Value> = serde_json::from_str(&ended.stdout).unwrap();
    let promised = [
        "name", "active", "kind", "email", "plan", "health", "reason", "windows",
    ];
    for row in &rows {
        for key in promised {
            assert!(row.get(key).is_some(), "{key} is missing in {row}");
        }
        assert!(row["windows"].is_array(), "{row}");
    }
    let names: Vec<_> = rows.iter().map(|row| row["name"].as_str()).collect();
    assert_eq!(
        names,
        ["broken", "home", "key", "work"].map(Some),
        "{}",
        ended.stdout
    );
    let row = |name: &str| rows.iter().find(|row| row["name"] == name).unwrap();
    assert_eq!(row("work")["active"], true);
    assert_eq!(row("home")["active"], false);
    assert_eq!(row("work")["email"], "work@example.com");
    assert_eq!(row("work")["plan"], "team");
    assert_eq!(row("work")["reason"], Value::Null);
    assert!(row("broken")["reason"].is_string());
    assert_ne!(row("broken")["health"], row("work")["health"]);
    assert_ne!(row("key")["kind"], row("work")["kind"]);

    for name in ["work", "home"] {
        let auth = rig.profile(name);
        for key in ["access_token", "refresh_token", "id_token"] {
            let secret = auth["tokens"][key].as_str().unwrap();
            assert!(!ended.stdout.contains(secret), "{key} of {name}");
        }
    }
    assert!(!ended.stdout.contains("sk-fake"));
}

#[test]
fn usage_as_json_shows_every_window_by_its_length() {
    let rig = two_profiles();
    let ended = rig.run(&["usage", "--json"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let rows: Vec<Value> = serde_json::from_str(&ended.stdout).unwrap();
    let work = rows.iter().find(|row| row["name"] == "work").unwrap();
    let windows = work["windows"].as_array().unwrap();
    let seen: Vec<_> = windows
        .iter()
        .map(|window| {
            assert!(!window["name"].as_str().unwrap().is_empty());
            assert!(!window["resets_at"].is_null(), "{window}");
            (
                window["limit_window_seconds"].as_u64(),
                window["used_percent"].as_f64(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (Some(5 * 3600), Some(34.0)),
            (Some(7 * 24 * 3600), Some(49.0))
        ]
    );
}

#[test]
fn a_name_that_leaves_the_profiles_is_refused_at_the_door() {
    let rig = two_profiles();
    let before = rig.live();
    let outside = rig.scratch().join("outside").join("auth.json");
    write_private(&outside, &rig.sim.auth_json("home"));
    for name in [
        "../../outside",
        "../x",
        "..",
        "a/b",
        "a\\b",
        "/etc",
        "",
        "a\nb",
    ] {
        let ended = rig.run(&["use", name]);
        assert!(matches!(ended.code, Some(1 | 2)), "{name:?}: {ended:?}");
        assert!(!ended.stderr.is_empty(), "{name:?}");
        assert!(!ended.stderr.contains("panicked"), "{ended:?}");

        let ended = rig.run(&["save", name]);
        assert!(matches!(ended.code, Some(1 | 2)), "{name:?}: {ended:?}");
    }
    assert_eq!(rig.live(), before);
    let mut profiles: Vec<_> = fs::read_dir(rig.home().join("profiles"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    profiles.sort();
    assert_eq!(profiles, ["home", "work"]);
}

#[test]
fn a_profile_that_is_not_there_is_named_and_nothing_changes() {
    let rig = two_profiles();
    let before = fs::read(rig.live_path()).unwrap();
    assert_fails(&rig.run(&["use", "nobody"]), 1, "nobody");
    assert_eq!(fs::read(rig.live_path()).unwrap(), before);
}

#[test]
fn wrong_usage_ends_with_two_and_a_hint() {
    let rig = Rig::start();
    assert_fails(&rig.run(&["dance"]), 2, "dance");
    assert_fails(&rig.run(&["use"]), 2, "use");
    let help = rig.run(&["--help"]);
    assert_eq!(help.code, Some(0));
    for verb in [
        "serve", "list", "use", "save", "refresh", "usage", "demo", "doctor",
    ] {
        assert!(help.stdout.contains(verb), "{verb}: {}", help.stdout);
    }
    let version = rig.run(&["--version"]);
    assert_eq!(
        version.stdout.trim_end(),
        concat!("codex-router ", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn saving_keeps_the_live_login_as_a_profile_that_can_be_used_later() {
    let rig = two_profiles();
    let login = rig.sim.auth_json("third");
    rig.sign_in(&login);

    let ended = rig.run(&["save", "third"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let login: Value = serde_json::from_str(&login).unwrap();
    assert_eq!(rig.profile("third")["tokens"], login["tokens"]);
    assert_private(&rig.profile_path("third"));

    let taken = rig.run(&["save", "home"]);
    assert_fails(&taken, 1, "home");
    assert_ne!(rig.profile("home")["tokens"], login["tokens"]);

    assert_eq!(rig.run(&["use", "home"]).code, Some(0));
    assert_eq!(rig.run(&["use", "third"]).code, Some(0));
    assert_eq!(rig.live()["tokens"], login["tokens"]);
}

#[test]
fn broken_and_huge_profiles_are_shown_and_never_touched() {
    let rig = two_profiles();
    let huge = format!("{{\"pad\":\"{}\"}}", "x".repeat(2 << 20));
    let bad = [
        ("huge", huge.as_str()),
        ("half", "{\"tokens\": {\"id_token\": \"ey"),
        ("empty", ""),
        ("list", "[1, 2]"),
        ("deep", &"[".repeat(10_000)),
        ("odd", "{\"tokens\": 7, \"OPENAI_API_KEY\": {}}"),
    ];
    for (name, text) in bad {
        rig.save(name, text);
    }
    let before = rig.live();

    let ended = rig.run(&["list", "--json"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let rows: Vec<Value> = serde_json::from_str(&ended.stdout).unwrap();
    for (name, text) in bad {
        let row = rows.iter().find(|row| row["name"] == name);
        let row = row.unwrap_or_else(|| panic!("{name} is missing in {}", ended.stdout));
        assert!(row["reason"].is_string(), "{row}");
        assert_fails(&rig.run(&["use", name]), 1, name);
        assert_eq!(fs::read_to_string(rig.profile_path(name)).unwrap(), text);
    }
    assert_eq!(rig.live(), before);
}

#[cfg(unix)]
#[test]
fn a_pipe_in_place_of_a_login_stops_nobody() {
    let rig = two_profiles();
    let path = rig.home().join("profiles").join("pipe");
    fs::create_dir(&path).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(path.join("auth.json"))
        .status();
    assert!(made.unwrap().success());

    let ended = rig.run(&["list"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("work"), "{ended:?}");
    assert_fails(&rig.run(&["use", "pipe"]), 1, "pipe");
}

#[test]
fn an_unreadable_live_login_is_moved_aside_and_not_lost() {
    let rig = two_profiles();
    rig.sign_in("{ half a login");
    let ended = rig.run(&["use", "home"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(rig.live()["tokens"], rig.profile("home")["tokens"]);
    let displaced = fs::read_dir(rig.home().join("router").join("displaced")).unwrap();
    let texts: Vec<_> = displaced
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert_eq!(texts, ["{ half a login"]);
}

#[test]
fn a_home_that_is_not_there_yet_is_an_empty_one() {
    let rig = Rig::start();
    let home = rig.scratch().join("not").join("yet");
    let mut command = rig.command(&["list", "--json"]);
    let ended = rig.spawn(command.env("CODEX_HOME", &home)).ended();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(
        serde_json::from_str::<Value>(&ended.stdout).unwrap(),
        json!([])
    );
}

#[test]
fn a_home_that_is_a_file_is_told_in_a_sentence() {
    let rig = Rig::start();
    let home = rig.scratch().join("a-file");
    write_private(&home, "not a directory");
    let mut command = rig.command(&["list"]);
    let ended = rig.spawn(command.env("CODEX_HOME", &home)).ended();
    assert!(matches!(ended.code, Some(1 | 2)), "{ended:?}");
    assert!(ended.stderr.contains("a-file"), "{ended:?}");
    assert!(!ended.stderr.contains("panicked"), "{ended:?}");
    assert_eq!(fs::read_to_string(&home).unwrap(), "not a directory");
}

#[test]
fn a_home_where_nothing_can_be_kept_is_told_and_the_login_stays() {
    let rig = two_profiles();
    // A file where the program's own directory should be: nobody can write below it, not even root.
    write_private(&rig.home().join("router"), "in the way");
    let before = fs::read(rig.live_path()).unwrap();
    let ended = rig.run(&["use", "home"]);
    assert_fails(&ended, 1, "router");
    assert_eq!(fs::read(rig.live_path()).unwrap(), before);
}

#[test]
fn a_taken_port_is_named_with_a_way_out() {
    let rig = two_profiles();
    let holder = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = holder.local_addr().unwrap().port();
    let mut command = rig.command(&["serve"]);
    command.env("CODEX_ROUTER_ADDR", format!("localhost:{port}"));
    let ended = rig.spawn(&mut command).ended();
    assert_fails(&ended, 1, &port.to_string());
    assert!(ended.stderr.contains("CODEX_ROUTER_ADDR"), "{ended:?}");
}

#[test]
fn the_doctor_looks_at_everything_and_says_what_to_do() {
    let rig = two_profiles();
    let ended = rig.run(&["doctor"]);
    let mut rows: Vec<&str> = ended.stdout.lines().collect();
    let summary = rows.pop().unwrap_or_default();
    assert!(summary.ends_with('.'), "{ended:?}");
    assert!(rows.len() >= 7, "{ended:?}");
    for row in &rows {
        assert!(
            row.starts_with("ok ") || row.starts_with("look "),
            "{row:?}"
        );
    }
    for what in ["home", "permissions", "locks", "port", "watcher"] {
        let is_there = |row: &&str| row.split_whitespace().nth(1) == Some(what);
        let row = rows.iter().find(|row| is_there(row));
        assert!(
            row.is_some_and(|row| row.starts_with("ok ")),
            "{what}: {ended:?}"
        );
    }
    write_private(
        &rig.home().join("config.toml"),
        "cli_auth_credentials_store = \"keyring\"\n",
    );
    let ended = rig.run(&["doctor"]);
    let advice = ended.stdout.lines().find(|row| row.contains("keyring"));
    assert!(
        advice.is_some_and(|row| row.starts_with("look")),
        "{ended:?}"
    );
}
