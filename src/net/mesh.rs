//! Whose certificate a request comes with: that of the connection, or the one that a trusted proxy
//! of a service mesh names.
//!
//! Owns the decision whether `X-Forwarded-Client-Cert` is believed. Guarantees (S-20): an identity
//! comes from our own handshake or from a configured proxy, never from anybody else's header; no
//! other header (`X-Client-Cert`, `X-SSL-*`) is read at all; the certificate of such a proxy is
//! never its callers' identity.

use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

use super::client::is_in;
use super::identities::Identities;
use super::xfcc::{self, XfccError};
use crate::config::TrustedMesh;
use crate::peer::Peer;
use crate::principal::CertificateIdentity;
use crate::reject::{Code, Rejection};

/// The proxies whose `X-Forwarded-Client-Cert` is believed.
#[derive(Debug)]
pub struct Mesh {
    networks: Vec<IpNet>,
    identities: Identities,
}

/// Why the caller's certificate cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MeshError {
    /// From somebody else than the mesh: a claim to be another one.
    #[error("`X-Forwarded-Client-Cert` of a peer that is no proxy of `trusted_mesh`")]
    Untrusted,
    /// More than one field: two readers could take different ones.
    #[error("`X-Forwarded-Client-Cert` of a trusted proxy is repeated")]
    Repeated,
    /// Not in Envoy's form, or contradictory.
    #[error("`X-Forwarded-Client-Cert` of a trusted proxy cannot be read: {0}")]
    Malformed(#[from] XfccError),
}

impl From<MeshError> for Rejection {
    fn from(error: MeshError) -> Self {
        Self::new(Code::HeaderInvalid, error.to_string())
    }
}

impl Mesh {
    /// The mesh of a configuration.
    #[must_use]
    pub fn new(mesh: &TrustedMesh) -> Self {
        let TrustedMesh { networks, identities } = mesh;
        Self { networks: networks.clone(), identities: Identities::new(identities) }
    }

    /// Whether this is one of the mesh's proxies: by its address, and by its own certificate where
    /// the configuration names identities.
    pub(super) fn is_proxy(&self, peer: &Peer) -> bool {
        is_in(&self.networks, peer.address.ip().to_canonical())
            && (self.identities.is_empty()
                || peer.presented().is_some_and(|own| self.identities.name(own)))
    }
}

/// The certificate of whoever calls, if there is one.
///
/// Without a mesh the header means nothing. With one, a header from elsewhere is refused rather than
/// passed over: it is a forgery, or a network that the configuration forgot, and neither should
/// look like a missing certificate.
///
/// # Errors
/// [`MeshError`].
pub fn certificate(
    mesh: Option<&Mesh>,
    peer: &Peer,
    headers: &HeaderMap,
) -> Result<Option<Arc<CertificateIdentity>>, MeshError> {
    let Some(mesh) = mesh else { return Ok(peer.presented().cloned()) };
    let mut fields = headers.get_all(X_FORWARDED_CLIENT_CERT).iter();
    let first = fields.next();
    match (first, mesh.is_proxy(peer)) {
        (None, false) => Ok(peer.presented().cloned()),
        (Some(_), false) => Err(MeshError::Untrusted),
        (None, true) => Ok(None),
        (Some(_), true) if fields.next().is_some() => Err(MeshError::Repeated),
        (Some(field), true) => {
            let field = field.to_str().map_err(|_| XfccError::Characters)?;
            Ok(Some(Arc::new(xfcc::client(field)?)))
        }
    }
}

const X_FORWARDED_CLIENT_CERT: HeaderName = HeaderName::from_static("x-forwarded-client-cert");

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::{HeaderMap, HeaderValue};

    use super::{Mesh, MeshError, X_FORWARDED_CLIENT_CERT, XfccError, certificate};
    use crate::config::{IdentityKind, IdentityRule, TrustedMesh};
    use crate::peer::{Peer, TlsFacts};
    use crate::principal::{CertificateIdentity, CertificateSource, Names};

    const INGRESS: &str = "spiffe://corp/ingress";

    fn mesh(identities: &[&str]) -> Mesh {
        let rule = |id: &&str| IdentityRule { kind: IdentityKind::Spiffe, pattern: (*id).into() };
        Mesh::new(&TrustedMesh {
            networks: vec!["10.0.0.0/8".parse().unwrap()],
            identities: identities.iter().map(rule).collect(),
        })
    }

    fn peer(address: &str, presented: Option<&str>) -> Peer {
        let presented = presented.map(|id| {
            let names = Names { uris: vec![id.to_owned()], ..Names::default() };
            let hash = "11".repeat(32);
            Arc::new(CertificateIdentity::new(names, hash, CertificateSource::Tls))
        });
        let tls = TlsFacts {
            version: "TLSv1.3",
            group: "X25519MLKEM768",
            server_name: None,
            presented,
            standing: None,
        };
        Peer { listener: Arc::from("l"), address: address.parse().unwrap(), tls: Some(tls) }
    }

    fn headers(fields: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(X_FORWARDED_CLIENT_CERT, HeaderValue::from_str(field).unwrap());
        }
        headers
    }

    fn name(
        mesh: Option<&Mesh>,
        peer: &Peer,
        fields: &[&str],
    ) -> Result<Option<String>, MeshError> {
        let found = certificate(mesh, peer, &headers(fields))?;
        Ok(found.map(|certificate| certificate.name.to_string()))
    }

    fn agent() -> String {
        format!("Hash={};URI=spiffe://corp/agent", "22".repeat(32))
    }

    const AGENT: &str = "spiffe://corp/agent";

    #[test]
    fn s20_proxy_in_a_trusted_network_names_the_client() {
        let sidecar = mesh(&[]);
        let from = peer("10.1.1.1:1", None);
        assert_eq!(name(Some(&sidecar), &from, &[&agent()]), Ok(Some(AGENT.to_owned())));
        assert_eq!(
            name(Some(&sidecar), &peer("[::ffff:10.1.1.1]:1", None), &[&agent()]),
            Ok(Some(AGENT.to_owned()))
        );
    }

    #[test]
    fn s20_network_and_identity_of_a_proxy_must_both_be_right() {
        let ingress = mesh(&[INGRESS]);
        let seen =
            |address, own, fields: &[&str]| name(Some(&ingress), &peer(address, own), fields);
        assert_eq!(seen("10.1.1.1:1", Some(INGRESS), &[&agent()]), Ok(Some(AGENT.to_owned())));
        for (address, own) in [
            ("192.0.2.1:1", Some(INGRESS)),
            ("10.1.1.1:1", None),
            ("10.1.1.1:1", Some("spiffe://corp/ingress2")),
            ("10.1.1.1:1", Some(AGENT)),
        ] {
            assert_eq!(seen(address, own, &[&agent()]), Err(MeshError::Untrusted));
            assert_eq!(seen(address, own, &[]), Ok(own.map(str::to_owned)));
        }
    }

    #[test]
    fn s20_certificate_of_a_proxy_is_never_its_callers() {
        let ingress = mesh(&[INGRESS]);
        assert_eq!(name(Some(&ingress), &peer("10.1.1.1:1", Some(INGRESS)), &[]), Ok(None));
    }

    #[test]
    fn s20_without_a_mesh_the_header_means_nothing() {
        assert_eq!(name(None, &peer("10.1.1.1:1", None), &[&agent()]), Ok(None));
        assert_eq!(
            name(None, &peer("10.1.1.1:1", Some(INGRESS)), &[&agent()]),
            Ok(Some(INGRESS.to_owned()))
        );
    }

    #[test]
    fn s20_malformed_or_repeated_header_of_a_proxy_is_refused() {
        let (sidecar, from) = (mesh(&[]), peer("10.1.1.1:1", None));
        let seen = |fields: &[&str]| name(Some(&sidecar), &from, fields);
        assert_eq!(seen(&["x"]), Err(MeshError::Malformed(XfccError::Form)));
        assert_eq!(seen(&[""]), Err(MeshError::Malformed(XfccError::Form)));
        assert_eq!(seen(&["URI=spiffe://corp/a"]), Err(MeshError::Malformed(XfccError::Hash)));
        assert_eq!(seen(&[&agent(), &agent()]), Err(MeshError::Repeated));
    }
}
