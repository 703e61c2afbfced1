//! `POST /v1/images/generations`: made by the hosted tool of a ChatGPT account, or passed on to an API key.

use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderMap;

use super::House;
use super::ask::Ask;
use super::attempt::Content;
use super::body::RequestBody;
use super::forward;
use super::headers::Client;
use super::reply::{self, Refusal};
use super::report::{Dialect, Record};
use super::search;
use super::serve::{Answered, Streamed, unix_secs};
use super::voice::Voice;
use super::whole;
use crate::pool::{Access, choose};
use crate::translate::Failure;
use crate::translate::images::{ImageAnswer, ImageRequest, ImageWriter, is_hosted};
use crate::translate::responses::ResponsesAnswer;

/// Who calls the tool on a ChatGPT account: any model that has it would do.
const HOST_MODEL: &str = "gpt-5.5";

pub(super) async fn answer(
    house: &Arc<House>,
    head: &HeaderMap,
    body: RequestBody,
    record: &mut Record,
) -> Result<Answered, Refusal> {
    if !is_hosted(&forward::model_of(&body.bytes)) || is_keys_turn(house) {
        return forward::answer(house, Dialect::Images, head, body, record).await;
    }
    let mut request = ImageRequest::read(&body.bytes, HOST_MODEL)?;
    record.note(|done| done.model.clone_from(&request.model));
    let created = unix_secs();
    let dropped = std::mem::take(&mut request.dropped);
    let mut all = ImageAnswer::new(&request, created);
    let mut headers = HeaderMap::new();
    // One after the other: ten pictures at once would look like ten clients.
    for _ in 0..request.count {
        let client = Client::plain(head);
        let mut ask = Ask::of_image(
            &request,
            dropped.clone(),
            HOST_MODEL,
            client,
            body.held.none(),
        );
        let mut opening = search::first_good(house, &mut ask, record).await?;
        headers = ask.client.reply_headers(&opening.headers);
        let source = match opening.content {
            Content::Events(source) => source,
            // Every body that we translate asks for a stream, so this is no answer to it.
            Content::Whole(body) => {
                return Err(Refusal::Failed(Box::new(Failure::from_body(&body))));
            }
        };
        if request.stream {
            return Ok(Answered::Events(Box::new(Streamed {
                source,
                voice: Voice::Image(Box::new(ImageWriter::new(&request, created))),
                attempt: opening.attempt,
                model: ask.model,
                headers,
            })));
        }
        let mut answer = ResponsesAnswer::new(HOST_MODEL, created);
        let collected = whole::collect(
            house,
            HOST_MODEL,
            source,
            &mut opening.attempt,
            record,
            |kind, data| answer.push_kind(kind, data),
        );
        collected.await?;
        all.add(answer).map_err(Refusal::Failed)?;
    }
    record.note(|done| done.tokens = all.usage());
    let mut reply = reply::json(all.finish());
    reply.headers_mut().extend(headers);
    Ok(Answered::Whole(reply))
}

/// Whether the pool would ask an API key first: that has the endpoint itself.
fn is_keys_turn(house: &House) -> bool {
    let pool = house.pool.borrow().clone();
    let choice = choose(&pool, SystemTime::now());
    let first = choice.candidates.first();
    first.is_some_and(|first| matches!(first.member.access, Access::ApiKey { .. }))
}
