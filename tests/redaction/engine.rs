//! The redactor under test: every class on, labels, nothing revealed.

use bytes::Bytes;
use sallyport::class::{Class, ClassSet, Form};
use sallyport::inspect::{Detector, Settings};
use sallyport::json::{ANSWER, Document};

/// What the response gate does with a message of a server.
pub fn redactor() -> impl FnMut(usize, &[u8]) -> Vec<u8> {
    let forms = Class::BUILTIN.iter().map(|class| (*class, Form::Label)).collect();
    let detector = Detector::new(&Settings { forms, ..Settings::default() }).unwrap();
    move |_, message| {
        let bytes = Bytes::copy_from_slice(message);
        let document = Document::parse(bytes.clone(), &ANSWER).unwrap();
        detector.plan(document.root(), ClassSet::empty()).apply(&bytes).to_vec()
    }
}
