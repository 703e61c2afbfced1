//! The Activity page: what is said of requests, of their sums, and of what is not there.

use super::*;
use crate::client_key::{KeyId, Policy};
use crate::desk::record::{
    AttemptClass, AttemptRecord, Considered, Ended, LedgerState, LedgerTrouble, LeftOut,
    RequestRecord,
};
use crate::desk::{
    About, Activity, ActivityPart, ActivityQuery, ActivitySums, KeyUse, KeyView, KeysView,
};
use crate::price::{MicroDollars, Tokens};

/// Of this day, so many seconds ago.
fn record(id: &str, ago: u64) -> RequestRecord {
    RequestRecord {
        id: format!("req_{id}"),
        at: now() - Duration::from_secs(ago),
        key: Some("k1".into()),
        dialect: "responses".into(),
        model: "gpt-5.4".into(),
        asked_model: "gpt-5.4".into(),
        profile: Some(name("spare")),
        is_paid: false,
        strategy: "least_used".into(),
        reason: Some("most left".into()),
        candidates: vec![],
        left_out: vec![],
        unlisted: 0,
        attempts: vec![attempt("spare", AttemptClass::Served, 1_800)],
        status: 200,
        is_complete: true,
        error: None,
        tokens: Some(Tokens {
            input: 18_200,
            cached: 17_000,
            output: 1_400,
            reasoning: 128,
        }),
        is_estimate: false,
        cost: Some(MicroDollars(20_000)),
        took: Duration::from_millis(1_800),
        first_token: Some(Duration::from_millis(420)),
        retries: 0,
        dropped: vec![],
        session: None,
        preview: None,
    }
}

fn attempt(account: &str, result: AttemptClass, took: u64) -> AttemptRecord {
    AttemptRecord {
        profile: name(account),
        at: now(),
        took: Duration::from_millis(took),
        result,
        what: None,
        until: None,
        mended: vec![],
    }
}

/// Refused by one account, served by another, while a third was left out.
fn retried() -> RequestRecord {
    let candidate = |account: &str, standing: &str| Considered {
        profile: name(account),
        reason: "most left".into(),
        score: None,
        standing: standing.into(),
    };
    RequestRecord {
        retries: 1,
        took: Duration::from_millis(2_400),
        first_token: Some(Duration::from_millis(510)),
        candidates: vec![
            candidate("spare", "94 percent left"),
            candidate("oss", "74 percent left"),
        ],
        left_out: vec![LeftOut {
            profile: name("work"),
            why: "reserve 20% on 5-hour".into(),
            until: None,
        }],
        attempts: vec![
            AttemptRecord {
                until: Some(now() + hours(2)),
                ..attempt("personal", AttemptClass::UsageLimit, 200)
            },
            attempt("spare", AttemptClass::Served, 2_200),
        ],
        ..record("retried", 60)
    }
}

fn read(query: ActivityQuery, records: Vec<RequestRecord>) -> Activity {
    Activity {
        is_recorded: true,
        newest: 100,
        head: records.iter().map(|record| record.id.clone()).collect(),
        sums: ActivitySums {
            requests: records.len() as u64,
            ..ActivitySums::default()
        },
        records: records.into_iter().map(Arc::new).collect(),
        ..Activity::in_trouble(query, now(), None)
    }
}

/// What the page asks for as long as nobody chose anything else.
fn today() -> ActivityQuery {
    ActivityQuery {
        since: now() - hours(13) - mins(11),
        text: String::new(),
        ended: None,
        key: None,
    }
}

fn known(records: Vec<RequestRecord>) -> Snapshot {
    let spare = ProfileView {
        about: About {
            label: Some("Büro".into()),
            ..About::default()
        },
        ..profile("spare", vec![])
    };
    let mut snapshot = snapshot(vec![in_use(profile("work", vec![])), spare]);
    snapshot.keys = KeysView {
        is_required: true,
        unreadable: None,
        is_gone: false,
        keys: vec![KeyView {
            id: KeyId::parse("k1").unwrap(),
            label: "laptop".into(),
            last4: "abcd".into(),
            is_enabled: true,
            created_at: now(),
            expires_at: None,
            policy: Policy::default(),
            limits: vec![],
            used: KeyUse::default(),
        }],
    };
    snapshot.activity = Some(Arc::new(read(today(), records)));
    snapshot
}

fn wish() -> Wish<'static> {
    Wish {
        tab: Tab::Activity,
        activity: ActivityWish {
            span: Span::Day,
            visible: (0, 20),
            ..ActivityWish::default()
        },
        ..Wish::default()
    }
}

fn activity(snapshot: &Snapshot, wish: &Wish<'_>) -> ActivityPage {
    match page_with(snapshot, wish).open {
        OpenPage::Activity(page) => *page,
        other => panic!("another page: {other:?}"),
    }
}

#[test]
fn rows_in_view_are_worded_where_those_above_them_are_not_in_memory() {
    let records = (0..40).map(|n| record(&n.to_string(), n));
    let mut snapshot = known(vec![]);
    let read = Activity {
        head: Vec::new(),
        first: 10,
        sums: ActivitySums {
            requests: 50,
            ..ActivitySums::default()
        },
        ..read(today(), records.collect())
    };
    snapshot.activity = Some(Arc::new(read));
    snapshot.requests = ["a", "b"].map(|id| Arc::new(record(id, 0))).to_vec();
    let mut wish = wish();
    wish.activity.visible = (14, 30);
    let page = activity(&snapshot, &wish);
    assert_eq!(
        page.first, 12,
        "two that are new, ten that are not in memory"
    );
    assert!(page.first + page.rows.len() >= 30);
}

fn entry(record: RequestRecord) -> Entry {
    activity(&known(vec![record]), &wish()).rows.remove(0)
}

fn drawer(record: RequestRecord, hides_emails: bool) -> Drawer {
    let mut snapshot = known(vec![]);
    snapshot.hides_emails = hides_emails;
    let shown = Arc::new(record);
    let mut wish = wish();
    wish.hides_emails = hides_emails;
    wish.activity.shown = Some(&shown);
    activity(&snapshot, &wish).drawer.unwrap()
}

#[test]
fn a_row_tells_when_who_how_and_how_long() {
    let told = entry(record("a", 61));
    assert_eq!(
        told,
        Entry {
            id: "req_a".into(),
            time: "13:09:59".into(),
            key: "laptop".into(),
            model: "gpt-5.4".into(),
            account: "Büro".into(),
            has_account: true,
            reason: "most left".into(),
            state: EntryState::Done,
            status: "200".into(),
            retries: None,
            tokens_in: "18.2k".into(),
            tokens_out: "1.4k".into(),
            first_token: "0.42s".into(),
            total: "1.8s".into(),
            spoken: "13:09:59, Büro, gpt-5.4, answered, 1.8s".into(),
        }
    );
    let yesterday = entry(record("b", 24 * 3_600));
    assert_eq!(yesterday.time, "19 Nov 13:11");
    let told = entry(retried());
    assert_eq!(told.reason, "retried from personal");
    assert_eq!(told.retries.as_deref(), Some("1"));
}

#[test]
fn how_a_request_ended_is_told_by_a_sign_and_a_word() {
    let ended = |status, is_complete| {
        let told = entry(RequestRecord {
            status,
            is_complete,
            ..record("a", 9)
        });
        (told.state, told.status)
    };
    assert_eq!(ended(200, false), (EntryState::Failed, "cut off".into()));
    assert_eq!(ended(429, true), (EntryState::Limited, "429".into()));
    assert_eq!(ended(499, false), (EntryState::Left, "stopped".into()));
    assert_eq!(ended(500, true), (EntryState::Failed, "500".into()));
}

#[test]
fn what_is_estimated_or_unknown_says_so() {
    let told = entry(RequestRecord {
        is_estimate: true,
        ..record("a", 9)
    });
    assert_eq!(told.tokens_in, "est. 18.2k");
    let silent = RequestRecord {
        tokens: None,
        cost: None,
        first_token: None,
        ..record("b", 9)
    };
    let told = entry(silent.clone());
    let words = (told.tokens_in, told.tokens_out, told.first_token);
    assert_eq!(
        words,
        ("unknown".into(), "unknown".into(), "unknown".into())
    );
    let facts = drawer(silent.clone(), false).facts;
    let unknown = |label| (label, "unknown".to_owned());
    assert_eq!(facts, ["Input", "Output", "Cost"].map(unknown));
    // Where there was no answer there is nothing to know.
    let refused = RequestRecord {
        status: 401,
        profile: None,
        reason: None,
        attempts: vec![],
        model: String::new(),
        asked_model: String::new(),
        ..silent
    };
    let told = entry(refused);
    assert_eq!(
        (told.tokens_in.as_str(), told.account.as_str()),
        ("–", "no account")
    );
    assert_eq!((told.model.as_str(), told.has_account), ("no model", false));
}

#[test]
fn figures_are_called_estimates_where_they_are_and_unknown_where_nothing_is_known() {
    let mut snapshot = known(vec![]);
    let mut all = read(today(), vec![]);
    all.sums = ActivitySums {
        requests: 1_420,
        failed: 3,
        tokens: Tokens {
            input: 3_000_000,
            cached: 0,
            output: 100_000,
            reasoning: 0,
        },
        cached_share: Some(0.889),
        first_token: Some(Duration::from_millis(410)),
        cost: Some(MicroDollars(4_860_000)),
        unpriced: 2,
        estimated: 1,
        step: hours(1),
        parts: vec![
            ActivityPart {
                requests: 10,
                tokens: 4,
            },
            ActivityPart {
                requests: 5,
                tokens: 8,
            },
        ],
    };
    snapshot.activity = Some(Arc::new(all.clone()));
    let figures = activity(&snapshot, &wish()).figures;
    let requests = figures.requests.unwrap();
    assert_eq!(
        (requests.figure.as_str(), requests.note.as_str()),
        ("1,420", "3 failed")
    );
    assert_eq!((requests.bars, requests.places), (vec![1.0, 0.5], 24));
    let read_yesterday = Activity {
        read_at: now() - hours(14),
        ..all.clone()
    };
    snapshot.activity = Some(Arc::new(read_yesterday));
    let yesterday = activity(&snapshot, &wish()).figures.requests.unwrap();
    assert_eq!(yesterday.places, 2, "no hour of it is yet to come");
    let tokens = figures.tokens.unwrap();
    assert_eq!(
        (tokens.figure.as_str(), tokens.note.as_str()),
        ("3.1M", "88% cached · part est.")
    );
    assert_eq!(tokens.bars, [0.5, 1.0]);
    assert_eq!(
        figures.first_token.unwrap().spoken,
        "First token: 0.41s median"
    );
    assert_eq!(figures.cost.unwrap().spoken, "Cost: $4.86 +? estimate");
    assert_eq!(figures.short_cost, "est. $4.86 +?");

    all.sums.cost = None;
    all.sums.first_token = None;
    snapshot.activity = Some(Arc::new(all));
    let figures = activity(&snapshot, &wish()).figures;
    assert_eq!(figures.cost.unwrap().figure, "unknown");
    assert_eq!(figures.first_token.unwrap().figure, "unknown");
    snapshot.activity = None;
    assert_eq!(activity(&snapshot, &wish()).figures, Figures::default());
}

#[test]
fn requests_that_came_since_stand_on_top_and_none_stands_twice() {
    let (first, second) = (record("1", 90), record("2", 60));
    let mut snapshot = known(vec![second.clone(), first]);
    let third = RequestRecord {
        status: 500,
        ..record("3", 10)
    };
    snapshot.requests = vec![Arc::new(third), Arc::new(second)];
    let ids = |page: &ActivityPage| {
        let ids = page.rows.iter().map(|row| row.id.clone());
        ids.collect::<Vec<_>>()
    };
    let page = activity(&snapshot, &wish());
    assert_eq!(ids(&page), ["req_3", "req_2", "req_1"]);
    assert_eq!(page.list.len(), 3);
    assert_eq!(page.list.position("req_1"), Some(2));

    // A list that stands still takes in nothing.
    let held = Held {
        newest: 100,
        live: vec![],
    };
    let mut still = wish();
    still.activity.held = Some(&held);
    assert_eq!(ids(&activity(&snapshot, &still)), ["req_2", "req_1"]);

    // They go by the same filter as the others, and only when the others do.
    let failed = ActivityQuery {
        ended: Some(Ended::Failed),
        ..today()
    };
    snapshot.activity = Some(Arc::new(Activity {
        head: vec!["req_2".into()],
        ..read(failed.clone(), vec![])
    }));
    let mut wish = wish();
    wish.activity.ended = Some(Ended::Failed);
    let page = activity(&snapshot, &wish);
    assert_eq!((ids(&page), page.query), (vec!["req_3".to_owned()], failed));
}

#[test]
fn of_a_long_list_a_page_around_what_is_in_view_is_wanted() {
    let mut long = read(
        today(),
        (0..400).map(|n| record(&n.to_string(), 9)).collect(),
    );
    long.sums.requests = 100_000;
    let mut snapshot = known(vec![]);
    snapshot.activity = Some(Arc::new(long));
    let page = activity(&snapshot, &wish());
    assert_eq!(page.list.len(), 100_000);
    assert!(page.rows.len() < 60, "{} rows were worded", page.rows.len());
    assert_eq!(page.list.missing(0..20), None);
    assert_eq!(page.list.missing(390..410), Some(200));
    assert_eq!(page.list.missing(99_990..100_010), Some(99_795));
    let mut far = wish();
    far.activity.visible = (50_000, 50_020);
    assert_eq!(activity(&snapshot, &far).rows, []);
    // The margin of what is in view may be in memory alone.
    far.activity.visible = (410, 430);
    let page = activity(&snapshot, &far);
    assert_eq!((page.first, page.rows.len()), (386, 14));
}

#[test]
fn a_time_is_of_whole_days_of_the_users_calendar() {
    let zone = TimeZone::fixed(jiff::tz::offset(-5));
    let since = |span| {
        let mut wish = wish();
        wish.activity.span = span;
        let page = Page::of(&known(vec![]), now(), &zone, &wish);
        let OpenPage::Activity(words) = page.open else {
            panic!("another page");
        };
        let since = now().duration_since(words.query.since).unwrap();
        (since, page.next_change_in.unwrap())
    };
    let (today, next) = since(Span::Day);
    assert_eq!(today, hours(8) + mins(11));
    assert!(
        next <= hours(15) + mins(49) + Duration::from_secs(1),
        "{next:?}"
    );
    assert_eq!(since(Span::Week).0, hours(6 * 24 + 8) + mins(11));
    assert_eq!(since(Span::Month).0, hours(29 * 24 + 8) + mins(11));
}

#[test]
fn the_drawer_tells_who_was_asked_who_could_have_been_and_who_could_not() {
    let words = drawer(retried(), false);
    let lines: Vec<_> = words
        .accounts
        .iter()
        .map(|line| (line.mark, line.name.as_str(), line.words.as_str()))
        .collect();
    assert_eq!(
        lines,
        [
            (
                AccountMark::Limited,
                "personal",
                "was empty until 15:11 after 0.20s"
            ),
            (AccountMark::Ready, "Büro", "chosen: most left, 94% left"),
            (AccountMark::Ready, "oss", "runner-up, 74% left"),
            (
                AccountMark::Skipped,
                "work",
                "skipped: reserve 20% on 5-hour"
            ),
        ]
    );
    let phases: Vec<_> = words.phases.iter().map(|it| it.label.as_str()).collect();
    assert_eq!(phases, ["failed 0.20s", "wait 0.31s", "stream 1.9s"]);
    let whole: f32 = words.phases.iter().map(|it| it.share).sum();
    assert!((whole - 1.0).abs() < 1e-6);
    assert_eq!(words.place, "today 13:10:00 · laptop · responses");
    assert_eq!(
        words.facts,
        [
            ("Input", "18,200 · 17,000 cached".to_owned()),
            ("Output", "1,400 · 128 reasoning".to_owned()),
            ("Cost", "est. $0.0200 · in the plan".to_owned()),
        ]
    );
}

#[test]
fn a_request_that_nobody_answered_tells_why_the_last_one_was_chosen() {
    let words = drawer(
        RequestRecord {
            status: 502,
            error: Some("upstream_failed".into()),
            dropped: vec!["user".into(), "seed".into()],
            asked_model: "gpt-5.5".into(),
            attempts: vec![attempt("spare", AttemptClass::Unreachable, 400)],
            ..record("a", 9)
        },
        false,
    );
    assert_eq!(
        words.accounts[0].words,
        "chosen: most left; could not be reached after 0.40s"
    );
    assert_eq!(
        words.facts[3..],
        [
            ("Asked as", "gpt-5.5".to_owned()),
            ("Left out of it", "user, seed".to_owned()),
            ("Error", "upstream_failed".to_owned()),
        ]
    );
}

#[test]
fn while_emails_are_hidden_no_name_is_told_or_copied_and_never_a_body() {
    let mut secret = retried();
    secret.preview = Some("the plan of the century".into());
    let open = drawer(secret.clone(), false);
    assert!(open.details.contains("account: spare") && open.details.contains("laptop (k1)"));
    let hidden = drawer(secret.clone(), true);
    let told = format!("{hidden:?}");
    for name in ["spare", "personal", "oss", "work", "Büro"] {
        assert!(!told.contains(name), "{name} in {told}");
    }
    for words in [open, hidden] {
        assert!(!format!("{words:?}").contains("century"));
    }
    let alias = words::alias(&name("spare"));
    let mut hiding = wish();
    hiding.hides_emails = true;
    let row = activity(&known(vec![secret]), &hiding).rows.remove(0);
    assert_eq!(row.account, alias);
}

#[test]
fn the_curl_command_repeats_the_kind_of_request_and_nothing_of_it() {
    let curl = |dialect: &str, model: &str| {
        let record = RequestRecord {
            dialect: dialect.into(),
            model: model.into(),
            preview: Some("private words".into()),
            ..record("a", 9)
        };
        drawer(record, false).curl.unwrap()
    };
    assert_eq!(
        curl("responses", "gpt-5.4"),
        "curl 'http://127.0.0.1:9876/v1/responses' \\
  -H 'authorization: Bearer YOUR_KEY' \\
  -H 'content-type: application/json' \\
  -d '{\"model\":\"gpt-5.4\",\"input\":\"YOUR TEXT\"}'"
    );
    assert!(curl("messages", "claude").contains("/v1/messages'"));
    assert!(curl("count_tokens", "claude").contains("/v1/messages/count_tokens'"));
    assert!(curl("transcriptions", "@/etc/passwd").contains("--form-string 'model=@/etc/passwd'"));
    assert!(curl("transcriptions", "w").contains("-F 'file=@sound.mp3'"));
    // What a client made up stays a text.
    let nasty = curl("chat", "a'; rm -rf ~; echo '\"");
    assert!(
        nasty.contains(r#""model":"a'\''; rm -rf ~; echo '\''\"""#),
        "{nasty}"
    );
}

#[test]
fn what_is_missing_from_the_list_is_told() {
    let note = |change: &dyn Fn(&mut Snapshot)| {
        let mut snapshot = known(vec![]);
        change(&mut snapshot);
        activity(&snapshot, &wish()).note
    };
    assert_eq!(note(&|_| {}), None);
    let off = note(&|snapshot| {
        let read = snapshot.activity.as_mut().unwrap();
        Arc::make_mut(read).is_recorded = false;
    });
    assert!(off.unwrap().starts_with("The request log is off."));
    let lost = |lost| {
        note(&|snapshot| {
            snapshot.ledger = LedgerState {
                lost,
                ..LedgerState::default()
            };
        })
    };
    let words = "1,200 rows of the log could not be written since the start, and are missing here.";
    assert_eq!(lost(1_200).as_deref(), Some(words));
    let words = "1 row of the log could not be written since the start, and is missing here.";
    assert_eq!(lost(1).as_deref(), Some(words));
    let resting = note(&|snapshot| {
        snapshot.ledger.trouble = Some(LedgerTrouble {
            since: now() - hours(1),
            reason: "no space is left on the disk".into(),
        });
    });
    let words = "Requests are not recorded since 12:11. No space is left on the disk.";
    assert_eq!(resting.as_deref(), Some(words));
    let broken = note(&|snapshot| {
        let trouble = Some("the request log cannot be used: it is damaged".into());
        let activity = Activity::in_trouble(today(), now(), trouble);
        snapshot.activity = Some(Arc::new(activity));
    });
    let words = "Only the last requests are shown. The request log cannot be used: it is damaged.";
    assert_eq!(broken.as_deref(), Some(words));
}

#[test]
fn an_empty_list_says_what_to_do() {
    let mut snapshot = known(vec![]);
    let nothing = |snapshot: &Snapshot, wish: &Wish<'_>| activity(snapshot, wish).nothing;
    let none = nothing(&snapshot, &wish()).unwrap();
    assert_eq!(none.title, "No request yet today.");
    assert_eq!(
        none.text,
        "Point an app at http://127.0.0.1:9876/v1, or let it be done for you."
    );
    assert_eq!(none.act, Some(NothingAct::Connect));
    let mut searched = wish();
    searched.activity.text = "zzz";
    let none = nothing(&snapshot, &searched).unwrap();
    assert_eq!(
        (none.title.as_str(), none.act),
        ("No request matches.", Some(NothingAct::ShowAll))
    );
    snapshot.router.state = RouterState::Off;
    assert!(
        nothing(&snapshot, &wish())
            .unwrap()
            .text
            .starts_with("The router is off.")
    );
    // Nobody knows yet.
    snapshot.activity = None;
    assert_eq!(nothing(&snapshot, &wish()), None);
}

#[test]
fn keys_that_are_gone_can_still_be_looked_for() {
    let mut snapshot = known(vec![]);
    let read = snapshot.activity.as_mut().unwrap();
    Arc::make_mut(read).keys = vec!["k1".into(), "k9".into()];
    let mut wish = wish();
    wish.activity.key = Some("k7");
    let keys = activity(&snapshot, &wish).keys;
    let pair = |id: &str, name: &str| (id.to_owned(), name.to_owned());
    assert_eq!(
        keys,
        [pair("k1", "laptop"), pair("k9", "k9"), pair("k7", "k7")]
    );
}
