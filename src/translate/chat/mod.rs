//! The Chat Completions dialect: requests to Responses requests, Responses events to chunks or to one answer.
//!
//! Request: [`responses_from_chat`]. Streamed answer: [`ChunkWriter`]. Whole answer: [`ChatAnswer`]. Both answers need
//! a [`ChatReplyHead`], which the request makes ([`ChatRequest::reply_head`]).
//!
//! Field names and shapes: the OpenAI API reference as openai-python 3.3.1 types it (`types/chat/`,
//! `types/responses/`). Nothing that a client sent is lost in silence: what has no place in a Responses request is
//! listed in [`ChatRequest::dropped`], and what would change the answer is refused with the name of the field.

mod aggregate;
mod chunks;
pub(super) mod fields;
mod messages;
mod parts;
mod reply;
pub(super) mod request;
mod stream;
pub(super) mod tools;

pub use aggregate::ChatAnswer;
pub(crate) use reply::usage_value;
pub use reply::{ChatReplyHead, ReplyForm};
pub(crate) use request::responses_from_chat_value;
pub use request::{ChatRequest, responses_from_chat};
pub use stream::ChunkWriter;
