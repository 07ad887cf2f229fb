//! Redaction on a labelled corpus: thousands of MCP messages of every layout and writing, with
//! values of every class and as many look-alikes.
//!
//! The corpus is written apart from the detectors: its shapes come from standards, authorities
//! and issuers, never from what the detectors accept. `gates` holds the marks to reach.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unreachable,
    clippy::cast_possible_truncation,
    reason = "a test may fail loudly"
)]

mod align;
mod canary;
mod cells;
mod check;
mod check_tests;
mod decoys;
mod dump;
mod engine;
mod fold;
mod gates;
mod hashes;
mod json;
mod layouts;
mod likes;
mod messages;
mod model;
mod names;
mod report;
mod rng;
mod score;
mod score_tests;
mod splits;
mod values;
mod writing;
