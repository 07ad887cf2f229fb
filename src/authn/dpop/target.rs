//! The address that a proof has to name.
//!
//! Pure. The origin comes from the configured public URL alone, the path from the request, whose
//! route was found by it. Guarantees that two addresses are taken for one only where RFC 3986
//! section 6.2 says that they are.

use url::Url;

use crate::config::Server;

/// Where a server is reached.
#[derive(Debug)]
pub(super) struct Target {
    /// Scheme, host, and port where it is not the scheme's own.
    origin: String,
}

impl Target {
    pub(super) fn of(server: &Server) -> Self {
        Self { origin: server.public_url.origin().ascii_serialization() }
    }

    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether `htu` is the address of `path` here; its query and fragment do not count
    /// (RFC 9449 section 4.3, check 9).
    pub(super) fn is(&self, htu: &str, path: &str) -> bool {
        // What clients send that take the address as it was configured.
        if htu.strip_prefix(self.origin.as_str()) == Some(path) {
            return true;
        }
        // A URL parser forgives much that is no URI: blanks, backslashes, missing slashes.
        let plain = htu.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
        let whole = htu.split_once("://").is_some_and(|(_, rest)| !rest.starts_with('/'));
        let Some(url) = Url::parse(htu).ok().filter(|_| plain && whole) else { return false };
        url.username().is_empty()
            && url.password().is_none()
            && url.origin().ascii_serialization() == self.origin
            && normal(url.path()) == normal(path)
    }
}

/// A path with its escapes in their one form (RFC 3986 sections 6.2.2.1 and 6.2.2.2): those of
/// unreserved characters undone, the digits of the others in upper case.
fn normal(path: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [byte, behind @ ..] = rest {
        rest = behind;
        let [high, low, after @ ..] = behind else {
            out.push(*byte);
            continue;
        };
        let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
        match (*byte, digit(*high), digit(*low)) {
            (b'%', Some(first), Some(second)) => {
                let value = first * 16 + second;
                if value.is_ascii_alphanumeric() || b"-._~".contains(&value) {
                    out.push(value);
                } else {
                    out.extend([b'%', high.to_ascii_uppercase(), low.to_ascii_uppercase()]);
                }
                rest = after;
            }
            _ => out.push(*byte),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Target, normal};

    fn is(htu: &str, path: &str) -> bool {
        Target { origin: "https://mcp.example".to_owned() }.is(htu, path)
    }

    #[test]
    fn the_same_address_in_another_spelling_is_the_same() {
        for htu in [
            "https://mcp.example/mcp",
            "HTTPS://MCP.example/mcp",
            "https://mcp.example:443/mcp",
            "https://mcp.example/mcp?a=b",
            "https://mcp.example/mcp#part",
            "https://mcp.example/%6dcp",
            "https://mcp.example/a/../mcp",
        ] {
            assert!(is(htu, "/mcp"), "{htu}");
        }
        assert!(is("https://mcp.example", "/") && is("https://mcp.example/", "/"));
        assert!(is("https://mcp.example/a%c3%a4", "/a%C3%A4"));
    }

    #[test]
    fn another_address_is_another() {
        for htu in [
            "",
            "/mcp",
            "mcp.example/mcp",
            "http://mcp.example/mcp",
            "https://mcp.example.evil/mcp",
            "https://evil.example/mcp",
            "https://mcp.example:8443/mcp",
            "https://user@mcp.example/mcp",
            "https://mcp.example@evil.example/mcp",
            "https://mcp.example/mcp/",
            "https://mcp.example/MCP",
            "https://mcp.example/mcp/x",
            "https://mcp.example//mcp",
            "https://mcp.example\\mcp",
            "https:\\\\mcp.example/mcp",
            "https:mcp.example/mcp",
            "https:///mcp.example/mcp",
            " https://mcp.example/mcp",
            "https://mcp.example/mcp ",
            "https://mcp.exa\tmple/mcp",
            "https://mcp.example/mcp%2f",
            "https://mcp.example/mcp%3fa",
        ] {
            assert!(!is(htu, "/mcp"), "{htu}");
        }
        assert!(!is("https://mcp.example/a/b", "/a%2Fb"));
        assert!(!is("https://mcp.example/%zz", "/zz"));
    }

    proptest! {
        #[test]
        fn any_text_is_compared_and_never_panics(htu in "\\PC{0,60}", path in "/\\PC{0,20}") {
            let _ = is(&htu, &path);
            let _ = is(&format!("https://mcp.example{htu}"), &path);
        }

        #[test]
        fn normal_form_is_its_own_normal_form(path in "(/[a-zA-Z0-9%._~-]{0,8}){0,3}") {
            let once = String::from_utf8(normal(&path)).unwrap();
            // An escaped percent sign stays escaped, so nothing is undone twice.
            prop_assume!(!once.contains("%25") || !path.contains("%25"));
            prop_assert!(once.matches('%').count() <= path.matches('%').count());
        }
    }
}
