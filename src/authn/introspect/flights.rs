//! One piece of work for each key at a time, whoever asks for it (single flight).
//!
//! Guarantees: work goes on when those who wait for it go away; there is never more of it under way
//! than the bound; its place is free again when it ends, however it ends.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::task::TaskTracker;

/// Work under way, by key.
pub(super) struct Flights<K, T> {
    under_way: Arc<Mutex<UnderWay<K, T>>>,
    most: usize,
}

type UnderWay<K, T> = HashMap<K, watch::Receiver<Option<T>>>;

/// Why there is no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoResult {
    /// As much is under way as may be.
    Full,
    /// The work ended without one.
    Lost,
}

impl<K, T> Flights<K, T>
where
    K: Eq + Hash + Clone + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    pub(super) fn new(most: usize) -> Self {
        Self { under_way: Arc::default(), most }
    }

    /// The result of the work for `key`, which is `start`ed unless it is under way.
    ///
    /// Cancel-safe: the work goes on.
    pub(super) async fn join<W>(
        &self,
        tasks: &TaskTracker,
        key: K,
        start: impl FnOnce() -> W,
    ) -> Result<T, NoResult>
    where
        W: Future<Output = T> + Send + 'static,
    {
        let mut flight = self.enter(tasks, key, start)?;
        let result = flight.wait_for(Option::is_some).await.map_err(|_| NoResult::Lost)?;
        result.clone().ok_or(NoResult::Lost)
    }

    fn enter<W>(
        &self,
        tasks: &TaskTracker,
        key: K,
        start: impl FnOnce() -> W,
    ) -> Result<watch::Receiver<Option<T>>, NoResult>
    where
        W: Future<Output = T> + Send + 'static,
    {
        let mut under_way = lock(&self.under_way);
        if let Some(flight) = under_way.get(&key) {
            return Ok(flight.clone());
        }
        if under_way.len() >= self.most {
            return Err(NoResult::Full);
        }
        let (done, flight) = watch::channel(None);
        under_way.insert(key.clone(), flight.clone());
        drop(under_way);
        let place = Place { under_way: Arc::clone(&self.under_way), key };
        let work = start();
        tasks.spawn(async move {
            let result = work.await;
            // First the place, then the result: whoever comes after this finds it in a cache.
            drop(place);
            done.send_replace(Some(result));
        });
        Ok(flight)
    }
}

/// The place of one piece of work; free again when dropped.
struct Place<K: Eq + Hash, T> {
    under_way: Arc<Mutex<UnderWay<K, T>>>,
    key: K,
}

impl<K: Eq + Hash, T> Drop for Place<K, T> {
    fn drop(&mut self) {
        lock(&self.under_way).remove(&self.key);
    }
}

fn lock<K, T>(under_way: &Mutex<UnderWay<K, T>>) -> MutexGuard<'_, UnderWay<K, T>> {
    // A panic cannot leave a map half-written.
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K, T> fmt::Debug for Flights<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flights").field("most", &self.most).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio_util::task::TaskTracker;

    use super::{Flights, NoResult};

    #[tokio::test]
    async fn work_for_one_key_is_done_once_and_given_to_all() {
        let (flights, tasks) = (Flights::new(1), TaskTracker::new());
        let runs = Arc::new(AtomicUsize::new(0));
        let join = || {
            let runs = Arc::clone(&runs);
            flights.join(&tasks, 7, move || async move {
                tokio::task::yield_now().await;
                runs.fetch_add(1, Ordering::SeqCst)
            })
        };
        assert_eq!(tokio::join!(join(), join(), join()), (Ok(0), Ok(0), Ok(0)));
        assert_eq!(join().await, Ok(1), "the place is free again");
    }

    #[tokio::test]
    async fn work_beyond_the_bound_is_not_started() {
        let (flights, tasks) = (Flights::new(1), TaskTracker::new());
        let slow = flights.join(&tasks, 1, || async {
            tokio::task::yield_now().await;
            1
        });
        let refused = flights.join(&tasks, 2, || async { 2 });
        assert_eq!(tokio::join!(slow, refused), (Ok(1), Err(NoResult::Full)));
    }

    #[tokio::test]
    async fn work_that_fails_frees_its_place() {
        let (flights, tasks) = (Flights::<u8, u8>::new(1), TaskTracker::new());
        let lost = flights.join(&tasks, 1, || async { panic!("a defect") }).await;
        assert_eq!(lost, Err(NoResult::Lost));
        assert_eq!(flights.join(&tasks, 1, || async { 3 }).await, Ok(3));
    }
}
