//! Sends one question and takes the answer as it comes. One connection a question, so that none depends on another.

use crate::question::Sent;
use crate::run::Limits;
use crate::target::Place;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use identity::Dialler;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// How the target is reached.
pub(crate) struct Way {
    pub(crate) address: SocketAddr,
    /// Absent for a target without TLS.
    pub(crate) dialler: Option<Dialler>,
    pub(crate) limits: Limits,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// How many came over the connection.
    pub(crate) answers: usize,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// There was no answer: a fixed word for what went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Silent(pub(crate) &'static str);

pub(crate) const HUNG_UP: Silent = Silent("the connection ended without an answer");

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Way {
    pub(crate) async fn ask(&self, sent: &Sent, place: &Place) -> Result<Answer, Silent> {
        let asked = async {
            let stream = self.stream().await?;
            match sent {
                Sent::Plain { method, uri, headers, body } => {
                    let request =
                        request(method, uri, body, headers, place).ok_or(Silent("the request cannot be written"))?;
                    self.plain(stream, request).await
                }
                Sent::Raw(text) => self.raw(stream, text).await,
            }
        };
        tokio::time::timeout(self.limits.each, asked).await.map_err(|_| Silent("no answer in time"))?
    }

    async fn stream(&self) -> Result<Box<dyn Stream>, Silent> {
        let unreachable = Silent("the target cannot be reached");
        match &self.dialler {
            Some(dialler) => {
                let (line, _) = dialler.dial(self.address).await.map_err(|_| Silent("no TLS with the target"))?;
                Ok(Box::new(line))
            }
            None => Ok(Box::new(TcpStream::connect(self.address).await.map_err(|_| unreachable)?)),
        }
    }

    async fn plain(&self, stream: Box<dyn Stream>, request: http::Request<Full<Bytes>>) -> Result<Answer, Silent> {
        let hung_up = |_| HUNG_UP;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(hung_up)?;
        let driver = tokio::spawn(connection);
        let answer = sender.send_request(request).await.map_err(hung_up);
        let answer = match answer {
            Ok(answer) => answer,
            Err(silent) => {
                driver.abort();
                return Err(silent);
            }
        };
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, self.limits.body).collect().await;
        driver.abort();
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
            body: String::from_utf8_lossy(
                &body.map_err(|_| Silent("the answer broke off, or is too long"))?.to_bytes(),
            )
            .into_owned(),
            answers: 1,
        })
    }

    /// Bytes as they are. What comes back is not taken apart: it is searched as a whole.
    async fn raw(&self, mut stream: Box<dyn Stream>, text: &str) -> Result<Answer, Silent> {
        stream.write_all(text.as_bytes()).await.map_err(|_| HUNG_UP)?;
        stream.flush().await.map_err(|_| HUNG_UP)?;
        let (mut taken, mut chunk) = (Vec::new(), vec![0; 16 * 1024]);
        // A server that keeps the connection open has said all when it is quiet for a moment.
        while taken.len() < self.limits.body {
            match tokio::time::timeout(self.limits.quiet, stream.read(&mut chunk)).await {
                Ok(Ok(length)) if length > 0 => taken.extend_from_slice(chunk.get(..length).unwrap_or_default()),
                _ => break,
            }
        }
        let body = String::from_utf8_lossy(&taken).into_owned();
        let status = body.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse().ok()).ok_or(HUNG_UP)?;
        Ok(Answer { status, headers: Vec::new(), answers: body.matches("HTTP/1.1 ").count(), body })
    }
}

fn request(
    method: &str,
    uri: &str,
    body: &str,
    headers: &[(String, String)],
    place: &Place,
) -> Option<http::Request<Full<Bytes>>> {
    let mut request = http::Request::builder().method(method).uri(uri).header("host", &place.authority);
    let has = |name: &str| headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    if !has("accept") {
        request = request.header("accept", "application/fhir+json");
    }
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.body(Full::new(Bytes::from(body.to_owned()))).ok()
}
