//! `POST /v1/images/generations`: made by the hosted tool of a ChatGPT account, or passed on to an API key.

use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderMap;

use super::House;
use super::ask::Ask;
use super::body::RequestBody;
use super::forward;
use super::headers::Client;
use super::reply::Refusal;
use super::report::{Dialect, Record};
use super::serve::{Answered, unix_secs};
use super::translated::{self, Made, Wanted};
use super::voice::Voice;
use crate::pool::{Access, choose};
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
        let held = body.held.none();
        let ask = Ask::of_image(&request, dropped.clone(), HOST_MODEL, client, held);
        let wanted = if request.stream {
            Wanted::Events(Voice::Image(Box::new(ImageWriter::new(&request, created))))
        } else {
            Wanted::Whole(ResponsesAnswer::new(HOST_MODEL, created))
        };
        match translated::ask(house, ask, wanted, record).await? {
            Made::Events(streamed) => return Ok(Answered::Events(streamed)),
            Made::Whole(answer, of_reply) => {
                headers = of_reply;
                all.add(answer).map_err(Refusal::Failed)?;
            }
        }
    }
    record.note(|done| done.tokens = all.usage());
    Ok(translated::document(all.finish(), headers))
}

/// Whether the pool would ask an API key first: that has the endpoint itself.
fn is_keys_turn(house: &House) -> bool {
    let pool = house.pool.borrow().clone();
    let choice = choose(&pool, SystemTime::now());
    let first = choice.candidates.first();
    first.is_some_and(|first| matches!(first.member.access, Access::ApiKey { .. }))
}
