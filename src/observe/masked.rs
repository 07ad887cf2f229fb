//! Arguments as they stand in records: masked, bounded, JSON.

use bytes::Bytes;

use super::line::cut;
use crate::call::{Arguments, Call};
use crate::class::ClassSet;
use crate::inspect::{Counts, Detector};
use crate::json::{self, Value};
use crate::limits::AUDIT_PARAMS_BYTES_MAX;

/// The arguments of a call as one JSON value, with every class of `scrub` masked; text that is
/// too long for a record is cut and says so. With whether anything was masked or cut.
#[must_use]
pub fn masked_arguments(call: &Call, scrub: &Detector) -> (Option<Bytes>, bool) {
    let (shown, exact) = match &call.arguments {
        Arguments::None => return (None, false),
        Arguments::Query(pairs) => query(pairs, scrub),
        Arguments::Rpc | Arguments::Answer | Arguments::Body => match call.json_arguments() {
            Some(value) => json(value, scrub),
            None => return (None, false),
        },
    };
    let cut = shown.len() > AUDIT_PARAMS_BYTES_MAX;
    (Some(bounded(shown)), cut || !exact)
}

/// The arguments, and whether they are what was sent.
fn json(value: Value<'_>, scrub: &Detector) -> (Vec<u8>, bool) {
    let plan = scrub.plan(value, ClassSet::empty());
    let start = value.span().start;
    let raw = value.raw();
    let mut out = Vec::with_capacity(raw.len().min(AUDIT_PARAMS_BYTES_MAX));
    let (mut at, mut exact) = (0, true);
    for (range, with) in plan.edits() {
        out.extend_from_slice(raw.get(at..range.start - start).unwrap_or_default());
        out.extend_from_slice(with);
        at = range.end - start;
        exact = false;
    }
    out.extend_from_slice(raw.get(at..).unwrap_or_default());
    (out, exact)
}

fn query(pairs: &[(String, String)], scrub: &Detector) -> (Vec<u8>, bool) {
    let mut out = vec![b'{'];
    let mut counts = Counts::default();
    for (i, (name, value)) in pairs.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        json::write_string(&mut out, &scrub.redact_text(name, ClassSet::empty(), &mut counts));
        out.push(b':');
        // The name says what the value is: `ssn=123456789`.
        let value = scrub.redact_named(name, value, ClassSet::empty(), &mut counts);
        json::write_string(&mut out, &value);
    }
    out.push(b'}');
    (out, counts.is_empty())
}

/// A record holds one line: line ends between tokens become spaces, what is too long becomes text.
fn bounded(mut json: Vec<u8>) -> Bytes {
    if json.len() <= AUDIT_PARAMS_BYTES_MAX {
        for byte in &mut json {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
        return json.into();
    }
    let text = String::from_utf8_lossy(&json);
    let kept = cut(&text, AUDIT_PARAMS_BYTES_MAX);
    let mut out = Vec::with_capacity(kept.len() + 64);
    out.extend_from_slice(b"{\"cut\":true,\"bytes\":");
    out.extend_from_slice(json.len().to_string().as_bytes());
    out.extend_from_slice(b",\"beginning\":");
    json::write_string(&mut out, kept);
    out.push(b'}');
    out.into()
}

#[cfg(test)]
mod tests {
    use super::{AUDIT_PARAMS_BYTES_MAX, bounded};

    #[test]
    fn long_arguments_are_cut_and_say_so() {
        let long = format!("{{\"a\":\"{}\"}}", "é".repeat(AUDIT_PARAMS_BYTES_MAX));
        let value: serde_json::Value = serde_json::from_slice(&bounded(long.into_bytes())).unwrap();
        assert_eq!(value["cut"], true);
        assert!(value["beginning"].as_str().unwrap().len() <= AUDIT_PARAMS_BYTES_MAX);
    }

    #[test]
    fn arguments_over_several_lines_become_one() {
        let out = bounded(b"{\n \"a\":\r\n1}".to_vec());
        assert!(!out.contains(&b'\n') && serde_json::from_slice::<serde_json::Value>(&out).is_ok());
    }
}
