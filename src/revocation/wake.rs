//! What wakes an open stream when somebody is revoked, so that a silent one notices too.

use tokio::sync::watch;

/// Wakes at each change; cheap to hold and to wait on.
#[derive(Debug, Clone)]
pub struct Wake(Option<watch::Receiver<u64>>);

impl Wake {
    pub(super) fn of(generation: watch::Receiver<u64>) -> Self {
        Self(Some(generation))
    }

    /// Never wakes.
    #[must_use]
    pub fn never() -> Self {
        Self(None)
    }

    /// Waits for the next change since the last call. Cancel-safe.
    pub async fn changed(&mut self) {
        if let Some(generation) = &mut self.0
            && generation.changed().await.is_ok()
        {
            return;
        }
        // Nobody can change anything any more.
        self.0 = None;
        std::future::pending::<()>().await;
    }
}
