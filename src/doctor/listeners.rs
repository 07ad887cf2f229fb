//! Certificates of the listeners: key, chain, dates, names, and the authorities of clients.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, RootCertStore};
use url::Host;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use super::{Check, Finding, Task, Ward};
use crate::config::{CertificateFiles, Config, Listener, Server, Tls, crl};
use crate::limits::{DOCTOR_EXPIRY_S, FILE_BYTES_MAX};

pub(super) fn tasks(ward: &Arc<Ward>) -> Vec<Task> {
    let with_tls = |listener: &Listener| listener.tls.clone();
    let mut tasks = Vec::new();
    for listener in &ward.config.listeners {
        let about = format!("listener {}", listener.name);
        let Some(tls) = with_tls(listener) else {
            tasks.push(Task::blocking(Check::TlsKey, &about.clone(), move || {
                vec![Finding::skipped(Check::TlsKey, &about, "it serves plain HTTP")]
            }));
            continue;
        };
        let ward = Arc::clone(ward);
        tasks.push(Task::blocking(Check::TlsKey, &about.clone(), move || {
            listener_tls(&ward, &about, &tls)
        }));
    }
    let own = Arc::clone(ward);
    tasks.push(Task::blocking(Check::TlsNames, "", move || names(&own.config)));
    tasks
}

fn listener_tls(ward: &Ward, about: &str, tls: &Tls) -> Vec<Finding> {
    let now_s = ward.clock.unix_s();
    let mut found = Vec::new();
    for files in &tls.certificates {
        let about = format!("{about}, `{}`", files.cert.display());
        match chain(&files.cert) {
            Ok(chain) => {
                found.push(key(&about, files, &chain));
                found.push(complete(&about, &chain, ward.options.ca_pem.as_deref()));
                found.push(in_time(Check::TlsDates, &about, &chain, now_s));
            }
            Err(why) => found.push(Finding::failed(
                Check::TlsChain,
                &about,
                why,
                "it holds certificates, PEM, the server's own first",
            )),
        }
    }
    if let Some(path) = &tls.client_ca {
        let about = format!("{about}, `{}`", path.display());
        found.push(match chain(path) {
            Ok(chain) => in_time(Check::TlsClientCa, &about, &chain, now_s),
            Err(why) => {
                let advice = "name the authorities that sign client certificates, PEM";
                Finding::failed(Check::TlsClientCa, &about, why, advice)
            }
        });
    }
    found.extend(tls.crl.iter().map(|path| revocation_list(about, path, now_s)));
    found
}

/// The key is read again: files may have changed since the configuration was.
fn key(about: &str, files: &CertificateFiles, chain: &[CertificateDer<'static>]) -> Finding {
    let advice = "make certificate and key together, or name those that were";
    let failed = |message: String| Finding::failed(Check::TlsKey, about, message, advice);
    let path = files.key.display();
    let pem = match read(&files.key) {
        Ok(pem) => pem,
        Err(why) => return failed(why),
    };
    let Ok(key) = PrivateKeyDer::from_pem_slice(&pem) else {
        return failed(format!("`{path}` holds no private key"));
    };
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    match CertifiedKey::from_der(chain.to_vec(), key, &provider) {
        Ok(_) => Finding::passed(Check::TlsKey, about, format!("`{path}` belongs to it")),
        Err(why) => failed(format!("`{path}` does not fit: {why}")),
    }
}

/// Order, signatures, and whether clients can find the way to an authority.
fn complete(about: &str, chain: &[CertificateDer<'static>], ca_pem: Option<&[u8]>) -> Finding {
    let parsed: Result<Vec<_>, _> =
        chain.iter().map(|der| X509Certificate::from_der(der).map(|(_, parsed)| parsed)).collect();
    let Ok(parsed) = parsed else {
        let advice = "make the chain again";
        return Finding::failed(Check::TlsChain, about, "a certificate cannot be read", advice);
    };
    for (n, pair) in parsed.windows(2).enumerate() {
        if let [below, above] = pair
            && below.issuer().as_raw() != above.subject().as_raw()
        {
            let message = format!(
                "certificate {} is not signed by certificate {}, which stands behind it",
                n.saturating_add(1),
                n.saturating_add(2)
            );
            let advice = "put the server's certificate first, then each one that signed the one \
                          before it: strict clients take no other order";
            return Finding::failed(Check::TlsChain, about, message, advice);
        }
    }
    let own_root = parsed.last().is_some_and(|last| last.issuer() == last.subject());
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(pem) = ca_pem {
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(pem).filter_map(Result::ok));
    }
    if own_root {
        roots.add_parsable_certificates(chain.last().cloned());
    }
    let length = chain.len();
    match verified(chain, &roots) {
        Ok(()) => {
            let end = if own_root { "its own root" } else { "an authority that is known here" };
            let message = format!("{length} certificate(s) lead to {end}");
            Finding::passed(Check::TlsChain, about, message)
        }
        Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            let message = "its end leads to no authority that this system knows";
            let advice = "append the certificates between it and the authority; where the \
                          authority is a private one, name its certificate with --ca FILE";
            Finding::warning(Check::TlsChain, about, message, advice)
        }
        // A certificate that signed itself as an authority does: most clients take it, not all.
        Err(why) if own_root && length == 1 => {
            let advice = "make an authority, and a certificate that it signs";
            let message = format!("strict clients refuse it: {why}");
            Finding::warning(Check::TlsChain, about, message, advice)
        }
        Err(why) => {
            let advice = "make the chain again, each certificate signed by the next";
            Finding::failed(Check::TlsChain, about, format!("it does not verify: {why}"), advice)
        }
    }
}

/// Verifies signatures and purposes, whatever the names, at a time at which the leaf is valid:
/// names and dates have checks of their own.
fn verified(chain: &[CertificateDer<'static>], roots: &RootCertStore) -> Result<(), rustls::Error> {
    let unreadable = || rustls::Error::InvalidCertificate(CertificateError::BadEncoding);
    let (leaf, between) = chain.split_first().ok_or_else(unreadable)?;
    let (_, dates) = X509Certificate::from_der(leaf).map_err(|_| unreadable())?;
    let begins_s = u64::try_from(dates.validity().not_before.timestamp()).unwrap_or(0);
    let ends_s = u64::try_from(dates.validity().not_after.timestamp()).unwrap_or(0);
    let at = UnixTime::now().as_secs().clamp(begins_s, ends_s.max(begins_s));
    let at = UnixTime::since_unix_epoch(Duration::from_secs(at));
    let algorithms =
        rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms;
    verify_server_cert_signed_by_trust_anchor(
        &ParsedCertificate::try_from(leaf)?,
        roots,
        between,
        at,
        algorithms.all,
    )
}

/// The certificate that ends first, and whether one of them does not count yet.
fn in_time(check: Check, about: &str, chain: &[CertificateDer<'static>], now_s: u64) -> Finding {
    let now = i64::try_from(now_s).unwrap_or(i64::MAX);
    let mut ends: Option<(i64, i64)> = None;
    for der in chain {
        let Ok((_, certificate)) = X509Certificate::from_der(der) else {
            let advice = "make it again";
            return Finding::failed(check, about, "a certificate cannot be read", advice);
        };
        let from = certificate.validity().not_before.timestamp();
        let until = certificate.validity().not_after.timestamp();
        if from > now {
            let message =
                format!("a certificate is not yet valid, for {}", span(from.saturating_sub(now)));
            let advice = "check the clock of this machine, or use the current certificate";
            return Finding::failed(check, about, message, advice);
        }
        let lives = until.saturating_sub(from);
        if ends.is_none_or(|(first, _)| until < first) {
            ends = Some((until, lives));
        }
    }
    let Some((until, lives)) = ends else {
        return Finding::failed(check, about, "there is no certificate", "name one");
    };
    let left = until.saturating_sub(now);
    let notice = i64::try_from(DOCTOR_EXPIRY_S).unwrap_or(i64::MAX);
    if left < 0 {
        let message = format!("a certificate expired {} ago", span(left.saturating_neg()));
        let advice = "renew it; a running gateway takes it over as soon as the file changes";
        return Finding::failed(check, about, message, advice);
    }
    // One that lives shorter than the notice is renewed by a machine.
    if left < notice && lives > notice.saturating_mul(2) {
        let message = format!("a certificate expires in {}", span(left));
        return Finding::warning(check, about, message, "renew it: whatever should have did not");
    }
    Finding::passed(check, about, format!("valid for {}", span(left)))
}

fn revocation_list(about: &str, path: &Path, now_s: u64) -> Finding {
    let about = format!("{about}, `{}`", path.display());
    let advice = "fetch the current list: an old one lets nobody in";
    let failed = |message: String| Finding::failed(Check::TlsClientCa, &about, message, advice);
    let bytes = match read(path) {
        Ok(bytes) => bytes,
        Err(why) => return failed(why),
    };
    let now = i64::try_from(now_s).unwrap_or(i64::MAX);
    let lists = crl::lists(&bytes);
    let facts: Option<Vec<_>> = lists.iter().map(|list| crl::facts(list)).collect();
    let Some(facts) = facts.filter(|facts| !facts.is_empty()) else {
        return failed("it holds no revocation list".into());
    };
    if facts.iter().any(|list| list.from_s > now) {
        return failed("a list is from the future: is the clock of this machine right?".into());
    }
    match facts.iter().filter_map(|list| list.until_s).min() {
        None => failed("it does not say when the next list comes".into()),
        Some(until) if until <= now => {
            failed(format!("it ended {} ago", span(now.saturating_sub(until))))
        }
        Some(until) => {
            let message = format!("current for {}", span(until.saturating_sub(now)));
            Finding::passed(Check::TlsClientCa, &about, message)
        }
    }
}

/// Whether a certificate covers the host of each public URL.
fn names(config: &Config) -> Vec<Finding> {
    let mut leaves = Vec::new();
    let mut covered = Vec::new();
    for files in
        config.listeners.iter().filter_map(|l| l.tls.as_ref()).flat_map(|t| &t.certificates)
    {
        if let Some(leaf) = chain(&files.cert).ok().and_then(|chain| chain.into_iter().next()) {
            let names = crate::net::certificate::server_names(&leaf).map(|(names, _)| names);
            covered.extend(names.unwrap_or_default());
            leaves.push(leaf);
        }
    }
    let covered = if covered.is_empty() { "no name".to_owned() } else { covered.join(", ") };
    config.servers.iter().map(|server| name(config, server, &leaves, &covered)).collect()
}

fn name(
    config: &Config,
    server: &Server,
    leaves: &[CertificateDer<'static>],
    covered: &str,
) -> Finding {
    let about = format!("server {}", server.name);
    let host = server.public_url.host_str().unwrap_or_default();
    let skipped = |why: &str| Finding::skipped(Check::TlsNames, &about, why);
    if server.public_url.scheme() != "https" {
        return skipped("its public_url is plain HTTP");
    }
    if leaves.is_empty() {
        return skipped("no listener has a certificate: TLS ends before the gateway");
    }
    let Some(name) = server_name(server.public_url.host()) else {
        return skipped("its public_url has no host that a certificate could name");
    };
    let covers = |leaf: &CertificateDer<'static>| {
        ParsedCertificate::try_from(leaf)
            .is_ok_and(|parsed| verify_server_name(&parsed, &name).is_ok())
    };
    if leaves.iter().any(covers) {
        return Finding::passed(Check::TlsNames, &about, format!("`{host}` is covered"));
    }
    let message = format!("no certificate covers `{host}`; there is {covered}");
    let advice = format!(
        "make a certificate with the subject alternative name `{host}`, or write the name that \
         clients use into public_url"
    );
    if config.trusted_proxies.is_empty() {
        Finding::failed(Check::TlsNames, &about, message, advice)
    } else {
        // Clients may meet the certificate of a proxy before us.
        Finding::warning(Check::TlsNames, &about, message, advice)
    }
}

pub(super) fn server_name(host: Option<Host<&str>>) -> Option<ServerName<'static>> {
    match host? {
        Host::Domain(name) => ServerName::try_from(name.to_owned()).ok(),
        Host::Ipv4(v4) => Some(ServerName::from(std::net::IpAddr::V4(v4))),
        Host::Ipv6(v6) => Some(ServerName::from(std::net::IpAddr::V6(v6))),
    }
}

pub(super) fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = read(path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let none = || format!("`{}` holds no certificate", path.display());
    chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(none)
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let failed = |error: std::io::Error| format!("`{}` cannot be read: {error}", path.display());
    let file = fs::File::open(path).map_err(failed)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(FILE_BYTES_MAX));
    let bound = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX);
    file.take(bound).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// A time in words.
fn span(seconds: i64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} minutes", seconds / 60),
        7_200..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
