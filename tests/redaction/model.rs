//! What a message is made of: JSON values whose texts know where labels and look-alikes stand,
//! however deep they are coded.
//!
//! A [`Text`] is a list of parts. Rendering it gives segments: the marks keep their place through
//! every coding that works on single characters (JSON escapes, percent, entities); base64 does
//! not, and stays a segment of its own with the text inside.

use crate::hashes::{STANDARD64, URL_SAFE64, base64, from_base64};

/// A JSON value.
#[derive(Clone, Debug)]
pub enum Node {
    Text(Text),
    /// A number or literal, written as it is.
    Bare(Text),
    Object(Vec<(Text, Node)>),
    Array(Vec<Node>),
}

#[derive(Clone, Debug, Default)]
pub struct Text {
    pub parts: Vec<Part>,
    pub escapes: Escapes,
}

#[derive(Clone, Debug)]
pub enum Part {
    /// Must not change.
    Plain(String),
    /// Belongs to a value beside it, or may be personal by itself: not judged.
    Grace(String),
    Mark(Mark),
    Json(Box<Node>, Layout),
    Coded(Text, Coding),
}

#[derive(Clone, Debug)]
pub struct Mark {
    pub what: What,
    /// The value as it was written at its place.
    pub spelling: String,
    pub tags: Vec<&'static str>,
}

#[derive(Clone, Debug)]
pub enum What {
    /// A value that must not pass; its letters and digits as everybody would write them.
    Label { class: &'static str, canonical: String },
    /// A value that must pass, and the class that it looks like.
    Like { kind: &'static str, apes: &'static str },
}

/// How a JSON writer puts characters that it could leave as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Escapes {
    #[default]
    Least,
    /// Python's default: ASCII only, surrogate pairs.
    Ascii,
    /// PHP's default: ASCII only, and `\/`.
    Php,
    /// Go's, Rails' and Gson's defaults: safe inside HTML.
    Html,
    /// `\u0040`, `\u002d` and the like for everything but letters.
    Symbols,
    /// Every character of the text.
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    Compact,
    Spaced,
    Pretty,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Base64,
    Base64Url,
    /// MIME: lines of 76 characters.
    Base64Lines,
}

/// A rendered piece of a text.
#[derive(Clone, Debug)]
pub enum Seg {
    Plain(String),
    Grace(String),
    Mark(Mark),
    Coded(Text, String),
}

impl Text {
    pub fn of(parts: Vec<Part>) -> Text {
        Text { parts, escapes: Escapes::Least }
    }

    pub fn plain(text: impl Into<String>) -> Text {
        Text::of(vec![Part::Plain(text.into())])
    }

    pub fn json(node: Node, layout: Layout) -> Text {
        Text::of(vec![Part::Json(Box::new(node), layout)])
    }

    pub fn coded(self, coding: Coding) -> Text {
        Text::of(vec![Part::Coded(self, coding)])
    }

    pub fn push(&mut self, plain: impl Into<String>) {
        self.parts.push(Part::Plain(plain.into()));
    }

    pub fn append(&mut self, other: Text) {
        self.parts.extend(other.parts);
    }

    pub fn segments(&self) -> Vec<Seg> {
        let mut out = Vec::new();
        for part in &self.parts {
            match part {
                Part::Plain(text) => out.push(Seg::Plain(text.clone())),
                Part::Grace(text) => out.push(Seg::Grace(text.clone())),
                Part::Mark(mark) => out.push(Seg::Mark(mark.clone())),
                Part::Json(node, layout) => node.write(*layout, 0, &mut out),
                Part::Coded(text, coding) => {
                    out.push(Seg::Coded(text.clone(), coding.encode(&text.rendered())));
                }
            }
        }
        out
    }

    pub fn rendered(&self) -> String {
        self.segments().iter().map(Seg::text).collect()
    }

    /// The text with every character written by `write`. Coded parts become plain text: use only
    /// where there are none.
    pub fn mapped(&self, write: &dyn Fn(&str) -> String) -> Text {
        let one = |seg| match seg {
            Seg::Plain(text) | Seg::Coded(_, text) => Part::Plain(write(&text)),
            Seg::Grace(text) => Part::Grace(write(&text)),
            Seg::Mark(mark) => Part::Mark(Mark { spelling: write(&mark.spelling), ..mark }),
        };
        Text { parts: self.segments().into_iter().map(one).collect(), ..self.clone() }
    }

    pub fn with(mut self, escapes: Escapes) -> Text {
        self.escapes = escapes;
        self
    }

    /// Calls `change` for every mark, at any depth.
    pub fn each_mark(&mut self, change: &mut dyn FnMut(&mut Mark)) {
        for part in &mut self.parts {
            match part {
                Part::Mark(mark) => change(mark),
                Part::Json(node, _) => node.each_mark(change),
                Part::Coded(text, _) => text.each_mark(change),
                Part::Plain(_) | Part::Grace(_) => {}
            }
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text::plain(text)
    }
}

impl Node {
    pub fn text(text: impl Into<String>) -> Node {
        Node::Text(Text::plain(text))
    }

    pub fn bare(literal: impl Into<String>) -> Node {
        Node::Bare(Text::plain(literal))
    }

    pub fn object<const N: usize>(members: [(&str, Node); N]) -> Node {
        Node::Object(members.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    pub fn each_mark(&mut self, change: &mut dyn FnMut(&mut Mark)) {
        match self {
            Node::Text(text) | Node::Bare(text) => text.each_mark(change),
            Node::Array(items) => items.iter_mut().for_each(|item| item.each_mark(change)),
            Node::Object(members) => members.iter_mut().for_each(|(key, value)| {
                key.each_mark(change);
                value.each_mark(change);
            }),
        }
    }

    /// Adds a tag to every mark below.
    pub fn tagged(mut self, tag: &'static str) -> Node {
        self.each_mark(&mut |mark| mark.tags.push(tag));
        self
    }

    /// Writes with these escapes wherever a text has none of its own.
    pub fn escaped(self, escapes: Escapes) -> Node {
        let text = |text: Text| match text.escapes {
            Escapes::Least => text.with(escapes),
            _ => text,
        };
        match self {
            Node::Text(value) => Node::Text(text(value)),
            Node::Bare(value) => Node::Bare(value),
            Node::Array(items) => {
                Node::Array(items.into_iter().map(|i| i.escaped(escapes)).collect())
            }
            Node::Object(members) => Node::Object(
                members.into_iter().map(|(k, v)| (text(k), v.escaped(escapes))).collect(),
            ),
        }
    }

    pub fn write(&self, layout: Layout, depth: usize, out: &mut Vec<Seg>) {
        match self {
            Node::Bare(text) => out.extend(text.segments()),
            Node::Text(text) => write_string(text, out),
            Node::Array(items) => {
                write_list(('[', ']'), items.len(), layout, depth, out, &mut |i, out| {
                    items[i].write(layout, depth + 1, out);
                });
            }
            Node::Object(members) => {
                write_list(('{', '}'), members.len(), layout, depth, out, &mut |i, out| {
                    write_string(&members[i].0, out);
                    let colon = if layout == Layout::Compact { ":" } else { ": " };
                    out.push(Seg::Plain(colon.into()));
                    members[i].1.write(layout, depth + 1, out);
                });
            }
        }
    }

    pub fn rendered(&self) -> String {
        let mut out = Vec::new();
        self.write(Layout::Compact, 0, &mut out);
        out.iter().map(Seg::text).collect()
    }
}

fn write_list(
    (open, close): (char, char),
    length: usize,
    layout: Layout,
    depth: usize,
    out: &mut Vec<Seg>,
    item: &mut dyn FnMut(usize, &mut Vec<Seg>),
) {
    let line = |depth: usize| match layout {
        Layout::Pretty if length > 0 => format!("\n{}", "  ".repeat(depth)),
        _ => String::new(),
    };
    out.push(Seg::Plain(format!("{open}{}", line(depth + 1))));
    for i in 0..length {
        item(i, out);
        if i + 1 < length {
            let space = if layout == Layout::Spaced { " " } else { "" };
            out.push(Seg::Plain(format!(",{space}{}", line(depth + 1))));
        }
    }
    out.push(Seg::Plain(format!("{}{close}", line(depth))));
}

fn write_string(text: &Text, out: &mut Vec<Seg>) {
    let write = |plain: &str| escape(plain, text.escapes);
    out.push(Seg::Plain("\"".into()));
    out.extend(text.segments().into_iter().map(|seg| match seg {
        Seg::Plain(text) => Seg::Plain(write(&text)),
        Seg::Grace(text) => Seg::Grace(write(&text)),
        Seg::Mark(mark) => Seg::Mark(Mark { spelling: write(&mark.spelling), ..mark }),
        Seg::Coded(inner, text) => Seg::Coded(inner, write(&text)),
    }));
    out.push(Seg::Plain("\"".into()));
}

/// A text as the inside of a JSON string (RFC 8259, section 7).
pub fn escape(text: &str, escapes: Escapes) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let keep = match escapes {
            Escapes::Least => true,
            Escapes::Ascii | Escapes::Php => c.is_ascii(),
            Escapes::Html => !"<>&'=\u{2028}\u{2029}".contains(c),
            Escapes::Symbols => c.is_ascii_alphanumeric() || c == ' ',
            Escapes::All => false,
        };
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '/' if escapes == Escapes::Php => out.push_str("\\/"),
            c if keep && c >= ' ' => out.push(c),
            c => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                out.push_str(&format!("\\u{unit:04x}"));
            }),
        }
    }
    out
}

impl Seg {
    pub fn text(&self) -> &str {
        match self {
            Seg::Plain(text) | Seg::Grace(text) | Seg::Coded(_, text) => text,
            Seg::Mark(mark) => &mark.spelling,
        }
    }
}

impl Coding {
    pub fn encode(self, text: &str) -> String {
        match self {
            Coding::Base64 => base64(text.as_bytes(), STANDARD64),
            Coding::Base64Url => base64(text.as_bytes(), URL_SAFE64),
            Coding::Base64Lines => {
                let all = base64(text.as_bytes(), STANDARD64);
                let lines = all.as_bytes().chunks(76).map(String::from_utf8_lossy);
                lines.collect::<Vec<_>>().join("\r\n")
            }
        }
    }
}

/// The text that base64 stands for, if it stands for text.
pub fn decoded(text: &str) -> Option<String> {
    String::from_utf8(from_base64(text)?).ok()
}

/// RFC 3986: everything but unreserved characters as `%XX`.
pub fn percent(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(one).collect()
}

/// HTML: what must be an entity, and nothing more.
pub fn markup(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;")
}

/// RFC 2045 quoted-printable, without soft line breaks.
pub fn quoted_printable(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'=' => "=3D".to_owned(),
        b' '..=b'~' | b'\r' | b'\n' | b'\t' => char::from(byte).to_string(),
        other => format!("={other:02X}"),
    };
    text.bytes().map(one).collect()
}

#[test]
fn marks_keep_their_place_through_nested_writings() {
    let what = What::Label { class: "email", canonical: "aäb".into() };
    let mark = Mark { what, spelling: "a@ä/b".into(), tags: Vec::new() };
    let inner = Node::object([("k", Node::Text(Text::of(vec![Part::Mark(mark)])))]);
    let inner = Text::json(inner.escaped(Escapes::Php), Layout::Spaced);
    let outer = Node::object([("t", Node::Text(inner))]);
    assert_eq!(outer.rendered(), r#"{"t":"{\"k\": \"a@\\u00e4\\/b\"}"}"#);
    let mut segments = Vec::new();
    outer.write(Layout::Compact, 0, &mut segments);
    let marks: Vec<&str> =
        segments.iter().filter(|s| matches!(s, Seg::Mark(_))).map(Seg::text).collect();
    assert_eq!(marks, [r"a@\\u00e4\\/b"]);
    assert_eq!(percent("a@ü"), "a%40%C3%BC");
    assert_eq!(quoted_printable("a=é"), "a=3D=C3=A9");
}
