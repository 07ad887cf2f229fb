//! One revocation, and the line that stands for it in every store.
//!
//! Owns the format: one JSON object, the same in the file, in Redis and in the admin API. Pure.
//! Guarantees: what is accepted has one reading, unknown and repeated members are refused, a
//! `jti` is kept as its hash only, and no error text holds what was refused.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::hex::hex;
use crate::limits::{
    REVOCATION_ID_BYTES_MAX, REVOCATION_LINE_BYTES_MAX, REVOCATION_S, REVOCATION_S_MAX,
    REVOCATION_TEXT_BYTES_MAX,
};
use crate::principal::Principal;

/// What is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One token; its value is the first 16 hex digits of SHA-256 over its `jti`, which audit
    /// records show as `token_id`.
    Token,
    /// A `sub`, or the name of a client certificate.
    Subject,
    /// A `client_id` or `azp`.
    Client,
    /// A session: the issuer's (`sid`), or one of this gateway by the hash that audit records show
    /// as `session_id`.
    Session,
    /// Everything of an issuer.
    Issuer,
    /// A key: a certificate's SHA-256 in lower-case hex, or the thumbprint in `cnf` (base64url)
    /// of the key that tokens are bound to.
    Key,
}

impl Kind {
    /// Every kind, in the order of their shards.
    pub const ALL: [Self; 6] =
        [Self::Token, Self::Subject, Self::Client, Self::Session, Self::Issuer, Self::Key];

    /// The name in stores, records and labels.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Subject => "subject",
            Self::Client => "client",
            Self::Session => "session",
            Self::Issuer => "issuer",
            Self::Key => "key",
        }
    }
}

/// One revocation. Times are seconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// By which it is undone.
    pub id: Box<str>,
    /// What is revoked.
    pub kind: Kind,
    /// Which one.
    pub value: Box<str>,
    /// Only where this issuer says so; any issuer without.
    pub issuer: Option<Box<str>>,
    /// Only tokens that were issued before; what does not say when it was issued counts as before.
    pub issued_before_s: Option<u64>,
    /// From when on it no longer counts; until it is undone without.
    pub expires_at_s: Option<u64>,
    /// Why, for people.
    pub reason: Option<Box<str>>,
    /// Who, as the revoker said.
    pub by: Option<Box<str>>,
    /// When it was made.
    pub at_s: Option<u64>,
}

/// One step of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Somebody or something is revoked.
    Add(Box<Entry>),
    /// The revocation of this id no longer counts.
    Undo {
        /// Its id.
        id: Box<str>,
        /// Who undid it, as they said.
        by: Option<Box<str>>,
    },
}

/// Why a line is not one. Holds nothing of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Longer than [`REVOCATION_LINE_BYTES_MAX`].
    #[error("it is too long")]
    TooLong,
    /// Not JSON, or with members that no revocation has, or with one of them twice.
    #[error("it is not a JSON object with the members of a revocation")]
    Form,
    /// A member is missing, too much, or holds what it cannot hold.
    #[error("`{0}` is missing, not possible here, or malformed")]
    Member(&'static str),
}

/// A line as it is written.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    undo: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<Kind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// In place of `value`, for hands that have the token: it is hashed at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
}

impl Change {
    /// Reads one line. A line without an `id` gets one that is made of its text.
    ///
    /// # Errors
    /// See [`LineError`].
    pub fn read(line: &[u8]) -> Result<Self, LineError> {
        if line.len() > REVOCATION_LINE_BYTES_MAX {
            return Err(LineError::TooLong);
        }
        let written: Written = serde_json::from_slice(line).map_err(|_| LineError::Form)?;
        if written.undo.is_some() {
            return undo(written);
        }
        entry(written, || short(line)).map(|entry| Self::Add(Box::new(entry)))
    }

    /// The line, without its end.
    #[must_use]
    pub fn line(&self) -> String {
        let written = match self {
            Self::Add(entry) => entry.written(),
            Self::Undo { id, by } => Written {
                undo: Some(id.to_string()),
                by: by.as_deref().map(str::to_owned),
                ..Written::default()
            },
        };
        // Maps with text keys and texts: it cannot fail, and an empty line would be refused.
        serde_json::to_string(&written).unwrap_or_default()
    }
}

impl Entry {
    /// Reads what somebody orders: an entry without `id` and `at`, which are given here, and with
    /// an end where its kind has one (see [`REVOCATION_S`]).
    ///
    /// # Errors
    /// See [`LineError`].
    pub fn ordered(order: &[u8], now_s: u64) -> Result<Self, LineError> {
        let written: Written = serde_json::from_slice(order).map_err(|_| LineError::Form)?;
        if written.undo.is_some() {
            return Err(LineError::Member("undo"));
        }
        if written.id.is_some() || written.at.is_some() {
            return Err(LineError::Member(if written.id.is_some() { "id" } else { "at" }));
        }
        let mut entry = entry(written, || uuid::Uuid::now_v7().to_string())?;
        let passes = matches!(entry.kind, Kind::Token | Kind::Session);
        if entry.expires_at_s.is_none() && (passes || entry.issued_before_s.is_some()) {
            entry.expires_at_s = Some(now_s.saturating_add(REVOCATION_S));
        }
        let last = now_s.saturating_add(REVOCATION_S_MAX);
        if entry.expires_at_s.is_some_and(|at| at <= now_s || at > last) {
            return Err(LineError::Member("expires_at"));
        }
        entry.at_s = Some(now_s);
        Ok(entry)
    }

    /// The entry as one JSON object.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::to_value(self.written()).unwrap_or_default()
    }

    /// Whether it counts for this caller now, beside its value.
    #[must_use]
    pub fn holds(&self, principal: &Principal, now_s: u64) -> bool {
        let of_issuer = self.issuer.as_ref().is_none_or(|issuer| **issuer == *principal.issuer);
        let early = |before| principal.issued_at_s.is_none_or(|at| at < before);
        of_issuer && self.issued_before_s.is_none_or(early) && !self.has_expired(now_s)
    }

    /// Whether it counts for nobody any more.
    #[must_use]
    pub fn has_expired(&self, now_s: u64) -> bool {
        self.expires_at_s.is_some_and(|at| at <= now_s)
    }

    fn written(&self) -> Written {
        let text = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
        Written {
            id: Some(self.id.to_string()),
            undo: None,
            kind: Some(self.kind),
            value: Some(self.value.to_string()),
            jti: None,
            issuer: text(&self.issuer),
            issued_before: self.issued_before_s.map(time),
            expires_at: self.expires_at_s.map(time),
            reason: text(&self.reason),
            by: text(&self.by),
            at: self.at_s.map(time),
        }
    }
}

/// The value under which a `jti` is kept.
#[must_use]
pub fn token_value(jti: &str) -> String {
    short(jti.as_bytes())
}

/// Seconds since the Unix epoch as RFC 3339.
#[must_use]
pub fn time(unix_s: u64) -> String {
    let at = UNIX_EPOCH.checked_add(Duration::from_secs(unix_s.min(LAST_S)));
    humantime::format_rfc3339_seconds(at.unwrap_or(UNIX_EPOCH)).to_string()
}

fn undo(written: Written) -> Result<Change, LineError> {
    let Written { undo, id, kind, value, jti, issuer, issued_before, expires_at, reason, by, at } =
        written;
    let more = id.is_some() || kind.is_some() || value.is_some() || jti.is_some();
    if more || issuer.is_some() || issued_before.is_some() || expires_at.is_some() {
        return Err(LineError::Member("undo"));
    }
    text("reason", reason)?;
    seconds("at", at)?;
    Ok(Change::Undo { id: name("undo", undo.unwrap_or_default())?, by: text("by", by)? })
}

fn entry(written: Written, made: impl FnOnce() -> String) -> Result<Entry, LineError> {
    let Written {
        id,
        undo: _,
        kind,
        value,
        jti,
        issuer,
        issued_before,
        expires_at,
        reason,
        by,
        at,
    } = written;
    let kind = kind.ok_or(LineError::Member("kind"))?;
    let value = match (kind, value, jti) {
        (Kind::Token, None, Some(jti)) => {
            text("jti", Some(jti))?.map(|jti| token_value(&jti)).map(String::into_boxed_str)
        }
        (_, _, Some(_)) => return Err(LineError::Member("jti")),
        (_, value, None) => text("value", value)?,
    };
    let value = value.ok_or(LineError::Member("value"))?;
    let is_hash = |v: &str| v.len() == 16 && v.bytes().all(|b| HEX.contains(&b));
    if kind == Kind::Token && !is_hash(&value) {
        return Err(LineError::Member("value"));
    }
    if kind == Kind::Issuer && issuer.is_some() {
        return Err(LineError::Member("issuer"));
    }
    Ok(Entry {
        id: name("id", id.unwrap_or_else(made))?,
        kind,
        value,
        issuer: text("issuer", issuer)?,
        issued_before_s: seconds("issued_before", issued_before)?,
        expires_at_s: seconds("expires_at", expires_at)?,
        reason: text("reason", reason)?,
        by: text("by", by)?,
        at_s: seconds("at", at)?,
    })
}

fn text(member: &'static str, text: Option<String>) -> Result<Option<Box<str>>, LineError> {
    let Some(text) = text else { return Ok(None) };
    let fits = !text.is_empty() && text.len() <= REVOCATION_TEXT_BYTES_MAX;
    if !fits || text.chars().any(char::is_control) {
        return Err(LineError::Member(member));
    }
    Ok(Some(text.into_boxed_str()))
}

fn name(member: &'static str, text: String) -> Result<Box<str>, LineError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let fits = !text.is_empty() && text.len() <= REVOCATION_ID_BYTES_MAX;
    if !fits || !text.bytes().all(plain) {
        return Err(LineError::Member(member));
    }
    Ok(text.into_boxed_str())
}

/// RFC 3339 in UTC.
fn seconds(member: &'static str, text: Option<String>) -> Result<Option<u64>, LineError> {
    let Some(text) = text else { return Ok(None) };
    let wrong = LineError::Member(member);
    let at: SystemTime = humantime::parse_rfc3339(&text).map_err(|_| wrong)?;
    Ok(Some(at.duration_since(UNIX_EPOCH).map_err(|_| wrong)?.as_secs()))
}

/// The first 8 bytes of a hash.
fn short(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref().get(..8).unwrap_or_default())
}

const HEX: &[u8] = b"0123456789abcdef";
/// The last second of the year 9999: beyond it RFC 3339 has no form.
const LAST_S: u64 = 253_402_300_799;
