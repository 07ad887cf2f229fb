//! Shapes of printed numbers: which symbols may stand at which place.
//!
//! A shape is written with one byte for each place: `A` a letter, `9` a digit, `N` either;
//! in lower case and as `0` the same where the place may be empty; `-` a separator that may
//! be left out. Matching follows every way at once, so that its time is the product of two
//! bounded lengths.

/// The end of the longest beginning of the text that has this shape.
pub(super) fn longest(shape: &str, text: &str) -> Option<usize> {
    debug_assert!(shape.len() < 32, "a state has one bit for each place");
    // Bit n: the first n places are behind us.
    let mut states = skip_optional(shape, 1);
    let mut found = None;
    for (at, symbol) in text.char_indices() {
        states = step(shape, states, symbol);
        if states == 0 {
            break;
        }
        if states >> shape.len() & 1 == 1 {
            found = Some(at + symbol.len_utf8());
        }
    }
    found
}

/// Whether all of the text has one of the shapes.
pub(super) fn is_one_of(shapes: &[&str], text: &str) -> bool {
    shapes.iter().any(|shape| longest(shape, text) == Some(text.len()))
}

fn step(shape: &str, states: u32, symbol: char) -> u32 {
    let mut next = 0;
    let mut left = states;
    while left != 0 {
        let place = left.trailing_zeros();
        if kind_at(shape, place).is_some_and(|kind| accepts(kind, symbol)) {
            next |= 2 << place;
        }
        left &= left - 1;
    }
    skip_optional(shape, next)
}

/// Adds the states that come behind places that may be empty.
fn skip_optional(shape: &str, states: u32) -> u32 {
    let mut all = states;
    let mut left = states;
    while left != 0 {
        let place = left.trailing_zeros();
        left &= left - 1;
        if matches!(kind_at(shape, place), Some(b'a' | b'0' | b'n' | b'-')) {
            // The next place is higher, and still to come.
            all |= 2 << place;
            left |= 2 << place;
        }
    }
    all
}

fn kind_at(shape: &str, place: u32) -> Option<u8> {
    let place = usize::try_from(place).ok()?;
    shape.as_bytes().get(place).copied()
}

fn accepts(kind: u8, symbol: char) -> bool {
    match kind {
        b'A' | b'a' => symbol.is_uppercase() || is_caseless(symbol),
        b'9' | b'0' => symbol.is_ascii_digit(),
        b'N' | b'n' => symbol.is_ascii_digit() || symbol.is_uppercase(),
        b'-' => matches!(symbol, ' ' | '-' | '.' | '/' | '\u{b7}'),
        _ => false,
    }
}

/// Letters of scripts without cases, such as those of plates in East Asia.
fn is_caseless(symbol: char) -> bool {
    symbol.is_alphabetic() && !symbol.is_lowercase()
}

#[cfg(test)]
mod tests {
    use super::longest;

    #[test]
    fn longest_way_through_a_shape_counts() {
        for (shape, text, end) in [
            ("AA99-AAA", "AB12 CDE, next", Some(8)),
            ("AA99-AAA", "AB12CDE", Some(7)),
            ("AA99-AAA", "AB12--CDE", None),
            ("AA99-AAA", "ab12cde", None),
            ("Aaa-Aa-9000", "MAB1234", Some(7)),
            ("Aaa-Aa-9000", "M-AB 12345", Some(9)),
            ("Aaa-Aa-9000", "MÜ-X 1", Some(7)),
            ("A9", "京1", Some(4)),
            ("9000", "", None),
        ] {
            assert_eq!(longest(shape, text), end, "{shape} {text}");
        }
    }
}
