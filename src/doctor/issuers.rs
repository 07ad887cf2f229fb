//! Issuers: metadata, keys, introspection, clock.

use std::sync::Arc;

use super::{Check, Finding, Task, Ward, clock};
use crate::authn::keys::{Alg, KeySet};
use crate::authn::source::{KeysError, Metadata, Source, metadata_urls};
use crate::authn::try_introspection;
use crate::config::{Issuer, KeySource};

pub(super) fn tasks(ward: &Arc<Ward>) -> Vec<Task> {
    let issuers = ward.config.issuers.iter();
    let mut tasks = Vec::new();
    for issuer in issuers {
        let about = format!("issuer {}", issuer.issuer);
        let (own, issuer) = (Arc::clone(ward), Arc::clone(issuer));
        tasks.push(Task::new(Check::IssuerMetadata, &about.clone(), async move {
            let (first, second, third) = tokio::join!(
                metadata(&own, &issuer, &about),
                keys(&own, &issuer, &about),
                introspection(&own, &issuer, &about),
            );
            first.into_iter().chain([second]).chain(third).collect()
        }));
    }
    tasks
}

/// Metadata and, by the same answer, the clock.
async fn metadata(ward: &Ward, issuer: &Issuer, about: &str) -> Vec<Finding> {
    let check = Check::IssuerMetadata;
    if issuer.development_key.is_some() {
        let why = "a development issuer: its tokens come from `sallyport token`";
        return vec![Finding::skipped(check, about, why)];
    }
    let Ok(documents) = metadata_urls(&issuer.issuer) else {
        return vec![Finding::skipped(check, about, "it is no URL, so that nothing stands there")];
    };
    let mut why = None;
    for at in &documents {
        match Metadata::read(&ward.outbound, &issuer.issuer, at).await {
            Ok(found) => {
                let tolerated_s = issuer.clock_skew.as_secs();
                let now_s = ward.clock.unix_s();
                let clock = Check::IssuerClock;
                return vec![
                    Finding::passed(check, about, format!("found at {}", at.path())),
                    clock::judged(clock, about, found.date_s, now_s, Some(tolerated_s)),
                ];
            }
            // One that is there and wrong tells more than one that is not there.
            Err(error) => {
                if !matches!(why, Some(ref known) if !matches!(known, KeysError::Fetch(_))) {
                    why = Some(error);
                }
            }
        }
    }
    let message = why.map_or_else(String::new, |why| why.to_string());
    let needed = needs_metadata(issuer) || message.contains("names another issuer");
    let advice = match message.contains("names another issuer") {
        true => {
            "write the issuer exactly as its metadata does, with or without a slash at its end: \
             tokens are compared byte for byte"
        }
        false => ADVICE_FETCH,
    };
    vec![if needed {
        Finding::failed(check, about, message, advice)
    } else {
        let message =
            format!("{message}; the gateway does without it, clients that sign in do not");
        Finding::warning(check, about, message, advice)
    }]
}

/// Whether the gateway itself looks something up in the metadata.
fn needs_metadata(issuer: &Issuer) -> bool {
    let asks = issuer.introspection.as_ref().is_some_and(|how| how.endpoint.is_none());
    asks || matches!(issuer.keys, KeySource::Discover)
}

async fn keys(ward: &Ward, issuer: &Issuer, about: &str) -> Finding {
    let check = Check::IssuerKeys;
    let source = match Source::of(issuer) {
        Ok(Some(source)) => source,
        Ok(None) => {
            return Finding::skipped(check, about, "it has none: it is asked about each token");
        }
        Err(why) => {
            let advice = "name the key set with `keys`: an address, or a file";
            return Finding::failed(check, about, why.to_string(), advice);
        }
    };
    match source.load(&ward.outbound).await {
        Ok(loaded) => usable(issuer, about, &loaded.set),
        Err(why) => Finding::failed(check, about, why.to_string(), ADVICE_FETCH),
    }
}

fn usable(issuer: &Issuer, about: &str, set: &KeySet) -> Finding {
    let check = Check::IssuerKeys;
    let known = |name: &&String| Alg::from_name(name).is_some_and(|alg| set.has(alg));
    let (with, without): (Vec<&String>, Vec<&String>) = issuer.algorithms.iter().partition(known);
    let joined =
        |names: &[&String]| names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    let count = set.len();
    if with.is_empty() {
        let message = format!("none of its {count} key(s) is for {}", joined(&without));
        let advice = "name the algorithms by which this issuer signs in `algorithms`";
        return Finding::failed(check, about, message, advice);
    }
    // Several algorithms are often allowed where one is used.
    let message = format!("{count} key(s), for {}", joined(&with));
    Finding::passed(check, about, message)
}

async fn introspection(ward: &Ward, issuer: &Issuer, about: &str) -> Option<Finding> {
    issuer.introspection.as_ref()?;
    let check = Check::IssuerIntrospection;
    Some(match try_introspection(issuer, &ward.clock, &ward.outbound).await {
        Ok(()) => Finding::passed(check, about, "it answers the gateway"),
        Err(why) => {
            let advice = "check `introspection.url`, and the client that the gateway is there: \
                          its id, its secret, and whether it may introspect";
            Finding::failed(check, about, why, advice)
        }
    })
}

const ADVICE_FETCH: &str = "try its address with `curl` from this machine; a private authority goes \
                            into `outbound.ca`, a private network into `outbound.networks`";
