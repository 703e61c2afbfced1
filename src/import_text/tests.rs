use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::profile::Credentials;

const NOON: SystemTime = SystemTime::UNIX_EPOCH;

fn jwt(user: &str) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "email": format!("{user}@example.test"), "iat": 1_790_000_000, "exp": 1_790_864_000,
        "https://api.openai.com/auth": {
            "chatgpt_user_id": user, "chatgpt_account_id": "ws-1", "chatgpt_plan_type": "plus"
        }
    });
    format!("{}.{}.fake", part(json!({"alg": "none"})), part(claims))
}

fn flat(user: &str) -> Value {
    json!({
        "id_token": jwt(user), "access_token": jwt(user), "refresh_token": format!("rt_FAKE_{user}"),
        "account_id": "ws-1"
    })
}

fn auth_json(user: &str) -> Value {
    json!({
        "auth_mode": "chatgpt", "OPENAI_API_KEY": null, "tokens": flat(user),
        "last_refresh": "2026-01-02T03:04:05.678901Z"
    })
}

fn found(text: impl ToString) -> Vec<Candidate> {
    read(text.to_string().as_bytes(), NOON).unwrap()
}

/// Who was found, in order; a `!` for what could not be read.
fn who(text: impl ToString) -> Vec<String> {
    let name = |one: &Candidate| match &one.login {
        Ok(login) => match login.credentials() {
            Credentials::ChatGpt(login) => login.claims.user_id.clone().unwrap_or_default(),
            Credentials::ApiKey { .. } => "key".into(),
            Credentials::Endpoint(endpoint) => endpoint.host().to_owned(),
            Credentials::Other { mode } => mode.clone(),
        },
        Err(_) => "!".into(),
    };
    found(text).iter().map(name).collect()
}

/// What would be written.
fn written(text: impl ToString) -> Value {
    let found = found(text);
    assert_eq!(found.len(), 1);
    serde_json::from_slice(&found[0].login.as_ref().unwrap().to_bytes()).unwrap()
}

#[test]
fn a_file_of_codex_stays_as_it_is() {
    let mut file = auth_json("ana");
    file["zz_future"] = json!({"deep": [1, 2.5]});
    assert_eq!(written(&file), file);
}

#[test]
fn what_older_programs_left_out_is_put_in() {
    let text = json!({"tokens": {
        "id_token": {"raw_jwt": jwt("ana"), "email": "x"}, "access_token": jwt("ana"), "refresh_token": "rt_FAKE"
    }});
    let file = written(text);
    assert_eq!(file["auth_mode"], "chatgpt");
    assert_eq!(file["OPENAI_API_KEY"], Value::Null);
    assert_eq!(file["tokens"]["id_token"], jwt("ana"));
    assert_eq!(file["tokens"]["account_id"], "ws-1");
    assert_eq!(
        file["last_refresh"], "2026-09-21T14:13:20.000000Z",
        "when the token was issued"
    );
}

#[test]
fn one_or_many_are_read_however_they_stand_beside_each_other() {
    let (ana, bob) = (auth_json("ana"), auth_json("bob"));
    for text in [
        format!("[{ana},{bob}]"),
        format!("{ana}\n{bob}\n"),
        format!("{ana}{bob}"),
        format!("{ana:#},\n{bob:#}"),
        format!("# mine\n\n  {ana}\n# hers\n{bob}"),
        json!({"accounts": [ana, bob]}).to_string(),
        json!({"profiles": {"a": ana, "b": {"auth": bob}}}).to_string(),
        json!([[ana], {"auth_json": bob.to_string()}]).to_string(),
    ] {
        assert_eq!(who(&text), ["ana", "bob"], "{text}");
    }
}

#[test]
fn keys_are_read_alone_on_a_line_and_among_other_logins() {
    let key = "sk-proj-FAKE_fake-FAKE1234";
    for text in [
        key.to_owned(),
        format!("  \"{key}\" \n"),
        format!("export OPENAI_API_KEY='{key}'"),
        format!("OPENAI_API_KEY={key}"),
        json!({"OPENAI_API_KEY": key}).to_string(),
        json!([key]).to_string(),
        json!({"openai": {"type": "api", "key": key}}).to_string(),
    ] {
        let file = written(&text);
        assert_eq!(
            (&file["auth_mode"], &file["OPENAI_API_KEY"]),
            (&json!("apikey"), &json!(key)),
            "{text}"
        );
    }
    assert_eq!(
        who(format!("{key}\n{}\n{key}x", auth_json("ana"))),
        ["key", "ana", "key"]
    );
}

#[test]
fn the_stores_of_other_programs_are_understood() {
    let tagged = |kind: &str| {
        let mut tokens = flat("ana");
        tokens["type"] = kind.into();
        tokens
    };
    let switcher = json!({"version": 1, "accounts": [
        {"id": "1", "name": "Work", "email": "said@example.test", "plan_type": "pro", "auth_mode": "chat_g_p_t",
         "auth_data": tagged("chat_g_p_t")},
        {"id": "2", "name": "Paid", "auth_mode": "api_key", "auth_data": {"type": "api_key", "key": "sk-FAKE-FAKE-FAKE-FAKE"}}
    ], "active_account_id": "1", "masked_account_ids": []});
    assert_eq!(who(&switcher), ["ana", "key"]);
    let first = &found(&switcher)[0];
    assert_eq!(first.label.as_deref(), Some("Work"));
    assert_eq!(
        first.said_email(),
        Some("ana@example.test"),
        "the token knows better"
    );
    assert_eq!(first.said_plan(), Some("plus"));

    let cli_proxy = tagged("codex");
    assert_eq!(who(&cli_proxy), ["ana"]);
    let camel = json!([{
        "idToken": jwt("ana"), "accessToken": jwt("ana"), "refreshToken": "rt_FAKE", "accountId": "ws-1",
        "lastRefreshAt": 1_790_000_000_000_u64
    }]);
    assert_eq!(
        written(&camel)["last_refresh"],
        "2026-09-21T14:13:20.000000Z"
    );
    let nested = json!({"tokens": {"idToken": jwt("ana"), "accessToken": jwt("ana"), "refreshToken": "rt_FAKE"}});
    assert_eq!(written(&nested)["tokens"]["refresh_token"], "rt_FAKE");
    let opencode = json!({
        "anthropic": {"type": "oauth", "access": "sk-ant-oat-FAKE-FAKE-FAKE", "refresh": "x", "expires": 1},
        "openai": {"type": "oauth", "access": jwt("ana"), "refresh": "rt_FAKE", "expires": 1, "accountId": "ws-1"}
    });
    assert_eq!(who(&opencode), ["ana"]);
    let pool = json!({"exported_at": "x", "proxies": [], "accounts": [
        {"name": "a", "platform": "openai", "type": "oauth", "credentials": flat("ana")},
        {"name": "b", "platform": "anthropic", "type": "oauth", "credentials": flat("bob")},
        {"name": "c", "platform": "openai", "type": "apikey",
         "credentials": {"api_key": "FAKE-key", "base_url": "https://x.test/v1"}}
    ]});
    assert_eq!(who(&pool), ["ana", "x.test"]);
    assert_eq!(found(&pool)[0].label.as_deref(), Some("a"));
}

#[test]
fn our_own_words_come_with_a_backup() {
    let entry = json!({"accounts": [
        {"name": "work", "auth_json": auth_json("ana"), "router_json": {"label": "開発", "weight": 3}}
    ]});
    let one = &found(&entry)[0];
    let side = one.side.as_ref().unwrap();
    assert_eq!(side.get("label"), Some(&json!("開発")));
    assert_eq!(one.label.as_deref(), Some("work"));
}

#[test]
fn logins_of_other_services_are_not_taken_for_ours() {
    for other in [
        json!({"access_token": "ya29.FAKE", "refresh_token": "1//FAKE", "type": "gemini"}),
        json!({"accounts": [{"platform": "anthropic", "credentials": {"access_token": "x"}}]}),
        json!("sk-ant-api03-FAKE-FAKE-FAKE"),
    ] {
        let text = json!([other]).to_string();
        assert_eq!(
            read(text.as_bytes(), NOON).unwrap_err(),
            TextError::OtherService,
            "{text}"
        );
    }
    let nobodys = json!({"access_token": "opaque", "refresh_token": "opaque"});
    let refused = found(nobodys)[0].login.clone().unwrap_err();
    assert!(refused.0.contains("whose"), "{refused}");
}

#[test]
fn a_broken_one_among_many_costs_only_itself() {
    let (ana, bob) = (auth_json("ana").to_string(), auth_json("bob").to_string());
    let cut = &ana[..ana.len() / 2];
    let text = format!("{cut}\n{bob}\nnonsense canary\n{{\"tokens\":{{\"access_token\":7}}}}");
    assert_eq!(who(&text), ["bob", "!", "!", "!"]);
    let said: Vec<_> = found(&text)
        .into_iter()
        .filter_map(|one| one.login.err().map(|err| err.to_string()))
        .collect();
    assert!(
        said.iter()
            .any(|said| said == "line 3 is neither JSON nor an API key"),
        "{said:?}"
    );
    assert!(!format!("{said:?}").contains("canary"), "{said:?}");
}

#[test]
fn a_text_that_is_none_is_told_in_a_sentence() {
    let utf16: Vec<u8> = auth_json("ana")
        .to_string()
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let marked = [&b"\xff\xfe"[..], &utf16].concat();
    let with_bom = [
        &b"\xef\xbb\xbf"[..],
        auth_json("ana").to_string().as_bytes(),
    ]
    .concat();
    for (text, said) in [
        (&b""[..], TextError::Empty),
        (b" \n\t", TextError::Empty),
        (&utf16, TextError::Utf16),
        (&marked, TextError::Utf16),
        (&with_bom, TextError::ByteOrderMark),
        (b"\xff\xfeabc", TextError::Utf16),
        (b"{\"a\": \"\xff\"}", TextError::NotText),
        (b"{\"a\": \"ab\0\"}", TextError::NotText),
        (b"[]", TextError::NoLogin),
        (
            b"{\"version\": 3, \"accounts\": [{\"email\": \"a@b.test\"}]}",
            TextError::NoLogin,
        ),
    ] {
        assert_eq!(read(text, NOON).unwrap_err(), said, "{text:?}");
    }
}

#[test]
fn tokens_that_could_not_go_into_a_header_are_refused() {
    for token in ["a\r\nb", "a b", "\u{202e}x", &"x".repeat(20_000)] {
        let mut file = auth_json("ana");
        file["tokens"]["refresh_token"] = token.into();
        let refused = found(&file)[0].login.clone().unwrap_err();
        assert!(refused.0.contains("no token has"), "{refused}");
    }
    let doubled = r#"{"OPENAI_API_KEY": "sk-FAKE-FAKE-FAKE-FAKE", "OPENAI_API_KEY": "sk-FAKE-FAKE-FAKE-FAK2"}"#;
    assert!(
        found(doubled)[0]
            .login
            .clone()
            .unwrap_err()
            .0
            .contains("stands twice")
    );
    let deep = "[".repeat(100_000);
    assert_eq!(who(&deep), ["!"]);
    let nested = format!("{}{}{}", "[".repeat(20), auth_json("ana"), "]".repeat(20));
    assert_eq!(
        read(nested.as_bytes(), NOON).unwrap_err(),
        TextError::NoLogin
    );
}

#[test]
fn a_truncated_file_is_refused_at_every_byte() {
    let text = auth_json("ana").to_string();
    for end in 0..text.len() {
        match read(&text.as_bytes()[..end], NOON) {
            Err(TextError::Empty) => assert_eq!(end, 0),
            Ok(found) => assert!(found.iter().all(|one| one.login.is_err()), "{end}"),
            Err(err) => panic!("{end}: {err}"),
        }
    }
}

#[test]
fn a_thousand_lines_are_read_in_a_moment() {
    let text: Vec<_> = (0..1_000)
        .map(|n| auth_json(&format!("user-{n}")).to_string())
        .collect();
    let started = std::time::Instant::now();
    assert_eq!(found(text.join("\n")).len(), 1_000);
    assert!(started.elapsed() < Duration::from_secs(5));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        let _any = read(text.as_bytes(), NOON);
    }

    #[test]
    fn no_mutation_of_a_login_makes_it_panic_or_quote(at in 0_usize..900, byte in any::<u8>()) {
        let mut text = auth_json("canary").to_string().into_bytes();
        let at = at % text.len();
        text[at] = byte;
        let said = match read(&text, NOON) {
            Ok(found) => found.into_iter().filter_map(|one| one.login.err()).map(|err| err.to_string()).collect(),
            Err(err) => err.to_string(),
        };
        prop_assert!(!said.contains("canary"));
    }
}
