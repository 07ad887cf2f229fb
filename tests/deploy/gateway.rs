//! The two containers of the pod: the gateway is confined, the legacy server is left as it was.

use serde_json::{Value, json};

use super::{GATEWAY_PORT, METRICS_PORT, container, in_every_file, objects, only, pod, read};

fn gateway(objects: &[Value]) -> Value {
    container(&pod(objects)["initContainers"], "sallyport")
}

#[test]
fn the_legacy_container_is_changed_by_nothing_but_the_sleep_before_its_end() {
    let before = container(&pod(&objects(&read("example/app.yaml")))["containers"], "notes");
    in_every_file(|objects| {
        let mut after = container(&pod(objects)["containers"], "notes");
        let added = after.as_object_mut().unwrap().remove("lifecycle").unwrap();
        let seconds = added["preStop"]["sleep"]["seconds"].as_u64().unwrap();
        assert_eq!(added, json!({"preStop": {"sleep": {"seconds": seconds}}}));
        assert!(seconds > 0);
        assert_eq!(after, before);
    });
}

#[test]
fn the_legacy_server_sleeps_for_less_than_the_pod_has_to_end() {
    in_every_file(|objects| {
        let pod = pod(objects);
        let sleep = &pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"];
        let grace = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
        // The gateway drains in what is left: half of the time at least.
        assert!(sleep.as_u64().unwrap() * 2 <= grace, "{sleep} {grace}");
    });
}

#[test]
fn the_gateway_is_a_native_sidecar() {
    in_every_file(|objects| {
        assert_eq!(gateway(objects)["restartPolicy"], "Always");
        assert_eq!(pod(objects)["containers"].as_array().unwrap().len(), 1);
    });
}

#[test]
fn the_gateway_runs_as_65532_read_only_without_capabilities_under_seccomp() {
    in_every_file(|objects| {
        let wanted = json!({
            "runAsUser": 65532, "runAsGroup": 65532, "runAsNonRoot": true,
            "readOnlyRootFilesystem": true, "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        });
        let found = gateway(objects)["securityContext"].clone();
        let sorted = |value: &Value| {
            value
                .as_object()
                .unwrap()
                .clone()
                .into_iter()
                .collect::<std::collections::BTreeMap<_, _>>()
        };
        assert_eq!(sorted(&found), sorted(&wanted));
    });
}

#[test]
fn the_pod_has_no_service_account_token_and_admits_no_root() {
    in_every_file(|objects| {
        let pod = pod(objects);
        assert_eq!(pod["automountServiceAccountToken"], false);
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    });
}

#[test]
fn the_gateway_has_probes_of_start_life_and_readiness_on_its_metrics_port() {
    in_every_file(|objects| {
        let gateway = gateway(objects);
        let probes = [
            ("startupProbe", "/healthz"),
            ("livenessProbe", "/healthz"),
            ("readinessProbe", "/readyz"),
        ];
        for (probe, path) in probes {
            assert_eq!(gateway[probe]["httpGet"]["path"], path, "{probe}");
            assert_eq!(gateway[probe]["httpGet"]["port"], "gw-metrics", "{probe}");
        }
        let ports = gateway["ports"].as_array().unwrap();
        let numbers: Vec<_> = ports.iter().map(|port| port["containerPort"].as_u64()).collect();
        assert_eq!(numbers, [Some(GATEWAY_PORT), Some(METRICS_PORT)]);
        assert_eq!(ports[1]["name"], "gw-metrics");
    });
}

#[test]
fn the_gateway_asks_for_memory_and_processor_and_is_bounded_in_both() {
    in_every_file(|objects| {
        for of in ["requests", "limits"] {
            for what in ["cpu", "memory"] {
                let value = gateway(objects)["resources"][of][what].clone();
                assert!(value.as_str().is_some_and(|text| !text.is_empty()), "{of} {what}");
            }
        }
    });
}

#[test]
fn the_gateway_writes_to_the_audit_folder_alone_and_that_is_bounded() {
    in_every_file(|objects| {
        let gateway = gateway(objects);
        let mounts = gateway["volumeMounts"].as_array().unwrap();
        let writable: Vec<_> = mounts.iter().filter(|mount| mount["readOnly"] != true).collect();
        assert_eq!(writable.len(), 1);
        assert_eq!(writable[0]["mountPath"], "/var/lib/sallyport");
        // A file that is mounted alone does not follow a change.
        assert!(mounts.iter().all(|mount| mount.get("subPath").is_none()));
        let volumes = pod(objects)["volumes"].clone();
        assert_eq!(container(&volumes, "sallyport-audit")["emptyDir"]["sizeLimit"], "2Gi");
    });
}

#[test]
fn a_key_from_the_csi_driver_stands_in_no_secret() {
    let objects = objects(&read("plain/cert-manager-csi.yaml"));
    let volume = container(&pod(&objects)["volumes"], "sallyport-tls");
    assert_eq!(volume["csi"]["driver"], "csi.cert-manager.io");
    assert!(volume.get("secret").is_none(), "{volume}");
    assert!(objects.iter().all(|object| object["kind"] != "Certificate"));
}

#[test]
fn a_certificate_of_cert_manager_fills_the_secret_that_is_mounted() {
    let objects = objects(&read("plain/cert-manager.yaml"));
    let certificate = only(&objects, "Certificate");
    let volume = container(&pod(&objects)["volumes"], "sallyport-tls");
    assert_eq!(certificate["spec"]["secretName"], volume["secret"]["secretName"]);
    assert_eq!(certificate["spec"]["privateKey"]["rotationPolicy"], "Always");
}

#[test]
fn the_pod_monitor_scrapes_the_metrics_of_the_pods() {
    let objects = objects(&read("plain/cert-manager.yaml"));
    let spec = only(&objects, "PodMonitor")["spec"].clone();
    assert_eq!(spec["podMetricsEndpoints"][0]["port"], "gw-metrics");
    let labels = only(&objects, "Deployment")["spec"]["template"]["metadata"]["labels"].clone();
    for (name, value) in spec["selector"]["matchLabels"].as_object().unwrap() {
        assert_eq!(&labels[name], value);
    }
}
