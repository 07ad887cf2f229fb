//! AWS Signature Version 4, as S3 takes it.
//!
//! Pure: keys, time and request in, header fields out. Written here because the crates that do it
//! bring a second set of hash functions along; held against the examples that AWS publishes.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::{digest, hmac};
use http::{HeaderMap, HeaderValue, Method};
use url::Url;

use crate::hex::hex;
use crate::secret::Secret;

/// Who signs, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signer {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: Secret,
    pub(crate) session_token: Option<Secret>,
    pub(crate) region: String,
    pub(crate) service: &'static str,
}

/// A header field that cannot be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a header field of the request cannot be signed")]
pub(crate) struct SignError;

impl Signer {
    /// Adds `x-amz-date`, the body's hash, the session's token and `authorization` to the fields
    /// of a request, all of which are signed, with the host of the URL.
    pub(crate) fn sign(
        &self,
        method: &Method,
        url: &Url,
        headers: &mut HeaderMap,
        body: &[u8],
        now: SystemTime,
    ) -> Result<(), SignError> {
        let (day, time) = date(now);
        let body_hash = sha256(body);
        headers.insert("x-amz-date", field(&time)?);
        headers.insert("x-amz-content-sha256", field(&body_hash)?);
        if let Some(token) = &self.session_token {
            let token = HeaderValue::from_bytes(token.expose()).map_err(|_| SignError)?;
            headers.insert("x-amz-security-token", token);
        }
        let authorization = self.authorization(method, url, headers, &body_hash, &day, &time)?;
        let mut authorization = field(&authorization)?;
        authorization.set_sensitive(true);
        headers.insert(http::header::AUTHORIZATION, authorization);
        Ok(())
    }

    fn authorization(
        &self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        body_hash: &str,
        day: &str,
        time: &str,
    ) -> Result<String, SignError> {
        let mut fields = vec![("host", host(url))];
        for (name, value) in headers {
            let value = value.to_str().map_err(|_| SignError)?;
            fields.push((name.as_str(), value.trim().to_owned()));
        }
        fields.sort();
        let mut canonical = format!("{method}\n{}\n{}\n", url.path(), query(url));
        for (name, value) in &fields {
            // Writing to a string cannot fail.
            let _ = writeln!(canonical, "{name}:{value}");
        }
        let names = fields.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let _ = write!(canonical, "\n{names}\n{body_hash}");
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let hash = sha256(canonical.as_bytes());
        let text = format!("{ALGORITHM}\n{time}\n{scope}\n{hash}");
        let first = [b"AWS4", self.secret_access_key.expose()].concat();
        let first = zeroize::Zeroizing::new(first);
        let parts = [day, &self.region, self.service, "aws4_request", &text];
        let mut key = hmac::Key::new(hmac::HMAC_SHA256, &first);
        let mut signature = String::new();
        for part in parts {
            let tag = hmac::sign(&key, part.as_bytes());
            key = hmac::Key::new(hmac::HMAC_SHA256, tag.as_ref());
            signature = hex(tag.as_ref());
        }
        let id = &self.access_key_id;
        Ok(format!(
            "{ALGORITHM} Credential={id}/{scope},SignedHeaders={names},Signature={signature}"
        ))
    }
}

/// The path of an object as it is sent and signed: everything but unreserved characters and
/// slashes is written as `%XX`.
pub(crate) fn encoded_path(path: &str) -> String {
    encoded(path, b"/")
}

fn encoded(text: &str, also: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || also.contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The parameters of the query in the order and the spelling that is signed.
fn query(url: &Url) -> String {
    let pairs = url.query_pairs().map(|(name, value)| (encoded(&name, b""), encoded(&value, b"")));
    let mut pairs: Vec<(String, String)> = pairs.collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// Host and port as the request says them: without the scheme's own port.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn field(text: &str) -> Result<HeaderValue, SignError> {
    HeaderValue::from_str(text).map_err(|_| SignError)
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// `20130524` and `20130524T000000Z`.
fn date(now: SystemTime) -> (String, String) {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let at = UNIX_EPOCH.checked_add(std::time::Duration::from_secs(seconds.as_secs()));
    let text = humantime::format_rfc3339_seconds(at.unwrap_or(UNIX_EPOCH)).to_string();
    let time: String = text.chars().filter(|c| *c != '-' && *c != ':').collect();
    (time.chars().take(8).collect(), time)
}

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// The keys of the examples in the documentation of S3.
    fn signer() -> Signer {
        Signer {
            access_key_id: concat!("AKIA", "IOSFODNN7EXAMPLE").to_owned(),
            secret_access_key: Secret::new(
                concat!("wJalrXUtnFEMI/K7MD", "ENG/bPxRfiCYEXAMPLEKEY").as_bytes().to_vec(),
            ),
            session_token: None,
            region: "us-east-1".to_owned(),
            service: "s3",
        }
    }

    fn signed(method: Method, url: &str, headers: &[(&'static str, &str)], body: &[u8]) -> String {
        let now = UNIX_EPOCH + Duration::from_secs(1_369_353_600);
        let mut fields = HeaderMap::new();
        for (name, value) in headers {
            fields.insert(*name, HeaderValue::from_str(value).unwrap());
        }
        let url = Url::parse(&format!("https://examplebucket.s3.amazonaws.com{url}")).unwrap();
        signer().sign(&method, &url, &mut fields, body, now).unwrap();
        assert_eq!(fields["x-amz-date"], "20130524T000000Z");
        fields["authorization"].to_str().unwrap().to_owned()
    }

    #[test]
    fn signatures_are_those_of_the_examples_that_aws_publishes() {
        let credential = concat!(
            "AWS4-HMAC-SHA256 Credential=AKIA",
            "IOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders="
        );
        let get = signed(Method::GET, "/test.txt", &[("range", "bytes=0-9")], b"");
        assert_eq!(
            get,
            format!(
                "{credential}host;range;x-amz-content-sha256;x-amz-date,Signature=\
                 f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
            )
        );
        let put = signed(
            Method::PUT,
            &encoded_path("/test$file.text"),
            &[
                ("date", "Fri, 24 May 2013 00:00:00 GMT"),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ],
            b"Welcome to Amazon S3.",
        );
        assert_eq!(
            put,
            format!(
                "{credential}date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,Signature=\
                 98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
            )
        );
        for (query, signature) in [
            ("/?lifecycle", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
            (
                "/?max-keys=2&prefix=J",
                "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            ),
            (
                "/?prefix=J&max-keys=2",
                "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            ),
        ] {
            let found = signed(Method::GET, query, &[], b"");
            assert!(found.ends_with(&format!("Signature={signature}")), "{query}: {found}");
        }
    }

    #[test]
    fn every_field_query_path_port_and_token_is_under_the_signature() {
        let base = signed(Method::GET, "/a", &[("range", "b")], b"x");
        for other in [
            signed(Method::PUT, "/a", &[("range", "b")], b"x"),
            signed(Method::GET, "/b", &[("range", "b")], b"x"),
            signed(Method::GET, "/a?c", &[("range", "b")], b"x"),
            signed(Method::GET, "/a", &[("range", "c")], b"x"),
            signed(Method::GET, "/a", &[("range", "b")], b"y"),
        ] {
            assert_ne!(base, other);
        }
        assert_eq!(host(&Url::parse("http://127.0.0.1:9000/a").unwrap()), "127.0.0.1:9000");
        assert_eq!(host(&Url::parse("https://s3.example:443/a").unwrap()), "s3.example");
        let mut fields = HeaderMap::new();
        let token = Some(Secret::new(b"session".to_vec()));
        let signer = Signer { session_token: token, ..signer() };
        let url = Url::parse("https://s3.example/a").unwrap();
        signer.sign(&Method::GET, &url, &mut fields, b"", SystemTime::now()).unwrap();
        let authorization = fields["authorization"].to_str().unwrap();
        assert!(authorization.contains("x-amz-security-token"), "{authorization}");
    }

    #[test]
    fn paths_are_written_as_s3_reads_them() {
        assert_eq!(encoded_path("/a b/ü$~.c"), "/a%20b/%C3%BC%24~.c");
    }
}
