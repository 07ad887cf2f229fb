//! The PROXY protocol header with which a load balancer names the client.
//!
//! Owns its reading, not its syntax (crate `proxy-header`). Assumes that the caller asks only for
//! peers that the configuration trusts, and that a deadline stands around. Guarantees that not a
//! byte behind the header is consumed, so that TLS begins where it should.

use crate::limits::PROXY_HEADER_BYTES_MAX;
use crate::limits::PROXY_LINE_BYTES_MAX;
use std::io;
use std::net::SocketAddr;

use proxy_header::{ParseConfig, Protocol, ProxyHeader};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Why a connection of a trusted proxy is closed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProxyError {
    #[error("no PROXY protocol header came")]
    Missing(#[from] io::Error),
    #[error("PROXY protocol header is malformed or too long")]
    Invalid,
}

/// Reads the header, version 1 or 2. `None`: the proxy speaks for itself (health check, `LOCAL`,
/// `UNKNOWN`), or for a client whose address it cannot name.
pub(super) async fn client_address(
    io: &mut (impl AsyncRead + Unpin),
) -> Result<Option<SocketAddr>, ProxyError> {
    let mut header = vec![0; SIGNATURE.len()];
    io.read_exact(&mut header).await?;
    if header == SIGNATURE {
        read_binary(io, &mut header).await?;
    } else if header.starts_with(b"PROXY ") {
        read_line(io, &mut header).await?;
    } else {
        return Err(ProxyError::Invalid);
    }
    let config = ParseConfig { include_tlvs: false, allow_v1: true, allow_v2: true };
    match ProxyHeader::parse(&header, config) {
        Ok((parsed, used)) if used == header.len() => match parsed.proxied_address() {
            None => Ok(None),
            Some(address) if address.protocol == Protocol::Stream => Ok(Some(address.source)),
            Some(_) => Err(ProxyError::Invalid),
        },
        _ => Err(ProxyError::Invalid),
    }
}

/// Version 2: 4 bytes that end in the length of the rest.
async fn read_binary(
    io: &mut (impl AsyncRead + Unpin),
    header: &mut Vec<u8>,
) -> Result<(), ProxyError> {
    let mut fixed = [0; 4];
    io.read_exact(&mut fixed).await?;
    let [_, _, high, low] = fixed;
    let rest = usize::from(u16::from_be_bytes([high, low]));
    if rest > PROXY_HEADER_BYTES_MAX {
        return Err(ProxyError::Invalid);
    }
    header.extend_from_slice(&fixed);
    let start = header.len();
    header.resize(start.saturating_add(rest), 0);
    io.read_exact(header.get_mut(start..).unwrap_or_default()).await?;
    Ok(())
}

/// Version 1: a line. Byte by byte, because what follows belongs to TLS; once per connection.
async fn read_line(
    io: &mut (impl AsyncRead + Unpin),
    header: &mut Vec<u8>,
) -> Result<(), ProxyError> {
    while !header.ends_with(b"\r\n") {
        if header.len() >= PROXY_LINE_BYTES_MAX {
            return Err(ProxyError::Invalid);
        }
        header.push(io.read_u8().await?);
    }
    Ok(())
}

/// The first 12 bytes of version 2.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use proptest::prelude::*;
    use proxy_header::{ProxiedAddress, ProxyHeader};
    use tokio::io::AsyncReadExt;

    use super::{ProxyError, client_address};

    fn headers() -> Vec<Vec<u8>> {
        let source: SocketAddr = "203.0.113.9:4711".parse().unwrap();
        let target: SocketAddr = "10.0.0.2:443".parse().unwrap();
        let header = ProxyHeader::with_address(ProxiedAddress::stream(source, target));
        let mut first = [0; 512];
        let mut second = [0; 512];
        let n1 = header.encode_to_slice_v1(&mut first).unwrap();
        let n2 = header.encode_to_slice_v2(&mut second).unwrap();
        vec![first[..n1].to_vec(), second[..n2].to_vec()]
    }

    async fn read(bytes: &[u8]) -> Result<Option<SocketAddr>, ProxyError> {
        client_address(&mut &bytes[..]).await
    }

    #[tokio::test]
    async fn both_versions_name_the_client_and_leave_the_next_byte() {
        for mut header in headers() {
            header.push(0x16);
            let mut rest = header.as_slice();
            let address = client_address(&mut rest).await.unwrap();
            assert_eq!(address, Some("203.0.113.9:4711".parse().unwrap()));
            assert_eq!(rest.read_u8().await.unwrap(), 0x16);
        }
    }

    #[tokio::test]
    async fn local_connections_of_the_proxy_have_no_client() {
        assert!(matches!(read(b"PROXY UNKNOWN\r\n").await, Ok(None)));
        assert!(matches!(read(b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00").await, Ok(None)));
    }

    #[tokio::test]
    async fn what_is_no_header_is_refused() {
        let datagram =
            b"\r\n\r\n\0\r\nQUIT\n\x21\x12\x00\x0c\x01\x02\x03\x04\x05\x06\x07\x08\x00\x01\x00\x02";
        let endless = [b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat();
        let huge = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff";
        for bytes in [b"GET / HTTP/1.1\r\n".as_slice(), datagram, &endless, huge] {
            assert!(matches!(read(bytes).await, Err(ProxyError::Invalid)));
        }
        assert!(matches!(read(b"PROXY TCP4").await, Err(ProxyError::Missing(_))));
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200),
                                      which in 0_usize..3) {
            let start = headers().get(which).cloned().unwrap_or_default();
            let cut = start.len().min(bytes.first().copied().unwrap_or(0).into());
            let all = [&start[..cut], &bytes].concat();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            drop(runtime.block_on(read(&all)));
        }
    }
}
