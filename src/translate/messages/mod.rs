//! The Anthropic Messages dialect: requests to Responses requests, Responses events to Messages events or to one answer.
//!
//! Request: [`responses_from_messages`]. Streamed answer: [`MessageWriter`]. Whole answer: [`MessageAnswer`]. Both answers need
//! a [`MessageHead`], which the request makes ([`MessagesRequest::reply_head`]). What a request would cost is counted here, too
//! ([`count_tokens`]), because nobody else may be asked.
//!
//! Field names and shapes: the Anthropic API reference as anthropic-sdk-python types it (`types/`), and what Claude Code was
//! recorded to send. Nothing that a client sent is lost in silence: what has no place in a Responses request is listed in
//! [`MessagesRequest::dropped`].

mod answer;
mod blocks;
mod blocks_in_turn;
mod count;
mod error;
mod frames;
mod history;
mod ids;
mod reply;
mod request;
mod stream;
mod thinking;
mod tools;

pub use answer::MessageAnswer;
pub use count::count_tokens;
pub use error::{error_body, kind_of_status};
pub use reply::{MessageHead, Thoughts};
pub use request::{MessagesRequest, responses_from_messages};
pub use stream::MessageWriter;
