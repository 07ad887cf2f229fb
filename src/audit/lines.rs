//! Reads a log line by line in bounded memory.

use std::io::{self, BufRead};

use super::queue::AUDIT_LINE_BYTES_MAX;

/// What the next step through a file brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A line, now in the buffer, without its newline.
    Line,
    /// A line longer than [`AUDIT_LINE_BYTES_MAX`]; it was passed over.
    TooLong,
    /// The last bytes, in the buffer as far as they fit, without a newline.
    Torn {
        /// How many there were.
        bytes: u64,
    },
    /// The end.
    End,
}

/// Reads the next line into `line` and adds the bytes passed to `read`.
///
/// # Errors
/// What the reader says.
pub(super) fn step(
    reader: &mut impl BufRead,
    line: &mut Vec<u8>,
    read: &mut u64,
) -> io::Result<Step> {
    line.clear();
    let mut passed = 0;
    loop {
        let chunk = reader.fill_buf()?;
        if chunk.is_empty() {
            return Ok(if passed == 0 { Step::End } else { Step::Torn { bytes: passed } });
        }
        let newline = memchr::memchr(b'\n', chunk);
        let part = chunk.get(..newline.unwrap_or(chunk.len())).unwrap_or_default();
        let fits = line.len() + part.len() < AUDIT_LINE_BYTES_MAX;
        if fits {
            line.extend_from_slice(part);
        }
        let used = part.len() + usize::from(newline.is_some());
        passed += used as u64;
        *read += used as u64;
        reader.consume(used);
        if newline.is_some() {
            // One byte of the bound is the newline's.
            let whole = line.len() as u64 + 1 == passed;
            return Ok(if whole { Step::Line } else { Step::TooLong });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    fn steps(bytes: &[u8]) -> Vec<(Step, Vec<u8>)> {
        let mut reader = BufReader::with_capacity(7, bytes);
        let (mut line, mut read, mut out) = (Vec::new(), 0, Vec::new());
        loop {
            let step = step(&mut reader, &mut line, &mut read).unwrap();
            if step == Step::End {
                assert_eq!(read, bytes.len() as u64);
                return out;
            }
            out.push((step, line.clone()));
        }
    }

    #[test]
    fn lines_come_whole_and_a_torn_end_is_told_apart() {
        let found = steps(b"a longer first line\n\nlast\ntorn");
        let want: [(Step, &[u8]); 4] = [
            (Step::Line, b"a longer first line"),
            (Step::Line, b""),
            (Step::Line, b"last"),
            (Step::Torn { bytes: 4 }, b"torn"),
        ];
        assert_eq!(found, want.map(|(step, line)| (step, line.to_vec())));
    }

    #[test]
    fn a_line_at_the_bound_is_read_and_one_above_is_passed_over() {
        let mut bytes = vec![b'a'; AUDIT_LINE_BYTES_MAX - 1];
        bytes.push(b'\n');
        bytes.extend(vec![b'b'; AUDIT_LINE_BYTES_MAX]);
        bytes.extend(b"\nc\n");
        let found: Vec<_> = steps(&bytes).into_iter().map(|(step, _)| step).collect();
        assert_eq!(found, [Step::Line, Step::TooLong, Step::Line]);
    }
}
