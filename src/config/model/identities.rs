//! Whose certificates are accepted.

use ipnet::IpNet;

/// A pattern for one kind of name in a client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityRule {
    /// Which names it is about.
    pub kind: IdentityKind,
    /// A glob: `*` is any run of characters, `?` any one. DNS names and fingerprints are in lower
    /// case; the trust domain of a SPIFFE id is without glob characters.
    pub pattern: Box<str>,
}

/// The kinds of names in certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityKind {
    /// The SPIFFE id.
    Spiffe,
    /// Any other URI.
    Uri,
    /// A DNS name.
    Dns,
    /// An e-mail address.
    Email,
    /// The subject's common name.
    CommonName,
    /// SHA-256 of the certificate, lower-case hex.
    Fingerprint,
}

/// Proxies whose `X-Forwarded-Client-Cert` is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedMesh {
    /// Where they are. At least one.
    pub networks: Vec<IpNet>,
    /// Whose own certificate they present; empty asks for none.
    pub identities: Vec<IdentityRule>,
}
