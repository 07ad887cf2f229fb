//! The Merkle tree over all records: RFC 6962 hashing, proofs of RFC 9162.
//!
//! Pure: hashes in, hashes out. A record's leaf is `SHA-256(0x00 || line)`, a node
//! is `SHA-256(0x01 || left || right)`. [`Frontier`] grows a tree in memory that is
//! logarithmic in its size; [`Gather`] collects the hashes of a proof in one pass
//! over the leaves, in as little memory. What verifies a proof shares no code with
//! what makes one.

use std::ops::Range;

use aws_lc_rs::digest;

/// A SHA-256 digest.
pub type Hash = [u8; 32];

/// Hash of a leaf.
/// RFC 9162 section 2.1.1: the prefix keeps a leaf from passing for a node.
#[must_use]
pub fn leaf_hash(data: &[u8]) -> Hash {
    hash(&[&[0x00], data])
}

/// Hash of a node over its two children.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    hash(&[&[0x01], left, right])
}

/// Root of the tree without leaves.
#[must_use]
pub fn empty_root() -> Hash {
    hash(&[])
}

fn hash(parts: &[&[u8]]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// A growing tree: how many leaves it has, and the roots of the full trees that
/// they make, the largest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// A frontier of `size` leaves with these peaks, if there are as many peaks as
    /// such a tree has.
    #[must_use]
    pub fn of(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        let wanted = usize::try_from(size.count_ones()).ok()?;
        (peaks.len() == wanted).then_some(Self { size, peaks })
    }

    /// Adds a leaf by its hash.
    pub fn push(&mut self, leaf: Hash) {
        let mut node = leaf;
        // Each low one-bit of the size is a full tree that the new leaf doubles.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                node = node_hash(&left, &node);
            }
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// How many leaves it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of its full trees, the largest first.
    #[must_use]
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        let smallest_first = self.peaks.iter().rev().copied();
        smallest_first.reduce(|right, left| node_hash(&left, &right)).unwrap_or_else(empty_root)
    }
}

/// The ranges of leaves whose roots prove that leaf `index` is in the tree of
/// `size`, from the leaf upwards; nothing if the tree has no such leaf.
/// RFC 9162 section 2.1.3.1.
#[must_use]
pub fn inclusion_ranges(index: u64, size: u64) -> Option<Vec<Range<u64>>> {
    if index >= size {
        return None;
    }
    let mut ranges = Vec::new();
    let mut at = 0..size;
    while let Some(middle) = split(&at) {
        if index < middle {
            ranges.push(middle..at.end);
            at.end = middle;
        } else {
            ranges.push(at.start..middle);
            at.start = middle;
        }
    }
    ranges.reverse();
    Some(ranges)
}

/// The ranges of leaves whose roots prove that the tree of `old` leaves is the
/// beginning of the tree of `new`; nothing unless `0 < old <= new`.
/// RFC 9162 section 2.1.4.1.
#[must_use]
pub fn consistency_ranges(old: u64, new: u64) -> Option<Vec<Range<u64>>> {
    if old == 0 || old > new {
        return None;
    }
    let mut ranges = Vec::new();
    let mut at = 0..new;
    while at.end > old {
        let middle = split(&at)?;
        if old <= middle {
            ranges.push(middle..at.end);
            at.end = middle;
        } else {
            ranges.push(at.start..middle);
            at.start = middle;
        }
    }
    // The old root itself is known to whoever verifies.
    if at.start > 0 {
        ranges.push(at);
    }
    ranges.reverse();
    Some(ranges)
}

/// Where a range of more than one leaf is divided: the largest power of two below
/// its length, behind its start.
fn split(range: &Range<u64>) -> Option<u64> {
    let length = range.end.checked_sub(range.start)?;
    let below = length.checked_sub(1)?.checked_ilog2()?;
    Some(range.start + (1 << below))
}

/// Collects the roots of ranges of leaves in one pass over the leaves.
#[derive(Debug)]
pub struct Gather {
    /// The ranges and what was collected of them, in the order of the proof.
    wanted: Vec<(Range<u64>, Frontier)>,
    next: u64,
}

impl Gather {
    /// Of disjoint ranges, in the order in which their roots are wanted.
    #[must_use]
    pub fn new(ranges: Vec<Range<u64>>) -> Self {
        Self::starting(0, ranges)
    }

    /// The same, where the first leaf that comes is the one at `next`.
    #[must_use]
    pub fn starting(next: u64, ranges: Vec<Range<u64>>) -> Self {
        let wanted = ranges.into_iter().map(|range| (range, Frontier::default())).collect();
        Self { wanted, next }
    }

    /// Takes the next leaf.
    pub fn push(&mut self, leaf: Hash) {
        if let Some((_, tree)) = self.wanted.iter_mut().find(|(r, _)| r.contains(&self.next)) {
            tree.push(leaf);
        }
        self.next += 1;
    }

    /// The roots, if all leaves were seen.
    #[must_use]
    pub fn finish(self) -> Option<Vec<Hash>> {
        let whole = |(range, tree): (Range<u64>, Frontier)| {
            (tree.size() == range.end - range.start).then(|| tree.root())
        };
        self.wanted.into_iter().map(whole).collect()
    }
}

/// Whether `proof` shows that `leaf` stands at `index` in the tree of `size` leaves
/// with this root. RFC 9162 section 2.1.3.2.
#[must_use]
pub fn includes(index: u64, size: u64, leaf: &Hash, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut fnode, mut snode) = (index, size - 1);
    let mut node = *leaf;
    for sibling in proof {
        if snode == 0 {
            return false;
        }
        if fnode & 1 == 1 || fnode == snode {
            node = node_hash(sibling, &node);
            while fnode & 1 == 0 && fnode != 0 {
                fnode >>= 1;
                snode >>= 1;
            }
        } else {
            node = node_hash(&node, sibling);
        }
        fnode >>= 1;
        snode >>= 1;
    }
    snode == 0 && node == *root
}

/// Whether `proof` shows that the tree of `old` leaves is the beginning of the tree
/// of `new`. RFC 9162 section 2.1.4.2.
#[must_use]
pub fn consistent(old: (u64, &Hash), new: (u64, &Hash), proof: &[Hash]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size == 0 || old_size > new_size {
        return false;
    }
    if old_size == new_size {
        return proof.is_empty() && old_root == new_root;
    }
    let mut steps = proof.iter();
    let (mut fnode, mut snode) = (old_size - 1, new_size - 1);
    while fnode & 1 == 1 {
        fnode >>= 1;
        snode >>= 1;
    }
    // A full old tree is a node of the new one: its root is where the walk begins.
    let first = if old_size.is_power_of_two() { Some(old_root) } else { steps.next() };
    let Some(first) = first else { return false };
    let (mut old_node, mut new_node) = (*first, *first);
    for step in steps {
        if snode == 0 {
            return false;
        }
        if fnode & 1 == 1 || fnode == snode {
            old_node = node_hash(step, &old_node);
            new_node = node_hash(step, &new_node);
            while fnode & 1 == 0 && fnode != 0 {
                fnode >>= 1;
                snode >>= 1;
            }
        } else {
            new_node = node_hash(&new_node, step);
        }
        fnode >>= 1;
        snode >>= 1;
    }
    snode == 0 && old_node == *old_root && new_node == *new_root
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hex(text: &str) -> Hash {
        let bytes: Vec<u8> = (0..64)
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect();
        bytes.try_into().unwrap()
    }

    /// RFC 9162 section 2.1.1, word for word.
    fn naive_root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => empty_root(),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(naive_split(leaves.len()));
                node_hash(&naive_root(left), &naive_root(right))
            }
        }
    }

    fn naive_split(length: usize) -> usize {
        let mut k = 1;
        while k * 2 < length {
            k *= 2;
        }
        k
    }

    /// RFC 9162 section 2.1.3.1, word for word.
    fn naive_path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
        if leaves.len() == 1 {
            return Vec::new();
        }
        let (left, right) = leaves.split_at(naive_split(leaves.len()));
        let (mut path, other) = if index < left.len() {
            (naive_path(index, left), right)
        } else {
            (naive_path(index - left.len(), right), left)
        };
        path.push(naive_root(other));
        path
    }

    /// RFC 9162 section 2.1.4.1, word for word.
    fn naive_consistency(old: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
        if old == leaves.len() {
            return if whole { Vec::new() } else { vec![naive_root(leaves)] };
        }
        let (left, right) = leaves.split_at(naive_split(leaves.len()));
        let (mut proof, other) = if old <= left.len() {
            (naive_consistency(old, left, whole), right)
        } else {
            (naive_consistency(old - left.len(), right, false), left)
        };
        proof.push(naive_root(other));
        proof
    }

    fn leaves(count: usize) -> Vec<Hash> {
        (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
    }

    fn gathered(ranges: Vec<Range<u64>>, leaves: &[Hash]) -> Vec<Hash> {
        let mut gather = Gather::new(ranges);
        leaves.iter().for_each(|leaf| gather.push(*leaf));
        gather.finish().unwrap()
    }

    /// The leaves and roots of the reference implementation of RFC 6962.
    const VECTORS: [(&[u8], &str); 8] = [
        (b"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        (b"\x00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
        (b"\x10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
        (b"\x20\x21", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
        (b"\x30\x31", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
        (b"\x40\x41\x42\x43", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"),
        (b"PQRSTUVW", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
        (b"`abcdefghijklmno", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
    ];

    #[test]
    fn roots_are_those_of_the_reference_implementation() {
        assert_eq!(
            empty_root(),
            hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        );
        let mut tree = Frontier::default();
        assert_eq!(tree.root(), empty_root());
        for (data, root) in VECTORS {
            tree.push(leaf_hash(data));
            assert_eq!(tree.root(), hex(root), "{} leaves", tree.size());
        }
    }

    #[test]
    fn consistency_proofs_are_those_of_the_reference_implementation() {
        let leaves: Vec<Hash> = VECTORS.iter().map(|(data, _)| leaf_hash(data)).collect();
        let root = |size: usize| hex(VECTORS[size - 1].1);
        let known = [
            (
                6,
                8,
                vec![
                    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                ],
            ),
            (
                2,
                5,
                vec![
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                ],
            ),
        ];
        for (old, new, proof) in known {
            let proof: Vec<Hash> = proof.into_iter().map(hex).collect();
            let ranges = consistency_ranges(old as u64, new as u64).unwrap();
            assert_eq!(gathered(ranges, &leaves[..new]), proof);
            let (old, new) = ((old as u64, &root(old)), (new as u64, &root(new)));
            assert!(consistent(old, new, &proof));
        }
    }

    #[test]
    fn every_proof_of_every_small_tree_is_the_naive_one_and_verifies() {
        for size in 1..=40 {
            let leaves = leaves(size);
            let root = naive_root(&leaves);
            for index in 0..size {
                let proof = gathered(inclusion_ranges(index as u64, size as u64).unwrap(), &leaves);
                assert_eq!(proof, naive_path(index, &leaves));
                assert!(includes(index as u64, size as u64, &leaves[index], &proof, &root));
            }
            for old in 1..=size {
                let old_root = naive_root(&leaves[..old]);
                let proof = gathered(consistency_ranges(old as u64, size as u64).unwrap(), &leaves);
                assert_eq!(proof, naive_consistency(old, &leaves, true));
                let (old, new) = ((old as u64, &old_root), (size as u64, &root));
                assert!(consistent(old, new, &proof), "{old:?} {new:?}");
            }
        }
    }

    #[test]
    fn no_proof_exists_of_what_is_not_in_the_tree() {
        assert!(inclusion_ranges(0, 0).is_none() && inclusion_ranges(5, 5).is_none());
        assert!(consistency_ranges(0, 5).is_none() && consistency_ranges(6, 5).is_none());
        let mut early = Gather::new(inclusion_ranges(0, 4).unwrap());
        leaves(3).into_iter().for_each(|leaf| early.push(leaf));
        assert_eq!(early.finish(), None, "a leaf is missing");
        assert_eq!(Frontier::of(3, leaves(1)), None);
    }

    proptest! {
        #[test]
        fn growing_gives_the_root_of_the_definition(size in 0..600_usize) {
            let leaves = leaves(size);
            let mut tree = Frontier::default();
            leaves.iter().for_each(|leaf| tree.push(*leaf));
            prop_assert_eq!(tree.root(), naive_root(&leaves));
            let again = Frontier::of(tree.size(), tree.peaks().to_vec());
            prop_assert_eq!(again, Some(tree));
        }

        #[test]
        fn a_changed_inclusion_proof_proves_nothing(
            size in 2..300_usize, at: prop::sample::Index, change: u8, bit in 0..256_usize,
        ) {
            let leaves = leaves(size);
            let (index, root) = (at.index(size), naive_root(&leaves));
            let mut proof = naive_path(index, &leaves);
            let (mut index, mut size) = (index as u64, size as u64);
            let mut leaf = leaves[at.index(leaves.len())];
            let which = bit % proof.len();
            match change % 6 {
                0 => proof[which][bit / 8] ^= 1 << (bit % 8),
                1 => drop(proof.remove(which)),
                2 => proof.push(proof[which]),
                3 => leaf[bit / 8] ^= 1 << (bit % 8),
                // Another place in a tree of the same size.
                4 => index = (index + 1) % size,
                _ => size += size.next_power_of_two(),
            }
            prop_assert!(!includes(index, size, &leaf, &proof, &root));
        }

        #[test]
        fn a_changed_consistency_proof_proves_nothing(
            size in 2..300_usize, at: prop::sample::Index, change: u8, bit in 0..256_usize,
        ) {
            let leaves = leaves(size);
            let old = 1 + at.index(size - 1);
            let (mut old_root, new_root) = (naive_root(&leaves[..old]), naive_root(&leaves));
            let mut proof = naive_consistency(old, &leaves, true);
            let which = bit % proof.len();
            match change % 4 {
                0 => proof[which][bit / 8] ^= 1 << (bit % 8),
                1 => drop(proof.remove(which)),
                2 => proof.push(proof[which]),
                _ => old_root[bit / 8] ^= 1 << (bit % 8),
            }
            prop_assert!(!consistent((old as u64, &old_root), (size as u64, &new_root), &proof));
        }

        #[test]
        fn no_numbers_make_the_walk_panic(
            index: u64, size: u64, proof in prop::collection::vec(any::<Hash>(), 0..70),
        ) {
            let root = [7; 32];
            prop_assert!(!includes(index, size, &root, &proof, &root) || size == 1);
            let equal = index == size && proof.is_empty() && size > 0;
            prop_assert_eq!(consistent((index, &root), (size, &root), &proof), equal);
            let _ = (inclusion_ranges(index, size), consistency_ranges(index, size));
        }
    }
}
