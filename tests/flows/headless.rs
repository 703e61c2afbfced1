//! Without a screen: one line says why, and everything else works.

use std::net::TcpStream;

use codex_router::simulator::Account;

use crate::support::{Rig, until};

#[test]
fn without_a_display_it_says_so_and_serves() {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    let mut program = rig.spawn(&mut rig.command(&[]));
    let base_url = program.base_url();
    let stdout = program.stdout();
    let first = stdout.lines().next().unwrap();
    assert!(first.starts_with("No display ("), "{stdout}");
    assert!(first.ends_with("); serving without a window."), "{stdout}");
    assert_eq!(stdout.lines().count(), 2, "{stdout}");
    let answer = rig.chat(&base_url, "hello");
    assert!(answer.said().is_some(), "{answer:?}");
}

#[test]
fn a_display_that_nobody_answers_at_is_no_display() {
    let rig = Rig::start();
    let mut command = rig.command(&[]);
    let mut program = rig.spawn(command.env("DISPLAY", ":65533"));
    let base_url = program.base_url();
    assert!(program.stdout().starts_with("No display ("));
    let health = base_url.replace("/v1", "/health");
    assert_eq!(rig.get(&health).status, 200);
}

#[test]
fn health_is_answered_while_the_upstream_is_silent() {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    let mut command = rig.command(&["serve"]);
    // Nobody listens there: a request ends at once, a retry never helps.
    command
        .env(
            "CODEX_ROUTER_CHATGPT_BASE_URL",
            "http://127.0.0.1:9/backend-api",
        )
        .env("CODEX_ROUTER_ISSUER", "http://127.0.0.1:9");
    let mut program = rig.spawn(&mut command);
    let base_url = program.base_url();
    let answer = rig.get(&base_url.replace("/v1", "/health"));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["status"], "ok");
}

#[test]
fn the_models_of_the_last_run_are_listed_although_nobody_answers() {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work").models(["gpt-of-work"]));
    let listed = |base_url: &str| {
        let list = rig.get(&format!("{base_url}/models")).json();
        list["data"][0]["id"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let mut program = rig.serve();
    assert_eq!(listed(&program.base_url()), "gpt-of-work");
    let cache = rig.home().join("router/models.json");
    until("the list is kept", || cache.exists().then_some(()));
    drop(program);

    let mut command = rig.command(&["serve"]);
    let nowhere = "http://127.0.0.1:9/backend-api";
    let mut program = rig.spawn(command.env("CODEX_ROUTER_CHATGPT_BASE_URL", nowhere));
    assert_eq!(listed(&program.base_url()), "gpt-of-work");
}

#[test]
fn serve_prints_one_line_and_answers_at_both_addresses_of_localhost() {
    let rig = Rig::start();
    let mut program = rig.serve();
    let base_url = program.base_url();
    assert_eq!(program.stdout(), format!("Router on {base_url}\n"));
    let port: u16 = base_url
        .strip_prefix("http://127.0.0.1:")
        .and_then(|rest| rest.strip_suffix("/v1"))
        .and_then(|port| port.parse().ok())
        .unwrap_or_else(|| panic!("{base_url}"));
    let has_ipv6 = std::net::TcpListener::bind(("::1", 0)).is_ok();
    assert!(!has_ipv6 || TcpStream::connect(("::1", port)).is_ok());
}

#[test]
fn a_second_instance_leaves_the_first_alone_and_ends_well() {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    let mut first = rig.spawn(&mut rig.command(&[]));
    let base_url = first.base_url();

    let second = rig.run(&[]);
    assert_eq!(second.code, Some(0), "{second:?}");
    assert!(!second.stdout.contains("Router on"), "{second:?}");
    assert!(first.is_running());
    let answer = rig.chat(&base_url, "still there?");
    assert!(answer.said().is_some(), "{answer:?}");
}

#[cfg(unix)]
#[test]
fn a_request_to_end_is_obeyed_and_the_port_is_free_again() {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    let mut program = rig.serve();
    let base_url = program.base_url();
    assert!(rig.chat(&base_url, "hello").said().is_some());

    program.terminate();
    let status = program.end();
    assert_eq!(status.code(), Some(0), "{}", program.stderr());
    let port = base_url.trim_start_matches("http://127.0.0.1:");
    let port: u16 = port.trim_end_matches("/v1").parse().unwrap();
    until("the port is closed", || {
        TcpStream::connect(("127.0.0.1", port))
            .is_err()
            .then_some(())
    });
    // The lock went with it: the next one may start.
    let mut next = rig.serve();
    next.base_url();
}

#[cfg(unix)]
#[test]
fn the_demo_needs_no_account_and_leaves_nothing_behind() {
    let rig = Rig::start();
    let mut command = rig.command(&["demo"]);
    command
        .env("TMPDIR", rig.scratch().join("run"))
        .env_remove("CODEX_HOME")
        .env_remove("CODEX_ROUTER_CHATGPT_BASE_URL")
        .env_remove("CODEX_ROUTER_OPENAI_BASE_URL")
        .env_remove("CODEX_ROUTER_ISSUER");
    let mut program = rig.spawn(&mut command);
    let base_url = program.base_url();
    let answer = rig.chat(&base_url, "hello");
    let said = answer.said().unwrap_or_else(|| panic!("{answer:?}"));
    assert!(said.starts_with("Hello from "), "{said}");
    until("it shows what to try", || {
        let snippet = format!("OpenAI(base_url=\"{base_url}\"");
        program.stdout().contains(&snippet).then_some(())
    });
    assert!(rig.sim.asked().is_empty(), "it has an upstream of its own");

    program.terminate();
    assert_eq!(program.end().code(), Some(0), "{}", program.stderr());
    for directory in ["run", "user"] {
        let left = std::fs::read_dir(rig.scratch().join(directory)).unwrap();
        assert_eq!(left.count(), 0, "{directory}");
    }
}

#[test]
fn the_log_has_neither_prompts_nor_tokens() {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    rig.add("key", Account::api_key("key"));
    let mut command = rig.command(&["serve"]);
    let mut program = rig.spawn(command.env("RUST_LOG", "trace"));
    let base_url = program.base_url();
    for _ in 0..2 {
        let answer = rig.chat(&base_url, "the launch code is swordfish-7");
        assert!(answer.said().is_some(), "{answer:?}");
    }
    let log = program.stderr();
    assert!(!log.is_empty(), "a trace that says nothing proves nothing");
    assert!(!log.contains("swordfish-7"));
    assert!(!log.contains("sk-fake"));
    let auth = rig.profile("work");
    for key in ["access_token", "refresh_token", "id_token"] {
        let secret = auth["tokens"][key].as_str().unwrap();
        assert!(!log.contains(secret), "{key}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_log_that_nobody_can_read_does_not_stop_the_work() {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    let serve = rig.command(&["serve"]);
    let mut shell = std::process::Command::new("sh");
    shell
        .args(["-c", "exec \"$0\" \"$@\" 2>/dev/full"])
        .arg(serve.get_program())
        .args(serve.get_args())
        .env_clear();
    for (name, value) in serve.get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    // Every line of the log is one that cannot be written.
    let mut program = rig.spawn(shell.env("RUST_LOG", "debug"));
    let base_url = program.base_url();
    assert!(rig.chat(&base_url, "hello").said().is_some());
    program.terminate();
    assert_eq!(program.end().code(), Some(0));
}
