//! The pod of the manifests, run by podman: what is reached from outside, and what the audit trail
//! says. Run by hand, since a static binary takes long to build:
//!
//!     SALLYPORT_STATIC=target/x86_64-unknown-linux-musl/release/sallyport \
//!         cargo test --locked --test deploy pod:: -- --ignored
//!
//! as root, with podman, runc, catatonit, buildah, iptables and curl of Debian 12.
//!
//! podman is no Kubernetes. It knows no native sidecars, so the gateway becomes an ordinary
//! container; its probes run programs inside the image, so they are left out; NetworkPolicies are
//! not enforced, so that it is the address 127.0.0.1 that is tested here. Of the downward API podman
//! 4.3 has the pod's name alone: namespace and node are given as plain values.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::image::{forget, image, static_program};
use super::{Dir, GATEWAY_PORT, LEGACY_PORT, container, objects, only, plain};

/// An MCP server that knows one answer. Its argument is the address to listen on.
const LEGACY: &str = r##"
use std::io::{Read, Write};
fn main() {
    let host = std::env::args().nth(2).unwrap();
    let listener = std::net::TcpListener::bind((host.as_str(), 8080)).unwrap();
    for stream in listener.incoming() {
        std::thread::spawn(move || {
            let mut stream = stream.unwrap();
            let mut seen = Vec::new();
            let mut part = [0; 4096];
            // Enough for the one call of the test, whose body ends with its only `}}}`.
            while !String::from_utf8_lossy(&seen).contains("}}}") {
                match stream.read(&mut part) {
                    Ok(0) | Err(_) => return,
                    Ok(count) => seen.extend(&part[..count]),
                }
            }
            let body = r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"legacy in the pod","version":"1"}}}"#;
            let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
        });
    }
}
"##;

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","clientInfo":{"name":"test","version":"1"},"capabilities":{"a":{}}}}"#;

/// How long a pod may take to come up.
const PATIENCE: Duration = Duration::from_secs(15);

/// A pod that goes away with its test, and its images.
struct Pod {
    name: String,
    dir: Dir,
    images: [String; 2],
}

impl Pod {
    /// Plays the manifests of `plain/sidecar.yaml`, with the legacy server on `host`.
    fn play(host: &str) -> Self {
        let dir = Dir::new();
        // Tests run side by side: each folder has a name of its own.
        let name = dir.0.file_name().unwrap().to_str().unwrap().to_owned();
        let images = ["gateway", "legacy"].map(|what| format!("localhost/{what}-{name}:1"));
        let gateway = std::env::var("SALLYPORT_STATIC").unwrap_or_else(|_| panic!("which binary?"));
        image(Path::new(&gateway), &images[0]);
        image(&static_program(&dir.0, LEGACY), &images[1]);
        let pod = Self { name, dir, images };
        fs::write(pod.dir.0.join("pod.yaml"), pod.manifests(host)).unwrap();
        fs::write(
            pod.dir.0.join("containers.conf"),
            "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n[engine]\nruntime = \"runc\"\n",
        )
        .unwrap();
        let output = pod.podman(&["kube", "play", pod.dir.0.join("pod.yaml").to_str().unwrap()]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        pod
    }

    fn podman(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("podman");
        command.args(arguments).env("CONTAINERS_CONF", self.dir.0.join("containers.conf"));
        // Not where an entry has the name of an image: podman would build it.
        command.current_dir("/").output().unwrap()
    }

    /// A folder of the node that the gateway's user owns.
    fn folder(&self, name: &str) -> String {
        let path = self.dir.0.join(name);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        fs::set_permissions(&self.dir.0, fs::Permissions::from_mode(0o755)).unwrap();
        chown(&path, Some(65532), Some(65532)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn manifests(&self, host: &str) -> String {
        let all = objects(&fs::read_to_string(plain("sidecar")).unwrap());
        let mut deployment = only(&all, "Deployment");
        deployment["metadata"]["name"] = json!(self.name);
        deployment["spec"]["replicas"] = json!(1);
        let mut pod = deployment["spec"]["template"]["spec"].clone();
        let mut gateway = container(&pod["initContainers"], "sallyport");
        let mut legacy = container(&pod["containers"], "notes");
        // podman would publish them on the node.
        gateway.as_object_mut().unwrap().remove("ports").unwrap();
        for key in ["restartPolicy", "startupProbe", "livenessProbe", "readinessProbe"] {
            gateway.as_object_mut().unwrap().remove(key).unwrap();
        }
        for variable in gateway["env"].as_array_mut().unwrap() {
            let value = match variable["name"].as_str().unwrap() {
                "POD_NAMESPACE" => deployment["metadata"]["namespace"].clone(),
                "NODE_NAME" => json!("this-node"),
                _ => continue,
            };
            *variable = json!({"name": variable["name"], "value": value});
        }
        legacy.as_object_mut().unwrap().remove("lifecycle").unwrap();
        legacy["args"][1] = json!(host);
        for (one, name) in [(&mut gateway, &self.images[0]), (&mut legacy, &self.images[1])] {
            one["image"] = json!(name);
            one["imagePullPolicy"] = json!("Never");
        }
        let tls = self.folder("tls");
        let made =
            rcgen::generate_simple_self_signed(vec!["notes.example.com".to_owned()]).unwrap();
        for (file, text) in
            [("tls.crt", made.cert.pem()), ("tls.key", made.signing_key.serialize_pem())]
        {
            let path = Path::new(&tls).join(file);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
            chown(&path, Some(65532), Some(65532)).unwrap();
        }
        let volumes = pod["volumes"].as_array_mut().unwrap();
        for volume in volumes.iter_mut() {
            if volume["name"] == "sallyport-tls" {
                *volume = json!({"name": "sallyport-tls", "hostPath": {"path": tls}});
            } else if volume["name"] == "sallyport-audit" {
                let audit = self.folder("audit");
                *volume = json!({"name": "sallyport-audit", "hostPath": {"path": audit}});
            }
        }
        pod["containers"] = json!([gateway, legacy]);
        pod.as_object_mut().unwrap().remove("initContainers").unwrap();
        deployment["spec"]["template"]["spec"] = pod;
        let mut map = only(&all, "ConfigMap");
        // Everybody may call: who calls is not what is tested here.
        let config = map["data"]["sallyport.yaml"].as_str().unwrap();
        let start = config.find("issuers:").unwrap();
        let end = config.find("servers:").unwrap();
        let config = format!("{}{}", &config[..start], &config[end..]);
        let config = config.replace(
            "    upstream:",
            "    auth: none\n    scopes: { tools.invoke: [] }\n    upstream:",
        );
        map["data"]["sallyport.yaml"] = json!(config.replace("per_principal", "per_route"));
        format!("{map}\n---\n{deployment}\n")
    }

    /// The address of the pod, as a neighbour sees it.
    fn address(&self) -> String {
        let pod = self.podman(&["pod", "inspect", &format!("{}-pod-0", self.name)]);
        let pod: Value = serde_json::from_slice(&pod.stdout).unwrap();
        let infra = pod["InfraContainerID"].as_str().unwrap();
        let networks = self.podman(&["inspect", infra]);
        let networks: Value = serde_json::from_slice(&networks.stdout).unwrap();
        let networks = networks[0]["NetworkSettings"]["Networks"].as_object().unwrap().clone();
        let found = networks.values().find_map(|one| one["IPAddress"].as_str());
        found.unwrap().to_owned()
    }

    fn reaches(&self, port: u64) -> bool {
        let address: SocketAddr = format!("{}:{port}", self.address()).parse().unwrap();
        TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_ok()
    }

    /// Calls the legacy server through the gateway, from outside of the pod.
    fn call(&self) -> Output {
        let to = format!("notes.example.com:443:{}:{GATEWAY_PORT}", self.address());
        let mut command = Command::new("curl");
        command.args(["-sS", "--max-time", "5", "--connect-to", &to, "--cacert"]);
        command.arg(self.dir.0.join("tls/tls.crt"));
        command.args(["-H", "content-type: application/json"]);
        command.args(["-H", "accept: application/json, text/event-stream", "-d", CALL]);
        command.arg("https://notes.example.com/mcp").output().unwrap()
    }

    fn logs(&self) -> String {
        let output = self.podman(&["logs", &format!("{}-pod-0-sallyport", self.name)]);
        String::from_utf8_lossy(&output.stderr).into_owned()
            + &String::from_utf8_lossy(&output.stdout)
    }

    fn wait_for(&self, port: u64) {
        let start = Instant::now();
        while !self.reaches(port) {
            assert!(start.elapsed() < PATIENCE, "port {port} does not answer: {}", self.logs());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        self.podman(&["kube", "down", self.dir.0.join("pod.yaml").to_str().unwrap()]);
        self.images.iter().for_each(|name| forget(name));
    }
}

#[test]
#[ignore = "needs podman with runc, as root, and a static binary"]
fn from_outside_the_pod_the_gateway_answers_and_the_legacy_port_does_not() {
    let pod = Pod::play("127.0.0.1");
    pod.wait_for(GATEWAY_PORT);
    let answer = pod.call();
    let said = String::from_utf8_lossy(&answer.stdout).into_owned();
    assert!(said.contains("legacy in the pod"), "{said} {:?} {}", answer, pod.logs());
    // It runs, since it answered through the gateway, and is not to be reached past it.
    assert!(!pod.reaches(LEGACY_PORT));
    // Same pod, same probe, but a server on all addresses: the probe can see one.
    drop(pod);
    let open = Pod::play("0.0.0.0");
    open.wait_for(LEGACY_PORT);
}

#[test]
#[ignore = "needs podman with runc, as root, and a static binary"]
fn the_audit_record_of_a_call_says_which_pod_and_namespace_it_went_through() {
    let pod = Pod::play("127.0.0.1");
    pod.wait_for(GATEWAY_PORT);
    assert!(pod.call().status.success(), "{}", pod.logs());
    let mut records = Vec::new();
    for entry in fs::read_dir(pod.dir.0.join("audit/audit")).unwrap() {
        let text = fs::read(entry.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&text).into_owned();
        records
            .extend(text.lines().filter(|line| line.contains("\"initialize\"")).map(str::to_owned));
    }
    // What it is about to do, and what came of it.
    assert_eq!(records.len(), 2, "{records:?}");
    let name = format!("{}-pod-0", pod.name);
    let wanted = json!({"id": name, "pod": name, "namespace": "team-notes", "node": "this-node"});
    for record in records {
        let record: Value = serde_json::from_str(&record).unwrap();
        assert_eq!(record["gateway"], wanted);
    }
}
