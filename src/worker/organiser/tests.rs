//! On a real disk.

use std::time::SystemTime;

use super::*;
use crate::profile::{About, AuthFile};

struct Place {
    home: Home,
    _dir: tempfile::TempDir,
}

impl Place {
    fn with(names: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        crate::store::prepare(&home, SystemTime::now()).unwrap();
        for text in names {
            let login = format!(r#"{{"auth_mode": "apikey", "OPENAI_API_KEY": "sk-FAKE-{text}"}}"#);
            let login = AuthFile::parse(login.as_bytes()).unwrap();
            profiles::create(&home, &name(text), &login).unwrap();
        }
        Self { home, _dir: dir }
    }

    fn side(&self, text: &str) -> String {
        let path = self.home.profiles_dir().join(text).join("router.json");
        std::fs::read_to_string(path).unwrap_or_default()
    }

    fn about(&self, text: &str) -> About {
        About::read(&profiles::load(&self.home, &name(text)).unwrap().side)
    }
}

fn name(text: &str) -> ProfileName {
    ProfileName::parse(text).unwrap()
}

fn names<const N: usize>(texts: [&str; N]) -> Vec<ProfileName> {
    texts.map(name).to_vec()
}

#[test]
fn a_bulk_edit_is_tried_on_every_account_and_a_broken_file_stays() {
    let place = Place::with(&["a", "b", "c"]);
    let broken = place.home.profiles_dir().join("b/router.json");
    std::fs::write(&broken, "{\"proxy\": \"http").unwrap();
    let done = do_it(
        &place.home,
        Work::Edit {
            names: names(["a", "b", "gone", "c"]),
            edit: Edit::Label(Some("Büro 東京".into())),
        },
        SystemTime::now(),
    );
    let Done::Edited {
        names: changed,
        failures,
    } = done
    else {
        panic!("{done:?}");
    };
    assert_eq!(changed, names(["a", "c"]));
    let said = failures.in_words("changed").unwrap();
    assert!(
        said.starts_with(
            "2 of 4 accounts were not changed: b (\"profiles/b/router.json\" is not JSON"
        ),
        "{said}"
    );
    assert!(
        said.contains("gone (there is no account \"gone\")"),
        "{said}"
    );
    assert_eq!(place.about("a").label.as_deref(), Some("Büro 東京"));
    assert_eq!(place.side("b"), "{\"proxy\": \"http");
}

#[test]
fn what_cannot_be_said_changes_nothing() {
    let place = Place::with(&["a"]);
    let edit = Edit::Label(Some("evil\u{202e}".into()));
    let names = names(["a"]);
    let done = do_it(&place.home, Work::Edit { names, edit }, SystemTime::now());
    let Done::Edited { names, failures } = done else {
        panic!("{done:?}");
    };
    assert_eq!(names, []);
    let said = failures.in_words("changed").unwrap();
    assert_eq!(
        said,
        "a was not changed: a label has up to 80 letters of any script, in one line"
    );
    assert_eq!(place.side("a"), "");
}

#[test]
fn an_order_is_written_where_it_is_another_one() {
    let place = Place::with(&["a", "b", "c"]);
    let order = |texts| do_it(&place.home, Work::Order(names(texts)), SystemTime::now());
    assert_eq!(order(["a", "b", "c"]), Done::Ordered(Failures::new(3)));
    let path = place.home.profiles_dir().join("a/router.json");
    let written = std::fs::metadata(&path).unwrap().modified().unwrap();
    assert_eq!(order(["a", "c", "b"]), Done::Ordered(Failures::new(3)));
    assert_eq!(
        std::fs::metadata(&path).unwrap().modified().unwrap(),
        written
    );
    assert!(place.side("c").contains("\"order\": 2") && place.side("b").contains("\"order\": 3"));
}

#[test]
fn privacy_is_kept_for_the_next_start() {
    let place = Place::with(&[]);
    assert_eq!(
        do_it(&place.home, Work::HideEmails(true), SystemTime::now()),
        Done::HidesEmails(Ok(()))
    );
    assert!(State::read(&place.home).hides_emails());
}

#[test]
fn a_key_that_reaches_nobody_after_a_deletion_is_told_and_an_undo_takes_it_back() {
    let place = Place::with(&["a", "b"]);
    keys_file::edit::<(), crate::store::KeysError>(&place.home, |document| {
        for (number, (label, accounts)) in (0_u8..).zip([("ci", "a"), ("both", "a,b"), ("any", "")])
        {
            let policy = crate::client_key::Policy {
                accounts: crate::pattern::Pattern::list(accounts),
                ..Default::default()
            };
            let made = ClientKey::make(label.into(), policy, [number; 32], SystemTime::now());
            document.add(&made.0);
        }
        Ok(())
    })
    .unwrap();
    let work = |work| do_it(&place.home, work, SystemTime::now());
    let done = work(Work::Delete {
        names: names(["a", "gone"]),
        refused: vec![],
    });
    let Done::Deleted {
        names: deleted,
        notes,
        failures,
    } = done
    else {
        panic!("{done:?}");
    };
    assert_eq!(notes, ["the client key \"ci\" reaches no account any more"]);
    assert!(
        failures
            .in_words("deleted")
            .unwrap()
            .starts_with("1 of 2 accounts was not deleted: gone")
    );
    let id = deleted[0].1.clone();
    let Done::Undeleted { names: back, .. } = work(Work::Undelete(vec![id.clone(), id])) else {
        panic!("not back");
    };
    assert_eq!(back, names(["a"]));
    assert_eq!(
        work(Work::Purge(vec![])),
        Done::Purged {
            count: 0,
            failures: Failures::new(0)
        }
    );
}

#[test]
fn a_rename_without_a_running_program_reaches_the_ledger() {
    let place = Place::with(&["a"]);
    let session = ledger::Binding {
        session: "s".into(),
        profile: name("a"),
        used_at: SystemTime::now(),
    };
    let file = ledger::Ledger::open(
        place.home.ledger(),
        ledger::Keep::default(),
        SystemTime::now(),
    )
    .unwrap();
    file.note(ledger::Row::Binding(session));
    file.close();
    let renamed = Renamed {
        from: name("a"),
        to: name("z"),
    };
    let done = do_it(&place.home, Work::Rename(renamed), SystemTime::now());
    assert!(
        matches!(done, Done::Renamed { result: Ok(_), .. }),
        "{done:?}"
    );
    let kept = ledger::Reader::open(&place.home.ledger())
        .unwrap()
        .bindings(9)
        .unwrap();
    assert_eq!(kept[0].profile, name("z"));
    assert_eq!(rename::settle(&place.home), []);
}

#[test]
fn a_wish_to_try_at_once_is_written_beside_the_login() {
    let place = Place::with(&["a", "b"]);
    let now = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000);
    let done = do_it(&place.home, Work::TryNow(names(["a", "gone"])), now);
    let Done::Edited {
        names: changed,
        failures,
    } = done
    else {
        panic!("{done:?}")
    };
    assert_eq!(changed, names(["a"]));
    assert!(failures.in_words("changed").unwrap().contains("gone"));
    let tried_at = |text: &str| {
        let profile = profiles::load(&place.home, &name(text)).unwrap();
        profile.side.tried_now_at()
    };
    assert_eq!((tried_at("a"), tried_at("b")), (Some(now), None));
}

#[test]
fn a_command_finishes_a_rename_that_was_cut_off_and_writes_nothing_where_there_is_none() {
    let place = Place::with(&["team"]);
    let home = &place.home;
    let renames = home.router_dir().join("renames.json");
    std::fs::write(home.current_profile(), "work").unwrap();
    let locks = || std::fs::read_dir(home.router_dir().join("locks")).map_or(0, Iterator::count);
    let before = locks();
    settle_renames(home);
    assert!(!renames.exists());
    assert_eq!(locks(), before);
    std::fs::write(&renames, r#"[{"from": "work", "to": "team"}]"#).unwrap();
    settle_renames(home);
    let read = |path| std::fs::read_to_string(path).unwrap();
    assert_eq!(read(home.current_profile()), "team");
    assert_eq!(read(renames), "[]");
}
