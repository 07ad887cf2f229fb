//! The bounds of sinks: what carries audit records to other systems.

use super::Limit;

limits! {
    // --- sinks -------------------------------------------------------------------------
    #[doc = "Sinks of one gateway."]
    SINKS_MAX: usize = 16, "sinks", "each holds a batch and a connection; real sites have one to three";
    #[doc = "Records that one batch holds where the configuration names no number."]
    SINK_BATCH_RECORDS: usize = 500, "records", "a few hundred KiB: large enough that one round trip a batch ships thousands a second";
    #[doc = "Records of one batch, at most."]
    SINK_BATCH_RECORDS_MAX: usize = 10_000, "records", "bulk interfaces advise against more";
    #[doc = "Bytes that one batch holds where the configuration names no number; one record always fits."]
    SINK_BATCH_BYTES: usize = 1024 * 1024, "bytes", "the least that the supported receivers accept (Splunk HEC: 1 MB)";
    #[doc = "Bytes of one batch, at most."]
    SINK_BATCH_BYTES_MAX: usize = 16 * 1024 * 1024, "bytes", "held twice while it is sent; the bulk interface of Elasticsearch does best at 5 to 15 MB";
    #[doc = "Wait for more records before a batch leaves that is not full."]
    SINK_LINGER_MS: u64 = 200, "milliseconds", "five requests a second while little happens, and an alert that is a fifth of a second late";
    #[doc = "A sink that waits for records looks for itself after this, and for an order to send again."]
    SINK_POLL_MS: u64 = 1_000, "milliseconds", "it is woken when a record is durable; this finds what woke nobody";
    #[doc = "Interval at which the gateway tells the sinks how far the log is durable."]
    SINK_TICK_MS: u64 = 50, "milliseconds", "one look at a counter; shorter than SINK_LINGER_MS";
    #[doc = "Time for one request where the configuration names none, connecting included."]
    SINK_TIMEOUT_MS: u64 = 30_000, "milliseconds", "receivers that index a megabyte take a second; no call waits for it";
    #[doc = "Time for one request, at most."]
    SINK_TIMEOUT_MS_MAX: u64 = 300_000, "milliseconds", "beyond it a dead receiver looks alive for too long";
    #[doc = "Time to connect, before TLS."]
    SINK_CONNECT_MS: u64 = 5_000, "milliseconds", "two lost SYN packets";
    #[doc = "First wait after a failure; doubled up to SINK_BACKOFF_MAX_MS, of which half to all is waited, by chance."]
    SINK_BACKOFF_MIN_MS: u64 = 500, "milliseconds", "a restart of a receiver's process takes about that";
    #[doc = "Longest wait after a failure that names none."]
    SINK_BACKOFF_MAX_MS: u64 = 60_000, "milliseconds", "a receiver that came back is found within a minute";
    #[doc = "Longest wait that a `Retry-After` is honoured for."]
    SINK_RETRY_AFTER_MS_MAX: u64 = 300_000, "milliseconds", "what asks for more is asked again all the same, so that a wrong date stops nothing";
    #[doc = "Bytes of an answer of a receiver."]
    SINK_ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024, "bytes", "SINK_BATCH_RECORDS_MAX items of a bulk answer with 300 to 800 bytes each";
    #[doc = "Bytes of the reason that is kept for a rejected record."]
    SINK_REASON_BYTES_MAX: usize = 512, "bytes", "for a person; what receivers say first";
    #[doc = "Time that sinks have to ship what is left when the gateway stops."]
    SINK_DRAIN_MS: u64 = 5_000, "milliseconds", "orchestrators kill after 30 s; what is left goes out after the next start";
    #[doc = "Bytes of a cursor's file."]
    SINK_CURSOR_BYTES_MAX: usize = 4 * 1024, "bytes", "it has about 120";
    #[doc = "Files of a log that are looked through for a record."]
    SINK_LOG_FILES_MAX: usize = 100_000, "files", "more than the log itself begins";
    #[doc = "Time that Splunk has to acknowledge a batch before it is sent again."]
    SINK_ACK_MS: u64 = 120_000, "milliseconds", "indexers acknowledge within seconds to a minute; Splunk forgets after ten minutes";
    #[doc = "Interval at which Splunk is asked for acknowledgements."]
    SINK_ACK_POLL_MS: u64 = 1_000, "milliseconds", "Splunk advises against asking more often than about that";
    #[doc = "Time that a syslog receiver has to close after it was sent everything."]
    SINK_CLOSE_MS: u64 = 10_000, "milliseconds", "it reads at most one batch meanwhile";
    #[doc = "Wait for more records before a batch leaves for a bucket, where the configuration says nothing else."]
    SINK_LINGER_S3_MS: u64 = 60_000, "milliseconds", "an object a minute: each costs a request and a place in a listing";
    #[doc = "Longest such wait, of any kind of sink."]
    SINK_LINGER_MS_MAX: u64 = 3_600_000, "milliseconds", "beyond an hour a copy is none for an alarm";
}
