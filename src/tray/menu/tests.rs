use super::super::samples::*;
use super::*;
use crate::profile::Unreadable;

fn at(snapshot: &Snapshot, now: SystemTime) -> Vec<Row> {
    rows(snapshot, now, &TimeZone::UTC, Form::OneString)
}

/// The words of the first row, for a menu with this account alone.
fn line(profile: ProfileView) -> String {
    at(&snapshot([profile]), now())[0].text.clone()
}

fn in_columns(profile: ProfileView) -> String {
    rows(&snapshot([profile]), now(), &TimeZone::UTC, Form::Columns)[0]
        .text
        .clone()
}

fn row(snapshot: &Snapshot, key: &str) -> Row {
    at(snapshot, now())
        .into_iter()
        .find(|row| row.key == key)
        .unwrap()
}

fn with_plan(profile: ProfileView, plan: &str) -> ProfileView {
    ProfileView {
        plan: Some(plan.into()),
        ..profile
    }
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3_600)
}

#[test]
fn the_whole_menu_has_this_order() {
    let menu = at(
        &snapshot([
            in_use(with_plan(
                chatgpt("work", [five_hours(34.0, 3), week(49.0, 80)]),
                "team",
            )),
            with_plan(chatgpt("spare", [five_hours(0.0, 3), week(6.0, 80)]), "pro"),
        ]),
        now(),
    );
    let shown: Vec<_> = menu
        .iter()
        .map(|row| match row.kind {
            RowKind::Separator => "---".into(),
            RowKind::Check { is_checked: true } => format!("[x] {}", row.text),
            RowKind::Check { is_checked: false } => format!("[ ] {}", row.text),
            RowKind::Plain => row.text.clone(),
        })
        .collect();
    assert_eq!(
        shown,
        [
            "[ ] spare · Pro · ready, 94%",
            "[x] work · Team · 5h 66% · week 51%",
            "---",
            "[x] Router on · 127.0.0.1:9876",
            "Copy router URL",
            "Refresh now",
            "---",
            "Open Codex Router",
            "Quit",
        ]
    );
    let actions: Vec<_> = menu.into_iter().map(|row| row.action).collect();
    assert_eq!(
        actions,
        [
            Action::Ask(Command::Use(name("spare"))),
            Action::Nothing,
            Action::Nothing,
            Action::Ask(Command::TurnRouterOff),
            Action::CopyUrl("http://127.0.0.1:9876/v1".into()),
            Action::Ask(Command::RefreshAll),
            Action::Nothing,
            Action::Open,
            Action::Quit,
        ]
    );
}

#[test]
fn a_low_account_says_when_its_window_resets() {
    let low = chatgpt("personal", [five_hours(88.0, 2), week(49.0, 80)]);
    assert_eq!(line(low.clone()), "personal · Plus · 5h 12%, resets 15:11");
    assert_eq!(in_columns(low), "personal · Plus\t5h 12%   15:11");
    let mut unknown = chatgpt("personal", [five_hours(99.5, 2)]);
    edit_usage(&mut unknown, |usage| usage.windows[0].resets_at = None);
    assert_eq!(line(unknown), "personal · Plus · 5h <1%");
}

#[test]
fn an_empty_account_says_when_it_is_back() {
    let empty = chatgpt("client-nord", [five_hours(10.0, 2), week(100.0, 140)]);
    assert_eq!(
        line(empty.clone()),
        "client-nord · week empty, back Thu 09:11"
    );
    assert_eq!(
        in_columns(empty),
        "client-nord · Plus\tweek empty   Thu 09:11"
    );
    let both = chatgpt("both", [five_hours(100.0, 2), week(100.0, 30)]);
    assert_eq!(line(both), "both · week empty, back Sat 19:11");
    let short = chatgpt("short", [five_hours(100.0, 2), week(50.0, 30)]);
    assert_eq!(line(short), "short · 5h empty, back 15:11");
    let mut told = chatgpt("told", [five_hours(10.0, 2), week(20.0, 200)]);
    edit_usage(&mut told, |usage| usage.is_limit_reached = true);
    assert_eq!(line(told), "told · week empty, back 28 Nov");
    let mut unknown = chatgpt("unknown", [week(100.0, 200)]);
    edit_usage(&mut unknown, |usage| usage.windows[0].resets_at = None);
    assert_eq!(line(unknown.clone()), "unknown · week empty");
    assert_eq!(in_columns(unknown), "unknown · Plus\tweek empty");
}

#[test]
fn ready_is_an_account_that_waits_with_an_untouched_short_window() {
    let windows = || [five_hours(0.0, 5), week(6.0, 80)];
    assert_eq!(
        line(chatgpt("spare", windows())),
        "spare · Plus · ready, 94%"
    );
    assert_eq!(
        in_columns(chatgpt("spare", windows())),
        "spare · Plus\tready   94%"
    );
    assert_eq!(
        line(in_use(chatgpt("work", windows()))),
        "work · Plus · 5h 100% · week 94%",
        "what is in use does not wait"
    );
    assert_eq!(
        line(chatgpt("weekly", [week(0.0, 80)])),
        "weekly · Plus · week 100%",
        "there is no short window"
    );
}

#[test]
fn logins_without_numbers_say_what_they_are() {
    assert_eq!(line(chatgpt("new", [])), "new · Plus");
    assert_eq!(in_columns(chatgpt("new", [])), "new · Plus");
    assert_eq!(line(with_plan(chatgpt("bare", []), "")), "bare");
    assert_eq!(line(api_key("key")), "key · API key");
    assert_eq!(line(endpoint("paid")), "paid · Azure");
    assert_eq!(in_columns(api_key("key")), "key\tAPI key");
    let mut other = api_key("agent");
    other.kind = LoginKind::Other("agentIdentity".into());
    other.health = Health::NotRoutable {
        mode: "agentIdentity".into(),
    };
    assert_eq!(line(other.clone()), "agent · not for the router");
    assert_eq!(
        account_action(&other),
        Action::Ask(Command::Use(name("agent"))),
        "Codex itself can use it"
    );
}

#[test]
fn a_dead_login_can_be_signed_in_to_again_even_when_in_use() {
    let mut dead = in_use(chatgpt("old-team", [week(10.0, 80)]));
    dead.health = Health::SignInAgain;
    assert_eq!(line(dead.clone()), "old-team · needs sign-in");
    let sign_in = Action::AskAndOpen(Command::SignIn(SignInWish {
        way: SignInWay::Browser,
        again: Some(name("old-team")),
        name: None,
    }));
    assert_eq!(account_action(&dead), sign_in);
    let fine = chatgpt("work", [week(10.0, 80)]);
    let menu = at(&snapshot([fine, dead.clone()]), now());
    let rows: Vec<_> = menu
        .iter()
        .filter(|row| row.text.starts_with("Sign in"))
        .collect();
    assert!(
        matches!(rows[..], [row] if row.text == "Sign in to old-team again…" && row.action == sign_in && row.is_enabled)
    );
    dead.health = Health::Unreadable(Unreadable("it is no JSON".into()));
    assert_eq!(line(dead.clone()), "old-team · cannot be read");
    assert_eq!(account_action(&dead), Action::Open);
}

#[test]
fn old_numbers_say_of_when_they_are() {
    let work = snapshot([in_use(chatgpt(
        "work",
        [five_hours(90.0, 3), week(49.0, 80)],
    ))]);
    let word = |later| at(&work, now() + later)[0].text.clone();
    assert_eq!(word(Duration::ZERO), "work · Plus · 5h 10%, resets 16:11");
    assert_eq!(word(hours(1)), "work · 5h 10% · week 51% · as of 13:11");
    assert_eq!(
        word(hours(30)),
        "work · 5h 100% · week 51% · as of Fri 13:11"
    );
    let columns = rows(&work, now() + hours(1), &TimeZone::UTC, Form::Columns);
    assert_eq!(columns[0].text, "work\t5h 10%   week 51%   as of 13:11");
}

#[test]
fn nothing_saved_is_said_and_cannot_be_clicked() {
    let none = row(&snapshot([]), "no accounts");
    assert_eq!(
        (none.text.as_str(), none.is_enabled),
        ("No accounts yet", false)
    );
    let unread = row(&Snapshot::default(), "no accounts");
    assert_eq!(
        (unread.text.as_str(), unread.is_enabled),
        ("Reading accounts", false)
    );
}

#[test]
fn the_router_row_tells_its_state_and_switches_it() {
    let mut snapshot = snapshot([]);
    let taken = |holder: Option<&str>| RouterState::PortTaken {
        port: 9876,
        holder: holder.map(str::to_owned),
        free_port: Some(9877),
    };
    for (state, text, action) in [
        (
            RouterState::On,
            "Router on · 127.0.0.1:9876",
            Action::Ask(Command::TurnRouterOff),
        ),
        (
            RouterState::Off,
            "Router off",
            Action::Ask(Command::TurnRouterOn),
        ),
        (RouterState::Starting, "Router starting", Action::Nothing),
        (
            taken(Some("node (pid 812)")),
            "Port 9876 is taken by node (pid 812)",
            Action::Open,
        ),
        (
            taken(Some("a&b\nc")),
            "Port 9876 is taken by a&&b c",
            Action::Open,
        ),
        (taken(None), "Port 9876 is taken", Action::Open),
        (
            RouterState::Failed("no".into()),
            "Router could not start",
            Action::Open,
        ),
    ] {
        let is_checked = state == RouterState::On;
        snapshot.router.state = state;
        let row = row(&snapshot, "router");
        assert_eq!((row.text.as_str(), row.action), (text, action));
        assert_eq!(row.kind, RowKind::Check { is_checked });
    }
    snapshot.router.address = None;
    snapshot.router.state = RouterState::On;
    assert_eq!(row(&snapshot, "router").text, "Router on");
    let copy = row(&snapshot, "copy");
    assert_eq!((copy.is_enabled, copy.action), (false, Action::Nothing));
}

#[test]
fn twelve_accounts_are_shown_and_the_one_in_use_is_among_them() {
    let many = |active: usize| {
        snapshot((0..20).map(|n| {
            let profile = chatgpt(&format!("a{n:02}"), []);
            if n == active {
                in_use(profile)
            } else {
                profile
            }
        }))
    };
    let shown = |active| {
        let rows = at(&many(active), now());
        let keys: Vec<_> = rows.iter().map(|row| row.key.clone()).take(13).collect();
        keys
    };
    let first: Vec<_> = (0..12)
        .map(|n| format!("account a{n:02}"))
        .chain(["more accounts".to_owned()])
        .collect();
    assert_eq!(shown(3), first);
    let mut with_a_late_one = first.clone();
    with_a_late_one[11] = "account a17".into();
    assert_eq!(shown(17), with_a_late_one);
    assert_eq!(row(&many(3), "more accounts").action, Action::Open);
    let twelve = snapshot((0..12).map(|n| chatgpt(&format!("a{n:02}"), [])));
    assert!(
        !at(&twelve, now())
            .iter()
            .any(|row| row.key == "more accounts")
    );
}

#[test]
fn a_long_name_loses_the_plan_first_and_its_middle_then() {
    let windows = || [five_hours(34.0, 3), week(49.0, 80)];
    assert_eq!(
        line(chatgpt("a-name-of-twenty-six-chars", windows())),
        "a-name-of-twenty-six-chars · 5h 66% · week 51%"
    );
    let long = line(chatgpt(
        "a-name-that-nobody-would-ever-want-to-read",
        windows(),
    ));
    assert_eq!(long, "a-name-that-no…-want-to-read · 5h 66% · week 51%");
    assert_eq!(long.chars().count(), MOST_CHARS);
}

#[test]
fn an_ampersand_in_a_name_is_shown_and_no_shortcut() {
    assert_eq!(line(chatgpt("R&D_1", [])), "R&&D_1 · Plus");
    assert_eq!(
        account_action(&chatgpt("R&D", [])),
        Action::Ask(Command::Use(name("R&D")))
    );
}

#[test]
fn the_next_change_is_the_first_moment_at_which_words_change() {
    let mut work = snapshot([in_use(chatgpt(
        "work",
        [five_hours(88.0, 2), week(100.0, 140)],
    ))]);
    assert_eq!(next_change(&snapshot([api_key("key")]), now()), None);
    // Stale after 30 minutes, reset after two hours, six days before the reset the weekday, and so on.
    let mut changes = Vec::new();
    let mut moment = now();
    while let Some(next) = next_change(&work, moment) {
        assert!(next > moment);
        changes.push(next.duration_since(now()).unwrap().as_secs());
        moment = next;
    }
    assert_eq!(changes[..2], [1_800, 7_200]);
    assert!(changes.contains(&(140 * 3_600)), "{changes:?}");
    assert!(
        changes.contains(&(116 * 3_600)),
        "a day before its reset: {changes:?}"
    );

    // Between two changes no row differs.
    work.profiles
        .push(chatgpt("spare", [five_hours(0.0, 5), week(80.0, 160)]));
    let mut moment = now();
    while let Some(next) = next_change(&work, moment) {
        let before = next - Duration::from_millis(2);
        assert_eq!(
            at(&work, moment),
            at(&work, before.max(moment)),
            "{moment:?}"
        );
        moment = next;
    }
}

#[test]
fn an_endpoint_is_shown_and_cannot_be_clicked() {
    let row = row(&snapshot([endpoint("paid")]), "account paid");
    assert_eq!((row.is_enabled, row.action), (false, Action::Nothing));
}

#[test]
fn accounts_go_by_their_labels_in_the_users_order_and_by_aliases_while_emails_are_hidden() {
    let mut labelled = chatgpt("ann-smith", []);
    labelled.about.label = Some("Büro & Co".into());
    let mut pinned = chatgpt("zoe", []);
    pinned.about.is_pinned = true;
    let mut snapshot = snapshot([labelled, pinned]);
    let texts = |snapshot: &Snapshot| -> Vec<String> {
        let rows = at(snapshot, now());
        rows.into_iter().take(2).map(|row| row.text).collect()
    };
    let shown = texts(&snapshot);
    assert!(shown[0].starts_with("zoe"), "{shown:?}");
    assert!(shown[1].starts_with("Büro && Co"), "{shown:?}");
    snapshot.hides_emails = true;
    for text in texts(&snapshot) {
        assert!(text.starts_with("Account "), "{text}");
        assert!(!text.contains("smith") && !text.contains("Büro"), "{text}");
    }
}

#[test]
fn encrypted_logins_are_unlocked_in_the_window() {
    let locked = Snapshot {
        lock: Some(crate::desk::LockView::default()),
        ..snapshot([])
    };
    let first = at(&locked, now()).remove(0);
    assert_eq!(
        (first.text.as_str(), first.action),
        ("Unlock logins…", Action::Open)
    );
}
