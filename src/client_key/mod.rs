//! Client keys: what a client of the router shows, what it may do with it, and how much it has done.
//!
//! Values: a [`ClientKey`] with its [`Policy`], all of them in a [`KeyRing`], their file as text in a [`KeyDocument`], and their
//! [`Meters`], which requests share as they share the count of a pool's member. Time and randomness are arguments.
//!
//! Never enters: a key after it was made. Only its digest is kept, and whoever reads our files cannot show it.

mod budget;
mod change;
mod document;
mod follow;
mod key;
mod meter;
mod policy;
mod ring;
mod term;

pub use budget::Budget;
pub use change::{KeyChange, KeyDeed, NotChanged};
pub use document::{BadDocument, BadKey, KeyDocument};
pub use key::{BadLabel, ClientKey, KeyDigest, KeyId, checked_label};
pub use meter::{LastUse, Limit, Meters, Permit, Spent, Usage, Used};
pub use policy::{EFFORTS, Policy, Speech, UnknownSpeech};
pub use ring::{Denied, KeyRing};
pub use term::{BadKeyTerm, KeyTerm, expiry};
