//! The bounds of traces: what carries spans to a collector.

use super::Limit;

limits! {
    // --- telemetry ----------------------------------------------------------------------
    #[doc = "Traced exchanges that wait for the collector; what comes beyond is dropped and counted."]
    TRACE_QUEUE_MAX: usize = 2_048, "exchanges", "OpenTelemetry's default of `OTEL_BSP_MAX_QUEUE_SIZE`; about 2 MiB";
    #[doc = "Exchanges of one request to the collector."]
    TRACE_BATCH_MAX: usize = 512, "exchanges", "OpenTelemetry's default of `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`";
    #[doc = "Wait for more before a batch leaves that is not full."]
    TRACE_LINGER_MS: u64 = 1_000, "milliseconds", "OpenTelemetry waits 5 s; people who look for a trace wait less gladly";
    #[doc = "Tries to send one batch; after the last it is given up and counted."]
    TRACE_TRIES_MAX: u32 = 4, "tries", "waits of 0.5, 1 and 2 s between them: a restart of a collector, and no more memory for it";
    #[doc = "Time for one request where the configuration names none."]
    TRACE_TIMEOUT_MS: u64 = 10_000, "milliseconds", "OpenTelemetry's default of `OTEL_EXPORTER_OTLP_TIMEOUT`";
    #[doc = "Time for one request, at most."]
    TRACE_TIMEOUT_MS_MAX: u64 = 60_000, "milliseconds", "beyond it a dead collector looks alive for too long";
    #[doc = "Time to send what is left when the gateway stops."]
    TRACE_DRAIN_MS: u64 = 3_000, "milliseconds", "orchestrators kill after 30 s, and spans are no records";
    #[doc = "Metric series of one gateway above which `check` warns."]
    METRIC_SERIES_WARN: usize = 50_000, "series", "Prometheus holds 3 KiB or so for each active series: 150 MiB, for each replica";
    #[doc = "Bytes of one text in a span."]
    TRACE_TEXT_BYTES_MAX: usize = 128, "bytes", "names of tools and prompts have up to 64 characters";
}
