//! Real identity providers in front of real clients: official SDKs go the whole way of OAuth through
//! the compiled gateway, and the gateway lives with what real authorization servers do.
//!
//! Everything foreign is installed by `tests/peers/install`; `tests/run` does that and runs these.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[cfg(test)]
#[path = "peers/support/mod.rs"]
mod support;

#[cfg(test)]
#[path = "identity/asked.rs"]
mod asked;
#[cfg(test)]
#[path = "identity/behind.rs"]
mod behind;
#[cfg(test)]
#[path = "identity/bound.rs"]
mod bound;
#[cfg(test)]
#[path = "identity/facade.rs"]
mod facade;
#[cfg(test)]
#[path = "identity/flow.rs"]
mod flow;
#[cfg(test)]
#[path = "identity/http.rs"]
mod http;
#[cfg(test)]
#[path = "identity/onward.rs"]
mod onward;
#[cfg(test)]
#[path = "identity/rotation.rs"]
mod rotation;
#[cfg(test)]
#[path = "identity/second.rs"]
mod second;
#[cfg(test)]
#[path = "identity/stage.rs"]
mod stage;
