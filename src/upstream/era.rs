//! Which eras of the protocol a server speaks, learnt at need and kept.
//!
//! Owns the knowledge about one server: pinned by the configuration, or found out when a client of
//! one era first needs it. Guarantees: many callers who need to know cause one probe; what was
//! learnt is not asked again (some servers leak a session with each probe); that a server cannot
//! be reached is not taken for knowledge; and knowledge that an answer contradicts is given up, at
//! most once in [`ERA_DOUBT_S`].

use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use super::up;
use crate::clock::Clock;
use crate::config::EraPin;
use crate::json::{Document, write_string};
use crate::limits::{ERA_DOUBT_S, ERA_PROBE_MS};
use crate::mcp::message::{Kind, Message};
use crate::mcp::version::Revision;
use crate::reject::{Code, Rejection};

/// What is known of one server.
#[derive(Debug)]
pub(super) struct Era {
    pinned: bool,
    clock: Clock,
    known: Mutex<Known>,
    probing: tokio::sync::Mutex<()>,
}

/// What a server is known to speak; `None` where nobody had to know yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Speaks {
    /// 2026-07-28 and later.
    pub(super) modern: Option<bool>,
    /// Revisions with a handshake.
    pub(super) legacy: Option<bool>,
}

#[derive(Debug, Default)]
struct Known {
    speaks: Speaks,
    /// When the first of it was learnt.
    since: Duration,
    /// Probes that have ended, and how the last one failed.
    probes: u64,
    failure: Option<Rejection>,
}

impl Era {
    /// Pinned, or unknown.
    pub(super) fn new(pin: EraPin, clock: Clock) -> Self {
        let speaks = match pin {
            EraPin::Auto => Speaks::default(),
            EraPin::Legacy => Speaks { modern: Some(false), legacy: Some(true) },
            EraPin::Modern => Speaks { modern: Some(true), legacy: Some(false) },
        };
        let known = Known { speaks, ..Known::default() };
        Self {
            pinned: pin != EraPin::Auto,
            clock,
            known: Mutex::new(known),
            probing: tokio::sync::Mutex::new(()),
        }
    }

    /// What is known now.
    pub(super) fn speaks(&self) -> Speaks {
        self.known().speaks
    }

    /// Whether the server speaks the modern era; `probe` asks it where that is not known.
    ///
    /// Those who come while a probe is under way wait for it, and share its failure.
    ///
    /// # Errors
    /// Why the server could not be asked.
    pub(super) async fn modern<F>(&self, probe: impl FnOnce() -> F) -> Result<bool, Rejection>
    where
        F: Future<Output = Result<bool, Rejection>>,
    {
        let before = {
            let known = self.known();
            if let Some(modern) = known.speaks.modern {
                return Ok(modern);
            }
            known.probes
        };
        let late = || Rejection::new(Code::UpstreamTimeout, "the server's era was not found out");
        let patience = Duration::from_millis(ERA_PROBE_MS);
        let _turn = timeout(patience, self.probing.lock()).await.map_err(|_| late())?;
        {
            let known = self.known();
            if let Some(modern) = known.speaks.modern {
                return Ok(modern);
            }
            if let Some(failure) = known.failure.as_ref().filter(|_| known.probes != before) {
                return Err(failure.clone());
            }
        }
        let outcome = timeout(patience, probe()).await.unwrap_or_else(|_| Err(late()));
        let mut known = self.known();
        known.probes = known.probes.wrapping_add(1);
        known.failure = outcome.as_ref().err().cloned();
        if let Ok(modern) = &outcome {
            self.learn(&mut known, Speaks { modern: Some(*modern), legacy: None });
        }
        outcome
    }

    /// The server has shown what it speaks.
    pub(super) fn saw(&self, speaks: Speaks) {
        let mut known = self.known();
        self.learn(&mut known, speaks);
    }

    /// The server has answered as if it were of the other era: it is asked again by the next who
    /// needs to know, unless what is known was learnt just now.
    pub(super) fn doubt(&self) {
        let mut known = self.known();
        let age = self.clock.monotonic().saturating_sub(known.since);
        if !self.pinned && age >= Duration::from_secs(ERA_DOUBT_S) {
            known.speaks = Speaks::default();
        }
    }

    fn learn(&self, known: &mut Known, speaks: Speaks) {
        if self.pinned {
            return;
        }
        if known.speaks == Speaks::default() {
            known.since = self.clock.monotonic();
        }
        known.speaks.modern = speaks.modern.or(known.speaks.modern);
        known.speaks.legacy = speaks.legacy.or(known.speaks.legacy);
    }

    /// Each critical section leaves whole data behind, also when a thread panicked elsewhere.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an answer says about the one who gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shows {
    /// Words that only a modern server has.
    Modern,
    /// A legacy server's handshake.
    Legacy,
    /// An error that servers of both eras give to a modern request.
    Either,
    /// Nothing that a modern server says.
    Foreign,
}

/// Looks at one answer (MCP 2026-07-28, "Versioning", "Compatibility Matrix": a modern error in
/// answer to a probe is as good as its result).
pub(super) fn shown_by(answer: &Bytes) -> Shows {
    let Ok(document) = Document::parse(answer.clone(), &crate::mcp::ANSWER) else {
        return Shows::Foreign;
    };
    let Ok(message) = Message::read_answer(&document) else { return Shows::Foreign };
    let root = document.root();
    match message.kind() {
        Kind::Result => match root.get("result") {
            Some(result) if up::is_discovery(result) => Shows::Modern,
            Some(result) if result.get("protocolVersion").is_some() => Shows::Legacy,
            Some(_) | None => Shows::Foreign,
        },
        Kind::Error => match root.pointer("/error/code").and_then(|code| code.as_i64()) {
            Some(-32022..=-32020) => Shows::Modern,
            Some(-32603..=-32601 | -32700) => Shows::Either,
            Some(_) | None => Shows::Foreign,
        },
        Kind::Request | Kind::Notification => Shows::Foreign,
    }
}

/// The members of `_meta` with which the gateway asks for itself.
pub(super) fn own_meta() -> Vec<u8> {
    let mut out = b"\"io.modelcontextprotocol/protocolVersion\":".to_vec();
    write_string(&mut out, Revision::V2026_07_28.date());
    out.extend_from_slice(b",\"io.modelcontextprotocol/clientInfo\":{\"name\":\"sallyport\",");
    out.extend_from_slice(b"\"version\":");
    write_string(&mut out, env!("CARGO_PKG_VERSION"));
    out.extend_from_slice(b"},\"io.modelcontextprotocol/clientCapabilities\":{}");
    out
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use bytes::Bytes;
    use tokio::sync::oneshot;

    use super::{Era, Shows, Speaks, own_meta, shown_by};
    use crate::clock::Clock;
    use crate::config::EraPin;
    use crate::limits::{ERA_DOUBT_S, ERA_PROBE_MS};
    use crate::reject::{Code, Rejection};

    fn auto() -> (Era, Clock) {
        let clock = Clock::manual(1_800_000_000);
        (Era::new(EraPin::Auto, clock.clone()), clock)
    }

    fn down() -> Rejection {
        Rejection::new(Code::UpstreamUnreachable, "down")
    }

    #[tokio::test]
    async fn fifty_who_need_to_know_cause_one_probe() {
        let (era, _) = auto();
        let probes = AtomicUsize::new(0);
        let (go, gate) = oneshot::channel::<()>();
        let gate = tokio::sync::Mutex::new(Some(gate));
        let ask = || async {
            era.modern(|| async {
                probes.fetch_add(1, Ordering::SeqCst);
                let _ = gate.lock().await.take().unwrap().await;
                Ok(false)
            })
            .await
        };
        let all = futures_util::future::join_all((0..50).map(|_| ask()));
        let (answers, ()) = tokio::join!(all, async {
            tokio::task::yield_now().await;
            go.send(()).unwrap();
        });
        assert!(answers.into_iter().all(|answer| answer.is_ok_and(|modern| !modern)));
        assert_eq!(ask().await.ok(), Some(false));
        assert_eq!(probes.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn failure_is_shared_by_those_who_waited_and_kept_from_those_who_come_later() {
        let (era, _) = auto();
        let probes = AtomicUsize::new(0);
        let ask = || async {
            era.modern(|| async {
                probes.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                Err(down())
            })
            .await
        };
        let failed = futures_util::future::join_all((0..10).map(|_| ask())).await;
        assert!(failed.iter().all(|it| it.as_ref().is_err_and(|e| e.internal == "down")));
        assert_eq!(probes.load(Ordering::SeqCst), 1);
        assert_eq!(era.speaks(), Speaks::default());
        assert_eq!(era.modern(|| async { Ok(true) }).await.ok(), Some(true));
    }

    #[tokio::test(start_paused = true)]
    async fn silent_server_is_waited_for_within_era_probe_ms() {
        let (era, _) = auto();
        let began = tokio::time::Instant::now();
        let refused = era.modern(std::future::pending).await.unwrap_err();
        assert_eq!(refused.code, Code::UpstreamTimeout);
        assert_eq!(began.elapsed(), Duration::from_millis(ERA_PROBE_MS));
    }

    #[tokio::test]
    async fn contradicted_knowledge_is_given_up_once_in_era_doubt_s() {
        let (era, clock) = auto();
        era.saw(Speaks { modern: Some(true), legacy: None });
        era.doubt();
        assert_eq!(era.speaks().modern, Some(true));
        clock.advance(Duration::from_secs(ERA_DOUBT_S));
        era.doubt();
        assert_eq!(era.speaks(), Speaks::default());
        assert_eq!(era.modern(|| async { Ok(false) }).await.ok(), Some(false));
        era.doubt();
        assert_eq!(era.speaks().modern, Some(false));
    }

    #[tokio::test]
    async fn pinned_era_is_never_probed_nor_doubted() {
        let clock = Clock::manual(0);
        for (pin, modern) in [(EraPin::Legacy, false), (EraPin::Modern, true)] {
            let era = Era::new(pin, clock.clone());
            clock.advance(Duration::from_secs(ERA_DOUBT_S));
            era.doubt();
            era.saw(Speaks { modern: Some(!modern), legacy: Some(modern) });
            let answer = era.modern(|| async { Err(down()) }).await;
            assert_eq!(answer.ok(), Some(modern));
            assert_eq!(era.speaks().legacy, Some(!modern));
        }
    }

    #[test]
    fn answers_show_who_gave_them() {
        let error = |code: i64| {
            format!(r#"{{"jsonrpc":"2.0","id":1,"error":{{"code":{code},"message":"x"}}}}"#)
        };
        let result = |text: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"result":{text}}}"#);
        for (answer, shows) in [
            (
                result(
                    r#"{"supportedVersions":["2026-07-28"],"capabilities":{},"resultType":"complete"}"#,
                ),
                Shows::Modern,
            ),
            (error(-32020), Shows::Modern),
            (error(-32021), Shows::Modern),
            (error(-32022), Shows::Modern),
            (result(r#"{"protocolVersion":"2025-06-18","capabilities":{}}"#), Shows::Legacy),
            (error(-32601), Shows::Either),
            (error(-32602), Shows::Either),
            // The TypeScript and Python servers of the legacy era, to a modern request.
            (error(-32000), Shows::Foreign),
            (error(-32600), Shows::Foreign),
            (result("{}"), Shows::Foreign),
            ("Not Found".to_owned(), Shows::Foreign),
            (String::new(), Shows::Foreign),
        ] {
            assert_eq!(shown_by(&Bytes::from(answer.clone())), shows, "{answer}");
        }
    }

    #[test]
    fn gateway_asks_in_its_own_name() {
        let text = format!("{{{}}}", String::from_utf8(own_meta()).unwrap());
        let meta: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(meta["io.modelcontextprotocol/clientInfo"]["name"], "sallyport");
        assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
        assert!(meta["io.modelcontextprotocol/clientCapabilities"].is_object());
    }
}
