//! Signing in from a terminal: by browser, code, pasted address and key; against the simulator's issuer.
//!
//! The browser is a client that follows one address, as the issuer tells it.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use codex_router::simulator::{Account, DeviceReply, Visit};

use crate::support::{Program, Rig, until, write_private};

/// The program with ports of the system's choice for the browser.
fn start(rig: &Rig, arguments: &[&str]) -> Program {
    let mut command = rig.command(arguments);
    command.env("CODEX_ROUTER_LOGIN_PORTS", "0,0");
    rig.spawn(&mut command)
}

/// The same with a hand on its standard input.
fn start_typing(rig: &Rig, arguments: &[&str]) -> (Program, std::io::PipeWriter) {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = rig.command(arguments);
    command.env("CODEX_ROUTER_LOGIN_PORTS", "0,0");
    let logs = rig.scratch().join("logs");
    let program = Program::start_reading(&mut command, Stdio::from(reader), &logs);
    (program, writer)
}

/// The address that the program shows.
fn shown_url(program: &mut Program) -> String {
    until("the program shows an address", || {
        let stdout = program.stdout();
        assert!(program.is_running(), "{stdout}{}", program.stderr());
        let line = stdout
            .split_inclusive('\n')
            .find(|line| line.trim_start().starts_with("http") && line.ends_with('\n'))?;
        Some(line.trim().to_owned())
    })
}

/// Where the issuer sends the browser, which does not go there.
fn sent_to(rig: &Rig, url: &str) -> String {
    rig.wait_for(async {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let answer = client.get(url).send().await.unwrap();
        assert_eq!(answer.status(), 302);
        answer.headers()["location"].to_str().unwrap().to_owned()
    })
}

/// The browser opens the address and ends on the page of the program.
fn browse(rig: &Rig, url: &str) -> u16 {
    rig.get(url).status
}

fn port_in(url: &str) -> u16 {
    let at = url.find("localhost%3A").unwrap() + "localhost%3A".len();
    let digits: String = url[at..].chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

/// Every file of the home that is somebody's login, with its text and when it was written.
fn login_files(home: &Path) -> Vec<(String, String, std::time::SystemTime)> {
    let mut files = Vec::new();
    let profiles = fs::read_dir(home.join("profiles")).into_iter().flatten();
    let of_profiles = profiles.map(|entry| entry.unwrap().path().join("auth.json"));
    for path in of_profiles.chain([home.join("auth.json")]) {
        if let Ok(text) = fs::read_to_string(&path) {
            let written = fs::metadata(&path).unwrap().modified().unwrap();
            files.push((path.display().to_string(), text, written));
        }
    }
    files.sort();
    files
}

#[test]
fn a_browser_adds_an_account_and_touches_no_other_login() {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    rig.sign_in(&rig.sim.auth_json("work"));
    let before = login_files(&rig.home());
    rig.sim.visit_always(Visit::by("guest"));
    let mut program = start(&rig, &["add"]);
    let url = shown_url(&mut program);
    assert!(url.starts_with(&rig.sim.issuer()), "{url}");
    assert_eq!(browse(&rig, &url), 200);
    let ended = program.ended();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended
            .stdout
            .contains("Added guest: guest@example.com, Plus"),
        "{ended:?}"
    );
    let mut after = login_files(&rig.home());
    after.retain(|(path, ..)| !path.contains("guest"));
    assert_eq!(after, before);
    assert_eq!(rig.profile("guest")["auth_mode"], "chatgpt");
    let tokens = rig.profile("guest")["tokens"].clone();
    let said = format!("{ended:?}");
    for key in ["access_token", "refresh_token", "id_token"] {
        assert!(!said.contains(tokens[key].as_str().unwrap()));
    }
    // Free at once.
    TcpListener::bind(("127.0.0.1", port_in(&url))).unwrap();
    let side = fs::read_to_string(rig.home().join("profiles/guest/router.json")).unwrap();
    assert!(side.contains("\"way\": \"browser\""), "{side}");
}

#[test]
fn an_address_that_is_pasted_into_the_terminal_is_as_good() {
    use std::io::Write as _;
    let rig = Rig::start();
    rig.sim.visit_always(Visit::by("guest"));
    let (mut program, mut keyboard) = start_typing(&rig, &["add", "mine", "--no-browser"]);
    let url = shown_url(&mut program);
    writeln!(keyboard, "what is this").unwrap();
    until("a wrong text is refused", || {
        program.stderr().contains("not the address").then_some(())
    });
    writeln!(keyboard, "{}", sent_to(&rig, &url)).unwrap();
    let ended = program.ended();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("Added mine: "), "{ended:?}");
}

#[test]
fn a_code_adds_an_account_without_a_browser() {
    let rig = Rig::start();
    rig.sim.device_next([
        DeviceReply::Pending,
        DeviceReply::TypedBy("guest".to_owned()),
    ]);
    let ended = start(&rig, &["add", "server", "--device"]).ended();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for said in [
        "/codex/device",
        "│   ",
        "good for 15 minutes",
        "Added server: guest@example.com",
    ] {
        assert!(ended.stdout.contains(said), "{said}: {ended:?}");
    }
    rig.sim.set_device_codes(false);
    let none = start(&rig, &["add", "other", "--device"]).ended();
    assert_eq!(none.code, Some(1), "{none:?}");
    assert!(none.stderr.contains("gives no codes"), "{none:?}");
}

#[test]
fn signing_in_again_mends_a_dead_login_in_place_and_codex_gets_it_too() {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    rig.sign_in(&rig.sim.auth_json("work"));
    let old = rig.profile("work")["tokens"]["refresh_token"].clone();
    let side = rig.home().join("profiles/work/router.json");
    write_private(
        &side,
        r#"{"label": "Büro", "tags": ["a", "b"], "weight": 2, "zz": [1]}"#,
    );
    rig.sim.revoke_refresh("work");
    assert_eq!(rig.run(&["refresh", "work"]).code, Some(1));
    let listed = |rig: &Rig| rig.run(&["list", "--json"]).stdout;
    assert!(listed(&rig).contains("sign_in_again"), "{}", listed(&rig));

    rig.sim.visit_always(Visit::by("work"));
    let mut program = start(&rig, &["sign-in", "work"]);
    let url = shown_url(&mut program);
    assert!(
        !url.contains("prompt="),
        "with one account the browser may know: {url}"
    );
    assert_eq!(browse(&rig, &url), 200);
    let ended = program.ended();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.stdout.contains("Signed in to work again"),
        "{ended:?}"
    );
    assert_ne!(rig.profile("work")["tokens"]["refresh_token"], old);
    assert_eq!(rig.live()["tokens"], rig.profile("work")["tokens"]);
    let text = fs::read_to_string(&side).unwrap();
    for kept in ["Büro", "\"a\"", "\"b\"", "\"weight\": 2", "\"zz\""] {
        assert!(text.contains(kept), "{text}");
    }
    assert!(!text.contains("rejected_token"), "{text}");
    assert!(!listed(&rig).contains("sign_in_again"));
    assert_eq!(rig.run(&["refresh", "work"]).code, Some(0));
    assert_eq!(rig.live()["tokens"], rig.profile("work")["tokens"]);
}

#[test]
fn somebody_else_is_shown_and_nothing_is_replaced_without_a_yes() {
    use std::io::Write as _;
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    rig.add("spare", Account::chatgpt("spare"));
    rig.sign_in(&rig.sim.auth_json("work"));
    let before = login_files(&rig.home());
    rig.sim.visit_always(Visit::by("spare"));
    let ask = "Replace the login of spare by this one? [y/N]";
    for answer in [Some("n"), None] {
        let (mut program, mut keyboard) = start_typing(&rig, &["login", "work"]);
        let url = shown_url(&mut program);
        assert!(url.ends_with("&prompt=login"), "{url}");
        assert_eq!(browse(&rig, &url), 200);
        until("it asks", || program.stdout().contains(ask).then_some(()));
        if let Some(answer) = answer {
            writeln!(keyboard, "{answer}").unwrap();
        }
        drop(keyboard);
        let ended = program.ended();
        assert_eq!(ended.code, Some(1), "{ended:?}");
        for said in ["Signed in as spare@example.com, Plus", "not the account"] {
            assert!(ended.stdout.contains(said), "{ended:?}");
        }
        assert!(ended.stderr.contains("nothing was changed"), "{ended:?}");
        assert_eq!(login_files(&rig.home()), before);
    }
    let mut program = start(&rig, &["sign-in", "work", "--yes"]);
    let url = shown_url(&mut program);
    assert_eq!(browse(&rig, &url), 200);
    let ended = program.ended();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.stdout.contains("Signed in to spare again"),
        "{ended:?}"
    );
    let after = login_files(&rig.home());
    let changed: Vec<_> = after
        .iter()
        .zip(&before)
        .filter(|(after, before)| after != before)
        .map(|(after, _)| &after.0)
        .collect();
    assert!(
        matches!(changed[..], [path] if path.contains("profiles/spare")),
        "{changed:?}"
    );
}

#[cfg(unix)]
#[test]
fn a_sign_in_that_is_interrupted_frees_its_port_and_changes_nothing() {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    let before = login_files(&rig.home());
    let mut program = start(&rig, &["add", "new"]);
    let port = port_in(&shown_url(&mut program));
    TcpListener::bind(("127.0.0.1", port)).unwrap_err();
    program.terminate();
    let ended = program.ended();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("cancelled"), "{ended:?}");
    TcpListener::bind(("127.0.0.1", port)).unwrap();
    assert_eq!(login_files(&rig.home()), before);
}

#[test]
fn a_second_sign_in_is_given_the_port_that_it_asks_for() {
    let rig = Rig::start();
    rig.sim.visit_always(Visit::by("guest"));
    let mut first = start(&rig, &["add", "first"]);
    let port = port_in(&shown_url(&mut first));
    let mut command = rig.command(&["add", "second"]);
    command.env("CODEX_ROUTER_LOGIN_PORTS", format!("{port},0"));
    let mut second = rig.spawn(&mut command);
    let url = shown_url(&mut second);
    assert_eq!(port_in(&url), port);
    let evicted = first.ended();
    assert_eq!(evicted.code, Some(1), "{evicted:?}");
    assert!(evicted.stderr.contains("asked for the port"), "{evicted:?}");
    assert_eq!(browse(&rig, &url), 200);
    assert_eq!(second.ended().code, Some(0));
}

#[test]
fn ports_that_others_hold_are_named_and_the_pasted_address_is_enough() {
    use std::io::Write as _;
    let rig = Rig::start();
    rig.sim.visit_always(Visit::by("guest"));
    let theirs = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = theirs.local_addr().unwrap().port();
    let (reader, mut keyboard) = std::io::pipe().unwrap();
    let mut command = rig.command(&["add", "new"]);
    command.env("CODEX_ROUTER_LOGIN_PORTS", format!("{taken},{taken}"));
    let logs = rig.scratch().join("logs");
    let mut program = Program::start_reading(&mut command, Stdio::from(reader), &logs);
    let url = shown_url(&mut program);
    let warned = until("it says so", || {
        let stderr = program.stderr();
        stderr.contains("are held").then_some(stderr)
    });
    if cfg!(target_os = "linux") {
        let holder = format!("(pid {})", std::process::id());
        assert!(warned.contains(&holder), "{warned}");
    }
    writeln!(keyboard, "{}", sent_to(&rig, &url)).unwrap();
    let ended = program.ended();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    drop(theirs);
}

#[test]
fn what_the_issuer_or_codexs_own_settings_refuse_is_said_in_a_sentence() {
    let rig = Rig::start();
    rig.sim.visit_next([Visit::without_entitlement()]);
    let mut program = start(&rig, &["add"]);
    let url = shown_url(&mut program);
    assert_eq!(browse(&rig, &url), 400);
    let ended = program.ended();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("has no access to Codex"), "{ended:?}");

    let config = rig.home().join("config.toml");
    write_private(&config, "forced_chatgpt_workspace_id = \"ws-elsewhere\"\n");
    rig.sim.visit_always(Visit::by("guest"));
    let mut program = start(&rig, &["add"]);
    let url = shown_url(&mut program);
    assert!(url.contains("allowed_workspace_id=ws-elsewhere"), "{url}");
    assert_eq!(browse(&rig, &url), 400);
    let ended = program.ended();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("ws-elsewhere"), "{ended:?}");
    assert!(login_files(&rig.home()).is_empty());
}

#[test]
fn an_api_key_is_read_from_standard_input_alone() {
    let rig = Rig::start();
    let added = rig.run_reading(&["add", "paid", "--api-key", "-"], "sk-fake-canary\n");
    assert_eq!(added.code, Some(0), "{added:?}");
    assert!(!format!("{added:?}").contains("canary"));
    assert_eq!(rig.profile("paid")["auth_mode"], "apikey");
    assert_eq!(rig.profile("paid")["OPENAI_API_KEY"], "sk-fake-canary");
    let twice = rig.run_reading(&["add", "paid2", "--api-key", "-"], "sk-fake-canary\n");
    assert_eq!(twice.code, Some(1), "{twice:?}");
    assert!(
        twice.stderr.contains("saved already, as \"paid\""),
        "{twice:?}"
    );
    for (arguments, input, said) in [
        (
            &["add", "k", "--api-key", "sk-canary"][..],
            "",
            "command line",
        ),
        (&["add", "k", "--api-key", "-"], "\n", "standard input"),
        (&["add", "--api-key", "-"], "sk-canary\n", "to be called"),
        (
            &["add", "k", "--api-key", "-", "--model", "m"],
            "sk-canary\n",
            "--compatible",
        ),
        (
            &["add", "k", "--api-key", "-", "--device"],
            "",
            "cannot be used with",
        ),
        (&["add", "paid"], "", "sign-in paid"),
        (&["sign-in", "nobody"], "", "no account"),
    ] {
        let refused = rig.run_reading(arguments, input);
        assert_eq!(refused.code, Some(2), "{arguments:?}: {refused:?}");
        assert!(refused.stderr.contains(said), "{refused:?}");
        assert!(!format!("{refused:?}").contains("sk-canary"), "{refused:?}");
    }
    let key = rig.run(&["sign-in", "paid"]);
    assert_eq!(key.code, Some(1), "{key:?}");
    assert!(key.stderr.contains("opens by a key"), "{key:?}");
}

#[test]
fn an_account_that_is_added_beside_a_running_router_is_used_by_it() {
    let rig = Rig::start();
    rig.sim.visit_always(Visit::by("guest"));
    let mut router = rig.serve();
    let base_url = router.base_url();
    let mut program = start(&rig, &["add"]);
    let url = shown_url(&mut program);
    assert_eq!(browse(&rig, &url), 200);
    assert_eq!(program.ended().code, Some(0));
    until("the router answers by the new account", || {
        rig.chat(&base_url, "hello").said()
    });
    drop(router);
}

/// The browser is opened by its arguments: a name with an odd letter in it would otherwise become a command.
#[cfg(target_os = "linux")]
#[test]
fn the_browser_is_opened_with_the_address_as_its_one_argument() {
    use std::os::unix::fs::PermissionsExt as _;
    let rig = Rig::start();
    rig.sim.visit_always(Visit::by("guest"));
    let bin = rig.scratch().join("bin");
    fs::create_dir(&bin).unwrap();
    let noted = rig.scratch().join("opened");
    let script = format!(
        "#!/bin/sh\nfor word in \"$@\"; do echo \"$word\"; done > {0}.new\nmv {0}.new {0}\n",
        noted.display()
    );
    let opener = bin.join("xdg-open");
    fs::write(&opener, script).unwrap();
    fs::set_permissions(&opener, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let mut command = rig.command(&["add"]);
    command
        .env("CODEX_ROUTER_LOGIN_PORTS", "0,0")
        .env("PATH", path)
        .env("DISPLAY", ":0");
    let mut program = rig.spawn(&mut command);
    let url = shown_url(&mut program);
    let opened = until("a browser is opened", || fs::read_to_string(&noted).ok());
    assert_eq!(opened, format!("{url}\n"));
    assert_eq!(browse(&rig, &url), 200);
    assert_eq!(program.ended().code, Some(0));
}

#[test]
fn a_log_that_tells_everything_tells_no_secret_of_a_sign_in() {
    let rig = Rig::start();
    rig.sim.visit_always(Visit::by("guest"));
    let mut command = rig.command(&["add"]);
    command
        .env("CODEX_ROUTER_LOGIN_PORTS", "0,0")
        .env("RUST_LOG", "trace");
    let mut program = rig.spawn(&mut command);
    let url = shown_url(&mut program);
    assert_eq!(browse(&rig, &url), 200);
    let ended = program.ended();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("TRACE"), "{}", ended.stderr);

    let asked = rig.sim.asked();
    let exchange = asked.iter().find(|asked| asked.path == "/oauth/token");
    let form = String::from_utf8(exchange.unwrap().body.to_vec()).unwrap();
    let value = |text: &str, name: &str| {
        let (_, behind) = text.split_once(&format!("{name}=")).unwrap();
        behind.split('&').next().unwrap().to_owned()
    };
    let tokens = rig.profile("guest")["tokens"].clone();
    let mut secrets = vec![
        value(&form, "code"),
        value(&form, "code_verifier"),
        value(&url, "state"),
    ];
    for key in ["access_token", "refresh_token", "id_token"] {
        secrets.push(tokens[key].as_str().unwrap().to_owned());
    }
    for secret in secrets {
        assert!(secret.len() > 20);
        assert!(!ended.stderr.contains(&secret), "{secret}");
    }
}
