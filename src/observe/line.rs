//! Writes one JSON object, member by member, without building a tree.

use crate::json;

/// Where values of one class stood.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) class: &'a str,
    pub(super) path: &'a str,
    pub(super) count: u32,
    pub(super) revealed: bool,
}

/// A JSON object under construction.
#[derive(Debug)]
pub(super) struct Line {
    out: Vec<u8>,
}

impl Line {
    pub(super) fn new() -> Self {
        let mut out = Vec::with_capacity(LINE_BYTES);
        out.push(b'{');
        Self { out }
    }

    fn key(&mut self, key: &'static str) {
        if self.out.len() > 1 {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// A text member; cut to `bytes_max` at a character border.
    pub(super) fn text(&mut self, key: &'static str, value: &str, bytes_max: usize) {
        self.key(key);
        json::write_string(&mut self.out, cut(value, bytes_max));
    }

    /// A text member that cannot be long.
    pub(super) fn word(&mut self, key: &'static str, value: &str) {
        self.key(key);
        json::write_string(&mut self.out, value);
    }

    pub(super) fn number(&mut self, key: &'static str, value: u64) {
        self.key(key);
        // A `Vec` never fails to take bytes.
        let _ = std::io::Write::write_fmt(&mut self.out, format_args!("{value}"));
    }

    /// Milliseconds with three decimals, from microseconds.
    pub(super) fn millis(&mut self, key: &'static str, micros: u64) {
        self.key(key);
        let _ = std::io::Write::write_fmt(
            &mut self.out,
            format_args!("{}.{:03}", micros / 1000, micros % 1000),
        );
    }

    /// An object of times in milliseconds with three decimals, from microseconds; left out where
    /// it is empty.
    pub(super) fn times(
        &mut self,
        key: &'static str,
        times: impl Iterator<Item = (&'static str, u64)>,
    ) {
        let mut all = Line { out: vec![b'{'] };
        for (name, micros) in times {
            all.millis(name, micros);
        }
        if all.out.len() > 1 {
            self.raw(key, &all.finish());
        }
    }

    /// A member whose value is JSON already.
    pub(super) fn raw(&mut self, key: &'static str, value: &[u8]) {
        self.key(key);
        self.out.extend_from_slice(value);
    }

    /// An object of counters, left out when it is empty.
    pub(super) fn counts<'a>(
        &mut self,
        key: &'static str,
        counts: impl Iterator<Item = (&'a str, u64)>,
    ) {
        let mut counts = counts.peekable();
        if counts.peek().is_none() {
            return;
        }
        self.key(key);
        self.out.push(b'{');
        for (i, (name, count)) in counts.enumerate() {
            if i > 0 {
                self.out.push(b',');
            }
            json::write_string(&mut self.out, name);
            let _ = std::io::Write::write_fmt(&mut self.out, format_args!(":{count}"));
        }
        self.out.push(b'}');
    }

    /// Where values stood: class, path, how many, and whether they were shown. Left out where
    /// there were none.
    pub(super) fn places<'a>(
        &mut self,
        key: &'static str,
        places: impl Iterator<Item = Place<'a>>,
    ) {
        let mut list = Vec::new();
        for Place { class, path, count, revealed } in places {
            list.extend_from_slice(if list.is_empty() { b"[{" } else { b",{" });
            list.extend_from_slice(b"\"class\":");
            json::write_string(&mut list, class);
            list.extend_from_slice(b",\"path\":");
            json::write_string(&mut list, path);
            let shown = if revealed { ",\"revealed\":true" } else { "" };
            list.extend_from_slice(format!(",\"count\":{count}{shown}}}").as_bytes());
        }
        if !list.is_empty() {
            list.push(b']');
            self.raw(key, &list);
        }
    }

    /// An array of words, left out when it is empty.
    pub(super) fn words<'a>(&mut self, key: &'static str, words: impl Iterator<Item = &'a str>) {
        let mut words = words.peekable();
        if words.peek().is_none() {
            return;
        }
        self.key(key);
        self.out.push(b'[');
        for (i, word) in words.enumerate() {
            if i > 0 {
                self.out.push(b',');
            }
            json::write_string(&mut self.out, word);
        }
        self.out.push(b']');
    }

    pub(super) fn finish(mut self) -> bytes::Bytes {
        self.out.push(b'}');
        self.out.into()
    }
}

/// The longest prefix of whole characters within `bytes_max`.
pub(super) fn cut(text: &str, bytes_max: usize) -> &str {
    if text.len() <= bytes_max {
        return text;
    }
    let end = (0..=bytes_max).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    text.get(..end).unwrap_or("")
}

/// A usual record: no second allocation.
const LINE_BYTES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::{Line, cut};

    #[test]
    fn line_is_one_json_object_whatever_the_values_hold() {
        let mut line = Line::new();
        line.text("a", "x\"\n\u{2028}é", 100);
        line.number("n", 7);
        line.millis("ms", 1_234);
        line.counts("c", [("email", 2u64)].into_iter());
        line.counts("none", std::iter::empty());
        line.words("w", ["x", "y"].into_iter());
        let bytes = line.finish();
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(value["ms"], 1.234);
        assert_eq!(value["c"]["email"], 2);
        assert!(value.get("none").is_none());
        assert!(!bytes.contains(&b'\n'));
    }

    #[test]
    fn cut_never_splits_a_character() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("abc", 10), "abc");
    }
}
