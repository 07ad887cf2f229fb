//! The rules of the wire guard that HTTP/2 framing does not settle by itself.
//!
//! Crate `h2` refuses connection-specific fields, `Transfer-Encoding`, odd pseudo-header fields,
//! control characters and bodies that contradict Content-Length (S-49). What remains is judged
//! here on the parsed head, with the same outcome as over HTTP/1.1.

use http::request::Request;
use http::{HeaderMap, Method, header};

use super::wire::is_host;
use crate::limits::{HEAD_BYTES_MAX, HEADERS_MAX, TARGET_BYTES_MAX};
use crate::reject::Code;

/// Judges a head; `Err` is the code and what is wrong, for log and audit.
pub(super) fn judge<B>(request: &Request<B>) -> Result<(), (Code, &'static str)> {
    let headers = request.headers();
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    if request.method() == Method::CONNECT {
        return Err((Code::UpgradeRefused, "method CONNECT"));
    }
    if headers.contains_key("http2-settings") || headers.contains_key(header::UPGRADE) {
        return Err((Code::UpgradeRefused, "upgrade field"));
    }
    if headers.len() > HEADERS_MAX {
        return Err((Code::HeadTooLarge, "too many header fields"));
    }
    // RFC 9113 section 6.5.2 counts 32 bytes of overhead for each field.
    let fields = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32);
    if fields.sum::<usize>().saturating_add(target.len()) > HEAD_BYTES_MAX {
        return Err((Code::HeadTooLarge, "request head too large"));
    }
    if target.len() > TARGET_BYTES_MAX {
        return Err((Code::HeadTooLarge, "request target too long"));
    }
    let asterisk = target == "*" && request.method() == Method::OPTIONS;
    if !(target.starts_with('/') || asterisk) {
        return Err((Code::FramingInvalid, "request target is not a path"));
    }
    if !target.bytes().all(super::wire::is_target) {
        return Err((Code::FramingInvalid, "character not allowed in a request target"));
    }
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    judge_fields(headers, authority).map_err(|detail| (Code::FramingInvalid, detail))
}

fn judge_fields(headers: &HeaderMap, authority: Option<&str>) -> Result<(), &'static str> {
    let host = one(headers, header::HOST, "repeated Host")?;
    // RFC 9113 section 8.3.1: a Host that differs from :authority makes the request malformed.
    let name = match (authority.map(str::as_bytes), host) {
        (Some(authority), Some(host)) if !authority.eq_ignore_ascii_case(host) => {
            return Err("Host contradicts :authority");
        }
        (Some(name), _) | (None, Some(name)) => name,
        (None, None) => return Err("neither :authority nor Host"),
    };
    if !is_host(name) {
        return Err(":authority or Host is not host and port");
    }
    one(headers, header::CONTENT_LENGTH, "repeated Content-Length")?;
    match one(headers, header::EXPECT, "repeated Expect")? {
        Some(value) if !value.eq_ignore_ascii_case(b"100-continue") => {
            Err("Expect is not `100-continue`")
        }
        _ => Ok(()),
    }
}

/// The value of a field that may stand at most once.
fn one<'a>(
    headers: &'a HeaderMap,
    name: header::HeaderName,
    repeated: &'static str,
) -> Result<Option<&'a [u8]>, &'static str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().map(http::HeaderValue::as_bytes);
    if values.next().is_some() { Err(repeated) } else { Ok(first) }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::judge;
    use crate::reject::Code;

    fn verdict(method: &str, uri: &str, fields: &[(&str, &str)]) -> Option<Code> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        judge(&request.body(()).unwrap()).err().map(|(code, _)| code)
    }

    #[test]
    fn ordinary_heads_pass() {
        let uri = "https://gateway.test/mcp?a[]=1";
        assert_eq!(verdict("POST", uri, &[("content-length", "3")]), None);
        assert_eq!(
            verdict("GET", uri, &[("host", "GATEWAY.test"), ("expect", "100-Continue")]),
            None
        );
        assert_eq!(verdict("GET", "/mcp", &[("host", "gateway.test:8443")]), None);
    }

    #[test]
    fn heads_with_two_readings_are_refused() {
        let uri = "https://gateway.test/mcp";
        let framing = Some(Code::FramingInvalid);
        assert_eq!(verdict("GET", uri, &[("host", "other.test")]), framing);
        assert_eq!(
            verdict("GET", uri, &[("host", "gateway.test"), ("host", "gateway.test")]),
            framing
        );
        assert_eq!(verdict("GET", "/mcp", &[]), framing);
        assert_eq!(verdict("GET", "https://user@gateway.test/mcp", &[]), framing);
        assert_eq!(
            verdict("POST", uri, &[("content-length", "3"), ("content-length", "3")]),
            framing
        );
        assert_eq!(verdict("POST", uri, &[("expect", "200-ok")]), framing);
        assert_eq!(verdict("GET", "https://gateway.test/a\\b", &[]), framing);
        assert_eq!(verdict("GET", "https://gateway.test/{a}", &[]), framing);
    }

    #[test]
    fn tunnels_and_upgrades_are_refused() {
        let upgrade = Some(Code::UpgradeRefused);
        assert_eq!(verdict("CONNECT", "gateway.test:443", &[]), upgrade);
        let settings = [("http2-settings", "AAMAAABk")];
        assert_eq!(verdict("GET", "https://gateway.test/", &settings), upgrade);
    }

    #[test]
    fn oversized_heads_are_refused() {
        let large = Some(Code::HeadTooLarge);
        let long = format!("https://gateway.test/{}", "a".repeat(4096));
        assert_eq!(verdict("GET", &long, &[]), large);
        let heavy = "x".repeat(33_000);
        assert_eq!(verdict("GET", "https://gateway.test/", &[("a", &heavy)]), large);
        let fields: Vec<_> = (0..97).map(|_| ("a", "b")).collect();
        assert_eq!(verdict("GET", "https://gateway.test/", &fields), large);
    }
}
