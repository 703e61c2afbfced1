//! This computer: which Codex programs are running, who listens on a port, which terminal it has, which proxy it is set to, and how
//! our own process keeps its memory to itself.
//!
//! Opens a terminal where the user asks for one. Else it looks and never acts on others: a process is never killed, and nothing
//! about it is kept longer than a snapshot.

mod codex_processes;
mod own_process;
pub mod port_holder;
mod proxy;
mod terminal;

pub use codex_processes::codex_processes;
pub use own_process::keep_memory_private;
pub use proxy::system_proxy;
pub use terminal::{TerminalError, Terminals};
