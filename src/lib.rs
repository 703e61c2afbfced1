//! Codex Router: switch, pool and route several Codex/ChatGPT accounts.
//!
//! This page is the map. A room may import from lower floors; on its own floor only where `tests/floors.rs` says so.
//!
//! Floor 0, values (no I/O, no async, no clock of their own):
//! - [`profile`]: what a profile is: its name, identity, credentials or endpoint, health; `auth.json` as text
//! - [`import_text`]: logins in the texts of other programs and of people
//! - [`client_key`]: the keys that clients show: what each may do and has done
//! - [`usage`]: usage windows classified by their length; pace and forecast
//! - [`pattern`]: a name in which `*` stands for any letters
//! - [`period`]: days, weeks and months in UTC
//! - [`pool`]: the profiles that the router may draw from, and the choice among them
//! - [`price`]: what models cost, and what a request is estimated to have cost
//! - [`redact`]: blanks what looks like a secret
//! - [`translate`]: wire types and conversions between the dialects of clients and upstreams; event-stream framing
//!
//! Floor 1, the language between the worker and its faces:
//! - [`desk`]: `Desk`, `Command`, `Snapshot` (no secret in it), `Settings`
//!
//! Floor 2, hands (each knows one outside thing):
//! - [`store`]: profile directories, the active `auth.json`, locks, atomic replace, backups, watching, settings file
//! - [`ledger`]: SQLite: requests and their attempts, usage over time, sessions, what was spent
//! - [`login`]: signing in: browser, code, pasted address
//! - [`upstream`]: HTTP and WebSockets to the ChatGPT backend, the OpenAI API and endpoints of the user's own; OAuth refresh, usage,
//!   models
//! - [`connect`]: the settings of other programs: points them at the router, and gives them their own back
//! - [`system`]: this computer: running Codex processes, and what keeps our own memory private
//! - [`simulator`]: a pretend upstream on loopback, for `demo` and tests
//!
//! Floor 3, services:
//! - [`router`]: accept, guard, route, search, attempt, reply
//! - [`worker`]: the thread that owns the truth: refresher, poller, watcher, publisher
//!
//! Floor 4, faces:
//! - `window`, `tray` (feature `gui`) and [`cli`]

pub mod client_key;
pub mod connect;
pub mod desk;
pub mod import_text;
pub mod ledger;
pub mod login;
pub mod pattern;
pub mod period;
pub mod pool;
pub mod price;
pub mod profile;
pub mod redact;
pub mod router;
pub mod simulator;
pub mod store;
pub mod system;
pub mod translate;
pub mod upstream;
pub mod usage;
pub mod worker;

pub mod cli;
#[cfg(feature = "gui")]
pub mod tray;
#[cfg(feature = "gui")]
pub mod window;
