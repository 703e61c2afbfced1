use std::sync::mpsc::channel;

use super::super::private_bus::{Panel, PrivateBus, SOON};
use super::*;

#[test]
fn a_bus_that_is_not_there_is_an_error_in_one_sentence() {
    let address = BusAddress::At("unix:path=/nonexistent/bus".into());
    let err = SessionBus::watch(address, |_scheme| {}).err().unwrap();
    assert!(matches!(err, TrayError::NoSessionBus(_)));
    assert_eq!(
        err.to_string(),
        "there is no session bus, so there can be no tray"
    );
}

#[test]
fn a_panel_that_comes_and_goes_is_noticed() {
    let Some(bus) = PrivateBus::start() else {
        return;
    };
    let watch = SessionBus::watch(BusAddress::At(bus.address.clone()), |_scheme| {}).unwrap();
    assert!(!watch.has_host());
    let (sender, changes) = channel();
    watch.on_host_change(move |has_host| sender.send(has_host).unwrap());

    let panel = bus.connect().name(WATCHER).unwrap().build().unwrap();
    assert_eq!(changes.recv_timeout(SOON), Ok(true));
    assert!(watch.has_host());
    drop(panel);
    assert_eq!(changes.recv_timeout(SOON), Ok(false));
    assert!(!watch.has_host());
}

#[test]
fn a_panel_that_is_already_there_is_known_at_once() {
    let Some(bus) = PrivateBus::start() else {
        return;
    };
    let _panel = Panel::open(&bus);
    let watch = SessionBus::watch(BusAddress::At(bus.address.clone()), |_scheme| {}).unwrap();
    assert!(watch.has_host());
}

#[test]
fn a_bus_that_dies_takes_the_panel_with_it() {
    let Some(bus) = PrivateBus::start() else {
        return;
    };
    let panel = Panel::open(&bus);
    let watch = SessionBus::watch(BusAddress::At(bus.address.clone()), |_scheme| {}).unwrap();
    let (sender, changes) = channel();
    watch.on_host_change(move |has_host| sender.send(has_host).unwrap());
    drop(bus);
    assert_eq!(changes.recv_timeout(SOON), Ok(false));
    drop(panel);
}

/// The portal's settings, of a version that has `ReadOne` or of one that has not.
struct Portal;
struct OldPortal;

#[zbus::interface(name = "org.freedesktop.portal.Settings")]
impl Portal {
    fn read_one(&self, namespace: &str, key: &str) -> OwnedValue {
        assert_eq!((namespace, key), (APPEARANCE, COLOUR_SCHEME));
        OwnedValue::from(1_u32)
    }
}

#[zbus::interface(name = "org.freedesktop.portal.Settings")]
impl OldPortal {
    fn read(&self, _namespace: &str, _key: &str) -> Value<'static> {
        Value::Value(Box::new(Value::U32(2)))
    }
}

#[test]
fn the_colour_scheme_is_asked_once_and_followed() {
    let Some(bus) = PrivateBus::start() else {
        return;
    };
    let portal = bus.connect().serve_at(PORTAL_PATH, Portal).unwrap();
    let portal = portal.name(PORTAL).unwrap().build().unwrap();
    let (sender, schemes) = channel();
    let address = BusAddress::At(bus.address.clone());
    let _watch = SessionBus::watch(address, move |scheme| sender.send(scheme).unwrap()).unwrap();
    assert_eq!(schemes.recv_timeout(SOON), Ok(ColourScheme::Dark));

    let say = |namespace: &str, key: &str, value: u32| {
        portal
            .emit_signal(
                None::<&str>,
                PORTAL_PATH,
                SETTINGS,
                "SettingChanged",
                &(namespace, key, Value::U32(value)),
            )
            .unwrap();
    };
    say("org.gnome.desktop.interface", COLOUR_SCHEME, 1);
    say(APPEARANCE, "contrast", 1);
    say(APPEARANCE, COLOUR_SCHEME, 2);
    assert_eq!(schemes.recv_timeout(SOON), Ok(ColourScheme::Light));
    say(APPEARANCE, COLOUR_SCHEME, 0);
    assert_eq!(schemes.recv_timeout(SOON), Ok(ColourScheme::Unknown));
}

#[test]
fn an_old_portal_is_understood() {
    let Some(bus) = PrivateBus::start() else {
        return;
    };
    let portal = bus.connect().serve_at(PORTAL_PATH, OldPortal).unwrap();
    let _portal = portal.name(PORTAL).unwrap().build().unwrap();
    let (sender, schemes) = channel();
    let address = BusAddress::At(bus.address.clone());
    let _watch = SessionBus::watch(address, move |scheme| sender.send(scheme).unwrap()).unwrap();
    assert_eq!(schemes.recv_timeout(SOON), Ok(ColourScheme::Light));
}

#[test]
fn without_a_portal_the_scheme_is_unknown() {
    let Some(bus) = PrivateBus::start() else {
        return;
    };
    let (sender, schemes) = channel();
    let address = BusAddress::At(bus.address.clone());
    let _watch = SessionBus::watch(address, move |scheme| sender.send(scheme).unwrap()).unwrap();
    assert_eq!(schemes.recv_timeout(SOON), Ok(ColourScheme::Unknown));
}
