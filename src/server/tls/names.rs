//! Which certificate a client gets: by server name (RFC 6066 section 3) and by what it can verify.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// The certificates of one listener.
#[derive(Debug)]
pub(super) struct Certificates {
    /// All, in the order of the configuration; the first is the default.
    all: Vec<Arc<CertifiedKey>>,
    /// Indices by lower-case name; a wildcard stands as `*.` and its parent.
    by_name: HashMap<String, Vec<usize>>,
}

impl Certificates {
    pub(super) fn new(certificates: Vec<(Arc<CertifiedKey>, Vec<String>)>) -> Self {
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        let mut all = Vec::with_capacity(certificates.len());
        for (index, (key, names)) in certificates.into_iter().enumerate() {
            all.push(key);
            for name in names {
                by_name.entry(name).or_default().push(index);
            }
        }
        Self { all, by_name }
    }

    /// Indices of the certificates for a name: exact, else by wildcard, else the default.
    fn candidates(&self, name: Option<&str>) -> &[usize] {
        // rustls hands the name over in lower case, as RFC 6066 compares without regard to it.
        let exact = name.and_then(|name| self.by_name.get(name));
        let wildcard = || {
            let (_, parent) = name?.split_once('.')?;
            self.by_name.get(&format!("*.{parent}"))
        };
        exact.or_else(wildcard).map_or(&[0], Vec::as_slice)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let of_name =
            || self.candidates(hello.server_name()).iter().filter_map(|&i| self.all.get(i));
        // One name may have an ECDSA and an RSA certificate: the first that this client accepts.
        let usable =
            |key: &&Arc<CertifiedKey>| key.key.choose_scheme(hello.signature_schemes()).is_some();
        of_name().find(usable).or_else(|| of_name().next()).cloned()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rcgen::generate_simple_self_signed;
    use rustls::pki_types::PrivateKeyDer;
    use rustls::sign::CertifiedKey;

    use super::Certificates;

    fn certificates(names: &[&[&str]]) -> Certificates {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let made = names.iter().map(|names| {
            let made = generate_simple_self_signed(vec!["x.test".to_owned()]).unwrap();
            let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
            let chain = vec![made.cert.der().clone()];
            let key = CertifiedKey::from_der(chain, key, &provider).unwrap();
            (Arc::new(key), names.iter().map(|n| (*n).to_owned()).collect())
        });
        Certificates::new(made.collect())
    }

    #[test]
    fn name_chooses_exact_then_wildcard_then_the_first() {
        let held = certificates(&[&["a.test"], &["b.test", "*.b.test"], &["x.b.test", "b.test"]]);
        assert_eq!(held.candidates(Some("a.test")), [0]);
        assert_eq!(held.candidates(Some("b.test")), [1, 2]);
        assert_eq!(held.candidates(Some("x.b.test")), [2]);
        assert_eq!(held.candidates(Some("y.b.test")), [1]);
        assert_eq!(held.candidates(Some("z.y.b.test")), [0], "a wildcard stands for one label");
        assert_eq!(held.candidates(Some("other.test")), [0]);
        assert_eq!(held.candidates(None), [0]);
    }
}
