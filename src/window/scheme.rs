//! Light or dark, as the desktop says. On Linux only the settings portal knows:
//! <https://flatpak.github.io/xdg-desktop-portal/docs/doc-org.freedesktop.portal.Settings.html>.

use futures_channel::oneshot;

use super::wake::Outside;

/// Elsewhere winit tells by itself.
#[cfg(not(target_os = "linux"))]
pub fn follow(_outside: &Outside, _stop: oneshot::Receiver<()>) {}

/// Asks once, then follows the signal until the window closes. Without a portal the look stays as it is.
#[cfg(target_os = "linux")]
pub fn follow(outside: &Outside, stop: oneshot::Receiver<()>) {
    linux::follow_on(zbus::Connection::session(), outside, stop);
}

#[cfg(target_os = "linux")]
mod linux {
    use egui::Theme;
    use futures_util::{StreamExt, future};
    use zbus::zvariant::{OwnedValue, Value};

    use super::{Outside, oneshot};

    const NAMESPACE: &str = "org.freedesktop.appearance";
    const KEY: &str = "color-scheme";

    pub fn follow_on(
        bus: impl Future<Output = zbus::Result<zbus::Connection>>,
        outside: &Outside,
        stop: oneshot::Receiver<()>,
    ) {
        let following = std::pin::pin!(async { follow(outside, &bus.await?).await });
        let ended = futures_executor::block_on(future::select(following, stop));
        if let future::Either::Left((Err(err), _)) = ended {
            tracing::debug!(error = %err, "no colour scheme from the desktop");
        }
    }

    async fn follow(outside: &Outside, bus: &zbus::Connection) -> zbus::Result<()> {
        let portal = zbus::Proxy::new(
            bus,
            "org.freedesktop.portal.Desktop",
            "/org/freedesktop/portal/desktop",
            "org.freedesktop.portal.Settings",
        )
        .await?;
        // First listen, then ask: a change in between is not lost.
        let mut changes = portal.receive_signal("SettingChanged").await?;
        let now: OwnedValue = portal.call("ReadOne", &(NAMESPACE, KEY)).await?;
        outside.set_system_theme(theme_of(&now));
        while let Some(change) = changes.next().await {
            let body = change.body();
            let Ok((namespace, key, value)) = body.deserialize::<(&str, &str, Value<'_>)>() else {
                continue; // not the signal that the portal documents
            };
            if namespace == NAMESPACE && key == KEY {
                outside.set_system_theme(theme_of(&value));
            }
        }
        Ok(())
    }

    /// 0 no preference, 1 dark, 2 light; anything else means no preference. Some portals wrap the number once more than
    /// documented.
    fn theme_of(value: &Value<'_>) -> Option<Theme> {
        match value {
            Value::U32(1) => Some(Theme::Dark),
            Value::U32(2) => Some(Theme::Light),
            Value::Value(inner) => theme_of(inner),
            _ => None,
        }
    }

    #[cfg(test)]
    mod tests {
        use std::io::{BufRead, BufReader};
        use std::process::{Child, Command, Stdio};
        use std::sync::{Arc, mpsc};

        use super::*;

        /// Much longer than anything here takes; only a failing test waits so long.
        const SOON: std::time::Duration = std::time::Duration::from_secs(20);

        /// A portal that says dark until it signals something else.
        struct Portal;

        #[zbus::interface(name = "org.freedesktop.portal.Settings")]
        impl Portal {
            fn read_one(&self, _namespace: &str, _key: &str) -> OwnedValue {
                OwnedValue::from(1_u32)
            }
        }

        /// A session bus of the test's own, which dies with this value.
        struct Bus(Child);

        impl Drop for Bus {
            fn drop(&mut self) {
                self.0.kill().unwrap();
                self.0.wait().unwrap();
            }
        }

        impl Bus {
            /// Nothing, after saying so, where there is no `dbus-daemon`; with `CODEX_ROUTER_TEST_ALL=1` that is a failure.
            fn start() -> Option<(Self, String)> {
                let started = Command::new("dbus-daemon")
                    .args(["--session", "--nofork", "--print-address=1"])
                    .stdin(Stdio::null())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::null())
                    .spawn();
                let mut bus = match started {
                    Ok(child) => Self(child),
                    Err(err) => {
                        let needs_all = std::env::var("CODEX_ROUTER_TEST_ALL");
                        assert_ne!(needs_all.as_deref(), Ok("1"), "no dbus-daemon: {err}");
                        println!("skipped: dbus-daemon cannot be started: {err}");
                        return None;
                    }
                };
                let mut address = String::new();
                let told = bus.0.stdout.take().unwrap();
                BufReader::new(told).read_line(&mut address).unwrap();
                Some((bus, address.trim().to_owned()))
            }
        }

        #[test]
        fn the_portal_is_asked_once_and_its_signal_followed() {
            let Some((bus, address)) = Bus::start() else {
                return;
            };
            let path = "/org/freedesktop/portal/desktop";
            let portal = zbus::blocking::connection::Builder::address(address.as_str())
                .unwrap()
                .serve_at(path, Portal)
                .unwrap()
                .name("org.freedesktop.portal.Desktop")
                .unwrap()
                .build()
                .unwrap();
            let outside = Arc::new(Outside::default());
            let (wanted, frames) = mpsc::channel();
            outside.attach(move || {
                wanted.send(()).ok();
            });
            let (stop, stopped) = oneshot::channel();
            let shared = outside.clone();
            let bus_of_window = zbus::connection::Builder::address(address.as_str()).unwrap();
            let following =
                std::thread::spawn(move || follow_on(bus_of_window.build(), &shared, stopped));
            frames.recv_timeout(SOON).unwrap();
            assert_eq!(outside.system_theme(), Some(Theme::Dark));

            let interface = "org.freedesktop.portal.Settings";
            for (namespace, scheme) in [("org.example.other", 0_u32), (NAMESPACE, 2)] {
                let change = (namespace, KEY, Value::from(scheme));
                portal
                    .emit_signal(None::<&str>, path, interface, "SettingChanged", &change)
                    .unwrap();
            }
            frames.recv_timeout(SOON).unwrap();
            assert_eq!(outside.system_theme(), Some(Theme::Light));
            drop(stop);
            following.join().unwrap();
            drop(bus);
        }

        #[test]
        fn a_number_that_means_nothing_is_no_preference() {
            let wrapped = Value::Value(Box::new(Value::U32(1)));
            assert_eq!(theme_of(&wrapped), Some(Theme::Dark));
            for value in [Value::U32(0), Value::U32(9), Value::from("dark")] {
                assert_eq!(theme_of(&value), None);
            }
        }
    }
}
