//! Landlock: which files may be opened, which ports bound, whom signals reach.
//!
//! Guarantees: as much of the plan as this kernel can enforce, and the truth about how much that is.

use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, LandlockStatus,
    NetPort, PathBeneath, PathFd, RestrictionStatus, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetError, Scope,
};

use super::plan::Plan;

/// What the kernel enforces.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Landlocked {
    pub(super) files: bool,
    pub(super) bind: bool,
    pub(super) signals: bool,
}

/// Confines this thread and those that it starts.
pub(super) fn landlock(plan: &Plan) -> Landlocked {
    let status = match restrict(plan) {
        Ok(status) => status.landlock,
        Err(error) => {
            tracing::error!(%error, "files and ports are not confined: the kernel refused");
            return Landlocked::default();
        }
    };
    match status {
        LandlockStatus::Available { effective_abi, .. } => Landlocked {
            files: effective_abi >= ABI::V1,
            bind: effective_abi >= ABI::V4,
            signals: effective_abi >= ABI::V6,
        },
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => Landlocked::default(),
    }
}

fn restrict(plan: &Plan) -> Result<RestrictionStatus, RulesetError> {
    let Plan { reads, writes, ports } = plan;
    // A kernel that knows less enforces less. One that knows more is asked for nothing that was not
    // tried here: this is the newest version of which that is so.
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?
        // Not `ConnectTcp`: a reload, or an issuer's own metadata, may name any port.
        .handle_access(AccessNet::BindTcp)?
        // Not abstract sockets: the service manager may listen to one.
        .scope(Scope::Signal)?
        .create()?;
    for (paths, access) in [(reads, read()), (writes, write())] {
        for path in paths {
            if let Some(rule) = beneath(path, access) {
                rules = rules.add_rule(rule)?;
            }
        }
    }
    if let Some(rule) = beneath(Path::new("/dev/null"), AccessFs::WriteFile.into()) {
        rules = rules.add_rule(rule)?;
    }
    for port in ports {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::BindTcp))?;
    }
    rules.restrict_self()
}

/// `None` where the path went away meanwhile.
fn beneath(path: &Path, access: BitFlags<AccessFs>) -> Option<PathBeneath<PathFd>> {
    let of_files = AccessFs::from_file(KNOWN);
    let access = if path.is_dir() { access } else { access & of_files };
    Some(PathBeneath::new(PathFd::new(path).ok()?, access))
}

fn read() -> BitFlags<AccessFs> {
    AccessFs::ReadFile | AccessFs::ReadDir
}

/// Files and folders come, change, move and go. No devices, sockets, pipes or links.
fn write() -> BitFlags<AccessFs> {
    read()
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        | AccessFs::Refer
}

/// Linux 6.12: files, devices, ports, signals.
const KNOWN: ABI = ABI::V6;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};
    use std::thread;

    use super::landlock;
    use crate::config::testing::Folder;
    use crate::confine::plan::Plan;

    #[test]
    fn thread_reads_writes_and_binds_only_what_its_plan_names() {
        let folder = Folder::new();
        let root = folder.path().canonicalize().unwrap();
        for dir in ["read", "written", "else"] {
            fs::create_dir(root.join(dir)).unwrap();
            fs::write(root.join(dir).join("f"), "x").unwrap();
        }
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = free.local_addr().unwrap();
        let plan = Plan {
            reads: [root.join("read")].into(),
            writes: [root.join("written")].into(),
            ports: [0].into(),
        };
        // Of this one thread, not of the tests beside it.
        let confined = thread::spawn(move || {
            let enforced = landlock(&plan);
            if !enforced.files {
                eprintln!("SKIPPED: this kernel has no Landlock");
                return;
            }
            let denied = ErrorKind::PermissionDenied;
            fs::read(root.join("read/f")).unwrap();
            assert_eq!(fs::write(root.join("read/f"), "y").unwrap_err().kind(), denied);
            assert_eq!(fs::write(root.join("read/new"), "y").unwrap_err().kind(), denied);
            fs::write(root.join("written/new"), "y").unwrap();
            fs::rename(root.join("written/new"), root.join("written/f")).unwrap();
            assert_eq!(fs::read(root.join("else/f")).unwrap_err().kind(), denied);
            assert_eq!(fs::read_dir(root.join("else")).unwrap_err().kind(), denied);
            assert_eq!(fs::write(root.join("else/new"), "y").unwrap_err().kind(), denied);
            assert!(thread::spawn(move || fs::read(root.join("else/f"))).join().unwrap().is_err());
            TcpStream::connect(there).unwrap();
            TcpListener::bind("127.0.0.1:0").unwrap();
            if enforced.bind {
                // In use or not: it is not asked.
                assert_eq!(TcpListener::bind(there).unwrap_err().kind(), denied);
            } else {
                eprintln!("SKIPPED: the Landlock of this kernel knows no ports");
            }
        });
        confined.join().unwrap();
    }
}
