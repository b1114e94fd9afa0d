//! One request's part in sending the samples of all requests of its isolate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::clock::now_ms;
use crate::limits::MAX_DELAY_MS;
use crate::outbox::Outbox;
use crate::row::Entry;

/// Shortest wait of a request that leads again.
const MIN_BACKOFF_MS: u32 = 50;

/// A request that finds no lease takes it. It waits for the interval and then sends everything that
/// waits. All other requests only add to the pool.
pub(crate) struct IsolateSender {
    outbox: Arc<Outbox>,
    /// How often this request has led.
    leads: AtomicU32,
    /// Whether the handler has finished.
    released: AtomicBool,
}

impl IsolateSender {
    pub(crate) fn new(outbox: Arc<Outbox>) -> Self {
        Self {
            outbox,
            leads: AtomicU32::new(0),
            released: AtomicBool::new(false),
        }
    }

    pub(crate) fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// Adds a sample `times` times. Returns how many did not fit.
    pub(crate) fn add(&self, entry: &Entry, times: usize) -> usize {
        let max_calls = self.outbox.settings().max_calls;
        let max_calls = usize::try_from(max_calls).unwrap_or(usize::MAX);
        let full = self.outbox.pool().add(entry, times, max_calls);
        self.ensure_led();
        full
    }

    /// Tells the request that the handler has finished.
    pub(crate) fn release(&self) {
        self.released.store(true, Ordering::Relaxed);
        self.ensure_led();
    }

    /// Makes sure that a request sends the waiting samples: this one, if no other request will.
    fn ensure_led(&self) {
        // While the handler runs, keep the last call for its end, which always comes unless the
        // request is cancelled.
        let works_on = !self.released.load(Ordering::Relaxed);
        match self.outbox.calls_left() {
            0 => return,
            1 if works_on && self.leads.load(Ordering::Relaxed) > 0 => return,
            _ => {}
        }
        let (lease, delay_ms) = {
            let mut pool = self.outbox.pool();
            let delay_ms = if pool.batch.is_full() {
                0
            } else {
                self.delay_ms()
            };
            let Some(lease) = pool.lead(now_ms(), f64::from(delay_ms)) else {
                return;
            };
            (lease, delay_ms)
        };
        self.leads.fetch_add(1, Ordering::Relaxed);
        let outbox = Arc::clone(&self.outbox);
        self.outbox.platform().wait_until(Box::pin(async move {
            if delay_ms > 0 {
                outbox.platform().sleep(delay_ms).await;
            }
            // Another request holds the lease if the batch was full before, or if this request is
            // late.
            let holds = outbox.pool().release(lease);
            if holds {
                outbox.send().await;
            }
        }));
    }

    /// A long request that leads repeatedly spreads its few calls over its life.
    fn delay_ms(&self) -> u32 {
        let settings = self.outbox.settings();
        let interval = settings.flush_interval_ms;
        match self.leads.load(Ordering::Relaxed) {
            _ if settings.outlives_requests => interval,
            0 => interval,
            leads => 2_u32
                .saturating_pow(leads)
                .saturating_mul(interval.max(MIN_BACKOFF_MS))
                .min(MAX_DELAY_MS),
        }
    }
}

#[cfg(test)]
#[cfg(not(target_family = "wasm"))]
#[allow(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]
mod tests {
    use std::sync::{Mutex, PoisonError};
    use std::task::{Context, Waker};

    use super::*;
    use crate::outbox::{Settings, SharedPool};
    use crate::platform::{Answer, BoxFuture, Platform};
    use crate::push::PushResult;
    use crate::row::Row;
    use crate::series::{Kind, Series};
    use crate::testing::{TestReporter, advance_clock};

    /// A request that runs its tasks when told to, unless it was cancelled.
    #[derive(Clone, Default)]
    struct Request {
        promised: Arc<Mutex<Vec<BoxFuture<()>>>>,
        sent: Arc<AtomicU32>,
    }

    impl Platform for Request {
        fn wait_until(&self, mut task: BoxFuture<()>) {
            // Its timer starts now.
            if task
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
            {
                self.promised.lock().unwrap().push(task);
            }
        }
        fn sleep(&self, ms: u32) -> BoxFuture<()> {
            crate::testing::sleep(ms)
        }
        fn record(&self, rows: &[Row]) -> BoxFuture<Answer<f64>> {
            let samples = rows.iter().flat_map(Row::values).count();
            self.sent
                .fetch_add(u32::try_from(samples).unwrap(), Ordering::Relaxed);
            Box::pin(std::future::ready(Answer::Answered(samples as f64)))
        }
        fn push(&self, _: &[Row]) -> BoxFuture<Answer<PushResult>> {
            Box::pin(std::future::ready(Answer::Nonsense))
        }
    }

    impl Request {
        fn sender(&self, pool: &SharedPool) -> IsolateSender {
            let settings = Settings {
                flush_interval_ms: 1_000,
                max_calls: 16,
                answer_timeout_ms: 10_000,
                outlives_requests: false,
            };
            let platform = Box::new(self.clone());
            IsolateSender::new(Outbox::new(platform, settings, Arc::clone(pool)))
        }

        fn promises(&self) -> usize {
            self.promised.lock().unwrap().len()
        }

        /// Runs all tasks of the request.
        fn finish(&self) {
            let promised = std::mem::take(&mut *self.promised.lock().unwrap());
            for mut task in promised {
                let polled = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                assert!(polled.is_ready());
            }
        }

        /// The runtime drops it, as it does after 30 s or beyond the CPU limit.
        fn cancel(&self) {
            self.promised.lock().unwrap().clear();
        }

        fn sent(&self) -> u32 {
            self.sent.load(Ordering::Relaxed)
        }
    }

    fn observe(sender: &IsolateSender) {
        let series = Series {
            name: "a_ms".into(),
            labels: Vec::new(),
        };
        let entry = Entry::new(series, Kind::Histogram, 1.0, None).unwrap();
        assert_eq!(sender.add(&entry, 1), 0);
    }

    fn isolate() -> SharedPool {
        let _clean = TestReporter::new();
        SharedPool::default()
    }

    #[test]
    fn one_request_of_many_promises_to_send_for_all() {
        let pool = isolate();
        let requests: Vec<Request> = (0..100).map(|_| Request::default()).collect();
        for request in &requests {
            let sender = request.sender(&pool);
            observe(&sender);
            sender.release();
        }
        let promises: Vec<_> = requests.iter().map(Request::promises).collect();
        assert_eq!((promises[0], promises.iter().sum::<usize>()), (1, 1));
        advance_clock(1_000.0);
        requests[0].finish();
        assert_eq!(requests[0].sent(), 100);
        let account = pool.lock().unwrap().ledger.read(1_000.0);
        assert_eq!(
            (account.recorded, account.taken, account.calls),
            (100, 100, 1)
        );
    }

    #[test]
    fn the_next_request_replaces_a_leader_that_was_cancelled() {
        let pool = isolate();
        let (cancelled, next) = (Request::default(), Request::default());
        observe(&cancelled.sender(&pool));
        cancelled.cancel();
        advance_clock(3_001.0);
        observe(&next.sender(&pool));
        advance_clock(1_000.0);
        next.finish();
        assert_eq!((cancelled.sent(), next.sent()), (0, 2));
    }

    #[test]
    fn a_leader_that_was_only_late_sends_nothing_twice() {
        let pool = isolate();
        let (late, next) = (Request::default(), Request::default());
        observe(&late.sender(&pool));
        advance_clock(3_001.0);
        observe(&next.sender(&pool));
        late.finish();
        assert_eq!(late.sent(), 0);
        advance_clock(1_000.0);
        next.finish();
        assert_eq!(next.sent(), 2);
    }

    #[test]
    fn what_a_cancelled_request_had_on_its_way_is_unknown_after_a_while() {
        let pool = isolate();
        let cancelled = Request::default();
        let sender = cancelled.sender(&pool);
        observe(&sender);
        drop(sender.outbox().send());
        advance_clock(20_000.0);
        let account = sender.outbox().account();
        assert_eq!((account.unknown, account.pending), (1, 0));
    }

    #[test]
    fn who_fills_the_batch_sends_it_at_once() {
        let pool = isolate();
        let (leader, filler) = (Request::default(), Request::default());
        observe(&leader.sender(&pool));
        let sender = filler.sender(&pool);
        for _ in 0..999 {
            observe(&sender);
        }
        assert_eq!((leader.promises(), filler.sent()), (1, 1_000));
        advance_clock(1_000.0);
        leader.finish();
        assert_eq!(leader.sent(), 0);
    }

    #[test]
    fn what_no_call_has_room_for_is_dropped_and_counted() {
        let pool = isolate();
        let request = Request::default();
        let sender = request.sender(&pool);
        let series = Series {
            name: "a_ms".into(),
            labels: Vec::new(),
        };
        let entry = Entry::new(series, Kind::Histogram, 1.0, None).unwrap();
        assert_eq!(sender.add(&entry, 20_000), 4_000);
        let account = sender.outbox().account();
        assert_eq!((account.taken, account.dropped), (16_000, 4_000));
    }

    #[test]
    fn a_request_that_stays_open_spreads_its_calls_and_keeps_the_last_for_its_end() {
        let pool = isolate();
        let request = Request::default();
        let sender = request.sender(&pool);
        let mut minutes = 0;
        while sender.outbox().calls_left() > 1 && minutes < 60 {
            observe(&sender);
            advance_clock(15_000.0);
            request.finish();
            minutes += 1;
        }
        assert_eq!(sender.outbox().calls_left(), 1);
        observe(&sender);
        assert_eq!(request.promises(), 0);
        sender.release();
        assert_eq!(request.promises(), 1);
        advance_clock(15_000.0);
        request.finish();
        let account = pool
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .ledger
            .read(0.0);
        assert_eq!((account.recorded, account.taken), (16, 16));
    }
}
