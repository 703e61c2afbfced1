//! `POST /v1/completions`: the dialect of before chats, one upstream request a prompt.

use std::sync::Arc;

use http::HeaderMap;

use super::House;
use super::body::RequestBody;
use super::chat;
use super::reply::Refusal;
use super::report::Record;
use super::serve::{Answered, random_id, unix_secs};
use super::translated::{self, Made};
use crate::translate::completions::{CompletionAnswer, responses_from_completion};

pub(super) async fn answer(
    house: &Arc<House>,
    head: &HeaderMap,
    body: RequestBody,
    record: &mut Record,
) -> Result<Answered, Refusal> {
    let request = responses_from_completion(&body.bytes)?;
    record.note(|done| done.model.clone_from(&request.model));
    let (id, created) = (format!("cmpl-{}", random_id()), unix_secs());
    let mut whole = None;
    let mut headers = HeaderMap::new();
    // One after the other: twenty prompts at once would look like twenty clients.
    for chat in request.chats {
        let reply_head = chat.reply_head(id.as_str(), created);
        let whole = whole.get_or_insert_with(|| CompletionAnswer::new(&reply_head));
        // The body's room is held here, for all of its prompts.
        match chat::ask(house, head, chat, reply_head, body.held.none(), record).await? {
            Made::Events(streamed) => return Ok(Answered::Events(streamed)),
            Made::Whole(answer, of_reply) => {
                headers = of_reply;
                whole.add(answer).map_err(Refusal::Failed)?;
            }
        }
    }
    let usage = whole.as_ref().and_then(CompletionAnswer::usage);
    record.note(|done| done.tokens = usage);
    let body = whole.map(CompletionAnswer::finish).unwrap_or_default();
    Ok(translated::document(body, headers))
}
