//! Many requests at once: who waits, who is spared, and that nobody hears an error that could be avoided.

use crate::simulator::{Gate, Reply};

use super::*;
use crate::pool::RestCause;
use crate::pool::live::PROBE_HOLDS;

/// This many requests at once; how each ended.
async fn burst(rig: &Rig, requests: usize) -> Vec<u16> {
    let asking: Vec<_> = (0..requests)
        .map(|_| tokio::spawn(rig.post("/v1/chat/completions", &chat_request("hi")).send()))
        .collect();
    let mut statuses = Vec::new();
    for asked in asking {
        statuses.push(asked.await.unwrap().unwrap().status().as_u16());
    }
    statuses
}

fn calls(rig: &Rig, name: &str) -> usize {
    rig.asked().iter().filter(|asked| *asked == name).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_over_an_empty_and_a_flaky_account_ends_without_an_error() {
    let rig = Rig::over(["empty", "flaky", "good"]).await;
    let quarter = Duration::from_secs(900);
    rig.sim.reply_always("empty", Reply::usage_limit(quarter));
    let flaky = (0..500).map(|number| match number % 2 {
        0 => Reply::status(500, "oops"),
        _ => Reply::text("hello"),
    });
    rig.sim.reply_next("flaky", flaky);
    let statuses = burst(&rig, 500).await;
    let failed = statuses.iter().filter(|status| **status != 200).count();
    assert_eq!(failed, 0, "{statuses:?}");
    let [empty, flaky, good] = ["empty", "flaky", "good"].map(|name| calls(&rig, name));
    assert!(
        empty <= 12,
        "{empty} calls to the one that has nothing left"
    );
    assert!(flaky <= 150, "{flaky} calls to the one that fails");
    assert!(good >= 350, "{good}");
    assert_eq!((rig.router.in_flight(), rig.router.waiting()), (0, 0));
}

#[tokio::test]
async fn a_short_throttle_is_waited_for_inside() {
    let rig = Rig::over(["work"]).await;
    rig.sim
        .reply_next("work", [Reply::throttled(Duration::from_secs(1))]);
    let began = Instant::now();
    assert_eq!(rig.chat(chat_request("hi")).await.status(), 200);
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(rig.asked(), ["work", "work"]);
}

#[tokio::test]
async fn a_long_throttle_is_told_at_once() {
    let rig = Rig::over(["work"]).await;
    rig.sim
        .reply_next("work", [Reply::throttled(Duration::from_secs(60))]);
    let reply = rig.chat(chat_request("hi")).await;
    assert_eq!(reply.status(), 429);
    assert_eq!(header(&reply, "retry-after").unwrap(), "60");
    assert_eq!(rig.asked(), ["work"]);
}

#[tokio::test]
async fn an_account_that_is_full_is_left_out_while_another_has_room_and_waited_for_otherwise() {
    let limits = Limits {
        per_account: 1,
        ..Limits::default()
    };
    let rig = Rig::with_limits(["work", "home"], limits).await;
    let gate = Gate::closed();
    for name in ["work", "home"] {
        rig.sim.reply_next(name, [Reply::text("slow").held(&gate)]);
    }
    let ask = || tokio::spawn(rig.post("/v1/chat/completions", &chat_request("hi")).send());
    let mut asked = vec![ask(), ask()];
    while rig.asked().len() < 2 {
        tokio::task::yield_now().await;
    }
    asked.push(ask());
    while rig.router.waiting() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.asked(), ["work", "home"]);
    gate.open();
    for asked in asked {
        assert_eq!(asked.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(rig.asked().len(), 3);
}

/// A rig with one account whose pause is just over.
async fn after_a_pause() -> (Rig, Live) {
    let rig = Rig::over([]).await;
    let work = member("work", access(&rig.sim.auth_json("work")), 0);
    let now = SystemTime::now();
    let since = now - Duration::from_secs(60);
    let work = work.paused(None, RestCause::UsageLimit, since, now);
    let live = work.live.clone();
    rig.pool.send_replace(Arc::new(pool_of(vec![work])));
    (rig, live)
}

#[tokio::test]
async fn whoever_waits_behind_one_that_goes_first_hears_at_once_that_it_went_wrong() {
    let (rig, _) = after_a_pause().await;
    let gate = Gate::closed();
    let refused = Reply::usage_limit(Duration::from_secs(900));
    rig.sim.reply_next("work", [refused.held(&gate)]);
    let asked: Vec<_> = (0..5)
        .map(|_| tokio::spawn(rig.post("/v1/chat/completions", &chat_request("hi")).send()))
        .collect();
    gate.reached(1).await;
    while rig.router.waiting() < 4 {
        tokio::task::yield_now().await;
    }
    gate.open();
    let opened = Instant::now();
    for asked in asked {
        assert_eq!(asked.await.unwrap().unwrap().status(), 429);
    }
    let waited = opened.elapsed();
    assert!(waited < Limits::default().queue_wait / 2, "{waited:?}");
    assert_eq!(rig.asked(), ["work"]);
}

#[tokio::test]
async fn one_that_goes_first_and_hangs_keeps_the_others_for_ten_seconds_of_its_own() {
    let (rig, live) = after_a_pause().await;
    let nearly = PROBE_HOLDS - Duration::from_millis(300);
    let hangs = live.probe(SystemTime::now() - nearly).unwrap();
    let began = Instant::now();
    assert_eq!(rig.chat(chat_request("hi")).await.status(), 200);
    let waited = began.elapsed();
    assert!(waited < Limits::default().queue_wait / 2, "{waited:?}");
    drop(hangs);
}

#[tokio::test]
async fn when_a_pause_is_over_one_request_goes_first_and_the_others_follow_it() {
    let (rig, _) = after_a_pause().await;
    let gate = Gate::closed();
    rig.sim
        .reply_next("work", [Reply::text("first").held(&gate)]);
    let asked: Vec<_> = (0..5)
        .map(|_| tokio::spawn(rig.post("/v1/chat/completions", &chat_request("hi")).send()))
        .collect();
    gate.reached(1).await;
    while rig.router.waiting() < 4 {
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.asked(), ["work"]);
    gate.open();
    for asked in asked {
        assert_eq!(asked.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(rig.asked().len(), 5);
}
