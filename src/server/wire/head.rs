//! One request head, byte by byte: request line and fields (RFC 9112 sections 3 and 5).

use super::bytes::{is_host, is_target, is_token, run, trim, value_run};
use super::{Fault, Framing};
use crate::limits::METHOD_BYTES_MAX;
use crate::limits::VALUE_BYTES_MAX;
use crate::limits::{HEAD_BYTES_MAX, HEADERS_MAX, TARGET_BYTES_MAX};

/// A head under way, and the facts that must agree at its end.
#[derive(Debug, Default)]
pub(super) struct Head {
    at: At,
    bytes: usize,
    fields: usize,
    target_bytes: usize,
    is_options: bool,
    /// The part under way: method, absolute target, field name or a value that is judged.
    part: Vec<u8>,
    /// Authority of an absolute target; empty where there is none.
    authority: Vec<u8>,
    /// Value of Host; empty until it was seen.
    host: Vec<u8>,
    length: Option<u64>,
    chunked: bool,
    expect: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum At {
    #[default]
    Method,
    Target,
    /// Bytes of `HTTP/1.1` and its CR that were matched.
    Version(usize),
    /// Behind the CR of the request line.
    LineEnd,
    /// At the first byte of a field line, or of the empty line that ends the head.
    LineStart,
    Name,
    Value(Field),
    /// Behind the CR of a field line.
    ValueEnd(Field),
    /// Behind the CR of the empty line.
    HeadEnd,
    Complete,
}

/// The fields that decide about framing; no other is read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Host,
    ContentLength,
    TransferEncoding,
    Expect,
    Other,
}

impl Head {
    pub(super) fn is_new(&self) -> bool {
        self.bytes == 0
    }

    pub(super) fn is_complete(&self) -> bool {
        self.at == At::Complete
    }

    pub(super) fn framing(&self) -> Framing {
        match self.length {
            _ if self.chunked => Framing::Chunked,
            Some(bytes) => Framing::Length(bytes),
            None => Framing::None,
        }
    }

    /// Ready for the next message; buffers are kept.
    pub(super) fn reset(&mut self) {
        let clear = |mut buffer: Vec<u8>| {
            buffer.clear();
            buffer.shrink_to(VALUE_BYTES_MAX);
            buffer
        };
        *self = Self {
            part: clear(std::mem::take(&mut self.part)),
            authority: clear(std::mem::take(&mut self.authority)),
            host: clear(std::mem::take(&mut self.host)),
            ..Self::default()
        };
    }

    /// Moves at least one byte forward; `bytes` is not empty.
    pub(super) fn step(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        // The bound is applied before the bytes are looked at, so that the verdict does not
        // depend on how much arrived at once.
        let room = HEAD_BYTES_MAX.saturating_sub(self.bytes);
        let bytes = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        let Some(&first) = bytes.first() else {
            return Err(Fault::too_large("request head too large", 0));
        };
        let used = match self.at {
            At::Method => self.method(bytes)?,
            At::Target => self.target(bytes)?,
            At::Version(matched) => self.version(matched, bytes)?,
            At::LineEnd => self.line_feed(first, At::LineStart)?,
            At::LineStart => self.line_start(first, bytes)?,
            At::Name => self.name(bytes)?,
            At::Value(field) => self.value(field, bytes)?,
            At::ValueEnd(field) => {
                self.line_feed(first, At::LineStart)?;
                self.judge(field)?;
                self.part.clear();
                1
            }
            At::HeadEnd => {
                self.line_feed(first, At::Complete)?;
                self.judge_head()?;
                1
            }
            At::Complete => 0,
        };
        self.bytes = self.bytes.saturating_add(used);
        Ok(used)
    }

    fn method(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let run = run(bytes, is_token);
        let room = METHOD_BYTES_MAX.saturating_sub(self.part.len());
        if run > room {
            return Err(Fault::framing("method too long", room));
        }
        self.part.extend_from_slice(bytes.get(..run).unwrap_or_default());
        let Some(next) = bytes.get(run) else { return Ok(run) };
        match (next, self.part.as_slice()) {
            (b'\r' | b'\n', []) => Err(Fault::framing("empty line before the request line", run)),
            (b' ', []) => Err(Fault::framing("blank before the method", run)),
            (b' ', b"CONNECT") => Err(Fault::upgrade("method CONNECT", run)),
            (b' ', method) => {
                self.is_options = method == b"OPTIONS";
                self.part.clear();
                self.at = At::Target;
                Ok(run.saturating_add(1))
            }
            _ => Err(Fault::framing("method is not a token and one blank", run)),
        }
    }

    fn target(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let run = run(bytes, is_target);
        let room = TARGET_BYTES_MAX.saturating_sub(self.target_bytes);
        if run > room {
            return Err(Fault::too_large("request target too long", room));
        }
        let piece = bytes.get(..run).unwrap_or_default();
        // The usual target, a path, is not kept; of others the authority must be found.
        let first = self.part.first().or_else(|| piece.first().filter(|_| self.target_bytes == 0));
        if first.is_some_and(|&b| b != b'/') {
            self.part.extend_from_slice(piece);
        }
        self.target_bytes = self.target_bytes.saturating_add(run);
        let Some(next) = bytes.get(run) else { return Ok(run) };
        match next {
            b' ' => {
                self.judge_target().map_err(|detail| Fault::framing(detail, run))?;
                self.part.clear();
                self.at = At::Version(0);
                Ok(run.saturating_add(1))
            }
            b'\r' | b'\n' => Err(Fault::framing("request line without HTTP version", run)),
            b'#' => Err(Fault::framing("fragment in the request target", run)),
            0x80.. => Err(Fault::framing("request target is not ASCII", run)),
            _ => Err(Fault::framing("character not allowed in a request target", run)),
        }
    }

    /// RFC 9112 section 3.2: origin-form, absolute-form with http(s), asterisk-form of OPTIONS.
    fn judge_target(&mut self) -> Result<(), &'static str> {
        let absolute = match self.part.as_slice() {
            [] if self.target_bytes == 0 => return Err("empty request target"),
            [] => return Ok(()),
            b"*" if self.is_options => return Ok(()),
            b"*" => return Err("asterisk-form without OPTIONS"),
            absolute => absolute,
        };
        let rest = [b"http://".as_slice(), b"https://".as_slice()].into_iter().find_map(|scheme| {
            let (start, rest) = absolute.split_at_checked(scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then_some(rest)
        });
        let rest = rest.ok_or("request target is neither a path nor an http address")?;
        let authority = rest.get(..run(rest, |b| !matches!(b, b'/' | b'?'))).unwrap_or_default();
        if !is_host(authority) {
            return Err("authority of the request target is not host and port");
        }
        self.authority.extend_from_slice(authority);
        Ok(())
    }

    fn version(&mut self, matched: usize, bytes: &[u8]) -> Result<usize, Fault> {
        let expected = VERSION.get(matched..).unwrap_or_default();
        let equal =
            bytes.iter().zip(expected).take_while(|(found, wanted)| found == wanted).count();
        if equal == expected.len() {
            self.at = At::LineEnd;
        } else if equal == bytes.len() {
            self.at = At::Version(matched.saturating_add(equal));
        } else {
            return Err(Fault::framing("request line does not end in HTTP/1.1 and CRLF", equal));
        }
        Ok(equal)
    }

    fn line_feed(&mut self, byte: u8, next: At) -> Result<usize, Fault> {
        if byte != b'\n' {
            return Err(Fault::framing("bare CR in the request head", 0));
        }
        self.at = next;
        Ok(1)
    }

    fn line_start(&mut self, first: u8, bytes: &[u8]) -> Result<usize, Fault> {
        match first {
            b'\r' => {
                self.at = At::HeadEnd;
                Ok(1)
            }
            b'\n' => Err(Fault::framing("bare LF in the request head", 0)),
            b' ' | b'\t' => Err(Fault::framing("folded or indented field line", 0)),
            b':' => Err(Fault::framing("empty field name", 0)),
            _ if self.fields >= HEADERS_MAX => Err(Fault::too_large("too many header fields", 0)),
            _ => {
                self.fields = self.fields.saturating_add(1);
                self.at = At::Name;
                self.name(bytes)
            }
        }
    }

    fn name(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let run = run(bytes, is_token);
        let piece = bytes.get(..run).unwrap_or_default();
        let Some(next) = bytes.get(run) else {
            // Longer names than this have no meaning here, only the length of what is kept.
            let keep = NAME_KEPT_BYTES.saturating_sub(self.part.len()).min(run);
            self.part.extend_from_slice(piece.get(..keep).unwrap_or_default());
            return Ok(run);
        };
        let field = match next {
            // Nearly always the whole name is here, and nothing is copied.
            b':' if self.part.is_empty() => Field::of(piece),
            b':' => {
                self.part.extend_from_slice(piece);
                Field::of(&self.part)
            }
            b' ' | b'\t' => return Err(Fault::framing("blank before the colon", run)),
            b'\r' | b'\n' => return Err(Fault::framing("field line without colon", run)),
            _ => return Err(Fault::framing("invalid character in a field name", run)),
        };
        let field = field.map_err(|detail| Fault::upgrade(detail, run))?;
        self.part.clear();
        self.at = At::Value(field);
        Ok(run.saturating_add(1))
    }

    fn value(&mut self, field: Field, bytes: &[u8]) -> Result<usize, Fault> {
        let run = value_run(bytes);
        if field != Field::Other {
            let room = VALUE_BYTES_MAX.saturating_sub(self.part.len());
            if run > room {
                return Err(Fault::framing("value of a framing field too long", room));
            }
            self.part.extend_from_slice(bytes.get(..run).unwrap_or_default());
        }
        match bytes.get(run) {
            None => Ok(run),
            // Most lines end here at once; only fields that are judged need the state between.
            Some(b'\r')
                if field == Field::Other && bytes.get(run.saturating_add(1)) == Some(&b'\n') =>
            {
                self.at = At::LineStart;
                Ok(run.saturating_add(2))
            }
            Some(b'\r') => {
                self.at = At::ValueEnd(field);
                Ok(run.saturating_add(1))
            }
            Some(b'\n') => Err(Fault::framing("bare LF in the request head", run)),
            Some(_) => Err(Fault::framing("control character in a field value", run)),
        }
    }

    /// One field that decides about framing; the fault is at the end of its line.
    fn judge(&mut self, field: Field) -> Result<(), Fault> {
        let value = trim(&self.part);
        let fault = |detail| Err(Fault::framing(detail, 0));
        match field {
            Field::Other => {}
            Field::Host if !self.host.is_empty() => return fault("repeated Host"),
            Field::Host if !is_host(value) => return fault("Host is empty or not host and port"),
            Field::Host => self.host.extend_from_slice(value),
            Field::ContentLength if self.chunked => return fault(LENGTH_AND_CODING),
            Field::ContentLength if self.length.is_some() => {
                return fault("repeated Content-Length");
            }
            Field::ContentLength => match decimal(value) {
                Some(length) => self.length = Some(length),
                None => return fault("Content-Length is not a decimal number of 63 bits"),
            },
            Field::TransferEncoding if self.length.is_some() => return fault(LENGTH_AND_CODING),
            Field::TransferEncoding if self.chunked => return fault("repeated Transfer-Encoding"),
            Field::TransferEncoding if !value.eq_ignore_ascii_case(b"chunked") => {
                return fault("Transfer-Encoding is not exactly `chunked`");
            }
            Field::TransferEncoding => self.chunked = true,
            Field::Expect if self.expect => return fault("repeated Expect"),
            Field::Expect if !value.eq_ignore_ascii_case(b"100-continue") => {
                return fault("Expect is not `100-continue`");
            }
            Field::Expect => self.expect = true,
        }
        Ok(())
    }

    /// What can be judged only at the end. RFC 9112 section 3.2: a request without Host, or with
    /// an absolute target that contradicts it, MUST be answered with 400.
    fn judge_head(&mut self) -> Result<(), Fault> {
        if self.host.is_empty() {
            return Err(Fault::framing("no Host", 0));
        }
        if !self.authority.is_empty() && !self.authority.eq_ignore_ascii_case(&self.host) {
            return Err(Fault::framing("Host contradicts the request target", 0));
        }
        Ok(())
    }
}

impl Field {
    /// The field of a name; `Err` says why the name alone refuses the request.
    fn of(name: &[u8]) -> Result<Self, &'static str> {
        let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
        match name.len() {
            4 if is(b"host") => Ok(Self::Host),
            6 if is(b"expect") => Ok(Self::Expect),
            7 if is(b"upgrade") => Err("header Upgrade"),
            14 if is(b"content-length") => Ok(Self::ContentLength),
            14 if is(b"http2-settings") => Err("header HTTP2-Settings"),
            17 if is(b"transfer-encoding") => Ok(Self::TransferEncoding),
            _ => Ok(Self::Other),
        }
    }
}

/// `1*DIGIT` within 63 bits: what every language's integer can hold.
fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    let number = value.iter().try_fold(0_u64, |number, &digit| {
        let digit = char::from(digit).to_digit(10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })?;
    i64::try_from(number).is_ok().then_some(number)
}

const VERSION: &[u8] = b"HTTP/1.1\r";
const LENGTH_AND_CODING: &str = "both Content-Length and Transfer-Encoding";

/// Bytes kept of a field name: more than the longest that is known here, `transfer-encoding`.
const NAME_KEPT_BYTES: usize = 32;
