//! Writes the one answer that hyper cannot write: to a message that never became a request.

use bytes::Bytes;
use http::{HeaderName, Response, header};
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// Sends an HTTP/1.1 answer that ends the connection (RFC 9112 section 9.6).
pub(super) async fn send(
    io: &mut (impl AsyncWrite + Unpin),
    answer: &Response<Bytes>,
) -> std::io::Result<()> {
    io.write_all(&encode(answer)).await?;
    io.flush().await
}

/// The answer's bytes. Length and connection fields are ours, whatever the answer carries.
fn encode(answer: &Response<Bytes>) -> Vec<u8> {
    let status = answer.status();
    let mut out = Vec::with_capacity(answer.body().len().saturating_add(HEAD_BYTES));
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    for (name, value) in answer.headers().iter().filter(|(name, _)| !OURS.contains(name)) {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"connection: close\r\ncontent-length: ");
    out.extend_from_slice(answer.body().len().to_string().as_bytes());
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(answer.body());
    out
}

const OURS: [HeaderName; 3] =
    [header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING];
/// Room for status line and header fields, so that one allocation does.
const HEAD_BYTES: usize = 512;

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Response;

    use super::encode;

    #[test]
    fn answer_has_one_length_and_closes_the_connection() {
        let answer = Response::builder()
            .status(400)
            .header("content-type", "application/json")
            .header("content-length", "99")
            .header("connection", "keep-alive")
            .body(Bytes::from_static(b"{}"))
            .unwrap();
        let expected = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n\
                        connection: close\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(String::from_utf8(encode(&answer)).unwrap(), expected);
    }
}
