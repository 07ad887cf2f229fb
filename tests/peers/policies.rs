//! Policies before a real server, for real clients: roles, arguments, hours, and the parts of a
//! context that each caller sees.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::support::{Gateway, Sdk, Site, Upstream, eventually};

const POLICIES: &str = r#"
@id("refunds.small")
permit (principal in Role::"support", action == Action::"tools.invoke", resource == Tool::"records/refund")
when { context.args.amount <= 100 };

@id("refunds.large")
permit (principal in Role::"manager", action == Action::"tools.invoke", resource == Tool::"records/refund")
when { context.time.hour >= 9 && context.time.hour < 17 };

@id("context")
permit (principal, action == Action::"tools.invoke", resource == Tool::"records/get_context");

@id("context.session")
permit (principal, action == Action::"context.read", resource in Namespace::"records/session");

@id("context.user")
permit (principal in Role::"manager", action == Action::"context.read", resource in Namespace::"records/user");

@id("context.payment") @reason("payment data is for billing alone")
forbid (principal, action == Action::"context.read", resource in Namespace::"records/user.paymentinfo");
"#;
const TOOLS: &str = r#"{"tools": [{"name": "refund", "inputSchema": {"type": "object",
  "required": ["id", "amount"], "properties": {"id": {"type": "integer"}, "amount": {"type": "integer"}}}},
  {"name": "get_context", "inputSchema": {"type": "object"}}]}"#;
const SCOPES: &str = "mcp.tools.invoke";

/// The zone in which it is this hour now; those of the database that have no minutes.
fn zone_where_it_is(hour: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 3600 % 24;
    // `Etc/GMT-5` is five hours ahead of UTC: the names follow POSIX. They go from -14 to +12.
    let ahead = (24 + hour - now) % 24;
    if ahead <= 14 { format!("Etc/GMT-{ahead}") } else { format!("Etc/GMT+{}", 24 - ahead) }
}

fn config(site: &Site, records: &Upstream, hour: u64) -> String {
    format!(
        "  - name: records\n    public_url: {}\n    upstream: {}\n    tool_schemas: tools.json\n\
         \x20   views:\n      - {{ tool: get_context, namespaces: {{ wanted: /namespaces }} }}\n\
         policy: {{ files: [records.cedar], time_zone: \"{}\" }}\n",
        site.url("/mcp"),
        records.url,
        zone_where_it_is(hour)
    )
}

fn steps() -> Value {
    json!([
        { "op": "list_tools" },
        { "op": "call", "name": "refund", "arguments": { "id": 1, "amount": 80 } },
        { "op": "call", "name": "get_context", "arguments": {} },
        { "op": "call", "name": "get_context", "arguments": { "namespaces": ["session.prefs", "user"] } },
        // Last: some clients give up after a refusal.
        { "op": "call", "name": "refund", "arguments": { "id": 1, "amount": 800 } },
    ])
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn two_roles_call_and_see_what_their_policies_allow_inside_and_outside_working_hours() {
    let site = Site::new(&[("support", SCOPES), ("manager", SCOPES)]);
    let records = Upstream::records(&site.dir);
    std::fs::write(site.dir.path("records.cedar"), POLICIES).unwrap();
    std::fs::write(site.dir.path("tools.json"), TOOLS).unwrap();
    let gateway = site.gateway(&config(&site, &records, 12));
    let (support, manager) = (site.token("support"), site.token("manager"));
    let session = json!({"chathistory": ["hello", "where is my order?"], "prefs": {"lang": "en"}});
    for sdk in Sdk::ALL {
        let visit = gateway.visit(sdk, &support, &steps());
        assert_eq!(visit.tools(0), ["refund", "get_context"], "{sdk:?}");
        assert_eq!(visit.text(1), "paid 80 back to 1", "{sdk:?}");
        assert_eq!(visit.refusal(4).0, 403, "{sdk:?}");
        assert_eq!(visit.result(2)["structuredContent"], json!({ "session": session }), "{sdk:?}");
        let part = json!({"session": {"prefs": {"lang": "en"}}});
        assert_eq!(visit.result(3)["structuredContent"], part, "{sdk:?}");

        let visit = gateway.visit(sdk, &manager, &steps());
        assert_eq!(visit.text(4), "paid 800 back to 1", "{sdk:?}");
        let seen = json!({ "session": session, "user": {"profile": {"name": "Maria"}} });
        assert_eq!(visit.result(2)["structuredContent"], seen, "{sdk:?}");
        for step in [2, 3] {
            let whole = visit.result(step).to_string();
            assert!(!whole.contains("paymentinfo") && !whole.contains("db-7"), "{sdk:?}: {whole}");
        }
    }

    // The same gateway, after hours: the file changes under it.
    site.reconfigure(&config(&site, &records, 22));
    assert!(eventually(|| outside_hours(&gateway, &manager)), "the new configuration serves");
    for sdk in Sdk::ALL {
        let visit = gateway.visit(sdk, &manager, &steps());
        assert_eq!(visit.tools(0), ["get_context"], "{sdk:?}");
        assert_eq!(visit.refusal(1).0, 403, "{sdk:?}");
        assert_eq!(gateway.visit(sdk, &support, &steps()).text(1), "paid 80 back to 1", "{sdk:?}");
    }
}

fn outside_hours(gateway: &Gateway, manager: &str) -> bool {
    let steps = json!([{ "op": "list_tools" }]);
    gateway.visit(Sdk::Ts1, manager, &steps).tools(0) == ["get_context"]
}
