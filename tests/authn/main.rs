//! Promises about who is let in, kept against real keys and a real key server on loopback.

mod corpus;
mod keys;
mod methods;
mod route;

#[path = "../support/issuer.rs"]
mod issuer;
