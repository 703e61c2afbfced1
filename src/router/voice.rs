//! How upstream events become the bytes that one kind of client reads.

use bytes::Bytes;

use crate::translate::chat::ChunkWriter;
use crate::translate::images::ImageWriter;
use crate::translate::messages::MessageWriter;
use crate::translate::responses::{
    OutputRecord, Terminal, TerminalEvent, TokenUsage, without_owner,
};
use crate::translate::sse::{Frame, write_frame};
use crate::translate::{ErrorBody, EventKind, EventWriter, Failure, Progress};

pub(super) enum Voice {
    /// Codex reads everything that its backend says, byte for byte.
    Codex,
    Sdk(Sdk),
    Chat(Box<ChunkWriter>),
    Image(Box<ImageWriter>),
    Messages(Box<MessageWriter>),
}

/// A typed client of the Responses API: it knows the public events only, and reads the final answer from the last one.
pub(super) struct Sdk {
    framing: Framing,
    /// `None` when the upstream fills its last event in by itself.
    record: Option<OutputRecord>,
    /// Whether the account belongs to a person whom the client need not know.
    hides_owner: bool,
    /// For the number of an error event of our own.
    events: u64,
}

/// What stands around an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// The lines of an event stream.
    Stream,
    /// Nothing: it is a message of a socket.
    Message,
}

/// A comment: every reader of event streams knows that it is nothing.
const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";

/// What one event gave the client.
pub(super) enum Spoken {
    Nothing,
    /// Something was appended.
    Written,
    AsItCame(Bytes),
    /// That was the last event of the answer.
    Last {
        /// To be written as it is; empty when it was appended.
        bytes: Bytes,
        tokens: Option<TokenUsage>,
        failure: Option<Box<Failure>>,
    },
}

impl Voice {
    pub(super) fn sdk(record: Option<OutputRecord>) -> Self {
        Self::sdk_in(Framing::Stream, record)
    }

    pub(super) fn sdk_in(framing: Framing, record: Option<OutputRecord>) -> Self {
        Self::Sdk(Sdk {
            framing,
            hides_owner: record.is_some(),
            record,
            events: 0,
        })
    }

    pub(super) fn say(&mut self, kind: EventKind, frame: Frame, out: &mut Vec<u8>) -> Spoken {
        match self {
            Self::Codex => match ending_of(kind, &frame) {
                None => Spoken::AsItCame(frame.raw),
                Some((tokens, failure)) => Spoken::Last {
                    bytes: frame.raw,
                    tokens,
                    failure,
                },
            },
            Self::Sdk(sdk) => sdk.say(kind, frame),
            Self::Chat(writer) => say_translated(&mut **writer, kind, &frame, out),
            Self::Image(writer) => say_translated(&mut **writer, kind, &frame, out),
            Self::Messages(writer) => say_translated(&mut **writer, kind, &frame, out),
        }
    }

    /// Whether a comment is a sign of life to this client.
    pub(super) fn hears_comments(&self) -> bool {
        !matches!(self, Self::Codex)
    }

    /// Writes a sign of life for a client that hears nothing else.
    pub(super) fn ping(&mut self, out: &mut Vec<u8>) {
        match self {
            // Its idle timer knows events only; types that it does not know are skipped
            // (`openai/codex: codex-rs/codex-api/src/sse/responses.rs`).
            Self::Codex => write_frame(None, br#"{"type":"router.keepalive"}"#, out),
            // What typed clients make of an unknown type is their own affair; a comment is nothing to all of them.
            Self::Sdk(_) | Self::Chat(_) | Self::Image(_) => {
                out.extend_from_slice(KEEP_ALIVE);
            }
            Self::Messages(writer) => writer.ping(out),
        }
    }

    /// Writes an error as the end of the stream. Whether that was possible: Codex takes only a broken connection for what it
    /// is, and starts the turn again.
    pub(super) fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Codex => false,
            Self::Sdk(sdk) => {
                let event = ErrorBody::from(failure).to_responses_event(sdk.events);
                write_frame(Some(b"error"), &event, out);
                true
            }
            Self::Chat(writer) => {
                writer.fail(failure, out);
                true
            }
            Self::Image(writer) => {
                writer.fail(failure, out);
                true
            }
            Self::Messages(writer) => {
                writer.fail(failure, out);
                true
            }
        }
    }
}

impl Sdk {
    fn say(&mut self, kind: EventKind, frame: Frame) -> Spoken {
        if kind.is_vendor() {
            return Spoken::Nothing;
        }
        let frame = if self.hides_owner {
            self.anonymous(kind, frame)
        } else {
            frame
        };
        if frame.has_data() {
            self.events += 1;
        }
        if let Some((tokens, failure)) = ending_of(kind, &frame) {
            return Spoken::Last {
                bytes: self.last(kind, frame),
                tokens,
                failure,
            };
        }
        if let Some(record) = &mut self.record
            && record.note(kind, &frame.data).is_err()
        {
            // Too much to remember, or not readable: the client has its events, the last one stays as it comes.
            self.record = None;
        }
        Spoken::AsItCame(frame.raw)
    }

    /// The last event with the whole answer in it.
    fn last(&self, kind: EventKind, frame: Frame) -> Bytes {
        let Some(record) = &self.record else {
            return frame.raw;
        };
        let full = record.with_full_output(kind, &frame.data);
        if full.as_ptr() == frame.data.as_ptr() {
            return frame.raw;
        }
        self.framing.around(frame.event.as_deref(), full)
    }

    /// The event without the id of the account's owner.
    fn anonymous(&self, kind: EventKind, frame: Frame) -> Frame {
        let Some(data) = without_owner(kind, &frame.data) else {
            return frame;
        };
        Frame {
            raw: self.framing.around(frame.event.as_deref(), data.clone()),
            data,
            event: frame.event,
        }
    }
}

impl Framing {
    fn around(self, event: Option<&[u8]>, data: Bytes) -> Bytes {
        match self {
            Self::Message => data,
            Self::Stream => {
                let mut out = Vec::with_capacity(data.len() + 64);
                write_frame(event, &data, &mut out);
                out.into()
            }
        }
    }
}

fn say_translated(
    writer: &mut impl EventWriter,
    kind: EventKind,
    frame: &Frame,
    out: &mut Vec<u8>,
) -> Spoken {
    if !frame.has_data() {
        // A keep-alive: a comment is one in every dialect.
        out.extend_from_slice(&frame.raw);
        return Spoken::Written;
    }
    let failure = match writer.push_kind(kind, &frame.data, out) {
        Ok(Progress::Nothing) => return Spoken::Nothing,
        Ok(Progress::Output) => return Spoken::Written,
        Ok(Progress::Finished) => None,
        Err(failure) => {
            writer.fail(&failure, out);
            Some(failure)
        }
    };
    Spoken::Last {
        bytes: Bytes::new(),
        tokens: writer.usage(),
        failure,
    }
}

fn ending_of(kind: EventKind, frame: &Frame) -> Option<(Option<TokenUsage>, Option<Box<Failure>>)> {
    let event = TerminalEvent::read(kind, &frame.data)?;
    let failure = match event.terminal {
        Terminal::Completed | Terminal::Incomplete(_) => None,
        Terminal::Failed(failure) => Some(failure),
    };
    Some((event.usage, failure))
}
