//! A session bus of its own.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use zbus::blocking::{Connection, connection::Builder};

use super::{Rig, has_tool, skip};

/// A private `dbus-daemon`. Dropping it ends it, and with it what it started by itself.
pub struct Bus {
    pub address: String,
    daemon: Child,
}

impl Bus {
    /// `None`: skipped, because this machine has no `dbus-daemon`.
    pub fn start(rig: &Rig) -> Option<Self> {
        Self::start_for(rig, None)
    }

    /// What the bus starts by itself gets to know the display.
    pub fn start_for(rig: &Rig, display: Option<&str>) -> Option<Self> {
        if !has_tool("dbus-daemon") {
            skip("there is no dbus-daemon (Debian: dbus)");
            return None;
        }
        let mut command = Command::new("dbus-daemon");
        command
            .args(["--session", "--nofork", "--nopidfile", "--print-address=1"])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", rig.scratch().join("user"))
            .env("XDG_RUNTIME_DIR", rig.scratch().join("run"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(display) = display {
            command.env("DISPLAY", display);
        }
        let mut daemon = command.spawn().unwrap();
        let mut address = String::new();
        let stdout = daemon.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut address).unwrap();
        Some(Self {
            address: address.trim().to_owned(),
            daemon,
        })
    }

    pub fn connect(&self) -> Connection {
        self.builder().build().unwrap()
    }

    pub fn builder(&self) -> Builder<'_> {
        Builder::address(self.address.as_str()).unwrap()
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        // Ended already is ended as well.
        drop(self.daemon.kill());
        drop(self.daemon.wait());
    }
}
