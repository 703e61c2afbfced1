//! For the tests of this room: a session bus of their own, and a pretend panel on it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use zbus::blocking::{Connection, MessageIterator, connection};
use zbus::zvariant::{OwnedValue, Structure, Value};

/// Much longer than anything here takes; only a failing test waits so long.
pub(super) const SOON: Duration = Duration::from_secs(20);

/// A `dbus-daemon` that dies with this value.
pub(super) struct PrivateBus {
    /// `None` for a bus that somebody else started.
    daemon: Option<Child>,
    pub address: String,
    /// Where its socket lies: a daemon that is killed does not take it away.
    _dir: Option<tempfile::TempDir>,
}

impl PrivateBus {
    /// `None`, after saying so, where there is no `dbus-daemon`; with `CODEX_ROUTER_TEST_ALL=1` that is a failure.
    pub fn start() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let daemon = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address=1"])
            .arg(format!(
                "--address=unix:path={}",
                dir.path().join("bus").display()
            ))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut daemon = match daemon {
            Ok(daemon) => daemon,
            Err(err) => {
                assert!(
                    std::env::var_os("CODEX_ROUTER_TEST_ALL").is_none_or(|all| all != "1"),
                    "dbus-daemon cannot be started: {err}"
                );
                println!("skipped: dbus-daemon cannot be started: {err}");
                return None;
            }
        };
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().unwrap())
            .read_line(&mut address)
            .unwrap();
        let address = address.trim().to_owned();
        Some(Self {
            daemon: Some(daemon),
            address,
            _dir: Some(dir),
        })
    }

    /// The private bus that this process was started in by a test.
    pub fn of_this_session() -> Self {
        Self {
            daemon: None,
            _dir: None,
            address: std::env::var("DBUS_SESSION_BUS_ADDRESS").unwrap(),
        }
    }

    pub fn connect(&self) -> connection::Builder<'static> {
        connection::Builder::address(self.address.as_str()).unwrap()
    }
}

impl Drop for PrivateBus {
    fn drop(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            daemon.kill().unwrap();
            daemon.wait().unwrap();
        }
    }
}

/// A panel that shows one tray: what a person would see of it, and their clicks.
pub(super) struct Panel {
    bus: Connection,
    registered: Receiver<String>,
    /// The tray's name on the bus, once it has come.
    item: String,
    changes: Option<Receiver<()>>,
}

/// One line of the menu as it came over the bus.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub id: i32,
    /// With the escapes of the protocol undone.
    pub label: String,
    pub is_checked: bool,
    pub is_enabled: bool,
}

struct Watcher {
    registered: Sender<String>,
}

#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    fn register_status_notifier_item(&self, service: String) {
        self.registered.send(service).unwrap();
    }

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }
}

impl Panel {
    pub fn open(bus: &PrivateBus) -> Self {
        let (sender, registered) = channel();
        let bus = bus
            .connect()
            .serve_at("/StatusNotifierWatcher", Watcher { registered: sender })
            .unwrap()
            .name("org.kde.StatusNotifierWatcher")
            .unwrap()
            .build()
            .unwrap();
        Self {
            bus,
            registered,
            item: String::new(),
            changes: None,
        }
    }

    /// Waits for a tray and follows it from now on.
    pub fn wait_for_tray(&mut self) {
        self.item = self.registered.recv_timeout(SOON).unwrap();
        let rule = zbus::MatchRule::builder()
            .msg_type(zbus::message::Type::Signal)
            .sender(self.item.as_str())
            .unwrap()
            .build();
        let signals = MessageIterator::for_match_rule(rule, &self.bus, None).unwrap();
        let (sender, changes) = channel();
        // Ends with the connection, at the latest.
        std::thread::spawn(move || {
            for _signal in signals {
                if sender.send(()).is_err() {
                    return;
                }
            }
        });
        self.changes = Some(changes);
    }

    /// Reads again after every signal until `look` has found what it looks for.
    fn until<T>(&self, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            self.changes.as_ref().unwrap().recv_timeout(SOON).unwrap();
        }
    }

    /// The menu, as soon as it has a line with this label.
    pub fn menu_with(&self, label: &str) -> Vec<Line> {
        self.menu_where(|menu| menu.iter().any(|line| line.label == label))
    }

    pub fn menu_where(&self, is_wanted: impl Fn(&[Line]) -> bool) -> Vec<Line> {
        self.until(|panel| Some(panel.menu()).filter(|menu| is_wanted(menu)))
    }

    pub fn menu(&self) -> Vec<Line> {
        type Node = (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>);
        let reply = self.call(
            "/MenuBar",
            "com.canonical.dbusmenu",
            "GetLayout",
            &(0, -1, Vec::<&str>::new()),
        );
        let (_revision, (_id, _properties, children)): (u32, Node) =
            reply.body().deserialize().unwrap();
        children.iter().map(|child| line(child)).collect()
    }

    pub fn click(&self, label: &str) {
        let line = self
            .menu_with(label)
            .into_iter()
            .find(|line| line.label == label)
            .unwrap();
        let event = (line.id, "clicked", Value::from(0), 0_u32);
        self.call("/MenuBar", "com.canonical.dbusmenu", "Event", &event);
    }

    /// A left click on the icon.
    pub fn activate(&self) {
        self.call(
            "/StatusNotifierItem",
            "org.kde.StatusNotifierItem",
            "Activate",
            &(5, 5),
        );
    }

    /// Width, height and pixels as ARGB.
    pub fn icon(&self) -> (i32, i32, Vec<u8>) {
        let get = ("org.kde.StatusNotifierItem", "IconPixmap");
        let reply = self.call(
            "/StatusNotifierItem",
            "org.freedesktop.DBus.Properties",
            "Get",
            &get,
        );
        let value: OwnedValue = reply.body().deserialize().unwrap();
        let mut icons: Vec<(i32, i32, Vec<u8>)> = value.try_into().unwrap();
        assert_eq!(icons.len(), 1);
        icons.remove(0)
    }

    pub fn icon_other_than(&self, old: &[u8]) -> Vec<u8> {
        self.until(|panel| Some(panel.icon().2).filter(|new| new != old))
    }

    /// What the portal says when the user has chosen a light desktop.
    pub fn announce_light_desktop(&self) {
        let body = ("org.freedesktop.appearance", "color-scheme", Value::U32(2));
        self.bus
            .emit_signal(
                None::<&str>,
                "/org/freedesktop/portal/desktop",
                "org.freedesktop.portal.Settings",
                "SettingChanged",
                &body,
            )
            .unwrap();
    }

    fn call<B>(&self, path: &str, interface: &str, method: &str, body: &B) -> zbus::Message
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        self.bus
            .call_method(
                Some(self.item.as_str()),
                path,
                Some(interface),
                method,
                body,
            )
            .unwrap()
    }
}

fn line(child: &Value<'_>) -> Line {
    let fields: &Structure<'_> = child.downcast_ref().unwrap();
    let [Value::I32(id), Value::Dict(properties), ..] = fields.fields() else {
        panic!("{child:?} is no menu item");
    };
    let text = |name: &str| properties.get::<_, String>(&name).ok().flatten();
    let number = |name: &str| properties.get::<_, i32>(&name).ok().flatten();
    let flag = |name: &str| properties.get::<_, bool>(&name).ok().flatten();
    Line {
        id: *id,
        label: text("label").unwrap_or_default().replace("__", "_"),
        is_checked: number("toggle-state") == Some(1),
        is_enabled: flag("enabled").unwrap_or(true),
    }
}
