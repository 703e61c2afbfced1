//! The Completions dialect of before chats: a prompt in, its text out.
//!
//! A prompt becomes a chat with one user message, so everything that the two dialects share is translated in one place
//! ([`chat`](super::chat)). Streamed answers come from its [`ChunkWriter`](super::chat::ChunkWriter), which knows both forms;
//! whole ones from [`CompletionAnswer`].
//!
//! Shapes: openai-python 3.3.1, `types/completion.py` and `types/completion_create_params.py`.

mod answer;
mod request;

pub use answer::CompletionAnswer;
pub use request::{CompletionRequest, MAX_PROMPTS, responses_from_completion};
