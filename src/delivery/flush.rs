//! The lease, and the flusher that takes pushes out of the buffer.
//!
//! The lease makes at most one request responsible for the next flush. It expires, so a cancelled
//! request cannot block the buffer or keep its push in flight for ever.

use bytes::Bytes;

use super::policy::CANCELLED;
use super::reporter::{Reporter, next_id};
use crate::limits::{
    FLUSH_BUDGET_MS, LEASE_GRACE_MS, MAX_BATCH_BYTES, MAX_FLUSHES_IN_FLIGHT, MIN_COVER_MS,
    SETTLE_GRACE_MS,
};

/// One request's responsibility for the next flush.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Lease {
    id: u64,
    due: f64,
    budget_end: f64,
}

/// What the call that just added samples must do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Duty {
    /// Nothing: another request flushes, or nothing is buffered.
    None,
    /// Flush now: the buffer holds a full batch.
    Flush(Flush),
    /// The call holds the lease: wait this many ms, then flush.
    FlushLater {
        /// How long to wait, in ms.
        delay_ms: f64,
        /// The flush to start after that.
        flush: Flush,
    },
}

/// The right of one flusher to take pushes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flush {
    lease: Option<u64>,
    /// The deadline of the flush.
    pub budget_end: f64,
}

/// A running flusher. It takes the entries that were buffered when it started, and no later ones.
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
    /// Nothing is left to take, or no time is left to push it.
    Done,
    /// The limit of pushes in flight is reached: check again after this many ms.
    Busy {
        /// How long to wait, in ms.
        delay_ms: f64,
    },
    /// Send this push.
    Push(Push),
}

/// One PushRequest on its way.
#[derive(Debug, PartialEq)]
pub struct Push {
    /// Identifies the push in [`Reporter::settle`].
    pub id: u64,
    /// How many Metrics it carries.
    pub metrics: u64,
    /// The length-prefixed message to send.
    pub body: Bytes,
}

/// How long a flusher waits, in ms, when the limit of pushes in flight is reached.
const BUSY_MS: f64 = 50.0;
/// A flusher takes no more pushes when less time than this, in ms, or than one whole attempt is
/// left.
const MAX_CUT_MS: f64 = 5_000.0;

impl Reporter {
    /// Returns what the call that just added samples must do. Call it once, after the last sample.
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

    /// Starts a flush at once: for `flush()`, and for every call when the flush interval is 0.
    #[must_use]
    pub fn flush_now(&self, now: f64) -> Flush {
        Flush {
            lease: None,
            budget_end: now + FLUSH_BUDGET_MS,
        }
    }

    /// The next push of a flusher.
    ///
    /// A flusher leaves samples that arrive while it pushes. They have their own lease, whose
    /// holder waits a full interval. Otherwise a busy isolate would push as fast as the gateway
    /// answers. After a wait for other pushes, a flusher also takes the samples of that time.
    pub fn next_push(&mut self, drain: &mut Drain, now: f64) -> Take {
        // Also when nothing is left to take: no call may rely on a flusher that has ended.
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

    /// Whether a flusher that is done has left entries in the buffer, for lack of time.
    #[must_use]
    pub fn is_cut_short(&self, drain: &Drain) -> bool {
        drain
            .upto
            .is_some_and(|upto| self.buffer.first_sequence() < upto)
    }

    pub(super) fn take(&mut self, flush: &Flush, now: f64) -> Take {
        self.refresh(now);
        self.release_lease(flush);
        // An attempt that is cut short has an unknown outcome. Samples that stay in the buffer can
        // still be delivered.
        let attempt_ms = f64::from(self.config.push_timeout_ms).min(MAX_CUT_MS);
        if self.buffer.is_empty() || now + attempt_ms > flush.budget_end {
            return Take::Done;
        }
        if self.flights.flushes() >= MAX_FLUSHES_IN_FLIGHT {
            // This flusher remains responsible for the buffered samples, so it renews its lease.
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
        let expires = flush.budget_end + SETTLE_GRACE_MS;
        Take::Push(self.put_in_flight(&taken, true, expires))
    }

    /// Ends the lease: the next call that adds samples needs a new one.
    fn release_lease(&mut self, flush: &Flush) {
        let held = self.lease.map(|lease| lease.id);
        if held.is_some() && held == flush.lease {
            self.lease = None;
        }
    }

    /// Gives up the pushes whose request has ended. Call it before reading the ledger and before
    /// accepting samples, because pushes that are given up free their space.
    pub fn refresh(&mut self, now: f64) {
        // No lease ends later than one taken now. Without this, a clock that was set back would
        // keep a lease.
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
