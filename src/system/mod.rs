//! This computer: which Codex programs are running, who listens on a port, which terminal it has, which proxy it is set to, and how
//! our own process keeps its memory to itself.
//!
//! Opens a terminal or a link where the user asks for one. Else it looks and never acts on others: a process is never killed, and nothing
//! about it is kept longer than a snapshot.

mod codex_processes;
mod link;
mod own_process;
pub mod port_holder;
mod proxy;
mod terminal;
mod umask;

pub use codex_processes::codex_processes;
pub use link::open_link;
pub use own_process::keep_memory_private;
pub use proxy::system_proxy;
pub use terminal::{TerminalError, Terminals};
pub use umask::{remember_umask, with_umask_of_user, with_users_umask};
