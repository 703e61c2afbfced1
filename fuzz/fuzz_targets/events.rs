//! Any bytes as the answer of an upstream, told in some dialect.

use bytes::Bytes;
use codex_router::translate::sse::{Ending, Frame, Frames};
use codex_router::translate::{EventKind, EventWriter, Failure};

/// The frames that have anything to say.
pub fn frames(data: &[u8]) -> Vec<Frame> {
    let mut frames = Frames::default();
    frames.push(Bytes::copy_from_slice(data));
    let mut all: Vec<Frame> = frames.by_ref().map_while(Result::ok).collect();
    if let Ending::Last(frame) = frames.finish() {
        all.push(frame);
    }
    all.retain(Frame::has_data);
    all
}

/// Everything that the writer makes of a stream, which breaks off where it ends.
#[allow(dead_code, reason = "the collectors of whole answers write nothing")]
pub fn written(mut writer: impl EventWriter, data: &[u8]) -> String {
    let mut out = Vec::new();
    for frame in frames(data) {
        if let Err(failure) = writer.push_kind(EventKind::of_frame(&frame), &frame.data, &mut out) {
            writer.fail(&failure, &mut out);
        }
    }
    writer.fail(&Failure::truncated(), &mut out);
    let text = String::from_utf8(out).expect("events are text");
    assert!(text.is_empty() || text.ends_with("\n\n"));
    text
}
