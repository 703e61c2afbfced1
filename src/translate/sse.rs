//! Cuts the bytes of an event stream into frames, wherever the network cut them.
//!
//! By the WHATWG event-stream grammar (<https://html.spec.whatwg.org/multipage/server-sent-events.html>, section
//! 9.2.5), with one difference: a block without `data` is yielded too, so that a pass-through loses no keep-alive.
//! Nothing is copied while one chunk holds the whole event.

use std::mem;

use bytes::{Bytes, BytesMut};
use memchr::{memchr, memchr2};

/// The largest event that we accept: generated images travel inside one event, base64-encoded.
pub const MAX_EVENT_BYTES: usize = 16 * 1024 * 1024;

/// One event as it came, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Every byte of the event, its blank line included: forward these and nothing was changed.
    pub raw: Bytes,
    /// The `data` lines joined by line feeds. Empty for a comment or a stray blank line.
    pub data: Bytes,
    /// The value of the last `event` line. Most upstreams repeat the type inside the data, some send it only here.
    pub event: Option<Bytes>,
}

/// Why a stream cannot be cut further.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    #[error("an event of the upstream is larger than {limit_bytes} bytes")]
    TooLarge { limit_bytes: usize },
}

/// How a stream ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Every byte belonged to a complete event.
    Clean,
    /// The last event is complete: its blank line ended with a CR, and only the end could say that no LF follows.
    Last(Frame),
    /// These bytes began an event whose blank line never came.
    Unfinished(Bytes),
}

/// Frames out of chunks: [`push`](Self::push) a chunk, then take frames until there is none.
///
/// As an iterator it is not fused: `None` means that more bytes are needed. After an error it stays silent.
#[derive(Debug)]
pub struct Frames {
    max_event_bytes: usize,
    /// The beginning of an event that earlier chunks brought.
    partial: BytesMut,
    /// What is left of the newest chunk.
    chunk: Bytes,
    line_is_empty: bool,
    pending_cr: PendingCr,
    is_first_frame: bool,
    is_broken: bool,
}

/// A CR was the last byte seen; an LF after it is part of the same line end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PendingCr {
    No,
    EndsLine,
    EndsEvent,
}

impl Frames {
    pub fn new(max_event_bytes: usize) -> Self {
        Self {
            max_event_bytes,
            partial: BytesMut::new(),
            chunk: Bytes::new(),
            line_is_empty: true,
            pending_cr: PendingCr::No,
            is_first_frame: true,
            is_broken: false,
        }
    }

    /// Adds bytes. Free of copies when the frames of the chunk before have all been taken.
    pub fn push(&mut self, chunk: Bytes) {
        if self.chunk.is_empty() {
            self.chunk = chunk;
        } else {
            let mut joined = BytesMut::with_capacity(self.chunk.len() + chunk.len());
            joined.extend_from_slice(&self.chunk);
            joined.extend_from_slice(&chunk);
            self.chunk = joined.freeze();
        }
    }

    /// Says how the stream ended. Take all frames first.
    pub fn finish(mut self) -> Ending {
        self.partial.extend_from_slice(&self.chunk);
        let rest = self.partial.freeze();
        if rest.is_empty() {
            Ending::Clean
        } else if self.pending_cr == PendingCr::EndsEvent {
            Ending::Last(Frame::read(rest, self.is_first_frame))
        } else {
            Ending::Unfinished(rest)
        }
    }

    /// Where the current event ends in the chunk; remembers its place in the line structure when it does not.
    fn event_end(&mut self) -> Option<usize> {
        let chunk = &self.chunk[..];
        let mut at = 0;
        loop {
            let rest = chunk.get(at..)?;
            let first = *rest.first()?;
            if self.pending_cr != PendingCr::No {
                at += usize::from(first == b'\n');
                if mem::replace(&mut self.pending_cr, PendingCr::No) == PendingCr::EndsEvent {
                    self.line_is_empty = true;
                    return Some(at);
                }
                continue;
            }
            let Some(line_bytes) = memchr2(b'\n', b'\r', rest) else {
                self.line_is_empty = false;
                return None;
            };
            let is_blank = self.line_is_empty && line_bytes == 0;
            self.line_is_empty = true;
            at += line_bytes + 1;
            match (rest.get(line_bytes), is_blank) {
                (Some(b'\r'), true) => self.pending_cr = PendingCr::EndsEvent,
                (Some(b'\r'), false) => self.pending_cr = PendingCr::EndsLine,
                (_, true) => return Some(at),
                (_, false) => {}
            }
        }
    }
}

impl Default for Frames {
    fn default() -> Self {
        Self::new(MAX_EVENT_BYTES)
    }
}

impl Iterator for Frames {
    type Item = Result<Frame, SseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_broken {
            return None;
        }
        let end = self.event_end();
        let event_bytes = self.partial.len() + end.unwrap_or(self.chunk.len());
        if event_bytes > self.max_event_bytes {
            self.is_broken = true;
            self.partial = BytesMut::new();
            self.chunk = Bytes::new();
            return Some(Err(SseError::TooLarge {
                limit_bytes: self.max_event_bytes,
            }));
        }
        let Some(end) = end else {
            self.partial.extend_from_slice(&mem::take(&mut self.chunk));
            return None;
        };
        let head = self.chunk.split_to(end);
        let raw = if self.partial.is_empty() {
            head
        } else {
            self.partial.extend_from_slice(&head);
            mem::take(&mut self.partial).freeze()
        };
        let is_first = mem::replace(&mut self.is_first_frame, false);
        Some(Ok(Frame::read(raw, is_first)))
    }
}

impl Frame {
    /// Whether there is anything to read: a comment, a lone `event:` or a stray blank line has no data.
    pub fn has_data(&self) -> bool {
        !self.data.is_empty()
    }

    fn read(raw: Bytes, is_first: bool) -> Self {
        const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
        let mut at = if is_first && raw.starts_with(BYTE_ORDER_MARK) {
            BYTE_ORDER_MARK.len()
        } else {
            0
        };
        let mut data: Option<Bytes> = None;
        let mut joined: Option<BytesMut> = None;
        let mut event = None;
        while let Some(rest) = raw.get(at..).filter(|rest| !rest.is_empty()) {
            let line_bytes = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            let line = rest.get(..line_bytes).unwrap_or_default();
            let name_bytes = memchr(b':', line).unwrap_or(line.len());
            let mut value_at = (name_bytes + 1).min(line_bytes);
            if line.get(value_at) == Some(&b' ') {
                value_at += 1;
            }
            let value = || raw.slice(at + value_at..at + line_bytes);
            match line.get(..name_bytes) {
                Some(b"data") => match (&mut joined, &data) {
                    (Some(joined), _) => {
                        joined.extend_from_slice(b"\n");
                        joined.extend_from_slice(&value());
                    }
                    (None, Some(first)) => {
                        let mut both = BytesMut::with_capacity(raw.len());
                        both.extend_from_slice(first);
                        both.extend_from_slice(b"\n");
                        both.extend_from_slice(&value());
                        joined = Some(both);
                    }
                    (None, None) => data = Some(value()),
                },
                Some(b"event") => event = Some(value()),
                _ => {}
            }
            at += line_bytes + 1;
        }
        let data = joined.map(BytesMut::freeze).or(data).unwrap_or_default();
        Self { raw, data, event }
    }
}

/// Appends one event to `out`. Line feeds inside `data` become several `data` lines, as the grammar wants.
pub fn write_frame(event: Option<&[u8]>, data: &[u8], out: &mut Vec<u8>) {
    if let Some(event) = event {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(event);
        out.push(b'\n');
    }
    for line in data.split(|byte| matches!(byte, b'\n' | b'\r')) {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames_of(chunks: &[&[u8]]) -> (Vec<Frame>, Ending) {
        let mut frames = Frames::default();
        let mut all = Vec::new();
        for chunk in chunks {
            frames.push(Bytes::copy_from_slice(chunk));
            for frame in frames.by_ref() {
                all.push(frame.unwrap());
            }
        }
        (all, frames.finish())
    }

    fn data_of(stream: &str) -> Vec<String> {
        let (frames, _) = frames_of(&[stream.as_bytes()]);
        let texts = frames.iter().filter(|frame| frame.has_data());
        texts
            .map(|frame| String::from_utf8(frame.data.to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn an_event_in_one_chunk_is_not_copied() {
        let chunk = Bytes::from_static(b"event: a\ndata: {\"x\":1}\n\n");
        let mut frames = Frames::default();
        frames.push(chunk.clone());
        let frame = frames.next().unwrap().unwrap();
        assert_eq!(frame.raw.as_ptr(), chunk.as_ptr());
        assert_eq!(frame.data.as_ptr(), chunk[15..].as_ptr());
        assert_eq!(frame.data, "{\"x\":1}");
        assert_eq!(frame.event.as_deref(), Some(&b"a"[..]));
        assert_eq!(frames.finish(), Ending::Clean);
    }

    #[test]
    fn all_three_line_ends_mean_the_same() {
        for end in ["\n", "\r\n", "\r"] {
            let stream = ["data: a", "", "data: b", "", "x"].join(end);
            assert_eq!(data_of(&stream), ["a", "b"], "line end {end:?}");
        }
    }

    #[test]
    fn an_event_that_ends_in_a_bare_cr_is_complete_at_the_end_of_the_stream() {
        let (frames, ending) = frames_of(&[b"data: a\r\r"]);
        assert_eq!(frames, []);
        let Ending::Last(frame) = ending else {
            panic!("expected a last frame, got {ending:?}");
        };
        assert_eq!(frame.data, "a");
    }

    #[test]
    fn several_data_lines_are_joined_by_line_feeds() {
        assert_eq!(
            data_of("data: {\"a\":\r\ndata:1\r\ndata: }\r\n\r\n"),
            ["{\"a\":\n1\n}"]
        );
    }

    #[test]
    fn comments_ids_and_unknown_fields_are_not_data_but_stay_in_the_raw_bytes() {
        let stream = b": ping\n\nid: 7\nretry: 10\ndata\ndata: x\nodd\n\n";
        let (frames, ending) = frames_of(&[stream]);
        let raw: Vec<u8> = frames.iter().flat_map(|frame| frame.raw.to_vec()).collect();
        assert_eq!(raw, stream);
        assert!(!frames[0].has_data());
        assert_eq!(frames[1].data, "\nx");
        assert_eq!(ending, Ending::Clean);
    }

    #[test]
    fn a_byte_order_mark_is_skipped_once_and_only_one_space_is() {
        assert_eq!(
            data_of("\u{feff}data:  two\n\n\u{feff}data: x\n\n"),
            [" two"]
        );
    }

    #[test]
    fn the_end_says_when_an_event_is_unfinished() {
        let (frames, ending) = frames_of(&[b"data: a\n\ndata: b", b"\n"]);
        assert_eq!(frames.len(), 1);
        assert_eq!(ending, Ending::Unfinished(Bytes::from_static(b"data: b\n")));
    }

    #[test]
    fn an_event_above_the_limit_is_an_error_and_the_end() {
        for chunks in [
            vec![&b"data: 0123456789\n\n"[..]],
            vec![b"data: 01234", b"56789"],
        ] {
            let mut frames = Frames::new(15);
            let mut seen = Vec::new();
            for chunk in chunks {
                frames.push(Bytes::copy_from_slice(chunk));
                seen.extend(frames.by_ref());
            }
            assert_eq!(seen, [Err(SseError::TooLarge { limit_bytes: 15 })]);
        }
    }

    #[test]
    fn a_five_megabyte_event_arrives_whole_out_of_small_chunks() {
        let big = "x".repeat(5 * 1024 * 1024);
        let stream = format!("data: {big}\r\n\r\ndata: y\r\n\r\n");
        let chunks: Vec<&[u8]> = stream.as_bytes().chunks(16 * 1024 - 1).collect();
        let (frames, ending) = frames_of(&chunks);
        assert_eq!(frames.len(), 2);
        assert_eq!(frames[0].data, big);
        assert_eq!(frames[1].data, "y");
        assert_eq!(ending, Ending::Clean);
    }

    #[test]
    fn a_written_frame_reads_back_the_same() {
        let mut out = Vec::new();
        write_frame(Some(b"response.completed"), b"{\n}", &mut out);
        let (frames, ending) = frames_of(&[&out]);
        assert_eq!(frames[0].data, "{\n}");
        assert_eq!(frames[0].event.as_deref(), Some(&b"response.completed"[..]));
        assert_eq!(ending, Ending::Clean);
    }

    fn pieces() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just("data: {\"t\":\"é🙂\"}".to_owned()),
            Just("data:".to_owned()),
            Just("event: response.created".to_owned()),
            Just(": ping".to_owned()),
            Just("\n".to_owned()),
            Just("\r\n".to_owned()),
            Just("\r".to_owned()),
            Just("\u{feff}".to_owned()),
            "[a-z: ]{0,4}",
        ];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_frames(stream in pieces(), cuts in prop::collection::vec(0usize..400, 0..12)) {
            let whole = frames_of(&[&stream]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
            cuts.sort_unstable();
            let mut chunks = Vec::new();
            let mut from = 0;
            for cut in cuts {
                chunks.push(&stream[from..cut]);
                from = cut;
            }
            chunks.push(&stream[from..]);
            prop_assert_eq!(frames_of(&chunks), whole.clone());
            let bytewise: Vec<&[u8]> = stream.chunks(1).collect();
            prop_assert_eq!(frames_of(&bytewise), whole.clone());

            let mut raw: Vec<u8> = whole.0.iter().flat_map(|frame| frame.raw.to_vec()).collect();
            match whole.1 {
                Ending::Clean => {}
                Ending::Last(frame) => raw.extend_from_slice(&frame.raw),
                Ending::Unfinished(rest) => raw.extend_from_slice(&rest),
            }
            prop_assert_eq!(raw, stream);
        }
    }
}
