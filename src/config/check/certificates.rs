//! Certificates and keys: read, matched, in time.

use std::path::PathBuf;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::parse_x509_certificate;

use super::super::model::CertificateFiles;
use super::super::raw::FilePath;
use super::{At, Context};
use crate::limits::FILE_BYTES_MAX;

/// A certificate chain and its key; `at` has the keys `cert` and `key`.
pub(super) fn pair(
    cx: &mut Context<'_>,
    at: &At<'_>,
    cert: &FilePath,
    key: &FilePath,
) -> Option<CertificateFiles> {
    let (cert_at, key_at) = (at.key("cert"), at.key("key"));
    let files = CertificateFiles { cert: cx.resolve(&cert.0), key: cx.resolve(&key.0) };
    let chain = chain(cx, &cert_at, &files.cert);
    let key = private_key(cx, &key_at, &files.key);
    let (chain, key) = chain.zip(key)?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let Ok(signer) = provider.key_provider.load_private_key(key) else {
        let help = "use an ECDSA P-256 or P-384, Ed25519 or RSA (2048 to 8192 bits) key";
        cx.error(&key_at, "this kind of private key is not supported", help);
        return None;
    };
    // Before the comparison, which would call a certificate that is none a wrong one.
    validity(cx, &cert_at, chain.first()?)?;
    if CertifiedKey::new(chain, signer).keys_match().is_err() {
        cx.error(
            &key_at,
            "the private key is not that of the certificate",
            format!(
                "`{}` and `{}` must be made together, the leaf first",
                cert.0,
                self::name(&files.key)
            ),
        );
        return None;
    }
    Some(files)
}

/// A file of certificate authorities, and what it holds.
pub(super) fn authorities(
    cx: &mut Context<'_>,
    at: &At<'_>,
    path: &FilePath,
) -> Option<(PathBuf, Vec<CertificateDer<'static>>)> {
    let path = cx.resolve(&path.0);
    let mut roots = RootCertStore::empty();
    let chain = chain(cx, at, &path)?;
    for certificate in &chain {
        if roots.add(certificate.clone()).is_err() {
            let help = "name the certificates of authorities, PEM, X.509 version 3";
            cx.error(at, "a certificate in this file cannot be an authority", help);
            return None;
        }
    }
    Some((path, chain))
}

/// The key of a development issuer: P-256 in PKCS#8. Read and dropped: whoever uses it reads it
/// again.
pub(super) fn development_key(
    cx: &mut Context<'_>,
    at: &At<'_>,
    path: &FilePath,
) -> Option<PathBuf> {
    let path = cx.resolve(&path.0);
    let key = private_key(cx, at, &path)?;
    let usable = match &key {
        PrivateKeyDer::Pkcs8(der) => {
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.secret_pkcs8_der())
                .is_ok()
        }
        // The enumeration is open; whatever else it holds is no PKCS#8.
        _ => false,
    };
    if !usable {
        let help = "make one with `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`";
        cx.error(at, "a development key is a P-256 key in PKCS#8", help);
        return None;
    }
    Some(path)
}

fn chain(
    cx: &mut Context<'_>,
    at: &At<'_>,
    path: &std::path::Path,
) -> Option<Vec<CertificateDer<'static>>> {
    let pem = cx.read(at, path, FILE_BYTES_MAX)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Some(chain),
        Ok(_) | Err(_) => {
            let message = format!("`{}` holds no PEM certificate", path.display());
            cx.error(at, message, "it must begin with `-----BEGIN CERTIFICATE-----`");
            None
        }
    }
}

fn private_key(
    cx: &mut Context<'_>,
    at: &At<'_>,
    path: &std::path::Path,
) -> Option<PrivateKeyDer<'static>> {
    let pem = zeroize::Zeroizing::new(cx.read_secret(at, path)?);
    let Ok(key) = PrivateKeyDer::from_pem_slice(&pem) else {
        let message = format!("`{}` holds no PEM private key", path.display());
        cx.error(at, message, "it must begin with `-----BEGIN PRIVATE KEY-----`, unencrypted");
        return None;
    };
    cx.files.note_key(key.secret_der());
    Some(key)
}

/// RFC 5280 section 4.1.2.5.
fn validity(cx: &mut Context<'_>, at: &At<'_>, leaf: &CertificateDer<'_>) -> Option<()> {
    let Ok((_, certificate)) = parse_x509_certificate(leaf) else {
        cx.error(at, "the certificate cannot be read", "make it again");
        return None;
    };
    let Some(now_s) = cx.now_s else { return Some(()) };
    let now = i64::try_from(now_s).unwrap_or(i64::MAX);
    let from = certificate.validity().not_before.timestamp();
    let until = certificate.validity().not_after.timestamp();
    let days_left = until.saturating_sub(now) / DAY_S;
    if now > until {
        let days = now.saturating_sub(until) / DAY_S;
        cx.error(at, format!("the certificate expired {days} days ago"), "renew it");
        return None;
    }
    if now < from {
        let days = from.saturating_sub(now) / DAY_S;
        let message = format!("the certificate becomes valid in {days} days");
        cx.error(at, message, "check the clock of this machine, or use the current one");
        return None;
    }
    // A certificate that lives shorter than the notice is renewed by a machine.
    if days_left < EXPIRY_NOTICE_DAYS && until.saturating_sub(from) > EXPIRY_NOTICE_DAYS * DAY_S * 2
    {
        cx.warn(at, format!("the certificate expires in {days_left} days"), "renew it");
    }
    Some(())
}

fn name(path: &std::path::Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

const DAY_S: i64 = 86_400;

/// Days before its end at which a certificate is warned about. Unit: days. Source: ACME renews at
/// 30; half of that means that renewal failed. // limits.rs
const EXPIRY_NOTICE_DAYS: i64 = 14;
