//! What a configuration needs of the file system and of the ports.
//!
//! Guarantees: folders, not files, since files are replaced by renaming and by links, and a rule of
//! the kernel holds for the file that was there; all paths without links in them.

use std::collections::BTreeSet;
use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use crate::config::{Anchor, Config, KeySource, SinkTarget, Transport};

/// What a process needs.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Folders and files to read.
    pub(super) reads: BTreeSet<PathBuf>,
    /// Folders in which files come, change and go, and devices to write to.
    pub(super) writes: BTreeSet<PathBuf>,
    /// TCP ports to listen on; 0 is one that the system chooses.
    pub(super) ports: BTreeSet<u16>,
}

impl Plan {
    /// Everything that a gateway with this configuration needs. Makes the folders that it would make
    /// itself later: only what is there can be named to the kernel.
    pub(super) fn of(config: &Config) -> Self {
        let own = [Some(&config.audit.dir), config.audit.subjects.as_ref().map(|s| &s.keys)];
        for folder in own.into_iter().flatten() {
            // What cannot be made is told by those that need it.
            let _ = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        }
        let admin = config.admin.iter().map(|admin| admin.bind);
        let listeners = config.listeners.iter().map(|listener| listener.bind);
        Self {
            reads: read(config).iter().flat_map(|file| folders(file)).chain(system()).collect(),
            writes: written(config)
                .into_iter()
                .filter_map(|(_, p)| p.canonicalize().ok())
                .collect(),
            ports: listeners.chain(admin).map(|address| address.port()).collect(),
        }
    }
}

/// The servers that are processes of the gateway's.
pub(super) fn started(config: &Config) -> impl Iterator<Item = &str> {
    let started = config.servers.iter().filter(|server| match server.upstream.transport {
        Transport::Stdio(_) => true,
        Transport::Streamable(_) | Transport::HttpSse(_) => false,
    });
    started.map(|server| &*server.name)
}

/// Where a gateway with this configuration writes, each with the key that says so.
pub(super) fn written(config: &Config) -> Vec<(String, PathBuf)> {
    let audit = &config.audit;
    let mut all = vec![("audit.dir".to_owned(), audit.dir.clone())];
    if let Some(subjects) = &audit.subjects {
        all.push(("audit.subjects".to_owned(), subjects.keys.clone()));
    }
    for anchor in &audit.anchors {
        if let Anchor::File(file) = anchor {
            all.push(("audit.anchors".to_owned(), place(file)));
        }
    }
    for sink in &audit.sinks {
        if let SinkTarget::File(file) = &sink.target {
            all.push((format!("audit.sinks ({})", sink.name), place(file)));
        }
    }
    if let Some(file) = &config.revocation.file {
        all.push(("revocation.file".to_owned(), place(file)));
    }
    for server in &config.servers {
        if let Some(pins) = &server.tool_pins {
            all.push((format!("servers ({}) tool_pins", server.name), place(&pins.seen_file())));
        }
    }
    all
}

/// The files that a gateway with this configuration reads, now and at a reload.
fn read(config: &Config) -> Vec<PathBuf> {
    let mut files = config.files.clone();
    let audit = &config.audit;
    files.extend(audit.signing_key.iter().chain(&audit.legal_holds).cloned());
    files.extend(audit.subjects.iter().map(|subjects| subjects.master_key.clone()));
    for issuer in &config.issuers {
        files.extend(issuer.development_key.clone());
        match &issuer.keys {
            KeySource::File(file) => files.push(file.clone()),
            KeySource::Discover | KeySource::Url(_) | KeySource::None => {}
        }
    }
    // What is written is read as well.
    files.extend(written(config).into_iter().map(|(_, folder)| folder.join("any")));
    files
}

/// What is to be named for a file that is written: its folder, or the file where it is a device.
fn place(file: &Path) -> PathBuf {
    match std::fs::metadata(file) {
        Ok(facts) if !facts.is_file() => file.to_owned(),
        Ok(_) | Err(_) => folder(&file.canonicalize().unwrap_or_else(|_| file.to_owned())),
    }
}

/// The folders by which a file is found: where its name stands, and where its links lead.
pub(super) fn folders(file: &Path) -> impl Iterator<Item = PathBuf> {
    let named = folder(file).canonicalize().ok();
    let led = file.canonicalize().ok().map(|file| folder(&file));
    named.into_iter().chain(led)
}

fn folder(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}

/// Whether a path stands in one of these places.
pub(super) fn within(places: &[PathBuf], path: &Path) -> bool {
    path.canonicalize().is_ok_and(|path| places.iter().any(|place| path.starts_with(place)))
}

/// What name resolution, certificate stores, time zones and the process's own figures need.
fn system() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
    let stores = ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().filter_map(std::env::var_os);
    paths.extend(
        stores.flat_map(|path| folders(&PathBuf::from(path).join(".")).collect::<Vec<_>>()),
    );
    for bundle in BUNDLES {
        paths.extend(folders(Path::new(bundle)).filter(|folder| folder != Path::new("/")));
    }
    paths.extend(resolution(Path::new("/etc")));
    paths.iter().filter_map(|path| path.canonicalize().ok()).collect()
}

/// What must be read to resolve names.
///
/// In a container these files are mounts of their own and stay the same files. Elsewhere they are
/// replaced, by DHCP clients and by editors, and only their folder can be named.
fn resolution(etc: &Path) -> Vec<PathBuf> {
    let device = |path: &Path| std::fs::symlink_metadata(path).map(|facts| facts.dev()).ok();
    let own = device(etc);
    let files = RESOLUTION.iter().map(|name| etc.join(name)).filter(|file| file.exists());
    let mut paths = Vec::new();
    for file in files {
        let elsewhere = file.canonicalize().is_ok_and(|led| !led.starts_with(etc));
        if elsewhere {
            paths.extend(folders(&file).filter(|folder| !folder.ends_with(etc)));
        } else if device(&file) == own {
            return vec![etc.to_owned()];
        } else {
            paths.push(file);
        }
    }
    paths
}

const RESOLUTION: [&str; 5] = ["resolv.conf", "hosts", "nsswitch.conf", "host.conf", "gai.conf"];

/// Read by libraries below us; what is not there is left out.
const SYSTEM: &[&str] = &[
    // Shared objects of name resolution, which glibc loads at the first name.
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/etc/ld.so.cache",
    // The system's certificate authorities.
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    // Time zones of policies.
    "/usr/share/zoneinfo",
    "/etc/localtime",
    // Figures of the process, the host's name, processors. What other processes show there to
    // everybody stays readable; their memory and environment do not.
    "/proc",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
    "/dev/null",
    "/dev/urandom",
    "/dev/random",
];

/// Links to the system's certificate authorities on distributions that keep them elsewhere.
const BUNDLES: [&str; 2] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::{Path, PathBuf};

    use super::{folders, place, resolution, within};
    use crate::config::testing::Folder;

    #[test]
    fn file_is_found_by_the_folder_of_its_name_and_the_one_its_links_lead_to() {
        let folder = Folder::new();
        let root = folder.path().canonicalize().unwrap();
        for dir in ["live", "archive"] {
            fs::create_dir(root.join(dir)).unwrap();
        }
        fs::write(root.join("archive/cert1.pem"), "x").unwrap();
        symlink("../archive/cert1.pem", root.join("live/cert.pem")).unwrap();
        let found: Vec<PathBuf> = folders(&root.join("live/cert.pem")).collect();
        assert_eq!(found, [root.join("live"), root.join("archive")]);
        // One that is not there yet has a folder all the same.
        let found: Vec<PathBuf> = folders(&root.join("live/late.pem")).collect();
        assert_eq!(found, [root.join("live")]);
    }

    #[test]
    fn written_file_is_named_by_its_folder_and_a_device_by_itself() {
        let folder = Folder::new();
        let root = folder.path().canonicalize().unwrap();
        assert_eq!(place(&root.join("records.jsonl")), root);
        assert_eq!(place(Path::new("/dev/null")), Path::new("/dev/null"));
        assert_eq!(place(Path::new("records.jsonl")), Path::new("."));
    }

    #[test]
    fn path_is_within_a_place_by_whole_names() {
        let folder = Folder::new();
        let root = folder.path().canonicalize().unwrap();
        for dir in ["a", "ab", "a/b"] {
            fs::create_dir(root.join(dir)).unwrap();
        }
        let places = [root.join("a")];
        assert!(within(&places, &root.join("a/b")));
        assert!(!within(&places, &root.join("ab")));
        assert!(!within(&places, &root.join("a/../ab")));
        assert!(!within(&places, &root.join("gone")));
    }

    #[test]
    fn names_are_resolved_by_the_folder_where_files_of_its_own_are_replaced() {
        let folder = Folder::new();
        let root = folder.path().canonicalize().unwrap();
        let (etc, run) = (root.join("etc"), root.join("run"));
        fs::create_dir(&etc).unwrap();
        fs::create_dir(&run).unwrap();
        assert!(resolution(&etc).is_empty());
        fs::write(run.join("stub.conf"), "x").unwrap();
        symlink("../run/stub.conf", etc.join("resolv.conf")).unwrap();
        assert_eq!(resolution(&etc), [run]);
        fs::write(etc.join("hosts"), "x").unwrap();
        assert_eq!(resolution(&etc), [etc]);
    }
}
