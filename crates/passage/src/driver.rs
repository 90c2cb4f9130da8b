//! The one driver: a request climbs from *received* to *recorded* here, and nowhere else.

use crate::{Generation, Halted, House, Received, Recorded, Reply, Road, Silence, desk::Desk};
use identity::Peer;
use std::{
    net::IpAddr,
    sync::{Arc, atomic::AtomicBool},
};
use tokio::sync::oneshot;

/// A request as the listener hands it over.
pub struct Arrival {
    pub(crate) parts: http::request::Parts,
    pub(crate) carries_body: bool,
    pub(crate) peer: Arc<Peer>,
    pub(crate) source: IpAddr,
    /// Set once a caller is verified: the connection may then rest for longer.
    pub(crate) verified: Arc<AtomicBool>,
}

/// What leaves the ladder early: a case that can still be recorded, or nothing that can be said.
pub enum Stop {
    Halted(Box<Halted>),
    Silence(Silence),
}

impl From<Silence> for Stop {
    fn from(silence: Silence) -> Self {
        Self::Silence(silence)
    }
}

/// One request, from arrival to the reply that a durable record licenses.
pub async fn pass<R: Road>(arrival: Arrival, house: &House<R>, client: &Client) -> Reply {
    let at = house.generation();
    let ended = match steps(arrival, house.desk(), &at, client).await {
        Ok(recorded) => Ok(recorded),
        Err(Stop::Halted(halted)) => halted.record(&at.road).await,
        Err(Stop::Silence(silence)) => Err(silence),
    };
    match ended {
        Ok(recorded) => Reply::Answer(recorded),
        Err(silence) => Reply::Silence(silence),
    }
}

async fn steps<R: Road>(
    arrival: Arrival,
    desk: &Arc<Desk>,
    at: &Generation<R>,
    client: &Client,
) -> Result<Recorded, Stop> {
    let recorded = Received::open(arrival, desk, at)
        .await?
        .authenticate(&at.verifier)
        .await?
        .read(&at.road)?
        .inform(&at.road)
        .await?
        .authorize(&at.road, &at.engine)?
        .declare(client)?
        .forward(&at.road)
        .await?
        .filter(&at.road, &at.verifier)
        .await?
        .record()
        .await?;
    Ok(recorded)
}

/// The client's end of a detached passage: whether it is still there, and where its one reply goes.
pub struct Client(oneshot::Sender<Reply>);

impl Client {
    pub(crate) fn new() -> (Self, oneshot::Receiver<Reply>) {
        let (reply, wait) = oneshot::channel();
        (Self(reply), wait)
    }

    pub(crate) fn left(&self) -> bool {
        self.0.is_closed()
    }

    pub(crate) fn reply(self, reply: Reply) {
        // A client that left loses its answer; the record says `released`, which stays true as an upper bound.
        let _left = self.0.send(reply);
    }
}
