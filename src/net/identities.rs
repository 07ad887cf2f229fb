//! Which certificates a list of identity rules names.
//!
//! Pure. Guarantees: kinds of names are never mixed up, so that a DNS name cannot pass for a common
//! name; a name that holds `*` itself (a wildcard certificate) matches nothing, because it
//! identifies nobody.

use crate::config::{IdentityKind, IdentityRule};
use crate::glob::Glob;
use crate::principal::{CertificateIdentity, spiffe};

/// A compiled list; one rule that matches suffices.
#[derive(Debug, Clone)]
pub struct Identities(Box<[(IdentityKind, Glob)]>);

impl Identities {
    /// Compiles the rules.
    #[must_use]
    pub fn new(rules: &[IdentityRule]) -> Self {
        Self(rules.iter().map(|rule| (rule.kind, Glob::new(&rule.pattern))).collect())
    }

    /// Whether there is no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of the rules names this certificate.
    #[must_use]
    pub fn name(&self, certificate: &CertificateIdentity) -> bool {
        self.0.iter().any(|(kind, glob)| matches(*kind, glob, certificate))
    }
}

fn matches(kind: IdentityKind, glob: &Glob, certificate: &CertificateIdentity) -> bool {
    let fits = |name: &str| !name.contains('*') && glob.matches(name);
    match kind {
        IdentityKind::Spiffe => certificate.spiffe_id().is_some_and(fits),
        IdentityKind::Uri => {
            certificate.uris.iter().any(|uri| !spiffe::is_claimed(uri) && fits(uri))
        }
        // Compared without regard to case (RFC 4343); patterns are lower case.
        IdentityKind::Dns => certificate.dns.iter().any(|name| fits(&name.to_ascii_lowercase())),
        IdentityKind::Email => certificate.mails.iter().any(|mail| fits(mail)),
        IdentityKind::CommonName => certificate.common_name.as_deref().is_some_and(fits),
        IdentityKind::Fingerprint => fits(&certificate.fingerprint),
    }
}

#[cfg(test)]
mod tests {
    use super::Identities;
    use crate::config::{IdentityKind, IdentityRule};
    use crate::principal::{CertificateIdentity, CertificateSource, Names};

    fn named(kind: IdentityKind, pattern: &str, names: Names) -> bool {
        let rule = IdentityRule { kind, pattern: pattern.into() };
        let certificate = CertificateIdentity::new(names, "ab".repeat(32), CertificateSource::Tls);
        Identities::new(&[rule]).name(&certificate)
    }

    fn all() -> Names {
        Names {
            dns: vec!["A1.agents.example".to_owned()],
            uris: vec!["spiffe://corp/ns/agents/a1".to_owned()],
            mails: vec!["ann@corp.example".to_owned()],
            common_name: Some("agent one".to_owned()),
        }
    }

    #[test]
    fn s20_each_kind_of_name_matches_its_own_kind_of_rule() {
        use IdentityKind::{CommonName, Dns, Email, Fingerprint, Spiffe, Uri};
        let cases = [
            (Spiffe, "spiffe://corp/ns/agents/*"),
            (Dns, "*.agents.example"),
            (Email, "ann@corp.example"),
            (CommonName, "agent ?ne"),
        ];
        for (kind, pattern) in cases {
            for other in [Spiffe, Uri, Dns, Email, CommonName, Fingerprint] {
                assert_eq!(named(other, pattern, all()), kind == other, "{other:?} {pattern}");
            }
        }
        assert!(named(Fingerprint, &"ab".repeat(32), Names::default()));
        let uri = Names { uris: vec!["urn:x:1".to_owned()], ..Names::default() };
        assert!(named(Uri, "urn:x:*", uri.clone()) && !named(Spiffe, "urn:x:*", uri));
    }

    #[test]
    fn s20_rules_of_one_trust_domain_do_not_match_another() {
        let of = |uri: &str| Names { uris: vec![uri.to_owned()], ..Names::default() };
        let rule = "spiffe://corp/*";
        assert!(named(IdentityKind::Spiffe, rule, of("spiffe://corp/a")));
        for other in ["spiffe://corp.evil/a", "spiffe://other/corp/a", "spiffe://corp"] {
            assert!(!named(IdentityKind::Spiffe, rule, of(other)), "{other}");
        }
    }

    #[test]
    fn s20_wildcard_certificate_is_nobody() {
        let names = Names { dns: vec!["*.agents.example".to_owned()], ..Names::default() };
        assert!(!named(IdentityKind::Dns, "*.agents.example", names));
    }
}
