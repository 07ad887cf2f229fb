//! The bounds of remote anchors: places outside that take the checkpoints of the audit trail.

use super::Limit;

limits! {
    #[doc = "Anchors whose files are looked for beside a log, those of earlier configurations included."]
    ANCHOR_FILES_MAX: usize = 64, "anchors", "AUDIT_ANCHORS_MAX, changed once a year for eight years";
    #[doc = "Bytes of the file in which the state of an anchor is kept."]
    ANCHOR_STATE_BYTES_MAX: usize = 8 * 1024, "bytes", "a hash for each bit of the log's length is 3 KiB";
    #[doc = "Interval at which an anchor looks for a new checkpoint."]
    ANCHOR_POLL_MS: u64 = 1_000, "milliseconds", "one look at a file's end; checkpoints come every ten seconds";
    #[doc = "Time for one request to an anchor where the configuration names none, connecting included."]
    ANCHOR_TIMEOUT_MS: u64 = 10_000, "milliseconds", "a witness answers in milliseconds; no call waits for it";
    #[doc = "Time for one request to an anchor, at most."]
    ANCHOR_TIMEOUT_MS_MAX: u64 = 60_000, "milliseconds", "beyond it a dead anchor looks alive for too long";
    #[doc = "First wait after an anchor failed; doubled up to ANCHOR_BACKOFF_MAX_MS."]
    ANCHOR_BACKOFF_MIN_MS: u64 = 1_000, "milliseconds", "as often as it looks for checkpoints";
    #[doc = "Longest wait after an anchor failed."]
    ANCHOR_BACKOFF_MAX_MS: u64 = 60_000, "milliseconds", "an anchor that came back is found within a minute";
    #[doc = "Times that a witness may say at once that it knows another size than we thought."]
    ANCHOR_CONFLICTS_MAX: usize = 3, "answers", "one is usual after a lost answer; each costs a reading of the log";
    #[doc = "Bytes of an answer of an anchor."]
    ANCHOR_ANSWER_BYTES_MAX: usize = 64 * 1024, "bytes", "AUDIT_NOTE_SIGNATURES_MAX lines, or an error in XML";
    #[doc = "Bytes of what stands before the names of objects in a bucket."]
    S3_PREFIX_BYTES_MAX: usize = 512, "bytes", "S3 takes names of 1,024 bytes; ours add at most 48";
}
