//! What the admin listener shows of a running gateway.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Core;
use crate::config;
use crate::revocation::Desk;
use crate::secret::Secret;
use crate::server::Listeners;
use crate::server::admin::{AdminPages, Readiness, Status};

/// Serves health, metrics and the desk until the end; says where.
pub(super) fn serve(
    core: &Arc<Core>,
    admin: &config::Admin,
    bound: Listeners,
    helpers: &TaskTracker,
    end: &CancellationToken,
) -> SocketAddr {
    let address = bound.addresses().first().map_or(admin.bind, |b| b.address);
    let pages = Arc::new(AdminPages::new(CoreStatus(Arc::clone(core)), address));
    helpers.spawn(bound.serve(pages, end.clone()));
    address
}

/// What the admin listener shows.
#[derive(Debug)]
struct CoreStatus(Arc<Core>);

impl Status for CoreStatus {
    fn metrics(&self) -> String {
        self.0.metrics()
    }

    fn admin_token(&self) -> Option<Secret> {
        let live = self.0.live.load();
        live.config().admin.as_ref()?.token.clone()
    }

    fn desk(&self) -> Option<&Desk> {
        Some(&self.0.desk)
    }

    fn readiness(&self) -> Readiness {
        let reasons = self.0.unready();
        Readiness { ready: reasons.is_empty(), reasons }
    }
}
