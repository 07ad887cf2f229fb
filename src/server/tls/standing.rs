//! Whether the certificate of an open connection would still be accepted.
//!
//! A handshake proves a moment. Authorities and revocation lists change with a reload, and both end
//! by the clock; a connection may outlive them by days. So each request, and each look of an open
//! stream, asks again: a comparison of two numbers, and only after a reload, or when
//! [`CERTIFICATE_RECHECK_S`] have passed, the verification of a handshake. A no is final.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustls::pki_types::{CertificateDer, UnixTime};

use crate::limits::CERTIFICATE_RECHECK_S;
use crate::peer::Standing;
use crate::server::reload::{Live, Slot};

/// The chain that a connection presented, and when it was found good.
#[derive(Debug)]
pub(in crate::server) struct Presented {
    slot: Arc<Slot>,
    chain: Box<[CertificateDer<'static>]>,
    /// [`Live::generation`] of the last verification.
    generation: AtomicU64,
    /// Its time, seconds since the Unix epoch.
    at_s: AtomicU64,
    ended: AtomicBool,
}

impl Presented {
    /// After a handshake under `live`.
    pub(in crate::server) fn new(
        slot: &Arc<Slot>,
        live: &Live,
        chain: &[CertificateDer<'static>],
    ) -> Self {
        Self {
            slot: Arc::clone(slot),
            chain: chain.into(),
            generation: AtomicU64::new(live.generation),
            at_s: AtomicU64::new(UnixTime::now().as_secs()),
            ended: AtomicBool::new(false),
        }
    }

    fn holds_at(&self, now: UnixTime) -> bool {
        if self.ended.load(Ordering::Acquire) {
            return false;
        }
        let live = self.slot.live();
        let fresh = now.as_secs().saturating_sub(self.at_s.load(Ordering::Acquire));
        let known = self.generation.load(Ordering::Acquire) == live.generation;
        if known && fresh < CERTIFICATE_RECHECK_S {
            return true;
        }
        let verified = match &live.tls {
            Some(tls) => tls.verify(&self.chain, now),
            None => Err(super::no_verifier()),
        };
        match verified {
            Ok(()) => {
                self.at_s.store(now.as_secs(), Ordering::Release);
                self.generation.store(live.generation, Ordering::Release);
                true
            }
            Err(error) => {
                if !self.ended.swap(true, Ordering::AcqRel) {
                    tracing::info!(listener = %self.slot.name, %error, "certificate of an open connection is no longer accepted");
                }
                false
            }
        }
    }
}

impl Standing for Presented {
    fn holds(&self) -> bool {
        self.holds_at(UnixTime::now())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa,
        KeyPair,
    };
    use rustls::pki_types::{CertificateDer, UnixTime};

    use super::Presented;
    use crate::config::{CertificateFiles, ClientAuth, Listener, Tls};
    use crate::limits::CERTIFICATE_RECHECK_S;
    use crate::server::reload::{Live, Slot};

    struct Authority(CertifiedIssuer<'static, KeyPair>);

    impl Authority {
        fn new() -> Self {
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
        }

        /// A client's certificate that ends 1 January of a year.
        fn client(&self, year: i32) -> CertificateDer<'static> {
            let mut params = CertificateParams::new(vec!["agent.test".to_owned()]).unwrap();
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            params.not_after = rcgen::date_time_ymd(year, 1, 1);
            let key = KeyPair::generate().unwrap();
            params.signed_by(&key, &self.0).unwrap().der().clone()
        }
    }

    fn listener(dir: &std::path::Path, authority: &Authority) -> Listener {
        let own = rcgen::generate_simple_self_signed(vec!["gateway.test".to_owned()]).unwrap();
        let path = |name: &str| dir.join(name);
        std::fs::write(path("c.pem"), own.cert.pem()).unwrap();
        std::fs::write(path("c.key"), own.signing_key.serialize_pem()).unwrap();
        std::fs::write(path("ca.pem"), authority.0.pem()).unwrap();
        let certificates = vec![CertificateFiles { cert: path("c.pem"), key: path("c.key") }];
        let tls = Tls {
            certificates,
            client_ca: Some(path("ca.pem")),
            crl: Vec::new(),
            client_auth: ClientAuth::Optional,
            tls13_only: false,
        };
        let bind = "127.0.0.1:0".parse().unwrap();
        Listener {
            name: Arc::from("l"),
            bind,
            tls: Some(tls),
            proxy_protocol: false,
            reuse_port: false,
        }
    }

    fn dir() -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("sallyport-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&path).unwrap();
        path
    }

    fn live(listener: &Listener) -> Live {
        Live::read(listener, &Arc::from([])).unwrap()
    }

    fn in_seconds(seconds: u64) -> UnixTime {
        let now = UnixTime::now().as_secs();
        UnixTime::since_unix_epoch(Duration::from_secs(now + seconds))
    }

    #[test]
    fn s20_certificate_that_expires_while_its_connection_is_open_ends_within_certificate_recheck_s()
    {
        let (dir, authority) = (dir(), Authority::new());
        let slot =
            Arc::new(Slot::new(&listener(&dir, &authority), live(&listener(&dir, &authority))));
        let presented = Presented::new(&slot, &slot.live(), &[authority.client(2031)]);
        assert!(presented.holds_at(in_seconds(0)));
        let end = 1_924_992_000 + 1 - UnixTime::now().as_secs();
        assert!(presented.holds_at(in_seconds(end - CERTIFICATE_RECHECK_S / 2)));
        assert!(!presented.holds_at(in_seconds(end + CERTIFICATE_RECHECK_S / 2)));
        assert!(!presented.holds_at(in_seconds(0)), "a no is final");
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn s20_certificate_of_an_authority_that_was_replaced_ends_with_the_reload() {
        let (dir, authority) = (dir(), Authority::new());
        let first = listener(&dir, &authority);
        let slot = Arc::new(Slot::new(&first, live(&first)));
        let of = |chain: CertificateDer<'static>| Presented::new(&slot, &slot.live(), &[chain]);
        let (kept, ended) = (of(authority.client(2040)), of(authority.client(2040)));
        slot.replace(Arc::new(live(&listener(&dir, &authority))));
        assert!(kept.holds_at(in_seconds(0)));
        slot.replace(Arc::new(live(&listener(&dir, &Authority::new()))));
        assert!(!ended.holds_at(in_seconds(0)));
        let off = Listener { tls: None, ..first };
        slot.replace(Arc::new(live(&off)));
        assert!(!kept.holds_at(in_seconds(0)), "nobody is left who could verify it");
        std::fs::remove_dir_all(dir).unwrap();
    }
}
