//! An upstream that knows only chats: a Responses request to a chat, and its chunks back to Responses events.
//!
//! The other half of [`chat`](super::chat), for the other side of the house. Everybody behind it sees Responses events as from
//! any upstream: numbered, items in order, the whole answer once more in the last one. What a chat has no place for is left out
//! by name, or refused where leaving it out would change what the request means.

mod answer;
mod chunk;
mod events;
mod history;
mod parts;
mod request;
mod tools;

pub use answer::EventsFromChunks;
pub use parts::{TOOL_PICTURE, tell_tool_pictures};
pub use request::{ChatAsked, ChatBody, chat_from_responses};
