//! How requests of the router get a newer token: through the worker's own queue, as everything else.

use std::pin::Pin;

use tokio::sync::{mpsc, oneshot};

use crate::pool::Access;
use crate::profile::{Fingerprint, ProfileName};
use crate::router::{FreshTokens, NoToken};

/// The router's end of the queue.
#[derive(Clone)]
pub struct TokenDesk {
    wanted: mpsc::Sender<Wanted>,
}

/// One request's wish for a newer token.
pub struct Wanted {
    pub name: ProfileName,
    pub stale: Fingerprint,
    pub waiter: Waiter,
}

pub type Waiter = oneshot::Sender<Result<Access, NoToken>>;

/// Requests that wait for a token at once; the router lets fewer in.
const WANTED: usize = 1_024;

impl TokenDesk {
    pub fn new() -> (Self, mpsc::Receiver<Wanted>) {
        let (wanted, receiver) = mpsc::channel(WANTED);
        (Self { wanted }, receiver)
    }
}

impl FreshTokens for TokenDesk {
    fn fresh(
        &self,
        name: &ProfileName,
        stale: &Fingerprint,
    ) -> Pin<Box<dyn Future<Output = Result<Access, NoToken>> + Send>> {
        let (waiter, answer) = oneshot::channel();
        let wanted = Wanted {
            name: name.clone(),
            stale: stale.clone(),
            waiter,
        };
        let sender = self.wanted.clone();
        Box::pin(async move {
            let stopping = || NoToken("the program is stopping".into());
            sender.send(wanted).await.map_err(|_closed| stopping())?;
            answer.await.map_err(|_closed| stopping())?
        })
    }
}
