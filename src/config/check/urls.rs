//! URLs: absolute, http or https, without credentials; plain http on loopback only where it must
//! be so.

use url::{Host, Url};

use super::{At, Context};

/// An absolute http or https URL without credentials and fragment.
pub(super) fn http_url(cx: &mut Context<'_>, at: &At<'_>, text: &str) -> Option<Url> {
    let shown = at.shown();
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(why) => {
            let why = why.to_string().to_lowercase();
            cx.error(at, format!("`{shown}` is not a URL: {why}"), "write `https://host/path`");
            return None;
        }
    };
    if !matches!(url.scheme(), "http" | "https") {
        let message = format!("`{}` is not a scheme that is spoken here", url.scheme());
        cx.error(at, message, "write `https://…` or, on loopback, `http://…`");
        return None;
    }
    if !url.username().is_empty() || url.password().is_some() {
        let message = "a URL must not hold a user name or a password";
        cx.error(at, message, "use `credential: { value: { file: … } }` of the upstream");
        return None;
    }
    if url.fragment().is_some() {
        cx.error(at, "a URL here has no fragment", "remove the `#` and what follows it");
        return None;
    }
    Some(url)
}

/// Whether a URL is https, or its host is this machine itself; a problem otherwise.
pub(super) fn require_https(
    cx: &mut Context<'_>,
    at: &At<'_>,
    url: &Url,
    what: &str,
) -> Option<()> {
    if url.scheme() == "https" || is_loopback(url) {
        return Some(());
    }
    let message = format!("{what} must be `https`: what is sent in plain text can be changed");
    cx.error(
        at,
        message,
        "write `https://…`; `http` is accepted for 127.0.0.1, [::1] and localhost",
    );
    None
}

/// Whether the host of a URL is this machine itself.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => super::listeners::is_loopback(ip.into()),
        // RFC 6761 section 6.3.
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// Host and port as a `Host` header names them: lower case, the scheme's own port left out.
pub(super) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}
