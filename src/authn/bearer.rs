//! Finds the access token of a request (RFC 6750 section 2.1, RFC 9449 section 7.1).
//!
//! Pure. Guarantees that a token is taken from exactly one `Authorization` header and from nowhere
//! else: not from the query, the body, a cookie or a look-alike header (S-11; MCP 2026-07-28,
//! Authorization, "Token Requirements").

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::error::{KeyError, TokenError};
use crate::api_key;
use crate::limits::TOKEN_BYTES_MAX;
use crate::reject::Scheme;

/// A token as it came, and how it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credentials<'h> {
    /// The scheme before it.
    pub scheme: Scheme,
    /// What stands behind the scheme.
    pub token: &'h [u8],
}

/// What stands behind the scheme `Bearer` or `DPoP`, as it came, if it may be a token. An API key
/// is refused here, before anything reads it, keeps it or sends it to an issuer.
///
/// # Errors
/// [`TokenError::Missing`] without a header of these schemes, else what is wrong with it.
pub fn credentials(headers: &HeaderMap) -> Result<Credentials<'_>, TokenError> {
    let credentials = presented(headers)?;
    if api_key::is_key_like(credentials.token) {
        return Err(KeyError::NotAccepted.into());
    }
    Ok(credentials)
}

/// What stands behind the scheme `Bearer` or `DPoP`, token or API key.
///
/// # Errors
/// As [`credentials`].
pub fn presented(headers: &HeaderMap) -> Result<Credentials<'_>, TokenError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(TokenError::Missing)?.as_bytes();
    if values.next().is_some() {
        return Err(TokenError::Repeated);
    }
    let scheme_bytes = value.iter().position(|b| *b == b' ').unwrap_or(value.len());
    let (scheme, rest) = value.split_at_checked(scheme_bytes).ok_or(TokenError::Missing)?;
    let scheme = named(scheme).ok_or(TokenError::Missing)?;
    let start = rest.iter().position(|b| *b != b' ').unwrap_or(rest.len());
    let token = rest.get(start..).unwrap_or_default();
    if token.len() > TOKEN_BYTES_MAX {
        return Err(TokenError::TooLong(TOKEN_BYTES_MAX));
    }
    Ok(Credentials { scheme, token })
}

/// The scheme to whose user a refusal speaks; `Bearer` where none can be told.
#[must_use]
pub fn scheme(headers: &HeaderMap) -> Scheme {
    let value = headers.get(AUTHORIZATION).map(|value| value.as_bytes());
    let scheme = value.and_then(|value| value.split(|b| *b == b' ').next());
    scheme.and_then(named).unwrap_or_default()
}

/// RFC 9110 section 11.1: the name of a scheme has no case.
fn named(scheme: &[u8]) -> Option<Scheme> {
    if scheme.eq_ignore_ascii_case(b"bearer") {
        Some(Scheme::Bearer)
    } else if scheme.eq_ignore_ascii_case(b"dpop") {
        Some(Scheme::Dpop)
    } else {
        None
    }
}

/// Credentials as a token. Apart from [`credentials`], because those that were verified before
/// need no second look at each of their bytes.
///
/// # Errors
/// [`TokenError::Malformed`] for what is not a `b64token`.
pub fn token(credentials: &[u8]) -> Result<&str, TokenError> {
    if !is_b64token(credentials) {
        return Err(TokenError::Malformed("it has characters that no bearer token has"));
    }
    std::str::from_utf8(credentials).map_err(|_| TokenError::Malformed("it is not text"))
}

/// `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`
fn is_b64token(token: &[u8]) -> bool {
    let body = token.iter().rposition(|b| *b != b'=').and_then(|last| token.get(..=last));
    body.is_some_and(|body| body.iter().all(|b| B64TOKEN.get(usize::from(*b)) == Some(&true)))
}

/// A table: tokens are long.
const B64TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        #[expect(clippy::indexing_slicing, reason = "evaluated at compile time, below 256")]
        {
            table[byte as usize] = byte.is_ascii_alphanumeric()
                || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
        }
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::{KeyError, Scheme, TOKEN_BYTES_MAX, TokenError, credentials, scheme, token};

    fn of(values: &[&str]) -> Result<String, TokenError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("authorization", HeaderValue::from_str(value).unwrap());
        }
        credentials(&headers).and_then(|found| token(found.token)).map(str::to_owned)
    }

    #[test]
    fn token_is_found_behind_the_scheme_in_any_case() {
        for value in
            ["Bearer a.b-c_d~e+f/g==", "bearer a.b-c_d~e+f/g==", "BEARER   a.b-c_d~e+f/g=="]
        {
            assert_eq!(of(&[value]).as_deref(), Ok("a.b-c_d~e+f/g=="));
        }
    }

    #[test]
    fn no_header_or_another_scheme_is_no_token() {
        for values in [&[][..], &["Basic YTpi"], &["DPoPabc"], &["Bearerabc"], &["abc"], &[""]] {
            assert_eq!(of(values), Err(TokenError::Missing), "{values:?}");
        }
    }

    #[test]
    fn scheme_is_told_from_the_header_in_any_case() {
        for (value, expected) in [
            ("Bearer a", Scheme::Bearer),
            ("DPoP a", Scheme::Dpop),
            ("dpop   a", Scheme::Dpop),
            ("DPOP", Scheme::Dpop),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("authorization", HeaderValue::from_static(value));
            assert_eq!(credentials(&headers).unwrap().scheme, expected, "{value}");
            assert_eq!(scheme(&headers), expected, "{value}");
        }
        assert_eq!(scheme(&HeaderMap::new()), Scheme::Bearer);
    }

    #[test]
    fn what_begins_like_an_api_key_is_no_token() {
        for value in ["Bearer spk_", "bearer spk_a.b.c", "Bearer  spk_abc"] {
            assert_eq!(of(&[value]), Err(KeyError::NotAccepted.into()), "{value}");
        }
        assert!(of(&["Bearer SPK_a"]).is_ok() && of(&["Bearer xspk_a"]).is_ok());
    }

    #[test]
    fn s11_two_headers_are_refused_whatever_they_say() {
        for second in ["Bearer abc", "Basic YTpi", ""] {
            assert_eq!(of(&["Bearer abc", second]), Err(TokenError::Repeated));
        }
    }

    #[test]
    fn what_no_token_consists_of_is_refused() {
        for value in [
            "Bearer",
            "Bearer ",
            "Bearer =",
            "Bearer a b",
            "Bearer a,Bearer b",
            "Bearer a=b",
            "Bearer \"a\"",
            "Bearer a\tb",
            "Bearer \u{e9}",
        ] {
            assert!(matches!(of(&[value]), Err(TokenError::Malformed(_))), "{value}");
        }
    }

    #[test]
    fn token_of_the_limit_is_read_and_a_longer_one_refused() {
        let longest = "a".repeat(TOKEN_BYTES_MAX);
        assert_eq!(of(&[&format!("Bearer {longest}")]), Ok(longest.clone()));
        let refused = of(&[&format!("Bearer {longest}a")]);
        assert_eq!(refused, Err(TokenError::TooLong(TOKEN_BYTES_MAX)));
    }
}
