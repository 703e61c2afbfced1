//! The ledger as its users see it: what is kept is found again, and trouble with the file costs rows and nothing else.

use rusqlite::Connection;

use super::*;
use crate::desk::record::{AttemptClass, AttemptRecord, Considered, LedgerTrouble, LeftOut};
use crate::price::{MicroDollars, Tokens};

fn name(text: &str) -> ProfileName {
    ProfileName::parse(text).unwrap()
}

/// Milliseconds are kept, so a whole second comes back as it was.
fn at(secs: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + secs)
}

fn request(id: &str, secs: u64) -> RequestRecord {
    RequestRecord {
        id: format!("req_{id}"),
        at: at(secs),
        key: Some("key1".into()),
        dialect: "chat".into(),
        model: "gpt-5.5".into(),
        asked_model: "gpt-5.5".into(),
        profile: Some(name("work")),
        is_paid: true,
        strategy: "least_used".into(),
        reason: Some("most left".into()),
        candidates: vec![Considered {
            profile: name("work"),
            score: Some(25.0),
            reason: "most left".into(),
            standing: "25 percent left".into(),
        }],
        left_out: vec![LeftOut {
            profile: name("spare"),
            why: "empty".into(),
            until: Some(at(9_000)),
        }],
        unlisted: 3,
        attempts: vec![AttemptRecord {
            profile: name("work"),
            at: at(secs),
            took: Duration::from_millis(70),
            result: AttemptClass::Served,
            what: None,
            until: None,
            mended: vec!["its login was renewed".into()],
        }],
        status: 200,
        is_complete: true,
        error: None,
        is_estimate: false,
        tokens: Some(Tokens {
            input: 100,
            cached: 60,
            output: 10,
            reasoning: 4,
        }),
        cost: Some(MicroDollars(530)),
        took: Duration::from_millis(900),
        first_token: Some(Duration::from_millis(300)),
        retries: 1,
        dropped: vec!["user".into()],
        session: Some("5e55".into()),
        preview: None,
    }
}

fn row(record: RequestRecord) -> Row {
    Row::Request(Arc::new(record))
}

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("router.db")
    }

    fn open(&self) -> Ledger {
        Ledger::open(self.path(), Keep::default(), at(0)).unwrap()
    }

    fn reader(&self) -> Reader {
        Reader::open(&self.path()).unwrap()
    }

    fn writer(&self) -> Writer {
        self.writer_that_keeps(Keep::default())
    }

    fn writer_that_keeps(&self, keep: Keep) -> Writer {
        Writer::new(self.path(), keep, Arc::default(), Arc::default())
    }

    fn ids(&self) -> Vec<String> {
        let all = self.reader().requests(&Filter::default(), 1_000).unwrap();
        all.into_iter().map(|(_, record)| record.id).collect()
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.path()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

#[test]
fn sqlite_is_newer_than_the_corruption_of_reset_logs() {
    assert!(
        rusqlite::version_number() >= 3_051_003,
        "{}",
        rusqlite::version()
    );
}

#[test]
fn what_is_noted_is_found_again_whole() {
    let place = Place::new();
    let ledger = place.open();
    let first = request("aa01", 1);
    let second = RequestRecord {
        key: None,
        profile: None,
        reason: None,
        candidates: vec![],
        left_out: vec![],
        unlisted: 0,
        attempts: vec![],
        tokens: None,
        cost: None,
        first_token: None,
        session: None,
        status: 429,
        is_complete: false,
        error: Some("usage_limit_reached".into()),
        preview: Some("{\"model\":".into()),
        ..request("ab02", 2)
    };
    ledger.note(row(first.clone()));
    ledger.note(row(second.clone()));
    ledger.close();
    let reader = place.reader();
    let found: Vec<_> = reader.requests(&Filter::default(), 10).unwrap();
    assert_eq!(
        found
            .into_iter()
            .map(|(_, record)| record)
            .collect::<Vec<_>>(),
        [second, first.clone()]
    );
    for prefix in ["req_aa01", "aa01", "aa", "req_aa"] {
        assert_eq!(
            reader.find(prefix).unwrap(),
            Found::One(Box::new(first.clone())),
            "{prefix}"
        );
    }
    assert_eq!(reader.find("a").unwrap(), Found::Several(2));
    assert_eq!(reader.find("b").unwrap(), Found::Nothing);
    assert_eq!(reader.find("a%").unwrap(), Found::Nothing);
}

#[test]
fn a_filter_lets_pass_what_it_names_and_nothing_else() {
    let place = Place::new();
    let ledger = place.open();
    ledger.note(row(request("01", 1)));
    ledger.note(row(RequestRecord {
        status: 429,
        profile: Some(name("spare")),
        ..request("02", 2)
    }));
    ledger.note(row(RequestRecord {
        model: "claude-opus-4".into(),
        key: None,
        ..request("03", 3)
    }));
    ledger.close();
    let ids = |filter: Filter| {
        let found = place.reader().requests(&filter, 10).unwrap();
        let ids = found
            .into_iter()
            .map(|(_, record)| record.id[4..].to_owned());
        ids.collect::<Vec<_>>()
    };
    let all = Filter::default;
    let with = |status| Filter {
        status: Status::parse(status),
        ..all()
    };
    let of = |model: &str| Filter {
        model: Some(model.into()),
        ..all()
    };
    assert_eq!(ids(with("4xx")), ["02"]);
    assert_eq!(ids(with("200")), ["03", "01"]);
    assert_eq!(ids(of("claude-*")), ["03"]);
    assert_eq!(ids(of("gpt-5.5")), ["03", "02", "01"]);
    assert_eq!(ids(of("gpt-5.?")), [""; 0]);
    assert_eq!(
        ids(Filter {
            since: Some(at(2)),
            key: Some("key1".into()),
            ..all()
        }),
        ["02"]
    );
    assert_eq!(
        ids(Filter {
            profile: Some(name("work")),
            after: Some(1),
            ..all()
        }),
        ["03"]
    );
    // What a person types is bound, never a part of the statement.
    assert_eq!(
        ids(Filter {
            key: Some("' OR 1 --".into()),
            ..all()
        }),
        [""; 0]
    );
    assert_eq!(
        [
            Status::parse("7xx"),
            Status::parse("99"),
            Status::parse("x")
        ],
        [None; 3]
    );
}

#[test]
fn statistics_count_errors_tokens_and_waiting_by_group() {
    let place = Place::new();
    let ledger = place.open();
    for number in 1..=20 {
        ledger.note(row(RequestRecord {
            first_token: Some(Duration::from_millis(number * 10)),
            took: Duration::from_millis(number * 100),
            ..request(&format!("{number:02}"), number)
        }));
    }
    ledger.note(row(RequestRecord {
        profile: Some(name("spare")),
        status: 499,
        is_complete: false,
        cost: None,
        first_token: None,
        ..request("21", 21)
    }));
    ledger.note(row(RequestRecord {
        profile: None,
        status: 429,
        is_complete: false,
        tokens: None,
        cost: None,
        first_token: None,
        ..request("22", 90_000)
    }));
    // Tokens that the router counted by itself: no account was asked, and it took no time.
    ledger.note(row(RequestRecord {
        profile: None,
        tokens: None,
        cost: None,
        first_token: None,
        took: Duration::from_millis(1),
        ..request("23", 90_001)
    }));
    ledger.close();
    let stats = |by| place.reader().stats(&Filter::default(), by).unwrap();
    let by_account = stats(GroupBy::Account);
    let millis = |span: Option<Duration>| span.map(|span| span.as_millis());
    let work = &by_account[0];
    assert_eq!(
        (
            work.name.as_str(),
            work.requests,
            work.errors,
            work.unpriced
        ),
        ("work", 20, 0, 0)
    );
    assert_eq!(work.cached_share(), Some(0.6));
    assert_eq!(work.cost, MicroDollars(20 * 530));
    assert_eq!(
        [
            millis(work.first_token_p50),
            millis(work.first_token_p95),
            millis(work.took_p50),
            millis(work.took_p95)
        ],
        [Some(100), Some(190), Some(1_000), Some(1_900)]
    );
    let told: Vec<_> = by_account[1..]
        .iter()
        .map(|group| {
            (
                group.name.as_str(),
                group.requests,
                group.errors,
                group.unpriced,
            )
        })
        .collect();
    // A client that left is no error; tokens without a price are told.
    assert_eq!(told, [("", 2, 1, 0), ("spare", 1, 0, 1)]);
    assert_eq!(by_account[1].took_p50, None);
    let days: Vec<_> = stats(GroupBy::Day)
        .into_iter()
        .map(|day| day.name)
        .collect();
    assert_eq!(days, ["2027-01-15", "2027-01-16"]);
    let all = &stats(GroupBy::Nothing)[0];
    assert_eq!((all.requests, all.without_account), (23, 2));
    assert_eq!(
        [millis(all.took_p50), millis(all.took_p95)],
        [Some(1_000), Some(1_900)]
    );
}

#[test]
fn estimated_tokens_are_kept_as_such_and_say_nothing_about_caches() {
    let place = Place::new();
    let ledger = place.open();
    let cut = RequestRecord {
        is_estimate: true,
        tokens: Some(Tokens {
            input: 900,
            cached: 0,
            output: 3,
            reasoning: 0,
        }),
        ..request("02", 1)
    };
    ledger.note(row(request("01", 0)));
    ledger.note(row(cut.clone()));
    ledger.close();
    let reader = place.reader();
    let newest = reader.requests(&Filter::default(), 1).unwrap();
    assert_eq!(newest[0].1, cut);
    let all = &reader.stats(&Filter::default(), GroupBy::Nothing).unwrap()[0];
    assert_eq!(
        (all.tokens.input, all.estimated, all.cached_share()),
        (1_000, 1, Some(0.6))
    );
    let day = reader.spend_since(at(0)).unwrap();
    assert!(
        day.iter().all(|spend| spend.tokens.input == 1_000),
        "budgets count them"
    );
}

#[test]
fn the_cached_share_is_told_of_each_session_and_of_each_account_in_it() {
    let place = Place::new();
    let ledger = place.open();
    let of = |id: &str, session: Option<&str>, account: &str, cached: u64| {
        row(RequestRecord {
            session: session.map(str::to_owned),
            profile: Some(name(account)),
            tokens: Some(Tokens {
                input: 100,
                cached,
                output: 1,
                reasoning: 0,
            }),
            ..request(id, 1)
        })
    };
    for turn in [
        of("1", Some("s1"), "work", 90),
        of("2", Some("s1"), "work", 70),
        // Another account begins with an empty cache.
        of("3", Some("s1"), "spare", 0),
        of("4", Some("s2"), "work", 50),
        of("5", Some("s2"), "work", 50),
        of("6", None, "work", 10),
    ] {
        ledger.note(turn);
    }
    ledger.close();
    let reader = place.reader();
    let stats = |by| reader.stats(&Filter::default(), by).unwrap();
    let share = |group: &Group| (group.name.clone(), group.requests, group.cached_share());
    let told: Vec<_> = stats(GroupBy::Session)
        .iter()
        .map(|session| {
            (
                share(session),
                session.accounts.iter().map(share).collect::<Vec<_>>(),
            )
        })
        .collect();
    let one = |name: &str, requests, cached| (name.to_owned(), requests, Some(cached));
    assert_eq!(
        told,
        [
            (
                one("s1", 3, 160.0 / 300.0),
                vec![one("work", 2, 0.8), one("spare", 1, 0.0)]
            ),
            (one("s2", 2, 0.5), vec![one("work", 2, 0.5)]),
            (one("", 1, 0.1), vec![one("work", 1, 0.1)]),
        ]
    );
    let accounts = stats(GroupBy::Account);
    assert!(accounts.iter().all(|group| group.accounts.is_empty()));
}

#[test]
fn sessions_and_spending_are_there_after_a_restart() {
    let place = Place::new();
    let ledger = place.open();
    let bound = |session: &str, profile: &str, used_at: u64| {
        Row::Binding(Binding {
            session: session.into(),
            profile: name(profile),
            used_at: at(used_at),
        })
    };
    ledger.note(bound("s1", "work", 1));
    ledger.note(bound("s2", "work", 2));
    ledger.note(bound("s1", "home", 3));
    ledger.note(row(request("01", 0)));
    ledger.note(row(RequestRecord {
        cost: None,
        ..request("02", 1)
    }));
    ledger.note(row(RequestRecord {
        is_paid: false,
        ..request("03", 86_400)
    }));
    ledger.close();
    let reader = place.reader();
    let bindings: Vec<_> = reader
        .bindings(10)
        .unwrap()
        .into_iter()
        .map(|binding| (binding.session, binding.profile, binding.used_at))
        .collect();
    assert_eq!(
        bindings,
        [
            ("s1".to_owned(), name("home"), at(3)),
            ("s2".to_owned(), name("work"), at(2))
        ]
    );
    assert_eq!(reader.bindings(1).unwrap().len(), 1);
    let spend = |who, day, requests, cost, unpriced| Spend {
        who,
        day,
        requests,
        tokens: Tokens {
            input: 100 * requests,
            cached: 60 * requests,
            output: 10 * requests,
            reasoning: 0,
        },
        cost: MicroDollars(cost),
        unpriced,
    };
    let (key, profile) = (
        || Spender::Key("key1".into()),
        || Spender::Profile(name("work")),
    );
    let today = day_of(at(0));
    assert_eq!(
        reader.spend_since(at(0)).unwrap(),
        [
            spend(key(), today, 2, 530, 1),
            spend(profile(), today, 2, 530, 1),
            spend(key(), today + 1, 1, 530, 0),
            spend(profile(), today + 1, 1, 530, 0),
        ]
    );
    assert_eq!(reader.spend_since(at(86_400)).unwrap().len(), 2);
    assert_eq!(
        reader.last_days().unwrap(),
        [("key1".to_owned(), today + 1)]
    );
}

#[test]
fn a_profile_that_is_called_something_else_keeps_its_past() {
    let place = Place::new();
    let ledger = place.open();
    let of = |to: ProfileName, id: &str| {
        let mut record = request(id, 1);
        record.rename(&name("work"), &to);
        record
    };
    ledger.note(row(request("1", 1)));
    ledger.note(row(of(name("team"), "2")));
    ledger.note(Row::Binding(Binding {
        session: "s".into(),
        profile: name("work"),
        used_at: at(1),
    }));
    assert_eq!(ledger.rename(&name("work"), &name("team")).recv(), Ok(true));
    // What was said of the old name later is another account's.
    ledger.note(row(request("3", 2)));
    ledger.flush();
    let reader = place.reader();
    let profiles = |reader: &Reader| {
        let spent = reader.spend_since(at(0)).unwrap();
        let spent: Vec<_> = spent
            .into_iter()
            .filter_map(|spend| match spend.who {
                Spender::Profile(name) => Some((name.to_string(), spend.requests)),
                Spender::Key(_) => None,
            })
            .collect();
        spent
    };
    assert_eq!(
        profiles(&reader),
        [("team".to_owned(), 2), ("work".to_owned(), 1)]
    );
    assert_eq!(reader.bindings(9).unwrap()[0].profile, name("team"));
    let found = |id: &str| match reader.find(id).unwrap() {
        Found::One(record) => record,
        other => panic!("{other:?}"),
    };
    assert_eq!(found("req_1").profile, Some(name("team")));
    assert_eq!(found("req_1").attempts[0].profile, name("team"));
    assert_eq!(found("req_3").profile, Some(name("work")));
    ledger.close();
    let back = Rename {
        from: name("team"),
        to: name("work"),
    };
    rename_now(&place.path(), &[back]).unwrap();
    assert_eq!(profiles(&place.reader()), [("work".to_owned(), 3)]);
    rename_now(&place.dir.path().join("none.db"), &[]).unwrap();
}

#[test]
fn usage_is_noted_when_it_changes_and_every_ten_minutes() {
    let place = Place::new();
    let mut writer = place.writer();
    let week = Duration::from_secs(7 * 86_400);
    let usage = |secs, used_percent| {
        Row::Usage(UsageRow {
            at: at(secs),
            profile: name("work"),
            window: week,
            used_percent,
            resets_at: Some(at(5_000)),
        })
    };
    for (secs, used) in [(0, 10.0), (60, 10.0), (120, 11.0), (180, 11.0), (720, 11.0)] {
        writer.write(&[usage(secs, used)], at(secs));
    }
    let usage = place
        .reader()
        .usage(&name("work"), week, at(0), 10)
        .unwrap();
    let noted: Vec<_> = usage.iter().map(|row| (row.at, row.used_percent)).collect();
    assert_eq!(noted, [(at(0), 10.0), (at(120), 11.0), (at(720), 11.0)]);
}

#[test]
fn without_recording_only_sums_and_sessions_are_kept() {
    let place = Place::new();
    let mut writer = place.writer_that_keeps(Keep {
        requests: false,
        ..Keep::default()
    });
    let binding = Binding {
        session: "s".into(),
        profile: name("work"),
        used_at: at(0),
    };
    writer.write(&[row(request("01", 0)), Row::Binding(binding)], at(0));
    assert_eq!(place.ids(), [""; 0]);
    assert_eq!(place.reader().spend_since(at(0)).unwrap().len(), 2);
    assert_eq!(place.reader().bindings(10).unwrap().len(), 1);
}

#[test]
fn what_is_kept_follows_the_settings_from_the_next_batch_on() {
    let place = Place::new();
    let ledger = Ledger::open(place.path(), Keep::default(), at(0)).unwrap();
    ledger.note(row(request("01", 0)));
    ledger.flush();
    ledger.keep(Keep {
        requests: false,
        ..Keep::default()
    });
    ledger.note(row(request("02", 1)));
    ledger.flush();
    assert_eq!(place.ids().len(), 1);
}

#[test]
fn what_was_written_survives_a_process_that_is_killed() {
    let place = Place::new();
    let mut writer = place.writer();
    writer.write(&[row(request("01", 1))], at(1));
    // Nothing is closed: the file and its log stay as they are at this moment.
    std::mem::forget(writer);
    let mut writer = place.writer();
    writer.prepare(at(2));
    writer.write(&[row(request("02", 2))], at(2));
    assert_eq!(place.ids(), ["req_02", "req_01"]);
}

#[test]
fn a_damaged_file_is_set_aside_and_begun_anew() {
    for damage in [
        &b"this is no database, and long enough to look like one"[..],
        &[0xff; 8_192],
    ] {
        let place = Place::new();
        std::fs::write(place.path(), damage).unwrap();
        std::fs::write(place.dir.path().join("neighbour"), "stays").unwrap();
        let ledger = place.open();
        ledger.note(row(request("01", 1)));
        ledger.flush();
        let aside = format!("router.db.corrupt-{}", 1_800_000_000);
        assert_eq!(
            ledger.state(),
            LedgerState {
                set_aside: Some(aside.clone()),
                ..LedgerState::default()
            }
        );
        ledger.close();
        assert_eq!(place.ids(), ["req_01"]);
        let kept = std::fs::read(place.dir.path().join(&aside)).unwrap();
        assert!(kept == damage, "the old file was changed");
        assert!(place.files().contains(&"neighbour".to_owned()));
    }
}

#[test]
fn a_file_that_is_damaged_while_in_use_costs_no_row() {
    let place = Place::new();
    let mut writer = place.writer();
    let many: Vec<_> = (0..200)
        .map(|n| row(request(&format!("{n:04}"), n)))
        .collect();
    writer.write(&many, at(1));
    // Closed, so that the pages are in the file, and then its middle is overwritten.
    writer.db = None;
    let mut bytes = std::fs::read(place.path()).unwrap();
    let length = bytes.len();
    bytes[4_096..length].fill(0xa5);
    std::fs::write(place.path(), bytes).unwrap();
    writer.write(&[row(request("new", 2))], at(2));
    assert_eq!(place.ids(), ["req_new"]);
}

#[test]
fn only_the_last_damaged_files_are_kept() {
    let place = Place::new();
    for secs in 0..5 {
        std::fs::write(place.path(), b"damaged").unwrap();
        file::set_aside(&place.path(), at(secs)).unwrap();
    }
    assert_eq!(
        place.files(),
        [2, 3, 4].map(|secs| format!("router.db.corrupt-{}", 1_800_000_000 + secs))
    );
}

#[test]
fn a_full_disk_costs_rows_for_half_a_minute_and_nothing_else() {
    let place = Place::new();
    let lost = Arc::new(AtomicU64::new(0));
    let told = Arc::new(Mutex::new(LedgerState::default()));
    let mut writer = Writer::new(place.path(), Keep::default(), lost.clone(), told.clone());
    writer.write(&[row(request("01", 0))], at(0));
    let full = |writer: &Writer| {
        let db = writer.db.as_ref().unwrap();
        let pages: i64 = db
            .pragma_query_value(None, "page_count", |row| row.get(0))
            .unwrap();
        db.pragma_update_and_check(None, "max_page_count", pages, |row| row.get::<_, i64>(0))
            .unwrap();
    };
    full(&writer);
    let long = RequestRecord {
        preview: Some("x".repeat(100_000)),
        ..request("02", 1)
    };
    writer.write(&[row(long), row(request("03", 1))], at(1));
    assert_eq!(lost.load(Ordering::Relaxed), 2);
    assert_eq!(
        told.lock().unwrap().trouble,
        Some(LedgerTrouble {
            since: at(1),
            reason: "the request log cannot be used: no space is left on the disk".into()
        })
    );
    // Still resting: nothing is tried.
    writer.write(&[row(request("04", 30))], at(30));
    assert_eq!(lost.load(Ordering::Relaxed), 3);
    writer.write(&[row(request("05", 31))], at(31));
    assert_eq!(told.lock().unwrap().trouble, None);
    assert_eq!(place.ids(), ["req_05", "req_01"]);
}

#[test]
fn a_clock_that_is_set_back_does_not_make_the_rest_endless() {
    let place = Place::new();
    std::fs::create_dir(place.path()).unwrap();
    let mut writer = place.writer();
    writer.write(&[row(request("01", 0))], at(10_000));
    std::fs::remove_dir(place.path()).unwrap();
    writer.write(&[row(request("02", 0))], at(0));
    assert_eq!(place.ids(), ["req_02"]);
}

#[test]
fn two_readers_see_whole_requests_while_they_are_written() {
    let place = Place::new();
    let ledger = place.open();
    ledger.note(row(request("0000", 0)));
    ledger.flush();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let reader = place.reader();
                let mut seen = 0;
                while seen < 1_000 {
                    let all = reader.requests(&Filter::default(), 5_000).unwrap();
                    assert!(all.len() >= seen);
                    assert!(all.iter().all(|(_, record)| record.attempts.len() == 1));
                    seen = all.len();
                }
            });
        }
        for number in 1..=1_000 {
            ledger.note(row(request(&format!("{number:04}"), number)));
            if number % 100 == 0 {
                ledger.flush();
            }
        }
        ledger.flush();
    });
    assert_eq!(ledger.state(), LedgerState::default());
}

#[test]
fn what_does_not_fit_is_lost_and_counted_and_nobody_waits() {
    let (sender, receiver) = sync_channel(1);
    let ledger = Ledger {
        sender,
        lost: Arc::default(),
        told: Arc::default(),
        keep: Arc::default(),
    };
    for number in 0..5 {
        ledger.note(row(request(&number.to_string(), number)));
    }
    assert_eq!(ledger.state().lost, 4);
    // Nobody takes anything out: a disk that hangs does not hold up the end for ever.
    ledger.wait_for(Message::Close, Duration::ZERO);
    drop(receiver);
    ledger.note(row(request("9", 9)));
    assert_eq!(ledger.state().lost, 5);
}

#[test]
fn the_oldest_go_when_there_are_too_many_or_they_are_too_old() {
    let place = Place::new();
    let mut writer = place.writer();
    let many: Vec<_> = (0..2_500)
        .map(|n| row(request(&format!("{n:05}"), n)))
        .collect();
    writer.write(&many, at(0));
    let bounds = trim::Bounds {
        rows: 2_400,
        bytes: i64::MAX,
        bindings: 10,
        oldest_at: 0,
        oldest_day: 0,
    };
    let db = writer.db.as_ref().unwrap();
    let count = |table: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        db.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    let steps = |bounds| {
        let mut steps = 0;
        while trim::step(db, bounds).unwrap() {
            steps += 1;
        }
        steps
    };
    assert_eq!((steps(bounds), count("requests")), (1, 1_500));
    // With a request go its attempts.
    assert_eq!(count("attempts"), 1_500);
    let too_old = trim::Bounds {
        oldest_at: millis_of(at(2_300)),
        ..bounds
    };
    assert_eq!((steps(too_old), count("requests")), (2, 200));
    let pages = || -> i64 {
        db.pragma_query_value(None, "page_count", |row| row.get(0))
            .unwrap()
    };
    let before = pages();
    let too_large = trim::Bounds { bytes: 1, ..bounds };
    assert_eq!((steps(too_large), count("requests")), (1, 0));
    // The room is given back, and the sums stay.
    assert!(pages() < before);
    assert_eq!(count("spend"), 2);
    let past = trim::Bounds {
        oldest_day: day_of(at(86_400)),
        ..bounds
    };
    assert_eq!((steps(past), count("spend")), (1, 0));
}

#[test]
fn the_too_old_are_found_without_reading_all_requests() {
    let place = Place::new();
    let mut writer = place.writer();
    writer.write(&[row(request("01", 0))], at(0));
    let db = writer.db.as_ref().unwrap();
    let plan: Vec<String> = db
        .prepare(&format!("EXPLAIN QUERY PLAN {}", trim::TOO_OLD[0]))
        .unwrap()
        .query_map([0, 0], |row| row.get("detail"))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert!(
        plan.iter().any(|step| step.contains("requests_at")),
        "{plan:?}"
    );
    assert!(!plan.iter().any(|step| step.starts_with("SCAN requests")));
}

#[test]
fn rows_that_are_written_are_not_lost_because_old_ones_cannot_go() {
    let place = Place::new();
    place.writer().write(&[row(request("01", 0))], at(0));
    Connection::open(place.path())
        .unwrap()
        .execute_batch(
            "CREATE TRIGGER stays BEFORE DELETE ON requests BEGIN SELECT raise(ABORT, 'no'); END",
        )
        .unwrap();
    let lost = Arc::new(AtomicU64::new(0));
    let told = Arc::new(Mutex::new(LedgerState::default()));
    let mut writer = Writer::new(place.path(), Keep::default(), lost.clone(), told.clone());
    let month = 31 * 86_400;
    for (id, secs) in [("02", month), ("03", month + 1)] {
        writer.write(&[row(request(id, secs))], at(secs));
    }
    assert_eq!(place.ids(), ["req_03", "req_02", "req_01"]);
    assert_eq!(lost.load(Ordering::Relaxed), 0);
    assert_eq!(*told.lock().unwrap(), LedgerState::default());
}

#[test]
fn a_file_of_an_older_version_is_brought_up_to_date_and_keeps_its_rows() {
    let place = Place::new();
    let mut writer = place.writer();
    writer.write(&[row(request("01", 0))], at(0));
    drop(writer);
    let next = [
        file::STEPS,
        &["ALTER TABLE requests ADD COLUMN more TEXT DEFAULT 'more'"],
    ]
    .concat();
    let db = file::open(&place.path(), &next).unwrap();
    let kept = |db: &Connection| -> (String, String) {
        db.query_row("SELECT id, more FROM requests", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap()
    };
    assert_eq!(kept(&db), ("req_01".to_owned(), "more".to_owned()));
    drop(db);
    // A step that fails changes nothing, however far it came.
    let broken = [&next[..], &["CREATE TABLE half (a); NONSENSE"]].concat();
    assert!(file::open(&place.path(), &broken).is_err());
    let db = file::open(&place.path(), &next).unwrap();
    assert!(db.prepare("SELECT * FROM half").is_err());
    assert_eq!(kept(&db).0, "req_01");
}

#[test]
fn a_file_of_a_newer_version_is_left_alone() {
    let place = Place::new();
    drop(file::open(&place.path(), &[file::STEPS, &["SELECT 1"]].concat()).unwrap());
    let before = std::fs::read(place.path()).unwrap();
    let ledger = place.open();
    let trouble = ledger.state().trouble.unwrap();
    assert!(trouble.reason.contains("another version"), "{trouble:?}");
    ledger.note(row(request("01", 0)));
    ledger.close();
    assert!(
        std::fs::read(place.path()).unwrap() == before,
        "it was written to"
    );
    let refused = Reader::open(&place.path()).unwrap_err();
    assert!(matches!(refused, LedgerError::OtherVersion));
}

#[test]
fn a_reader_says_when_there_is_nothing_yet() {
    let place = Place::new();
    let missing = || Reader::open(&place.path()).unwrap_err();
    assert!(matches!(missing(), LedgerError::Missing));
    // As it is for a moment while the first file is made.
    std::fs::write(place.path(), "").unwrap();
    assert!(matches!(missing(), LedgerError::Missing));
}

#[cfg(unix)]
#[test]
fn the_file_and_its_companions_are_closed_to_others_and_no_link_is_followed() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    std::fs::write(place.path(), "").unwrap();
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let mut writer = place.writer();
    writer.write(&[row(request("01", 0))], at(0));
    let files = place.files();
    assert_eq!(files, ["router.db", "router.db-shm", "router.db-wal"]);
    for file in files {
        let mode = std::fs::metadata(place.dir.path().join(&file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let elsewhere = Place::new();
    std::os::unix::fs::symlink(place.path(), elsewhere.path()).unwrap();
    let ledger = elsewhere.open();
    assert!(ledger.state().trouble.is_some());
    ledger.close();
}
