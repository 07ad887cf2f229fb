//! What reaches which port.

use serde_json::{Value, json};

use super::{GATEWAY_PORT, LEGACY_PORT, METRICS_PORT, in_every_file, objects, only, pod, read};

#[test]
fn the_service_leads_to_the_port_of_the_gateway_and_to_no_other() {
    in_every_file(|objects| {
        let service = only(objects, "Service");
        let ports = service["spec"]["ports"].as_array().unwrap();
        assert_eq!(ports.len(), 1, "{ports:?}");
        // A number: Kubernetes before 1.32 does not find the named ports of native sidecars.
        assert_eq!(ports[0]["targetPort"], json!(GATEWAY_PORT));
        assert_eq!(ports[0]["port"], json!(443));
        assert!(service["spec"].get("externalIPs").is_none(), "{service}");
    });
}

#[test]
fn the_service_led_to_the_legacy_port_before() {
    let service = only(&objects(&read("example/app.yaml")), "Service");
    assert_eq!(service["spec"]["ports"][0]["targetPort"], json!(LEGACY_PORT));
}

#[test]
fn nothing_is_admitted_to_the_legacy_port() {
    in_every_file(|objects| {
        let policy = only(objects, "NetworkPolicy");
        assert_eq!(policy["spec"]["policyTypes"], json!(["Ingress"]));
        let mut admitted: Vec<u64> = Vec::new();
        for rule in policy["spec"]["ingress"].as_array().unwrap() {
            let ports = rule["ports"].as_array().unwrap_or_else(|| panic!("all ports: {rule}"));
            assert!(!ports.is_empty(), "an empty list admits all ports: {rule}");
            for port in ports {
                assert!(port.get("endPort").is_none(), "a range: {port}");
                admitted.push(port["port"].as_u64().unwrap());
            }
        }
        assert_eq!(admitted, [GATEWAY_PORT, METRICS_PORT]);
    });
}

#[test]
fn the_network_policy_covers_the_pods_of_the_deployment() {
    in_every_file(|objects| {
        let labels = only(objects, "Deployment")["spec"]["template"]["metadata"]["labels"].clone();
        for kind in ["NetworkPolicy", "PodDisruptionBudget"] {
            let spec = only(objects, kind)["spec"].clone();
            let selector =
                if kind == "NetworkPolicy" { &spec["podSelector"] } else { &spec["selector"] };
            let wanted = selector["matchLabels"].as_object().unwrap();
            assert!(!wanted.is_empty(), "{kind}");
            for (name, value) in wanted {
                assert_eq!(&labels[name], value, "{kind}: {name}");
            }
        }
    });
}

#[test]
fn metrics_are_admitted_from_the_namespace_of_monitoring_alone() {
    in_every_file(|objects| {
        let policy = only(objects, "NetworkPolicy");
        let rules = policy["spec"]["ingress"].as_array().unwrap();
        let of_metrics = |rule: &&Value| rule["ports"][0]["port"] == json!(METRICS_PORT);
        let rule = rules.iter().find(of_metrics).unwrap();
        let from = json!([{"namespaceSelector":
            {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]);
        assert_eq!(rule["from"], from);
    });
}

#[test]
fn no_port_is_opened_on_the_node() {
    in_every_file(|objects| {
        let pod = pod(objects);
        for key in ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"] {
            assert!(pod.get(key).is_none(), "{key}");
        }
        assert!(!pod.to_string().contains("hostPort"));
    });
}
