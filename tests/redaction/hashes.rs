//! The digests and encodings that values of the corpus need: SHA-256 (FIPS 180-4), Keccak-256
//! (the padding of before FIPS 202, as Ethereum uses it), CRC-32 (ISO/IEC 8802-3), base58,
//! bech32 (BIP 173, BIP 350) and base64 (RFC 4648). Own code, so that a mistake in a library of
//! the detectors cannot hide itself here.

pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}

/// The first `count` primes.
fn primes(count: usize) -> Vec<u64> {
    (2..).filter(|n| (2..*n).all(|d| n % d != 0)).take(count).collect()
}

/// The first 32 bits of the fraction of the `root`-th root of a prime.
fn fraction(prime: u64, root: u32) -> u32 {
    // The largest r with r^root <= prime * 2^(32 * root), by bisection over 128 bits.
    let (mut low, mut high) = (0_u128, 1_u128 << 40);
    while high - low > 1 {
        let middle = u128::midpoint(low, high);
        let reached = match root {
            2 => (middle * middle) >> 64,
            _ => (middle * middle * middle) >> 96,
        };
        if reached < u128::from(prime) { low = middle } else { high = middle }
    }
    u32::try_from(low & 0xffff_ffff).unwrap()
}

pub fn sha256(message: &[u8]) -> [u8; 32] {
    let primes = primes(64);
    let mut state: Vec<u32> = primes.iter().take(8).map(|p| fraction(*p, 2)).collect();
    let constants: Vec<u32> = primes.iter().map(|p| fraction(*p, 3)).collect();
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend((u64::try_from(message.len()).unwrap() * 8).to_be_bytes());
    for block in padded.chunks_exact(64) {
        let mut w: Vec<u32> =
            block.chunks_exact(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]])).collect();
        for i in 16..64 {
            let (a, b) = (w[i - 15], w[i - 2]);
            let s0 = a.rotate_right(7) ^ a.rotate_right(18) ^ (a >> 3);
            let s1 = b.rotate_right(17) ^ b.rotate_right(19) ^ (b >> 10);
            w.push(w[i - 16].wrapping_add(s0).wrapping_add(w[i - 7]).wrapping_add(s1));
        }
        let mut v = state.clone();
        for i in 0..64 {
            let s1 = v[4].rotate_right(6) ^ v[4].rotate_right(11) ^ v[4].rotate_right(25);
            let choice = (v[4] & v[5]) ^ (!v[4] & v[6]);
            let t1 = [s1, choice, constants[i], w[i]].iter().fold(v[7], |s, x| s.wrapping_add(*x));
            let s0 = v[0].rotate_right(2) ^ v[0].rotate_right(13) ^ v[0].rotate_right(22);
            let majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
            v.rotate_right(1);
            v[4] = v[4].wrapping_add(t1);
            v[0] = t1.wrapping_add(s0).wrapping_add(majority);
        }
        state.iter_mut().zip(v).for_each(|(s, v)| *s = s.wrapping_add(v));
    }
    let mut digest = [0; 32];
    digest.iter_mut().zip(state.iter().flat_map(|w| w.to_be_bytes())).for_each(|(d, b)| *d = b);
    digest
}

pub fn keccak256(message: &[u8]) -> [u8; 32] {
    let mut padded = message.to_vec();
    padded.resize((message.len() / 136 + 1) * 136, 0);
    padded[message.len()] = 1;
    *padded.last_mut().unwrap() |= 0x80;
    let mut state = [[0_u64; 5]; 5];
    for block in padded.chunks_exact(136) {
        for (i, lane) in block.chunks_exact(8).enumerate() {
            state[i % 5][i / 5] ^= u64::from_le_bytes(lane.try_into().unwrap());
        }
        keccak_f(&mut state);
    }
    let mut digest = [0; 32];
    let lanes = (0..4).flat_map(|i| state[i][0].to_le_bytes());
    digest.iter_mut().zip(lanes).for_each(|(d, b)| *d = b);
    digest
}

fn keccak_f(a: &mut [[u64; 5]; 5]) {
    let mut lfsr = 1_u8;
    for _ in 0..24 {
        let c: [u64; 5] = std::array::from_fn(|x| a[x].iter().fold(0, |s, v| s ^ v));
        for (x, column) in a.iter_mut().enumerate() {
            let d = c[(x + 4) % 5] ^ c[(x + 1) % 5].rotate_left(1);
            column.iter_mut().for_each(|lane| *lane ^= d);
        }
        let (mut x, mut y, mut current) = (1, 0, a[1][0]);
        for t in 0..24_u32 {
            (x, y) = (y, (2 * x + 3 * y) % 5);
            let moved = current.rotate_left((t + 1) * (t + 2) / 2 % 64);
            current = std::mem::replace(&mut a[x][y], moved);
        }
        let before = *a;
        for (x, column) in a.iter_mut().enumerate() {
            for (y, lane) in column.iter_mut().enumerate() {
                *lane = before[x][y] ^ (!before[(x + 1) % 5][y] & before[(x + 2) % 5][y]);
            }
        }
        for j in 0..7 {
            if lfsr & 1 == 1 {
                a[0][0] ^= 1 << ((1 << j) - 1);
            }
            lfsr = (lfsr << 1) ^ (if lfsr & 0x80 == 0 { 0 } else { 0x71 });
        }
    }
}

pub fn base58(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut digits: Vec<usize> = Vec::new();
    for byte in bytes {
        let mut carry = usize::from(*byte);
        for digit in &mut digits {
            carry += *digit * 256;
            *digit = carry % 58;
            carry /= 58;
        }
        while carry > 0 {
            digits.push(carry % 58);
            carry /= 58;
        }
    }
    let zeros = bytes.iter().take_while(|b| **b == 0).map(|_| 0);
    zeros.chain(digits.iter().rev().copied()).map(|d| char::from(ALPHABET[d])).collect()
}

/// The version byte, the payload and the first four bytes of their double SHA-256, in base58.
pub fn base58check(version: u8, payload: &[u8]) -> String {
    let mut bytes = vec![version];
    bytes.extend(payload);
    bytes.extend(sha256(&sha256(&bytes)).iter().take(4).copied().collect::<Vec<_>>());
    base58(&bytes)
}

/// A segwit address: bech32 for witness version 0, bech32m for later ones.
pub fn segwit(prefix: &str, version: u8, program: &[u8]) -> String {
    const ALPHABET: &[u8] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let mut data = vec![version];
    let bits: Vec<u8> =
        program.iter().flat_map(|b| (0..8).rev().map(move |i| b >> i & 1)).collect();
    data.extend(bits.chunks(5).map(|five| {
        let filled = five.iter().copied().chain([0; 5]).take(5);
        filled.fold(0, |value, bit| value << 1 | bit)
    }));
    let expanded = prefix.bytes().map(|b| b >> 5).chain([0]).chain(prefix.bytes().map(|b| b & 31));
    let all: Vec<u8> = expanded.chain(data.iter().copied()).chain([0; 6]).collect();
    let check = polymod(&all) ^ if version == 0 { 1 } else { 0x2bc8_30a3 };
    data.extend((0..6).map(|i| u8::try_from(check >> (5 * (5 - i)) & 31).unwrap()));
    let letters = data.iter().map(|d| char::from(ALPHABET[usize::from(*d)]));
    format!("{prefix}1{}", letters.collect::<String>())
}

fn polymod(values: &[u8]) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    values.iter().fold(1, |check, value| {
        let top = check >> 25;
        let next = (check & 0x1ff_ffff) << 5 ^ u32::from(*value);
        let chosen = GENERATOR.iter().enumerate().filter(|(i, _)| top >> i & 1 == 1);
        chosen.fold(next, |check, (_, word)| check ^ word)
    })
}

/// EIP-55: a letter is upper case where the hash of the lower-case address has a high nibble.
pub fn eip55(address: &str) -> String {
    let hash = keccak256(address.as_bytes());
    let nibble = |i: usize| if i & 1 == 0 { hash[i / 2] >> 4 } else { hash[i / 2] & 15 };
    let cased = address.chars().enumerate();
    cased.map(|(i, c)| if nibble(i) >= 8 { c.to_ascii_uppercase() } else { c }).collect()
}

pub const STANDARD64: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
pub const URL_SAFE64: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub fn base64(bytes: &[u8], alphabet: &[u8; 64]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = (0..3).fold(0, |w, i| w << 8 | usize::from(chunk.get(i).copied().unwrap_or(0)));
        for i in 0..=chunk.len() {
            out.push(char::from(alphabet[word >> (18 - 6 * i) & 63]));
        }
        if alphabet == STANDARD64 {
            (chunk.len()..3).for_each(|_| out.push('='));
        }
    }
    out
}

/// Reads either alphabet, with or without padding; white space is passed over.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    let (mut bits, mut word, mut out) = (0_u32, 0_u32, Vec::new());
    let body = text.bytes().filter(|b| !b.is_ascii_whitespace() && *b != b'=' && *b != b'\\');
    for byte in body {
        let both = [STANDARD64, URL_SAFE64];
        let value = both.iter().find_map(|a| a.iter().position(|letter| *letter == byte))?;
        word = word << 6 | u32::try_from(value).ok()?;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from(word >> bits & 0xff).ok()?);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    /// FIPS 180-4 examples; the check value of CRC-32; the empty message of Keccak-256.
    #[test]
    fn digests_of_published_messages() {
        let sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex(&sha256(b"abc")), sha);
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        let keccak = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470";
        assert_eq!(hex(&keccak256(b"")), keccak);
    }

    /// The first block's address; the examples of BIP 173, BIP 350 and EIP-55.
    #[test]
    fn addresses_of_published_examples() {
        let hash160 = "62e907b15cbf27d5425399ebf6f0fb50ebb88f18";
        let bytes = |hex: &str| -> Vec<u8> {
            let pairs = (0..hex.len() / 2).map(|i| &hex[2 * i..2 * i + 2]);
            pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
        };
        assert_eq!(base58check(0, &bytes(hash160)), "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa");
        let program = bytes("751e76e8199196d454941c45d1b3a323f1433bd6");
        assert_eq!(segwit("bc", 0, &program), "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4");
        let point = bytes("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
        let taproot = "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0";
        assert_eq!(segwit("bc", 1, &point), taproot);
        let mixed = "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
        assert_eq!(eip55(&mixed.to_lowercase()), mixed);
    }

    /// RFC 4648, section 10.
    #[test]
    fn base64_of_the_rfc_and_back() {
        for (plain, coded) in [("f", "Zg=="), ("fo", "Zm8="), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(plain.as_bytes(), STANDARD64), coded);
            assert_eq!(from_base64(coded).unwrap(), plain.as_bytes());
        }
        assert_eq!(from_base64("not base64!"), None);
    }
}
