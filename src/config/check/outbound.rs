//! The gateway's own requests, and how it proves itself to authorization servers.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    RsaKeyPair,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;

use super::super::model::{ClientProof, Outbound};
use super::super::{raw, secrets};
use super::{At, Context, certificates, duration, listeners};
use crate::limits::{FETCH_MS, FETCH_MS_MAX, FILE_BYTES_MAX};
use crate::secret::Secret;

pub(super) fn outbound(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: Option<raw::Outbound>,
) -> Option<Outbound> {
    let none = raw::Outbound { ca: None, networks: None, timeout: None };
    let raw::Outbound { ca, networks, timeout } = raw.unwrap_or(none);
    let ca_pem = match ca {
        None => Some(None),
        Some(path) => authorities(cx, &at.key("ca"), &path).map(Some),
    };
    let networks_at = at.key("networks");
    let networks = listeners::networks(cx, &networks_at, networks);
    for (i, network) in networks.iter().flatten().enumerate() {
        if network.prefix_len() == 0 {
            let message = format!("`{network}` lets whoever answers for a name choose any address");
            cx.weak(&networks_at.item(i), message, "name the networks of your issuers only");
        }
    }
    let (default, bound) = (Duration::from_millis(FETCH_MS), Duration::from_millis(FETCH_MS_MAX));
    let timeout = duration(cx, &at.key("timeout"), timeout, default, bound);
    Some(Outbound { ca_pem: ca_pem?, networks: networks?, timeout: timeout? })
}

fn authorities(cx: &mut Context<'_>, at: &At<'_>, path: &raw::FilePath) -> Option<Arc<[u8]>> {
    let (path, _) = certificates::authorities(cx, at, path)?;
    cx.read(at, &path, FILE_BYTES_MAX).map(Arc::from)
}

/// Exactly one method.
pub(super) fn client(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: raw::ClientAuthentication,
) -> Option<ClientProof> {
    let raw::ClientAuthentication {
        client_secret_basic,
        client_secret_post,
        private_key_jwt,
        tls_client_auth,
    } = raw;
    match (client_secret_basic, client_secret_post, private_key_jwt, tls_client_auth) {
        (Some(secret), None, None, None) => {
            let secret = text(cx, &at.key("client_secret_basic"), &secret)?;
            Some(ClientProof::SecretBasic(secret))
        }
        (None, Some(secret), None, None) => {
            let secret = text(cx, &at.key("client_secret_post"), &secret)?;
            Some(ClientProof::SecretPost(secret))
        }
        (None, None, Some(raw), None) => private_key(cx, &at.key("private_key_jwt"), raw),
        (None, None, None, Some(files)) => {
            let at = at.key("tls_client_auth");
            let files = certificates::pair(cx, &at, &files.cert, &files.key)?;
            let chain = cx.read(&at.key("cert"), &files.cert, FILE_BYTES_MAX)?;
            // Its users and its mode were judged just now.
            let key = cx.files.read_secret(&files.key).ok()?;
            Some(ClientProof::Tls { chain: chain.into(), key: Secret::new(key) })
        }
        (None, None, None, None) => {
            let help = "add one, such as `client_secret_basic: { file: secrets/client }`";
            cx.absent(at, "no way to prove who asks", help);
            None
        }
        _ => {
            cx.error(at, "several ways to prove who asks", "keep one of them");
            None
        }
    }
}

/// A secret that forms and headers can carry.
fn text(cx: &mut Context<'_>, at: &At<'_>, reference: &raw::SecretRef) -> Option<Secret> {
    let secret = secrets::secret(cx, at, reference)?;
    if std::str::from_utf8(secret.expose()).is_err() {
        cx.error(at, "the secret is not text", "is it the right file?");
        return None;
    }
    Some(secret)
}

fn private_key(cx: &mut Context<'_>, at: &At<'_>, raw: raw::PrivateKeyJwt) -> Option<ClientProof> {
    let raw::PrivateKeyJwt { key, kid, audience } = raw;
    for (name, value) in [("kid", &kid), ("audience", &audience)] {
        if value.as_deref().is_some_and(|text| text.trim().is_empty()) {
            cx.error(&at.key(name), format!("`{name}` is empty"), "fill it, or remove it");
            return None;
        }
    }
    let key = signing_key(cx, &at.key("key"), &key)?;
    Some(ClientProof::PrivateKeyJwt { key, kid, audience })
}

/// A private key that signs assertions, PKCS#8 PEM.
pub(super) fn signing_key(
    cx: &mut Context<'_>,
    at: &At<'_>,
    path: &raw::FilePath,
) -> Option<Secret> {
    let path = cx.resolve(&path.0);
    let pem = Secret::new(cx.read_secret(at, &path)?);
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem.expose()).ok();
    if !der.as_ref().is_some_and(|der| signs(der.secret_pkcs8_der())) {
        let help = "make one with `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`";
        cx.error(at, "the file holds no PKCS#8 key of a kind that signs assertions", help);
        return None;
    }
    cx.files.note_key(pem.expose());
    Some(pem)
}

/// The kinds of keys that [`crate::outbound`] signs with.
fn signs(der: &[u8]) -> bool {
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).is_ok()
        || EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, der).is_ok()
        || Ed25519KeyPair::from_pkcs8(der).is_ok()
        || RsaKeyPair::from_pkcs8(der).is_ok()
}
