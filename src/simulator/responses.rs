//! `POST …/responses` on both sides: check, take the script, wait at its gate, answer.

use std::{
    collections::VecDeque,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, Response};
use serde_json::{Value, json};

use super::{
    account::Account,
    assistant,
    body::{Body, Presence, Step},
    checks,
    door::{self, Credential, Side, authorise},
    endpoint,
    events::{Event, usage_object},
    http_reply::{self, HttpReply},
    reply::{Answer, Ending, Reply},
    server::{HungUp, Shared},
    tokens::{later, nonce, unix_secs},
    turn::{Asking, Turn, compaction_item, whole_response},
    usage::limit_headers,
};

/// How long a limit lasts that is only told inside a stream, where a script names no time.
const LIMIT_INSIDE_200: Duration = Duration::from_secs(3600);

/// About so many bytes of a request make a token; nobody bills by it.
const BYTES_PER_TOKEN: usize = 4;

const USED_UP: &str = "The usage limit has been reached";

/// What an answer turns into.
enum Told {
    Http(HttpReply),
    Stream(Vec<Event>),
}

/// An answer that only has to be played.
pub(super) struct Ready {
    /// As it was read.
    pub(super) request: Value,
    pub(super) events: Vec<Event>,
    pub(super) ending: Ending,
    pub(super) headers: Vec<(String, String)>,
    pub(super) presence: Presence,
}

/// One request for a response.
pub(super) async fn answer(
    shared: &Shared,
    side: Side,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Response<Body>, HungUp> {
    let account = match authorise(shared, side, headers) {
        Ok(account) => account,
        Err(refusal) => return Ok(refusal.into_response()),
    };
    let mut ready = match prepare(shared, side, &account, headers, body, false).await {
        Ok(ready) => ready,
        Err(refusal) => return Ok(refusal.into_response()),
    };
    if side != Side::ChatGpt && ready.request.get("stream") != Some(&Value::Bool(true)) {
        ready.presence.finish();
        let whole = whole_response(&ready.events).headers(ready.headers);
        return Ok(whole.into_response());
    }
    let frames = frames(&ready.events);
    let steps = steps(frames, ready.ending, shared.pause());
    Ok(http_reply::event_stream(
        ready.headers,
        Body::stream(steps, ready.presence),
    ))
}

/// Checks a request that was let in, and makes the answer. `is_warm_up`: nothing is to be said, and no script is asked.
pub(super) async fn prepare(
    shared: &Shared,
    side: Side,
    account: &Account,
    headers: &HeaderMap,
    body: &Bytes,
    is_warm_up: bool,
) -> Result<Ready, HttpReply> {
    let request = checks::check(side, account, headers, body).map_err(|refusal| {
        let limits = limits(side, account, SystemTime::now());
        refusal.headers(limits)
    })?;
    let (reply, mut presence) = shared.accounts().with(&account.name, |entry| {
        let reply = if is_warm_up {
            None
        } else {
            entry.replies.take()
        };
        (reply, entry.tally.presence())
    });
    let Reply {
        answer,
        ending,
        held,
    } = reply.unwrap_or_else(Reply::canned);
    if let Some(gate) = held {
        gate.pass().await;
    }

    let now = SystemTime::now();
    let input_tokens = (body.len() / BYTES_PER_TOKEN + 1) as u64;
    let cache_key = request.get("prompt_cache_key").and_then(Value::as_str);
    let (account, cached_tokens) = shared.accounts().with(&account.name, |entry| {
        let cached = cache_key.map_or(0, |key| entry.cached_tokens(key, input_tokens));
        (entry.account.clone(), cached)
    });
    let model = request
        .get("model")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let asking = Asking {
        side,
        account: &account,
        request: &request,
        model,
        input_tokens,
        cached_tokens,
        now,
    };
    let told = if is_warm_up {
        Told::Stream(Turn::begin(&asking).complete())
    } else {
        tell(&asking, answer)
    };
    let events = match told {
        Told::Http(reply) => {
            presence.finish();
            return Err(reply);
        }
        Told::Stream(events) => events,
    };
    let account = shared.accounts().with(&account.name, |entry| {
        entry.account.spend(now);
        entry.account.clone()
    });
    let mut headers = limits(side, &account, now);
    headers.push(("openai-model".to_owned(), model.to_owned()));
    Ok(Ready {
        events,
        ending,
        headers,
        presence,
        request,
    })
}

/// `POST …/responses/compact`: one document, unless a script replaces it.
pub(super) fn compact(
    shared: &Shared,
    side: Side,
    headers: &HeaderMap,
    body: &Bytes,
) -> Response<Body> {
    let account = match authorise(shared, side, headers) {
        Ok(account) => account,
        Err(refusal) => return refusal.into_response(),
    };
    if let Err(refusal) = checks::check_compaction(side, &account, headers, body) {
        return refusal.into_response();
    }
    let now = SystemTime::now();
    let script = shared
        .accounts()
        .with(&account.name, |entry| entry.replies.take());
    let reply = match script.map(|script| script.answer) {
        Some(Answer::Http(reply)) => reply,
        Some(Answer::UsageLimit(resets_in)) => usage_limit(side, &account, resets_in, now),
        Some(Answer::Throttled(retry_after)) => throttled(retry_after),
        _ => HttpReply::json(
            200,
            &json!({
                "id": format!("resp_{}", nonce()),
                "object": "response.compaction",
                "created_at": unix_secs(now),
                "output": [compaction_item(&account)],
                "usage": usage_object((body.len() / BYTES_PER_TOKEN + 1) as u64, 0, 1, 0),
            }),
        ),
    };
    reply.headers(limits(side, &account, now)).into_response()
}

/// Makes of an answer what this request gets to see.
fn tell(asking: &Asking<'_>, answer: Answer) -> Told {
    let Asking {
        side, account, now, ..
    } = *asking;
    let with_limits = |reply: HttpReply| Told::Http(reply.headers(limits(side, account, now)));
    let mut turn = Turn::begin(asking);
    match answer {
        Answer::Canned => tell(asking, own_answer(asking)),
        Answer::Text { reasoning, text } => {
            if let Some(summary) = reasoning {
                turn.reason(&summary);
            }
            turn.say(&text);
            Told::Stream(turn.complete())
        }
        Answer::ToolCalls(calls) => {
            turn.call_tools(&calls);
            Told::Stream(turn.complete())
        }
        Answer::Image(looks) => {
            turn.draw(looks);
            Told::Stream(turn.complete())
        }
        Answer::Compaction => {
            turn.compact();
            Told::Stream(turn.complete())
        }
        Answer::Refusal(text) => {
            turn.refuse(&text);
            Told::Stream(turn.complete())
        }
        Answer::Incomplete(reason) => {
            turn.say("This is only the beginning of");
            Told::Stream(turn.stop_early(&reason))
        }
        Answer::Failed(code) => Told::Stream(turn.fail(failure(account, &code, now))),
        Answer::ErrorEvent(code) => {
            let message = message_for(&code);
            Told::Stream(turn.break_off(&code, message))
        }
        Answer::Events(events) => Told::Stream(events),
        Answer::UsageLimit(resets_in) => Told::Http(usage_limit(side, account, resets_in, now)),
        Answer::Throttled(retry_after) => with_limits(throttled(retry_after)),
        Answer::Unauthorized => Told::Http(match side {
            Side::ChatGpt => door::unauthorized(&Credential::Unknown),
            Side::Platform => door::bad_api_key(),
            Side::Azure | Side::Compatible => endpoint::bad_key(side),
        }),
        Answer::Http(reply) => with_limits(reply),
    }
}

/// Without a script: the assistant, or the refusal of an account that has nothing left.
fn own_answer(asking: &Asking<'_>) -> Answer {
    asking.account.used_up_for(asking.now).map_or_else(
        || assistant::answer(&asking.account.name, asking.model, asking.request),
        Answer::UsageLimit,
    )
}

/// Only ChatGPT tells its limits in headers.
fn limits(side: Side, account: &Account, now: SystemTime) -> Vec<(String, String)> {
    match side {
        Side::ChatGpt => limit_headers(account, now),
        Side::Platform | Side::Azure | Side::Compatible => Vec::new(),
    }
}

/// As codex-rs/core/src/api_bridge.rs reads it; on the platform the quota error.
fn usage_limit(side: Side, account: &Account, resets_in: Duration, now: SystemTime) -> HttpReply {
    match side {
        Side::ChatGpt => {
            let error = limit_error(account, resets_in, now);
            HttpReply::json(429, &json!({ "error": error }))
                .headers(limit_headers(&account.clone().used_up(resets_in, now), now))
                .header("x-codex-active-limit", "codex")
                .header("x-codex-rate-limit-reached-type", "rate_limit_reached")
        }
        Side::Platform | Side::Azure | Side::Compatible => HttpReply::error(
            429,
            "insufficient_quota",
            "insufficient_quota",
            "You exceeded your current quota, please check your plan and billing details.",
        ),
    }
}

fn limit_error(account: &Account, resets_in: Duration, now: SystemTime) -> Value {
    json!({
        "type": "usage_limit_reached",
        "message": USED_UP,
        "plan_type": account.plan,
        "resets_at": unix_secs(later(now, resets_in)),
        "resets_in_seconds": resets_in.as_secs(),
    })
}

fn throttled(retry_after: Duration) -> HttpReply {
    let secs = retry_after.as_secs();
    HttpReply::error(
        429,
        "requests",
        "rate_limit_exceeded",
        &format!("Rate limit reached. Please try again in {secs}s."),
    )
    .header("retry-after", secs.to_string())
}

/// What stands in `response.error` of a failed response (codex-rs/codex-api/src/sse/responses.rs).
fn failure(account: &Account, code: &str, now: SystemTime) -> Value {
    let mut error = if code == "usage_limit_reached" {
        limit_error(account, LIMIT_INSIDE_200, now)
    } else {
        json!({})
    };
    error["code"] = code.into();
    error["message"] = message_for(code).into();
    error
}

pub(super) fn message_for(code: &str) -> &'static str {
    match code {
        "usage_limit_reached" => USED_UP,
        "rate_limit_exceeded" => "Rate limit reached. Please try again in 1.5s.",
        "context_length_exceeded" => {
            "Your input exceeds the context window of this model. Please adjust your input and try again."
        }
        "server_is_overloaded" | "slow_down" => {
            "Our servers are currently overloaded. Please try again later."
        }
        "insufficient_quota" => {
            "You exceeded your current quota, please check your plan and billing details."
        }
        _ => "The simulator was told to fail.",
    }
}

fn frames(events: &[Event]) -> impl Iterator<Item = Bytes> {
    let numbered = events.iter().enumerate();
    numbered.map(|(sequence_number, event)| event.frame(sequence_number))
}

/// The stream as it is played.
pub(super) fn steps(
    frames: impl Iterator<Item = Bytes>,
    ending: Ending,
    pause: Duration,
) -> VecDeque<Step> {
    let mut steps: Vec<Step> = frames.map(Step::Write).collect();
    match ending {
        Ending::Whole => {}
        Ending::CutAfter(count) => {
            steps.truncate(count);
            steps.push(Step::Abort);
        }
        Ending::EofAfter(count) => steps.truncate(count),
        Ending::StallAfter(count, gate) => {
            steps.insert(count.min(steps.len()), Step::Wait(gate));
        }
    }
    if pause.is_zero() {
        return steps.into();
    }
    steps
        .into_iter()
        .flat_map(|step| [Step::Pause(pause), step])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::events::{ev_created, ev_text_delta};

    #[test]
    fn with_a_pause_set_every_step_comes_after_one() {
        let events = [ev_created(), ev_text_delta("he")];
        let pause = Duration::from_millis(5);
        let played: Vec<&str> = steps(frames(&events), Ending::CutAfter(1), pause)
            .iter()
            .map(|step| match step {
                Step::Write(_) => "write",
                Step::Wait(_) => "wait",
                Step::Pause(length) if *length == pause => "pause",
                Step::Pause(_) => "wrong pause",
                Step::Abort => "abort",
            })
            .collect();
        assert_eq!(played, ["pause", "write", "pause", "abort"]);
    }
}
