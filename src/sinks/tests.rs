//! Whole sinks against a receiver on a socket that misbehaves in every known way.

mod kinds;
mod objects;
mod real;
pub(crate) mod stub;
mod webhook;
