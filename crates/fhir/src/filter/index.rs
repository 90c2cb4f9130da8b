//! First stage: finds the positions of a document that its grammar turns on, 64 bytes at a time.
//!
//! A block becomes one bit mask a character class; what a block leaves open (inside a string, after a backslash,
//! inside a scalar) is carried to the next, so blocks may arrive in any rhythm. The masks are made by plain loops that
//! the compiler vectorises; a kernel written for one processor would replace [`Masks::of`] and nothing else.

use super::Broken;

pub(super) const BLOCK: usize = 64;

/// Emits, in order: brackets, colons and commas outside strings; both quotes of every string; the first byte of every
/// scalar; and every backslash that begins an escape inside a string.
#[derive(Default)]
pub(super) struct Indexer {
    /// All ones while inside a string.
    in_string: u64,
    /// One if the next byte is escaped.
    escaped: u64,
    /// One if the last byte belonged to a scalar.
    in_scalar: u64,
}

impl Indexer {
    /// `base` is the position of the block's first byte. A control character inside a string is refused (RFC 8259, 7).
    pub(super) fn block(&mut self, block: &[u8; BLOCK], base: u32, tokens: &mut Vec<u32>) -> Result<(), Broken> {
        let masks = Masks::of(block);
        let (escape, escaped) = self.escapes(masks.backslash);
        let quote = masks.quote & !escaped;
        let in_string = prefix_xor(quote) ^ self.in_string;
        self.in_string = 0_u64.wrapping_sub(in_string >> 63);
        if masks.control & in_string != 0 {
            return Err(Broken);
        }
        let scalar = !(masks.operator | masks.space | quote | in_string);
        let starts = scalar & !(scalar << 1 | self.in_scalar);
        self.in_scalar = scalar >> 63;

        let mut found = (masks.operator & !in_string) | quote | starts | (escape & in_string);
        tokens.reserve(BLOCK);
        while found != 0 {
            tokens.push(base + found.trailing_zeros());
            found &= found - 1;
        }
        Ok(())
    }

    /// The backslashes that begin an escape, and the bytes that are escaped. In a run of backslashes every second one
    /// is escaped; the subtraction carries through each run and so finds its parity (as in simdjson, after Langdale
    /// and Lemire, "Parsing gigabytes of JSON per second", 2019).
    fn escapes(&mut self, backslash: u64) -> (u64, u64) {
        const ODD: u64 = 0xAAAA_AAAA_AAAA_AAAA;
        if backslash == 0 {
            return (0, std::mem::take(&mut self.escaped));
        }
        let candidates = backslash & !self.escaped;
        let series = ((candidates << 1) | ODD).wrapping_sub(candidates) ^ ODD;
        let escaped = series ^ (backslash | self.escaped);
        let escape = series & backslash;
        self.escaped = escape >> 63;
        (escape, escaped)
    }
}

/// Bit n: an odd number of bits at or below n are set. From an opening quote (with it) to the closing one (without).
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

/// Bit n of each mask speaks of byte n of the block.
struct Masks {
    quote: u64,
    backslash: u64,
    /// `{ } [ ] : ,`
    operator: u64,
    /// Space, tab, line feed, carriage return.
    space: u64,
    /// Below 0x20.
    control: u64,
}

impl Masks {
    // Not `||`: without branches the compiler turns each test into a few vector comparisons.
    fn of(block: &[u8; BLOCK]) -> Self {
        Self {
            quote: select(block, |byte| byte == b'"'),
            backslash: select(block, |byte| byte == b'\\'),
            operator: select(block, |byte| {
                // 0x20 is what tells `[` from `{` and `]` from `}`.
                let folded = byte | 0x20;
                (folded == b'{') | (folded == b'}') | (byte == b':') | (byte == b',')
            }),
            space: select(block, |byte| (byte == b' ') | (byte == b'\n') | (byte == b'\r') | (byte == b'\t')),
            control: select(block, |byte| byte < 0x20),
        }
    }
}

/// Bit n is set if byte n passes. A byte that passes leaves the bit of its row of eight; the rows laid over each other
/// are the mask with rows and columns exchanged.
fn select(block: &[u8; BLOCK], test: impl Fn(u8) -> bool) -> u64 {
    const ROWS: [[u8; 8]; 8] = [[1; 8], [2; 8], [4; 8], [8; 8], [16; 8], [32; 8], [64; 8], [128; 8]];
    let mut marked = [0; BLOCK];
    for ((mark, byte), row) in marked.iter_mut().zip(block).zip(ROWS.as_flattened()) {
        *mark = if test(*byte) { *row } else { 0 };
    }
    transpose(marked.as_chunks::<8>().0.iter().fold(0, |rows, row| rows | u64::from_le_bytes(*row)))
}

/// Exchanges rows and columns of eight by eight bits (Warren, "Hacker's Delight", 7-3).
fn transpose(mut bits: u64) -> u64 {
    for (shift, mask) in [(7, 0x00AA_00AA_00AA_00AA), (14, 0x0000_CCCC_0000_CCCC), (28, 0x0000_0000_F0F0_F0F0)] {
        let moved = (bits ^ (bits >> shift)) & mask;
        bits ^= moved ^ (moved << shift);
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One byte at a time, nothing clever.
    fn plainly(document: &[u8]) -> Result<Vec<u32>, ()> {
        let (mut tokens, mut in_string, mut escaped, mut in_scalar) = (Vec::new(), false, false, false);
        for (at, &byte) in document.iter().enumerate() {
            let literal = std::mem::replace(&mut escaped, false);
            if byte == b'\\' && !literal {
                escaped = true;
            }
            if in_string && byte < 0x20 {
                return Err(());
            }
            let quote = byte == b'"' && !literal;
            let operator = matches!(byte, b'{' | b'}' | b'[' | b']' | b':' | b',');
            let scalar = !in_string && !quote && !operator && !matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
            if quote || (operator && !in_string) || (scalar && !in_scalar) || (in_string && escaped) {
                tokens.push(u32::try_from(at).expect("small"));
            }
            in_scalar = scalar;
            in_string ^= quote;
        }
        Ok(tokens)
    }

    fn by_blocks(document: &[u8]) -> Result<Vec<u32>, ()> {
        let (mut indexer, mut tokens) = (Indexer::default(), Vec::new());
        for (at, block) in document.chunks(BLOCK).enumerate() {
            let mut padded = [b' '; BLOCK];
            padded[..block.len()].copy_from_slice(block);
            let base = u32::try_from(at * BLOCK).expect("small");
            indexer.block(&padded, base, &mut tokens).map_err(|_| ())?;
        }
        tokens.retain(|&at| (at as usize) < document.len());
        Ok(tokens)
    }

    proptest! {
        #[test]
        fn agrees_with_a_byte_by_byte_reader(document in proptest::collection::vec(
            prop_oneof![
                6 => proptest::sample::select(&b"\"\\{}[]:, \t\n\r1a-_"[..]),
                1 => any::<u8>().prop_filter("a control character ends a test early", |b| *b >= 0x20),
            ], 0..400)) {
            prop_assert_eq!(by_blocks(&document), plainly(&document));
        }

        #[test]
        fn agrees_on_any_bytes(document in proptest::collection::vec(any::<u8>(), 0..200)) {
            let (ours, theirs) = (by_blocks(&document), plainly(&document));
            prop_assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn long_runs_of_backslashes_keep_their_parity() {
        for run in 0..200 {
            let document = format!("\"{}\" 1", "\\".repeat(run));
            assert_eq!(by_blocks(document.as_bytes()), plainly(document.as_bytes()), "{run} backslashes");
        }
    }

    #[test]
    fn control_characters_are_refused_inside_strings_only() {
        for byte in 0..0x20_u8 {
            assert!(by_blocks(&[b'"', byte, b'"']).is_err(), "{byte:#x} inside");
            assert!(by_blocks(&[byte]).is_ok(), "{byte:#x} outside is the grammar's to judge");
        }
        assert!(by_blocks(b"\"\x7f\"").is_ok(), "DEL is allowed by RFC 8259");
    }
}
