//! Any bytes as an event stream: however they are cut, the same frames, and not one byte is lost.
#![no_main]

use bytes::Bytes;
use codex_router::translate::sse::{Ending, Frame, Frames};
use libfuzzer_sys::fuzz_target;

fn frames_of<'c>(chunks: impl Iterator<Item = &'c [u8]>) -> (Vec<Frame>, Ending) {
    let mut frames = Frames::default();
    let mut all = Vec::new();
    for chunk in chunks {
        frames.push(Bytes::copy_from_slice(chunk));
        all.extend(
            frames
                .by_ref()
                .map(|frame| frame.expect("far below the limit")),
        );
    }
    (all, frames.finish())
}

fuzz_target!(|data: &[u8]| {
    let Some((size, stream)) = data.split_first() else {
        return;
    };
    let whole = frames_of(std::iter::once(stream));
    assert_eq!(frames_of(stream.chunks(usize::from(*size).max(1))), whole);
    let (frames, ending) = whole;
    let mut raw: Vec<u8> = frames.iter().flat_map(|frame| frame.raw.to_vec()).collect();
    match ending {
        Ending::Clean => {}
        Ending::Last(frame) => raw.extend_from_slice(&frame.raw),
        Ending::Unfinished(rest) => raw.extend_from_slice(&rest),
    }
    assert_eq!(raw, stream);
});
