//! The standard `process_*` metrics, read from `/proc` when scraped.
//!
//! Written here because the collector of crate `prometheus` brings an old `procfs` along for
//! forty lines' worth of reading. On systems without `/proc` the figures stay away.

use std::fmt::Write;
use std::fs;

/// Appends the figures in Prometheus' text format.
pub(super) fn write(out: &mut String) {
    if let Some(stat) = Stat::read() {
        metric(out, "process_cpu_seconds_total", "counter", stat.cpu_s);
        metric(out, "process_resident_memory_bytes", "gauge", stat.resident_bytes);
        metric(out, "process_virtual_memory_bytes", "gauge", stat.virtual_bytes);
        metric(out, "process_threads", "gauge", stat.threads);
    }
    if let Ok(entries) = fs::read_dir("/proc/self/fd") {
        // Fewer than 2^52 files are open: the conversion is exact.
        #[expect(clippy::cast_precision_loss, reason = "a count of open files is small")]
        let open = entries.count() as f64;
        metric(out, "process_open_fds", "gauge", open);
    }
    if let Some(limit) = open_files_limit() {
        metric(out, "process_max_fds", "gauge", limit);
    }
}

/// How many figures there are at most.
pub(super) fn series() -> usize {
    let mut text = String::new();
    write(&mut text);
    text.lines().filter(|line| !line.starts_with('#')).count()
}

struct Stat {
    cpu_s: f64,
    resident_bytes: f64,
    virtual_bytes: f64,
    threads: f64,
}

impl Stat {
    /// Fields 14, 15, 20, 23 and 24 of proc(5) `stat`, after the parenthesised command name.
    fn read() -> Option<Self> {
        let text = fs::read_to_string("/proc/self/stat").ok()?;
        let fields: Vec<f64> = text
            .rsplit(')')
            .next()?
            .split_ascii_whitespace()
            .map(|f| f.parse().unwrap_or(0.0))
            .collect();
        Some(Self {
            cpu_s: (fields.get(11)? + fields.get(12)?) / CLOCK_TICKS_PER_S,
            threads: *fields.get(17)?,
            virtual_bytes: *fields.get(20)?,
            resident_bytes: fields.get(21)? * PAGE_BYTES,
        })
    }
}

fn open_files_limit() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/limits").ok()?;
    let line = text.lines().find(|l| l.starts_with("Max open files"))?;
    line.split_ascii_whitespace().nth(3)?.parse().ok()
}

fn metric(out: &mut String, name: &str, kind: &str, value: f64) {
    // Writing to a `String` cannot fail.
    let _ = write!(out, "# TYPE {name} {kind}\n{name} {value}\n");
}

/// `USER_HZ` is 100 on every Linux that Rust supports.
const CLOCK_TICKS_PER_S: f64 = 100.0;
/// Page size of the supported targets.
const PAGE_BYTES: f64 = 4096.0;

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_os = "linux")]
    fn process_figures_are_plausible() {
        let mut out = String::new();
        super::write(&mut out);
        let rss = out
            .lines()
            .find_map(|l| l.strip_prefix("process_resident_memory_bytes "))
            .and_then(|v| v.parse::<f64>().ok())
            .unwrap();
        assert!(rss > 500_000.0, "{rss}");
    }
}
