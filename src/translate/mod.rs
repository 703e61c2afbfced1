//! Turns what clients say into what upstreams understand, and the answers back.
//!
//! Works on values alone: bytes in, bytes out. No sockets, no files, no clock, no randomness: ids and the time of
//! creation are arguments. The hub is the Responses dialect, because the ChatGPT backend speaks nothing else; a body
//! that is already in that dialect keeps its bytes.
//!
//! - [`sse`]: bytes of an event stream to frames
//! - [`responses`]: what we read of Responses requests, events and answers
//! - [`chat`]: Chat Completions requests to Responses requests, and Responses events to chunks or one answer
//! - [`chat_upstream`]: the other way round, for an upstream that knows only chats
//! - [`completions`]: the old `/v1/completions`, by way of a chat
//! - [`images`]: pictures by the hosted tool
//! - [`form`]: bodies that bring files
//! - [`messages`]: Anthropic Messages requests to Responses requests, and Responses events to Messages events or one answer
//! - `pieces`: what upstream events add to an answer, which streams of `chat` and `messages` are written from
//! - [`dropped`]: how a field that no upstream sees is named
//! - [`rules`]: what each kind of upstream wants, applied last
//! - [`parameter`]: one field of a body by its path, and its removal
//! - [`models`]: model lists in both shapes
//! - [`error`]: the OpenAI error body
//!
//! Never enters: tokens, profiles, HTTP, retries. Those live in `pool`, `upstream` and `router`.

pub mod chat;
pub mod chat_upstream;
pub mod completions;
pub mod dropped;
pub mod effort;
pub mod error;
pub mod form;
pub mod images;
pub mod messages;
pub mod models;
pub mod names;
pub mod parameter;
pub mod responses;
pub mod rules;
pub mod sse;

mod pieces;
mod raw;

pub use effort::with_effort;
pub use error::{ErrorBody, RequestError};
pub use parameter::Parameter;
pub use responses::{EventKind, Failure};
pub use rules::UpstreamKind;

use responses::TokenUsage;

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

/// Writes an upstream's events as those of another dialect.
pub trait EventWriter {
    /// Takes one event whose kind is already known, and appends whole events of the dialect to `out`.
    ///
    /// # Errors
    /// When the upstream reports a failure, sends an event that cannot be read, or an answer that cannot be told. If the client
    /// has seen nothing yet, the failure can still become an HTTP status or another attempt; else [`fail`](Self::fail) writes it.
    fn push_kind(
        &mut self,
        kind: EventKind,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Progress, Box<Failure>>;

    /// Takes one event by the type in its data.
    ///
    /// # Errors
    /// As [`push_kind`](Self::push_kind).
    fn push(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<Progress, Box<Failure>> {
        self.push_kind(EventKind::of_data(data), data, out)
    }

    /// Ends the stream with an error that no client takes for a clean end. After a complete answer it writes nothing.
    fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>);

    /// What the answer cost, if the upstream has said so, whether the client asked or not.
    fn usage(&self) -> Option<TokenUsage>;
}

/// Collects an upstream's events until the answer is complete.
pub trait AnswerCollector {
    /// Takes one event whose kind is already known.
    ///
    /// # Errors
    /// When the upstream reports a failure, sends an event that cannot be read, or an answer beyond [`MAX_ANSWER_BYTES`].
    fn push_kind(&mut self, kind: EventKind, data: &[u8]) -> Result<Progress, Box<Failure>>;

    /// Takes one event by the type in its data.
    ///
    /// # Errors
    /// As [`push_kind`](Self::push_kind).
    fn push(&mut self, data: &[u8]) -> Result<Progress, Box<Failure>> {
        self.push_kind(EventKind::of_data(data), data)
    }

    /// What the answer cost, once it is complete (or failed).
    fn usage(&self) -> Option<TokenUsage>;
}

/// The most bytes that we collect to build one answer for a client that does not stream.
///
/// Holds several generated images; a runaway upstream still cannot fill the memory.
pub const MAX_ANSWER_BYTES: usize = 128 * 1024 * 1024;

#[cfg(test)]
mod tests;
