//! HTTP/2 frames made and read by hand, for what a client library would not send or show.
#![allow(dead_code, reason = "each test program uses its part")]

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

/// Longest wait for a frame that must come; only a broken test reaches it.
const SOON: Duration = Duration::from_secs(20);

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const GOAWAY: u8 = 7;
pub const PING: u8 = 6;
pub const WINDOW_UPDATE: u8 = 8;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
/// END_STREAM and END_HEADERS.
pub const WHOLE: u8 = 5;

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A field that HPACK does not index, both parts literal (RFC 7541 section 6.2.2).
pub fn literal(name: &str, value: &str) -> Vec<u8> {
    let part = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    [vec![0], part(name), part(value)].concat()
}

/// Reads frames until one of these kinds; `None` when the connection ends first.
pub async fn until(io: &mut (impl AsyncRead + Unpin), kinds: &[u8]) -> Option<(u8, Vec<u8>)> {
    let find = async {
        loop {
            let mut head = [0; 9];
            io.read_exact(&mut head).await.ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            io.read_exact(&mut payload).await.ok()?;
            if kinds.contains(&head[3]) {
                return Some((head[3], payload));
            }
        }
    };
    timeout(SOON, find).await.expect("no such frame")
}
