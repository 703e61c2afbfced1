//! The disk: profile directories, the live `auth.json`, locks, atomic replacement, copies kept, watching, settings file.
//!
//! Here logins are kept or lost, so the rules are few and one place each: one writer and one reader ([`safe_file`]), one way to
//! change the live file ([`switch`], [`rotation`]), one order of locks ([`locks`]). Everything blocks; callers on a runtime use
//! `spawn_blocking`. Only the [`watch`]er has a thread of its own.
//!
//! Encryption at rest hangs on the folders alone ([`vault`]): the reader and the writer see to it, and nobody else knows.
//!
//! The tests look at modes, links and FIFOs, so they are for Unix.
//!
//! Never enters: the network, decisions about *when* to switch or refresh, and the clock (`now` is an argument).

pub mod backup;
pub mod config;
pub mod cooldown_cache;
pub mod export;
pub mod foreign_file;
pub mod home;
pub mod import;
pub mod keys_file;
pub mod live;
pub mod locks;
pub mod log_file;
pub mod models_cache;
pub mod overlay;
pub mod profiles;
pub mod refused_cache;
pub mod rename;
pub mod rotation;
pub mod safe_file;
pub mod signed_in;
pub mod state;
pub mod switch;
pub mod trash;
pub mod trusted;
pub mod usage_cache;
pub mod vault;
pub mod watch;

mod attic;
mod error;
mod folder;
mod kept_list;
mod login_file;
#[cfg(test)]
#[cfg(unix)]
mod testing;

pub use attic::{Displaced, count_displaced};
pub use config::settings;
pub use error::StoreError;
pub use home::{Environment, Home, HomeError, prepare};
pub use keys_file::KeysError;
pub use live::{Live, credential_store, read_live};
pub use locks::{AccountLock, InstanceLock};
pub use overlay::Overlay;
pub use profiles::{Loaded, Skipped};
pub use rotation::{Finished, Publication, Rotation};
pub use state::State;
pub use switch::{SwitchError, Switched};
pub use watch::{Changed, Watcher};
