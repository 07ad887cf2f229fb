//! The negative corpus: each token is one known attack, made from fresh keys; all are refused
//! with 401, and beside each group stands a good token that is accepted.

use aws_lc_rs::hmac;
use sallyport::authn::Reason;
use sallyport::authn::jwt::KID_BYTES_MAX;
use sallyport::limits::TOKEN_BYTES_MAX;
use sallyport::reject::Code;
use serde_json::{Value, json};

use crate::issuer::{AUDIENCE, Issuer, NOW, SigningKey, TokenBuilder, b64};
use crate::route::{Process, tokens, trust};

/// One forged token: what is wrong with it, and under which reason it must be refused.
type Case = (String, Reason, String);

fn case(name: impl Into<String>, reason: Reason, token: impl Into<String>) -> Case {
    (name.into(), reason, token.into())
}

/// Offers every token of a group to a route, and a good one before and after.
async fn all_refused(group: fn(&Issuer) -> Vec<Case>) {
    let issuer = Issuer::start().await;
    let process = Process::start();
    let route = process.route(tokens([trust(&issuer)]));
    route.call(&issuer.token().sign()).await.expect("the good twin before");
    for (name, reason, token) in group(&issuer) {
        let before = process.refused(reason);
        let refused = route.call(&token).await.expect_err(&name);
        assert_eq!(refused.code, Code::TokenInvalid, "{name}: {}", refused.internal);
        assert_eq!(refused.code.row().status, 401);
        let challenge = refused.challenge.expect(&name);
        assert_eq!(challenge.error, Some("invalid_token"), "{name}");
        assert_eq!(process.refused(reason), before + 1, "{name}: {}", refused.internal);
        let signature = token.rsplit('.').next().filter(|s| s.len() > 20);
        assert!(signature.is_none_or(|s| !refused.internal.contains(s)), "{name}");
    }
    route.call(&issuer.token().subject("bob").sign()).await.expect("the good twin after");
}

/// As [`all_refused`], but the gateway has no keys yet: nothing may make it ask for them.
async fn refused_without_a_fetch(group: fn(&Issuer) -> Vec<Case>) {
    let issuer = Issuer::start().await;
    let process = Process::start();
    let route = process.route(tokens([trust(&issuer)]));
    for (name, _, token) in group(&issuer) {
        assert!(route.call(&token).await.is_err(), "{name}");
        assert_eq!(issuer.fetches(), 0, "{name}");
    }
}

macro_rules! groups {
    ($($test:ident = $group:ident;)+) => {
        $(#[tokio::test] async fn $test() { all_refused($group).await; })+

        const GROUPS: &[fn(&Issuer) -> Vec<Case>] = &[$($group),+];
    };
}

groups! {
    s01_other_algorithms_and_confused_keys_are_refused = algorithms;
    s01_hmac_under_the_public_key_is_refused = hmac_confusion;
    s02_keys_and_addresses_in_the_header_are_refused = header_keys;
    s02_key_ids_are_names_and_nothing_else = key_ids;
    s03_signatures_that_only_look_like_one_are_refused = signatures;
    s03_other_shapes_than_three_canonical_segments_are_refused = shapes;
    s04_duplicate_names_are_refused_even_when_signed = duplicates;
    s04_texts_that_are_not_strict_json_objects_are_refused = texts;
    s05_issuer_is_compared_byte_for_byte = issuers;
    s05_audience_is_compared_byte_for_byte = audiences;
    s05_times_are_required_numeric_and_now = times;
    s05_subject_and_names_have_their_type = names;
    s06_other_kinds_of_token_are_refused = types;
    s07_critical_nested_and_encrypted_tokens_are_refused = critical;
    s08_sender_constrained_token_is_refused_as_a_bearer_token = bound;
}

#[tokio::test]
async fn s01_and_s02_no_forged_header_causes_a_fetch() {
    refused_without_a_fetch(algorithms).await;
    refused_without_a_fetch(hmac_confusion).await;
    refused_without_a_fetch(header_keys).await;
    refused_without_a_fetch(critical).await;
    refused_without_a_fetch(shapes).await;
    refused_without_a_fetch(issuers).await;
}

#[tokio::test]
async fn corpus_is_large_and_each_attack_has_its_own_name() {
    let issuer = Issuer::start().await;
    let names: Vec<String> =
        GROUPS.iter().flat_map(|group| group(&issuer)).map(|(name, _, _)| name).collect();
    let unique: std::collections::HashSet<_> = names.iter().collect();
    assert_eq!(unique.len(), names.len());
    assert!(names.len() >= 150, "{}", names.len());
}

fn algorithms(issuer: &Issuer) -> Vec<Case> {
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

fn hmac_confusion(issuer: &Issuer) -> Vec<Case> {
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

fn header_keys(issuer: &Issuer) -> Vec<Case> {
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

fn key_ids(issuer: &Issuer) -> Vec<Case> {
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

fn signatures(issuer: &Issuer) -> Vec<Case> {
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

fn shapes(issuer: &Issuer) -> Vec<Case> {
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

fn duplicates(issuer: &Issuer) -> Vec<Case> {
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

fn texts(issuer: &Issuer) -> Vec<Case> {
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

fn issuers(issuer: &Issuer) -> Vec<Case> {
    let iss = issuer.url();
    let mut cases = Vec::new();
    for (name, value) in [
        ("another issuer", json!("https://evil.example")),
        ("a trailing slash", json!(format!("{iss}/"))),
        ("a prefix", json!(&iss[..iss.len() - 1])),
        ("more behind it", json!(format!("{iss}.evil.example"))),
        ("the issuer as user name", json!(format!("{iss}@evil.example"))),
        ("upper case", json!(iss.to_uppercase())),
        ("a space before", json!(format!(" {iss}"))),
        ("a space behind", json!(format!("{iss} "))),
        ("a NUL behind", json!(format!("{iss}\0"))),
        ("a query", json!(format!("{iss}?x=1"))),
        ("a list of the issuer", json!([iss])),
        ("an object", json!({"iss": iss})),
        ("null", json!(null)),
        ("a number", json!(1)),
        ("empty", json!("")),
    ] {
        let token = issuer.token().claim("iss", value).sign();
        cases.push(case(format!("iss is {name}"), Reason::WrongIssuer, token));
    }
    let token = issuer.token().without("iss").sign();
    cases.push(case("iss is missing", Reason::WrongIssuer, token));
    cases
}

fn audiences(issuer: &Issuer) -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, value) in [
        ("another resource", json!("https://other.example/mcp")),
        ("a trailing slash", json!(format!("{AUDIENCE}/"))),
        ("a prefix", json!("https://mcp.example")),
        ("the root", json!("https://mcp.example/")),
        ("one character short", json!(&AUDIENCE[..AUDIENCE.len() - 1])),
        ("a path below", json!(format!("{AUDIENCE}/tools"))),
        ("a query", json!(format!("{AUDIENCE}?a=b"))),
        ("a fragment", json!(format!("{AUDIENCE}#a"))),
        ("upper case", json!("HTTPS://MCP.EXAMPLE/MCP")),
        ("the default port", json!("https://mcp.example:443/mcp")),
        ("percent-encoded", json!("https://mcp.example/%6dcp")),
        ("a space before", json!(format!(" {AUDIENCE}"))),
        ("a space behind", json!(format!("{AUDIENCE} "))),
        ("two in one string", json!(format!("https://other.example {AUDIENCE}"))),
        ("two in one string with a comma", json!(format!("https://other.example,{AUDIENCE}"))),
        ("a wildcard", json!("*")),
        ("a wildcard host", json!("https://*.example/mcp")),
        ("the client", json!("test-client")),
        ("empty", json!("")),
        ("an empty list", json!([])),
        ("a list of others", json!(["https://a.example", "https://b.example"])),
    ] {
        let token = issuer.token().claim("aud", value).sign();
        cases.push(case(format!("aud is {name}"), Reason::WrongAudience, token));
    }
    for (name, value) in [
        ("a nested list", json!([[AUDIENCE]])),
        ("a list with a number", json!([AUDIENCE, 1])),
        ("a list with null", json!([AUDIENCE, null])),
        ("an object", json!({AUDIENCE: true})),
        ("a number", json!(1)),
        ("null", json!(null)),
        ("true", json!(true)),
    ] {
        let token = issuer.token().claim("aud", value).sign();
        cases.push(case(format!("aud is {name}"), Reason::Malformed, token));
    }
    let token = issuer.token().without("aud").sign();
    cases.push(case("aud is missing", Reason::WrongAudience, token));
    cases
}

fn times(issuer: &Issuer) -> Vec<Case> {
    let with = |name: &str, claim: &str, value: Value, reason: Reason| {
        case(format!("{claim} is {name}"), reason, issuer.token().claim(claim, value).sign())
    };
    let mut cases = vec![
        with("just past", "exp", json!(NOW - 30), Reason::Expired),
        with("long past", "exp", json!(1), Reason::Expired),
        with("zero", "exp", json!(0), Reason::Expired),
        with("a fraction, past", "exp", json!(1_799_999_969.5), Reason::Expired),
        with("ahead", "nbf", json!(NOW + 31), Reason::NotYetValid),
        with("far ahead", "nbf", json!(u64::MAX), Reason::NotYetValid),
        with("ahead", "iat", json!(NOW + 31), Reason::NotYetValid),
        with("in milliseconds", "iat", json!(NOW * 1000), Reason::NotYetValid),
        case("exp is missing", Reason::Malformed, issuer.token().without("exp").sign()),
        case("the exp of ten minutes ago", Reason::Expired, issuer.token().expires_in(-600).sign()),
    ];
    for claim in ["exp", "nbf", "iat"] {
        for (name, value) in [
            ("a string", json!("1800000600")),
            ("null", json!(null)),
            ("true", json!(true)),
            ("a list", json!([NOW])),
            ("negative", json!(-1)),
        ] {
            cases.push(with(name, claim, value, Reason::Malformed));
        }
    }
    let infinite = issuer.token().claims_json().replace("1800000600", "1e999");
    let token = issuer.token().claims_text(infinite).sign();
    cases.push(case("exp is beyond every number", Reason::Malformed, token));
    cases
}

fn names(issuer: &Issuer) -> Vec<Case> {
    let with = |claim: &str, name: &str, value: Value| {
        let token = issuer.token().claim(claim, value).sign();
        case(format!("{claim} is {name}"), Reason::Malformed, token)
    };
    vec![
        case("sub is missing", Reason::Malformed, issuer.token().without("sub").sign()),
        with("sub", "empty", json!("")),
        with("sub", "a number", json!(1)),
        with("sub", "null", json!(null)),
        with("sub", "a list", json!(["alice"])),
        with("sub", "an object", json!({"sub": "alice"})),
        with("client_id", "a number", json!(1)),
        case(
            "azp is a list",
            Reason::Malformed,
            issuer.token().without("client_id").claim("azp", json!(["a"])).sign(),
        ),
        with("jti", "a number", json!(7)),
        with("scope", "a number", json!(7)),
        with("scope", "an object", json!({"a": true})),
        with("scope", "a list with a number", json!(["a", 1])),
        with("scp", "true", json!(true)),
    ]
}

fn types(issuer: &Issuer) -> Vec<Case> {
    let mut cases = Vec::new();
    for typ in [
        "JWT",
        "jwt",
        "id+jwt",
        "dpop+jwt",
        "logout+jwt",
        "secevent+jwt",
        "oauth-id-jag+jwt",
        "token-introspection+jwt",
        "client-authentication+jwt",
        "oauth-authz-req+jwt",
        "entity-statement+jwt",
        "vc+sd-jwt",
        "JOSE",
        "at+jwt ",
        "at_jwt",
        "at+jwt+x",
        "xat+jwt",
        "application/jwt",
        "text/at+jwt",
        "",
    ] {
        let token = issuer.token().header("typ", typ).sign();
        cases.push(case(format!("typ `{typ}`"), Reason::BadType, token));
    }
    let token = issuer.token().without_header("typ").sign();
    cases.push(case("typ is missing", Reason::BadType, token));
    for (name, value) in [("a list", json!(["at+jwt"])), ("null", json!(null))] {
        let token = issuer.token().header("typ", value).sign();
        cases.push(case(format!("typ is {name}"), Reason::Malformed, token));
    }
    let id = issuer.token().header("typ", "JWT").audience("test-client").claim("nonce", "n");
    cases.push(case("an ID token", Reason::BadType, id.sign()));
    cases
}

fn critical(issuer: &Issuer) -> Vec<Case> {
    let with = |name: &str, header: &str, value: Value| {
        case(name, Reason::Malformed, issuer.token().header(header, value).sign())
    };
    let nested = issuer.token().header("cty", "JWT").claims_text(issuer.token().sign());
    let plain = issuer.token().header("b64", false).header("crit", json!(["b64"]));
    let unencoded = {
        let header = b64(plain.header_json());
        let signature = issuer.key().sign(format!("{header}.claims").as_bytes());
        format!("{header}.claims.{}", b64(signature))
    };
    vec![
        with("crit names an unknown extension", "crit", json!(["x"])),
        with("crit names exp", "crit", json!(["exp"])),
        with("crit is an empty list", "crit", json!([])),
        with("crit is a string", "crit", json!("exp")),
        with("crit is null", "crit", json!(null)),
        with("b64 false without crit", "b64", json!(false)),
        with("b64 true", "b64", json!(true)),
        with("zip DEF", "zip", json!("DEF")),
        with("enc", "enc", json!("A256GCM")),
        with("cty JWT", "cty", json!("JWT")),
        with("cty application/jwt", "cty", json!("application/jwt")),
        with("cty is a number", "cty", json!(1)),
        case("b64 false with crit", Reason::Malformed, plain.sign()),
        case("b64 false with an unencoded payload", Reason::Malformed, unencoded),
        case("a nested token", Reason::Malformed, nested.sign()),
        case("a nested token without cty", Reason::Malformed, nest(issuer)),
    ]
}

fn nest(issuer: &Issuer) -> String {
    let inner: TokenBuilder = issuer.token();
    inner.clone().claims_text(inner.sign()).sign()
}

fn bound(issuer: &Issuer) -> Vec<Case> {
    [
        ("to a DPoP key", json!({"jkt": b64([1; 32])})),
        ("to a certificate", json!({"x5t#S256": b64([1; 32])})),
        ("to a key", json!({"jwk": SigningKey::es256("x").jwk()})),
        ("to nothing", json!({})),
        ("to null", json!(null)),
        ("to a string", json!("x")),
    ]
    .into_iter()
    .map(|(name, cnf)| {
        let token = issuer.token().claim("cnf", cnf).sign();
        case(format!("bound {name}"), Reason::BoundToken, token)
    })
    .collect()
}
