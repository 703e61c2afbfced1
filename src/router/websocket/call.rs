//! One attempt over a WebSocket: on the one that is open to the profile, else on a new one, else not at all.
//!
//! A socket that ends before it says anything is no failure: the hour after which the backend closes every socket may be over,
//! and the same request, with everything that it leans on, is asked once more. Once, and not after the answer has begun: what
//! the upstream makes twice is paid twice.

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;
use tracing::debug;

use super::error_message::ErrorMessage;
use crate::pool::Access;
use crate::router::access::bearer_of;
use crate::router::arrival;
use crate::router::ask::Ask;
use crate::router::attempt::{Attempt, says_reasoning_is_foreign};
use crate::router::handshake::{Beginning, begin};
use crate::router::headers::{OPENAI_BETA, TURN_STATE};
use crate::router::refused::refused_by;
use crate::router::reply::Refusal;
use crate::router::report::Record;
use crate::router::serve::{random_id, unix_secs};
use crate::router::setback::{Said, Setback};
use crate::router::source::{Broken, Source};
use crate::router::stream::failure_of;
use crate::translate::sse::write_frame;
use crate::translate::{EventKind, UpstreamKind};
use crate::upstream::SendError;
use crate::upstream::socket::{Handshake, Pings, Socket};
use crate::usage::Usage;

/// How an attempt over a socket went.
pub(in crate::router) enum Call {
    /// There is no socket for this request: it goes by POST.
    ByPost,
    /// With the headers of the handshake, when it was made for this request.
    Answered(Source, HeaderMap),
    Failed(Setback),
}

/// What came of a request on one socket.
enum Asked {
    Called(Call),
    /// The socket is of no use any more, and it said that it would not take the request.
    NotTaken,
    /// The socket is of no use any more and said nothing at all. The request may have been taken, if seldom.
    Ended,
}

/// The backend closes a socket after an hour with this code.
const HOUR_IS_OVER: &str = "websocket_connection_limit_reached";
/// Trouble passes sooner than a refusal.
const TROUBLE_SHARE: u32 = 10;

/// Asks the profile of `attempt` over a WebSocket, if the client asked over one and the profile has one. `headers` are made fit
/// for a POST when it does not.
///
/// # Errors
/// When the request cannot be made fit for the backend.
pub(in crate::router) async fn call(
    attempt: &mut Attempt,
    ask: &mut Ask,
    access: &Access,
    keeps_turn: bool,
    headers: &mut HeaderMap,
    record: &mut Record,
) -> Result<Call, Refusal> {
    if ask.line.is_none() {
        return Ok(Call::ByPost);
    }
    // The state of a turn belongs to one account. Any other is asked without it, as it is by POST.
    if !keeps_turn {
        ask.forget_turn_state();
    }
    // By POST and in a handshake it is a header.
    let state = ask.turn_state().map(HeaderValue::from_str);
    let is_heard = ask.client.is_codex && matches!(access, Access::ChatGpt { .. });
    if let Some(Ok(state)) = state.filter(|_| is_heard) {
        headers.insert(TURN_STATE, state);
    }
    let called = over_socket(attempt, ask, access, headers, record).await?;
    if !matches!(called, Call::ByPost) {
        return Ok(called);
    }
    must_be_whole(ask)?;
    // It names the protocol of the socket.
    headers.remove(OPENAI_BETA);
    if ask.is_warm_up() {
        // There is no way to say so by POST, and nothing to get ready.
        attempt.forget(Some("nothing to get ready over POST".to_owned()));
        let source = Source::new(
            got_ready(&ask.model).into(),
            attempt.house.limits.event_idle,
        );
        return Ok(Call::Answered(source, HeaderMap::new()));
    }
    Ok(Call::ByPost)
}

/// What leans on a response that only the socket knew cannot go anywhere else: the client must send everything again.
fn must_be_whole(ask: &Ask) -> Result<(), Refusal> {
    match ask.unknown_past() {
        None => Ok(()),
        Some(id) => Err(Refusal::NoSuchResponse { id: id.to_owned() }),
    }
}

async fn over_socket(
    attempt: &mut Attempt,
    ask: &mut Ask,
    access: &Access,
    headers: &HeaderMap,
    record: &mut Record,
) -> Result<Call, Refusal> {
    let house = attempt.house.clone();
    let (Some(sights), Some(line), Access::ChatGpt { .. }) =
        (&house.sockets, &mut ask.line, access)
    else {
        return Ok(Call::ByPost);
    };
    let profile = attempt.member().name.clone();
    let network = attempt.member().network.clone();
    let mut has_ended = false;
    if let Some(socket) = line.take(&profile, access, &network) {
        match over(socket, attempt, ask, record).await? {
            Asked::Called(call) => return Ok(call),
            Asked::NotTaken => {}
            Asked::Ended => has_ended = true,
        }
        record.mend("its connection had ended, and a new one was opened");
    }
    must_be_whole(ask)?;
    if sights.is_refused(&profile) {
        return Ok(Call::ByPost);
    }
    let limits = &house.limits;
    let trouble = limits.socket_refused / TROUBLE_SHARE;
    let Some(bearer) = bearer_of(access) else {
        return Ok(Call::ByPost);
    };
    let pings = Pings {
        every: limits.socket_ping,
        patience: limits.socket_pong,
    };
    let outlet = house.upstream.through(&network);
    let opening = outlet.open_socket(&bearer, headers.clone(), pings);
    let (socket, of_reply) = match timeout(limits.socket_handshake, opening).await {
        Ok(Ok(Handshake::Open(socket, headers))) => (socket, headers),
        Ok(Ok(Handshake::Refused(reply))) => {
            debug!(%profile, status = reply.status.as_u16(), "no socket");
            if is_about_account(reply.status) {
                let now = SystemTime::now();
                if let Err(setback) = arrival::good(reply, now).await {
                    return Ok(Call::Failed(setback));
                }
                return Ok(Call::ByPost);
            }
            sights.note(&profile, limits.socket_refused);
            return Ok(Call::ByPost);
        }
        Ok(Err(err @ (SendError::NotSent { .. } | SendError::NotThroughProxy { .. }))) => {
            return Ok(Call::Failed(arrival::not_reached(&err)));
        }
        Ok(Err(err @ SendError::Lost { .. })) => {
            debug!(%profile, error = %err, "no socket");
            sights.note(&profile, trouble);
            return Ok(Call::ByPost);
        }
        Err(_elapsed) => {
            debug!(%profile, "no socket in time");
            sights.note(&profile, trouble);
            return Ok(Call::ByPost);
        }
    };
    attempt.prove_path();
    sights.note_headers(&of_reply);
    attempt.usage = Usage::from_headers(&of_reply, SystemTime::now());
    if let Some(line) = &mut ask.line {
        line.begin(&profile, access, &network);
    }
    match over(socket, attempt, ask, record).await? {
        Asked::Called(call) => Ok(with_headers(call, of_reply)),
        asked @ (Asked::NotTaken | Asked::Ended) => {
            // Whatever is in between lets sockets begin and does not let them live.
            debug!(%profile, "a socket ended before it said anything");
            sights.note(&profile, trouble);
            if has_ended && matches!(asked, Asked::Ended) {
                return Ok(Call::Failed(Setback::Cut));
            }
            record.mend("its connection ended at once, and it was asked by POST");
            Ok(Call::ByPost)
        }
    }
}

/// Whether a refused handshake says something of the account; anything else may only be about the socket, and a POST will tell.
fn is_about_account(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::UNAUTHORIZED | StatusCode::PAYMENT_REQUIRED | StatusCode::TOO_MANY_REQUESTS
    )
}

fn with_headers(call: Call, headers: HeaderMap) -> Call {
    match call {
        Call::Answered(source, _) => Call::Answered(source, headers),
        call => call,
    }
}

/// Sends the request on a socket and looks at the beginning of the answer.
async fn over(
    mut socket: Box<Socket>,
    attempt: &mut Attempt,
    ask: &mut Ask,
    record: &mut Record,
) -> Result<Asked, Refusal> {
    let house = attempt.house.clone();
    let limits = &house.limits;
    let leans = ask.previous_response_id().is_some_and(|id| {
        let line = ask.line.as_ref();
        line.is_some_and(|line| line.made(id))
    });
    let Some(message) = ask.message(leans, &house)? else {
        return Ok(Asked::Called(Call::ByPost));
    };
    record.note(|done| done.dropped.clone_from(&message.dropped));
    match timeout(limits.write_stall, socket.send(message.body)).await {
        Ok(Ok(())) => {}
        Ok(Err(end)) => {
            debug!(error = %end, "a socket took no request");
            return Ok(Asked::Ended);
        }
        Err(_elapsed) => return Ok(Asked::Ended),
    }
    let patience = match ask.is_long {
        true => limits.answer_head_reasoning,
        false => limits.answer_head,
    };
    let mut source = Source::of_socket(socket, limits.event_idle).first_within(patience);
    // The client waits for a message, not for a head: as long as there is none, nothing is gained by letting the answer begin.
    let beginning = match source.wait().await {
        Ok(()) => begin(&mut source, true, limits, &mut attempt.usage).await,
        Err(broken) => Beginning::Broken(broken),
    };
    let failure = match beginning {
        Beginning::Good => return Ok(answered(source)),
        Beginning::Broken(Broken::Silent(after)) => {
            return Ok(Asked::Called(Call::Failed(Setback::TimedOut(after))));
        }
        Beginning::Broken(broken) => {
            debug!(error = %broken, "a socket ended at the beginning of an answer");
            return Ok(match broken {
                // It would be as large again.
                Broken::TooLarge => {
                    let failure = Box::new(failure_of(&broken));
                    Asked::Called(Call::Failed(Setback::Spoiled(failure)))
                }
                _ if source.last_held().is_none() => Asked::Ended,
                _ => Asked::Called(Call::Failed(Setback::Cut)),
            });
        }
        Beginning::Refused(failure) => failure,
    };
    let code = failure.code.as_deref();
    // Not known any more on the other side, whatever we think: then with everything.
    if code == Some(HOUR_IS_OVER) || (leans && code == Some("previous_response_not_found")) {
        return Ok(Asked::NotTaken);
    }
    let now = SystemTime::now();
    let refused = source.last_held().and_then(|frame| {
        let kind = EventKind::of_frame(frame);
        ErrorMessage::read(kind, &frame.data)
    });
    let setback = match refused {
        None => Setback::of_event(*failure, now),
        Some(message) => {
            if let Some(told) = Usage::from_headers(&message.headers, now) {
                attempt.usage = Some(match attempt.usage.take() {
                    Some(older) => told.or_else_from(&older),
                    None => told,
                });
            }
            message.setback(now)
        }
    };
    Ok(match setback {
        // The client's own fault, told in the client's own dialect, unless there is something that we can mend.
        Setback::ClientFault(said) if !can_mend(&said, ask, leans, now) => answered(source),
        setback => Asked::Called(Call::Failed(setback)),
    })
}

/// Whether the same request may do without what was refused, told from the beginning on a socket that knows nothing yet.
fn can_mend(said: &Said, ask: &Ask, leans: bool, now: SystemTime) -> bool {
    if says_reasoning_is_foreign(said) {
        return !leans && ask.recalls_reasoning();
    }
    let refused = refused_by(&said.failure, UpstreamKind::ChatGpt, &ask.model, now);
    refused.is_some_and(|refused| ask.has_said(&refused.parameter)) && ask.unknown_past().is_none()
}

fn answered(source: Source) -> Asked {
    Asked::Called(Call::Answered(source, HeaderMap::new()))
}

/// What an upstream says that was asked to get ready: a response of nothing, which the next request may lean on.
fn got_ready(model: &str) -> Bytes {
    let id = format!("resp_ready_{}", random_id());
    let response = |status: &str, usage: Value| {
        json!({
            "id": id, "object": "response", "created_at": unix_secs(), "status": status, "model": model, "output": [],
            "usage": usage,
        })
    };
    let nothing = json!({
        "input_tokens": 0, "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 0, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 0,
    });
    let told = [
        ("response.created", response("in_progress", Value::Null)),
        ("response.completed", response("completed", nothing)),
    ];
    let mut events = Vec::new();
    for (number, (kind, response)) in told.into_iter().enumerate() {
        let event = json!({"type": kind, "sequence_number": number, "response": response});
        write_frame(
            Some(kind.as_bytes()),
            event.to_string().as_bytes(),
            &mut events,
        );
    }
    events.into()
}
