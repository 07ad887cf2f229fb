//! Sallyport, the security gateway for MCP.
//!
//! The map, in the order in which an exchange flows; [`pipeline`] is the one file to read first.
//!
//! | layer | modules |
//! |---|---|
//! | vocabulary | [`limits`] [`clock`] [`secret`] [`principal`] [`peer`] [`call`] [`class`] [`dictionary`] [`surrogate`] [`reject`] [`body`] [`unread`] [`json`] [`api_key`] [`glob`] [`policy`] [`view`] [`vkey`] [`config`] |
//! | tools | [`bucket`] [`inspect`] [`schema`] [`exchange`] [`net`] [`mcp`] [`rest`] [`outbound`] [`session`] [`ticket`] [`face`] [`audit`] [`shared_state`] [`revocation`] [`pins`] [`sinks`] [`anchors`] |
//! | stages, left to right | [`hygiene`] [`authn`] [`decode`] [`facade`] [`authz`] [`limit`] [`guard`] [`record`] [`upstream`] [`reply`] [`screen`] |
//! | above | [`observe`] [`snapshot`] [`pipeline`] [`server`] [`gateway`] [`dev`] [`doctor`] [`cli`] |
//!
//! Imports go down, and among stages to the left only; `tests/tidy.rs` holds that.

#![cfg_attr(test, allow(clippy::string_slice, reason = "a test may fail loudly"))]

pub mod api_key;
pub mod body;
pub mod call;
pub mod class;
pub mod clock;
pub mod config;
pub mod dictionary;
pub mod glob;
pub mod hex;
pub mod json;
pub mod limits;
pub mod peer;
pub mod policy;
pub mod principal;
pub mod reject;
pub mod secret;
pub mod surrogate;
pub mod view;
pub mod vkey;

pub mod anchors;
pub mod audit;
pub mod bucket;
pub mod confine;
pub mod exchange;
pub mod face;
pub mod inspect;
pub mod mcp;
pub mod net;
pub mod outbound;
pub mod pins;
pub mod rest;
pub mod revocation;
pub mod schema;
pub mod session;
pub mod shared_state;
pub mod sinks;
pub mod ticket;

pub mod hygiene;

pub mod authn;
pub mod decode;
pub mod facade;

pub mod authz;
pub mod guard;
pub mod limit;
pub mod record;
pub mod reply;
pub mod screen;
pub mod unread;
pub mod upstream;

pub mod observe;
pub mod snapshot;

pub mod pipeline;

pub mod cli;
pub mod dev;
pub mod doctor;
pub mod gateway;
pub mod server;
