use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use serde_json::{Value, json};

use super::text::Format;
use super::*;
use crate::store::{Environment, keys_file};

const NOON: SystemTime = SystemTime::UNIX_EPOCH;

/// A user with a home of Codex and nothing else.
struct User {
    temp: tempfile::TempDir,
    home: Home,
    places: Places,
    router: Router,
}

impl User {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        let home = Home::at(&root.join(".codex")).unwrap();
        crate::store::prepare(&home, NOON).unwrap();
        let places = Places {
            user_home: Some(root),
            ..Places::default()
        };
        let router = Router::at("127.0.0.1:9876".parse().unwrap(), false);
        Self {
            temp,
            home,
            places,
            router,
        }
    }

    fn needing_a_key() -> Self {
        let user = Self::new();
        let router = Router {
            needs_key: true,
            ..user.router.clone()
        };
        Self { router, ..user }
    }

    fn file(&self, tool: Tool) -> PathBuf {
        settings::file(tool, &self.places, &self.home.cli_config()).unwrap()
    }

    fn write(&self, tool: Tool, text: &str) {
        fs::create_dir_all(self.file(tool).parent().unwrap()).unwrap();
        fs::write(self.file(tool), text).unwrap();
    }

    fn text(&self, tool: Tool) -> String {
        fs::read_to_string(self.file(tool)).unwrap()
    }

    fn connect(&self, tool: Tool) -> Result<(), ConnectError> {
        connect(&self.home, &self.places, &self.router, tool, NOON)
    }

    fn disconnect(&self, tool: Tool) -> Result<(), ConnectError> {
        disconnect(&self.home, &self.places, &self.router, tool)
    }

    fn view(&self, tool: Tool) -> ToolView {
        let views = look(&self.home, &self.places, &self.router);
        views.into_iter().find(|view| view.tool == tool).unwrap()
    }
}

/// Settings that somebody has arranged, with everything that a careless edit would lose, and secrets that no diff may show.
fn arranged(tool: Tool) -> &'static str {
    match tool {
        Tool::Codex => {
            "# my Codex, s3cret\r\nmodel = \"gpt-5.5\" # fast\r\nzz_future = [1, 2]\r\n\r\n[mcp_servers.a]\r\nenv = { KEY = \"s3cret\" }\r\n"
        }
        Tool::ClaudeCode => {
            "{\n  \"zz\": { \"deep\": [1] },\n  \"env\": {\n    \"A\": \"s3cret\",\n    \"ANTHROPIC_BASE_URL\": \"https://me:s3cret@proxy.example\",\n    \"ANTHROPIC_AUTH_TOKEN\": \"s3cret\"\n  },\n  \"model\": \"opus\"\n}\n"
        }
        Tool::OpenCode => {
            "{\n  // mine\n  \"model\": \"anthropic/claude\",\n  // \"apiKey\": \"s3cret\"\n  \"provider\": {\n    \"anthropic\": { \"options\": { \"apiKey\": \"s3cret\" } } // keep\n  },\n}\n"
        }
        Tool::Aider => {
            "# aider\n#openai-api-key: s3cret\nanthropic-api-key: s3cret\nmodel: sonnet # good\ndark-mode: true\nread:\n  - CONVENTIONS.md\n"
        }
        Tool::QwenCode => {
            "{\n  \"$version\": 3,\n  \"env\": { \"DASHSCOPE_API_KEY\": \"s3cret\" },\n  \"model\": { \"name\": \"qwen3-coder-plus\", \"maxSessionTurns\": 9 },\n  \"security\": {\n    \"auth\": {\n      \"selectedType\": \"qwen-oauth\" // free\n    }\n  }\n}\n"
        }
        Tool::Continue => {
            "name: Mine\nversion: 0.0.1\nschema: v1\n# chat first\nmodels:\n  - name: Claude # good\n    provider: anthropic\n    model: claude-sonnet-4-5\n    apiKey: s3cret\n    roles: [chat, edit]\n    chatOptions:\n      baseSystemMessage: |\n        models:\n        - s3cret\n\n  - uses: ollama/qwen2.5-coder-7b\ncontext:\n  - provider: code\n"
        }
        Tool::Crush => {
            "{\n\t\"$schema\": \"https://charm.land/crush.json\",\n\t\"providers\": {\n\t\t\"deepseek\": {\n\t\t\t\"type\": \"openai\",\n\t\t\t\"api_key\": \"s3cret\",\n\t\t\t\"models\": [{ \"id\": \"deepseek-chat\", \"context_window\": 64000 }]\n\t\t}\n\t},\n\t\"models\": {\n\t\t\"large\": { \"model\": \"deepseek-chat\", \"provider\": \"deepseek\" }\n\t}\n}\n"
        }
        Tool::AiChat => {
            "# ---- llm ----\nmodel: openai:gpt-4o             # the one\ntemperature: null\nleft_prompt:\n  '{color.green}{?session {session}>} '\nclients:\n- type: openai\n  api_key: s3cret                # mine\n  patches:\n    '.*':\n      chat_completions_body: { a: ['b', \"}\"] }\n"
        }
    }
}

/// What somebody adds to a file afterwards.
fn later(tool: Tool) -> &'static str {
    match settings::format(tool) {
        Format::Toml | Format::Yaml => "# added later\n",
        Format::Json => "\n",
    }
}

#[test]
fn every_program_is_pointed_at_the_router_and_gets_exactly_its_own_settings_back() {
    for tool in Tool::ALL {
        for before in [None, Some(""), Some(arranged(tool))] {
            let user = User::new();
            if let Some(text) = before {
                user.write(tool, text);
            }
            assert!(!user.view(tool).is_connected);
            user.connect(tool).unwrap();
            let view = user.view(tool);
            assert!(view.is_connected, "{view:?}");
            assert_eq!(view.trouble, None);
            // A second time changes nothing but the record of nothing.
            let first = user.text(tool);
            user.connect(tool).unwrap();
            assert_eq!(user.text(tool), first, "{tool:?}");
            user.disconnect(tool).unwrap();
            let after = fs::read_to_string(user.file(tool)).ok();
            assert_eq!(after.as_deref(), before, "{tool:?}");
            assert!(!user.view(tool).is_connected);
            assert!(matches!(
                user.disconnect(tool),
                Err(ConnectError::NotConnected(_))
            ));
        }
    }
}

#[test]
fn what_was_changed_since_stays_and_only_our_own_values_go() {
    for tool in Tool::ALL {
        let user = User::new();
        user.write(tool, arranged(tool));
        user.connect(tool).unwrap();
        let comment = later(tool);
        user.write(tool, &format!("{}{comment}", user.text(tool)));
        user.disconnect(tool).unwrap();
        assert_eq!(
            user.text(tool),
            format!("{}{comment}", arranged(tool)),
            "{tool:?}"
        );
    }
}

#[test]
fn an_address_that_the_user_has_changed_since_is_left_alone() {
    let user = User::new();
    user.connect(Tool::Codex).unwrap();
    let theirs = "openai_base_url = \"https://eu.example/v1\"\n";
    user.write(Tool::Codex, theirs);
    user.disconnect(Tool::Codex).unwrap();
    assert_eq!(user.text(Tool::Codex), theirs);
}

#[test]
fn another_port_of_the_router_is_told_to_the_program_and_the_first_settings_are_not_forgotten() {
    let mut user = User::new();
    user.write(Tool::ClaudeCode, arranged(Tool::ClaudeCode));
    user.connect(Tool::ClaudeCode).unwrap();
    user.router = Router::at("127.0.0.1:9877".parse().unwrap(), false);
    assert!(!user.view(Tool::ClaudeCode).is_connected);
    user.connect(Tool::ClaudeCode).unwrap();
    assert!(
        user.text(Tool::ClaudeCode)
            .contains("http://127.0.0.1:9877\"")
    );
    user.disconnect(Tool::ClaudeCode).unwrap();
    assert_eq!(user.text(Tool::ClaudeCode), arranged(Tool::ClaudeCode));
}

#[test]
fn a_broken_a_protected_and_an_odd_file_get_a_sentence_and_are_not_written() {
    for (tool, text) in [
        (Tool::Codex, "model = \n"),
        (Tool::Codex, "model_provider = \"azure\"\n"),
        (Tool::ClaudeCode, "{ \"env\": "),
        (Tool::ClaudeCode, "{ \"env\": 7 }"),
        (Tool::OpenCode, "[]"),
        (Tool::Aider, "model: |\n  x\n"),
        (Tool::QwenCode, "{ \"security\": [] }"),
        (Tool::Crush, "{ \"providers\": { \"codex-router\": 7 } }"),
        (Tool::Continue, "name: a\nmodels: [{ name: b }]\n"),
        (Tool::AiChat, "clients:\n  - type: openai\n model: x\n"),
    ] {
        let user = User::new();
        user.write(tool, text);
        let reason = user.connect(tool).unwrap_err().to_string();
        assert_eq!(user.view(tool).trouble, Some(reason));
        assert_eq!(user.text(tool), text);
    }
    let user = User::new();
    user.write(Tool::Codex, arranged(Tool::Codex));
    fs::set_permissions(user.file(Tool::Codex), fs::Permissions::from_mode(0o400)).unwrap();
    let reason = user.connect(Tool::Codex).unwrap_err().to_string();
    assert!(reason.contains("write-protected"), "{reason}");
    assert_eq!(user.text(Tool::Codex), arranged(Tool::Codex));
}

#[test]
fn a_link_into_the_dotfiles_stays_one_with_the_mode_of_its_file() {
    let user = User::new();
    let dotfile = user.temp.path().join("dotfiles.json");
    fs::write(&dotfile, arranged(Tool::ClaudeCode)).unwrap();
    fs::set_permissions(&dotfile, fs::Permissions::from_mode(0o644)).unwrap();
    fs::create_dir(user.temp.path().join(".claude")).unwrap();
    symlink(&dotfile, user.file(Tool::ClaudeCode)).unwrap();
    user.connect(Tool::ClaudeCode).unwrap();
    assert!(user.file(Tool::ClaudeCode).is_symlink());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dotfile), 0o644);
    user.disconnect(Tool::ClaudeCode).unwrap();
    assert!(user.file(Tool::ClaudeCode).is_symlink());
    assert_eq!(
        fs::read_to_string(&dotfile).unwrap(),
        arranged(Tool::ClaudeCode)
    );
}

#[test]
fn where_a_key_is_needed_one_is_made_that_no_diff_shows_and_that_goes_with_the_connection() {
    let user = User::needing_a_key();
    keys_file::edit(&user.home, |document| {
        document.set_required(true);
        Ok::<_, KeysError>(())
    })
    .unwrap();
    user.write(Tool::ClaudeCode, "{}\n");
    let preview = user.view(Tool::ClaudeCode).diff;
    assert!(
        preview.contains("\"ANTHROPIC_AUTH_TOKEN\": \"…\""),
        "{preview}"
    );
    user.connect(Tool::ClaudeCode).unwrap();
    let written: Value = serde_json::from_str(&user.text(Tool::ClaudeCode)).unwrap();
    let shown = written["env"]["ANTHROPIC_AUTH_TOKEN"].as_str().unwrap();
    let ring = keys_file::read(&user.home);
    assert_eq!(ring.keys().len(), 1);
    assert_eq!(ring.keys()[0].label, "Claude Code");
    assert!(shown.ends_with(&ring.keys()[0].last4), "the key that opens");
    let mode = fs::metadata(user.file(Tool::ClaudeCode))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600, "a key is nobody else's to read");
    assert!(!user.view(Tool::ClaudeCode).diff.contains(shown));

    user.disconnect(Tool::ClaudeCode).unwrap();
    let ring = keys_file::read(&user.home);
    assert_eq!(ring.keys().len(), 0);
    assert!(ring.is_required, "the last key that goes opens no door");
    let reason = user.connect(Tool::Codex).unwrap_err().to_string();
    assert!(reason.contains("keys require off"), "{reason}");
}

#[test]
fn a_key_that_stood_in_the_file_is_shown_in_no_diff() {
    let user = User::new();
    let text = json!({ "env": { "ANTHROPIC_AUTH_TOKEN": "my-own-secret" } }).to_string();
    user.write(Tool::ClaudeCode, &text);
    assert!(!user.view(Tool::ClaudeCode).diff.contains("my-own-secret"));
    user.connect(Tool::ClaudeCode).unwrap();
    assert!(!user.view(Tool::ClaudeCode).diff.contains("my-own-secret"));
    user.disconnect(Tool::ClaudeCode).unwrap();
    assert_eq!(user.text(Tool::ClaudeCode), text);
}

#[test]
fn a_router_without_a_fixed_port_is_nothing_to_point_at() {
    let mut user = User::new();
    user.router = Router::at("127.0.0.1:0".parse().unwrap(), false);
    let reason = user.connect(Tool::Codex).unwrap_err().to_string();
    assert!(reason.contains("router.addr"), "{reason}");
}

#[test]
fn the_environment_says_where_a_program_keeps_its_settings() {
    let environment = Environment::of(
        [
            ("CLAUDE_CONFIG_DIR", "/c"),
            ("XDG_CONFIG_HOME", "/x"),
            ("PATH", "/nowhere"),
        ],
        Some("/u".into()),
    );
    let file = |tool, environment: &Environment| {
        settings::file(
            tool,
            &Places::of(environment),
            Path::new("/codex/config.toml"),
        )
        .unwrap()
    };
    assert_eq!(
        file(Tool::ClaudeCode, &environment),
        Path::new("/c/settings.json")
    );
    assert_eq!(
        file(Tool::OpenCode, &environment),
        Path::new("/x/opencode/opencode.json")
    );
    assert_eq!(
        file(Tool::Aider, &environment),
        Path::new("/u/.aider.conf.yml")
    );
    let own = Environment::of(
        [
            ("OPENCODE_CONFIG", "/mine.json"),
            ("QWEN_HOME", "/q"),
            ("CONTINUE_GLOBAL_DIR", "/n"),
            ("CRUSH_GLOBAL_CONFIG", "/r"),
            ("AICHAT_CONFIG_DIR", "/a"),
        ],
        None,
    );
    for (tool, path) in [
        (Tool::OpenCode, "/mine.json"),
        (Tool::QwenCode, "/q/settings.json"),
        (Tool::Continue, "/n/config.yaml"),
        (Tool::Crush, "/r/crush.json"),
        (Tool::AiChat, "/a/config.yaml"),
    ] {
        assert_eq!(file(tool, &own), Path::new(path));
    }
    assert_eq!(
        file(Tool::Crush, &environment),
        Path::new("/x/crush/crush.json")
    );
    assert_eq!(
        file(Tool::AiChat, &environment),
        Path::new("/x/aichat/config.yaml")
    );
}

#[test]
fn codex_is_let_read_its_login_from_the_file() {
    let user = User::new();
    user.write(
        Tool::Codex,
        "cli_auth_credentials_store = \"keyring\"\n[x]\n",
    );
    let change = plan_file_store(&user.home).unwrap();
    assert!(
        change
            .diff
            .contains("+cli_auth_credentials_store = \"file\""),
        "{}",
        change.diff
    );
    use_file_store(&user.home).unwrap();
    assert_eq!(crate::store::credential_store(&user.home), None);
    assert!(user.text(Tool::Codex).ends_with("[x]\n"));
}

#[test]
fn a_disconnect_after_the_router_has_moved_takes_its_earlier_address_out() {
    for tool in Tool::ALL {
        let mut user = User::new();
        let later = later(tool);
        user.write(tool, arranged(tool));
        user.connect(tool).unwrap();
        user.write(tool, &format!("{}{later}", user.text(tool)));
        user.router = Router::at("127.0.0.1:9877".parse().unwrap(), false);
        let view = user.view(tool);
        assert!(view.is_outdated && !view.is_connected, "{view:?}");
        user.disconnect(tool).unwrap();
        assert_eq!(user.text(tool), format!("{}{later}", arranged(tool)));
        assert!(!user.view(tool).is_outdated);
    }
}

#[test]
fn a_connect_after_the_router_has_moved_exchanges_the_address_and_keeps_the_way_back() {
    for tool in Tool::ALL {
        let mut user = User::new();
        let later = later(tool);
        user.write(tool, arranged(tool));
        user.connect(tool).unwrap();
        user.write(tool, &format!("{}{later}", user.text(tool)));
        user.router = Router::at("127.0.0.1:9877".parse().unwrap(), false);
        user.connect(tool).unwrap();
        assert!(!user.text(tool).contains(":9876"), "{}", user.text(tool));
        assert!(user.view(tool).is_connected);
        user.disconnect(tool).unwrap();
        assert_eq!(user.text(tool), format!("{}{later}", arranged(tool)));
    }
}

#[test]
fn each_file_of_a_program_gets_its_own_settings_back() {
    let mut user = User::new();
    let folders = ["one", "two"].map(|name| user.temp.path().join(name));
    let text = |name| format!("{{ \"theme\": \"{name}\" }}\n");
    for folder in &folders {
        user.places
            .named
            .insert("CLAUDE_CONFIG_DIR", folder.clone());
        user.write(Tool::ClaudeCode, &text(folder.display()));
        user.connect(Tool::ClaudeCode).unwrap();
    }
    for folder in &folders {
        user.places
            .named
            .insert("CLAUDE_CONFIG_DIR", folder.clone());
        user.disconnect(Tool::ClaudeCode).unwrap();
        assert_eq!(user.text(Tool::ClaudeCode), text(folder.display()));
    }
}

#[test]
fn a_file_is_the_same_one_by_whichever_path_its_folder_is_reached() {
    let mut user = User::new();
    let (folder, link) = (user.temp.path().join("real"), user.temp.path().join("link"));
    fs::create_dir(&folder).unwrap();
    symlink(&folder, &link).unwrap();
    user.places.named.insert("CLAUDE_CONFIG_DIR", link);
    user.write(Tool::ClaudeCode, arranged(Tool::ClaudeCode));
    user.connect(Tool::ClaudeCode).unwrap();
    user.places.named.insert("CLAUDE_CONFIG_DIR", folder);
    user.disconnect(Tool::ClaudeCode).unwrap();
    assert_eq!(user.text(Tool::ClaudeCode), arranged(Tool::ClaudeCode));
}

#[test]
fn a_record_under_the_programs_name_alone_still_leads_back() {
    let user = User::new();
    user.write(Tool::Codex, arranged(Tool::Codex));
    user.connect(Tool::Codex).unwrap();
    let records = || fs::read_dir(user.home.connections_dir()).unwrap();
    let record = records().next().unwrap().unwrap().path();
    let json: Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    let earlier = json!({
        "file": user.file(Tool::Codex),
        "before": json["before"],
        "after_sha256": json["after_sha256"][0],
        "key_id": null,
    });
    fs::remove_file(record).unwrap();
    let named = user.home.connections_dir().join("codex.json");
    crate::store::safe_file::replace(&named, earlier.to_string().as_bytes()).unwrap();
    assert!(codex_connected_at(&user.home).is_some());
    user.disconnect(Tool::Codex).unwrap();
    assert_eq!(user.text(Tool::Codex), arranged(Tool::Codex));
    assert_eq!(records().count(), 0);
}

#[test]
fn a_connect_that_fails_leaves_the_way_back_as_it_was() {
    let mut user = User::needing_a_key();
    let tool = Tool::ClaudeCode;
    let before = arranged(tool);
    user.write(tool, before);
    user.connect(tool).unwrap();
    let (connected, keys) = (user.text(tool), || keys_file::read(&user.home).keys().len());
    user.router = Router {
        needs_key: true,
        ..Router::at("127.0.0.1:9877".parse().unwrap(), false)
    };
    let set_mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let assert_as_it_was = || {
        user.connect(tool).unwrap_err();
        assert_eq!(user.text(tool), connected);
        assert_eq!(keys(), 1, "the key in the file is the one that is left");
    };
    set_mode(&user.file(tool), 0o400);
    assert_as_it_was();
    set_mode(&user.file(tool), 0o600);
    let (records, aside) = (user.home.connections_dir(), user.temp.path().join("aside"));
    fs::rename(&records, &aside).unwrap();
    fs::write(&records, "no folder").unwrap();
    assert_as_it_was();
    fs::remove_file(&records).unwrap();
    fs::rename(&aside, &records).unwrap();
    user.disconnect(tool).unwrap();
    assert_eq!(user.text(tool), before);
    assert_eq!(keys(), 0);
}

#[test]
fn a_first_connect_that_fails_leaves_no_record_of_one() {
    let user = User::new();
    user.write(Tool::Codex, arranged(Tool::Codex));
    fs::set_permissions(user.file(Tool::Codex), fs::Permissions::from_mode(0o400)).unwrap();
    user.connect(Tool::Codex).unwrap_err();
    assert_eq!(codex_connected_at(&user.home), None);
}

#[test]
fn a_connect_that_was_cut_off_before_or_after_the_file_was_written_leads_back() {
    for is_written in [false, true] {
        let mut user = User::new();
        let tool = Tool::OpenCode;
        user.write(tool, arranged(tool));
        user.connect(tool).unwrap();
        let earlier = user.text(tool);
        let file = user.file(tool);
        let first = Record::read(&user.home, tool, &file).unwrap().unwrap();
        user.router = Router::at("127.0.0.1:9877".parse().unwrap(), false);
        user.connect(tool).unwrap();
        let second = Record::read(&user.home, tool, &file).unwrap().unwrap();
        let pending = second.or(&first);
        pending.write(&user.home, tool).unwrap();
        if !is_written {
            user.write(tool, &earlier);
        }
        user.disconnect(tool).unwrap();
        assert_eq!(user.text(tool), arranged(tool));
    }
}

#[test]
fn a_key_that_still_opens_the_router_is_kept_by_another_connect() {
    let mut user = User::needing_a_key();
    let tool = Tool::ClaudeCode;
    user.write(tool, arranged(tool));
    user.connect(tool).unwrap();
    let ids = || keys_file::read(&user.home).keys().to_vec();
    let (made, written) = (ids(), user.text(tool));
    let again = plan_connect(&user.home, &user.places, &user.router, tool).unwrap();
    assert_eq!(again.diff, "", "nothing is left to change");
    user.connect(tool).unwrap();
    assert_eq!((ids(), user.text(tool)), (made.clone(), written));

    user.router = Router {
        needs_key: true,
        ..Router::at("127.0.0.1:9877".parse().unwrap(), false)
    };
    user.connect(tool).unwrap();
    assert_eq!(keys_file::read(&user.home).keys(), made);
    user.disconnect(tool).unwrap();
    assert_eq!(keys_file::read(&user.home).keys().len(), 0);
    assert_eq!(user.text(tool), arranged(tool));
}

#[test]
fn no_diff_shows_what_else_stands_in_a_file() {
    for tool in Tool::ALL {
        for mark in ["", "\u{feff}"] {
            let user = User::new();
            user.write(tool, &format!("{mark}{}", arranged(tool)));
            let before = user.view(tool).diff;
            assert!(!before.contains("s3cret"), "{before}");
            assert!(before.contains("127.0.0.1:9876"), "{before}");
            user.connect(tool).unwrap();
            let after = user.view(tool).diff;
            assert!(!after.contains("s3cret"), "{after}");
            assert!(after.contains("127.0.0.1:9876"), "{after}");
        }
    }
    let user = User::new();
    user.write(Tool::Codex, arranged(Tool::Codex));
    let change = plan_file_store(&user.home).unwrap();
    assert!(!change.diff.contains("s3cret"), "{}", change.diff);
}

#[test]
fn what_an_editor_puts_before_the_text_stays_there() {
    for tool in Tool::ALL {
        for later in ["", later(tool)] {
            let user = User::new();
            let before = format!("\u{feff}{}", arranged(tool));
            user.write(tool, &before);
            user.connect(tool).unwrap();
            let connected = user.text(tool);
            assert!(connected.starts_with('\u{feff}'), "{tool:?}");
            assert_eq!(connected.matches('\u{feff}').count(), 1);
            assert!(user.view(tool).is_connected);
            user.write(tool, &format!("{connected}{later}"));
            user.disconnect(tool).unwrap();
            assert_eq!(user.text(tool), format!("{before}{later}"), "{tool:?}");
        }
    }
}

#[test]
fn indented_settings_get_ours_where_the_others_stand() {
    let user = User::new();
    let before = "  # aider\n  dark-mode: true\n  read:\n    - a.md\n";
    user.write(Tool::Aider, before);
    user.connect(Tool::Aider).unwrap();
    assert_eq!(
        user.text(Tool::Aider),
        format!(
            "{before}  openai-api-base: http://127.0.0.1:9876/v1\n  openai-api-key: unused\n  model: openai/gpt-5.5\n"
        )
    );
    user.write(Tool::Aider, &format!("{}# later\n", user.text(Tool::Aider)));
    user.disconnect(Tool::Aider).unwrap();
    assert_eq!(user.text(Tool::Aider), format!("{before}# later\n"));
}

#[test]
fn what_the_user_has_added_below_our_name_stays() {
    let user = User::new();
    let theirs = json!({
        "provider": { "codex-router": {
            "options": { "timeout": 9 },
            "models": { "gpt-5.5": { "limit": { "context": 1 } }, "o9": {} },
        } },
    });
    user.write(Tool::OpenCode, &theirs.to_string());
    user.connect(Tool::OpenCode).unwrap();
    let connected: Value = serde_json::from_str(&user.text(Tool::OpenCode)).unwrap();
    let ours = &connected["provider"]["codex-router"];
    assert_eq!(ours["options"]["timeout"], 9);
    assert_eq!(ours["options"]["baseURL"], "http://127.0.0.1:9876/v1");
    assert_eq!(ours["models"]["gpt-5.5"]["limit"], json!({ "context": 1 }));
    user.write(Tool::OpenCode, &format!("{}\n", user.text(Tool::OpenCode)));
    user.disconnect(Tool::OpenCode).unwrap();
    let after: Value = serde_json::from_str(&user.text(Tool::OpenCode)).unwrap();
    assert_eq!(after, theirs);
}

#[test]
fn a_file_that_says_one_of_our_keys_twice_is_not_touched() {
    let user = User::new();
    let text = r#"{ "env": { "A": "1" }, "env": { "B": "2" } }"#;
    user.write(Tool::ClaudeCode, text);
    let reason = user.connect(Tool::ClaudeCode).unwrap_err().to_string();
    assert!(reason.contains("edit it by hand"), "{reason}");
    assert_eq!(user.text(Tool::ClaudeCode), text);
}

#[test]
fn a_continue_that_reads_its_old_file_is_not_given_a_first_one() {
    let user = User::new();
    let file = user.file(Tool::Continue);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file.with_file_name("config.json"), "{}").unwrap();
    let reason = user.connect(Tool::Continue).unwrap_err().to_string();
    assert!(reason.contains("config.json"), "{reason}");
    assert!(!file.exists());
}

#[test]
fn our_model_comes_before_the_others_of_a_list() {
    let user = User::new();
    user.write(Tool::Continue, arranged(Tool::Continue));
    user.connect(Tool::Continue).unwrap();
    let ours = "models:\n  - name: Codex Router\n    provider: openai\n    model: gpt-5.5\n    apiBase: http://127.0.0.1:9876/v1\n    apiKey: unused\n    roles:\n      - chat\n      - edit\n      - apply\n";
    assert_eq!(
        user.text(Tool::Continue),
        arranged(Tool::Continue).replacen("models:\n", ours, 1)
    );
    let user = User::new();
    user.write(Tool::AiChat, arranged(Tool::AiChat));
    user.connect(Tool::AiChat).unwrap();
    let ours = "clients:\n- type: openai-compatible\n  name: codex-router\n  api_base: http://127.0.0.1:9876/v1\n  api_key: unused\n  models:\n    - name: gpt-5.5\n      supports_function_calling: true\n    - name: gpt-5.4-mini\n      supports_function_calling: true\n";
    assert_eq!(
        user.text(Tool::AiChat),
        arranged(Tool::AiChat)
            .replacen("clients:\n", ours, 1)
            .replacen("openai:gpt-4o", "codex-router:gpt-5.5", 1)
    );
}
