//! Someone who has read `docs/evidence-format.md` and may write to the folder, but has no key. Shares no code with
//! the ledger: it reads and writes frames as the document says.

use crate::house::House;
use std::path::PathBuf;

#[derive(Clone)]
pub struct Frame {
    pub epoch: u64,
    pub durable: u64,
    pub leaf: Vec<u8>,
}

pub struct Forger {
    path: PathBuf,
    header: Vec<u8>,
    id: Vec<u8>,
    pub frames: Vec<Frame>,
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

impl Forger {
    pub fn of(house: &House) -> Self {
        let path = house.path("book");
        let book = std::fs::read(&path).expect("book");
        let end = book.windows(2).position(|pair| pair == b"\n\n").expect("header") + 2;
        let header = book[..end].to_vec();
        let text = String::from_utf8(header.clone()).expect("text");
        let id = text.lines().find_map(|line| line.strip_prefix("id ")).expect("id");
        let id = (0..16).map(|at| u8::from_str_radix(&id[2 * at..2 * at + 2], 16).expect("hex")).collect();
        let (mut frames, mut rest) = (Vec::new(), &book[end..]);
        while !rest.is_empty() {
            assert_eq!(&rest[..4], b"LZRF");
            assert_eq!(number(&rest[16..24]), frames.len() as u64);
            let length = usize::try_from(number(&rest[4..8])).expect("small");
            let leaf = rest[48..48 + length].to_vec();
            frames.push(Frame { epoch: number(&rest[8..16]), durable: number(&rest[24..32]), leaf });
            rest = &rest[48 + length..];
        }
        Self { path, header, id, frames }
    }

    /// Writes the frames back, numbered and checked as if they had always been so.
    pub fn write(&self) {
        let mut book = self.header.clone();
        for (index, frame) in self.frames.iter().enumerate() {
            let mut head = b"LZRF".to_vec();
            head.extend((frame.leaf.len() as u32).to_be_bytes());
            for number in [frame.epoch, index as u64, frame.durable.min(index as u64)] {
                head.extend(number.to_be_bytes());
            }
            let check = evidence::sha256(&[&self.id, &head, &frame.leaf]);
            book.extend(head);
            book.extend(&check[..16]);
            book.extend(&frame.leaf);
        }
        std::fs::write(&self.path, book).expect("write");
    }
}
