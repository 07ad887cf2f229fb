//! The shape of the code is a promise too.
//!
//! Layers go one way, no module cycle, files stay short, the doors of the typed states are
//! counted, every bound is used and named by a test, and the generated chapters of the manual are
//! in step with the code. (Functions over 70 lines are refused by clippy, see `clippy.toml`.)

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail loudly"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use sallyport::limits;
use sallyport::reject::Code;

/// The layers, lowest first; within a layer a module may import its neighbours as long as there is
/// no cycle.
const VOCABULARY: &[&str] = &[
    "limits",
    "clock",
    "secret",
    "principal",
    "peer",
    "call",
    "class",
    "surrogate",
    "unread",
    "dictionary",
    "reject",
    "body",
    "json",
    "api_key",
    "glob",
    "hex",
    "policy",
    "view",
    "vkey",
    "config",
];
const TOOLS: &[&str] = &[
    "bucket",
    "inspect",
    "schema",
    "exchange",
    "net",
    "mcp",
    "rest",
    "outbound",
    "session",
    "ticket",
    "face",
    "audit",
    "shared_state",
    "revocation",
    "pins",
    "sinks",
    "confine",
    "anchors",
];
/// Stages in the order of the flow: each sees only stages to its left.
const STAGES: &[&str] = &[
    "hygiene", "authn", "decode", "facade", "authz", "limit", "guard", "record", "upstream",
    "reply", "screen",
];
const ABOVE: &[&str] =
    &["observe", "snapshot", "pipeline", "server", "gateway", "dev", "doctor", "cli"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The product part of a file: without its test modules.
fn product(path: &Path) -> String {
    let name = path.to_string_lossy();
    if name.ends_with("tests.rs")
        || name.contains("/tests/")
        || name.ends_with("testing.rs")
        || name.ends_with("fixture.rs")
    {
        return String::new();
    }
    let text = fs::read_to_string(path).unwrap();
    match text.find("#[cfg(test)]\nmod tests {") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

/// The top-level module a file belongs to.
fn module(path: &Path) -> String {
    let relative = path.strip_prefix(root().join("src")).unwrap();
    let first = relative.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// Top-level modules that a text names after `crate::`.
fn imports(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            let mut taken = false;
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => {
                        found.insert(std::mem::take(&mut word));
                        break;
                    }
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        found.insert(std::mem::take(&mut word));
                        taken = false;
                    }
                    ':' if depth == 0 => taken = true,
                    c if depth == 0 && !taken && (c.is_alphanumeric() || c == '_') => word.push(c),
                    _ => {}
                }
            }
        } else {
            found.insert(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    found.remove("");
    found
}

fn graph() -> BTreeMap<String, BTreeSet<String>> {
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in rust_files(&root().join("src")) {
        let from = module(&path);
        if from == "lib" || from == "main" {
            continue;
        }
        let mut to = imports(&product(&path));
        to.remove(&from);
        graph.entry(from).or_default().extend(to);
    }
    graph
}

fn level(module: &str) -> Option<usize> {
    let layers: [&[&str]; 4] = [VOCABULARY, TOOLS, STAGES, ABOVE];
    layers.iter().position(|layer| layer.contains(&module))
}

#[test]
fn every_module_has_its_layer_and_imports_go_one_way() {
    let mut wrong = Vec::new();
    for (from, imports) in graph() {
        let Some(own) = level(&from) else {
            wrong.push(format!("`{from}` stands in no layer of tests/tidy.rs"));
            continue;
        };
        for to in imports {
            match level(&to) {
                None => {}
                Some(other) if other > own => {
                    wrong.push(format!("`{from}` imports `{to}` above it"))
                }
                Some(other) if other == own && own == 2 => {
                    let at = |name: &str| STAGES.iter().position(|s| *s == name);
                    if at(&to) > at(&from) {
                        wrong.push(format!("stage `{from}` imports `{to}` at its right"));
                    }
                }
                Some(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_module_graph_has_no_cycle() {
    let graph = graph();
    let mut done = BTreeSet::new();
    for start in graph.keys() {
        let mut path = Vec::new();
        assert!(!cyclic(start, &graph, &mut path, &mut done), "cycle: {}", path.join(" -> "));
    }
}

fn cyclic(
    at: &str,
    graph: &BTreeMap<String, BTreeSet<String>>,
    path: &mut Vec<String>,
    done: &mut BTreeSet<String>,
) -> bool {
    if done.contains(at) {
        return false;
    }
    if path.iter().any(|p| p == at) {
        path.push(at.to_owned());
        return true;
    }
    path.push(at.to_owned());
    for next in graph.get(at).into_iter().flatten() {
        if graph.contains_key(next) && cyclic(next, graph, path, done) {
            return true;
        }
    }
    path.pop();
    done.insert(at.to_owned());
    false
}

#[test]
fn no_stage_imports_the_record_or_the_metrics() {
    for (from, imports) in graph() {
        if STAGES.contains(&from.as_str()) {
            assert!(!imports.contains("observe"), "`{from}` imports observe");
            // `record` is the stage that turns a durable record into a witness.
            assert!(from == "record" || !imports.contains("audit"), "`{from}` imports audit");
            assert!(!imports.contains("sinks"), "`{from}` imports sinks");
        }
    }
}

#[test]
fn files_stay_within_500_lines() {
    let mut long = Vec::new();
    for dir in ["src", "tests"] {
        for path in rust_files(&root().join(dir)) {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            if lines > 500 {
                long.push(format!("{}: {lines}", path.display()));
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn every_module_says_what_it_owns() {
    for path in rust_files(&root().join("src")) {
        let text = product(&path);
        assert!(text.is_empty() || text.starts_with("//!"), "{} has no header", path.display());
    }
}

/// The typed states stop mistakes; these counts make the crate-private doors reviewable.
#[test]
fn the_doors_between_typed_states_are_counted() {
    let mut doors: BTreeMap<&str, usize> = BTreeMap::new();
    for path in rust_files(&root().join("src")) {
        if path.ends_with("exchange.rs") || path.ends_with("answer.rs") {
            continue;
        }
        let text = product(&path);
        for door in [
            "Exchange::of_gateway(",
            ".advance(",
            ".take_body()",
            ".one_of(",
            ".into_state()",
            "Answer::advanced(",
            "Answer::raw(",
        ] {
            *doors.entry(door).or_default() += text.matches(door).count();
        }
    }
    let expected = [
        // What the gateway runs of itself: a server's stream for an HTTP+SSE client, with the
        // client's own head; and errands, with the principal that a session belongs to.
        ("Exchange::of_gateway(", 3),
        // One per stage: net, hygiene, authn, decode, authz, limit, guard, record.
        (".advance(", 8),
        (".take_body()", 1),
        // The messages of a batch, each from its beginning.
        (".one_of(", 1),
        (".into_state()", 1),
        ("Answer::advanced(", 1),
        ("Answer::raw(", 1),
    ];
    assert_eq!(doors, expected.into_iter().collect());
}

#[test]
fn every_bound_is_used_by_the_code_and_named_by_a_test() {
    let mut product_text = String::new();
    let mut test_text = String::new();
    for path in rust_files(&root().join("src")) {
        if path.starts_with(root().join("src/limits")) || path == root().join("src/limits.rs") {
            continue;
        }
        let all = fs::read_to_string(&path).unwrap();
        let code = product(&path);
        test_text.push_str(&all[code.len().min(all.len())..]);
        product_text.push_str(&code);
    }
    for path in rust_files(&root().join("tests")) {
        test_text.push_str(&fs::read_to_string(&path).unwrap());
    }
    let mut wrong = Vec::new();
    for limit in limits::all() {
        if !product_text.contains(limit.name) {
            wrong.push(format!("{} is used nowhere", limit.name));
        }
        if !test_text.contains(limit.name) {
            wrong.push(format!("{} is named by no test", limit.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_error_chapter_is_in_step_with_the_table() {
    let mut text = String::from(
        "# Refusals\n\nEvery way in which the gateway says no. Generated from `src/reject.rs` by `tests/tidy.rs`; \
         run it with `UPDATE_MANUAL=1` to write this file anew.\n\n\
         On an MCP endpoint a refusal is a JSON-RPC error whose `data.origin` is `gateway` and whose \
         `data.code` is the name below; elsewhere it is problem details (RFC 9457).\n\n\
         | code | HTTP | JSON-RPC | what the caller reads | when |\n|---|---|---|---|---|\n",
    );
    for code in Code::ALL {
        let row = code.row();
        writeln!(
            text,
            "| `{}` | {} | {} | {} | {} |",
            row.code,
            row.status,
            row.rpc,
            row.public,
            code.doc().trim()
        )
        .unwrap();
    }
    in_step("errors.md", &text);
}

#[test]
fn the_limits_chapter_is_in_step_with_the_table() {
    let mut text = String::from(
        "# Bounds\n\nEvery queue, cache, buffer and wait has one. Generated from `src/limits.rs` by \
         `tests/tidy.rs`; run it with `UPDATE_MANUAL=1` to write this file anew.\n\n\
         | bound | value | unit | where it comes from |\n|---|---|---|---|\n",
    );
    for limit in limits::all() {
        writeln!(
            text,
            "| `{}` | {} | {} | {} |",
            limit.name, limit.value, limit.unit, limit.source
        )
        .unwrap();
    }
    in_step("limits.md", &text);
}

fn in_step(name: &str, text: &str) {
    let path = root().join("src/manual").join(name);
    if std::env::var_os("UPDATE_MANUAL").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == text,
        "src/manual/{name} is out of step: run UPDATE_MANUAL=1 cargo test --test tidy"
    );
}

#[test]
fn nothing_speaks_of_a_machine() {
    for dir in ["src", "tests", "deploy", "policies", "certs-example"] {
        let mut stack = vec![root().join(dir)];
        while let Some(at) = stack.pop() {
            for entry in fs::read_dir(&at).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    if !path.ends_with("node_modules") && !path.ends_with("target") {
                        stack.push(path);
                    }
                    continue;
                }
                let Ok(text) = fs::read_to_string(&path) else { continue };
                for word in [concat!("/", "work/"), concat!("/ro", "ot/"), concat!("/tmp/", "team")]
                {
                    assert!(!text.contains(word), "{} names {word}", path.display());
                }
            }
        }
    }
}
