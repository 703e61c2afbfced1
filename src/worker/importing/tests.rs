use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;
use crate::import_text::{Candidate, NoLogin};

const DAY: u64 = 86_400;

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000 * DAY)
}

fn auth_json(user: &str, day: u64) -> Value {
    let claims = json!({
        "email": format!("{user}@example.test"), "iat": day * DAY, "exp": (day + 10) * DAY,
        "https://api.openai.com/auth": {"chatgpt_user_id": user, "chatgpt_account_id": "ws-1", "chatgpt_plan_type": "plus"}
    });
    let token = format!("e30.{}.fake", URL_SAFE_NO_PAD.encode(claims.to_string()));
    json!({"auth_mode": "chatgpt", "OPENAI_API_KEY": null, "last_refresh": "1972-09-27T00:00:00Z",
        "tokens": {"id_token": token, "access_token": token, "refresh_token": format!("rt_FAKE_{user}_{day}"), "account_id": "ws-1"}})
}

fn login(user: &str, day: u64) -> AuthFile {
    AuthFile::parse(auth_json(user, day).to_string().as_bytes()).unwrap()
}

fn found(login: AuthFile) -> Found {
    Found {
        source: "here".into(),
        wish: None,
        stem: "account".into(),
        file: None,
        candidate: Candidate {
            label: None,
            email: None,
            plan: None,
            login: Ok(login),
            side: None,
        },
    }
}

fn called(wish: &str, login: AuthFile) -> Found {
    Found {
        wish: Some(wish.into()),
        ..found(login)
    }
}

fn profile(name: &str, login: AuthFile) -> Profile {
    Profile {
        name: ProfileName::parse(name).unwrap(),
        login: Ok(login),
        side: SideFile::default(),
    }
}

fn here(profiles: Vec<Profile>) -> Loaded {
    Loaded {
        profiles,
        skipped: Vec::new(),
    }
}

fn verdicts(preview: &Preview) -> Vec<Verdict> {
    preview
        .found
        .iter()
        .map(|row| row.verdict.clone())
        .collect()
}

fn names(preview: &Preview) -> Vec<&str> {
    preview.found.iter().map(|row| row.name.as_str()).collect()
}

#[test]
fn each_login_is_compared_with_the_profile_of_its_account() {
    let mut without_refresh = auth_json("eve", 900);
    without_refresh["tokens"]
        .as_object_mut()
        .unwrap()
        .remove("refresh_token");
    let over = AuthFile::parse(without_refresh.to_string().as_bytes()).unwrap();
    let profiles = vec![
        profile("work", login("ana", 950)),
        profile("home", login("bob", 950)),
        profile("other", login("cara", 950)),
    ];
    let all = vec![
        found(login("ana", 960)),
        found(login("bob", 950)),
        found(login("cara", 940)),
        found(login("dan", 990)),
        found(over),
    ];
    let preview = compared(all, &here(profiles), None, now());
    assert_eq!(
        verdicts(&preview),
        [
            Verdict::Newer,
            Verdict::Same,
            Verdict::Older,
            Verdict::New,
            Verdict::Expired
        ]
    );
    assert_eq!(names(&preview), ["work", "home", "other", "dan", "eve"]);
    let holders: Vec<_> = preview
        .found
        .iter()
        .map(|row| row.holder.as_ref().map(ProfileName::as_str))
        .collect();
    assert_eq!(
        holders,
        [Some("work"), Some("home"), Some("other"), None, None]
    );
    let mut ids: Vec<_> = preview.logins.keys().copied().collect();
    ids.sort_unstable();
    assert_eq!(ids, [0, 3, 4]);
}

#[test]
fn of_several_copies_of_one_account_the_newest_alone_is_for_taking() {
    let copies = || [3, 9, 5].map(|day| found(login("ana", 900 + day)));
    let mut all = copies().to_vec();
    all.push(found(login("ana", 909)));
    let preview = compared(all, &Loaded::default(), None, now());
    assert_eq!(
        verdicts(&preview),
        [Verdict::Older, Verdict::New, Verdict::Older, Verdict::Same]
    );
    let preview = compared(
        copies().to_vec(),
        &here(vec![profile("work", login("ana", 999))]),
        None,
        now(),
    );
    assert_eq!(
        verdicts(&preview),
        [Verdict::Older, Verdict::Older, Verdict::Older]
    );
    assert!(preview.logins.is_empty());
}

#[test]
fn a_copy_that_does_not_say_whose_it_is_is_known_by_its_refresh_token() {
    let mut nobodys = auth_json("ana", 900);
    for token in ["id_token", "access_token"] {
        nobodys["tokens"][token] = "opaque".into();
    }
    nobodys["tokens"]
        .as_object_mut()
        .unwrap()
        .remove("account_id");
    let nobodys = AuthFile::parse(nobodys.to_string().as_bytes()).unwrap();
    let all = vec![
        found(login("ana", 900)),
        found(login("ana", 901)),
        found(nobodys),
    ];
    let preview = compared(all, &Loaded::default(), None, now());
    assert_eq!(
        verdicts(&preview),
        [Verdict::Older, Verdict::New, Verdict::Older]
    );
}

#[test]
fn what_codex_has_renewed_since_is_older() {
    let live = login("ana", 980);
    let all = || vec![found(login("ana", 960))];
    let preview = compared(all(), &Loaded::default(), Some(&live), now());
    assert_eq!(verdicts(&preview), [Verdict::Older]);
    let known = here(vec![profile("work", login("ana", 950))]);
    assert_eq!(
        verdicts(&compared(all(), &known, Some(&live), now())),
        [Verdict::Older]
    );
    let preview = compared(vec![found(live.clone())], &known, Some(&live), now());
    assert_eq!(verdicts(&preview), [Verdict::Newer]);
    // An import that was cut off has written the profile alone.
    let preview = compared(
        vec![found(login("ana", 950))],
        &known,
        Some(&login("ana", 940)),
        now(),
    );
    assert_eq!(verdicts(&preview), [Verdict::Newer]);
}

#[test]
fn a_login_that_is_known_to_be_refused_is_over() {
    let refused = login("ana", 960);
    let mut known = profile("work", login("ana", 950));
    known
        .side
        .set_rejected(refused.refresh_fingerprint().as_ref());
    let preview = compared(vec![found(refused)], &here(vec![known]), None, now());
    assert_eq!(verdicts(&preview), [Verdict::Expired]);
}

#[test]
fn names_are_what_the_source_says_made_safe_and_unique() {
    let known = Loaded {
        profiles: vec![profile("Work", login("zoe", 1))],
        skipped: vec![profiles::Skipped {
            name: "bob".into(),
            reason: "a link".into(),
        }],
    };
    let all = vec![
        called("work", login("ana", 1)),
        found(login("bob", 1)),
        called("開発 チーム", login("cara", 1)),
        called("My team", login("dan", 1)),
        called("../x", login("eve", 1)),
        called("con", login("fay", 1)),
    ];
    let preview = compared(all, &known, None, now());
    assert_eq!(
        names(&preview),
        ["work-2", "bob-2", "cara", "My-team", "eve", "con-2"]
    );
    let label = |id: u32| preview.logins[&id].side.get("label").cloned();
    assert_eq!(label(0), None);
    assert_eq!(label(2), Some(json!("開発 チーム")));
    assert_eq!(label(3), Some(json!("My team")));
    for row in &preview.found {
        ProfileName::parse(row.name.as_str()).unwrap();
    }
}

#[test]
fn what_cannot_be_read_is_a_row_and_never_for_taking() {
    let mut broken = found(login("ana", 1));
    broken.candidate.login = Err(NoLogin("it breaks off".into()));
    let preview = compared(vec![broken], &Loaded::default(), None, now());
    assert_eq!(
        verdicts(&preview),
        [Verdict::Unreadable("it breaks off".into())]
    );
    assert!(preview.logins.is_empty());
}

#[test]
fn two_thousand_are_compared_in_a_moment() {
    let profiles = (0..1_000).map(|n| profile(&format!("p{n}"), login(&format!("user-{n}"), 900)));
    let known = here(profiles.collect());
    let all = (0..2_000)
        .map(|n| called("work", login(&format!("user-{n}"), 901)))
        .collect();
    let started = Instant::now();
    let preview = compared(all, &known, None, now());
    assert_eq!(preview.logins.len(), 2_000);
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
}
