//! This computer: which Codex programs are running.
//!
//! Looks and never acts: a process is never killed, and nothing about it is kept longer than a snapshot.

mod codex_processes;

pub use codex_processes::codex_processes;
