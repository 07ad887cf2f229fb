//! The policies that are shipped do what they say, and their tests would notice if they did not.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use cedar_policy::Policy;
use sallyport::policy::cases::{CaseFile, Coverage, Opened, run};
use sallyport::policy::expr::both;
use sallyport::policy::text::{Rule, Source};
use sallyport::policy::{Parts, Policies};
use serde_json::{Value, json};

fn templates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/templates")
}

/// Every template with its cases.
fn all() -> Vec<(String, CaseFile, Parts)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(templates()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some(name) = name.strip_suffix(".cedar") else { continue };
        let (file, parts) = template(name);
        found.push((name.to_owned(), file, parts));
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    assert!(found.len() >= 8, "{}", found.len());
    found
}

fn template(name: &str) -> (CaseFile, Parts) {
    let cases = format!("{name}.test.yaml");
    let text = fs::read_to_string(templates().join(&cases)).unwrap();
    read(&cases, &text)
}

fn read(name: &str, text: &str) -> (CaseFile, Parts) {
    let source = Source { name: name.into(), text: text.into() };
    let file = CaseFile::read(&source).unwrap_or_else(|problems| panic!("{}", problems[0]));
    let open = |name: &str, _max: usize| {
        let bytes = fs::read(templates().join(name)).map_err(|error| error.to_string())?;
        Ok(Opened { name: Arc::from(name), bytes })
    };
    let parts = file.parts(&open).unwrap_or_else(|problems| panic!("{}", problems[0]));
    (file, parts)
}

/// The names of the cases that fail, or `None` where the policies do not fit their schema.
fn failing(file: &CaseFile, parts: Parts) -> Option<Vec<String>> {
    let (policies, _) = Policies::compile(parts).ok()?;
    // A case may name the policy that a mutant lacks: that is noticed as well.
    let Ok(cases) = file.cases(&policies) else { return Some(vec!["a name".into()]) };
    let outcomes = run(&cases, &policies);
    let failing = outcomes.iter().filter(|outcome| !outcome.passes());
    Some(failing.map(|outcome| outcome.case.name.clone()).collect())
}

/// Decisions alone: what a mutant changes for callers, not in reports.
fn decides_otherwise(file: &CaseFile, original: &Policies, mutant: Parts) -> bool {
    let Ok((mutant, _)) = Policies::compile(mutant) else { return true };
    let cases = file.cases(original).unwrap();
    cases.iter().any(|case| case.given.ask(original).name() != case.given.ask(&mutant).name())
}

#[test]
fn every_template_passes_its_cases_without_a_warning_and_each_policy_decides_one() {
    for (name, file, parts) in all() {
        let (policies, warnings) =
            Policies::compile(parts).unwrap_or_else(|problems| panic!("{name}\n{}", problems[0]));
        assert!(warnings.is_empty(), "{name}\n{}", warnings[0]);
        let cases = file.cases(&policies).unwrap_or_else(|problems| panic!("{}", problems[0]));
        let outcomes = run(&cases, &policies);
        for outcome in &outcomes {
            assert!(outcome.passes(), "{name}: {}: {:?}", outcome.case.name, outcome.failures);
        }
        let mut coverage = Coverage::default();
        coverage.add(&outcomes);
        assert!(coverage.never(&policies).is_empty(), "{name}: {:?}", coverage.never(&policies));
        for decision in ["permit", "deny"] {
            assert!(
                outcomes.iter().any(|outcome| outcome.verdict.name() == decision),
                "{name} has no case for {decision}"
            );
        }
    }
}

#[test]
fn every_template_says_what_it_is_for_and_what_to_change() {
    for (name, _, parts) in all() {
        let text = &parts.sources[0].text;
        assert!(text.starts_with("// ") && text.contains("// To change: "), "{name}");
    }
}

#[test]
fn example_of_the_manual_passes() {
    let text = fs::read_to_string(templates().join("../README.md")).unwrap();
    let (_, rest) = text.split_once("```yml\n").unwrap();
    let (file, parts) = read("README.md", rest.split_once("```").unwrap().0);
    assert_eq!(failing(&file, parts), Some(Vec::new()));
}

/// A policy as text again, out of its tree.
fn printed(tree: Value) -> String {
    format!("{}\n", Policy::from_json(None, tree).unwrap())
}

fn tree(rule: &Rule) -> Value {
    (*rule.tree).clone()
}

/// The same policy with the other effect.
fn negated(rule: &Rule) -> String {
    let mut tree = tree(rule);
    tree["effect"] = if rule.permits() { "forbid".into() } else { "permit".into() };
    let notes = tree["annotations"].as_object_mut().unwrap();
    notes.retain(|name, _| name == "id");
    printed(tree)
}

/// The same policy without one of the conditions that it demands, each in turn.
fn loosened(rule: &Rule) -> Vec<String> {
    let mut all = Vec::new();
    let conditions = tree(rule)["conditions"].as_array().unwrap().clone();
    for (at, condition) in conditions.iter().enumerate() {
        let parts = both(&condition["body"]);
        for gone in 0..parts.len() {
            let kept = parts.iter().enumerate().filter(|(part, _)| *part != gone);
            let body = kept
                .map(|(_, part)| (*part).clone())
                .reduce(|left, right| json!({ "&&": { "left": left, "right": right } }));
            let mut changed = conditions.clone();
            match body {
                Some(body) => changed[at]["body"] = body,
                None => drop(changed.remove(at)),
            }
            let mut tree = tree(rule);
            tree["conditions"] = changed.into();
            all.push(printed(tree));
        }
    }
    all
}

#[test]
fn policy_that_is_missing_negated_or_loosened_makes_a_case_fail() {
    let mut survivors = Vec::new();
    let mut mutants = 0;
    for (name, file, parts) in all() {
        let (policies, _) = Policies::compile(parts.clone()).unwrap();
        for rule in policies.own_rules() {
            let others = policies.own_rules().iter().filter(|other| other.id != rule.id);
            let others: String = others.map(|other| format!("{}\n", other.text())).collect();
            let mut texts = vec![("missing", others.clone())];
            texts.push(("negated", format!("{others}{}", negated(rule))));
            for text in loosened(rule) {
                texts.push(("loosened", format!("{others}{text}")));
            }
            for (kind, text) in texts {
                mutants += 1;
                let mut mutant = parts.clone();
                mutant.sources[0].text = text.as_str().into();
                let noticed = match kind {
                    // The one thing that counts here is what callers may do.
                    "missing" => decides_otherwise(&file, &policies, mutant),
                    _other => failing(&file, mutant).is_none_or(|failing| !failing.is_empty()),
                };
                if !noticed {
                    survivors.push(format!("{name}: {} {kind}\n{text}", rule.id));
                }
            }
        }
    }
    assert!(survivors.is_empty(), "{} of {mutants}\n{}", survivors.len(), survivors.join("\n\n"));
    assert!(mutants > 100, "{mutants}");
}

fn sallyport(arguments: &[&str]) -> (Option<i32>, String, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_sallyport"))
        .args(["policy", "test"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("SALLYPORT_CONFIG")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (out.status.code(), text(out.stdout), text(out.stderr))
}

#[test]
fn command_runs_all_templates() {
    let files: Vec<String> =
        all().iter().map(|(name, _, _)| format!("policies/templates/{name}.test.yaml")).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let (code, out, errors) = sallyport(&files);
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{out}");
    assert_eq!(out.matches("decided at least one case").count(), files.len(), "{out}");
    assert!(!out.contains("FAILED") && !out.contains("never:"), "{out}");
}

#[test]
fn command_tells_what_came_in_place_of_what_was_expected_and_why() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("policies");
    fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    let refunds = fs::read_to_string(templates().join("refunds.cedar")).unwrap();
    write("refunds.cedar", &refunds);
    let cases = folder.join("a.yaml");
    let run = |text: &str| {
        write("a.yaml", text);
        sallyport(&[cases.to_str().unwrap()])
    };
    let head = "policies: [refunds.cedar]\ndefaults: { server: crm, action: tools.invoke, on: refund }\ncases:\n";
    let (code, out, _) = run(&format!(
        "{head}  - name: too much\n    who: {{ roles: [support] }}\n    args: '{{\"amount\": 150.5}}'\n    expect: permit\n"
    ));
    assert_eq!(code, Some(1), "{out}");
    for says in [
        "FAILED  too much",
        "a.yaml:4)",
        "expect: expected permit, found deny",
        "`refunds.small`",
        "context.args.amount = decimal(\"150.5000\")",
        "never: refunds.small, refunds.large, refunds.positive",
    ] {
        assert!(out.contains(says), "{says}\n{out}");
    }
    let (code, out, errors) = run(&format!("{head}  - name: x\n    expct: permit\n"));
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(errors.contains("a.yaml:5:5") && errors.contains("expct"), "{errors}");
    write("refunds.cedar", "permit (principal, action, resource) when { principal.rolls };");
    let (code, _, errors) = run(&format!("{head}  - {{ name: x, expect: deny }}\n"));
    assert_eq!(code, Some(2));
    assert!(errors.contains("refunds.cedar:1:45") && errors.contains("rolls"), "{errors}");
}

#[test]
fn command_tests_the_policies_of_a_configuration() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("policies-of-a-configuration");
    fs::create_dir_all(&folder).unwrap();
    let templates = templates();
    let templates = templates.display();
    let config = folder.join("sallyport.yaml");
    fs::write(
        &config,
        format!(
            "listen: 127.0.0.1:8443\nplain_http: loopback\nissuers: [ {{ issuer: https://idp.example.com, roles_claim: roles }} ]\n\
             audit: {{ dir: audit }}\npolicy: {{ files: [{templates}/refunds.cedar], entities: {templates}/entities.yaml, time_zone: Europe/Berlin }}\n\
             servers: [ {{ name: crm, public_url: https://localhost:8443/mcp, upstream: http://127.0.0.1:8080/mcp, tool_schemas: {templates}/crm-tools.json }} ]\n"
        ),
    )
    .unwrap();
    let config = config.to_str().unwrap();
    let cases = "policies/templates/refunds.test.yaml";
    let (code, out, errors) = sallyport(&["--config", config, "--json", cases]);
    assert_eq!(code, Some(0), "{out}{errors}");
    assert!(errors.contains("is not used: the configuration is tested"), "{errors}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["failed"], 0);
    assert_eq!(report["coverage"], json!([{ "of": config, "policies": 3, "never": [] }]));
    // Its cases name policies that this configuration has not.
    let (code, _, errors) =
        sallyport(&["--config", config, "policies/templates/approval.test.yaml"]);
    assert_eq!(code, Some(2));
    assert!(errors.contains("there is no policy `approval.safe`"), "{errors}");
}
