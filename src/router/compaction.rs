//! `POST /v1/responses/compact`: a conversation becomes one item that stands for it.
//!
//! An upstream that has this endpoint gets the body as it came. One that has none, like the ChatGPT backend since August 2026,
//! is asked by an ordinary request that ends with a trigger, and the item is folded back into the endpoint's own answer.
//!
//! What stands in the item is sealed for the account that made it, and for others of its workspace. The session stays there; once
//! another account has to answer, it refuses the item with 400 `invalid_encrypted_content`: Codex shows that, and nothing is made
//! up in its place.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderMap;

use super::House;
use super::ask::Ask;
use super::attempt::Content;
use super::body::RequestBody;
use super::reply::Refusal;
use super::report::Record;
use super::responses::{collected, note_served, understood};
use super::search;
use super::serve::Answered;
use super::translated;
use crate::translate::responses::compaction_of_response;
use crate::translate::{Failure, UpstreamKind};

/// How long an upstream that has no such endpoint is not asked for it again.
const GONE_LASTS: Duration = Duration::from_secs(6 * 3_600);

/// Which kinds of upstream were seen to lack the endpoint, and when.
#[derive(Debug, Default)]
pub(super) struct Lacking(Mutex<Vec<(UpstreamKind, Instant)>>);

impl Lacking {
    pub(super) fn has(&self, kind: UpstreamKind, now: Instant) -> bool {
        self.with(|all| {
            all.iter()
                .any(|(lacking, at)| *lacking == kind && now < *at + GONE_LASTS)
        })
    }

    pub(super) fn note(&self, kind: UpstreamKind, now: Instant) {
        self.with(|all| {
            all.retain(|(lacking, _)| *lacking != kind);
            all.push((kind, now));
        });
    }

    fn with<T>(&self, look: impl FnOnce(&mut Vec<(UpstreamKind, Instant)>) -> T) -> T {
        // A panic elsewhere leaves the list as usable as it was.
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

pub(super) async fn answer(
    house: &Arc<House>,
    head: &HeaderMap,
    body: RequestBody,
    record: &mut Record,
) -> Result<Answered, Refusal> {
    let (request, bytes, client) = understood(house, head, body.bytes, record)?;
    let mut ask = Ask::of_compaction(request, bytes, client, body.held);
    let mut opening = search::first_good(house, &mut ask, record).await?;
    let headers = ask.client.reply_headers(&opening.headers);
    let document = match opening.content {
        Content::Whole(document) => {
            note_served(&document, &mut opening.attempt, record);
            document
        }
        Content::Events(source) => {
            let response = collected(house, ask, source, &mut opening.attempt, record).await?;
            let folded = compaction_of_response(&response);
            let folded = folded.ok_or_else(|| Refusal::Failed(Box::new(not_compacted())))?;
            folded.into()
        }
    };
    Ok(translated::document(document, headers))
}

fn not_compacted() -> Failure {
    Failure {
        code: Some("upstream_compaction_missing".to_owned()),
        kind: Some("upstream_error".to_owned()),
        message: "the upstream answered without compacting the conversation".to_owned(),
        ..Failure::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_endpoint_is_remembered_for_a_while() {
        let lacking = Lacking::default();
        let now = Instant::now();
        assert!(!lacking.has(UpstreamKind::ChatGpt, now));
        lacking.note(UpstreamKind::ChatGpt, now);
        assert!(lacking.has(UpstreamKind::ChatGpt, now));
        assert!(!lacking.has(UpstreamKind::OpenAi, now));
        assert!(!lacking.has(UpstreamKind::ChatGpt, now + GONE_LASTS));
    }
}
