//! The corpus as JSON lines, for redactors that are not ours.

use std::io::{self, Write};

use crate::messages::{Message, marks};
use crate::model::What;

/// One line for each message: the message itself, its labels and its look-alikes.
pub fn write(messages: &[Message], out: &mut dyn Write) -> io::Result<()> {
    for Message { kind, node, bytes } in messages {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let (mut labels, mut likes) = (Vec::new(), Vec::new());
        for mark in marks(node) {
            let spelling = quoted(&mark.spelling);
            match mark.what {
                What::Label { class, canonical } => {
                    let tags =
                        mark.tags.iter().map(|tag| quoted(tag)).collect::<Vec<_>>().join(",");
                    labels.push(format!(
                        r#"{{"class":"{class}","canonical":{},"spelling":{spelling},"tags":[{tags}]}}"#,
                        quoted(&canonical)
                    ));
                }
                What::Like { kind, apes } => likes
                    .push(format!(r#"{{"kind":"{kind}","apes":"{apes}","spelling":{spelling}}}"#)),
            }
        }
        writeln!(
            out,
            r#"{{"kind":"{kind}","message":{},"labels":[{}],"look_alikes":[{}]}}"#,
            quoted(&String::from_utf8_lossy(bytes)),
            labels.join(","),
            likes.join(",")
        )?;
    }
    Ok(())
}
