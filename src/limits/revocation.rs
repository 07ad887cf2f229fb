//! The bounds of revocation and of the state that replicas share.

use super::Limit;

limits! {
    // --- revocation ------------------------------------------------------------------
    #[doc = "Revocations in force at once."]
    REVOCATIONS_MAX: usize = 100_000, "entries", "about 1 KiB each; a whole leaked signing key is one entry (`issuer`), not one for each token";
    #[doc = "Bytes of one revoked value, reason or name of who revoked."]
    REVOCATION_TEXT_BYTES_MAX: usize = 1024, "bytes", "subjects and client ids of real issuers have 10 to 100";
    #[doc = "Bytes of the id of a revocation."]
    REVOCATION_ID_BYTES_MAX: usize = 64, "bytes", "a UUID has 36";
    #[doc = "Bytes of one line of the file."]
    REVOCATION_LINE_BYTES_MAX: usize = 16 * 1024, "bytes", "five texts at their bound, escaped";
    #[doc = "Bytes of the file."]
    REVOCATION_FILE_BYTES_MAX: usize = 64 * 1024 * 1024, "bytes", "200,000 lines; it is read whole when it changes";
    #[doc = "Interval at which the file is looked at, whatever the system notifies."]
    REVOCATION_POLL_MS: u64 = 250, "milliseconds", "notifications get lost on network file systems; a revocation takes effect within a second";
    #[doc = "Time that the last line may be unfinished before the file counts as unreadable."]
    REVOCATION_TORN_MS: u64 = 2_000, "milliseconds", "a line is written by one call; what stays unfinished was cut off";
    #[doc = "Interval at which Redis is asked for changes, whatever it publishes."]
    REVOCATION_SYNC_MS: u64 = 250, "milliseconds", "a lost notification delays a revocation by this";
    #[doc = "Time without a successful question after which Redis counts as unreadable."]
    REVOCATION_STALE_MS: u64 = 3_000, "milliseconds", "a planned failover of Redis takes one to two seconds";
    #[doc = "Interval at which all entries of Redis are compared."]
    REVOCATION_RESYNC_MS: u64 = 30_000, "milliseconds", "changes are read as they come; this finds what was changed by other hands";
    #[doc = "Entries of Redis that are read at once."]
    REVOCATION_PAGE: usize = 500, "entries", "half a megabyte, answered within SHARED_STATE_ANSWER_MS";
    #[doc = "Wait for the first reading of Redis when the gateway starts."]
    REVOCATION_START_MS: u64 = 2_000, "milliseconds", "after it the gateway serves, and refuses until Redis was read";
    #[doc = "Time that a revocation of one token, of one session, or of what was issued before a moment is kept where no end is named."]
    REVOCATION_S: u64 = 90 * 86_400, "seconds", "access tokens live minutes to a day, sessions at most SESSION_S_MAX";
    #[doc = "Longest time that a revocation with an end is kept."]
    REVOCATION_S_MAX: u64 = 3_660 * 86_400, "seconds", "ten years; without an end it stands until it is undone";
    #[doc = "Time for which Redis remembers that a revocation was undone."]
    REVOCATION_UNDONE_S: u64 = 86_400, "seconds", "a replica that was cut off for as long would revoke again";
    #[doc = "Changes by order that are remembered until the stores that hold them were looked at."]
    REVOCATION_HANDS_MAX: usize = 256, "changes", "more orders than people give between two looks; one more makes a second record, not none";
    #[doc = "Audit records about one batch of changes that a store made; more are summed up in one."]
    REVOCATION_RECORDS_MAX: usize = 256, "records", "a bulk revocation must not fill the audit queue";
    #[doc = "Bytes of a request that revokes."]
    REVOCATION_BODY_BYTES_MAX: usize = 8 * 1024, "bytes", "five short texts";
    #[doc = "Entries that the admin listener lists, newest first."]
    REVOCATIONS_LISTED_MAX: usize = 1_000, "entries", "for people; the number of all is beside them";
    #[doc = "Least length of the admin token."]
    ADMIN_TOKEN_BYTES_MIN: usize = 32, "bytes", "128 bits in hex: nothing else protects it from guessing";

    // --- shared state ------------------------------------------------------------------
    #[doc = "Time to connect to Redis, with TLS and login."]
    SHARED_STATE_CONNECT_MS: u64 = 1_000, "milliseconds", "it is near; a caller may be waiting";
    #[doc = "Time for one answer of Redis."]
    SHARED_STATE_ANSWER_MS: u64 = 500, "milliseconds", "answers take less than one; a caller may be waiting";
    #[doc = "Pause before Redis is subscribed to again after the connection was lost."]
    SHARED_STATE_RETRY_MS: u64 = 500, "milliseconds", "questions go on meanwhile";
}
