use std::time::{Duration, Instant};

use serde_json::json;

use super::seal::Cost;
use super::*;
use crate::profile::SideFile;
use crate::store::testing::{TestHome, api_key, endpoint, login, login_with, mode_of, name, noon};

/// Cheap, as nobody guesses at a test.
const CHEAP: Cost = Cost {
    memory_kib: 8,
    passes: 1,
    lanes: 1,
};

fn passphrase() -> Secret {
    Secret::new("correct horse FAKE")
}

fn home_with_three() -> TestHome {
    let home = TestHome::new();
    home.profile("work", &login_with("ana", 1, json!({"zz_future": [1]})));
    home.profile("key", &api_key("sk-FAKE-key"));
    home.profile("own", &endpoint());
    let side = SideFile::parse(br#"{"label": "Work", "tags": ["a"], "refresh_intent": {"token": "0123456789abcdef", "unix_ms": 1}}"#);
    crate::store::profiles::write_side(&home, &name("work"), &side).unwrap();
    home
}

#[test]
fn a_backup_holds_every_kind_of_account_and_opens_with_its_passphrase_only() {
    let home = home_with_three();
    let file = home.root().join("x.backup");
    let names = [name("work"), name("key"), name("own")];
    let started = Instant::now();
    let written = write(&home, &names, &file, &passphrase(), false, noon()).unwrap();
    assert_eq!((written.count, written.left_out), (3, Vec::new()));
    assert_eq!(mode_of(&file), 0o600);
    let bytes = std::fs::read(&file).unwrap();
    for secret in ["rt_FAKE", "sk-FAKE", "key-fake", "ana@", "Work"] {
        assert!(
            !bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes()),
            "{secret}"
        );
    }
    assert_eq!(
        bytes[12..24],
        [0, 0, 1, 0, 3, 0, 0, 0, 1, 0, 0, 0],
        "64 MiB, 3 passes, 1 lane"
    );

    let opened = open_file(&file, &passphrase(), noon()).unwrap();
    assert!(started.elapsed() < Duration::from_secs(60));
    assert_eq!(opened.made_at, Some(noon()));
    let logins: Vec<_> = opened
        .accounts
        .iter()
        .map(|one| one.login.as_ref().unwrap())
        .collect();
    let held = login_with("ana", 1, json!({"zz_future": [1]}));
    assert_eq!(logins[0].to_bytes(), held.to_bytes());
    assert!(logins[1].same_login(&api_key("sk-FAKE-key")));
    assert!(logins[2].same_login(&endpoint()));
    let side = opened.accounts[0].side.as_ref().unwrap();
    assert_eq!(side.get("tags"), Some(&json!(["a"])));
    assert_eq!(side.get("refresh_intent"), None, "true of that copy only");

    let refused = open_file(&file, &Secret::new("correct horse fake"), noon()).unwrap_err();
    assert!(refused.is_wrong_passphrase());
    assert_eq!(refused.to_string(), "this is not its passphrase");
}

#[test]
fn a_file_that_is_there_is_replaced_only_with_the_users_word() {
    let home = home_with_three();
    let file = home.root().join("x.backup");
    std::fs::write(&file, "precious").unwrap();
    let write = |may_replace| {
        write(
            &home,
            &[name("key")],
            &file,
            &passphrase(),
            may_replace,
            noon(),
        )
    };
    assert!(
        write(false)
            .unwrap_err()
            .to_string()
            .contains("is there already")
    );
    assert_eq!(std::fs::read(&file).unwrap(), b"precious");
    write(true).unwrap();
    assert!(is_backup(&std::fs::read(&file).unwrap()));
    assert_eq!(home.leftovers(), Vec::<String>::new());
}

#[test]
fn a_short_passphrase_is_refused_and_an_unreadable_account_left_out_and_named() {
    let home = home_with_three();
    home.profile_text("broken", b"{");
    let file = home.root().join("x.backup");
    let short = write(
        &home,
        &[name("key")],
        &file,
        &Secret::new("seven77"),
        false,
        noon(),
    );
    assert!(matches!(short, Err(BackupError::WeakPassphrase)));
    assert!(!file.exists());
    let names = [name("broken"), name("key"), name("gone")];
    let written = write(&home, &names, &file, &passphrase(), false, noon()).unwrap();
    assert_eq!(written.count, 1);
    let left: Vec<_> = written
        .left_out
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(left, ["broken", "gone"]);
}

fn sample() -> Zeroizing<Vec<u8>> {
    let content = json!({"accounts": [{"name": "a", "auth_json": {"auth_mode": "apikey", "OPENAI_API_KEY": "sk-FAKE"}}]});
    seal::seal(content.to_string().as_bytes(), &passphrase(), CHEAP).unwrap()
}

#[test]
fn one_flipped_bit_anywhere_is_noticed() {
    let file = sample();
    assert_eq!(
        open(&file, &passphrase(), noon()).unwrap().accounts.len(),
        1
    );
    for at in 0..file.len() {
        for bit in [0, 3, 7] {
            let mut flipped = file.to_vec();
            flipped[at] ^= 1 << bit;
            let refused = open(&flipped, &passphrase(), noon()).unwrap_err();
            assert!(
                matches!(refused, BackupError::Sealed(_)),
                "byte {at}: {refused}"
            );
            assert!(
                !refused.is_wrong_passphrase(),
                "byte {at}: nobody should doubt the passphrase"
            );
        }
    }
}

#[test]
fn what_somebody_changed_on_purpose_is_noticed_by_the_seal() {
    use sha2::Digest as _;
    let file = sample();
    let body = file.len() - 32;
    for at in 12..body {
        let mut forged = file[..body].to_vec();
        forged[at] ^= 1;
        let checksum = sha2::Sha256::digest(&forged);
        forged.extend_from_slice(&checksum);
        let refused = open(&forged, &passphrase(), noon()).unwrap_err();
        assert!(
            matches!(refused, BackupError::Sealed(_)),
            "byte {at}: {refused}"
        );
    }
}

#[test]
fn a_file_cut_anywhere_or_made_longer_is_noticed() {
    let file = sample();
    for end in 0..file.len() {
        let said = match open(&file[..end], &passphrase(), noon()).unwrap_err() {
            BackupError::Sealed(err) => err,
            other => panic!("{end}: {other}"),
        };
        let expected = if end == 0 {
            SealError::NoBackup
        } else {
            SealError::CutOff
        };
        assert_eq!(said, expected, "{end}");
    }
    let longer = [&file[..], b"x"].concat();
    assert!(matches!(
        open(&longer, &passphrase(), noon()),
        Err(BackupError::Sealed(SealError::Damaged))
    ));
}

#[test]
fn a_newer_format_and_a_greedy_one_are_refused_before_anything_is_computed() {
    use sha2::Digest as _;
    let forge = |at: usize, bytes: &[u8]| {
        let mut file = sample().to_vec();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        let body = file.len() - 32;
        let checksum = sha2::Sha256::digest(&file[..body]);
        file[body..].copy_from_slice(&checksum);
        let started = Instant::now();
        let err = open(&file, &passphrase(), noon()).unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(2));
        err.to_string()
    };
    assert!(forge(8, &[2, 0]).contains("newer version of Codex Router (format 2)"));
    let most = 1024 * 1024 + 1_u32;
    for said in [
        forge(12, &most.to_le_bytes()),
        forge(16, &[11, 0, 0, 0]),
        forge(20, &[9, 0, 0, 0]),
    ] {
        assert!(said.contains("more memory or time"), "{said}");
    }
    assert!(forge(16, &[0, 0, 0, 0]).contains("damaged"));
    assert!(forge(64, &u64::MAX.to_le_bytes()).contains("damaged"));
    assert_eq!(
        open(b"{}", &passphrase(), noon()).unwrap_err().to_string(),
        "this is no backup of Codex Router"
    );
}

#[test]
fn folders_are_written_for_codex_and_never_over_something_else() {
    let home = home_with_three();
    let out = home.root().join("out/deeper");
    let names = [name("work"), name("own")];
    let write = || export::to_folder(&home, &names, &out, noon());
    assert_eq!(write().unwrap().count, 2);
    assert_eq!(mode_of(&out), 0o700);
    for (path, mode) in [
        ("work", 0o700),
        ("work/auth.json", 0o600),
        ("work/router.json", 0o600),
        ("own/auth.json", 0o600),
    ] {
        assert_eq!(mode_of(&out.join(path)), mode, "{path}");
    }
    assert!(!out.join("own/router.json").exists());
    let auth = std::fs::read(out.join("work/auth.json")).unwrap();
    assert_eq!(
        auth,
        *login_with("ana", 1, json!({"zz_future": [1]})).to_bytes()
    );
    assert_eq!(write().unwrap().count, 2, "the same again is no harm");
    std::fs::write(out.join("own/auth.json"), "mine").unwrap();
    home.profile("work", &login("ana", 2));
    let refused = write().unwrap_err().to_string();
    assert!(refused.contains("is there already"), "{refused}");
    assert_eq!(
        std::fs::read(out.join("work/auth.json")).unwrap(),
        auth,
        "nothing was begun"
    );
    assert_eq!(std::fs::read(out.join("own/auth.json")).unwrap(), b"mine");
}

#[test]
fn what_was_taken_out_is_found_again_by_an_import() {
    let home = home_with_three();
    let out = home.root().join("out");
    export::to_folder(
        &home,
        &[name("work"), name("key"), name("own")],
        &out,
        noon(),
    )
    .unwrap();
    let looked = crate::store::import::paths(&[out], None, noon(), &mut |_| true);
    let wishes: Vec<_> = looked
        .found
        .iter()
        .map(|found| found.wish.as_deref())
        .collect();
    assert_eq!(wishes, [Some("key"), Some("own"), Some("work")]);
    assert!(
        looked
            .found
            .iter()
            .all(|found| found.candidate.login.is_ok())
    );
    assert_eq!(
        looked.found[2]
            .candidate
            .side
            .as_ref()
            .unwrap()
            .get("label"),
        Some(&json!("Work"))
    );
}

#[test]
fn a_login_is_never_replaced_by_a_backup_whoever_agrees() {
    let home = home_with_three();
    home.live(&login("ana", 1));
    let before = std::fs::read(home.live_auth()).unwrap();
    for file in [
        home.live_auth(),
        home.profiles_dir().join("work").join("auth.json"),
    ] {
        let refused = write(&home, &[name("key")], &file, &passphrase(), true, noon());
        assert!(matches!(
            refused,
            Err(BackupError::Store(StoreError::AlreadyThere { .. }))
        ));
    }
    assert_eq!(std::fs::read(home.live_auth()).unwrap(), before);
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_1");
}
