use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::json;

use super::*;

const NOON: SystemTime = SystemTime::UNIX_EPOCH;

fn jwt(user: &str, workspace: &str, iat: u64) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "email": format!("{user}@example.test"), "iat": iat, "exp": iat + 1000,
        "https://api.openai.com/auth": {"chatgpt_user_id": user, "chatgpt_account_id": workspace, "chatgpt_plan_type": "plus"}
    });
    format!("{}.{}.fake", part(json!({"alg": "none"})), part(claims))
}

fn chatgpt(user: &str, iat: u64) -> Value {
    let token = jwt(user, "ws-1", iat);
    json!({
        "auth_mode": "chatgpt", "OPENAI_API_KEY": null,
        "tokens": {"id_token": token, "access_token": token, "refresh_token": format!("rt_FAKE_{iat}"), "account_id": "ws-1"},
        "last_refresh": "2026-01-02T03:04:05.678901234Z"
    })
}

fn parse(json: &Value) -> Result<AuthFile, AuthFileError> {
    AuthFile::parse(json.to_string().as_bytes())
}

#[test]
fn a_chatgpt_login_tells_who_it_is() {
    let file = parse(&chatgpt("ana", 100)).unwrap();
    let login = file.chatgpt().unwrap();
    assert_eq!(login.claims.email.as_deref(), Some("ana@example.test"));
    assert_eq!(login.claims.plan.as_deref(), Some("plus"));
    assert_eq!(login.account_id.as_deref(), Some("ws-1"));
    assert_eq!(
        file.identity(),
        Some(&Identity::ChatGpt {
            user_id: "ana".into(),
            workspace_id: "ws-1".into()
        })
    );
    assert!(login.expires_within(Duration::from_secs(100), NOON + Duration::from_secs(1000)));
    assert!(!login.expires_within(Duration::from_secs(99), NOON + Duration::from_secs(1000)));
    assert!(login.last_refresh.is_some());
}

#[test]
fn a_missing_auth_mode_means_the_key_even_beside_tokens() {
    let mut json = chatgpt("ana", 1);
    json["OPENAI_API_KEY"] = "sk-FAKE".into();
    assert!(matches!(
        parse(&json).unwrap().credentials(),
        Credentials::ChatGpt(_)
    ));
    json.as_object_mut().unwrap().remove("auth_mode");
    assert!(matches!(
        parse(&json).unwrap().credentials(),
        Credentials::ApiKey { .. }
    ));
    json["OPENAI_API_KEY"] = Value::Null;
    assert!(matches!(
        parse(&json).unwrap().credentials(),
        Credentials::ChatGpt(_)
    ));
}

#[test]
fn an_id_token_that_is_an_object_is_understood_and_written_as_text_for_the_cli() {
    let mut json = chatgpt("ana", 1);
    let token = json["tokens"]["id_token"].clone();
    json["tokens"]["id_token"] = json!({"email": "x", "raw_jwt": token});
    json.as_object_mut().unwrap().remove("last_refresh");
    json.as_object_mut().unwrap().remove("auth_mode");
    json["tokens"]["account_id"] = Value::Null;
    let file = parse(&json).unwrap();
    assert_eq!(
        file.chatgpt().unwrap().claims.user_id.as_deref(),
        Some("ana")
    );
    let written: Value = serde_json::from_slice(&file.for_cli(NOON).to_bytes()).unwrap();
    assert_eq!(written["tokens"]["id_token"], token);
    assert_eq!(written["auth_mode"], "chatgpt");
    assert_eq!(written["tokens"]["account_id"], "ws-1");
    assert_eq!(written["last_refresh"], "1970-01-01T00:00:01.000000Z");
}

#[test]
fn modes_that_we_do_not_speak_are_kept_and_never_changed() {
    for mode in [
        "agentIdentity",
        "personalAccessToken",
        "bedrockApiKey",
        "from_the_future",
    ] {
        let file = parse(&json!({"auth_mode": mode, "x": 1})).unwrap();
        assert!(matches!(file.credentials(), Credentials::Other { mode: m } if m == mode));
        assert_eq!(file.for_cli(NOON).to_bytes(), file.to_bytes());
    }
    assert!(matches!(
        parse(&json!({"personal_access_token": "at-FAKE"}))
            .unwrap()
            .credentials(),
        Credentials::Other { .. }
    ));
}

#[test]
fn unknown_keys_and_their_order_survive_a_refresh() {
    let mut json = chatgpt("ana", 1);
    json["zz_future"] = json!({"deep": [1, 2]});
    json["tokens"]["extra"] = "kept".into();
    let new = RefreshedTokens {
        access_token: Some(Secret::new(jwt("ana", "ws-1", 50))),
        ..RefreshedTokens::default()
    };
    let file = parse(&json).unwrap();
    let refreshed = file
        .with_refreshed(&new, NOON + Duration::from_millis(1_500))
        .unwrap();
    let written: Value = serde_json::from_slice(&refreshed.to_bytes()).unwrap();
    assert_eq!(written["zz_future"], json!({"deep": [1, 2]}));
    assert_eq!(written["tokens"]["extra"], "kept");
    assert_eq!(
        written["tokens"]["refresh_token"], "rt_FAKE_1",
        "what did not come back stays"
    );
    assert_eq!(written["last_refresh"], "1970-01-01T00:00:01.500000Z");
    let keys: Vec<_> = written.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        keys,
        [
            "auth_mode",
            "OPENAI_API_KEY",
            "tokens",
            "last_refresh",
            "zz_future"
        ]
    );
    assert!(refreshed.is_newer_than(&file) && !file.is_newer_than(&refreshed));
}

#[test]
fn a_token_of_another_account_is_refused() {
    let token = Secret::new(jwt("eve", "ws-1", 50));
    let new = RefreshedTokens {
        id_token: Some(token.clone()),
        access_token: Some(token),
        refresh_token: None,
    };
    let ana = parse(&chatgpt("ana", 1)).unwrap();
    assert_eq!(
        ana.with_refreshed(&new, NOON).unwrap_err(),
        AuthFileError::OtherAccount
    );
    let only_access = RefreshedTokens {
        id_token: None,
        ..new
    };
    assert_eq!(
        ana.with_refreshed(&only_access, NOON).unwrap_err(),
        AuthFileError::OtherAccount
    );
}

#[test]
fn a_login_that_cannot_be_renewed_is_not_newer_than_one_that_can() {
    let renewable = parse(&chatgpt("ana", 100)).unwrap();
    let mut json = chatgpt("ana", 200);
    json["tokens"]["refresh_token"] = "".into();
    let fresher = parse(&json).unwrap();
    assert!(!fresher.is_newer_than(&renewable) && !renewable.is_newer_than(&fresher));
    json["tokens"]["access_token"] = jwt("ana", "ws-1", 300).into();
    assert!(parse(&json).unwrap().is_newer_than(&fresher));
}

#[test]
fn two_users_of_one_workspace_are_two_accounts() {
    let (ana, bob) = (
        parse(&chatgpt("ana", 1)).unwrap(),
        parse(&chatgpt("bob", 1)).unwrap(),
    );
    assert!(!ana.same_account(&bob));
    assert!(ana.same_account(&parse(&chatgpt("ana", 9)).unwrap()));
}

#[test]
fn a_broken_file_says_what_is_wrong_and_never_what_stood_in_it() {
    let cases: [(&[u8], AuthFileError); 7] = [
        (b"", AuthFileError::Empty),
        (b" \n", AuthFileError::Empty),
        (
            b"\xef\xbb\xbf{}",
            AuthFileError::NotJson("it starts with a byte-order mark".into()),
        ),
        (b"[]", AuthFileError::NotJson("it is not an object".into())),
        (
            br#"{"OPENAI_API_KEY":"a","OPENAI_API_KEY":"b"}"#,
            AuthFileError::NotJson("a key stands in it twice".into()),
        ),
        (
            br#"{"OPENAI_API_KEY":7}"#,
            AuthFileError::NotText("OPENAI_API_KEY"),
        ),
        (
            br#"{"OPENAI_API_KEY":"sk-FAKE\r\nX: y"}"#,
            AuthFileError::NotToken("OPENAI_API_KEY"),
        ),
    ];
    for (text, reason) in cases {
        assert_eq!(AuthFile::parse(text).unwrap_err(), reason);
    }
    let deep = "[".repeat(100_000);
    assert!(AuthFile::parse(deep.as_bytes()).is_err());
    assert!(parse(&json!({"auth_mode": "chatgpt", "tokens": {}})).is_err());
    assert!(parse(&json!({"auth_mode": "apikey"})).is_err());
}

#[test]
fn nothing_secret_is_printed() {
    let text = format!("{:?}", parse(&chatgpt("ana", 1)).unwrap());
    assert!(!text.contains("rt_FAKE") && !text.contains("eyJ"), "{text}");
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(AuthFile::parse(&text).is_err());
    }

    #[test]
    fn a_file_cut_anywhere_is_refused(cut in 0usize..600) {
        let whole = chatgpt("ana", 1).to_string();
        let cut = cut.min(whole.len() - 1);
        prop_assert!(AuthFile::parse(&whole.as_bytes()[..cut]).is_err());
    }
}

#[test]
fn an_endpoint_is_read_as_it_is_written_and_shows_no_key() {
    let text = br#"{"auth_mode":"codexRouterEndpoint","endpoint":{"kind":"azure","base_url":"https://x.openai.azure.test","api_key":"key-canary"},"zz":1}"#;
    let file = AuthFile::parse(text).unwrap();
    assert!(matches!(file.credentials(), Credentials::Endpoint(_)));
    assert!(!format!("{file:?}").contains("canary"));
    assert_eq!(
        (file.chatgpt().is_none(), file.refresh_fingerprint()),
        (true, None)
    );
    let Credentials::Endpoint(endpoint) = file.credentials() else {
        panic!("no endpoint")
    };
    let written = AuthFile::of_endpoint(Endpoint::clone(endpoint));
    let again = AuthFile::parse(&written.to_bytes()).unwrap();
    assert!(again.same_login(&file) && again.same_account(&file));
    assert_eq!(
        file.for_cli(SystemTime::UNIX_EPOCH).to_bytes(),
        file.to_bytes()
    );
    assert!(!String::from_utf8_lossy(&written.to_bytes()).contains("OPENAI_API_KEY"));
}

#[test]
fn an_endpoint_that_cannot_be_used_is_unreadable_with_its_reason() {
    for (endpoint, said) in [
        (r#""endpoint":{"kind":"azure"}"#, "base_url is missing"),
        (r#""endpoint":7"#, "endpoint is missing"),
        (
            r#""endpoint":{"kind":"compatible","base_url":"http://x.test"}"#,
            "use https",
        ),
    ] {
        let text = format!(r#"{{"auth_mode":"codexRouterEndpoint",{endpoint}}}"#);
        let refused = AuthFile::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(refused.contains(said), "{refused}");
    }
}
