//! The Helm chart says what the components say, refuses values that make no sense, and what it
//! renders is valid for Kubernetes and for the gateway. Rendering is done by Helm's own code; see
//! `helm.py`. There is no cluster.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use serde_json::{Value, json};

use super::config::{check, in_folder};
use super::lint::{VERSIONS, said, tool, validate, validate_foreign};
use super::{Dir, GATEWAY_PORT, container, objects, only, pod, read};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn chart() -> PathBuf {
    root().join("deploy/helm/sallyport")
}

fn of_chart(name: &str) -> String {
    fs::read_to_string(chart().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn schema() -> Value {
    serde_json::from_str(&of_chart("values.schema.json")).unwrap()
}

fn defaults() -> Value {
    serde_saphyr::from_str(&of_chart("values.yaml")).unwrap()
}

/// The text of all templates.
fn templates() -> String {
    let names =
        ["_helpers.tpl", "configmap.yaml", "deployment.yaml", "guards.yaml", "service.yaml"];
    let more = ["NOTES.txt", "tests/refusal.yaml"];
    names.iter().chain(&more).map(|name| of_chart(&format!("templates/{name}"))).collect()
}

/// The paths of the mappings of a schema that admit keys which they do not name.
fn open(at: &str, schema: &Value, found: &mut Vec<String>) {
    if schema["type"] == "object" && schema["additionalProperties"] != false {
        found.push(at.to_owned());
    }
    for part in ["properties", "definitions"] {
        for (name, inner) in schema[part].as_object().into_iter().flatten() {
            open(&format!("{at}/{name}"), inner, found);
        }
    }
}

#[test]
fn the_schema_is_small_and_admits_no_key_that_it_does_not_name() {
    let mut found = Vec::new();
    open("", &schema(), &mut found);
    // Helm itself puts that one there.
    assert_eq!(found, ["/global"]);
    open("", &json!({"type": "object"}), &mut found);
    assert_eq!(found.len(), 2, "the check sees an open mapping");
    assert!(of_chart("values.schema.json").lines().count() < 150);
}

#[test]
fn every_value_has_a_rule_a_default_and_a_place_in_a_template() {
    let (schema, defaults, templates) = (schema(), defaults(), templates());
    let rules = schema["properties"].as_object().unwrap();
    for (name, rule) in rules.iter().filter(|(name, _)| *name != "global") {
        let default = defaults.get(name).unwrap_or_else(|| panic!("no default: {name}"));
        assert!(templates.contains(&format!("alues.{name}")), "not used: {name}");
        for key in rule["properties"].as_object().into_iter().flatten().map(|(key, _)| key) {
            assert!(default.get(key).is_some(), "no default: {name}.{key}");
            // Resources are taken over as they are.
            assert!(name == "resources" || templates.contains(&format!(".{key}")), "{name}.{key}");
        }
    }
    for (name, value) in defaults.as_object().unwrap() {
        assert!(rules.contains_key(name), "no rule: {name}");
        for key in value.as_object().into_iter().flatten().map(|(key, _)| key) {
            assert!(rules[name]["properties"].get(key).is_some(), "no rule: {name}.{key}");
        }
    }
}

#[test]
fn the_chart_is_of_the_version_of_the_program() {
    let chart: Value = serde_saphyr::from_str(&of_chart("Chart.yaml")).unwrap();
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn no_template_mounts_a_single_file_or_restarts_the_gateway_for_a_new_configuration() {
    for line in templates().lines().filter(|line| !line.trim_start().starts_with('#')) {
        assert!(!line.contains("subPath") && !line.contains("checksum/"), "{line}");
    }
}

fn helm(arguments: &[&str]) -> Output {
    let mut command = Command::new(tool("python"));
    command.arg(root().join("tests/deploy/helm.py")).args(arguments).env("HELM_DRIVER", "memory");
    command.output().unwrap()
}

fn render(values: &Value) -> Output {
    helm(&["render", chart().to_str().unwrap(), &values.to_string()])
}

/// What the values render to: the manifest, the hooks and the notes.
fn rendered(values: &Value) -> Value {
    let output = render(values);
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn manifest(values: &Value) -> Vec<Value> {
    let text = rendered(values)["manifest"].as_str().unwrap().to_owned();
    objects(text.trim_start_matches("---\n"))
}

/// The fewest values that make a gateway, with changes at the top.
fn values(changes: Value) -> Value {
    let mut values = json!({
        "publicUrl": "https://notes.example.com/mcp",
        "server": {
            "upstream": "https://notes.internal/mcp", "issuer": "https://idp.example.com",
            "rolesClaim": "roles", "tools": ["notes.*", "files.read"],
        },
    });
    let Value::Object(changes) = changes else { panic!("not a mapping") };
    values.as_object_mut().unwrap().extend(changes);
    values
}

fn every_option() -> Value {
    values(json!({
        "autoscaling": {"enabled": true}, "sessions": {"secretName": "sallyport-sessions"},
        "podMonitor": {"enabled": true}, "image": {"pullSecrets": ["registry"]},
        "service": {"type": "LoadBalancer", "port": 8443},
    }))
}

#[test]
#[ignore = "needs helm-sdkpy"]
fn the_linter_of_helm_has_nothing_to_say_but_that_an_icon_is_missing() {
    let output = helm(&["lint", chart().to_str().unwrap()]);
    assert!(output.status.success(), "{}", said(&output));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(found["Errors"].is_null(), "{found}");
    assert_eq!(found["TotalChartsLinted"], 1);
    // One is for information, two a warning.
    let messages = found["Messages"].as_array().unwrap();
    assert!(messages.iter().all(|one| one["Severity"].as_u64() == Some(1)), "{found}");
    assert!(messages.len() <= 1, "{found}");
}

#[test]
#[ignore = "needs helm-sdkpy and kubernetes-validate"]
fn what_the_chart_renders_fits_the_strict_schemas_of_kubernetes() {
    let dir = Dir::new();
    let file = dir.0.join("rendered.yaml");
    let claim = values(json!({"audit": {"existingClaim": "trail"}}));
    for values in [values(json!({})), claim, every_option()] {
        let release = rendered(&values);
        let manifest = release["manifest"].as_str().unwrap();
        let hook = release["hooks"][0].as_str().unwrap();
        fs::write(&file, format!("{manifest}\n---\n{hook}")).unwrap();
        for version in VERSIONS {
            let output = validate(&file, version);
            let said = said(&output);
            assert!(output.status.success(), "{version}: {said}");
            let warned = said.lines().filter(|line| line.starts_with("WARN"));
            assert!(warned.into_iter().all(|line| line.contains("kind PodMonitor ")), "{said}");
            for kind in ["configmap", "service", "deployment", "poddisruptionbudget", "pod"] {
                assert!(said.contains(&format!("passed for resource {kind}/")), "{kind}: {said}");
            }
            let scaled = said.contains("passed for resource horizontalpodautoscaler/");
            assert_eq!(scaled, values.get("autoscaling").is_some(), "{said}");
        }
    }
    let output = validate_foreign(&[only(&manifest(&every_option()), "PodMonitor")]);
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
#[ignore = "needs helm-sdkpy"]
fn the_gateway_of_the_chart_is_as_confined_as_the_sidecar() {
    let sidecar = objects(&read("plain/sidecar.yaml"));
    let one = container(&pod(&sidecar)["initContainers"], "sallyport");
    let all = manifest(&values(json!({})));
    let other = container(&pod(&all)["containers"], "sallyport");
    for key in ["securityContext", "env", "args", "ports", "startupProbe", "livenessProbe"] {
        assert!(one[key].is_object() || one[key].is_array(), "{key}");
        assert_eq!(one[key], other[key], "{key}");
    }
    for key in ["securityContext", "automountServiceAccountToken"] {
        assert_eq!(pod(&sidecar)[key], pod(&all)[key], "{key}");
    }
    assert_eq!(container(&pod(&all)["volumes"], "audit")["emptyDir"]["sizeLimit"], "2Gi");
    let service = only(&all, "Service")["spec"]["ports"].clone();
    assert_eq!(service[0]["targetPort"], GATEWAY_PORT);
    let ingress = only(&all, "NetworkPolicy")["spec"]["ingress"].clone();
    assert_eq!(ingress, only(&sidecar, "NetworkPolicy")["spec"]["ingress"]);
}

#[test]
#[ignore = "needs helm-sdkpy"]
fn a_wrong_value_is_refused_and_named() {
    let wrong = [
        (json!({"replicaz": 2}), "'replicaz' not allowed"),
        (json!({"replicas": "2"}), "'/replicas': got string, want integer"),
        (json!({"tls": {"secret": "a"}}), "'/tls': additional properties 'secret'"),
        (json!({"image": {"digest": "sha256:abc"}}), "'/image/digest'"),
        (json!({"publicUrl": "http://notes.example.com/mcp"}), "'/publicUrl'"),
        (json!({"publicUrl": ""}), "publicUrl is missing"),
        (json!({"server": {}}), "server.tools is missing"),
        (json!({"server": {"tools": ["a"]}}), "server.issuer is missing"),
        (json!({"replicas": 2}), "sessions.secretName is missing"),
        (json!({"autoscaling": {"enabled": true}}), "sessions.secretName is missing"),
        (
            json!({"replicas": 2, "audit": {"existingClaim": "a"}}),
            "audit.existingClaim allows one replica",
        ),
        (
            json!({"autoscaling": {"enabled": true, "minReplicas": 9}, "sessions": {"secretName": "a"}}),
            "autoscaling.minReplicas is more than",
        ),
    ];
    for (change, wanted) in wrong {
        let output = render(&values(change.clone()));
        assert!(!output.status.success(), "{change}");
        assert!(said(&output).contains(wanted), "{change}: {}", said(&output));
    }
}

fn config(objects: &[Value]) -> String {
    only(objects, "ConfigMap")["data"]["sallyport.yaml"].as_str().unwrap().to_owned()
}

#[test]
#[ignore = "needs helm-sdkpy"]
fn the_rendered_configuration_passes_the_strict_check() {
    let names = ["POD_NAME", "POD_NAMESPACE", "NODE_NAME"].map(str::to_owned);
    for values in [values(json!({})), every_option()] {
        let dir = Dir::new();
        let text = config(&manifest(&values));
        assert_eq!(text.contains("sessions:"), values.get("sessions").is_some());
        let output = check(&dir, &in_folder(&dir, &text), &names);
        assert!(output.status.success(), "{}", said(&output));
    }
    // A whole configuration arrives as it is.
    let own = read("example/sallyport.yaml");
    let text = config(&manifest(&values(json!({"config": own}))));
    assert_eq!(text.trim_end(), own.trim_end());
}

#[test]
#[ignore = "needs helm-sdkpy"]
fn no_value_can_add_a_key_to_the_configuration() {
    let bold = "roles\"\nadmin: { listen: \"0.0.0.0:1\" } # {{ .Release.Name }}";
    let mut values = values(json!({}));
    values["server"]["rolesClaim"] = json!(bold);
    values["server"]["tools"] = json!([bold]);
    let config: Value = serde_saphyr::from_str(&config(&manifest(&values))).unwrap();
    assert_eq!(config["issuers"][0]["roles_claim"], bold);
    assert_eq!(config["servers"][0]["tools"], json!([{"match": bold}]));
    assert_eq!(config["admin"]["listen"], "0.0.0.0:9464");
}

#[test]
#[ignore = "needs helm-sdkpy and checkov"]
fn checkov_finds_nothing_in_the_rendered_manifest_but_what_the_installer_chooses() {
    let dir = Dir::new();
    let file = dir.0.join("rendered.yaml");
    fs::write(&file, rendered(&every_option())["manifest"].as_str().unwrap()).unwrap();
    let mut command = Command::new(tool("checkov"));
    command.args(["--framework", "kubernetes", "--skip-download", "--compact", "--quiet"]);
    // The namespace, the digest of the image, and with it whether there is something to pull anew.
    command.args(["--skip-check", "CKV_K8S_21,CKV_K8S_43,CKV_K8S_15", "-f"]).arg(&file);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

/// A gateway that ends with its test, and the open end of its log.
struct Gateway(Child, BufReader<ChildStderr>);

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the gateway with this configuration on ports of the system's choice; says its address.
fn run(dir: &Dir, text: &str) -> (Gateway, String) {
    let text = in_folder(dir, text).replace("0.0.0.0:9464", "127.0.0.1:0");
    let file = dir.0.join("sallyport.yaml");
    fs::write(&file, text.replace("0.0.0.0:8443", "127.0.0.1:0")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sallyport"));
    command.args(["run", "--config"]).arg(&file).stdout(Stdio::null()).stderr(Stdio::piped());
    command.envs(["POD_NAME", "POD_NAMESPACE", "NODE_NAME"].map(|name| (name, "notes")));
    let mut child = command.spawn().unwrap();
    let log = BufReader::new(child.stderr.take().unwrap());
    let mut gateway = Gateway(child, log);
    let mut line = String::new();
    while gateway.1.read_line(&mut line).unwrap() > 0 {
        let said: Value = serde_json::from_str(&line).unwrap();
        if said["message"] == "listening" {
            return (gateway, said["address"].as_str().unwrap().to_owned());
        }
        line.clear();
    }
    panic!("the gateway ended before it listened");
}

#[test]
#[ignore = "needs helm-sdkpy and curl"]
fn the_test_of_helm_passes_with_the_gateway_and_fails_without_it() {
    let release = rendered(&values(json!({})));
    let hook = objects(release["hooks"][0].as_str().unwrap());
    assert_eq!(hook[0]["metadata"]["annotations"]["helm.sh/hook"], "test");
    let curl = hook[0]["spec"]["containers"][0].clone();
    assert_eq!(curl["command"], json!(["sh", "-ec"]));
    assert_eq!(container(&curl["env"], "CONNECT_TO")["value"], "::notes-sallyport:443");
    let test = |address: &str| {
        let mut command = Command::new("sh");
        command.arg("-ec").arg(curl["args"][0].as_str().unwrap());
        command.env("PUBLIC_URL", container(&curl["env"], "PUBLIC_URL")["value"].as_str().unwrap());
        command.env("CONNECT_TO", format!("::{address}")).output().unwrap()
    };
    let dir = Dir::new();
    let objects = objects(release["manifest"].as_str().unwrap().trim_start_matches("---\n"));
    let (gateway, address) = run(&dir, &config(&objects));
    let output = test(&address);
    assert!(output.status.success() && said(&output).contains("401"), "{}", said(&output));
    drop(gateway);
    assert!(!test(&address).status.success());
    // The notes say the same call.
    let notes = release["notes"].as_str().unwrap();
    assert!(notes.contains("helm test notes") && notes.contains("curl --insecure"), "{notes}");
}
