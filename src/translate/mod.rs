//! Turns what clients say into what upstreams understand, and the answers back.
//!
//! Works on values alone: bytes in, bytes out. No sockets, no files, no clock, no randomness: ids and the time of
//! creation are arguments. The hub is the Responses dialect, because the ChatGPT backend speaks nothing else; a body
//! that is already in that dialect keeps its bytes.
//!
//! - [`sse`]: bytes of an event stream to frames
//! - [`responses`]: what we read of Responses requests, events and answers
//! - [`chat`]: Chat Completions requests to Responses requests, and Responses events to chunks or one answer
//! - [`completions`]: the old `/v1/completions`, by way of a chat
//! - [`images`]: pictures by the hosted tool
//! - [`messages`]: Anthropic Messages requests to Responses requests, and Responses events to Messages events or one answer
//! - [`rules`]: what each kind of upstream wants, applied last
//! - [`models`]: model lists in both shapes
//! - [`error`]: the OpenAI error body
//!
//! Never enters: tokens, profiles, HTTP, retries. Those live in `pool`, `upstream` and `router`.

pub mod chat;
pub mod completions;
pub mod error;
pub mod images;
pub mod messages;
pub mod models;
pub mod names;
pub mod responses;
pub mod rules;
pub mod sse;

mod raw;

pub use error::{ErrorBody, RequestError};
pub use responses::{EventKind, Failure};
pub use rules::UpstreamKind;

/// What one upstream event meant for the client's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nothing for the client; the stream may still fail over if nothing was sent before.
    Nothing,
    /// Something of the answer.
    Output,
    /// The answer is complete; whatever follows is ignored.
    Finished,
}

/// The most bytes that we collect to build one answer for a client that does not stream.
///
/// Holds several generated images; a runaway upstream still cannot fill the memory.
pub const MAX_ANSWER_BYTES: usize = 128 * 1024 * 1024;
