//! The one driver: a request climbs from *received* to *recorded* here, and nowhere else.

use crate::{Generation, Halted, House, Pump, Received, Recorded, Reply, Road, Silence};
use hyper::body::Incoming;
use identity::Peer;
use std::{
    net::IpAddr,
    sync::{Arc, atomic::AtomicBool},
};
use tokio::{
    sync::{Notify, oneshot},
    time::timeout,
};

/// A request as the listener hands it over.
pub struct Arrival {
    pub(crate) parts: http::request::Parts,
    /// None when there is no byte of it.
    pub(crate) body: Option<Incoming>,
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

/// One request, from arrival to the reply that a durable record licenses; and on, while a long answer lasts.
pub async fn pass<R: Road>(arrival: Arrival, house: &House<R>, mut client: Client) {
    let at = house.generation();
    let longest = house.desk().settings.timeouts.request;
    let climbed = timeout(longest, climb(arrival, house, &at, &mut client)).await;
    let (reply, pump) = match climbed {
        Ok(Ok((recorded, pump))) => (Reply::Answer(recorded), pump),
        Ok(Err(silence)) => (Reply::Silence(silence), None),
        Err(_elapsed) => (Reply::Silence(Silence::Bug), None),
    };
    let hangup = client.reply(reply);
    if let Some(pump) = pump {
        pump.run(house, &at, &hangup).await;
    }
}

async fn climb<R: Road>(
    arrival: Arrival,
    house: &House<R>,
    at: &Generation<R>,
    client: &mut Client,
) -> Result<(Recorded, Option<Pump<R>>), Silence> {
    match steps(arrival, house, at, client).await {
        Ok(recorded) => Ok(recorded),
        Err(Stop::Halted(halted)) => Ok((halted.record(&at.road).await?, None)),
        Err(Stop::Silence(silence)) => Err(silence),
    }
}

async fn steps<R: Road>(
    arrival: Arrival,
    house: &House<R>,
    at: &Generation<R>,
    client: &mut Client,
) -> Result<(Recorded, Option<Pump<R>>), Stop> {
    Received::open(arrival, house.desk(), at)
        .await?
        .authenticate(&at.verifier)
        .await?
        .read(&at.road)
        .await?
        .inform(&at.road)
        .await?
        .authorize(&at.road, &at.engine)?
        .declare(client)?
        .forward(&at.road, client)
        .await?
        .filter(at, house, client)
        .await?
        .record(at, house)
        .await
}

/// The client's end of a detached passage: whether it is still there, where its one reply goes, and how to hang up on it.
pub struct Client {
    reply: oneshot::Sender<Reply>,
    hangup: Arc<Notify>,
}

impl Client {
    pub(crate) fn new(hangup: Arc<Notify>) -> (Self, oneshot::Receiver<Reply>) {
        let (reply, wait) = oneshot::channel();
        (Self { reply, hangup }, wait)
    }

    pub(crate) fn left(&self) -> bool {
        self.reply.is_closed()
    }

    /// Resolves when it has left.
    pub(crate) async fn gone(&mut self) {
        self.reply.closed().await;
    }

    pub(crate) fn reply(self, reply: Reply) -> Arc<Notify> {
        // A client that left loses its answer; the record says `released`, which stays true as an upper bound.
        let _left = self.reply.send(reply);
        self.hangup
    }
}
