//! Takes connections and speaks HTTP/1.1 on them, within the limits of this process.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tracing::{debug, error, warn};

use super::House;
use super::door::Door;
use super::limits::Limits;
use super::serve::serve;
use super::websocket::Handover;

/// How far the router is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Serving,
    /// No new connections; requests under way go on.
    Draining,
    /// Streams end with an error.
    Ending,
}

/// Accepts until the stage is left, then waits for the connections. Dropping the future closes them. `open` is held as long as
/// the port is.
pub(super) async fn accept(
    listener: TcpListener,
    address: SocketAddr,
    houses: watch::Receiver<Arc<House>>,
    slots: Arc<Semaphore>,
    open: mpsc::Sender<Infallible>,
) {
    let mut stage = houses.borrow().stage.clone();
    let mut connections = JoinSet::new();
    let mut complaint = Complaint::default();
    while *stage.borrow_and_update() == Stage::Serving {
        tokio::select! {
            _changed = stage.changed() => {}
            Some(ended) = connections.join_next() => note_end(ended),
            (slot, accepted) = next(&listener, &slots) => match accepted {
                Ok(stream) => {
                    connections.spawn(speak(stream, slot, address, houses.clone()));
                }
                Err(err) if is_clients_fault(&err) => debug!(error = %err, "a client left before it was accepted"),
                Err(err) => {
                    complaint.say(&err);
                    // Out of file descriptors: trying again at once would only burn the processor.
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    drop(open);
    while let Some(ended) = connections.join_next().await {
        note_end(ended);
    }
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The next connection, once there is a slot for it. What waits in the kernel's queue meanwhile costs us nothing.
async fn next(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> (Option<OwnedSemaphorePermit>, io::Result<TcpStream>) {
    // It is never closed; without a slot the connection would only be uncounted.
    let slot = slots.clone().acquire_owned().await.ok();
    (slot, listener.accept().await.map(|(stream, _)| stream))
}

async fn speak(
    stream: TcpStream,
    slot: Option<OwnedSemaphorePermit>,
    address: SocketAddr,
    houses: watch::Receiver<Arc<House>>,
) {
    let house = houses.borrow().clone();
    if let Err(err) = stream.set_nodelay(true) {
        // It still works, every token a little later.
        debug!(error = %err, "TCP_NODELAY is refused");
    }
    let mut stage: watch::Receiver<Stage> = house.stage.clone();
    let (door, turns) = Door::new(stream, &house.limits);
    let handover = Handover::default();
    let service = service_fn(|request: Request<Incoming>| {
        // Of this moment: the settings may have changed since the last request.
        let house = houses.borrow().clone();
        let guard = house.guard(address);
        let answer = serve(house, guard, turns.take(), &handover, request);
        async { Ok::<_, Infallible>(answer.await) }
    });
    // Without a timer hyper has no timeouts, silently.
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(house.limits.keep_alive)
        .max_headers(100)
        .max_header_size(house.limits.head_bytes)
        .max_buf_size(2 * house.limits.head_bytes)
        .serve_connection(TokioIo::new(door), service)
        .with_upgrades();
    tokio::pin!(connection);
    let mut is_leaving = false;
    let ended = loop {
        tokio::select! {
            ended = connection.as_mut() => break ended,
            _left = stage.wait_for(|stage| *stage > Stage::Serving), if !is_leaving => {
                is_leaving = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    };
    if let Err(err) = ended {
        debug!(error = %err, "a connection broke off");
    } else if let Some(session) = handover.take() {
        // What comes from here on is no head of a request.
        let _turn = turns.take();
        session.run().await;
    }
    drop(slot);
}

fn note_end(ended: Result<(), tokio::task::JoinError>) {
    if let Err(err) = ended
        && err.is_panic()
    {
        error!("a connection's task panicked; its client saw the connection close");
    }
}

fn is_clients_fault(err: &io::Error) -> bool {
    matches!(
        err.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// Says the same thing once a minute at most.
#[derive(Default)]
struct Complaint(Option<Instant>);

impl Complaint {
    fn say(&mut self, err: &io::Error) {
        const PAUSE: Duration = Duration::from_secs(60);
        if self.0.is_none_or(|at| at.elapsed() >= PAUSE) {
            self.0 = Some(Instant::now());
            warn!(error = %err, "cannot accept connections");
        }
    }
}

/// How many connections this process can afford: each may need one file descriptor upstream and one to spare.
pub(super) fn affordable_connections(limits: &Limits) -> usize {
    match open_files() {
        Some(files) => limits
            .connections
            .min(files.saturating_sub(RESERVED_FILES) / 3)
            .max(1),
        None => limits.connections,
    }
}

/// For credentials, the ledger, and everything else that must work when clients take all they can.
const RESERVED_FILES: usize = 128;

/// The soft limit of open files, after raising it to what a busy router needs.
#[cfg(unix)]
fn open_files() -> Option<usize> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    const WANTED: u64 = 8192;
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(WANTED, |maximum| maximum.min(WANTED));
    let current = limit.current?;
    if current >= wanted {
        return usize::try_from(current).ok();
    }
    let raised = Rlimit {
        current: Some(wanted),
        maximum: limit.maximum,
    };
    let now = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => wanted,
        Err(err) => {
            debug!(error = %err, "the limit of open files cannot be raised");
            current
        }
    };
    usize::try_from(now).ok()
}

#[cfg(not(unix))]
fn open_files() -> Option<usize> {
    None
}
