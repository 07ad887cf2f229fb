//! Promises of the transports towards servers, kept against real processes, real sockets and
//! servers that misbehave.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

#[path = "links/support.rs"]
mod support;
#[path = "support/upstream.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod upstream;

#[path = "links/http_sse.rs"]
mod http_sse;
#[path = "links/peers.rs"]
mod peers;
#[path = "links/socket.rs"]
mod socket;
#[path = "links/stdio.rs"]
mod stdio;
#[path = "links/streamable.rs"]
mod streamable;
