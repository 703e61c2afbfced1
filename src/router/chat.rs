//! `POST /v1/chat/completions`: translated on the way in and on the way out.

use std::sync::Arc;

use http::HeaderMap;

use super::ask::Ask;
use super::attempt::Content;
use super::body::{Held, RequestBody};
use super::headers::Client;
use super::reply::{self, Refusal};
use super::report::Record;
use super::serve::{Answered, Streamed, random_id, unix_secs};
use super::voice::Voice;
use super::{House, search, whole};
use crate::translate::Failure;
use crate::translate::chat::{
    ChatAnswer, ChatReplyHead, ChatRequest, ChunkWriter, responses_from_chat,
};

pub(super) async fn answer(
    house: &Arc<House>,
    head: &HeaderMap,
    body: RequestBody,
    record: &mut Record,
) -> Result<Answered, Refusal> {
    let request = responses_from_chat(&body.bytes)?;
    record.note(|done| done.model.clone_from(&request.model));
    let reply_head = request.reply_head(format!("chatcmpl-{}", random_id()), unix_secs());
    match ask(house, head, request, reply_head, body.held, record).await? {
        Asked::Events(streamed) => Ok(Answered::Events(streamed)),
        Asked::Whole(answer, headers) => {
            record.note(|done| done.tokens = answer.usage());
            let body = answer.finish().map_err(Refusal::Failed)?;
            let mut reply = reply::json(body);
            reply.headers_mut().extend(headers);
            Ok(Answered::Whole(reply))
        }
    }
}

/// What an upstream made of a chat.
pub(super) enum Asked {
    Events(Box<Streamed>),
    /// A complete answer, and the headers that go with it.
    Whole(Box<ChatAnswer>, HeaderMap),
}

/// Asks upstreams for the answer to a chat.
///
/// # Errors
/// The reply for the client when none answers, or not to the end.
pub(super) async fn ask(
    house: &Arc<House>,
    head: &HeaderMap,
    mut request: ChatRequest,
    reply_head: ChatReplyHead,
    held: Held,
    record: &mut Record,
) -> Result<Asked, Refusal> {
    // What Codex says of itself belongs to its own dialect; here everybody is a plain client.
    let mut ask = Ask::of_chat(&mut request, Client::plain(head), held);
    let mut opening = search::first_good(house, &mut ask, record).await?;
    let headers = ask.client.reply_headers(&opening.headers);
    let source = match opening.content {
        Content::Events(source) => source,
        // Every body that we translate asks for a stream, so this is no answer to it.
        Content::Whole(body) => {
            return Err(Refusal::Failed(Box::new(Failure::from_body(&body))));
        }
    };
    if ask.is_stream {
        return Ok(Asked::Events(Box::new(Streamed {
            source,
            voice: Voice::Chat(Box::new(ChunkWriter::new(reply_head))),
            attempt: opening.attempt,
            model: ask.model,
            headers,
        })));
    }
    let mut answer = ChatAnswer::new(reply_head);
    let model = std::mem::take(&mut ask.model);
    drop(ask);
    let collected = whole::collect(
        house,
        &model,
        source,
        &mut opening.attempt,
        record,
        |kind, data| answer.push_kind(kind, data),
    );
    collected.await?;
    Ok(Asked::Whole(Box::new(answer), headers))
}
