//! Whether the address at the other end of the connection may go on.
//!
//! Owns the first gate: [`client`] finds the client's address, [`policy`] counts its requests.
//! What the transport layer proved of the other end is [`crate::peer::Peer`].

pub mod client;
pub mod policy;

pub use crate::peer::{Peer, TlsFacts};
pub use policy::{AddressKey, Vet, Vetted};
