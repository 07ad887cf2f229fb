//! Requests of a legacy server, as the questions of an `input_required` result.
//!
//! Pure. Guarantees that only sampling, elicitation and roots become questions, only those that
//! the route allows, and only to a client that said it can answer them.

use bytes::Bytes;

use super::discover::SERVER_INFO_MEMBER;
use super::splice::{Keep, read, rebuild};
use crate::config::ServerRequest;
use crate::json::{Kind, Value, write_string};

/// One thing that a server wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    /// `{"method":…,"params":…}`.
    body: Bytes,
    /// What a client must have said that it can do.
    needs: Needs,
}

/// A capability that a question needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    Roots,
    Sampling,
    SamplingTools,
    ElicitationForm,
    ElicitationUrl,
}

/// Why a server's request does not become a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoQuestion {
    /// Not JSON, or not a request with readable parameters.
    #[error("the server's request is malformed")]
    Malformed,
    /// Neither sampling nor elicitation nor roots.
    #[error("no such request exists")]
    Unknown,
    /// The route does not let its server ask this.
    #[error("this server may not ask this")]
    NotAllowed,
    /// The client did not say that it can answer; JSON of the capabilities that it lacks.
    #[error("the client lacks a capability that the server needs")]
    Incapable(&'static str),
}

impl NoQuestion {
    /// The JSON-RPC code of the error with which the server is answered.
    pub(super) fn code(self) -> i32 {
        match self {
            Self::Malformed => -32600,
            Self::Unknown | Self::NotAllowed | Self::Incapable(_) => -32601,
        }
    }
}

impl Question {
    /// Reads a request of the server.
    pub(super) fn of_request(
        message: Bytes,
        allowed: &[ServerRequest],
        capabilities: &Bytes,
    ) -> Result<Self, NoQuestion> {
        let document = read(message).map_err(|_| NoQuestion::Malformed)?;
        let root = document.root();
        let method = root.get("method").and_then(|method| method.as_str());
        let method = method.ok_or(NoQuestion::Malformed)?;
        let params = root.get("params");
        if params.is_some_and(|params| params.kind() != Kind::Object) {
            return Err(NoQuestion::Malformed);
        }
        Self::build(&method, params, allowed, capabilities)
    }

    /// An address to visit, out of the error −32042.
    pub(super) fn of_url(
        params: Bytes,
        allowed: &[ServerRequest],
        capabilities: &Bytes,
    ) -> Result<Self, NoQuestion> {
        let document = read(params).map_err(|_| NoQuestion::Malformed)?;
        let root = document.root();
        if root.get("mode").is_none_or(|mode| !mode.is_str("url")) {
            return Err(NoQuestion::Malformed);
        }
        Self::build(ELICIT, Some(root), allowed, capabilities)
    }

    fn build(
        method: &str,
        params: Option<Value<'_>>,
        allowed: &[ServerRequest],
        capabilities: &Bytes,
    ) -> Result<Self, NoQuestion> {
        let member = |name: &str| params.and_then(|params| params.get(name));
        let (kind, needs) = match method {
            "roots/list" => (ServerRequest::Roots, Needs::Roots),
            "sampling/createMessage" => {
                let tools = member("tools").or(member("toolChoice")).is_some();
                let needs = if tools { Needs::SamplingTools } else { Needs::Sampling };
                (ServerRequest::Sampling, needs)
            }
            ELICIT => {
                let url = member("mode").is_some_and(|mode| mode.is_str("url"));
                let needs = if url { Needs::ElicitationUrl } else { Needs::ElicitationForm };
                (ServerRequest::Elicitation, needs)
            }
            _other => return Err(NoQuestion::Unknown),
        };
        if !allowed.contains(&kind) {
            return Err(NoQuestion::NotAllowed);
        }
        if !needs.met_by(capabilities) {
            return Err(NoQuestion::Incapable(needs.as_json()));
        }
        let mut body = Vec::with_capacity(64);
        body.extend_from_slice(b"{\"method\":");
        write_string(&mut body, method);
        if let Some(params) = params {
            body.extend_from_slice(b",\"params\":");
            // Ids and tasks of the legacy era lead nowhere in the modern one.
            rebuild(&mut body, params, |name, _| match name {
                "elicitationId" if needs == Needs::ElicitationUrl => Keep::Drop,
                "task" => Keep::Drop,
                _other => Keep::AsIs,
            });
        }
        body.push(b'}');
        Ok(Self { body: body.into(), needs })
    }

    /// The key under which it is asked; unique within a call, because `number` is.
    pub(super) fn key(&self, number: u32) -> Box<str> {
        let kind = match self.needs {
            Needs::Roots => "roots",
            Needs::Sampling | Needs::SamplingTools => "sampling",
            Needs::ElicitationForm | Needs::ElicitationUrl => "elicitation",
        };
        format!("{kind}-{number}").into()
    }
}

impl Needs {
    fn as_json(self) -> &'static str {
        match self {
            Self::Roots => r#"{"roots":{}}"#,
            Self::Sampling => r#"{"sampling":{}}"#,
            Self::SamplingTools => r#"{"sampling":{"tools":{}}}"#,
            Self::ElicitationForm => r#"{"elicitation":{"form":{}}}"#,
            Self::ElicitationUrl => r#"{"elicitation":{"url":{}}}"#,
        }
    }

    fn met_by(self, capabilities: &Bytes) -> bool {
        let Ok(document) = read(capabilities.clone()) else { return false };
        let root = document.root();
        let object = |of: Value<'_>, name: &str| {
            of.get(name).is_some_and(|value| value.kind() == Kind::Object)
        };
        let inner =
            |name: &str, member: &str| root.get(name).is_some_and(|value| object(value, member));
        match self {
            Self::Roots => object(root, "roots"),
            Self::Sampling => object(root, "sampling"),
            Self::SamplingTools => inner("sampling", "tools"),
            // An empty object means forms (MCP 2025-11-25, Elicitation, "Capabilities").
            Self::ElicitationForm => {
                object(root, "elicitation")
                    && (inner("elicitation", "form") || !inner("elicitation", "url"))
            }
            Self::ElicitationUrl => inner("elicitation", "url"),
        }
    }
}

/// The whole answer that asks these questions, for the request with this id.
pub(super) fn input_required<'q>(
    id: &[u8],
    questions: impl Iterator<Item = (&'q str, &'q Question)>,
    state: &str,
    server_info: Option<&[u8]>,
) -> Bytes {
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
    out.extend_from_slice(id);
    out.extend_from_slice(br#","result":{"resultType":"input_required","inputRequests":{"#);
    for (nth, (key, question)) in questions.enumerate() {
        if nth > 0 {
            out.push(b',');
        }
        write_string(&mut out, key);
        out.push(b':');
        out.extend_from_slice(&question.body);
    }
    out.extend_from_slice(br#"},"requestState":"#);
    write_string(&mut out, state);
    if let Some(info) = server_info {
        out.extend_from_slice(br#","_meta":{"#);
        out.extend_from_slice(SERVER_INFO_MEMBER);
        out.extend_from_slice(info);
        out.push(b'}');
    }
    out.extend_from_slice(b"}}");
    out.into()
}

const ELICIT: &str = "elicitation/create";

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::{Value, json};

    use super::{NoQuestion, Question, input_required};
    use crate::config::ServerRequest::{self, Elicitation, Roots, Sampling};

    const ALL: [ServerRequest; 3] = [Sampling, Elicitation, Roots];

    fn ask(message: &Value, allowed: &[ServerRequest], can: &str) -> Result<Question, NoQuestion> {
        let can = Bytes::copy_from_slice(can.as_bytes());
        Question::of_request(Bytes::from(message.to_string()), allowed, &can)
    }

    fn elicit() -> Value {
        json!({"jsonrpc": "2.0", "id": 1, "method": "elicitation/create",
            "params": {"message": "who?", "requestedSchema": {"type": "object"}, "n": 1}})
    }

    #[test]
    fn questions_carry_method_and_params_and_no_id() {
        let first = ask(&elicit(), &ALL, r#"{"elicitation":{}}"#).unwrap();
        let roots = json!({"jsonrpc": "2.0", "id": "x", "method": "roots/list"});
        let second = ask(&roots, &ALL, r#"{"roots":{}}"#).unwrap();
        let keys = [first.key(1), second.key(2)];
        let asked = [(&*keys[0], &first), (&*keys[1], &second)];
        let out = input_required(b"9", asked.into_iter(), "sealed", Some(br#"{"name":"s"}"#));
        let out: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(
            out,
            json!({"jsonrpc": "2.0", "id": 9, "result": {
                "resultType": "input_required",
                "inputRequests": {
                    "elicitation-1": {"method": "elicitation/create",
                        "params": {"message": "who?", "requestedSchema": {"type": "object"}, "n": 1}},
                    "roots-2": {"method": "roots/list"},
                },
                "requestState": "sealed",
                "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "s"}},
            }})
        );
    }

    #[test]
    fn s33_what_the_route_does_not_name_is_not_asked() {
        let can = r#"{"elicitation":{},"roots":{},"sampling":{}}"#;
        assert_eq!(ask(&elicit(), &[Roots, Sampling], can), Err(NoQuestion::NotAllowed));
        for method in ["tools/call", "ping", "tasks/get", "elicitation/Create"] {
            let message = json!({"jsonrpc": "2.0", "id": 1, "method": method});
            assert_eq!(ask(&message, &ALL, can), Err(NoQuestion::Unknown), "{method}");
        }
    }

    #[test]
    fn client_is_asked_only_what_it_said_it_can_answer() {
        let url = json!({"id": 1, "method": "elicitation/create", "params": {"mode": "url", "url": "https://a.example/", "elicitationId": "e", "message": "m"}});
        let tools = json!({"id": 1, "method": "sampling/createMessage", "params": {"tools": []}});
        let plain = json!({"id": 1, "method": "sampling/createMessage", "params": {}});
        for (message, can, lacks) in [
            (&elicit(), "{}", Some(r#"{"elicitation":{"form":{}}}"#)),
            (&elicit(), r#"{"elicitation":{}}"#, None),
            (&elicit(), r#"{"elicitation":{"form":{}}}"#, None),
            (&elicit(), r#"{"elicitation":{"url":{}}}"#, Some(r#"{"elicitation":{"form":{}}}"#)),
            (&elicit(), r#"{"elicitation":true}"#, Some(r#"{"elicitation":{"form":{}}}"#)),
            (&url, r#"{"elicitation":{}}"#, Some(r#"{"elicitation":{"url":{}}}"#)),
            (&url, r#"{"elicitation":{"url":{}}}"#, None),
            (&plain, r#"{"sampling":{}}"#, None),
            (&tools, r#"{"sampling":{}}"#, Some(r#"{"sampling":{"tools":{}}}"#)),
            (&tools, r#"{"sampling":{"tools":{}}}"#, None),
        ] {
            let lack = ask(message, &ALL, can).err();
            assert_eq!(lack, lacks.map(NoQuestion::Incapable), "{message} {can}");
        }
        let question = ask(&url, &ALL, r#"{"elicitation":{"url":{}}}"#).unwrap();
        assert!(!question.body.windows(13).any(|window| window == b"elicitationId"));
    }

    #[test]
    fn address_of_an_error_is_asked_as_an_elicitation() {
        let can = Bytes::from_static(br#"{"elicitation":{"url":{}}}"#);
        let params = Bytes::from_static(
            br#"{"mode":"url","url":"https://a.example/?q=1","message":"m","elicitationId":"e"}"#,
        );
        let question = Question::of_url(params, &ALL, &can).unwrap();
        assert_eq!(
            question.body,
            r#"{"method":"elicitation/create","params":{"mode":"url","url":"https://a.example/?q=1","message":"m"}}"#
        );
        let form = Bytes::from_static(br#"{"mode":"form"}"#);
        assert_eq!(Question::of_url(form, &ALL, &can), Err(NoQuestion::Malformed));
    }

    #[test]
    fn malformed_requests_are_no_questions() {
        for message in [
            r#"{"id":1}"#,
            r#"{"id":1,"method":7}"#,
            r#"{"id":1,"method":"roots/list","params":[]}"#,
            "{",
        ] {
            let can = Bytes::from_static(br#"{"roots":{}}"#);
            let asked =
                Question::of_request(Bytes::copy_from_slice(message.as_bytes()), &ALL, &can);
            assert_eq!(asked, Err(NoQuestion::Malformed), "{message}");
        }
    }
}
