//! Parameters of OAuth requests: read once, strictly.
//!
//! Guarantees that no two readers find different values: each name at most once, under every
//! spelling (RFC 6749 section 3.1), UTF-8 in sound escapes, no control characters, bounded in
//! number and size. A parameter without a value counts as absent, as the RFC says.

use std::fmt;

use zeroize::Zeroizing;

use super::refused;
use crate::limits::{NAME_BYTES_MAX, OAUTH_PARAMETERS_MAX, OAUTH_VALUE_BYTES_MAX};
use crate::reject::Rejection;

/// Parameters of one request.
pub struct Parameters(Vec<(Zeroizing<String>, Zeroizing<String>)>);

/// Their number only: values are codes, tokens and secrets.
impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parameters({})", self.0.len())
    }
}

impl Parameters {
    /// Reads `application/x-www-form-urlencoded`, from a query or a body.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn read(text: &[u8]) -> Result<Self, Rejection> {
        let mut all: Vec<(Zeroizing<String>, Zeroizing<String>)> = Vec::new();
        if text.is_empty() {
            return Ok(Self(all));
        }
        for pair in text.split(|b| *b == b'&') {
            if all.len() >= OAUTH_PARAMETERS_MAX {
                return Err(refused("invalid_request", "too many parameters"));
            }
            let at = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
            let (name, value) = pair.split_at_checked(at).unwrap_or((pair, &[]));
            let value = value.strip_prefix(b"=").unwrap_or_default();
            if name.is_empty() || name.len() > NAME_BYTES_MAX {
                return Err(refused("invalid_request", "a parameter without a sensible name"));
            }
            if value.len() > OAUTH_VALUE_BYTES_MAX {
                return Err(refused("invalid_request", "a parameter is too long"));
            }
            let broken = || refused("invalid_request", "a parameter is not encoded soundly");
            let name = decoded(name).ok_or_else(broken)?;
            let value = decoded(value).ok_or_else(broken)?;
            if all.iter().any(|(known, _)| *known == name) {
                return Err(refused("invalid_request", "a parameter is repeated"));
            }
            all.push((name, value));
        }
        Ok(Self(all))
    }

    /// The value of a parameter that has one.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known.as_str() == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The value of a parameter that must have one.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn needed(&self, name: &str, story: &'static str) -> Result<&str, Rejection> {
        self.get(name).ok_or_else(|| refused("invalid_request", story))
    }

    /// The client that the request names: visible ASCII (RFC 6749 appendix A.1), as a record can
    /// hold it.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn client(&self) -> Result<Option<&str>, Rejection> {
        let Some(client) = self.get("client_id") else { return Ok(None) };
        let plain = client.bytes().all(|b| b.is_ascii_graphic());
        if !plain || client.len() > CLIENT_ID_BYTES_MAX {
            return Err(refused("invalid_request", "not a `client_id`"));
        }
        Ok(Some(client))
    }
}

/// Undoes the encoding of forms: `+` is a space, escapes are two hex digits.
fn decoded(text: &[u8]) -> Option<Zeroizing<String>> {
    let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(*rest.next()?).to_digit(16);
                let value = digit()? * 16 + digit()?;
                u8::try_from(value).ok()?
            }
            other => *other,
        };
        out.push(byte);
    }
    let text = std::str::from_utf8(&out).ok()?;
    (!text.chars().any(char::is_control)).then(|| Zeroizing::new(text.to_owned()))
}

/// Client identifiers are names, or URLs (client identifier metadata documents).
const CLIENT_ID_BYTES_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{NAME_BYTES_MAX, OAUTH_PARAMETERS_MAX, OAUTH_VALUE_BYTES_MAX, Parameters};

    fn read(text: &str) -> Parameters {
        Parameters::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn parameters_are_read_as_forms_are_written() {
        let parameters = read("a=1+2%26%C3%A9&b=&c&d=x=y");
        assert_eq!(parameters.get("a"), Some("1 2&\u{e9}"));
        assert_eq!(parameters.get("d"), Some("x=y"));
        for absent in ["b", "c", "e"] {
            assert_eq!(parameters.get(absent), None, "{absent}");
        }
        assert!(read("").get("a").is_none());
    }

    #[test]
    fn parameter_that_stands_twice_is_refused_in_every_spelling() {
        for text in ["a=1&a=2", "a=1&a=1", "a=1&%61=2", "a=&a=1", "x=1&a&b=2&a=3"] {
            let refused = Parameters::read(text.as_bytes()).unwrap_err();
            assert_eq!(refused.oauth, Some("invalid_request"), "{text}");
        }
    }

    #[test]
    fn unsound_escapes_and_control_characters_are_refused() {
        for text in [
            "a=%", "a=%4", "a=%zz", "a=%ff", "a=%00", "a=%0d%0a", "a=%7f", "=1", "&", "a=1&",
            "a=%C2%85",
        ] {
            assert!(Parameters::read(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn number_and_size_are_bounded() {
        let many = |n: usize| (0..n).map(|i| format!("p{i}=1")).collect::<Vec<_>>().join("&");
        assert!(Parameters::read(many(OAUTH_PARAMETERS_MAX).as_bytes()).is_ok());
        assert!(Parameters::read(many(OAUTH_PARAMETERS_MAX + 1).as_bytes()).is_err());
        let long = |n: usize| format!("a={}", "x".repeat(n));
        assert!(Parameters::read(long(OAUTH_VALUE_BYTES_MAX).as_bytes()).is_ok());
        assert!(Parameters::read(long(OAUTH_VALUE_BYTES_MAX + 1).as_bytes()).is_err());
        assert!(Parameters::read("x".repeat(NAME_BYTES_MAX + 1).as_bytes()).is_err());
    }

    #[test]
    fn no_refusal_repeats_a_value() {
        let refused = Parameters::read(b"code=hunter2&code=hunter2").unwrap_err();
        assert!(!format!("{refused:?}").contains("hunter2"));
        assert_eq!(format!("{:?}", read("code=hunter2")), "Parameters(1)");
    }

    proptest! {
        #[test]
        fn any_value_comes_back_as_it_was_written(value in "[^\\p{Cc}]{1,80}") {
            let text: String = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("state", &value).finish();
            let found = read(&text);
            prop_assert_eq!(found.get("state"), Some(value.as_str()));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = Parameters::read(&bytes);
        }
    }
}
