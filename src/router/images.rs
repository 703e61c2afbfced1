//! `POST /v1/images/generations` and `/v1/images/edits`: made by the hosted tool of a ChatGPT account, or passed on to an API key
//! as it came.

use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderMap;

use super::House;
use super::ask::Ask;
use super::body::RequestBody;
use super::forward;
use super::headers::{Client, content_type_of};
use super::keys::Caller;
use super::reply::Refusal;
use super::report::{Dialect, Record};
use super::serve::{Answered, unix_secs};
use super::translated::{self, Made, Wanted};
use super::voice::Voice;
use crate::pool::{Access, choose_for};
use crate::translate::images::{ImageAnswer, ImageRequest, ImageWriter, is_hosted};
use crate::translate::responses::ResponsesAnswer;

/// Who calls the tool on a ChatGPT account: any model that has it would do.
const HOST_MODEL: &str = "gpt-5.5";

/// The room that an edit takes, in times of its body: its pictures as base64, in the request, in one call of the tool, and in
/// what is sent for it.
const EDIT_TIMES: usize = 4;

pub(super) async fn answer(
    house: &Arc<House>,
    dialect: Dialect,
    head: &HeaderMap,
    body: RequestBody,
    record: &mut Record,
) -> Result<Answered, Refusal> {
    forward::check_form(content_type_of(head), &body.bytes)?;
    if !is_hosted(&forward::model_of(content_type_of(head), &body.bytes))
        || is_keys_turn(house, record.caller())
    {
        return forward::answer(house, dialect, head, body, record).await;
    }
    let RequestBody { bytes, mut held } = body;
    let mut request = if dialect == Dialect::ImageEdits {
        held.grow_to(bytes.len().saturating_mul(EDIT_TIMES))?;
        ImageRequest::read_edit(content_type_of(head), &bytes, HOST_MODEL)?
    } else {
        ImageRequest::read(&bytes, HOST_MODEL)?
    };
    drop(bytes);
    record.note(|done| done.model.clone_from(&request.model));
    record
        .caller()
        .check_model(&request.model, &request.model)?;
    let created = unix_secs();
    let dropped = std::mem::take(&mut request.dropped);
    let mut all = ImageAnswer::new(&request, created);
    let mut headers = HeaderMap::new();
    let mut made = 0;
    // One after the other: eight pictures at once would look like eight clients.
    for _ in 0..request.count {
        let client = Client::plain(head);
        // The room is held here, for all of its pictures.
        let held = held.none();
        let ask = Ask::of_image(&request, dropped.clone(), HOST_MODEL, client, held);
        let wanted = if request.stream {
            Wanted::Events(Voice::Image(Box::new(ImageWriter::new(&request, created))))
        } else {
            Wanted::Whole(ResponsesAnswer::new(HOST_MODEL, created))
        };
        let asked = translated::ask(house, ask, wanted, record).await;
        match asked.map_err(|refusal| refusal.after_pictures(made))? {
            Made::Events(streamed) => return Ok(Answered::Events(streamed)),
            Made::Whole(answer, of_reply) => {
                headers = of_reply;
                let added = all.add(answer).map_err(Refusal::Failed);
                // What was made has cost, whatever comes after it.
                record.note(|done| done.tokens = all.usage());
                added.map_err(|refusal| refusal.after_pictures(made))?;
                made += 1;
            }
        }
    }
    Ok(translated::document(all.finish(), headers))
}

/// Whether the pool would ask a key first: behind that is the endpoint itself.
fn is_keys_turn(house: &House, caller: &Caller) -> bool {
    let pool = house.pool.borrow().clone();
    let choice = choose_for(&pool, caller.need(), SystemTime::now());
    let first = choice.candidates.first();
    first.is_some_and(|first| !matches!(first.member.access, Access::ChatGpt { .. }))
}
