//! One client's socket: hears its requests, answers one after the other, and knows when to stop.
//!
//! There is one task for all of it, the connection's own. While a request is being answered the client is heard as well, so
//! that one that goes away takes its upstream along; what it asks meanwhile waits its turn, as it would at OpenAI, and so does
//! what is said against it.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tracing::debug;

use super::history::History;
use super::inflow::Inflow;
use super::line::Line;
use super::turn::{Talk, Waiting, answer, open_record, refuse};
use crate::router::House;
use crate::router::accept::Stage;
use crate::router::body::{Held, hold};
use crate::router::headers::Client;
use crate::router::keys::Caller;
use crate::router::reply::Refusal;
use crate::translate::responses::{ClientMessage, Create, Processed};

/// A handshake that was answered, and what begins then.
pub(in crate::router) struct Session {
    house: Arc<House>,
    client: Client,
    caller: Caller,
    upgrade: OnUpgrade,
}

/// Why a session ends.
enum End {
    Gone,
    /// We close, for this reason.
    Closing(CloseCode, &'static str),
}

/// For the client to answer our farewell.
const FAREWELL: Duration = Duration::from_millis(500);
/// Requests are read in one go up to here; a buffer of this size is kept by every socket.
const READ_BYTES: usize = 16 * 1024;

impl Session {
    pub(super) fn new(
        house: Arc<House>,
        client: Client,
        caller: Caller,
        upgrade: OnUpgrade,
    ) -> Self {
        Self {
            house,
            client,
            caller,
            upgrade,
        }
    }

    /// Runs until the client leaves or the router stops. Dropping the future closes the connection.
    pub(in crate::router) async fn run(self: Box<Self>) {
        let Self {
            house,
            client,
            caller,
            upgrade,
        } = *self;
        let upgraded = match upgrade.await {
            Ok(upgraded) => upgraded,
            Err(err) => {
                debug!(error = %err, "a websocket did not come about");
                return;
            }
        };
        let (Ok(held), Ok(incoming)) = (
            hold(&house.learned.histories, 0),
            hold(&house.learned.bodies, 0),
        ) else {
            return;
        };
        let mut talk = Talk {
            client,
            caller: caller.clone(),
            history: History::new(held, house.limits.socket_history_bytes),
            line: Line::default(),
        };
        let mut wire = Wire::new(house, caller, upgraded, incoming).await;
        let end = wire.converse(&mut talk).await;
        drop(talk);
        wire.close(end).await;
    }
}

/// What was heard.
enum Heard {
    Message(Option<Result<Message, Error>>),
    /// Nothing for a while: time for a ping.
    Nothing,
    /// A message that does not come to its end.
    Slow,
}

/// What comes when the answers before it are told.
enum Next {
    Ask(Waiting),
    Refuse(Refusal),
    /// For the upstream, if it is still on the line.
    PassOn(Processed),
}

/// The client's end.
struct Wire {
    house: Arc<House>,
    /// As it was let in; what holds for its key now is looked up with each request.
    caller: Caller,
    socket: WebSocketStream<Inflow<TokioIo<Upgraded>>>,
    ping: Interval,
    queue: VecDeque<Next>,
    is_answering: bool,
}

impl Wire {
    async fn new(house: Arc<House>, caller: Caller, upgraded: Upgraded, held: Held) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .max_message_size(Some(house.limits.wire_bytes))
            .max_frame_size(Some(house.limits.wire_bytes));
        let io = Inflow::new(TokioIo::new(upgraded), held);
        let mut ping = interval(house.limits.socket_ping);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ping.reset();
        Self {
            house,
            caller,
            socket: WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await,
            ping,
            queue: VecDeque::new(),
            is_answering: false,
        }
    }

    /// Request after request; says why there are no more.
    async fn converse(&mut self, talk: &mut Talk) -> End {
        let mut stage = self.house.stage.clone();
        loop {
            let is_leaving = *stage.borrow() > Stage::Serving;
            if is_leaving {
                return self.leave().await;
            }
            let went = match self.queue.pop_front() {
                Some(Next::Ask(waiting)) => {
                    self.is_answering = true;
                    let went = self.answer(talk, waiting).await;
                    self.is_answering = false;
                    went
                }
                Some(Next::Refuse(refusal)) => self.refuse(refusal).await,
                Some(Next::PassOn(processed)) => {
                    let patience = self.house.limits.write_stall;
                    talk.line.pass_on(processed, patience).await;
                    Ok(())
                }
                None => tokio::select! {
                    heard = self.hear() => self.take(heard).await,
                    () = talk.line.rest() => Ok(()),
                    // An error says that the router is gone, and this task with it.
                    _left = stage.changed() => Ok(()),
                },
            };
            if let Err(end) = went {
                return end;
            }
        }
    }

    /// Answers one request and goes on hearing the client meanwhile.
    async fn answer(&mut self, talk: &mut Talk, waiting: Waiting) -> Result<(), End> {
        let (say, mut said) = mpsc::channel(1);
        let house = self.house.clone();
        let mut turn = pin!(answer(&house, talk, waiting, say));
        let mut is_over = false;
        loop {
            tokio::select! {
                biased;
                text = said.recv() => match text {
                    Some(text) => self.say(Message::Text(text)).await?,
                    // The turn has said everything.
                    None => return Ok(()),
                },
                () = &mut turn, if !is_over => is_over = true,
                heard = self.hear() => self.take(heard).await?,
            }
        }
    }

    /// Cancelling it loses nothing.
    async fn hear(&mut self) -> Heard {
        let (idle, total) = (self.house.limits.body_idle, self.house.limits.body_total);
        loop {
            let deadline = self.socket.get_ref().deadline(idle, total);
            let check = deadline.unwrap_or_else(|| Instant::now() + idle);
            tokio::select! {
                biased;
                message = self.socket.next() => return Heard::Message(message),
                _now = self.ping.tick() => return Heard::Nothing,
                () = sleep_until(check) => {
                    let deadline = self.socket.get_ref().deadline(idle, total);
                    if deadline.is_some_and(|end| end <= Instant::now()) {
                        return Heard::Slow;
                    }
                }
            }
        }
    }

    async fn take(&mut self, heard: Heard) -> Result<(), End> {
        match heard {
            Heard::Nothing => self.say(Message::Ping(Bytes::new())).await,
            Heard::Slow => {
                let code = CloseCode::Policy;
                self.end(
                    Refusal::BodySlow,
                    code,
                    "the message did not arrive in time",
                )
                .await
            }
            Heard::Message(Some(Ok(Message::Text(text)))) => {
                let held = self.socket.get_mut().hand_over();
                self.read(text, held)
            }
            Heard::Message(Some(Ok(Message::Binary(_)))) => {
                drop(self.socket.get_mut().hand_over());
                self.queue_up(Next::Refuse(Refusal::NotText))
            }
            // Pings are answered by the library, with the next thing that is read or written.
            Heard::Message(Some(Ok(Message::Ping(payload) | Message::Pong(payload)))) => {
                self.socket.get_mut().note_control(payload.len());
                Ok(())
            }
            Heard::Message(Some(Ok(Message::Frame(_)))) => Ok(()),
            Heard::Message(Some(Ok(Message::Close(_))) | None) => Err(End::Gone),
            Heard::Message(Some(Err(err))) => self.end_of(&err).await,
        }
    }

    async fn end_of(&mut self, err: &Error) -> Result<(), End> {
        match err {
            Error::Capacity(_) => {
                let limit_bytes = self.house.limits.wire_bytes;
                let refusal = Refusal::BodyTooLarge { limit_bytes };
                self.end(refusal, CloseCode::Size, "the message is too large")
                    .await
            }
            Error::Io(_) if self.socket.get_ref().is_full() => {
                let code = CloseCode::Again;
                self.end(Refusal::NoRoom, code, "no room for the message")
                    .await
            }
            Error::Protocol(_) => Err(End::Closing(CloseCode::Protocol, "")),
            Error::Utf8(_) => Err(End::Closing(CloseCode::Invalid, "")),
            _ => Err(End::Gone),
        }
    }

    /// Says why, unless that would be taken for the answer that is being told, and ends the socket.
    async fn end(
        &mut self,
        refusal: Refusal,
        code: CloseCode,
        reason: &'static str,
    ) -> Result<(), End> {
        if !self.is_answering {
            self.refuse(refusal).await?;
        }
        Err(End::Closing(code, reason))
    }

    fn read(&mut self, text: Utf8Bytes, held: Held) -> Result<(), End> {
        let next = match ClientMessage::read(text.into()) {
            Ok(ClientMessage::Create(create)) => match self.waiting(create, held) {
                Ok(waiting) => Next::Ask(waiting),
                Err(refusal) => Next::Refuse(refusal),
            },
            // Nobody waits for what comes of it, so it gives way to requests.
            Ok(ClientMessage::Processed(_)) if self.is_queue_full() => return Ok(()),
            Ok(ClientMessage::Processed(processed)) => Next::PassOn(processed),
            Ok(ClientMessage::Note) => return Ok(()),
            Err(error) => Next::Refuse(error.into()),
        };
        self.queue_up(next)
    }

    fn waiting(&self, create: Box<Create>, mut held: Held) -> Result<Waiting, Refusal> {
        if self.is_queue_full() {
            return Err(Refusal::Busy);
        }
        held.grow_to(create.bytes())?;
        Ok(Waiting { create, held })
    }

    fn is_queue_full(&self) -> bool {
        self.queue.len() >= self.house.limits.socket_queue
    }

    /// What was refused waits its turn as well; a client that is not stopped by that is not listened to any longer.
    fn queue_up(&mut self, next: Next) -> Result<(), End> {
        if self.queue.len() >= 2 * self.house.limits.socket_queue {
            let reason = "too many requests at once";
            return Err(End::Closing(CloseCode::Again, reason));
        }
        self.queue.push_back(next);
        Ok(())
    }

    async fn refuse(&mut self, refusal: Refusal) -> Result<(), End> {
        let message = refuse(refusal, &mut open_record(&self.house, self.caller.clone()));
        match Utf8Bytes::try_from(message) {
            Ok(text) => self.say(Message::Text(text)).await,
            Err(_not_text) => Ok(()),
        }
    }

    /// A client that reads nothing is given up by the connection itself.
    async fn say(&mut self, message: Message) -> Result<(), End> {
        self.socket.send(message).await.map_err(|_lost| End::Gone)
    }

    /// The router stops: what still waits is told so.
    async fn leave(&mut self) -> End {
        for next in std::mem::take(&mut self.queue) {
            let refusal = match next {
                Next::Ask(_) => Refusal::Stopping,
                Next::Refuse(refusal) => refusal,
                Next::PassOn(_) => continue,
            };
            if let Err(end) = self.refuse(refusal).await {
                return end;
            }
        }
        End::Closing(CloseCode::Away, "the router is stopping")
    }

    async fn close(&mut self, end: End) {
        let frame = match end {
            End::Gone => None,
            End::Closing(code, reason) => Some(CloseFrame {
                code,
                reason: reason.into(),
            }),
        };
        let farewell = async {
            // It fails when the client is gone already.
            if self.socket.close(frame).await.is_err() {
                return;
            }
            while let Some(Ok(_late)) = self.socket.next().await {}
            // Closing a connection on unread bytes would take back what was said last.
            let mut rest = [0; 4096];
            while let Ok(1..) = self.socket.get_mut().read(&mut rest).await {
                drop(self.socket.get_mut().hand_over());
            }
        };
        if timeout(FAREWELL, farewell).await.is_err() {
            debug!("a client did not close its websocket in time");
        }
    }
}
