//! Which addresses answers may be sent to.
//!
//! Pure. The text itself is judged, not what a parser makes of it: nothing is decoded, collapsed
//! or lower-cased, so that no spelling leaves the list.

use crate::config::RedirectUri;
use crate::limits::REDIRECT_URI_BYTES_MAX;

/// Whether one of the list's entries allows the address.
#[must_use]
pub fn permits(list: &[RedirectUri], address: &str) -> bool {
    if address.len() > REDIRECT_URI_BYTES_MAX {
        return false;
    }
    list.iter().any(|entry| match entry {
        RedirectUri::Exact(exact) => exact == address,
        RedirectUri::Loopback => {
            HOSTS.iter().any(|host| path_after(address, host).is_some_and(is_plain))
        }
        RedirectUri::LoopbackAt { host, path } => path_after(address, host) == Some(path.as_str()),
    })
}

/// What follows host and port of an address of this machine, any port (RFC 8252 section 7.3).
fn path_after<'a>(address: &'a str, host: &str) -> Option<&'a str> {
    let rest = address.strip_prefix("http://")?.strip_prefix(host)?;
    let Some(rest) = rest.strip_prefix(':') else { return Some(rest) };
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (port, path) = rest.split_at_checked(end)?;
    (!port.starts_with('0') && port.parse::<u16>().is_ok()).then_some(path)
}

/// No path, or one of plain segments.
fn is_plain(path: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
    path.is_empty() || (path.starts_with('/') && path.bytes().all(plain))
}

const HOSTS: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

#[cfg(test)]
mod tests {
    use super::{REDIRECT_URI_BYTES_MAX, permits};
    use crate::config::RedirectUri;

    fn list() -> Vec<RedirectUri> {
        vec![
            RedirectUri::Loopback,
            RedirectUri::Exact("https://app.example/cb".to_owned()),
            RedirectUri::Exact("cursor://app/cb".to_owned()),
        ]
    }

    #[test]
    fn programs_on_the_users_machine_are_answered_on_any_port() {
        for address in [
            "http://127.0.0.1:33418/",
            "http://127.0.0.1/callback",
            "http://127.0.0.1:1",
            "http://[::1]:65535/a/b-c_d~e.f",
            "http://localhost:8080/oauth/callback",
            "https://app.example/cb",
            "cursor://app/cb",
        ] {
            assert!(permits(&list(), address), "{address}");
        }
    }

    #[test]
    fn no_spelling_leaves_the_list() {
        for address in [
            "",
            "http://127.0.0.1.evil.example/",
            "http://127.0.0.1@evil.example/",
            "http://127.0.0.1:80@evil.example/",
            "http://127.0.0.1:@evil.example/",
            "http://127.0.0.1:1\\@evil.example/",
            "http://127.0.0.1:99999/",
            "http://127.0.0.1:0/",
            "http://127.0.0.1:01/",
            "http://127.0.0.1:/",
            "http://127.0.0.1:1/?next=x",
            "http://127.0.0.1:1/#x",
            "http://127.0.0.1:1/%2e",
            "http://127.0.0.1:1/a b",
            "http://localhost.evil.example/",
            "http://localhostevil/",
            "http://LOCALHOST/",
            "http://127.1/",
            "http://0.0.0.0/",
            "http://2130706433/",
            "https://127.0.0.1/",
            "//127.0.0.1/",
            "https://app.example/cb/",
            "https://app.example/cb?x",
            "https://app.example/CB",
            "https://APP.example/cb",
            "https://app.example:443/cb",
            "https://app.example/cb/../cb",
            "https://evil.example/cb",
            "javascript:alert(1)",
            "cursor://app/cb2",
        ] {
            assert!(!permits(&list(), address), "{address}");
        }
        assert!(!permits(&[], "http://127.0.0.1/"));
        let long = format!("http://127.0.0.1/{}", "a".repeat(REDIRECT_URI_BYTES_MAX));
        assert!(!permits(&list(), &long));
    }

    #[test]
    fn loopback_with_a_path_binds_host_and_path_not_the_port() {
        let at = RedirectUri::LoopbackAt { host: "127.0.0.1", path: "/cb".to_owned() };
        let list = [at];
        assert!(permits(&list, "http://127.0.0.1:5/cb") && permits(&list, "http://127.0.0.1/cb"));
        for other in ["http://127.0.0.1:5/", "http://localhost:5/cb", "http://127.0.0.1:5/cb/x"] {
            assert!(!permits(&list, other), "{other}");
        }
    }
}
