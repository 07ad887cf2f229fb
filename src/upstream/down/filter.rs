//! What a `subscriptions/listen` asks for, and what of it is granted.
//!
//! Pure. MCP 2026-07-28, "Subscriptions": each type is opt-in, the acknowledgement comes first and
//! names what the server agreed to, and nothing else is ever sent.

use bytes::Bytes;

use super::discover::Can;
use super::notice::{Changed, NoticeKind, SUBSCRIPTION_MEMBER};
use crate::json::{Document, write_string};
use crate::limits::{LISTEN_RESOURCES_MAX, URI_BYTES_MAX};

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filter {
    tools: bool,
    prompts: bool,
    lists: bool,
    uris: Vec<Box<str>>,
}

/// What is granted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Granted {
    tools: bool,
    prompts: bool,
    lists: bool,
    /// Resources that were subscribed to.
    pub(super) resources: Vec<Box<str>>,
}

impl Filter {
    /// Reads the filter of a listening request; what lies beyond the bounds is not granted.
    pub(super) fn read(document: &Document) -> Self {
        let params = document.root().get("params");
        let Some(filter) = params.and_then(|params| params.get("notifications")) else {
            return Self::default();
        };
        let flag = |name: &str| filter.get(name).and_then(|it| it.as_bool()).unwrap_or(false);
        let mut uris: Vec<Box<str>> = Vec::new();
        for uri in filter.get("resourceSubscriptions").into_iter().flat_map(|list| list.items()) {
            let Some(uri) = uri.as_str().filter(|uri| uri.len() <= URI_BYTES_MAX) else { continue };
            if uris.len() < LISTEN_RESOURCES_MAX && !uris.iter().any(|known| **known == *uri) {
                uris.push(uri.into());
            }
        }
        Self {
            tools: flag("toolsListChanged"),
            prompts: flag("promptsListChanged"),
            lists: flag("resourcesListChanged"),
            uris,
        }
    }

    /// What a server with these capabilities can grant at once; resources follow one by one.
    pub(super) fn granted(&self, can: &Can) -> Granted {
        Granted {
            tools: self.tools && can.tools_changed,
            prompts: self.prompts && can.prompts_changed,
            lists: self.lists && can.resources_changed,
            resources: Vec::new(),
        }
    }

    /// The resources to subscribe to.
    pub(super) fn resources(&self, can: &Can) -> &[Box<str>] {
        if can.subscribe { &self.uris } else { &[] }
    }
}

impl Granted {
    /// Whether such a notification is for this listener.
    pub(super) fn wants(&self, kind: &NoticeKind) -> bool {
        match kind {
            NoticeKind::Changed(Changed::Tools) => self.tools,
            NoticeKind::Changed(Changed::Prompts) => self.prompts,
            NoticeKind::Changed(Changed::Resources) => self.lists,
            NoticeKind::Updated(uri) => self.resources.contains(uri),
            NoticeKind::Progress | NoticeKind::Log(_) | NoticeKind::Other => false,
        }
    }

    /// The acknowledgement for the request with this id.
    pub(super) fn acknowledgement(&self, id: &[u8]) -> Bytes {
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(
            br#"{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":{"#,
        );
        let mut first = true;
        let mut member = |out: &mut Vec<u8>, name: &str| {
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            write_string(out, name);
            out.push(b':');
        };
        let flags = [
            (self.tools, "toolsListChanged"),
            (self.prompts, "promptsListChanged"),
            (self.lists, "resourcesListChanged"),
        ];
        for (_, name) in flags.into_iter().filter(|(granted, _)| *granted) {
            member(&mut out, name);
            out.extend_from_slice(b"true");
        }
        if !self.resources.is_empty() {
            member(&mut out, "resourceSubscriptions");
            out.push(b'[');
            for (nth, uri) in self.resources.iter().enumerate() {
                if nth > 0 {
                    out.push(b',');
                }
                write_string(&mut out, uri);
            }
            out.push(b']');
        }
        out.extend_from_slice(br#"},"_meta":{"#);
        out.extend_from_slice(SUBSCRIPTION_MEMBER);
        out.extend_from_slice(id);
        out.extend_from_slice(b"}}}");
        out.into()
    }
}

/// The result with which a listening request ends in order.
pub(super) fn ended(id: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(160);
    out.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
    out.extend_from_slice(id);
    out.extend_from_slice(br#","result":{"resultType":"complete","_meta":{"#);
    out.extend_from_slice(SUBSCRIPTION_MEMBER);
    out.extend_from_slice(id);
    out.extend_from_slice(b"}}}");
    out.into()
}

/// A `resources/subscribe` of our own.
pub(super) fn subscribe(uri: &str) -> Bytes {
    about(uri, "resources/subscribe")
}

/// A `resources/unsubscribe` of our own.
pub(super) fn unsubscribe(uri: &str) -> Bytes {
    about(uri, "resources/unsubscribe")
}

fn about(uri: &str, method: &str) -> Bytes {
    let mut out = Vec::with_capacity(96);
    out.extend_from_slice(br#"{"jsonrpc":"2.0","id":0,"method":"#);
    write_string(&mut out, method);
    out.extend_from_slice(br#","params":{"uri":"#);
    write_string(&mut out, uri);
    out.extend_from_slice(b"}}");
    out.into()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::{Value, json};

    use super::{Filter, ended, subscribe};
    use crate::limits::LISTEN_RESOURCES_MAX;
    use crate::upstream::down::discover::Can;
    use crate::upstream::down::notice::{Changed, NoticeKind};
    use crate::upstream::down::splice::read;

    fn filter(notifications: &Value) -> Filter {
        let text = json!({"params": {"notifications": notifications}}).to_string();
        Filter::read(&read(Bytes::from(text)).unwrap())
    }

    const ALL: Can = Can {
        log: true,
        subscribe: true,
        tools_changed: true,
        prompts_changed: true,
        resources_changed: true,
    };

    #[test]
    fn p18_only_what_was_asked_for_and_can_be_had_is_granted() {
        let asked = filter(&json!({"toolsListChanged": true, "promptsListChanged": false,
            "resourcesListChanged": true, "resourceSubscriptions": ["x:1", "x:1", "x:2", 7]}));
        let mut granted = asked.granted(&ALL);
        assert_eq!(asked.resources(&ALL).len(), 2);
        granted.resources = asked.resources(&ALL).to_vec();
        assert!(granted.wants(&NoticeKind::Changed(Changed::Tools)));
        assert!(granted.wants(&NoticeKind::Updated("x:2".into())));
        assert!(!granted.wants(&NoticeKind::Updated("x:3".into())));
        assert!(!granted.wants(&NoticeKind::Changed(Changed::Prompts)));
        assert!(!granted.wants(&NoticeKind::Progress) && !granted.wants(&NoticeKind::Other));
        let none = Can::default();
        assert!(!asked.granted(&none).wants(&NoticeKind::Changed(Changed::Tools)));
        assert!(asked.resources(&none).is_empty());
    }

    #[test]
    fn p18_acknowledgement_names_what_was_granted_and_the_request() {
        let asked = filter(&json!({"toolsListChanged": true, "resourceSubscriptions": ["x:\"1"]}));
        let mut granted = asked.granted(&ALL);
        granted.resources = asked.resources(&ALL).to_vec();
        let said: Value = serde_json::from_slice(&granted.acknowledgement(b"\"l\"")).unwrap();
        assert_eq!(
            said,
            json!({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": {
                "notifications": {"toolsListChanged": true, "resourceSubscriptions": ["x:\"1"]},
                "_meta": {"io.modelcontextprotocol/subscriptionId": "l"}}})
        );
        let nothing = filter(&json!({})).granted(&ALL);
        let said: Value = serde_json::from_slice(&nothing.acknowledgement(b"1")).unwrap();
        assert_eq!(said["params"]["notifications"], json!({}));
    }

    #[test]
    fn listen_resources_max_bounds_the_subscriptions_of_one_stream() {
        let uris: Vec<_> = (0..LISTEN_RESOURCES_MAX + 5).map(|n| format!("x:{n}")).collect();
        let asked = filter(&json!({"resourceSubscriptions": uris}));
        assert_eq!(asked.resources(&ALL).len(), LISTEN_RESOURCES_MAX);
    }

    #[test]
    fn own_requests_are_json_whatever_the_uri() {
        let said: Value = serde_json::from_slice(&subscribe("x:\"\\\n")).unwrap();
        assert_eq!(said["params"]["uri"], "x:\"\\\n");
        let end: Value = serde_json::from_slice(&ended(b"9")).unwrap();
        assert_eq!(end["result"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 9);
        assert_eq!(end["result"]["resultType"], "complete");
    }
}
