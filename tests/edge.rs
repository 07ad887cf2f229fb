//! Promises of the listeners, kept through real sockets and real TLS: who is let in, what bounds
//! hold, how certificates change and how everything ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/edge.rs"]
mod edge;
#[path = "support/frames.rs"]
mod frames;
#[path = "support/pki.rs"]
mod pki;

#[path = "edge/admin.rs"]
mod admin;
#[path = "edge/bounds.rs"]
mod bounds;
#[path = "edge/drain.rs"]
mod drain;
#[path = "edge/http2.rs"]
mod http2;
#[path = "edge/identities.rs"]
mod identities;
#[path = "edge/proxy.rs"]
mod proxy;
#[path = "edge/tls.rs"]
mod tls;
#[path = "edge/wire.rs"]
mod wire;
