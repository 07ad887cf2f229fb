//! SPIFFE ids: names of workloads in certificates.
//!
//! Pure. Guarantees that an accepted id has exactly one spelling: no escapes, no query, no empty or
//! relative segment, so that comparing texts compares identities (SPIFFE-ID section 2).

/// Why a URI is no SPIFFE id of a workload. Says nothing of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpiffeError {
    /// SPIFFE-ID section 2.3.
    #[error("it is longer than {ID_BYTES} bytes")]
    TooLong,
    /// Section 2: the scheme is `spiffe`, in lower case.
    #[error("it does not begin with `spiffe://`")]
    Scheme,
    /// Section 2.1: 1 to 255 lower-case letters, digits, `.`, `-` and `_`; no user, no port.
    #[error("a trust domain has 1 to 255 lower-case letters, digits, `.`, `-` and `_`")]
    TrustDomain,
    /// X509-SVID section 4.1: a workload's id has a path.
    #[error("a workload's id has a path behind its trust domain")]
    NoPath,
    /// Section 2.2: letters, digits, `.`, `-` and `_` in segments that are neither empty nor dots.
    #[error("a path has segments of letters, digits, `.`, `-` and `_`, none empty, `.` or `..`")]
    Path,
}

/// Whether a URI claims to be a SPIFFE id, well-formed or not. Schemes are compared without regard
/// to case (RFC 3986 section 3.1), so that no spelling escapes [`check`].
#[must_use]
pub fn is_claimed(uri: &str) -> bool {
    let scheme = uri.split(':').next().unwrap_or_default();
    scheme.len() < uri.len() && scheme.trim().eq_ignore_ascii_case("spiffe")
}

/// Checks the id of a workload.
///
/// # Errors
/// See [`SpiffeError`].
pub fn check(uri: &str) -> Result<(), SpiffeError> {
    if uri.len() > ID_BYTES {
        return Err(SpiffeError::TooLong);
    }
    let rest = uri.strip_prefix("spiffe://").ok_or(SpiffeError::Scheme)?;
    let (domain, path) = rest.split_once('/').map_or((rest, None), |(d, p)| (d, Some(p)));
    let of_domain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_".contains(&b);
    if !(1..=DOMAIN_BYTES).contains(&domain.len()) || !domain.bytes().all(of_domain) {
        return Err(SpiffeError::TrustDomain);
    }
    let of_path = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
    let segment = |s: &str| !s.is_empty() && s != "." && s != ".." && s.bytes().all(of_path);
    let path = path.ok_or(SpiffeError::NoPath)?;
    if path.split('/').all(segment) { Ok(()) } else { Err(SpiffeError::Path) }
}

/// SPIFFE-ID section 2.3. The same number as `CERTIFICATE_NAME_BYTES_MAX`, by another rule.
const ID_BYTES: usize = 2048;
/// SPIFFE-ID section 2.3.
const DOMAIN_BYTES: usize = 255;

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::{DOMAIN_BYTES, ID_BYTES, SpiffeError, check, is_claimed};

    #[test]
    fn s20_spiffe_ids_have_one_spelling() {
        for good in [
            "spiffe://corp.example/ns/agents/sa/a-1",
            "spiffe://corp/A_b.c",
            "spiffe://1.2.3.4/x",
            "spiffe://a_b/...",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("", SpiffeError::Scheme),
            ("spiffe:/corp/a", SpiffeError::Scheme),
            ("SPIFFE://corp/a", SpiffeError::Scheme),
            (" spiffe://corp/a", SpiffeError::Scheme),
            ("https://corp/a", SpiffeError::Scheme),
            ("spiffe://", SpiffeError::TrustDomain),
            ("spiffe:///a", SpiffeError::TrustDomain),
            ("spiffe://Corp/a", SpiffeError::TrustDomain),
            ("spiffe://user@corp/a", SpiffeError::TrustDomain),
            ("spiffe://corp:443/a", SpiffeError::TrustDomain),
            ("spiffe://corp?x/a", SpiffeError::TrustDomain),
            ("spiffe://corp%2ea/a", SpiffeError::TrustDomain),
            ("spiffe://c\u{f6}rp/a", SpiffeError::TrustDomain),
            ("spiffe://corp", SpiffeError::NoPath),
            ("spiffe://corp/", SpiffeError::Path),
            ("spiffe://corp/a/", SpiffeError::Path),
            ("spiffe://corp//a", SpiffeError::Path),
            ("spiffe://corp/./a", SpiffeError::Path),
            ("spiffe://corp/a/..", SpiffeError::Path),
            ("spiffe://corp/%61", SpiffeError::Path),
            ("spiffe://corp/a?b", SpiffeError::Path),
            ("spiffe://corp/a#b", SpiffeError::Path),
            ("spiffe://corp/a,b", SpiffeError::Path),
            ("spiffe://corp/a\n", SpiffeError::Path),
        ] {
            assert_eq!(check(bad), Err(why), "{bad:?}");
        }
    }

    #[test]
    fn s20_spiffe_ids_are_at_most_2048_bytes_with_a_trust_domain_of_255() {
        let long = |domain: usize, id: usize| {
            let head = format!("spiffe://{}/", "d".repeat(domain));
            format!("{head}{}", "p".repeat(id - head.len()))
        };
        assert_eq!(check(&long(DOMAIN_BYTES, ID_BYTES)), Ok(()));
        assert_eq!(check(&long(DOMAIN_BYTES, ID_BYTES + 1)), Err(SpiffeError::TooLong));
        assert_eq!(check(&long(DOMAIN_BYTES + 1, 300)), Err(SpiffeError::TrustDomain));
    }

    #[test]
    fn every_spelling_of_the_scheme_claims_to_be_an_id() {
        for claim in ["spiffe://a/b", "SPIFFE://a/b", "Spiffe:x", "spiffe:"] {
            assert!(is_claimed(claim), "{claim}");
        }
        for other in ["https://a/b", "urn:spiffe:x", "spiffe", "", ":spiffe"] {
            assert!(!is_claimed(other), "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_a_panic_and_what_is_accepted_is_plain(text in ".{0,80}") {
            for text in [text.clone(), format!("spiffe://{text}"), format!("spiffe://d/{text}")] {
                if check(&text).is_ok() {
                    prop_assert!(is_claimed(&text));
                    prop_assert!(!text.contains(['%', '?', '#', '@', '*', ',', ';', '"', '\\']));
                }
            }
        }

        #[test]
        fn accepted_ids_are_what_a_url_reader_sees_too(
            domain in "[a-z][a-z0-9.-]{0,20}[a-z]", path in "(/[A-Za-z0-9_-]{1,8}){1,4}"
        ) {
            let id = format!("spiffe://{domain}{path}");
            prop_assert_eq!(check(&id), Ok(()));
            let url = url::Url::parse(&id).unwrap();
            prop_assert_eq!(url.host_str(), Some(domain.as_str()));
            prop_assert_eq!(url.path(), path.as_str());
        }
    }
}
