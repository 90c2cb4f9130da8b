//! Small public documents over HTTPS (discovery, key sets), for whoever states that need. No redirects, no pool.

use crate::dial::{Destination, Dial};
use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// Why a document could not be had. Says nothing that the far end said.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    #[error("not an https URL with a host; write it as https://host/path")]
    Url,
    #[error("the host cannot be reached, or is not who its name says; check the address and the trust bundle")]
    Unreachable,
    #[error("no complete answer in time")]
    Timeout,
    #[error("answered with status {0}; redirects are not followed")]
    Status(u16),
    #[error("the document is longer than {0} bytes")]
    TooLong(usize),
    #[error("the answer was broken off")]
    Broken,
}

/// Fetches over connections of its own, one a document.
#[derive(Clone)]
pub struct Fetch {
    dial: Arc<dyn Dial>,
    /// The longest document.
    bytes: usize,
    patience: Duration,
}

impl Fetch {
    /// 1 MiB and 10 s: more than any key set needs.
    pub fn new(dial: impl Dial) -> Self {
        Self { dial: Arc::new(dial), bytes: 1 << 20, patience: Duration::from_secs(10) }
    }

    pub async fn get(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        let uri: Uri = url.parse().map_err(|_| FetchError::Url)?;
        timeout(self.patience, self.fetch(&uri)).await.unwrap_or(Err(FetchError::Timeout))
    }

    async fn fetch(&self, uri: &Uri) -> Result<Vec<u8>, FetchError> {
        let to = destination(uri).ok_or(FetchError::Url)?;
        let authority = uri.authority().ok_or(FetchError::Url)?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let request = Request::get(path)
            .header(header::HOST, authority.as_str())
            .header(header::ACCEPT, "application/json")
            .header(header::ACCEPT_ENCODING, "identity")
            .body(Empty::<Bytes>::new())
            .map_err(|_| FetchError::Url)?;
        let dialled = self.dial.dial(&to).await.map_err(|_| FetchError::Unreachable)?;
        let shaken = http1::handshake(TokioIo::new(dialled.stream)).await;
        let (mut sender, connection) = shaken.map_err(|_| FetchError::Broken)?;
        let exchange = async {
            let response = sender.send_request(request).await.map_err(|_| FetchError::Broken)?;
            if response.status() != StatusCode::OK {
                return Err(FetchError::Status(response.status().as_u16()));
            }
            let body = Limited::new(response.into_body(), self.bytes).collect().await;
            let body = body.map_err(|error| match error.is::<http_body_util::LengthLimitError>() {
                true => FetchError::TooLong(self.bytes),
                false => FetchError::Broken,
            })?;
            Ok(body.to_bytes().to_vec())
        };
        tokio::pin!(connection);
        tokio::pin!(exchange);
        tokio::select! {
            biased;
            fetched = &mut exchange => fetched,
            // The last bytes may come together with the end of the connection.
            _ended = &mut connection => exchange.await,
        }
    }
}

/// Host and port of an https URL.
pub(crate) fn destination(uri: &Uri) -> Option<Destination> {
    let authority = uri.authority()?;
    let is_plain = !authority.as_str().contains('@') && !authority.host().is_empty();
    let destination = Destination { host: authority.host().to_owned(), port: authority.port_u16().unwrap_or(443) };
    (uri.scheme_str() == Some("https") && is_plain).then_some(destination)
}
