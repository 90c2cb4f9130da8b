//! Leaves in order, as far as a book is whole.

use crate::frame::{Found, Frame, Frames, Header};
use std::io::{self, Read};

/// Walks a book from its start; knows which leaf must come next.
pub(crate) struct Walk<R> {
    frames: Frames<R>,
    index: u64,
    epoch: u64,
}

pub(crate) enum Step {
    Leaf(Frame),
    /// Nothing more that was whole; what follows, if anything, is the torn end of the last write.
    End,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Stumble {
    /// Something is wrong with leaf `index`, and leaves behind it were on disk.
    #[error("damaged at byte {offset} (leaf {index})")]
    Middle { offset: u64, index: u64 },
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl<R: Read> Walk<R> {
    /// `None` when the book has no header.
    pub fn open(from: R) -> io::Result<Option<Self>> {
        Ok(Frames::open(from)?.map(|frames| Self { frames, index: 0, epoch: 0 }))
    }

    /// Goes on at the leaf that was stumbled on, with another handle that stands at its `offset`.
    pub fn resume(&mut self, from: R, offset: u64) {
        self.frames.restart(from, offset);
    }

    pub fn header(&self) -> &Header {
        self.frames.header()
    }

    pub fn offset(&self) -> u64 {
        self.frames.offset()
    }

    pub fn next(&mut self) -> Result<Step, Stumble> {
        let (offset, index) = (self.frames.offset(), self.index);
        match self.frames.next()? {
            Found::Frame(frame) if frame.place.index == index && frame.place.epoch >= self.epoch => {
                self.index += 1;
                self.epoch = frame.place.epoch;
                Ok(Step::Leaf(frame))
            }
            // Whole, but of another place: leaves were removed, repeated or moved.
            Found::Frame(_) => Err(Stumble::Middle { offset, index }),
            Found::End => Ok(Step::End),
            // The torn end of the last write, unless a later frame knew this one to be on disk.
            Found::Broken => {
                while let Some(later) = self.frames.search()? {
                    if later.place.durable > index {
                        return Err(Stumble::Middle { offset, index });
                    }
                }
                Ok(Step::End)
            }
        }
    }
}
