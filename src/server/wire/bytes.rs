//! Character classes of HTTP/1.1 messages, and how far a run of one class reaches.

/// Bytes of a token (RFC 9110 section 5.6.2): methods and field names.
#[inline]
pub(super) fn is_token(b: u8) -> bool {
    has(b, TOKEN)
}

/// Bytes of a request target: what RFC 3986 allows, without the fragment's `#`.
///
/// Brackets stand for IPv6 literals and are common in queries.
#[inline]
pub(in crate::server) fn is_target(b: u8) -> bool {
    has(b, TARGET)
}

/// Bytes of a field value (RFC 9110 section 5.5): no control character but the tab.
pub(super) fn is_value(b: u8) -> bool {
    b == b'\t' || (b >= b' ' && b != 0x7f)
}

/// Length of the leading run of bytes of a class.
#[inline]
pub(super) fn run(bytes: &[u8], class: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|&b| !class(b)).unwrap_or(bytes.len())
}

/// As [`run`] for field values, eight bytes at a time: tokens of a kilobyte and more are usual.
#[inline]
pub(super) fn value_run(bytes: &[u8]) -> usize {
    let mut clean = 0_usize;
    let mut words = bytes.chunks_exact(size_of::<u64>());
    for word in &mut words {
        let hits = suspects(u64::from_le_bytes(word.try_into().unwrap_or_default()));
        if hits == 0 {
            clean = clean.saturating_add(size_of::<u64>());
            continue;
        }
        // The lowest hit is exact: a borrow can only fake hits above it.
        let first = clean.saturating_add(usize::try_from(hits.trailing_zeros() / 8).unwrap_or(0));
        return first.saturating_add(run(bytes.get(first..).unwrap_or_default(), is_value));
    }
    clean.saturating_add(run(words.remainder(), is_value))
}

/// Marks bytes below the blank, and DEL, in their highest bits. The tab is among them.
fn suspects(word: u64) -> u64 {
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word & (ONES * 0x80);
    below(word, 0x20) | below(word ^ (ONES * 0x7f), 1)
}

/// Without leading and trailing blanks (RFC 9110 section 5.5).
pub(super) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Whether this is `host [":" port]` in one spelling (RFC 9110 section 7.2): a name of letters,
/// digits, `-._~`, or an IPv6 literal; a port of one to five digits. No user, no percent, no list.
pub(in crate::server) fn is_host(host: &[u8]) -> bool {
    let port = |rest: &[u8]| match rest {
        [] => true,
        [b':', digits @ ..] => {
            (1..=5).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    };
    if let [b'[', rest @ ..] = host {
        let address = run(rest, |b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'));
        let after = rest.get(address..).unwrap_or_default();
        return address >= 2 && matches!(after, [b']', tail @ ..] if port(tail));
    }
    let name = run(host, |b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'));
    name > 0 && port(host.get(name..).unwrap_or_default())
}

#[inline]
fn has(b: u8, class: u8) -> bool {
    CLASSES.get(usize::from(b)).is_some_and(|classes| classes & class != 0)
}

/// The classes of every byte: one load per byte of names and targets.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut b = 0_u8;
    loop {
        let both = b.is_ascii_alphanumeric()
            || matches!(
                b,
                b'!' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'_' | b'~'
            );
        let token = both || matches!(b, b'#' | b'^' | b'`' | b'|');
        let target = both
            || matches!(
                b,
                b':' | b'/' | b'?' | b'[' | b']' | b'@' | b'(' | b')' | b',' | b';' | b'='
            );
        #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, in range")]
        {
            classes[b as usize] =
                (if token { TOKEN } else { 0 }) | (if target { TARGET } else { 0 });
        }
        if b == u8::MAX {
            break classes;
        }
        b += 1;
    }
};

const TOKEN: u8 = 1;
const TARGET: u8 = 2;

/// A one in every byte.
const ONES: u64 = 0x0101_0101_0101_0101;

#[cfg(test)]
mod tests {
    use super::{is_host, is_value, run, trim, value_run};

    #[test]
    fn hosts_with_one_reading_are_accepted() {
        for host in
            ["a", "gateway.test", "gateway.test:8443", "127.0.0.1:1", "[::1]", "[::1]:65535"]
        {
            assert!(is_host(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn hosts_with_two_readings_are_refused() {
        let refused = [
            "",
            ":80",
            "a:",
            "a:123456",
            "a:8a",
            "a b",
            "a,b",
            "user@a",
            "a/b",
            "a?b",
            "a#b",
            "[::1",
            "[]",
            "::1",
            "a:1:2",
            "%61",
            "[::1]x",
            "[fe80::1%25eth0]",
            "ä",
            "a\\b",
        ];
        for host in refused {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn value_run_ends_at_the_first_control_character_wherever_it_stands() {
        for length in 0..40 {
            for byte in 0..=u8::MAX {
                let mut bytes = [b"x\t \x80\xff~".repeat(7), vec![0x7f]].concat();
                bytes[length] = byte;
                assert_eq!(value_run(&bytes), run(&bytes, is_value), "{byte} at {length}");
            }
        }
    }

    #[test]
    fn trim_takes_blanks_from_both_ends_only() {
        assert_eq!(trim(b" \ta b\t "), b"a b");
        assert_eq!(trim(b" \t "), b"");
    }
}
