//! Promises kept through the front door: real TLS, real sockets, a real issuer's keys, and an
//! upstream that does what the test tells it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::mem_forget,
    reason = "a test may fail loudly"
)]

#[path = "../support/authority.rs"]
mod authority;
#[path = "../support/frames.rs"]
mod frames;
#[path = "../support/issuer.rs"]
mod issuer;
#[path = "../support/modern.rs"]
mod modern;
#[path = "../support/pki.rs"]
mod pki;
#[path = "../support/upstream.rs"]
mod upstream;
#[path = "../support/witness.rs"]
mod witness;

mod support;

mod anchors;
mod answers;
mod arguments;
mod authentication;
mod authorization;
mod batches;
mod circumstances;
mod credentials;
mod discovery;
mod down;
mod edge;
mod eras;
mod explain;
mod facade;
mod handed_out;
mod identities;
mod introspection;
mod labels;
mod legacy;
mod limits;
mod limits_redis;
mod listening;
mod messages;
mod old_clients;
mod pins;
mod policies;
mod redaction;
mod redaction_hostile;
mod reload;
mod rest;
mod resumption;
mod revocation;
mod revocation_redis;
mod schemas;
mod sealing;
mod sessions;
mod signals;
mod sinks;
mod straight;
mod streaming;
mod threats;
mod traces;
mod trail;
mod up;
mod up_process;
mod upstreams;
mod views;
