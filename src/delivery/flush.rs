//! Who flushes, and when: the lease, and what a flusher takes.
//!
//! The lease: at most one request is responsible for the next flush. It expires, so that a request
//! that was cancelled neither keeps the buffer nor leaves its push in flight for ever.

use bytes::Bytes;

use super::flights::Flight;
use super::policy::CANCELLED;
use super::reporter::{Reporter, next_id};
use crate::limits::{
    FLUSH_BUDGET_MS, LEASE_GRACE_MS, MAX_BATCH_BYTES, MAX_FLUSHES_IN_FLIGHT, MIN_COVER_MS,
    SETTLE_GRACE_MS,
};
use crate::proto::frame;

/// One request's responsibility for the next flush.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Lease {
    id: u64,
    due: f64,
    budget_end: f64,
}

/// What the call that just added samples has to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Duty {
    /// Nothing: another request will flush, or nothing is buffered.
    None,
    /// Flush now: there is a batch's worth.
    Flush(Flush),
    /// It holds the lease: wait this many ms, then flush.
    FlushLater {
        /// How long to wait.
        delay_ms: f64,
        /// The flush to make then.
        flush: Flush,
    },
}

/// One flusher's right to take pushes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flush {
    lease: Option<u64>,
    /// When it must be over.
    pub budget_end: f64,
}

/// A flusher at work: it takes what was buffered when it started, and no more.
#[derive(Debug)]
pub struct Drain {
    flush: Flush,
    upto: Option<u64>,
}

impl From<Flush> for Drain {
    fn from(flush: Flush) -> Self {
        Self { flush, upto: None }
    }
}

/// What a flusher does next.
#[derive(Debug, PartialEq)]
pub enum Take {
    /// Nothing is left to take, or no time to push it.
    Done,
    /// As many pushes as may be are in flight: look again in this many ms.
    Busy {
        /// How long to wait.
        delay_ms: f64,
    },
    /// Push this.
    Push(Push),
}

/// One PushRequest on its way.
#[derive(Debug, PartialEq)]
pub struct Push {
    /// For [`Reporter::settle`].
    pub id: u64,
    /// How many Metrics it carries.
    pub metrics: u64,
    /// The length-prefixed message.
    pub body: Bytes,
}

/// A flusher that finds as many pushes in flight as may be looks again after this, in ms.
const BUSY_MS: f64 = 50.0;
/// A flusher with less time than a whole attempt takes, or than this, in ms, takes nothing more.
const MAX_CUT_MS: f64 = 5_000.0;

impl Reporter {
    /// What the call that just added samples has to do. Call it once, after the last sample.
    pub fn duty(&mut self, now: f64) -> Duty {
        self.refresh(now);
        if self.buffer.is_empty() {
            return Duty::None;
        }
        let budget_end = now + FLUSH_BUDGET_MS;
        let full = self.buffer.len() >= self.config.max_batch_samples
            || self.buffer.bytes() >= MAX_BATCH_BYTES;
        if full && self.flights.flushes() < MAX_FLUSHES_IN_FLIGHT {
            return Duty::Flush(Flush {
                lease: None,
                budget_end,
            });
        }
        let covered = self.lease.is_some_and(|lease| {
            now <= lease.due + LEASE_GRACE_MS && lease.budget_end - now >= MIN_COVER_MS
        });
        if covered {
            return Duty::None;
        }
        let id = next_id(&mut self.last_id);
        let delay_ms = f64::from(self.config.flush_interval_ms);
        self.lease = Some(Lease {
            id,
            due: now + delay_ms,
            budget_end,
        });
        Duty::FlushLater {
            delay_ms,
            flush: Flush {
                lease: Some(id),
                budget_end,
            },
        }
    }

    /// A flush that is asked for, at once: `flush()`, and every call when nothing is to be buffered.
    #[must_use]
    pub fn flush_now(&self, now: f64) -> Flush {
        Flush {
            lease: None,
            budget_end: now + FLUSH_BUDGET_MS,
        }
    }

    /// The next push of a flusher.
    ///
    /// What comes in while it pushes has a lease of its own, whose holder waits its interval:
    /// without this end a busy isolate would push as fast as the gateway answers. What came in while
    /// it waited for others to finish was under its own lease.
    pub fn next_push(&mut self, drain: &mut Drain, now: f64) -> Take {
        // Also when nothing is left for it: nobody must rely on a flusher that has ended.
        self.release_lease(&drain.flush);
        let upto = *drain.upto.get_or_insert(self.buffer.next_sequence());
        if self.buffer.first_sequence() >= upto {
            return Take::Done;
        }
        let take = self.take(&drain.flush, now);
        if let Take::Busy { .. } = take {
            drain.upto = None;
        }
        take
    }

    pub(super) fn take(&mut self, flush: &Flush, now: f64) -> Take {
        self.refresh(now);
        self.release_lease(flush);
        // An attempt that is cut short ends unknown; samples that stay can still be delivered.
        let attempt_ms = f64::from(self.config.push_timeout_ms).min(MAX_CUT_MS);
        if self.buffer.is_empty() || now + attempt_ms > flush.budget_end {
            return Take::Done;
        }
        if self.flights.flushes() >= MAX_FLUSHES_IN_FLIGHT {
            // What is buffered stays this flusher's to push, so it renews its lease.
            let delay_ms = BUSY_MS;
            if let (Some(id), None) = (flush.lease, self.lease) {
                self.lease = Some(Lease {
                    id,
                    due: now + delay_ms,
                    budget_end: flush.budget_end,
                });
            }
            return Take::Busy { delay_ms };
        }
        let taken = self.buffer.take(self.config.max_batch_samples);
        let metrics = u64::try_from(taken.metrics.len()).unwrap_or(u64::MAX);
        let entries = (taken.first, taken.first.saturating_add(metrics));
        let body = frame(taken.metrics);
        let id = next_id(&mut self.last_id);
        self.flights.add(Flight {
            id,
            metrics,
            bytes: body.len(),
            entries: Some(entries),
            expires: flush.budget_end + SETTLE_GRACE_MS,
        });
        Take::Push(Push { id, metrics, body })
    }

    /// The holder's wait is over: whoever adds samples from now on needs a new lease.
    fn release_lease(&mut self, flush: &Flush) {
        let held = self.lease.map(|lease| lease.id);
        if held.is_some() && held == flush.lease {
            self.lease = None;
        }
    }

    /// Gives up the pushes whose request is gone. Call it before the ledger is read and before
    /// samples are let in: what is given up no longer takes up room.
    pub fn refresh(&mut self, now: f64) {
        // No lease is due later than one that is taken now: a clock that was set back would keep it.
        let interval = f64::from(self.config.flush_interval_ms).max(BUSY_MS);
        if let Some(lease) = &mut self.lease {
            lease.due = lease.due.min(now + interval);
            lease.budget_end = lease.budget_end.min(now + FLUSH_BUDGET_MS);
        }
        while let Some(flight) = self.flights.remove_expired(now) {
            self.lose_track(&flight, CANCELLED);
        }
    }
}
