//! What is told of a request's way: who was considered, who was asked, how each of them ended.

use crate::pool::{RestCause, WhyNot};
use crate::simulator::Reply;

use super::*;

/// Attempts as (profile, result), with what was mended before.
fn ways(done: &RequestDone) -> Vec<(&str, Option<&AttemptResult>, Vec<&str>)> {
    let attempts = done.attempts.iter();
    attempts
        .map(|attempt| {
            let mended = attempt.mended.iter().map(AsRef::as_ref).collect();
            (attempt.profile.as_str(), attempt.result.as_ref(), mended)
        })
        .collect()
}

#[tokio::test]
async fn a_request_tells_who_was_considered_and_how_everybody_who_was_asked_ended() {
    let mut rig = Rig::over(["work", "home", "rest"]).await;
    let until = SystemTime::now() + Duration::from_secs(3_600);
    rig.pool.send_modify(|pool| {
        let mut members = pool.members.clone();
        let resting = (*members[2]).clone();
        let now = SystemTime::now();
        members[2] = Arc::new(resting.paused(None, RestCause::UsageLimit, now, until));
        *pool = Arc::new(Pool {
            members,
            ..(**pool).clone()
        });
    });
    rig.sim.reply_next("work", [Reply::status(500, "oops")]);
    rig.sim.reply_next("home", [Reply::text("hello")]);
    let answer = rig.chat(chat_stream("hi")).await;
    assert_eq!(answer.status(), 200);
    let id = header(&answer, "x-request-id");
    answer.text().await.unwrap();
    let (_, done) = rig.told().await;
    assert_eq!(Some(&done.id), id.as_ref());
    let considered = &done.considered;
    assert_eq!(considered.strategy, Some(Strategy::LeastUsed));
    let candidates = considered.candidates.iter();
    let names: Vec<_> = candidates.map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, ["work", "home"]);
    let out = &considered.left_out[0];
    assert_eq!(
        (out.name.as_str(), out.why, out.until),
        ("rest", WhyNot::Empty, Some(until))
    );
    let failing = AttemptResult::Failing {
        what: "status 500".into(),
    };
    assert_eq!(
        ways(&done),
        [
            ("work", Some(&failing), vec![]),
            ("home", Some(&AttemptResult::Served), vec![])
        ]
    );
    assert_eq!((done.error, done.status), (None, 200));
}

#[tokio::test]
async fn what_was_mended_stands_beside_the_attempt() {
    let mut rig = Rig::over(["work"]).await;
    rig.sim.revoke_access("work");
    rig.chat(chat_request("hi")).await;
    let (_, done) = rig.told().await;
    assert_eq!(
        ways(&done),
        [(
            "work",
            Some(&AttemptResult::Served),
            vec!["its login was refused and renewed"]
        )]
    );
}

#[tokio::test]
async fn an_attempt_that_was_never_sent_says_why() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    let members = vec![member("dead", access(&sim.auth_json_expired("dead")), 0)];
    let mut rig = Rig::start(sim, members, Limits::default()).await;
    rig.chat(chat_request("hi")).await;
    let (_, done) = rig.told().await;
    assert_eq!(ways(&done), [("dead", None, vec![])]);
    let why = done.attempts[0].why.as_deref().unwrap();
    assert!(why.contains("sign in again"), "{why}");
}

#[tokio::test]
async fn the_error_that_the_client_is_told_is_recorded() {
    let mut rig = Rig::over(["work"]).await;
    rig.sim
        .reply_next("work", [Reply::usage_limit(Duration::from_secs(60))]);
    let error = error_of(rig.chat(chat_request("hi")).await).await;
    let (_, done) = rig.told().await;
    assert_eq!(done.error.as_deref(), error["code"].as_str());
    assert_eq!(done.error.as_deref(), Some("usage_limit_reached"));

    let mut rig = Rig::over(["work"]).await;
    rig.sim.reply_next("work", [Reply::cut_after(4)]);
    let answer = rig.chat(chat_stream("hi")).await;
    // However it ends for the client.
    drop(answer.text().await);
    let (_, done) = rig.told().await;
    assert_eq!((done.status, done.is_complete), (200, false));
    assert!(done.error.is_some());
    assert_eq!(ways(&done), [("work", Some(&AttemptResult::Cut), vec![])]);
}

#[tokio::test]
async fn bodies_are_kept_only_when_asked_and_only_their_beginning() {
    let mut rig = Rig::over(["work"]).await;
    rig.chat(chat_request("hi")).await;
    let (_, done) = rig.told().await;
    assert_eq!(done.preview, None);
    let limits = Limits {
        preview_bytes: 12,
        ..Limits::default()
    };
    let mut rig = Rig::with_limits(["work"], limits).await;
    rig.chat(chat_request("hi")).await;
    let (_, done) = rig.told().await;
    let body = chat_request("hi").to_string();
    let kept = done.preview.unwrap().redacted(str::to_owned);
    assert_eq!(kept, body[..12]);
}
