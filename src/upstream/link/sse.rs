//! HTTP+SSE of MCP 2024-11-05: one event stream on which the server says everything, and an
//! address, named by its first event, to which messages are posted.
//!
//! Guarantees: the address has the origin of the stream, because the server could name any other
//! to be called by us (SSRF); its query, which is the session, is in no log; a message that is
//! refused is heard as such; the loss of the stream ends the conversation.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Uri};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use super::events::{End, Events, message};
use super::inbox::{DROPPED, Inbox};
use super::wire::{self, BROKEN, Media, Wire};
use super::{Heard, Link, LinkError, Said, Sending, Transport};
use crate::limits::{LINK_REQUESTS_MAX, TARGET_BYTES_MAX};
use crate::upstream::answer::Raw;

/// Opens the stream and waits for the address.
///
/// # Errors
/// When the server cannot be reached, refuses, or names no address of its own.
pub(super) async fn open(
    wire: Arc<Wire>,
    tasks: &TaskTracker,
    all: &CancellationToken,
    slot: OwnedSemaphorePermit,
) -> Result<Link, LinkError> {
    let opening = tokio::time::timeout(wire.head, begin(&wire));
    let (events, post) = opening.await.unwrap_or(Err(LinkError::Timeout))?;
    let (inbox, heard) = Inbox::new(all);
    let core = Arc::new(Core {
        wire,
        post,
        inbox: inbox.clone(),
        tasks: tasks.clone(),
        slots: Arc::new(Semaphore::new(LINK_REQUESTS_MAX)),
    });
    tasks.spawn(async move {
        let over = inbox.clone();
        tokio::select! {
            () = over.over() => {}
            why = read(&inbox, events) => inbox.end(why),
        }
        drop(slot);
    });
    Ok(Link { transport: Arc::new(HttpSse(core)), heard })
}

/// The transport; dropping it ends the conversation.
#[derive(Debug)]
struct HttpSse(Arc<Core>);

struct Core {
    wire: Arc<Wire>,
    /// Where messages go. Its query is the session: it is never shown.
    post: Uri,
    inbox: Inbox,
    tasks: TaskTracker,
    slots: Arc<Semaphore>,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HttpSse(..)")
    }
}

impl Transport for HttpSse {
    fn say(&self, message: Said) -> Sending<'_> {
        Box::pin(Arc::clone(&self.0).say(message))
    }

    /// The one stream is open already.
    fn listen(&self) {}

    /// All answers share the one stream.
    fn forget(&self, _tag: u64) {}

    fn close(&self) {
        self.0.inbox.end(DROPPED);
    }

    fn why_closed(&self) -> LinkError {
        self.0.inbox.why()
    }
}

impl Drop for HttpSse {
    fn drop(&mut self) {
        self.close();
    }
}

impl Core {
    async fn say(self: Arc<Self>, said: Said) -> Result<(), LinkError> {
        self.inbox.check()?;
        let slots = Arc::clone(&self.slots);
        let slot = slots.try_acquire_owned().map_err(|_| LinkError::Full("too many requests"))?;
        let wants_answer = said.wants_answer;
        let core = Arc::clone(&self);
        let token = self.inbox.token().clone();
        let task = self.tasks.spawn(async move {
            let tag = said.tag;
            let posted = token.run_until_cancelled(core.post(said)).await;
            drop(slot);
            if let Some(Err(error)) = posted {
                let _ = core.inbox.hear(Heard::Ended { tag, error: Some(error) }).await;
            }
        });
        // A notification goes before what is said after it. Some servers answer the POST of a
        // request only when its work is done.
        if !wants_answer {
            let _ = task.await;
        }
        Ok(())
    }

    /// Posts one message; what comes back beside the status has no meaning.
    async fn post(&self, said: Said) -> Result<(), LinkError> {
        let Said { message, headers, .. } = said;
        let request = wire::request(Method::POST, self.post.clone(), &headers, message);
        let Raw { status, body, .. } = self.wire.send(request, self.wire.head).await?;
        wire::drain(body).await;
        wire::accepted(status)
    }
}

/// The stream, and the address that its first event names.
async fn begin(wire: &Wire) -> Result<(Events, Uri), LinkError> {
    let stream = wire.http.endpoint().clone();
    let base = Url::parse(&stream.to_string()).map_err(|_| FOREIGN)?;
    let Raw { status, headers, body } = wire.send(wire::stream_request(stream), wire.head).await?;
    wire::accepted(status)?;
    if Media::of(&headers) != Media::Events {
        return Err(LinkError::Malformed("a stream that is none"));
    }
    let mut events = Events::new(body, wire.event_bytes_max(), wire.stream_idle);
    let first = events.next().await?.map_err(|_| BROKEN)?;
    let named = first.data.filter(|_| first.event.as_deref() == Some(b"endpoint"));
    let named =
        named.ok_or(LinkError::Malformed("a stream that does not begin with its address"))?;
    Ok((events, resolve(&base, &named)?))
}

/// Hands on every message of the stream; returns why it ended.
async fn read(inbox: &Inbox, mut events: Events) -> LinkError {
    loop {
        let event = match events.next().await {
            Ok(Ok(event)) => event,
            Ok(Err(End::Complete)) => return LinkError::Closed("its event stream ended"),
            Ok(Err(End::Broken)) => return LinkError::Closed("its event stream broke off"),
            Err(error) => return error,
        };
        let Some(message) = message(&event) else { continue };
        if inbox.hear(Heard::Message { tag: None, message }).await.is_err() {
            return DROPPED;
        }
    }
}

/// The address that a server named, relative to its stream or absolute, on the same origin.
///
/// MCP 2024-11-05, Transports, "HTTP with SSE". Anything else would have the gateway send a
/// caller's messages, and its own credential, to wherever the server likes.
fn resolve(base: &Url, named: &Bytes) -> Result<Uri, LinkError> {
    let text = std::str::from_utf8(named).map_err(|_| FOREIGN)?.trim();
    if text.is_empty() || text.len() > TARGET_BYTES_MAX {
        return Err(FOREIGN);
    }
    let url = base.join(text).map_err(|_| FOREIGN)?;
    let same = url.scheme() == base.scheme()
        && url.host() == base.host()
        && url.port_or_known_default() == base.port_or_known_default()
        && url.username().is_empty()
        && url.password().is_none();
    if !same {
        return Err(FOREIGN);
    }
    let mut parts = base.as_str().parse::<Uri>().map_err(|_| FOREIGN)?.into_parts();
    let target = url
        .query()
        .map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    parts.path_and_query = Some(target.parse().map_err(|_| FOREIGN)?);
    Uri::from_parts(parts).map_err(|_| FOREIGN)
}

const FOREIGN: LinkError = LinkError::Malformed("an address for messages that is not its own");

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;
    use url::Url;

    use super::{FOREIGN, resolve};
    use crate::limits::TARGET_BYTES_MAX;

    fn on(named: &str) -> Result<String, super::LinkError> {
        let base = Url::parse("http://mcp.internal:8080/v1/sse?x=1").unwrap();
        resolve(&base, &Bytes::copy_from_slice(named.as_bytes())).map(|uri| uri.to_string())
    }

    #[test]
    fn address_is_relative_to_the_stream_or_absolute_on_the_same_origin() {
        for (named, expected) in [
            ("/message?sessionId=1", "http://mcp.internal:8080/message?sessionId=1"),
            ("messages/?session_id=ab", "http://mcp.internal:8080/v1/messages/?session_id=ab"),
            ("?s=2", "http://mcp.internal:8080/v1/sse?s=2"),
            ("http://MCP.internal:8080/m#f", "http://mcp.internal:8080/m"),
            ("//mcp.internal:8080/m", "http://mcp.internal:8080/m"),
        ] {
            assert_eq!(on(named).unwrap(), expected, "{named}");
        }
    }

    #[test]
    fn s64_address_on_another_host_is_refused() {
        let long = format!("/{}", "x".repeat(TARGET_BYTES_MAX));
        for named in [
            "http://169.254.169.254/latest/meta-data",
            "//evil.example/m",
            "\\\\evil.example/m",
            "http:\\\\evil.example\\m",
            "https://mcp.internal:8080/m",
            "http://mcp.internal/m",
            "http://mcp.internal:8081/m",
            "http://mcp.internal:8080@evil.example/m",
            "http://me:pw@mcp.internal:8080/m",
            "http://mcp.internal.evil.example:8080/m",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:,x",
            "",
            " ",
            &long,
        ] {
            assert_eq!(on(named), Err(FOREIGN), "{named}");
        }
    }

    proptest! {
        #[test]
        fn s64_no_text_leads_to_another_origin(named in "(https?:)?[/\\\\]{0,3}[a-z.@:0-9%]{0,12}[/?#]?\\PC{0,12}") {
            if let Ok(uri) = on(&named) {
                prop_assert!(uri.starts_with("http://mcp.internal:8080/"), "{uri}");
            }
        }
    }
}
