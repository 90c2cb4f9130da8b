//! The Merkle tree of RFC 6962 section 2.1 over SHA-256.

use aws_lc_rs::digest;

pub type Hash = [u8; 32];

/// SHA-256 of the parts, one after the other.
pub fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut hash = [0; 32];
    hash.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
    hash
}

/// MTH({d}) = SHA-256(0x00 || d).
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    sha256(&[&[0], leaf])
}

/// SHA-256(0x01 || left || right).
#[derive(Clone, Copy)]
pub struct Pair<'a> {
    pub left: &'a Hash,
    pub right: &'a Hash,
}

pub fn node_hash(pair: Pair<'_>) -> Hash {
    sha256(&[&[1], pair.left, pair.right])
}

/// The right edge of a growing tree: the roots of its complete subtrees, largest first. Enough to append and to
/// know the root, in space logarithmic in the size.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn push(&mut self, leaf: Hash) {
        let mut right = leaf;
        // Each trailing one in the size is a complete subtree as large as the one that has just been completed.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                right = node_hash(Pair { left: &left, right: &right });
            }
        }
        self.peaks.push(right);
        self.size += 1;
    }

    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(first) = peaks.next() else { return sha256(&[]) };
        peaks.fold(*first, |right, left| node_hash(Pair { left, right: &right }))
    }
}

/// MTH over leaf hashes.
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(&[]),
        [one] => *one,
        many => {
            let (left, right) = many.split_at(split(many.len()));
            node_hash(Pair { left: &root(left), right: &root(right) })
        }
    }
}

/// The largest power of two smaller than `size`, for sizes above one.
fn split(size: usize) -> usize {
    size.next_power_of_two() / 2
}

/// PATH(index, leaves) of RFC 6962 section 2.1.1. Empty when the index is not in the tree.
pub fn inclusion_proof(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() < 2 || index >= leaves.len() {
        return Vec::new();
    }
    let at = split(leaves.len());
    let (left, right) = leaves.split_at(at);
    let (mut path, sibling) = if index < at {
        (inclusion_proof(index, left), root(right))
    } else {
        (inclusion_proof(index - at, right), root(left))
    };
    path.push(sibling);
    path
}

/// PROOF(older, leaves) of RFC 6962 section 2.1.2. Empty when there is nothing to prove.
pub fn consistency_proof(older: usize, leaves: &[Hash]) -> Vec<Hash> {
    if older == 0 || older >= leaves.len() { Vec::new() } else { subproof(older, leaves, Seen::Whole) }
}

/// Whether the verifier knows the root of the subtree already.
#[derive(Clone, Copy)]
enum Seen {
    Whole,
    Part,
}

fn subproof(older: usize, leaves: &[Hash], seen: Seen) -> Vec<Hash> {
    if older == leaves.len() {
        return match seen {
            Seen::Whole => Vec::new(),
            Seen::Part => vec![root(leaves)],
        };
    }
    let at = split(leaves.len());
    let (left, right) = leaves.split_at(at);
    let (mut path, sibling) = if older <= at {
        (subproof(older, left, seen), root(right))
    } else {
        (subproof(older - at, right, Seen::Part), root(left))
    };
    path.push(sibling);
    path
}

/// A tree, as a checkpoint names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    pub size: u64,
    pub root: Hash,
}

/// Does `path` show that the leaf with `hash` is at `index` of the tree? (RFC 9162 section 2.1.3.2.)
pub fn verify_inclusion(hash: &Hash, index: u64, path: &[Hash], tree: Head) -> bool {
    if index >= tree.size {
        return false;
    }
    let (mut at, mut last, mut made) = (index, tree.size - 1, *hash);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if at % 2 == 1 || at == last {
            made = node_hash(Pair { left: sibling, right: &made });
            while at % 2 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            made = node_hash(Pair { left: &made, right: sibling });
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && made == tree.root
}

/// An older and a newer tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Growth {
    pub older: Head,
    pub newer: Head,
}

/// Does `path` show that the older tree is a prefix of the newer? (RFC 9162 section 2.1.4.2.)
pub fn verify_consistency(growth: Growth, path: &[Hash]) -> bool {
    let Growth { older, newer } = growth;
    if older.size > newer.size {
        return false;
    }
    if older.size == newer.size {
        return path.is_empty() && older.root == newer.root;
    }
    if older.size == 0 {
        return path.is_empty();
    }
    let first = older.size.is_power_of_two().then_some(older.root);
    let mut path = first.iter().chain(path);
    let Some(start) = path.next() else { return false };
    let (mut at, mut last) = (older.size - 1, newer.size - 1);
    while at % 2 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let (mut old, mut new) = (*start, *start);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if at % 2 == 1 || at == last {
            old = node_hash(Pair { left: sibling, right: &old });
            new = node_hash(Pair { left: sibling, right: &new });
            while at % 2 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            new = node_hash(Pair { left: &new, right: sibling });
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && old == older.root && new == newer.root
}
