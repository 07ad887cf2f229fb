//! The configuration inside the manifests is one that the gateway takes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use serde_json::Value;

use super::{Dir, GATEWAY_PORT, METRICS_PORT, container, objects, only, plain, pod, read};

/// The configuration of the ConfigMap, with its folders in `dir`.
fn embedded(dir: &Dir, objects: &[Value]) -> String {
    let map = only(objects, "ConfigMap");
    let text = map["data"]["sallyport.yaml"].as_str().unwrap().to_owned();
    // What the pod mounts is what the configuration names.
    let gateway = container(&pod(objects)["initContainers"], "sallyport");
    let mounts = gateway["volumeMounts"].as_array().unwrap();
    for folder in ["/etc/sallyport-tls", "/var/lib/sallyport"] {
        assert!(mounts.iter().any(|mount| mount["mountPath"] == folder), "{folder}");
        assert!(text.contains(&format!("{folder}/")), "{folder}");
    }
    in_folder(dir, &text)
}

/// The configuration with what the pod mounts in `dir`.
pub fn in_folder(dir: &Dir, text: &str) -> String {
    let made = rcgen::generate_simple_self_signed(vec!["notes.example.com".to_owned()]).unwrap();
    fs::write(dir.0.join("tls.crt"), made.cert.pem()).unwrap();
    for (name, secret) in
        [("tls.key", made.signing_key.serialize_pem()), ("key", "0123456789abcdef".repeat(4))]
    {
        fs::write(dir.0.join(name), secret).unwrap();
        fs::set_permissions(dir.0.join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let folders = ["/etc/sallyport-tls", "/etc/sallyport-sessions", "/var/lib/sallyport"];
    folders.iter().fold(text.to_owned(), |text, at| text.replace(at, dir.0.to_str().unwrap()))
}

pub fn check(dir: &Dir, text: &str, names: &[String]) -> Output {
    let path = dir.0.join("sallyport.yaml");
    fs::write(&path, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sallyport"));
    command.args(["check", "--strict"]).arg(&path).env_remove("SALLYPORT_CONFIG");
    // The variables that the pod sets, and no others.
    for name in ["POD_NAME", "POD_NAMESPACE", "NODE_NAME"] {
        command.env_remove(name);
    }
    command.envs(names.iter().map(|name| (name, "notes-7d9f-abcde")));
    command.output().unwrap()
}

/// The names of the variables that the pod sets for the gateway.
fn variables(objects: &[Value]) -> Vec<String> {
    let gateway = container(&pod(objects)["initContainers"], "sallyport");
    let env = gateway["env"].as_array().unwrap();
    env.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_embedded_configuration_passes_the_strict_check() {
    let dir = Dir::new();
    let objects = objects(&fs::read_to_string(plain("sidecar")).unwrap());
    let output = check(&dir, &embedded(&dir, &objects), &variables(&objects));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn without_the_names_of_the_pod_the_check_fails_and_names_the_variable() {
    let dir = Dir::new();
    let objects = objects(&fs::read_to_string(plain("sidecar")).unwrap());
    let output = check(&dir, &embedded(&dir, &objects), &[]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("POD_NAME"), "{said}");
}

#[test]
fn the_arguments_of_the_container_are_ones_that_the_program_takes() {
    let objects = objects(&fs::read_to_string(plain("sidecar")).unwrap());
    let gateway = container(&pod(&objects)["initContainers"], "sallyport");
    let arguments: Vec<_> =
        gateway["args"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    // Without the mount it gets as far as to miss the file.
    let file = arguments[2].replace("/etc/", "/nowhere/");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sallyport"));
    let output = command.args([arguments[0], arguments[1], &file]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains(&file), "{said}");
}

#[test]
fn the_configuration_listens_where_the_manifests_say() {
    let text = read("example/sallyport.yaml");
    let config: Value = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(config["listen"], format!("0.0.0.0:{GATEWAY_PORT}"));
    assert_eq!(config["admin"]["listen"], format!("0.0.0.0:{METRICS_PORT}"));
    // The legacy server is asked over loopback.
    let upstream = config["servers"][0]["upstream"].as_str().unwrap();
    assert!(upstream.starts_with("http://127.0.0.1:8080/"), "{upstream}");
    let app = container(&pod(&objects(&read("example/app.yaml")))["containers"], "notes");
    assert_eq!(app["args"], serde_json::json!(["--host", "127.0.0.1", "--port", "8080"]));
}
