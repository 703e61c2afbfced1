//! The body of a reply as a list of steps, played while the client reads.
//!
//! There is no task behind a stream: hyper polls the steps, and a body that is dropped before its last step means that
//! the client has gone.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::watch;

use super::gate::Gate;

/// One thing that a body does.
#[derive(Debug)]
pub(super) enum Step {
    Write(Bytes),
    Wait(Gate),
    Pause(Duration),
    /// Breaks the connection: the client sees a body without its end.
    Abort,
}

/// What hyper sends.
pub(super) struct Body {
    steps: VecDeque<Step>,
    waiting: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// The last frame is handed over and not yet flushed.
    must_flush: bool,
    length: Option<u64>,
    presence: Presence,
}

impl Body {
    /// A body of known length, sent at once.
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self {
            length: Some(bytes.len() as u64),
            steps: if bytes.is_empty() {
                VecDeque::new()
            } else {
                VecDeque::from([Step::Write(bytes)])
            },
            waiting: None,
            must_flush: false,
            presence: Presence::unwatched(),
        }
    }

    /// A chunked body. The head is flushed before the first step.
    pub(super) fn stream(steps: VecDeque<Step>, presence: Presence) -> Self {
        Self {
            steps,
            waiting: None,
            must_flush: true,
            length: None,
            presence,
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    /// hyper writes out what it has whenever a body is pending, so being pending once between two frames gives each
    /// event a write of its own.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if std::mem::take(&mut self.must_flush) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            if let Some(waiting) = &mut self.waiting {
                std::task::ready!(waiting.as_mut().poll(cx));
                self.waiting = None;
            }
            match self.steps.pop_front() {
                None => return Poll::Ready(None),
                Some(Step::Write(bytes)) => {
                    self.must_flush = !self.steps.is_empty();
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Some(Step::Wait(gate)) => self.waiting = Some(Box::pin(gate.pass())),
                Some(Step::Pause(pause)) => {
                    self.waiting = Some(Box::pin(tokio::time::sleep(pause)));
                }
                Some(Step::Abort) => {
                    self.steps.clear();
                    return Poll::Ready(Some(Err(io::Error::other("the script cuts the stream"))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty() && self.waiting.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if http_body::Body::is_end_stream(self) {
            self.presence.finish();
        }
    }
}

/// A client that waits for an answer; dropped before [`Presence::finish`], it counts as gone.
#[derive(Debug)]
pub(super) struct Presence(Option<Arc<watch::Sender<usize>>>);

impl Presence {
    pub(super) fn watched(gone: Arc<watch::Sender<usize>>) -> Self {
        Self(Some(gone))
    }

    fn unwatched() -> Self {
        Self(None)
    }

    pub(super) fn finish(&mut self) {
        self.0 = None;
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        if let Some(gone) = &self.0 {
            gone.send_modify(|gone| *gone += 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, sync::Mutex, task::Waker};

    use http::Response;
    use http_body_util::BodyExt;
    use hyper::{server::conn::http1, service::service_fn};
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncWrite, AsyncWriteExt};

    use super::*;

    /// Keeps every write apart.
    #[derive(Clone, Default)]
    struct Writes(Arc<Mutex<Vec<String>>>);

    impl AsyncWrite for Writes {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            self.0.lock().unwrap().push(text);
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn hyper_writes_the_head_and_each_event_on_its_own() {
        let (mut client, server) = tokio::io::duplex(1024);
        let request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        client.write_all(request).await.unwrap();
        let writes = Writes::default();
        let service = service_fn(async |_| {
            let steps = ["one", "two"].map(|text| Step::Write(Bytes::from(text)));
            let body = Body::stream(steps.into(), Presence::unwatched());
            Ok::<_, Infallible>(Response::new(body))
        });
        let io = TokioIo::new(tokio::io::join(server, writes.clone()));
        http1::Builder::new()
            .serve_connection(io, service)
            .await
            .unwrap();

        let writes = writes.0.lock().unwrap();
        assert!(writes[0].starts_with("HTTP/1.1 200 OK"), "{writes:?}");
        assert_eq!(writes[1..], ["3\r\none\r\n", "3\r\ntwo\r\n0\r\n\r\n"]);
    }

    fn poll(body: &mut Body) -> Poll<Option<Result<Bytes, String>>> {
        let mut context = Context::from_waker(Waker::noop());
        http_body::Body::poll_frame(Pin::new(body), &mut context).map(|frame| {
            frame.map(|frame| {
                frame
                    .map(|frame| frame.into_data().unwrap())
                    .map_err(|error| error.to_string())
            })
        })
    }

    #[test]
    fn between_two_events_hyper_gets_the_chance_to_flush() {
        let steps = [Bytes::from("a"), Bytes::from("b")].map(Step::Write);
        let mut body = Body::stream(steps.into(), Presence::unwatched());

        assert_eq!(poll(&mut body), Poll::Pending);
        assert_eq!(poll(&mut body), Poll::Ready(Some(Ok(Bytes::from("a")))));
        assert_eq!(poll(&mut body), Poll::Pending);
        assert_eq!(poll(&mut body), Poll::Ready(Some(Ok(Bytes::from("b")))));
        assert!(http_body::Body::is_end_stream(&body));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_and_a_gate_hold_the_next_event_back() {
        let gate = Gate::closed();
        let pause = Duration::from_millis(30);
        let steps = [
            Step::Pause(pause),
            Step::Write(Bytes::from("a")),
            Step::Wait(gate.clone()),
            Step::Write(Bytes::from("b")),
        ];
        let mut body = Body::stream(steps.into(), Presence::unwatched());
        let start = tokio::time::Instant::now();
        let first = body.frame().await.unwrap().unwrap();
        assert_eq!(first.into_data().unwrap(), "a");
        assert!(start.elapsed() >= pause);

        assert_eq!(poll(&mut body), Poll::Pending, "flushes");
        assert_eq!(poll(&mut body), Poll::Pending, "waits");
        gate.reached(1).await;
        gate.open();
        let second = body.frame().await.unwrap().unwrap();
        assert_eq!(second.into_data().unwrap(), "b");
    }

    #[test]
    fn only_a_body_dropped_before_its_last_step_counts_a_client_as_gone() {
        let gone = Arc::new(watch::Sender::new(0));
        let steps = || VecDeque::from([Bytes::from("a"), Bytes::from("b")].map(Step::Write));

        let mut finished = Body::stream(steps(), Presence::watched(gone.clone()));
        while !http_body::Body::is_end_stream(&finished) {
            assert!(!matches!(poll(&mut finished), Poll::Ready(None)));
        }
        drop(finished);
        assert_eq!(*gone.borrow(), 0);

        let mut left = Body::stream(steps(), Presence::watched(gone.clone()));
        assert_eq!(poll(&mut left), Poll::Pending);
        drop(left);
        assert_eq!(*gone.borrow(), 1);
    }
}
