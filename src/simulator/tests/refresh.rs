//! Refresh tokens: single use, every refusal, every accident.

use super::*;

#[tokio::test]
async fn a_refresh_gives_new_tokens_and_they_become_the_newest_login() {
    let sim = Simulator::start().await.unwrap();
    let before = Auth::of(&sim.auth_json("work"));

    let granted = sim.redeem(before.refresh()).await;
    assert_eq!(granted.status, 200);

    let after = Auth::of(&sim.auth_json("work"));
    let granted = granted.json();
    for name in ["access_token", "refresh_token", "id_token"] {
        assert_eq!(granted[name], after.token(name));
        assert_ne!(after.token(name), before.token(name));
    }
    assert_eq!(granted["expires_in"], 10 * 24 * 3600);
    assert_eq!(sim.redeems("work"), 1);
    assert_eq!(sim.answer("work", &prompt("hi")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_twenty_redeems_at_once_exactly_one_succeeds() {
    let sim = Simulator::start().await.unwrap();
    let auth = Auth::of(&sim.auth_json("work"));
    let gate = Gate::closed();
    sim.refresh_always("work", Refresh::rotate().held_before(&gate));

    let mut redeems = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let request = sim.redeem_request(auth.refresh());
        redeems.spawn(async move { Answered::of(request.send().await.unwrap()).await });
    }
    gate.reached(20).await;
    gate.open();
    let answers = redeems.join_all().await;

    let (granted, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((granted.len(), refused.len()), (1, 19));
    for answer in refused {
        assert_eq!(answer.status, 401);
        assert_eq!(answer.code(), "refresh_token_reused");
    }
    assert_eq!((sim.redeems("work"), sim.refused_redeems("work")), (1, 19));
}

#[tokio::test]
async fn a_form_is_understood_like_json() {
    let sim = Simulator::start().await.unwrap();
    let auth = Auth::of(&sim.auth_json("work"));
    let body = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", CLIENT_ID)
        .append_pair("grant_type", "refresh_token")
        .append_pair("refresh_token", auth.refresh())
        .append_pair("scope", "openid profile email")
        .finish();
    let request = http()
        .post(sim.refresh_url())
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body);
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert_eq!(sim.asked()[0].account.as_deref(), Some("work"));
}

#[tokio::test]
async fn a_token_request_without_its_fields_is_refused_and_spends_nothing() {
    let sim = Simulator::start().await.unwrap();
    let auth = Auth::of(&sim.auth_json("work"));
    let refresh_token = auth.refresh();
    let table = [
        (
            json!({ "grant_type": "refresh_token", "refresh_token": refresh_token }),
            "invalid_request",
        ),
        (
            json!({ "client_id": CLIENT_ID, "refresh_token": refresh_token }),
            "invalid_request",
        ),
        (
            json!({ "client_id": CLIENT_ID, "grant_type": "refresh_token" }),
            "invalid_request",
        ),
        (
            json!({ "client_id": CLIENT_ID, "grant_type": "password", "refresh_token": refresh_token }),
            "unsupported_grant_type",
        ),
        (json!("nonsense"), "invalid_request"),
    ];
    for (body, error) in table {
        let request = http().post(sim.refresh_url()).body(body.to_string());
        let answer = Answered::of(request.send().await.unwrap()).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]),
            (400, &json!(error)),
            "{body}"
        );
    }
    assert_eq!(sim.redeem(refresh_token).await.status, 200);
}

#[tokio::test]
async fn a_token_that_nobody_issued_or_that_was_revoked_is_invalidated() {
    let sim = Simulator::start().await.unwrap();
    let auth = Auth::of(&sim.auth_json("work"));
    sim.revoke_refresh("work");
    for token in ["rt_of_nobody", auth.refresh()] {
        let answer = sim.redeem(token).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.code(), "refresh_token_invalidated");
    }
}

#[tokio::test]
async fn what_the_cli_rotated_is_spent_and_not_counted_as_ours() {
    let sim = Simulator::start().await.unwrap();
    let before = Auth::of(&sim.auth_json("work"));
    let rotated = sim.rotate_as_cli("work");

    assert_eq!(rotated, sim.auth_json("work"));
    assert_eq!(sim.redeems("work"), 0);
    assert_eq!(
        sim.redeem(before.refresh()).await.code(),
        "refresh_token_reused"
    );
    assert_eq!(sim.redeem(Auth::of(&rotated).refresh()).await.status, 200);
}

#[tokio::test]
async fn two_logins_of_one_account_rotate_independently() {
    let sim = Simulator::start().await.unwrap();
    let old = Auth::of(&sim.auth_json("work"));
    let new = sim.sign_in("work");

    assert_eq!(sim.redeem(old.refresh()).await.status, 200);
    assert_eq!(sim.auth_json("work"), new);
    assert_eq!(sim.redeem(Auth::of(&new).refresh()).await.status, 200);
}

#[tokio::test]
async fn scripted_refusals_come_in_every_spelling_and_spend_nothing() {
    let sim = Simulator::start().await.unwrap();
    let auth = Auth::of(&sim.auth_json("work"));
    let table = [
        (Refresh::expired(), 401, r#""code":"refresh_token_expired""#),
        (Refresh::reused(), 401, r#""code":"refresh_token_reused""#),
        (
            Refresh::invalidated(),
            401,
            r#""code":"refresh_token_invalidated""#,
        ),
        (Refresh::invalid_grant(), 400, r#""error":"invalid_grant""#),
        (Refresh::throttled(hours(1)), 429, "rate_limit_exceeded"),
        (Refresh::server_error(), 500, "internal_error"),
        (Refresh::html(403), 403, "<!DOCTYPE html>"),
        (Refresh::status(503, "busy"), 503, "busy"),
        (
            Refresh::http(HttpReply::new(307, "").header("location", "/elsewhere")),
            307,
            "",
        ),
    ];
    for (refresh, status, part) in table {
        let what = format!("{refresh:?}");
        sim.refresh_next("work", [refresh]);
        let answer = sim.redeem(auth.refresh()).await;
        assert_eq!(answer.status, status, "{what}");
        assert!(answer.body.contains(part), "{what}: {}", answer.body);
    }
    assert_eq!(sim.redeems("work"), 0);
    assert_eq!(sim.redeem(auth.refresh()).await.status, 200);
}

#[tokio::test]
async fn a_lost_answer_has_spent_the_token() {
    let sim = Simulator::start().await.unwrap();
    let auth = Auth::of(&sim.auth_json("work"));
    sim.refresh_next("work", [Refresh::answer_lost()]);

    assert!(sim.redeem_request(auth.refresh()).send().await.is_err());
    assert_eq!(sim.redeems("work"), 1);
    assert_eq!(
        sim.redeem(auth.refresh()).await.code(),
        "refresh_token_reused"
    );
}

#[tokio::test]
async fn an_answer_without_refresh_token_leaves_the_old_one_good() {
    let sim = Simulator::start().await.unwrap();
    let auth = Auth::of(&sim.auth_json("work"));
    sim.refresh_next("work", [Refresh::without_refresh_token()]);

    let granted = sim.redeem(auth.refresh()).await.json();
    assert_eq!(granted.get("refresh_token"), None);
    assert_ne!(granted["access_token"], auth.access());
    assert_eq!(Auth::of(&sim.auth_json("work")).refresh(), auth.refresh());
    assert_eq!(sim.redeem(auth.refresh()).await.status, 200);
}

#[tokio::test]
async fn an_answer_may_carry_the_login_of_another_account() {
    let sim = Simulator::start().await.unwrap();
    let auth = Auth::of(&sim.auth_json("work"));
    sim.refresh_next("work", [Refresh::for_account("home")]);

    let granted = sim.redeem(auth.refresh()).await.json();
    assert_eq!(
        granted["access_token"],
        Auth::of(&sim.auth_json("home")).access()
    );
    assert_eq!(
        sim.redeem(auth.refresh()).await.code(),
        "refresh_token_reused"
    );
}

#[tokio::test]
async fn leaving_before_the_token_is_spent_loses_nothing_and_after_it_loses_the_login() {
    let sim = Simulator::start().await.unwrap();
    let auth = Auth::of(&sim.auth_json("work"));

    let before = Gate::closed();
    sim.refresh_next("work", [Refresh::rotate().held_before(&before)]);
    let client = tokio::spawn(sim.redeem_request(auth.refresh()).send());
    before.reached(1).await;
    client.abort();
    sim.client_gone("work").await;
    assert_eq!(sim.redeems("work"), 0);

    let after = Gate::closed();
    sim.refresh_next("work", [Refresh::rotate().held_after(&after)]);
    let client = tokio::spawn(sim.redeem_request(auth.refresh()).send());
    after.reached(1).await;
    client.abort();
    assert_eq!(sim.redeems("work"), 1);
    assert_eq!(
        sim.redeem(auth.refresh()).await.code(),
        "refresh_token_reused"
    );
}
