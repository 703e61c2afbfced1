//! Flows through several rooms: the real binary as a child process, real directories, a real client, a real screen.
//!
//! One program for all of them, so that the machine links once and the rig in [`support`] is compiled once. A flow that this
//! machine cannot run prints `skipped: <name>: <reason>`; with `CODEX_ROUTER_TEST_ALL=1` it fails instead.
//!
//! No test sleeps: each waits for a condition, up to a deadline that a loaded machine keeps ([`support::until`]).

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "the helpers of tests may fail a test, and say why"
)]

mod support;

mod adding;
mod bad_input;
mod clients;
mod encrypting;
mod headless;
mod importing;
mod keys;
mod organising;
mod refreshing;
mod requests;
mod signing_in;
mod switching;
mod terms;
mod watching;
mod websocket;

#[cfg(target_os = "linux")]
mod add_account;
#[cfg(target_os = "linux")]
mod figures;
#[cfg(target_os = "linux")]
mod organise_window;
#[cfg(target_os = "linux")]
mod pictures;
// The tracer speaks of the registers of this processor.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod proofs;
#[cfg(unix)]
mod terminals;
#[cfg(target_os = "linux")]
mod tray;
#[cfg(target_os = "linux")]
mod window;
