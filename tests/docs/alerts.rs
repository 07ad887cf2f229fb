//! Alert rules, their tests and the runbook speak of the same alerts, and of metrics that exist.

use std::collections::BTreeSet;
use std::process::Command;

use regex::Regex;
use sallyport::limits::{AUDIT_QUEUE_RECORDS_MAX, JWKS_FRESH_S};
use serde_json::Value;

use super::promql::{Known, rules, yaml};
use super::{read, root};

const RULES: &str = "deploy/prometheus/rules.yaml";
const TESTS: &str = "deploy/prometheus/rules.test.yaml";
const RUNBOOK: &str = "src/manual/alerts.md";

/// Every alert by its name.
fn alerts() -> Vec<(String, Value)> {
    let named = |rule: Value| Some((rule["alert"].as_str()?.to_owned(), rule));
    rules().into_iter().filter_map(named).collect()
}

fn names() -> BTreeSet<String> {
    let alerts = alerts();
    let names: BTreeSet<String> = alerts.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names.len(), alerts.len(), "a name stands twice");
    names
}

#[test]
fn every_alert_leads_to_its_section_of_the_runbook_and_each_section_has_its_alert() {
    let text = read(RUNBOOK);
    let sections: Vec<&str> = text.split("\n## ").skip(1).collect();
    let titles: BTreeSet<String> =
        sections.iter().map(|section| section.lines().next().unwrap().to_owned()).collect();
    assert_eq!(titles, names());
    assert_eq!(sections.len(), titles.len(), "a section stands twice");
    for (name, rule) in alerts() {
        let section = sections.iter().find(|s| s.lines().next() == Some(&name)).unwrap();
        let severity = rule["labels"]["severity"].as_str().unwrap();
        assert!(["critical", "warning"].contains(&severity), "{name}: {severity}");
        for part in [&format!("- **Means** ({severity}):"), "- **Look:**", "- **Do:**"] {
            assert!(section.contains(part), "{name}: no {part}");
        }
        let annotations = &rule["annotations"];
        assert!(annotations["summary"].is_string() && annotations["description"].is_string());
        // Headings of one word become their own anchor, in small letters.
        let anchor = format!("{RUNBOOK}#{}", name.to_lowercase());
        assert_eq!(annotations["runbook_url"], anchor);
    }
}

#[test]
fn every_alert_has_a_test_and_every_test_an_alert() {
    let tests = yaml(TESTS);
    let mut tested = BTreeSet::new();
    for test in tests["tests"].as_array().unwrap() {
        let name = test["name"].as_str().unwrap();
        assert!(tested.insert(name.to_owned()), "{name} stands twice");
        let asked = format!("ALERTS{{alertname=\"{name}\",alertstate=\"firing\"}}");
        let [silent, fires] = test["promql_expr_test"].as_array().unwrap().as_slice() else {
            panic!("{name}: one moment of silence, then one of alarm");
        };
        assert!(silent["expr"] == asked && fires["expr"] == asked, "{name}");
        assert!(silent["exp_samples"].is_null(), "{name}");
        assert_eq!(fires["exp_samples"].as_array().unwrap().len(), 1, "{name} fires once");
        let series = test["input_series"].as_array().unwrap().iter();
        let near = |s: &&Value| s["series"].as_str().unwrap().contains("instance=\"near\"");
        assert!(series.clone().any(|s| near(&s)) && !series.clone().all(|s| near(&s)), "{name}");
    }
    assert_eq!(tested, names());
}

#[test]
fn every_metric_and_label_of_the_rules_exists() {
    let known = Known::read();
    let recorded: BTreeSet<String> =
        rules().iter().filter_map(|rule| Some(rule["record"].as_str()?.to_owned())).collect();
    let mut seen = BTreeSet::new();
    for rule in rules() {
        let expr = rule["expr"].as_str().unwrap();
        let found = known.metrics(expr);
        assert!(!found.is_empty() || expr.starts_with("up{"), "{expr}");
        seen.extend(found);
    }
    // What is recorded is used by an alert.
    assert!(recorded.is_subset(&seen), "{recorded:?}");
}

#[test]
fn every_decision_that_the_rules_name_is_a_code_of_refusals() {
    let codes: BTreeSet<&str> =
        sallyport::reject::Code::ALL.iter().map(|code| code.row().code).collect();
    let named = Regex::new(r#"\b(?:decision|code)=~?"([a-z_|]+)""#).unwrap();
    let text = read(RULES);
    let mut seen = 0;
    for found in named.captures_iter(&text) {
        for code in found[1].split('|').filter(|code| *code != "allow") {
            assert!(codes.contains(code), "no code {code}");
            seen += 1;
        }
    }
    assert!(seen >= 9, "{seen}");
}

#[test]
fn bounds_in_the_rules_are_those_of_the_code() {
    let expr = |name: &str| {
        let (_, rule) = alerts().into_iter().find(|(alert, _)| alert == name).unwrap();
        rule["expr"].as_str().unwrap().to_owned()
    };
    let half = AUDIT_QUEUE_RECORDS_MAX / 2;
    assert!(expr("SallyportRecordsWaiting").ends_with(&format!(" > {half}")));
    let twice = 2 * JWKS_FRESH_S;
    assert!(expr("SallyportKeysStale").ends_with(&format!(" > {twice}")));
}

#[test]
#[ignore = "needs promtool"]
fn rules_are_well_formed_and_fire_when_they_should() {
    for arguments in [["check", "rules", "rules.yaml"], ["test", "rules", "rules.test.yaml"]] {
        let output = Command::new("promtool")
            .args(arguments)
            .current_dir(root().join("deploy/prometheus"))
            .output()
            .unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("SUCCESS"), "{arguments:?}: {said}");
    }
}
