//! Where a server may send a person.
//!
//! Owns the rule for elicitation in URL mode (MCP 2025-11-25, Client Features, "Elicitation", "URL
//! Mode"; in 2026-07-28 the same parameters stand in `inputRequests`). Pure. Guarantees that an
//! address passes only if every reader finds the same host in it, that host is on the server's
//! list, and the scheme is `https`, or `http` on a loopback name that is on the list.

use url::Url;

use crate::glob::Glob;
use crate::json::{Kind, Value};
use crate::limits::URI_BYTES_MAX;

/// The hosts of one server.
#[derive(Debug, Clone, Default)]
pub struct UrlHosts(Vec<Glob>);

/// Why a request for input is not delivered. Holds nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ElicitationError {
    /// The parameters are not an object, or the mode is neither `form` nor `url`.
    #[error("an elicitation of unknown form")]
    Form,
    /// The address is missing, too long, or can be read in two ways.
    #[error("an address that is missing or can be read in two ways")]
    Address,
    /// Neither `https` nor a loopback name.
    #[error("an address that is not https")]
    Scheme,
    /// Not on the list.
    #[error("an address on a host that is not allowed")]
    Host,
}

impl UrlHosts {
    /// From the configuration; none refuses every address.
    #[must_use]
    pub fn new(patterns: &[Box<str>]) -> Self {
        Self(patterns.iter().map(|pattern| Glob::new(pattern)).collect())
    }

    /// Whether the parameters of an `elicitation/create` may be delivered. Forms may; an address
    /// must pass [`UrlHosts::allows`], also where the mode is left out.
    ///
    /// # Errors
    /// See [`ElicitationError`].
    pub fn check(&self, params: Option<Value<'_>>) -> Result<(), ElicitationError> {
        let params = params.filter(|p| p.kind() == Kind::Object).ok_or(ElicitationError::Form)?;
        let url = params.get("url");
        match params.get("mode") {
            None => url.map_or(Ok(()), |url| self.value(Some(url))),
            Some(mode) if mode.is_str("form") => url.map_or(Ok(()), |url| self.value(Some(url))),
            Some(mode) if mode.is_str("url") => self.value(url),
            Some(_) => Err(ElicitationError::Form),
        }
    }

    /// Whether an error that asks the client to send a person somewhere first may be delivered
    /// (−32042 of MCP 2025-11-25: `data.elicitations`). Other errors may.
    ///
    /// # Errors
    /// See [`ElicitationError`].
    pub fn check_error(&self, error: Value<'_>) -> Result<(), ElicitationError> {
        let Some(all) = error.get("data").and_then(|data| data.get("elicitations")) else {
            return Ok(());
        };
        if all.kind() != Kind::Array {
            return Err(ElicitationError::Form);
        }
        all.items().try_for_each(|one| self.check(Some(one)))
    }

    /// Whether a server may send a person to this address.
    ///
    /// # Errors
    /// See [`ElicitationError`].
    pub fn allows(&self, text: &str) -> Result<(), ElicitationError> {
        // What readers of addresses disagree on: white space, backslashes, user names, other
        // scripts in host names.
        let strange = |b: u8| !b.is_ascii_graphic() || matches!(b, b'\\' | b'"' | b'<' | b'>');
        if text.len() > URI_BYTES_MAX || text.bytes().any(strange) {
            return Err(ElicitationError::Address);
        }
        let (scheme, rest) = text.split_once("://").ok_or(ElicitationError::Address)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let url = Url::parse(text).map_err(|_| ElicitationError::Address)?;
        let host = url.host_str().ok_or(ElicitationError::Address)?;
        let port = authority.get(host.len()..).unwrap_or_default();
        let same_host = authority.get(..host.len()).is_some_and(|a| a.eq_ignore_ascii_case(host));
        let plain_port = port.is_empty()
            || port.strip_prefix(':').is_some_and(|p| p.bytes().all(|b| b.is_ascii_digit()));
        if !same_host || !plain_port || authority.contains('@') {
            return Err(ElicitationError::Address);
        }
        let secure = scheme.eq_ignore_ascii_case("https");
        let loopback = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        let plain = loopback && scheme.eq_ignore_ascii_case("http");
        if !(secure || plain) {
            return Err(ElicitationError::Scheme);
        }
        if self.0.iter().any(|glob| glob.matches(host)) {
            Ok(())
        } else {
            Err(ElicitationError::Host)
        }
    }

    fn value(&self, url: Option<Value<'_>>) -> Result<(), ElicitationError> {
        let text = url.and_then(|url| url.as_str()).ok_or(ElicitationError::Address)?;
        self.allows(&text)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;
    use url::Url;

    use super::ElicitationError::{self, Address, Form, Host, Scheme};
    use super::UrlHosts;
    use crate::json::{Document, KeyRule, Limits};

    fn hosts() -> UrlHosts {
        UrlHosts::new(&["login.example.com", "*.pay.example.com", "localhost"].map(Box::from))
    }

    fn params(text: &str) -> Result<(), ElicitationError> {
        let limits =
            Limits { depth_max: 8, nodes_max: 100, number_bytes_max: 32, keys: KeyRule::Exact };
        let document = Document::parse(Bytes::copy_from_slice(text.as_bytes()), &limits).unwrap();
        hosts().check(Some(document.root()))
    }

    #[test]
    fn listed_hosts_pass_over_https_and_loopback_by_name_over_http() {
        for good in [
            "https://login.example.com/a?b#c",
            "HTTPS://Login.Example.com:8443/",
            "https://a.b.pay.example.com",
            "http://localhost:3000/callback",
        ] {
            assert_eq!(hosts().allows(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn other_addresses_are_refused() {
        for (bad, why) in [
            ("https://evil.example", Host),
            ("https://pay.example.com", Host),
            ("https://login.example.com.evil.example", Host),
            ("http://127.0.0.1/", Host),
            ("http://login.example.com", Scheme),
            ("ftp://login.example.com", Scheme),
            ("javascript:alert(1)", Address),
            ("javascript://login.example.com/%0aalert(1)", Scheme),
            ("https://login.example.com@evil.example", Address),
            ("https://login.example.com:443@evil.example", Address),
            ("https://evil.example\\@login.example.com", Address),
            ("https:\\\\login.example.com", Address),
            ("https:/login.example.com", Address),
            ("https:///login.example.com", Address),
            ("https://login.example.com:x/", Address),
            ("https://login%2eexample.com", Address),
            ("https://lögin.example.com", Address),
            (" https://login.example.com", Address),
            ("https://login.example\t.com", Address),
            ("//login.example.com", Address),
            ("", Address),
        ] {
            assert_eq!(hosts().allows(bad), Err(why), "{bad}");
        }
    }

    #[test]
    fn without_a_list_every_address_is_refused_and_forms_pass() {
        assert_eq!(UrlHosts::default().allows("https://login.example.com"), Err(Host));
        assert_eq!(params(r#"{"message":"name?","requestedSchema":{}}"#), Ok(()));
        assert_eq!(params(r#"{"mode":"form","message":"name?"}"#), Ok(()));
    }

    #[test]
    fn mode_that_is_left_out_or_unknown_hides_no_address() {
        assert_eq!(params(r#"{"mode":"url","url":"https://login.example.com/x"}"#), Ok(()));
        assert_eq!(params(r#"{"mode":"url"}"#), Err(Address));
        assert_eq!(params(r#"{"url":"https://evil.example"}"#), Err(Host));
        assert_eq!(params(r#"{"mode":"form","url":"https://evil.example"}"#), Err(Host));
        assert_eq!(params(r#"{"mode":"URL","url":"https://login.example.com"}"#), Err(Form));
        assert_eq!(params(r#"{"mode":null,"url":"https://login.example.com"}"#), Err(Form));
    }

    proptest! {
        #[test]
        fn what_passes_has_a_listed_host_for_every_reader(text in "[hH]ttps?://[a-z.@:/\\\\?#\\[\\]%0-9 -]{0,40}(login\\.example\\.com)?[a-z.@:/?#%0-9]{0,20}") {
            if hosts().allows(&text).is_ok() {
                let authority = text.split("://").nth(1).unwrap().split(['/', '?', '#']).next().unwrap();
                let name = authority.split(':').next().unwrap().to_ascii_lowercase();
                let url = Url::parse(&text).unwrap();
                prop_assert_eq!(url.host_str(), Some(&*name));
                prop_assert!(name == "login.example.com" || name.ends_with(".pay.example.com") || name == "localhost");
            }
        }
    }
}
