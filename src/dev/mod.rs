//! For development and demonstration only: a sample server without security, and an issuer that
//! never belongs in production. Reachable from `sallyport demo` and `sallyport token` alone.

pub mod issuer;
pub mod sample;
