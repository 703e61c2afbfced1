//! Takes the port, or says who has it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::TcpListener;

use crate::desk::settings::Listen;
use crate::system::port_holder;

/// Why the router does not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{address} is taken{}", by(holder.as_deref()))]
    PortTaken {
        address: SocketAddr,
        /// Who listens there, in words, where that can be found out: `node (pid 812)`.
        holder: Option<String>,
        /// A port nearby that was free when we looked.
        free_port: Option<u16>,
    },
    /// Everybody in the network could spend the accounts.
    #[error(
        "{0} can be reached from other computers, and no client key keeps them out; make one with `codex-router keys create LABEL`"
    )]
    NotLoopback(SocketAddr),
    #[error("cannot listen on {address}: {source}")]
    Io {
        address: SocketAddr,
        source: io::Error,
    },
}

fn by(holder: Option<&str>) -> String {
    holder
        .map(|holder| format!(" by {holder}"))
        .unwrap_or_default()
}

/// How often another port is taken when the system's choice for IPv4 is taken on IPv6.
const PORT_TRIES: usize = 8;
/// How far we look for a free port to offer.
const NEARBY_PORTS: u16 = 20;

/// Binds every address of `listen`. Never shares a port: two routers on one would take turns.
///
/// # Errors
/// See [`StartError`].
pub(super) async fn bind(listen: Listen) -> Result<Vec<TcpListener>, StartError> {
    match listen {
        Listen::At(address) => Ok(vec![bind_one(address).await?]),
        Listen::Localhost { port: 0 } => {
            let mut last = localhost(0).await;
            for _ in 1..PORT_TRIES {
                if !matches!(last, Err(StartError::PortTaken { .. })) {
                    break;
                }
                last = localhost(0).await;
            }
            last
        }
        Listen::Localhost { port } => localhost(port).await,
    }
}

/// Both addresses that `localhost` stands for; the second only where the computer has IPv6.
async fn localhost(port: u16) -> Result<Vec<TcpListener>, StartError> {
    let first = bind_one((Ipv4Addr::LOCALHOST, port).into()).await?;
    let port = match first.local_addr() {
        Ok(address) => address.port(),
        Err(source) => {
            let address = (Ipv4Addr::LOCALHOST, port).into();
            return Err(StartError::Io { address, source });
        }
    };
    match bind_one((Ipv6Addr::LOCALHOST, port).into()).await {
        Ok(second) => Ok(vec![first, second]),
        Err(taken @ StartError::PortTaken { .. }) => Err(taken),
        Err(err) => {
            tracing::debug!(error = %err, "no IPv6 on this computer");
            Ok(vec![first])
        }
    }
}

async fn bind_one(address: SocketAddr) -> Result<TcpListener, StartError> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(err) if err.kind() == io::ErrorKind::AddrInUse => Err(taken(address).await),
        Err(source) => Err(StartError::Io { address, source }),
    }
}

async fn taken(address: SocketAddr) -> StartError {
    let found = tokio::task::spawn_blocking(move || {
        (
            port_holder::of(address),
            free_port_near(address.ip(), address.port()),
        )
    });
    // Only a panic or the end of the runtime keeps it from answering; the port is taken either way.
    let (holder, free_port) = found.await.unwrap_or_default();
    StartError::PortTaken {
        address,
        holder,
        free_port,
    }
}

fn free_port_near(ip: IpAddr, port: u16) -> Option<u16> {
    (1..=NEARBY_PORTS)
        .filter_map(|step| port.checked_add(step))
        .find(|port| std::net::TcpListener::bind((ip, *port)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn localhost_is_both_addresses_on_one_port() {
        let listeners = bind(Listen::Localhost { port: 0 }).await.unwrap();
        let addresses: Vec<_> = listeners
            .iter()
            .map(|it| it.local_addr().unwrap())
            .collect();
        assert!(addresses[0].is_ipv4());
        assert!(addresses.iter().all(|it| it.port() == addresses[0].port()));
        assert!(addresses.iter().all(|it| it.ip().is_loopback()));
    }

    #[tokio::test]
    async fn a_taken_port_is_told_with_its_holder_and_another_port() {
        let theirs = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = theirs.local_addr().unwrap();
        let err = bind(Listen::Localhost {
            port: address.port(),
        })
        .await
        .unwrap_err();
        let StartError::PortTaken {
            address: taken,
            holder,
            free_port,
        } = err
        else {
            panic!("{err}");
        };
        assert_eq!(taken, address);
        assert_ne!(free_port, Some(address.port()));
        if cfg!(target_os = "linux") {
            let pid = format!("(pid {})", std::process::id());
            assert!(holder.is_some_and(|holder| holder.ends_with(&pid)));
        }
    }

    #[tokio::test]
    async fn a_port_that_is_taken_on_ipv6_only_is_taken() {
        let Ok(theirs) = TcpListener::bind(("::1", 0)).await else {
            return; // a computer without IPv6
        };
        let address = theirs.local_addr().unwrap();
        let listen = Listen::Localhost {
            port: address.port(),
        };
        let err = bind(listen).await.unwrap_err();
        assert!(
            matches!(err, StartError::PortTaken { address: taken, .. } if taken == address),
            "{err}"
        );
    }
}
