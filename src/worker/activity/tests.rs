//! What is asked in the words of the screen is what the ledger gives, in pages and as a file.

use super::*;
use crate::desk::activity::{ActivityPart, RequestsForm};
use crate::desk::record::{Ended, RequestRecord};
use crate::ledger::{Keep, Ledger, Row};
use crate::price::{MicroDollars, Tokens};

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn name(text: &str) -> ProfileName {
    ProfileName::parse(text).unwrap()
}

/// So many seconds ago.
fn record(id: &str, ago: u64) -> RequestRecord {
    RequestRecord {
        id: format!("req_{id}"),
        at: now() - Duration::from_secs(ago),
        key: None,
        dialect: "responses".into(),
        model: "gpt-5.5".into(),
        asked_model: "gpt-5.5".into(),
        profile: Some(name("work")),
        is_paid: false,
        strategy: "least_used".into(),
        reason: Some("most left".into()),
        candidates: vec![],
        left_out: vec![],
        unlisted: 0,
        attempts: vec![],
        status: 200,
        is_complete: true,
        error: None,
        tokens: Some(Tokens {
            input: 100,
            cached: 50,
            output: 10,
            reasoning: 0,
        }),
        is_estimate: false,
        cost: Some(MicroDollars(1_000)),
        took: Duration::from_millis(900),
        first_token: Some(Duration::from_millis(300)),
        retries: 0,
        dropped: vec![],
        session: None,
        preview: None,
    }
}

/// Of different keys, models, accounts and ends; the newest last.
fn records() -> Vec<RequestRecord> {
    vec![
        RequestRecord {
            model: "old".into(),
            ..record("old", 90_000)
        },
        RequestRecord {
            key: Some("k1".into()),
            ..record("key", 7_300)
        },
        RequestRecord {
            model: "claude-OPUS".into(),
            profile: Some(name("gone")),
            ..record("claude", 50)
        },
        RequestRecord {
            status: 429,
            profile: None,
            asked_model: String::new(),
            tokens: None,
            cost: None,
            first_token: None,
            ..record("refused", 40)
        },
        RequestRecord {
            is_complete: false,
            key: Some("k2".into()),
            ..record("cut", 30)
        },
        RequestRecord {
            status: 499,
            is_complete: false,
            model: "50%_off".into(),
            ..record("left", 20)
        },
        RequestRecord {
            retries: 2,
            profile: Some(name("spare")),
            ..record("retried", 10)
        },
    ]
}

fn home_with(records: &[RequestRecord]) -> (tempfile::TempDir, Home) {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::at(dir.path()).unwrap();
    std::fs::create_dir(home.router_dir()).unwrap();
    let ledger = Ledger::open(home.ledger(), Keep::default(), now()).unwrap();
    for record in records {
        ledger.note(Row::Request(Arc::new(record.clone())));
    }
    ledger.close();
    (dir, home)
}

fn day(text: &str) -> ActivityQuery {
    ActivityQuery {
        since: now() - DAY,
        text: text.to_owned(),
        ended: None,
        key: None,
    }
}

fn names() -> Names {
    Names {
        accounts: [(name("spare"), "Büro".to_owned())].into(),
        keys: [("k1".to_owned(), "Laptop".to_owned())].into(),
        hides_emails: false,
    }
}

fn wanted(query: ActivityQuery) -> Wanted {
    Wanted {
        query,
        place: Place::default(),
        names: names(),
        is_recorded: true,
        known: None,
    }
}

fn ids<'a>(records: impl IntoIterator<Item = &'a RequestRecord>) -> Vec<&'a str> {
    records
        .into_iter()
        .map(|record| record.id.as_str())
        .collect()
}

#[test]
fn the_ledger_and_the_query_agree_on_what_is_meant() {
    let all = records();
    let (_dir, home) = home_with(&all);
    let ended = [None, Some(Ended::Failed), Some(Ended::Retried)];
    let keys = [None, Some("k1".to_owned()), Some("k9".to_owned())];
    let texts = [
        "", "OPUS", "opus", "büro", "BÜRO", "spare", "gone", "lap", "k2", "%", "_", "0%_o", "\\",
        "zzz",
    ];
    let hidden = words_of_an_alias(&name("gone"));
    for hides_emails in [false, true] {
        let names = Names {
            hides_emails,
            ..names()
        };
        for text in texts.iter().copied().chain([hidden.as_str()]) {
            for (ended, key) in ended
                .iter()
                .flat_map(|it| keys.iter().map(move |key| (it, key)))
            {
                let query = ActivityQuery {
                    ended: *ended,
                    key: key.clone(),
                    ..day(text)
                };
                let read = read(
                    &home,
                    Wanted {
                        names: names.clone(),
                        ..wanted(query.clone())
                    },
                    now(),
                );
                let takes = |record: &&RequestRecord| query.takes(record, &names);
                let expected = ids(all.iter().rev().filter(takes));
                let found = ids(read.records.iter().map(|record| &**record));
                assert_eq!(found, expected, "{query:?} {hides_emails}");
                assert_eq!(read.sums.requests as usize, expected.len());
            }
        }
    }
}

fn words_of_an_alias(name: &ProfileName) -> String {
    let alias = crate::desk::words::alias(name);
    alias.split_once(' ').unwrap().1.to_lowercase()
}

#[test]
fn sums_tell_what_is_known_and_how_it_is_spread_over_the_hours() {
    let (_dir, home) = home_with(&records());
    let read = read(&home, wanted(day("")), now());
    let sums = &read.sums;
    assert_eq!((sums.requests, sums.failed), (6, 2));
    assert_eq!((sums.tokens.input, sums.tokens.output), (500, 50));
    assert_eq!(sums.cached_share, Some(0.5));
    assert_eq!(sums.first_token, Some(Duration::from_millis(300)));
    assert_eq!(sums.cost, Some(MicroDollars(5_000)));
    assert_eq!((sums.step, sums.parts.len()), (HOUR, 25));
    let part = |requests, tokens| ActivityPart { requests, tokens };
    assert_eq!(sums.parts[21], part(1, 110), "two hours and a little ago");
    assert_eq!(sums.parts[23], part(5, 440), "{:?}", sums.parts);
    assert_eq!(read.keys, ["k1", "k2"]);
    assert_eq!(read.head.len(), 7);
    assert_eq!(read.head[0], "req_retried");
}

#[test]
fn a_page_of_a_list_stays_where_it_was_when_requests_come() {
    let many: Vec<_> = (0..1_000)
        .map(|number| record(&format!("{number:04}"), 2_000 - number))
        .collect();
    let (_dir, home) = home_with(&many);
    let first = read(&home, wanted(day("")), now());
    assert_eq!(
        (first.records.len(), first.sums.requests),
        (Activity::MOST, 1_000)
    );
    let ledger = Ledger::open(home.ledger(), Keep::default(), now()).unwrap();
    ledger.note(Row::Request(Arc::new(record("new", 1))));
    ledger.close();

    let newest = first.newest;
    let place = Place {
        newest: Some(newest),
        first: 600,
    };
    let known = Some(Arc::new(first.clone()));
    let page = Wanted {
        place,
        known,
        ..wanted(day(""))
    };
    let page = read(&home, page, now());
    assert_eq!(page.first, 600);
    assert_eq!(page.records[0].id, "req_0399");
    assert_eq!(page.records.len(), Activity::MOST);
    assert_eq!((page.sums, page.head), (first.sums, first.head));

    let again = read(&home, wanted(day("")), now());
    assert_eq!(again.sums.requests, 1_001);
    assert_eq!(again.records[0].id, "req_new");
}

#[test]
fn a_week_is_cut_into_quarters_of_days_and_a_month_into_days() {
    let count = |days: u32| {
        let cut = cut(now() - DAY * days, now());
        (cut.step, cut.count)
    };
    assert_eq!(count(1), (HOUR, 25));
    assert_eq!(count(7), (6 * HOUR, 29));
    assert_eq!(count(30), (DAY, 31));
    assert_eq!(
        cut(now() + DAY, now()).count,
        1,
        "a clock that was set back"
    );
    assert_eq!(cut(SystemTime::UNIX_EPOCH, now()).count, 400);
}

#[test]
fn what_cannot_be_read_is_told_and_what_was_never_begun_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::at(dir.path()).unwrap();
    let none = read(&home, wanted(day("")), now());
    assert_eq!((none.trouble, none.sums.requests), (None, 0));
    let off = Wanted {
        is_recorded: false,
        ..wanted(day(""))
    };
    assert!(!read(&home, off, now()).is_recorded);
    std::fs::create_dir(home.router_dir()).unwrap();
    std::fs::write(
        home.ledger(),
        "no database, but long enough to be looked at",
    )
    .unwrap();
    assert!(read(&home, wanted(day("")), now()).trouble.is_some());
}

#[test]
fn everything_that_is_meant_is_written_and_no_body_and_no_hidden_name() {
    let mut all = records();
    all[6].preview = Some("the secret plan".into());
    let (dir, home) = home_with(&all);
    let file = dir.path().join("requests.csv");
    std::fs::write(&file, "something else").unwrap();
    let hiding = Names {
        hides_emails: true,
        ..names()
    };
    let write = |names: &Names, form| export(&home, &day(""), names, form, &file).unwrap();

    assert_eq!(write(&hiding, RequestsForm::Csv), 6);
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<_> = text.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 7);
    assert!(lines[0].starts_with("id,at,key,"));
    assert!(
        lines[1].starts_with("req_retried,2027-01-15T07:59:50Z,,,responses,"),
        "{}",
        lines[1]
    );
    assert!(lines[6].contains(",k1,Laptop,"), "{}", lines[6]);
    assert!(!text.contains("spare") && !text.contains("secret plan"));

    assert_eq!(write(&names(), RequestsForm::JsonLines), 6);
    let text = std::fs::read_to_string(&file).unwrap();
    let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["account"], &first["preview"]),
        (&"spare".into(), &serde_json::Value::Null)
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    }
    let failed = ActivityQuery {
        ended: Some(Ended::Failed),
        ..day("")
    };
    let count = export(&home, &failed, &names(), RequestsForm::JsonLines, &file).unwrap();
    assert_eq!(count, 2);
}
