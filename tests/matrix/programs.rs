//! Programs that people use with MCP servers, in place of an SDK of their own.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::cell::caller;
use super::stage::{Server, Stage};
use super::support::{Gateway, Scratch, Sdk, Site, clean, free_port, installed};

/// `mcp-remote` stands between a client that only knows stdio and the gateway.
#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn mcp_remote_lists_and_calls_through_the_gateway() {
    let stage = Stage::shared();
    let script = installed("tools/node_modules/mcp-remote/dist/proxy.js");
    for server in SERVERS {
        let token = stage.token(caller(Sdk::Ts1), server);
        let url = stage.url(Sdk::Ts1, server);
        let header = format!("Authorization: Bearer {token}");
        let command = ["node", script.to_str().unwrap(), &url, "--header", &header];
        let visit = Sdk::Ts1.visit_program(&command, Some(&stage.gateway().ca), &steps());
        assert!(visit.tools(0).contains(&"echo"), "{server:?}");
        assert_eq!(visit.text(1), "echo: from afar", "{server:?}");
    }
}

/// The Inspector without its window, in both eras, before a server of each.
#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn inspector_cli_lists_and_calls_through_the_gateway() {
    let stage = Stage::shared();
    for server in [Server::StdioTs, Server::ModernTs] {
        let token = stage.token(caller(Sdk::Ts2), server);
        for era in ["legacy", "modern"] {
            let inspect = |method: &[&str]| inspect(&stage, server, &token, era, method);
            let listed = inspect(&["--method", "tools/list"]);
            let tools =
                listed["result"]["tools"].as_array().unwrap_or_else(|| panic!("{listed:#}"));
            assert!(tools.iter().any(|tool| tool["name"] == "echo"), "{server:?}, {era}");
            let echo = ["--tool-name", "echo", "--tool-arg", "message=from afar"];
            let called = inspect(&[&["--method", "tools/call"], echo.as_slice()].concat());
            let text = &called["result"]["content"][0]["text"];
            assert_eq!(text, "echo: from afar", "{server:?}, {era}: {called:#}");
        }
    }
}

/// One line puts the whole gateway in front of any stdio server.
#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn run_in_one_line_puts_the_gateway_in_front_of_npx_server_everything() {
    let site = Site::new(&[("one", "mcp.tools.list mcp.tools.invoke")]);
    let admin = free_port();
    let prefix = installed("node_modules").parent().unwrap().to_owned();
    let public_url = site.url("/mcp");
    let line = [
        OsStr::new("run"),
        "--issuer".as_ref(),
        site.idp.issuer().as_ref(),
        "--public-url".as_ref(),
        public_url.as_ref(),
        "--".as_ref(),
        "npx".as_ref(),
        "--offline".as_ref(),
        "--prefix".as_ref(),
        prefix.as_os_str(),
        "mcp-server-everything".as_ref(),
        "stdio".as_ref(),
    ];
    let gateway = Gateway::start_with(&site, &line, admin);
    let steps = json!([
        { "op": "list_tools" },
        { "op": "call", "name": "echo", "arguments": { "message": "in one line" } },
    ]);
    for sdk in [Sdk::Ts1, Sdk::Ts2Modern, Sdk::Py2] {
        let visit = gateway.visit(sdk, &site.token("one"), &steps);
        assert!(visit.tools(0).contains(&"get-sum"), "{sdk:?}");
        assert_eq!(visit.text(1), "Echo: in one line", "{sdk:?}");
    }
}

/// Runs the Inspector's command line; it asks for a newer Node than the rest.
fn inspect(stage: &Stage, server: Server, token: &str, era: &str, method: &[&str]) -> Value {
    let scratch = Scratch::new();
    let node = installed("conformance/node");
    let script = "@modelcontextprotocol/inspector/clients/launcher/build/index.js";
    let output = clean(Command::new("timeout"), &scratch)
        .args(["--kill-after=5", "60"])
        .arg(node)
        .arg(installed("tools/node_modules").join(script))
        .args(["--cli", &stage.url(Sdk::Ts2Modern, server), "--transport", "http"])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(["--protocol-era", era, "--format", "json"])
        .args(method)
        .env("NODE_EXTRA_CA_CERTS", &stage.gateway().ca)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{server:?}, {era}, {method:?}:\n{stdout}\n{stderr}");
    serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error} in {stdout}\n{stderr}"))
}

fn steps() -> Value {
    json!([
        { "op": "list_tools" },
        { "op": "call", "name": "echo", "arguments": { "message": "from afar" } },
    ])
}

/// A bridged one of each sort, and the one that both eras speak straight to.
const SERVERS: [Server; 4] = [Server::StdioTs, Server::SsePy, Server::StatefulTs, Server::ModernTs];
