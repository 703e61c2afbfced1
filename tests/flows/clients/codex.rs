//! The Codex CLI: `codex exec` in each of the set-ups that it knows for another address.

use std::{fs, path::PathBuf, process::Command, time::Duration};

use codex_router::simulator::{
    Asked, Reply,
    events::{ev_completed, ev_created, ev_item_done},
};
use serde_json::{Value, json};

use super::Scene;
use crate::support::{Ended, Rig, guest, node_module, readme_example, write_private};

/// With a profile's `auth.json` of its own, as `codex login --with-api-key` writes it.
const KEY_LOGIN: &str = r#"{"auth_mode":"apikey","OPENAI_API_KEY":"sk-unused"}"#;

/// A Codex with a home and a workspace of its own.
struct Codex {
    scene: Scene,
    program: PathBuf,
}

/// What one `codex exec --json` did.
struct Turn {
    ended: Ended,
    events: Vec<Value>,
}

#[test]
fn the_example_of_the_readme_runs_a_command_and_tells_its_output() {
    let Some(codex) = Codex::set_up("codex") else {
        return;
    };
    fs::write(codex.workspace().join("note.txt"), "violets are blue\n").unwrap();
    codex.will_run("cat note.txt");
    let turn = codex.exec("what does the note say?");
    let [said] = turn.said().try_into().unwrap();
    assert!(said.ends_with("\nviolets are blue"), "{said}");
    let command = turn.item("command_execution");
    assert_eq!(command["aggregated_output"], "violets are blue\n");
    assert_eq!(command["exit_code"], 0);
    let usage = &turn.event("turn.completed")["usage"];
    assert!(usage["input_tokens"].as_u64().unwrap() > 1000, "{usage}");
    assert!(usage["output_tokens"].as_u64().unwrap() > 0, "{usage}");

    let asked = codex.scene.asked_of("spare");
    assert_eq!(asked.len(), 2, "a call and its output");
    for asked in &asked {
        assert_eq!(asked.header("originator"), Some("codex_exec"));
        assert!(asked.header("session-id").is_some(), "{asked:?}");
    }
    assert_eq!(
        asked[0].header("session-id"),
        asked[1].header("session-id"),
        "one session"
    );
}

#[test]
fn a_free_form_tool_edits_a_file() {
    let Some(codex) = Codex::set_up("codex") else {
        return;
    };
    let patch = "*** Begin Patch\n*** Add File: poem.txt\n+roses are red\n*** End Patch\n";
    let call = json!({
        "type": "custom_tool_call",
        "id": "ctc_1",
        "status": "completed",
        "call_id": "call_1",
        "name": "apply_patch",
        "input": patch,
    });
    let reply = Reply::events([ev_created(), ev_item_done(call), ev_completed()]);
    codex.scene.rig.sim.reply_next("spare", [reply]);
    let turn = codex.exec("write a poem");
    assert_eq!(turn.ended.code, Some(0), "{turn}");
    let poem = fs::read_to_string(codex.workspace().join("poem.txt")).unwrap();
    assert_eq!(poem, "roses are red\n");
    assert!(turn.said()[0].contains("poem.txt"), "{turn}");
}

#[test]
fn a_used_up_pool_is_told_in_its_own_words_and_not_tried_again() {
    let Some(codex) = Codex::set_up("codex") else {
        return;
    };
    let limit = Reply::usage_limit(Duration::from_secs(900));
    codex.scene.rig.sim.reply_always("spare", limit);
    let turn = codex.exec("hello");
    assert_eq!(turn.ended.code, Some(1), "{turn}");
    let message = &turn.event("turn.failed")["error"]["message"];
    let message = message.as_str().unwrap();
    assert!(message.contains("hit your usage limit"), "{message}");
    assert!(message.contains("try again at"), "{message}");
    assert_eq!(codex.scene.asked_of("spare").len(), 1);
}

#[test]
fn a_stream_that_breaks_off_is_asked_for_again() {
    let Some(codex) = Codex::set_up("codex") else {
        return;
    };
    codex
        .scene
        .rig
        .sim
        .reply_next("spare", [Reply::cut_after(7)]);
    let turn = codex.exec("hello");
    assert_eq!(turn.ended.code, Some(0), "{turn}");
    assert_eq!(
        turn.said(),
        ["Hello from spare (gpt-5.5). You said: hello"],
        "once, and whole"
    );
    assert_eq!(codex.scene.asked_of("spare").len(), 2);
}

#[test]
fn over_a_websocket_a_turn_sends_only_what_is_new() {
    let config = |root: &str| {
        let config = readme_example("codex", root);
        let (before, after) = config.split_once("# supports_websockets").unwrap();
        format!("{before}supports_websockets{after}")
    };
    let Some(codex) = Codex::with_config(config, |_rig, _serve| {}) else {
        return;
    };
    codex.takes_a_socket();
}

#[test]
fn a_login_with_an_api_key_takes_a_websocket_by_itself() {
    let config = |root: &str| format!("openai_base_url = \"{root}/v1\"\n");
    let Some(codex) = Codex::with_config(config, |_rig, _serve| {}) else {
        return;
    };
    write_private(&codex.home().join("auth.json"), KEY_LOGIN);
    codex.takes_a_socket();
}

#[test]
fn where_websockets_are_turned_off_it_posts() {
    let config = |root: &str| format!("openai_base_url = \"{root}/v1\"\n");
    let turned_off = |_rig: &Rig, serve: &mut Command| {
        serve.env("CODEX_ROUTER_WEBSOCKET", "false");
    };
    let Some(codex) = Codex::with_config(config, turned_off) else {
        return;
    };
    write_private(&codex.home().join("auth.json"), KEY_LOGIN);
    codex.will_run("echo violets");
    let turn = codex.exec("say it");
    let [said] = turn.said().try_into().unwrap();
    assert!(said.ends_with("\nviolets"), "{said}");
    let asked = codex.scene.asked_of("spare");
    assert_eq!(asked.len(), 2, "a call and its output");
    assert!(asked.iter().all(|asked| asked.method == "POST"));
}

#[test]
fn a_login_with_chatgpt_stays_at_home_and_the_models_come_from_the_pool() {
    let config = |root: &str| {
        format!(
            r#"
                model_provider = "codex-router"
                chatgpt_base_url = "{root}/backend-api/"

                [model_providers.codex-router]
                name = "Codex Router"
                base_url = "{root}/v1"
                wire_api = "responses"
                requires_openai_auth = true
            "#
        )
    };
    let Some(codex) = Codex::with_config(config, |_rig, _serve| {}) else {
        return;
    };
    // Of the two logins the one that is used up, so that nobody can be served by it.
    let login = codex.scene.rig.sim.auth_json("empty");
    write_private(&codex.home().join("auth.json"), &login);
    let turn = codex.exec("hello");
    assert_eq!(
        turn.said(),
        ["Hello from spare (gpt-5.5). You said: hello"],
        "{turn}"
    );
    let cached = fs::read_to_string(codex.home().join("models_cache.json")).unwrap();
    let cached: Value = serde_json::from_str(&cached).unwrap();
    let slugs: Vec<_> = cached["models"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|model| model["slug"].as_str())
        .collect();
    assert!(slugs.contains(&"gpt-5.5"), "{slugs:?}");
    assert!(cached["etag"].is_string(), "{cached}");
}

#[test]
fn a_long_conversation_is_compacted_by_the_account_that_has_it() {
    let config = |root: &str| {
        format!(
            r#"
                model_provider = "codex-router"
                model_auto_compact_token_limit = 2000

                [model_providers.codex-router]
                name = "OpenAI"
                base_url = "{root}/v1"
                wire_api = "responses"
                env_key = "CODEX_ROUTER_KEY"
            "#
        )
    };
    let Some(codex) = Codex::with_config(config, |_rig, _serve| {}) else {
        return;
    };
    let call = Reply::tool_call("exec_command", r#"{"cmd":"echo violets"}"#);
    let item = json!({ "type": "compaction", "encrypted_content": "short-and-sealed" });
    let compaction = Reply::events([ev_created(), ev_item_done(item), ev_completed()]);
    codex
        .scene
        .rig
        .sim
        .reply_next("spare", [call, compaction, Reply::text("done")]);
    let turn = codex.exec("say it");
    assert_eq!(turn.said(), ["done"], "{turn}");
    let asked = codex.scene.asked_of("spare");
    let inputs: Vec<Value> = asked
        .iter()
        .map(|asked| asked.json()["input"].clone())
        .collect();
    let trigger = inputs[1].as_array().unwrap().last().unwrap();
    assert_eq!(trigger["type"], "compaction_trigger");
    let has_compaction = |item: &Value| {
        item["type"] == "compaction" && item["encrypted_content"] == "short-and-sealed"
    };
    assert!(
        inputs[2].as_array().unwrap().iter().any(has_compaction),
        "{}",
        inputs[2]
    );
}

impl Codex {
    /// As an example of the README has it. `None`: skipped.
    fn set_up(example: &str) -> Option<Self> {
        Self::with_config(|root| readme_example(example, root), |_rig, _serve| {})
    }

    fn with_config(
        config: impl FnOnce(&str) -> String,
        add_more: impl FnOnce(&Rig, &mut Command),
    ) -> Option<Self> {
        let program = node_module(".bin/codex")?;
        let scene = Scene::with(add_more);
        let codex = Self { scene, program };
        fs::create_dir(codex.workspace()).unwrap();
        let config = config(&codex.scene.root);
        write_private(&codex.home().join("config.toml"), &config);
        Some(codex)
    }

    /// Not the one that the router keeps.
    fn home(&self) -> PathBuf {
        self.scene.rig.scratch().join("codex-cli")
    }

    fn workspace(&self) -> PathBuf {
        self.scene.rig.scratch().join("workspace")
    }

    /// The next answer is a call of Codex's shell tool.
    fn will_run(&self, shell: &str) {
        let arguments = json!({ "cmd": shell, "login": false }).to_string();
        let call = Reply::tool_call("exec_command", &arguments);
        self.scene.rig.sim.reply_next("spare", [call]);
    }

    /// A turn with a tool call that goes by a socket all the way.
    fn takes_a_socket(&self) {
        // Nobody is passed over: the account is the same from the first message to the last.
        self.scene.rig.sim.clear_scripts("empty");
        let arguments = json!({ "cmd": "echo violets", "login": false }).to_string();
        let call = Reply::tool_call("exec_command", &arguments);
        self.scene.rig.sim.reply_next("empty", [call]);
        let turn = self.exec("say it");
        let [said] = turn.said().try_into().unwrap();
        assert!(said.ends_with("\nviolets"), "{said}");
        let asked = self.scene.asked_of("empty");
        for asked in &asked {
            assert_eq!(asked.header("upgrade"), Some("websocket"), "{asked:?}");
        }
        let sent: Vec<Value> = asked.iter().map(Asked::json).collect();
        let [warm_up, question, output] = sent.try_into().unwrap();
        assert_eq!(warm_up["generate"], false);
        assert!(question["previous_response_id"].is_string());
        assert!(output["previous_response_id"].is_string());
        let new = output["input"].as_array().unwrap();
        let kinds: Vec<_> = new.iter().map(|item| &item["type"]).collect();
        assert_eq!(kinds, ["function_call_output"]);
    }

    fn exec(&self, prompt: &str) -> Turn {
        let mut command = guest(&self.scene.rig, &self.program);
        command
            .args(["exec", "--json", "--skip-git-repo-check"])
            // A sandbox in the container of a CI is more than it allows; the commands are ours.
            .arg("--dangerously-bypass-approvals-and-sandbox")
            .args(["--model", "gpt-5.5", prompt])
            .env("CODEX_HOME", self.home())
            .env("CODEX_ROUTER_KEY", "unused")
            .current_dir(self.workspace());
        let ended = self.scene.rig.spawn(&mut command).ended();
        let events = ended.stdout.lines().map(serde_json::from_str);
        Turn {
            events: events.collect::<Result<_, _>>().unwrap(),
            ended,
        }
    }
}

impl Turn {
    fn event(&self, kind: &str) -> &Value {
        let mut found = self.events.iter().filter(|event| event["type"] == kind);
        found
            .next()
            .unwrap_or_else(|| panic!("no {kind} in {self}"))
    }

    /// A finished item of this kind.
    fn item(&self, kind: &str) -> &Value {
        let mut found = self.items().filter(|item| item["type"] == kind);
        found
            .next()
            .unwrap_or_else(|| panic!("no {kind} in {self}"))
    }

    /// What the model said to the user.
    fn said(&self) -> Vec<String> {
        self.items()
            .filter(|item| item["type"] == "agent_message")
            .map(|item| item["text"].as_str().unwrap().trim().to_owned())
            .collect()
    }

    fn items(&self) -> impl Iterator<Item = &Value> {
        let done = self
            .events
            .iter()
            .filter(|event| event["type"] == "item.completed");
        done.map(|event| &event["item"])
    }
}

impl std::fmt::Display for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n{}", self.ended.stdout, self.ended.stderr)
    }
}
