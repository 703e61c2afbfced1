//! The usage report, the limit headers, and accounts that run dry.

use super::*;

impl Simulator {
    async fn usage(&self, name: &str) -> Answered {
        let url = format!("{}/wham/usage", self.chatgpt_base_url());
        let request = Auth::of(&self.auth_json(name)).get(url);
        Answered::of(request.send().await.unwrap()).await
    }
}

#[tokio::test]
async fn the_report_tells_plan_windows_credits_and_extra_limits() {
    let sim = Simulator::start().await.unwrap();
    sim.add(
        Account::chatgpt("work")
            .plan("team")
            .windows([
                Window::five_hour(34.0, hours(2)),
                Window::weekly(49.5, hours(50)),
            ])
            .additional_limit("Fake model", "codex_fake", [Window::monthly(1.0, hours(9))])
            .code_review([Window::weekly(0.0, hours(1))])
            .credits(Credits::Balance("12.5".to_owned())),
    );
    let report = sim.usage("work").await.json();

    assert_eq!(report["plan_type"], "team");
    assert_eq!(report["account_id"], "workspace-work");
    let limit = &report["rate_limit"];
    assert_eq!(
        (&limit["allowed"], &limit["limit_reached"]),
        (&json!(true), &json!(false))
    );
    let primary = &limit["primary_window"];
    assert_eq!(
        (&primary["used_percent"], &primary["limit_window_seconds"]),
        (&json!(34), &json!(18000))
    );
    let in_secs = primary["reset_after_seconds"].as_u64().unwrap();
    assert!((7190..=7200).contains(&in_secs), "{in_secs}");
    let secondary = &limit["secondary_window"];
    assert_eq!(
        (
            &secondary["used_percent"],
            &secondary["limit_window_seconds"]
        ),
        (&json!(49.5), &json!(604_800))
    );
    let additional = &report["additional_rate_limits"][0];
    assert_eq!(additional["metered_feature"], "codex_fake");
    assert_eq!(
        additional["rate_limit"]["primary_window"]["limit_window_seconds"],
        2_592_000
    );
    assert_eq!(
        report["code_review_rate_limit"]["primary_window"]["used_percent"],
        0
    );
    assert_eq!(report["credits"]["balance"], "12.5");
    assert_eq!(report["rate_limit_reached_type"], Value::Null);
}

#[tokio::test]
async fn a_free_account_has_its_weekly_window_in_the_first_slot() {
    let sim = Simulator::start().await.unwrap();
    sim.add(
        Account::chatgpt("free")
            .plan("free")
            .windows([Window::weekly(5.0, hours(3))]),
    );
    let limit = sim.usage("free").await.json()["rate_limit"].clone();
    assert_eq!(limit["primary_window"]["limit_window_seconds"], 604_800);
    assert_eq!(limit["secondary_window"], Value::Null);
}

#[tokio::test]
async fn an_account_without_windows_reports_none_and_sends_no_window_headers() {
    let sim = Simulator::start().await.unwrap();
    sim.add(Account::chatgpt("odd").windows([]));
    assert_eq!(sim.usage("odd").await.json()["rate_limit"], Value::Null);
    let answer = sim.answer("odd", &prompt("hi")).await;
    assert_eq!(answer.header("x-codex-primary-used-percent"), None);
    assert_eq!(answer.header("x-codex-plan-type"), Some("plus"));
}

#[tokio::test]
async fn the_headers_of_a_reply_say_what_the_report_says() {
    let sim = Simulator::start().await.unwrap();
    sim.add(
        Account::chatgpt("work")
            .windows([
                Window::five_hour(12.5, hours(2)),
                Window::weekly(40.0, hours(50)),
            ])
            .additional_limit(
                "Fake model",
                "codex_fake",
                [Window::five_hour(7.0, hours(1))],
            )
            .credits(Credits::Unlimited),
    );
    let report = sim.usage("work").await.json();
    let answer = sim.answer("work", &prompt("hi")).await;
    let reset_at = |slot: &str| report["rate_limit"][slot]["reset_at"].to_string();
    let expected = [
        ("x-codex-primary-used-percent", "12.5"),
        ("x-codex-primary-window-minutes", "300"),
        ("x-codex-primary-reset-at", &reset_at("primary_window")),
        ("x-codex-secondary-used-percent", "40"),
        ("x-codex-secondary-window-minutes", "10080"),
        ("x-codex-secondary-reset-at", &reset_at("secondary_window")),
        ("x-codex-fake-primary-used-percent", "7"),
        ("x-codex-fake-limit-name", "Fake model"),
        ("x-codex-credits-has-credits", "true"),
        ("x-codex-credits-unlimited", "true"),
    ];
    for (name, value) in expected {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    assert_eq!(answer.header("x-codex-credits-balance"), None);
}

#[tokio::test]
async fn an_account_at_its_limit_refuses_by_itself_until_it_is_changed() {
    let sim = Simulator::start().await.unwrap();
    sim.add(Account::chatgpt("work").windows([Window::five_hour(100.0, hours(1))]));

    assert_eq!(
        sim.usage("work").await.json()["rate_limit"]["limit_reached"],
        true
    );
    let refused = sim.answer("work", &prompt("hi")).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.json()["error"]["type"], "usage_limit_reached");

    sim.change("work", |work| {
        work.windows([Window::five_hour(3.0, hours(5))])
    });
    assert_eq!(sim.answer("work", &prompt("hi")).await.status, 200);
    sim.change("work", |work| work.limit_reached(true));
    assert_eq!(
        sim.usage("work").await.json()["rate_limit"]["allowed"],
        false
    );
}

#[tokio::test]
async fn replies_use_up_the_short_window_faster_than_the_long_one() {
    let sim = Simulator::start().await.unwrap();
    sim.add(
        Account::chatgpt("work")
            .windows([
                Window::five_hour(0.0, hours(5)),
                Window::of(hours(50), 0.0, hours(50)),
            ])
            .percent_per_reply(20.0),
    );
    let answer = sim.answer("work", &prompt("hi")).await;
    assert_eq!(answer.header("x-codex-primary-used-percent"), Some("20"));
    assert_eq!(answer.header("x-codex-secondary-used-percent"), Some("2"));
}

#[tokio::test]
async fn the_private_limit_event_comes_first_when_the_account_sends_it() {
    let sim = Simulator::start().await.unwrap();
    sim.add(
        Account::chatgpt("work")
            .windows([Window::five_hour(12.5, hours(2))])
            .sends_limit_event(),
    );
    let answer = sim.answer("work", &prompt("hi")).await;
    let first = &answer.events()[0];
    assert_eq!(first["type"], "codex.rate_limits");
    assert_eq!(first["rate_limits"]["primary"]["used_percent"], 12.5);
    assert_eq!(first["rate_limits"]["secondary"], Value::Null);
    assert_eq!(answer.kinds()[1], "response.created");
}

#[tokio::test]
async fn a_usage_report_can_fail_or_be_slow() {
    let sim = Simulator::start().await.unwrap();
    let gate = Gate::closed();
    let replies = [
        UsageReply::status(500, r#"{"detail":"oops"}"#),
        UsageReply::html(503),
        UsageReply::body(&json!({ "plan_type": "guest" })),
        UsageReply::report().held(&gate),
    ];
    sim.usage_next("work", replies);

    assert_eq!(sim.usage("work").await.status, 500);
    assert_eq!(
        sim.usage("work").await.header("content-type"),
        Some("text/html; charset=UTF-8")
    );
    assert_eq!(
        sim.usage("work").await.json(),
        json!({ "plan_type": "guest" })
    );
    let held = sim.usage("work");
    let release = async {
        gate.reached(1).await;
        sim.change("work", |work| work.plan("pro"));
        gate.open();
    };
    let (answer, ()) = tokio::join!(held, release);
    assert_eq!(answer.json()["plan_type"], "pro");
}

#[tokio::test]
async fn no_usage_for_a_token_that_does_not_work() {
    let sim = Simulator::start().await.unwrap();
    let url = format!("{}/wham/usage", sim.chatgpt_base_url());
    let expired = Auth::of(&sim.auth_json_expired("work")).get(url);
    assert_eq!(expired.send().await.unwrap().status(), 401);
    sim.auth_json("work");
    sim.revoke_access("work");
    assert_eq!(sim.usage("work").await.code(), "token_revoked");
}
