//! Mistakes of issuers and of who may authenticate.

use super::{
    Folder, SERVER, Strictness, accepted, check_in, refused, refused_in, refused_server, server,
    unmarked, warned_in, warned_server, with_certificate,
};
use crate::config::{Auth, KeySource, TokenType};

/// The usual file with more lines for its issuer.
fn issuer(lines: &str) -> String {
    SERVER.replace("servers:", &format!("{lines}servers:"))
}

fn identified(text: &str) -> String {
    SERVER.replace("https://idp.example.com", text)
}

#[test]
fn issuer_is_https_unless_on_loopback() {
    refused(&identified("«http://idp.example.com»"), "an issuer must be `https`", "write `https://");
    refused(&identified("«https://idp.example.com/?a=b»"), "has no query", "metadata");
    refused(&identified("«https://idp.example.com/#a»"), "no fragment", "remove the `#`");
    refused(&identified("«https://me:pw@idp.example.com»"), "password", "credential");
    refused(&identified("«idp.example.com»"), "is not a URL", "https://host");
    for good in ["http://127.0.0.1:9000", "http://localhost:1/realm", "http://[::1]:1"] {
        assert_eq!(&*accepted(&identified(good)).config.issuers[0].issuer, good);
    }
}

#[test]
fn issuer_stands_once_and_is_used() {
    let twice = "  - issuer: «https://idp.example.com»\n";
    refused(&issuer(twice), "stands twice", "line 3");
    warned_server("    auth: { issuers: [https://idp.example.com] }\n", "", "")
        .then_some(())
        .unwrap_or_default();
}
