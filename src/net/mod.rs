//! Whether the address at the other end of the connection may go on.
//!
//! Owns the first gate: [`client`] finds the client's address, [`mesh`] its certificate, [`policy`]
//! counts its requests. What the transport layer proved of the other end is [`crate::peer::Peer`].

pub mod certificate;
pub mod client;
pub mod identities;
pub mod mesh;
pub mod policy;
pub mod xfcc;

pub use crate::peer::{Peer, TlsFacts};
pub use policy::{AddressKey, Vet, Vetted};
