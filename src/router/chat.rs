//! `POST /v1/chat/completions`: translated on the way in and on the way out.

use std::sync::Arc;

use http::HeaderMap;

use super::House;
use super::ask::Ask;
use super::body::{Held, RequestBody};
use super::headers::Client;
use super::reply::Refusal;
use super::report::Record;
use super::serve::{Answered, random_id, unix_secs};
use super::translated::{self, Made, Wanted};
use super::voice::Voice;
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
    let made = ask(house, head, request, reply_head, body.held, record).await?;
    made.into_answered(record, ChatAnswer::finish)
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
) -> Result<Made<ChatAnswer>, Refusal> {
    let wanted = if request.stream {
        Wanted::Events(Voice::Chat(Box::new(ChunkWriter::new(reply_head))))
    } else {
        Wanted::Whole(ChatAnswer::new(reply_head))
    };
    let meant = house.model_map.own_model_for(&request.model);
    let model = record.caller().text_model(&request.model, meant)?;
    // What Codex says of itself belongs to its own dialect; here everybody is a plain client.
    let ask = Ask::of_chat(&mut request, model, Client::plain(head), held);
    translated::ask(house, ask, wanted, record).await
}
