//! What the tests of sinks share.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory that goes away with its test.
pub struct Dir(PathBuf);

impl Dir {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("sallyport-sinks-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).unwrap();
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The line of a record, without its end.
pub fn line(seq: u64) -> String {
    format!(
        "{{\"v\":1,\"seq\":{seq},\"prev\":\"{}\",\"timestamp\":\"2026-11-23T07:00:00.000001Z\",\
         \"kind\":\"call\",\"phase\":\"completion\",\"request_id\":\"r{seq}\"}}",
        "0".repeat(64)
    )
}
