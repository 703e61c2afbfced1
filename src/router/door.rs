//! A client's connection with the patience that hyper lacks: for a head that trickles in, and for a client that reads nothing.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::limits::Limits;

/// Bytes of one client.
pub(super) struct Door<IO> {
    io: IO,
    turn: Arc<AtomicBool>,
    head: Patience,
    write: Patience,
}

/// Held while a request is being answered: then what arrives is a body, with limits of its own, and no head.
#[derive(Debug)]
pub(super) struct Turn(Arc<AtomicBool>);

/// Marks who may take the next turn.
#[derive(Clone, Debug)]
pub(super) struct Turns(Arc<AtomicBool>);

impl Turns {
    pub(super) fn take(&self) -> Turn {
        self.0.store(true, Ordering::Relaxed);
        Turn(self.0.clone())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl<IO> Door<IO> {
    pub(super) fn new(io: IO, limits: &Limits) -> (Self, Turns) {
        let turn = Arc::new(AtomicBool::new(false));
        let door = Self {
            io,
            turn: turn.clone(),
            head: Patience::new(limits.head_read),
            write: Patience::new(limits.write_stall),
        };
        (door, Turns(turn))
    }
}

/// A timer that runs from the moment something is begun until it is done.
struct Patience {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    fn new(limit: Duration) -> Self {
        Self { limit, timer: None }
    }

    fn begin(&mut self) {
        let limit = self.limit;
        self.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
    }

    fn end(&mut self) {
        self.timer = None;
    }

    /// Whether it ran out; wakes the task when it will.
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(timer) = &mut self.timer else {
            return false;
        };
        timer.deadline() <= Instant::now() || timer.as_mut().poll(cx).is_ready()
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Door<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let is_head = !this.turn.load(Ordering::Relaxed);
        if !is_head {
            this.head.end();
        } else if this.head.is_over(cx) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
        if is_head && buf.filled().len() > before {
            this.head.begin();
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> Door<IO> {
    fn watched<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.write.end();
            return written;
        }
        self.write.begin();
        if self.write.is_over(cx) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Door<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.watched(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, pieces);
        self.watched(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.watched(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_head_that_trickles_in_is_given_up_but_an_idle_connection_is_not() {
        let limits = Limits::default();
        let (mut client, io) = duplex(64);
        let (mut door, _turns) = Door::new(io, &limits);
        let mut byte = [0];
        let idle = tokio::time::timeout(limits.head_read * 5, door.read_exact(&mut byte)).await;
        assert!(
            idle.is_err(),
            "nothing has begun, so nothing takes too long"
        );
        client.write_all(b"G").await.unwrap();
        door.read_exact(&mut byte).await.unwrap();
        let began = Instant::now();
        let err = door.read_exact(&mut byte).await.unwrap_err();
        assert_eq!(err.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), limits.head_read.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn while_a_request_is_answered_silence_is_no_slow_head() {
        let limits = Limits::default();
        let (mut client, io) = duplex(64);
        let (mut door, turns) = Door::new(io, &limits);
        let mut byte = [0];
        client.write_all(b"G").await.unwrap();
        door.read_exact(&mut byte).await.unwrap();
        let turn = turns.take();
        let silent = tokio::time::timeout(limits.head_read * 5, door.read_exact(&mut byte)).await;
        assert!(silent.is_err());
        drop(turn);
        client.write_all(b"G").await.unwrap();
        door.read_exact(&mut byte).await.unwrap();
        assert!(
            door.read_exact(&mut byte).await.is_err(),
            "the next head has the same patience"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_nothing_is_given_up() {
        let limits = Limits::default();
        let (_client, io) = duplex(4);
        let (mut door, _turns) = Door::new(io, &limits);
        let began = Instant::now();
        let err = door.write_all(b"0123456789").await.unwrap_err();
        assert_eq!(err.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), limits.write_stall.as_secs());
    }
}
