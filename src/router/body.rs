//! Reads a request's body whole, within limits of size, time and of what all bodies together may hold.
//!
//! It is held as long as another profile may have to be asked; the bytes themselves are shared, never copied.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, HeaderMap};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::decode::{Coding, Decoder};
use super::limits::Limits;
use super::reply::Refusal;

/// A body with its place in the common budget.
#[derive(Debug)]
pub(super) struct RequestBody {
    pub(super) bytes: Bytes,
    pub(super) held: Held,
}

/// The common budget counts in these; a semaphore counts to less than the bytes we allow on small systems.
const UNIT_BYTES: usize = 1024;
/// Room is taken in steps of this many units, so that small pieces do not each ask for it.
const STEP_UNITS: usize = 64;
/// The largest buffer that is made because a header announced it.
const MAX_TRUSTED_LENGTH: usize = 1024 * 1024;

pub(super) fn budget(limits: &Limits) -> Arc<Semaphore> {
    room_for(limits.all_bodies_bytes)
}

/// A budget of so many bytes.
pub(super) fn room_for(bytes: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(bytes / UNIT_BYTES))
}

/// Reads and decodes the body.
///
/// # Errors
/// One of the `Body*` refusals, [`Refusal::UnknownCoding`] or [`Refusal::NoRoom`].
pub(super) async fn read<B>(
    headers: &HeaderMap,
    mut body: B,
    room: &Arc<Semaphore>,
    limits: &Limits,
) -> Result<RequestBody, Refusal>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::error::Error,
{
    let coding = Coding::of(headers)?;
    let announced = announced_bytes(headers);
    let too_large = Refusal::BodyTooLarge {
        limit_bytes: limits.wire_bytes,
    };
    if announced.is_some_and(|bytes| bytes > limits.wire_bytes as u64) {
        return Err(too_large);
    }
    let end = Instant::now() + limits.body_total;
    let mut held = Held::new(room.clone());
    let mut wire = Pieces::new(announced);
    let mut wire_bytes = 0;
    let mut decoder = None;
    while let Some(piece) = next_piece(&mut body, limits.body_idle, end).await? {
        wire_bytes += piece.len();
        if wire_bytes > limits.wire_bytes {
            return Err(too_large);
        }
        if coding == Coding::Identity {
            held.grow_to(wire_bytes)?;
            wire.push(piece);
            continue;
        }
        let decoder = match &mut decoder {
            Some(decoder) => decoder,
            none => match Decoder::new(coding, &piece, limits.decoded_bytes)? {
                Some(new) => none.insert(new),
                None => continue,
            },
        };
        decoder.push(&piece)?;
        held.grow_to(decoder.decoded_bytes())?;
    }
    let bytes = match decoder {
        Some(decoder) => Bytes::from(decoder.finish()?),
        None => wire.join(),
    };
    held.grow_to(bytes.len())?;
    Ok(RequestBody { bytes, held })
}

/// Takes room for bytes that did not come as a body.
///
/// # Errors
/// [`Refusal::NoRoom`].
pub(super) fn hold(room: &Arc<Semaphore>, bytes: usize) -> Result<Held, Refusal> {
    let mut held = Held::new(room.clone());
    held.grow_to(bytes)?;
    Ok(held)
}

/// Reads on for a moment after a refusal, so that a client that is still sending gets to see it.
pub(super) async fn discard<B>(mut body: B)
where
    B: Body<Data = Bytes> + Unpin,
{
    const MAX_BYTES: usize = 1024 * 1024;
    const PATIENCE: Duration = Duration::from_millis(250);
    let end = Instant::now() + PATIENCE;
    let mut bytes = 0;
    while let Ok(Some(Ok(frame))) = timeout_at(end, body.frame()).await {
        bytes += frame.data_ref().map_or(0, Bytes::len);
        if bytes > MAX_BYTES {
            return;
        }
    }
}

/// The next data of the body; trailers are of no interest to anybody.
async fn next_piece<B>(body: &mut B, idle: Duration, end: Instant) -> Result<Option<Bytes>, Refusal>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::error::Error,
{
    loop {
        let patience = end.min(Instant::now() + idle);
        let frame = timeout_at(patience, body.frame())
            .await
            .map_err(|_elapsed| Refusal::BodySlow)?;
        match frame {
            None => return Ok(None),
            Some(Err(err)) => return Err(Refusal::BodyBroken(err.to_string())),
            Some(Ok(frame)) => {
                if let Ok(piece) = frame.into_data() {
                    return Ok(Some(piece));
                }
            }
        }
    }
}

fn announced_bytes(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Pieces of a body, joined at the end; a body that came in one piece is not copied.
struct Pieces {
    only: Bytes,
    joined: BytesMut,
    announced: usize,
}

impl Pieces {
    fn new(announced: Option<u64>) -> Self {
        let announced = announced.and_then(|bytes| usize::try_from(bytes).ok());
        Self {
            only: Bytes::new(),
            joined: BytesMut::new(),
            announced: announced.unwrap_or_default().min(MAX_TRUSTED_LENGTH),
        }
    }

    fn push(&mut self, piece: Bytes) {
        if self.joined.is_empty() {
            if self.only.is_empty() {
                self.only = piece;
                return;
            }
            self.joined
                .reserve(self.announced.max(self.only.len() + piece.len()));
            self.joined
                .extend_from_slice(&std::mem::take(&mut self.only));
        }
        self.joined.extend_from_slice(&piece);
    }

    fn join(self) -> Bytes {
        if self.joined.is_empty() {
            self.only
        } else {
            self.joined.freeze()
        }
    }
}

/// Room taken from the common budget, given back when dropped.
#[derive(Debug)]
pub(super) struct Held {
    room: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Held {
    fn new(room: Arc<Semaphore>) -> Self {
        Self { room, permit: None }
    }

    /// A part of this room that takes nothing, for a request that is made of a body whose room is held elsewhere.
    pub(super) fn none(&self) -> Self {
        Self::new(self.room.clone())
    }

    /// Takes room until `bytes` fit, without waiting.
    ///
    /// # Errors
    /// [`Refusal::NoRoom`] when others hold too much.
    pub(super) fn grow_to(&mut self, bytes: usize) -> Result<(), Refusal> {
        let has = self
            .permit
            .as_ref()
            .map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = bytes.div_ceil(UNIT_BYTES).saturating_sub(has);
        if missing == 0 {
            return Ok(());
        }
        let take = |units: usize| {
            let units = u32::try_from(units).map_err(|_too_many| Refusal::NoRoom)?;
            let permit = self.room.clone().try_acquire_many_owned(units);
            permit.map_err(|_full| Refusal::NoRoom)
        };
        let more = take(missing.max(STEP_UNITS)).or_else(|_full| take(missing))?;
        match &mut self.permit {
            Some(permit) => permit.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }

    /// Gives back what is more than `bytes` take.
    pub(super) fn shrink_to(&mut self, bytes: usize) {
        let units = bytes.div_ceil(UNIT_BYTES);
        if let Some(permit) = &mut self.permit {
            let more = permit.num_permits().saturating_sub(units);
            drop(permit.split(more));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http::header::CONTENT_ENCODING;
    use http_body::Frame;

    use super::super::decode::tests::encoded;
    use super::*;

    /// A body in pieces; `None` among them never comes.
    struct Script(Vec<Option<Bytes>>);

    impl Body for Script {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            if self.0.is_empty() {
                return Poll::Ready(None);
            }
            match self.0.remove(0) {
                Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
                None => {
                    self.0.insert(0, None);
                    Poll::Pending
                }
            }
        }
    }

    fn pieces(pieces: &[&'static [u8]]) -> Script {
        Script(
            pieces
                .iter()
                .map(|piece| Some(Bytes::from_static(piece)))
                .collect(),
        )
    }

    fn small() -> Limits {
        Limits {
            wire_bytes: 10,
            decoded_bytes: 100,
            all_bodies_bytes: 4 * UNIT_BYTES,
            ..Limits::default()
        }
    }

    async fn read_with(limits: &Limits, body: Script) -> Result<RequestBody, Refusal> {
        read(&HeaderMap::new(), body, &budget(limits), limits).await
    }

    #[tokio::test]
    async fn pieces_are_joined_and_a_single_one_is_not_copied() {
        let limits = Limits::default();
        let joined = read_with(&limits, pieces(&[b"{\"a\"", b":", b"1}"]))
            .await
            .unwrap();
        assert_eq!(joined.bytes, "{\"a\":1}");
        let one = Bytes::from_static(b"{}");
        let whole = read_with(&limits, Script(vec![Some(one.clone())]))
            .await
            .unwrap();
        assert_eq!(whole.bytes.as_ptr(), one.as_ptr());
    }

    #[tokio::test]
    async fn a_body_beyond_the_limit_is_refused_with_and_without_an_announcement() {
        let refusal = read_with(&small(), pieces(&[b"01234", b"567890"]))
            .await
            .unwrap_err();
        assert!(matches!(refusal, Refusal::BodyTooLarge { limit_bytes: 10 }));
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, 11.into());
        let limits = small();
        let refusal = read(&headers, Script(vec![None]), &budget(&limits), &limits)
            .await
            .unwrap_err();
        assert!(matches!(refusal, Refusal::BodyTooLarge { limit_bytes: 10 }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_coming_is_given_up() {
        let limits = Limits::default();
        let began = Instant::now();
        let stalled = Script(vec![Some(Bytes::from_static(b"{")), None]);
        let refusal = read_with(&limits, stalled).await.unwrap_err();
        assert!(matches!(refusal, Refusal::BodySlow));
        assert_eq!(began.elapsed().as_secs(), limits.body_idle.as_secs());
    }

    #[tokio::test]
    async fn all_bodies_share_one_budget_and_give_their_part_back() {
        let limits = Limits {
            wire_bytes: 100_000,
            ..small()
        };
        let room = budget(&limits);
        let three_units = || Script(vec![Some(Bytes::from(vec![b' '; 3 * UNIT_BYTES]))]);
        let headers = HeaderMap::new();
        let first = read(&headers, three_units(), &room, &limits).await.unwrap();
        let refusal = read(&headers, three_units(), &room, &limits)
            .await
            .unwrap_err();
        assert!(matches!(refusal, Refusal::NoRoom));
        drop(first);
        assert!(read(&headers, three_units(), &room, &limits).await.is_ok());
        assert_eq!(room.available_permits(), 4);
    }

    #[tokio::test]
    async fn a_compressed_body_is_decoded_and_counted_at_its_real_size() {
        let limits = Limits::default();
        let room = budget(&limits);
        let before = room.available_permits();
        let text = "0123456789abcdef".repeat(20_000);
        let wire = encoded(Coding::Zstd, text.as_bytes());
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, "zstd".parse().unwrap());
        let body = Script(vec![Some(Bytes::from(wire))]);
        let body = read(&headers, body, &room, &limits).await.unwrap();
        assert_eq!(body.bytes, text);
        assert!(before - room.available_permits() >= text.len() / UNIT_BYTES);
    }
}
