//! `POST /v1/responses`: the upstreams' own dialect. Codex's bytes pass untouched in both directions; other clients get the
//! public form of what the backend says.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;

use super::ask::Ask;
use super::attempt::{Attempt, Content};
use super::body::RequestBody;
use super::headers::{Client, MODELS_ETAG};
use super::reply::Refusal;
use super::report::{AttemptResult, Record};
use super::serve::{Answered, Streamed, unix_secs};
use super::source::Source;
use super::translated;
use super::voice::Voice;
use super::{House, models, search, whole};
use crate::translate::models::with_model;
use crate::translate::responses::{
    OutputRecord, ResponsesAnswer, ResponsesRequest, TokenUsage, without_owner,
};
use crate::translate::{AnswerCollector, UpstreamKind};

pub(super) async fn answer(
    house: &Arc<House>,
    head: &HeaderMap,
    body: RequestBody,
    record: &mut Record,
) -> Result<Answered, Refusal> {
    let (request, bytes, client) = understood(house, head, body.bytes, record)?;
    let mut ask = Ask::of_responses(request, bytes, client, body.held);
    let mut opening = search::first_good(house, &mut ask, record).await?;
    let mut headers = ask.client.reply_headers(&opening.headers);
    if let Some(etag) = models::etag_for(house, &ask.client, record.caller()) {
        headers.insert(MODELS_ETAG, etag);
    }
    let source = match opening.content {
        Content::Events(source) => source,
        Content::Whole(body) => {
            note_served(&body, &mut opening.attempt, record);
            return Ok(translated::document(body, headers));
        }
    };
    if ask.is_stream {
        let voice = match (ask.client.is_codex, opening.kind) {
            (true, _) => Voice::Codex,
            (false, UpstreamKind::ChatGpt) => {
                Voice::sdk(Some(OutputRecord::new(ask.model.as_str(), unix_secs())))
            }
            (
                false,
                UpstreamKind::OpenAi
                | UpstreamKind::Azure
                | UpstreamKind::OldAzure
                | UpstreamKind::Compatible,
            ) => Voice::sdk(None),
        };
        return Ok(Answered::Events(Box::new(Streamed {
            source,
            voice,
            attempt: opening.attempt,
            model: ask.model,
            headers,
        })));
    }
    let body = collected(house, ask, source, &mut opening.attempt, record).await?;
    Ok(translated::document(body, headers))
}

/// What is asked and by whom, with the model that the user means by the name that came.
///
/// # Errors
/// When the body is no request of this dialect.
pub(super) fn understood(
    house: &House,
    head: &HeaderMap,
    mut bytes: Bytes,
    record: &mut Record,
) -> Result<(ResponsesRequest, Bytes, Client), Refusal> {
    let mut request = ResponsesRequest::read(&bytes)?;
    record.note(|done| done.model.clone_from(&request.model));
    let client = Client::of(head);
    // Codex knows the models of its backend, and its bytes are not ours to change; the owner of its key may.
    let meant = match client.is_codex {
        true => request.model.as_str(),
        false => house.model_map.own_model_for(&request.model),
    };
    let model = record.caller().text_model(&request.model, meant)?;
    if model != request.model {
        bytes = with_model(&bytes, &model)?;
        request.model = model;
    }
    Ok((request, bytes, client))
}

/// A document has come that goes on as it is.
pub(super) fn note_served(document: &[u8], attempt: &mut Attempt, record: &mut Record) {
    record.note_first_token();
    record.note(|done| done.tokens = tokens_of(document));
    attempt.tell(AttemptResult::Served);
}

/// The whole `response` object out of its events.
pub(super) async fn collected(
    house: &House,
    mut ask: Ask,
    source: Source,
    attempt: &mut Attempt,
    record: &mut Record,
) -> Result<Vec<u8>, Refusal> {
    let mut answer = ResponsesAnswer::new(ask.model.as_str(), unix_secs());
    let model = std::mem::take(&mut ask.model);
    drop(ask);
    let collected =
        whole::collect(
            house,
            &model,
            source,
            attempt,
            record,
            |kind, data| match without_owner(kind, data) {
                Some(data) => answer.push_kind(kind, &data),
                None => answer.push_kind(kind, data),
            },
        );
    collected.await?;
    record.note(|done| done.tokens = answer.usage());
    answer.finish().map_err(Refusal::Failed)
}

/// The cost that a whole document tells. It has the fields of the `response` object in a last event.
fn tokens_of(document: &[u8]) -> Option<TokenUsage> {
    use crate::translate::EventKind;
    use crate::translate::responses::TerminalEvent;

    let mut event = Vec::with_capacity(document.len() + 16);
    event.extend_from_slice(b"{\"response\":");
    event.extend_from_slice(document);
    event.push(b'}');
    TerminalEvent::read(EventKind::Completed, &event)?.usage
}
