//! The book's bytes: a header in text, then frames. `docs/evidence-format.md` has the same, in words.

use evidence::{LEAF_BYTES, sha256};
use std::io::{self, Read};

const FIRST_LINE: &str = "lazaret.book/1";
const MAGIC: [u8; 4] = *b"LZRF";
const CHECK: usize = 16;

/// Bytes of a frame before its leaf.
pub(crate) const OVERHEAD: usize = 32 + CHECK;

/// Most bytes a header may have.
const HEADER: usize = 4096;

/// The first lines of a book.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub origin: String,
    /// Random; part of every frame's check, so that a frame of another book is no frame of this one.
    pub id: [u8; 16],
    /// The verifier key of the log's signatures, for convenience: an auditor takes it from elsewhere.
    pub key: String,
}

impl Header {
    pub fn encode(&self) -> Vec<u8> {
        let id: String = self.id.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{FIRST_LINE}\norigin {}\nid {id}\nkey {}\n\n", self.origin, self.key).into_bytes()
    }

    pub fn decode(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix("\n\n")?.split('\n');
        (lines.next()? == FIRST_LINE).then_some(())?;
        let origin = lines.next()?.strip_prefix("origin ")?.to_owned();
        let id = lines.next()?.strip_prefix("id ")?;
        let key = lines.next()?.strip_prefix("key ")?.to_owned();
        let id = lexicon::Trace::from_hex(id)?;
        lines.next().is_none().then_some(Self { origin, id: *id.bytes(), key })
    }
}

/// What a frame says beside its leaf.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub index: u64,
    /// Counts the times the book was opened for writing.
    pub epoch: u64,
    /// How many leaves the writer knew to be on disk when it wrote this one.
    pub durable: u64,
}

/// Appends the frame of `leaf` to `to`.
pub(crate) fn encode(id: &[u8; 16], place: Place, leaf: &[u8], to: &mut Vec<u8>) {
    let head = head(place, leaf.len());
    to.extend(head);
    to.extend(check(id, &head, leaf));
    to.extend(leaf);
}

fn head(place: Place, length: usize) -> [u8; 32] {
    let mut head = [0; 32];
    let parts = MAGIC
        .into_iter()
        .chain((length as u32).to_be_bytes())
        .chain(place.epoch.to_be_bytes())
        .chain(place.index.to_be_bytes())
        .chain(place.durable.to_be_bytes());
    head.iter_mut().zip(parts).for_each(|(to, byte)| *to = byte);
    head
}

fn check(id: &[u8; 16], head: &[u8], leaf: &[u8]) -> [u8; CHECK] {
    let mut check = [0; CHECK];
    check.iter_mut().zip(sha256(&[id, head, leaf])).for_each(|(to, byte)| *to = byte);
    check
}

#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Frame {
    /// Where it starts in the book.
    pub offset: u64,
    pub place: Place,
    pub leaf: Vec<u8>,
}

impl Frame {
    pub fn end(&self) -> u64 {
        self.offset + (OVERHEAD + self.leaf.len()) as u64
    }
}

/// What stands at the current place of a book.
pub(crate) enum Found {
    Frame(Frame),
    /// The book ends here.
    End,
    /// Bytes that are no intact frame.
    Broken,
}

/// Reads a book from its start.
pub(crate) struct Frames<R> {
    from: R,
    header: Header,
    buffer: Vec<u8>,
    /// Start of the unread part of `buffer`, and its offset in the book.
    start: usize,
    offset: u64,
    ended: bool,
}

impl<R: Read> Frames<R> {
    /// Reads the header; `None` when there is none.
    pub fn open(from: R) -> io::Result<Option<Self>> {
        let header = Header { origin: String::new(), id: [0; 16], key: String::new() };
        let mut frames = Self { from, header, buffer: Vec::new(), start: 0, offset: 0, ended: false };
        let first = frames.peek(HEADER)?;
        let Some(length) = first.windows(2).position(|pair| pair == b"\n\n").map(|at| at + 2) else { return Ok(None) };
        let text = first.get(..length).and_then(|text| std::str::from_utf8(text).ok());
        let Some(header) = text.and_then(Header::decode) else { return Ok(None) };
        frames.header = header;
        frames.advance(length);
        Ok(Some(frames))
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Reads on from another handle, which stands at `offset`.
    pub fn restart(&mut self, from: R, offset: u64) {
        self.buffer.clear();
        (self.from, self.start, self.offset, self.ended) = (from, 0, offset, false);
    }

    /// Offset of what comes next.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Takes the frame at the current place. Stays where it is when there is none.
    pub fn next(&mut self) -> io::Result<Found> {
        let (id, offset) = (self.header.id, self.offset);
        let head = self.peek(OVERHEAD)?;
        if head.is_empty() {
            return Ok(Found::End);
        }
        let Some((place, length)) = parse(head) else { return Ok(Found::Broken) };
        let Some((head, leaf)) = self.peek(OVERHEAD + length)?.split_at_checked(OVERHEAD) else {
            return Ok(Found::Broken);
        };
        let Some((head, found)) = head.split_at_checked(OVERHEAD - CHECK) else { return Ok(Found::Broken) };
        if leaf.len() != length || found != check(&id, head, leaf) {
            return Ok(Found::Broken);
        }
        let frame = Frame { offset, place, leaf: leaf.to_vec() };
        self.advance(OVERHEAD + length);
        Ok(Found::Frame(frame))
    }

    /// The next intact frame at any later place. (Only this book's writer could have made its check.)
    pub fn search(&mut self) -> io::Result<Option<Frame>> {
        loop {
            let unread = self.peek(OVERHEAD)?;
            if unread.is_empty() {
                return Ok(None);
            }
            let unread = self.buffer.get(self.start..).unwrap_or_default();
            match unread.windows(MAGIC.len()).skip(1).position(|window| window == MAGIC) {
                Some(at) => {
                    self.advance(at + 1);
                    if let Found::Frame(frame) = self.next()? {
                        return Ok(Some(frame));
                    }
                }
                // The last bytes may be the start of a magic that goes on in what is not read yet.
                None => self.advance(unread.len().saturating_sub(MAGIC.len() - 1).max(1)),
            }
        }
    }

    /// The unread bytes, `want` of them if the book has as many.
    fn peek(&mut self, want: usize) -> io::Result<&[u8]> {
        while !self.ended && self.buffer.len() - self.start < want {
            self.buffer.drain(..self.start);
            self.start = 0;
            let read = (&mut self.from).take(256 << 10).read_to_end(&mut self.buffer)?;
            self.ended = read == 0;
        }
        let unread = self.buffer.get(self.start..).unwrap_or_default();
        Ok(unread.get(..want).unwrap_or(unread))
    }

    fn advance(&mut self, by: usize) {
        let by = by.min(self.buffer.len() - self.start);
        self.start += by;
        self.offset += by as u64;
    }
}

fn parse(head: &[u8]) -> Option<(Place, usize)> {
    let (magic, rest) = head.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (epoch, rest) = rest.split_first_chunk::<8>()?;
    let (index, rest) = rest.split_first_chunk::<8>()?;
    let (durable, _) = rest.split_first_chunk::<8>()?;
    let length = u32::from_be_bytes(*length) as usize;
    let number = u64::from_be_bytes;
    let place = Place { index: number(*index), epoch: number(*epoch), durable: number(*durable) };
    (*magic == MAGIC && length <= LEAF_BYTES).then_some((place, length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: [u8; 16] = [7; 16];

    fn header() -> Header {
        Header { origin: "lazaret.localhost/dev/book".into(), id: ID, key: "k+1+2".into() }
    }

    fn place(index: u64) -> Place {
        Place { index, epoch: 3, durable: index / 2 }
    }

    fn book(leaves: &[Vec<u8>]) -> Vec<u8> {
        let mut book = header().encode();
        for (index, leaf) in (0..).zip(leaves) {
            encode(&ID, place(index), leaf, &mut book);
        }
        book
    }

    fn opened<R: Read>(from: R) -> Frames<R> {
        Frames::open(from).expect("memory").expect("a header")
    }

    /// Gives few bytes at a time, as a file may.
    struct Drops<'a>(&'a [u8]);

    impl Read for Drops<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let few = into.len().min(7);
            self.0.read(into.get_mut(..few).unwrap_or_default())
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(leaves in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20)) {
            let book = book(&leaves);
            let mut frames = opened(Drops(&book));
            prop_assert_eq!(frames.header(), &header());
            for (index, leaf) in (0..).zip(leaves) {
                let Found::Frame(frame) = frames.next().expect("memory") else { panic!("a frame") };
                prop_assert_eq!((frame.place, &frame.leaf), (place(index), &leaf));
                prop_assert_eq!(frame.end(), frames.offset());
            }
            prop_assert!(matches!(frames.next(), Ok(Found::End)));
        }

        #[test]
        fn a_search_finds_the_next_whole_frame(torn in prop::collection::vec(any::<u8>(), 1..2000), leaf in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut book = [book(&[]), torn].concat();
            let offset = book.len() as u64;
            encode(&ID, place(9), &leaf, &mut book);
            let mut frames = opened(book.as_slice());
            prop_assert!(matches!(frames.next(), Ok(Found::Broken)));
            prop_assert_eq!(frames.search().expect("memory"), Some(Frame { offset, place: place(9), leaf }));
            prop_assert_eq!(frames.search().expect("memory"), None);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), headed in any::<bool>()) {
            let bytes = if headed { [header().encode(), bytes].concat() } else { bytes };
            if let Some(mut frames) = Frames::open(bytes.as_slice()).expect("memory") {
                while let Ok(Found::Frame(_)) = frames.next() {}
                while let Ok(Some(_)) = frames.search() {}
            }
        }
    }

    #[test]
    fn a_frame_of_another_book_is_none_of_ours() {
        let mut other = header();
        other.id = [8; 16];
        let mut book = other.encode();
        encode(&ID, place(0), b"leaf", &mut book);
        assert!(matches!(opened(book.as_slice()).next(), Ok(Found::Broken)));
    }

    /// `docs/evidence-format.md`, section 6, which another implementation computed.
    #[test]
    fn frames_are_those_of_the_document() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/evidence-format.md");
        let text = std::fs::read_to_string(path).expect("the document");
        let block = |name: &str| {
            let (_, rest) = text.split_once(&format!("```{name}\n")).expect("the block");
            rest.split_once("```").expect("its end").0.to_owned()
        };
        let bytes = |name: &str| {
            let digits: Vec<_> = block(name).chars().filter_map(|c| c.to_digit(16)).collect();
            digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect::<Vec<_>>()
        };
        let book = [block("header").into_bytes(), bytes("frame0"), bytes("frame1")].concat();
        let mut frames = opened(book.as_slice());
        assert_eq!(frames.header().encode(), block("header").into_bytes());
        let mut made = frames.header().encode();
        let id = frames.header().id;
        for (index, leaf) in [(0, bytes("leaf0")), (1, bytes("leaf1"))] {
            let Ok(Found::Frame(frame)) = frames.next() else { panic!("leaf {index}") };
            assert_eq!((frame.place, &frame.leaf), (Place { index, epoch: index, durable: index }, &leaf));
            encode(&id, frame.place, &leaf, &mut made);
        }
        assert_eq!(made, book);
    }
}
