//! `GET …/responses` as a WebSocket: one client asks again and again on one connection, and says only what came after the last
//! answer.
//!
//! Reads in the order of a connection: `handshake` lets it in, a `Session` listens to its `inflow`, queues and pings, a `turn`
//! answers one request, `history` knows what was said before it, `call` asks the upstream, over a `Line` that stays open or by
//! POST, and an `error_message` is what the upstream says instead of an answer.
//!
//! **When the account changes** the whole conversation is put together again from the history and sent to the next one. The
//! other way, `previous_response_not_found`, makes Codex send the very same items once more, costs a round trip, and is a dead
//! end for clients that do not know it; it is kept for what this socket has never seen, or had to forget and cannot lean on at
//! the other end of the line any more. Reasoning of an
//! earlier account is left out when the next one says that it cannot read it; nothing else ever is.
//!
//! Never enters: what is in a prompt. Items are cut out of JSON and put together again, not looked at.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderName};
use tokio::time::Instant;

use crate::profile::ProfileName;

mod call;
mod error_message;
mod handshake;
mod history;
mod inflow;
mod line;
mod session;
mod turn;

pub(super) use call::{Call, call};
pub(super) use handshake::open;
pub(super) use line::Line;
use session::Session;

/// Where a handshake leaves the session that its connection is for from then on.
#[derive(Clone, Default)]
pub(super) struct Handover(Arc<Mutex<Option<Box<Session>>>>);

impl Handover {
    fn put(&self, session: Session) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(session));
    }

    pub(super) fn take(&self) -> Option<Box<Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Whether the upstream counts the reasoning of earlier turns among the tokens that it tells. On a socket Codex reads it in the
/// handshake and nowhere else (`openai/codex: codex-rs/codex-api/src/endpoint/responses_websocket.rs`).
const REASONING_INCLUDED: HeaderName = HeaderName::from_static("x-reasoning-included");

/// What upstreams were seen to do, as far as it matters on sockets.
#[derive(Debug, Default)]
pub(super) struct Sights {
    /// Whose upstream would not have a WebSocket, and until when it is not asked for one again.
    refused: Mutex<HashMap<ProfileName, Instant>>,
    /// As the ChatGPT backend said it last: a client's handshake is answered before anybody is asked.
    includes_reasoning: AtomicBool,
}

impl Sights {
    /// The headers with which the ChatGPT backend answered, by POST or to a handshake.
    pub(super) fn note_headers(&self, headers: &HeaderMap) {
        let includes = headers.contains_key(REASONING_INCLUDED);
        self.includes_reasoning.store(includes, Ordering::Relaxed);
    }

    fn includes_reasoning(&self) -> bool {
        self.includes_reasoning.load(Ordering::Relaxed)
    }

    fn is_refused(&self, profile: &ProfileName) -> bool {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused
            .get(profile)
            .is_some_and(|until| Instant::now() < *until)
    }

    fn note(&self, profile: &ProfileName, rest: Duration) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.insert(profile.clone(), Instant::now() + rest);
    }
}
