//! x
pub mod class;
pub mod json;
