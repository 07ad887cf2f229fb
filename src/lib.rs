//! x
pub mod class;
pub mod inspect;
pub mod json;
