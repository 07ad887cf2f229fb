//! Character classes of HTTP/1.1 messages, and how far a run of one class reaches.

/// Bytes of a token (RFC 9110 section 5.6.2): methods and field names.
pub(super) fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || matches!(b, b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.')
        || matches!(b, b'^' | b'_' | b'`' | b'|' | b'~')
}

/// Bytes of a request target: what RFC 3986 allows, without the fragment's `#`.
///
/// Brackets stand for IPv6 literals and are common in queries.
pub(in crate::server) fn is_target(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || matches!(b, b'-' | b'.' | b'_' | b'~' | b'%' | b':' | b'/' | b'?' | b'[' | b']' | b'@')
        || matches!(b, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
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

/// As [`run`] for field values, where tokens of a kilobyte and more are usual: whole blocks
/// without a branch inside, which the compiler turns into vector instructions.
#[inline]
pub(super) fn value_run(bytes: &[u8]) -> usize {
    let clean = |block: &&[u8]| block.iter().fold(true, |clean, &b| clean & is_value(b));
    let whole = bytes.chunks_exact(BLOCK).take_while(clean).count() * BLOCK;
    whole + run(bytes.get(whole..).unwrap_or_default(), is_value)
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

/// Bytes that are looked at together.
const BLOCK: usize = 32;

#[cfg(test)]
mod tests {
    use super::{is_host, is_value, run, trim, value_run};

    #[test]
    fn hosts_with_one_reading_are_accepted() {
        for host in ["a", "gateway.test", "gateway.test:8443", "127.0.0.1:1", "[::1]", "[::1]:65535"] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn hosts_with_two_readings_are_refused() {
        let refused = [
            "", ":80", "a:", "a:123456", "a:8a", "a b", "a,b", "user@a", "a/b", "a?b", "a#b", "[::1",
            "[]", "::1", "a:1:2", "%61", "[::1]x", "[fe80::1%25eth0]", "ä", "a\\b",
        ];
        for host in refused {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn value_run_ends_at_the_first_control_character_wherever_it_stands() {
        for length in 0..100 {
            let mut bytes = vec![b'x'; 100];
            bytes[length] = 0;
            assert_eq!(value_run(&bytes), length);
            assert_eq!(run(&bytes, is_value), length);
        }
        assert_eq!(value_run(&[b'\t'; 64]), 64);
    }

    #[test]
    fn trim_takes_blanks_from_both_ends_only() {
        assert_eq!(trim(b" \ta b\t "), b"a b");
        assert_eq!(trim(b" \t "), b"");
    }
}
