//! Tokens that were signed by the issuer, but not for this: S-05 to S-08.

use sallyport::authn::Reason;
use serde_json::{Value, json};

use crate::corpus::{Case, case};
use crate::issuer::{AUDIENCE, Issuer, NOW, SigningKey, TokenBuilder, b64};

pub fn issuers(issuer: &Issuer) -> Vec<Case> {
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

pub fn audiences(issuer: &Issuer) -> Vec<Case> {
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

pub fn times(issuer: &Issuer) -> Vec<Case> {
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

pub fn names(issuer: &Issuer) -> Vec<Case> {
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

pub fn types(issuer: &Issuer) -> Vec<Case> {
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

pub fn critical(issuer: &Issuer) -> Vec<Case> {
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

pub fn bound(issuer: &Issuer) -> Vec<Case> {
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
