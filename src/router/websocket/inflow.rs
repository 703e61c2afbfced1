//! The bytes of a client's socket on their way in: how much of a message has come, since when, and the room that it takes.
//!
//! The library puts messages together by itself and says nothing before they are whole. A client that never ends one would
//! keep what it sent for good, and outside of the common budget.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::router::body::Held;

/// What comes around every control frame of a client: two bytes of head and the mask (RFC 6455 section 5.2).
const CONTROL_HEAD_BYTES: usize = 6;

pub(super) struct Inflow<T> {
    io: T,
    /// Bytes that have come since the last whole message.
    bytes: usize,
    began: Option<Instant>,
    last: Instant,
    held: Held,
    is_full: bool,
}

impl<T> Inflow<T> {
    /// `held` is what the room of messages is taken from.
    pub(super) fn new(io: T, held: Held) -> Self {
        Self {
            io,
            bytes: 0,
            began: None,
            last: Instant::now(),
            held,
            is_full: false,
        }
    }

    /// A whole message was read: the room that it took, for whoever has it next. What has come of the one after it, in the same
    /// breath, is not counted; it is no more than one read.
    pub(super) fn hand_over(&mut self) -> Held {
        self.bytes = 0;
        self.began = None;
        let none = self.held.none();
        std::mem::replace(&mut self.held, none)
    }

    /// A control frame was read, perhaps in the middle of a message.
    pub(super) fn note_control(&mut self, payload_bytes: usize) {
        let bytes = CONTROL_HEAD_BYTES + payload_bytes;
        self.bytes = self.bytes.saturating_sub(bytes);
        if self.bytes == 0 {
            self.began = None;
            self.held.shrink_to(0);
        }
    }

    /// When the message that is under way has taken too long; nothing while there is none.
    pub(super) fn deadline(&self, idle: Duration, total: Duration) -> Option<Instant> {
        Some((self.began? + total).min(self.last + idle))
    }

    /// Whether reading ended because there was no room for more.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Inflow<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        let read = buf.filled().len() - before;
        if read > 0 {
            let now = Instant::now();
            self.last = now;
            self.began.get_or_insert(now);
            self.bytes += read;
            let bytes = self.bytes;
            if self.held.grow_to(bytes).is_err() {
                self.is_full = true;
                return Poll::Ready(Err(io::Error::other("no room for this message")));
            }
        }
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Inflow<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;
    use crate::router::{Limits, body};

    const IDLE: Duration = Duration::from_secs(30);
    const TOTAL: Duration = Duration::from_secs(300);

    async fn read(inflow: &mut Inflow<&[u8]>, bytes: usize) -> io::Result<usize> {
        inflow.read(&mut vec![0; bytes]).await
    }

    fn inflow(room_bytes: usize) -> Inflow<&'static [u8]> {
        static BYTES: [u8; 100_000] = [0; 100_000];
        let limits = Limits {
            all_bodies_bytes: room_bytes,
            ..Limits::default()
        };
        let held = body::hold(&body::budget(&limits), 0).unwrap();
        Inflow::new(&BYTES[..], held)
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_under_way_has_until_its_idle_and_its_total_time() {
        let mut inflow = inflow(1_000_000);
        assert_eq!(inflow.deadline(IDLE, TOTAL), None);
        let began = Instant::now();
        for _ in 0..15 {
            read(&mut inflow, 100).await.unwrap();
            tokio::time::advance(Duration::from_secs(20)).await;
            // A client that answers our pings meanwhile gains nothing by it.
            read(&mut inflow, 6).await.unwrap();
            inflow.note_control(0);
        }
        assert_eq!(inflow.deadline(IDLE, TOTAL), Some(began + TOTAL));
        drop(inflow.hand_over());
        assert_eq!(inflow.deadline(IDLE, TOTAL), None);
        read(&mut inflow, 10).await.unwrap();
        assert_eq!(inflow.deadline(IDLE, TOTAL), Some(Instant::now() + IDLE));
    }

    #[tokio::test]
    async fn an_answered_ping_is_no_message() {
        let mut inflow = inflow(1_000_000);
        read(&mut inflow, 10).await.unwrap();
        inflow.note_control(4);
        assert_eq!(inflow.deadline(IDLE, TOTAL), None);
    }

    #[tokio::test]
    async fn what_has_come_of_a_message_takes_room_and_without_room_no_more_is_read() {
        let mut inflow = inflow(20 * 1024);
        read(&mut inflow, 10_000).await.unwrap();
        read(&mut inflow, 10_000).await.unwrap();
        assert!(!inflow.is_full());
        read(&mut inflow, 10_000).await.unwrap_err();
        assert!(inflow.is_full());
    }
}
