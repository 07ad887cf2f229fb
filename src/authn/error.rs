//! Why a token or an API key was refused.
//!
//! Owns [`TokenError`] and the closed set of [`Reason`]s under which refusals are counted.
//! Guarantees that no text here holds a token, a secret, or anything that its sender chose
//! without proof.

use super::dpop::ProofError;
use crate::api_key::{KeyId, TextError};
use crate::json::JsonError;
use crate::reject::Code;

/// Why a token was refused. The text is for log and audit; callers read the [`Code`]'s.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// No `Authorization` header, or one of a scheme that carries no token (RFC 6750 section 3.1).
    #[error("no access token was sent")]
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
    #[error("the token is bound to a key and was sent as a bearer token")]
    Bound,
    /// `cnf` binds the token in a way that cannot be checked (S-08).
    #[error("the token is bound in a way that cannot be checked: {0}")]
    Confirmation(&'static str),
    /// Sent with the scheme `DPoP`, but bound to no key (RFC 9449 section 7.1).
    #[error("the token is bound to no key and was sent with the scheme DPoP")]
    NotBound,
    /// Bound to another certificate than that of the connection, which may have none (RFC 8705
    /// section 3).
    #[error("the token is bound to another client certificate: this connection has {0}")]
    Certificate(&'static str),
    /// The route takes only tokens that are bound.
    #[error("the route takes only tokens that are bound to {0}")]
    ProofRequired(&'static str),
    /// The proof of possession was refused.
    #[error(transparent)]
    Proof(ProofError),
    /// The issuer's keys cannot be had, or are too old.
    #[error("the issuer's keys cannot be had")]
    KeysUnavailable,
    /// Each issuer that was asked says that the token is not active (RFC 7662 section 2.2).
    #[error("the issuer says that the token is not active")]
    Inactive,
    /// What the issuer says of the token is not what the token says of itself.
    #[error("the issuer says another `{0}` than the token")]
    Contradicted(&'static str),
    /// The issuer cannot be asked, or gave an answer that is none.
    #[error("the issuer cannot be asked about the token")]
    Unconfirmed,
    /// Issuers are asked about as many tokens as they may be at one time.
    #[error("too many tokens wait for an answer of their issuers")]
    Crowded,
    /// An API key, or what claims to be one.
    #[error(transparent)]
    ApiKey(#[from] KeyError),
    /// The token, or what it names, was revoked.
    #[error("revoked by entry `{id}`, by its {kind}")]
    Revoked {
        /// Id of the entry.
        id: Box<str>,
        /// Which of the caller's names it has.
        kind: &'static str,
    },
    /// A store of revocations cannot be read.
    #[error("a store of revocations cannot be read")]
    RevocationUnavailable,
}

/// Why an API key was refused. Callers are told the same of all of these. An id stands here only
/// where its secret was proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not the form of a key, or changed on its way.
    #[error(transparent)]
    Text(#[from] TextError),
    /// In its header twice, or there and in `Authorization`.
    #[error("more than one credential was sent")]
    Several,
    /// The route takes none.
    #[error("API keys are not accepted on this route")]
    NotAccepted,
    /// No key has this id.
    #[error("no API key has this id")]
    UnknownId,
    /// The id is known, the secret is another one.
    #[error("the secret of the API key is wrong")]
    WrongSecret,
    /// Switched off.
    #[error("API key `{0}` is disabled")]
    Disabled(KeyId),
    /// Its time is over.
    #[error("API key `{id}` expired {seconds_ago} s ago")]
    Expired {
        /// Which.
        id: KeyId,
        /// Since then.
        seconds_ago: u64,
    },
    /// The secret was replaced, and the time for both is over.
    #[error("this secret of API key `{0}` was replaced")]
    Replaced(KeyId),
    /// For other servers.
    #[error("API key `{0}` is not for this server")]
    OtherServer(KeyId),
    /// From an address outside its networks.
    #[error("API key `{0}` does not count from this address")]
    OtherNetwork(KeyId),
}

impl KeyError {
    fn reason(self) -> Reason {
        match self {
            Self::Text(_) | Self::Several => Reason::Malformed,
            Self::UnknownId | Self::WrongSecret => Reason::UnknownKey,
            Self::Disabled(_) => Reason::DisabledKey,
            Self::Expired { .. } | Self::Replaced(_) => Reason::ExpiredKey,
            Self::NotAccepted | Self::OtherServer(_) | Self::OtherNetwork(_) => {
                Reason::KeyElsewhere
            }
        }
    }
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
    /// A token that is bound to something that was not proven.
    BoundToken,
    /// The issuer says that the token is not active.
    Inactive,
    /// A token that is not bound where it has to be.
    UnboundToken,
    /// A token that is bound to a key, without a proof of it.
    ProofMissing,
    /// A proof of possession that does not hold.
    BadProof,
    /// A proof without a nonce that counts.
    ProofNonce,
    /// A proof that was used before.
    ProofReplayed,
    /// No API key of this id and secret.
    UnknownKey,
    /// An API key whose time is over.
    ExpiredKey,
    /// An API key that is switched off.
    DisabledKey,
    /// An API key for another server or network, or where none is taken.
    KeyElsewhere,
    /// Revoked.
    Revoked,
    /// A required claim does not hold.
    RequiredClaim,
    /// Anything else; keys that cannot be had, issuers that cannot be asked.
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
            Self::Bound | Self::Confirmation(_) | Self::Certificate(_) => Reason::BoundToken,
            Self::NotBound | Self::ProofRequired(_) => Reason::UnboundToken,
            Self::Proof(error) => error.reason(),
            Self::ApiKey(why) => why.reason(),
            Self::Inactive => Reason::Inactive,
            Self::Revoked { .. } => Reason::Revoked,
            Self::Contradicted(_)
            | Self::KeysUnavailable
            | Self::RevocationUnavailable
            | Self::Unconfirmed
            | Self::Crowded => Reason::Other,
        }
    }

    /// What the caller is told.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Missing => Code::TokenMissing,
            Self::KeysUnavailable => Code::KeysUnavailable,
            Self::Unconfirmed => Code::IntrospectionUnavailable,
            Self::Crowded => Code::Busy,
            Self::Proof(error) => error.code(),
            Self::RevocationUnavailable => Code::RevocationUnavailable,
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
            | Self::Bound
            | Self::Inactive
            | Self::Contradicted(_)
            | Self::Confirmation(_)
            | Self::NotBound
            | Self::Certificate(_)
            | Self::ProofRequired(_)
            | Self::Revoked { .. }
            | Self::ApiKey(_) => Code::TokenInvalid,
        }
    }
}

impl Reason {
    /// Every label, in the order in which counts are kept.
    pub const ALL: [Self; 24] = [
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
        Self::Inactive,
        Self::UnboundToken,
        Self::ProofMissing,
        Self::BadProof,
        Self::ProofNonce,
        Self::ProofReplayed,
        Self::UnknownKey,
        Self::ExpiredKey,
        Self::DisabledKey,
        Self::KeyElsewhere,
        Self::Revoked,
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
            Self::Inactive => "inactive",
            Self::UnboundToken => "unbound_token",
            Self::ProofMissing => "proof_missing",
            Self::BadProof => "bad_proof",
            Self::ProofNonce => "proof_nonce",
            Self::ProofReplayed => "proof_replayed",
            Self::UnknownKey => "unknown_key",
            Self::ExpiredKey => "expired_key",
            Self::DisabledKey => "disabled_key",
            Self::KeyElsewhere => "key_elsewhere",
            Self::Revoked => "revoked",
            Self::RequiredClaim => "required_claim",
            Self::Other => "other",
        }
    }
}
