//! Syslog (RFC 5424) over TLS (RFC 5425).
//!
//! Syslog has no answer: what was written may be lost with the connection (RFC 5425 section 3,
//! RFC 6587). So every batch has a connection of its own, which is closed behind it, and a batch
//! is taken when the receiver has closed its side of TLS too: it has then read to the end. A
//! connection that breaks, or a receiver that does not close, means that the batch goes out again.

pub use crate::limits::SINK_CLOSE_MS;
use std::fs;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::SinkError;
use super::delivery::{Deliver, Delivery, Item};
use super::{format, http};
use crate::config::SinkTls;
use crate::limits::SINK_CONNECT_MS;

pub(super) struct Syslog {
    host: String,
    port: u16,
    name: ServerName<'static>,
    tls: TlsConnector,
    facility: u8,
    host_name: String,
    timeout: Duration,
}

impl Syslog {
    pub(super) fn new(
        host: &str,
        port: u16,
        tls: &SinkTls,
        facility: u8,
        timeout: Duration,
    ) -> Result<Self, SinkError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| SinkError::Address)?;
        let tls = TlsConnector::from(Arc::new(http::tls(tls)?));
        let host_name = host_name();
        Ok(Self { host: host.to_owned(), port, name, tls, facility, host_name, timeout })
    }

    async fn send(&self, items: &[Item]) -> io::Result<()> {
        let connect = TcpStream::connect((self.host.as_str(), self.port));
        let stream = timeout(Duration::from_millis(SINK_CONNECT_MS), connect).await??;
        stream.set_nodelay(true)?;
        let mut stream = self.tls.connect(self.name.clone(), stream).await?;
        let mut out = Vec::new();
        for item in items {
            let message = self.message(item);
            // RFC 5425 section 4.3: octet counting.
            out.extend_from_slice(format!("{} ", message.len()).as_bytes());
            out.extend_from_slice(&message);
        }
        stream.write_all(&out).await?;
        stream.shutdown().await?;
        let mut nothing = [0; 64];
        let closed = timeout(Duration::from_millis(SINK_CLOSE_MS), async {
            loop {
                // RFC 5425 section 4.4: the receiver MUST answer our close_notify with its own. A
                // connection that ends without one (an error here) is how a crash looks.
                if stream.read(&mut nothing).await? == 0 {
                    return Ok(());
                }
            }
        });
        closed.await?
    }

    /// RFC 5424 section 6. The structured data has registered names only.
    fn message(&self, item: &Item) -> Vec<u8> {
        let line = &item.record.line;
        let phase = member(line, b"\"phase\":\"").or_else(|| member(line, b"\"kind\":\""));
        let phase = phase.filter(|text| is_printable(text)).unwrap_or("-");
        // 4 warning, 6 informational.
        let severity = if phase == "refused" { 4 } else { 6 };
        let priority = u32::from(self.facility) * 8 + severity;
        let at = member(line, b"\"timestamp\":\"").filter(|_| format::unix_ms(line).is_some());
        // It counts from 1 to 2^31 - 1 and begins anew (section 7.3.1).
        let sequence = (item.record.seq.saturating_sub(1)) % 0x7fff_ffff + 1;
        let head = format!(
            "<{priority}>1 {} {} sallyport {} {phase} \
             [meta sequenceId=\"{sequence}\"][origin software=\"sallyport\" swVersion=\"{}\"] ",
            at.unwrap_or("-"),
            self.host_name,
            std::process::id(),
            env!("CARGO_PKG_VERSION"),
        );
        let mut out = head.into_bytes();
        out.extend_from_slice(&item.text);
        out
    }
}

impl Deliver for Syslog {
    async fn deliver(&mut self, items: &[Item]) -> Delivery {
        match timeout(self.timeout, self.send(items)).await {
            Ok(Ok(())) => Delivery::taken(items),
            Ok(Err(error)) => Delivery::again(error.to_string()),
            Err(_) => Delivery::again(format!("not sent within {} ms", self.timeout.as_millis())),
        }
    }
}

/// The text behind the first `name` of a line, up to its quote.
fn member<'l>(line: &'l [u8], name: &[u8]) -> Option<&'l str> {
    let rest = line.get(memchr::memmem::find(line, name)? + name.len()..)?;
    std::str::from_utf8(rest.get(..memchr::memchr(b'"', rest)?)?).ok()
}

/// Printable, without spaces, at most 32: what a header field may hold (section 6).
fn is_printable(text: &str) -> bool {
    !text.is_empty() && text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// This machine's name, or the nil value.
fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if is_printable(name) { name.to_owned() } else { "-".to_owned() }
}
