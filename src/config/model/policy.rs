//! Which policies govern.

use std::sync::Arc;

use http::HeaderName;

use crate::policy::Policies;
use crate::policy::text::Denial;

/// The policies that govern servers.
#[derive(Debug, Clone)]
pub struct Governance {
    /// Those that decide.
    pub live: Arc<Policies>,
    /// Those that are tried.
    pub shadow: Option<Arc<Policies>>,
    /// How denials look where no policy says.
    pub denial: Denial,
    /// Header in which a trusted proxy tells the risk.
    pub risk_header: Option<HeaderName>,
}
