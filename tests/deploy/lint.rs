//! What the manifests say is valid for Kubernetes, and no linter has something against them.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use super::{Dir, PLAIN, objects, plain};

/// The oldest with the sleep of `preStop`, one between, and the newest known to the checker.
pub const VERSIONS: [&str; 3] = ["1.30", "1.34", "1.37"];

/// Kinds that are not part of Kubernetes, so that the checker has no schema of them.
const FOREIGN: [&str; 2] = ["Certificate", "PodMonitor"];

/// The folder with the checkers that `tests/run` makes.
pub fn tools() -> PathBuf {
    std::env::var("KUBERNETES_TOOLS").unwrap_or_else(|_| panic!("see tests/run")).into()
}

pub fn tool(name: &str) -> PathBuf {
    tools().join("bin").join(name)
}

pub fn validate(file: &Path, version: &str) -> Output {
    let mut command = Command::new(tool("kubernetes-validate"));
    command.args(["--strict", "-k", version]).arg(file).output().unwrap()
}

pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
#[ignore = "needs kubernetes-validate"]
fn every_manifest_fits_the_strict_schemas_of_kubernetes() {
    for (name, _) in PLAIN {
        for version in VERSIONS {
            let output = validate(&plain(name), version);
            let said = said(&output);
            assert!(output.status.success(), "{name} {version}: {said}");
            // The checker passes over what it does not know, with a warning.
            for line in said.lines().filter(|line| line.starts_with("WARN")) {
                let foreign = FOREIGN.iter().any(|kind| line.contains(&format!("kind {kind} ")));
                assert!(foreign, "{name} {version}: {line}");
            }
            for kind in
                ["configmap", "service", "deployment", "poddisruptionbudget", "networkpolicy"]
            {
                assert!(said.contains(&format!("passed for resource {kind}/")), "{kind}: {said}");
            }
        }
    }
}

#[test]
#[ignore = "needs kubernetes-validate"]
fn a_misspelt_key_would_be_found() {
    let dir = Dir::new();
    let file = dir.0.join("wrong.yaml");
    let text = fs::read_to_string(plain("sidecar")).unwrap();
    let wrong = text.replace("restartPolicy: Always", "restartPolicyy: Always");
    assert_ne!(text, wrong);
    fs::write(&file, wrong).unwrap();
    assert!(!validate(&file, VERSIONS[0]).status.success());
    // The sleep of `preStop` is why 1.30 is the oldest.
    assert!(!validate(&plain("sidecar"), "1.28").status.success());
}

/// Checks objects of foreign kinds with the schemas of their projects, which npm carries.
const FOREIGN_CHECK: &str = r"
    import { PodMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
    import { Certificate } from '@kubernetes-models/cert-manager/cert-manager.io/v1';
    import { readFileSync } from 'node:fs';
    const kinds = { PodMonitor, Certificate };
    const objects = JSON.parse(readFileSync(0));
    objects.forEach(object => new kinds[object.kind](object).validate());
";

pub fn validate_foreign(objects: &[Value]) -> Output {
    let mut command = Command::new("node");
    command.args(["--input-type=module", "-e", FOREIGN_CHECK]).current_dir(tools());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut node = command.spawn().unwrap();
    node.stdin.take().unwrap().write_all(json!(objects).to_string().as_bytes()).unwrap();
    node.wait_with_output().unwrap()
}

#[test]
#[ignore = "needs node and @kubernetes-models"]
fn certificates_and_pod_monitors_fit_the_schemas_of_their_projects() {
    let mut found = Vec::new();
    for (name, _) in PLAIN {
        let all = objects(&fs::read_to_string(plain(name)).unwrap());
        let foreign =
            |object: &Value| object["kind"].as_str().is_some_and(|k| FOREIGN.contains(&k));
        found.extend(all.into_iter().filter(foreign));
    }
    assert_eq!(found.len(), 3, "one Certificate and two PodMonitors");
    let output = validate_foreign(&found);
    assert!(output.status.success(), "{}", said(&output));

    // A check that sees: neither is valid without what it is for.
    for (kind, key) in [("Certificate", "secretName"), ("PodMonitor", "selector")] {
        let mut wrong = found.iter().find(|object| object["kind"] == kind).unwrap().clone();
        wrong["spec"].as_object_mut().unwrap().remove(key).unwrap();
        let output = validate_foreign(&[wrong]);
        assert!(!output.status.success() && said(&output).contains(key), "{}", said(&output));
    }
}

fn checkov(file: &Path) -> Output {
    let mut command = Command::new(tool("checkov"));
    command.args(["--framework", "kubernetes", "--skip-download", "--compact", "--quiet", "-f"]);
    command.arg(file).output().unwrap()
}

#[test]
#[ignore = "needs checkov"]
fn checkov_finds_nothing_that_is_not_explained() {
    for (name, _) in PLAIN {
        let output = checkov(&plain(name));
        let said = said(&output);
        assert!(output.status.success(), "{name}: {said}");
        assert!(said.contains("Failed checks: 0, Skipped checks: 4"), "{name}: {said}");
    }
}

#[test]
#[ignore = "needs checkov"]
fn a_gateway_with_a_writable_root_would_be_found() {
    let dir = Dir::new();
    let file = dir.0.join("wrong.yaml");
    let text = fs::read_to_string(plain("sidecar")).unwrap();
    let wrong = text.replace("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false");
    assert_ne!(text, wrong);
    fs::write(&file, wrong).unwrap();
    let output = checkov(&file);
    assert!(!output.status.success());
    assert!(said(&output).contains("CKV_K8S_22"), "{}", said(&output));
}
