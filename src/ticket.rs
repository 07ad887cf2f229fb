//! Tickets: what a server hands out to be brought back, sealed for the one who may bring it.
//!
//! A modern server keeps no session; it gives task ids and request states into a client's hands
//! and believes whoever brings them. Servers of every revision do so with the cursors of lists. Owns the seal around them. Guarantees (S-19): a ticket that
//! this gateway did not seal, or sealed for another caller, another server, another purpose or
//! another use, opens for nobody, and nothing tells these apart. There is no store: any replica
//! with the key can open a ticket. Tickets of one key are deterministic, so that a client can
//! compare ids.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::limits::TICKET_BYTES_MAX;
use crate::principal::PrincipalKey;
use crate::secret::Secret;

/// What a ticket is for. One purpose never passes for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A task id (extension `io.modelcontextprotocol/tasks`).
    Task,
    /// A `requestState` (MCP 2026-07-28, "Multi Round-Trip Requests").
    State,
    /// The cursor of a list (MCP, Pagination).
    Cursor,
    /// The `state` of an authorization request that the facade passes on; nobody's own.
    Callback,
}

/// For whom, where, and for what use a ticket is sealed.
#[derive(Debug, Clone, Copy)]
pub struct Bound<'a> {
    /// The caller.
    pub caller: PrincipalKey,
    /// The server, by its name in the configuration.
    pub server: &'a str,
    /// What it may be used with: a state belongs to one method and one name.
    pub with: (&'a str, &'a str),
}

/// Why a ticket was not sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// The server's text is too long to be carried around.
    #[error("a task id, request state or cursor of more than {TICKET_BYTES_MAX} bytes")]
    Length,
    /// The cryptographic library failed.
    #[error("a ticket cannot be sealed")]
    Crypto,
    /// A key is not 32 bytes.
    #[error("a key of tickets has {KEY_BYTES} bytes")]
    Key,
}

/// Seals and opens tickets.
pub struct Tickets {
    first: Key,
    /// Keys that only open.
    others: Vec<Key>,
}

struct Key {
    aead: LessSafeKey,
    nonce: hmac::Key,
}

impl Tickets {
    /// With the configured session keys, of which the first seals; with a key drawn now where
    /// there is none, which no other process knows.
    ///
    /// # Errors
    /// [`TicketError::Key`], [`TicketError::Crypto`].
    pub fn new(keys: &[Secret]) -> Result<Self, TicketError> {
        let Some((first, others)) = keys.split_first() else {
            let mut bytes = vec![0; KEY_BYTES];
            rand::fill(&mut bytes).map_err(|_| TicketError::Crypto)?;
            return Ok(Self { first: Key::new(&Secret::new(bytes))?, others: Vec::new() });
        };
        let others = others.iter().map(Key::new).collect::<Result<_, _>>()?;
        Ok(Self { first: Key::new(first)?, others })
    }

    /// Seals a text of the server.
    ///
    /// # Errors
    /// [`TicketError::Length`], [`TicketError::Crypto`].
    pub fn seal(
        &self,
        purpose: Purpose,
        bound: &Bound<'_>,
        text: &str,
    ) -> Result<String, TicketError> {
        if text.len() > TICKET_BYTES_MAX {
            return Err(TicketError::Length);
        }
        let facts = facts(purpose, bound);
        let nonce = self.first.nonce(&facts, text.as_bytes());
        let mut sealed = Vec::with_capacity(NONCE_LEN + text.len() + TAG_BYTES);
        sealed.extend_from_slice(text.as_bytes());
        self.first
            .aead
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(&facts),
                &mut sealed,
            )
            .map_err(|_| TicketError::Crypto)?;
        sealed.splice(0..0, nonce);
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Opens a ticket for the purpose, the caller, the server and the use that it was sealed for.
    #[must_use]
    pub fn open(&self, purpose: Purpose, bound: &Bound<'_>, ticket: &str) -> Option<String> {
        if ticket.len() > SEALED_BYTES_MAX {
            return None;
        }
        let sealed = URL_SAFE_NO_PAD.decode(ticket).ok()?;
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let facts = facts(purpose, bound);
        let mut keys = std::iter::once(&self.first).chain(&self.others);
        keys.find_map(|key| {
            let mut rest = rest.to_vec();
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let text = key.aead.open_in_place(nonce, Aad::from(&facts), &mut rest).ok()?;
            String::from_utf8(text.to_vec()).ok()
        })
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tickets(..)")
    }
}

impl Key {
    fn new(key: &Secret) -> Result<Self, TicketError> {
        if key.expose().len() != KEY_BYTES {
            return Err(TicketError::Key);
        }
        let master = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
        // Other labels than those of session ids: no key serves two purposes.
        let derive = |label: &[u8]| Secret::new(hmac::sign(&master, label).as_ref().to_vec());
        let sealing = derive(b"sallyport ticket seal v1");
        let nonces = derive(b"sallyport ticket nonce v1");
        let unbound =
            UnboundKey::new(&AES_256_GCM_SIV, sealing.expose()).map_err(|_| TicketError::Key)?;
        Ok(Self {
            aead: LessSafeKey::new(unbound),
            nonce: hmac::Key::new(hmac::HMAC_SHA256, nonces.expose()),
        })
    }

    /// A nonce that only the same text with the same facts has: repetition reveals equality, which
    /// is what is wanted, and AES-GCM-SIV (RFC 8452) stays sound even if two texts shared one.
    fn nonce(&self, facts: &[u8], text: &[u8]) -> [u8; NONCE_LEN] {
        let mut context = hmac::Context::with_key(&self.nonce);
        context.update(&u64::try_from(facts.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(facts);
        context.update(text);
        let tag = context.sign();
        let mut nonce = [0; NONCE_LEN];
        for (to, from) in nonce.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        nonce
    }
}

/// What the tag covers besides the text; each part has its length before it.
fn facts(purpose: Purpose, bound: &Bound<'_>) -> Vec<u8> {
    let Bound { caller, server, with: (method, name) } = bound;
    let purpose = match purpose {
        Purpose::Task => 1,
        Purpose::State => 2,
        Purpose::Cursor => 3,
        Purpose::Callback => 4,
    };
    let mut facts = vec![VERSION, purpose];
    facts.extend_from_slice(&caller.0);
    for part in [*server, *method, *name] {
        facts.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        facts.extend_from_slice(part.as_bytes());
    }
    facts
}

const VERSION: u8 = 1;
const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
/// Base64 of the longest text, its nonce and its tag.
const SEALED_BYTES_MAX: usize = (TICKET_BYTES_MAX + NONCE_LEN + TAG_BYTES).div_ceil(3) * 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Bound, Purpose, TicketError, Tickets};
    use crate::limits::TICKET_BYTES_MAX;
    use crate::principal::PrincipalKey;
    use crate::secret::Secret;

    const ALICE: Bound<'_> =
        Bound { caller: PrincipalKey([1; 16]), server: "crm", with: ("tools/call", "t") };

    fn tickets(key: u8) -> Tickets {
        Tickets::new(&[Secret::new(vec![key; 32])]).unwrap()
    }

    #[test]
    fn s19_a_ticket_opens_for_whom_where_and_what_it_was_sealed_for_alone() {
        let ticket = tickets(7).seal(Purpose::Task, &ALICE, "task-1").unwrap();
        assert!(!ticket.contains("task-1"));
        assert_eq!(tickets(7).open(Purpose::Task, &ALICE, &ticket).as_deref(), Some("task-1"));
        let mallory = Bound { caller: PrincipalKey([2; 16]), ..ALICE };
        let elsewhere = Bound { server: "crm2", ..ALICE };
        let otherwise = Bound { with: ("tools/call", "u"), ..ALICE };
        let shifted = Bound { server: "crmtools", with: ("/call", "t"), ..ALICE };
        for other in [&mallory, &elsewhere, &otherwise, &shifted] {
            assert_eq!(tickets(7).open(Purpose::Task, other, &ticket), None);
        }
        assert_eq!(tickets(7).open(Purpose::State, &ALICE, &ticket), None);
        assert_eq!(tickets(8).open(Purpose::Task, &ALICE, &ticket), None);
    }

    #[test]
    fn equal_texts_have_equal_tickets_and_old_keys_still_open() {
        let ticket = tickets(7).seal(Purpose::Task, &ALICE, "task-1").unwrap();
        assert_eq!(tickets(7).seal(Purpose::Task, &ALICE, "task-1").unwrap(), ticket);
        assert_ne!(tickets(7).seal(Purpose::Task, &ALICE, "task-2").unwrap(), ticket);
        let keys = [Secret::new(vec![9; 32]), Secret::new(vec![7; 32])];
        let rotated = Tickets::new(&keys).unwrap();
        assert_eq!(rotated.open(Purpose::Task, &ALICE, &ticket).as_deref(), Some("task-1"));
        assert_ne!(rotated.seal(Purpose::Task, &ALICE, "task-1").unwrap(), ticket);
    }

    #[test]
    fn what_is_too_long_is_neither_sealed_nor_opened() {
        let long = "x".repeat(TICKET_BYTES_MAX);
        let ticket = tickets(7).seal(Purpose::State, &ALICE, &long).unwrap();
        assert_eq!(tickets(7).open(Purpose::State, &ALICE, &ticket), Some(long.clone()));
        let error = tickets(7).seal(Purpose::State, &ALICE, &(long + "x")).unwrap_err();
        assert_eq!(error, TicketError::Length);
        assert_eq!(tickets(7).open(Purpose::State, &ALICE, &(ticket + "AAAA")), None);
        assert_eq!(Tickets::new(&[Secret::new(vec![1; 31])]).unwrap_err(), TicketError::Key);
    }

    proptest! {
        #[test]
        fn every_text_comes_back_and_no_change_goes_unnoticed(
            text in ".{0,80}", at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_-]",
        ) {
            let ticket = tickets(7).seal(Purpose::State, &ALICE, &text).unwrap();
            prop_assert_eq!(tickets(7).open(Purpose::State, &ALICE, &ticket), Some(text));
            let at = at.index(ticket.len());
            let mut changed = ticket.clone();
            changed.replace_range(at..=at, &to);
            prop_assume!(changed != ticket);
            prop_assert_eq!(tickets(7).open(Purpose::State, &ALICE, &changed), None);
        }
    }
}
