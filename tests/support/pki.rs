//! A throw-away certificate authority for tests: files for servers, configurations for clients.
//!
//! Included by test binaries with `#[path]`; each instance has a directory of its own.
#![allow(dead_code, clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationList,
    CertificateRevocationListParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams, SanType,
    SerialNumber,
};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use sallyport::config::CertificateFiles;

/// A certificate with its key, in memory.
#[derive(Debug)]
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
    pub serial: u64,
    pem: (String, String),
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self {
            chain: self.chain.clone(),
            key: self.key.clone_key(),
            serial: self.serial,
            pem: self.pem.clone(),
        }
    }
}

/// What a certificate may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    Server,
    Client,
}

/// An authority and its directory of files.
#[derive(Debug)]
pub struct Pki {
    dir: PathBuf,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    pub fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("pki-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let params = authority(&format!("test authority {number}"));
        let key = KeyPair::generate().unwrap();
        let authority = CertifiedIssuer::self_signed(params, key).unwrap();
        std::fs::write(dir.join("ca.pem"), authority.pem()).unwrap();
        Self { dir, authority }
    }

    /// The authority's certificate as a PEM file.
    pub fn ca_file(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    /// A path in this authority's directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Issues a certificate. Names with `:/` become URIs, `cn:` sets the common name, those with `@`
    /// are e-mail addresses, others are DNS names.
    pub fn issue(&self, names: &[&str], usage: Use) -> Identity {
        self.issue_with(names, usage, |_| {})
    }

    /// Issues a certificate that differs from the usual one.
    pub fn issue_with(
        &self,
        names: &[&str],
        usage: Use,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Identity {
        issue(&self.authority, names, usage, change)
    }

    /// An authority below this one.
    pub fn intermediate(&self, change: impl FnOnce(&mut CertificateParams)) -> Intermediate {
        let mut params = authority("intermediate authority");
        let serial = next_serial();
        params.serial_number = Some(SerialNumber::from(serial));
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let authority = CertifiedIssuer::signed_by(params, key, &self.authority).unwrap();
        Intermediate { authority, serial }
    }

    /// A revocation list of this authority, PEM, between two numbers of hours from now.
    pub fn crl(&self, serials: &[u64], hours: (i64, i64)) -> String {
        crl(&self.authority, serials, hours).pem().unwrap()
    }

    /// The same in DER.
    pub fn crl_der(&self, serials: &[u64], hours: (i64, i64)) -> Vec<u8> {
        crl(&self.authority, serials, hours).der().to_vec()
    }

    /// Writes a file of this authority's directory.
    pub fn write_file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        std::fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    /// Writes certificate and key as `<name>.pem` and `<name>.key`.
    pub fn write(&self, name: &str, identity: &Identity) -> CertificateFiles {
        let files = CertificateFiles {
            cert: self.path(&format!("{name}.pem")),
            key: self.path(&format!("{name}.key")),
        };
        std::fs::write(&files.cert, &identity.pem.0).unwrap();
        std::fs::write(&files.key, &identity.pem.1).unwrap();
        files
    }

    /// A server certificate for these names, as files called after the first.
    pub fn server(&self, names: &[&str]) -> CertificateFiles {
        self.write(names.first().unwrap(), &self.issue(names, Use::Server))
    }

    /// A client that trusts this authority.
    pub fn client(&self) -> Client {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        Client { roots, identity: None, alpn: vec![], versions: rustls::ALL_VERSIONS }
    }
}

/// An authority that another one certified.
#[derive(Debug)]
pub struct Intermediate {
    authority: CertifiedIssuer<'static, KeyPair>,
    pub serial: u64,
}

impl Intermediate {
    /// Issues a client's certificate; its chain holds the intermediate.
    pub fn issue(&self, names: &[&str]) -> Identity {
        let mut identity = issue(&self.authority, names, Use::Client, |_| {});
        identity.chain.push(self.authority.der().clone());
        identity
    }

    /// A revocation list, PEM.
    pub fn crl(&self, serials: &[u64], hours: (i64, i64)) -> String {
        crl(&self.authority, serials, hours).pem().unwrap()
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn issue(
    authority: &CertifiedIssuer<'static, KeyPair>,
    names: &[&str],
    usage: Use,
    change: impl FnOnce(&mut CertificateParams),
) -> Identity {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    for name in names {
        if let Some(name) = name.strip_prefix("cn:") {
            params.distinguished_name.push(DnType::CommonName, name);
        } else if name.contains(":/") {
            params.subject_alt_names.push(SanType::URI((*name).try_into().unwrap()));
        } else if name.contains('@') {
            params.subject_alt_names.push(SanType::Rfc822Name((*name).try_into().unwrap()));
        } else {
            params.subject_alt_names.push(SanType::DnsName((*name).try_into().unwrap()));
        }
    }
    params.extended_key_usages = vec![match usage {
        Use::Server => ExtendedKeyUsagePurpose::ServerAuth,
        Use::Client => ExtendedKeyUsagePurpose::ClientAuth,
    }];
    let serial = next_serial();
    params.serial_number = Some(SerialNumber::from(serial));
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    Identity {
        chain: vec![certificate.der().clone()],
        key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        serial,
        pem: (certificate.pem(), key.serialize_pem()),
    }
}

fn next_serial() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1_000);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn crl(
    authority: &CertifiedIssuer<'static, KeyPair>,
    serials: &[u64],
    (from, until): (i64, i64),
) -> CertificateRevocationList {
    let revoked = |serial: &u64| RevokedCertParams {
        serial_number: SerialNumber::from(*serial),
        revocation_time: rcgen::date_time_ymd(1970, 1, 1) + since_1970(-1),
        reason_code: Some(RevocationReason::KeyCompromise),
        invalidity_date: None,
    };
    let params = CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(1970, 1, 1) + since_1970(from),
        next_update: rcgen::date_time_ymd(1970, 1, 1) + since_1970(until),
        crl_number: SerialNumber::from(next_serial()),
        issuing_distribution_point: None,
        revoked_certs: serials.iter().map(revoked).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(authority).unwrap()
}

/// Sets the validity of a certificate, in hours from now.
pub fn valid(params: &mut CertificateParams, from: i64, until: i64) {
    params.not_before = rcgen::date_time_ymd(1970, 1, 1) + since_1970(from);
    params.not_after = rcgen::date_time_ymd(1970, 1, 1) + since_1970(until);
}

fn since_1970(hours: i64) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Duration::from_secs(now.checked_add_signed(hours * 3_600).unwrap())
}

impl Drop for Pki {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.dir));
    }
}

/// Builds rustls client configurations.
#[derive(Debug, Clone)]
pub struct Client {
    roots: RootCertStore,
    identity: Option<Identity>,
    alpn: Vec<Vec<u8>>,
    versions: &'static [&'static SupportedProtocolVersion],
}

impl Client {
    pub fn identity(mut self, identity: &Identity) -> Self {
        self.identity = Some(identity.clone());
        self
    }

    pub fn alpn(mut self, protocols: &[&str]) -> Self {
        self.alpn = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
        self
    }

    pub fn versions(mut self, versions: &'static [&'static SupportedProtocolVersion]) -> Self {
        self.versions = versions;
        self
    }

    pub fn build(self) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(self.versions)
            .unwrap()
            .with_root_certificates(self.roots);
        let mut config = match self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => builder.with_client_auth_cert(identity.chain, identity.key).unwrap(),
        };
        config.alpn_protocols = self.alpn;
        config
    }
}
