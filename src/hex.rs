//! Bytes as lower-case hex digits, the only form that the gateway writes and takes.

/// The digits of bytes.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let mut digits = vec![0; bytes.len() * 2];
    write_hex(bytes, &mut digits);
    digits.into_iter().map(char::from).collect()
}

/// Writes the digits of `bytes` into `out`, which has room for two each.
pub fn write_hex(bytes: &[u8], out: &mut [u8]) {
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        if let [high, low] = pair {
            *high = digit(byte >> 4);
            *low = digit(byte & 0x0f);
        }
    }
}

/// Exactly `N` bytes in lower-case digits, or nothing.
#[must_use]
pub fn read_hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    if digits.len() != N * 2 {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = (value(*high)? << 4) | value(*low)?;
    }
    Some(bytes)
}

const fn digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + (value - 10) }
}

const fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::{hex, read_hex};

    #[test]
    fn only_whole_pairs_of_lower_case_digits_are_read() {
        assert_eq!(hex(&[0, 0x9f, 0xa0, 0xff]), "009fa0ff");
        for wrong in ["", "0", "009fa0f", "009fa0ff0", "009FA0FF", "009fa0fg", "+09fa0ff"] {
            assert_eq!(read_hex::<4>(wrong.as_bytes()), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(bytes in any::<[u8; 32]>()) {
            prop_assert_eq!(read_hex(hex(&bytes).as_bytes()), Some(bytes));
        }
    }
}
