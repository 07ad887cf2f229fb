//! Sallyport, the security gateway for MCP.
//!
//! The map, in the order in which an exchange flows; `pipeline` is the one file to read first.

pub mod body;
pub mod call;
pub mod class;
pub mod clock;
pub mod config;
pub mod exchange;
pub mod json;
pub mod limits;
pub mod net;
pub mod principal;
pub mod reject;
pub mod secret;
pub mod server;
