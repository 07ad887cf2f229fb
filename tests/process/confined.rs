//! A gateway that confined itself: all that its configuration names works on, and nothing else.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::{ConfigMap, Process, get, post, sallyport, upstream};

/// A configuration with a listener that has a certificate and one that has none, a trail whose
/// segments are short, and a sink in a folder of its own.
fn yaml(dir: &Path, upstream: &str, more: &str) -> String {
    let dir = dir.display();
    format!(
        "listen:\n  - {{ name: plain, bind: '127.0.0.1:0', tls: off }}\n  \
         - {{ name: secure, bind: '127.0.0.1:0', tls: {{ cert: '{dir}/certs/c.pem', key: '{dir}/certs/c.key' }} }}\n\
         admin: {{ listen: 127.0.0.1:0 }}\nlimits: {{ per_address: off }}\n\
         servers:\n  - name: notes\n    public_url: http://127.0.0.1/mcp\n    {upstream}\n    \
         auth: none\n    scopes: {{ tools.invoke: [] }}\n    limits: {{ per_principal: off }}\n    \
         tools: [ {{ match: 'a' }} ]\n\
         audit:\n  dir: '{dir}/audit'\n  segment: {{ size: 64KiB }}\n  \
         sinks:\n    - {{ name: copy, file: '{dir}/copies/records.jsonl' }}\n{more}"
    )
}

struct Place {
    map: ConfigMap,
    dir: PathBuf,
    upstream: String,
}

impl Place {
    /// Files in a folder, a server behind, and a configuration of both.
    fn new(name: &str) -> Self {
        let (address, seen) = upstream();
        // Nobody asks what it saw.
        std::thread::spawn(move || seen.iter().count());
        let mut map = ConfigMap::new(name, "");
        let dir = map.dir.clone();
        for folder in ["certs", "copies"] {
            fs::create_dir(dir.join(folder)).unwrap();
        }
        certificate(&dir.join("certs"), 2030);
        // By a name, so that names are resolved under confinement.
        let upstream = format!("upstream: http://localhost:{}/mcp", address.port());
        map.swap(&yaml(&dir, &upstream, ""));
        Self { map, dir, upstream }
    }

    fn swap(&mut self, more: &str) {
        self.map.swap(&yaml(&self.dir, &self.upstream, more));
    }
}

/// A new certificate and key, renamed over the old ones as tools for certificates do.
fn certificate(dir: &Path, last_year: i32) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(last_year, 1, 1);
    let cert = params.self_signed(&key).unwrap().pem();
    for (name, text) in [("c.key", key.serialize_pem()), ("c.pem", cert)] {
        let fresh = dir.join("fresh");
        let mut file = fs::File::create(&fresh).unwrap();
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(fs::Permissions::from_mode(0o600)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        fs::rename(&fresh, dir.join(name)).unwrap();
    }
}

/// What the kernel says of every thread of a process.
fn threads(pid: u32, field: &str) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let status = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("status")).unwrap());
    let value = |text: String| {
        let line = text.lines().find_map(|line| line.strip_prefix(field).map(str::trim_start));
        line.unwrap().to_owned()
    };
    status.map(value).collect()
}

/// What the gateway enforces of its confinement, by its own log.
fn enforced(gateway: &mut Process) -> serde_json::Value {
    serde_json::from_str(&gateway.wait_for("\"confined")).unwrap()
}

/// Past the capture of tests: a check that was left out is seen.
fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

fn has_landlock(gateway: &mut Process) -> bool {
    let found = enforced(gateway)["files"] == true;
    if !found {
        skipped("this kernel has no Landlock");
    }
    found
}

fn message(number: usize) -> String {
    let name = format!("call-{number}-{}", "x".repeat(900));
    serde_json::json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call",
        "params": {"name": "a", "arguments": {"name": name}}})
    .to_string()
}

#[test]
fn confined_gateway_serves_reloads_records_and_copies_as_before() {
    let mut place = Place::new("confined");
    let mut gateway = Process::start(&place.map.file());
    let said = enforced(&mut gateway);
    let listener = gateway.listener();
    let admin = gateway.admin();
    for n in 0..100 {
        let status = post(listener, &message(n)).unwrap();
        assert!(status.contains(" 200 "), "{status}");
    }
    let end = |metrics: String| -> String {
        let of = |line: &&str| line.starts_with("sallyport_tls_certificate_not_after");
        metrics.lines().find(of).unwrap().rsplit(' ').next().unwrap().to_owned()
    };
    let before = end(get(admin, "/metrics"));
    certificate(&place.dir.join("certs"), 2031);
    gateway.wait_for("reloaded");
    // Two files were renamed: the second may have been seen by itself.
    place.swap("log: { filter: info }\n");
    gateway.wait_for("reloaded");
    let metrics = get(admin, "/metrics");
    for part in ["files", "bind", "signals", "syscalls"] {
        let value = u8::from(said[part] == true);
        let row = format!("sallyport_confined{{part=\"{part}\"}} {value}");
        assert!(metrics.contains(&row), "{row}");
    }
    assert!(metrics.contains("process_open_fds"), "figures of the process");
    assert_ne!(end(metrics), before);
    assert!(post(listener, &message(100)).unwrap().contains(" 200 "));
    gateway.signal("-TERM");
    gateway.wait_for("stopped");
    assert!(gateway.child.wait().unwrap().success());
    let trail = place.dir.join("audit");
    let segments = fs::read_dir(&trail).unwrap();
    let segments = segments.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().ends_with(".jsonl")
    });
    assert!(segments.count() > 1, "no segment ended");
    let (code, text) = sallyport(&["audit", "verify", trail.to_str().unwrap()]);
    assert_eq!(code, 0, "{text}");
    let copies = fs::read_to_string(place.dir.join("copies/records.jsonl")).unwrap();
    assert!(copies.contains("call-0-") && copies.contains("call-100-"));
}

#[test]
fn every_thread_of_a_confined_gateway_has_the_filter_and_no_way_to_more_rights() {
    let place = Place::new("threads");
    let mut gateway = Process::start(&place.map.file());
    if enforced(&mut gateway)["syscalls"] != true {
        return skipped("this kernel has no seccomp");
    }
    assert!(post(gateway.listener(), &message(0)).unwrap().contains(" 200 "));
    let pid = gateway.child.id();
    let (filters, rights) = (threads(pid, "Seccomp:"), threads(pid, "NoNewPrivs:"));
    assert!(filters.len() > 1 && filters.iter().all(|mode| mode == "2"), "{filters:?}");
    assert!(rights.iter().all(|flag| flag == "1"), "{rights:?}");
}

#[test]
fn file_outside_refuses_the_reload_and_the_log_says_why() {
    let mut place = Place::new("outside");
    let mut gateway = Process::start(&place.map.file());
    if !has_landlock(&mut gateway) {
        return;
    }
    let admin = gateway.admin();
    let other = ConfigMap::new("outside-other", "");
    let set = other.dir.join("keys.json");
    fs::write(&set, r#"{"keys":[]}"#).unwrap();
    place.swap(&format!(
        "issuers: [ {{ issuer: 'https://idp.example.com', keys: {{ file: '{}' }} }} ]\n",
        set.display()
    ));
    let line = gateway.wait_for("outside of the folders");
    assert!(line.contains("keys.json") && line.contains("restart it, or move the file"), "{line}");
    gateway.wait_for("reload refused");
    assert!(get(admin, "/metrics").contains("sallyport_config_generation 1"));
}

#[test]
fn writing_elsewhere_and_starting_programs_refuse_the_reload_by_name() {
    let mut place = Place::new("beyond");
    let mut gateway = Process::start(&place.map.file());
    if !has_landlock(&mut gateway) {
        return;
    }
    let admin = gateway.admin();
    let other = ConfigMap::new("beyond-other", "");
    place.swap(&format!(
        "    - {{ name: other, file: '{}' }}\n",
        other.dir.join("records.jsonl").display()
    ));
    let line = gateway.wait_for("reload refused");
    assert!(line.contains("only a restart can change `audit.sinks (other)`"), "{line}");
    place.upstream = "upstream: { command: [/bin/cat] }".to_owned();
    place.swap("");
    let line = gateway.wait_for("reload refused");
    assert!(line.contains("`servers (notes) upstream.command`"), "{line}");
    assert!(get(admin, "/metrics").contains("sallyport_config_restart_needed 1"));
}

#[test]
fn link_that_leads_out_of_a_folder_is_not_written_through() {
    let place = Place::new("link");
    let mut gateway = Process::start(&place.map.file());
    if !has_landlock(&mut gateway) {
        return;
    }
    let listener = gateway.listener();
    let other = ConfigMap::new("link-other", "");
    fs::rename(place.dir.join("copies"), place.dir.join("moved")).unwrap();
    std::os::unix::fs::symlink(&other.dir, place.dir.join("copies")).unwrap();
    assert!(post(listener, &message(0)).unwrap().contains(" 200 "));
    let line = gateway.wait_for("copy");
    assert!(line.contains("denied"), "{line}");
    assert!(!other.dir.join("records.jsonl").exists());
}

#[test]
fn switch_and_servers_that_are_processes_leave_the_gateway_as_it_was() {
    let own = threads(std::process::id(), "Seccomp:").swap_remove(0);
    let mut place = Place::new("unconfined");
    place.swap("confinement: off\n");
    let mut gateway = Process::start(&place.map.file());
    gateway.wait_for("not confined: the configuration says");
    gateway.listener();
    assert!(threads(gateway.child.id(), "Seccomp:").iter().all(|mode| *mode == own));
    drop(gateway);

    place.upstream = "upstream: { command: [/bin/cat] }".to_owned();
    place.swap("");
    let mut gateway = Process::start(&place.map.file());
    let line = gateway.wait_for("not confined: this server is a process");
    assert!(line.contains("\"server\":\"notes\""), "{line}");
    let admin = gateway.admin();
    assert!(threads(gateway.child.id(), "Seccomp:").iter().all(|mode| *mode == own));
    assert!(get(admin, "/metrics").contains("sallyport_confined{part=\"files\"} 0"));
}
