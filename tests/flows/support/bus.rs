//! A session bus of its own.

use std::process::Command;

use zbus::blocking::{Connection, connection::Builder};

use super::{Rig, companion::Companion, has_tool, skip};

/// A private `dbus-daemon`. When it ends, so does what it started by itself.
pub struct Bus {
    pub address: String,
    _daemon: Companion,
}

impl Bus {
    /// What the bus starts by itself gets to know the display. `None`: skipped, because this machine has no `dbus-daemon`.
    pub fn start(rig: &Rig, display: &str) -> Option<Self> {
        if !has_tool("dbus-daemon") {
            skip("there is no dbus-daemon (Debian: dbus)");
            return None;
        }
        let run = rig.scratch().join("run");
        let mut command = Command::new("dbus-daemon");
        command
            .args(["--session", "--nofork", "--nopidfile", "--print-address=1"])
            .arg(format!("--address=unix:path={}", run.join("bus").display()))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", rig.scratch().join("user"))
            .env("XDG_RUNTIME_DIR", run)
            .env("DISPLAY", display);
        let (daemon, address) = Companion::start_and_hear(&mut command);
        Some(Self {
            address,
            _daemon: daemon,
        })
    }

    pub fn connect(&self) -> Connection {
        self.builder().build().unwrap()
    }

    pub fn builder(&self) -> Builder<'_> {
        Builder::address(self.address.as_str()).unwrap()
    }
}
