//! One client before one server: what it does there, and what came of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::{Value, json};

use super::stage::{Server, Stage};
use super::support::{Sdk, Visit, eventually};

/// What a client wants of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    Tools,
    Resources,
    Prompts,
    Progress,
    Log,
    ListChanged,
    Cancellation,
    Elicitation,
}

/// What came of each wish, in the order of [`Wish::ALL`].
pub type Row = Vec<(Wish, Result<(), String>)>;

impl Wish {
    pub const ALL: [Self; 8] = [
        Self::Tools,
        Self::Resources,
        Self::Prompts,
        Self::Progress,
        Self::Log,
        Self::ListChanged,
        Self::Cancellation,
        Self::Elicitation,
    ];

    /// As the manual calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Resources => "resources",
            Self::Prompts => "prompts",
            Self::Progress => "progress",
            Self::Log => "log",
            Self::ListChanged => "list changed",
            Self::Cancellation => "cancellation",
            Self::Elicitation => "elicitation",
        }
    }

    /// Why it cannot be had, where client or protocol have no way to do it.
    pub fn impossible(self, _client: Sdk, _server: Server) -> Option<&'static str> {
        None
    }
}

/// Through the gateway every wish comes true, but for what cannot be.
#[track_caller]
pub fn works(client: Sdk, server: Server) {
    let row = row(client, server);
    // Where there is no connection at all, it is said once.
    let mut wrong: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (wish, outcome) in row.iter() {
        let problem = match (outcome, wish.impossible(client, server)) {
            (Err(error), None) => error.clone(),
            (Ok(()), Some(reason)) => format!("works, although {reason}"),
            (Ok(()), None) | (Err(_), Some(_)) => continue,
        };
        wrong.entry(problem).or_default().push(wish.name());
    }
    assert!(wrong.is_empty(), "{client:?} before {server:?}: {wrong:#?}");
}

/// As [`works`], without a gateway between them.
#[track_caller]
pub fn works_alone(client: Sdk, server: Server) {
    let stage = Stage::shared();
    let key = format!("{client:?}-{server:?}-alone");
    let steps = steps(client, &key);
    let visit = client.visit_with_user(&stage.direct(server), None, None, &steps, &answer());
    for (wish, outcome) in judge(&stage, &visit, &key) {
        assert_eq!(outcome, Ok(()), "{client:?} before {server:?}, {wish:?}");
    }
}

/// What came of it through the gateway; it runs once.
pub fn row(client: Sdk, server: Server) -> Arc<Row> {
    type Rows = BTreeMap<(Server, &'static str), Arc<OnceLock<Arc<Row>>>>;
    static ROWS: Mutex<Rows> = Mutex::new(BTreeMap::new());
    let row = Arc::clone(ROWS.lock().unwrap().entry((server, caller(client))).or_default());
    Arc::clone(row.get_or_init(|| {
        let stage = Stage::shared();
        let key = format!("{client:?}-{server:?}");
        let token = stage.token(caller(client), server);
        let visit = client.visit_with_user(
            &stage.url(client, server),
            Some(&stage.gateway().ca),
            Some(&token),
            &steps(client, &key),
            &answer(),
        );
        Arc::new(judge(&stage, &visit, &key))
    }))
}

/// The name by which a client gets its tokens.
pub fn caller(client: Sdk) -> &'static str {
    match client {
        Sdk::Ts1 => "ts1",
        Sdk::Py1 => "py1",
        Sdk::Ts2 | Sdk::Ts2Auto | Sdk::Ts2Modern => "ts2",
        Sdk::Py2 | Sdk::Py2Modern => "py2",
        Sdk::Ts1Sse => "ts1-sse",
        Sdk::Py1Sse => "py1-sse",
    }
}

fn answer() -> Value {
    json!({ "name": "Ada" })
}

/// The job of every client; [`judge`] knows the steps by their number. The two eras differ in how a
/// client says which log messages and which changes it wants to hear of.
fn steps(client: Sdk, key: &str) -> Value {
    let modern = matches!(client, Sdk::Ts2Modern | Sdk::Py2Modern);
    let wanted = if modern {
        json!({ "op": "listen", "filter": { "toolsListChanged": true } })
    } else {
        json!({ "op": "set_level", "level": "info" })
    };
    let logged = json!({ "io.modelcontextprotocol/logLevel": "info" });
    json!([
        { "op": "list_tools" },
        { "op": "call", "name": "echo", "arguments": { "message": key } },
        { "op": "list_resources" },
        { "op": "read_resource", "uri": "matrix://note" },
        { "op": "list_prompts" },
        { "op": "get_prompt", "name": "greeting", "arguments": { "name": "Ada" } },
        { "op": "cancel", "name": "slow", "arguments": { "key": key } },
        wanted,
        {
            "op": "hear", "method": "notifications/message",
            "name": "notify", "arguments": {}, "meta": if modern { logged } else { json!(null) },
        },
        {
            "op": "hear", "method": "notifications/tools/list_changed",
            "name": "notify", "arguments": {},
        },
        { "op": "call", "name": "ask", "arguments": {} },
    ])
}

fn judge(stage: &Stage, visit: &Visit, key: &str) -> Row {
    let check = |wish| -> Result<(), String> {
        match wish {
            Wish::Tools => {
                holds(visit.outcome(0)?, "/tools/0/name", &json!("echo"))?;
                holds(visit.outcome(1)?, "/content/0/text", &json!(format!("echo: {key}")))
            }
            Wish::Resources => {
                holds(visit.outcome(2)?, "/resources/0/uri", &json!("matrix://note"))?;
                starts(visit.outcome(3)?, "/contents/0/text", "a note of the ")
            }
            Wish::Prompts => {
                holds(visit.outcome(4)?, "/prompts/0/name", &json!("greeting"))?;
                holds(visit.outcome(5)?, "/messages/0/content/text", &json!("Greet Ada"))
            }
            Wish::Progress => {
                let said = json!(format!("still at it: {key}"));
                holds(visit.outcome(6)?, "/progress/0/message", &said)
            }
            Wish::Log => {
                visit.outcome(7)?;
                holds(visit.outcome(8)?, "/params/data", &json!("something happened"))
            }
            Wish::ListChanged => visit.outcome(9).map(drop),
            Wish::Cancellation => {
                visit.outcome(6)?;
                let told = stage.site.dir.path(&format!("cancelled-{key}"));
                let told = eventually(|| told.exists());
                told.then_some(()).ok_or_else(|| "the server was never told".to_owned())
            }
            Wish::Elicitation => holds(visit.outcome(10)?, "/content/0/text", &json!("hello, Ada")),
        }
    };
    Wish::ALL.into_iter().map(|wish| (wish, check(wish))).collect()
}

fn holds(result: &Value, place: &str, expected: &Value) -> Result<(), String> {
    let found = result.pointer(place);
    (found == Some(expected)).then_some(()).ok_or_else(|| format!("{place} in {result}"))
}

fn starts(result: &Value, place: &str, expected: &str) -> Result<(), String> {
    let found = result.pointer(place).and_then(Value::as_str);
    let right = found.is_some_and(|found| found.starts_with(expected));
    right.then_some(()).ok_or_else(|| format!("{place} in {result}"))
}
