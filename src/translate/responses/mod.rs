//! What we read of the Responses dialect: requests, events, failures, answers.
//!
//! Almost everything here only looks: a request is peeked at, events are recognised by their type, and the bytes go
//! on as they came. Two things are built: the final `response` object for clients that do not stream, and the
//! `output` of a terminal event that the ChatGPT backend leaves empty.

mod answer;
mod compaction;
mod create;
mod delta;
mod event;
mod failure;
mod opening;
mod owner;
mod reasoning;
mod record;
mod request;
mod terminal;

pub use answer::ResponsesAnswer;
pub use compaction::{compaction_of_response, with_compaction_trigger};
pub use create::{ClientMessage, Create, Processed, finished_item, finished_response, item_id};
pub use event::EventKind;
pub use failure::{ANSWER_TOO_LARGE, Failure};
pub use owner::without_owner;
pub use reasoning::{is_reasoning, without_reasoning};
pub use record::OutputRecord;
pub use request::ResponsesRequest;
pub use terminal::{Terminal, TerminalEvent, TokenUsage};

pub(crate) use answer::output_items;
pub(crate) use delta::DeltaEvent;
pub(crate) use event::{Item, ItemEvent, elements, read_event};
pub(crate) use request::{LEAST_OUTPUT_TOKENS, not_an_object};
