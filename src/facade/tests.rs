//! Settings for the tests of the parts.

use std::time::Duration;

use crate::config::{Facade, Rate, ResourceShim};

pub fn settings() -> Facade {
    Facade {
        issuer: "https://idp.example".into(),
        resource: ResourceShim::Keep,
        scope_prefix: None,
        proxies_responses: false,
        client_id: None,
        redirect_uris: Vec::new(),
        assume_pkce: false,
        client_credentials: false,
        per_address: Some(Rate { count: 60, window: Duration::from_secs(60), burst: 60 }),
    }
}
