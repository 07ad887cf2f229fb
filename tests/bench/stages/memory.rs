//! What remembered tokens cost in memory: the resident set before and after.

use std::sync::Arc;

use futures_util::FutureExt;
use http::{HeaderMap, HeaderValue};
use sallyport::authn::{Authenticator, Authn};
use sallyport::clock::Clock;
use sallyport::limits::TOKEN_CACHE_MAX;
use sallyport::outbound::Outbound;

use super::World;
use super::callers::{head, token_of};
use crate::keys::Signer;

/// Fills the cache with different callers' tokens, each verified on its way in, and prints bytes
/// per remembered token. Not a time, so not one of criterion's: it runs when `memory` is named.
pub fn measure() {
    if !std::env::args().any(|arg| arg == "memory") {
        return;
    }
    let signer = Signer::eddsa();
    let world = World::new(&signer.jwks());
    let outbound = Arc::new(Outbound::new(None, Vec::new()).unwrap());
    let authn = Authn::new(Clock::system(), outbound).unwrap();
    let judge = Authenticator::new(&authn, world.server()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let headers = |subject: u64| {
        let mut headers = HeaderMap::new();
        let value = format!("Bearer {}", token_of(&signer, "EdDSA", &format!("user-{subject:06}")));
        headers.insert("authorization", HeaderValue::from_str(&value).unwrap());
        headers
    };
    // Everything that the first calls allocate once is not the cache's.
    for subject in 0..64 {
        runtime.block_on(judge.identify(&head(&headers(subject)))).unwrap();
    }
    let (before, tokens) = (resident_bytes(), authn.cached_tokens());
    for subject in 64..TOKEN_CACHE_MAX {
        judge.identify(&head(&headers(subject))).now_or_never().unwrap().unwrap();
        if subject == TOKEN_CACHE_MAX / 2 {
            print(before, tokens, authn.cached_tokens());
        }
    }
    print(before, tokens, authn.cached_tokens());
}

fn print(before: usize, tokens_before: usize, tokens: usize) {
    let bytes = resident_bytes().saturating_sub(before);
    let added = tokens - tokens_before;
    println!(
        "authn, memory: {tokens} remembered tokens, {:.1} MiB more resident, {} bytes per token",
        bytes as f64 / 1_048_576.0,
        bytes / added
    );
}

/// Second field of `/proc/self/statm`, in pages of 4 KiB.
fn resident_bytes() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}
