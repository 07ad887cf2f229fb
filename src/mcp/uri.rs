//! Resource URIs in the one form that policy decides on.
//!
//! Guarantees (S-32): an accepted URI means the same to every reader, because everything that
//! readers resolve differently (dot segments, encoded slashes, backslashes, credentials, double
//! encoding, more slashes than needed) is refused instead of repaired. What is left to unify is
//! the case of the scheme and of DNS names, the case of percent-encoding and a default port; the
//! server still receives the original spelling.

use std::borrow::Cow;

use crate::limits::URI_BYTES_MAX;

/// Whether braces of RFC 6570 may stand in the URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Braces {
    /// A URI: none.
    Refused,
    /// A template, as in `resources/templates/list` and `completion/complete`.
    Allowed,
}

/// Why a URI is not decided on. Holds nothing of the URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// Empty or longer than [`URI_BYTES_MAX`].
    #[error("empty or longer than {URI_BYTES_MAX} bytes")]
    Length,
    /// A character that RFC 3986 does not allow, backslash and everything beyond ASCII among them.
    #[error("a character that may not stand in a URI")]
    Character,
    /// No scheme, or one that is not `ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )`.
    #[error("no valid scheme")]
    Scheme,
    /// Credentials, an odd host or an odd port.
    #[error("an authority with credentials, or with a host or port out of form")]
    Authority,
    /// `.` or `..`, in any spelling.
    #[error("a dot segment")]
    DotSegment,
    /// An empty segment in the middle of a path.
    #[error("an empty path segment")]
    EmptySegment,
    /// A `%` that begins no escape, or an escape of what needs none or must not be escaped.
    #[error("percent-encoding that readers resolve differently")]
    Encoding,
}

/// The form of `uri` that policy decides on; borrowed where the spelling is that form already.
///
/// RFC 3986 sections 2.2, 3 and 6.2.2, made stricter as the module says.
///
/// # Errors
/// See [`UriError`].
pub fn canonical(uri: &str, braces: Braces) -> Result<Cow<'_, str>, UriError> {
    if uri.is_empty() || uri.len() > URI_BYTES_MAX {
        return Err(UriError::Length);
    }
    if !uri.bytes().all(|byte| is_allowed(byte, braces)) {
        return Err(UriError::Character);
    }
    check_escapes(uri)?;
    let (scheme, rest) = uri.split_once(':').ok_or(UriError::Scheme)?;
    if !is_scheme(scheme) || rest.is_empty() {
        return Err(UriError::Scheme);
    }
    let lower = scheme.to_ascii_lowercase();
    let known = KNOWN.iter().find(|(name, _)| *name == lower);
    let (authority, tail) = match rest.strip_prefix("//") {
        Some(rest) => {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let (authority, tail) = rest.split_at_checked(end).ok_or(UriError::Authority)?;
            (Some(authority), tail)
        }
        // Readers add the slashes to `file:x` and `http:/x`, so both would name what
        // `file:///x` and `http://x` name.
        None if known.is_some() => return Err(UriError::Authority),
        None => (None, rest),
    };
    check_path(tail.split(['?', '#']).next().unwrap_or_default())?;
    let authority = authority
        .map(|authority| match known {
            Some((name, port)) => canonical_authority(authority, name, port),
            None => opaque_authority(authority),
        })
        .transpose()?;
    let mut out = lower;
    out.push(':');
    if let Some(authority) = authority {
        out.push_str("//");
        out.push_str(&authority);
    }
    push_with_upper_escapes(&mut out, tail);
    Ok(if out == uri { Cow::Borrowed(uri) } else { Cow::Owned(out) })
}

fn is_allowed(byte: u8, braces: Braces) -> bool {
    match byte {
        b'{' | b'}' => braces == Braces::Allowed,
        b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'|' => false,
        _other => byte.is_ascii_graphic(),
    }
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

/// Every escape must be needed, must not hide a separator or a control character, must not be
/// escaped twice, and together they must be UTF-8.
fn check_escapes(uri: &str) -> Result<(), UriError> {
    if !uri.contains('%') {
        return Ok(());
    }
    let mut decoded = Vec::with_capacity(uri.len());
    let mut rest = uri.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first != b'%' {
            decoded.push(*first);
            rest = after;
            continue;
        }
        let value = escape(after).ok_or(UriError::Encoding)?;
        let unreserved =
            value.is_ascii_alphanumeric() || matches!(value, b'-' | b'.' | b'_' | b'~');
        let hidden = matches!(value, b'/' | b'\\') || value.is_ascii_control();
        rest = after.get(2..).unwrap_or_default();
        let twice = value == b'%' && escape(rest).is_some();
        if unreserved || hidden || twice {
            return Err(UriError::Encoding);
        }
        decoded.push(value);
    }
    std::str::from_utf8(&decoded).map(|_| ()).map_err(|_| UriError::Encoding)
}

fn escape(after: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*after.get(at)?).to_digit(16);
    u8::try_from(digit(0)? << 4 | digit(1)?).ok()
}

fn check_path(path: &str) -> Result<(), UriError> {
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = segments.next() {
        // Java containers cut path parameters off before they resolve dots: `..;x` is `..`.
        let name = segment.split(';').next().unwrap_or_default();
        let name = name.split("%3B").next().and_then(|n| n.split("%3b").next()).unwrap_or_default();
        if name == "." || name == ".." {
            return Err(UriError::DotSegment);
        }
        if segment.is_empty() && segments.peek().is_some() {
            return Err(UriError::EmptySegment);
        }
    }
    Ok(())
}

/// The authority of a scheme whose readers lower-case hosts and drop default ports.
fn canonical_authority(authority: &str, scheme: &str, port: &str) -> Result<String, UriError> {
    if scheme == "file" {
        // `file://localhost/x` names what `file:///x` names; one spelling is enough.
        return if authority.is_empty() { Ok(String::new()) } else { Err(UriError::Authority) };
    }
    let (host, given) = match authority.rsplit_once(':') {
        Some((host, given)) if !given.contains(']') => (host, Some(given)),
        Some(_) | None => (authority, None),
    };
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let good = match inner {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let label = |l: &str| {
                !l.is_empty() && l.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
            };
            host.split('.').all(label)
        }
    };
    let digits = |port: &str| {
        (1..=5).contains(&port.len())
            && port.bytes().all(|b| b.is_ascii_digit())
            && !port.starts_with('0')
    };
    if !good || !given.is_none_or(digits) {
        return Err(UriError::Authority);
    }
    let mut out = host.to_ascii_lowercase();
    if let Some(given) = given.filter(|given| *given != port) {
        out.push(':');
        out.push_str(given);
    }
    Ok(out)
}

/// The authority of a server's own scheme: its case may matter, credentials may not stand in it.
fn opaque_authority(authority: &str) -> Result<String, UriError> {
    if authority.contains('@') || matches!(authority, "." | "..") {
        return Err(UriError::Authority);
    }
    let mut out = String::with_capacity(authority.len());
    push_with_upper_escapes(&mut out, authority);
    Ok(out)
}

fn push_with_upper_escapes(out: &mut String, text: &str) {
    let mut pieces = text.split('%');
    out.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        out.push('%');
        match piece.split_at_checked(2) {
            Some((digits, rest)) => {
                out.push_str(&digits.to_ascii_uppercase());
                out.push_str(rest);
            }
            None => out.push_str(piece),
        }
    }
}

/// Schemes that URL readers treat specially (WHATWG URL, "special scheme"), with default ports.
const KNOWN: &[(&str, &str)] =
    &[("file", ""), ("ftp", "21"), ("http", "80"), ("https", "443"), ("ws", "80"), ("wss", "443")];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Braces, Cow, URI_BYTES_MAX, UriError, canonical};

    fn decide(uri: &str) -> Result<String, UriError> {
        canonical(uri, Braces::Refused).map(Cow::into_owned)
    }

    #[test]
    fn ordinary_uris_are_their_own_canonical_form() {
        for uri in [
            "file:///project/src/main.rs",
            "https://example.com/a/b?x=1&y=../z#part",
            "https://[::1]:8443/",
            "memo://insights",
            "ui://dashboard/index.html",
            "git://repo/refs/heads/main",
            "urn:isbn:9780131103627",
            "screen://localhost:8080/display/1/",
            "test://static/caf%C3%A9%20menu",
            "note:///a%25b",
            "s3://bucket/key/with..dots/...",
        ] {
            assert!(matches!(canonical(uri, Braces::Refused), Ok(Cow::Borrowed(_))), "{uri}");
        }
    }

    #[test]
    fn s32_spellings_of_one_uri_are_decided_alike() {
        assert_eq!(decide("FILE:///a").unwrap(), "file:///a");
        assert_eq!(decide("hTTps://Example.COM:443/A").unwrap(), "https://example.com/A");
        assert_eq!(decide("http://h:8080/").unwrap(), "http://h:8080/");
        assert_eq!(decide("memo://x/%c3%a9").unwrap(), "memo://x/%C3%A9");
        assert_eq!(decide("MEMO://Insights").unwrap(), "memo://Insights");
    }

    #[test]
    fn s32_dot_segments_are_refused_in_every_spelling() {
        for uri in [
            "file:///public/../secret",
            "file:///public/..",
            "file:///./x",
            "file:///public/..;x/secret",
            "file:///public/..%3b/secret",
            "memo:../x",
            "memo://a/b/..?q",
            "memo://..",
        ] {
            let error = decide(uri).unwrap_err();
            assert!(matches!(error, UriError::DotSegment | UriError::Authority), "{uri}");
        }
        for uri in [
            "file:///public/%2e%2e/secret",
            "file:///public/.%2E/secret",
            "file:///public%2f..%2fsecret",
            "file:///public/%252e%252e/secret",
            "file:///public/..%5csecret",
            "file:///public/%c0%ae%c0%ae/secret",
            "file:///%73ecret",
            "file:///a%00.txt",
            "file:///a%0a",
            "file:///a%",
            "file:///a%zz",
        ] {
            assert_eq!(decide(uri), Err(UriError::Encoding), "{uri}");
        }
    }

    #[test]
    fn s32_characters_outside_rfc_3986_are_refused() {
        for uri in
            ["file:///a\\b", "file:///a b", "file:///é", "file:///a\u{202e}", "x:\u{0}", "a:<"]
        {
            assert_eq!(decide(uri), Err(UriError::Character), "{uri:?}");
        }
        assert_eq!(decide("x:{y}"), Err(UriError::Character));
        assert!(canonical("file:///{path}", Braces::Allowed).is_ok());
    }

    #[test]
    fn s32_authority_cannot_be_faked() {
        for uri in [
            "https://good.example@evil.example/",
            "https://user:pw@h/",
            "memo://a@b/",
            "file://localhost/etc/passwd",
            "file:/etc/passwd",
            "file:etc/passwd",
            "http:/h/x",
            "https://h:/",
            "https://h:0443/",
            "https://h:99999999/",
            "https:///h",
            "https://h./",
            "https://h%2e/",
            "https://[::1/",
            "https://[x]/",
        ] {
            let error = decide(uri).unwrap_err();
            assert!(matches!(error, UriError::Authority | UriError::Encoding), "{uri}: {error}");
        }
    }

    #[test]
    fn s32_extra_slashes_are_refused() {
        for uri in ["file:////etc/passwd", "file:///a//b", "memo://x//y", "https://h//x"] {
            assert_eq!(decide(uri), Err(UriError::EmptySegment), "{uri}");
        }
        assert!(decide("file:///a/").is_ok());
    }

    #[test]
    fn relative_and_empty_and_long_uris_are_refused() {
        for uri in ["/etc/passwd", "etc", "1a:b", ":x", "a b:c"] {
            assert!(decide(uri).is_err(), "{uri}");
        }
        assert_eq!(decide(""), Err(UriError::Length));
        let long = |bytes: usize| format!("x:{}", "a".repeat(bytes - 2));
        assert!(decide(&long(URI_BYTES_MAX)).is_ok());
        assert_eq!(decide(&long(URI_BYTES_MAX + 1)), Err(UriError::Length));
        assert_eq!(decide("x:"), Err(UriError::Scheme));
    }

    proptest! {
        #[test]
        fn canonical_form_is_stable(uri in "[a-zA-Z]{1,6}:(//)?[a-zA-Z0-9.:/%@;{}-]{0,40}") {
            if let Ok(form) = canonical(&uri, Braces::Allowed) {
                prop_assert_eq!(canonical(&form, Braces::Allowed).unwrap().into_owned(), form.into_owned());
            }
        }

        #[test]
        fn nothing_makes_the_reader_panic(uri in ".{0,60}") {
            let _ = canonical(&uri, Braces::Refused);
        }

        #[test]
        fn s32_accepted_file_uri_stays_below_its_prefix(tail in "[a-z.%2fFeE5cC;/\\\\]{0,24}") {
            let uri = format!("file:///public/{tail}");
            if let Ok(form) = canonical(&uri, Braces::Refused) {
                let parsed = url::Url::parse(&form).unwrap();
                prop_assert!(parsed.path().starts_with("/public/"), "{}", parsed);
            }
        }
    }
}
