//! The container image: one static binary, as a user without rights, the same bytes every time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::Dir;

fn build(binary: &Path, name: &str) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/image/build");
    Command::new(script).arg(binary).arg(name).output().unwrap()
}

/// A small static program, made with the compiler that made this test.
pub(super) fn static_program(dir: &Path, source: &str) -> PathBuf {
    let code = dir.join("small.rs");
    let binary = dir.join("small");
    fs::write(&code, source).unwrap();
    let mut command = Command::new(std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned()));
    command.args(["--edition", "2024", "-C", "target-feature=+crt-static", "-o"]);
    let output = command.arg(&binary).arg(&code).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    binary
}

/// Builds an image and answers its digest.
pub(super) fn image(binary: &Path, name: &str) -> String {
    let output = build(binary, name);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(super) fn forget(name: &str) {
    Command::new("buildah").args(["rmi", name]).output().unwrap();
}

/// What a Containerfile says of its last stage.
fn last_stage(name: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name);
    let text = fs::read_to_string(path).unwrap();
    let last = &text[text.rfind("FROM scratch").unwrap_or_else(|| panic!("{name}"))..];
    let lines = last.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

#[test]
fn both_ways_to_build_the_image_end_in_the_same_one() {
    let mut one = last_stage("Containerfile");
    let mut other = last_stage("image/Containerfile");
    assert!(one.contains(&"USER 65532:65532".to_owned()), "{one:?}");
    for lines in [&mut one, &mut other] {
        let copies = lines.iter().filter(|line| line.starts_with("COPY ")).count();
        assert_eq!(copies, 1, "one file, and nothing else: {lines:?}");
        lines.retain(|line| !line.starts_with("COPY "));
    }
    assert_eq!(one, other);
}

#[test]
#[ignore = "needs buildah"]
fn two_builds_of_one_binary_give_the_same_digest() {
    let dir = Dir::new();
    let binary = static_program(&dir.0, "fn main() {}");
    let name = format!("localhost/sallyport-digest:{}", std::process::id());
    let first = image(&binary, &name);
    forget(&name);
    let second = image(&binary, &name);
    forget(&name);
    assert!(first.starts_with("sha256:") && first.len() == 71, "{first}");
    assert_eq!(first, second);

    let other = static_program(&dir.0, "fn main() { println!(\"other\") }");
    let third = image(&other, &name);
    forget(&name);
    assert_ne!(first, third);
}

#[test]
#[ignore = "needs buildah"]
fn a_binary_that_needs_a_loader_is_refused() {
    let output = build(Path::new(env!("CARGO_BIN_EXE_sallyport")), "localhost/sallyport-no:1");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("is not static: build it for a target that ends in -musl"), "{said}");
}
