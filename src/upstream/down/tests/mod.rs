//! The bridge against a scripted legacy server that is held in memory.

mod calls;
mod listening;
mod pooling;
mod rounds;
mod support;
