//! The gateway as the handlers share it: behind a lock, with the clock, and with a log.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::code::code_name;
use crate::dedupe::PushId;
use crate::exposition;
use crate::gateway::{Answer, Gateway, PushIdReused, Pushed};
use crate::limiter::Limiter;
use crate::log::{Event, Level};
use crate::proto::PushRequest;
use crate::reason::shorten;
use crate::registry::Applied;
use crate::state::{self, Cursor};

/// Bytes kept of an error's message, which may repeat what a peer sent.
const MESSAGE_LEN: usize = 300;

/// Cheap to clone; all clones are one gateway.
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

    /// Applies a push, and logs what was refused.
    pub(crate) fn push(
        &self,
        id: Option<&PushId>,
        request: PushRequest,
    ) -> Result<Answer, PushIdReused> {
        let pushed = {
            let mut gateway = self.gateway();
            // The time is taken under the lock, so that pushes are in the order of their times.
            let now_ms = self.0.clock.now_ms();
            gateway.push(id, request, now_ms)?
        };
        if let Pushed::Applied(applied) = &pushed {
            self.log_rejected(applied);
        }
        Ok(pushed.answer())
    }

    /// Takes note of a call that was answered with an error.
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

    /// Everything as Prometheus text.
    pub(crate) fn text(&self) -> Result<String, prometheus::Error> {
        // Written down after the lock is gone.
        let families = exposition::families(&self.gateway());
        exposition::text(&families)
    }

    /// What the page shows.
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
    // Poisoned means that a holder panicked. What was added up is still the best there is.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
