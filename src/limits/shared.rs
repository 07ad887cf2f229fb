//! The bounds of rates that replicas share.

use super::Limit;

limits! {
    // --- shared rates ------------------------------------------------------------------
    #[doc = "Wait of a call for one answer of the Redis of shared rates; it asks for at most four rates, one after the other."]
    SHARED_LIMIT_WAIT_MS: u64 = 100, "milliseconds", "answers take less than one; a caller is waiting";
    #[doc = "Interval at which a replica tells Redis that it lives, and learns that Redis does."]
    SHARED_HEARTBEAT_MS: u64 = 500, "milliseconds", "as long a Redis that came back goes unnoticed; two tiny scripts a second";
    #[doc = "Time without a heartbeat after which a replica is not counted."]
    SHARED_REPLICA_MS: u64 = 5_000, "milliseconds", "ten heartbeats: a short stall must not make the parts of the others larger";
    #[doc = "Replicas that are counted, and largest `limits.shared.replicas`."]
    SHARED_REPLICAS_MAX: u32 = 1024, "replicas", "parts of usual rates are below one call an hour by then";
    #[doc = "Calls that a replica takes out of a caller's shared rate at once, at most: what the rate gives in a second, and a sixteenth of its burst, if these are less."]
    SHARED_SLICE_MAX: u32 = 64, "calls", "at 10,000 calls a second of one caller, Redis is asked every 6 ms";
    #[doc = "Time for which what Redis said of a caller is believed; calls that were taken out are then forfeit."]
    SHARED_LEASE_MS: u64 = 10_000, "milliseconds", "ten times what a slice holds at most, so that a replica forfeits at most a tenth of a rate";
    #[doc = "Callers of one shared rate of whom a replica remembers what Redis said; for further ones it asks each time."]
    SHARED_LEASES_MAX: usize = 100_000, "callers", "as LIMITER_KEYS_MAX, about 60 bytes each";
    #[doc = "What `Retry-After` says where a rate is unknown and `on_store_loss` says `deny`."]
    SHARED_LOST_RETRY_S: u64 = 2, "seconds", "Redis is asked twice a second";
}
