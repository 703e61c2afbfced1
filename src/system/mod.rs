//! This computer: which Codex programs are running, who listens on a port, which proxy it is set to, and how our own process keeps its memory to itself.
//!
//! Looks and never acts on others: a process is never killed, and nothing about it is kept longer than a snapshot.

mod codex_processes;
mod own_process;
pub mod port_holder;
mod proxy;

pub use codex_processes::codex_processes;
pub use own_process::keep_memory_private;
pub use proxy::system_proxy;
