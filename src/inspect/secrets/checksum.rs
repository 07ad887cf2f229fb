//! The check characters of tokens: CRC-32 in base 62, as GitHub and npm write it.
//!
//! GitHub, "Behind GitHub's new authentication token formats" (2021): the last six
//! characters are the CRC-32 (ISO-HDLC) of the random part, in base 62 with digits before
//! upper-case before lower-case letters, filled up with zeros. npm tokens are the same.

/// Whether the last six characters of a token's body fit those before them.
pub(super) fn holds(body: &[u8]) -> bool {
    let checked = body.split_last_chunk::<CHECK_CHARS>().filter(|_| body.len() <= BODY_BYTES_MAX);
    checked.is_some_and(|(random, check)| encode(crc32(random)) == *check)
}

pub(super) fn encode(number: u32) -> [u8; CHECK_CHARS] {
    let mut rest = number;
    let mut out = [b'0'; CHECK_CHARS];
    for place in out.iter_mut().rev() {
        let digit = usize::try_from(rest % 62).unwrap_or_default();
        *place = BASE62.get(digit).copied().unwrap_or(b'0');
        rest /= 62;
    }
    out
}

/// CRC-32/ISO-HDLC, bit by bit: bodies are short, and few texts have any.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = crc & 1;
            crc = (crc >> 1) ^ (POLYNOMIAL & carry.wrapping_neg());
        }
    }
    !crc
}

/// 0x04C11DB7 with its bits reversed.
const POLYNOMIAL: u32 = 0xEDB8_8320;

/// Unit: bytes. Refresh tokens have 76; longer bodies have no check characters.
const BODY_BYTES_MAX: usize = 128;

pub(super) const CHECK_CHARS: usize = 6;

const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

#[cfg(test)]
mod tests {
    use super::{crc32, holds};

    #[test]
    fn crc_of_the_check_string_is_the_published_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn token_that_github_published_checks() {
        // The revoked example of the announcement, without its prefix.
        assert!(holds(concat!("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ", "0mLq17").as_bytes()));
        assert!(!holds(concat!("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ", "0mLq18").as_bytes()));
        assert!(!holds(b"short"));
    }
}
