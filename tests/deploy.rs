//! The manifests for Kubernetes keep their promises. There is no cluster here: what the files say is
//! read, their schemas are checked, and the configuration inside them is given to the gateway.
//!
//! `deploy/kubernetes/plain` holds what the components render to, so that everything but the
//! rendering itself is tested without a `kubectl`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail loudly"
)]

#[path = "deploy/config.rs"]
mod config;
#[path = "deploy/gateway.rs"]
mod gateway;
#[path = "deploy/helm.rs"]
mod helm;
#[path = "deploy/image.rs"]
mod image;
#[path = "deploy/lint.rs"]
mod lint;
#[path = "deploy/network.rs"]
mod network;
#[path = "deploy/pod.rs"]
mod pod;
#[path = "deploy/rendered.rs"]
mod rendered;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

/// Each file of `plain`, and the components that it is rendered with beside those of the example.
const PLAIN: [(&str, &[&str]); 3] = [
    ("sidecar", &[]),
    ("cert-manager", &["cert-manager", "monitoring"]),
    ("cert-manager-csi", &["cert-manager-csi", "monitoring"]),
];

const GATEWAY_PORT: u64 = 8443;
const METRICS_PORT: u64 = 9464;
const LEGACY_PORT: u64 = 8080;

fn kubernetes() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/kubernetes")
}

fn read(name: &str) -> String {
    fs::read_to_string(kubernetes().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn plain(name: &str) -> PathBuf {
    kubernetes().join(format!("plain/{name}.yaml"))
}

/// The objects of a file.
fn objects(text: &str) -> Vec<Value> {
    let parts = text.split("\n---\n");
    parts
        .map(|part| serde_saphyr::from_str(part).unwrap_or_else(|e| panic!("{e}\n{part}")))
        .collect()
}

/// The one object of its kind.
fn only(objects: &[Value], kind: &str) -> Value {
    let found: Vec<_> = objects.iter().filter(|object| object["kind"] == kind).collect();
    assert_eq!(found.len(), 1, "{kind}");
    found[0].clone()
}

/// Runs a check on the objects of every file of `plain`.
fn in_every_file(check: impl Fn(&[Value])) {
    for (name, _) in PLAIN {
        let all = objects(&read(&format!("plain/{name}.yaml")));
        println!("plain/{name}.yaml");
        check(&all);
    }
}

/// What the pods of the Deployment are.
fn pod(objects: &[Value]) -> Value {
    only(objects, "Deployment")["spec"]["template"]["spec"].clone()
}

/// The one container of that name in a list.
fn container(list: &Value, name: &str) -> Value {
    let found: Vec<_> = list.as_array().unwrap().iter().filter(|one| one["name"] == name).collect();
    assert_eq!(found.len(), 1, "{name}");
    found[0].clone()
}

/// A folder that goes away with its test.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sallyport-deploy-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
