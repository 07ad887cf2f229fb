//! The system calls that a gateway never makes answer with `EPERM` from now on.
//!
//! A list of what is forbidden rather than of what is allowed: libraries below us start to use new
//! calls with their versions, and a call that fails in production is worse than one that is open.
//! What is forbidden starts programs, looks into or changes other processes, changes who this one
//! is, or reaches parts of the kernel that are old in exploits.
//!
//! Calls that are allowed whatever their arguments cost nothing: the kernel works their answer out
//! when the filter is installed (Linux 5.11, `CONFIG_SECCOMP_CACHE_DEBUG`'s bitmap).

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) use native::filter;

/// The numbers of other processors were not looked up.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) fn filter() -> bool {
    false
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod native {
    use std::collections::BTreeMap;

    use seccompiler::{
        BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp,
        SeccompCondition, SeccompFilter, SeccompRule, apply_filter_all_threads, sock_filter,
    };

    type Rules = BTreeMap<i64, Vec<SeccompRule>>;

    /// Installs the filter in all threads. Says whether it is there.
    pub(in super::super) fn filter() -> bool {
        match install(apply_filter_all_threads) {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, "system calls are not confined: the kernel refused");
                false
            }
        }
    }

    fn install(apply: fn(&[sock_filter]) -> Result<(), Error>) -> Result<(), Error> {
        let forbidden = program(forbidden()?, libc::EPERM)?;
        // Its flags stand in memory, where a filter cannot look. The C library takes `clone` where
        // it is told that there is no `clone3`.
        let unknown = program(whole(&[libc::SYS_clone3]), libc::ENOSYS)?;
        apply(&forbidden)?;
        apply(&unknown)
    }

    fn program(rules: Rules, answer: libc::c_int) -> Result<BpfProgram, Error> {
        let answer = SeccompAction::Errno(answer.unsigned_abs());
        let arch = std::env::consts::ARCH.try_into()?;
        Ok(SeccompFilter::new(rules, SeccompAction::Allow, answer, arch)?.try_into()?)
    }

    fn forbidden() -> Result<Rules, BackendError> {
        let mut rules = whole(EVERYWHERE);
        rules.append(&mut whole(OLD));
        rules.insert(libc::SYS_clone, processes_and_namespaces()?);
        rules.insert(libc::SYS_socket, vec![other_families()?]);
        // The same calls by their numbers of x32, and those that only x32 has (512 to 547). A kernel
        // without x32 knows none of them.
        if cfg!(target_arch = "x86_64") {
            let same: Vec<i64> = rules.keys().copied().chain(512..548).collect();
            rules.append(&mut whole(&same.iter().map(|call| call | X32).collect::<Vec<_>>()));
        }
        Ok(rules)
    }

    /// Forbidden whatever the arguments.
    fn whole(calls: &[i64]) -> Rules {
        calls.iter().map(|call| (*call, Vec::new())).collect()
    }

    /// Threads of this process may be started, nothing else.
    fn processes_and_namespaces() -> Result<Vec<SeccompRule>, BackendError> {
        let rule = |mask: libc::c_int, value: libc::c_int| {
            let (mask, value) = (u64::from(mask.unsigned_abs()), u64::from(value.unsigned_abs()));
            let wide = SeccompCmpArgLen::Qword;
            let flags = SeccompCondition::new(0, wide, SeccompCmpOp::MaskedEq(mask), value)?;
            SeccompRule::new(vec![flags])
        };
        let mut rules = vec![rule(libc::CLONE_THREAD, 0)?];
        for namespace in NAMESPACES {
            rules.push(rule(*namespace, *namespace)?);
        }
        Ok(rules)
    }

    /// Sockets of other families than those that name resolution, clients and servers use.
    fn other_families() -> Result<SeccompRule, BackendError> {
        let unlike = |family: &libc::c_int| {
            let family = u64::from(family.unsigned_abs());
            SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family)
        };
        SeccompRule::new(FAMILIES.iter().map(unlike).collect::<Result<_, _>>()?)
    }

    const X32: i64 = 0x4000_0000;

    const FAMILIES: &[libc::c_int] =
        &[libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

    const NAMESPACES: &[libc::c_int] = &[
        libc::CLONE_NEWCGROUP,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWNS,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWUTS,
    ];

    const EVERYWHERE: &[i64] = &[
        // Programs.
        libc::SYS_execve,
        libc::SYS_execveat,
        // Other processes.
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_pidfd_getfd,
        libc::SYS_kcmp,
        libc::SYS_move_pages,
        libc::SYS_migrate_pages,
        // Who this process is, and in which world.
        libc::SYS_setuid,
        libc::SYS_setgid,
        libc::SYS_setreuid,
        libc::SYS_setregid,
        libc::SYS_setresuid,
        libc::SYS_setresgid,
        libc::SYS_setgroups,
        libc::SYS_setfsuid,
        libc::SYS_setfsgid,
        libc::SYS_capset,
        libc::SYS_personality,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_chroot,
        // File systems, and what Landlock does not look at.
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_move_mount,
        libc::SYS_open_tree,
        libc::SYS_fsopen,
        libc::SYS_fsconfig,
        libc::SYS_fsmount,
        libc::SYS_fspick,
        libc::SYS_mount_setattr,
        libc::SYS_open_by_handle_at,
        libc::SYS_name_to_handle_at,
        libc::SYS_mknodat,
        libc::SYS_fchmod,
        libc::SYS_fchmodat,
        libc::SYS_fchown,
        libc::SYS_fchownat,
        libc::SYS_setxattr,
        libc::SYS_lsetxattr,
        libc::SYS_fsetxattr,
        libc::SYS_removexattr,
        libc::SYS_lremovexattr,
        libc::SYS_fremovexattr,
        libc::SYS_fanotify_init,
        libc::SYS_quotactl,
        libc::SYS_acct,
        libc::SYS_swapon,
        libc::SYS_swapoff,
        // The machine.
        libc::SYS_reboot,
        libc::SYS_kexec_load,
        libc::SYS_kexec_file_load,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_delete_module,
        libc::SYS_sethostname,
        libc::SYS_setdomainname,
        libc::SYS_settimeofday,
        libc::SYS_clock_settime,
        libc::SYS_clock_adjtime,
        libc::SYS_adjtimex,
        libc::SYS_syslog,
        libc::SYS_vhangup,
        // Much used in exploits, never here. A ring would pass by this very filter.
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_keyctl,
        libc::SYS_io_uring_setup,
        libc::SYS_io_uring_enter,
        libc::SYS_io_uring_register,
        libc::SYS_lookup_dcookie,
        libc::SYS_nfsservctl,
    ];

    /// Older forms, which newer processors never had.
    #[cfg(target_arch = "x86_64")]
    const OLD: &[i64] = &[
        libc::SYS_fork,
        libc::SYS_vfork,
        libc::SYS_mknod,
        libc::SYS_chmod,
        libc::SYS_chown,
        libc::SYS_lchown,
        libc::SYS_uselib,
        libc::SYS_iopl,
        libc::SYS_ioperm,
        libc::SYS_modify_ldt,
    ];
    #[cfg(not(target_arch = "x86_64"))]
    const OLD: &[i64] = &[];

    #[cfg(test)]
    mod tests {
        use std::io::ErrorKind;
        use std::os::unix::fs::PermissionsExt as _;
        use std::process::Command;
        use std::thread;

        use super::{X32, forbidden, install, program};
        use crate::config::testing::Folder;

        #[test]
        fn thread_under_the_filter_starts_threads_and_nothing_else() {
            let folder = Folder::new();
            let file = folder.write("f", "x");
            // Of this one thread, not of the tests beside it.
            let confined = thread::spawn(move || {
                if let Err(error) = install(seccompiler::apply_filter) {
                    eprintln!("SKIPPED: no seccomp here: {error}");
                    return;
                }
                assert_eq!(thread::spawn(|| 7).join().unwrap(), 7);
                std::net::TcpListener::bind("127.0.0.1:0").unwrap();
                let denied = ErrorKind::PermissionDenied;
                assert_eq!(Command::new("true").spawn().unwrap_err().kind(), denied);
                let packets =
                    socket2::Socket::new(socket2::Domain::VSOCK, socket2::Type::STREAM, None);
                assert_eq!(packets.unwrap_err().kind(), denied);
                let mode = std::fs::Permissions::from_mode(0o644);
                assert_eq!(std::fs::set_permissions(&file, mode).unwrap_err().kind(), denied);
            });
            confined.join().unwrap();
            assert!(Command::new("true").status().unwrap().success(), "this thread is free");
        }

        #[test]
        fn filter_compiles_and_leaves_out_what_every_process_needs() {
            let rules = forbidden().unwrap();
            for needed in [libc::SYS_read, libc::SYS_openat, libc::SYS_mmap, libc::SYS_connect] {
                assert!(!rules.contains_key(&needed), "{needed}");
            }
            // Forbidden in part only.
            assert!(!rules[&libc::SYS_clone].is_empty() && !rules[&libc::SYS_socket].is_empty());
            assert!(rules[&libc::SYS_execve].is_empty());
            assert_eq!(rules.contains_key(&(libc::SYS_execve | X32)), cfg!(target_arch = "x86_64"));
            // More would not fit into the kernel (BPF_MAXINSNS).
            assert!(program(rules, libc::EPERM).unwrap().len() < 4096);
        }
    }
}
