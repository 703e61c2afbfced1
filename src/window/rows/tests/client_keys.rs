//! The Keys page.

use super::*;
use crate::client_key::{ClientKey, KeyTerm, LastUse, Policy, Spent};
use crate::desk::{KeyUse, KeyView, KeysView};
use crate::period::Period;
use crate::window::rows::{ClientKeysPage, ClientKeysWish, Fill, KeyRow, SetupApp, Tab};

fn policy(terms: &[(KeyTerm, &str)]) -> Policy {
    let mut policy = Policy::default();
    for (term, text) in terms {
        term.set(&mut policy, text).unwrap();
    }
    policy
}

/// One that has spent so many tokens, and ten dollars, in each period.
fn key(number: u8, label: &str, policy: Policy, tokens: u64) -> KeyView {
    let made = now() - hours(24 * 37);
    let key = ClientKey::make(label.into(), policy, [number; 32], made).0;
    let spent = Spent {
        requests: 3,
        input: tokens,
        micro_usd: 10_000_000,
        ..Spent::default()
    };
    let periods = Period::ALL.map(|period| (period, period.start(now()), spent));
    KeyView {
        id: key.id.clone(),
        label: key.label.clone(),
        last4: "e9aF".into(),
        is_enabled: true,
        created_at: key.created_at,
        expires_at: None,
        limits: words::key_limits(&key),
        policy: key.policy,
        used: KeyUse {
            periods: periods.into(),
            last: Some(LastUse::At(now() - mins(4))),
        },
    }
}

fn with_keys(keys: Vec<KeyView>) -> Snapshot {
    Snapshot {
        keys: KeysView {
            is_required: true,
            keys,
            ..KeysView::default()
        },
        ..snapshot(vec![])
    }
}

fn page_of(snapshot: &Snapshot, keys: ClientKeysWish<'_>, hides_emails: bool) -> ClientKeysPage {
    let wish = Wish {
        tab: Tab::Keys,
        keys,
        hides_emails,
        ..Wish::default()
    };
    match page_with(snapshot, &wish).open {
        OpenPage::Keys(page) => page,
        other => panic!("{other:?}"),
    }
}

fn keys_page(snapshot: &Snapshot) -> ClientKeysPage {
    page_of(snapshot, ClientKeysWish::default(), false)
}

fn row_of(key: KeyView) -> KeyRow {
    keys_page(&with_keys(vec![key])).rows.remove(0)
}

fn code(snapshot: &Snapshot, app: SetupApp) -> String {
    let wish = ClientKeysWish {
        app,
        ..ClientKeysWish::default()
    };
    let setup = page_of(snapshot, wish, false).setup;
    setup.snippet.map(|it| it.text).unwrap_or_default()
}

#[test]
fn a_key_says_how_much_of_its_limit_is_left() {
    let day = [(KeyTerm::Tokens(Period::Day), "1M")];
    let row = row_of(key(1, "ci-runner", policy(&day), 612_000));
    assert_eq!(
        (row.limit.as_str(), row.used_today.as_str()),
        ("1M a day", "612k")
    );
    let left = row.left.unwrap();
    assert_eq!((left.text.as_str(), left.fill), ("38% left", Fill::Neutral));
    assert_eq!(left.warning, None);
    assert_eq!(
        row.spoken,
        "ci-runner, enabled, 38 percent of today's limit left, ends in e9aF"
    );
    assert_eq!(
        (row.second.as_str(), row.last.as_str()),
        ("made 14 Oct", "4m ago")
    );
    assert_eq!(
        (row.shown.as_str(), row.models.as_str()),
        ("crk_…e9aF", "all models")
    );
}

#[test]
fn the_limit_that_is_nearest_to_its_end_is_shown_and_all_are_told() {
    let terms = [
        (KeyTerm::Tokens(Period::Day), "100k"),
        (KeyTerm::Tokens(Period::Month), "9M"),
        (KeyTerm::Cost(Period::Week), "10"),
        (KeyTerm::RequestsPerMinute, "20"),
        (KeyTerm::Models, "gpt-5.4, gpt-5.4-mini"),
    ];
    let row = row_of(key(1, "raycast", policy(&terms), 98_000));
    assert_eq!(
        (row.limit.as_str(), row.models.as_str()),
        ("$10 a week", "gpt-5.4, gpt-5.4-mini")
    );
    let left = row.left.unwrap();
    assert_eq!(
        (left.warning.as_deref(), left.fill),
        (Some("empty"), Fill::Empty)
    );
    assert!(
        row.spoken.contains("nothing of this week's limit left"),
        "{}",
        row.spoken
    );
    assert_eq!(
        row.facts,
        [
            "models gpt-5.4 gpt-5.4-mini",
            "20 a minute",
            "100000 tokens a day",
            "$10.00 a week",
            "9000000 tokens a month",
            "98k of 100k a day used, 2% left",
            "$10 (est.) of $10 a week used, empty",
            "98k of 9M a month used, 98% left",
        ]
    );
}

#[test]
fn what_was_used_in_a_day_that_is_over_is_not_used_today() {
    let day = [(KeyTerm::Tokens(Period::Day), "1M")];
    let mut stale = key(1, "ci-runner", policy(&day), 612_000);
    for (period, starts_at, _) in &mut stale.used.periods {
        *starts_at = period.start(now() - hours(24 * 40));
    }
    stale.used.last = Some(LastUse::OnDay(Period::Day.start(now() - hours(48))));
    let row = row_of(stale);
    assert_eq!(
        (row.used_today.as_str(), row.last.as_str()),
        ("0", "2d ago")
    );
    assert_eq!(row.left.unwrap().text, "100% left");
}

#[test]
fn keys_that_open_nothing_say_why() {
    let told = |change: fn(&mut KeyView)| {
        let mut key = key(
            1,
            "old-n8n",
            policy(&[(KeyTerm::RequestsPerMinute, "20")]),
            0,
        );
        change(&mut key);
        let row = row_of(key);
        (row.spoken, row.second, row.is_open)
    };
    let rest = "20 a minute, ends in e9aF";
    assert_eq!(
        told(|key| key.is_enabled = false),
        (format!("old-n8n, off, {rest}"), "made 14 Oct".into(), false)
    );
    assert_eq!(
        told(|key| key.expires_at = Some(now() - hours(24))),
        (
            format!("old-n8n, expired, {rest}"),
            "expired 19 Nov".into(),
            false
        )
    );
    assert_eq!(
        told(|key| key.expires_at = Some(now() + hours(24 * 12))),
        (
            format!("old-n8n, enabled, {rest}"),
            "until 2 Dec".into(),
            true
        )
    );
}

#[test]
fn the_page_is_made_again_when_a_key_ends() {
    let mut key = key(1, "ci-runner", Policy::default(), 0);
    key.used.last = None;
    key.expires_at = Some(now() + mins(7));
    let wish = Wish {
        tab: Tab::Keys,
        ..Wish::default()
    };
    let change = page_with(&with_keys(vec![key]), &wish).next_change_in;
    assert!(
        change.is_some_and(|change| change <= mins(7) + Duration::from_millis(1)),
        "{change:?}"
    );
}

#[test]
fn whether_a_key_is_needed_is_said_and_what_is_shut_out_by_it() {
    let told = |is_required, keys: Vec<KeyView>, address: &str| {
        let mut snapshot = with_keys(keys);
        snapshot.keys.is_required = is_required;
        snapshot.router.address = Some(address.parse().unwrap());
        let page = keys_page(&snapshot);
        (page.required.text, page.required.is_warning, page.empty)
    };
    let one = || vec![key(1, "laptop", Policy::default(), 0)];
    let home = "127.0.0.1:9876";
    let (text, is_warning, empty) = told(false, vec![], home);
    assert!(text.contains("without a key are let in") && !is_warning);
    assert!(empty.unwrap().contains("Apps on this computer need none"));
    let (text, is_warning, _) = told(true, one(), home);
    assert!(
        text.contains("until you turn it off") && !is_warning,
        "{text}"
    );
    let (text, is_warning, empty) = told(true, vec![], home);
    assert!(
        text.contains("none opens the router") && is_warning,
        "{text}"
    );
    assert!(empty.unwrap().contains("every request needs one"));
    let (text, is_warning, _) = told(false, one(), "0.0.0.0:9876");
    assert!(
        text.contains("Other computers can reach") && !is_warning,
        "{text}"
    );
}

#[test]
fn keys_that_cannot_be_read_are_not_offered_for_change_unless_there_is_no_file() {
    let mut snapshot = with_keys(vec![key(1, "laptop", Policy::default(), 0)]);
    snapshot.keys.unreadable =
        Some("\"router/keys.json\" cannot be read: it is no JSON object".into());
    let page = keys_page(&snapshot);
    assert!(!page.can_change);
    let said = page.unreadable.unwrap();
    assert!(
        said.contains("no JSON object") && said.contains("stay in force"),
        "{said}"
    );
    snapshot.keys.is_gone = true;
    assert!(keys_page(&snapshot).can_change);
}

#[test]
fn a_set_up_names_the_real_address_and_the_key_by_a_variable() {
    let mut snapshot = with_keys(vec![key(1, "laptop", Policy::default(), 0)]);
    for app in SetupApp::ALL {
        let text = code(&snapshot, app);
        assert!(
            text.contains("http://127.0.0.1:9876") && text.contains("CODEX_ROUTER_KEY"),
            "{text}"
        );
        assert!(!text.contains("unused") && !text.contains("e9aF"), "{text}");
    }
    let page = keys_page(&snapshot);
    assert!(page.setup.notes[0].contains("Put the key laptop (it ends in e9aF)"));
    assert!(
        !page.setup.can_connect,
        "Codex cannot show a key beside its login"
    );
    snapshot.router.address = Some("0.0.0.0:4321".parse().unwrap());
    let text = code(&snapshot, SetupApp::Curl);
    assert!(
        text.starts_with("curl http://127.0.0.1:4321/v1/chat/completions"),
        "{text}"
    );
    snapshot.router.address = Some("192.0.2.7:4321".parse().unwrap());
    assert!(code(&snapshot, SetupApp::Python).contains("http://192.0.2.7:4321/v1"));
    snapshot.router.address = Some("127.0.0.1:0".parse().unwrap());
    snapshot.router.state = RouterState::Off;
    assert_eq!(code(&snapshot, SetupApp::Curl), "");
    assert!(keys_page(&snapshot).setup.notes[0].contains("chooses its port"));
}

#[test]
fn where_no_key_is_needed_any_word_will_do() {
    let mut snapshot = with_keys(vec![]);
    snapshot.keys.is_required = false;
    for app in SetupApp::ALL {
        assert!(code(&snapshot, app).contains("unused"), "{app:?}");
    }
    assert!(keys_page(&snapshot).setup.can_connect);
    // Beside keys that nobody needs, "no key" is one choice.
    snapshot.keys.keys = vec![key(1, "laptop", Policy::default(), 0)];
    let page = keys_page(&snapshot);
    let labels: Vec<_> = page
        .setup
        .keys
        .iter()
        .map(|(_, label)| label.as_str())
        .collect();
    assert_eq!((labels, page.setup.chosen), (vec!["laptop", "no key"], 0));
    let wish = ClientKeysWish {
        uses_no_key: true,
        ..ClientKeysWish::default()
    };
    let setup = page_of(&snapshot, wish, false).setup;
    assert!(setup.snippet.unwrap().text.contains("unused"));
    // A wrong key is worse than none: one that is off is not offered.
    snapshot.keys.keys[0].is_enabled = false;
    snapshot.keys.is_required = true;
    let page = keys_page(&snapshot);
    assert_eq!(page.setup.keys, []);
    assert!(page.setup.notes[0].contains("Make one first"));
}

#[test]
fn a_set_up_asks_for_a_model_that_the_key_may_ask_for() {
    let asked = |terms: &[(KeyTerm, &str)], app| {
        code(&with_keys(vec![key(1, "laptop", policy(terms), 0)]), app)
    };
    let models = |text| [(KeyTerm::Models, text)];
    assert!(asked(&[], SetupApp::Python).contains("model=\"gpt-5.5\""));
    assert!(asked(&models("gpt-5*"), SetupApp::Python).contains("model=\"gpt-5.5\""));
    assert!(
        asked(&models("o4-*, gpt-5.4-mini"), SetupApp::Python).contains("model=\"gpt-5.4-mini\"")
    );
    assert!(asked(&models("o4-*"), SetupApp::Node).contains("model: \"o4\""));
    assert!(asked(&models("gpt-5.4-mini"), SetupApp::Codex).contains("model = \"gpt-5.4-mini\""));
    assert!(!asked(&[], SetupApp::Codex).contains("model = "));
    let terms = [(KeyTerm::Dialects, "chat")];
    let snapshot = with_keys(vec![key(1, "laptop", policy(&terms), 0)]);
    assert!(
        keys_page(&snapshot).setup.notes[0]
            .contains("laptop may not speak responses, so Codex is refused")
    );
}

#[test]
fn the_set_up_of_codex_is_toml_that_leads_to_the_router() {
    let mut snapshot = with_keys(vec![]);
    for is_required in [true, false] {
        snapshot.keys.is_required = is_required;
        let text = code(&snapshot, SetupApp::Codex);
        let table: toml::Table = text.parse().unwrap();
        let provider = table["model_provider"].as_str().unwrap();
        let provider = &table["model_providers"][provider];
        assert_eq!(
            provider["base_url"].as_str(),
            Some("http://127.0.0.1:9876/v1")
        );
        assert_eq!(provider["env_key"].as_str(), Some("CODEX_ROUTER_KEY"));
        assert_eq!(provider["wire_api"].as_str(), Some("responses"));
    }
}

#[test]
fn every_letter_of_a_set_up_is_shown() {
    let snapshot = with_keys(vec![]);
    for app in SetupApp::ALL {
        let wish = ClientKeysWish {
            app,
            ..ClientKeysWish::default()
        };
        let snippet = page_of(&snapshot, wish, false).setup.snippet.unwrap();
        let shown: Vec<String> = snippet
            .lines
            .iter()
            .map(|line| line.iter().map(|(_, text)| text.as_str()).collect())
            .collect();
        assert_eq!(shown, snippet.text.lines().collect::<Vec<_>>());
    }
}

#[test]
fn hidden_emails_are_hidden_in_labels_and_limits_as_well() {
    let accounts = [(KeyTerm::Accounts, "ana@example.dev")];
    let snapshot = with_keys(vec![key(1, "ana@example.dev", policy(&accounts), 0)]);
    let page = page_of(&snapshot, ClientKeysWish::default(), true);
    assert!(!format!("{page:?}").contains("ana@"), "{page:?}");
    assert_eq!(page.rows[0].facts, ["only some accounts"]);
}
