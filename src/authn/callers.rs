//! Makes principals of those who have no token, and keeps callers apart of whom nothing is proven.
//!
//! Guarantees that no caller of one method ever has the key of a caller of another.

use std::net::IpAddr;
use std::sync::Arc;

use crate::principal::{AuthMethod, CertificateIdentity, Principal, PrincipalKey};
use crate::reject::{Code, Rejection};

/// A refusal of whoever has no certificate that counts here.
pub(super) fn certificate_refused(why: &'static str, reason: &'static str) -> Rejection {
    let mut rejection = Rejection::new(Code::CertificateRequired, why);
    rejection.reason = Some(reason);
    rejection
}

/// A certificate that came along with a token is recorded beside it. The cached principal stays
/// as it is, because the same token may come over another connection.
pub(super) fn with_certificate(
    principal: Arc<Principal>,
    certificate: Option<&Arc<CertificateIdentity>>,
) -> Arc<Principal> {
    match certificate {
        None => principal,
        Some(certificate) => Arc::new(Principal {
            certificate: Some(Arc::clone(certificate)),
            ..Principal::clone(&principal)
        }),
    }
}

/// Where nobody is asked who they are, what is kept for a caller (sessions, conversations with the
/// server, calls that wait) is kept for the client's address, never for all callers together.
pub(super) fn told_apart(principal: Arc<Principal>, client: IpAddr) -> Arc<Principal> {
    match principal.method {
        AuthMethod::Bearer | AuthMethod::Certificate | AuthMethod::ApiKey => principal,
        AuthMethod::Anonymous => Arc::new(Principal {
            key: PrincipalKey::of_address(client),
            ..Principal::clone(&principal)
        }),
    }
}

pub(super) fn anonymous() -> Principal {
    without_token(AuthMethod::Anonymous, Arc::from("anonymous"), None)
}

pub(super) fn certified(certificate: &Arc<CertificateIdentity>) -> Principal {
    let name = Arc::clone(&certificate.name);
    without_token(AuthMethod::Certificate, name, Some(Arc::clone(certificate)))
}

fn without_token(
    method: AuthMethod,
    subject: Arc<str>,
    certificate: Option<Arc<CertificateIdentity>>,
) -> Principal {
    // No issuer's name begins with NUL: a token can never get the key of another method's caller.
    let namespace = format!("\0{}", method.name());
    let key = PrincipalKey::of(&namespace, &subject, None);
    Principal { certificate, key, ..Principal::new(method, Arc::from(""), subject) }
}
