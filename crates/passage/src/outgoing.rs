//! The body of an answer as the HTTP library takes it: whole, or piece by piece from the pump. The end is a message: a pump
//! that ends without saying so has cut its answer (decision 38).

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{sync::mpsc, time::timeout};

/// Pieces that wait for the client, beside the one that is being written.
const WINDOW: usize = 4;

/// Bytes of long answers that this process holds, now and at most.
#[derive(Default)]
pub(crate) struct Held {
    now: AtomicU64,
    most: AtomicU64,
}

impl Held {
    pub fn now(&self) -> u64 {
        self.now.load(Relaxed)
    }

    pub fn most(&self) -> u64 {
        self.most.load(Relaxed)
    }
}

/// Bytes that are held until this is dropped.
pub(crate) struct Load {
    bytes: u64,
    held: Arc<Held>,
}

impl Load {
    pub fn of(bytes: &Bytes, held: &Arc<Held>) -> Self {
        let bytes = bytes.len() as u64;
        let now = held.now.fetch_add(bytes, Relaxed) + bytes;
        held.most.fetch_max(now, Relaxed);
        Self { bytes, held: held.clone() }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.held.now.fetch_sub(self.bytes, Relaxed);
    }
}

pub(crate) enum Part {
    Data(Bytes, Load),
    End,
    Cut,
}

/// The pump's end.
pub(crate) struct Spout {
    parts: mpsc::Sender<Part>,
    cut: Arc<AtomicBool>,
}

/// Why a piece was not taken.
pub(crate) enum Stuck {
    /// Nobody is there any more.
    Left,
    /// Somebody is, and does not read.
    Stalled,
}

impl Spout {
    /// Waits until the client has taken enough of what came before.
    pub async fn send(&self, part: Part, patience: Duration) -> Result<(), Stuck> {
        match timeout(patience, self.parts.send(part)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_gone)) => Err(Stuck::Left),
            Err(_elapsed) => Err(Stuck::Stalled),
        }
    }

    /// From here on nothing that waits is sent either.
    pub fn cut(&self) {
        self.cut.store(true, Relaxed);
        // Wakes a connection that waits for the next piece; one that has pieces sees the cut without it.
        let _full = self.parts.try_send(Part::Cut);
    }

    /// Resolves when the connection has let go of the body.
    pub async fn closed(&self) {
        self.parts.closed().await;
    }
}

/// The connection's end.
pub(crate) struct Stream {
    parts: mpsc::Receiver<Part>,
    cut: Arc<AtomicBool>,
    ended: bool,
}

pub(crate) fn stream() -> (Spout, Stream) {
    let (sender, receiver) = mpsc::channel(WINDOW);
    let cut = Arc::new(AtomicBool::new(false));
    (Spout { parts: sender, cut: cut.clone() }, Stream { parts: receiver, cut, ended: false })
}

/// An answer that is not complete, and must not look so: HTTP/2 resets the stream, HTTP/1.1 ends without a last chunk.
#[derive(Debug)]
pub(crate) struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer was cut")
    }
}

impl std::error::Error for Cut {}

pub(crate) enum Outgoing {
    Whole(Full<Bytes>),
    Long(Stream),
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let stream = match &mut *self {
            Self::Whole(whole) => return Pin::new(whole).poll_frame(cx).map_err(|never| match never {}),
            Self::Long(stream) => stream,
        };
        if stream.ended {
            return Poll::Ready(None);
        }
        let part = ready!(stream.parts.poll_recv(cx));
        if stream.cut.load(Relaxed) {
            return Poll::Ready(Some(Err(Cut)));
        }
        Poll::Ready(match part {
            Some(Part::Data(bytes, _held)) => Some(Ok(Frame::data(bytes))),
            Some(Part::End) => {
                stream.ended = true;
                None
            }
            Some(Part::Cut) | None => Some(Err(Cut)),
        })
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.is_end_stream(),
            Self::Long(stream) => stream.ended,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => whole.size_hint(),
            Self::Long(_) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    const PATIENCE: Duration = Duration::from_secs(5);

    fn data(text: &'static str, held: &Arc<Held>) -> Part {
        let bytes = Bytes::from_static(text.as_bytes());
        let load = Load::of(&bytes, held);
        Part::Data(bytes, load)
    }

    /// What a client gets of parts: the text, and whether it is complete.
    async fn check(parts: Vec<Part>, cut: impl FnOnce(&Spout), expect: (&str, bool)) {
        let (spout, stream) = stream();
        for part in parts {
            assert!(spout.send(part, PATIENCE).await.is_ok());
        }
        cut(&spout);
        drop(spout);
        let (mut body, mut text) = (Outgoing::Long(stream), String::new());
        let complete = loop {
            match body.frame().await {
                Some(Ok(frame)) => text += std::str::from_utf8(frame.data_ref().expect("data")).expect("text"),
                Some(Err(Cut)) => break false,
                None => break true,
            }
        };
        assert_eq!((text.as_str(), complete), expect);
    }

    #[tokio::test]
    async fn only_what_says_so_is_complete() {
        let held = Arc::default();
        check(vec![data("a", &held), data("b", &held), Part::End], |_| (), ("ab", true)).await;
        check(vec![data("a", &held), data("b", &held)], |_| (), ("ab", false)).await;
        check(vec![data("a", &held), Part::End], Spout::cut, ("", false)).await;
        check(vec![], |_| (), ("", false)).await;
        assert_eq!((held.now(), held.most()), (0, 2), "what is gone is not held");
    }

    #[tokio::test]
    async fn a_client_that_left_is_no_client_that_stalls() {
        let held = Arc::default();
        let (spout, stream) = stream();
        for _ in 0..WINDOW {
            assert!(spout.send(data("a", &held), PATIENCE).await.is_ok());
        }
        let stuck = spout.send(data("a", &held), Duration::ZERO).await;
        assert!(matches!(stuck, Err(Stuck::Stalled)));
        drop(stream);
        assert!(matches!(spout.send(data("a", &held), PATIENCE).await, Err(Stuck::Left)));
        spout.closed().await;
        assert_eq!(held.now(), 0);
    }
}
