//! The names in a client's certificate.
//!
//! Assumes that the handshake, or a trusted proxy, verified the chain; a certificate is only read
//! here, never judged. Guarantees that names are plain, printable and bounded, or the certificate
//! is refused: a name becomes part of an identity.

use aws_lc_rs::digest::{SHA256, digest};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::hex::hex;
use crate::limits::{CERTIFICATE_NAME_BYTES_MAX, CERTIFICATE_NAMES_MAX};
use crate::principal::{CertificateIdentity, CertificateSource, Names};

/// Why a verified certificate gives no identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Not readable as X.509 (RFC 5280).
    #[error("client certificate cannot be read")]
    Unreadable,
    /// A name that is not printable ASCII, or too many of them.
    #[error("client certificate has unusable names")]
    Names,
}

/// Reads the names of RFC 5280 section 4.2.1.6 and the subject's common name.
///
/// # Errors
/// See [`IdentityError`].
pub fn identity(
    der: &[u8],
    source: CertificateSource,
) -> Result<CertificateIdentity, IdentityError> {
    let (rest, certificate) =
        X509Certificate::from_der(der).map_err(|_| IdentityError::Unreadable)?;
    if !rest.is_empty() {
        return Err(IdentityError::Unreadable);
    }
    let mut names = Names::default();
    for name in alternative_names(&certificate)? {
        match name {
            GeneralName::DNSName(name) => names.dns.push(plain(name)?),
            GeneralName::URI(name) => names.uris.push(plain(name)?),
            GeneralName::RFC822Name(name) => names.mails.push(plain(name)?),
            // Addresses and directory names identify nobody here.
            _ => {}
        }
    }
    let common_name = common_name(&certificate);
    let alone = names.dns.is_empty() && names.uris.is_empty() && names.mails.is_empty();
    // Beside other names an unusable one is left out; alone it would have been the identity.
    names.common_name = if alone { common_name? } else { common_name.unwrap_or(None) };
    Ok(CertificateIdentity::new(names, fingerprint(der), source))
}

/// Subject alternative names of DNS kind, lower case, and `notAfter` in seconds since the epoch:
/// what a server certificate says of itself.
///
/// # Errors
/// See [`IdentityError`].
pub fn server_names(der: &[u8]) -> Result<(Vec<String>, u64), IdentityError> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|_| IdentityError::Unreadable)?;
    let mut names = Vec::new();
    for name in alternative_names(&certificate)? {
        if let GeneralName::DNSName(name) = name {
            names.push(plain(name)?.to_ascii_lowercase());
        }
    }
    let not_after = certificate.validity().not_after.timestamp();
    Ok((names, u64::try_from(not_after).unwrap_or(0)))
}

fn alternative_names<'a>(
    certificate: &'a X509Certificate<'a>,
) -> Result<&'a [GeneralName<'a>], IdentityError> {
    let extension =
        certificate.subject_alternative_name().map_err(|_| IdentityError::Unreadable)?;
    let names = extension.map_or(&[][..], |e| e.value.general_names.as_slice());
    if names.len() > CERTIFICATE_NAMES_MAX { Err(IdentityError::Names) } else { Ok(names) }
}

/// The subject's common name. Of several none counts: readers differ in which one they take.
fn common_name(certificate: &X509Certificate<'_>) -> Result<Option<String>, IdentityError> {
    let mut all = certificate.subject().iter_common_name();
    match (all.next(), all.next()) {
        (Some(name), None) => plain(name.as_str().map_err(|_| IdentityError::Names)?).map(Some),
        (None, _) | (Some(_), Some(_)) => Ok(None),
    }
}

/// A name as it may stand in identities, records and policies.
pub(super) fn plain(name: &str) -> Result<String, IdentityError> {
    let printable = name.bytes().all(|b| (b' '..=b'~').contains(&b));
    let bounded = (1..=CERTIFICATE_NAME_BYTES_MAX).contains(&name.len());
    if printable && bounded { Ok(name.to_owned()) } else { Err(IdentityError::Names) }
}

/// SHA-256 of the DER certificate, lower-case hex.
pub(super) fn fingerprint(der: &[u8]) -> String {
    hex(digest(&SHA256, der).as_ref())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::{IdentityError, server_names};
    use crate::principal::{CertificateIdentity, CertificateSource};

    fn identity(der: &[u8]) -> Result<CertificateIdentity, IdentityError> {
        super::identity(der, CertificateSource::Tls)
    }

    fn certificate(common_name: Option<&str>, names: Vec<SanType>) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        if let Some(name) = common_name {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        params.subject_alt_names = names;
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    fn dns(name: &str) -> SanType {
        SanType::DnsName(name.try_into().unwrap())
    }

    fn uri(name: &str) -> SanType {
        SanType::URI(name.try_into().unwrap())
    }

    #[test]
    fn first_uri_stands_for_the_certificate_before_dns_mail_and_common_name() {
        let mail = SanType::Rfc822Name("a@b.test".try_into().unwrap());
        let spiffe = "spiffe://b.test/agent";
        let full = certificate(Some("cn"), vec![mail.clone(), dns("a.test"), uri(spiffe)]);
        let found = identity(&full).unwrap();
        assert_eq!(&*found.name, spiffe);
        assert_eq!((found.dns, found.uris), (vec!["a.test".into()], vec![spiffe.into()]));
        let name = |der: Vec<u8>| identity(&der).unwrap().name.to_string();
        assert_eq!(name(certificate(Some("cn"), vec![mail.clone(), dns("a.test")])), "a.test");
        assert_eq!(name(certificate(Some("cn"), vec![mail])), "a@b.test");
        assert_eq!(name(certificate(Some("cn"), vec![])), "cn");
    }

    #[test]
    fn certificate_without_any_name_is_its_fingerprint() {
        let found = identity(&certificate(None, vec![])).unwrap();
        assert_eq!(*found.name, format!("sha256:{}", found.fingerprint));
        assert_eq!(found.fingerprint.len(), 64);
    }

    #[test]
    fn names_that_could_forge_a_record_are_refused() {
        let forged = certificate(Some("admin\nrole: root"), vec![]);
        assert_eq!(identity(&forged), Err(IdentityError::Names));
        let many = (0..101).map(|i| dns(&format!("h{i}.test"))).collect();
        assert_eq!(identity(&certificate(None, many)), Err(IdentityError::Names));
    }

    #[test]
    fn s20_of_several_common_names_none_counts() {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "agent");
        let other = DnType::CustomDnType(vec![2, 5, 4, 3]);
        params.distinguished_name.push(other, "admin");
        let der = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let found = identity(der.der()).unwrap();
        assert_eq!(found.common_name, None);
        assert!(found.name.starts_with("sha256:"));
    }

    #[test]
    fn trailing_bytes_behind_a_certificate_are_refused() {
        let mut der = certificate(Some("cn"), vec![]);
        assert!(identity(&der).is_ok());
        der.push(0);
        assert_eq!(identity(&der), Err(IdentityError::Unreadable));
    }

    #[test]
    fn server_names_are_lower_case_and_expiry_is_in_seconds() {
        let mut params = CertificateParams::new(vec!["WWW.Gateway.test".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2030, 1, 1);
        let der = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let (names, not_after) = server_names(der.der()).unwrap();
        assert_eq!((names, not_after), (vec!["www.gateway.test".to_owned()], 1_893_456_000));
    }

    proptest! {
        #[test]
        fn damaged_certificates_never_panic(at in 0_usize..400, with in any::<u8>()) {
            let mut der = certificate(Some("cn"), vec![dns("a.test"), uri("urn:x")]);
            if let Some(byte) = der.get_mut(at) {
                *byte = with;
            }
            drop(identity(&der));
            drop(server_names(&der));
        }
    }
}
