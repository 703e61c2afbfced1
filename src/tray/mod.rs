//! The tray: a meter on the panel and a menu that switches accounts, with or without a window.
//!
//! [`meter`], [`icon`] and [`menu`] turn a snapshot into what is shown, as plain values.

pub mod icon;
pub mod menu;
pub mod meter;

#[cfg(test)]
mod samples;
