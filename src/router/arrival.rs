//! What comes back first, and bodies that are read as a whole.
//!
//! Here a reply that is none becomes a [`Setback`]: nothing came, an error came, or a web page did.

use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::debug;

use super::setback::Setback;
use crate::translate::{Failure, MAX_ANSWER_BYTES};
use crate::upstream::{Reply, SendError};

/// The head of the reply, of any status.
pub(super) async fn head(
    sending: impl Future<Output = Result<Reply, SendError>>,
    patience: Duration,
) -> Result<Reply, Setback> {
    match timeout(patience, sending).await {
        Ok(Ok(reply)) => Ok(reply),
        Ok(Err(err)) => Err(not_reached(&err)),
        Err(_elapsed) => Err(Setback::TimedOut(patience)),
    }
}

/// The same reply, if it is an answer.
pub(super) async fn good(reply: Reply, now: SystemTime) -> Result<Reply, Setback> {
    if !reply.status.is_success() {
        let said = beginning(reply.body).await;
        return Err(Setback::of_reply(reply.status, reply.headers, said, now));
    }
    if is_html(&reply.headers) {
        return Err(Setback::Challenged {
            what: "a web page came instead of an answer".into(),
        });
    }
    Ok(reply)
}

pub(super) fn not_reached(err: &SendError) -> Setback {
    debug!(error = %err, "nothing came back");
    let what = match err {
        SendError::NotSent { host, .. } | SendError::Lost { host, .. } => {
            format!("{host} cannot be reached")
        }
        SendError::NotThroughProxy { host, proxy, .. } => {
            format!("{host} cannot be reached through the proxy {proxy}")
        }
    };
    Setback::Unreachable { what }
}

fn is_html(headers: &HeaderMap) -> bool {
    headers
        .get(http::header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/html"))
}

/// The beginning of an error's body: more than that is no sentence.
async fn beginning(mut body: reqwest::Body) -> Bytes {
    const MAX_BYTES: usize = 64 * 1024;
    const PATIENCE: Duration = Duration::from_secs(10);
    let end = Instant::now() + PATIENCE;
    let mut all = BytesMut::new();
    while let Ok(Some(Ok(frame))) = timeout_at(end, body.frame()).await {
        if let Ok(chunk) = frame.into_data() {
            all.extend_from_slice(&chunk);
        }
        if all.len() >= MAX_BYTES {
            all.truncate(MAX_BYTES);
            break;
        }
    }
    all.freeze()
}

/// An answer that comes as a whole.
pub(super) async fn whole(mut body: reqwest::Body, idle: Duration) -> Result<Bytes, Setback> {
    let mut all = BytesMut::new();
    loop {
        match timeout(idle, body.frame()).await {
            Ok(None) => return Ok(all.freeze()),
            Ok(Some(Ok(frame))) => {
                if let Ok(chunk) = frame.into_data() {
                    all.extend_from_slice(&chunk);
                }
            }
            Ok(Some(Err(_))) => {
                return Err(Setback::Spoiled(Box::new(Failure::truncated())));
            }
            Err(_elapsed) => return Err(Setback::TimedOut(idle)),
        }
        if all.len() > MAX_ANSWER_BYTES {
            let failure = Failure::too_large(MAX_ANSWER_BYTES);
            return Err(Setback::Spoiled(Box::new(failure)));
        }
    }
}
