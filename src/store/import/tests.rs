use std::ops::ControlFlow;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::profile::{AuthFile, ProfileName};
use crate::store::error::StoreError;
use crate::store::home;
use crate::store::overlay::Overlay;
use crate::store::profiles;
use crate::store::testing::{TestHome, api_key, login, mode_of, name, noon};

fn put(path: &Path, text: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn put_login(path: &Path, login: &AuthFile) {
    put(path, login.to_bytes());
}

fn look(root: &Path, named: &[&str]) -> Looked {
    let named: Vec<_> = named.iter().map(|path| root.join(path)).collect();
    paths(&named, Some(root), noon(), &mut |_files| true)
}

/// Source and user of each, or the reason.
fn told(looked: &Looked) -> Vec<(String, String)> {
    let who = |found: &Found| match &found.candidate.login {
        Ok(login) => match login.chatgpt() {
            Some(chatgpt) => chatgpt.claims.user_id.clone().unwrap_or_default(),
            None => "key".into(),
        },
        Err(reason) => reason.to_string(),
    };
    looked
        .found
        .iter()
        .map(|found| (found.source.clone(), who(found)))
        .collect()
}

fn pair(a: &str, b: &str) -> (String, String) {
    (a.to_owned(), b.to_owned())
}

#[test]
fn a_folder_is_searched_with_all_that_is_below_it() {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path();
    put_login(&root.join("in/ana/auth.json"), &login("ana", 1));
    put(
        &root.join("in/ana/router.json"),
        r#"{"label": "Ana at work"}"#,
    );
    put_login(&root.join("in/deep/er/bob/auth.json"), &login("bob", 1));
    put_login(&root.join("in/codex-x@y.test-plus.json"), &login("cara", 1));
    put(
        &root.join("in/list.jsonl"),
        format!("{}\n{}", text(&login("dan", 1)), text(&login("eve", 1))),
    );
    // What is none of our business, or would never end.
    put(
        &root.join("in/package.json"),
        r#"{"name": "x", "tokens": 3}"#,
    );
    put(&root.join("in/broken.json"), "{");
    put(&root.join("in/notes.txt"), "sk-FAKE-FAKE-FAKE-FAKE");
    put_login(&root.join("in/.git/auth.json"), &login("no", 1));
    put_login(&root.join("in/node_modules/x/auth.json"), &login("no", 1));
    put_login(&root.join("outside/auth.json"), &login("no", 1));
    symlink(root.join("outside"), root.join("in/linked")).unwrap();
    symlink(root.join("outside/auth.json"), root.join("in/auth.json")).unwrap();
    symlink(root.join("in"), root.join("in/loop")).unwrap();
    let fifo = std::process::Command::new("mkfifo")
        .arg(root.join("in/codex-fifo.json"))
        .status();
    assert!(fifo.unwrap().success());

    let looked = look(root, &["in"]);
    assert_eq!(
        told(&looked),
        [
            pair("~/in/ana", "ana"),
            pair("~/in/codex-x@y.test-plus.json", "cara"),
            pair("~/in/deep/er/bob", "bob"),
            pair("~/in/list.jsonl", "dan"),
            pair("~/in/list.jsonl", "eve"),
        ]
    );
    let wishes: Vec<_> = looked
        .found
        .iter()
        .map(|found| found.wish.as_deref())
        .collect();
    assert_eq!(wishes, [Some("ana"), None, Some("bob"), None, None]);
    let side = looked.found[0].candidate.side.as_ref().unwrap();
    assert_eq!(side.get("label"), Some(&json!("Ana at work")));
    assert_eq!(looked.notes, Vec::<String>::new());
}

fn text(login: &AuthFile) -> String {
    let json: Value = serde_json::from_slice(&login.to_bytes()).unwrap();
    json.to_string()
}

#[test]
fn what_is_expected_to_be_a_login_and_is_none_is_told_with_its_reason() {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path();
    put(&root.join("a/auth.json"), "{\"canary");
    put(&root.join("b/auth.json"), "");
    put(&root.join("c/auth.json"), vec![b' '; 1024 * 1024 + 1]);
    put(&root.join("d.txt"), "canary");
    put(&root.join("e/auth.json"), b"\xef\xbb\xbf{}");
    put_login(&root.join("f/auth.json"), &login("ana", 1));
    put(&root.join("f/router.json"), "{broken");
    let told = told(&look(
        root,
        &["a", "b", "c", "d.txt", "e/auth.json", "f", "none"],
    ));
    let reasons: Vec<_> = told.iter().map(|(_, reason)| reason.as_str()).collect();
    assert!(reasons[0].contains("breaks off"), "{reasons:?}");
    assert!(reasons[1].contains("nothing in it"), "{reasons:?}");
    assert!(reasons[2].contains("larger than 1 MiB"), "{reasons:?}");
    assert!(
        reasons[3].contains("neither JSON nor an API key"),
        "{reasons:?}"
    );
    assert!(reasons[4].contains("byte-order mark"), "{reasons:?}");
    assert!(reasons[5].contains("may name a proxy"), "{reasons:?}");
    assert_eq!(told[6].0, "~/none");
    assert!(!format!("{reasons:?}").contains("canary"));
}

#[test]
fn looking_changes_nothing_not_even_a_mode() {
    use std::os::unix::fs::PermissionsExt as _;
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("x/auth.json");
    put(&file, "{\"tokens\": 7");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    look(temp.path(), &["x", "x/auth.json"]);
    assert_eq!(std::fs::read(&file).unwrap(), b"{\"tokens\": 7");
    assert_eq!(mode_of(&file), 0o644);
}

#[test]
fn a_file_that_was_named_may_be_a_link_and_a_search_ends_when_it_is_told_to() {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path();
    put_login(&root.join("real.json"), &login("ana", 1));
    symlink("real.json", root.join("link.json")).unwrap();
    symlink("/dev/zero", root.join("endless.json")).unwrap();
    assert_eq!(
        told(&look(root, &["link.json", "endless.json"])),
        [
            pair("~/link.json", "ana"),
            pair("~/endless.json", "it is no ordinary file")
        ]
    );
    let looked = paths(&[root.to_owned()], None, noon(), &mut |files| files < 1);
    assert!(looked.is_cancelled);
    assert_eq!(looked.found.len(), 0);
}

#[test]
fn depth_is_bounded_and_that_is_said() {
    let temp = tempfile::tempdir().unwrap();
    let deep = (0..15).fold(temp.path().to_owned(), |path, _| path.join("d"));
    put_login(&deep.join("auth.json"), &login("ana", 1));
    let looked = look(temp.path(), &["d"]);
    assert!(looked.found.is_empty());
    assert!(looked.notes[0].contains("too deep"), "{:?}", looked.notes);
}

#[test]
fn every_other_program_is_looked_for_in_its_place() {
    let home = TestHome::new();
    let user = tempfile::tempdir().unwrap();
    let user = user.path();
    home.live(&login("live", 1));
    put_login(
        &home.root().join("accounts/k1.auth.json"),
        &login("codex-auth", 1),
    );
    put(
        &home.root().join("accounts/registry.json"),
        r#"{"schema_version": 3, "accounts": [{"email": "x"}]}"#,
    );
    put_login(&user.join(".codex/auth.json"), &login("default-home", 1));
    put_login(&user.join(".codex-work/auth.json"), &login("separate", 1));
    put_login(
        &user.join(".codex_router/profiles/older/auth.json"),
        &login("older", 1),
    );
    put(
        &user.join(".codex-switcher/accounts.json"),
        json!({"accounts": [{"name": "S", "auth_data": {"type": "api_key", "key": "sk-FAKE-FAKE-FAKE-FAKE"}}]}).to_string(),
    );
    put_login(
        &user.join(".cli-proxy-api/codex-a@b.test.json"),
        &login("cpa", 1),
    );
    put(
        &user.join(".cli-proxy-api/claude-a@b.test.json"),
        r#"{"type": "claude", "access_token": "x"}"#,
    );
    put_login(&user.join("bar/auth.json"), &login("bar", 1));
    let homes = json!({"providers": [{"codexProfileHomePaths": ["~/bar", "relative"]}]});
    put(&user.join(".codexbar/config.json"), homes.to_string());
    put_login(
        &user.join(".local/share/opencode/auth.json"),
        &login("opencode", 1),
    );

    let looked = other_programs(&home, Some(user), noon(), &mut |_| true);
    let mut who: Vec<_> = told(&looked).into_iter().map(|(_, who)| who).collect();
    who.sort();
    assert_eq!(
        who,
        [
            "bar",
            "codex-auth",
            "cpa",
            "default-home",
            "key",
            "live",
            "older",
            "opencode",
            "separate"
        ]
    );
    let work = looked
        .found
        .iter()
        .find(|found| found.source == "~/.codex-work")
        .unwrap();
    assert_eq!(work.wish.as_deref(), Some("work"));
    let listed = looked
        .found
        .iter()
        .find(|found| found.source.ends_with("accounts.json"));
    assert_eq!(listed.unwrap().wish.as_deref(), Some("S"));
    assert_eq!(
        older_store(&home, Some(user)),
        Some((user.join(".codex_router"), 1))
    );
    home.profile("mine", &login("ana", 1));
    assert_eq!(older_store(&home, Some(user)), None);
}

fn incoming(user: &str, iat: u64) -> Incoming {
    Incoming {
        name: name(user),
        login: login(user, iat),
        side: SideFile::default(),
        file: None,
    }
}

fn written(home: &Home, accounts: &[Incoming]) -> Vec<Result<Taken, String>> {
    let mut results = Vec::new();
    write(home, accounts, noon(), |place, result| {
        assert_eq!(place, results.len(), "in their order");
        results.push(result.map_err(|err| err.to_string()));
        ControlFlow::Continue(())
    })
    .unwrap();
    results
}

#[test]
fn a_new_account_is_written_whole_with_our_words() {
    let home = TestHome::new();
    let mut account = incoming("ana", 5);
    account.side = SideFile::parse(r#"{"label": "開発"}"#.as_bytes());
    assert_eq!(written(&home, &[account]), [Ok(Taken::Added)]);
    let profile = home.read_profile("ana");
    assert!(profile.login.unwrap().same_login(&login("ana", 5)));
    assert_eq!(profile.side.get("label"), Some(&json!("開発")));
    assert_eq!(
        profile.side.get("came_by"),
        Some(&json!({"way": "import", "unix_ms": 1_795_176_000_000_u64}))
    );
    let folder = home.profiles_dir().join("ana");
    assert_eq!(mode_of(&folder), 0o700);
    for file in ["auth.json", "router.json"] {
        assert_eq!(mode_of(&folder.join(file)), 0o600);
    }
    assert_eq!(home.leftovers(), Vec::<String>::new());
}

#[test]
fn a_newer_login_replaces_the_older_one_which_is_kept_as_a_backup() {
    let home = TestHome::new();
    home.profile("work", &login("ana", 1));
    home.profile("twin", &login("ana", 1));
    let results = written(&home, &[incoming("ana", 5)]);
    assert_eq!(results, [Ok(Taken::Updated)]);
    for profile in ["work", "twin"] {
        assert_eq!(home.token_of(profile), "rt_FAKE_ana_5");
        assert!(home.backups_dir().join(profile).is_dir());
    }
    assert!(!home.profiles_dir().join("ana").exists());
    assert_eq!(written(&home, &[incoming("ana", 5)]), [Ok(Taken::Same)]);
    let refused = written(&home, &[incoming("ana", 3)]).remove(0).unwrap_err();
    assert!(refused.contains("as new or newer"), "{refused}");
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_5");
}

#[test]
fn codex_gets_the_newer_login_of_the_account_that_it_uses() {
    let home = TestHome::new();
    home.profile("work", &login("ana", 1));
    home.live(&login("ana", 2));
    assert_eq!(written(&home, &[incoming("ana", 5)]), [Ok(Taken::Updated)]);
    assert_eq!(home.live_token(), "rt_FAKE_ana_5");
    assert_eq!(home.displaced().len(), 1, "what only Codex held is kept");
    home.live(&login("ana", 4));
    assert_eq!(written(&home, &[incoming("ana", 5)]), [Ok(Taken::Same)]);
    assert_eq!(
        home.live_token(),
        "rt_FAKE_ana_5",
        "as after an import that was cut off"
    );
    home.live(&login("bob", 2));
    assert_eq!(written(&home, &[incoming("ana", 6)]), [Ok(Taken::Updated)]);
    assert_eq!(home.live_token(), "rt_FAKE_bob_2");
}

#[test]
fn a_terminal_and_a_twin_get_the_newer_login_of_their_account_as_well() {
    let home = TestHome::new();
    home.profile("work", &login("ana", 1));
    home.profile("twin", &login("ana", 1));
    home.live(&login("bob", 1));
    let terminal = Overlay::open(&home, &name("work"), None, noon()).unwrap();
    assert_eq!(written(&home, &[incoming("ana", 5)]), [Ok(Taken::Updated)]);
    let in_there = std::fs::read_to_string(terminal.root().join("auth.json")).unwrap();
    assert!(in_there.contains("rt_FAKE_ana_5"));
    assert_eq!(home.token_of("twin"), "rt_FAKE_ana_5");
    assert_eq!(home.live_token(), "rt_FAKE_bob_1");
    assert_eq!(home.read_profile("work").side.intent(), None);
}

#[test]
fn an_account_that_somebody_signed_in_to_meanwhile_does_not_become_a_second_profile() {
    let home = TestHome::new();
    let held = crate::store::AccountLock::take(&home, &login("ana", 1)).unwrap();
    let held = std::sync::Mutex::new(Some(held));
    let folder = home.profiles_dir().join("signed-in");
    let waiting = home.with_pause(move |_| {
        if held.lock().unwrap().take().is_some() {
            put_login(&folder.join("auth.json"), &login("ana", 9));
        }
    });
    let results = written(&waiting, &[incoming("ana", 1), incoming("bob", 1)]);
    assert!(
        results[0].clone().unwrap_err().contains("signed-in"),
        "{results:?}"
    );
    assert_eq!(results[1], Ok(Taken::Added));
    assert!(!home.profiles_dir().join("ana").exists());
    assert_eq!(home.token_of("signed-in"), "rt_FAKE_ana_9");
}

#[test]
fn a_login_that_was_renewed_where_it_lies_after_it_was_looked_at_is_taken_as_it_is_by_now() {
    let home = TestHome::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("auth.json");
    put_login(&file, &login("ana", 1));
    let looked = look(elsewhere.path(), &["auth.json"]);
    let found = &looked.found[0];
    let account = |user: &str| Incoming {
        file: found.file.clone(),
        ..incoming(user, 1)
    };
    put_login(&file, &login("ana", 5));
    assert_eq!(written(&home, &[account("ana")]), [Ok(Taken::Added)]);
    assert_eq!(home.token_of("ana"), "rt_FAKE_ana_5");

    // What lies there by now may be somebody else's, or be gone.
    assert_eq!(written(&home, &[account("bob")]), [Ok(Taken::Added)]);
    assert_eq!(home.token_of("bob"), "rt_FAKE_bob_1");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(written(&home, &[account("cyd")]), [Ok(Taken::Added)]);
    assert_eq!(home.token_of("cyd"), "rt_FAKE_cyd_1");
}

#[test]
fn a_login_that_cannot_be_renewed_does_not_replace_one_that_can() {
    let home = TestHome::new();
    home.profile("work", &login("ana", 1));
    let mut fresher: Value = serde_json::from_slice(&login("ana", 5).to_bytes()).unwrap();
    fresher["tokens"]["refresh_token"] = "".into();
    let mut account = incoming("ana", 5);
    account.login = AuthFile::parse(fresher.to_string().as_bytes()).unwrap();
    assert!(written(&home, &[account])[0].is_err());
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_1");
}

#[test]
fn a_login_that_codex_has_renewed_since_is_not_taken() {
    let home = TestHome::new();
    home.live(&login("ana", 7));
    let refused = written(&home, &[incoming("ana", 5), incoming("bob", 1)]);
    assert!(
        refused[0].clone().unwrap_err().contains("Codex itself"),
        "{refused:?}"
    );
    assert_eq!(refused[1], Ok(Taken::Added));
    assert!(!home.profiles_dir().join("ana").exists());
}

#[test]
fn two_copies_of_one_account_never_become_two_profiles() {
    let home = TestHome::new();
    let other_name = |mut account: Incoming, to: &str| {
        account.name = name(to);
        account
    };
    let both = [incoming("ana", 1), other_name(incoming("ana", 9), "ana-2")];
    assert_eq!(
        written(&home, &both),
        [Ok(Taken::Added), Ok(Taken::Updated)]
    );
    assert_eq!(home.token_of("ana"), "rt_FAKE_ana_9");
    assert!(!home.profiles_dir().join("ana-2").exists());
}

#[test]
fn a_name_that_is_taken_or_unsafe_costs_only_that_account() {
    let home = TestHome::new();
    home.profile("ANA", &login("other", 1));
    std::fs::create_dir_all(home.profiles_dir().join("bob")).unwrap();
    let mut unsafe_name = incoming("cara", 1);
    unsafe_name.name = ProfileName::existing("a b").unwrap();
    let results = written(
        &home,
        &[
            incoming("ana", 1),
            incoming("bob", 1),
            unsafe_name,
            incoming("dan", 1),
        ],
    );
    assert!(
        results[0].clone().unwrap_err().contains("is taken"),
        "{results:?}"
    );
    assert_eq!(
        results[1],
        Ok(Taken::Added),
        "an empty directory is no account"
    );
    assert!(
        results[2].clone().unwrap_err().contains("no account name"),
        "{results:?}"
    );
    assert_eq!(results[3], Ok(Taken::Added));
    assert_eq!(home.leftovers(), Vec::<String>::new());
    let hidden = std::fs::read_dir(home.profiles_dir()).unwrap();
    assert!(
        hidden
            .map(|e| e.unwrap().file_name())
            .all(|n| !n.to_string_lossy().starts_with('.'))
    );
}

#[test]
fn an_account_that_somebody_is_renewing_is_waited_for_and_then_told() {
    let home = TestHome::new();
    let _held = crate::store::AccountLock::take(&home, &login("ana", 1)).unwrap();
    let results = written(&home, &[incoming("ana", 1), incoming("bob", 1)]);
    assert!(
        results[0].clone().unwrap_err().contains("still busy"),
        "{results:?}"
    );
    assert_eq!(results[1], Ok(Taken::Added));
}

#[test]
fn a_thousand_accounts_are_there_in_seconds_and_a_stop_leaves_whole_ones() {
    let home = TestHome::new();
    let all: Vec<_> = (0..1_000)
        .map(|n| incoming(&format!("user-{n}"), 1))
        .collect();
    let started = std::time::Instant::now();
    assert!(
        written(&home, &all)
            .iter()
            .all(|result| *result == Ok(Taken::Added))
    );
    // 1 to 8 s for a debug build, as the disk is free or busy; one account after the other takes ten times as long.
    assert!(
        started.elapsed() < Duration::from_secs(30),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(profiles::load_all(&home).unwrap().profiles.len(), 1_000);

    let home = TestHome::new();
    let mut count = 0;
    write(&home, &all, noon(), |_, _| {
        count += 1;
        match count {
            100 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    })
    .unwrap();
    let loaded = profiles::load_all(&home).unwrap();
    assert!(
        (100..200).contains(&loaded.profiles.len()),
        "{}",
        loaded.profiles.len()
    );
    assert!(loaded.profiles.iter().all(|profile| profile.login.is_ok()));
    assert!(loaded.skipped.is_empty());
}

#[test]
fn what_a_killed_import_left_is_no_account_and_goes_away() {
    let home = TestHome::new();
    home.profile("work", &login("ana", 1));
    let left = home.profiles_dir().join(".bob.0123456789abcdef.tmp");
    put_login(&left.join("auth.json"), &login("bob", 1));
    put(&left.join("router.json"), "{}");
    put(&left.join(".auth.json.0123456789abcdef.tmp"), "{");
    assert_eq!(profiles::load_all(&home).unwrap().profiles.len(), 1);
    let written = left.metadata().unwrap().modified().unwrap();
    home::prepare(&home, written + Duration::from_secs(59)).unwrap();
    assert!(left.exists(), "somebody may be writing it");
    home::prepare(&home, written + Duration::from_secs(62)).unwrap();
    assert!(!left.exists());
    assert!(home.profiles_dir().join("work/auth.json").exists());
}

#[test]
fn keys_and_endpoints_are_accounts_too() {
    let home = TestHome::new();
    let of = |text: &str, login: AuthFile| Incoming {
        name: name(text),
        login,
        side: SideFile::default(),
        file: None,
    };
    let all = [
        of("key", api_key("sk-FAKE")),
        of("own", crate::store::testing::endpoint()),
    ];
    assert_eq!(written(&home, &all), [Ok(Taken::Added), Ok(Taken::Added)]);
    assert_eq!(written(&home, &all), [Ok(Taken::Same), Ok(Taken::Same)]);
}

#[test]
fn an_unwritable_folder_is_told_for_every_account_and_stops_nothing_else() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = TestHome::new();
    home.profile("work", &login("ana", 1));
    let probe = home.profiles_dir();
    std::fs::set_permissions(&probe, std::fs::Permissions::from_mode(0o500)).unwrap();
    let is_refused = AtomicBool::new(false);
    write(&home, &[incoming("bob", 1)], noon(), |_, result| {
        is_refused.store(
            matches!(
                result,
                Err(StoreError::Io { .. } | StoreError::NotWritten(_))
            ),
            Ordering::Relaxed,
        );
        ControlFlow::Continue(())
    })
    .unwrap();
    std::fs::set_permissions(&probe, std::fs::Permissions::from_mode(0o700)).unwrap();
    // Root may write anywhere.
    assert!(is_refused.load(Ordering::Relaxed) || rustix::process::geteuid().is_root());
}
