//! Tokens that nobody should have made: S-01 to S-04, keys, algorithms, signatures, shapes.

use aws_lc_rs::hmac;
use sallyport::authn::Reason;
use sallyport::authn::jwt::KID_BYTES_MAX;
use sallyport::limits::TOKEN_BYTES_MAX;
use serde_json::{Value, json};

use crate::corpus::{Case, case};
use crate::issuer::{Issuer, SigningKey, b64};

pub fn algorithms(issuer: &Issuer) -> Vec<Case> {
    let good = issuer.token();
    let mut cases = Vec::new();
    for alg in [
        "none", "None", "NONE", "nOnE", "none ", " none", "", "es256", "Es256", "ES256 ", "ES-256",
        "ES384", "ES512", "ES256K", "RS256", "PS256", "EdDSA", "Ed25519", "dir", "RSA-OAEP",
        "A128KW", "HS256",
    ] {
        let token = good.clone().header("alg", alg);
        cases.push(case(format!("alg `{alg}`"), Reason::Algorithm, token.sign()));
        if alg.to_ascii_lowercase().contains("none") {
            let name = format!("alg `{alg}` without signature");
            cases.push(case(name, Reason::Algorithm, token.with_signature("")));
        }
    }
    for (name, value) in
        [("null", json!(null)), ("a list", json!(["ES256"])), ("a number", json!(256))]
    {
        let token = good.clone().header("alg", value).sign();
        cases.push(case(format!("alg is {name}"), Reason::Malformed, token));
    }
    cases.push(case("alg is missing", Reason::Algorithm, good.without_header("alg").sign()));
    cases
}

pub fn hmac_confusion(issuer: &Issuer) -> Vec<Case> {
    let key = issuer.key();
    let public = key.public_bytes();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", b64(&public));
    let secrets = [
        ("the public point", public),
        ("the public key's PEM", pem.into_bytes()),
        ("the JWK", key.jwk().to_string().into_bytes()),
        ("the key set", issuer.jwks().to_string().into_bytes()),
        ("an empty secret", Vec::new()),
    ];
    let algorithms =
        [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)];
    let mut cases = Vec::new();
    for (what, secret) in &secrets {
        for (alg, algorithm) in algorithms {
            let token = issuer.token().header("alg", alg);
            let tag = hmac::sign(&hmac::Key::new(algorithm, secret), token.message().as_bytes());
            let name = format!("{alg} under {what}");
            cases.push(case(name, Reason::Algorithm, token.with_signature(tag)));
        }
    }
    cases
}

pub fn header_keys(issuer: &Issuer) -> Vec<Case> {
    let own = SigningKey::es256("mine");
    let forged = || issuer.token().signed_by(&own).header("kid", "mine");
    let set = json!({"keys": [own.jwk()]}).to_string();
    let elsewhere = format!("{}/jwks", issuer.url());
    let with = |name: &str, value: Value| {
        case(format!("header `{name}`"), Reason::Malformed, forged().header(name, value).sign())
    };
    vec![
        with("jwk", own.jwk()),
        with("jku", json!(elsewhere)),
        with("x5u", json!(elsewhere)),
        with("x5c", json!([b64("certificate")])),
        case(
            "jku as a data URL",
            Reason::Malformed,
            forged().header("jku", format!("data:application/json,{set}")).sign(),
        ),
        case("jku of null", Reason::Malformed, forged().header("jku", Value::Null).sign()),
        case(
            "jwk beside a good kid",
            Reason::Malformed,
            issuer.token().signed_by(&own).header("jwk", own.jwk()).sign(),
        ),
        case(
            "jku in a token that is otherwise good",
            Reason::Malformed,
            issuer.token().header("jku", issuer.jwks_url()).sign(),
        ),
    ]
}

pub fn key_ids(issuer: &Issuer) -> Vec<Case> {
    let own = SigningKey::es256("mine");
    let mut cases = Vec::new();
    for kid in [
        "mine",
        "",
        "KEY-1",
        "key-1 ",
        " key-1",
        "key-1\0",
        "key-1/",
        "key-10",
        "key-",
        "../../../../dev/null",
        "/dev/null",
        "file:///proc/self/environ",
        "https://evil.example/key",
        "http://169.254.169.254/latest/meta-data/",
        "' OR '1'='1",
        "x' UNION SELECT 'key' --",
        "key-1; cat /etc/passwd",
        "$(id)",
        "%2e%2e%2f",
        "key\u{ff0d}1",
    ] {
        let token = issuer.token().signed_by(&own).header("kid", kid).sign();
        cases.push(case(format!("kid `{}`", kid.escape_debug()), Reason::UnknownKid, token));
    }
    for (name, value) in [
        ("a number", json!(1)),
        ("null", json!(null)),
        ("a list", json!(["key-1"])),
        ("an object", json!({"key-1": 1})),
        ("too long", json!("k".repeat(KID_BYTES_MAX + 1))),
    ] {
        let token = issuer.token().header("kid", value).sign();
        cases.push(case(format!("kid is {name}"), Reason::Malformed, token));
    }
    let stranger = issuer.token().signed_by(&own).sign();
    cases.push(case("somebody else's key under a good kid", Reason::BadSignature, stranger));
    let nameless = issuer.token().signed_by(&own).without_header("kid").sign();
    cases.push(case("somebody else's key without a kid", Reason::BadSignature, nameless));
    cases
}

/// The order of P-256 (SEC 2): as r or s it stands for zero.
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

pub fn signatures(issuer: &Issuer) -> Vec<Case> {
    let good = issuer.token();
    let signature = issuer.key().sign(good.message().as_bytes());
    let (r, s) = signature.split_at(32);
    let (zero, n) = ([0; 32], P256_ORDER);
    let pair = |a: &[u8], b: &[u8]| [a, b].concat();
    let mut flipped = signature.clone();
    flipped[63] ^= 1;
    let long = pair(&pair(&[0], r), &pair(&[0], s));
    let other = SigningKey::es256("x").sign(good.message().as_bytes());
    let of_other_token = issuer.key().sign(good.clone().subject("eve").message().as_bytes());
    let mut cases: Vec<Case> = [
        ("r and s are zero (psychic signature)", pair(&zero, &zero)),
        ("r is zero", pair(&zero, s)),
        ("s is zero", pair(r, &zero)),
        ("r is the order", pair(&n, s)),
        ("s is the order", pair(r, &n)),
        ("r and s are the order", pair(&n, &n)),
        ("r is the order, s is zero", pair(&n, &zero)),
        ("r and s are exchanged", pair(s, r)),
        ("one bit flipped", flipped),
        ("DER instead of the plain pair", der(r, s)),
        ("one byte short", signature[..63].to_vec()),
        ("one byte long", pair(&signature, &[0])),
        ("both numbers with a leading zero", long),
        ("half a signature", r.to_vec()),
        ("the signature twice", pair(&signature, &signature)),
        ("empty signature", Vec::new()),
        ("all ones", vec![0xff; 64]),
        ("the signature of another key", other),
        ("the signature of another token", of_other_token),
    ]
    .into_iter()
    .map(|(name, bytes)| case(name, Reason::BadSignature, good.with_signature(bytes)))
    .collect();
    let (message, signature) = good.sign().rsplit_once('.').map(own_both).unwrap();
    let edited = good.clone().scope("admin").message();
    cases.push(case(
        "claims edited after signing",
        Reason::BadSignature,
        format!("{edited}.{signature}"),
    ));
    let spaced = good.clone().header_text(format!(" {}", good.header_json())).message();
    cases.push(case(
        "header with a space added after signing",
        Reason::BadSignature,
        format!("{spaced}.{signature}"),
    ));
    let tag = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA512, &issuer.key().public_bytes()),
        message.as_bytes(),
    );
    cases.push(case(
        "an HMAC under the public point, of the right length",
        Reason::BadSignature,
        good.with_signature(tag),
    ));
    let (header, _) = message.split_once('.').unwrap();
    let signed_header_only = b64(issuer.key().sign(header.as_bytes()));
    cases.push(case(
        "signature over the header alone",
        Reason::BadSignature,
        format!("{message}.{signed_header_only}"),
    ));
    cases
}

fn own_both((a, b): (&str, &str)) -> (String, String) {
    (a.to_owned(), b.to_owned())
}

/// ECDSA-Sig-Value (RFC 3279 section 2.2.3).
fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |n: &[u8]| {
        let mut n: Vec<u8> = n.iter().copied().skip_while(|b| *b == 0).collect();
        if n[0] >= 0x80 {
            n.insert(0, 0);
        }
        [&[2, u8::try_from(n.len()).unwrap()], n.as_slice()].concat()
    };
    let body = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(body.len()).unwrap()], body.as_slice()].concat()
}

pub fn shapes(issuer: &Issuer) -> Vec<Case> {
    let token = issuer.token().sign();
    let parts: Vec<&str> = token.split('.').collect();
    let (h, c, s) = (parts[0], parts[1], parts[2]);
    let malformed = |name: &str, token: String| case(name, Reason::Malformed, token);
    vec![
        malformed("one segment", h.to_owned()),
        malformed("two segments", format!("{h}.{c}")),
        malformed("four segments", format!("{h}.{c}.{s}.{s}")),
        malformed("five segments, the form of a JWE", format!("{h}.{c}.{s}.{s}.{s}")),
        malformed("trailing dot", format!("{token}.")),
        malformed("leading dot", format!(".{token}")),
        malformed("empty header", format!(".{c}.{s}")),
        malformed("empty claims", format!("{h}..{s}")),
        malformed("only dots", "..".to_owned()),
        malformed("padded signature", format!("{h}.{c}.{s}==")),
        malformed("padded header", format!("{h}=.{c}.{s}")),
        malformed("standard alphabet", format!("{h}.{c}.+/{}", &s[2..])),
        malformed("bits left over in the signature", format!("{h}.{c}.{}", loose_end(s))),
        malformed("a character left over", format!("{h}.{c}.{s}AAA")),
        malformed("tilde in a segment", format!("{h}.{c}.{s}~")),
        malformed("longer than the limit", "a".repeat(TOKEN_BYTES_MAX + 1)),
        malformed("not a JWT at all", "opaque-token-0123456789".to_owned()),
    ]
}

/// The same bytes with a last character whose unused bits are not zero.
fn loose_end(segment: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (head, last) = segment.split_at(segment.len() - 1);
    let at = ALPHABET.find(last).unwrap();
    format!("{head}{}", &ALPHABET[at + 1..at + 2])
}

pub fn duplicates(issuer: &Issuer) -> Vec<Case> {
    let good = issuer.token();
    let header = |name: &str, extra: &str| {
        let text = format!("{{{extra},{}", &good.header_json()[1..]);
        case(format!("header {name}"), Reason::Malformed, good.clone().header_text(text).sign())
    };
    let claims = |name: &str, extra: &str| {
        let text = format!("{{{extra},{}", &good.claims_json()[1..]);
        case(format!("claims {name}"), Reason::Malformed, good.clone().claims_text(text).sign())
    };
    vec![
        header("with two alg", r#""alg":"none""#),
        header("with two equal alg", r#""alg":"ES256""#),
        header("with two kid", r#""kid":"mine""#),
        header("with two typ", r#""typ":"JWT""#),
        header("with alg written with an escape", r#""\u0061lg":"none""#),
        claims("with two iss", r#""iss":"https://evil.example""#),
        claims("with two sub", r#""sub":"admin""#),
        claims("with two equal sub", r#""sub":"alice""#),
        claims("with two aud", r#""aud":"https://other.example""#),
        claims("with two exp", r#""exp":9999999999"#),
        claims("with sub written with an escape", r#""s\u0075b":"admin""#),
        claims(
            "with a duplicate inside a claim",
            r#""realm_access":{"roles":[],"roles":["admin"]}"#,
        ),
    ]
}

pub fn texts(issuer: &Issuer) -> Vec<Case> {
    let good = issuer.token();
    let (header, claims) = (good.header_json(), good.claims_json());
    let deep = format!(r#"{{"x":{}{},{}"#, "[".repeat(64), "]".repeat(64), &claims[1..]);
    let mut cases = Vec::new();
    for (name, text) in [
        ("are an array", format!("[{claims}]")),
        ("are a string", format!("{claims:?}")),
        ("are empty", String::new()),
        ("are null", "null".to_owned()),
        ("have a byte order mark", format!("\u{feff}{claims}")),
        ("have bytes behind them", format!("{claims}x")),
        ("are two objects", format!("{claims}{claims}")),
        ("are cut", claims[..claims.len() - 1].to_owned()),
        ("have a comment", format!("/* */{claims}")),
        ("have a trailing comma", format!("{},}}", &claims[..claims.len() - 1])),
        ("have single quotes", claims.replace('"', "'")),
        ("have a lone surrogate", format!(r#"{{"x":"\ud800",{}"#, &claims[1..])),
        ("are nested too deep", deep),
        ("have NaN for exp", claims.replace("1800000600", "NaN")),
    ] {
        let token = good.clone().claims_text(text).sign();
        cases.push(case(format!("claims {name}"), Reason::Malformed, token));
    }
    for (name, text) in [
        ("is an array", format!("[{header}]")),
        ("is empty", String::new()),
        ("has bytes behind it", format!("{header}{header}")),
        ("has a raw control character", header.replace("key-1", "key\n1")),
    ] {
        let token = good.clone().header_text(text).sign();
        cases.push(case(format!("header {name}"), Reason::Malformed, token));
    }
    let utf8 = b64([br#"{"iss":""#.as_slice(), b"\xff\"}"].concat());
    let header = b64(&header);
    let signature = b64(issuer.key().sign(format!("{header}.{utf8}").as_bytes()));
    let token = format!("{header}.{utf8}.{signature}");
    cases.push(case("claims are not UTF-8", Reason::Malformed, token));
    cases
}
