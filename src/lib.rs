//! Sallyport, the security gateway for MCP.
//!
//! The map, in the order in which an exchange flows; `pipeline` is the one file to read first.

pub mod authn;
pub mod audit;
pub mod body;
pub mod bucket;
pub mod call;
pub mod class;
pub mod clock;
pub mod config;
pub mod exchange;
pub mod hygiene;
pub mod inspect;
pub mod json;
pub mod limits;
pub mod mcp;
pub mod net;
pub mod outbound;
pub mod peer;
pub mod principal;
pub mod reject;
pub mod rest;
pub mod secret;
pub mod session;
pub mod server;
