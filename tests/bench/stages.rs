//! What each stage costs on its own: `cargo bench --bench stages`.
//!
//! Pure parts are measured on messages of known size (`samples.rs`), and said in bytes per second
//! too; the audit log on a real file with real syncs. Redaction has a bench of its own
//! (`redaction.rs`). How the parts add up to an exchange is measured by `end_to_end.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement may fail loudly"
)]

mod keys;
mod samples;
#[path = "stages/mod.rs"]
mod stages;

use std::time::Duration;

use criterion::Criterion;

fn main() {
    stages::memory::measure();
    stages::audit::query();
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    stages::messages::measure(&mut criterion);
    stages::callers::measure(&mut criterion);
    stages::decisions::measure(&mut criterion);
    stages::policies::measure(&mut criterion);
    stages::audit::measure(&mut criterion);
    stages::audit::verify(&mut criterion);
    criterion.final_summary();
}
