//! Asking issuers about tokens.

use std::time::Duration;

use super::{Folder, Strictness, check_in, refused_in, unmarked, warned_in};
use crate::config::{ClientProof, IntrospectWhen, KeySource};
use crate::limits::{
    INTROSPECTION_CACHE_S, INTROSPECTION_GRACE_S_MAX, INTROSPECTION_NEGATIVE_S,
    INTROSPECTION_NEGATIVE_S_MAX, TOKEN_CACHE_S,
};

/// A file whose only issuer has these lines.
fn issuer(lines: &str) -> String {
    format!(
        "listen: 127.0.0.1:0\nissuers:\n  - issuer: https://idp.example.com\n{lines}servers:\n  - name: notes\n    public_url: https://notes.example.com/mcp\n    upstream: http://127.0.0.1:8080/mcp\n"
    )
}

/// Whose introspection has these keys besides the necessary ones.
fn asking(keys: &str) -> String {
    let auth = "auth: { client_secret_basic: { file: secret } }";
    issuer(&format!("    introspection: {{ client_id: me, {auth}{keys} }}\n"))
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("secret", "pw\n");
    folder
}

#[test]
fn introspection_has_defaults() {
    let config = check_in(&folder(), &asking(""), Strictness::Strict).unwrap().config;
    let found = config.issuers[0].introspection.as_ref().unwrap();
    assert!(found.endpoint.is_none() && !found.audience_optional);
    assert_eq!(found.when, IntrospectWhen::Opaque);
    assert_eq!(&*found.client.id, "me");
    assert!(matches!(&found.client.proof, ClientProof::SecretBasic(s) if s.matches(b"pw")));
    assert_eq!(found.cache, Duration::from_secs(INTROSPECTION_CACHE_S));
    assert_eq!(found.negative_cache, Duration::from_secs(INTROSPECTION_NEGATIVE_S));
    assert_eq!(found.grace, Duration::ZERO);
    assert_eq!(config.issuers[0].keys, KeySource::Discover);
}

#[test]
fn introspection_takes_what_is_written() {
    let keys =
        ", url: https://idp.example.com/i, when: always, cache: 5s, negative_cache: 1s, grace: 0s";
    let config = check_in(&folder(), &asking(keys), Strictness::Strict).unwrap().config;
    let found = config.issuers[0].introspection.as_ref().unwrap();
    assert_eq!(found.endpoint.as_ref().unwrap().path(), "/i");
    assert_eq!((found.when, found.cache.as_secs()), (IntrospectWhen::Always, 5));
    assert_eq!((found.negative_cache.as_secs(), found.grace), (1, Duration::ZERO));
}

#[test]
fn times_of_introspection_are_bounded() {
    for (key, bound) in [
        ("cache", TOKEN_CACHE_S),
        ("negative_cache", INTROSPECTION_NEGATIVE_S_MAX),
        ("grace", INTROSPECTION_GRACE_S_MAX),
    ] {
        let over = asking(&format!(", {key}: «{}s»", bound + 1));
        refused_in(&folder(), &over, "not a possible duration", &format!("`{bound}s`"));
    }
    refused_in(&folder(), &asking(", cache: «0s»"), "not a possible duration", "more than 0");
}

#[test]
fn what_gives_protection_away_is_warned_about() {
    let grace = asking(", grace: «30s»");
    warned_in(&folder(), &grace, "revoked token may pass", "keep it short");
    assert!(check_in(&folder(), &unmarked(&grace), Strictness::Strict).is_err());
    let any = asking(", audience_optional: «true»");
    warned_in(&folder(), &any, "whomever it was issued for", "send `aud`");
}

#[test]
fn issuer_without_keys_needs_introspection_and_nothing_for_jwts() {
    let folder = folder();
    let off =
        |more: &str| asking("").replace("    introspection", &format!("{more}    introspection"));
    let config = check_in(&folder, &off("    keys: off\n"), Strictness::Strict).unwrap().config;
    assert_eq!(config.issuers[0].keys, KeySource::None);
    refused_in(&folder, &issuer("    keys: «off»\n"), "without keys no token", "introspection");
    let idle = off("    keys: off\n    «algorithms»: [ES256]\n");
    refused_in(&folder, &idle, "no effect on an issuer without keys", "remove it");
    let when = asking(", when: «opaque»").replace("    intro", "    keys: off\n    intro");
    refused_in(&folder, &when, "asked about all", "remove it");
}

#[test]
fn gateway_proves_itself_in_exactly_one_way() {
    let folder = folder();
    let with = |auth: &str| issuer(&format!("    introspection: {{ client_id: me, {auth} }}\n"));
    refused_in(&folder, &with("«auth»: {}"), "no way to prove", "client_secret_basic");
    let two = "    introspection:\n      client_id: me\n      «auth»:\n        \
               client_secret_basic: { file: secret }\n        client_secret_post: { file: secret }\n";
    refused_in(&folder, &issuer(two), "several ways", "keep one");
    let bad = "auth: { private_key_jwt: { key: «secret» } }";
    refused_in(&folder, &with(bad), "no PKCS#8 key", "openssl genpkey");
    let empty = asking("").replace("client_id: me", "client_id: «\" \"»");
    refused_in(&folder, &empty, "empty client id", "issuer");
    let url = asking(", url: «http://idp.example.com/i»");
    refused_in(&folder, &url, "must be `https`", "127.0.0.1");
    let pair = rcgen::generate_simple_self_signed(vec!["me".to_owned()]).unwrap();
    folder.write("cert.pem", pair.cert.pem());
    folder.write("key.pem", pair.signing_key.serialize_pem());
    for (auth, jwt) in [
        ("auth: { private_key_jwt: { key: key.pem, kid: k1 } }", true),
        ("auth: { tls_client_auth: { cert: cert.pem, key: key.pem } }", false),
    ] {
        let config = check_in(&folder, &with(auth), Strictness::Normal).unwrap().config;
        let proof = &config.issuers[0].introspection.as_ref().unwrap().client.proof;
        match proof {
            ClientProof::PrivateKeyJwt { kid, audience, .. } => {
                assert!(jwt && kid.as_deref() == Some("k1") && audience.is_none());
            }
            ClientProof::Tls { chain, .. } => assert!(!jwt && !chain.is_empty()),
            other => panic!("{other:?}"),
        }
    }
}
