//! `sallyport doctor` against real things: the program itself, servers and issuers on real sockets,
//! each fault planted.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail loudly"
)]

#[path = "support/pki.rs"]
mod pki;
#[path = "support/process.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod process;
#[path = "doctor/support.rs"]
mod support;
#[path = "support/upstream.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod upstream;

#[path = "doctor/clients.rs"]
mod clients;
#[path = "doctor/issuers.rs"]
mod issuers;
#[path = "doctor/redis.rs"]
mod redis;
#[path = "doctor/tls.rs"]
mod tls;
#[path = "doctor/trail.rs"]
mod trail;
#[path = "doctor/upstreams.rs"]
mod upstreams;
