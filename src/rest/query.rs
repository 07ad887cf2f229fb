//! Query strings, in the one reading that all servers share.

use super::RestError;
use super::encoding::decode;
pub use crate::limits::QUERY_PARAMETERS_MAX;

/// The decoded parameters of a query, each name once.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Splits at `&` and the first `=`, decodes values once, `+` as a space.
    ///
    /// Names are letters, digits and `-._~`: brackets make arrays in some servers and names in
    /// others. Names that differ only by case count as repeated (S-22).
    pub(super) fn parse(text: &str) -> Result<Self, RestError> {
        let mut query = Self::default();
        if text.is_empty() {
            return Ok(query);
        }
        for part in text.split('&') {
            if query.0.len() == QUERY_PARAMETERS_MAX {
                return Err(RestError::Query("has too many parameters"));
            }
            let (name, value) = part.split_once('=').ok_or(RestError::Query("lacks a value"))?;
            if !is_name(name) {
                return Err(RestError::Query("has a name that servers read differently"));
            }
            if query.has_like(name) {
                return Err(RestError::Query("repeats a name"));
            }
            let plain = value.bytes().all(|b| b.is_ascii_graphic() && b != b'\\' && b != b';');
            let value = decode(&value.replace('+', " "))
                .filter(|value| plain && !value.contains('\0'))
                .ok_or(RestError::Query("has a value that servers decode differently"))?;
            query.0.push((name.to_owned(), value));
        }
        Ok(query)
    }

    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.pairs().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// Whether a parameter has this name in any case.
    pub(super) fn has_like(&self, name: &str) -> bool {
        self.pairs().any(|(own, _)| own.eq_ignore_ascii_case(name))
    }

    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(super) fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }
}

/// A query with other values of some parameters; `None` where one of them is not there.
pub(super) fn with_values(text: &str, values: &[(String, String)]) -> Option<String> {
    let query = Query::parse(text).ok()?;
    if !values.iter().all(|(name, _)| query.value(name).is_some()) {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    for (name, value) in query.pairs() {
        let other = values.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(name);
        out.push('=');
        super::encoding::push_encoded(&mut out, other.unwrap_or(value));
    }
    Some(out)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && super::encoding::is_unreserved(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{QUERY_PARAMETERS_MAX, Query};

    #[test]
    fn parameters_are_decoded_once() {
        let query = Query::parse("user_id=a%20b&q=c+d%2B&e=").unwrap();
        let pairs: Vec<_> = query.pairs().collect();
        assert_eq!(pairs, [("user_id", "a b"), ("q", "c d+"), ("e", "")]);
        assert_eq!(query.value("q"), Some("c d+"));
        assert_eq!(Query::parse("").unwrap().pairs().count(), 0);
    }

    #[test]
    fn s22_repeated_parameters_are_refused_in_any_case() {
        for text in ["a=1&a=2", "user_id=1&User_ID=2", "a=1&b=2&A="] {
            assert!(Query::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn queries_that_servers_read_differently_are_refused() {
        for text in [
            "a", "=1", "a=1&", "&a=1", "a=1&&b=2", "a[]=1", "a[0]=1", "a%62=1", "a b=1", "é=1",
            "a=1;b=2", "a=%", "a=%zz", "a=%ff", "a=%00", "a=\u{7f}", "a=é", "a=\\",
        ] {
            assert!(Query::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn number_of_parameters_is_bounded_by_query_parameters_max() {
        let text = |n: usize| (0..n).map(|i| format!("p{i}=1")).collect::<Vec<_>>().join("&");
        assert!(Query::parse(&text(QUERY_PARAMETERS_MAX)).is_ok());
        assert!(Query::parse(&text(QUERY_PARAMETERS_MAX + 1)).is_err());
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in ".{0,60}|[a-c=&%0-9+]{0,40}") {
            let _ = Query::parse(&text);
        }
    }
}
