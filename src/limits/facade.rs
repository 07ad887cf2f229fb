//! The bounds of the authorization-server facade, whose endpoints anybody may ask.

use super::Limit;

limits! {
    #[doc = "Requests of one client address to one facade per minute, by default."]
    FACADE_REQUESTS_PER_MINUTE: u32 = 60, "requests", "a sign-in is four; a house of people behind one address signs in over minutes";
    #[doc = "Requests of one client address to one facade at once, by default."]
    FACADE_BURST: u32 = 60, "requests", "a minute's worth: fifteen people who sign in at nine";
    #[doc = "Requests of one facade to its authorization server under way at once."]
    FACADE_AT_ONCE_MAX: usize = 32, "requests", "a provider answers in a tenth of a second; what is slower must not pile up";
    #[doc = "Bytes of a form or registration."]
    OAUTH_BODY_BYTES_MAX: usize = 16 * 1024, "bytes", "codes and refresh tokens reach 2 KiB; as large as the largest token";
    #[doc = "Parameters of one authorization or token request."]
    OAUTH_PARAMETERS_MAX: usize = 32, "parameters", "real ones have 5 to 12";
    #[doc = "Bytes of the value of one parameter."]
    OAUTH_VALUE_BYTES_MAX: usize = 8 * 1024, "bytes", "refresh tokens of Entra are below 2 KiB; TARGET_BYTES_MAX binds in a query";
    #[doc = "Bytes of a `state` that is carried around sealed."]
    OAUTH_STATE_BYTES_MAX: usize = 1024, "bytes", "SDKs send 36 to 128; sealed it comes back in a target of TARGET_BYTES_MAX";
    #[doc = "Time for which a sealed `state` opens."]
    OAUTH_STATE_S: u64 = 1800, "seconds", "a person signs in with a second factor, or asks for access first";
    #[doc = "Bytes of a description that a provider gives of its error."]
    OAUTH_DESCRIPTION_BYTES_MAX: usize = 512, "bytes", "one or two sentences; the rest is cut";
    #[doc = "Addresses for answers in one configuration or registration."]
    REDIRECT_URIS_MAX: usize = 32, "addresses", "a client registers one to four";
    #[doc = "Bytes of an address for answers."]
    REDIRECT_URI_BYTES_MAX: usize = 512, "bytes", "real ones have 30 to 120";
}
