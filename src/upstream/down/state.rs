//! What a client holds for a call that waits for its answers: a sealed `requestState`.
//!
//! Owns the sealing, with a key of its own: nothing sealed elsewhere opens here. Guarantees that a
//! state which this gateway did not seal, or sealed for another caller, another server or another
//! request, or whose time is over, continues nothing (MCP 2026-07-28, "Multi Round-Trip Requests",
//! "Security Considerations": the state is attacker-controlled).

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::limits::{NAME_BYTES_MAX, STATE_BYTES_MAX};
use crate::principal::PrincipalKey;
use crate::secret::Secret;

/// Names one parked call; random, and of no use without the seal around it.
pub(super) type Handle = [u8; 16];

/// What a state says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claims {
    /// Which parked call.
    pub(super) handle: Handle,
    /// Digest of the request that it continues.
    pub(super) digest: [u8; 32],
    /// When it ends, seconds since the Unix epoch.
    pub(super) expires_at_s: u64,
}

/// Why a state continues nothing; for the log only, callers are told one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum StateError {
    #[error("a request state that is not of our form")]
    Malformed,
    #[error("a request state that this gateway did not seal, or that was changed")]
    Forged,
    #[error("a request state of another caller")]
    ForeignCaller,
    #[error("a request state of another server")]
    ForeignServer,
    #[error("an expired request state")]
    Expired,
    #[error("a request state of another request")]
    OtherRequest,
    #[error("a request state that was used before, or whose call is gone")]
    Used,
    #[error("the request state cannot be sealed")]
    Crypto,
}

/// Seals and opens states for one server.
#[derive(Debug)]
pub(super) struct StateSealer {
    aead: RandomizedNonceKey,
    server: Box<str>,
}

impl StateSealer {
    /// With a key drawn now. The calls that states lead to live in this process only, so no other
    /// one has a use for the key.
    pub(super) fn new(server: &str) -> Result<Self, StateError> {
        let mut key = vec![0; KEY_BYTES];
        rand::fill(&mut key).map_err(|_| StateError::Crypto)?;
        let key = Secret::new(key);
        let aead = RandomizedNonceKey::new(&AES_256_GCM, key.expose());
        Ok(Self { aead: aead.map_err(|_| StateError::Crypto)?, server: server.into() })
    }

    /// A handle that nobody can guess.
    pub(super) fn draw() -> Result<Handle, StateError> {
        let mut handle = [0; 16];
        rand::fill(&mut handle).map_err(|_| StateError::Crypto)?;
        Ok(handle)
    }

    /// Seals a state for one caller.
    pub(super) fn seal(&self, claims: &Claims, caller: PrincipalKey) -> Result<String, StateError> {
        let mut sealed = Vec::with_capacity(FIXED_BYTES.saturating_add(self.server.len()));
        sealed.extend_from_slice(&claims.expires_at_s.to_be_bytes());
        sealed.extend_from_slice(&caller.0);
        sealed.extend_from_slice(&claims.handle);
        sealed.extend_from_slice(&claims.digest);
        sealed.extend_from_slice(self.server.as_bytes());
        let nonce = self
            .aead
            .seal_in_place_append_tag(Aad::from(PURPOSE), &mut sealed)
            .map_err(|_| StateError::Crypto)?;
        let mut out = nonce.as_ref().to_vec();
        out.extend_from_slice(&sealed);
        Ok(URL_SAFE_NO_PAD.encode(out))
    }

    /// Opens a state of this caller. Whether the request is the same one is for
    /// [`Claims::digest`] to tell.
    pub(super) fn open(
        &self,
        sealed: &str,
        caller: PrincipalKey,
        now_s: u64,
    ) -> Result<Claims, StateError> {
        if sealed.len() > STATE_BYTES_MAX {
            return Err(StateError::Malformed);
        }
        let mut bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| StateError::Malformed)?;
        let (nonce, rest) =
            bytes.split_first_chunk_mut::<NONCE_LEN>().ok_or(StateError::Malformed)?;
        let plain = self
            .aead
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(PURPOSE), rest)
            .map_err(|_| StateError::Forged)?;
        let parts = || {
            let (expires_at, rest) = plain.split_first_chunk::<8>()?;
            let (owner, rest) = rest.split_first_chunk::<16>()?;
            let (handle, rest) = rest.split_first_chunk::<16>()?;
            let (digest, server) = rest.split_first_chunk::<32>()?;
            let expires_at_s = u64::from_be_bytes(*expires_at);
            Some((*owner, server, Claims { handle: *handle, digest: *digest, expires_at_s }))
        };
        let (owner, server, claims) = parts().ok_or(StateError::Malformed)?;
        if owner != caller.0 {
            return Err(StateError::ForeignCaller);
        }
        if server != self.server.as_bytes() {
            return Err(StateError::ForeignServer);
        }
        if now_s >= claims.expires_at_s {
            return Err(StateError::Expired);
        }
        Ok(claims)
    }
}

/// Sets these seals apart from every other use of the cipher.
const PURPOSE: &[u8] = b"sallyport request state v1";
const KEY_BYTES: usize = 32;
/// Expiry, caller, handle, digest, tag.
const FIXED_BYTES: usize = 8 + 16 + 16 + 32 + 16;
/// The longest state is one for the longest server name.
const _: () =
    assert!(STATE_BYTES_MAX >= (NONCE_LEN + FIXED_BYTES + NAME_BYTES_MAX).div_ceil(3) * 4);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Claims, StateError, StateSealer};
    use crate::limits::{NAME_BYTES_MAX, STATE_BYTES_MAX};
    use crate::principal::PrincipalKey;

    const ALICE: PrincipalKey = PrincipalKey([1; 16]);
    const BOB: PrincipalKey = PrincipalKey([2; 16]);
    const CLAIMS: Claims = Claims { handle: [3; 16], digest: [4; 32], expires_at_s: 1_000 };

    #[test]
    fn state_opens_for_its_caller_until_it_expires() {
        let sealer = StateSealer::new("crm").unwrap();
        let sealed = sealer.seal(&CLAIMS, ALICE).unwrap();
        assert_eq!(sealer.open(&sealed, ALICE, 999), Ok(CLAIMS));
        assert_eq!(sealer.open(&sealed, ALICE, 1_000), Err(StateError::Expired));
        assert_eq!(sealer.open(&sealed, BOB, 999), Err(StateError::ForeignCaller));
    }

    #[test]
    fn state_of_another_key_or_form_opens_nothing() {
        let (one, other) = (StateSealer::new("crm").unwrap(), StateSealer::new("crm").unwrap());
        let sealed = one.seal(&CLAIMS, ALICE).unwrap();
        assert_eq!(other.open(&sealed, ALICE, 0), Err(StateError::Forged));
        for text in ["", "x", "not base64!", "AAAA", &"A".repeat(STATE_BYTES_MAX + 1)] {
            assert_eq!(one.open(text, ALICE, 0), Err(StateError::Malformed), "{text}");
        }
    }

    #[test]
    fn state_of_the_longest_server_name_stays_within_state_bytes_max() {
        let name = "s".repeat(NAME_BYTES_MAX);
        let sealer = StateSealer::new(&name).unwrap();
        let sealed = sealer.seal(&CLAIMS, ALICE).unwrap();
        assert!(sealed.len() <= STATE_BYTES_MAX);
        assert_eq!(sealer.open(&sealed, ALICE, 0), Ok(CLAIMS));
    }

    #[test]
    fn handles_and_states_never_repeat() {
        let sealer = StateSealer::new("crm").unwrap();
        assert_ne!(StateSealer::draw().unwrap(), StateSealer::draw().unwrap());
        assert_ne!(sealer.seal(&CLAIMS, ALICE).unwrap(), sealer.seal(&CLAIMS, ALICE).unwrap());
    }

    proptest! {
        #[test]
        fn any_changed_character_is_refused(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_-]") {
            let sealer = StateSealer::new("crm").unwrap();
            let sealed = sealer.seal(&CLAIMS, ALICE).unwrap();
            let at = at.index(sealed.len());
            let mut changed = sealed.clone();
            changed.replace_range(at..=at, &to);
            prop_assume!(changed != sealed);
            prop_assert!(sealer.open(&changed, ALICE, 0).is_err());
        }
    }
}
