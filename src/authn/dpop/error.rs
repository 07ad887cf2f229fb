//! Why a proof of possession was refused.
//!
//! Guarantees that no text here holds anything that its sender chose.

use super::super::error::{Reason, TokenError};
use super::replay::ReplayError;
use crate::reject::Code;

/// Why a proof was refused: the checks of RFC 9449 section 4.3. The text is for log and audit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// No header field `DPoP` beside a token that is bound to a key.
    #[error("no proof of possession was sent")]
    Missing,
    /// More than one (check 1).
    #[error("more than one DPoP header")]
    Repeated,
    /// Longer than the limit in bytes.
    #[error("the proof is longer than {0} bytes")]
    TooLong(usize),
    /// Bytes that no JWS has.
    #[error("the proof is not text")]
    NotText,
    /// Not one well-formed JWS of strict JSON, or without its key (checks 2 and 3).
    #[error("the proof is not acceptable: {0}")]
    Form(Box<TokenError>),
    /// `typ` is not `dpop+jwt` (check 4).
    #[error("`typ` of the proof is not dpop+jwt")]
    Type,
    /// `alg` is not one of the configured ones (check 5).
    #[error("the proof's signature algorithm is not accepted")]
    Algorithm,
    /// `jwk` is no public key for that algorithm (check 7).
    #[error("the proof's key is not a sound public key for its algorithm")]
    Key,
    /// The signature does not hold under `jwk` (check 6).
    #[error("the proof's signature does not hold")]
    Signature,
    /// A claim is missing or of the wrong type (check 3).
    #[error("claim `{name}` of the proof must be {expected}")]
    Claim {
        /// The claim.
        name: &'static str,
        /// What would have been accepted.
        expected: &'static str,
    },
    /// `htm` is another method (check 8).
    #[error("the proof is for another method")]
    Method,
    /// `htu` is another address (check 9).
    #[error("the proof is for another address")]
    Target,
    /// `nonce` is missing, too old, or not of this server (check 10).
    #[error("the proof has no nonce of this server that still counts")]
    Nonce,
    /// `iat` is too long ago, or `exp` has passed (check 11).
    #[error("the proof is {seconds} s old")]
    Old {
        /// Since then.
        seconds: u64,
    },
    /// `iat` or `nbf` is too far ahead (check 11).
    #[error("the proof is {seconds} s ahead")]
    Ahead {
        /// Until then.
        seconds: u64,
    },
    /// `ath` is the hash of another token (check 12).
    #[error("the proof is for another token")]
    Token,
    /// The key is not the one that the token is bound to (check 12).
    #[error("the proof is made with another key than the token's")]
    OtherKey,
    /// The proof was used before (section 11.1).
    #[error("the proof was used before")]
    Replayed,
    /// Whether it was used before cannot be found out.
    #[error("whether the proof was used before is unknown: {0}")]
    Store(ReplayError),
}

impl From<TokenError> for ProofError {
    fn from(error: TokenError) -> Self {
        Self::Form(Box::new(error))
    }
}

impl ProofError {
    /// Under which label this refusal is counted.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Missing => Reason::ProofMissing,
            Self::Nonce => Reason::ProofNonce,
            Self::Replayed => Reason::ProofReplayed,
            Self::Store(_) => Reason::Other,
            Self::Repeated
            | Self::TooLong(_)
            | Self::NotText
            | Self::Form(_)
            | Self::Type
            | Self::Algorithm
            | Self::Key
            | Self::Signature
            | Self::Claim { .. }
            | Self::Method
            | Self::Target
            | Self::Old { .. }
            | Self::Ahead { .. }
            | Self::Token
            | Self::OtherKey => Reason::BadProof,
        }
    }

    /// Whether the same request with a new proof may pass soon: the store that replicas share does
    /// not answer.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Store(ReplayError::Unreachable(_)))
    }

    /// What the caller is told.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Nonce => Code::ProofNonce,
            Self::Store(_) => Code::Busy,
            // RFC 9449 section 7.1: the proof is sound, and the token is not its maker's.
            Self::OtherKey => Code::TokenInvalid,
            Self::Missing
            | Self::Repeated
            | Self::TooLong(_)
            | Self::NotText
            | Self::Form(_)
            | Self::Type
            | Self::Algorithm
            | Self::Key
            | Self::Signature
            | Self::Claim { .. }
            | Self::Method
            | Self::Target
            | Self::Old { .. }
            | Self::Ahead { .. }
            | Self::Token
            | Self::Replayed => Code::ProofInvalid,
        }
    }
}
