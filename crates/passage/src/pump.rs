//! What brings a long answer to its client after its head has left: a segment is gathered, its patients are charged, it is
//! named in the book, and only then released; and so on until its end, or until it is cut.

use crate::{
    Generation, House, Road, Silence,
    answer::Case,
    desk::Desk,
    gather::{Gathering, Segment},
    outgoing::{Load, Part, Spout, Stuck},
    permitted::Permitted,
    sealed::Running,
};
use access::Reservation;
use bytes::{Bytes, BytesMut};
use lexicon::{Halt, Reason};
use std::collections::VecDeque;
use tokio::{sync::Notify, time::timeout};

/// Most bytes that are handed to the connection at a time.
const CHUNK: usize = 64 * 1024;

/// The rest of a long answer. Dropped before its end, it leaves a cut answer and an abandoned case.
#[must_use = "a long answer without its pump is cut"]
pub struct Pump<R: Road> {
    case: Case,
    permitted: Permitted<R>,
    gathering: Gathering<R>,
    /// The segment to release next, charged already.
    next: Option<(Segment, Reservation)>,
    spout: Spout,
    /// Runs to the end of what has been handed to the connection: what left is this, or less.
    released: Running,
    withheld: u64,
}

/// Why an answer ends before its end.
enum Ended {
    /// Something does not permit it any more, or cannot go on.
    Cut(Halt),
    Stuck(Stuck),
    Silence(Silence),
}

impl From<Silence> for Ended {
    fn from(silence: Silence) -> Self {
        Self::Silence(silence)
    }
}

impl From<Halt> for Ended {
    fn from(why: Halt) -> Self {
        Self::Cut(why)
    }
}

/// What is held back until the case is closed: a complete answer is always a closed case (decision 38).
struct Last {
    chunk: Option<Chunk>,
    /// Runs to the end of the answer.
    whole: Running,
}

/// Bytes on their way, and the digest of all up to their end.
struct Chunk {
    bytes: Bytes,
    load: Load,
    so_far: Running,
}

impl<R: Road> Pump<R> {
    pub(crate) fn new(
        case: Case,
        permitted: Permitted<R>,
        gathering: Gathering<R>,
        next: (Segment, Reservation),
        (spout, opening): (Spout, Running),
    ) -> Self {
        Self { case, permitted, gathering, next: Some(next), spout, released: opening, withheld: 0 }
    }

    /// Ends with the case closed and the client served, cut, or gone. `hangup` ends a connection that does not notice.
    pub(crate) async fn run(mut self, house: &House<R>, at: &Generation<R>, hangup: &Notify) {
        let flowed = self.flow(house, at).await;
        let Self { case, spout, released, withheld, .. } = self;
        let desk = case.desk().clone();
        let closed = match flowed {
            Ok(Last { chunk, whole }) => match case.ended(&whole, withheld, None).await {
                Ok(()) => return finish(&spout, chunk, &desk, hangup).await,
                Err(silence) => Err(silence),
            },
            Err(Ended::Silence(silence)) => Err(silence),
            Err(Ended::Cut(why)) => {
                spout.cut();
                case.ended(&released, withheld, Some(why)).await
            }
            Err(Ended::Stuck(Stuck::Left | Stuck::Stalled)) => {
                spout.cut();
                case.ended(&released, withheld, Some(Reason::ClientLeft.into())).await
            }
        };
        let ends_the_connection = closed.is_err_and(|silence| {
            desk.telemetry.silent(silence);
            silence.ends_the_connection()
        });
        // A client that reads sees the cut. One that does not keeps the connection from seeing it (decision 36).
        spout.cut();
        if ends_the_connection || timeout(desk.settings.timeouts.grace, spout.closed()).await.is_err() {
            hangup.notify_one();
        }
    }

    async fn flow(&mut self, house: &House<R>, at: &Generation<R>) -> Result<Last, Ended> {
        let stall = self.case.desk().settings.timeouts.stall;
        loop {
            let (segment, reservation) = match self.next.take() {
                Some(next) => next,
                None => self.prepare(house, at).await?,
            };
            let is_last = self.gathering.is_over();
            self.case.disclose(&segment.disclosed);
            let withheld = segment.withheld;
            let mut chunks = chunks(segment, &self.released, self.case.desk());
            let so_far = chunks.back().map_or(&self.released, |chunk| &chunk.so_far).clone();
            self.case.segment(&so_far).await?;
            reservation.commit(self.case.now());
            self.withheld += withheld;
            let last = if is_last { chunks.pop_back() } else { None };
            for Chunk { bytes, load, so_far } in chunks {
                self.spout.send(Part::Data(bytes, load), stall).await.map_err(Ended::Stuck)?;
                self.released = so_far;
            }
            if is_last {
                return Ok(Last { chunk: last, whole: so_far });
            }
        }
    }

    /// Gathers a segment and asks anew for all that must hold when it leaves (decision 16).
    async fn prepare(&mut self, house: &House<R>, at: &Generation<R>) -> Result<(Segment, Reservation), Ended> {
        let Self { case, permitted, gathering, spout, .. } = self;
        let longest = case.desk().settings.timeouts.request;
        let sight = permitted.sight();
        let filled = tokio::select! {
            filled = timeout(longest, gathering.fill(&at.road, &sight, case)) => filled,
            () = spout.closed() => return Err(Ended::Stuck(Stuck::Left)),
        };
        let segment = filled.map_err(|_elapsed| Halt::from(Reason::UpstreamTimeout))??;
        permitted.goes_on(case.now(), at, &house.generation())?;
        let reserved = case.reserve(&permitted.caller, &segment.disclosed).map_err(|overdrawn| overdrawn.why)?;
        Ok((segment, reserved))
    }
}

/// What was held back, and the word that it is the end.
async fn finish(spout: &Spout, chunk: Option<Chunk>, desk: &Desk, hangup: &Notify) {
    let stall = desk.settings.timeouts.stall;
    let data = chunk.map(|Chunk { bytes, load, .. }| Part::Data(bytes, load));
    for part in data.into_iter().chain([Part::End]) {
        match spout.send(part, stall).await {
            Ok(()) => {}
            Err(Stuck::Left) => return,
            Err(Stuck::Stalled) => {
                spout.cut();
                return hangup.notify_one();
            }
        }
    }
}

/// A segment in chunks of one size, whatever pieces the road made of it.
fn chunks(segment: Segment, before: &Running, desk: &Desk) -> VecDeque<Chunk> {
    let (mut chunks, mut open, mut running) = (VecDeque::new(), BytesMut::new(), before.clone());
    let mut close = |open: &mut BytesMut| {
        let bytes = open.split().freeze();
        running.add(&bytes);
        chunks.push_back(Chunk { load: Load::of(&bytes, &desk.held), bytes, so_far: running.clone() });
    };
    for (mut piece, _held_until_here) in segment.pieces {
        while !piece.is_empty() {
            let part = piece.split_to(piece.len().min(CHUNK - open.len()));
            open.extend_from_slice(&part);
            if open.len() == CHUNK {
                close(&mut open);
            }
        }
    }
    if !open.is_empty() {
        close(&mut open);
    }
    chunks
}
