//! The HTTP clients: one for every way out, made when it is first taken.
//!
//! A way is a proxy or none. Two profiles with two proxies never share a client, and with it no connection; what goes to this
//! computer takes no proxy at all. A proxy that fails is a failure: nothing here tries another way.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use reqwest::{Certificate, Client, ClientBuilder};
use url::Url;

use super::{Purpose, is_loopback};
use crate::profile::{Network, Proxy, ProxyUrl};

/// What one stream may send ahead of its reader.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
/// Enough for 256 streams that nobody reads: all streams of a connection share it, and a client that has stopped reading must
/// not silence the others. hyper's adaptive window gives the connection no more than one stream.
const CONNECTION_WINDOW_BYTES: u32 = 256 * STREAM_WINDOW_BYTES;

/// DNS, TCP and TLS together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Notices a peer that vanished while a stream is silent.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);
/// More than anybody has accounts with proxies of their own. Whoever comes after them takes the place of the one that was not
/// used for the longest time, whose requests under way go on.
const MAX_CLIENTS: usize = 512;

/// How a request leaves this computer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Direct,
    System,
    Through(ProxyUrl),
}

#[derive(Debug, Default)]
pub(super) struct Clients {
    /// Of profiles that have none of their own.
    proxy: Proxy,
    roots: Vec<Certificate>,
    made: RwLock<Vec<Made>>,
    uses: AtomicU64,
}

#[derive(Debug)]
struct Made {
    way: Way,
    purpose: Purpose,
    client: Client,
    /// The number of its last use among all.
    used: AtomicU64,
}

impl Clients {
    pub(super) fn new(proxy: Proxy, roots: &[Vec<u8>]) -> Self {
        // Of DER nothing is read here, so that nothing can be wrong yet.
        let roots = roots.iter().flat_map(|der| Certificate::from_der(der));
        Self {
            proxy,
            roots: roots.collect(),
            made: RwLock::default(),
            uses: AtomicU64::default(),
        }
    }

    /// The way of a profile with this network to this address.
    ///
    /// # Errors
    /// A sentence, when its way cannot be taken. No other may be.
    pub(super) fn way(&self, network: &Network, url: &Url) -> Result<Way, String> {
        if is_loopback(url) {
            // A proxy has no business between us and this computer.
            return match network.trouble() {
                Some(reason) => Err(reason.to_owned()),
                None => Ok(Way::Direct),
            };
        }
        match network.proxy.as_ref().unwrap_or(&self.proxy) {
            Proxy::System => Ok(Way::System),
            Proxy::Direct => Ok(Way::Direct),
            Proxy::Through(proxy) => Ok(Way::Through(proxy.clone())),
            Proxy::Unusable(reason) => Err(reason.clone()),
        }
    }

    pub(super) fn get(&self, way: Way, purpose: Purpose) -> Result<Client, reqwest::Error> {
        let use_number = self.uses.fetch_add(1, Ordering::Relaxed);
        let again = |made: &[Made]| {
            let mut all = made.iter();
            let its = all.find(|it| it.way == way && it.purpose == purpose)?;
            its.used.store(use_number, Ordering::Relaxed);
            Some(its.client.clone())
        };
        // What is kept is whole after a panic elsewhere, too.
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = again(&made) {
            return Ok(client);
        }
        drop(made);
        // Outside of the lock: reading what the system trusts takes its time.
        let client = self.make(&way, purpose)?;
        let mut made = self.made.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(first) = again(&made) {
            return Ok(first);
        }
        if made.len() == MAX_CLIENTS {
            let places = made.iter().enumerate();
            let least = places.min_by_key(|(_, it)| it.used.load(Ordering::Relaxed));
            if let Some(place) = least.map(|(place, _)| place) {
                made.swap_remove(place);
            }
        }
        made.push(Made {
            way,
            purpose,
            client: client.clone(),
            used: AtomicU64::new(use_number),
        });
        Ok(client)
    }

    fn make(&self, way: &Way, purpose: Purpose) -> Result<Client, reqwest::Error> {
        // Another part of the process may have installed it first; either way there is one.
        let _already_there = rustls::crypto::ring::default_provider().install_default();
        let mut builder = builder();
        if !self.roots.is_empty() {
            builder = builder.tls_certs_merge(self.roots.iter().cloned());
        }
        builder = match way {
            Way::System => builder,
            Way::Direct => builder.no_proxy(),
            Way::Through(proxy) => builder.proxy(reqwest::Proxy::all(proxy.expose())?),
        };
        if purpose == Purpose::Socket {
            builder = builder.http1_only();
        }
        builder.build()
    }
}

pub(super) fn builder() -> ClientBuilder {
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_keepalive(TCP_KEEPALIVE)
        .http2_keep_alive_interval(TCP_KEEPALIVE)
        .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
        .http2_initial_connection_window_size(CONNECTION_WINDOW_BYTES)
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
