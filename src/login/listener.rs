//! Where the browser comes back to: a small server on 127.0.0.1 for one sign-in.
//!
//! It takes GET of two paths with a Host that is ours, heads of at most 8 KiB, and 8 connections at a time. Whoever drops it has
//! freed the port.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, ORIGIN};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tracing::debug;

use super::callback::Callback;
use super::page::Page;
use super::pkce::{Attempt, Claim};
use super::{Listening, Terms};
use crate::system::port_holder;

/// What the browser, or another program, wants.
#[derive(Debug)]
pub(super) enum Arrival {
    /// With our state; the browser waits for the page that is sent here.
    Callback(Callback, oneshot::Sender<Page>),
    /// `GET /cancel`, by which the CLI asks for the port (codex-rs/login/src/server.rs).
    Cancelled,
}

/// A listener for one sign-in.
#[derive(Debug)]
pub(super) struct Listener {
    arrivals: mpsc::Receiver<Arrival>,
    stop: oneshot::Sender<()>,
    closed: oneshot::Receiver<()>,
}

const CALLBACK: &str = "/auth/callback";
const CANCEL: &str = "/cancel";
const MAX_HEAD_BYTES: usize = 8 * 1024;
const MAX_CONNECTIONS: usize = 8;
/// From the first byte of a connection to the end of its head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long pages that are being sent are waited for when the port is free already.
const LAST_PAGES: Duration = Duration::from_secs(3);
/// How long the holder of a port may take to hear that we would like to have it.
const ASK_TIMEOUT: Duration = Duration::from_secs(1);

/// The first port that can be had, and where that is. The holder of the first one is asked to leave, as the CLI asks us.
pub(super) async fn open(terms: &Terms, attempt: &Arc<Attempt>) -> (Option<Listener>, Listening) {
    let [first, second] = terms.ports;
    let held_by = match take_first(first, terms).await {
        Ok(socket) => match listen(socket, attempt) {
            Ok((listener, port)) => {
                let listening = Listening::On {
                    port,
                    first_port_held_by: None,
                };
                return (Some(listener), listening);
            }
            Err(err) => Some(err.to_string()),
        },
        Err(_taken) => holder(first).await,
    };
    let opened = bind(second)
        .await
        .and_then(|socket| listen(socket, attempt));
    match opened {
        Ok((listener, port)) => {
            let somebody = || "another program".to_owned();
            let listening = Listening::On {
                port,
                first_port_held_by: Some(held_by.unwrap_or_else(somebody)),
            };
            (Some(listener), listening)
        }
        Err(err) => {
            debug!(error = %err, "no port for the browser to come back to");
            (None, Listening::Nowhere { held_by })
        }
    }
}

/// The address that the browser is sent to in the end; the issuer knows it by `localhost` (codex-rs/login/src/server.rs).
pub(super) fn redirect_uri(port: u16) -> String {
    format!("http://localhost:{port}{CALLBACK}")
}

async fn take_first(port: u16, terms: &Terms) -> io::Result<TcpListener> {
    let mut bound = bind(port).await;
    let is_taken = |bound: &io::Result<TcpListener>| matches!(bound, Err(err) if err.kind() == io::ErrorKind::AddrInUse);
    if !is_taken(&bound) {
        return bound;
    }
    ask_to_leave(port).await;
    for _ in 0..terms.port_tries {
        tokio::time::sleep(terms.port_pause).await;
        bound = bind(port).await;
        if !is_taken(&bound) {
            break;
        }
    }
    bound
}

async fn bind(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
}

/// Says `GET /cancel`, which another sign-in understands and everybody else answers with an error.
async fn ask_to_leave(port: u16) {
    let ask = async {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        let request =
            format!("GET {CANCEL} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        // Whatever it says: the port tells whether it left. At most as much as anybody would say.
        let mut answer = Vec::new();
        stream.take(4_096).read_to_end(&mut answer).await
    };
    match tokio::time::timeout(ASK_TIMEOUT, ask).await {
        Ok(Ok(_heard)) => {}
        Ok(Err(err)) => debug!(error = %err, "the holder of the port did not listen"),
        Err(_elapsed) => debug!("the holder of the port does not answer"),
    }
}

async fn holder(port: u16) -> Option<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let found = tokio::task::spawn_blocking(move || port_holder::of(address));
    // A panic there means that nothing is known.
    found.await.unwrap_or_default()
}

fn listen(socket: TcpListener, attempt: &Arc<Attempt>) -> io::Result<(Listener, u16)> {
    let port = socket.local_addr()?.port();
    let (arrival_sender, arrivals) = mpsc::channel(MAX_CONNECTIONS);
    let (stop, stopped) = oneshot::channel();
    let (closed_sender, closed) = oneshot::channel();
    let door = Arc::new(Door {
        port,
        attempt: attempt.clone(),
        arrivals: arrival_sender,
    });
    tokio::spawn(serve(socket, door, stopped, closed_sender));
    let listener = Listener {
        arrivals,
        stop,
        closed,
    };
    Ok((listener, port))
}

impl Listener {
    /// The next one that matters; `None` never comes while the runtime lives.
    pub(super) async fn arrival(&mut self) -> Option<Arrival> {
        self.arrivals.recv().await
    }

    /// Returns when the port is free. Pages that are on their way still arrive.
    pub(super) async fn close(self) {
        drop(self.stop);
        // It ends by being dropped, whether or not anybody says so.
        let _closed = self.closed.await;
    }
}

/// What every connection of this sign-in knows.
struct Door {
    port: u16,
    attempt: Arc<Attempt>,
    arrivals: mpsc::Sender<Arrival>,
}

/// Runs until the listener is dropped.
async fn serve(
    socket: TcpListener,
    door: Arc<Door>,
    mut stopped: oneshot::Receiver<()>,
    closed: oneshot::Sender<()>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = &mut stopped => break,
            Some(_ended) = connections.join_next() => {}
            accepted = socket.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) => _ = connections.spawn(speak(stream, door.clone())),
                Err(err) => {
                    debug!(error = %err, "the browser cannot be let in");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    drop(socket);
    // Nobody may be left to hear it.
    let _unheard = closed.send(());
    let last_pages = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(LAST_PAGES, last_pages).await.is_err() {
        debug!("a browser took too long to read its page");
    }
}

async fn speak(stream: TcpStream, door: Arc<Door>) {
    let service = service_fn(|request: Request<Incoming>| {
        let door = door.clone();
        async move { Ok::<_, Infallible>(door.answer(&request).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .keep_alive(false)
        .max_headers(100)
        .max_header_size(MAX_HEAD_BYTES)
        .max_buf_size(2 * MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(err) = served {
        debug!(error = %err, "a connection of a sign-in broke off");
    }
}

impl Door {
    async fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        self.page(request).await.into_response()
    }

    async fn page<B>(&self, request: &Request<B>) -> Page {
        let uri = request.uri();
        if request.method() != Method::GET {
            return Page::refused(StatusCode::METHOD_NOT_ALLOWED, "Only GET is answered here.");
        }
        if uri.authority().is_some() || !self.is_ours(request) {
            return Page::refused(
                StatusCode::FORBIDDEN,
                "This page is for browsers of this computer, at localhost.",
            );
        }
        match uri.path() {
            CALLBACK => self.callback(uri.query().unwrap_or_default()).await,
            CANCEL if is_from_a_page(request) => {
                Page::refused(StatusCode::FORBIDDEN, "A web page may not end a sign-in.")
            }
            CANCEL => match self.arrivals.send(Arrival::Cancelled).await {
                Ok(()) => Page::cancelled(),
                Err(_over) => Page::late(),
            },
            _ => Page::refused(StatusCode::NOT_FOUND, "There is nothing here."),
        }
    }

    async fn callback(&self, query: &str) -> Page {
        let callback = Callback::parse(query);
        let state = callback.state.as_ref().map_or("", |state| state.expose());
        match self.attempt.claim(state) {
            Claim::Foreign => Page::foreign(),
            Claim::Late => Page::late(),
            Claim::Ours => {
                let (page_sender, page) = oneshot::channel();
                let arrival = Arrival::Callback(callback, page_sender);
                if self.arrivals.send(arrival).await.is_err() {
                    return Page::late();
                }
                // Cancelled meanwhile.
                page.await.unwrap_or_else(|_cancelled| Page::cancelled())
            }
        }
    }

    /// Whether the one Host says this computer and our port: a page elsewhere whose name leads here has another.
    fn is_ours<B>(&self, request: &Request<B>) -> bool {
        let mut hosts = request.headers().get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return false;
        };
        let Some((name, port)) = host.to_str().ok().and_then(|host| host.rsplit_once(':')) else {
            return false;
        };
        let is_local = ["localhost", "127.0.0.1", "[::1]"]
            .iter()
            .any(|local| name.eq_ignore_ascii_case(local));
        is_local && port.parse() == Ok(self.port)
    }
}

/// Whether a web page sent it, which programs that ask for the port are not. Browsers say so, and pages cannot keep them from it
/// (W3C Fetch Metadata).
fn is_from_a_page<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    let is_asked_elsewhere = headers
        .get("sec-fetch-site")
        .is_some_and(|site| site != "none" && site != "same-origin");
    headers.contains_key(ORIGIN) || is_asked_elsewhere
}

#[cfg(test)]
mod tests;
