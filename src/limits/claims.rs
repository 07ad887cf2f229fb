//! The bounds of what tokens say of their callers.

use super::Limit;

limits! {
    #[doc = "Values of one claim: those of a token, which is refused with more, and those that the configuration accepts."]
    CLAIM_VALUES_MAX: usize = 512, "values", "Entra ID writes 200 groups into a JWT and then leaves them out; a cut list could hide a group that a policy forbids";
    #[doc = "Latest `exp` of a token, in seconds since the Unix epoch."]
    TOKEN_EXPIRY_S_MAX: u64 = 253_402_300_799, "seconds", "the last second of the year 9999, which RFC 3339 can still write; catches milliseconds taken for seconds";
    #[doc = "Required claims of one issuer."]
    REQUIRED_CLAIMS_MAX: usize = 32, "claims", "each is looked up in each new token; real rules ask for one to five";
    #[doc = "Scopes that the hierarchy of one issuer names, those that stand for others and those below."]
    SCOPE_HIERARCHY_MAX: usize = 256, "scopes", "a token's scopes grow by that many at most";
}
