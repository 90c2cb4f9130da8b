//! The pool's view of a dialled connection. The far end's verified name travels with it into every response.

use crate::dial::{Destination, Dial, DialFailed, Hop, Stream};
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// Dials for one flow. Its pool is never shared with another identity or another upstream.
#[derive(Clone)]
pub(crate) struct Connector {
    pub dial: Arc<dyn Dial>,
    pub to: Arc<Destination>,
}

impl Service<Uri> for Connector {
    type Response = Wire;
    type Error = DialFailed;
    type Future = Pin<Box<dyn Future<Output = Result<Wire, DialFailed>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialFailed>> {
        Poll::Ready(Ok(()))
    }

    /// The URI is not asked: this flow has one destination.
    fn call(&mut self, _: Uri) -> Self::Future {
        let Self { dial, to } = self.clone();
        Box::pin(async move {
            let dialled = dial.dial(&to).await?;
            Ok(Wire { io: TokioIo::new(dialled.stream), hop: dialled.hop, is_h2: dialled.is_h2 })
        })
    }
}

pub(crate) struct Wire {
    io: TokioIo<Box<dyn Stream>>,
    hop: Hop,
    is_h2: bool,
}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        let connected = Connected::new().extra(self.hop.clone());
        if self.is_h2 { connected.negotiated_h2() } else { connected }
    }
}

impl Read for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl Write for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
