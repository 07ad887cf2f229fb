//! One JSON-RPC message in a line, without I/O.
//!
//! MCP, Transports, "stdio": messages are delimited by newlines and contain none. Guarantees:
//! however the bytes are cut, the lines are the same; no line grows beyond its bound; a message
//! that is written takes exactly one line and means the same.

use bytes::{Bytes, BytesMut};
use memchr::memchr;

use crate::limits::STDIO_READ_BYTES;

/// Cuts a stream of bytes into lines. Linear in the input.
#[derive(Debug)]
pub(super) struct Lines {
    bytes_max: usize,
    buffer: BytesMut,
    /// How much of the buffer is known to hold no newline.
    searched: usize,
}

/// A line is longer than its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

impl Lines {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, buffer: BytesMut::new(), searched: 0 }
    }

    /// Where to read into; at least [`STDIO_READ_BYTES`] of room.
    pub(super) fn room(&mut self) -> &mut BytesMut {
        self.buffer.reserve(STDIO_READ_BYTES);
        &mut self.buffer
    }

    /// The next whole line without its end; `None` until more bytes come.
    ///
    /// # Errors
    /// When the line, whole or not, is longer than the bound. There is no going on after that.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, TooLong> {
        let fresh = self.buffer.get(self.searched..).unwrap_or_default();
        let Some(length) = memchr(b'\n', fresh).map(|at| self.searched + at) else {
            self.searched = self.buffer.len();
            return if self.searched > self.bytes_max { Err(TooLong) } else { Ok(None) };
        };
        self.searched = 0;
        if length > self.bytes_max {
            return Err(TooLong);
        }
        let mut line = self.buffer.split_to(length + 1);
        line.truncate(length);
        if line.last() == Some(&b'\r') {
            line.truncate(length - 1);
        }
        Ok(Some(line.freeze()))
    }
}

/// Whether a line can be a message: servers print other things, too.
pub(super) fn is_message(line: &[u8]) -> bool {
    matches!(line.trim_ascii_start().first(), Some(b'{' | b'['))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::{Lines, TooLong, is_message};
    use crate::limits::STDIO_READ_BYTES;
    use crate::upstream::link::one_line;

    fn lines(pieces: &[&[u8]], max: usize) -> Result<Vec<Bytes>, TooLong> {
        let mut lines = Lines::new(max);
        let mut all = Vec::new();
        for piece in pieces {
            lines.room().extend_from_slice(piece);
            while let Some(line) = lines.next()? {
                all.push(line);
            }
        }
        Ok(all)
    }

    #[test]
    fn lines_end_with_lf_or_crlf_and_the_rest_waits() {
        assert_eq!(lines(&[b"a\nb\r\n\n\rc\r\r\nd"], 9).unwrap(), ["a", "b", "", "\rc\r"]);
    }

    #[test]
    fn line_beyond_the_bound_is_an_error_whole_or_not() {
        assert_eq!(lines(&[b"abc\n"], 3).unwrap(), ["abc"]);
        assert_eq!(lines(&[b"abcd\n"], 3), Err(TooLong));
        assert_eq!(lines(&[b"ab", b"cd"], 3), Err(TooLong));
        assert_eq!(lines(&[b"ab", b"c", b"\n"], 3).unwrap(), ["abc"]);
    }

    #[test]
    fn room_is_stdio_read_bytes() {
        assert!(Lines::new(3).room().capacity() >= STDIO_READ_BYTES);
    }

    #[test]
    fn message_with_line_ends_takes_one_line_and_nothing_else_changes() {
        let message = Bytes::from_static(b"{\r\n  \"a\": 1.50,\n\t\"b\": \"\\n\"\n}\n");
        let line = one_line(message.clone());
        assert_eq!(line, &b"{    \"a\": 1.50, \t\"b\": \"\\n\" } "[..]);
        let same = Bytes::from_static(b"{\"a\":1}");
        assert_eq!(one_line(same.clone()).as_ptr(), same.as_ptr());
    }

    #[test]
    fn message_begins_as_json_objects_and_batches_do() {
        assert!(is_message(b" {\"jsonrpc\"") && is_message(b"[{}]"));
        for line in [&b""[..], b"Server running on stdio", b"\xEF\xBB\xBF{}", b"\"{\"", b"1"] {
            assert!(!is_message(line));
        }
    }

    proptest! {
        #[test]
        fn every_split_gives_the_same_lines(
            bytes in "[a{\n\r]{0,40}", cuts in prop::collection::vec(0_usize..40, 0..6),
        ) {
            let bytes = bytes.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            let whole = lines(&[bytes], 100).unwrap();
            prop_assert_eq!(&lines(&pieces, 100).unwrap(), &whole);
            prop_assert_eq!(&lines(&single, 100).unwrap(), &whole);
        }

        #[test]
        fn what_is_written_is_read_back_as_one_line(message in "\\{[ -~\n\r]{0,40}\\}") {
            let line = one_line(Bytes::from(message.clone()));
            prop_assert_eq!(line.len(), message.len());
            let framed = [&line[..], b"\n"].concat();
            prop_assert_eq!(lines(&[&framed], 100).unwrap(), [line]);
        }
    }
}
