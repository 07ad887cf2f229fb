//! Tokens that count on a lenient reader: look-alike letters, other serialisations, odd numbers.

use sallyport::authn::Reason;
use sallyport::limits::JSON_NUMBER_BYTES_MAX;
use serde_json::json;

use crate::corpus::{Case, case};
use crate::issuer::{AUDIENCE, Issuer, NOW, SigningKey, b64};

/// Letters of other alphabets, and the invisible.
pub fn look_alikes(issuer: &Issuer) -> Vec<Case> {
    let iss = issuer.url();
    let mut cases = Vec::new();
    for (name, text) in [
        ("with a Cyrillic letter", iss.replacen('t', "\u{442}", 1)),
        ("with a full-width colon", iss.replacen(':', "\u{ff1a}", 1)),
        ("with a zero-width space", format!("{iss}\u{200b}")),
        ("with a soft hyphen", iss.replacen("//", "/\u{ad}/", 1)),
        ("with a direction mark", format!("\u{202e}{iss}")),
        ("with a combining mark", format!("{iss}\u{301}")),
        ("with a byte order mark", format!("\u{feff}{iss}")),
    ] {
        let token = issuer.token().claim("iss", text).sign();
        cases.push(case(format!("iss {name}"), Reason::WrongIssuer, token));
    }
    for (name, text) in [
        ("with a Cyrillic letter", AUDIENCE.replacen('c', "\u{441}", 1)),
        ("with full-width letters", AUDIENCE.replace("mcp", "\u{ff4d}\u{ff43}\u{ff50}")),
        ("with a zero-width joiner", format!("{AUDIENCE}\u{200d}")),
        ("with a NUL", format!("{AUDIENCE}\0")),
        ("with a line end", format!("{AUDIENCE}\n")),
        ("with a backslash", AUDIENCE.replace('/', "\\")),
        ("with two dots", AUDIENCE.replace("/mcp", "/x/../mcp")),
        ("with a user name", AUDIENCE.replace("//", "//mcp.example@")),
    ] {
        let token = issuer.token().claim("aud", text).sign();
        cases.push(case(format!("aud {name}"), Reason::WrongAudience, token));
    }
    for (claim, odd) in [
        ("sub", "\u{455}ub"),
        ("sub", "Sub"),
        ("sub", "sub\0"),
        ("sub", "sub "),
        ("exp", "e\u{445}p"),
    ] {
        let value = if claim == "exp" { json!(NOW + 600) } else { json!("alice") };
        let token = issuer.token().without(claim).claim(odd, value).sign();
        let name = format!("{claim} is called `{}`", odd.escape_unicode());
        cases.push(case(name, Reason::Malformed, token));
    }
    for (claim, odd, reason) in
        [("iss", "i\u{455}s", Reason::WrongIssuer), ("aud", "\u{430}ud", Reason::WrongAudience)]
    {
        let value = if claim == "iss" { json!(iss) } else { json!(AUDIENCE) };
        let token = issuer.token().without(claim).claim(odd, value).sign();
        cases.push(case(format!("{claim} is called by a look-alike"), reason, token));
    }
    cases
}

/// Names that two readers of a record would see differently.
pub fn controls(issuer: &Issuer) -> Vec<Case> {
    let mut cases = Vec::new();
    for (claim, text) in [
        ("sub", "alice\0"),
        ("sub", "\0"),
        ("sub", "alice\0admin"),
        ("sub", "alice\nadmin"),
        ("sub", "alice\r\nx-user: admin"),
        ("sub", "\u{1b}[2Jalice"),
        ("sub", "alice\u{7f}"),
        ("sub", "alice\u{85}"),
        ("client_id", "test-client\0"),
        ("client_id", "a\nb"),
    ] {
        let token = issuer.token().claim(claim, text).sign();
        let name = format!("{claim} is `{}`", text.escape_debug());
        cases.push(case(name, Reason::Malformed, token));
    }
    cases
}

/// The JSON serialisations of RFC 7515 section 7.2, and things around the compact one.
pub fn serialisations(issuer: &Issuer) -> Vec<Case> {
    let token = issuer.token().sign();
    let parts: Vec<&str> = token.split('.').collect();
    let (h, c, s) = (parts[0], parts[1], parts[2]);
    let flattened = json!({"payload": c, "protected": h, "signature": s});
    let general = json!({"payload": c, "signatures": [{"protected": h, "signature": s}]});
    let two = json!({"payload": c, "signatures": [
        {"protected": h, "signature": s},
        {"header": {"alg": "none"}, "signature": ""},
    ]});
    let malformed = |name: &str, token: String| case(name, Reason::Malformed, token);
    vec![
        malformed("the flattened JSON serialisation", flattened.to_string()),
        malformed("the general JSON serialisation", general.to_string()),
        malformed("a general serialisation with an unsigned twin", two.to_string()),
        malformed("the flattened serialisation, encoded", b64(flattened.to_string())),
        malformed("the claims alone, unencoded", issuer.token().claims_json()),
        malformed("the detached form", format!("{h}..{s}")),
        malformed("quoted", format!("\"{token}\"")),
        malformed("encoded once more", b64(&token)),
        malformed("two tokens", format!("{token},{token}")),
        malformed("a token behind an SD-JWT's tilde", format!("{token}~")),
        malformed("a space in the claims", format!("{h}.{} {}.{s}", &c[..9], &c[9..])),
        malformed("a tab before the signature", format!("{h}.{c}.\t{s}")),
        malformed("a percent-encoded dot", format!("{h}%2e{c}.{s}")),
        malformed("a JWE with direct encryption", jwe(issuer, "dir")),
        malformed("a JWE under RSA-OAEP", jwe(issuer, "RSA-OAEP-256")),
        malformed("a compressed JWE's header on a JWS", zipped(issuer)),
        malformed("nested arrays to the depth of 2,000", deep(issuer, 2_000)),
        malformed("a number longer than the bound", digits(issuer)),
    ]
}

fn jwe(issuer: &Issuer, alg: &str) -> String {
    let header = json!({"alg": alg, "enc": "A256GCM", "cty": "JWT", "kid": "key-1"}).to_string();
    let inner = issuer.token().sign();
    [b64(header), b64([1; 40]), b64([2; 12]), b64(inner), b64([3; 16])].join(".")
}

fn zipped(issuer: &Issuer) -> String {
    // Raw DEFLATE, one stored block: what a reader that inflates would take for claims.
    let claims = issuer.token().claims_json();
    let length = u16::try_from(claims.len()).unwrap();
    let lengths = [length.to_le_bytes(), (!length).to_le_bytes()].concat();
    let block = [&[1], lengths.as_slice(), claims.as_bytes()].concat();
    let header = json!({"alg": "ES256", "kid": "key-1", "typ": "at+jwt", "zip": "DEF"}).to_string();
    let message = format!("{}.{}", b64(header), b64(block));
    format!("{message}.{}", b64(issuer.key().sign(message.as_bytes())))
}

fn deep(issuer: &Issuer, depth: usize) -> String {
    let claims = issuer.token().claims_json();
    let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    issuer.token().claims_text(format!(r#"{{"x":{nested},{}"#, &claims[1..])).sign()
}

fn digits(issuer: &Issuer) -> String {
    let claims = issuer.token().claims_json();
    let number = "9".repeat(JSON_NUMBER_BYTES_MAX + 1);
    issuer.token().claims_text(format!(r#"{{"x":{number},{}"#, &claims[1..])).sign()
}

/// Moments in shapes that some readers take.
pub fn moments(issuer: &Issuer) -> Vec<Case> {
    let claims = issuer.token().claims_json();
    let mut cases = Vec::new();
    for (name, exp) in [
        ("in milliseconds", "1800000600000"),
        ("the largest of 64 bits", "18446744073709551615"),
        ("beyond 64 bits", "99999999999999999999"),
        ("a huge power", "1e300"),
        ("minus zero", "-0.5"),
        ("with a leading zero", "01800000600"),
        ("with a plus", "+1800000600"),
        ("hexadecimal", "0x6b49d458"),
        ("infinity", "Infinity"),
        ("with a separator", "1_800_000_600"),
        ("an object", r#"{"$date":1800000600}"#),
        ("a date", r#""2027-01-15T08:10:00Z""#),
        ("an empty text", r#""""#),
        ("false", "false"),
        ("an empty list", "[]"),
    ] {
        let token = issuer.token().claims_text(claims.replace("1800000600", exp)).sign();
        cases.push(case(format!("exp: {name}"), Reason::Malformed, token));
    }
    for claim in ["nbf", "iat"] {
        let text = claims.replace(r#""exp""#, &format!(r#""{claim}":99999999999999999999,"exp""#));
        let text = if claim == "iat" {
            claims.replace(r#""iat":1800000000"#, r#""iat":99999999999999999999"#)
        } else {
            text
        };
        let token = issuer.token().claims_text(text).sign();
        cases.push(case(format!("{claim}: beyond 64 bits"), Reason::Malformed, token));
    }
    cases
}

/// Keys and addresses of the sender's choice in the header, pointing at a server that listens.
pub fn addresses(issuer: &Issuer, elsewhere: &str) -> Vec<Case> {
    let own = SigningKey::es256("key-1");
    let url = |path: &str| format!("http://{elsewhere}{path}");
    let mut cases = Vec::new();
    for (header, value) in [
        ("jku", json!(url("/jwks"))),
        ("x5u", json!(url("/chain.pem"))),
        ("jku", json!([url("/jwks")])),
        ("x5u", json!({"url": url("/chain.pem")})),
        ("jwk", json!({"kty": "RSA", "jku": url("/jwks")})),
        ("x5c", json!([b64([0x30; 64])])),
    ] {
        let name = format!("header {header} of {value} points elsewhere");
        let name = name.replace(elsewhere, "a listener");
        let token = issuer.token().signed_by(&own).header(header, value).sign();
        cases.push(case(name, Reason::Malformed, token));
    }
    for (header, value) in [
        ("kid", json!(url("/key"))),
        ("x5t", json!(url("/thumbprint"))),
        ("x5t#S256", json!(url("/thumbprint"))),
        ("url", json!(url("/order"))),
        ("iss", json!(url("/"))),
    ] {
        let reason = if header == "kid" { Reason::UnknownKid } else { Reason::BadSignature };
        let name = format!("header {header} names an address");
        let token = issuer.token().signed_by(&own).header(header, value).sign();
        cases.push(case(name, reason, token));
    }
    let elsewhere_keys = json!({"iss": url(""), "jwks_uri": url("/jwks"), "jku": url("/jwks")});
    for (claim, value) in elsewhere_keys.as_object().unwrap() {
        let reason = if claim == "iss" { Reason::WrongIssuer } else { Reason::BadSignature };
        let token = issuer.token().signed_by(&own).claim(claim, value.clone()).sign();
        cases.push(case(format!("claim {claim} names an address"), reason, token));
    }
    cases
}

/// Duplicate names that only a reader who decodes escapes sees, and far from each other.
pub fn hidden_duplicates(issuer: &Issuer) -> Vec<Case> {
    let good = issuer.token();
    let claims = good.claims_json();
    let mut cases = Vec::new();
    for (name, extra) in [
        ("iss by escapes", r#""\u0069\u0073\u0073":"https://evil.example""#),
        ("aud by escapes", r#""a\u0075d":"https://other.example""#),
        ("exp by escapes", r#""ex\u0070":9999999999"#),
        ("client_id by escapes", r#""client\u005fid":"other""#),
        ("an unknown claim", r#""x":1,"\u0078":2"#),
    ] {
        for (place, text) in [
            ("before", format!("{{{extra},{}", &claims[1..])),
            ("behind", format!("{},{extra}}}", &claims[..claims.len() - 1])),
        ] {
            let token = good.clone().claims_text(text).sign();
            cases.push(case(format!("{name} twice, {place}"), Reason::Malformed, token));
        }
    }
    let header = good.header_json();
    for (name, extra) in [("kid", r#""k\u0069d":"mine""#), ("typ", r#""t\u0079p":"JWT""#)] {
        let text = format!("{{{extra},{}", &header[1..]);
        let token = good.clone().header_text(text).sign();
        cases.push(case(format!("header {name} twice by escapes"), Reason::Malformed, token));
    }
    cases
}
