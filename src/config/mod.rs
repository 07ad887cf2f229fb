//! The configuration: as typed, as checked, as used.

mod model;

pub use model::*;
