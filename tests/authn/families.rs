//! Forgeries that need a key of a certain family: RSA, Ed25519, P-384 and P-521.

use aws_lc_rs::hmac;
use sallyport::authn::Reason;
use serde_json::Value;

use crate::corpus::{Case, case};
use crate::issuer::{Issuer, NOW, SigningKey, TokenBuilder, b64};

/// An issuer with a key of each family. Its RSA key names no algorithm, so that it fits them all.
pub struct Families {
    pub issuer: Issuer,
    pub rsa: SigningKey,
    pub ed: SigningKey,
    pub es384: SigningKey,
    pub es512: SigningKey,
}

impl Families {
    pub async fn start() -> Self {
        Self::at(Issuer::start_at(NOW).await)
    }

    /// Publishes the keys at an issuer that runs.
    pub fn at(issuer: Issuer) -> Self {
        let families = Self {
            rsa: SigningKey::rsa("RS256", "rsa"),
            ed: SigningKey::ed25519("ed"),
            es384: SigningKey::es384("p384"),
            es512: SigningKey::es512("p521"),
            issuer,
        };
        families.issuer.set_jwks(&families.jwks().to_string());
        families
    }

    pub fn jwks(&self) -> Value {
        let mut rsa = self.rsa.jwk();
        rsa.as_object_mut().unwrap().remove("alg");
        let keys =
            [&self.issuer.key(), &self.ed, &self.es384, &self.es512].map(SigningKey::jwk).to_vec();
        serde_json::json!({"keys": keys.into_iter().chain([rsa]).collect::<Vec<_>>()})
    }

    pub fn by(&self, key: &SigningKey) -> TokenBuilder {
        TokenBuilder::new(self.issuer.url(), key, NOW).scope("mcp.tools.invoke")
    }

    /// What all forgeries here look like when they are made rightly.
    pub fn twins(&self) -> Vec<(String, String)> {
        let mut twins: Vec<(String, String)> =
            [&self.issuer.key(), &self.ed, &self.es384, &self.es512]
                .into_iter()
                .map(|key| (key.alg.to_owned(), self.by(key).sign()))
                .collect();
        for alg in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
            twins.push((alg.to_owned(), self.by(&self.rsa.using(alg)).sign()));
        }
        let rfc9864 = self.by(&self.ed).header("alg", "Ed25519").sign();
        twins.push(("Ed25519".to_owned(), rfc9864));
        let good = self.by(&self.es512);
        let own = good.with_signature(self.es512.sign(good.message().as_bytes()));
        twins.push(("a signature put on by hand".to_owned(), own));
        twins
    }
}

pub fn all(families: &Families) -> Vec<Case> {
    [rsa_as_a_secret, rsa, ed25519, wide_curves, crossed].map(|group| group(families)).concat()
}

fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> =
        (0..text.len()).step_by(64).map(|at| &text[at..(at + 64).min(text.len())]).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n")).into_bytes()
}

/// SubjectPublicKeyInfo around an RSAPublicKey of 2048 bits (RFC 3279 section 2.3.1).
fn spki(pkcs1: &[u8]) -> Vec<u8> {
    let algorithm = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    let long = |tag: u8, body: &[u8]| {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[tag, 0x82], length.as_slice(), body].concat()
    };
    let bits = long(3, &[&[0], pkcs1].concat());
    long(0x30, &[algorithm.as_slice(), &bits].concat())
}

fn rsa_as_a_secret(families: &Families) -> Vec<Case> {
    let jwk = families.rsa.jwk();
    let der = families.rsa.public_bytes();
    let spki = spki(&der);
    let modulus = jwk["n"].as_str().unwrap();
    let pems = pem("PUBLIC KEY", &spki);
    let secrets = [
        ("PEM (SubjectPublicKeyInfo)", pems.clone()),
        ("PEM without its last line end", pems[..pems.len() - 1].to_vec()),
        ("PEM (PKCS#1)", pem("RSA PUBLIC KEY", &der)),
        ("DER (SubjectPublicKeyInfo)", spki),
        ("DER (PKCS#1)", der),
        ("JWK", jwk.to_string().into_bytes()),
        ("modulus in base64url", modulus.as_bytes().to_vec()),
        ("modulus", decoded(modulus)),
        ("key id", b"rsa".to_vec()),
    ];
    let good = families.by(&families.rsa);
    let mut cases = Vec::new();
    for (what, secret) in &secrets {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let token = good.clone().header("alg", "HS256");
        let tag = hmac::sign(&key, token.message().as_bytes());
        let name = format!("HS256 under the RSA key's {what}");
        cases.push(case(name, Reason::Algorithm, token.with_signature(tag)));
        let tag = hmac::sign(&key, good.message().as_bytes());
        let name = format!("HMAC under the RSA key's {what}, said to be RS256");
        cases.push(case(name, Reason::BadSignature, good.with_signature(tag)));
    }
    cases
}

fn rsa(families: &Families) -> Vec<Case> {
    let good = families.by(&families.rsa);
    let signature = families.rsa.sign(good.message().as_bytes());
    let modulus = decoded(families.rsa.jwk()["n"].as_str().unwrap());
    let mut flipped = signature.clone();
    flipped[255] ^= 1;
    let mut one = vec![0; 256];
    one[255] = 1;
    let mut reversed = signature.clone();
    reversed.reverse();
    let mut less = modulus.clone();
    less[255] -= 1;
    let mut cases: Vec<Case> = [
        ("is empty", Vec::new()),
        ("is zero", vec![0; 256]),
        ("is one", one),
        ("is the modulus", modulus.clone()),
        ("is one below the modulus", less),
        ("is all ones", vec![0xff; 256]),
        ("has the modulus added", sum(&signature, &modulus)),
        ("has a leading zero", [&[0], signature.as_slice()].concat()),
        ("has a zero behind it", [signature.as_slice(), &[0]].concat()),
        ("is one byte short", signature[1..].to_vec()),
        ("is cut at its end", signature[..255].to_vec()),
        ("is half of one", signature[..128].to_vec()),
        ("stands twice", [signature.as_slice(), &signature].concat()),
        ("is reversed", reversed),
        ("has one bit flipped", flipped),
        ("is a padded hash in the clear", clear(good.message().as_bytes())),
    ]
    .into_iter()
    .map(|(name, bytes)| {
        case(format!("RSA: the signature {name}"), Reason::BadSignature, good.with_signature(bytes))
    })
    .collect();
    let algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
    for said in algorithms {
        for done in algorithms.into_iter().filter(|done| *done != said) {
            let token = families.by(&families.rsa.using(said));
            let token = token.signed_by(&families.rsa.using(done)).sign();
            cases.push(case(format!("RSA: {done} said to be {said}"), Reason::BadSignature, token));
        }
    }
    cases
}

/// EMSA-PKCS1-v1_5 (RFC 8017 section 9.2) over SHA-256, with no private key applied to it.
fn clear(message: &[u8]) -> Vec<u8> {
    let info = [0x30, 0x31, 0x30, 13, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 32];
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, message);
    let tail = [&[0], info.as_slice(), hash.as_ref()].concat();
    let padding = vec![0xff; 256 - 2 - tail.len()];
    [&[0, 1], padding.as_slice(), &tail].concat()
}

/// The order of Ed25519's group (RFC 8032 section 5.1), big-endian.
const ED25519_ORDER: &str = "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed";

fn ed25519(families: &Families) -> Vec<Case> {
    let good = families.by(&families.ed);
    let signature = families.ed.sign(good.message().as_bytes());
    let (r, s) = signature.split_at(32);
    let little = |bytes: &[u8]| bytes.iter().rev().copied().collect::<Vec<u8>>();
    let order = hex(ED25519_ORDER);
    let more = |times: usize| {
        let mut s = little(s);
        for _ in 0..times {
            s = sum(&s, &order);
        }
        [r, &little(&s)[..32]].concat()
    };
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let zero = [0; 32];
    let mut high = signature.clone();
    high[63] |= 0xe0;
    let mut other_sign = signature.clone();
    other_sign[31] ^= 0x80;
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, good.message().as_bytes());
    [
        ("S + L (malleable)", more(1)),
        ("S + 2 L", more(2)),
        ("S + 7 L", more(7)),
        ("high bits of S set", high),
        ("S is zero", [r, &zero].concat()),
        ("S is L", [r, &little(&order)].concat()),
        ("R neutral, S zero", [neutral, zero].concat()),
        ("R and S zero", vec![0; 64]),
        ("R of small order", [zero.as_slice(), s].concat()),
        ("R with the other sign", other_sign),
        ("R and S exchanged", [s, r].concat()),
        ("all ones", vec![0xff; 64]),
        ("one byte short", signature[..63].to_vec()),
        ("one byte long", [signature.as_slice(), &[0]].concat()),
        ("R alone", r.to_vec()),
        ("empty", Vec::new()),
        ("over the hash of the message", families.ed.sign(hash.as_ref())),
        ("of another key", SigningKey::ed25519("x").sign(good.message().as_bytes())),
    ]
    .into_iter()
    .map(|(name, bytes)| {
        case(format!("Ed25519: {name}"), Reason::BadSignature, good.with_signature(bytes))
    })
    .collect()
}

/// The orders of P-384 and P-521 (SEC 2).
const ORDERS: [&str; 2] = [
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
];

fn wide_curves(families: &Families) -> Vec<Case> {
    let mut cases = Vec::new();
    for (key, order) in [&families.es384, &families.es512].into_iter().zip(ORDERS) {
        let good = families.by(key);
        let order = hex(order);
        let bytes = order.len();
        let signature = key.sign(good.message().as_bytes());
        let (r, s) = signature.split_at(bytes);
        let zero = vec![0; bytes];
        let mut high = signature.clone();
        // Changed and not set: in one signature of 64 they are set already.
        high[0] ^= 0xfe;
        let pair = |r: &[u8], s: &[u8]| [r, s].concat();
        let long = |n: &[u8]| [&[0], n].concat();
        let wrapped = |n: &[u8]| sum(n, &order);
        let of = |name: &str, signature: Vec<u8>| {
            let name = format!("{}: {name}", key.alg);
            case(name, Reason::BadSignature, good.with_signature(signature))
        };
        cases.extend([
            of("r and s are zero", pair(&zero, &zero)),
            of("r is zero", pair(&zero, s)),
            of("s is zero", pair(r, &zero)),
            of("r is the order", pair(&order, s)),
            of("s is the order", pair(r, &order)),
            of("r has the order added", pair(&wrapped(r), s)),
            of("s has the order added", pair(r, &wrapped(s))),
            of("the high bits of r are changed", high),
            of("r and s are exchanged", pair(s, r)),
            of("both numbers with a leading zero", pair(&long(r), &long(s))),
            of("both numbers without their first byte", pair(&r[1..], &s[1..])),
            of("one byte short", signature[..2 * bytes - 1].to_vec()),
            of("one byte long", [signature.as_slice(), &[0]].concat()),
            of("the length of P-256", signature[..64].to_vec()),
            of("empty", Vec::new()),
        ]);
    }
    cases
}

/// A key of one family under the algorithm of another.
fn crossed(families: &Families) -> Vec<Case> {
    let mut cases = Vec::new();
    let keys =
        [&families.issuer.key(), &families.ed, &families.es384, &families.es512, &families.rsa];
    for key in keys {
        for alg in ["ES256", "ES384", "ES512", "EdDSA", "RS256", "PS512"] {
            let rsa = key.alg == "RS256";
            if alg == key.alg || rsa && matches!(alg, "RS256" | "PS512") {
                continue;
            }
            let token = families.by(key).header("alg", alg).sign();
            let name = format!("the {} key under {alg}", key.alg);
            cases.push(case(name, Reason::UnknownKid, token));
        }
    }
    // An algorithm that fits the key, under the id of another key of the issuer.
    for (key, id) in [(&families.ed, "key-1"), (&families.es384, "p521"), (&families.rsa, "ed")] {
        let token = families.by(key).header("kid", id).sign();
        cases.push(case(format!("{} under the id {id}", key.alg), Reason::UnknownKid, token));
    }
    cases
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn decoded(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// Two big-endian numbers of one length; what does not fit makes the sum a byte longer.
fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let mut digits: Vec<u8> = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .map(|(a, b)| {
            let sum = u16::from(*a) + u16::from(*b) + carry;
            carry = sum >> 8;
            sum.to_le_bytes()[0]
        })
        .collect();
    if carry > 0 {
        digits.push(1);
    }
    digits.reverse();
    assert_eq!(a.len(), b.len());
    // A forgery that does not look like a signature at all would prove less.
    assert_ne!(b64(a), b64(&digits));
    digits
}
