//! Keccak-256 as Ethereum and Monero use it: before NIST changed the padding for SHA-3.

/// The hash of a message that fits one block; `None` for a longer one.
pub(super) fn keccak256(message: &[u8]) -> Option<[u8; 32]> {
    let mut block = [0; RATE_BYTES];
    block.get_mut(..message.len())?.copy_from_slice(message);
    // Padding: a one, zeros, a one; in the same byte where the message leaves only one.
    *block.get_mut(message.len())? ^= 0x01;
    *block.last_mut()? ^= 0x80;
    let mut state = [0; 25];
    for (lane, bytes) in state.iter_mut().zip(block.as_chunks().0) {
        *lane = u64::from_le_bytes(*bytes);
    }
    permute(&mut state);
    let mut hash = [0; 32];
    for (bytes, lane) in hash.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = u64::to_le_bytes(lane);
    }
    Some(hash)
}

/// Keccak-f\[1600\]: The Keccak reference, 1.2.
fn permute(state: &mut [u64; 25]) {
    for constant in ROUNDS {
        // Theta: every bit takes in the parity of two columns.
        let mut parity = [0; 5];
        for row in state.as_chunks::<5>().0 {
            parity.iter_mut().zip(row).for_each(|(parity, lane)| *parity ^= lane);
        }
        let [a, b, c, d, e] = parity;
        let turned = |lane: u64| lane.rotate_left(1);
        let change = [e ^ turned(b), a ^ turned(c), b ^ turned(d), c ^ turned(e), d ^ turned(a)];
        for row in state.as_chunks_mut::<5>().0 {
            row.iter_mut().zip(change).for_each(|(lane, change)| *lane ^= change);
        }
        // Rho and pi: lanes turn and change places along one cycle.
        let mut moved = state.get(1).copied().unwrap_or_default();
        for (place, turn) in CYCLE {
            if let Some(lane) = state.get_mut(place) {
                moved = std::mem::replace(lane, moved.rotate_left(turn));
            }
        }
        // Chi, the only step that is not linear, and iota.
        for row in state.as_chunks_mut::<5>().0 {
            let [a, b, c, d, e] = *row;
            *row = [a ^ (!b & c), b ^ (!c & d), c ^ (!d & e), d ^ (!e & a), e ^ (!a & b)];
        }
        if let Some(lane) = state.first_mut() {
            *lane ^= constant;
        }
    }
}

/// 1600 bits less twice the 256 of the hash.
const RATE_BYTES: usize = 136;

/// The place to which a lane goes, and by how many bits it turns.
#[rustfmt::skip]
const CYCLE: [(usize, u32); 24] = [
    (10, 1), (7, 3), (11, 6), (17, 10), (18, 15), (3, 21), (5, 28), (16, 36), (8, 45), (21, 55),
    (24, 2), (4, 14), (15, 27), (23, 41), (19, 56), (13, 8), (12, 25), (2, 43), (20, 62), (14, 18),
    (22, 39), (9, 61), (6, 20), (1, 44),
];

/// The Keccak reference, 1.2: iota.
#[rustfmt::skip]
const ROUNDS: [u64; 24] = [
    0x0000_0000_0000_0001, 0x0000_0000_0000_8082, 0x8000_0000_0000_808A, 0x8000_0000_8000_8000,
    0x0000_0000_0000_808B, 0x0000_0000_8000_0001, 0x8000_0000_8000_8081, 0x8000_0000_0000_8009,
    0x0000_0000_0000_008A, 0x0000_0000_0000_0088, 0x0000_0000_8000_8009, 0x0000_0000_8000_000A,
    0x0000_0000_8000_808B, 0x8000_0000_0000_008B, 0x8000_0000_0000_8089, 0x8000_0000_0000_8003,
    0x8000_0000_0000_8002, 0x8000_0000_0000_0080, 0x0000_0000_0000_800A, 0x8000_0000_8000_000A,
    0x8000_0000_8000_8081, 0x8000_0000_0000_8080, 0x0000_0000_8000_0001, 0x8000_0000_8000_8008,
];

#[cfg(test)]
mod tests {
    use super::keccak256;

    /// The vectors of the Keccak team's file `ShortMsgKAT_256`, and Ethereum's empty hash.
    #[test]
    fn published_hashes_are_reproduced() {
        let cases: [(&[u8], &str); 3] = [
            (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
            (b"\xcc", "eead6dbfc7340a56caedc044696a168870549a6a7f6f56961e84a54bd9970b8a"),
            (b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
        ];
        for (message, expected) in cases {
            let hash = keccak256(message).unwrap();
            let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hash, expected);
        }
    }

    #[test]
    fn message_of_more_than_one_block_is_refused() {
        assert!(keccak256(&[0; 135]).is_some());
        assert!(keccak256(&[0; 136]).is_none());
    }
}
