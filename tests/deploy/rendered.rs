//! What the components render to is what stands in `plain`. `UPDATE_PLAIN=1` writes it anew.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use super::{Dir, PLAIN, kubernetes, plain};

/// Copies a folder with its folders.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// What the example renders to with more components.
fn rendered(components: &[&str]) -> String {
    let dir = Dir::new();
    copy(&kubernetes(), &dir.0);
    let mut text = "resources: [../example]\ncomponents:\n".to_owned();
    for component in components {
        writeln!(text, "  - ../{component}").unwrap();
    }
    let mine = dir.0.join("mine");
    let folder = if components.is_empty() { dir.0.join("example") } else { mine.clone() };
    fs::create_dir(&mine).unwrap();
    fs::write(mine.join("kustomization.yaml"), text).unwrap();
    let output = Command::new("kubectl").arg("kustomize").arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
#[ignore = "needs kubectl"]
fn what_stands_in_plain_is_what_the_components_render_to() {
    for (name, components) in PLAIN {
        let mut with = String::new();
        for component in components {
            write!(with, " and `{component}`").unwrap();
        }
        let made = format!(
            "# Made by `kubectl kustomize` from `deploy/kubernetes/example`{with}; change those, not this file.\n{}",
            rendered(components)
        );
        if env::var_os("UPDATE_PLAIN").is_some() {
            fs::write(plain(name), &made).unwrap();
        }
        let stands = fs::read_to_string(plain(name)).unwrap();
        assert!(stands == made, "plain/{name}.yaml is old: run this test with UPDATE_PLAIN=1");
    }
}

#[test]
fn every_component_stands_in_a_file_of_plain() {
    for entry in fs::read_dir(kubernetes()).unwrap() {
        let folder = entry.unwrap();
        let name = folder.file_name().into_string().unwrap();
        // The example takes `component` itself.
        if ["example", "plain", "component"].contains(&name.as_str()) {
            continue;
        }
        let used = PLAIN.iter().any(|(_, components)| components.contains(&name.as_str()));
        assert!(used, "{name}");
    }
}
