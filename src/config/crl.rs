//! Files of certificate revocation lists (RFC 5280 section 5).
//!
//! Owns the reading, once for the check and once for the listeners, so that both see the same
//! lists. Judges no signature: rustls does, in each handshake.

use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

/// The lists of a file: PEM, any number of them, or one in DER. Empty where it holds none, or one
/// that cannot be read.
pub(crate) fn lists(bytes: &[u8]) -> Vec<CertificateRevocationListDer<'static>> {
    if bytes.starts_with(&[DER_SEQUENCE]) {
        return vec![CertificateRevocationListDer::from(bytes.to_vec())];
    }
    let all: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(bytes).collect();
    all.unwrap_or_default()
}

/// What a list says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The issuer's name, DER.
    pub(crate) issuer: Vec<u8>,
    /// From when it counts, seconds since the Unix epoch.
    pub(crate) from_s: i64,
    /// When the next one comes: after that it proves nothing.
    pub(crate) until_s: Option<i64>,
}

/// `None` where it is no revocation list, or something follows it.
pub(crate) fn facts(der: &[u8]) -> Option<Facts> {
    let (rest, list) = CertificateRevocationList::from_der(der).ok()?;
    rest.is_empty().then(|| Facts {
        issuer: list.issuer().as_raw().to_vec(),
        from_s: list.last_update().timestamp(),
        until_s: list.next_update().map(|time| time.timestamp()),
    })
}

/// The first byte of every DER list; no text begins with it in PEM.
const DER_SEQUENCE: u8 = 0x30;
