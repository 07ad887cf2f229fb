//! A look at a Redis, for people who want to know whether the gateway could use it.
//!
//! Owns the list of commands that the gateway needs: whoever uses another one adds it here, and a
//! test reads the code for them. Guarantees that nothing is written: whether a command is allowed
//! is asked of Redis (`redis.acl_check_cmd`, since Redis 7), not tried.

use std::time::{Duration, Instant};

use super::{SharedState, SharedStateError};

/// What a Redis says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// One round trip.
    pub latency: Duration,
    /// Commands that the login may not use, with the keys that the gateway uses; `None` where
    /// Redis cannot say.
    pub denied: Option<Vec<&'static str>>,
    /// `maxmemory-policy`, where it says so.
    pub eviction: Option<String>,
}

/// For what a gateway uses a Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uses {
    /// Revocations are kept there.
    pub revocations: bool,
    /// Rates are shared there.
    pub rates: bool,
}

/// A command with arguments as the gateway gives them.
type Sample = (&'static str, &'static [&'static str]);

/// What every gateway with a Redis sends, by itself or in a script: proofs of possession are used
/// up there. Keys of each kind that it uses.
const ALWAYS: &[Sample] = &[
    ("SET", &["sallyport:dpop:x", "x", "NX", "PX", "1"]),
    ("EVALSHA", &["x", "1", "sallyport:x"]),
    ("SCRIPT", &["LOAD", "return 1"]),
];

const REVOCATIONS: &[Sample] = &[
    ("GET", &["sallyport:{revocation}:epoch"]),
    ("MGET", &["sallyport:{revocation}:entry:x"]),
    ("SET", &["sallyport:{revocation}:entry:x", "x", "PX", "1"]),
    ("DEL", &["sallyport:{revocation}:entry:x"]),
    ("EXISTS", &["sallyport:{revocation}:entry:x"]),
    ("INCR", &["sallyport:{revocation}:generation"]),
    ("ZADD", &["sallyport:{revocation}:index", "1", "x"]),
    ("ZCARD", &["sallyport:{revocation}:index"]),
    ("ZRANGEBYSCORE", &["sallyport:{revocation}:index", "0", "1"]),
    ("ZREM", &["sallyport:{revocation}:index", "x"]),
    ("PUBLISH", &["sallyport:{revocation}:changes", "1"]),
    ("SUBSCRIBE", &["sallyport:{revocation}:changes"]),
];

const RATES: &[Sample] = &[
    ("TIME", &[]),
    ("GET", &["sallyport:limit:x"]),
    ("SET", &["sallyport:limit:x", "1", "PX", "1"]),
    ("ZADD", &["sallyport:limit:replicas", "1", "x"]),
    ("ZCARD", &["sallyport:limit:replicas"]),
    ("ZREMRANGEBYSCORE", &["sallyport:limit:replicas", "-inf", "1"]),
    ("ZREMRANGEBYRANK", &["sallyport:limit:replicas", "0", "-2"]),
    ("PEXPIRE", &["sallyport:limit:replicas", "1"]),
];

impl SharedState {
    /// Looks at Redis: how fast it answers, what it allows, what it throws away.
    ///
    /// # Errors
    /// Where it does not answer at all.
    pub async fn look(&self, uses: Uses) -> Result<Look, SharedStateError> {
        // The first question makes the connection, which is not what is measured.
        self.ping().await?;
        let asked = Instant::now();
        self.ping().await?;
        let latency = asked.elapsed();
        Ok(Look { latency, denied: self.denied(uses).await, eviction: self.eviction().await })
    }

    /// An answer, also one that refuses the command: then somebody is there who let us in.
    async fn ping(&self) -> Result<(), SharedStateError> {
        match self.query::<String>(&redis::cmd("PING")).await {
            Err(SharedStateError::Unreachable(kind)) if kind == NO_PERMISSION => Ok(()),
            other => other.map(drop),
        }
    }

    async fn denied(&self, uses: Uses) -> Option<Vec<&'static str>> {
        let Uses { revocations, rates } = uses;
        let more = [(revocations, REVOCATIONS), (rates, RATES)];
        let more = more.into_iter().filter(|(used, _)| *used).flat_map(|(_, samples)| samples);
        let mut denied = Vec::new();
        for (name, arguments) in ALWAYS.iter().chain(more) {
            let mut command = redis::cmd("EVAL");
            command.arg(MAY_I).arg(0).arg(*name).arg(*arguments);
            match self.query::<i64>(&command).await {
                Ok(1) => {}
                Ok(_) => denied.push(*name),
                Err(SharedStateError::Unreachable(kind)) if kind == NO_PERMISSION => {
                    return Some(vec!["EVAL"]);
                }
                // Before version 7, or a fork of it: it cannot say.
                Err(_) => return None,
            }
        }
        denied.sort_unstable();
        denied.dedup();
        Some(denied)
    }

    async fn eviction(&self) -> Option<String> {
        let mut command = redis::cmd("INFO");
        let info: String = self.query(command.arg("memory")).await.ok()?;
        let line = info.lines().find_map(|line| line.strip_prefix("maxmemory_policy:"));
        line.map(|policy| policy.trim().to_owned())
    }
}

/// Arguments: a command and its arguments.
const MAY_I: &str = "if redis.acl_check_cmd(unpack(ARGV)) then return 1 else return 0 end";
/// What Redis answers to a command that the login may not use.
const NO_PERMISSION: &str = "NOPERM";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::{ALWAYS, RATES, REVOCATIONS};

    fn read(dir: &Path, into: &mut String) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read(&path, into);
            } else if !path.ends_with("look.rs") && !path.ends_with("tests.rs") {
                into.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }

    #[test]
    fn every_command_that_the_code_sends_is_in_the_list() {
        let mut code = String::new();
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut code);
        let sent = regex::Regex::new(r#"redis\.p?call\('([A-Za-z]+)'|redis::cmd\("([A-Z]+)"\)"#);
        let sent: BTreeSet<String> = sent
            .unwrap()
            .captures_iter(&code)
            .filter_map(|found| found.get(1).or_else(|| found.get(2)))
            .map(|name| name.as_str().to_ascii_uppercase())
            .collect();
        assert!(sent.contains("ZADD") && sent.contains("MGET"), "{sent:?}");
        let listed: BTreeSet<&str> =
            [ALWAYS, REVOCATIONS, RATES].concat().iter().map(|(name, _)| *name).collect();
        let missing: Vec<_> = sent.iter().filter(|name| !listed.contains(name.as_str())).collect();
        assert!(missing.is_empty(), "not in the lists of shared_state/look.rs: {missing:?}");
    }
}
