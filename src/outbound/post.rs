//! What is sent by POST, and what comes back.
//!
//! Owns the form encoding. Both sides of such a conversation hold tokens and secrets, so nothing
//! here shows its content to a log, and bodies are wiped where they are ours.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::Identity;

/// A request by POST.
pub struct Post<'a> {
    pub(super) media_type: HeaderValue,
    /// What is accepted besides what every answer may be.
    pub(super) accept: Option<HeaderValue>,
    pub(super) body: Bytes,
    /// Further header fields; those that the client sets itself are ignored.
    pub headers: HeaderMap,
    /// The certificate to be shown to the server, if it asks for one (RFC 8705 section 2).
    pub identity: Option<&'a Identity>,
}

/// The fields of a form (RFC 6749 appendix B, `application/x-www-form-urlencoded`).
#[derive(Default)]
pub struct Form(Zeroizing<String>);

/// An answer with status 200 or 400 to 499.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The whole body; nobody has read it yet.
    pub body: Bytes,
}

impl Post<'_> {
    /// Posts a form.
    #[must_use]
    pub fn form(form: Form) -> Self {
        Self::of("application/x-www-form-urlencoded", form.into_bytes())
    }

    /// Posts a JSON text.
    #[must_use]
    pub fn json(body: Bytes) -> Self {
        Self::of("application/json", body)
    }

    /// Says what the answer may be, in place of JSON alone.
    #[must_use]
    pub fn accepting(self, media_types: &'static str) -> Self {
        Self { accept: Some(HeaderValue::from_static(media_types)), ..self }
    }

    fn of(media_type: &'static str, body: Bytes) -> Self {
        let media_type = HeaderValue::from_static(media_type);
        Self { media_type, accept: None, body, headers: HeaderMap::new(), identity: None }
    }
}

impl Form {
    /// Adds a field.
    pub fn add(&mut self, name: &str, value: &str) {
        let encoded = |text: &str| -> Zeroizing<String> {
            Zeroizing::new(form_urlencoded::byte_serialize(text.as_bytes()).collect())
        };
        let (name, value) = (encoded(name), encoded(value));
        // Grown by hand, because a string that grows by itself leaves its old bytes behind.
        let mut grown = Zeroizing::new(String::with_capacity(
            self.0.len().saturating_add(name.len()).saturating_add(value.len()).saturating_add(2),
        ));
        grown.push_str(&self.0);
        if !grown.is_empty() {
            grown.push('&');
        }
        grown.push_str(&name);
        grown.push('=');
        grown.push_str(&value);
        self.0 = grown;
    }

    /// With one more field.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.add(name, value);
        self
    }

    fn into_bytes(self) -> Bytes {
        struct Text(Zeroizing<String>);
        impl AsRef<[u8]> for Text {
            fn as_ref(&self) -> &[u8] {
                self.0.as_bytes()
            }
        }
        Bytes::from_owner(Text(self.0))
    }
}

impl Answer {
    /// Whether the media type is `wanted`, parameters not counted (RFC 9110 section 8.3.1).
    #[must_use]
    pub fn is(&self, wanted: &str) -> bool {
        let mut values = self.headers.get_all(http::header::CONTENT_TYPE).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return false };
        let text = value.to_str().unwrap_or_default();
        text.split(';').next().is_some_and(|found| found.trim().eq_ignore_ascii_case(wanted))
    }
}

/// Sizes only: bodies hold tokens.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status.as_u16(), self.body.len())
    }
}

/// Sizes only: forms hold tokens and secrets.
impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Form({} bytes)", self.0.len())
    }
}

/// Sizes only.
impl fmt::Debug for Post<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Post({} bytes)", self.body.len())
    }
}

#[cfg(test)]
mod tests {
    use super::{Form, Post};

    #[test]
    fn form_is_encoded_as_html_forms_are() {
        let form = Form::default().with("token", "a b&c=d+\u{e9}").with("x", "~-._*");
        let post = Post::form(form);
        assert_eq!(post.body, "token=a+b%26c%3Dd%2B%C3%A9&x=%7E-._*");
    }

    #[test]
    fn debug_output_of_a_form_tells_its_size_only() {
        let form = Form::default().with("token", "hunter2");
        assert_eq!(format!("{form:?}"), "Form(13 bytes)");
        assert_eq!(format!("{:?}", Post::form(form)), "Post(13 bytes)");
    }
}
