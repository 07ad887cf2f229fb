//! The audit trail: its directory, its disk, its key, its end, its writer.
//!
//! Everything is opened for reading, and the lock is not touched: who holds it is read from the
//! system's list of locks.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Access, access, statvfs};

use super::{Check, Finding, Task, Ward};
use crate::audit::{Glance, LOCK_FILE, SigningKeyState, glance, signing_key_state};
use crate::config::Audit;
use crate::limits::{DOCTOR_FREE_BYTES, DOCTOR_FREE_BYTES_MIN};

pub(super) fn tasks(ward: &Arc<Ward>) -> Vec<Task> {
    let own = Arc::clone(ward);
    let about = format!("`{}`", ward.config.audit.dir.display());
    vec![Task::blocking(Check::AuditDirectory, &about.clone(), move || {
        look(&own.config.audit, &about)
    })]
}

fn look(audit: &Audit, about: &str) -> Vec<Finding> {
    let dir = audit.dir.as_path();
    let directory = directory(dir, about);
    let mut found = vec![directory, space(dir, about)];
    if dir.is_dir() {
        found.push(key(audit, about));
        found.push(tail(dir, about));
        found.push(writer(dir, about));
    }
    found
}

fn directory(dir: &Path, about: &str) -> Finding {
    let check = Check::AuditDirectory;
    let found = match fs::metadata(dir) {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return missing(dir, about);
        }
        Err(error) => {
            let advice = "run this as the gateway's user, and give it the right to enter";
            return Finding::failed(check, about, error.to_string(), advice);
        }
    };
    if !found.is_dir() {
        let advice = "name a directory in `audit.dir`";
        return Finding::failed(check, about, "it is no directory", advice);
    }
    let (mode, owner) = (found.mode() & 0o777, found.uid());
    let user = rustix::process::geteuid().as_raw();
    let advice = format!("chmod 700 {}", dir.display());
    if mode & 0o022 != 0 {
        let message = format!("others may write in it (mode {mode:o})");
        Finding::failed(check, about, message, advice)
    } else if owner != user {
        let message = format!("it belongs to user {owner}, this is user {user}");
        let advice = format!(
            "run this as the gateway's user; if this is it, chown {user} {}",
            dir.display()
        );
        Finding::warning(check, about, message, advice)
    } else if mode & 0o077 != 0 {
        let message = format!("others may look into it (mode {mode:o})");
        Finding::warning(check, about, message, advice)
    } else if access(dir, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let advice = "mount it for writing";
        Finding::failed(check, about, "it cannot be written to", advice)
    } else {
        Finding::passed(check, about, format!("its owner's alone (mode {mode:o})"))
    }
}

fn missing(dir: &Path, about: &str) -> Finding {
    let check = Check::AuditDirectory;
    let there = dir.ancestors().skip(1).find(|above| shown(above).exists());
    let there = shown(there.unwrap_or(Path::new(".")));
    if access(there, Access::WRITE_OK | Access::EXEC_OK).is_ok() {
        Finding::passed(check, about, "not there yet: the gateway makes it when it starts")
    } else {
        let message = format!("it is not there, and `{}` cannot be written to", there.display());
        let advice = "make it, owned by the gateway's user, with mode 700";
        Finding::failed(check, about, message, advice)
    }
}

/// A relative path's last ancestor is the empty one.
fn shown(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

fn space(dir: &Path, about: &str) -> Finding {
    let check = Check::AuditSpace;
    let there = dir.ancestors().find(|above| shown(above).exists());
    let disk = match statvfs(shown(there.unwrap_or(Path::new(".")))) {
        Ok(disk) => disk,
        Err(error) => {
            let message = format!("the disk does not say: {error}");
            return Finding::skipped(check, about, message);
        }
    };
    room(disk.f_bavail.saturating_mul(disk.f_frsize), about)
}

fn room(free: u64, about: &str) -> Finding {
    let check = Check::AuditSpace;
    let message = format!("{} MiB are free", free / (1024 * 1024));
    let advice = "make room, or let records go by `audit.retention`: without room the gateway \
                  refuses every call";
    if free < DOCTOR_FREE_BYTES_MIN {
        Finding::failed(check, about, message, advice)
    } else if free < DOCTOR_FREE_BYTES {
        Finding::warning(check, about, message, advice)
    } else {
        Finding::passed(check, about, message)
    }
}

fn key(audit: &Audit, about: &str) -> Finding {
    let check = Check::AuditKey;
    match signing_key_state(&audit.dir, audit.signing_key.as_deref()) {
        Ok(SigningKeyState::Good) => {
            Finding::passed(check, about, "it can be read, and it is the trail's")
        }
        Ok(SigningKeyState::NotYet) => {
            Finding::passed(check, about, "not there yet: the gateway makes it when it starts")
        }
        Ok(SigningKeyState::Missing) => {
            let advice = "give it back, or hand over to a new one with `sallyport audit rotate`";
            Finding::failed(check, about, "the key that signs the trail is not there", advice)
        }
        Ok(SigningKeyState::Other) => {
            let advice = "give the old key back, or hand over with `sallyport audit rotate`";
            Finding::failed(check, about, "another key signed the trail", advice)
        }
        Err(why) => {
            let advice = "give it to the gateway's user alone: chown, chmod 600";
            Finding::failed(check, about, why.to_string(), advice)
        }
    }
}

fn tail(dir: &Path, about: &str) -> Finding {
    let check = Check::AuditTail;
    let advice = "`sallyport audit verify` reads all of it and says more; keep the directory as \
                  evidence";
    match glance(dir) {
        Ok(None) => Finding::skipped(check, about, "there is no trail yet"),
        Ok(Some(Glance { last, looked_at, torn_bytes, signed, faults })) => {
            if !faults.is_empty() {
                return Finding::failed(check, about, faults.join("; "), advice);
            }
            let signed = signed.map_or("no checkpoint yet".to_owned(), |size| {
                format!("signed up to record {size}")
            });
            let torn = if torn_bytes == 0 { "" } else { ", one more is being written" };
            let message = format!("the last {looked_at} of {last} record(s) hold, {signed}{torn}");
            Finding::passed(check, about, message)
        }
        Err(error) => Finding::failed(check, about, error.to_string(), advice),
    }
}

/// Who writes: anybody may, one at a time.
fn writer(dir: &Path, about: &str) -> Finding {
    let check = Check::AuditWriter;
    let Ok(lock) = fs::metadata(dir.join(LOCK_FILE)) else {
        return Finding::passed(check, about, "nobody writes");
    };
    let Ok(locks) = fs::read_to_string(LOCKS) else {
        return Finding::skipped(check, about, "this system does not list its locks");
    };
    match holder(&locks, lock.ino()) {
        Some(pid) => Finding::passed(check, about, format!("process {pid} writes")),
        None => Finding::passed(check, about, "nobody writes"),
    }
}

/// `1: FLOCK  ADVISORY  WRITE 4711 08:01:131075 0 EOF` (proc_locks(5)).
fn holder(locks: &str, inode: u64) -> Option<&str> {
    let inode = format!(":{inode}");
    locks.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1).filter(|word| *word != "->");
        let kind = words.next()?;
        let (pid, file) = (words.nth(2)?, words.next()?);
        (kind == "FLOCK" && file.ends_with(&inode)).then_some(pid)
    })
}

const LOCKS: &str = "/proc/locks";

#[cfg(test)]
mod tests {
    use super::{holder, room};
    use crate::doctor::Outcome;
    use crate::limits::{DOCTOR_FREE_BYTES, DOCTOR_FREE_BYTES_MIN};

    #[test]
    fn disk_is_warned_about_below_doctor_free_bytes_and_fails_below_doctor_free_bytes_min() {
        assert_eq!(room(DOCTOR_FREE_BYTES, "").outcome, Outcome::Passed);
        assert_eq!(room(DOCTOR_FREE_BYTES - 1, "").outcome, Outcome::Warning);
        assert_eq!(room(DOCTOR_FREE_BYTES_MIN, "").outcome, Outcome::Warning);
        assert_eq!(room(DOCTOR_FREE_BYTES_MIN - 1, "").outcome, Outcome::Failed);
    }

    #[test]
    fn holder_of_a_lock_is_found_by_the_inode_of_its_file() {
        let locks = "1: POSIX  ADVISORY  WRITE 1 00:19:7 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 4711 08:01:131075 0 EOF\n";
        assert_eq!(holder(locks, 131_075), Some("4711"));
        assert_eq!(holder(locks, 75), None);
        assert_eq!(holder(locks, 7), None);
    }
}
