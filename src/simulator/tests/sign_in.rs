//! Signing in, as the issuer sees it: every parameter, every code once.

use super::*;

/// The challenge of RFC 7636 appendix B, and its verifier.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const BACK: &str = "http://localhost:1455/auth/callback";

fn parameters() -> Vec<(&'static str, String)> {
    let state = "s".repeat(43);
    [
        ("response_type", "code"),
        ("client_id", CLIENT_ID),
        ("redirect_uri", BACK),
        ("scope", "openid profile email offline_access"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("id_token_add_organizations", "true"),
        ("codex_cli_simplified_flow", "true"),
        ("state", &state),
        ("originator", "codex_router"),
    ]
    .map(|(key, value)| (key, value.to_owned()))
    .to_vec()
}

async fn authorize(sim: &Simulator, parameters: &[(&str, String)]) -> Answered {
    let url = format!("{}/oauth/authorize", sim.issuer());
    let url = url::Url::parse_with_params(&url, parameters).unwrap();
    Answered::of(http().get(url).send().await.unwrap()).await
}

/// A parameter of the address that the browser is sent to.
fn brought(answer: &Answered, name: &str) -> Option<String> {
    let url: url::Url = answer.header("location")?.parse().unwrap();
    let found = url.query_pairs().find(|(key, _)| key == name);
    found.map(|(_, value)| value.into_owned())
}

async fn exchange(sim: &Simulator, code: &str, changed: (&str, &str)) -> Answered {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", BACK),
        ("client_id", CLIENT_ID),
        ("code_verifier", VERIFIER),
    ];
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for (key, value) in fields {
        form.append_pair(key, if key == changed.0 { changed.1 } else { value });
    }
    let request = http()
        .post(sim.refresh_url())
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.finish());
    Answered::of(request.send().await.unwrap()).await
}

#[tokio::test]
async fn a_code_is_good_once_and_for_its_own_verifier_and_address_alone() {
    let sim = Simulator::start().await.unwrap();
    sim.visit_always(Visit::by("work"));
    for (changed, expected) in [
        (("none", ""), 200),
        (
            (
                "code_verifier",
                "another-verifier-that-is-long-enough-to-be-one",
            ),
            400,
        ),
        (("redirect_uri", "http://localhost:1457/auth/callback"), 400),
        (("client_id", "app_other"), 400),
        (("code", "ac_unknown"), 400),
    ] {
        let answer = authorize(&sim, &parameters()).await;
        assert_eq!(answer.status, 302, "{}", answer.body);
        assert_eq!(brought(&answer, "state").unwrap(), "s".repeat(43));
        let code = brought(&answer, "code").unwrap();
        let first = exchange(&sim, &code, changed).await;
        assert_eq!(first.status, expected, "{changed:?}");
        if expected == 200 {
            for token in ["id_token", "access_token", "refresh_token"] {
                assert!(first.json()[token].is_string());
            }
        }
        if changed.0 != "code" {
            let second = exchange(&sim, &code, ("none", "")).await;
            assert_eq!(second.json()["error"], "invalid_grant");
        }
    }
}

#[tokio::test]
async fn parameters_that_are_missing_or_out_of_order_are_refused() {
    let sim = Simulator::start().await.unwrap();
    sim.visit_always(Visit::by("work"));
    let mut swapped = parameters();
    swapped.swap(0, 1);
    let mut short = parameters();
    short.remove(4);
    let mut wrong = parameters();
    wrong[2].1 = "http://evil.test:1455/auth/callback".into();
    let mut strange = parameters();
    strange.push(("more", "1".into()));
    let mut late = parameters();
    late.push(("prompt", "login".into()));
    late.push(("allowed_workspace_id", "ws".into()));
    for refused in [swapped, short, wrong, strange, late] {
        assert_eq!(authorize(&sim, &refused).await.status, 400, "{refused:?}");
    }
    let mut all = parameters();
    all.push(("allowed_workspace_id", "ws".into()));
    all.push(("prompt", "login".into()));
    assert_eq!(authorize(&sim, &all).await.status, 302);
}

#[tokio::test]
async fn without_a_script_the_page_asks_who_it_is() {
    let sim = Simulator::start().await.unwrap();
    sim.add(Account::chatgpt("work"));
    sim.add(Account::api_key("key"));
    let page = authorize(&sim, &parameters()).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("work@example.com") && page.body.contains("guest@example.com"));
    assert!(
        !page.body.contains("key@example.com"),
        "a key signs in nowhere"
    );
    let link = page.body.split("href=\"").nth(1).unwrap();
    let link = link.split('"').next().unwrap().replace("&amp;", "&");
    let answer = http().get(format!("{}{link}", sim.issuer())).send().await;
    let answer = Answered::of(answer.unwrap()).await;
    let code = brought(&answer, "code").unwrap();
    assert_eq!(exchange(&sim, &code, ("none", "")).await.status, 200);
}

#[tokio::test]
async fn a_code_for_a_device_is_typed_on_the_page() {
    let sim = Simulator::start().await.unwrap();
    let ask = async |what: &str, body: Value| {
        let url = format!("{}/api/accounts/deviceauth/{what}", sim.issuer());
        let request = http().post(url).body(body.to_string());
        Answered::of(request.send().await.unwrap()).await
    };
    let given = ask("usercode", json!({ "client_id": CLIENT_ID }))
        .await
        .json();
    assert_eq!(given["interval"], "1", "a text, as the real one sends it");
    let poll =
        json!({ "device_auth_id": given["device_auth_id"], "user_code": given["user_code"] });
    assert_eq!(ask("token", poll.clone()).await.status, 403);
    let code = text(&given["user_code"]);
    let page = format!("{}/codex/device?user_code={code}", sim.issuer());
    let page = http().get(page).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("guest@example.com"), "{page}");
    let typed = format!(
        "{}/codex/device?user_code={code}&simulated_account=guest",
        sim.issuer()
    );
    assert_eq!(http().get(typed).send().await.unwrap().status(), 200);
    let granted = ask("token", poll.clone()).await.json();
    assert!(granted["authorization_code"].is_string() && granted["code_verifier"].is_string());
    assert_eq!(ask("token", poll).await.status, 400, "once");
}
