//! What a request says of its session: the id that it presents, the revision that the session
//! agreed on, the answer that the session awaits.

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

use super::Decoder;
use crate::authn::Authenticated;
use crate::exchange::Exchange;
use crate::face::Hub;
use crate::limits;
use crate::mcp::headers;
use crate::mcp::message::{Id, Message};
use crate::mcp::version::Revision;
use crate::reject::{Code, Rejection};
use crate::session::{self, Caller, Claim, Hash};

/// A session that the caller proved to own; in use as long as this lives.
#[derive(Debug)]
pub struct Session {
    session: session::Session,
    sealed: Box<str>,
    hash: Box<str>,
}

impl Session {
    /// What stands in records for the session.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The same for tables.
    #[must_use]
    pub fn key(&self) -> Hash {
        self.session.hash()
    }

    /// The id as the caller holds it.
    #[must_use]
    pub fn sealed(&self) -> &str {
        &self.sealed
    }

    /// When it was opened, seconds since the Unix epoch.
    #[must_use]
    pub fn opened_at_s(&self) -> u64 {
        self.session.opened().opened_at_s
    }

    /// The server's own id.
    #[must_use]
    pub fn upstream_id(&self) -> &str {
        &self.session.opened().upstream_id
    }

    /// The revision that was agreed on in the handshake; `None` where it is not known.
    #[must_use]
    pub fn revision(&self) -> Option<Revision> {
        self.session.opened().revision
    }
}

impl Decoder {
    /// Opens the caller's sealed session id; somebody else's gets the same answer as none (S-18).
    pub(super) fn session(
        &self,
        ex: &Exchange<Authenticated>,
        hub: Option<&Hub>,
    ) -> Result<Option<Session>, Rejection> {
        let sealed = match hub {
            Some(hub) => hub.session_id(),
            None => single(ex.headers(), &headers::SESSION_ID)?.map(Box::from),
        };
        let Some(sealed) = sealed else { return Ok(None) };
        let session = match ex.vouched() {
            Some(_) => self.sessions.open_ended(&sealed, caller(ex))?,
            None => self.sessions.open(&sealed, caller(ex))?,
        };
        let hash = session.hash().to_string().into();
        Ok(Some(Session { session, sealed, hash }))
    }

    /// A client's answer is accepted only for a request of the server that was delivered in the
    /// same session and that nobody answered yet (checklist 26, S-37). A request that came before
    /// the session had an id, a `ping` within the handshake, waits without one.
    pub(super) fn claim(
        &self,
        ex: &Exchange<Authenticated>,
        message: &Message,
        session: Option<&Session>,
    ) -> Result<Claim, Rejection> {
        let book = self.sessions.book();
        let (caller, now_s) = (caller(ex), book.clock().unix_s());
        let id = message.id().map(Id::key).unwrap_or_default();
        let claim = |session| book.outstanding().claim(&caller.whose(session), &id, now_s);
        let own = session.and_then(|session| claim(Some(session.key())));
        own.or_else(|| claim(None)).ok_or_else(|| {
            Rejection::new(Code::AnswerUnexpected, "an answer to no outstanding request")
        })
    }
}

fn caller(ex: &Exchange<Authenticated>) -> Caller<'_> {
    Caller {
        principal: ex.principal(),
        client: ex.client_ip(),
        peer: ex.peer(),
        server: &ex.server().name,
    }
}

/// The revision of a message in a session is the one that was agreed on; a request that claims
/// another is refused (MCP 2025-11-25, Transports, "Protocol Version Header": 400).
pub(super) fn agreed(
    read: Revision,
    claimed: Option<&str>,
    session: Option<&Session>,
) -> Result<Revision, Rejection> {
    match (session.and_then(Session::revision), claimed) {
        (Some(agreed), Some(_)) if agreed != read => {
            let why = "the version header is not the version of the session";
            Err(Rejection::new(Code::SessionVersion, why))
        }
        (Some(agreed), _) => Ok(agreed),
        (None, _) => Ok(read),
    }
}

/// Resumption: the session scopes what an event id can name, so there must be one (checklist 24).
pub(super) fn resumable(last: &HeaderValue, session: Option<&Session>) -> Result<(), Rejection> {
    if session.is_none() {
        return Err(Rejection::new(Code::ResumeRefused, "an event id without a session"));
    }
    if last.len() > limits::EVENT_ID_BYTES_MAX {
        return Err(Rejection::new(Code::ResumeRefused, "an event id that is too long"));
    }
    Ok(())
}

pub(super) fn push_session(
    out: &mut Vec<(HeaderName, HeaderValue)>,
    session: Option<&Session>,
) -> Result<(), Rejection> {
    if let Some(session) = session {
        let value = HeaderValue::from_str(session.upstream_id())
            .map_err(|_| Rejection::new(Code::Internal, "an opened session id is not a header"))?;
        out.push((headers::SESSION_ID, value));
    }
    Ok(())
}

/// The one value of a header that may stand once; hygiene refused repeated ones.
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Rejection> {
    match headers.get(name) {
        None => Ok(None),
        Some(value) => value
            .to_str()
            .map(|v| Some(v.trim()))
            .map_err(|_| Rejection::new(Code::HeaderInvalid, "a header is not visible ASCII")),
    }
}
