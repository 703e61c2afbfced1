//! The Codex CLI in the very home that we switch: it signs in and out, renews its login and reads it, and no account is mixed up
//! with another or lost.

use std::{
    env, fs,
    io::{self, Write},
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use codex_router::simulator::{Account, Gate, Refresh};
use serde_json::Value;

use crate::support::{Ended, Program, Rig, guest, node_module, until, write_private};

/// As `codex login --with-api-key` writes it.
const KEY_LOGIN: &str = "{\n  \"auth_mode\": \"apikey\",\n  \"OPENAI_API_KEY\": \"sk-fake-key\"\n}";

/// One home, two accounts, both programs.
struct Beside {
    rig: Rig,
    codex: PathBuf,
}

impl Beside {
    /// Codex uses `work`, and asks the simulator. `None`: skipped.
    fn set_up() -> Option<Self> {
        let codex = node_module(".bin/codex")?;
        let rig = Rig::start();
        for name in ["work", "home"] {
            rig.add(name, Account::chatgpt(name));
        }
        rig.sign_in(&rig.sim.auth_json("work"));
        let config = format!(
            r#"
                model_provider = "simulator"
                chatgpt_base_url = "{base}/"

                [model_providers.simulator]
                name = "Simulator"
                base_url = "{base}/codex"
                wire_api = "responses"
                requires_openai_auth = true
                request_max_retries = 0
                stream_max_retries = 0
            "#,
            base = rig.sim.chatgpt_base_url()
        );
        write_private(&rig.home().join("config.toml"), &config);
        fs::create_dir(rig.scratch().join("workspace")).unwrap();
        Some(Self { rig, codex })
    }

    fn codex(&self, arguments: &[&str]) -> Command {
        let mut command = guest(&self.rig, &self.codex);
        command
            .args(arguments)
            .env("CODEX_HOME", self.rig.home())
            .env(
                "CODEX_REFRESH_TOKEN_URL_OVERRIDE",
                self.rig.sim.refresh_url(),
            )
            // Signing out tells the issuer; this one does not listen.
            .env(
                "CODEX_REVOKE_TOKEN_URL_OVERRIDE",
                format!("{}/oauth/revoke", self.rig.sim.issuer()),
            )
            .current_dir(self.rig.scratch().join("workspace"));
        command
    }

    /// One question, which needs a token that works.
    fn ask(&self) -> Program {
        let mut command = self.codex(&["exec", "--json", "--skip-git-repo-check"]);
        command
            .arg("--dangerously-bypass-approvals-and-sandbox")
            .args(["--model", "gpt-5.5", "hello"]);
        self.rig.spawn(&mut command)
    }

    fn codex_reading(&self, arguments: &[&str], text: &str) -> Ended {
        let stdin = self.rig.scratch().join("codex-stdin");
        write_private(&stdin, text);
        let stdin = fs::File::open(stdin).unwrap();
        let logs = self.rig.scratch().join("logs");
        Program::start_reading(&mut self.codex(arguments), stdin, &logs).ended()
    }

    /// Writes a login whose access token has run out, for Codex and for its profile.
    fn let_work_expire(&self) {
        let expired = self.rig.sim.auth_json_expired("work");
        self.rig.save("work", &expired);
        self.rig.sign_in(&expired);
    }

    fn newest(&self, name: &str) -> Value {
        let login: Value = serde_json::from_str(&self.rig.sim.auth_json(name)).unwrap();
        login["tokens"].clone()
    }

    #[track_caller]
    fn assert_alive(&self, name: &str) {
        assert_eq!(
            self.rig.profile(name)["tokens"],
            self.newest(name),
            "{name}"
        );
        let refreshed = self.rig.run(&["refresh", name]);
        assert_eq!(refreshed.code, Some(0), "{name}: {refreshed:?}");
    }
}

/// More where everything is tried (`make proofs`).
fn rounds(few: usize, many: usize) -> usize {
    match env::var_os("CODEX_ROUTER_TEST_PROOFS") {
        Some(_) => many,
        None => few,
    }
}

fn tell(figure: &str) {
    if env::var_os("CODEX_ROUTER_TEST_PROOFS").is_some() {
        let line = format!("proved: {figure}\n");
        io::stderr().write_all(line.as_bytes()).unwrap();
    }
}

/// Whose tokens a login file holds, by the account that each of them names.
fn owners(login: &Value) -> Vec<String> {
    let claims = |token: &str| -> Option<Value> {
        let token = login["tokens"][token].as_str()?;
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        let claims: Value = serde_json::from_slice(&claims).ok()?;
        claims
            .pointer("/https:~1~1api.openai.com~1auth/chatgpt_account_id")
            .cloned()
    };
    ["id_token", "access_token"]
        .into_iter()
        .filter_map(claims)
        .chain([login["tokens"]["account_id"].clone()])
        .filter_map(|owner| owner.as_str().map(str::to_owned))
        .collect()
}

#[test]
fn a_codex_that_signs_in_and_out_while_we_switch_mixes_no_accounts_and_loses_none() {
    let Some(beside) = Beside::set_up() else {
        return;
    };
    let rig = &beside.rig;
    rig.save("key", KEY_LOGIN);
    let [work, home] = ["work", "home"].map(|name| beside.newest(name));
    let is_over = AtomicBool::new(false);
    let (sign_ins, looks) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let switches = rounds(40, 200);
    let mut refused = 0;
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let signed_in = beside.codex_reading(&["login", "--with-api-key"], "sk-fake-key");
                assert_eq!(signed_in.code, Some(0), "{signed_in:?}");
                let mut sign_out = beside.codex(&["logout"]);
                let signed_out = rig.spawn(&mut sign_out).ended();
                assert_eq!(signed_out.code, Some(0), "{signed_out:?}");
                sign_ins.fetch_add(1, Ordering::Relaxed);
            }
        });
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                looks.fetch_add(1, Ordering::Relaxed);
                let Ok(text) = fs::read_to_string(rig.live_path()) else {
                    continue; // signed out
                };
                let live: Value = serde_json::from_str(&text).unwrap();
                let tokens = &live["tokens"];
                let is_key = live["OPENAI_API_KEY"] == "sk-fake-key" && tokens.is_null();
                let is_one = is_key || *tokens == work || *tokens == home;
                assert!(is_one, "a file of two accounts, or of none");
                thread::yield_now();
            }
        });
        let over = OnDrop(&is_over);
        for number in 0..switches {
            let to = if number % 2 == 0 { "home" } else { "work" };
            let ended = rig.run(&["use", to]);
            match ended.code {
                Some(0) => {}
                // It came right between; that is told, and nothing is wrong with it.
                Some(1) if ended.stderr.contains("another program") => refused += 1,
                _ => panic!("{ended:?}"),
            }
        }
        drop(over);
    });
    let sign_ins = sign_ins.into_inner();
    assert!(sign_ins >= 3, "{sign_ins} is hardly beside");
    assert!(refused * 5 <= switches, "{refused} of {switches} switches");
    for (name, tokens) in [("work", &work), ("home", &home)] {
        assert_eq!(rig.profile(name)["tokens"], *tokens);
        beside.assert_alive(name);
    }
    assert_eq!(rig.profile("key")["OPENAI_API_KEY"], "sk-fake-key");
    tell(&format!(
        "{switches} switches beside {sign_ins} sign-ins and sign-outs of Codex, {} looks; told to come between: {refused}",
        looks.into_inner()
    ));
}

#[test]
fn a_switch_before_the_issuer_has_answered_codex_costs_no_account() {
    let Some(beside) = Beside::set_up() else {
        return;
    };
    let rig = &beside.rig;
    beside.let_work_expire();
    let gate = Gate::closed();
    rig.sim
        .refresh_next("work", [Refresh::rotate().held_before(&gate)]);
    let codex = beside.ask();
    rig.wait_for(gate.reached(1));

    let switched = rig.run(&["use", "home"]);
    assert_eq!(switched.code, Some(0), "{switched:?}");
    gate.open();
    // It has been told that its token is spent; what it makes of that is its own business.
    codex.ended();
    assert_eq!(rig.sim.redeems("work"), 1);
    assert_eq!(rig.live()["tokens"], beside.newest("home"));
    beside.assert_alive("work");
    beside.assert_alive("home");
}

#[test]
fn a_switch_while_the_answer_is_on_its_way_to_codex_costs_no_account() {
    let Some(beside) = Beside::set_up() else {
        return;
    };
    let rig = &beside.rig;
    beside.let_work_expire();
    let gate = Gate::closed();
    rig.sim
        .refresh_next("work", [Refresh::rotate().held_after(&gate)]);
    let codex = beside.ask();
    rig.wait_for(gate.reached(1));

    let switched = thread::scope(|scope| {
        let switched = scope.spawn(|| rig.run(&["use", "home"]));
        until("our own refresh meets a spent token", || {
            (rig.sim.refused_redeems("work") == 1).then_some(())
        });
        gate.open();
        switched.join().unwrap()
    });
    assert_eq!(switched.code, Some(0), "{switched:?}");
    codex.ended();
    assert_eq!(rig.sim.redeems("work"), 1);
    assert_eq!(owners(&rig.live()), owners(&rig.profile("home")));
    beside.assert_alive("work");
    beside.assert_alive("home");
}

#[test]
fn a_refresh_while_the_answer_is_on_its_way_to_a_codex_in_a_terminal_costs_no_account() {
    let Some(beside) = Beside::set_up() else {
        return;
    };
    let rig = &beside.rig;
    beside.let_work_expire();
    rig.sign_in(&rig.sim.auth_json("home"));
    let gate = Gate::closed();
    rig.sim
        .refresh_next("work", [Refresh::rotate().held_after(&gate)]);
    let mut run = rig.command(&["run", "work", "--"]);
    run.arg(&beside.codex)
        .args(["exec", "--json", "--skip-git-repo-check"])
        .args(["--model", "gpt-5.5", "hello"])
        .env("CODEX_REFRESH_TOKEN_URL_OVERRIDE", rig.sim.refresh_url())
        .env("NO_PROXY", "*");
    let codex = rig.spawn(&mut run);
    rig.wait_for(gate.reached(1));

    let refreshed = thread::scope(|scope| {
        let refreshed = scope.spawn(|| rig.run(&["refresh", "work"]));
        until("our own refresh meets a spent token", || {
            (rig.sim.refused_redeems("work") == 1).then_some(())
        });
        gate.open();
        refreshed.join().unwrap()
    });
    assert_eq!(refreshed.code, Some(0), "{refreshed:?}");
    let codex = codex.ended();
    assert_eq!(codex.code, Some(0), "{codex:?}");
    assert_eq!(rig.sim.redeems("work"), 1);
    beside.assert_alive("work");
    beside.assert_alive("home");
}

#[test]
fn three_codex_and_the_router_over_one_token_that_has_run_out_all_go_on() {
    let Some(beside) = Beside::set_up() else {
        return;
    };
    let rig = &beside.rig;
    let mut router = rig.serve();
    router.base_url();
    let rounds = rounds(1, 50);
    let began = Instant::now();
    for round in 0..rounds {
        beside.let_work_expire();
        for asked in [beside.ask(), beside.ask(), beside.ask()] {
            let ended = asked.ended();
            assert_eq!(ended.code, Some(0), "round {round}: {ended:?}");
        }
        until("the newest login is in both files", || {
            let newest = beside.newest("work");
            let is_live = rig.live()["tokens"] == newest;
            (is_live && rig.profile("work")["tokens"] == newest).then_some(())
        });
    }
    assert!(router.is_running());
    beside.assert_alive("work");
    tell(&format!(
        "{rounds} rounds of three Codex and a router over a token that has run out, none dead, {} s",
        began.elapsed().as_secs()
    ));
}

/// Ends the others also when this one fails.
struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
