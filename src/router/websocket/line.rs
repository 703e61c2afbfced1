//! The upstream's end of a client's socket: whom the client talks to, and the socket that is open to it.

use std::future::{pending, poll_fn};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::time::timeout;
use tracing::debug;

use crate::pool::Access;
use crate::profile::{Claims, Fingerprint, Network, ProfileName};
use crate::translate::EventKind;
use crate::translate::responses::Processed;
use crate::upstream::socket::Socket;

/// Responses that the other end may still know; it keeps the last one at least.
const MAX_MADE: usize = 4;

#[derive(Debug, Default)]
pub(in crate::router) struct Line {
    /// Who answered last. Prompt cache and encrypted reasoning live there, so it is kept to.
    profile: Option<ProfileName>,
    /// Whose login opened the socket: a profile may get another account's.
    login: Option<Fingerprint>,
    /// The way that the socket goes and the headers that its handshake had.
    network: Option<Arc<Network>>,
    /// Missing while an answer comes over it. Nobody ever locks it: a connection that was taken over from HTTP may go from
    /// task to task and not be shared, and what holds a line is.
    socket: Mutex<Option<Box<Socket>>>,
    /// The responses that were made on this socket.
    made: Vec<String>,
}

impl Line {
    pub(in crate::router) fn profile(&self) -> Option<&ProfileName> {
        self.profile.as_ref()
    }

    /// The open socket to this profile, if it is still the same account and goes the way that is set for it now. Any other is
    /// closed: the client has moved on.
    pub(super) fn take(
        &mut self,
        profile: &ProfileName,
        access: &Access,
        network: &Arc<Network>,
    ) -> Option<Box<Socket>> {
        let is_same = self.profile.as_ref() == Some(profile)
            && self.login == Some(login_of(access))
            && self.network.as_ref() == Some(network);
        if !is_same {
            self.hang_up();
        }
        self.socket().take()
    }

    /// Whether the other end of the socket made this response.
    pub(super) fn made(&self, response_id: &str) -> bool {
        self.made.iter().any(|made| made == response_id)
    }

    /// Tells the other end of the socket that the client is done with a response, if it was made there. Nothing comes of it.
    pub(super) async fn pass_on(&mut self, processed: Processed, patience: Duration) {
        if !self.made(&processed.response_id) {
            return;
        }
        let Some(socket) = self.socket() else {
            return;
        };
        let sent = timeout(patience, socket.send(processed.text)).await;
        if !matches!(sent, Ok(Ok(()))) {
            debug!("an upstream's socket took no news");
            self.hang_up();
        }
    }

    /// From here on the client talks to this profile, over a socket that knows nothing yet.
    pub(super) fn begin(&mut self, profile: &ProfileName, access: &Access, network: &Arc<Network>) {
        self.hang_up();
        self.profile = Some(profile.clone());
        self.login = Some(login_of(access));
        self.network = Some(network.clone());
    }

    /// This profile answered, over whatever.
    pub(super) fn note(&mut self, profile: &ProfileName) {
        if self.profile.as_ref() != Some(profile) {
            self.hang_up();
            self.profile = Some(profile.clone());
        }
    }

    /// The answer is complete; its socket waits for the next request.
    pub(super) fn give_back(&mut self, socket: Option<Box<Socket>>, response_id: Option<&str>) {
        if socket.is_none() {
            self.hang_up();
            return;
        }
        *self.socket() = socket;
        if let Some(id) = response_id {
            if self.made.len() >= MAX_MADE {
                self.made.remove(0);
            }
            self.made.push(id.to_owned());
        }
    }

    pub(super) fn hang_up(&mut self) {
        *self.socket() = None;
        self.login = None;
        self.network = None;
        self.made.clear();
    }

    fn socket(&mut self) -> &mut Option<Box<Socket>> {
        self.socket
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks after the socket while nobody asks anything; returns when it was lost. Cancelling it loses nothing.
    pub(super) async fn rest(&mut self) {
        let Some(socket) = self.socket() else {
            return pending().await;
        };
        let end = poll_fn(|cx| {
            loop {
                match ready!(socket.poll_next(cx)) {
                    // The hour is over, or something else that ends it.
                    Ok(message) if EventKind::of_data(&message) == EventKind::Error => {
                        return Poll::Ready(None);
                    }
                    // Nobody has asked.
                    Ok(_news) => {}
                    Err(end) => return Poll::Ready(Some(end)),
                }
            }
        });
        let end = end.await;
        debug!(?end, "an upstream's socket ended while nobody used it");
        self.hang_up();
    }
}

/// The same for every token of one person's account.
fn login_of(access: &Access) -> Fingerprint {
    match access {
        Access::ChatGpt {
            access_token,
            account_id,
            ..
        } => match Claims::read(access_token.expose()) {
            Some(Claims {
                user_id: Some(user),
                ..
            }) => Fingerprint::of(format!("{account_id:?} {user:?}").as_bytes()),
            // A token that says nothing of its owner stands for itself.
            _ => access_token.fingerprint(),
        },
        Access::ApiKey { key } => key.fingerprint(),
        Access::Endpoint(endpoint) => endpoint.fingerprint(),
    }
}
