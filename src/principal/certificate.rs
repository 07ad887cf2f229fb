//! The identity in a client certificate.
//!
//! Pure. Assumes that names are plain and bounded. Guarantees that the one name which stands for
//! the certificate is never a malformed or ambiguous SPIFFE id.

use std::sync::Arc;

use super::spiffe;

/// Names found in a verified client certificate (RFC 5280 section 4.2.1.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateIdentity {
    /// The one name that stands for the certificate: first URI, else DNS, else e-mail, else the
    /// subject's common name, else `sha256:` and the fingerprint.
    pub name: Arc<str>,
    /// All DNS names.
    pub dns: Vec<String>,
    /// All URIs. A SPIFFE id is among them only if it is valid and the only URI.
    pub uris: Vec<String>,
    /// All e-mail addresses.
    pub mails: Vec<String>,
    /// The subject's common name, where there is exactly one.
    pub common_name: Option<String>,
    /// SHA-256 of the DER certificate, lower-case hex (RFC 8705 `x5t#S256` before base64url).
    pub fingerprint: String,
    /// Who verified the certificate.
    pub source: CertificateSource,
}

/// Who verified a client certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateSource {
    /// This gateway, in its own handshake.
    Tls,
    /// A trusted proxy, which names it in `X-Forwarded-Client-Cert`.
    Forwarded,
}

impl CertificateSource {
    /// The name in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::Forwarded => "xfcc",
        }
    }
}

/// The names of a certificate as they stand in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// All DNS names.
    pub dns: Vec<String>,
    /// All URIs.
    pub uris: Vec<String>,
    /// All e-mail addresses.
    pub mails: Vec<String>,
    /// The subject's common name, where there is exactly one.
    pub common_name: Option<String>,
}

impl Names {
    /// The one that stands for the certificate.
    fn main(&self) -> Option<Arc<str>> {
        let others = [self.dns.first(), self.mails.first(), self.common_name.as_ref()];
        // A DNS or common name that looks like an id of another kind would be taken for it.
        let others = others.into_iter().flatten().filter(|name| !spiffe::is_claimed(name));
        let mut all = self.uris.first().into_iter().chain(others);
        all.find(|name| !name.starts_with(FINGERPRINT)).map(|name| Arc::from(name.as_str()))
    }
}

impl CertificateIdentity {
    /// The identity behind these names. SPIFFE ids that are malformed, or not the only URI of the
    /// certificate, are taken out: X509-SVID section 2 gives such a certificate no id.
    #[must_use]
    pub fn new(names: Names, fingerprint: String, source: CertificateSource) -> Self {
        let Names { dns, mut uris, mails, common_name } = names;
        let alone = uris.len() == 1;
        uris.retain(|uri| !spiffe::is_claimed(uri) || (alone && spiffe::check(uri).is_ok()));
        let names = Names { dns, uris, mails, common_name };
        let name = names.main().unwrap_or_else(|| format!("{FINGERPRINT}{fingerprint}").into());
        let Names { dns, uris, mails, common_name } = names;
        Self { name, dns, uris, mails, common_name, fingerprint, source }
    }

    /// The SPIFFE id.
    #[must_use]
    pub fn spiffe_id(&self) -> Option<&str> {
        self.uris.first().map(String::as_str).filter(|uri| spiffe::is_claimed(uri))
    }
}

/// How a name begins that is a fingerprint.
const FINGERPRINT: &str = "sha256:";

#[cfg(test)]
mod tests {
    use super::{CertificateIdentity, CertificateSource, Names};

    fn with_uris(uris: &[&str]) -> CertificateIdentity {
        let names = Names {
            dns: vec!["a.test".to_owned()],
            uris: uris.iter().map(|&uri| uri.to_owned()).collect(),
            ..Names::default()
        };
        CertificateIdentity::new(names, "00".repeat(32), CertificateSource::Tls)
    }

    #[test]
    fn s20_spiffe_id_counts_only_when_it_is_valid_and_the_only_uri() {
        let id = "spiffe://corp/agent";
        assert_eq!(with_uris(&[id]).spiffe_id(), Some(id));
        assert_eq!(&*with_uris(&[id]).name, id);
        for malformed in ["spiffe://Corp/agent", "SPIFFE://corp/agent", "spiffe://corp/../agent"] {
            let found = with_uris(&[malformed]);
            assert_eq!((found.spiffe_id(), &*found.name), (None, "a.test"), "{malformed}");
            assert!(found.uris.is_empty());
        }
        let two = with_uris(&[id, "spiffe://corp/admin"]);
        assert_eq!((two.spiffe_id(), &*two.name), (None, "a.test"));
        let beside = with_uris(&["https://corp/agent", id]);
        assert_eq!((beside.spiffe_id(), &*beside.name), (None, "https://corp/agent"));
        assert_eq!(beside.uris, ["https://corp/agent"]);
    }
    #[test]
    fn s20_name_of_one_kind_never_stands_for_one_of_another() {
        let named = |name: &str| {
            let names = Names { common_name: Some(name.to_owned()), ..Names::default() };
            CertificateIdentity::new(names, "00".repeat(32), CertificateSource::Tls)
        };
        let own = format!("sha256:{}", "00".repeat(32));
        assert_eq!(&*named("agent").name, "agent");
        for other in ["spiffe://corp/agent", "SPIFFE://corp/agent", "sha256:11"] {
            assert_eq!(*named(other).name, *own, "{other}");
        }
    }
}
