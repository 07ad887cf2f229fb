//! What must hold of redaction for any bytes: one function for each way in.
//!
//! Called by the fuzz targets with whatever the engine invents, and by `tests/fuzz.rs` with the
//! corpus and with mutations of it. Each panics when its promise is broken. The first bytes of an
//! input say how it is read; the rest is what is read.

#![allow(dead_code, reason = "each fuzz target uses one of them")]
// A test may fail loudly.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::string_slice, clippy::cast_possible_truncation)]

mod made;
mod making;
mod pieces;
mod shaped;
mod stream;

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use sallyport::class::{Class, ClassSet, Form};
use sallyport::dictionary::{Case, Dictionary};
use sallyport::inspect::{
    Counts, CustomDictionary, CustomPattern, Detector, Finding, Plan, Pseudonyms, Settings, Why,
};
use sallyport::json::{ANSWER, Document, Kind, Value};

pub use made::made;
use making::expanded;
pub use pieces::{deltas, dictionary, seams};
pub use shaped::fit;
pub use stream::stream;

/// Everything is looked for; one detector for each form.
static DETECTORS: LazyLock<Vec<Arc<Detector>>> = LazyLock::new(|| {
    let words = Arc::new(Dictionary::new("Blue Heron\nKestrel\n", Case::Ignored).unwrap());
    let made = |form: Form| {
        let custom = CustomPattern {
            name: String::from("employee"),
            pattern: String::from("EMP-[0-9]{6}"),
            form,
            on: true,
        };
        let dictionary = CustomDictionary {
            name: String::from("project"),
            words: words.clone(),
            form,
            on: true,
        };
        let settings = Settings {
            forms: Class::BUILTIN.into_iter().map(|class| (class, form)).collect(),
            custom: vec![custom],
            dictionaries: vec![dictionary],
            pseudonyms: Some(Pseudonyms::new(&[7; 32], "fuzz")),
            ..Settings::default()
        };
        Arc::new(Detector::new(&settings).unwrap())
    };
    Form::ALL.into_iter().map(made).collect()
});

/// The form that a byte stands for, with what gives it to values.
fn detector(byte: u8) -> (Form, &'static Arc<Detector>) {
    let at = usize::from(byte) % Form::ALL.len();
    (Form::ALL[at], &DETECTORS[at])
}

const NOBODY: ClassSet = ClassSet::empty();

fn parsed(bytes: impl Into<Bytes>) -> Option<Document> {
    Document::parse(bytes.into(), &ANSWER).ok()
}

/// JSON as a whole: the first byte is the form, the rest the message.
pub fn plan(data: &[u8]) {
    let Some((setup, text)) = data.split_first() else { return };
    let (form, detector) = detector(*setup);
    let Some(document) = parsed(expanded(text)) else { return };
    planned(form, detector, &document);
}

/// What holds of the plan for one document; the message as it leaves.
fn planned(form: Form, detector: &Detector, document: &Document) -> Bytes {
    let text = document.bytes();
    let plan = detector.plan(document.root(), NOBODY);
    let out = plan.apply(text);
    assert_spliced(&plan, text, &out);
    let after = parsed(out.clone()).unwrap_or_else(|| panic!("no JSON: {}", shown(&out)));
    assert!(same_shape(document.root(), after.root()), "another shape: {}", shown(&out));
    let everything = detector.plan(document.root(), ClassSet::all());
    assert!(everything.is_clean() && everything.counts.is_empty(), "shown, and yet hidden");
    let report = detector.report(document.root(), NOBODY);
    assert!(report.edits().eq(plan.edits()), "a report hides something else");
    assert_eq!(report.counts, plan.counts, "a report counts something else");
    let hides = plan.edits().next().is_some();
    assert_eq!(plan.blocked.is_some(), form == Form::Block && hides);
    if form == Form::Report {
        assert!(!hides, "a report that hides");
        return out;
    }
    assert!(hides || plan.counts.is_empty(), "counted, and not hidden");
    assert_settled(detector, &detector.report(after.root(), NOBODY), &out);
    out
}

/// Redacted twice is redacted once. What only words around a value explain may be explained by
/// what took the place of others: then it is found once more.
fn assert_settled(detector: &Detector, again: &Plan, once: &[u8]) {
    // Of what is longer than any value a part is hidden, which joins what is left of it.
    let joins = |byte: &u8| byte.is_ascii_alphanumeric() || b"@._-+/=".contains(byte);
    let long = once.split(|byte| !joins(byte)).any(|run| run.len() > VALUE_BYTES);
    let by_itself = |found: &&Finding| {
        let why = detector.why(once, found);
        // The top-level domain that a mask keeps may be a name before another sign.
        let kept = once[..found.range.start].ends_with(b"***@***.");
        !kept
            && !EXPLAINED.contains(&found.class)
            && matches!(why, Why::CheckDigits | Why::Shape | Why::Configured)
    };
    let own = again.found().iter().filter(|_| !long).find(by_itself);
    assert!(own.is_none(), "{own:?} in what was hidden: {}", shown(once));
    let settled = again.counts.total() > 0 || again.edits().next().is_none();
    assert!(settled, "changed without a find: {}", shown(once));
}

/// Unit: bytes.
const VALUE_BYTES: usize = 512;

/// Classes whose values say nothing by themselves.
const EXPLAINED: &[Class] = &[
    Class::PostalAddress,
    Class::PersonName,
    Class::DateOfBirth,
    Class::LicencePlate,
    Class::CardCode,
    Class::BankAccount,
    Class::Passport,
    Class::DriverLicence,
    Class::NationalId,
    Class::TaxId,
    Class::MedicalRecord,
    Class::HealthPlan,
    Class::Password,
    Class::Secret,
    Class::Cookie,
    Class::AuthHeader,
];

/// Edits are in order, and all else stays.
fn assert_spliced(plan: &Plan, text: &[u8], out: &[u8]) {
    let (mut from, mut at) = (0, 0);
    for (range, with) in plan.edits() {
        assert!(range.start >= from && range.end > range.start, "edits {from} {range:?}");
        let kept = &text[from..range.start];
        assert!(out[at..].starts_with(kept), "bytes beside an edit changed");
        at += kept.len();
        assert!(out[at..].starts_with(with));
        at += with.len();
        from = range.end;
    }
    assert_eq!(&out[at..], &text[from..], "bytes behind the last edit changed");
}

/// Whether two values have the same members and items, and the same kinds unless dropped.
fn same_shape(before: Value<'_>, after: Value<'_>) -> bool {
    after.is_null()
        || before.kind() == after.kind()
            && before.members().count() == after.members().count()
            && before.items().count() == after.items().count()
            && before.items().zip(after.items()).all(|(b, a)| same_shape(b, a))
            && before.members().zip(after.members()).all(|((_, b), (_, a))| same_shape(b, a))
}

/// Free text, tables and encoded text in it: the first byte is the form, the rest the text.
pub fn text(data: &[u8]) {
    let Some((setup, text)) = data.split_first() else { return };
    let (form, detector) = detector(*setup);
    let text = &*expanded(text);
    let report = detector.report_text(text, NOBODY);
    let Ok(text) = std::str::from_utf8(text) else { return };
    let mut counts = Counts::default();
    let out = detector.redact_text(text, NOBODY, &mut counts);
    assert_spliced(&report, text.as_bytes(), out.as_bytes());
    assert_eq!(counts, report.counts, "a report counts something else");
    assert_eq!(matches!(out, Cow::Borrowed(_)), *out == *text);
    if form == Form::Report {
        assert_eq!(out, text);
        return;
    }
    assert_settled(detector, &detector.report_text(out.as_bytes(), NOBODY), out.as_bytes());
    // The same text as a message: what is read of it is the same.
    let message = serde_json::to_vec(text).unwrap();
    let Some(document) = parsed(message) else { return };
    if document.root().kind() == Kind::String {
        planned(form, detector, &document);
    }
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Reads choices from the bytes of an input; at its end it is all zeros.
struct Dice<'d>(&'d [u8]);

impl<'d> Dice<'d> {
    fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *byte
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound.max(1)
    }

    fn pick<'p, T: ?Sized>(&mut self, all: &[&'p T]) -> &'p T {
        all[self.below(all.len())]
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Up to so many bytes as they stand.
    fn raw(&mut self, max: usize) -> &'d [u8] {
        let length = self.below(max + 1).min(self.0.len());
        let (raw, rest) = self.0.split_at(length);
        self.0 = rest;
        raw
    }
}
