//! The revisions of MCP as rows of one table, and which of them a request speaks.
//!
//! Owns the dates. Everything else asks the row of a [`Revision`] and never compares dates, so
//! that the next revision is one row.

use serde_json::json;

use crate::reject::{Code, Rejection};

use super::message::{META_CAPABILITIES, META_VERSION};

/// A revision of the protocol, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revision {
    /// HTTP+SSE.
    V2024_11_05,
    /// Streamable HTTP, batches.
    V2025_03_26,
    /// Version header, no more batches.
    V2025_06_18,
    /// The last one with a handshake.
    V2025_11_25,
    /// Stateless: no handshake, no session, everything in each request.
    V2026_07_28,
}

/// How a revision opens a conversation (MCP 2026-07-28, "Versioning", "Terminology").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// With an `initialize` handshake.
    Legacy,
    /// Each request names its version and capabilities.
    Modern,
}

/// What a revision allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Its name on the wire.
    pub date: &'static str,
    /// How it opens a conversation.
    pub era: Era,
    /// Whether `Mcp-Session-Id` means anything.
    pub sessions: bool,
    /// Whether GET opens a stream.
    pub get: bool,
    /// Whether DELETE ends a session.
    pub delete: bool,
    /// Whether a body may be an array of messages; the gateway refuses them unless a server's
    /// `batches` says otherwise.
    pub batches: bool,
}

impl Revision {
    /// Every revision, oldest first.
    pub const ALL: [Self; 5] = [
        Self::V2024_11_05,
        Self::V2025_03_26,
        Self::V2025_06_18,
        Self::V2025_11_25,
        Self::V2026_07_28,
    ];

    /// What is assumed of a legacy request that names no version (MCP 2025-06-18, Transports,
    /// "Protocol Version Header").
    pub const ASSUMED: Self = Self::V2025_03_26;

    /// What is assumed of a handshake, whose answer settles the version.
    pub const HANDSHAKE: Self = Self::V2025_11_25;

    /// The row of this revision.
    #[must_use]
    pub fn row(self) -> Row {
        let legacy = |date, batches| Row {
            date,
            era: Era::Legacy,
            sessions: true,
            get: true,
            delete: true,
            batches,
        };
        match self {
            Self::V2024_11_05 => legacy("2024-11-05", true),
            Self::V2025_03_26 => legacy("2025-03-26", true),
            Self::V2025_06_18 => legacy("2025-06-18", false),
            Self::V2025_11_25 => legacy("2025-11-25", false),
            Self::V2026_07_28 => Row {
                date: "2026-07-28",
                era: Era::Modern,
                sessions: false,
                get: false,
                delete: false,
                batches: false,
            },
        }
    }

    /// Its name on the wire.
    #[must_use]
    pub fn date(self) -> &'static str {
        self.row().date
    }

    /// Whether each request carries its own version and capabilities.
    #[must_use]
    pub fn is_modern(self) -> bool {
        self.row().era == Era::Modern
    }

    /// Whether clients name the version in a header of each request after the handshake.
    #[must_use]
    pub fn has_version_header(&self) -> bool {
        *self >= Self::V2025_06_18
    }

    /// The revision of this name, byte for byte.
    #[must_use]
    pub fn from_date(date: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|revision| revision.date() == date)
    }
}

/// Why a request speaks no revision that the gateway can serve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// Header and `_meta` name different versions, or the header is missing beside `_meta`.
    #[error("the protocol version header and `_meta` do not agree")]
    Mismatch,
    /// A modern request lacks a key of `_meta` that every modern request must have.
    #[error("`_meta` lacks `{key}`")]
    MetaMissing {
        /// The missing key.
        key: &'static str,
    },
    /// The version is none of the table's.
    #[error("protocol version `{requested}` is not supported")]
    Unsupported {
        /// What was asked for, bounded.
        requested: String,
    },
}

/// Which revision a request speaks, from the two places that name it (`None`: absent).
///
/// MCP 2026-07-28, Streamable HTTP, "Protocol Version Header": a request that names a modern
/// version in the header *or* in `_meta` is a modern one and must name it in both, so that a
/// half-modern request is an error and never a downgrade. All others are legacy ones; without a
/// header they are taken for [`Revision::ASSUMED`], a handshake for [`Revision::HANDSHAKE`].
///
/// # Errors
/// [`VersionError::Mismatch`] (−32020), [`VersionError::MetaMissing`] (−32602) when only the
/// header names a modern version, [`VersionError::Unsupported`] (−32022).
pub fn classify(
    header: Option<&str>,
    meta: Option<&str>,
    method: &str,
) -> Result<Revision, VersionError> {
    if let (Some(header), Some(meta)) = (header, meta)
        && header != meta
    {
        return Err(VersionError::Mismatch);
    }
    match (header, meta) {
        (None, Some(meta)) if !is_legacy(meta) => Err(VersionError::Mismatch),
        (Some(header), None) if is_modern(header) => {
            Err(VersionError::MetaMissing { key: META_VERSION })
        }
        (Some(version), _) => supported(version),
        (None, Some(_) | None) if method == "initialize" => Ok(Revision::HANDSHAKE),
        (None, Some(_) | None) => Ok(Revision::ASSUMED),
    }
}

/// Refuses a modern request that does not say what its client can do.
///
/// MCP 2026-07-28, "General fields", `_meta`: `clientCapabilities` is required, `clientInfo` only
/// recommended. Error: [`VersionError::MetaMissing`] (−32602).
///
/// # Errors
/// The key that is missing or not an object.
pub fn require_capabilities(
    document: &crate::json::Document,
    revision: Revision,
) -> Result<(), VersionError> {
    let named = || {
        let meta = document.root().get("params")?.get("_meta")?;
        meta.get(META_CAPABILITIES).filter(|it| it.kind() == crate::json::Kind::Object)
    };
    if revision.is_modern() && named().is_none() {
        return Err(VersionError::MetaMissing { key: META_CAPABILITIES });
    }
    Ok(())
}

impl From<VersionError> for Rejection {
    fn from(error: VersionError) -> Self {
        let internal = error.to_string();
        match error {
            VersionError::Mismatch => Self::new(Code::HeaderMismatch, internal),
            VersionError::MetaMissing { .. } => Self::new(Code::ParamsInvalid, internal),
            VersionError::Unsupported { requested } => {
                let supported = Revision::ALL.map(Revision::date);
                let mut rejection = Self::new(Code::VersionUnsupported, internal);
                rejection.data =
                    Some(Box::new(json!({"supported": supported, "requested": requested})));
                rejection
            }
        }
    }
}

fn supported(version: &str) -> Result<Revision, VersionError> {
    Revision::from_date(version).ok_or_else(|| {
        let requested = if could_be_version(version) { version } else { NO_VERSION };
        VersionError::Unsupported { requested: requested.to_owned() }
    })
}

/// Whether a text could be the name of some version. Anything else may be personal data in the
/// wrong place, and what was requested is told to the caller and stands in the log.
fn could_be_version(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    text.len() <= VERSION_BYTES_MAX
        && digits <= "2026-07-28".len() - 2
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
}

/// Whether this names a version with a handshake. Text that is no date names none: it must not
/// pass for an absent version.
fn is_legacy(version: &str) -> bool {
    Revision::from_date(version).is_some_and(|revision| !revision.is_modern())
}

/// Whether this names a version from 2026-07-28 on, known or not.
fn is_modern(version: &str) -> bool {
    let shape = version.bytes().map(|b| if b.is_ascii_digit() { b'0' } else { b });
    shape.eq(*b"0000-00-00") && version >= Revision::V2026_07_28.date()
}

/// Longer texts are no versions. Unit: bytes. Dates have 10; drafts have a word besides.
const VERSION_BYTES_MAX: usize = 16;

/// What stands for a text that could not be one.
const NO_VERSION: &str = "not a version";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Revision, VersionError, classify};
    use crate::reject::{Code, Rejection};

    const OLD: Option<&str> = Some("2025-11-25");
    const NEW: Option<&str> = Some("2026-07-28");

    #[test]
    fn dates_lead_back_to_their_revision_in_order() {
        for pair in Revision::ALL.windows(2) {
            assert!(pair[0] < pair[1] && pair[0].date() < pair[1].date());
        }
        for revision in Revision::ALL {
            assert_eq!(Revision::from_date(revision.date()), Some(revision));
        }
        assert_eq!(Revision::from_date("2025-11-25 "), None);
    }

    #[test]
    fn modern_request_names_its_version_twice() {
        assert_eq!(classify(NEW, NEW, "tools/call"), Ok(Revision::V2026_07_28));
    }

    #[test]
    fn half_modern_request_is_an_error_and_never_a_downgrade() {
        assert_eq!(classify(None, NEW, "tools/call"), Err(VersionError::Mismatch));
        assert_eq!(classify(OLD, NEW, "tools/call"), Err(VersionError::Mismatch));
        assert_eq!(classify(NEW, OLD, "tools/call"), Err(VersionError::Mismatch));
        assert!(matches!(classify(NEW, None, "x"), Err(VersionError::MetaMissing { .. })));
        assert_eq!(classify(None, NEW, "initialize"), Err(VersionError::Mismatch));
        assert_eq!(classify(None, Some("2027-01-01"), "x"), Err(VersionError::Mismatch));
        assert_eq!(classify(None, Some("draft"), "x"), Err(VersionError::Mismatch));
    }

    #[test]
    fn legacy_request_is_taken_at_its_header_or_assumed() {
        assert_eq!(classify(OLD, None, "tools/call"), Ok(Revision::V2025_11_25));
        assert_eq!(classify(None, None, "tools/call"), Ok(Revision::V2025_03_26));
        assert_eq!(classify(None, None, "initialize"), Ok(Revision::V2025_11_25));
        assert_eq!(classify(None, OLD, "tools/call"), Ok(Revision::V2025_03_26));
    }

    #[test]
    fn unknown_version_is_refused_with_the_supported_ones() {
        let refused = |version: &str| {
            let error = classify(Some(version), Some(version), "server/discover").unwrap_err();
            let rejection = Rejection::from(error);
            assert_eq!(rejection.code, Code::VersionUnsupported, "{version}");
            let data = rejection.data.unwrap();
            assert_eq!(data["supported"].as_array().unwrap().len(), 5);
            (data["requested"].as_str().unwrap().to_owned(), rejection.internal.into_owned())
        };
        for version in ["2099-01-01", "v999.0.0", "2025-11-2", "", "DRAFT-2027-v1"] {
            assert_eq!(refused(version).0, version);
        }
        for value in
            ["jane@example.com", "078-05-1120", "Jane Roe", "２０２６-07-28", &"a".repeat(99)]
        {
            let (told, logged) = refused(value);
            assert_eq!(told, super::NO_VERSION);
            assert!(!logged.contains(value), "{logged}");
        }
        assert!(matches!(
            classify(Some("2024-10-07"), None, "tools/list"),
            Err(VersionError::Unsupported { .. })
        ));
    }

    #[test]
    fn header_without_meta_lacks_a_required_parameter() {
        let rejection = Rejection::from(classify(NEW, None, "server/discover").unwrap_err());
        assert_eq!(rejection.code, Code::ParamsInvalid);
    }

    proptest! {
        #[test]
        fn modern_version_in_one_place_is_never_read_as_legacy(
            other in proptest::option::of(".{0,12}"), swap: bool, method in "[a-z/]{0,12}",
        ) {
            let (header, meta) = if swap { (other.as_deref(), NEW) } else { (NEW, other.as_deref()) };
            if let Ok(revision) = classify(header, meta, &method) {
                prop_assert!(revision.is_modern() && header == meta);
            }
        }
    }
}
