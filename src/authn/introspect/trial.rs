//! Whether an issuer answers the gateway at all, without a token to ask about.

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::ask::Asker;
use crate::authn::jwks::Services;
use crate::clock::Clock;
use crate::config::Issuer;
use crate::outbound::Outbound;

/// Asks the introspection endpoint of an issuer about a text that is no token.
///
/// # Errors
/// Why there is no usable answer, in words that hold nothing secret.
pub async fn try_introspection(
    issuer: &Issuer,
    clock: &Clock,
    outbound: &Arc<Outbound>,
) -> Result<(), String> {
    let how = issuer.introspection.as_ref().ok_or("it is not asked about tokens")?;
    let asker = Asker::new(&issuer.issuer, how).map_err(|why| why.to_string())?;
    let services = Services {
        clock: clock.clone(),
        outbound: Arc::clone(outbound),
        tasks: TaskTracker::new(),
        generations: Arc::default(),
    };
    let text = format!("sallyport-doctor-{}", uuid::Uuid::now_v7());
    asker.try_out(&services, &text).await.map_err(|why| why.to_string())
}
