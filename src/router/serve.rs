//! One request: guard, route, body, dialect, reply.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, EXPECT, HeaderValue, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Request, Response};
use hyper::body::Incoming;
use tracing::{debug, error};

use super::accept::Stage;
use super::answer::AnswerBody;
use super::attempt::Attempt;
use super::door::Turn;
use super::guard::{self, Guard};
use super::keys::Caller;
use super::relay::Relay;
use super::reply::{self, REQUEST_ID, Refusal};
use super::report::{Dialect, Record};
use super::routes::{self, Route};
use super::source::Source;
use super::stream::EventBody;
use super::trace::Preview;
use super::voice::Voice;
use super::websocket::{self, Handover};
use super::{
    House, allowance, azure, body, chat, compaction, completions, forward, headers, images,
    messages, metrics, models, own_usage, responses,
};

const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const DROPPED: HeaderName = HeaderName::from_static("x-codex-router-dropped");
/// Room for the names of dropped fields; names come from the client.
const MAX_DROPPED_BYTES: usize = 1024;

/// What a dialect has for its client.
pub(super) enum Answered {
    Whole(Response<AnswerBody>),
    Events(Box<Streamed>),
    Bytes(Box<Relayed>),
}

pub(super) struct Streamed {
    pub(super) source: Source,
    pub(super) voice: Voice,
    pub(super) attempt: Attempt,
    pub(super) model: String,
    pub(super) headers: HeaderMap,
}

/// An answer whose bytes pass as they come.
pub(super) struct Relayed {
    pub(super) body: reqwest::Body,
    pub(super) attempt: Attempt,
    pub(super) headers: HeaderMap,
}

/// `handover` takes the session that the connection is for when a WebSocket was asked for.
pub(super) async fn serve(
    house: Arc<House>,
    guard: Arc<Guard>,
    turn: Turn,
    handover: &Handover,
    request: Request<Incoming>,
) -> Response<AnswerBody> {
    let id = format!("req_{}", random_id());
    let is_azure = azure::is_azure(request.uri().path());
    let speaks_messages = messages::is_spoken(request.uri().path(), request.headers());
    let answering = Unpanicked(Box::pin(answer(&house, &guard, &id, handover, request)));
    let mut reply = match answering.await {
        Ok(reply) => reply,
        Err(refusal) => {
            // Never its sentence: an upstream's may quote the prompt.
            debug!(
                request = id,
                status = refusal.status().as_u16(),
                code = refusal.code(),
                "refused"
            );
            if is_azure {
                azure::reply(refusal)
            } else if speaks_messages {
                refusal.into_messages_reply(&id)
            } else {
                refusal.into_reply()
            }
        }
    };
    let headers = reply.headers_mut();
    // Made of letters that a header carries.
    if let Ok(id) = HeaderValue::try_from(id) {
        if speaks_messages {
            headers.insert(messages::REQUEST_ID, id.clone());
        }
        headers.insert(REQUEST_ID, id);
    }
    if *house.stage.borrow() > Stage::Serving && !headers.contains_key(UPGRADE) {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    reply.map(|body| body.during(turn))
}

async fn answer(
    house: &Arc<House>,
    guard: &Guard,
    id: &str,
    handover: &Handover,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Refusal> {
    let (head, incoming) = request.into_parts();
    let admitted = match admit(guard, &head) {
        Ok((Route::Health, _)) => Ok((Route::Health, Caller::default())),
        Ok((route, shown)) => {
            let must_show = guard.must_show_key(&head.headers);
            let is_handshake = route == Route::Socket;
            let caller = house.keys.let_in(&head, shown, must_show, is_handshake);
            caller.await.map(|caller| (route, caller))
        }
        Err(refusal) => Err(refusal),
    };
    let (route, caller) = match admitted {
        Ok(admitted) => admitted,
        Err(refusal) => {
            turn_away(&head.headers, incoming).await;
            return Err(refusal);
        }
    };
    match route {
        Route::Health => Ok(reply::json(&b"{\"status\":\"ok\"}"[..])),
        Route::Models if messages::is_spoken(head.uri.path(), &head.headers) => {
            Ok(models::anthropic(house, &caller, &head.uri).await)
        }
        Route::Models => Ok(models::list(house, &caller, &head.uri, &head.headers).await),
        Route::Usage => Ok(allowance::report(house, &caller)),
        Route::OwnUsage => Ok(own_usage::report(house, &caller)),
        Route::Metrics => metrics::report(house, &caller),
        Route::Model(id) if messages::is_spoken(head.uri.path(), &head.headers) => {
            models::one_of_anthropic(house, &caller, id).await
        }
        Route::Model(id) => models::one(house, &caller, id).await,
        Route::Chat => model(house, Dialect::Chat, id, caller, &head, incoming).await,
        Route::Compaction => model(house, Dialect::Compaction, id, caller, &head, incoming).await,
        Route::Completions => model(house, Dialect::Completions, id, caller, &head, incoming).await,
        Route::Images => model(house, Dialect::Images, id, caller, &head, incoming).await,
        Route::ImageEdits => model(house, Dialect::ImageEdits, id, caller, &head, incoming).await,
        Route::Forward(dialect) => model(house, dialect, id, caller, &head, incoming).await,
        Route::CountTokens => model(house, Dialect::CountTokens, id, caller, &head, incoming).await,
        Route::Messages => model(house, Dialect::Messages, id, caller, &head, incoming).await,
        Route::Responses => model(house, Dialect::Responses, id, caller, &head, incoming).await,
        Route::Socket => {
            websocket::open(house, Request::from_parts(head, incoming), handover, caller)
        }
    }
}

/// Lets a client that is already sending get to its answer; one that asks first (RFC 9110 section 10.1.1) is not told to begin.
async fn turn_away(headers: &HeaderMap, incoming: Incoming) {
    if !headers.contains_key(EXPECT) {
        body::discard(incoming).await;
    }
}

/// Everything that the head alone decides, and the key that it shows.
fn admit<'h>(guard: &Guard, head: &'h Parts) -> Result<(Route, Option<&'h [u8]>), Refusal> {
    guard.check(head)?;
    let route = routes::find(head)?;
    match route {
        Route::ImageEdits
        | Route::Forward(
            Dialect::ImageVariations | Dialect::Transcriptions | Dialect::Translations,
        ) => {
            guard::check_upload(&head.headers)?;
        }
        Route::Chat
        | Route::Compaction
        | Route::Completions
        | Route::CountTokens
        | Route::Images
        | Route::Messages
        | Route::Responses
        | Route::Forward(_) => {
            guard::check_json(&head.headers)?;
        }
        Route::Models
        | Route::Model(_)
        | Route::Usage
        | Route::OwnUsage
        | Route::Metrics
        | Route::Health
        | Route::Socket => {}
    }
    match route {
        // Nobody is chosen.
        Route::Models
        | Route::Model(_)
        | Route::Usage
        | Route::OwnUsage
        | Route::Metrics
        | Route::Health
        | Route::CountTokens => {}
        _ => drop(headers::strategy_of(&head.headers)?),
    }
    let shown = guard::shown_key(&head.headers)?;
    Ok((route, shown))
}

/// A request for a model, recorded from here on whatever becomes of it.
async fn model(
    house: &Arc<House>,
    dialect: Dialect,
    id: &str,
    caller: Caller,
    head: &Parts,
    incoming: Incoming,
) -> Result<Response<AnswerBody>, Refusal> {
    let mut record = Record::open(house.clone(), id.to_owned(), dialect, caller);
    match answered(house, dialect, head, incoming, &mut record).await {
        Ok((Answered::Whole(mut reply), _slot)) => {
            record.note(|done| say_dropped(&done.dropped, reply.headers_mut()));
            record.close(reply.status().as_u16(), true);
            Ok(reply)
        }
        Ok((Answered::Events(streamed), slot)) => {
            let mut headers = streamed.headers;
            headers
                .entry(CONTENT_TYPE)
                .or_insert(HeaderValue::from_static("text/event-stream"));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
            record.note(|done| say_dropped(&done.dropped, &mut headers));
            let events = EventBody::new(
                house.clone(),
                streamed.source,
                streamed.voice,
                streamed.attempt,
                record,
                streamed.model,
                slot,
            );
            let mut reply = Response::new(AnswerBody::events(events));
            *reply.headers_mut() = headers;
            Ok(reply)
        }
        Ok((Answered::Bytes(relayed), slot)) => {
            let Relayed {
                body,
                attempt,
                headers,
            } = *relayed;
            let content_type = headers::content_type_of(&headers);
            let tells_events = content_type.starts_with("text/event-stream");
            let relay = Relay::new(house, body, attempt, record, tells_events, slot);
            let mut reply = Response::new(AnswerBody::relayed(relay));
            *reply.headers_mut() = headers;
            Ok(reply)
        }
        Err(refusal) => {
            let mut retries = 0;
            record.note(|done| retries = done.retries);
            record.note_error(refusal.code());
            record.close(refusal.status().as_u16(), false);
            Err(refusal.after_retries(retries))
        }
    }
}

async fn answered(
    house: &Arc<House>,
    dialect: Dialect,
    head: &Parts,
    mut incoming: Incoming,
    record: &mut Record,
) -> Result<(Answered, tokio::sync::OwnedSemaphorePermit), Refusal> {
    if let Err(refusal) = record.take_place().await {
        turn_away(&head.headers, incoming).await;
        return Err(refusal);
    }
    let Some(slot) = house.in_flight.enter().await else {
        turn_away(&head.headers, incoming).await;
        return Err(Refusal::Busy);
    };
    let read = body::read(
        &head.headers,
        &mut incoming,
        &house.learned.bodies,
        &house.limits,
    )
    .await;
    let mut body = match read {
        Ok(body) => body,
        Err(refusal) => {
            turn_away(&head.headers, incoming).await;
            return Err(refusal);
        }
    };
    record.note_request(body.bytes.len());
    if house.limits.preview_bytes > 0 {
        let preview = Preview::of(&body.bytes, house.limits.preview_bytes);
        record.note(|done| done.preview = Some(preview));
    }
    if let Some(deployed) = azure::deployed(head.uri.path()) {
        body.bytes = azure::for_deployment(&head.headers, &body.bytes, deployed.name)?;
    }
    let answered = match dialect {
        Dialect::Chat => chat::answer(house, &head.headers, body, record).await?,
        Dialect::Compaction => compaction::answer(house, &head.headers, body, record).await?,
        Dialect::Completions => completions::answer(house, &head.headers, body, record).await?,
        Dialect::CountTokens => messages::count(body, record).await?,
        Dialect::Messages => messages::answer(house, &head.headers, body, record).await?,
        Dialect::Responses => responses::answer(house, &head.headers, body, record).await?,
        Dialect::Images | Dialect::ImageEdits => {
            images::answer(house, dialect, &head.headers, body, record).await?
        }
        Dialect::Embeddings
        | Dialect::ImageVariations
        | Dialect::Moderations
        | Dialect::Speech
        | Dialect::Transcriptions
        | Dialect::Translations => {
            forward::answer(house, dialect, &head.headers, body, record).await?
        }
    };
    Ok((answered, slot))
}

/// Names what of the request had no place upstream, so that nothing is lost in silence. `+2` at the end stands for two more whose
/// names a header cannot hold.
fn say_dropped(dropped: &[String], headers: &mut HeaderMap) {
    let mut text = String::new();
    let mut unnamed = 0_usize;
    let mut say = |name: &str| {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(name);
        text.len()
    };
    let mut length = 0;
    for name in dropped {
        let is_plain = name
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b',');
        if is_plain && length + name.len() <= MAX_DROPPED_BYTES {
            length = say(name);
        } else {
            unnamed += 1;
        }
    }
    if unnamed > 0 {
        say(&format!("+{unnamed}"));
    }
    if let (false, Ok(value)) = (text.is_empty(), HeaderValue::try_from(text)) {
        headers.insert(DROPPED, value);
    }
}

/// 24 hexadecimal digits that nobody can guess.
pub(super) fn random_id() -> String {
    let number: u128 = rand::random();
    format!("{:024x}", number >> 32)
}

pub(super) fn unix_secs() -> u64 {
    unix_secs_of(SystemTime::now())
}

pub(super) fn unix_secs_of(at: SystemTime) -> u64 {
    // Before 1970 the clock is wrong anyway.
    at.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Turns a panic into a reply: one request's bad luck is not everybody's.
struct Unpanicked<F>(Pin<Box<F>>);

impl<T, F: Future<Output = Result<T, Refusal>>> Future for Unpanicked<F> {
    type Output = Result<T, Refusal>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let future = self.0.as_mut();
        // After a panic the future is dropped and never polled again.
        match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
            Ok(polled) => polled,
            Err(_panic) => {
                error!("a request's task panicked");
                Poll::Ready(Err(Refusal::Panicked))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_a_reply() {
        let panicking = async { if true { panic!("on purpose") } else { Ok(()) } };
        let refusal = Unpanicked(Box::pin(panicking)).await.unwrap_err();
        assert_eq!(refusal.status(), 500);
    }

    #[test]
    fn dropped_fields_are_named_as_far_as_a_header_can() {
        let mut headers = HeaderMap::new();
        let dropped = ["temperature", "a\nb", "a,b", "user"].map(str::to_owned);
        say_dropped(&dropped, &mut headers);
        assert_eq!(headers[DROPPED], "temperature, user, +2");
        let many: Vec<String> = (0..200).map(|number| format!("field_{number}")).collect();
        say_dropped(&many, &mut headers);
        let said = headers[DROPPED].to_str().unwrap();
        let (named, more) = said.rsplit_once(", +").unwrap();
        let more: usize = more.parse().unwrap();
        assert_eq!(named.split(", ").count() + more, many.len());
        assert!(more > 0 && said.len() <= MAX_DROPPED_BYTES + 16, "{said}");
        let mut none = HeaderMap::new();
        say_dropped(&[], &mut none);
        assert!(none.is_empty());
    }

    #[test]
    fn ids_differ_and_have_one_length() {
        assert_eq!(random_id().len(), 24);
        assert_ne!(random_id(), random_id());
    }
}
