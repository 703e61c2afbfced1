//! The body of a reply: whole, or a stream that is pulled from the upstream as the client reads.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::door::Turn;
use super::relay::Relay;
use super::stream::EventBody;

#[derive(Debug)]
pub(super) struct AnswerBody {
    content: Content,
    /// Given back when the last byte is written or the client is gone.
    _turn: Option<Turn>,
}

#[derive(Debug)]
enum Content {
    Whole(Bytes),
    Events(Box<EventBody>),
    Relayed(Box<Relay>),
}

/// The answer cannot be finished, and the client must notice: the connection is closed without a proper end.
#[derive(Debug, thiserror::Error)]
#[error("the upstream broke off")]
pub(super) struct Severed;

impl AnswerBody {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self {
            content: Content::Whole(bytes),
            _turn: None,
        }
    }

    pub(super) fn events(events: EventBody) -> Self {
        Self {
            content: Content::Events(Box::new(events)),
            _turn: None,
        }
    }

    pub(super) fn relayed(relay: Relay) -> Self {
        Self {
            content: Content::Relayed(Box::new(relay)),
            _turn: None,
        }
    }

    pub(super) fn during(self, turn: Turn) -> Self {
        Self {
            _turn: Some(turn),
            ..self
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Severed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Severed>>> {
        match &mut self.content {
            Content::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Content::Events(events) => events
                .poll_bytes(cx)
                .map(|next| next.map(|bytes| bytes.map(Frame::data))),
            Content::Relayed(relay) => relay
                .poll_bytes(cx)
                .map(|next| next.map(|bytes| bytes.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.content, Content::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Events(_) | Content::Relayed(_) => SizeHint::default(),
        }
    }
}
