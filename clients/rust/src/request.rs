//! A request that sends its own samples at its end.

use std::sync::{Arc, Mutex, PoisonError};

use crate::limits::{FIRST_DELAY_MS, MAX_DELAY_MS, SHARED_DELAY_MS};
use crate::outbox::Outbox;
use crate::row::Entry;
use crate::signal::{Signal, first_of};

/// The state of one request. No other request shares it.
pub(crate) struct RequestSender {
    outbox: Arc<Outbox>,
    cover: Arc<Mutex<Cover>>,
}

#[derive(Default)]
struct Cover {
    /// Completes when the waiting samples are to be sent. It exists while samples wait, and a task
    /// in `waitUntil` awaits it.
    signal: Option<Arc<Signal>>,
    /// The number of signals so far.
    begun: u32,
}

impl RequestSender {
    pub(crate) fn new(outbox: Arc<Outbox>) -> Self {
        Self {
            outbox,
            cover: Arc::default(),
        }
    }

    pub(crate) fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// Adds a sample `times` times. Returns how many did not fit.
    pub(crate) fn add(&self, entry: &Entry, times: usize) -> usize {
        let max_calls = usize::try_from(self.outbox.calls_left()).unwrap_or(usize::MAX);
        let (full, waits) = {
            let mut pool = self.outbox.pool();
            let full = pool.add(entry, times, max_calls);
            (full, !pool.batch.is_empty())
        };
        if waits && let Some((signal, delay_ms)) = self.begin_cover() {
            self.cover(signal, delay_ms);
        }
        full
    }

    /// Tells the request that the handler has finished. The waiting samples are then sent.
    pub(crate) fn release(&self) {
        let signal = lock(&self.cover).signal.clone();
        if let Some(signal) = signal {
            signal.give();
        }
    }

    fn begin_cover(&self) -> Option<(Arc<Signal>, Option<u32>)> {
        let is_last = self.outbox.calls_left() <= 1;
        let mut cover = lock(&self.cover);
        if cover.signal.is_some() {
            return None;
        }
        let delay_ms = if self.outbox.settings().outlives_requests {
            Some(SHARED_DELAY_MS)
        } else if is_last {
            // Keep the last call for the end of the handler, which always comes unless the request
            // is cancelled.
            None
        } else if cover.begun == 0 {
            Some(FIRST_DELAY_MS)
        } else {
            Some(MAX_DELAY_MS)
        };
        let signal = Arc::new(Signal::default());
        cover.signal = Some(Arc::clone(&signal));
        cover.begun = cover.begun.saturating_add(1);
        Some((signal, delay_ms))
    }

    // A handler that runs long, or that is cancelled and never dropped, must not hold its samples.
    // They are sent after some time even if the end of the handler is never reported.
    fn cover(&self, signal: Arc<Signal>, delay_ms: Option<u32>) {
        let outbox = Arc::clone(&self.outbox);
        let cover = Arc::clone(&self.cover);
        self.outbox.platform().wait_until(Box::pin(async move {
            match delay_ms {
                Some(ms) => {
                    first_of(signal.given(), outbox.platform().sleep(ms)).await;
                }
                None => signal.given().await,
            }
            lock(&cover).signal = None;
            outbox.send().await;
        }));
    }
}

fn lock(cover: &Mutex<Cover>) -> std::sync::MutexGuard<'_, Cover> {
    cover.lock().unwrap_or_else(PoisonError::into_inner)
}
