//! Judges the claims of a token whose signature held, and makes a [`Principal`] of them.
//!
//! Pure: time is an argument. Assumes that the signature was verified with a key of the issuer.
//! Guarantees that a principal exists only if issuer, audience, time, type and subject held, and
//! that the keys to which a token is bound are all known: a `cnf` that says anything else refuses
//! the token (S-05, S-06, S-08).

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::TokenError;
pub(super) use super::mapping::text;
use super::mapping::{Facts, Mapping, is_printable};
use crate::config::{Issuer, TokenType};
use crate::json::{Kind, Value};
use crate::limits::{CLOCK_SKEW_S_MAX, TOKEN_EXPIRY_S_MAX};
use crate::principal::{AuthMethod, Confirmation, Principal, PrincipalKey, Scopes};

/// What one route asks of one issuer's tokens.
#[derive(Debug)]
pub struct Rules {
    issuer: Arc<str>,
    audiences: Vec<Arc<str>>,
    token_type: TokenType,
    skew_s: u64,
    mapping: Mapping,
}

impl Rules {
    /// The rules for `issuer` on a route whose resource is `resource`.
    #[must_use]
    pub fn of(issuer: &Issuer, resource: &Arc<str>) -> Self {
        let audiences = if issuer.audiences.is_empty() {
            vec![Arc::clone(resource)]
        } else {
            issuer.audiences.iter().map(|a| Arc::from(a.as_str())).collect()
        };
        Self {
            issuer: Arc::clone(&issuer.issuer),
            audiences,
            token_type: issuer.token_type,
            skew_s: issuer.clock_skew.as_secs().min(CLOCK_SKEW_S_MAX),
            mapping: Mapping::of(issuer),
        }
    }

    /// Seconds by which clocks may differ.
    #[must_use]
    pub fn skew_s(&self) -> u64 {
        self.skew_s
    }

    /// The audiences that are accepted, any one of them.
    #[must_use]
    pub fn audiences(&self) -> &[Arc<str>] {
        &self.audiences
    }

    /// Judges type and claims at `now_s` seconds after the Unix epoch.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn judge(
        &self,
        typ: Option<&str>,
        claims: Value<'_>,
        now_s: u64,
    ) -> Result<Principal, TokenError> {
        let issuer = text(claims, "iss")?.ok_or(TokenError::Issuer)?;
        if *issuer != *self.issuer {
            return Err(TokenError::Issuer);
        }
        self.check_type(typ, claims)?;
        self.check_audience(claims)?;
        let expires_at_s = self.check_times(claims, now_s)?;
        let expires_at_s =
            expires_at_s.ok_or(TokenError::Claim { name: "exp", expected: "present" })?;
        let subject =
            subject(claims)?.ok_or(TokenError::Claim { name: "sub", expected: SUBJECT })?;
        self.principal(claims, subject, expires_at_s)
    }

    /// What all tokens have in common once they are judged.
    pub(super) fn principal(
        &self,
        claims: Value<'_>,
        subject: Arc<str>,
        expires_at_s: u64,
    ) -> Result<Principal, TokenError> {
        let Facts { client_id, scopes, roles, groups, tenant, session, risk, attributes } =
            self.mapping.read(claims)?;
        let key = PrincipalKey::of(&self.issuer, &subject, client_id.as_deref());
        Ok(Principal {
            client_id,
            scopes,
            roles,
            groups,
            tenant,
            session,
            risk,
            attributes,
            confirmation: confirmation(claims)?,
            expires_at_s: Some(expires_at_s),
            issued_at_s: numeric_date(claims, "iat")?,
            authenticated_at_s: numeric_date(claims, "auth_time")?,
            token_id_hash: text(claims, "jti")?.map(|jti| short_hash(&jti)),
            key,
            ..Principal::new(AuthMethod::Bearer, Arc::clone(&self.issuer), subject)
        })
    }

    /// The client, as the issuer's configuration maps it.
    pub(super) fn client_id(&self, claims: Value<'_>) -> Result<Option<Arc<str>>, TokenError> {
        self.mapping.client_id(claims)
    }

    /// The scopes, as the issuer's configuration maps them.
    pub(super) fn scopes(&self, claims: Value<'_>) -> Result<Scopes, TokenError> {
        self.mapping.scopes(claims)
    }

    /// The issuer's identifier.
    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// RFC 9068 section 4 and RFC 8725 section 3.11: only an access token is an access token.
    fn check_type(&self, typ: Option<&str>, claims: Value<'_>) -> Result<(), TokenError> {
        let typ = typ.map(str::to_ascii_lowercase);
        match (typ.as_deref(), self.token_type) {
            (Some("at+jwt" | "application/at+jwt"), _) => Ok(()),
            (_, TokenType::AccessToken) => Err(TokenError::Type("`typ` is not at+jwt")),
            (None | Some("jwt" | "application/jwt"), TokenType::PlainJwt) => check_plain(claims),
            (Some(_), TokenType::PlainJwt) => Err(TokenError::Type("`typ` names another kind")),
        }
    }

    pub(super) fn check_audience(&self, claims: Value<'_>) -> Result<(), TokenError> {
        let wrong = TokenError::Claim { name: "aud", expected: "a string or an array of strings" };
        let aud = claims.get("aud").ok_or(TokenError::Audience)?;
        let ours = |value: Value<'_>| self.audiences.iter().any(|a| value.is_str(a));
        let accepted = match aud.kind() {
            Kind::String => ours(aud),
            Kind::Array if aud.items().any(|a| a.kind() != Kind::String) => return Err(wrong),
            Kind::Array => aud.items().any(ours),
            Kind::Object | Kind::Number | Kind::True | Kind::False | Kind::Null => {
                return Err(wrong);
            }
        };
        if accepted { Ok(()) } else { Err(TokenError::Audience) }
    }

    /// RFC 7519 sections 4.1.4 to 4.1.6. Gives `exp`, if there is one.
    pub(super) fn check_times(
        &self,
        claims: Value<'_>,
        now_s: u64,
    ) -> Result<Option<u64>, TokenError> {
        let expires = numeric_date(claims, "exp")?;
        if expires.is_some_and(|at| at > TOKEN_EXPIRY_S_MAX) {
            return Err(TokenError::Claim { name: "exp", expected: "before the year 10000" });
        }
        if let Some(expires) = expires.filter(|at| now_s >= at.saturating_add(self.skew_s)) {
            return Err(TokenError::Expired { seconds_ago: now_s.saturating_sub(expires) });
        }
        let begins = numeric_date(claims, "nbf")?.max(numeric_date(claims, "iat")?).unwrap_or(0);
        if begins > now_s.saturating_add(self.skew_s) {
            return Err(TokenError::NotYetValid { seconds: begins.saturating_sub(now_s) });
        }
        Ok(expires)
    }
}

/// The stand-in for a missing `typ`: what only access tokens have, and nothing that only tokens of
/// other kinds have.
fn check_plain(claims: Value<'_>) -> Result<(), TokenError> {
    check_kind(claims)?;
    // Issuers that tell their tokens apart by a claim and not by the header.
    let other = |(name, access): &(&str, &[&str])| {
        claims.get(name).is_some_and(|kind| !access.iter().any(|access| kind.is_str(access)))
    };
    if KIND_CLAIMS.iter().any(other) {
        return Err(TokenError::Type("a claim names another kind of token"));
    }
    if ["scope", "scp", "client_id"].iter().all(|name| claims.get(name).is_none()) {
        return Err(TokenError::Type("it has neither scope nor client_id"));
    }
    Ok(())
}

/// Nothing that only tokens of other kinds have.
pub(super) fn check_kind(claims: Value<'_>) -> Result<(), TokenError> {
    if OTHER_KINDS.iter().any(|name| claims.get(name).is_some()) {
        return Err(TokenError::Type("it has claims of another kind of token"));
    }
    Ok(())
}

/// `sub`, if there is one that names somebody.
pub(super) fn subject(claims: Value<'_>) -> Result<Option<Arc<str>>, TokenError> {
    Ok(text(claims, "sub")?.filter(|sub| is_printable(sub) && !sub.is_empty()))
}

/// What the token is bound to (RFC 7800 section 3.1). RFC 7800 lets unknown members be ignored;
/// one of them may be the tie that its issuer relies on, so they are not (S-08).
pub(super) fn confirmation(claims: Value<'_>) -> Result<Option<Confirmation>, TokenError> {
    let Some(cnf) = claims.get("cnf") else { return Ok(None) };
    let mut found = Confirmation { dpop_key: None, certificate: None };
    if cnf.kind() != Kind::Object {
        return Err(TokenError::Confirmation("`cnf` is not an object"));
    }
    for (name, value) in cnf.members() {
        let hash = value.as_str().and_then(|text| sha256(&text));
        let hash = hash.ok_or(TokenError::Confirmation("a member that is no SHA-256 hash"));
        match name.as_str().as_deref().unwrap_or_default() {
            "jkt" => found.dpop_key = Some(hash?),
            "x5t#S256" => found.certificate = Some(hash?),
            _ => return Err(TokenError::Confirmation("a member that is not known here")),
        }
    }
    if found.dpop_key.is_none() && found.certificate.is_none() {
        return Err(TokenError::Confirmation("`cnf` is empty"));
    }
    Ok(Some(found))
}

/// base64url of 32 bytes.
fn sha256(text: &str) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// A NumericDate (RFC 7519 section 2) in whole seconds; fractions are allowed and cut.
pub(super) fn numeric_date(
    claims: Value<'_>,
    name: &'static str,
) -> Result<Option<u64>, TokenError> {
    let wrong = TokenError::Claim { name, expected: "a number of seconds" };
    let Some(value) = claims.get(name) else { return Ok(None) };
    if value.kind() != Kind::Number {
        return Err(wrong);
    }
    let digits = std::str::from_utf8(value.raw()).unwrap_or_default();
    if let Ok(whole) = digits.parse() {
        return Ok(Some(whole));
    }
    let seconds = digits.parse::<f64>().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
    seconds.map(|d| Some(d.as_secs())).ok_or(wrong)
}

fn short_hash(text: &str) -> Arc<str> {
    let hash = digest(&SHA256, text.as_bytes());
    hash.as_ref().iter().take(8).map(|b| format!("{b:02x}")).collect::<String>().into()
}

/// What a subject is.
pub(super) const SUBJECT: &str = "a non-empty printable string";

/// Claims that an access token does not have: of ID tokens and authorization responses (OpenID
/// Connect Core sections 2 and 3.3.2.11), of event and logout tokens (RFC 8417), DPoP proofs (RFC
/// 9449), introspection answers (RFC 9701), request objects (RFC 9101) and SD-JWTs (RFC 9901).
const OTHER_KINDS: [&str; 12] = [
    "nonce",
    "at_hash",
    "c_hash",
    "s_hash",
    "events",
    "htm",
    "htu",
    "token_introspection",
    "redirect_uri",
    "response_type",
    "_sd_alg",
    "sd_hash",
];

/// Claims by which Keycloak (`typ`) and Amazon Cognito (`token_use`) name the kind, and what they
/// say of access tokens.
const KIND_CLAIMS: [(&str, &[&str]); 2] =
    [("typ", &["Bearer", "DPoP", "at+jwt"]), ("token_use", &["access"])];

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::{Mapping, Rules, TOKEN_EXPIRY_S_MAX, TokenError, TokenType};
    use crate::json::{Document, KeyRule, Limits};
    use crate::principal::{Confirmation, Principal};

    const NOW: u64 = 1_800_000_000;

    fn rules() -> Rules {
        Rules {
            issuer: Arc::from("https://issuer.example"),
            audiences: vec![Arc::from("https://mcp.example/mcp")],
            token_type: TokenType::AccessToken,
            skew_s: 30,
            mapping: Mapping::of(&issuer()),
        }
    }

    fn issuer() -> crate::config::Issuer {
        crate::config::Issuer {
            issuer: Arc::from("i"),
            keys: crate::config::KeySource::Discover,
            algorithms: Vec::new(),
            audiences: Vec::new(),
            token_type: TokenType::AccessToken,
            clock_skew: Duration::from_secs(86_400),
            roles_claim: Some("realm_access.roles".to_owned()),
            tenant_claim: Some("https://example.com/tenant".to_owned()),
            claims: crate::config::Claims::default(),
            introspection: None,
            development_key: None,
        }
    }

    fn judge(rules: &Rules, typ: Option<&str>, extra: &str) -> Result<Principal, TokenError> {
        let json = format!(
            r#"{{"iss":"https://issuer.example","sub":"alice","aud":"https://mcp.example/mcp"{extra}}}"#
        );
        let limits =
            Limits { depth_max: 9, nodes_max: 99, number_bytes_max: 99, keys: KeyRule::Exact };
        let document = Document::parse(json.into(), &limits).unwrap();
        rules.judge(typ, document.root(), NOW)
    }

    fn at(exp: &str) -> Result<u64, TokenError> {
        judge(&rules(), Some("at+jwt"), &format!(r#","exp":{exp}"#))
            .map(|p| p.expires_at_s.unwrap())
    }

    #[test]
    fn expiry_counts_to_the_second_and_skew_is_added() {
        assert_eq!(at("1800000000"), Ok(NOW));
        assert_eq!(at("1799999971"), Ok(NOW - 29));
        assert_eq!(at("1799999970"), Err(TokenError::Expired { seconds_ago: 30 }));
        assert_eq!(at("1800000000.9"), Ok(NOW));
        assert_eq!(at("1.8e9"), Ok(NOW));
    }

    #[test]
    fn expiry_that_is_no_moment_is_refused() {
        for exp in [r#""1800000099""#, "null", "true", "-1", "1e400", "[1800000099]", "{}"] {
            assert!(matches!(at(exp), Err(TokenError::Claim { name: "exp", .. })), "{exp}");
        }
        assert!(judge(&rules(), Some("at+jwt"), "").is_err());
        assert_eq!(at(&TOKEN_EXPIRY_S_MAX.to_string()), Ok(TOKEN_EXPIRY_S_MAX));
        for exp in [TOKEN_EXPIRY_S_MAX + 1, NOW * 1000, u64::MAX] {
            assert!(matches!(at(&exp.to_string()), Err(TokenError::Claim { name: "exp", .. })));
        }
    }

    #[test]
    fn tolerated_skew_is_bounded_whatever_the_configuration_says() {
        let rules = Rules::of(&issuer(), &Arc::from("https://mcp.example/mcp"));
        assert_eq!(rules.skew_s(), crate::limits::CLOCK_SKEW_S_MAX);
        assert_eq!(*rules.audiences()[0], *"https://mcp.example/mcp");
    }

    #[test]
    fn roles_are_found_by_path_and_tenant_by_a_name_with_dots() {
        let claims = r#","exp":1800000099,"realm_access":{"roles":["a",7,"b"]},"https://example.com/tenant":"t""#;
        let principal = judge(&rules(), Some("at+jwt"), claims).unwrap();
        assert_eq!(principal.roles, [Arc::from("a"), Arc::from("b")]);
        assert_eq!(principal.tenant.as_deref(), Some("t"));
    }

    #[test]
    fn scopes_come_from_a_string_an_array_or_scp() {
        for (claims, expected) in [
            (r#","scope":"b a""#, vec!["a", "b"]),
            (r#","scope":["b","a"]"#, vec!["a", "b"]),
            (r#","scp":"b a""#, vec!["a", "b"]),
            (r#","scp":["a"]"#, vec!["a"]),
            (r#","scope":"a","scp":"b""#, vec!["a"]),
            ("", vec![]),
        ] {
            let claims = format!(r#","exp":1800000099{claims}"#);
            let principal = judge(&rules(), Some("at+jwt"), &claims).unwrap();
            assert_eq!(principal.scopes.iter().collect::<Vec<_>>(), expected, "{claims}");
        }
    }

    #[test]
    fn client_is_named_by_client_id_before_azp() {
        let of = |claims: &str| {
            let claims = format!(r#","exp":1800000099{claims}"#);
            judge(&rules(), Some("at+jwt"), &claims).unwrap().client_id
        };
        assert_eq!(of(r#","azp":"z""#).as_deref(), Some("z"));
        assert_eq!(of(r#","client_id":"c","azp":"z""#).as_deref(), Some("c"));
        assert_eq!(of(""), None);
    }

    #[test]
    fn s08_confirmation_is_known_whole_or_the_token_is_refused() {
        let of = |cnf: &str| {
            let claims = format!(r#","exp":1800000099,"cnf":{cnf}"#);
            judge(&rules(), Some("at+jwt"), &claims).map(|p| p.confirmation)
        };
        let hash = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
        let one = Some([1; 32]);
        for (cnf, dpop_key, certificate) in [
            (format!(r#"{{"jkt":"{hash}"}}"#), one, None),
            (format!(r#"{{"x5t#S256":"{hash}"}}"#), None, one),
            (format!(r#"{{"x5t#S256":"{hash}","jkt":"{hash}"}}"#), one, one),
        ] {
            assert_eq!(of(&cnf), Ok(Some(Confirmation { dpop_key, certificate })), "{cnf}");
        }
        for cnf in [
            "{}".to_owned(),
            "null".to_owned(),
            r#""jkt""#.to_owned(),
            format!(r#"["{hash}"]"#),
            r#"{"jkt":""}"#.to_owned(),
            r#"{"jkt":null}"#.to_owned(),
            format!(r#"{{"jkt":["{hash}"]}}"#),
            format!(r#"{{"jkt":"{hash}="}}"#),
            format!(r#"{{"jkt":"{}"}}"#, &hash[1..]),
            format!(r#"{{"JKT":"{hash}"}}"#),
            format!(r#"{{"x5t":"{hash}"}}"#),
            r#"{"kid":"a"}"#.to_owned(),
            r#"{"jwk":{"kty":"oct"}}"#.to_owned(),
            format!(r#"{{"jkt":"{hash}","jku":"https://a.example"}}"#),
            format!(r#"{{"jkt":"{hash}","x5t#S256":7}}"#),
        ] {
            assert!(matches!(of(&cnf), Err(TokenError::Confirmation(_))), "{cnf}");
        }
        let none = judge(&rules(), Some("at+jwt"), r#","exp":1800000099"#).unwrap();
        assert_eq!(none.confirmation, None);
    }

    #[test]
    fn token_id_is_kept_as_a_hash_only() {
        let claims = r#","exp":1800000099,"jti":"secret-id""#;
        let principal = judge(&rules(), Some("at+jwt"), claims).unwrap();
        let hash = principal.token_id_hash.unwrap();
        assert_eq!(hash.len(), 16);
        assert!(!hash.contains("secret"));
    }
}
