//! Whether a value looks drawn by lot, or written by somebody.
//!
//! Bounded: a value is judged by at most its first [`JUDGED_BYTES_MAX`] bytes.

/// Words with dashes between them are no key: somewhere a stretch is random, or kinds of
/// characters follow each other as they do in no word.
pub(super) fn is_random(body: &[u8]) -> bool {
    let body = body.get(..JUDGED_BYTES_MAX.min(body.len())).unwrap_or_default();
    let mixed = Mix::of(body);
    let changes = mixed.changes * 6 >= body.len();
    body.split(|byte| matches!(byte, b'-' | b'_' | b'.')).any(is_random_stretch)
        || (mixed.digits > 0 && mixed.letters > 0 && changes)
}

fn is_random_stretch(part: &[u8]) -> bool {
    if part.len() < STRETCH_BYTES_MIN {
        return false;
    }
    let mix = Mix::of(part);
    // One letter in sixteen is no random choice, and neither is one digit in a long word.
    let both = mix.digits > 0 && mix.letters > 0 && mix.changes >= 2;
    let letters = part.len() >= LETTERS_MIN && mix.rises >= 3 && mix.capitals_together > 0;
    both || letters
}

/// How the kinds of characters follow each other.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mix {
    pub(super) digits: usize,
    pub(super) letters: usize,
    pub(super) upper: usize,
    pub(super) lower: usize,
    /// Neither letters nor digits.
    pub(super) others: usize,
    /// Pairs of different kind, apart from the capital that begins a word.
    pub(super) changes: usize,
    /// A capital after a small letter.
    pub(super) rises: usize,
    capitals_together: usize,
}

impl Mix {
    pub(super) fn of(text: &[u8]) -> Mix {
        let mut mix = Mix::default();
        let mut last = Kind::Other;
        for byte in text {
            let kind = Kind::of(*byte);
            match kind {
                Kind::Digit => mix.digits += 1,
                Kind::Upper => mix.upper += 1,
                Kind::Lower => mix.lower += 1,
                Kind::Other => mix.others += 1,
            }
            match (last, kind) {
                (Kind::Upper, Kind::Upper) => mix.capitals_together += 1,
                (Kind::Lower, Kind::Upper) => {
                    mix.rises += 1;
                    mix.changes += 1;
                }
                (Kind::Other, _) | (_, Kind::Other) | (Kind::Upper, Kind::Lower) => {}
                _ if last != kind => mix.changes += 1,
                _ => {}
            }
            last = kind;
        }
        mix.letters = mix.upper + mix.lower;
        mix
    }

    /// How many of small letters, capitals, digits and others there are.
    pub(super) fn kinds(self) -> usize {
        [self.digits, self.upper, self.lower, self.others].iter().filter(|n| **n > 0).count()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Digit,
    Upper,
    Lower,
    Other,
}

impl Kind {
    fn of(byte: u8) -> Kind {
        match byte {
            b'0'..=b'9' => Kind::Digit,
            b'A'..=b'Z' => Kind::Upper,
            b'a'..=b'z' => Kind::Lower,
            _ => Kind::Other,
        }
    }
}

/// Shannon's entropy of the bytes of a value. Unit: bits a byte.
pub(super) fn entropy(value: &[u8]) -> f64 {
    let value = value.get(..JUDGED_BYTES_MAX.min(value.len())).unwrap_or_default();
    let mut counts = [0_u32; 256];
    for byte in value {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total = f64::from(u32::try_from(value.len()).unwrap_or(u32::MAX));
    let share = |count: &u32| {
        let share = f64::from(*count) / total;
        -share * share.log2()
    };
    counts.iter().filter(|count| **count > 0).map(share).sum()
}

/// Unit: bytes. What is random shows it early.
const JUDGED_BYTES_MAX: usize = 128;

/// Unit: bytes. Shorter stretches of letters and digits are words with a number.
const STRETCH_BYTES_MIN: usize = 16;

/// Unit: bytes. From this length on letters alone can show it.
const LETTERS_MIN: usize = 20;

#[cfg(test)]
mod tests {
    use super::{entropy, is_random};

    #[test]
    fn drawn_values_look_random_and_written_ones_do_not() {
        for value in ["a1B2c3D4e5F6g7H8", "0f9e8d7c6b5a49382716", "aXbYcZdQPeRfSgThUiVj"] {
            assert!(is_random(value.as_bytes()), "{value}");
        }
        for value in [
            "learn-2020-12-31-with-many-words",
            "abcdefghijklmnopqrstuvwxyz",
            "12345678901234567890",
            "someCamelCaseIdentifier",
            "force-of-the-17th-century",
            "",
        ] {
            assert!(!is_random(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn entropy_is_shannons() {
        assert!((entropy(b"abcd") - 2.0).abs() < 1e-9);
        assert!(entropy(b"aaaa").abs() < 1e-9);
        assert!(entropy(b"").abs() < 1e-9);
    }
}
