//! Sessions of stateful servers, as clients hold them.
//!
//! Owns the seal of ids ([`Sealer`]), the table of what lives in this process ([`Live`]), the
//! requests of servers that wait for a client's answer ([`Outstanding`]), and the errands that the
//! gateway runs when a session ends ([`Errand`]). [`Sessions`] joins them for the stages; it is
//! made anew with each configuration, its [`Book`] lives as long as the process.
//!
//! Assumes that the caller was authenticated. Guarantees (S-18) that an id opens only for its own
//! issuer, subject and client, whatever token proves them, and that all other ids are answered
//! alike. What holds where several replicas share a key: identity, server, agreed revision and
//! absolute lifetime are in the id and hold everywhere; idle time, the cap per caller and the
//! memory of ended sessions are counted by each replica for itself.

mod errand;
mod live;
mod outstanding;
mod seal;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use errand::{Errand, Errands, Runner, Task};
pub use live::{Gone, Live, Named, Policy};
pub use outstanding::{Claim, Full, Outstanding, Whose};
pub use seal::{
    Facts, Hash, KeyError, Opened, Purpose, SEALED_BYTES_MAX, Sealed, Sealer, SessionError,
};

use crate::clock::Clock;
use crate::mcp::version::Revision;
use crate::peer::Peer;
use crate::principal::{AuthMethod, Principal, PrincipalKey};
use crate::reject::{Code, Rejection};

/// To whom sessions and awaited answers belong: the proven identity; where nobody was asked, the
/// client's address has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Owner(pub PrincipalKey);

impl Owner {
    /// The owner of what this caller does.
    #[must_use]
    pub fn of(principal: &Principal, client: IpAddr) -> Self {
        match principal.method {
            AuthMethod::Bearer | AuthMethod::Certificate | AuthMethod::ApiKey => {
                Self(principal.key)
            }
            AuthMethod::Anonymous => Self(PrincipalKey::of_address(client)),
        }
    }
}

/// Who asks, as the stages know it.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'c> {
    /// Who.
    pub principal: &'c Arc<Principal>,
    /// The client's own address.
    pub client: IpAddr,
    /// From which connection.
    pub peer: &'c Arc<Peer>,
    /// Which server is meant.
    pub server: &'c Arc<str>,
}

impl Caller<'_> {
    /// To whom what it does belongs.
    #[must_use]
    pub fn owner(&self) -> Owner {
        Owner::of(self.principal, self.client)
    }

    /// Whose answers are awaited in a session of this caller.
    #[must_use]
    pub fn whose(&self, session: Option<Hash>) -> Whose {
        Whose { server: Arc::clone(self.server), owner: self.owner(), session }
    }
}

/// What lives as long as the process.
#[derive(Debug)]
pub struct Book {
    clock: Clock,
    live: Mutex<Live<Errand>>,
    outstanding: Arc<Outstanding>,
    errands: Errands,
}

/// Sessions under one configuration.
#[derive(Debug)]
pub struct Sessions {
    sealer: Arc<Sealer>,
    policy: Policy,
    lifetime: Duration,
    book: Arc<Book>,
}

/// A session that the caller proved to own. While it exists the session is in use.
#[derive(Debug)]
pub struct Session {
    opened: Opened,
    _use: InUse,
}

/// Keeps a session in use; given back when dropped.
#[derive(Debug)]
pub struct InUse {
    book: Arc<Book>,
    hash: Hash,
}

impl Book {
    /// An empty book, and the end at which its errands are run.
    #[must_use]
    pub fn new(clock: Clock) -> (Arc<Self>, Runner) {
        let (errands, runner) = errand::channel();
        let outstanding = Arc::default();
        (Arc::new(Self { clock, live: Mutex::default(), outstanding, errands }), runner)
    }

    /// The requests of servers that wait for an answer.
    #[must_use]
    pub fn outstanding(&self) -> &Arc<Outstanding> {
        &self.outstanding
    }

    /// What the gateway has to do of itself.
    #[must_use]
    pub fn errands(&self) -> &Errands {
        &self.errands
    }

    /// Time.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Sessions that live in this process.
    #[must_use]
    pub fn live_sessions(&self) -> usize {
        self.live().len()
    }

    /// Whether a session ended while it was in use: its streams must end too.
    #[must_use]
    pub fn has_ended(&self, hash: Hash) -> bool {
        self.live().has_ended(hash)
    }

    /// Uses a session for longer than one exchange.
    #[must_use]
    pub fn hold(self: &Arc<Self>, hash: Hash) -> InUse {
        self.live().hold(hash);
        InUse { book: Arc::clone(self), hash }
    }

    fn live(&self) -> MutexGuard<'_, Live<Errand>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sessions {
    /// Sessions sealed by `sealer`, bounded by `policy`, of at most `lifetime`.
    #[must_use]
    pub fn new(sealer: Arc<Sealer>, policy: Policy, lifetime: Duration, book: Arc<Book>) -> Self {
        Self { sealer, policy, lifetime, book }
    }

    /// What lives as long as the process.
    #[must_use]
    pub fn book(&self) -> &Arc<Book> {
        &self.book
    }

    /// The seal.
    #[must_use]
    pub fn sealer(&self) -> &Arc<Sealer> {
        &self.sealer
    }

    /// Opens the sealed id that a caller presents and uses the session.
    ///
    /// # Errors
    /// [`Code::SessionUnknown`], the same for every reason.
    pub fn open(&self, sealed: &str, caller: Caller<'_>) -> Result<Session, Rejection> {
        let now_s = self.book.clock.unix_s();
        let opened = self.sealer.open(
            Purpose::Session,
            sealed,
            caller.principal.key,
            caller.server,
            now_s,
        )?;
        let named = Named {
            hash: opened.hash,
            owner: caller.owner(),
            server: Arc::clone(caller.server),
            expires_at_s: opened.expires_at_s,
        };
        let way = || Errand::end(caller, sealed, opened.revision);
        let entered = self.book.live().enter(&named, now_s, self.policy, way);
        match entered {
            Ok(ended) => {
                self.tell(ended);
                Ok(Session {
                    _use: InUse { book: Arc::clone(&self.book), hash: opened.hash },
                    opened,
                })
            }
            Err((gone, way)) => {
                self.tell(way);
                Err(Rejection::new(Code::SessionUnknown, gone.to_string()))
            }
        }
    }

    /// Opens the id of a session that has ended here, for the gateway's own errand upstream.
    ///
    /// # Errors
    /// As [`Sessions::open`].
    pub fn open_ended(&self, sealed: &str, caller: Caller<'_>) -> Result<Session, Rejection> {
        let now_s = self.book.clock.unix_s();
        let key = caller.principal.key;
        let opened = self.sealer.open(Purpose::Session, sealed, key, caller.server, now_s)?;
        Ok(Session { _use: self.book.hold(opened.hash), opened })
    }

    /// Seals the id of a session that the upstream opened for this caller.
    ///
    /// # Errors
    /// See [`SessionError`].
    pub fn issue(
        &self,
        upstream_id: &str,
        revision: Option<Revision>,
        caller: Caller<'_>,
    ) -> Result<Sealed, SessionError> {
        let now_s = self.book.clock.unix_s();
        let facts = Facts {
            purpose: Purpose::Session,
            upstream_id,
            revision,
            caller: caller.principal.key,
            server: caller.server,
        };
        let sealed = self.sealer.seal(&facts, now_s, self.lifetime)?;
        let named = Named {
            hash: sealed.hash,
            owner: caller.owner(),
            server: Arc::clone(caller.server),
            expires_at_s: now_s.saturating_add(self.lifetime.as_secs()),
        };
        let way = Errand::end(caller, &sealed.id, revision);
        let ended = self.book.live().add(&named, now_s, self.policy, way);
        self.tell(ended);
        Ok(sealed)
    }

    /// A session is over, and the upstream knows it: the caller ended it, or the upstream lost it.
    pub fn ended(&self, hash: Hash) {
        self.book.live().end(hash);
    }

    /// A session is over, and the upstream does not know it yet.
    pub fn end(&self, hash: Hash) {
        let way = self.book.live().end(hash);
        self.tell(way);
    }

    /// Ends what was idle too long; called on a timer.
    pub fn sweep(&self) {
        let now_s = self.book.clock.unix_s();
        let ended = self.book.live().sweep(now_s, self.policy);
        self.tell(ended);
        self.book.outstanding.sweep(now_s);
    }

    fn tell(&self, ended: impl IntoIterator<Item = Errand>) {
        for errand in ended {
            self.book.errands.run(errand);
        }
    }
}

impl Session {
    /// What its id held.
    #[must_use]
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// What stands for it in records and tables.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.opened.hash
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let now_s = self.book.clock.unix_s();
        self.book.live().leave(self.hash, now_s);
    }
}
