//! The clock of another party against that of this machine.

use super::{Check, Finding};
use crate::limits::DOCTOR_SKEW_S;

/// Judges a `Date` that came just now. `tolerated_s` is what the gateway bears; without it no
/// difference is a failure.
pub(super) fn judged(
    check: Check,
    about: &str,
    date_s: Option<u64>,
    now_s: u64,
    tolerated_s: Option<u64>,
) -> Finding {
    let Some(date_s) = date_s else {
        return Finding::skipped(check, about, "its answer has no `Date`");
    };
    let skew_s = date_s.abs_diff(now_s);
    let way = if date_s > now_s { "ahead of" } else { "behind" };
    let message = format!("its clock is {skew_s} s {way} this machine's");
    let advice = "let both machines set their clocks by NTP (`timedatectl status` tells which one \
                  does not)";
    match tolerated_s {
        Some(tolerated_s) if skew_s > tolerated_s.max(1) => {
            let message = format!("{message}; tokens are accepted up to {tolerated_s} s of it");
            Finding::failed(check, about, message, advice)
        }
        _ if skew_s > DOCTOR_SKEW_S => Finding::warning(check, about, message, advice),
        // `Date` has whole seconds: one of difference is none.
        _ if skew_s <= 1 => Finding::passed(check, about, "it agrees with this machine's"),
        _ => Finding::passed(check, about, message),
    }
}

#[cfg(test)]
mod tests {
    use super::judged;
    use crate::doctor::{Check, Outcome};
    use crate::limits::DOCTOR_SKEW_S;

    #[test]
    fn skew_is_warned_about_above_doctor_skew_s_and_fails_above_what_is_tolerated() {
        let outcome = |date_s, tolerated_s| {
            judged(Check::IssuerClock, "", Some(date_s), 10_000, tolerated_s).outcome
        };
        assert_eq!(outcome(10_000 + DOCTOR_SKEW_S, Some(60)), Outcome::Passed);
        assert_eq!(outcome(10_000 - DOCTOR_SKEW_S - 1, Some(60)), Outcome::Warning);
        assert_eq!(outcome(10_060, Some(60)), Outcome::Warning);
        assert_eq!(outcome(9_939, Some(60)), Outcome::Failed);
        assert_eq!(outcome(1, None), Outcome::Warning);
        assert_eq!(judged(Check::IssuerClock, "", None, 1, None).outcome, Outcome::Skipped);
    }
}
