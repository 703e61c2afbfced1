//! The rig of the flows: a home, a pretend upstream, the program as a child, a screen, a tray host.
//!
//! Everything that is started here ends with the value that stands for it, by its own process id. Nothing reads or writes the
//! user's home, changes this process's environment or leaves 127.0.0.1.

mod guest;
mod program;
mod readme;
mod rig;
mod skip;
mod wait;

#[cfg(target_os = "linux")]
mod bus;
#[cfg(target_os = "linux")]
mod companion;
#[cfg(target_os = "linux")]
mod screen;
#[cfg(target_os = "linux")]
mod tray_host;

pub use guest::{guest, node_module, python_apart, python_with};
pub use program::{Ended, Program};
pub use readme::readme_example;
pub use rig::{Answer, Rig, write_private};
pub use skip::{binary, has_tool, skip};
pub use wait::until;

#[cfg(target_os = "linux")]
pub use self::{
    bus::Bus,
    screen::Screen,
    tray_host::{MenuRow, TrayHost},
};

/// Where the examples of the README expect the router; the tests put their own there.
pub const DEFAULT_ROOT: &str = "http://localhost:9876";
