//! The way out of one account.

use super::*;
use crate::desk::{Edit, NetworkView, ProxyView};
use crate::profile::Secret;

/// `spare` goes out through a proxy of its own and has a header.
fn with_network() -> Snapshot {
    let mut snapshot = three();
    snapshot.profiles[1].network = NetworkView {
        proxy: Some(ProxyView::Through("gate.test:1080".into())),
        headers: vec!["x-team".into()],
    };
    snapshot
}

fn opened(snapshot: Snapshot) -> Rig {
    let mut rig = rig(snapshot);
    rig.click("More for spare");
    rig.click("Network…");
    assert!(rig.shows("Network of spare"));
    rig
}

fn write(rig: &mut Rig, field: &str, text: &str) {
    rig.harness.get_by_label(field).focus();
    rig.run();
    rig.harness.get_by_label(field).type_text(text);
    rig.run();
}

fn said(edit: Edit) -> Command {
    Command::Edit {
        names: vec![name("spare")],
        edit,
    }
}

#[test]
fn a_proxy_and_a_header_of_ones_own_are_said_in_the_window() {
    let mut rig = opened(three());
    rig.click("Own");
    write(
        &mut rig,
        "Address of the proxy",
        "socks5h://ana:fake@gate.test:1080",
    );
    write(&mut rig, "Name of a new header", "X-Team");
    write(&mut rig, "Value of the new header", "fake");
    rig.click("Save");
    let address = Secret::new("socks5h://ana:fake@gate.test:1080");
    assert_eq!(
        rig.asked(),
        [
            said(Edit::Proxy(Some(address))),
            said(Edit::Header("X-Team".into(), Some(Secret::new("fake")))),
        ]
    );
    assert!(!rig.shows("Network of spare"));
}

#[test]
fn what_stays_is_not_said_again_and_what_goes_is() {
    let mut rig = opened(with_network());
    rig.click("Save");
    assert_eq!(rig.asked(), []);

    let mut rig = opened(with_network());
    rig.click("As for all");
    rig.click("Keep the header x-team");
    rig.click("Save");
    assert_eq!(
        rig.asked(),
        [
            said(Edit::Proxy(None)),
            said(Edit::Header("x-team".into(), None)),
        ]
    );
}

#[test]
fn what_cannot_be_meant_is_refused_before_it_is_sent() {
    let mut rig = opened(three());
    rig.click("Own");
    rig.click("Save");
    write(&mut rig, "Address of the proxy", "gate.test");
    rig.click("Save");
    assert_eq!(rig.asked(), []);
    let refused = "Write system, none, or an address such as http://host:3128 or socks5h://user:password@host:1080.";
    assert!(rig.shows(refused));

    let mut rig = opened(three());
    write(&mut rig, "Name of a new header", "Authorization");
    write(&mut rig, "Value of the new header", "fake");
    rig.click("Save");
    assert_eq!(rig.asked(), []);
    assert!(rig.shows("The header authorization is not free."));
}
