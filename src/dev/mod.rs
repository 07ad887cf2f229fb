//! What only development needs: an authorization server and a sample upstream, on loopback.
//!
//! Owns nothing that the gateway uses. Assumes `sallyport demo` or `sallyport token` asked for it;
//! no configuration key starts any of it.

pub mod issuer;
pub mod sample;
