//! A session is the same one on a socket and by POST.

use crate::pool::RestCause;

use super::*;

impl Rig {
    /// Lets "work" rest for so many seconds, or come back.
    fn rest_work(&self, secs: Option<u64>) {
        self.pool.send_modify(|pool| {
            let members = pool.members.iter().map(|member| {
                let mut member = Member::clone(member);
                if member.name.as_str() == "work" {
                    let now = SystemTime::now();
                    member.cooldowns = Arc::default();
                    member.live.clear();
                    if let Some(secs) = secs {
                        let until = now + Duration::from_secs(secs);
                        member = member.paused(None, RestCause::UsageLimit, now, until);
                    }
                }
                Arc::new(member)
            });
            *pool = Arc::new(Pool {
                members: members.collect(),
                ..Pool::clone(pool)
            });
        });
    }

    async fn post_in(&self, session: &str) -> String {
        let request = self.post("/v1/responses", &codex_request());
        let request = request.header("originator", "codex_exec");
        let reply = request.header("session-id", session).send().await.unwrap();
        assert_eq!(reply.status(), 200);
        reply.bytes().await.unwrap();
        self.asked().pop().unwrap()
    }

    async fn socket_in(&self, session: &str) -> Talker {
        let headers = [CODEX[0], CODEX[1], ("session-id", session)];
        self.try_socket("/v1/responses", &headers).await.unwrap()
    }
}

#[tokio::test]
async fn a_socket_does_not_outlive_the_way_that_is_set_for_its_account() {
    let rig = Rig::over(["work"]).await;
    let mut codex = rig.socket_in("s").await;
    let ways = [
        vec![],
        vec![],
        vec![("x-team".parse().unwrap(), Secret::new("north"))],
        vec![("x-team".parse().unwrap(), Secret::new("south"))],
    ];
    for (headers, handshakes) in ways.into_iter().zip([1, 1, 2, 3]) {
        rig.pool.send_modify(|pool| {
            let mut member = Member::clone(&pool.members[0]);
            member.network = Arc::new(crate::profile::Network {
                proxy: None,
                headers: headers.clone(),
            });
            *pool = Arc::new(Pool {
                members: vec![Arc::new(member)],
                ..Pool::clone(pool)
            });
        });
        codex.ask(&create(json!([message("user", "hi")]))).await;
        let opened = rig.handshakes();
        assert_eq!(opened.len(), handshakes);
        let team = headers.first().map(|(_, value)| value.expose().to_owned());
        let sent = opened.last().unwrap().header("x-team");
        assert_eq!(sent, team.as_deref());
    }
}

#[tokio::test]
async fn a_session_that_moved_on_one_way_has_moved_on_the_other() {
    let rig = Rig::over(["work", "home"]).await;
    let mut codex = rig.socket_in("s").await;
    let first = codex.ask(&create(json!([message("user", "hi")]))).await;
    assert_eq!(rig.asked().last().unwrap(), "work");
    rig.rest_work(Some(7_200));
    assert_eq!(rig.post_in("s").await, "home");
    rig.rest_work(None);
    assert_eq!(rig.post_in("s").await, "home");
    assert_eq!(rig.post_in("other").await, "work");
    let next = json!([message("user", "and now?")]);
    let answer = codex.ask(&after(&id_of(&first), next)).await;
    assert_eq!(types(&answer).last().unwrap(), &"response.completed");
    assert_eq!(rig.asked().last().unwrap(), "home");
    let sent = rig.messages().pop().unwrap();
    assert_eq!(sent["input"].as_array().unwrap().len(), 3, "all of it");
}

#[tokio::test]
async fn a_socket_comes_back_to_the_account_that_had_to_wait() {
    let rig = Rig::over(["work", "home"]).await;
    let mut codex = rig.socket_in("s").await;
    for (rest, name) in [(None, "work"), (Some(60), "home"), (None, "work")] {
        rig.rest_work(rest);
        codex.ask(&create(json!([message("user", "hi")]))).await;
        assert_eq!(rig.asked().last().unwrap(), name);
    }
}

#[tokio::test]
async fn reasoning_that_a_client_brings_on_a_socket_is_left_out_where_nobody_can_read_it() {
    let rig = Rig::over(["work", "home"]).await;
    let thinking = Reply::text_with_reasoning("thinking", "first");
    rig.sim.reply_next("work", [thinking]);
    let mut codex = rig.socket_in("s").await;
    let mut request = create(json!([message("user", "one")]));
    request["include"] = json!(["reasoning.encrypted_content"]);
    let output = output_of(&codex.ask(&request).await);
    rig.rest_work(Some(7_200));
    let all = json!([
        message("user", "one"),
        output[0],
        output[1],
        message("user", "two")
    ]);
    let answer = codex.ask(&create(all)).await;
    assert!(
        text_of(&answer).starts_with("Hello from home"),
        "{answer:?}"
    );
    let sent = rig.messages().pop().unwrap();
    let left = json!([message("user", "one"), output[1], message("user", "two")]);
    assert_eq!(sent["input"], left);
    let three = after(&id_of(&answer), json!([message("user", "three")]));
    assert!(text_of(&codex.ask(&three).await).starts_with("Hello from home"));
}
