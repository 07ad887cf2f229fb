//! What the scenarios stand on: foreign processes, a certificate authority, the gateway itself.
//!
//! Assumes that `tests/peers/install` has run. Guarantees: every process ends with the value that
//! started it, also when the test dies; every wait is bounded; all addresses are free loopback
//! ports; what a failing test leaves behind is its scratch directory, with the log of each process.

#![allow(dead_code, unused_imports, reason = "each test binary uses its own part of the support")]

mod client;
mod gateway;
mod process;
mod servers;

pub use client::{Sdk, Visit, run};
pub use gateway::{Gateway, Site};
pub use process::{Peer, Scratch, clean, eventually, free_port, installed, loopback, node, source};
pub use servers::Upstream;
