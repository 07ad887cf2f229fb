//! The seal of session ids: what a client holds instead of the upstream's own id.
//!
//! Owns keys and format. Assumes that the caller was authenticated before an id is opened.
//! Guarantees (S-18): an id that no key here sealed, or that was sealed for another caller,
//! another server or another purpose, or that has expired, opens for nobody, and the answer is the
//! same for all of these. Any replica with the key can open an id; of several keys the first
//! seals and all open, so that keys can be changed without ending sessions.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::limits::{NAME_BYTES_MAX, SESSION_ID_BYTES_MAX, SESSION_KEYS_MAX};
use crate::mcp::version::Revision;
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
    /// Sealed for another purpose: a stream's id in place of a session's, or the reverse.
    #[error("an id of another kind")]
    ForeignKind,
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
            | SessionError::ForeignKind
            | SessionError::Expired => Code::SessionUnknown,
            SessionError::Crypto => Code::Internal,
        };
        Self::new(code, error.to_string())
    }
}

/// The session keys are unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not 32 bytes.
    #[error("a session key has {KEY_BYTES} bytes, not {found}")]
    Length {
        /// How many it has.
        found: usize,
    },
    /// More keys than are tried on an id.
    #[error("more than {SESSION_KEYS_MAX} session keys")]
    Many,
    /// The operating system gives no random numbers.
    #[error("no random numbers for a session key")]
    Random,
}

/// What an id is for. One kind never passes for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A session of the upstream, in `Mcp-Session-Id`.
    Session,
    /// A stream of an HTTP+SSE client, in the query of its POST address.
    Stream,
}

/// What is sealed.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'f> {
    /// What the id is for.
    pub purpose: Purpose,
    /// The upstream's own id, or the name of a stream.
    pub upstream_id: &'f str,
    /// The revision that was agreed on in the handshake; `None` where it is not known.
    pub revision: Option<Revision>,
    /// For whom.
    pub caller: PrincipalKey,
    /// On which server.
    pub server: &'f str,
}

/// A sealed id and what stands for it in records and tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// What the client gets.
    pub id: String,
    /// Its hash.
    pub hash: Hash,
}

/// What an id holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The upstream's own id, or the name of a stream.
    pub upstream_id: Box<str>,
    /// The revision that was agreed on in the handshake; `None` where it was not known.
    pub revision: Option<Revision>,
    /// When it was sealed, seconds since the Unix epoch.
    pub opened_at_s: u64,
    /// When it expires, seconds since the Unix epoch.
    pub expires_at_s: u64,
    /// What stands for it in records and tables.
    pub hash: Hash,
}

/// 128 bits of a keyed hash of a sealed id. Nobody can compute it without the key, and it opens
/// nothing. It is made with the key that sealed the id, so it outlives a change of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash([u8; HASH_BYTES]);

impl Hash {
    /// From the hex digits that records show.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut hash = [0; HASH_BYTES];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != HASH_BYTES || !rest.is_empty() {
            return None;
        }
        for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
            let digit = |c: u8| char::from(c).to_digit(16).filter(|_| !c.is_ascii_uppercase());
            *byte = u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?;
        }
        Some(Self(hash))
    }

    #[cfg(test)]
    pub(crate) fn of_bytes(bytes: [u8; HASH_BYTES]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Seals and opens ids.
#[derive(Debug)]
pub struct Sealer {
    first: Key,
    /// Keys that only open.
    others: Vec<Key>,
}

/// One key, with everything that is derived from it.
#[derive(Debug)]
struct Key {
    aead: RandomizedNonceKey,
    /// Second byte of every id: tells by which key it was sealed.
    id: u8,
    hash: hmac::Key,
}

impl Sealer {
    /// With the configured keys of 32 bytes, of which the first seals; or, where there is none,
    /// with one drawn now, which no other process knows.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn new(keys: &[Secret]) -> Result<Self, KeyError> {
        if keys.len() > SESSION_KEYS_MAX {
            return Err(KeyError::Many);
        }
        let Some((first, others)) = keys.split_first() else {
            let mut bytes = vec![0; KEY_BYTES];
            rand::fill(&mut bytes).map_err(|_| KeyError::Random)?;
            return Ok(Self { first: Key::new(&Secret::new(bytes))?, others: Vec::new() });
        };
        let others = others.iter().map(Key::new).collect::<Result<_, _>>()?;
        Ok(Self { first: Key::new(first)?, others })
    }

    /// Seals an id for one caller of one server.
    ///
    /// # Errors
    /// [`SessionError::UpstreamId`], [`SessionError::Crypto`].
    pub fn seal(
        &self,
        facts: &Facts<'_>,
        now_s: u64,
        lifetime: Duration,
    ) -> Result<Sealed, SessionError> {
        let Facts { purpose, upstream_id, revision, caller, server } = facts;
        let visible = upstream_id.bytes().all(|b| b.is_ascii_graphic());
        if !visible || !(1..=SESSION_ID_BYTES_MAX).contains(&upstream_id.len()) {
            return Err(SessionError::UpstreamId);
        }
        let server_length = u16::try_from(server.len()).map_err(|_| SessionError::Crypto)?;
        let mut sealed = Vec::with_capacity(FIXED_BYTES + server.len() + upstream_id.len());
        sealed.extend_from_slice(&[purpose.byte(), revision_byte(*revision)]);
        sealed.extend_from_slice(&now_s.to_be_bytes());
        sealed.extend_from_slice(&now_s.saturating_add(lifetime.as_secs()).to_be_bytes());
        sealed.extend_from_slice(&caller.0);
        sealed.extend_from_slice(&server_length.to_be_bytes());
        sealed.extend_from_slice(server.as_bytes());
        sealed.extend_from_slice(upstream_id.as_bytes());
        let header = [VERSION, self.first.id];
        let nonce = self
            .first
            .aead
            .seal_in_place_append_tag(Aad::from(header), &mut sealed)
            .map_err(|_| SessionError::Crypto)?;
        let mut out = Vec::with_capacity(header.len() + NONCE_LEN + sealed.len());
        out.extend_from_slice(&header);
        out.extend_from_slice(nonce.as_ref());
        out.extend_from_slice(&sealed);
        let id = URL_SAFE_NO_PAD.encode(out);
        let hash = self.first.hash(&id);
        Ok(Sealed { id, hash })
    }

    /// Opens an id for the purpose, the caller and the server that it was sealed for.
    ///
    /// # Errors
    /// See [`SessionError`]; every one of them is answered alike.
    pub fn open(
        &self,
        purpose: Purpose,
        sealed: &str,
        caller: PrincipalKey,
        server: &str,
        now_s: u64,
    ) -> Result<Opened, SessionError> {
        if sealed.len() > SEALED_BYTES_MAX {
            return Err(SessionError::Malformed);
        }
        let bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| SessionError::Malformed)?;
        let header: [u8; 2] = *bytes.first_chunk().ok_or(SessionError::Malformed)?;
        let keys = std::iter::once(&self.first).chain(&self.others);
        // Two keys may share the byte; then the tag decides.
        let mut named = keys.filter(|key| header == [VERSION, key.id]);
        let (key, plain) =
            named.find_map(|key| Some((key, key.open(&bytes)?))).ok_or(SessionError::Forged)?;
        let parts = Parts::read(&plain).ok_or(SessionError::Malformed)?;
        if parts.caller != caller.0 {
            return Err(SessionError::ForeignCaller);
        }
        if parts.server != server.as_bytes() {
            return Err(SessionError::ForeignServer);
        }
        if parts.purpose != purpose.byte() {
            return Err(SessionError::ForeignKind);
        }
        if now_s >= parts.expires_at_s {
            return Err(SessionError::Expired);
        }
        let upstream_id =
            std::str::from_utf8(parts.upstream_id).map_err(|_| SessionError::Malformed)?;
        Ok(Opened {
            upstream_id: upstream_id.into(),
            revision: revision_of(parts.revision),
            opened_at_s: parts.opened_at_s,
            expires_at_s: parts.expires_at_s,
            hash: key.hash(sealed),
        })
    }
}

impl Key {
    fn new(key: &Secret) -> Result<Self, KeyError> {
        let length = KeyError::Length { found: key.expose().len() };
        if key.expose().len() != KEY_BYTES {
            return Err(length);
        }
        let derive = |purpose: &[u8]| {
            let master = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
            Secret::new(hmac::sign(&master, purpose).as_ref().to_vec())
        };
        let sealing = derive(b"sallyport session seal v1");
        let hashing = derive(b"sallyport session hash v1");
        let naming = derive(b"sallyport session key id v1");
        Ok(Self {
            aead: RandomizedNonceKey::new(&AES_256_GCM, sealing.expose()).map_err(|_| length)?,
            id: naming.expose().first().copied().unwrap_or_default(),
            hash: hmac::Key::new(hmac::HMAC_SHA256, hashing.expose()),
        })
    }

    /// The plain text of an id whose header names this key; `None` when it did not seal it.
    fn open(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let (header, rest) = bytes.split_first_chunk::<2>()?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_LEN>()?;
        let mut rest = rest.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.aead.open_in_place(nonce, Aad::from(*header), &mut rest).ok()?.len();
        rest.truncate(length);
        Some(rest)
    }

    fn hash(&self, sealed: &str) -> Hash {
        let tag = hmac::sign(&self.hash, sealed.as_bytes());
        let mut hash = [0; HASH_BYTES];
        for (to, from) in hash.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        Hash(hash)
    }
}

impl Purpose {
    fn byte(self) -> u8 {
        match self {
            Self::Session => 1,
            Self::Stream => 2,
        }
    }
}

/// Places of the table of revisions, beginning with 1: rows are only ever added at its end.
fn revision_byte(revision: Option<Revision>) -> u8 {
    let place = revision.and_then(|wanted| Revision::ALL.iter().position(|r| *r == wanted));
    place.and_then(|place| u8::try_from(place + 1).ok()).unwrap_or(0)
}

fn revision_of(byte: u8) -> Option<Revision> {
    Revision::ALL.get(usize::from(byte.checked_sub(1)?)).copied()
}

/// The plain text of an id.
struct Parts<'b> {
    purpose: u8,
    revision: u8,
    opened_at_s: u64,
    expires_at_s: u64,
    caller: [u8; 16],
    server: &'b [u8],
    upstream_id: &'b [u8],
}

impl<'b> Parts<'b> {
    fn read(plain: &'b [u8]) -> Option<Self> {
        let ([purpose, revision], rest) = plain.split_first_chunk::<2>()?;
        let (opened_at, rest) = rest.split_first_chunk::<8>()?;
        let (expires_at, rest) = rest.split_first_chunk::<8>()?;
        let (caller, rest) = rest.split_first_chunk::<16>()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (server, upstream_id) =
            rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        Some(Self {
            purpose: *purpose,
            revision: *revision,
            opened_at_s: u64::from_be_bytes(*opened_at),
            expires_at_s: u64::from_be_bytes(*expires_at),
            caller: *caller,
            server,
            upstream_id,
        })
    }
}

/// Version of the format, the first byte of every id.
const VERSION: u8 = 2;

const KEY_BYTES: usize = 32;

const HASH_BYTES: usize = 16;

/// Purpose, revision, two times, the caller, the length of the server's name, the tag.
const FIXED_BYTES: usize = 2 + 8 + 8 + 16 + 2 + 16;

/// Base64 of the longest id that is ever sealed. Unit: bytes. Source: the longest upstream id and
/// server name, with the fixed parts. // limits.rs
pub const SEALED_BYTES_MAX: usize =
    (2 + NONCE_LEN + FIXED_BYTES + NAME_BYTES_MAX + SESSION_ID_BYTES_MAX).div_ceil(3) * 4;

#[cfg(test)]
mod tests;
