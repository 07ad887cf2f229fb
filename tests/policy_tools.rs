//! The commands that look at whole sets of policies, over the trail that a real gateway wrote.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    dead_code,
    reason = "a test may fail loudly; the support of other tests does more than is used here"
)]

#[path = "support/authority.rs"]
mod authority;
#[path = "support/issuer.rs"]
mod issuer;
#[path = "support/pki.rs"]
mod pki;
#[path = "behaviour/support.rs"]
mod support;
#[path = "support/upstream.rs"]
mod upstream;

use std::process::Command;

use serde_json::{Value, json};

use support::{RESOURCE, Setup, World, call_with};
use upstream::Upstream;

const POLICIES: &str = r#"// Refunds up to a hundred.
@id("small")
permit (principal in Role::"support", action == Action::"tools.invoke", resource == Tool::"crm/refund")
when { context.args.amount <= 100 };

@id("dead")
permit (principal in Role::"auditor", action == Action::"tools.invoke", resource == Tool::"crm/refund");
"#;

const SERVER: &str = "    tool_schemas: tools.json
    roles:
      support: { tools: ['get_*'] }
      manager: { tools: ['get_*'], reveal: [email] }
";

fn tools() -> String {
    let tool = |name: &str, schema: Value| json!({"name": name, "inputSchema": schema});
    let amount = json!({"type": "object", "required": ["amount"],
        "properties": {"amount": {"type": "integer"}, "note": {"type": "string"}}});
    let none = json!({"type": "object"});
    let tools = [tool("refund", amount), tool("get_x", none.clone()), tool("forgotten", none)];
    json!({ "tools": tools }).to_string()
}

/// A gateway that took some calls, and its configuration as a file.
struct Stage(World);

struct Ran {
    code: i32,
    out: String,
    talk: String,
}

impl Stage {
    async fn new() -> Self {
        let answer = json!({"content": [{"type": "text", "text": "ask jane.doe@example.org"}]});
        let top = "policy: { files: [a.cedar], shadow: { files: [b.cedar] } }\n".to_owned();
        let setup = Setup { server: SERVER.to_owned(), top, ..Setup::default() };
        let candidate = POLICIES.replace("100", "10");
        let files = [("a.cedar", POLICIES), ("b.cedar", &candidate), ("tools.json", &tools())];
        let world = World::with_files(Upstream::tool(answer).await, setup, &files).await;
        world.dir.write("sallyport.yaml", &world.yaml(SERVER));
        let stage = Self(world);
        for (subject, role, tool, arguments) in [
            ("ann", "support", "refund", json!({"amount": 50})),
            ("ann", "support", "refund", json!({"amount": 500})),
            ("ann", "support", "refund", json!({"amount": 7, "note": "jane.doe@example.org"})),
            ("ann", "support", "get_x", json!({})),
            ("bob", "support", "get_x", json!({})),
            ("max", "manager", "get_x", json!({})),
            ("eve", "guest", "get_x", json!({})),
        ] {
            let token = stage.0.issuer.token().audience(RESOURCE).scope("mcp.tools.invoke");
            let token = token.subject(subject).claim("roles", json!([role])).sign();
            stage.0.post(&token, &call_with(tool, &arguments)).await;
        }
        stage.0.closed_records(7).await;
        stage
    }

    fn path(&self, name: &str) -> String {
        self.0.dir.path().join(name).display().to_string()
    }

    /// Another configuration beside the first, with other policies in place of `a.cedar`.
    fn other(&self, policies: &str) -> String {
        self.0.dir.write("c.cedar", policies);
        self.0.dir.write("other.yaml", &self.0.yaml(SERVER).replace("a.cedar", "c.cedar"));
        self.path("other.yaml")
    }

    fn run(&self, command: &[&str]) -> Ran {
        let config = ["--config".to_owned(), self.path("sallyport.yaml")];
        self.run_bare(command, &config)
    }

    fn on_trail(&self, command: &[&str]) -> Ran {
        let config = self.path("sallyport.yaml");
        let more = ["--config".to_owned(), config, "--audit".to_owned(), self.path("audit")];
        self.run_bare(command, &more)
    }

    fn run_bare(&self, command: &[&str], more: &[String]) -> Ran {
        let done = Command::new(env!("CARGO_BIN_EXE_sallyport"))
            .arg("policy")
            .args(command)
            .args(more)
            .env_remove("SALLYPORT_CONFIG")
            .output()
            .unwrap();
        Ran {
            code: done.status.code().unwrap(),
            out: String::from_utf8(done.stdout).unwrap(),
            talk: String::from_utf8(done.stderr).unwrap(),
        }
    }
}

impl Ran {
    #[track_caller]
    fn says(&self, code: i32, texts: &[&str]) -> &Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.talk);
        for text in texts {
            assert!(self.out.contains(text), "no `{text}` in\n{}\n{}", self.out, self.talk);
        }
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }
}

#[tokio::test]
async fn show_prints_what_can_be_used_in_its_place() {
    let stage = Stage::new().await;
    let shown = stage.run(&["show"]);
    shown.says(0, &["a.cedar:2\n@id(\"small\")", "// roles of crm:", "@id(\"sallyport.list\")"]);
    // Without the roles of the configuration: what is printed holds them.
    let bare = stage.0.yaml("    tool_schemas: tools.json\n").replace("a.cedar", "c.cedar");
    stage.0.dir.write("c.cedar", &shown.out);
    stage.0.dir.write("other.yaml", &bare);
    let other = stage.path("other.yaml");
    stage.on_trail(&["diff", "--against", &other]).says(0, &["0 with another"]);
    let again = Stage::run_bare(&stage, &["show"], &["--config".to_owned(), other]);
    assert_eq!(again.out.matches("\n@id(").count(), shown.out.matches("\n@id(").count());
    let json = stage.run(&["show", "--server", "crm", "--shadow", "--json"]).json();
    assert_eq!(json["policies"][2]["id"], "small");
    assert!(json["policies"][2]["text"].as_str().unwrap().contains("<= 10 "), "{json}");
    assert_eq!(stage.run(&["show", "--server", "crn"]).code, 2);
}

#[tokio::test]
async fn schema_is_that_of_the_configuration_and_of_one_tool() {
    let stage = Stage::new().await;
    stage.run(&["schema"]).says(0, &["type Arguments = {};", "action \"reveal\""]);
    let tool = stage.run(&["schema", "--tool", "crm/refund"]);
    tool.says(0, &["type Arguments = {\"amount\": Long, \"note\"?: String};"]);
    let unknown = stage.run(&["schema", "--tool", "crm/nope"]);
    assert_eq!((unknown.code, unknown.out.as_str()), (2, ""));
}

#[tokio::test]
async fn replay_says_the_same_as_the_gateway_did_and_what_cannot_be_asked() {
    let stage = Stage::new().await;
    let replay = stage.on_trail(&["replay"]);
    replay.says(0, &["6 calls were asked: 6 with the same answer, 0 with another"]);
    replay.says(0, &["cannot be asked exactly: 1 call", "arguments are masked or cut"]);
    let shadow = stage.on_trail(&["replay", "--shadow"]);
    shadow
        .says(1, &["permit → deny: 1 call", "before: permit by small", "after:  deny (no_policy)"]);
    let json = stage.on_trail(&["replay", "--shadow", "--json"]).json();
    assert_eq!((&json["asked"], &json["different"]), (&json!(6), &json!(1)));
    let missing = stage.run(&["replay", "--audit", "/nonexistent"]);
    assert_eq!(missing.code, 2, "a trail that cannot be read is no difference");
}

#[tokio::test]
async fn diff_names_flips_with_policies_and_an_example() {
    let stage = Stage::new().await;
    let other = stage.other(
        &(POLICIES.replace("<= 100", "<= 1000")
            + "@id(\"shown\") permit (principal in Role::\"support\", action == Action::\"reveal\", resource == Class::\"email\");"),
    );
    let diff = stage.on_trail(&["diff", "--against", &other]);
    diff.says(1, &["deny → permit: 1 call, such as 0", "after:  permit by small"]);
    diff.says(1, &["email: masked → shown: ", "after:  permit by shown"]);
    let json = stage.on_trail(&["diff", "--against", &other, "--json"]).json();
    let flip = &json["changes"][0];
    assert_eq!((&flip["kind"], &flip["count"]), (&json!("deny → permit"), &json!(1)));
    let id = flip["example"].as_str().unwrap();
    let record = stage.0.records().into_iter().find(|record| record["request_id"] == id).unwrap();
    assert_eq!(record["params"]["amount"], 500);
}

#[tokio::test]
async fn coverage_counts_and_unused_names_what_decided_nothing() {
    let stage = Stage::new().await;
    let coverage = stage.on_trail(&["coverage", "--json"]).json();
    let calls = |id: &str| {
        let all = coverage["policies"].as_array().unwrap();
        all.iter().find(|policy| policy["id"] == id).unwrap()["calls"].clone()
    };
    // The record with the masked note is of this very set, and says which policy decided.
    assert_eq!((calls("small"), calls("dead")), (json!(2), json!(0)));
    assert_eq!(calls("roles.crm.support.tools"), 2);
    assert_eq!(calls("roles.crm.manager.reveal.email"), 1);
    assert_eq!((&coverage["asked"], &coverage["by_record"]), (&json!(6), &json!(1)));
    stage.on_trail(&["coverage"]).says(0, &["2  small  ", "a.cedar:2"]);
    let unused = stage.on_trail(&["unused"]);
    unused.says(1, &["a.cedar:6: `dead` decided no call"]);
    assert_eq!(unused.out.matches("decided no call").count(), 1);
}

#[tokio::test]
async fn learned_policies_allow_what_happened_and_no_more() {
    let stage = Stage::new().await;
    let file = stage.path("learned.cedar");
    let audit = ["--audit".to_owned(), stage.path("audit")];
    let learned = stage.run_bare(&["learn", "--out", &file], &audit);
    assert_eq!(learned.code, 0, "{}", learned.talk);
    assert_eq!(stage.run_bare(&["learn", "--out", &file], &audit).code, 1, "nothing is replaced");
    let text = std::fs::read_to_string(&file).unwrap();
    for says in [
        "// 4 calls by 2 callers, from 20",
        "principal in Role::\"support\"",
        "resource == Tool::\"crm/get_x\"",
        "resource == Class::\"email\"",
    ] {
        assert!(text.contains(says), "{text}");
    }
    assert!(!text.contains("guest"), "{text}");
    // In place of the policies and roles that decided.
    let bare = stage.0.yaml("    tool_schemas: tools.json\n").replace("a.cedar", "learned.cedar");
    stage.0.dir.write("other.yaml", &bare);
    let other = stage.path("other.yaml");
    let diff = stage.on_trail(&["diff", "--against", &other, "--json"]).json();
    let kinds: Vec<&Value> =
        diff["changes"].as_array().unwrap().iter().map(|change| &change["kind"]).collect();
    // Arguments are not learned: the refund that was too large is one of the tool's calls.
    assert_eq!(kinds, [&json!("deny → permit")]);
    assert_eq!(diff["changes"][0]["count"], 1);
    stage.run_bare(&["learn", "--by", "subject"], &audit).says(0, &["#bob\",", "User::"]);
    stage.run_bare(&["learn", "--server", "other"], &audit).says(0, &["allowed 0 calls"]);
}

#[tokio::test]
async fn lint_ends_badly_for_errors_and_for_warnings_only_where_it_is_strict() {
    let stage = Stage::new().await;
    let lint = stage.run(&["lint"]);
    lint.says(0, &["warning: no policy permits `Tool::\"crm/forgotten\"` to anybody"]);
    assert_eq!(stage.run(&["lint", "--strict"]).code, 1);
    let other = stage.other("permit (principal, action, resource);\n");
    let config = ["--config".to_owned(), other];
    let lint = stage.run_bare(&["lint"], &config);
    lint.says(1, &["error: everybody may do everything", "c.cedar:1:1", "= help: "]);
    let json = stage.run_bare(&["lint", "--json"], &config).json();
    let first = &json["problems"][0];
    assert_eq!((&first["severity"], &first["line"]), (&json!("error"), &json!(1)), "{json}");
    let missing = stage.run_bare(&["lint"], &["--config".to_owned(), "/nonexistent".to_owned()]);
    assert_eq!(missing.code, 2);
}
