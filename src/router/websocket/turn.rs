//! One request on a socket, from the slot that it takes to its last message.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tracing::debug;

use super::error_message::ErrorMessage;
use super::history::{History, Output, cost_of};
use super::line::Line;
use crate::router::House;
use crate::router::accept::Stage;
use crate::router::ask::Ask;
use crate::router::attempt::{Attempt, Content};
use crate::router::body::Held;
use crate::router::headers::{Client, TURN_STATE};
use crate::router::keys::Caller;
use crate::router::rate_limits;
use crate::router::reply::Refusal;
use crate::router::report::{AttemptResult, Dialect, Record};
use crate::router::search::first_good;
use crate::router::serve::{random_id, unix_secs};
use crate::router::setback::Setback;
use crate::router::source::Source;
use crate::router::stream::{broken_off, failure_of};
use crate::router::trace::Preview;
use crate::router::voice::{Framing, Spoken, Voice};
use crate::translate::responses::{Create, OutputRecord, finished_response};
use crate::translate::sse::Frame;
use crate::translate::{EventKind, Failure, UpstreamKind};

const OPENAI_MODEL: HeaderName = HeaderName::from_static("openai-model");

/// What lasts as long as a client's socket.
pub(super) struct Talk {
    /// As it introduced itself in the handshake.
    pub(super) client: Client,
    /// As it was let in.
    pub(super) caller: Caller,
    pub(super) history: History,
    pub(super) line: Line,
}

/// A request that has come and not yet been answered.
pub(super) struct Waiting {
    pub(super) create: Box<Create>,
    /// The room that it takes.
    pub(super) held: Held,
}

/// Answers one request; everything that the client is to hear goes to `say`. Dropping the future drops the upstream's answer.
pub(super) async fn answer(
    house: &Arc<House>,
    talk: &mut Talk,
    waiting: Waiting,
    say: mpsc::Sender<Utf8Bytes>,
) {
    let now = house.keys.again(&talk.caller);
    let caller = now.as_ref().unwrap_or(&talk.caller).clone();
    let mut record = open_record(house, caller);
    record.note(|done| done.model.clone_from(&waiting.create.model));
    if house.limits.preview_bytes > 0 {
        let preview = Preview::of(waiting.create.text(), house.limits.preview_bytes);
        record.note(|done| done.preview = Some(preview));
    }
    let answered = match now {
        Ok(_caller) => answered(house, talk, waiting, &mut record, &say).await,
        Err(refusal) => Err(refusal),
    };
    if let Err(refusal) = answered {
        let message = refuse(refusal, &mut record);
        say_text(&say, message).await;
    }
}

pub(super) fn open_record(house: &Arc<House>, caller: Caller) -> Record {
    let id = format!("req_{}", random_id());
    Record::open(house.clone(), id, Dialect::Responses, caller)
}

/// The refusal as a message, and in the record.
pub(super) fn refuse(refusal: Refusal, record: &mut Record) -> Bytes {
    // Never its sentence: an upstream's may quote the prompt.
    debug!(
        request = record.id(),
        status = refusal.status().as_u16(),
        code = refusal.code(),
        "refused"
    );
    record.note_error(refusal.code());
    let (status, message) = refusal.into_message();
    record.close(status.as_u16(), false);
    message
}

/// Whether it could be said: the session that listens may be gone, and this with it at any moment.
async fn say_text(say: &mpsc::Sender<Utf8Bytes>, text: Bytes) -> bool {
    match Utf8Bytes::try_from(text) {
        Ok(text) => say.send(text).await.is_ok(),
        Err(_not_text) => false,
    }
}

async fn answered(
    house: &Arc<House>,
    talk: &mut Talk,
    waiting: Waiting,
    record: &mut Record,
    say: &mpsc::Sender<Utf8Bytes>,
) -> Result<(), Refusal> {
    let Waiting {
        mut create,
        mut held,
    } = waiting;
    record.take_place().await?;
    // As with a POST: what Codex asks for is not ours to change.
    let meant = match talk.client.is_codex {
        true => create.model.as_str(),
        false => house.model_map.own_model_for(&create.model),
    };
    let model = record.caller().text_model(&create.model, meant)?;
    if model != create.model {
        create.set_model(&model)?;
    }
    let _slot = house.in_flight.enter().await.ok_or(Refusal::Busy)?;
    let before = match &create.previous_response_id {
        None => Some(Vec::new()),
        Some(id) => {
            let known = talk.history.up_to(id);
            // Forgotten here, and the other end still knows it: then it is leaned on there or not at all.
            if known.is_none() && !talk.line.made(id) {
                return Err(Refusal::NoSuchResponse { id: id.clone() });
            }
            known
        }
    };
    // It may have to be put together with all that was before.
    let bytes_before: usize = before.iter().flatten().map(Bytes::len).sum();
    held.grow_to(create.bytes() + bytes_before)?;
    record.note_request(create.text().len() + bytes_before);
    let own_bytes = create.input().iter().map(cost_of).sum();
    let client = talk.client.clone();
    talk.client.forget_turn();
    let line = std::mem::take(&mut talk.line);
    let mut ask = Ask::of_message(create, before, line, client, held);
    let opening = first_good(house, &mut ask, record).await;
    talk.line = ask.line.take().unwrap_or_default();
    let opening = opening?;
    let source = match opening.content {
        Content::Events(source) => source,
        // Nobody asked for one document.
        Content::Whole(_) => return Err(Refusal::Failed(Box::new(Failure::unreadable_event()))),
    };
    talk.line.note(&opening.attempt.member().name);
    if ask.client.is_codex {
        // The limits in the headers of a handshake come once more as events.
        let limits = (!source.is_socket()).then(|| rate_limits::event_of(&opening.headers));
        for event in limits
            .flatten()
            .into_iter()
            .chain(metadata_of(&opening.headers))
        {
            say_text(say, event.into()).await;
        }
    }
    let voice = match (ask.client.is_codex, opening.kind) {
        (true, _) => Voice::Codex,
        (false, UpstreamKind::ChatGpt) => {
            let record = OutputRecord::new(ask.model.as_str(), unix_secs());
            Voice::sdk_in(Framing::Message, Some(record))
        }
        (
            false,
            UpstreamKind::OpenAi
            | UpstreamKind::Azure
            | UpstreamKind::OldAzure
            | UpstreamKind::Compatible,
        ) => Voice::sdk_in(Framing::Message, None),
    };
    let model = ask.model.clone();
    // The body is not needed any more, and with it goes the room that it took; its items are.
    let (conversation, mut held) = ask.into_conversation();
    held.shrink_to(own_bytes);
    let answer = Answer {
        house,
        attempt: opening.attempt,
        model,
        voice,
        output: Output::new(house.limits.socket_history_bytes, held, own_bytes),
        conversation,
    };
    answer.play(source, talk, record, say).await
}

/// What Codex would have read in the headers of a POST or of its own handshake, in the event by which it hears it on a socket
/// that is open already (`openai/codex: codex-rs/codex-api/src/sse/responses.rs`).
fn metadata_of(headers: &HeaderMap) -> Option<String> {
    let said = [OPENAI_MODEL, TURN_STATE].into_iter().filter_map(|name| {
        let value = headers.get(&name)?.to_str().ok()?; // no text: nothing that Codex reads
        Some((name.as_str().to_owned(), value.into()))
    });
    let said: Map<String, Value> = said.collect();
    (!said.is_empty()).then(|| json!({ "type": "response.metadata", "headers": said }).to_string())
}

/// An answer that has begun.
struct Answer<'h> {
    house: &'h Arc<House>,
    attempt: Attempt,
    model: String,
    voice: Voice,
    output: Output,
    /// Up to the answer, if it is known.
    conversation: Option<Vec<Bytes>>,
}

impl Answer<'_> {
    /// Says event after event to the client.
    ///
    /// # Errors
    /// What the client is told instead of an end, when there is none.
    async fn play(
        mut self,
        mut source: Source,
        talk: &mut Talk,
        record: &mut Record,
        say: &mpsc::Sender<Utf8Bytes>,
    ) -> Result<(), Refusal> {
        let mut stage = self.house.stage.clone();
        loop {
            let next = tokio::select! {
                next = source.next() => next,
                _ended = stage.wait_for(|stage| *stage >= Stage::Ending) => {
                    self.attempt.tell(AttemptResult::Abandoned);
                    return Err(Refusal::Stopping);
                }
            };
            let frame = match next {
                Ok(frame) if frame.has_data() => frame,
                Ok(_comment) => continue,
                Err(broken) => {
                    debug!(error = %broken, request = record.id(), "an answer broke off");
                    self.attempt.tell(broken_off(&broken));
                    return Err(Refusal::Failed(Box::new(failure_of(&broken))));
                }
            };
            let kind = EventKind::of_frame(&frame);
            if !kind.is_handshake() {
                self.attempt.note_token(record);
            }
            if kind == EventKind::CodexRateLimits {
                rate_limits::note(&frame.data, &mut self.attempt.usage);
            }
            self.output.note(kind, &frame.data);
            let finished = finished_response(kind, &frame.data);
            let data = frame.data.clone();
            // A socket's message is the data alone.
            let bare = Frame {
                raw: frame.data.clone(),
                ..frame
            };
            match self.voice.say(kind, bare, &mut Vec::new()) {
                Spoken::Nothing | Spoken::Written => {}
                Spoken::AsItCame(bytes) => {
                    if !say_text(say, bytes).await {
                        self.attempt.tell(AttemptResult::Cut);
                        let failure = Failure::unreadable_event();
                        return Err(Refusal::Failed(Box::new(failure)));
                    }
                }
                Spoken::Last {
                    bytes,
                    tokens,
                    failure,
                } => {
                    record.note(|done| done.tokens = tokens);
                    return match failure {
                        None => {
                            self.complete(source, finished, talk, record);
                            say_text(say, bytes).await;
                            Ok(())
                        }
                        Some(failure) => {
                            let said = ErrorMessage::read(kind, &data);
                            let setback = self.fail(said.as_ref(), &failure);
                            // The request was refused and the response has ended. After anything else there is no telling
                            // what may still come, and it would be read as the next answer.
                            let is_at_rest = kind == EventKind::Failed
                                && matches!(setback, Setback::ClientFault(_));
                            let socket = source.into_socket().filter(|_| is_at_rest);
                            talk.line.give_back(socket, None);
                            if let Some(said) = said {
                                return Err(said.into_refusal(&talk.client, *failure));
                            }
                            // Codex passes over an error without a status, and over what it cannot read, and goes on waiting.
                            if kind != EventKind::Failed || *failure == Failure::unreadable_event()
                            {
                                return Err(Refusal::Failed(failure));
                            }
                            record.note_error(failure.code);
                            record.close(failure.status.unwrap_or(200), false);
                            say_text(say, bytes).await;
                            Ok(())
                        }
                    };
                }
            }
        }
    }

    /// The answer is whole: what was said is known from here on.
    fn complete(
        mut self,
        mut source: Source,
        finished: Option<(String, Vec<Bytes>)>,
        talk: &mut Talk,
        record: &mut Record,
    ) {
        self.attempt.tell(AttemptResult::Served);
        record.close(200, true);
        let Some((id, of_last_event)) = finished else {
            // Without a name nobody can lean on it.
            talk.line.give_back(source.into_socket(), None);
            return;
        };
        let output = self.output.finish(of_last_event);
        if let Some((mut conversation, output)) = self.conversation.zip(output) {
            conversation.extend(output);
            talk.history.remember(id.clone(), conversation);
        }
        source.end_now();
        talk.line.give_back(source.into_socket(), Some(&id));
    }

    /// The upstream ended the answer with a failure.
    fn fail(&mut self, said: Option<&ErrorMessage>, failure: &Failure) -> Setback {
        let now = SystemTime::now();
        let setback = match said {
            Some(said) => said.setback(now),
            None => Setback::of_event(failure.clone(), now),
        };
        let result = setback.result(&self.model);
        self.attempt.tell(result.unwrap_or(AttemptResult::Cut));
        setback
    }
}
