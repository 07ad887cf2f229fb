//! The header field `X-Forwarded-Client-Cert`, in the form that Envoy writes.
//!
//! Pure: says what a field means, not whether its sender is believed. The form: elements separated
//! by `,`, one for each proxy, the nearest last; each a list of `Key=value` separated by `;`; a
//! value in double quotes holds any of `,;=`, and `\"` for a quote. A backslash before anything else
//! is itself, as Envoy writes it: reading `\\` as one backslash would let a subject end its quotes.
//!
//! Guarantees that a field is read in one way or not at all, in time linear in its length.

use std::str::FromStr;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::certificate::{self, IdentityError, fingerprint, plain};
use crate::limits::{CERTIFICATE_NAMES_MAX, FORWARDED_HOPS_MAX};
use crate::principal::{CertificateIdentity, CertificateSource, Names};

/// Why a field cannot be read. Says nothing of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum XfccError {
    /// Something else than printable ASCII.
    #[error("it holds something else than printable ASCII")]
    Characters,
    /// Not the form above.
    #[error("it is not a list of elements of `Key=value`")]
    Form,
    /// More elements than a chain of proxies has.
    #[error("it names more than {FORWARDED_HOPS_MAX} hops")]
    TooLong,
    /// A key twice of which there is one.
    #[error("an element has a key twice")]
    Repeated,
    /// No `Hash`, or one that is no SHA-256 in hex.
    #[error("its last element has no `Hash` of 64 hex digits")]
    Hash,
    /// `Cert` is not one certificate in URL-encoded PEM.
    #[error("its `Cert` is not one certificate in URL-encoded PEM")]
    Certificate,
    /// `Cert` and `Hash` are of two certificates.
    #[error("its `Hash` is not that of its `Cert`")]
    Contradiction,
    /// Names that no identity can have.
    #[error("its names cannot be used: {0}")]
    Names(#[from] IdentityError),
}

/// What one proxy says of the client that it verified.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// URIs of the proxy's own certificate.
    pub by: Vec<String>,
    /// SHA-256 of the client's certificate, as written.
    pub hash: Option<String>,
    /// The client's certificate, URL-encoded PEM.
    pub cert: Option<String>,
    /// The client's whole chain, URL-encoded PEM. Never read.
    pub chain: Option<String>,
    /// The subject, RFC 2253. Never read: a common name is taken from `cert` only.
    pub subject: Option<String>,
    /// URIs of the client's certificate.
    pub uris: Vec<String>,
    /// DNS names of the client's certificate.
    pub dns: Vec<String>,
}

/// The client that the nearest proxy verified: the last element. Those before it were written by
/// whoever sent the request to that proxy.
///
/// Where the element has the certificate itself, the names are read from it, and not from the keys
/// beside it.
///
/// # Errors
/// See [`XfccError`]; also for a malformed element before the last.
pub fn client(field: &str) -> Result<CertificateIdentity, XfccError> {
    let element = elements(field)?.pop().ok_or(XfccError::Form)?;
    let hash = element.hash.filter(|hash| is_sha256(hash)).ok_or(XfccError::Hash)?;
    let hash = hash.to_ascii_lowercase();
    if let Some(cert) = &element.cert {
        let der = certificate(cert).ok_or(XfccError::Certificate)?;
        if fingerprint(&der) != hash {
            return Err(XfccError::Contradiction);
        }
        return Ok(certificate::identity(&der, CertificateSource::Forwarded)?);
    }
    if element.uris.len().saturating_add(element.dns.len()) > CERTIFICATE_NAMES_MAX {
        return Err(IdentityError::Names.into());
    }
    for name in element.uris.iter().chain(&element.dns) {
        plain(name)?;
    }
    let names = Names { uris: element.uris, dns: element.dns, ..Names::default() };
    Ok(CertificateIdentity::new(names, hash, CertificateSource::Forwarded))
}

/// All elements, in order.
///
/// # Errors
/// [`XfccError::Characters`], [`XfccError::Form`], [`XfccError::TooLong`],
/// [`XfccError::Repeated`].
pub fn elements(field: &str) -> Result<Vec<Element>, XfccError> {
    if !field.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        return Err(XfccError::Characters);
    }
    let mut rest = field;
    let mut all = Vec::new();
    loop {
        if all.len() == FORWARDED_HOPS_MAX {
            return Err(XfccError::TooLong);
        }
        let (element, end) = element(rest)?;
        all.push(element);
        match end.trim_start_matches(' ').strip_prefix(',') {
            Some(next) => rest = next.trim_start_matches(' '),
            None if end.trim_start_matches(' ').is_empty() => return Ok(all),
            None => return Err(XfccError::Form),
        }
    }
}

/// One element, and what follows it.
fn element(text: &str) -> Result<(Element, &str), XfccError> {
    let mut element = Element::default();
    let mut rest = text;
    loop {
        let (key, after) = rest.split_once('=').ok_or(XfccError::Form)?;
        let (value, end) = value(after)?;
        element.put(Key::from_str(key)?, value)?;
        match end.strip_prefix(';') {
            Some(next) => rest = next,
            None => return Ok((element, end)),
        }
    }
}

/// One value, and what follows it.
fn value(text: &str) -> Result<(String, &str), XfccError> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',']).unwrap_or(text.len());
        let (value, rest) = text.split_at_checked(end).ok_or(XfccError::Form)?;
        // Blanks before a comma belong to the list.
        let value = value.trim_end_matches(' ');
        let bare = |b: u8| !matches!(b, b'"' | b'=' | b' ' | b'\\');
        return if value.bytes().all(bare) {
            Ok((value.to_owned(), rest))
        } else {
            Err(XfccError::Form)
        };
    };
    let mut value = String::with_capacity(quoted.len().min(256));
    let mut rest = quoted;
    loop {
        let (before, after) = rest.split_once('"').ok_or(XfccError::Form)?;
        match before.strip_suffix('\\') {
            Some(escaped) => {
                value.push_str(escaped);
                value.push('"');
                rest = after;
            }
            None => {
                value.push_str(before);
                return Ok((value, after));
            }
        }
    }
}

/// The keys of an element, compared without regard to case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    By,
    Hash,
    Cert,
    Chain,
    Subject,
    Uri,
    Dns,
    /// One that this version does not know; it says nothing of who the client is.
    Other,
}

impl FromStr for Key {
    type Err = XfccError;

    fn from_str(text: &str) -> Result<Self, XfccError> {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_alphabetic()) {
            return Err(XfccError::Form);
        }
        Ok(match text.to_ascii_lowercase().as_str() {
            "by" => Self::By,
            "hash" => Self::Hash,
            "cert" => Self::Cert,
            "chain" => Self::Chain,
            "subject" => Self::Subject,
            "uri" => Self::Uri,
            "dns" => Self::Dns,
            _ => Self::Other,
        })
    }
}

impl Element {
    fn put(&mut self, key: Key, value: String) -> Result<(), XfccError> {
        let once = |place: &mut Option<String>, value: String| match place.replace(value) {
            None => Ok(()),
            Some(_) => Err(XfccError::Repeated),
        };
        // Envoy writes the keys of names also where the certificate has none.
        let named = |list: &mut Vec<String>, value: String| {
            if !value.is_empty() {
                list.push(value);
            }
            Ok(())
        };
        match key {
            Key::By => named(&mut self.by, value),
            Key::Uri => named(&mut self.uris, value),
            Key::Dns => named(&mut self.dns, value),
            Key::Hash => once(&mut self.hash, value),
            Key::Cert => once(&mut self.cert, value),
            Key::Chain => once(&mut self.chain, value),
            Key::Subject => once(&mut self.subject, value),
            Key::Other => Ok(()),
        }
    }
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The one certificate in URL-encoded PEM.
fn certificate(text: &str) -> Option<CertificateDer<'static>> {
    let pem = percent_decoded(text)?;
    let mut all = CertificateDer::pem_slice_iter(&pem);
    let first = all.next()?.ok()?;
    all.next().is_none().then_some(first)
}

/// RFC 3986 section 2.1; `None` for half an escape.
fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => digit(bytes.next()?)? << 4 | digit(bytes.next()?)?,
            byte => byte,
        });
    }
    Some(out)
}

#[cfg(test)]
mod tests;
