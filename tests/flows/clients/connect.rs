//! `connect` and `disconnect`, and what the real programs do then.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use codex_router::simulator::Account;
use serde_json::{Value, json};

use super::{Scene, succeeded};
use crate::support::{Rig, guest, node_module, until, write_private};

const CODEX: &str = ".bin/codex";
const CLAUDE: &str = "@anthropic-ai/claude-code-linux-x64/claude";
const OPENCODE: &str = "opencode-linux-x64/bin/opencode";
const CONTINUE: &str = "@continuedev/cli/dist/cn.js";

/// One more account that answers, and a Codex that is signed in with a key, so that it reaches OpenAI without the router.
fn scene() -> Scene {
    let scene = Scene::with(|rig, _serve| {
        rig.add("other", Account::chatgpt("other"));
        rig.add("key", Account::api_key("key"));
    });
    scene.rig.sign_in(&scene.rig.sim.auth_json("key"));
    scene
}

/// Codex's own way to OpenAI.
fn direct(rig: &Rig) -> String {
    format!(
        "# mine\nmodel = \"gpt-5.5\" # the good one\nopenai_base_url = \"{}\"\n\n[tui]\nnotifications = false\n",
        rig.sim.openai_base_url()
    )
}

fn codex(rig: &Rig, program: &Path) -> Command {
    let mut command = guest(rig, program);
    command
        .env("CODEX_HOME", rig.home())
        .env("CODEX_REFRESH_TOKEN_URL_OVERRIDE", rig.sim.refresh_url());
    command
}

/// What `codex exec` says to the prompt.
fn exec(rig: &Rig, command: &mut Command, prompt: &str) -> String {
    session(rig, command.arg("exec"), prompt).1
}

/// In which session `codex exec resume --last` goes on: the newest of this folder and this provider.
fn resumed(rig: &Rig, command: &mut Command) -> String {
    session(rig, command.args(["exec", "resume", "--last"]), "go on").0
}

/// The id of the session, and what is said in it.
fn session(rig: &Rig, command: &mut Command, prompt: &str) -> (String, String) {
    command.args(["--json", "--skip-git-repo-check"]);
    command
        .args(["--model", "gpt-5.5", prompt])
        .current_dir(rig.scratch());
    let stdout = succeeded(rig.spawn(command).ended());
    let (mut id, mut said) = (String::new(), String::new());
    for line in stdout.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        if event["type"] == "thread.started" {
            id.push_str(event["thread_id"].as_str().unwrap());
        }
        if event["item"]["type"] == "agent_message" {
            said.push_str(event["item"]["text"].as_str().unwrap());
        }
    }
    assert!(!id.is_empty(), "{stdout}");
    (id, said)
}

/// The sessions that Codex offers to resume, as their first words.
pub(super) fn sessions(rig: &Rig, program: &Path) -> Vec<String> {
    let mut child = codex(rig, program)
        .arg("app-server")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let client = json!({ "clientInfo": { "name": "test", "version": "1" } });
    for message in [
        json!({ "id": 1, "method": "initialize", "params": client }),
        json!({ "method": "initialized" }),
        json!({ "id": 2, "method": "thread/list", "params": { "sourceKinds": ["exec", "cli"] } }),
    ] {
        writeln!(stdin, "{message}").unwrap();
    }
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let answer = lines
        .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap())
        .find(|message| message["id"] == 2);
    child.kill().unwrap();
    child.wait().unwrap();
    let answer = answer.unwrap();
    let threads = answer["result"]["data"]
        .as_array()
        .unwrap_or_else(|| panic!("{answer}"));
    let mut found: Vec<_> = threads
        .iter()
        .map(|thread| thread["preview"].as_str().unwrap().to_owned())
        .collect();
    found.sort();
    found
}

#[test]
fn codex_lists_the_sessions_it_had_when_it_is_connected_and_when_it_is_not() {
    let Some(program) = node_module(CODEX) else {
        return;
    };
    let Scene { rig, root, .. } = &scene();
    let before = direct(rig);
    let config = rig.home().join("config.toml");
    write_private(&config, &before);
    let mut first = codex(rig, &program);
    let (first, said) = session(rig, first.arg("exec"), "before");
    assert!(said.contains("Hello from key"), "{said}");
    assert_eq!(sessions(rig, &program), ["before"]);

    let ended = rig.run(&["connect", "codex", "--yes"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let line = format!("+openai_base_url = \"{root}/v1\"");
    assert!(ended.stdout.contains(&line), "{}", ended.stdout);
    assert_eq!(resumed(rig, &mut codex(rig, &program)), first);
    assert_eq!(rig.run(&["route", "other"]).code, Some(0));
    let said = until(
        "the router draws from the account of the user's choice",
        || {
            let said = exec(rig, &mut codex(rig, &program), "through");
            said.contains("Hello from other").then_some(said)
        },
    );
    assert!(said.contains("through"), "{said}");
    let last = resumed(rig, &mut codex(rig, &program));
    let listed = sessions(rig, &program);
    assert!(listed.contains(&"before".to_owned()), "{listed:?}");

    let ended = rig.run(&["disconnect", "codex", "--yes"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(fs::read_to_string(&config).unwrap(), before);
    let listed = sessions(rig, &program);
    for session in ["before", "through"] {
        assert!(listed.contains(&session.to_owned()), "{listed:?}");
    }
    assert_eq!(resumed(rig, &mut codex(rig, &program)), last);
}

#[test]
fn another_provider_would_have_hidden_them() {
    let Some(program) = node_module(CODEX) else {
        return;
    };
    let Scene { rig, root, .. } = &scene();
    let config = rig.home().join("config.toml");
    write_private(&config, &direct(rig));
    exec(rig, &mut codex(rig, &program), "before");
    let provider = format!(
        "model_provider = \"x\"\n[model_providers.x]\nname = \"x\"\nbase_url = \"{root}/v1\"\nwire_api = \"responses\"\n"
    );
    write_private(&config, &provider);
    assert_eq!(sessions(rig, &program), Vec::<String>::new());
    let ended = rig.run(&["connect", "codex", "--yes"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("provider \"x\""), "{}", ended.stderr);
    assert_eq!(fs::read_to_string(&config).unwrap(), provider);
}

#[test]
fn claude_code_reaches_the_router_after_connect_and_has_its_settings_back_after_disconnect() {
    let Some(program) = node_module(CLAUDE) else {
        return;
    };
    let Scene { rig, .. } = &scene();
    let settings = rig.scratch().join("user/.claude/settings.json");
    let before =
        "{\n  \"cleanupPeriodDays\": 20,\n  \"env\": {\n    \"DISABLE_TELEMETRY\": \"1\"\n  }\n}\n";
    write_private(&settings, before);
    let ended = rig.run(&["connect", "claude-code", "--yes"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let stdout = succeeded(
        rig.spawn(guest(rig, &program).args(["-p", "hello"]))
            .ended(),
    );
    assert!(stdout.starts_with("Hello from "), "{stdout}");
    assert_eq!(
        rig.run(&["disconnect", "claude-code", "--yes"]).code,
        Some(0)
    );
    assert_eq!(fs::read_to_string(&settings).unwrap(), before);
}

#[test]
fn where_keys_are_needed_claude_code_gets_one_of_its_own() {
    let Some(program) = node_module(CLAUDE) else {
        return;
    };
    let Scene { rig, .. } = &scene();
    assert_eq!(rig.run(&["keys", "create", "somebody"]).code, Some(0));
    let ended = rig.run(&["connect", "claude-code", "--yes"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!ended.stdout.contains("crk_"), "{}", ended.stdout);
    let said = until("the key opens the router", || {
        let mut command = guest(rig, &program);
        let ended = rig.spawn(command.args(["-p", "hello"])).ended();
        ended
            .stdout
            .starts_with("Hello from ")
            .then_some(ended.stdout)
    });
    assert!(said.contains("hello"), "{said}");
    let keys = rig.run(&["keys", "list"]).stdout;
    assert!(keys.contains("Claude Code"), "{keys}");
    assert_eq!(
        rig.run(&["disconnect", "claude-code", "--yes"]).code,
        Some(0)
    );
    let keys = rig.run(&["keys", "list"]).stdout;
    assert!(!keys.contains("Claude Code"), "{keys}");
    assert!(!rig.scratch().join("user/.claude/settings.json").exists());
}

#[test]
fn opencode_reaches_the_router_after_connect() {
    let Some(program) = node_module(OPENCODE) else {
        return;
    };
    let Scene { rig, .. } = &scene();
    let settings: PathBuf = rig.scratch().join("user/.config/opencode/opencode.json");
    let before = "{\n  // mine\n  \"$schema\": \"https://opencode.ai/config.json\",\n  \"share\": \"disabled\"\n}\n";
    write_private(&settings, before);
    let ended = rig.run(&["connect", "opencode", "--yes"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let mut command = guest(rig, &program);
    command
        .args(["run", "--title", "a test", "good morning"])
        .env("OPENCODE_DISABLE_AUTOUPDATE", "1")
        .env("OPENCODE_DISABLE_MODELS_FETCH", "1")
        .env("OPENCODE_DISABLE_LSP_DOWNLOAD", "1");
    let said = succeeded(rig.spawn(&mut command).ended());
    assert!(said.contains("(gpt-5.5). You said: "), "{said}");
    assert_eq!(rig.run(&["disconnect", "opencode", "--yes"]).code, Some(0));
    assert_eq!(fs::read_to_string(&settings).unwrap(), before);
}

#[test]
fn continue_asks_the_router_after_connect_and_has_its_models_back_after_disconnect() {
    let Some(script) = node_module(CONTINUE) else {
        return;
    };
    let Scene { rig, .. } = &scene();
    let settings = rig.scratch().join("user/.continue/config.yaml");
    let before = "name: Mine\nversion: 1.0.0\nschema: v1\n# good ones first\nmodels:\n  - name: Claude # best\n    provider: anthropic\n    model: claude-sonnet-4-5\n    apiKey: sk-ant-of-mine\n";
    write_private(&settings, before);
    let ended = rig.run(&["connect", "continue", "--yes"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!ended.stdout.contains("of-mine"), "{}", ended.stdout);
    let mut command = guest(rig, "node".as_ref());
    command
        .arg(script)
        .args(["-p", "good morning"])
        .env("CONTINUE_TELEMETRY_ENABLED", "0");
    let said = succeeded(rig.spawn(&mut command).ended());
    assert!(said.contains("(gpt-5.5). You said: "), "{said}");
    assert_eq!(rig.run(&["disconnect", "continue", "--yes"]).code, Some(0));
    assert_eq!(fs::read_to_string(&settings).unwrap(), before);
}

#[test]
fn nothing_is_changed_where_nobody_can_be_asked() {
    let Scene { rig, .. } = &scene();
    let ended = rig.run(&["connect", "codex"]);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stdout.contains("+openai_base_url"),
        "{}",
        ended.stdout
    );
    assert!(ended.stderr.contains("--yes"), "{}", ended.stderr);
    assert!(!rig.home().join("config.toml").exists());
    let listed = rig.run(&["connect"]).stdout;
    for tool in [
        "codex",
        "claude-code",
        "opencode",
        "aider",
        "qwen-code",
        "continue",
        "crush",
        "aichat",
    ] {
        assert!(listed.contains(tool), "{listed}");
    }
    let unknown = rig.run(&["connect", "emacs", "--yes"]);
    assert_eq!(unknown.code, Some(2), "{}", unknown.stderr);
}

#[test]
fn a_codex_in_the_terminal_of_an_account_uses_it_and_its_sessions_stay() {
    let Some(program) = node_module(CODEX) else {
        return;
    };
    let Scene { rig, .. } = &scene();
    let config = rig.home().join("config.toml");
    rig.sign_in(&rig.sim.auth_json("spare"));
    write_private(&config, &backend(rig));
    // So that Codex renews it by itself.
    rig.save("other", &rig.sim.auth_json_expired("other"));
    let mut run = in_terminal(rig, &program);
    let (_id, said) = session(rig, run.arg("exec"), "in there");
    assert!(said.contains("Hello from other"), "{said}");
    // A busy machine lets Codex ask twice: its second question is refused, and it takes what the first one brought.
    assert_eq!(rig.sim.redeems("other"), 1, "once, by whoever it was");
    let newest: Value = serde_json::from_str(&rig.sim.auth_json("other")).unwrap();
    assert_eq!(rig.profile("other")["tokens"], newest["tokens"]);
    assert_eq!(
        own_files_of_the_terminal(rig),
        [".codex-router-overlay", "auth.json.lock", "auth.lock"],
        "no login stays, and nothing of a database"
    );
    assert_eq!(sessions(rig, &program), ["in there"]);
}

#[test]
fn a_session_goes_on_inside_and_outside_of_the_terminal_of_its_account() {
    let Some(program) = node_module(CODEX) else {
        return;
    };
    let Scene { rig, .. } = &scene();
    write_private(&rig.home().join("config.toml"), &backend(rig));
    rig.sign_in(&rig.sim.auth_json("other"));
    let (inside, _said) = session(rig, in_terminal(rig, &program).arg("exec"), "in there");
    assert_eq!(resumed(rig, &mut codex(rig, &program)), inside);
    let (outside, _said) = session(rig, codex(rig, &program).arg("exec"), "out here");
    assert_eq!(resumed(rig, &mut in_terminal(rig, &program)), outside);

    // Codex's own rule: `--last` is of the account that is signed in. All of them are listed.
    rig.sign_in(&rig.sim.auth_json("spare"));
    let spares = resumed(rig, &mut codex(rig, &program));
    assert!(![&inside, &outside].contains(&&spares), "{spares}");
    assert_eq!(resumed(rig, &mut in_terminal(rig, &program)), outside);
    assert_eq!(sessions(rig, &program), ["go on", "in there", "out here"]);
}

/// Codex with an account of its own, which is not asked for by way of the router.
fn in_terminal(rig: &Rig, program: &Path) -> Command {
    let mut run = rig.command(&["run", "other", "--"]);
    run.arg(program)
        .env("CODEX_REFRESH_TOKEN_URL_OVERRIDE", rig.sim.refresh_url())
        .env("NO_PROXY", "*");
    run
}

/// ChatGPT's way, without the router.
fn backend(rig: &Rig) -> String {
    let backend = rig.sim.chatgpt_base_url();
    format!(
        "model_provider = \"sim\"\nchatgpt_base_url = \"{backend}/\"\n[model_providers.sim]\nname = \"sim\"\nbase_url = \"{backend}/codex\"\nwire_api = \"responses\"\nrequires_openai_auth = true\n"
    )
}

/// What lies in the only overlay and is no link to the real home.
fn own_files_of_the_terminal(rig: &Rig) -> Vec<String> {
    let mut overlays = fs::read_dir(rig.home().join("router/overlays")).unwrap();
    let overlay = overlays.next().unwrap().unwrap().path();
    let mut own: Vec<_> = fs::read_dir(overlay)
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| !entry.file_type().unwrap().is_symlink())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    own.sort();
    own
}
