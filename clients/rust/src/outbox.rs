//! Sends one request's samples to the reporter.

use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use crate::call::call_reporter;
use crate::clock::now_ms;
use crate::ledger::Account;
use crate::platform::{BoxFuture, Platform};
use crate::pool::Pool;
use crate::row::Call;
use crate::signal::all;

/// How samples are sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) flush_interval_ms: u32,
    pub(crate) max_calls: u32,
    pub(crate) answer_timeout_ms: u32,
    /// Whether the context outlives its requests, as in a Durable Object. Calls are then unlimited.
    pub(crate) outlives_requests: bool,
}

/// A pool that all requests of an isolate share, or that belongs to one request.
pub(crate) type SharedPool = Arc<Mutex<Pool>>;

/// Sends the samples of a pool with one request's binding, call limit and context.
pub(crate) struct Outbox {
    platform: Box<dyn Platform>,
    settings: Settings,
    pool: SharedPool,
    own: Mutex<Own>,
}

/// The state of this request only.
struct Own {
    calls_left: u32,
    /// Numbers of the calls without an outcome.
    in_flight: BTreeSet<u64>,
    /// The tasks that wait for them.
    flushing: Vec<Waker>,
}

impl Outbox {
    pub(crate) fn new(
        platform: Box<dyn Platform>,
        settings: Settings,
        pool: SharedPool,
    ) -> Arc<Self> {
        Arc::new(Self {
            platform,
            settings,
            pool,
            own: Mutex::new(Own {
                calls_left: settings.max_calls,
                in_flight: BTreeSet::new(),
                flushing: Vec::new(),
            }),
        })
    }

    // Both locks are held only briefly, never together, and never while foreign code runs.
    pub(crate) fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn platform(&self) -> &dyn Platform {
        &*self.platform
    }

    pub(crate) fn settings(&self) -> Settings {
        self.settings
    }

    pub(crate) fn account(&self) -> Account {
        self.pool().ledger.read(now_ms())
    }

    /// The number of calls that this request may still make.
    pub(crate) fn calls_left(&self) -> u32 {
        if self.settings.outlives_requests {
            self.settings.max_calls
        } else {
            self.own().calls_left
        }
    }

    /// Takes the waiting samples, as far as calls remain, and sends them. Await the future under
    /// `wait_until`.
    pub(crate) fn send(self: &Arc<Self>) -> impl Future<Output = ()> + Send + use<> {
        let most = usize::try_from(self.calls_left()).unwrap_or(usize::MAX);
        let now = now_ms();
        let until = now + f64::from(self.settings.answer_timeout_ms);
        let calls: Vec<(u64, Call)> = {
            let mut pool = self.pool();
            let calls = pool.take(most);
            let depart = |call: Call| (pool.ledger.depart(call.samples, until, now), call);
            calls.into_iter().map(depart).collect()
        };
        {
            let mut own = self.own();
            let made = u32::try_from(calls.len()).unwrap_or(u32::MAX);
            own.calls_left = own.calls_left.saturating_sub(made);
            own.in_flight.extend(calls.iter().map(|(flight, _)| flight));
        }
        let calls = calls
            .into_iter()
            .map(|(flight, call)| -> BoxFuture<()> {
                Box::pin(Arc::clone(self).call(flight, call))
            })
            .collect();
        all(calls)
    }

    async fn call(self: Arc<Self>, flight: u64, call: Call) {
        let timeout_ms = self.settings.answer_timeout_ms;
        let settlement = call_reporter(&*self.platform, &call, timeout_ms).await;
        self.pool().ledger.settle(flight, settlement);
        let flushing = {
            let mut own = self.own();
            own.in_flight.remove(&flight);
            std::mem::take(&mut own.flushing)
        };
        for waker in flushing {
            waker.wake();
        }
    }

    /// Sends the waiting samples. Completes when every call made so far has an outcome, also the
    /// calls of other requests.
    pub(crate) async fn flush(self: &Arc<Self>) {
        let sending = self.send();
        self.platform.wait_until(Box::pin(sending));
        let last = self.pool().ledger.last_flight();
        poll_fn(|cx| {
            let mut own = self.own();
            if own.in_flight.first().is_none_or(|&first| first > last) {
                return Poll::Ready(());
            }
            own.flushing.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
        // Another request cannot wake this one, so it polls.
        let mut wait_ms: u32 = 10;
        while self.pool().ledger.is_open(last, now_ms()) {
            self.platform.sleep(wait_ms).await;
            wait_ms = wait_ms.saturating_mul(2).min(320);
        }
    }
}
