//! Pieces of a long answer, gathered into segments: so many bytes and resources as one leaf names (decision 1).

use crate::{Disclosed, Road, Sight, Validator, Whole, answer::Case, outgoing::Load};
use bytes::Bytes;
use lexicon::{Halt, Reason};

/// Most bytes and resources of a segment; of the first, the most that is answered whole. A piece is never divided, so one
/// that is longer is a segment of its own.
const BYTES: usize = 1 << 20;
const RESOURCES: usize = 500;

#[derive(Default)]
pub(crate) struct Segment {
    media_type: Option<&'static str>,
    pub pieces: Vec<(Bytes, Load)>,
    pub disclosed: Vec<Disclosed>,
    pub withheld: u64,
    returned: u64,
    bytes: usize,
}

impl Segment {
    fn has_room_for(&self, piece: &Whole) -> bool {
        let (bytes, resources) = (self.bytes + piece.body.len(), self.disclosed.len() + piece.disclosed.len());
        self.pieces.is_empty() || (bytes <= BYTES && resources <= RESOURCES)
    }

    pub fn media_type(&self) -> Result<&'static str, Halt> {
        // A flow has one piece at least.
        self.media_type.ok_or(Reason::Bug.into())
    }

    /// The whole of an answer that turned out to be short.
    pub fn into_whole(self) -> Result<Whole, Halt> {
        let media_type = self.media_type()?;
        let mut body = Vec::with_capacity(self.bytes);
        self.pieces.iter().for_each(|(piece, _held)| body.extend_from_slice(piece));
        let Self { returned, withheld, disclosed, .. } = self;
        Ok(Whole { media_type, body: body.into(), returned, withheld, disclosed, validator: Validator::None })
    }
}

/// A flow and how far it has come.
pub(crate) struct Gathering<R: Road> {
    flow: R::Flow,
    /// A piece that had no room in the last segment.
    carry: Option<(Whole, Load)>,
    ended: bool,
}

impl<R: Road> Gathering<R> {
    pub fn new(flow: R::Flow) -> Self {
        Self { flow, carry: None, ended: false }
    }

    /// Nothing comes after the last segment.
    pub fn is_over(&self) -> bool {
        self.ended && self.carry.is_none()
    }

    /// Pulls pieces until the segment is full or the answer is complete.
    pub async fn fill(&mut self, road: &R, sight: &Sight<'_, R::Ask>, case: &mut Case) -> Result<Segment, Halt> {
        let mut segment = Segment::default();
        loop {
            let (piece, load) = match self.carry.take() {
                Some(carried) => carried,
                None if self.ended => return Ok(segment),
                None => {
                    let told = road.next(&mut self.flow, sight, case.moment()).await;
                    case.note(told.notes);
                    // Whatever comes of it, a flow that failed is not asked again.
                    self.ended = true;
                    let Some(filtrate) = told.outcome? else { continue };
                    self.ended = false;
                    let piece: Whole = filtrate.into();
                    let load = Load::of(&piece.body, &case.desk().held);
                    (piece, load)
                }
            };
            if *segment.media_type.get_or_insert(piece.media_type) != piece.media_type {
                return Err(Reason::Bug.into());
            }
            if !segment.has_room_for(&piece) {
                self.carry = Some((piece, load));
                return Ok(segment);
            }
            segment.bytes += piece.body.len();
            segment.returned += piece.returned;
            segment.withheld += piece.withheld;
            segment.disclosed.extend(piece.disclosed);
            segment.pieces.push((piece.body, load));
        }
    }
}
