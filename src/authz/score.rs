//! How much trouble a caller made lately: the gateway's own word on risk, for policies.
//!
//! Counts refusals that honest callers seldom meet. Guarantees bounded memory; that a caller's count
//! falls with time alone, not with calls that succeed; and that nobody counts for another: callers
//! are told apart by issuer, subject and client.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::limits::{SCORE_CALLERS_MAX, SCORE_WINDOW_S};
use crate::principal::{Principal, PrincipalKey};
use crate::reject::Code;

/// The counts of one route's callers.
#[derive(Debug, Default)]
pub struct Scores(Mutex<HashMap<PrincipalKey, Count>>);

/// Refusals of this window and of the one before.
#[derive(Debug, Clone, Copy)]
struct Count {
    window: u64,
    now: u32,
    before: u32,
}

impl Count {
    /// The count as it is at a moment.
    fn at(self, window: u64) -> Self {
        match window.saturating_sub(self.window) {
            0 => self,
            1 => Self { window, now: 0, before: self.now },
            _later => Self { window, now: 0, before: 0 },
        }
    }

    fn all(self) -> u32 {
        self.now.saturating_add(self.before)
    }
}

impl Scores {
    /// Notes a refusal, where it is of a kind that counts.
    pub fn note(&self, principal: &Principal, code: Code, now_s: u64) {
        if !counts(code) {
            return;
        }
        let window = now_s / SCORE_WINDOW_S;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= SCORE_CALLERS_MAX && !all.contains_key(&principal.key) {
            all.retain(|_, count| count.at(window).all() > 0);
            if all.len() >= SCORE_CALLERS_MAX {
                // So many troublesome callers at once: those with least are forgotten.
                all.retain(|_, count| count.at(window).all() > 1);
            }
            if all.len() >= SCORE_CALLERS_MAX {
                return;
            }
        }
        let fresh = Count { window, now: 0, before: 0 };
        let count = all.entry(principal.key).or_insert(fresh);
        *count = count.at(window);
        count.now = count.now.saturating_add(1);
    }

    /// The risk level of a caller, 1 to 4; `None` where nothing was noted.
    #[must_use]
    pub fn level(&self, principal: &Principal, now_s: u64) -> Option<u8> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.get(&principal.key)?.at(now_s / SCORE_WINDOW_S).all();
        LEVELS.iter().find(|(from, _)| count >= *from).map(|(_, level)| *level)
    }
}

/// What an honest caller seldom meets. Missing scopes, used-up rates and stale sign-ins are how
/// honest clients learn what they need.
fn counts(code: Code) -> bool {
    matches!(
        code,
        Code::Denied
            | Code::NameUnknown
            | Code::GuardBlocked
            | Code::JsonInvalid
            | Code::MessageInvalid
            | Code::HeaderMismatch
            | Code::StateInvalid
            | Code::StateUnknown
            | Code::AnswerUnexpected
    )
}

/// Refusals of the last one to two windows, and the level that they make.
const LEVELS: [(u32, u8); 4] = [(100, 4), (25, 3), (5, 2), (1, 1)];

#[cfg(test)]
mod tests {
    use super::{Code, SCORE_CALLERS_MAX, SCORE_WINDOW_S, Scores};
    use crate::principal::{AuthMethod, Principal};

    fn caller(n: usize) -> Principal {
        Principal::new(AuthMethod::Bearer, "i".into(), n.to_string().into())
    }

    #[test]
    fn level_rises_with_refusals_and_falls_with_time() {
        let scores = Scores::default();
        assert_eq!(scores.level(&caller(1), 0), None);
        for (refusals, level) in [(1, 1), (5, 2), (25, 3), (100, 4)] {
            while scores.level(&caller(1), 0) != Some(level) {
                scores.note(&caller(1), Code::Denied, 0);
            }
            let count = scores.0.lock().unwrap()[&caller(1).key].now;
            assert_eq!(count, refusals);
        }
        assert_eq!(scores.level(&caller(1), SCORE_WINDOW_S), Some(4), "the window before counts");
        assert_eq!(scores.level(&caller(1), 2 * SCORE_WINDOW_S), None);
        assert_eq!(scores.level(&caller(2), 0), None, "nobody counts for another");
    }

    #[test]
    fn what_honest_clients_meet_does_not_count() {
        let scores = Scores::default();
        for code in [Code::ScopeInsufficient, Code::RateLimited, Code::AuthenticationStale] {
            scores.note(&caller(1), code, 0);
        }
        assert_eq!(scores.level(&caller(1), 0), None);
    }

    #[test]
    fn at_most_score_callers_max_are_counted_and_the_worst_are_kept() {
        let scores = Scores::default();
        for _ in 0..9 {
            scores.note(&caller(0), Code::Denied, 0);
        }
        for n in 1..SCORE_CALLERS_MAX + 100 {
            scores.note(&caller(n), Code::Denied, 0);
        }
        assert!(scores.0.lock().unwrap().len() <= SCORE_CALLERS_MAX);
        assert_eq!(scores.level(&caller(0), 0), Some(2));
    }
}
