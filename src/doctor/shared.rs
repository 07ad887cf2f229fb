//! The Redis that replicas share.

use std::sync::Arc;
use std::time::Duration;

use super::{Check, Finding, Task, Ward};
use crate::config::Redis;
use crate::limits::DOCTOR_REDIS_MS;
use crate::shared_state::{Look, SharedState, SharedStateError, Uses};

pub(super) fn tasks(ward: &Arc<Ward>) -> Vec<Task> {
    let Some(redis) = ward.config.redis.clone() else { return Vec::new() };
    let host = redis.url.host_str().unwrap_or_default();
    let port = redis.url.port().unwrap_or(6379);
    let about = format!("redis {host}:{port}");
    let task_about = about.clone();
    let config = &ward.config;
    let uses = Uses { revocations: config.revocation.redis, rates: config.shared_limits.is_some() };
    let task = async move { look(&redis, uses, &task_about).await };
    vec![Task::new(Check::RedisConnect, &about, task)]
}

async fn look(redis: &Redis, uses: Uses, about: &str) -> Vec<Finding> {
    let looked = match SharedState::new(redis) {
        Ok(shared) => shared.look(uses).await,
        Err(why) => Err(why),
    };
    match looked {
        Ok(looked) => told(&looked, redis, about),
        Err(why) => {
            vec![Finding::failed(Check::RedisConnect, about, why.to_string(), advice(&why))]
        }
    }
}

fn advice(why: &SharedStateError) -> &'static str {
    match why {
        SharedStateError::Settings(_) => "check `redis.url`, `redis.ca` and the login",
        SharedStateError::Unreachable(kind) if kind.contains("Auth") || kind == "WRONGPASS" => {
            "check `redis.username` and `redis.password` against the ACL of Redis"
        }
        SharedStateError::Unreachable(kind) if kind == "NOAUTH" => {
            "Redis asks for a login: name `redis.username` and `redis.password`"
        }
        SharedStateError::Unreachable(_) | SharedStateError::Late => {
            "start Redis, or correct `redis.url`; `rediss://` where it speaks TLS, with its \
             authority in `redis.ca`"
        }
    }
}

fn told(looked: &Look, redis: &Redis, about: &str) -> Vec<Finding> {
    let Look { latency, denied, eviction } = looked;
    let tls = if redis.url.scheme() == "rediss" { ", over TLS" } else { "" };
    let mut found = vec![Finding::passed(Check::RedisConnect, about, format!("it answers{tls}"))];
    let check = Check::RedisCommands;
    found.push(match denied {
        None => {
            Finding::skipped(check, about, "this Redis cannot say what a login may do (before 7)")
        }
        Some(denied) if denied.is_empty() => {
            Finding::passed(check, about, "every command that the gateway needs is allowed")
        }
        Some(denied) => {
            let names = denied.join(", ");
            let allow: Vec<String> =
                denied.iter().map(|name| format!("+{}", name.to_ascii_lowercase())).collect();
            let advice = format!(
                "ACL SETUSER <user> {} ~sallyport:* &sallyport:*, and save it",
                allow.join(" ")
            );
            Finding::failed(check, about, format!("this login may not use {names}"), advice)
        }
    });
    found.push(speed(*latency, about));
    let check = Check::RedisEviction;
    found.push(match eviction.as_deref() {
        None => Finding::skipped(check, about, "this login may not ask (INFO)"),
        Some("noeviction") => Finding::passed(check, about, "noeviction"),
        Some(policy) => {
            let message = format!("`{policy}` may throw revocations away when memory is full");
            let advice = "CONFIG SET maxmemory-policy noeviction, and in its configuration file";
            Finding::warning(check, about, message, advice)
        }
    });
    found
}

fn speed(latency: Duration, about: &str) -> Finding {
    let check = Check::RedisLatency;
    if latency > Duration::from_millis(DOCTOR_REDIS_MS) {
        let advice = "put Redis nearer, or find out what keeps it busy (SLOWLOG)";
        let message = format!("a round trip took {} ms", latency.as_millis());
        return Finding::warning(check, about, message, advice);
    }
    Finding::passed(check, about, format!("a round trip took {} us", latency.as_micros()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::speed;
    use crate::doctor::Outcome;
    use crate::limits::DOCTOR_REDIS_MS;

    #[test]
    fn round_trip_is_warned_about_above_doctor_redis_ms() {
        let at = |ms| speed(Duration::from_millis(ms), "").outcome;
        assert_eq!(at(DOCTOR_REDIS_MS), Outcome::Passed);
        assert_eq!(at(DOCTOR_REDIS_MS + 1), Outcome::Warning);
    }
}
