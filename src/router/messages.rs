//! `POST /v1/messages`, translated on the way in and on the way out, and `POST /v1/messages/count_tokens`.

use std::sync::Arc;

use http::{HeaderMap, HeaderName};

use super::House;
use super::ask::Ask;
use super::body::RequestBody;
use super::headers::Client;
use super::reply::{self, Refusal};
use super::report::Record;
use super::serve::{Answered, random_id};
use super::translated::{self, Wanted};
use super::voice::Voice;
use crate::translate::images::text_model;
use crate::translate::messages::{
    MessageAnswer, MessageWriter, count_tokens, responses_from_messages,
};

/// Where the Anthropic SDKs look for the id of a request.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const VERSION: HeaderName = HeaderName::from_static("anthropic-version");
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Whether a client expects the shapes of the Messages API: by the path, or where paths are shared by what it sends along.
pub(super) fn is_spoken(path: &str, headers: &HeaderMap) -> bool {
    let below = path.strip_prefix("/v1").unwrap_or(path);
    let is_below = |root: &str| {
        let rest = below.strip_prefix(root);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    is_below("/messages")
        || headers.contains_key(VERSION)
        || (is_below("/models") && headers.contains_key(API_KEY))
}

pub(super) async fn answer(
    house: &Arc<House>,
    head: &HeaderMap,
    body: RequestBody,
    record: &mut Record,
) -> Result<Answered, Refusal> {
    let mut request = responses_from_messages(&body.bytes)?;
    record.note(|done| done.model.clone_from(&request.model));
    let reply_head = request.reply_head(format!("msg_{}", random_id()));
    let meant = house.model_map.model_for(&request.model);
    let model = record.caller().text_model(&request.model, meant)?;
    text_model(&model)?;
    let wanted = if request.stream {
        Wanted::Events(Voice::Messages(Box::new(MessageWriter::new(reply_head))))
    } else {
        Wanted::Whole(MessageAnswer::new(reply_head))
    };
    let ask = Ask::of_messages(&mut request, model, Client::plain(head), body.held);
    let made = translated::ask(house, ask, wanted, record).await?;
    made.into_answered(record, MessageAnswer::finish)
}

/// Counts what a request would cost. No profile is asked, so an empty pool can count as well.
pub(super) async fn count(body: RequestBody, record: &mut Record) -> Result<Answered, Refusal> {
    let request = responses_from_messages(&body.bytes)?;
    record.note(|done| {
        done.model.clone_from(&request.model);
        done.dropped.clone_from(&request.dropped);
    });
    // Seconds of work for the largest bodies: not where everybody's requests are served.
    let counted = tokio::task::spawn_blocking(move || count_tokens(&request)).await;
    let tokens = counted.map_err(|_panicked| Refusal::Panicked)?;
    drop(body);
    Ok(Answered::Whole(reply::json(format!(
        "{{\"input_tokens\":{tokens}}}"
    ))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_spoken_by_path_by_version_or_by_key() {
        let headers = |name: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, http::HeaderValue::from_static("x"));
            headers
        };
        let none = HeaderMap::new();
        for (path, headers, is_spoken_there) in [
            ("/v1/messages", &none, true),
            ("/messages", &none, true),
            ("/v1/messages/count_tokens", &none, true),
            ("/v1/messages/batches", &none, true),
            ("/v1/messagesx", &none, false),
            ("/v1/models", &none, false),
            ("/v1/models", &headers("anthropic-version"), true),
            ("/models/x", &headers("x-api-key"), true),
            ("/v1/models", &headers("api-key"), false),
            ("/v1/chat/completions", &headers("x-api-key"), false),
        ] {
            assert_eq!(is_spoken(path, headers), is_spoken_there, "{path}");
        }
    }
}
