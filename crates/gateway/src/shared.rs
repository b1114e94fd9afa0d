//! The gateway as the handlers share it: behind a lock, with a clock and a log.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::answer::{Answer, Pushed};
use crate::applied::Applied;
use crate::clock::Clock;
use crate::code::code_name;
use crate::dedupe::PushId;
use crate::exposition::Scrape;
use crate::gateway::{Gateway, PushIdReused};
use crate::limiter::Limiter;
use crate::log::{Event, Level};
use crate::push::Push;
use crate::reason::shorten;
use crate::state::{self, Cursor};

/// Most bytes kept of an error's message, which may repeat a peer's text.
const MESSAGE_LEN: usize = 300;

/// Series checked under one lock: some hundred microseconds.
const EXPIRED_AT_ONCE: usize = 4096;

/// Cheap to clone. All clones share one gateway.
#[derive(Clone, Debug)]
pub(crate) struct Shared(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    gateway: Mutex<Gateway>,
    log: Mutex<Limiter>,
    clock: Clock,
}

impl Shared {
    pub(crate) fn new(gateway: Gateway, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            gateway: Mutex::new(gateway),
            log: Mutex::new(Limiter::default()),
            clock,
        }))
    }

    /// Applies a push, and logs the refused Metrics.
    pub(crate) fn push(
        &self,
        id: Option<&PushId>,
        push: &Push<'_>,
    ) -> Result<Answer, PushIdReused> {
        let pushed = {
            let mut gateway = self.gateway();
            // The time is read under the lock, so that pushes are in the order of their times.
            let now_ms = self.0.clock.now_ms();
            gateway.push(id, push, now_ms)?
        };
        if let Pushed::Applied(applied) = &pushed {
            self.log_rejected(applied);
        }
        Ok(pushed.answer())
    }

    /// Records a call that was answered with an error.
    pub(crate) fn failed(&self, code: i32, message: &str) {
        let message = &shorten(message, MESSAGE_LEN);
        let now_ms = {
            let mut gateway = self.gateway();
            let now_ms = self.0.clock.now_ms();
            gateway.failed(code, message, now_ms);
            now_ms
        };
        let reason = code_name(code);
        if let Some(held_back) = lock(&self.0.log).admit("", reason, now_ms) {
            let event = Event {
                time_ms: now_ms,
                level: Level::Warn,
                event: "push_failed",
                reason: Some(reason),
                message,
                held_back,
                ..Event::default()
            };
            event.write();
        }
    }

    /// Writes the next piece of a scrape.
    pub(crate) fn piece(&self, scrape: &mut Scrape) -> Option<String> {
        scrape.next(&self.gateway())
    }

    /// Removes series without an addition for `ttl`. It works in small steps, so that pushes can
    /// run in between.
    pub(crate) async fn expire(&self, ttl: Duration) {
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        let before_ms = self.0.clock.now_ms().saturating_sub(ttl_ms);
        let mut from = 0_usize;
        while self.gateway().expire(before_ms, from, EXPIRED_AT_ONCE) {
            from = from.saturating_add(EXPIRED_AT_ONCE);
            tokio::task::yield_now().await;
        }
    }

    /// The data for the page.
    pub(crate) fn state(&self, cursor: Cursor) -> Result<Vec<u8>, serde_json::Error> {
        let gateway = self.gateway();
        let clock = &self.0.clock;
        state::json(&gateway, clock.started_at_ms(), clock.now_ms(), cursor)
    }

    fn log_rejected(&self, applied: &Applied) {
        let now_ms = self.0.clock.now_ms();
        for rejected in &applied.examples {
            let reason = rejected.rejection.reason.as_str();
            let Some(held_back) = lock(&self.0.log).admit(&rejected.name, reason, now_ms) else {
                continue;
            };
            let event = Event {
                time_ms: now_ms,
                level: Level::Warn,
                event: "metric_rejected",
                metric: Some(&rejected.name),
                reason: Some(reason),
                message: &rejected.rejection.message,
                count: Some(rejected.count),
                held_back,
            };
            event.write();
        }
    }

    /// Never held over an await: a push is applied in one step.
    fn gateway(&self) -> MutexGuard<'_, Gateway> {
        lock(&self.0.gateway)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Poisoned means that a holder panicked. The sums so far are still the best available.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
