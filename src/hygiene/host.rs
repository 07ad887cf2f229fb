//! The one host name of a request.
//!
//! Owns the reading of `Host` and `:authority`. Guarantees that exactly one name is present, and
//! that where a request carries it twice (absolute form, or HTTP/2 with `Host`) both agree.

use std::borrow::Cow;

use http::{HeaderMap, Uri, header};

use crate::reject::{Code, Rejection};

/// Why there is no one host name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// RFC 9112 section 3.2: a request without a host name is answered with 400.
    #[error("neither `Host` nor `:authority` is present")]
    Missing,
    /// RFC 9112 section 3.2: so is one with two.
    #[error("`Host` is repeated")]
    Repeated,
    /// Not visible ASCII, or with user information (RFC 9110 section 4.2.4).
    #[error("the host name is malformed")]
    Malformed,
    /// The request line and `Host` name different hosts.
    #[error("`Host` contradicts the request target")]
    Contradiction,
}

impl From<HostError> for Rejection {
    fn from(error: HostError) -> Self {
        Self::new(Code::HeaderInvalid, error.to_string())
    }
}

/// The host name in lower case, with its port where one was given (S-43).
///
/// # Errors
/// [`HostError`] unless exactly one name is present.
pub fn name<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Result<Cow<'a, str>, HostError> {
    let mut fields = headers.get_all(header::HOST).iter();
    let field = fields.next();
    if fields.next().is_some() {
        return Err(HostError::Repeated);
    }
    let field = field.map(|value| value.to_str()).transpose().map_err(|_| HostError::Malformed)?;
    let name = match (uri.authority().map(http::uri::Authority::as_str), field) {
        (None, None) => return Err(HostError::Missing),
        (Some(target), Some(field)) if !target.eq_ignore_ascii_case(field) => {
            return Err(HostError::Contradiction);
        }
        (Some(name), _) | (None, Some(name)) => name,
    };
    if name.is_empty() || name.contains('@') {
        return Err(HostError::Malformed);
    }
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        return Ok(Cow::Owned(name.to_ascii_lowercase()));
    }
    Ok(Cow::Borrowed(name))
}
