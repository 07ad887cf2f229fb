//! The seam behind which policy engines stand.
//!
//! Owns [`Engine`] and the question that it is asked. The declarative rules of
//! [`super::rules`] are one engine; a policy language is another. Both gates ask through it: may
//! this call be made, and may this caller see that class of data.

use std::fmt;
use std::net::IpAddr;

use super::Decision;
use crate::call::{Action, Name};
use crate::class::Class;
use crate::json::Value;
use crate::net::Peer;
use crate::principal::Principal;

/// Decides. Pure: the same question has the same answer for the lifetime of the engine, which is
/// that of one configuration. Errors inside are [`Decision::Deny`] and `false`, never a panic.
pub trait Engine: fmt::Debug + Send + Sync {
    /// May this be done?
    fn decide(&self, query: &Query<'_>) -> Decision;

    /// May this caller see values of this class as they are?
    fn reveals(&self, principal: &Principal, class: Class) -> bool;
}

/// One question.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// What for.
    pub action: Action,
    /// On what.
    pub resource: Name<'a>,
    /// With which arguments, where they are JSON. `None` also where no call is made yet: when a
    /// list is filtered, or an open stream asks again.
    pub arguments: Option<Value<'a>>,
    /// From where; `None` as for `arguments`.
    pub origin: Option<Origin<'a>>,
    /// When, in seconds since the Unix epoch.
    pub now_s: u64,
}

/// Where a call comes from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The client's own address.
    pub client: IpAddr,
    /// The other end of the connection, TLS facts included.
    pub peer: &'a Peer,
}
