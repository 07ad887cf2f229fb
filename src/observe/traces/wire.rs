//! Spans in the binary encoding of OTLP (opentelemetry/proto/trace/v1/trace.proto).
//!
//! Pure. A finished span is bytes at once, so that what waits for the collector is one buffer an
//! exchange and nothing is encoded twice.

use bytes::{BufMut as _, Bytes};

/// A message under construction.
#[derive(Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// A length-delimited field; left out where it is empty.
    pub(super) fn bytes(&mut self, field: u32, value: &[u8]) {
        if !value.is_empty() {
            self.varint(u64::from(field << 3 | 2));
            self.varint(u64::try_from(value.len()).unwrap_or(u64::MAX));
            self.0.extend_from_slice(value);
        }
    }

    pub(super) fn message(&mut self, field: u32, value: &Message) {
        self.bytes(field, &value.0);
    }

    pub(super) fn number(&mut self, field: u32, value: u64) {
        self.varint(u64::from(field << 3));
        self.varint(value);
    }

    pub(super) fn fixed64(&mut self, field: u32, value: u64) {
        self.varint(u64::from(field << 3 | 1));
        self.0.put_u64_le(value);
    }

    pub(super) fn fixed32(&mut self, field: u32, value: u32) {
        self.varint(u64::from(field << 3 | 5));
        self.0.put_u32_le(value);
    }

    /// A `KeyValue` with a text.
    pub(super) fn text(&mut self, field: u32, key: &str, value: &str) {
        let mut any = Self::default();
        any.bytes(1, value.as_bytes());
        self.pair(field, key, &any);
    }

    /// A `KeyValue` with a whole number.
    pub(super) fn int(&mut self, field: u32, key: &str, value: u64) {
        let mut any = Self::default();
        any.number(3, value);
        self.pair(field, key, &any);
    }

    fn pair(&mut self, field: u32, key: &str, any: &Message) {
        let mut pair = Self::with_capacity(key.len() + any.0.len() + 8);
        pair.bytes(1, key.as_bytes());
        pair.message(2, any);
        self.message(field, &pair);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(u8::try_from(value & 0x7f).unwrap_or_default() | 0x80);
            value >>= 7;
        }
        self.0.push(u8::try_from(value).unwrap_or_default());
    }

    pub(super) fn finish(self) -> Bytes {
        self.0.into()
    }
}

/// An `ExportTraceServiceRequest` of these `ScopeSpans.spans` fields.
pub(super) fn request(spans: &[Bytes]) -> Bytes {
    let mut resource = Message::default();
    resource.text(1, "service.name", "sallyport");
    resource.text(1, "service.version", env!("CARGO_PKG_VERSION"));
    let mut scope = Message::default();
    scope.bytes(1, b"sallyport");
    let mut of_scope = Message::default();
    of_scope.message(1, &scope);
    for span in spans {
        of_scope.0.extend_from_slice(span);
    }
    let mut of_resource = Message::default();
    of_resource.message(1, &resource);
    of_resource.message(2, &of_scope);
    let mut request = Message::default();
    request.message(1, &of_resource);
    request.finish()
}
