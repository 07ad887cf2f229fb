//! Proofs of possession: which one a token must carry, and what counts as one.

use std::time::Duration;

use super::super::model::{Auth, Dpop, NonceRule, Proof, RequiredProof};
use super::super::raw::{self, NonceName, ProofName};
use super::identities::Certificates;
use super::{At, Context, duration, issuers};
use crate::limits::{DPOP_AGE_S, DPOP_AGE_S_MAX};

/// What is typed of proofs.
pub(super) struct RawProof {
    pub(super) proof: Option<ProofName>,
    pub(super) dpop: Option<raw::Dpop>,
}

pub(super) fn proof(
    cx: &mut Context<'_>,
    at: &At<'_>,
    raw: RawProof,
    auth: Option<&Auth>,
    certificates: Certificates,
) -> Option<Proof> {
    let RawProof { proof, dpop } = raw;
    let certificates = certificates == Certificates::Possible;
    let tokens = auth.is_none_or(|auth| auth.issuers().is_some());
    for (key, typed) in [("proof", proof.is_some()), ("dpop", dpop.is_some())] {
        if typed && !tokens {
            let message = format!("`{key}` has no effect: callers of this server send no tokens");
            cx.absent(&at.key(key), message, "remove it, or write `auth: tokens`");
        }
    }
    let required = match proof {
        None | Some(ProofName::None) => RequiredProof::None,
        Some(ProofName::Dpop) => RequiredProof::Dpop,
        Some(ProofName::Certificate) => RequiredProof::Certificate,
        Some(ProofName::Any) => RequiredProof::Any,
    };
    let asks = matches!(required, RequiredProof::Certificate | RequiredProof::Any);
    if tokens && asks && !certificates {
        let at = at.key("proof");
        let (message, help) = if required == RequiredProof::Any {
            let message = "`any` means `dpop` here: no listener asks for client certificates";
            (message, "write `dpop`, or add `client_ca: clients.pem` to `tls`")
        } else {
            let message = "every token would be refused: no listener asks for client certificates";
            (message, "add `client_ca: clients.pem` to `tls`")
        };
        cx.absent(&at, message, help);
    }
    let dpop = self::dpop(cx, &at.key("dpop"), dpop)?;
    Some(Proof { required, certificates, dpop })
}

fn dpop(cx: &mut Context<'_>, at: &At<'_>, raw: Option<raw::Dpop>) -> Option<Dpop> {
    let Some(raw::Dpop { algorithms, max_age, nonce }) = raw else { return Some(Dpop::default()) };
    let algorithms = match algorithms {
        None => Some(Dpop::default().algorithms),
        Some(_) => issuers::algorithms(cx, &at.key("algorithms"), algorithms),
    };
    let nonce = match nonce {
        None | Some(NonceName::Off) => NonceRule::Off,
        Some(NonceName::Required) => NonceRule::Required,
    };
    let age_at = at.key("max_age");
    let default = Duration::from_secs(DPOP_AGE_S);
    let max_age = duration(cx, &age_at, max_age, default, Duration::from_secs(DPOP_AGE_S_MAX))?;
    // The times in proofs are whole seconds.
    if max_age.subsec_nanos() != 0 {
        let message = format!("`{}` is not a number of whole seconds", age_at.shown());
        cx.error(&age_at, message, format!("write `1s` to `{DPOP_AGE_S_MAX}s`"));
        return None;
    }
    Some(Dpop { algorithms: algorithms?, max_age, nonce })
}
