//! Promises about who is let in, kept against real keys and a real key server on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail loudly"
)]

mod api_keys;
mod asked_issuers;
mod corpus;
mod cost;
mod development;
mod forged;
mod introspection;
mod keys;
mod methods;
mod misused;
mod proof;
mod refresh;
mod route;

#[path = "../support/authority.rs"]
mod authority;
#[path = "../support/issuer.rs"]
mod issuer;
#[path = "../support/pki.rs"]
mod pki;
#[path = "../behaviour/support.rs"]
#[allow(dead_code, reason = "shared with other test binaries")]
mod support;
#[allow(dead_code, reason = "each test binary uses its own part of the helper")]
#[path = "../support/upstream.rs"]
mod upstream;
