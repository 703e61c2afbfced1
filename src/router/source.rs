//! The events of one upstream reply, pulled one at a time and with bounded patience.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use http_body::Body;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::translate::chat_upstream::EventsFromChunks;
use crate::translate::sse::{Ending, Frame, Frames, MAX_EVENT_BYTES};
use crate::upstream::socket::{Socket, SocketEnd};

/// Why there is no further event although the stream was not over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    #[error("the upstream ended the stream early")]
    Ended,
    #[error("the upstream broke off: {0}")]
    Lost(String),
    #[error("the upstream was silent for {} s", .0.as_secs())]
    Silent(Duration),
    #[error("the upstream sent an event larger than {MAX_EVENT_BYTES} bytes")]
    TooLarge,
}

/// Dropping it drops the upstream's connection or stream.
pub(super) struct Source {
    wire: Wire,
    /// Frames that were read and are to be read again.
    held: VecDeque<Frame>,
    /// As long as nothing has come: how long the first event may take.
    first: Option<Duration>,
    idle: Duration,
    last_event: Instant,
    timer: Pin<Box<Sleep>>,
}

/// How the events come.
enum Wire {
    /// As the body of a reply, which ends with them.
    Body(Box<EventStream>),
    /// As messages on a socket, which stays open for the next request.
    Socket(Box<Socket>),
}

struct EventStream {
    body: reqwest::Body,
    frames: Frames,
    is_over: bool,
    /// What an upstream says that knows only chats, as events.
    chat: Option<Chat>,
}

struct Chat {
    reader: EventsFromChunks,
    /// What followed from the last chunk and was not taken yet.
    events: VecDeque<Frame>,
}

impl Source {
    pub(super) fn new(body: reqwest::Body, idle: Duration) -> Self {
        let stream = EventStream::new(body, None);
        Self::of(Wire::Body(Box::new(stream)), idle)
    }

    /// The same for an upstream that streams the chunks of a chat.
    pub(super) fn of_chunks(body: reqwest::Body, reader: EventsFromChunks, idle: Duration) -> Self {
        let stream = EventStream::new(body, Some(reader));
        Self::of(Wire::Body(Box::new(stream)), idle)
    }

    /// The same for a chat that was answered as a whole.
    pub(super) fn of_chat_answer(
        mut reader: EventsFromChunks,
        answer: &[u8],
        idle: Duration,
    ) -> Self {
        let mut events = reader.push(answer);
        events.append(&mut reader.finish());
        let mut source = Self::new(reqwest::Body::default(), idle);
        source.held = events;
        source
    }

    /// The answer to the request that was sent on this socket last.
    pub(super) fn of_socket(socket: Box<Socket>, idle: Duration) -> Self {
        Self::of(Wire::Socket(socket), idle)
    }

    fn of(wire: Wire, idle: Duration) -> Self {
        let now = Instant::now();
        Self {
            wire,
            held: VecDeque::new(),
            first: None,
            idle,
            last_event: now,
            timer: Box::pin(sleep_until(now + idle)),
        }
    }

    /// The first event may take another time than those that follow.
    pub(super) fn first_within(mut self, patience: Duration) -> Self {
        self.first = Some(patience);
        self.timer.as_mut().reset(self.last_event + patience);
        self
    }

    /// How long it may be silent now.
    fn patience(&self) -> Duration {
        self.first.unwrap_or(self.idle)
    }

    pub(super) fn is_socket(&self) -> bool {
        matches!(self.wire, Wire::Socket(_))
    }

    /// The socket, after the last event of the answer was read from it.
    pub(super) fn into_socket(self) -> Option<Box<Socket>> {
        match self.wire {
            Wire::Body(_) => None,
            Wire::Socket(socket) => Some(socket),
        }
    }

    /// Puts frames back in front.
    pub(super) fn put_back(&mut self, mut frames: VecDeque<Frame>) {
        frames.append(&mut self.held);
        self.held = frames;
    }

    /// Waits for a first frame and leaves it where it is.
    pub(super) async fn wait(&mut self) -> Result<(), Broken> {
        let first = self.next().await?;
        self.held.push_front(first);
        Ok(())
    }

    /// The last of the frames that were put back.
    pub(super) fn last_held(&self) -> Option<&Frame> {
        self.held.back()
    }

    pub(super) async fn next(&mut self) -> Result<Frame, Broken> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The next event. Comments are frames too, but they do not count as signs of life: a proxy on the way can send them for
    /// ever.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Frame, Broken>> {
        if let Some(frame) = self.held.pop_front() {
            return Poll::Ready(Ok(frame));
        }
        let polled = match &mut self.wire {
            Wire::Body(stream) => stream.poll_next(cx),
            Wire::Socket(socket) => socket
                .poll_next(cx)
                .map(|message| message.map(bare).map_err(Broken::from)),
        };
        match polled {
            Poll::Ready(Ok(frame)) => {
                if frame.has_data() {
                    self.last_event = Instant::now();
                    if self.first.take().is_some() {
                        self.timer.as_mut().reset(self.last_event + self.idle);
                    }
                }
                Poll::Ready(Ok(frame))
            }
            Poll::Ready(Err(broken)) => Poll::Ready(Err(broken)),
            Poll::Pending if self.is_silent(cx) => {
                Poll::Ready(Err(Broken::Silent(self.patience())))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Whether the upstream has been silent for too long. The timer is moved only when it fires, not at every event.
    fn is_silent(&mut self, cx: &mut Context<'_>) -> bool {
        while self.timer.as_mut().poll(cx).is_ready() {
            let end = self.last_event + self.patience();
            if end <= Instant::now() {
                return true;
            }
            self.timer.as_mut().reset(end);
        }
        false
    }

    /// Reads to the end of the stream after its last event, so that the connection can serve another request.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.wire {
            Wire::Body(stream) => stream.poll_end(cx),
            Wire::Socket(_) => Poll::Ready(()),
        }
    }

    /// The same without waiting.
    pub(super) fn end_now(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        // Either it has ended, or it is dropped and its connection with it.
        let _is_over = self.poll_end(&mut cx);
    }
}

impl EventStream {
    fn new(body: reqwest::Body, reader: Option<EventsFromChunks>) -> Self {
        Self {
            body,
            frames: Frames::new(MAX_EVENT_BYTES),
            is_over: false,
            chat: reader.map(|reader| Chat {
                reader,
                events: VecDeque::new(),
            }),
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Frame, Broken>> {
        loop {
            if let Some(event) = self.chat.as_mut().and_then(|chat| chat.events.pop_front()) {
                return Poll::Ready(Ok(event));
            }
            let frame = match ready!(self.poll_frame(cx)) {
                Ok(frame) => frame,
                // A chat is over when it has said how; only then is its end no break.
                Err(Broken::Ended) if self.chat.is_some() => {
                    let rest = self.chat.as_mut().map(|chat| chat.reader.finish());
                    match rest.filter(|rest| !rest.is_empty()) {
                        Some(rest) => self.take(rest),
                        None => return Poll::Ready(Err(Broken::Ended)),
                    }
                    continue;
                }
                Err(broken) => return Poll::Ready(Err(broken)),
            };
            let events = match &mut self.chat {
                Some(chat) if frame.has_data() => chat.reader.push(&frame.data),
                _ => return Poll::Ready(Ok(frame)),
            };
            self.take(events);
        }
    }

    fn take(&mut self, events: VecDeque<Frame>) {
        if let Some(chat) = &mut self.chat {
            chat.events = events;
        }
    }

    /// The next event as the upstream wrote it.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Frame, Broken>> {
        loop {
            match self.frames.next() {
                Some(Ok(frame)) => return Poll::Ready(Ok(frame)),
                Some(Err(_too_large)) => return Poll::Ready(Err(Broken::TooLarge)),
                None if self.is_over => return Poll::Ready(Err(Broken::Ended)),
                None => {}
            }
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    // Trailers say nothing that anybody here wants to know.
                    if let Ok(chunk) = frame.into_data() {
                        self.frames.push(chunk);
                    }
                }
                Some(Err(err)) => return Poll::Ready(Err(Broken::Lost(innermost(&err)))),
                None => {
                    self.is_over = true;
                    if let Ending::Last(frame) = std::mem::take(&mut self.frames).finish() {
                        return Poll::Ready(Ok(frame));
                    }
                }
            }
        }
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.is_over {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => self.is_over = true,
            }
        }
        Poll::Ready(())
    }
}

/// A message of a socket is the data of an event and nothing around it.
fn bare(data: bytes::Bytes) -> Frame {
    Frame {
        raw: data.clone(),
        data,
        event: None,
    }
}

impl From<SocketEnd> for Broken {
    fn from(end: SocketEnd) -> Self {
        match end {
            SocketEnd::Closed => Self::Ended,
            SocketEnd::Lost(why) => Self::Lost(why),
            SocketEnd::TooLarge => Self::TooLarge,
        }
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").finish_non_exhaustive()
    }
}

fn innermost(err: &dyn std::error::Error) -> String {
    let mut err = err;
    while let Some(source) = err.source() {
        err = source;
    }
    err.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(body: impl Into<reqwest::Body>) -> Source {
        Source::new(body.into(), Duration::from_secs(300))
    }

    #[tokio::test]
    async fn frames_come_in_order_and_the_end_is_no_frame() {
        let mut source = source("data: 1\n\n: ping\n\ndata: 2\n\n");
        assert_eq!(source.next().await.unwrap().data, "1");
        assert!(!source.next().await.unwrap().has_data());
        assert_eq!(source.next().await.unwrap().data, "2");
        assert_eq!(source.next().await, Err(Broken::Ended));
    }

    #[tokio::test]
    async fn what_was_put_back_comes_first() {
        let mut source = source("data: 1\n\ndata: 2\n\n");
        let first = source.next().await.unwrap();
        source.put_back([first].into());
        assert_eq!(source.next().await.unwrap().data, "1");
        assert_eq!(source.next().await.unwrap().data, "2");
    }

    /// Sends a comment now and then, and never an event.
    struct Pings(Pin<Box<Sleep>>);

    impl Body for Pings {
        type Data = bytes::Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, Self::Error>>> {
            std::task::ready!(self.0.as_mut().poll(cx));
            self.0 = Box::pin(tokio::time::sleep(Duration::from_secs(15)));
            let ping = bytes::Bytes::from_static(b": ping\n\n");
            Poll::Ready(Some(Ok(http_body::Frame::data(ping))))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn keep_alives_do_not_hide_that_the_upstream_is_silent() {
        let pings = Pings(Box::pin(tokio::time::sleep(Duration::ZERO)));
        let mut source = source(reqwest::Body::wrap(pings));
        let began = Instant::now();
        let broken = loop {
            match source.next().await {
                Ok(frame) => assert!(!frame.has_data()),
                Err(broken) => break broken,
            }
        };
        assert_eq!(broken, Broken::Silent(Duration::from_secs(300)));
        assert!(began.elapsed() < Duration::from_secs(320));
    }
}
