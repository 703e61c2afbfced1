//! The address of the router, as it stands in the settings of other programs.

use std::net::SocketAddr;

use url::{Host, Url};

/// The router that programs are pointed at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Router {
    pub(super) root: String,
    pub(super) port: u16,
    /// Whether it refuses requests without a key.
    pub(super) needs_key: bool,
}

impl Router {
    /// The router at this address, as programs on this computer call it.
    pub fn at(address: SocketAddr, needs_key: bool) -> Self {
        let mut address = address;
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        Self {
            root: format!("http://{address}"),
            port: address.port(),
            needs_key,
        }
    }

    /// Whether this address leads to it.
    pub fn is_at(&self, address: &str) -> bool {
        leads_to(address, &self.root)
    }
}

/// Whether whoever asks at `address` is answered by what listens at `root`.
pub(super) fn leads_to(address: &str, root: &str) -> bool {
    let (Ok(theirs), Ok(ours)) = (Url::parse(address), Url::parse(root)) else {
        return false;
    };
    let is_loopback = |url: &Url| match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    let is_same_host = theirs.host() == ours.host() || (is_loopback(&theirs) && is_loopback(&ours));
    theirs.scheme() == "http"
        && is_same_host
        && theirs.port_or_known_default() == ours.port_or_known_default()
}
