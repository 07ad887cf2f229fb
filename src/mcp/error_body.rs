//! Writes JSON-RPC 2.0 error bodies.

use bytes::Bytes;

use crate::json::write_string;

use super::message::Id;

/// What an error names as the request it answers.
#[derive(Debug, Clone, Copy)]
pub enum Answers<'a> {
    /// The request with this id, spelled as it came.
    Request(&'a Id),
    /// A request whose id could not be read: `"id":null` (JSON-RPC 2.0 section 5).
    Unreadable,
    /// No request: the member is left out, as MCP 2026-07-28 allows for HTTP-level refusals and
    /// notifications.
    Nothing,
}

/// One error response, compact, in the order `jsonrpc`, `id`, `error`.
#[must_use]
pub fn render(
    answers: Answers<'_>,
    code: i32,
    message: &str,
    data: Option<&serde_json::Value>,
) -> Bytes {
    let mut out = Vec::with_capacity(128 + message.len());
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",");
    match answers {
        Answers::Request(id) => {
            out.extend_from_slice(b"\"id\":");
            out.extend_from_slice(id.raw());
            out.push(b',');
        }
        Answers::Unreadable => out.extend_from_slice(b"\"id\":null,"),
        Answers::Nothing => {}
    }
    out.extend_from_slice(b"\"error\":{\"code\":");
    out.extend_from_slice(code.to_string().as_bytes());
    out.extend_from_slice(b",\"message\":");
    write_string(&mut out, message);
    if let Some(data) = data {
        out.extend_from_slice(b",\"data\":");
        out.extend_from_slice(data.to_string().as_bytes());
    }
    out.extend_from_slice(b"}}");
    Bytes::from(out)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::{Answers, render};
    use crate::json::Document;
    use crate::mcp::message::Message;
    use crate::mcp::tests::LIMITS;

    #[test]
    fn error_repeats_the_id_as_it_was_spelled() {
        for id in ["7", "-90071992547409931234", "\"a\\u00e9\\\"\"", "\"7\""] {
            let body = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"x\"}}");
            let document = Document::parse(Bytes::from(body), &LIMITS).unwrap();
            let message = Message::read(&document).unwrap();
            let out = render(Answers::Request(message.id().unwrap()), -32601, "no", None);
            let expected = format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{{\"code\":-32601,\"message\":\"no\"}}}}"
            );
            assert_eq!(out, expected.as_bytes());
        }
    }

    #[test]
    fn error_without_request_has_null_or_no_id() {
        let out: serde_json::Value =
            serde_json::from_slice(&render(Answers::Unreadable, 1, "a\"\n", None)).unwrap();
        assert_eq!(
            out,
            json!({"jsonrpc": "2.0", "id": null, "error": {"code": 1, "message": "a\"\n"}})
        );
        let data = json!({"supported": ["x"]});
        let out: serde_json::Value =
            serde_json::from_slice(&render(Answers::Nothing, 2, "b", Some(&data))).unwrap();
        assert_eq!(
            out,
            json!({"jsonrpc": "2.0", "error": {"code": 2, "message": "b", "data": data}})
        );
    }
}
