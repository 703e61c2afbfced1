//! The host's side of a tray: what a desktop's panel does, over D-Bus.
//!
//! The interfaces: freedesktop.org StatusNotifierItem, and `com.canonical.dbusmenu` (libdbusmenu's dbus-menu.xml).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use zbus::{
    blocking::{Connection, Proxy},
    message::Header,
    zvariant::{Array, OwnedValue, Structure, Value},
};

use super::{Bus, until};

const WATCHER: &str = "org.kde.StatusNotifierWatcher";

/// Answers to the watcher's name as long as it lives.
pub struct TrayHost {
    connection: Connection,
    items: Arc<Mutex<Vec<Item>>>,
}

/// Where a tray icon can be spoken to.
#[derive(Clone, Debug)]
struct Item {
    service: String,
    path: String,
}

/// One line of the menu. An id holds for one reading only: items that changed get another.
#[derive(Clone, Debug)]
pub struct MenuRow {
    id: i32,
    pub label: String,
    pub is_checked: bool,
    pub is_enabled: bool,
}

struct Watcher {
    items: Arc<Mutex<Vec<Item>>>,
}

impl TrayHost {
    pub fn start(bus: &Bus) -> Self {
        let items = Arc::default();
        let watcher = Watcher {
            items: Arc::clone(&items),
        };
        let connection = bus
            .builder()
            .serve_at("/StatusNotifierWatcher", watcher)
            .unwrap()
            .name(WATCHER)
            .unwrap()
            .build()
            .unwrap();
        Self { connection, items }
    }

    /// Waits for the tray icon; gives its menu as it stands now.
    pub fn menu(&self) -> Vec<MenuRow> {
        let menu = self.menu_proxy();
        let everything = (0_i32, -1_i32, Vec::<String>::new());
        let reply = menu.call_method("GetLayout", &everything).unwrap();
        type Layout = (u32, (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>));
        let (_revision, (_id, _properties, children)): Layout = reply.body().deserialize().unwrap();
        let mut rows = Vec::new();
        for child in &children {
            collect(child, &mut rows);
        }
        rows
    }

    /// Waits until the menu has a row that `wanted` takes.
    pub fn row(&self, what: &str, wanted: impl Fn(&MenuRow) -> bool) -> MenuRow {
        until(&format!("the menu shows {what}"), || {
            self.menu().into_iter().find(&wanted)
        })
    }

    /// Clicks the row whose label begins with `label`, once it can be clicked.
    pub fn click(&self, label: &str) {
        let row = self.row(label, |row| row.is_enabled && row.label.starts_with(label));
        let event = (row.id, "clicked", Value::from(0_i32), 0_u32);
        self.menu_proxy().call_method("Event", &event).unwrap();
    }

    /// How many different colours the icon has.
    pub fn icon_colours(&self) -> usize {
        let item = self.item();
        let proxy = self.proxy(&item, &item.path, "org.kde.StatusNotifierItem");
        let icons: Vec<(i32, i32, Vec<u8>)> = proxy.get_property("IconPixmap").unwrap();
        let mut colours: Vec<&[u8]> = icons
            .iter()
            .flat_map(|(_, _, argb)| argb.chunks_exact(4))
            .collect();
        colours.sort_unstable();
        colours.dedup();
        colours.len()
    }

    fn item(&self) -> Item {
        until("a tray icon is registered", || {
            self.items.lock().unwrap().last().cloned()
        })
    }

    fn menu_proxy(&self) -> Proxy<'_> {
        let item = self.item();
        let proxy = self.proxy(&item, &item.path, "org.kde.StatusNotifierItem");
        let path: zbus::zvariant::OwnedObjectPath = proxy.get_property("Menu").unwrap();
        self.proxy(&item, path.as_str(), "com.canonical.dbusmenu")
    }

    fn proxy(&self, item: &Item, path: &str, interface: &str) -> Proxy<'static> {
        Proxy::new(
            &self.connection,
            item.service.clone(),
            path.to_owned(),
            interface.to_owned(),
        )
        .unwrap()
    }
}

#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    /// A service that begins with a slash is a path at the sender.
    fn register_status_notifier_item(
        &mut self,
        service: String,
        #[zbus(header)] header: Header<'_>,
    ) {
        let sender = header.sender().map(ToString::to_string).unwrap_or_default();
        let item = if service.starts_with('/') {
            Item {
                service: sender,
                path: service,
            }
        } else {
            Item {
                service,
                path: "/StatusNotifierItem".to_owned(),
            }
        };
        self.items.lock().unwrap().push(item);
    }

    fn register_status_notifier_host(&self, _service: String) {}

    #[zbus(property)]
    fn registered_status_notifier_items(&self) -> Vec<String> {
        let items = self.items.lock().unwrap();
        items
            .iter()
            .map(|item| format!("{}{}", item.service, item.path))
            .collect()
    }

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[zbus(property)]
    fn protocol_version(&self) -> i32 {
        0
    }
}

/// A node of the layout is `(id, properties, children)`; submenus are read as if they were open.
fn collect(node: &Value<'_>, rows: &mut Vec<MenuRow>) {
    let Value::Structure(node) = node else {
        return;
    };
    let Some((id, properties, children)) = parts(node) else {
        return;
    };
    let property = |key: &'static str| properties.get(key);
    if let Some(Value::Str(label)) = property("label") {
        rows.push(MenuRow {
            id,
            label: shown(label),
            is_checked: matches!(property("toggle-state"), Some(Value::I32(1))),
            is_enabled: !matches!(property("enabled"), Some(Value::Bool(false))),
        });
    }
    for child in children.iter() {
        match child {
            Value::Value(child) => collect(child, rows),
            child => collect(child, rows),
        }
    }
}

fn parts<'a>(
    node: &'a Structure<'_>,
) -> Option<(i32, HashMap<String, &'a Value<'a>>, &'a Array<'a>)> {
    let [
        Value::I32(id),
        Value::Dict(properties),
        Value::Array(children),
    ] = node.fields()
    else {
        return None;
    };
    let properties = properties
        .iter()
        .filter_map(|(key, value)| match (key, value) {
            (Value::Str(key), Value::Value(value)) => Some((key.to_string(), &**value)),
            _ => None,
        })
        .collect();
    Some((*id, properties, children))
}

/// In a menu's label one `_` marks the key, and two stand for one.
fn shown(label: &str) -> String {
    label
        .replace("__", "\u{0}")
        .replace('_', "")
        .replace('\u{0}', "_")
}
