//! The bounds of `sallyport doctor`.

use super::Limit;

limits! {
    // --- doctor -------------------------------------------------------------------------
    #[doc = "Time for one connection that `doctor` makes to see whether somebody is there."]
    DOCTOR_CONNECT_MS: u64 = 5_000, "milliseconds", "two lost packets of TCP's own handshake, 1 and 2 s, and a TLS handshake";
    #[doc = "Time for one answer of a server or an issuer to `doctor`, where the configuration names no shorter one."]
    DOCTOR_ANSWER_MS: u64 = 5_000, "milliseconds", "three questions, one behind the other, stay below DOCTOR_CHECK_MS";
    #[doc = "Time for one connection to another address of this machine."]
    DOCTOR_LOCAL_CONNECT_MS: u64 = 1_000, "milliseconds", "a connection that never leaves the machine; silence means that a filter drops it";
    #[doc = "Addresses of this machine that are tried for one server."]
    DOCTOR_ADDRESSES_MAX: usize = 32, "addresses", "hosts of containers have one for each bridge";
    #[doc = "Time for all that `doctor` asks of one issuer, server, store or receiver."]
    DOCTOR_CHECK_MS: u64 = 20_000, "milliseconds", "several requests, each with its own bound, one behind the other";
    #[doc = "Time for a whole run of `doctor`."]
    DOCTOR_RUN_MS: u64 = 60_000, "milliseconds", "longer than anybody watches a prompt";
    #[doc = "Issuers, servers, stores and receivers that are asked at once."]
    DOCTOR_AT_ONCE_MAX: usize = 16, "questions", "so that a hundred servers take seconds, and no connection table is filled";
    #[doc = "Difference of two clocks above which `doctor` warns."]
    DOCTOR_SKEW_S: u64 = 5, "seconds", "NTP keeps clocks within milliseconds; `Date` has whole seconds";
    #[doc = "Time before the end of a certificate at which `doctor` warns."]
    DOCTOR_EXPIRY_S: u64 = 14 * 86_400, "seconds", "ACME renews at 30 days: half of that means that renewal failed";
    #[doc = "Free space beside the audit trail below which `doctor` warns."]
    DOCTOR_FREE_BYTES: u64 = 1024 * 1024 * 1024, "bytes", "about a million records of 1 KiB";
    #[doc = "Free space below which it fails."]
    DOCTOR_FREE_BYTES_MIN: u64 = 64 * 1024 * 1024, "bytes", "one segment of the trail: without it the gateway soon refuses every call";
    #[doc = "Round trip to Redis above which `doctor` warns."]
    DOCTOR_REDIS_MS: u64 = 50, "milliseconds", "each proof of possession costs one; within a site it is below 2 ms";
}
