//! Notifications of a legacy server: which request or listener they are for, in its own words.
//!
//! Pure. Guarantees that progress goes only to a request that asked for it, log messages only at
//! the level that was asked for, and changes only to who listens for them.

use bytes::Bytes;

use super::request::Level;
use super::splice::{Splice, read};
use crate::json::{Document, Kind};

/// A notification, read.
#[derive(Debug)]
pub(super) struct Notice {
    document: Document,
    pub(super) kind: NoticeKind,
}

/// What a notification is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoticeKind {
    /// Progress of a request.
    Progress,
    /// A log message of this level.
    Log(Level),
    /// A list of tools, prompts or resources changed.
    Changed(Changed),
    /// The resource with this URI changed.
    Updated(Box<str>),
    /// Nothing that the modern era knows.
    Other,
}

/// Which list changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Changed {
    Tools,
    Prompts,
    Resources,
}

impl Notice {
    /// Reads a notification; `None` when it is not acceptable JSON.
    pub(super) fn read(message: Bytes) -> Option<Self> {
        let document = read(message).ok()?;
        let root = document.root();
        let params = root.get("params");
        let method = root.get("method").and_then(|method| method.as_str())?;
        let kind = match &*method {
            "notifications/progress" => NoticeKind::Progress,
            "notifications/message" => params
                .and_then(|params| Level::from_value(params.get("level")?))
                .map_or(NoticeKind::Other, NoticeKind::Log),
            "notifications/tools/list_changed" => NoticeKind::Changed(Changed::Tools),
            "notifications/prompts/list_changed" => NoticeKind::Changed(Changed::Prompts),
            "notifications/resources/list_changed" => NoticeKind::Changed(Changed::Resources),
            "notifications/resources/updated" => params
                .and_then(|params| params.get("uri")?.as_str())
                .map_or(NoticeKind::Other, |uri| NoticeKind::Updated(uri.into())),
            _other => NoticeKind::Other,
        };
        Some(Self { document, kind })
    }

    /// The notification for the request that wants progress under this token and log messages
    /// from this level on; `None` when it is not for this request.
    pub(super) fn for_request(
        &self,
        progress_token: Option<&Bytes>,
        log_level: Option<Level>,
    ) -> Option<Bytes> {
        match &self.kind {
            NoticeKind::Progress => {
                let mut splice = Splice::new(self.document.bytes());
                let old = self.document.root().get("params")?.get("progressToken")?;
                splice.replace(old, progress_token?);
                Some(splice.apply())
            }
            NoticeKind::Log(level) => {
                log_level.filter(|wanted| level >= wanted).map(|_| self.document.bytes().clone())
            }
            NoticeKind::Changed(_) | NoticeKind::Updated(_) | NoticeKind::Other => None,
        }
    }

    /// The notification for the listener whose request has this id: tagged with it.
    pub(super) fn tagged(&self, id: &[u8]) -> Bytes {
        tagged(&self.document, id)
    }
}

/// MCP 2026-07-28, `NotificationMetaObject`: every notification of a listening stream names it.
fn tagged(document: &Document, id: &[u8]) -> Bytes {
    let root = document.root();
    let mut splice = Splice::new(document.bytes());
    let tag = [SUBSCRIPTION_MEMBER, id].concat();
    let meta = [br#""_meta":{"#, tag.as_slice(), b"}"].concat();
    match root.get("params") {
        Some(params) if params.kind() == Kind::Object => match params.get("_meta") {
            Some(found) if found.kind() == Kind::Object => match found.get(SUBSCRIPTION) {
                // A tag of the server's own making is none.
                Some(other) => splice.replace(other, id),
                None => splice.prepend(found, &tag),
            },
            Some(found) => splice.replace(found, &[b"{", tag.as_slice(), b"}"].concat()),
            None => splice.prepend(params, &meta),
        },
        Some(params) => splice.replace(params, &[b"{", meta.as_slice(), b"}"].concat()),
        None => splice.prepend(root, &[br#""params":{"#, meta.as_slice(), b"}"].concat()),
    }
    splice.apply()
}

/// `_meta` key of everything on a listening stream.
pub(super) const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";
/// The same, as a member's beginning.
pub(super) const SUBSCRIPTION_MEMBER: &[u8] = br#""io.modelcontextprotocol/subscriptionId":"#;

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::{Changed, Notice, NoticeKind};
    use crate::upstream::down::request::Level;

    fn notice(text: &str) -> Notice {
        Notice::read(Bytes::copy_from_slice(text.as_bytes())).unwrap()
    }

    #[test]
    fn progress_goes_to_who_asked_under_the_token_it_named() {
        let progress = notice(
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":3,"progress":1.50}}"#,
        );
        let token = Bytes::from_static(b"\"mine\"");
        assert_eq!(
            progress.for_request(Some(&token), None).unwrap(),
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"mine","progress":1.50}}"#
        );
        assert_eq!(progress.for_request(None, Some(Level::Debug)), None);
    }

    #[test]
    fn log_messages_go_to_who_asked_from_the_level_that_was_asked_for() {
        let log =
            notice(r#"{"method":"notifications/message","params":{"level":"warning","data":"x"}}"#);
        assert_eq!(log.kind, NoticeKind::Log(Level::Warning));
        assert!(log.for_request(None, Some(Level::Warning)).is_some());
        assert!(log.for_request(None, Some(Level::Error)).is_none());
        assert!(log.for_request(None, None).is_none());
        let odd = notice(r#"{"method":"notifications/message","params":{"level":"loud"}}"#);
        assert!(odd.for_request(None, Some(Level::Debug)).is_none());
    }

    #[test]
    fn changes_are_for_listeners_and_never_for_a_request() {
        let token = Bytes::from_static(b"1");
        for (text, kind) in [
            (
                r#"{"method":"notifications/tools/list_changed"}"#,
                NoticeKind::Changed(Changed::Tools),
            ),
            (
                r#"{"method":"notifications/resources/updated","params":{"uri":"x:y"}}"#,
                NoticeKind::Updated("x:y".into()),
            ),
            (r#"{"method":"notifications/elicitation/complete"}"#, NoticeKind::Other),
            (r#"{"method":"notifications/resources/updated"}"#, NoticeKind::Other),
        ] {
            let notice = notice(text);
            assert_eq!(notice.kind, kind);
            assert_eq!(notice.for_request(Some(&token), Some(Level::Debug)), None);
        }
    }

    #[test]
    fn p18_every_message_of_a_listener_is_tagged_with_its_request() {
        for (text, tagged) in [
            (
                r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#,
                r#"{"params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"l"}},"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#,
            ),
            (
                r#"{"method":"notifications/resources/updated","params":{"uri":"x:y"}}"#,
                r#"{"method":"notifications/resources/updated","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"l"},"uri":"x:y"}}"#,
            ),
            (
                r#"{"method":"notifications/resources/updated","params":{"uri":"x:y","_meta":{"a":1}}}"#,
                r#"{"method":"notifications/resources/updated","params":{"uri":"x:y","_meta":{"io.modelcontextprotocol/subscriptionId":"l","a":1}}}"#,
            ),
            (
                r#"{"method":"notifications/resources/updated","params":{"uri":"x:y","_meta":{"io.modelcontextprotocol/subscriptionId":"forged"}}}"#,
                r#"{"method":"notifications/resources/updated","params":{"uri":"x:y","_meta":{"io.modelcontextprotocol/subscriptionId":"l"}}}"#,
            ),
        ] {
            assert_eq!(notice(text).tagged(b"\"l\""), tagged);
        }
    }

    proptest! {
        #[test]
        fn tag_is_always_the_listener_s_own(
            params in prop::option::of(prop::sample::select(vec![
                "{}", "[]", "7", r#"{"_meta":null}"#, r#"{"_meta":{}}"#, r#"{"_meta":[1]}"#,
                r#"{"_meta":{"io.modelcontextprotocol/subscriptionId":{"a":1}}}"#, r#"{"uri":"x","z":1e5}"#,
            ])),
        ) {
            let params = params.map_or(String::new(), |params| format!(",\"params\":{params}"));
            let text = format!("{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/prompts/list_changed\"{params}}}");
            let out: serde_json::Value = serde_json::from_slice(&notice(&text).tagged(b"42")).unwrap();
            prop_assert_eq!(&out["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 42);
            prop_assert_eq!(&out["method"], "notifications/prompts/list_changed");
        }
    }
}
