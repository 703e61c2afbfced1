//! A command with an account of its own: what it sees, how it ends, and what becomes of the login.

use std::{fs, path::PathBuf, process::Command};

use codex_router::simulator::Account;
use serde_json::Value;

use crate::support::{Program, Rig, until, write_private};

fn rig() -> Rig {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    rig.add("spare", Account::chatgpt("spare"));
    rig.sign_in(&rig.sim.auth_json("spare"));
    rig
}

fn run(rig: &Rig, account: &str, words: &[&str]) -> Command {
    let mut command = rig.command(&["run", account, "--"]);
    command.args(words);
    command
}

/// The login of the only account that had a terminal; where it would be if nobody has one.
fn overlay_login(rig: &Rig) -> PathBuf {
    let overlays = rig.home().join("router/overlays");
    let all = fs::read_dir(&overlays).into_iter().flatten();
    let mut logins: Vec<_> = all.map(|it| it.unwrap().path().join("auth.json")).collect();
    logins.sort_by_key(|login| !login.exists());
    logins.into_iter().next().unwrap_or(overlays)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_command_gets_its_words_its_home_and_its_exit_code_and_the_users_own_rights() {
    let rig = rig();
    let script = "printf '%s|' \"$@\"; umask; cat \"$CODEX_HOME/auth.json\" >&2; exit 7";
    let ended = rig
        .spawn(&mut run(
            &rig,
            "work",
            &["sh", "-c", script, "sh", "a b", "$x"],
        ))
        .ended();
    assert_eq!(ended.code, Some(7), "{}", ended.stderr);
    let umask = Command::new("sh").args(["-c", "umask"]).output().unwrap();
    let umask = String::from_utf8(umask.stdout).unwrap();
    assert_eq!(ended.stdout, format!("a b|$x|{umask}"));
    assert_eq!(json(&ended.stderr)["tokens"], rig.profile("work")["tokens"]);
    assert_eq!(rig.live()["tokens"], rig.profile("spare")["tokens"]);
    assert!(!overlay_login(&rig).exists());
    let ended = rig
        .spawn(&mut run(&rig, "work", &["sh", "-c", "kill -9 $$"]))
        .ended();
    assert_eq!(ended.code, Some(137));
}

#[test]
fn what_cannot_be_run_is_said_and_leaves_nothing_behind() {
    let rig = rig();
    for (account, word, says) in [
        ("work", "no-such-program", "could not be started"),
        ("nobody", "true", "no account"),
    ] {
        let ended = rig.spawn(&mut run(&rig, account, &[word])).ended();
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
    }
    assert!(!overlay_login(&rig).exists());
    write_private(
        &rig.home().join("config.toml"),
        "cli_auth_credentials_store = \"keyring\"\n",
    );
    let ended = rig.spawn(&mut run(&rig, "work", &["true"])).ended();
    assert!(
        ended.stderr.contains("fix credential-store"),
        "{}",
        ended.stderr
    );
}

#[test]
fn our_own_commands_in_there_mean_the_real_home() {
    let rig = rig();
    let router = env!("CARGO_BIN_EXE_codex-router");
    let ended = rig.spawn(&mut run(&rig, "work", &[router, "list"])).ended();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("* spare"), "{}", ended.stdout);
}

/// A command that says when it is there and stays until it is asked to end.
fn staying(rig: &Rig) -> Program {
    let script = "echo $$; trap 'exit 9' TERM; while :; do sleep 0.05; done";
    rig.spawn(&mut run(rig, "work", &["sh", "-c", script]))
}

fn pid_in(program: &Program) -> String {
    until("the command has started", || {
        let told = program.stdout();
        told.ends_with('\n').then(|| told.trim().to_owned())
    })
}

#[test]
fn a_signal_for_us_is_the_commands_own() {
    let rig = rig();
    let program = staying(&rig);
    pid_in(&program);
    program.terminate();
    assert_eq!(program.ended().code, Some(9));
    assert!(!overlay_login(&rig).exists());
}

#[test]
fn what_is_rotated_in_there_comes_home_while_it_runs() {
    let rig = rig();
    let program = staying(&rig);
    pid_in(&program);
    let rotated = rig.sim.rotate_as_cli("work");
    write_private(&overlay_login(&rig), &rotated);
    until("the profile has the rotated login", || {
        (rig.profile("work")["tokens"] == json(&rotated)["tokens"]).then_some(())
    });
    program.terminate();
    assert_eq!(program.ended().code, Some(9));
}

#[test]
fn what_codex_rotates_outside_reaches_the_terminal_where_no_router_runs() {
    let rig = rig();
    rig.sign_in(&rig.sim.auth_json("work"));
    let program = staying(&rig);
    pid_in(&program);
    // What is rotated in there comes home, so it has been looked at, and nothing changes in there from here on.
    let rotated = rig.sim.rotate_as_cli("work");
    write_private(&overlay_login(&rig), &rotated);
    until("the live file has the rotated login", || {
        (rig.live()["tokens"] == json(&rotated)["tokens"]).then_some(())
    });
    // Longer than that look goes on.
    assert_eq!(rig.run(&["list"]).code, Some(0));
    let rotated = rig.sim.rotate_as_cli("work");
    rig.sign_in(&rotated);
    until("the terminal has the rotated login", || {
        let here = json(&fs::read_to_string(overlay_login(&rig)).unwrap());
        (here["tokens"] == json(&rotated)["tokens"]).then_some(())
    });
    assert_eq!(rig.profile("work")["tokens"], json(&rotated)["tokens"]);
    program.terminate();
    assert_eq!(program.ended().code, Some(9));
}

#[test]
fn the_databases_of_codex_are_those_of_the_real_home() {
    let rig = rig();
    let told = |command: &mut Command| {
        let ended = rig.spawn(command).ended();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        PathBuf::from(ended.stdout)
    };
    let script = "printf %s \"$CODEX_SQLITE_HOME\"";
    let mut command = run(&rig, "work", &["sh", "-c", script]);
    let real = fs::canonicalize(rig.home()).unwrap();
    assert_eq!(fs::canonicalize(told(&mut command)).unwrap(), real);
    // Unless the user has them elsewhere.
    let mut command = run(&rig, "work", &["sh", "-c", script]);
    command.env("CODEX_SQLITE_HOME", "/elsewhere");
    assert_eq!(told(&mut command), PathBuf::from("/elsewhere"));
}

#[test]
fn a_router_that_renews_a_login_hands_it_to_the_terminal() {
    let rig = rig();
    let mut router = rig.serve();
    router.base_url();
    let program = staying(&rig);
    pid_in(&program);
    let before = json(&fs::read_to_string(overlay_login(&rig)).unwrap());
    assert_eq!(rig.run(&["refresh", "work"]).code, Some(0));
    let after = json(&fs::read_to_string(overlay_login(&rig)).unwrap());
    assert_ne!(before["tokens"], after["tokens"]);
    assert_eq!(after["tokens"], rig.profile("work")["tokens"]);
    program.terminate();
    program.ended();
}

#[test]
fn killing_us_loses_nothing_while_the_command_goes_on_and_after_it() {
    let rig = rig();
    let program = staying(&rig);
    let pid = pid_in(&program);
    let kill = |signal: &str, pid: &str| {
        let status = Command::new("kill").args([signal, pid]).status().unwrap();
        assert!(status.success());
    };
    kill("-9", &program.id().to_string());
    program.ended();
    // The command lives and rotates.
    let rotated = rig.sim.rotate_as_cli("work");
    write_private(&overlay_login(&rig), &rotated);
    let second = rig.spawn(&mut run(&rig, "work", &["true"])).ended();
    assert_eq!(second.code, Some(0), "{}", second.stderr);
    assert_eq!(rig.profile("work")["tokens"], json(&rotated)["tokens"]);
    assert!(overlay_login(&rig).exists(), "it is in use");
    // It rotates once more and is killed as well.
    let rotated = rig.sim.rotate_as_cli("work");
    write_private(&overlay_login(&rig), &rotated);
    kill("-9", &pid);
    until("the next start tidies up", || {
        let ended = rig.spawn(&mut run(&rig, "spare", &["true"])).ended();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        (!overlay_login(&rig).exists()).then_some(())
    });
    assert_eq!(rig.profile("work")["tokens"], json(&rotated)["tokens"]);
    assert_eq!(rig.sim.refused_redeems("work"), 0);
}

#[test]
fn an_account_may_be_renamed_and_deleted_while_a_terminal_uses_it() {
    let rig = rig();
    let program = staying(&rig);
    pid_in(&program);
    let overlay = overlay_login(&rig);
    let does = |words: &[&str]| {
        let ended = rig.run(words);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    };
    does(&["rename", "work", "team"]);
    // The name is another account's from here on.
    rig.sim.add(Account::chatgpt("another"));
    rig.save("work", &rig.sim.auth_json("another"));
    let rotated = rig.sim.rotate_as_cli("work");
    write_private(&overlay, &rotated);
    until("the renamed account has the rotated login", || {
        (rig.profile("team")["tokens"] == json(&rotated)["tokens"]).then_some(())
    });
    does(&["delete", "team", "--yes"]);
    let rotated = rig.sim.rotate_as_cli("work");
    write_private(&overlay, &rotated);
    program.terminate();
    assert_eq!(program.ended().code, Some(9));
    assert!(!overlay.exists());
    does(&["trash", "restore", "team"]);
    assert_eq!(rig.profile("team")["tokens"], json(&rotated)["tokens"]);
    let another = json(&rig.sim.auth_json("another"));
    assert_eq!(rig.profile("work")["tokens"], another["tokens"]);
    assert_eq!(rig.sim.refused_redeems("work"), 0);
}
