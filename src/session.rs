//! Sealed session ids: what a client holds instead of the upstream's own id.
//!
//! Owns the sealing. Assumes that the caller was authenticated before an id is opened. Guarantees
//! (S-18): an id that this gateway did not seal, or sealed for another caller or another server,
//! or that has expired, opens for nobody, and the answer is the same for all of these. There is
//! no session store: any replica with the key can open an id.

use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::limits::{NAME_BYTES_MAX, SESSION_ID_BYTES_MAX};
use crate::principal::PrincipalKey;
use crate::reject::{Code, Rejection};
use crate::secret::Secret;

/// Why an id was not sealed or not opened; for the log only, callers are told one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The upstream's id is empty, too long or not visible ASCII (MCP 2025-11-25, Transports,
    /// "Session Management").
    #[error(
        "the upstream's session id is not 1 to {SESSION_ID_BYTES_MAX} visible ASCII characters"
    )]
    UpstreamId,
    /// Not the form of a sealed id.
    #[error("not a sealed session id")]
    Malformed,
    /// Sealed by another key, or changed.
    #[error("a session id that this gateway did not seal")]
    Forged,
    /// Sealed for another caller.
    #[error("a session id of another caller")]
    ForeignCaller,
    /// Sealed for another server of this gateway.
    #[error("a session id of another server")]
    ForeignServer,
    /// Its time is over.
    #[error("an expired session id")]
    Expired,
    /// The operating system gives no random numbers, or sealing failed.
    #[error("the session id cannot be sealed")]
    Crypto,
}

impl From<SessionError> for Rejection {
    fn from(error: SessionError) -> Self {
        let code = match error {
            SessionError::UpstreamId => Code::UpstreamInvalid,
            SessionError::Malformed
            | SessionError::Forged
            | SessionError::ForeignCaller
            | SessionError::ForeignServer
            | SessionError::Expired => Code::SessionUnknown,
            SessionError::Crypto => Code::Internal,
        };
        Self::new(code, error.to_string())
    }
}

/// The session key is unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not 32 bytes.
    #[error("a session key has {KEY_BYTES} bytes, not {found}")]
    Length {
        /// How many it has.
        found: usize,
    },
    /// The operating system gives no random numbers.
    #[error("no random numbers for a session key")]
    Random,
}

/// What an id holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The upstream's own id.
    pub upstream_id: Box<str>,
    /// When it was sealed, seconds since the Unix epoch.
    pub opened_at_s: u64,
    /// When it expires, seconds since the Unix epoch.
    pub expires_at_s: u64,
}

/// Seals and opens session ids with one key.
#[derive(Debug)]
pub struct Sealer {
    aead: RandomizedNonceKey,
    /// First byte of every id, so that a later gateway can tell by which key it was sealed.
    key_id: u8,
    hash: hmac::Key,
}

impl Sealer {
    /// With the configured key of 32 bytes, or one drawn now, which no other process knows.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn new(key: Option<&Secret>) -> Result<Self, KeyError> {
        let drawn;
        let key = match key {
            Some(key) => key,
            None => {
                let mut bytes = vec![0; KEY_BYTES];
                rand::fill(&mut bytes).map_err(|_| KeyError::Random)?;
                drawn = Secret::new(bytes);
                &drawn
            }
        };
        let length = KeyError::Length { found: key.expose().len() };
        let derive = |purpose: &[u8]| {
            let master = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
            Secret::new(hmac::sign(&master, purpose).as_ref().to_vec())
        };
        if key.expose().len() != KEY_BYTES {
            return Err(length);
        }
        let sealing = derive(b"sallyport session seal v1");
        let hashing = derive(b"sallyport session hash v1");
        let naming = derive(b"sallyport session key id v1");
        Ok(Self {
            aead: RandomizedNonceKey::new(&AES_256_GCM, sealing.expose()).map_err(|_| length)?,
            key_id: naming.expose().first().copied().unwrap_or_default(),
            hash: hmac::Key::new(hmac::HMAC_SHA256, hashing.expose()),
        })
    }

    /// Seals an upstream's session id for one caller of one server.
    ///
    /// # Errors
    /// [`SessionError::UpstreamId`], [`SessionError::Crypto`].
    pub fn seal(
        &self,
        upstream_id: &str,
        caller: PrincipalKey,
        server: &str,
        now_s: u64,
        lifetime: Duration,
    ) -> Result<String, SessionError> {
        let visible = upstream_id.bytes().all(|b| b.is_ascii_graphic());
        if !visible || !(1..=SESSION_ID_BYTES_MAX).contains(&upstream_id.len()) {
            return Err(SessionError::UpstreamId);
        }
        let server_length = u16::try_from(server.len()).map_err(|_| SessionError::Crypto)?;
        let mut sealed = Vec::with_capacity(FIXED_BYTES + server.len() + upstream_id.len());
        sealed.extend_from_slice(&now_s.to_be_bytes());
        sealed.extend_from_slice(&now_s.saturating_add(lifetime.as_secs()).to_be_bytes());
        sealed.extend_from_slice(&caller.0);
        sealed.extend_from_slice(&server_length.to_be_bytes());
        sealed.extend_from_slice(server.as_bytes());
        sealed.extend_from_slice(upstream_id.as_bytes());
        let header = [VERSION, self.key_id];
        let nonce = self
            .aead
            .seal_in_place_append_tag(Aad::from(header), &mut sealed)
            .map_err(|_| SessionError::Crypto)?;
        let mut out = Vec::with_capacity(header.len() + NONCE_LEN + sealed.len());
        out.extend_from_slice(&header);
        out.extend_from_slice(nonce.as_ref());
        out.extend_from_slice(&sealed);
        Ok(URL_SAFE_NO_PAD.encode(out))
    }

    /// Opens an id for the caller and the server that it was sealed for.
    ///
    /// # Errors
    /// See [`SessionError`]; every one of them is answered alike.
    pub fn open(
        &self,
        sealed: &str,
        caller: PrincipalKey,
        server: &str,
        now_s: u64,
    ) -> Result<Opened, SessionError> {
        if sealed.len() > SEALED_BYTES_MAX {
            return Err(SessionError::Malformed);
        }
        let mut bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| SessionError::Malformed)?;
        let (header, rest) = bytes.split_first_chunk_mut::<2>().ok_or(SessionError::Malformed)?;
        let (nonce, rest) =
            rest.split_first_chunk_mut::<NONCE_LEN>().ok_or(SessionError::Malformed)?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let plain = self
            .aead
            .open_in_place(nonce, Aad::from(*header), rest)
            .map_err(|_| SessionError::Forged)?;
        // Checked after the tag, which covers both bytes: an id of another key cannot get here.
        if *header != [VERSION, self.key_id] {
            return Err(SessionError::Forged);
        }
        let parts = Parts::read(plain).ok_or(SessionError::Malformed)?;
        if parts.caller != caller.0 {
            return Err(SessionError::ForeignCaller);
        }
        if parts.server != server.as_bytes() {
            return Err(SessionError::ForeignServer);
        }
        if now_s >= parts.expires_at_s {
            return Err(SessionError::Expired);
        }
        let upstream_id =
            std::str::from_utf8(parts.upstream_id).map_err(|_| SessionError::Malformed)?;
        Ok(Opened {
            upstream_id: upstream_id.into(),
            opened_at_s: parts.opened_at_s,
            expires_at_s: parts.expires_at_s,
        })
    }

    /// What stands in records for an id: 128 bits of a keyed hash, lower-case hex. Nobody can
    /// compute it without the key, and it opens nothing.
    #[must_use]
    pub fn hash(&self, sealed: &str) -> String {
        let tag = hmac::sign(&self.hash, sealed.as_bytes());
        let digit = |value: u8| char::from_digit(u32::from(value), 16);
        let bytes = tag.as_ref().iter().take(HASH_BYTES);
        bytes.flat_map(|byte| [digit(byte >> 4), digit(byte & 0x0F)]).flatten().collect()
    }
}

/// The plain text of an id.
struct Parts<'b> {
    opened_at_s: u64,
    expires_at_s: u64,
    caller: [u8; 16],
    server: &'b [u8],
    upstream_id: &'b [u8],
}

impl<'b> Parts<'b> {
    fn read(plain: &'b [u8]) -> Option<Self> {
        let (opened_at, rest) = plain.split_first_chunk::<8>()?;
        let (expires_at, rest) = rest.split_first_chunk::<8>()?;
        let (caller, rest) = rest.split_first_chunk::<16>()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (server, upstream_id) =
            rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        Some(Self {
            opened_at_s: u64::from_be_bytes(*opened_at),
            expires_at_s: u64::from_be_bytes(*expires_at),
            caller: *caller,
            server,
            upstream_id,
        })
    }
}

/// Version of the format, the first byte of every id.
const VERSION: u8 = 1;

const KEY_BYTES: usize = 32;

const HASH_BYTES: usize = 16;

/// Two times, the caller, the length of the server's name, the tag.
const FIXED_BYTES: usize = 8 + 8 + 16 + 2 + 16;

/// Base64 of the longest id that is ever sealed. Unit: bytes. Source: the longest upstream id and
/// server name, with the fixed parts. // limits.rs
pub const SEALED_BYTES_MAX: usize =
    (2 + NONCE_LEN + FIXED_BYTES + NAME_BYTES_MAX + SESSION_ID_BYTES_MAX).div_ceil(3) * 4;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{KeyError, Opened, SEALED_BYTES_MAX, Sealer, SessionError};
    use crate::limits::{NAME_BYTES_MAX, SESSION_ID_BYTES_MAX};
    use crate::principal::PrincipalKey;
    use crate::reject::{Code, Rejection};
    use crate::secret::Secret;

    const NOW_S: u64 = 1_800_000_000;
    const HOUR: Duration = Duration::from_secs(3600);
    const ALICE: PrincipalKey = PrincipalKey([1; 16]);
    const BOB: PrincipalKey = PrincipalKey([2; 16]);

    fn sealer(byte: u8) -> Sealer {
        Sealer::new(Some(&Secret::new(vec![byte; 32]))).unwrap()
    }

    fn sealed() -> String {
        sealer(7).seal("up-1", ALICE, "crm", NOW_S, HOUR).unwrap()
    }

    #[test]
    fn id_opens_for_its_caller_on_its_server() {
        let expected =
            Opened { upstream_id: "up-1".into(), opened_at_s: NOW_S, expires_at_s: NOW_S + 3600 };
        assert_eq!(sealer(7).open(&sealed(), ALICE, "crm", NOW_S + 3599), Ok(expected));
    }

    #[test]
    fn s18_foreign_expired_forged_and_unknown_ids_are_answered_alike() {
        let id = sealed();
        for (error, expected) in [
            (sealer(7).open(&id, BOB, "crm", NOW_S), SessionError::ForeignCaller),
            (sealer(7).open(&id, ALICE, "erp", NOW_S), SessionError::ForeignServer),
            (sealer(7).open(&id, ALICE, "crm", NOW_S + 3600), SessionError::Expired),
            (sealer(8).open(&id, ALICE, "crm", NOW_S), SessionError::Forged),
            (sealer(7).open("up-1", ALICE, "crm", NOW_S), SessionError::Malformed),
            (sealer(7).open("", ALICE, "crm", NOW_S), SessionError::Malformed),
            (sealer(7).open(&format!("{id}="), ALICE, "crm", NOW_S), SessionError::Malformed),
        ] {
            let error = error.unwrap_err();
            assert_eq!(error, expected);
            assert_eq!(Rejection::from(error).code, Code::SessionUnknown);
        }
    }

    #[test]
    fn s18_two_ids_for_the_same_session_have_nothing_in_common() {
        let (a, b) = (sealed(), sealed());
        assert_ne!(a, b);
        assert!(!a.contains("up-1"));
        assert!(a.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_'));
    }

    #[test]
    fn upstream_ids_out_of_form_are_not_sealed() {
        let long = "x".repeat(SESSION_ID_BYTES_MAX + 1);
        for id in ["", "a b", "a\n", "é", "a\u{7f}", &long] {
            let error = sealer(7).seal(id, ALICE, "crm", NOW_S, HOUR).unwrap_err();
            assert_eq!(error, SessionError::UpstreamId, "{id}");
            assert_eq!(Rejection::from(error).code, Code::UpstreamInvalid);
        }
    }

    #[test]
    fn longest_id_stays_within_sealed_bytes_max_and_opens() {
        let (id, server) = ("x".repeat(SESSION_ID_BYTES_MAX), "s".repeat(NAME_BYTES_MAX));
        let sealed = sealer(7).seal(&id, ALICE, &server, NOW_S, HOUR).unwrap();
        assert!(sealed.len() <= SEALED_BYTES_MAX);
        assert_eq!(&*sealer(7).open(&sealed, ALICE, &server, NOW_S).unwrap().upstream_id, id);
        let longer = "A".repeat(SEALED_BYTES_MAX + 1);
        assert_eq!(sealer(7).open(&longer, ALICE, "crm", NOW_S), Err(SessionError::Malformed));
    }

    #[test]
    fn drawn_keys_differ_and_short_keys_are_refused() {
        let id = Sealer::new(None).unwrap().seal("u", ALICE, "crm", NOW_S, HOUR).unwrap();
        let other = Sealer::new(None).unwrap();
        assert_eq!(other.open(&id, ALICE, "crm", NOW_S), Err(SessionError::Forged));
        let short = Secret::new(vec![1; 31]);
        assert_eq!(Sealer::new(Some(&short)).unwrap_err(), KeyError::Length { found: 31 });
    }

    #[test]
    fn hash_is_stable_keyed_and_short() {
        let hash = sealer(7).hash("id");
        assert_eq!(hash, sealer(7).hash("id"));
        assert_ne!(hash, sealer(8).hash("id"));
        assert_ne!(hash, sealer(7).hash("ie"));
        assert!(hash.len() == 32 && hash.bytes().all(|b| b.is_ascii_hexdigit()));
    }

    #[test]
    fn key_does_not_show_in_debug_output() {
        let shown = format!(
            "{:?}",
            Sealer::new(Some(&Secret::new(b"0123456789abcdef0123456789abcdef".to_vec())))
        );
        assert!(!shown.contains("0123") && !shown.contains("48, 49"), "{shown}");
    }

    proptest! {
        #[test]
        fn any_changed_character_is_refused(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_-]") {
            let id = sealed();
            let at = at.index(id.len());
            let mut changed = id.clone();
            changed.replace_range(at..=at, &to);
            prop_assume!(changed != id);
            prop_assert!(sealer(7).open(&changed, ALICE, "crm", NOW_S).is_err());
        }

        #[test]
        fn any_cut_is_refused(at in any::<prop::sample::Index>()) {
            let id = sealed();
            let cut = id.get(..at.index(id.len())).unwrap();
            prop_assert!(sealer(7).open(cut, ALICE, "crm", NOW_S).is_err());
        }

        #[test]
        fn every_visible_id_survives(id in "[!-~]{1,100}", server in "[a-z-]{1,20}", caller: [u8; 16]) {
            let caller = PrincipalKey(caller);
            let sealed = sealer(7).seal(&id, caller, &server, NOW_S, HOUR).unwrap();
            prop_assert_eq!(&*sealer(7).open(&sealed, caller, &server, NOW_S).unwrap().upstream_id, &id);
        }

        #[test]
        fn opening_never_panics(id in "[A-Za-z0-9_-]{0,100}|.{0,30}") {
            let _ = sealer(7).open(&id, ALICE, "crm", NOW_S);
        }
    }
}
