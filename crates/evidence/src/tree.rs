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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unhex(text: &str) -> Vec<u8> {
        let digits = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ascii"), 16).expect("hex");
        text.as_bytes().chunks(2).map(digits).collect()
    }

    fn hash(text: &str) -> Hash {
        unhex(text).try_into().expect("32 bytes")
    }

    /// The sample tree of the Certificate Transparency project (`merkletree` test data), which RFC 6962
    /// implementations share.
    const LEAVES: [&str; 8] =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn sample() -> Vec<Hash> {
        LEAVES.iter().map(|leaf| leaf_hash(&unhex(leaf))).collect()
    }

    fn head(size: usize) -> Head {
        Head { size: size as u64, root: hash(ROOTS[size]) }
    }

    #[test]
    fn roots_are_those_of_the_sample_tree() {
        let (leaves, mut frontier) = (sample(), Frontier::default());
        for (size, expect) in ROOTS.iter().enumerate() {
            assert_eq!(root(&leaves[..size]), hash(expect), "{size}");
            assert_eq!((frontier.size(), frontier.root()), (size as u64, hash(expect)));
            leaves.get(size).into_iter().for_each(|leaf| frontier.push(*leaf));
        }
    }

    #[test]
    fn proofs_are_those_of_the_sample_tree() {
        let leaves = sample();
        let hashes = |texts: &[&str]| texts.iter().map(|text| hash(text)).collect::<Vec<_>>();
        for (index, size, expect) in [
            (0, 1, vec![]),
            (
                0,
                8,
                hashes(&[
                    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
                ]),
            ),
            (
                5,
                8,
                hashes(&[
                    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                ]),
            ),
            (2, 3, hashes(&[ROOTS[2]])),
        ] {
            assert_eq!(inclusion_proof(index, &leaves[..size]), expect);
            assert!(verify_inclusion(&leaves[index], index as u64, &expect, head(size)));
        }
        let consistent = hashes(&[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]);
        assert_eq!(consistency_proof(6, &leaves), consistent);
        assert!(verify_consistency(Growth { older: head(6), newer: head(8) }, &consistent));
    }

    fn grown(size: usize) -> Vec<Hash> {
        (0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect()
    }

    fn tree(leaves: &[Hash]) -> Head {
        Head { size: leaves.len() as u64, root: root(leaves) }
    }

    proptest! {
        #[test]
        fn a_proof_holds_for_its_leaf_and_index_only(size in 1..200_usize, pick in any::<usize>(), other in any::<usize>()) {
            let leaves = grown(size);
            let (index, other) = (pick % size, other % size);
            let path = inclusion_proof(index, &leaves);
            let shows = |hash: &Hash, at: usize, path: &[Hash]| verify_inclusion(hash, at as u64, path, tree(&leaves));
            prop_assert!(shows(&leaves[index], index, &path));
            prop_assert_eq!(shows(&leaves[other], index, &path), other == index);
            prop_assert_eq!(shows(&leaves[index], other, &path), other == index);
            prop_assert!(!shows(&leaves[index], index, &[path.as_slice(), &[[0; 32]]].concat()));
            if let Some((_, shorter)) = path.split_last() {
                prop_assert!(!shows(&leaves[index], index, shorter));
            }
        }

        #[test]
        fn a_tree_is_consistent_with_its_prefixes_only(size in 1..200_usize, pick in any::<usize>(), flip in any::<usize>()) {
            let leaves = grown(size);
            let older = 1 + pick % size;
            let path = consistency_proof(older, &leaves);
            let growth = Growth { older: tree(&leaves[..older]), newer: tree(&leaves) };
            prop_assert!(verify_consistency(growth, &path));
            let mut changed = leaves.clone();
            changed[flip % older] = [7; 32];
            let forged = Growth { older: tree(&leaves[..older]), newer: tree(&changed) };
            prop_assert!(!verify_consistency(forged, &consistency_proof(older, &changed)));
            let smaller = Growth { older: growth.newer, newer: growth.older };
            prop_assert!(older == size || !verify_consistency(smaller, &path));
        }

        #[test]
        fn the_frontier_has_the_root_of_all_leaves(size in 0..300_usize) {
            let leaves = grown(size);
            let mut frontier = Frontier::default();
            leaves.iter().for_each(|leaf| frontier.push(*leaf));
            prop_assert_eq!(Head { size: frontier.size(), root: frontier.root() }, tree(&leaves));
        }
    }
}
