//! `import`, `export`, `backup` and `restore`: logins from elsewhere become accounts that work, and nothing is half there.

use std::{fs, path::Path, time::Duration};

use codex_router::simulator::Account;
use serde_json::{Value, json};

use crate::support::{Ended, Rig, until, write_private};

impl Rig {
    /// Below the user's home.
    fn user(&self, below: &str) -> std::path::PathBuf {
        self.scratch().join("user").join(below)
    }

    fn names(&self) -> Vec<String> {
        let listed = self.run(&["list", "--json"]);
        let rows: Value = serde_json::from_str(&listed.stdout).unwrap();
        let name = |row: &Value| row["name"].as_str().unwrap().to_owned();
        rows.as_array().unwrap().iter().map(name).collect()
    }
}

/// Verdicts by source.
fn verdicts(ended: &Ended) -> Vec<(String, String)> {
    let whole: Value =
        serde_json::from_str(&ended.stdout).unwrap_or_else(|err| panic!("{err}: {ended:?}"));
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let rows = whole["found"].as_array().unwrap();
    rows.iter()
        .map(|row| (text(row, "source"), text(row, "verdict")))
        .collect()
}

fn pair(a: &str, b: &str) -> (String, String) {
    (a.to_owned(), b.to_owned())
}

/// The same login in the flat form of other programs.
fn flat(auth_json: &str) -> Value {
    let file: Value = serde_json::from_str(auth_json).unwrap();
    let mut flat = file["tokens"].clone();
    flat["type"] = "codex".into();
    flat
}

#[test]
fn the_accounts_of_other_programs_are_found_shown_and_answer() {
    let rig = Rig::start();
    for account in ["older", "switcher", "cpa", "live"] {
        rig.sim.add(Account::chatgpt(account));
    }
    let login = |account: &str| rig.sim.auth_json(account);
    write_private(
        &rig.user(".codex_router/profiles/older/auth.json"),
        &login("older"),
    );
    let mut tokens = flat(&login("switcher"));
    tokens["type"] = "chat_g_p_t".into();
    let store = json!({"version": 1, "accounts": [{"name": "開発", "auth_data": tokens}]});
    write_private(
        &rig.user(".codex-switcher/accounts.json"),
        &store.to_string(),
    );
    write_private(
        &rig.user(".cli-proxy-api/codex-cpa.json"),
        &flat(&login("cpa")).to_string(),
    );
    rig.sign_in(&login("live"));

    let listed = rig.run(&["list"]);
    assert!(listed.stdout.contains("codex-router import"), "{listed:?}");
    let doctor = rig.run(&["doctor"]);
    assert!(doctor.stdout.contains("older accounts"), "{doctor:?}");

    let looked = rig.run(&["import", "--other-programs", "--dry-run"]);
    assert_eq!(looked.code, Some(0), "{looked:?}");
    assert!(
        looked.stdout.contains("new") && looked.stdout.contains("~/.codex-switcher"),
        "{looked:?}"
    );
    assert!(
        looked.stderr.contains("works in one of the two only"),
        "{looked:?}"
    );
    assert!(!rig.home().join("profiles").exists());
    assert!(!format!("{looked:?}").contains("rt_"), "{looked:?}");

    let imported = rig.run(&["import", "--other-programs", "--yes"]);
    assert_eq!(imported.code, Some(0), "{imported:?}");
    assert!(imported.stdout.contains("Added 4 accounts"), "{imported:?}");
    assert_eq!(rig.names(), ["cpa", "live", "older", "switcher"]);
    let label = fs::read_to_string(rig.home().join("profiles/switcher/router.json")).unwrap();
    assert!(
        label.contains("開発") && label.contains("came_by"),
        "{label}"
    );
    let file = rig.profile("cpa");
    assert_eq!(file["auth_mode"], "chatgpt");
    assert!(file["last_refresh"].is_string() && file["OPENAI_API_KEY"].is_null());

    let again = rig.run(&["import", "--other-programs", "--yes", "--json"]);
    assert!(
        verdicts(&again)
            .iter()
            .all(|(_, verdict)| verdict == "same"),
        "{again:?}"
    );
    let used = rig.run(&["use", "cpa"]);
    assert_eq!(used.code, Some(0), "{used:?}");
    let mut program = rig.serve();
    let base_url = program.base_url();
    assert!(
        rig.chat(&base_url, "hello")
            .said()
            .unwrap()
            .contains("You said: hello")
    );
}

#[test]
fn a_paste_of_many_forms_is_read_and_only_the_newest_of_one_account_is_taken() {
    let rig = Rig::start();
    for account in ["ana", "bob"] {
        rig.sim.add(Account::chatgpt(account));
    }
    let older = rig.sim.auth_json_expired("ana");
    let newer = rig.sim.auth_json("ana");
    let text = format!(
        "{older}\n{}\n[{newer}]\nsk-FAKE-FAKE-FAKE-FAKE\n",
        flat(&rig.sim.auth_json("bob"))
    );
    let refused = rig.run_reading(&["import", "--paste"], &text);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    let imported = rig.run_reading(&["import", "--paste", "--yes", "--json"], &text);
    assert_eq!(imported.code, Some(0), "{imported:?}");
    let found: Vec<_> = verdicts(&imported)
        .into_iter()
        .map(|(_, verdict)| verdict)
        .collect();
    assert_eq!(found, ["older", "new", "new", "new"]);
    let wanted: Value = serde_json::from_str(&newer).unwrap();
    assert_eq!(rig.profile("ana")["tokens"], wanted["tokens"]);
    assert_eq!(
        rig.profile("account")["OPENAI_API_KEY"],
        "sk-FAKE-FAKE-FAKE-FAKE"
    );
    assert!(!format!("{imported:?}").contains("sk-FAKE"), "{imported:?}");
}

#[test]
fn one_is_chosen_and_called_by_another_name() {
    let rig = Rig::start();
    for account in ["ana", "bob"] {
        rig.sim.add(Account::chatgpt(account));
        write_private(
            &rig.user(&format!("in/{account}/auth.json")),
            &rig.sim.auth_json(account),
        );
    }
    let folder = rig.user("in").display().to_string();
    let wrong = rig.run(&["import", &folder, "--as", "work", "--yes"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    let imported = rig.run(&["import", &folder, "--only", "bob", "--as", "work", "--yes"]);
    assert_eq!(imported.code, Some(0), "{imported:?}");
    assert_eq!(rig.names(), ["work"]);
    let silent = rig.run(&["import", &folder]);
    assert_eq!(silent.code, Some(2), "nobody can be asked: {silent:?}");
    assert_eq!(rig.names(), ["work"]);
}

#[test]
fn damaged_files_are_told_and_stay_as_they_are() {
    let rig = Rig::start();
    rig.sim.add(Account::chatgpt("ana"));
    let whole = rig.sim.auth_json("ana");
    let utf16: Vec<u8> = whole.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let token = |token: Value| {
        let mut file: Value = serde_json::from_str(&whole).unwrap();
        file["tokens"]["access_token"] = token;
        file.to_string().into_bytes()
    };
    let damaged: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("cut", whole.as_bytes()[..whole.len() / 2].to_vec()),
        ("deep", "[".repeat(100_000).into_bytes()),
        ("big", vec![b' '; 3 * 1024 * 1024]),
        ("bom", [b"\xef\xbb\xbf", whole.as_bytes()].concat()),
        ("utf16", [b"\xff\xfe".to_vec(), utf16].concat()),
        ("nul", b"{\"a\": \"\0\"}".to_vec()),
        (
            "surrogate",
            br#"{"tokens": {"access_token": "\ud800"}}"#.to_vec(),
        ),
        (
            "twice",
            br#"{"OPENAI_API_KEY": "canary", "OPENAI_API_KEY": "canary"}"#.to_vec(),
        ),
        ("number", token(json!(7))),
        ("lines", token(json!("canary\r\nx: y"))),
        ("nothing", b"{}".to_vec()),
    ];
    for (name, bytes) in &damaged {
        let path = rig.user(&format!("in/{name}/auth.json"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    write_private(&rig.user("in/good/auth.json"), &whole);
    let folder = rig.user("in").display().to_string();
    let imported = rig.run(&["import", &folder, "--yes", "--json"]);
    assert_eq!(imported.code, Some(0), "{imported:?}");
    let mut expected: Vec<_> = damaged
        .iter()
        .map(|(name, _)| pair(&format!("~/in/{name}"), "unreadable"))
        .chain([pair("~/in/good", "new")])
        .collect();
    expected.sort();
    let mut found = verdicts(&imported);
    found.sort();
    assert_eq!(found, expected);
    assert!(!format!("{imported:?}").contains("canary"), "{imported:?}");
    for (name, bytes) in &damaged {
        let kept = fs::read(rig.user(&format!("in/{name}/auth.json"))).unwrap();
        assert!(kept == *bytes, "{name} was changed");
    }
    assert_eq!(rig.names(), ["good"]);
    let only_bad = rig.run(&["import", &format!("{folder}/cut"), "--yes"]);
    assert_eq!(only_bad.code, Some(1), "{only_bad:?}");
}

/// As many logins, each in a folder of its own.
fn make_many(rig: &Rig, count: usize) -> String {
    for n in 0..count {
        let login = rig.sim.sign_in(&format!("user-{n}"));
        write_private(&rig.user(&format!("many/user-{n}/auth.json")), &login);
    }
    rig.user("many").display().to_string()
}

/// The profiles that are there; each must be whole.
fn whole_profiles(home: &Path) -> usize {
    let Ok(profiles) = fs::read_dir(home.join("profiles")) else {
        return 0;
    };
    let visible = profiles
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.'));
    let is_whole = |path: &Path| {
        for file in ["auth.json", "router.json"] {
            let text = fs::read_to_string(path.join(file)).unwrap();
            serde_json::from_str::<Value>(&text).unwrap();
        }
    };
    visible.inspect(|path| is_whole(path)).count()
}

#[test]
fn a_thousand_files_are_imported_in_seconds_beside_a_running_router() {
    let rig = Rig::start();
    let folder = make_many(&rig, 1_000);
    let mut program = rig.serve();
    program.base_url();
    let started = std::time::Instant::now();
    let imported = rig.run(&["import", &folder, "--yes"]);
    let took = started.elapsed();
    assert_eq!(imported.code, Some(0), "{imported:?}");
    assert!(
        imported.stdout.contains("Added 1000 accounts"),
        "{imported:?}"
    );
    // The debug build on a busy machine; the release build is measured in README.md.
    assert!(took < Duration::from_secs(60), "{took:?}");
    assert_eq!(whole_profiles(&rig.home()), 1_000);
    let again = rig.run(&["import", &folder, "--yes"]);
    assert!(
        again.stdout.contains("There is nothing to import."),
        "{again:?}"
    );
    assert!(program.is_running());
}

#[cfg(unix)]
#[test]
fn an_import_that_is_stopped_leaves_whole_accounts_and_can_be_gone_on_with() {
    let rig = Rig::start();
    let folder = make_many(&rig, 600);
    let mut program = rig.spawn(&mut rig.command(&["import", &folder, "--yes"]));
    until("some accounts are there", || {
        (whole_profiles(&rig.home()) > 20 || !program.is_running()).then_some(())
    });
    program.terminate();
    let ended = program.ended();
    let count = whole_profiles(&rig.home());
    // A fast machine may have been done before.
    assert!(count == 600 || ended.code == Some(1), "{count} {ended:?}");
    let rest = rig.run(&["import", &folder, "--yes"]);
    assert_eq!(rest.code, Some(0), "{rest:?}");
    assert_eq!(whole_profiles(&rig.home()), 600);
    let left = fs::read_dir(rig.home().join("profiles")).unwrap().count();
    assert_eq!(left, 600, "nothing hidden is left");
}

#[test]
fn a_backup_is_one_closed_file_that_brings_everything_back() {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    rig.sim.add(Account::compatible("own"));
    let url = rig.sim.compatible_base_url();
    let added = rig.run_reading(&["add", "local", "--compatible", &url], "key-fake-own\n");
    assert_eq!(added.code, Some(0), "{added:?}");
    assert_eq!(rig.run(&["set", "work", "--weight", "3"]).code, Some(0));
    let words = || -> Value {
        let text = fs::read_to_string(rig.home().join("profiles/work/router.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let weight = words()["weight"].clone();
    assert!(!weight.is_null());
    let before = (rig.profile("work"), rig.profile("local"));
    let passphrase = rig.scratch().join("passphrase");
    write_private(&passphrase, "correct horse FAKE\n");
    let file = rig.scratch().join("all.backup");
    let file = file.to_str().unwrap();
    let with = |arguments: &[&str], passphrase: &Path| {
        let mut command = rig.command(arguments);
        command.env("CODEX_ROUTER_PASSPHRASE_FILE", passphrase);
        rig.spawn(&mut command).ended()
    };

    let unasked = rig.run(&["backup", file]);
    assert_eq!(unasked.code, Some(2), "{unasked:?}");
    let made = with(&["backup", file], &passphrase);
    assert_eq!(made.code, Some(0), "{made:?}");
    assert!(made.stdout.contains("Backed up 2 accounts"), "{made:?}");
    let bytes = fs::read(file).unwrap();
    for secret in ["key-fake", "refresh_token", "weight", "example.com"] {
        assert!(
            !bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes()),
            "{secret}"
        );
    }
    let twice = with(&["backup", file], &passphrase);
    assert_eq!(twice.code, Some(1), "{twice:?}");
    assert!(twice.stderr.contains("--replace"), "{twice:?}");

    fs::remove_dir_all(rig.home().join("profiles")).unwrap();
    let wrong = rig.scratch().join("wrong");
    write_private(&wrong, "another horse FAKE\n");
    let refused = with(&["restore", file, "--yes"], &wrong);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("not its passphrase"), "{refused:?}");
    let cut = rig.scratch().join("cut.backup");
    fs::write(&cut, &bytes[..bytes.len() - 5]).unwrap();
    let broken = with(&["restore", cut.to_str().unwrap(), "--yes"], &passphrase);
    assert_eq!(broken.code, Some(1), "{broken:?}");
    assert!(broken.stderr.contains("cut off"), "{broken:?}");
    assert!(!rig.home().join("profiles").exists());

    let restored = with(&["restore", file, "--yes"], &passphrase);
    assert_eq!(restored.code, Some(0), "{restored:?}");
    assert!(
        restored
            .stderr
            .contains("works only if nothing has renewed it since"),
        "{restored:?}"
    );
    assert_eq!((rig.profile("work"), rig.profile("local")), before);
    let words = words();
    assert_eq!(
        (&words["weight"], &words["came_by"]["way"]),
        (&weight, &json!("import"))
    );
}

#[test]
fn an_export_is_what_codex_and_an_import_read() {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    let out = rig.scratch().join("out");
    let out = out.to_str().unwrap();
    let exported = rig.run(&["export", "work", "--to", out]);
    assert_eq!(exported.code, Some(0), "{exported:?}");
    assert!(exported.stderr.contains("Not encrypted"), "{exported:?}");
    let copy = fs::read_to_string(format!("{out}/work/auth.json")).unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&copy).unwrap(),
        rig.profile("work")
    );
    fs::write(format!("{out}/work/auth.json"), "mine").unwrap();
    let refused = rig.run(&["export", "--all", "--to", out]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("is there already"), "{refused:?}");
    assert_eq!(
        fs::read_to_string(format!("{out}/work/auth.json")).unwrap(),
        "mine"
    );
    let nobody = rig.run(&["export", "--to", out]);
    assert_eq!(nobody.code, Some(2), "{nobody:?}");
}
