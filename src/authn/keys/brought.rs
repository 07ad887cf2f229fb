//! A public key that comes with what it signed, in a proof of possession.
//!
//! Pure. Guarantees that such a key is used for one algorithm only, and that its thumbprint is made
//! of the very members that it verifies with.

use aws_lc_rs::digest;
use aws_lc_rs::signature::ParsedPublicKey;

use super::{
    Alg, ec_key, ed25519_key, field, may_verify, optional_text, point, rsa_key, sound_rsa, text,
};
use crate::json::Value;

/// A public key that its holder brings along, and its name.
#[derive(Debug)]
pub struct BroughtKey {
    parsed: ParsedPublicKey,
    /// SHA-256 over the members that make the key (RFC 7638 section 3).
    pub thumbprint: [u8; 32],
}

impl BroughtKey {
    /// Reads one public JWK for use with `alg` alone. Stricter than a key set is read: such a key
    /// comes from a program that made it, not from an administrator.
    ///
    /// `None` for a private or symmetric key, one of another type or curve than the algorithm's,
    /// one that says that it is for something else, and one whose numbers are not in their one
    /// form (RFC 7518 section 6).
    #[must_use]
    pub fn read(jwk: Value<'_>, alg: Alg) -> Option<Self> {
        let private = PRIVATE_MEMBERS.iter().any(|name| jwk.get(name).is_some());
        let usage = optional_text(jwk, "use")?.is_none_or(|usage| usage == "sig");
        let named = optional_text(jwk, "alg")?.is_none_or(|own| Alg::from_name(&own) == Some(alg));
        if private || !usage || !named || !may_verify(jwk) {
            return None;
        }
        let (kty, member) = (text(jwk, "kty")?, |name| text(jwk, name));
        // RFC 7638 section 3.3: these members, in this order, without white space.
        let (parsed, canonical) = match kty.as_str() {
            "RSA" => {
                let (n, e) = (field(jwk, "n")?, field(jwk, "e")?);
                let plain = n.first() != Some(&0) && sound_rsa(&n, &e);
                let parsed = rsa_key(&n, &e, alg.rsa().filter(|_| plain)?)?;
                let (n, e) = (member("n")?, member("e")?);
                (parsed, format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#))
            }
            "EC" => {
                let crv = member("crv")?;
                let (own, parsed) = ec_key(&crv, &point(jwk)?)?;
                let (x, y) = (member("x")?, member("y")?);
                let canonical = format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#);
                (Some(parsed).filter(|_| own == alg)?, canonical)
            }
            "OKP" if alg == Alg::EdDsa && member("crv")? == "Ed25519" => {
                let parsed = ed25519_key(&field(jwk, "x")?)?;
                let x = member("x")?;
                (parsed, format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#))
            }
            _ => return None,
        };
        let mut thumbprint = [0; 32];
        thumbprint.copy_from_slice(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        Some(Self { parsed, thumbprint })
    }

    /// Whether a signature is this key's, in the form that JWS gives it.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(message, signature).is_ok()
    }
}

/// Members of private and symmetric keys (RFC 7518 section 6), of whatever type.
const PRIVATE_MEMBERS: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::{Alg, BroughtKey};
    use crate::json::{Document, KeyRule, Limits};

    fn read(jwk: &str, alg: Alg) -> Option<BroughtKey> {
        let limits =
            Limits { depth_max: 9, nodes_max: 99, number_bytes_max: 99, keys: KeyRule::Exact };
        let document = Document::parse(jwk.to_owned().into(), &limits).unwrap();
        BroughtKey::read(document.root(), alg)
    }

    /// The key of RFC 7515 appendix A.3.1.
    const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

    fn es256(more: &str) -> String {
        format!(r#"{{"kty":"EC","crv":"P-256","x":"{X}","y":"{Y}"{more}}}"#)
    }

    #[test]
    fn thumbprint_is_that_of_rfc_7638() {
        // RFC 7638 section 3.1.
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let jwk =
            format!(r#"{{"kty":"RSA","n":"{n}","e":"AQAB","alg":"RS256","kid":"2011-04-29"}}"#);
        let key = read(&jwk, Alg::Rs256).unwrap();
        let thumbprint = URL_SAFE_NO_PAD.encode(key.thumbprint);
        assert_eq!(thumbprint, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        // RFC 8037 appendices A.2 and A.3.
        let jwk =
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        let key = read(jwk, Alg::EdDsa).unwrap();
        let thumbprint = URL_SAFE_NO_PAD.encode(key.thumbprint);
        assert_eq!(thumbprint, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        // The same key with other members and in another order is the same key.
        let other =
            format!(r#"{{"use":"sig","y":"{Y}","x":"{X}","kid":"a","kty":"EC","crv":"P-256"}}"#);
        let [one, two] = [es256(""), other].map(|jwk| read(&jwk, Alg::Es256).unwrap().thumbprint);
        assert_eq!(one, two);
        let point =
            [&[4][..], &URL_SAFE_NO_PAD.decode(X).unwrap(), &URL_SAFE_NO_PAD.decode(Y).unwrap()];
        let id = super::super::p256_thumbprint(&point.concat()).unwrap();
        assert_eq!(id, URL_SAFE_NO_PAD.encode(one));
    }

    #[test]
    fn private_and_symmetric_keys_and_those_for_something_else_are_refused() {
        assert!(read(&es256(""), Alg::Es256).is_some());
        for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"] {
            for value in ["\"AQAB\"", "null", "[]"] {
                let jwk = es256(&format!(r#","{member}":{value}"#));
                assert!(read(&jwk, Alg::Es256).is_none(), "{member}");
            }
        }
        for more in [
            r#","use":"enc""#,
            r#","use":7"#,
            r#","alg":"ES384""#,
            r#","alg":"HS256""#,
            r#","key_ops":["sign"]"#,
        ] {
            assert!(read(&es256(more), Alg::Es256).is_none(), "{more}");
        }
        assert!(read(r#"{"kty":"oct","k":"AQAB"}"#, Alg::Es256).is_none());
    }

    #[test]
    fn key_counts_only_for_the_algorithm_of_its_type_and_curve() {
        for alg in Alg::ALL {
            assert_eq!(read(&es256(""), alg).is_some(), alg == Alg::Es256, "{}", alg.name());
        }
        assert!(read(&es256("").replace("P-256", "P-384"), Alg::Es384).is_none());
        assert!(read(&es256("").replace("P-256", "secp256k1"), Alg::Es256).is_none());
    }

    #[test]
    fn numbers_that_are_not_in_their_one_form_are_refused() {
        let off_curve = es256("").replace(X, Y);
        assert!(read(&off_curve, Alg::Es256).is_none());
        for x in [format!("{X}="), format!("A{X}"), X[1..].to_owned(), X.replace('f', "+")] {
            assert!(read(&es256("").replace(X, &x), Alg::Es256).is_none(), "{x}");
        }
        // One coordinate a byte short, the other a byte long.
        let bytes = |text| URL_SAFE_NO_PAD.decode(text).unwrap();
        let (mut x, mut y) = (bytes(X), bytes(Y));
        y.insert(0, x.pop().unwrap());
        let moved = es256("")
            .replace(X, &URL_SAFE_NO_PAD.encode(&x))
            .replace(Y, &URL_SAFE_NO_PAD.encode(&y));
        assert!(read(&moved, Alg::Es256).is_none());
        let rsa = |n: &[u8], e: &[u8]| {
            let [n, e] = [n, e].map(|b| URL_SAFE_NO_PAD.encode(b));
            read(&format!(r#"{{"kty":"RSA","n":"{n}","e":"{e}"}}"#), Alg::Ps256).is_some()
        };
        let modulus = [0xC1; 256];
        assert!(rsa(&modulus, &[1, 0, 1]));
        assert!(!rsa(&[&[0][..], &modulus].concat(), &[1, 0, 1]), "a sign byte");
        assert!(!rsa(&modulus, &[1]) && !rsa(&modulus, &[0, 1, 0, 1]) && !rsa(&modulus, &[]));
        assert!(!rsa(&modulus[1..], &[1, 0, 1]), "less than 2048 bits");
        assert!(!rsa(&[0xC1; 1025], &[1, 0, 1]), "more than 8192 bits");
    }
}
