//! Reads a compact JWS (RFC 7515 section 7.1) without believing any of it.
//!
//! Pure. Guarantees that an accepted token has one reading only: three segments of canonical
//! base64url, header and claims strict JSON objects without duplicate names, one asymmetric
//! algorithm, and no header parameter that could change what is verified or with which key. A
//! proof of possession is read alike, but names its own key ([`read_proof`]).

pub use crate::limits::KID_BYTES_MAX;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::TokenError;
use super::keys::Alg;
use crate::json::{self, Document, Kind, Value};
use crate::limits::TOKEN_BYTES_MAX;

/// A token taken apart; nothing of it is proven.
#[derive(Debug)]
pub struct Unverified<'t> {
    /// The bytes that were signed: header and claims as they came, with the dot.
    pub signed: &'t [u8],
    /// The signature.
    pub signature: Vec<u8>,
    /// `alg`.
    pub alg: Alg,
    /// `kid`: a name to look up, never a path, an address or a key.
    pub kid: Option<Box<str>>,
    /// `typ`.
    pub typ: Option<Box<str>>,
    header: Document,
    claims: Document,
}

impl Unverified<'_> {
    /// `jwk` of the header: there only in a proof of possession.
    #[must_use]
    pub fn jwk(&self) -> Option<Value<'_>> {
        self.header.root().get("jwk")
    }

    /// The claims, an object.
    #[must_use]
    pub fn claims(&self) -> Value<'_> {
        self.claims.root()
    }
}

/// Whether a token is a JWT, sound or not: three segments, the first of which holds an object. What
/// is none may be an opaque token; what is one, and is refused, is nothing else.
#[must_use]
pub fn is_one(token: &str) -> bool {
    let header = token.split('.').next().unwrap_or_default().as_bytes();
    // Lenient where `decode` is strict: a token that somebody bent a little stays a JWT.
    let mut bytes = header.chunks(4).map_while(|quad| URL_SAFE_NO_PAD.decode(quad).ok()).flatten();
    let object = bytes.find(|b| !b.is_ascii_whitespace()) == Some(b'{');
    object && token.split('.').count() == 3
}

/// Takes a token apart.
///
/// # Errors
/// The first violation met; no key and no network is touched (S-01, S-02).
pub fn read(token: &str) -> Result<Unverified<'_>, TokenError> {
    parts(token, &[&["jwk"], &REFUSED_PARAMETERS])
}

/// Takes a proof of possession apart: it has to bring its key (RFC 9449 section 4.2), and nothing
/// else that [`read`] refuses.
///
/// # Errors
/// As [`read`]; without a key.
pub fn read_proof(proof: &str) -> Result<Unverified<'_>, TokenError> {
    let read = parts(proof, &[&REFUSED_PARAMETERS])?;
    if read.jwk().is_some_and(|jwk| jwk.kind() == Kind::Object) {
        return Ok(read);
    }
    Err(TokenError::HeaderParameter("jwk"))
}

fn parts<'t>(token: &'t str, refused: &[&[&'static str]]) -> Result<Unverified<'t>, TokenError> {
    let mut segments = token.split('.');
    let (Some(header), Some(claims), Some(signature), None) =
        (segments.next(), segments.next(), segments.next(), segments.next())
    else {
        return Err(TokenError::Malformed("a compact JWS has exactly three segments"));
    };
    let signed_bytes = header.len().saturating_add(claims.len()).saturating_add(1);
    let signed = token.as_bytes().get(..signed_bytes).unwrap_or_default();
    let header = object("header", header)?;
    let Header { alg, kid, typ } = read_header(header.root(), refused)?;
    let claims = object("claims", claims)?;
    let signature = decode(signature)?;
    Ok(Unverified { signed, signature, alg, kid, typ, header, claims })
}

struct Header {
    alg: Alg,
    kid: Option<Box<str>>,
    typ: Option<Box<str>>,
}

fn read_header(header: Value<'_>, refused: &[&[&'static str]]) -> Result<Header, TokenError> {
    let mut refused = refused.iter().copied().flatten();
    if let Some(name) = refused.find(|name| header.get(name).is_some()) {
        return Err(TokenError::HeaderParameter(name));
    }
    let name = text(header, "alg")?.ok_or(TokenError::Algorithm)?;
    let alg = Alg::from_name(&name).ok_or(TokenError::Algorithm)?;
    // RFC 7519 section 5.2: `cty: JWT` announces a nested token.
    if text(header, "cty")?.is_some_and(|cty| cty.to_ascii_lowercase().ends_with("jwt")) {
        return Err(TokenError::HeaderParameter("cty"));
    }
    let kid = text(header, "kid")?;
    if kid.as_ref().is_some_and(|kid| kid.len() > KID_BYTES_MAX) {
        return Err(TokenError::Malformed("the key id is too long"));
    }
    Ok(Header { alg, kid, typ: text(header, "typ")? })
}

fn text(header: Value<'_>, name: &'static str) -> Result<Option<Box<str>>, TokenError> {
    match header.get(name) {
        None => Ok(None),
        Some(value) => match value.as_str() {
            Some(text) => Ok(Some(text.into())),
            None => Err(TokenError::HeaderParameter(name)),
        },
    }
}

fn object(part: &'static str, segment: &str) -> Result<Document, TokenError> {
    let document = Document::parse(decode(segment)?.into(), &TOKEN_JSON)
        .map_err(|error| TokenError::Json { part, error })?;
    if document.root().kind() == Kind::Object {
        Ok(document)
    } else {
        Err(TokenError::Malformed("header and claims are JSON objects"))
    }
}

/// Canonical base64url (RFC 7515 section 2): no padding, no bits left over, no other alphabet.
fn decode(segment: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD
        .decode(segment)
        .map_err(|_| TokenError::Malformed("a segment is not canonical base64url"))
}

/// What a token may cost its reader.
const TOKEN_JSON: json::Limits = json::Limits::of_issuer(TOKEN_BYTES_MAX);

/// Parameters that change what is verified (RFC 7515 section 4.1.11, RFC 7797), announce
/// encryption or compression (RFC 7516 section 4.1), or carry or point to a key of the sender's
/// choice (S-02). `x5t` only names a certificate and is ignored. A token is refused for `jwk` too.
const REFUSED_PARAMETERS: [&str; 7] = ["crit", "b64", "enc", "zip", "jku", "x5u", "x5c"];

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;

    use super::{Alg, TokenError, read, read_proof};

    fn token(header: &str, claims: &str) -> String {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", encode(header), encode(claims), URL_SAFE_NO_PAD.encode([7; 64]))
    }

    #[test]
    fn parts_of_a_token_are_found() {
        let token =
            token(r#"{"alg":"ES256","kid":"a","typ":"at+jwt","x5t":"q"}"#, r#"{"iss":"i"}"#);
        let read = read(&token).unwrap();
        assert_eq!((read.alg, read.kid.as_deref()), (Alg::Es256, Some("a")));
        assert_eq!(read.typ.as_deref(), Some("at+jwt"));
        assert!(read.claims().get("iss").unwrap().is_str("i"));
        assert_eq!(read.signature, [7; 64]);
        assert_eq!(read.signed, token.rsplit_once('.').unwrap().0.as_bytes());
    }

    #[test]
    fn key_in_the_header_is_for_proofs_alone_and_needed_there() {
        let with = token(r#"{"alg":"ES256","jwk":{"kty":"EC"}}"#, "{}");
        assert_eq!(read(&with).map(|_| ()), Err(TokenError::HeaderParameter("jwk")));
        assert!(read_proof(&with).unwrap().jwk().is_some());
        for header in [
            r#"{"alg":"ES256"}"#,
            r#"{"alg":"ES256","jwk":null}"#,
            r#"{"alg":"ES256","jwk":"key"}"#,
            r#"{"alg":"ES256","jwk":[{}]}"#,
            r#"{"alg":"ES256","jwk":{},"jku":"https://a.example"}"#,
            r#"{"alg":"ES256","jwk":{},"crit":["jwk"]}"#,
            r#"{"alg":"ES256","jwk":{},"jwk":{}}"#,
            r#"{"alg":"none","jwk":{}}"#,
            r#"{"alg":"HS256","jwk":{}}"#,
        ] {
            assert!(read_proof(&token(header, "{}")).is_err(), "{header}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_never_panics(text in "\\PC{0,200}") {
            let _ = read(&text);
            let _ = read_proof(&text);
        }

        #[test]
        fn any_three_segments_are_read_or_refused(
            h in proptest::collection::vec(any::<u8>(), 0..60),
            c in proptest::collection::vec(any::<u8>(), 0..60),
            s in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let part = |b: &[u8]| URL_SAFE_NO_PAD.encode(b);
            let _ = read(&format!("{}.{}.{}", part(&h), part(&c), part(&s)));
        }

        #[test]
        fn changing_one_character_never_leaves_the_same_reading(
            at in 0_usize..100, to in "[A-Za-z0-9_=.-]"
        ) {
            let good = token(r#"{"alg":"ES256","kid":"key"}"#, r#"{"iss":"issuer","sub":"me"}"#);
            let at = at % good.len();
            let mut bad = good.clone();
            bad.replace_range(at..=at, &to);
            prop_assume!(bad != good);
            let reading = |t: &str| read(t).ok().map(|r| {
                (r.kid.clone(), r.claims().raw().to_vec(), r.signature.clone(), r.signed.to_vec())
            });
            prop_assert_ne!(reading(&bad), reading(&good));
        }
    }
}
