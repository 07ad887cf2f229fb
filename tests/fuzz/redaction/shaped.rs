//! Results with an output schema.

use sallyport::class::Form;
use sallyport::limits::STRUCTURED_BYTES_MAX;
use sallyport::schema::Schema;
use sallyport::screen::fit;
use serde_json::Value;

use super::{NOBODY, detector, parsed, shown};

/// A byte for the form, a schema, an empty line, a result: what leaves fits where the result
/// fitted, and shows no more than it may; or nothing leaves.
pub fn fit(data: &[u8]) {
    let Some((setup, rest)) = data.split_first() else { return };
    let (form, detector) = detector(*setup);
    let Some(cut) = rest.windows(2).position(|two| two == b"\n\n") else { return };
    let (text, result) = rest.split_at(cut);
    let Ok(schema) = Schema::read(text) else { return };
    let Ok(result) = serde_json::from_slice::<Value>(result) else { return };
    let message =
        format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"structuredContent":{result}}}}}"#);
    let Some(document) = parsed(message) else { return };
    let structured = document.root().pointer("/result/structuredContent").expect("is there");
    if schema.leaves(structured, &[]).is_err() || structured.raw().len() > STRUCTURED_BYTES_MAX {
        return;
    }
    let fitted = schema.accepts(&result);
    let Some(out) = fit::redacted(&document, detector, NOBODY, &schema) else {
        assert!(form != Form::Report, "refused though nothing is hidden");
        return;
    };
    assert!(parsed(out.clone()).is_some(), "no JSON: {}", shown(&out));
    let whole: Value = serde_json::from_slice(&out).expect("JSON");
    let plan = detector.plan(document.root(), NOBODY);
    let spans: Vec<_> = plan.edits().map(|(range, _)| range).collect();
    let checked = schema.leaves(structured, &spans).is_ok();
    let now = schema.accepts(&whole["result"]["structuredContent"]);
    assert!(
        !fitted || !checked || now,
        "{result} fitted, {} does not: {}",
        shown(&out),
        shown(text)
    );
    if form == Form::Report {
        assert_eq!(&out, document.bytes());
        return;
    }
    // What was hidden is not there any more, but where the schema itself says it, or where it is
    // a part of something else.
    let before = shown(document.bytes());
    for (range, _) in plan.edits() {
        let hidden = shown(&document.bytes()[range]);
        let told = hidden.len() >= 6 && hidden.bytes().any(|byte| byte.is_ascii_digit());
        let once = before.matches(&hidden).count() == 1 && !shown(text).contains(&hidden);
        let made = hidden.contains("redacted");
        let stays = shown(&out).contains(&hidden);
        assert!(!told || !once || made || !stays, "{hidden} stays: {}", shown(&out));
    }
}
