//! Why a token was refused.
//!
//! Owns [`TokenError`] and the closed set of [`Reason`]s under which refusals are counted.
//! Guarantees that no text here holds a token or anything that its sender chose.

use crate::json::JsonError;
use crate::reject::Code;

/// Why a token was refused. The text is for log and audit; callers read the [`Code`]'s.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// No `Authorization` header, or one of another scheme (RFC 6750 section 3.1).
    #[error("no bearer token was sent")]
    Missing,
    /// More than one `Authorization` header (S-11, S-46).
    #[error("more than one Authorization header")]
    Repeated,
    /// Longer than the limit in bytes.
    #[error("the token is longer than {0} bytes")]
    TooLong(usize),
    /// Not a bearer token (RFC 6750 section 2.1), or not a compact JWS (RFC 7515 section 7.1).
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    /// Header or claims are not strict JSON; duplicate names among them (RFC 7515 section 4).
    #[error("the token's {part} is not acceptable JSON: {error}")]
    Json {
        /// `header` or `claims`.
        part: &'static str,
        /// What the reader found.
        error: JsonError,
    },
    /// A header parameter that could change what is verified, or with which key.
    #[error("header parameter `{0}` is not accepted")]
    HeaderParameter(&'static str),
    /// `alg` is none, unknown, symmetric, or not pinned for the issuer (RFC 8725 section 3.1).
    #[error("the signature algorithm is not one of the issuer's")]
    Algorithm,
    /// `typ` or the claims are those of another kind of token (RFC 8725 section 3.11).
    #[error("the token is not an access token: {0}")]
    Type(&'static str),
    /// `iss` is none of the route's issuers, byte for byte.
    #[error("the issuer is not trusted on this route")]
    Issuer,
    /// No key, or more than one where the token names none.
    #[error("no key of the issuer fits the token")]
    Key,
    /// The signature does not hold under any key that fits.
    #[error("the signature does not hold")]
    Signature,
    /// None of `aud` is an audience of this route, byte for byte (RFC 8707, RFC 9068).
    #[error("the audience is not this resource")]
    Audience,
    /// `exp` has passed.
    #[error("expired {seconds_ago} s ago")]
    Expired {
        /// Since `exp`, tolerated skew not counted.
        seconds_ago: u64,
    },
    /// `nbf` or `iat` is in the future.
    #[error("not valid for another {seconds} s")]
    NotYetValid {
        /// Until the later of both, tolerated skew not counted.
        seconds: u64,
    },
    /// A claim is missing or of the wrong type.
    #[error("claim `{name}` must be {expected}")]
    Claim {
        /// The claim.
        name: &'static str,
        /// What would have been accepted.
        expected: &'static str,
    },
    /// A claim that the configuration maps is not what it has to be.
    #[error("claim `{name}` must be {expected}")]
    MappedClaim {
        /// The claim, as the configuration names it.
        name: Box<str>,
        /// What would have been accepted.
        expected: &'static str,
    },
    /// A claim that the configuration requires is missing or has another value. Holds its name.
    #[error("required claim `{0}` is missing or has another value")]
    RequiredClaim(Box<str>),
    /// `cnf` binds the token to a key; presenting it as a mere bearer token is not enough (S-08).
    #[error("the token is bound to a key that was not proven")]
    Bound,
    /// The issuer's keys cannot be had, or are too old.
    #[error("the issuer's keys cannot be had")]
    KeysUnavailable,
}

/// Under which label a refusal is counted. Public API of the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No token.
    Missing,
    /// Not a well-formed token.
    Malformed,
    /// Past its `exp`.
    Expired,
    /// Before its `nbf` or `iat`.
    NotYetValid,
    /// The signature does not hold.
    BadSignature,
    /// An issuer that the route does not trust.
    WrongIssuer,
    /// A token for somebody else.
    WrongAudience,
    /// No key fits.
    UnknownKid,
    /// Another kind of token.
    BadType,
    /// An algorithm that is not pinned.
    Algorithm,
    /// A sender-constrained token.
    BoundToken,
    /// A required claim does not hold.
    RequiredClaim,
    /// Anything else; keys that cannot be had.
    Other,
}

impl TokenError {
    /// Under which label this refusal is counted.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Missing => Reason::Missing,
            Self::Repeated
            | Self::TooLong(_)
            | Self::Malformed(_)
            | Self::Json { .. }
            | Self::HeaderParameter(_)
            | Self::Claim { .. }
            | Self::MappedClaim { .. } => Reason::Malformed,
            Self::RequiredClaim(_) => Reason::RequiredClaim,
            Self::Algorithm => Reason::Algorithm,
            Self::Type(_) => Reason::BadType,
            Self::Issuer => Reason::WrongIssuer,
            Self::Key => Reason::UnknownKid,
            Self::Signature => Reason::BadSignature,
            Self::Audience => Reason::WrongAudience,
            Self::Expired { .. } => Reason::Expired,
            Self::NotYetValid { .. } => Reason::NotYetValid,
            Self::Bound => Reason::BoundToken,
            Self::KeysUnavailable => Reason::Other,
        }
    }

    /// What the caller is told.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Missing => Code::TokenMissing,
            Self::KeysUnavailable => Code::KeysUnavailable,
            Self::Repeated
            | Self::TooLong(_)
            | Self::Malformed(_)
            | Self::Json { .. }
            | Self::HeaderParameter(_)
            | Self::Claim { .. }
            | Self::MappedClaim { .. }
            | Self::RequiredClaim(_)
            | Self::Algorithm
            | Self::Type(_)
            | Self::Issuer
            | Self::Key
            | Self::Signature
            | Self::Audience
            | Self::Expired { .. }
            | Self::NotYetValid { .. }
            | Self::Bound => Code::TokenInvalid,
        }
    }
}

impl Reason {
    /// Every label, in the order in which counts are kept.
    pub const ALL: [Self; 13] = [
        Self::Missing,
        Self::Malformed,
        Self::Expired,
        Self::NotYetValid,
        Self::BadSignature,
        Self::WrongIssuer,
        Self::WrongAudience,
        Self::UnknownKid,
        Self::BadType,
        Self::Algorithm,
        Self::BoundToken,
        Self::RequiredClaim,
        Self::Other,
    ];

    /// The label.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::BadSignature => "bad_signature",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::UnknownKid => "unknown_kid",
            Self::BadType => "bad_type",
            Self::Algorithm => "algorithm",
            Self::BoundToken => "bound_token",
            Self::RequiredClaim => "required_claim",
            Self::Other => "other",
        }
    }
}
