//! Revocation lists of client certificates: read, in time, of the right authorities.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::server::WebPkiClientVerifier;
use x509_parser::parse_x509_certificate;

use super::super::crl;
use super::super::raw::FilePath;
use super::{At, Context};
use crate::limits::{CRL_FILES_MAX, FILE_BYTES_MAX};

/// The files, where all of them can be used together with these authorities.
pub(super) fn files(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: &[FilePath],
    authorities: &[CertificateDer<'static>],
) -> Option<Vec<PathBuf>> {
    if raw.is_empty() {
        cx.absent(at, "an empty list revokes nothing", "name a file, or remove the key");
        return None;
    }
    if raw.len() > CRL_FILES_MAX {
        let help = "put several lists into one PEM file";
        cx.error(at, format!("more than {CRL_FILES_MAX} files"), help);
        return None;
    }
    let mut paths = Vec::new();
    let mut issuers = Vec::new();
    for (i, path) in raw.iter().enumerate() {
        let at = at.item(i);
        let path = cx.resolve(&path.0);
        let bytes = cx.read(&at, &path, FILE_BYTES_MAX)?;
        let lists = crl::lists(&bytes);
        if lists.is_empty() {
            let message = format!("`{}` holds no certificate revocation list", path.display());
            cx.error(&at, message, "it is DER, or begins with `-----BEGIN X509 CRL-----`");
            return None;
        }
        for list in lists {
            issuers.push(one(cx, &at, list, authorities)?);
        }
        paths.push(path);
    }
    complete(cx, at, &issuers, authorities);
    Some(paths)
}

/// One list; answers with its issuer's name.
fn one(
    cx: &mut Context<'_>,
    at: &At<'_>,
    list: CertificateRevocationListDer<'static>,
    authorities: &[CertificateDer<'static>],
) -> Option<Vec<u8>> {
    let Some(crl::Facts { issuer, from_s, until_s }) = crl::facts(&list) else {
        cx.error(at, "the revocation list cannot be read", "make it again");
        return None;
    };
    let Some(until_s) = until_s else {
        let message = "the revocation list does not say when the next one comes";
        cx.error(at, message, "make it with a next update (RFC 5280 section 5.1.2.5)");
        return None;
    };
    // Without a time no date is judged: neither bound can be crossed then.
    let now = cx.now_s.map(|now_s| i64::try_from(now_s).unwrap_or(i64::MAX));
    if let Some(now) = now.filter(|now| until_s <= *now) {
        let hours = now.saturating_sub(until_s) / HOUR_S;
        let message = format!("the revocation list expired {hours} hours ago");
        let help = "fetch the current one: nobody can be let in by an old list";
        cx.error(at, message, help);
        return None;
    }
    if now.is_some_and(|now| from_s > now) {
        let message = "the revocation list is from the future";
        cx.error(at, message, "check the clock of this machine");
        return None;
    }
    // What rustls does not understand (delta lists, unknown critical extensions) it refuses here
    // as it would at the listener.
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities.iter().cloned());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let built = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .with_crls([list])
        .build();
    if let Err(why) = built {
        let help = "use a complete list, not a delta, of one authority";
        cx.error(at, format!("the revocation list cannot be used: {why}"), help);
        return None;
    }
    Some(issuer)
}

/// Whether each authority has its list: without one its certificates are of unknown status, and
/// refused.
fn complete(
    cx: &mut Context<'_>,
    at: &At<'_>,
    issuers: &[Vec<u8>],
    authorities: &[CertificateDer<'static>],
) {
    let unlisted = |der: &&CertificateDer<'static>| {
        parse_x509_certificate(der)
            .is_ok_and(|(_, ca)| !issuers.iter().any(|name| name == ca.subject().as_raw()))
    };
    let missing = authorities.iter().filter(unlisted).count();
    if missing == 0 {
        return;
    }
    let help = "add its list: certificates of an authority without one are refused";
    if missing == authorities.len() {
        cx.absent(at, "no list is of an authority in `client_ca`: every client is refused", help);
    } else {
        let message =
            format!("{missing} of {} authorities in `client_ca` have no list", authorities.len());
        cx.warn(at, message, help);
    }
}

const HOUR_S: i64 = 3_600;
