//! A request that was translated on the way in, and its answer on the way out: the same steps for every such dialect.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;

use super::ask::Ask;
use super::attempt::Content;
use super::reply::{self, Refusal};
use super::report::Record;
use super::serve::{Answered, Streamed};
use super::voice::Voice;
use super::{House, search, whole};
use crate::translate::{AnswerCollector, Failure};

/// How the client wants its answer.
pub(super) enum Wanted<A> {
    Events(Voice),
    Whole(A),
}

/// What an upstream made of the request.
pub(super) enum Made<A> {
    Events(Box<Streamed>),
    /// A complete answer, and the headers that go with it.
    Whole(A, HeaderMap),
}

/// Asks upstreams for the answer to one translated request.
///
/// # Errors
/// The reply for the client when none answers, or not to the end.
pub(super) async fn ask<A: AnswerCollector>(
    house: &Arc<House>,
    mut ask: Ask,
    wanted: Wanted<A>,
    record: &mut Record,
) -> Result<Made<A>, Refusal> {
    let mut opening = search::first_good(house, &mut ask, record).await?;
    let headers = ask.client.reply_headers(&opening.headers);
    let source = match opening.content {
        Content::Events(source) => source,
        // Every body that we translate asks for a stream, so this is no answer to it.
        Content::Whole(body) => {
            return Err(Refusal::Failed(Box::new(Failure::from_body(&body))));
        }
    };
    let model = std::mem::take(&mut ask.model);
    drop(ask);
    match wanted {
        Wanted::Events(voice) => Ok(Made::Events(Box::new(Streamed {
            source,
            voice,
            attempt: opening.attempt,
            model,
            headers,
        }))),
        Wanted::Whole(mut answer) => {
            let attempt = &mut opening.attempt;
            let collected = whole::collect(house, &model, source, attempt, record, |kind, data| {
                answer.push_kind(kind, data)
            });
            collected.await?;
            Ok(Made::Whole(answer, headers))
        }
    }
}

impl<A: AnswerCollector> Made<A> {
    /// The answer to a client that sent one request for one answer.
    ///
    /// # Errors
    /// When the answer that was collected cannot be told.
    pub(super) fn into_answered(
        self,
        record: &mut Record,
        told: impl FnOnce(A) -> Result<Vec<u8>, Box<Failure>>,
    ) -> Result<Answered, Refusal> {
        match self {
            Self::Events(streamed) => Ok(Answered::Events(streamed)),
            Self::Whole(answer, headers) => {
                record.note(|done| done.tokens = answer.usage());
                Ok(document(told(answer).map_err(Refusal::Failed)?, headers))
            }
        }
    }
}

/// A whole document, with the headers that belong to it.
pub(super) fn document(body: impl Into<Bytes>, headers: HeaderMap) -> Answered {
    Answered::Whole(reply::json_with(headers, body))
}
