//! A value that is set once and awaited by many.
//!
//! All records of one commit share one latch, so that waiting for durability
//! costs no allocation per record.

use std::sync::OnceLock;

use tokio::sync::Notify;

/// Set once, awaited by any number of tasks.
#[derive(Debug)]
pub(super) struct Latch<T> {
    value: OnceLock<T>,
    set: Notify,
}

impl<T> Latch<T> {
    pub(super) const fn new() -> Self {
        Self { value: OnceLock::new(), set: Notify::const_new() }
    }

    /// Sets the value and wakes everybody; a second value is ignored.
    pub(super) fn set(&self, value: T) {
        if self.value.set(value).is_ok() {
            self.set.notify_waiters();
        }
    }

    /// The value, if it is set.
    pub(super) fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// Waits for the value. Cancel-safe.
    pub(super) async fn wait(&self) -> &T {
        loop {
            // Registered before looking: a value set in between still wakes us.
            let set = self.set.notified();
            if let Some(value) = self.get() {
                return value;
            }
            set.await;
        }
    }
}
