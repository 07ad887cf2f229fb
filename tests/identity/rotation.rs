//! Keys of a real provider change while callers call: nobody is refused for it, and a removed key
//! opens nothing once the gateway has looked again.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::http::exchange;
use crate::stage::{Provider, Stage};

/// The callers, as far as they have come.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    calls: AtomicUsize,
    refused: Mutex<Vec<String>>,
}

impl Load {
    /// Gets a new token and calls with it, over and over.
    fn run(&self, provider: &Provider, url: &str) {
        while !self.stop.load(Ordering::Relaxed) {
            let token = provider.token("loader", SCOPE, url);
            for _ in 0..CALLS_PER_TOKEN {
                let (known, said) = is_known(url, &token);
                if !known {
                    self.refused.lock().unwrap().push(said);
                }
                self.calls.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Returns when so many more calls were answered.
    fn goes_on(&self) {
        let enough = self.calls.load(Ordering::Relaxed) + CALLS_BETWEEN;
        wait_until("more calls", || self.calls.load(Ordering::Relaxed) >= enough);
    }
}

#[test]
#[ignore = "needs npm and PyPI packages: tests/run installs them"]
fn s10_keys_rotate_under_load_without_a_false_refusal_and_a_removed_key_opens_nothing() {
    let stage = Stage::new();
    let options = json!({
        "scopes": [SCOPE],
        "clients": { "loader": { "scopes": [SCOPE] } },
        // The gateway takes it for the shortest time that it grants any key set.
        "jwks_max_age_s": 1,
    });
    let provider = Provider::start(&stage.dir, &options);
    let url = stage.plain_url("/mcp");
    let _gateway = stage.plain_gateway(
        &format!("issuers: [ {{ issuer: {} }} ]", provider.issuer()),
        &format!(
            "  - name: crm\n    public_url: {url}\n    upstream: http://127.0.0.1:9/mcp\n    \
             tools: [ {{ match: nothing }} ]\n"
        ),
    );
    let load = Load::default();
    let held = provider.token("loader", SCOPE, &url);
    std::thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| load.run(&provider, &url));
        }
        // However this ends, the callers end too.
        let _stop = Stop(&load.stop);
        load.goes_on();

        // A new key signs at once: the gateway meets its id in a token first.
        provider.control("rotate", &json!({}));
        load.goes_on();
        assert!(is_known(&url, &held).0, "the older key is still published");

        // A new key is published, fetched in good time, and signs then.
        provider.control("publish", &json!({}));
        looked_again(&provider);
        provider.control("promote", &json!({}));
        load.goes_on();

        // Only the key that signs now is left. Who stole the one before mints on.
        provider.control("retire", &json!({}));
        let stolen = || forged(&provider, &url);
        looked_again(&provider);
        let newly = stolen();
        wait_until("refusal of the removed key", || !is_known(&url, &newly).0);
        for _ in 0..CALLS_BETWEEN {
            assert!(!is_known(&url, &held).0, "a token from before, verified earlier");
            assert!(!is_known(&url, &stolen()).0, "a token minted since");
        }
        load.goes_on();
    });
    let refused = load.refused.into_inner().unwrap();
    assert!(refused.is_empty(), "{} false refusals: {:#?}", refused.len(), refused.first());
}

/// Whether the gateway knows the caller. What he asks for is refused to everybody, so that nothing
/// behind the gateway matters.
fn is_known(url: &str, token: &str) -> (bool, String) {
    let call = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "x", "arguments": {} }
    });
    let authorization = format!("Bearer {token}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("accept", "application/json, text/event-stream"),
    ];
    let answer = exchange("POST", url, &headers, &call.to_string());
    let code = answer.json()["error"]["data"]["code"].clone();
    match (answer.status, code.as_str()) {
        (403, Some("denied")) => (true, String::new()),
        (401, Some("token_invalid")) | (503, Some("keys_unavailable")) => (false, answer.body),
        _ => panic!("neither known nor unknown: {answer:#?}"),
    }
}

/// A token that is right in everything, signed with the key that was removed.
fn forged(provider: &Provider, url: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({
        "iss": provider.issuer(), "aud": url, "sub": "loader", "client_id": "loader",
        "scope": SCOPE, "iat": now, "exp": now + 300, "jti": format!("{now}"),
    });
    let signed = provider.control("sign", &json!({ "claims": claims, "key": "retired" }));
    signed["token"].as_str().unwrap().to_owned()
}

/// Returns when the gateway has fetched the key set once more.
fn looked_again(provider: &Provider) {
    let before = provider.seen("jwks").len();
    wait_until("look at the keys", || provider.seen("jwks").len() > before);
}

/// Longer than the shortest life of a key set and the time between two sweeps together.
#[track_caller]
fn wait_until(what: &str, mut probe: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !probe() {
        assert!(Instant::now() < deadline, "no {what} in time");
        // Another process gives no signal that could be waited for: ask again soon.
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Lets the callers end with the scope, also when it panics.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

const SCOPE: &str = "mcp.tools.invoke";
const CALLERS: usize = 4;
const CALLS_PER_TOKEN: usize = 4;
const CALLS_BETWEEN: usize = 100;
