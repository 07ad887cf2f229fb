//! The bounds of the audit trail: its queue, records, segments, checkpoints and anchors.

use super::Limit;

limits! {
    #[doc = "Records waiting for the audit writer."]
    AUDIT_QUEUE_RECORDS_MAX: usize = 8192, "records", "twice the exchanges in flight";
    #[doc = "Bytes waiting for the audit writer."]
    AUDIT_QUEUE_BYTES_MAX: usize = 32 * 1024 * 1024, "bytes", "4 KiB a record";
    #[doc = "Time that an exchange waits for its record to be durable."]
    AUDIT_WAIT_MS: u64 = 5_000, "milliseconds", "a disk that takes longer is down for our purpose";
    #[doc = "Bytes of the redacted parameters in one record; the rest is cut and says so."]
    AUDIT_PARAMS_BYTES_MAX: usize = 4 * 1024, "bytes", "records stay readable and the log bounded";
    #[doc = "Bytes of any other text that a caller chose, in a record or log line."]
    AUDIT_TEXT_BYTES_MAX: usize = 256, "bytes", "names are bounded by NAME_BYTES_MAX";
    #[doc = "A commit that takes longer makes the log unhealthy while it lasts."]
    AUDIT_STALL_MS: u64 = 5_000, "milliseconds", "as long as an exchange waits for its record.";
    #[doc = "Calls under way at one time that a verification follows."]
    AUDIT_VERIFY_OPEN_INTENTS_MAX: usize = 100_000, "calls", "several times what one gateway can hold open.";
    #[doc = "Bytes of one line with its newline, at most. A longer record is refused on the way in and reported by `verify`."]
    AUDIT_LINE_BYTES_MAX: usize = 1024 * 1024, "bytes", "our own choice; the body limit of a request is of the same order and a record holds less than a request.";
    #[doc = "Findings that one verification lists; the rest is counted."]
    AUDIT_VERIFY_FINDINGS_MAX: usize = 1_000, "findings", "our own choice; a person reads the first ten.";
    #[doc = "First wait before a failing log is tried again, doubled up to [`AUDIT_BACKOFF_MAX_MS`]."]
    AUDIT_BACKOFF_MIN_MS: u64 = 100, "milliseconds", "a full disk is looked at again that soon";
    #[doc = "Longest wait between two tries of a failing log."]
    AUDIT_BACKOFF_MAX_MS: u64 = 2_000, "milliseconds", "our own choice; room on a disk is found within it.";
    #[doc = "How much of a log is read at a time when it is opened: room for the longest line several times over."]
    AUDIT_TAIL_BYTES: u64 = 4 * AUDIT_LINE_BYTES_MAX as u64, "bytes", "four of the longest lines";
    #[doc = "MAC keys that a verification passes over at once."]
    AUDIT_MAC_SKIP_MAX: u64 = 10_000_000, "keys", "some seconds; a log that lost more at once is not checked on";
    #[doc = "Bytes of a log's origin, which names its key too."]
    AUDIT_NAME_BYTES_MAX: usize = 255, "bytes", "C2SP tlog-cosignature takes origins of up to 255 bytes";
    #[doc = "Signatures of one note: the log's and those of witnesses."]
    AUDIT_NOTE_SIGNATURES_MAX: usize = 32, "signatures", "witness policies ask for a handful";
    #[doc = "Bytes of one note."]
    AUDIT_NOTE_BYTES_MAX: usize = 16 * 1024, "bytes", "ours have 250; each cosignature adds 150";
    #[doc = "Records between two checkpoints, where the configuration says nothing else."]
    AUDIT_CHECKPOINT_RECORDS: u64 = 10_000, "records", "a third of a second at full load: three syncs in it cost a hundredth";
    #[doc = "Most records between two checkpoints."]
    AUDIT_CHECKPOINT_RECORDS_MAX: u64 = 1_000_000, "records", "a start after a crash reads them again: some seconds";
    #[doc = "Time from a record to the checkpoint that covers it, where the configuration says nothing else."]
    AUDIT_CHECKPOINT_MS: u64 = 10_000, "milliseconds", "what a thief of the disk could rewrite unseen by an anchor";
    #[doc = "Longest such time."]
    AUDIT_CHECKPOINT_MS_MAX: u64 = 3_600_000, "milliseconds", "beyond an hour nothing is anchored";
    #[doc = "Bytes after which a segment ends, where the configuration says nothing else."]
    AUDIT_SEGMENT_BYTES: usize = 64 * 1024 * 1024, "bytes", "100,000 records; copied in a second";
    #[doc = "Fewest bytes after which a segment may be told to end."]
    AUDIT_SEGMENT_BYTES_MIN: usize = 64 * 1024, "bytes", "below, a busy log would make a file a second";
    #[doc = "Most bytes after which a segment may be told to end."]
    AUDIT_SEGMENT_BYTES_MAX: usize = 1 << 40, "bytes", "file systems hold larger files";
    #[doc = "Age at which a segment ends, where the configuration says nothing else."]
    AUDIT_SEGMENT_MS: u64 = 86_400_000, "milliseconds", "retention rules count days";
    #[doc = "Greatest age of a segment that may be configured."]
    AUDIT_SEGMENT_MS_MAX: u64 = 366 * 86_400_000, "milliseconds", "retention deletes whole segments";
    #[doc = "Segments of one log."]
    AUDIT_SEGMENTS_MAX: usize = 1_000_000, "files", "a directory listing that still fits in memory";
    #[doc = "Checkpoints that wait for the anchors; beyond, older ones are left out, which newer ones cover."]
    AUDIT_ANCHOR_QUEUE_MAX: usize = 64, "checkpoints", "ten minutes at the default interval";
    #[doc = "Places outside to which checkpoints are published."]
    AUDIT_ANCHORS_MAX: usize = 8, "places", "two in different failure domains are enough";
    #[doc = "Time that the last checkpoints have to reach the anchors when the gateway stops."]
    AUDIT_ANCHOR_CLOSE_MS: u64 = 5_000, "milliseconds", "an anchor that takes longer is down for our purpose";
}
